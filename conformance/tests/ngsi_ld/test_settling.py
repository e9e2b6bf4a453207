"""Targets that show what was written after a while: noticed at the first creation, waited for from then on."""

from typing import Any

import httpx
import pytest

from ldt_conformance.clients import Broker, Entity, Registration
from ldt_conformance.clients import settling as module
from ldt_conformance.clients.settling import LOOKS, MIN_SECONDS, Settling
from ldt_conformance.engine.transport.response import Response

ENTITY = Entity("urn:ngsi-ld:Own:1", "OwnType")


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


class LateClient:
    """Accepts everything; finds nothing by type in its first `blind` queries, nor by id in its first `unseen` looks."""

    loopback = True

    def __init__(self, blind: int, unseen: int = 0) -> None:
        self.blind = blind
        self.unseen = unseen
        self.sent: list[str] = []

    def request(self, method: str, path: str, **_: Any) -> Response:
        self.sent.append(f"{method} {path}")
        if method == "GET" and path == "/entities/":
            self.blind -= 1
            body = b"[]" if self.blind >= 0 else b'[{"id": "urn:ngsi-ld:Own:1"}]'
            return Response(200, httpx.Headers(), body, "x1", 0.0, "http://h")
        self.unseen -= method == "GET"
        status = {"GET": 200 if self.unseen < 0 else 404, "POST": 201}.get(method, 204)
        return Response(status, httpx.Headers(), b"{}", "x1", 0.0, "http://h")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(module, "time", stopped)
    return stopped


def broker_on(client: LateClient, settling: Settling | None) -> Broker:
    return Broker(client, unique=lambda kind: kind, settling=settling)  # type: ignore[arg-type]  # as much of a Client as is used


def test_a_target_that_shows_writes_at_once_is_never_waited_for(clock: Clock):
    """Two reads at the first creation, and nothing more for the rest of the run."""
    client, settling = LateClient(0), Settling()
    for _ in range(2):
        broker_on(client, settling).create_entity(ENTITY)
    assert (settling.seconds, clock.slept) == (0.0, [])
    assert client.sent == ["POST /entities/", "GET /entities/urn:ngsi-ld:Own:1", "GET /entities/", "POST /entities/"]


def test_a_target_that_shows_writes_late_is_waited_for_after_each_write(clock: Clock):
    """The wait is at least a second, comes once between a write and what follows it, and never before a second read."""
    settling = Settling()
    broker = broker_on(LateClient(2), settling)
    broker.create_entity(ENTITY)
    assert settling.seconds == MIN_SECONDS
    clock.slept.clear()
    broker.delete_entity(ENTITY.id)
    broker.retrieve_entity(ENTITY.id)
    broker.retrieve_entity(ENTITY.id)
    left_of_the_first = MIN_SECONDS - 2 * module.PAUSE_SECONDS  # half of it passed while it was measured
    assert [pause for pause in clock.slept if pause] == [left_of_the_first, MIN_SECONDS]


def test_what_never_shows_is_not_waited_for(clock: Clock):
    """A query that finds nothing at all is for the checks to judge."""
    settling = Settling()
    broker_on(LateClient(1000), settling).create_entity(ENTITY)
    assert settling.seconds == 0.0
    assert len(clock.slept) == LOOKS


def test_the_first_registration_is_looked_for_as_well(clock: Clock):
    """It may show at once where Entities do not: the longer wait holds; the second one is not looked for."""
    client, settling = LateClient(2), Settling()
    broker = broker_on(client, settling)
    broker.create_entity(ENTITY)
    client.sent.clear()
    for _ in range(2):
        broker.register_context_source(Registration("urn:ngsi-ld:Own:2", "http://h/source").offering("OwnType"))
    assert settling.seconds == MIN_SECONDS
    paths = [sent.replace("/csourceRegistrations/", "") for sent in client.sent]
    assert paths == ["POST ", "GET urn:ngsi-ld:Own:2", "POST "]


def test_the_first_subscription_is_looked_for_as_well(clock: Clock):
    """Of a few checks that are chosen, none may create an Entity."""
    client, settling = LateClient(0, unseen=1), Settling()
    broker = broker_on(client, settling)
    for _ in range(2):
        broker.create_subscription({"id": "urn:ngsi-ld:Own:3", "type": "Subscription"})
    assert settling.seconds == MIN_SECONDS
    paths = [sent.replace("/subscriptions/", "") for sent in client.sent]
    assert paths == ["POST ", "GET urn:ngsi-ld:Own:3", "GET urn:ngsi-ld:Own:3", "POST "]


def test_an_entity_under_another_context_is_no_measure(clock: Clock):
    """Its short type name would find nothing, at however quick a target."""
    settling = Settling()
    broker = broker_on(LateClient(0), settling)
    broker.create_entity(ENTITY.with_ld_context({"OwnType": "https://example.org/x"}))
    broker.create_entity(ENTITY, ld_context="http://h/context.jsonld")
    assert settling.seconds is None
