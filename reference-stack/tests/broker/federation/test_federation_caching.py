"""Answers of Context Sources that are kept: ETSI GS CIM 009 V1.9.1, clauses 5.2.34 (cacheDuration) and 6.3.17."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ldt_stack.broker.service import system_clock

from ..api import API, create
from ..outbound.network import Network, Node, nodes
from .federation import CAR, OTHER, car, ids, prop, send

pytestmark = pytest.mark.anyio
MINUTE = {"management": {"cacheDuration": "PT1M"}}


class Clock:
    """The present instant, and what was added to it."""

    def __init__(self) -> None:
        self.later = timedelta()

    def __call__(self) -> Any:
        return system_clock() + self.later


@pytest.fixture
async def pair(network: Network, anyio_backend: str) -> AsyncIterator[list[Node]]:
    """Two brokers: a, and b, which has a Car."""
    async with nodes(network, "a", "b") as found:
        await create(found[1].client, CAR, speed=prop(1))
        yield found


@pytest.mark.parametrize("path", [f"entities/{CAR}?options=concise", "entities?type=Car&options=concise"])
async def test_what_is_kept_is_shown_again_with_a_warning(pair: list[Node], network: Network, path: str) -> None:
    """6.3.17: 110 says that data "from a cached value has been reused"; after cacheDuration it is asked for again."""
    a, b = pair
    clock = a.broker.clock = Clock()
    identifier = await a.register("b", **MINUTE)
    answers = []
    for value in (2, 3):
        answers.append(await a.client.get(f"{API}/{path}"))
        await send(b, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(value)}, 204)
    assert len(network.to("b")) == 1
    assert answers[0].json() == answers[1].json()
    assert "ngsild-warning" not in answers[0].headers
    assert answers[1].headers.get_list("ngsild-warning")[0].startswith(f"110 {identifier} ")
    clock.later = timedelta(seconds=61)
    answer = await a.client.get(f"{API}/{path}")
    assert len(network.to("b")) == 2
    assert "ngsild-warning" not in answer.headers
    assert answer.json() != answers[0].json()


async def test_only_the_very_same_request_is_answered_from_what_is_kept(pair: list[Node], network: Network) -> None:
    """Who asks, and as whom, matters where the source is told (4.3.6.5)."""
    a, _ = pair
    info = [{"key": "Authorization", "value": "urn:ngsi-ld:request"}]
    await a.register("b", **MINUTE, contextSourceInfo=info)
    for headers, asked in (({}, 1), ({}, 1), ({"Authorization": "Bearer x"}, 2), ({"Authorization": "Bearer x"}, 2)):
        assert (await a.client.get(f"{API}/entities/{CAR}", headers=headers)).status_code == 200
        assert len(network.to("b")) == asked
    await a.query("type=Car")
    await a.query("type=Car&attrs=speed")
    assert len(network.to("b")) == 4


async def test_what_is_written_through_this_broker_is_not_hidden(pair: list[Node], network: Network) -> None:
    """Whoever writes sees it."""
    a, _ = pair
    await a.register("b", **MINUTE, operations=["redirectionOps", "upsertBatch"], mode="redirect")
    await a.retrieve(CAR)
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(7)}, 204)
    assert await a.retrieve(CAR) == car(speed=7)
    await send(a, "POST", "/entityOperations/upsert", [car(speed=prop(8))], 204)
    assert await a.retrieve(CAR) == car(speed=8)


async def test_only_what_is_there_is_kept(pair: list[Node], network: Network) -> None:
    """Neither failures, nor rubbish, nor absence; nothing without cacheDuration, types neither."""
    a, b = pair
    await a.register("b", **MINUTE)
    assert (await a.client.get(f"{API}/entities/{OTHER}")).status_code == 404
    await create(b.client, OTHER)
    assert (await a.client.get(f"{API}/entities/{OTHER}")).status_code == 200
    for answer in ((500, b""), (200, [7]), (200, b"<")):
        network.hosts["odd"] = lambda sent, answer=answer: answer
        await a.register("odd", **MINUTE, id="urn:x:odd")
        network.sent.clear()
        for _ in range(2):
            assert ids(await a.query("type=Car&limit=1")) == [CAR]
        assert len(network.to("odd")) == 2
        await send(a, "DELETE", "/csourceRegistrations/urn:x:odd", None, 204)
    network.sent.clear()
    for _ in range(2):
        await send(a, "GET", "/types", None, 200)
    assert len(network.to("b")) == 2
    registration = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b"
    await send(a, "PATCH", registration, {"management": {"timeout": 1000}}, 204)
    network.sent.clear()
    for _ in range(2):
        await a.retrieve(CAR)
    assert len(network.to("b")) == 2


async def test_what_is_kept_is_bounded(pair: list[Node], network: Network) -> None:
    """The oldest goes first; an answer that is too large alone is not kept."""
    a, _ = pair
    a.broker.settings = a.broker.settings.model_copy(update={"federation_cache_bytes": 20_000})
    network.hosts["big"] = lambda sent: (
        200,
        {"id": f"urn:a:{sent.path[-1]}", "type": "Car", "speed": prop("x" * 5_000)},
    )
    await a.register("big", **MINUTE)
    for number in (1, 2, 3, 1, 4, 3):
        assert (await a.client.get(f"{API}/entities/urn:a:{number}")).status_code == 200
    assert [sent.path[-1] for sent in network.to("big")] == ["1", "2", "3", "1", "4", "3"]
    network.sent.clear()
    for number in (4, 3):
        await a.client.get(f"{API}/entities/urn:a:{number}")
    assert not network.sent
    a.broker.settings = a.broker.settings.model_copy(update={"federation_cache_bytes": 0})
    for _ in range(2):
        await a.client.get(f"{API}/entities/urn:a:9")
    assert len(network.sent) == 2
