"""Links to Entities of Context Sources, in queries and notifications: ETSI GS CIM 009 V1.9.1, 4.5.23, 4.9 and 5.8.6."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import quote

import pytest

from ..api import API, create
from ..outbound.network import Network, Node, Sent, nodes
from .federation import CAR, OTHER, ids, prop, send

pytestmark = pytest.mark.anyio
OWNER, CITY = "urn:ngsi-ld:Person:1", "urn:ngsi-ld:City:1"
JOIN = "join=inline&joinLevel=2"


def link(to: str, kind: str | None) -> dict[str, Any]:
    return {"type": "Relationship", "object": to, **({} if kind is None else {"objectType": kind})}


async def linked(a: Node, b: Node) -> None:
    """A Car here; its owner, and the owner's city, at a source."""
    await create(a.client, CAR, owner=link(OWNER, "Person"))
    await create(b.client, OWNER, type="Person", age=prop(40), home=link(CITY, "City"))
    await create(b.client, CITY, type="City", name=prop("Lux"))
    await a.register("b", [{"type": "Person"}, {"type": "City"}])


@pytest.mark.parametrize("entity_map", ["", "&entityMap=true"], ids=["plain", "with a map"])
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("owner{age}==40", [CAR]),
        ("owner{Person:age}>30", [CAR]),
        ("owner{Robot:age}>30", []),
        ("owner{age}==41", []),
        ('owner{home{name}}=="Lux"', [CAR]),
        ('owner{home{name}}=="Rom"', []),
        ('owner{age}==41|owner{home{name}}=="Lux"', [CAR]),
    ],
)
async def test_a_query_looks_into_linked_entities_of_sources(
    pair: list[Node], q: str, expected: list[str], entity_map: str
) -> None:
    """4.9: "an NGSI-LD Entity targeted by a (recursively) followed Relationship", anywhere in the system (3.1)."""
    a, b = pair
    await linked(a, b)
    answer = await a.client.get(f"{API}/entities?type=Car&count=true&{JOIN}{entity_map}&q={quote(q)}")
    assert (ids(answer), answer.headers["ngsild-results-count"]) == (expected, str(len(expected)))
    assert ids(await a.query(f"type=Car&{JOIN}&local=true&q={quote(q)}")) == []


async def test_an_entity_map_is_made_of_what_links_lead_to(pair: list[Node]) -> None:
    """5.14.4.4: the same query as 5.7.2."""
    a, b = pair
    await linked(a, b)
    for q, expected in (("owner{age}==40", [CAR]), ("owner{age}==41", [])):
        made = await a.client.get(f"{API}/entityMaps?type=Car&{JOIN}&q={quote(q)}")
        assert list(made.json()["entityMap"]) == expected
        header = {"NGSILD-EntityMap": made.json()["id"]}
        page = await a.client.get(f"{API}/entities?type=Car&{JOIN}&q={quote(q)}", headers=header)
        assert ids(page) == expected


async def test_without_an_object_type_a_link_leads_to_what_is_held_here_alone(pair: list[Node]) -> None:
    """4.5.23.1."""
    a, b = pair
    await create(a.client, CAR, owner=link(OWNER, None))
    await create(b.client, OWNER, type="Person", age=prop(40))
    await a.register("b", [{"type": "Person"}])
    assert ids(await a.query(f"type=Car&q=owner{{age}}==40&{JOIN}")) == []
    await create(a.client, OWNER, type="Person", age=prop(40))
    assert ids(await a.query(f"type=Car&q=owner{{age}}==40&{JOIN}")) == [CAR]


@pytest.mark.parametrize("split", ["", "&splitEntities=true"])
async def test_entities_of_sources_are_found_by_links_to_anywhere(
    network: Network, anyio_backend: str, split: str
) -> None:
    """5.7.2.4: a source knows neither our Entities nor those of other sources: it is not asked to decide by them."""
    async with nodes(network, "a", "b", "c") as (a, b, c):
        await create(b.client, CAR, owner=link(OWNER, "Person"))
        await create(b.client, OTHER, owner=link("urn:ngsi-ld:Person:2", "Person"))
        await create(c.client, OWNER, type="Person", age=prop(40))
        await create(a.client, "urn:ngsi-ld:Person:2", type="Person", age=prop(40))
        await create(a.client, "urn:ngsi-ld:Car:3", owner=link("urn:ngsi-ld:Person:3", "Person"))
        await a.register("b")
        await a.register("c", [{"type": "Person"}])
        answer = await a.query(f"type=Car&q=owner{{age}}==40&join=flat&count=true{split}")
        assert ids(answer) == [CAR, OTHER, OWNER, "urn:ngsi-ld:Person:2"]
        assert answer.headers["ngsild-results-count"] == "2"
        assert "ngsild-warning" not in answer.headers
        assert all("q" not in sent.parameters for sent in network.sent)


