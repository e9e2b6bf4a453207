"""Subscriptions at Context Sources: ETSI GS CIM 009 V1.9.1, clauses 5.8.1.4 to 5.8.6."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ldt_stack.broker.federation.failures import SourceInvalid

from ..api import API, NULL, create
from ..outbound.network import Network, Node, Sent, nodes
from .federation import CAR, prop

pytestmark = pytest.mark.anyio
REGISTRATION = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b"


@pytest.fixture
def network() -> Network:
    found = Network()
    found.hosts["user"] = lambda sent: (200, b"")
    return found


async def send(node: Node, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
    answer = await node.client.request(method, API + path, json=body)
    if status is not None:
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    await node.broker.forwarding.settled()
    return answer


async def subscribe(node: Node, **members: Any) -> str:
    """Subscribe to Cars, notifications to the host "user"; returns the path."""
    notification = {"endpoint": {"uri": "http://user/"}, "format": "keyValues", **members.pop("notification", {})}
    body = {"type": "Subscription", "entities": [{"type": "Car"}], "notification": notification, **members}
    answer = await send(node, "POST", "/subscriptions", {k: v for k, v in body.items() if v is not None}, 201)
    return str(answer.headers["location"].removeprefix(API))


async def notified(network: Network, count: int) -> list[Sent]:
    """So many notifications to the user, or an error after a while."""
    deadline = time.monotonic() + 20
    while len(network.to("user")) < count:
        assert time.monotonic() < deadline, f"{len(network.to('user'))} notifications came, not {count}"
        await asyncio.sleep(0.01)
    return network.to("user")


async def of(node: Node) -> list[dict[str, Any]]:
    """The Subscriptions that a broker has."""
    found: list[dict[str, Any]] = (await send(node, "GET", "/subscriptions", None, 200)).json()
    return found


async def test_what_changes_at_a_source_is_notified(pair: list[Node], network: Network) -> None:
    """5.8.1.4, 5.8.6: in the form, with the id and the @context of the Subscription here."""
    a, b = pair
    await a.register("b")
    path = await subscribe(a, q="speed>1", notification={"attributes": ["speed"]})
    await create(b.client, CAR, speed=prop(1), brand=prop("x"))
    await send(b, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2)}, 204)
    await create(a.client, "urn:ngsi-ld:Car:here", speed=prop(3))
    first, second = sorted(await notified(network, 2), key=lambda one: one.body["data"][0]["id"])
    assert first.body["data"] == [{"id": CAR, "type": "Car", "speed": 2}]
    assert second.body["data"] == [{"id": "urn:ngsi-ld:Car:here", "type": "Car", "speed": 3}]
    assert first.body["subscriptionId"] == second.body["subscriptionId"] == path.rpartition("/")[2]
    await send(b, "DELETE", f"/entities/{CAR}/attrs/speed", None, 204)


async def test_a_deleted_attribute_is_notified(pair: list[Node], network: Network) -> None:
    """5.8.6: with the NGSI-LD Null for its value."""
    a, b = pair
    await create(b.client, CAR, speed=prop(1))
    await a.register("b")
    await subscribe(a, notificationTrigger=["attributeDeleted"], notification={"format": "normalized"})
    await send(b, "DELETE", f"/entities/{CAR}/attrs/speed", None, 204)
    (one,) = await notified(network, 1)
    assert one.body["data"][0]["speed"]["value"] == NULL


@pytest.mark.parametrize("show_changes", [True, False])
async def test_values_before_a_change_come_along(pair: list[Node], network: Network, show_changes: bool) -> None:
    """5.8.6: "the Notification shall be copied", and with it what showChanges asks for; it had got lost on the way."""
    a, b = pair
    kinds = {
        "speed": ({"value": 1}, {"value": 2}),
        "label": ({"languageMap": {"en": "x"}}, {"languageMap": {"en": "y"}}),
        "next": ({"object": "urn:ngsi-ld:Car:2"}, {"object": "urn:ngsi-ld:Car:3"}),
        "gears": ({"valueList": [1]}, {"valueList": [2]}),
        "raw": ({"json": {"a": 1}}, {"json": {"a": 2}}),
        "state": ({"vocab": "on"}, {"vocab": "off"}),
        "stops": ({"objectList": ["urn:ngsi-ld:Car:2"]}, {"objectList": ["urn:ngsi-ld:Car:3"]}),
    }
    await create(b.client, CAR, **{name: before for name, (before, _) in kinds.items()})
    await a.register("b")
    notification = {"format": "concise", "showChanges": show_changes}
    await subscribe(a, notificationTrigger=["attributeUpdated", "attributeDeleted"], notification=notification)
    await send(b, "PATCH", f"/entities/{CAR}/attrs", {name: after for name, (_, after) in kinds.items()}, 204)
    await send(b, "DELETE", f"/entities/{CAR}/attrs/next", None, 204)
    first, second = [one.body["data"][0] for one in await notified(network, 2)]
    for name, (before, after) in kinds.items():
        ((member, value),) = before.items()
        previous = {f"previous{member[0].upper()}{member[1:]}": value} if show_changes else {}
        alone = member == "value" and not show_changes  # as concise as can be (4.5.2.3)
        assert first[name] == (after[member] if alone else {**after, **previous})
    assert second["next"] == ({"object": NULL, "previousObject": "urn:ngsi-ld:Car:3"} if show_changes else NULL)


async def test_sources_get_their_part_alone(pair: list[Node]) -> None:
    """5.8.1.4: "reduced to what is matched by the registration information"; notifications come to this broker."""
    a, b = pair
    await a.register("b", [{"type": "Car", "idPattern": ":1$"}, {"type": "Bus"}], properties=["speed", "brand"])
    await subscribe(a, watchedAttributes=["speed", "colour"], entities=[{"type": "Car,Tram"}], throttling=1)
    (copy,) = await of(b)
    assert copy["entities"] == [{"type": "Car", "idPattern": ":1$"}]
    assert (copy["watchedAttributes"], copy["throttling"]) == (["speed"], 1)
    assert copy["notification"]["endpoint"]["uri"].startswith("http://a/federation/notifications/")
    assert copy["notification"]["format"] == "normalized"


async def test_changes_and_deletion_reach_the_source(pair: list[Node]) -> None:
    """5.8.2.4, 5.8.5.4, and the trigger reasons of 5.8.1.4."""
    a, b = pair
    path = await subscribe(a, q="speed>1")
    assert await of(b) == []
    await a.register("b")  # newly matching
    await a.broker.forwarding.settled()
    (copy,) = await of(b)
    assert copy["q"] == "speed>1"
    await send(a, "PATCH", path, {"q": NULL, "isActive": False}, 204)
    (same,) = await of(b)
    assert (same["id"], same["isActive"], "q" in same) == (copy["id"], False, False)
    await send(a, "PATCH", REGISTRATION, {"description": "of no concern"}, 204)
    assert (await of(b))[0]["id"] == copy["id"]
    await send(a, "PATCH", REGISTRATION, {"information": [{"entities": [{"type": "Bus"}]}]}, 204)  # no longer matching
    assert await of(b) == []
    await send(a, "PATCH", REGISTRATION, {"information": [{"entities": [{"type": "Car"}]}]}, 204)
    assert len(await of(b)) == 1
    await send(a, "DELETE", REGISTRATION, None, 204)
    assert await of(b) == []
    await a.register("b")
    await a.broker.forwarding.settled()
    assert len(await of(b)) == 1
    await send(a, "DELETE", path, None, 204)
    assert await of(b) == []


@pytest.mark.parametrize(
    ("members", "source"),
    [
        ({"localOnly": True}, {}),
        ({}, {"operations": ["retrieveOps"]}),
        ({}, {"mode": "auxiliary", "operations": ["retrieveOps"]}),
        ({}, {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}),
        ({"entities": [{"type": "Bus"}]}, {}),
        ({"entities": [{"type": "*"}], "localOnly": None}, {}),
        ({"csf": 'owner=="State"'}, {"owner": "City"}),
        (
            {"watchedAttributes": ["speed"], "notification": {"attributes": ["speed", "brand"]}},
            {"properties": ["brand"]},
        ),
    ],
)
async def test_not_every_subscription_goes_to_every_source(pair: list[Node], members: Any, source: Any) -> None:
    """5.8.1.4."""
    a, b = pair
    await a.register("b", **source)
    await subscribe(a, **members)
    assert await of(b) == []


async def test_a_split_entity_is_put_together_and_filtered(pair: list[Node], network: Network) -> None:
    """5.8.6: retrieved locally and from all others, merged, then filtered."""
    a, b = pair
    await create(a.client, CAR, brand=prop("VW"))
    await create(b.client, CAR, speed=prop(1))
    await a.register("b")
    await subscribe(a, q='speed>1;brand=="VW"', splitEntities=True)
    assert "q" not in (await of(b))[0]
    await send(b, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(0)}, 204)
    await send(b, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2)}, 204)
    (one,) = await notified(network, 1)
    assert one.body["data"] == [{"id": CAR, "type": "Car", "speed": 2, "brand": "VW"}]


async def test_brokers_that_register_each_other_notify_once(pair: list[Node], network: Network) -> None:
    """6.3.18: a Subscription does not come back to where it came from."""
    a, b = pair
    await a.register("b")
    await b.register("a", id="urn:ngsi-ld:ContextSourceRegistration:a")
    await subscribe(a)
    await b.broker.forwarding.settled()
    assert (len(await of(a)), len(await of(b))) == (1, 1)
    await create(a.client, CAR, speed=prop(1))
    await create(b.client, "urn:ngsi-ld:Car:2", speed=prop(1))
    await notified(network, 2)
    await create(a.client, "urn:ngsi-ld:Car:3", speed=prop(1))
    assert len(await notified(network, 3)) == 3


async def test_nobody_else_can_notify(pair: list[Node], network: Network) -> None:
    """The path of the endpoint is known to the source alone; what it may say is what it registered."""
    a, b = pair
    await a.register("b", properties=["speed"])
    path = await subscribe(a)
    uri = (await of(b))[0]["notification"]["endpoint"]["uri"]
    entity = {"id": CAR, "type": "Car", "speed": prop(1), "brand": prop("planted")}
    message = {"type": "Notification", "data": [entity, {"id": "urn:x:y", "type": "Bus", "speed": prop(1)}]}
    guessed = "http://a/federation/notifications/guessed"
    assert (await a.client.post(guessed, json=message)).status_code == 404
    for wrong in ({}, {"type": "Notification"}, {"type": "Notification", "data": [1]}, {"type": "x", "data": []}):
        assert (await a.client.post(uri, json=wrong)).status_code == 400
    assert (await a.client.post(uri, json=message)).status_code == 200
    (one,) = await notified(network, 1)
    assert one.body["data"] == [{"id": CAR, "type": "Car", "speed": 1}]
    await send(a, "DELETE", path, None, 204)
    assert (await a.client.post(uri, json=message)).status_code == 404


async def test_a_dead_source_does_not_fail_the_subscription(pair: list[Node], network: Network) -> None:
    """No request waits for a source; it is tried again."""
    a, _ = pair
    await a.register("dead")
    await a.broker.forwarding.settled()
    path = await subscribe(a)
    assert len(network.to("dead")) == 1
    await create(a.client, CAR, speed=prop(1))
    await notified(network, 1)
    a.broker.forwarding.registrations_changed(None)
    await a.broker.forwarding.settled()
    assert len(network.to("dead")) == 2
    await send(a, "DELETE", path, None, 204)


async def test_forwarded_subscriptions_survive_a_restart(network: Network, anyio_backend: str, tmp_path: Any) -> None:
    """What sources have is kept: it is used, changed and withdrawn after a restart, too."""
    async with nodes(network, "b") as (b,):
        async with nodes(network, "a", data_dir=tmp_path) as (a,):
            await a.register("b")
            path = await subscribe(a)
        (copy,) = await of(b)
        async with nodes(network, "a", data_dir=tmp_path) as (a,):
            await create(b.client, CAR, speed=prop(1))
            await notified(network, 1)
            await send(a, "PATCH", path, {"throttling": 1}, 204)
            assert [(one["id"], one["throttling"]) for one in await of(b)] == [(copy["id"], 1)]
            await send(a, "DELETE", path, None, 204)
            assert await of(b) == []


async def test_context_source_filters_choose_sources(pair: list[Node]) -> None:
    """5.2.12: "csf" is met by "Context Sources to be used for Entity Subscriptions"."""
    a, b = pair
    await a.register("b", owner="City")
    await subscribe(a, csf='owner=="City"')
    assert len(await of(b)) == 1


async def test_attributes_whose_values_are_expanded_are_one_string(pair: list[Node], network: Network) -> None:
    """Table 5.2.23-1: expandValues is a comma separated list, in a payload, too."""
    a, b = pair
    await a.register("b")
    await subscribe(a, q="category==Fast", expandValues="category,kind")
    (copy,) = await of(b)
    assert (copy["q"], copy["expandValues"]) == ("category==Fast", "category,kind")
    await create(b.client, CAR, category={"type": "VocabProperty", "vocab": "Fast"})
    (one,) = await notified(network, 1)
    assert one.body["data"] == [{"id": CAR, "type": "Car", "category": {"vocab": "Fast"}}]


@pytest.mark.parametrize("said", [True, False], ids=["with a name for it", "without"])
async def test_a_subscription_is_written_in_the_names_of_the_source(
    pair: list[Node], network: Network, said: bool
) -> None:
    """4.3.6.6, 6.3.19: plain JSON, its @context in the Link header; what it cannot say is filtered here."""
    a, b = pair
    theirs = {"tempo" if said else "speed": f"https://uri.etsi.org/ngsi-ld/default-context/{'speed' if said else 'x'}"}
    url = "http://a" + (await send(a, "POST", "/jsonldContexts", {"@context": theirs}, 201)).headers["location"]
    b.broker.contexts.hosted = a.broker.contexts.hosted  # as if b had downloaded it
    await a.register("b", contextSourceInfo=[{"key": "jsonldContext", "value": url}])
    await subscribe(a, q="speed>1", notification={"attributes": ["speed"]})
    (sent,) = network.to("b")
    assert (sent.headers["content-type"], "@context" in sent.body) == ("application/json", False)
    assert url in sent.headers["link"]
    assert sent.body.get("q") == ("tempo>1" if said else None)
    await create(b.client, CAR, speed=prop(1))
    await create(b.client, "urn:a:2", speed=prop(2))
    (one,) = await notified(network, 1)
    assert one.body["data"] == [{"id": "urn:a:2", "type": "Car", "speed": 2}]
    assert len(network.to("user")) == 1


async def test_a_context_that_cannot_be_had_now_is_tried_again(
    pair: list[Node], network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5.8.1.4: the Subscription reaches the source as soon as it can."""
    a, b = pair
    monkeypatch.setattr("ldt_stack.broker.federation.forwarding._AGAIN_SECONDS", 0.05)
    sources = a.broker.sources
    names_for = sources.names_for

    async def not_now(*arguments: Any) -> Any:
        sources.names_for = names_for
        raise SourceInvalid("not now")

    sources.names_for = not_now
    await a.register("b")
    await subscribe(a)
    deadline = time.monotonic() + 20
    while not await of(b):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_source_that_comes_after_a_restart_knows_where_to_notify(tmp_path: Any, anyio_backend: str) -> None:
    """5.8.1.4: "the notification endpoint is set to that of the local Broker", however long ago was subscribed."""
    network = Network()
    network.hosts["user"] = lambda sent: (200, b"")
    async with nodes(network, "a", data_dir=tmp_path / "a") as (a,):
        await subscribe(a)
    async with nodes(network, "a", data_dir=tmp_path / "a") as (a,), nodes(network, "b") as (b,):
        await a.register("b")
        await a.broker.forwarding.settled()
        (copy,) = await of(b)
        assert copy["notification"]["endpoint"]["uri"].startswith("http://a/federation/notifications/")
        await create(b.client, CAR, speed=prop(1))
        assert len(await notified(network, 1)) == 1
