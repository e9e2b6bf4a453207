"""Context Sources that fail, lie or lead back: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.4, 4.3.6.8, 6.3.17 and 6.3.18."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ..api import API, create
from ..outbound.network import Network, Node, nodes
from .federation import ALL, CAR, OTHER, car, prop

pytestmark = pytest.mark.anyio


async def test_loops_end(network: Network, anyio_backend: str) -> None:
    """4.3.6.4, 6.3.18: three brokers that register each other all around answer, each asked a few times at most."""
    async with nodes(network, "a", "b", "c") as found:
        for number, one in enumerate(found):
            await create(one.client, CAR, **{one.name: prop(number)})
            for other in found:
                if other is not one:
                    await one.register(other.name)
        for one in found:
            network.sent.clear()
            assert await one.retrieve(CAR) == car(a=0, b=1, c=2)
            assert len(network.sent) <= 10
            assert all(len(set(vias)) == len(vias) for vias in (s.headers["via"].split(", ") for s in network.sent))
        await found[0].client.patch(
            f"{API}/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b", json={"contextSourceAlias": "b"}
        )
        network.sent.clear()
        answer = await found[0].client.get(f"{API}/entities/{CAR}", headers={"Via": "1.1 b"})
        assert {sent.host for sent in network.sent if sent.headers["via"] == "1.1 b, 1.1 a"} == {"c"}
        assert answer.headers["ngsild-warning"].startswith("199 ")


async def test_a_broker_that_registers_itself_does_not_ask_itself_twice(network: Network, pair: list[Node]) -> None:
    """The smallest loop."""
    a, _ = pair
    await create(a.client, CAR, speed=prop(1))
    await a.register("a")
    assert await a.retrieve(CAR) == car(speed=1)
    assert len(network.sent) == 1


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def nested(levels: int) -> dict[str, Any]:
    attribute = prop(1)
    for _ in range(levels):
        attribute = prop(1, inner=attribute)
    return attribute


RUBBISH: list[tuple[str, Any, int]] = [
    ("html", (200, b"<html>hello</html>"), 111),
    ("nothing", (200, b""), 111),
    ("a number", (200, 7), 111),
    ("null", (200, None), 111),
    ("a wrong shape", (200, [[1]]), 111),
    ("no type", (200, [{"id": CAR}]), 111),
    ("an attribute that is none", (200, [{"id": CAR, "type": "Car", "speed": {"type": "Property"}}]), 111),
    ("a context that is none", (200, [{"id": CAR, "type": "Car", "@context": 7}]), 111),
    ("too much", (200, b" " * 5000), 111),
    ("not UTF-8", (200, b"[\xff]"), 111),
    ("too deep", (200, b"[" * 4000), 111),
    (
        "too deep, but closed",
        (200, [{"id": CAR, "type": "Car", "speed": {"type": "Property", "value": deep(400)}}]),
        111,
    ),
    ("too deep sub-Attributes", (200, [{"id": CAR, "type": "Car", "speed": nested(300)}]), 111),
    (
        "a context that leads nowhere",
        (200, [], {"Link": '<http://a/x>; rel="http://www.w3.org/ns/json-ld#context"'}),
        111,
    ),
    ("forbidden", (403, {"type": "x", "title": "Forbidden", "detail": 'no "\r\nentry'}), 299),
    ("broken", (500, b"oops"), 299),
    ("elsewhere", (302, b""), 299),
    ("its own timeout", (504, b""), 199),
]


@pytest.mark.parametrize(("answer", "code"), [one[1:] for one in RUBBISH], ids=[one[0] for one in RUBBISH])
async def test_a_source_that_answers_rubbish_costs_its_part_alone(
    network: Network, anyio_backend: str, answer: Any, code: int
) -> None:
    """6.3.17: the rest is answered, with a warning; the failure is counted (table 5.2.9-2)."""
    network.hosts["bad"] = lambda sent: answer
    async with nodes(network, "a", "b", federation_max_bytes=4096) as (a, b):
        await create(a.client, CAR, here=prop(1))
        await create(b.client, CAR, there=prop(2))
        await a.register("b")
        identifier = await a.register("bad")
        for path in ("entities?type=Car", f"entities/{CAR}?"):
            found = await a.client.get(f"{API}/{path}&options=concise")
            assert found.status_code == 200
            body = found.json()
            assert (body[0] if isinstance(body, list) else body) == car(here=1, there=2)
            assert found.headers["ngsild-warning"].startswith(f"{code} {identifier} ")
        counters = (await a.client.get(f"{API}/csourceRegistrations/{identifier}")).json()
        assert (counters["timesSent"], counters["timesFailed"], counters["status"]) == (2, 2, "failed")
        good = (await a.client.get(f"{API}/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b")).json()
        assert (good["timesSent"], good["status"]) == (2, "ok")
        assert "lastSuccess" in good
        assert "timesFailed" not in good


async def test_another_entity_than_the_one_asked_for_is_rejected(network: Network, pair: list[Node]) -> None:
    """A source that mixes up ids cannot plant data."""
    a, _ = pair
    network.hosts["bad"] = lambda sent: (200, {"id": OTHER, "type": "Car", "speed": prop(1)})
    await a.register("bad")
    answer = await a.client.get(f"{API}/entities/{CAR}")
    assert answer.status_code == 404
    assert answer.headers["ngsild-warning"].startswith("111 ")


async def test_a_source_without_the_entity_is_no_failure(pair: list[Node]) -> None:
    """6.3.17: 404 "should not be considered as abnormal behaviour"."""
    a, _ = pair
    identifier = await a.register("b")
    answer = await a.client.get(f"{API}/entities/{CAR}")
    assert (answer.status_code, "ngsild-warning" in answer.headers) == (404, False)
    assert (await a.client.get(f"{API}/csourceRegistrations/{identifier}")).json()["status"] == "ok"


async def test_a_dead_and_a_slow_source_do_not_hold_up_the_answer(network: Network, pair: list[Node]) -> None:
    """5.2.34 timeout, 6.3.17; with a cooldown they are not asked again so soon."""
    a, b = pair
    gone_on = asyncio.Event()

    async def slow(sent: Any) -> tuple[int, Any]:
        await gone_on.wait()
        return 200, []

    network.hosts["slow"] = slow
    await create(b.client, CAR, speed=prop(1))
    await a.register("dead", management={"cooldown": 60_000})
    await a.register("slow", management={"timeout": 50, "cooldown": 60_000})
    await a.register("b")
    for _ in range(2):
        answer = await a.query("type=Car&options=concise")
        assert answer.json() == [car(speed=1)]
        warnings = answer.headers.get_list("ngsild-warning")
        assert sorted(one.split()[0] for one in warnings) == ["199", "199"]
    assert [len(network.to(host)) for host in ("dead", "slow", "b")] == [1, 1, 2]
    gone_on.set()


async def test_a_source_that_has_moved_is_asked_at_once(pair: list[Node]) -> None:
    """5.2.34: the cooldown is for "a subsequent forwarded request to the same endpoint"."""
    a, b = pair
    await create(b.client, CAR, speed=prop(1))
    identifier = await a.register("dead", management={"cooldown": 60_000})
    assert (await a.query("type=Car")).json() == []
    path = f"{API}/csourceRegistrations/{identifier}"
    assert (await a.client.patch(path, json={"endpoint": "http://b"})).status_code == 204

    assert (await a.query("type=Car&options=concise")).json() == [car(speed=1)]


async def test_too_many_entities_elsewhere_are_refused(network: Network, anyio_backend: str) -> None:
    """5.5.2 TooManyResults; a source that knows no paging is not asked forever."""
    many = [{"id": f"urn:ngsi-ld:Car:{number}", "type": "Car"} for number in range(20)]
    network.hosts["many"] = lambda sent: (200, many)
    async with nodes(network, "a", federation_max_entities=10, federation_page_entities=5) as (a,):
        await a.register("many")
        answer = await a.client.get(f"{API}/entities?type=Car")
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "TooManyResults")
        a.broker.settings = a.broker.settings.model_copy(update={"federation_max_entities": 100})
        network.sent.clear()
        assert len((await a.query("type=Car&limit=100")).json()) == 20
        assert len(network.sent) == 2


async def test_entities_that_have_expired_elsewhere_are_not_shown(network: Network, pair: list[Node]) -> None:
    """5.7.1.4, 5.7.2.4, 4.5.5.2."""
    a, _ = pair
    expired = car(speed=prop(1), expiresAt="2001-01-01T00:00:00Z")
    network.hosts["old"] = lambda sent: (200, expired if sent.path != "/entities" else [expired])
    await a.register("old")
    assert (await a.client.get(f"{API}/entities/{CAR}")).status_code == 404
    assert (await a.query("type=Car")).json() == []


async def test_a_busy_source_does_not_hold_up_another(network: Network, pair: list[Node]) -> None:
    """Requests that wait for one source take nothing away from those to others."""
    a, b = pair
    await create(b.client, OTHER, type="Bus", speed=prop(1))
    never = asyncio.Event()

    async def slow(sent: Any) -> tuple[int, Any]:
        await never.wait()
        return 200, []

    network.hosts["slow"] = slow
    await a.register("slow")
    await a.register("b", [{"type": "Bus"}])
    waiting = [asyncio.create_task(a.query("type=Car")) for _ in range(100)]
    await asyncio.sleep(0.1)
    assert 0 < len(network.to("slow")) < 100
    assert len((await asyncio.wait_for(a.query("type=Bus"), 2)).json()) == 1
    never.set()
    assert all(one.json() == [] for one in await asyncio.gather(*waiting))


async def test_what_a_source_was_told_in_confidence_is_not_passed_on(
    network: Network, pair: list[Node], caplog: pytest.LogCaptureFixture
) -> None:
    """4.3.6.5: a source that repeats the Authorization that it got must not tell it to whoever asked us."""
    a, _ = pair
    network.hosts["chatty"] = lambda sent: (403, {"detail": f"not with {sent.headers['authorization']} or s3cret"})
    info = [{"key": "Authorization", "value": "Bearer s3cret"}]
    await a.register("chatty", contextSourceInfo=info, operations=["federationOps", "updateOps"], mode="redirect")
    notification = {"endpoint": {"uri": "http://user/"}}
    subscription = {"type": "Subscription", "entities": [{"type": "Car"}], "notification": notification}
    assert (await a.client.post(f"{API}/subscriptions", json=subscription)).status_code == 201
    await a.broker.forwarding.settled()
    answer = await a.client.get(f"{API}/entities/{CAR}")
    refused = await a.client.patch(f"{API}/entities/{CAR}/attrs", json={"speed": prop(1)})
    assert refused.status_code == 502
    for text in (answer.headers["ngsild-warning"], refused.text, caplog.text):
        assert "s3cret" not in text
        assert "not with ***" in text


@pytest.mark.parametrize("body", [[], None, 7, {"attributeDetails": 1}, [{"typeName": 1}], {"typeList": "x"}])
@pytest.mark.parametrize("path", ["types", "types?details=true", "types/Car", "attributes", "attributes/speed"])
async def test_types_of_a_source_that_answers_another_shape_are_left_out(
    network: Network, pair: list[Node], path: str, body: Any
) -> None:
    """5.7.11, 6.3.17: whatever comes, what is known here is answered."""
    a, _ = pair
    await create(a.client, CAR, speed=prop(1))
    network.hosts["odd"] = lambda sent: (200, body)
    await a.register("odd")
    answer = await a.client.get(f"{API}/{path}")
    assert answer.status_code == 200, answer.text
    assert (await a.client.get(f"{API}/{path}{'&' if '?' in path else '?'}local=true")).json()


@pytest.mark.parametrize(
    ("status", "asked_again"), [(400, True), (404, True), (409, True), (403, True), (503, False), (429, False)]
)
async def test_an_answer_that_refuses_one_request_is_no_reason_not_to_ask_again(
    network: Network, pair: list[Node], status: int, asked_again: bool
) -> None:
    """5.2.34, 6.3.17: a cooldown is for a source that cannot answer; what is no 2xx is counted (table 5.2.9-2)."""
    a, _ = pair
    problem = {"type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "title": "no", "detail": "no"}
    network.hosts["s"] = lambda sent: (status, problem)
    identifier = await a.register("s", mode="redirect", operations=ALL, management={"cooldown": 60_000})
    for _ in range(2):
        await a.client.post(f"{API}/entities", json=car(speed=prop(1)))
    assert len(network.sent) == (2 if asked_again else 1)
    counters = (await a.client.get(f"{API}/csourceRegistrations/{identifier}")).json()
    assert (counters["timesFailed"], counters["status"]) == (len(network.sent), "failed")


@pytest.mark.parametrize("temporal", [False, True], ids=["entities", "evolutions"])
async def test_who_is_asked_in_vain_is_not_asked_on(network: Network, anyio_backend: str, temporal: bool) -> None:
    """After TooManyResults no request to another source goes on, and it counts for nobody as a failure."""
    interval = {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}, "operations": ["queryTemporal"]}
    ended = asyncio.Event()

    async def slow(sent: Any) -> tuple[int, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 200, []

    speed = [prop(1, observedAt="2021-01-01T00:00:00Z")]
    many = [{"id": f"urn:ngsi-ld:Car:{n}", "type": "Car", "speed": speed if temporal else speed[0]} for n in range(20)]
    network.hosts |= {"slow": slow, "many": lambda sent: (200, many)}
    async with nodes(network, "a", federation_max_entities=10) as (a,):
        identifier = await a.register("slow", management={"cooldown": 60_000}, **(interval if temporal else {}))
        await a.register("many", **(interval if temporal else {}))
        query = (
            "temporal/entities?type=Car&timerel=after&timeAt=2020-01-01T00:00:00Z" if temporal else "entities?type=Car"
        )
        assert (await a.client.get(f"{API}/{query}")).status_code == 403
        assert ended.is_set()
        counters = (await a.client.get(f"{API}/csourceRegistrations/{identifier}")).json()
        assert "timesFailed" not in counters