async def test_too_many_links_to_elsewhere_are_refused(pair: list[Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that cannot be answered right is not answered wrong; what is only shown is left a link."""
    monkeypatch.setattr("ldt_stack.broker.operations.distributed.links._MOST", 2)
    a, _ = pair
    for number in range(4):
        await create(a.client, f"urn:ngsi-ld:Car:{number}", owner=link(f"urn:ngsi-ld:Person:{number}", "Person"))
    await a.register("b", [{"type": "Person"}])
    refused = await a.client.get(f"{API}/entities?type=Car&q=owner{{age}}==40&join=inline")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "TooManyResults")
    assert len((await a.query("type=Car&join=inline")).json()) == 4


async def subscribe(node: Node, notification: dict[str, Any] | None = None, **members: Any) -> None:
    """Subscribe to Cars, notifications to the host "user"."""
    wanted = {"endpoint": {"uri": "http://user/"}, **(notification or {})}
    body = {"type": "Subscription", "entities": [{"type": "Car"}], "notification": wanted, **members}
    await send(node, "POST", "/subscriptions", body, 201)
    await node.broker.forwarding.settled()


async def notified(network: Network, count: int = 1) -> list[Sent]:
    """So many notifications to the user, or an error after a while."""
    deadline = time.monotonic() + 20
    while len(network.to("user")) < count:
        assert time.monotonic() < deadline, f"{len(network.to('user'))} notifications came, not {count}"
        await asyncio.sleep(0.01)
    return network.to("user")


@pytest.fixture
def network() -> Network:
    """With a host that takes notifications."""
    return Network({"user": lambda sent: (200, b"")})


@pytest.mark.parametrize(("local_only", "shown"), [(None, True), (True, False)])
async def test_notifications_show_linked_entities_of_sources(
    network: Network, pair: list[Node], local_only: bool | None, shown: bool
) -> None:
    """5.8.6: "Linked Entity retrieval (as mandated by clause 4.5.23) shall be provided"."""
    a, b = pair
    await linked(a, b)
    members = {} if local_only is None else {"localOnly": local_only}
    await subscribe(a, {"join": "inline", "joinLevel": 2}, **members)
    await send(a, "POST", f"/entities/{CAR}/attrs", {"speed": prop(1)}, 204)
    (received,) = await notified(network)
    owner = received.body["data"][0]["owner"]
    assert ("entity" in owner) is shown
    if shown:
        assert owner["entity"]["home"]["entity"]["name"]["value"] == "Lux"


async def test_a_dead_source_costs_a_notification_what_it_has_alone(network: Network, pair: list[Node]) -> None:
    """6.3.17: as of a query."""
    a, b = pair
    await linked(a, b)
    del network.hosts["b"]
    await subscribe(a, {"join": "inline"})
    await send(a, "POST", f"/entities/{CAR}/attrs", {"speed": prop(1)}, 204)
    (received,) = await notified(network)
    assert received.body["data"][0]["owner"] == link(OWNER, "Person")


async def test_subscriptions_look_into_linked_entities(network: Network, pair: list[Node]) -> None:
    """5.8.6, 4.9: a change concerns a Subscription if what it links to here meets the query."""
    a, _ = pair
    await create(a.client, OWNER, type="Person", age=prop(40))
    for number in (41, 40):
        await subscribe(a, q=f"owner{{age}}=={number}", id=f"urn:ngsi-ld:Subscription:{number}")
    await create(a.client, CAR, owner=link(OWNER, "Person"))
    await create(a.client, OTHER, owner=link("urn:ngsi-ld:Person:2", "Person"))
    await send(a, "POST", f"/entities/{CAR}/attrs", {"speed": prop(1)}, 204)
    received = await notified(network, 2)
    assert [(one.body["subscriptionId"], one.body["data"][0]["id"]) for one in received] == [
        ("urn:ngsi-ld:Subscription:40", CAR)
    ] * 2


async def test_periodic_subscriptions_look_into_linked_entities(network: Network, pair: list[Node]) -> None:
    """5.8.6: "all the subscribed Entities that match the query"."""
    a, _ = pair
    await create(a.client, OWNER, type="Person", age=prop(40))
    await create(a.client, CAR, owner=link(OWNER, "Person"))
    await create(a.client, OTHER, owner=link(CITY, "City"))
    await subscribe(a, q="owner{age}==40", timeInterval=0.1)
    received = (await notified(network))[0]
    assert [one["id"] for one in received.body["data"]] == [CAR]


@pytest.mark.parametrize("split", [False, True])
async def test_what_a_source_notifies_of_is_looked_at_with_its_links(
    network: Network, pair: list[Node], split: bool
) -> None:
    """5.8.6: the source cannot know that the owner is here."""
    a, b = pair
    await create(a.client, OWNER, type="Person", age=prop(40))
    await a.register("b")
    await subscribe(a, q="owner{age}==40", splitEntities=split)
    await create(b.client, OTHER, owner=link("urn:ngsi-ld:Person:2", "Person"))
    await create(b.client, CAR, owner=link(OWNER, "Person"))
    (received,) = await notified(network)
    assert [one["id"] for one in received.body["data"]] == [CAR]
