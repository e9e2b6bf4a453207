"""Purge across Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.1 and 5.6.21.4."""

from __future__ import annotations

import pytest

from ..api import create
from ..outbound.network import Network, Node, nodes
from .federation import CAR, held, prop, send

pytestmark = pytest.mark.anyio


async def test_a_purge_goes_everywhere_and_no_further_than_registered(pair: list[Node], network: Network) -> None:
    """5.6.21.4."""
    a, b = pair
    for node in (a, b):
        await create(node.client, CAR, speed={"type": "Property", "value": 1}, brand={"type": "Property", "value": "x"})
        await create(node.client, "urn:a:bus", type="Bus")
    identifier = await a.register("b", operations=["purgeEntity"])
    await send(a, "DELETE", "/entities?type=Car,Bus&local=true", None, 204)
    assert not network.sent
    await send(a, "DELETE", "/entities?type=Car,Bus", None, 204)
    assert [one["id"] for one in (await b.query("type=Car,Bus")).json()] == ["urn:a:bus"]
    assert network.sent[-1].parameters == {"type": "Car"}
    await send(a, "PATCH", f"/csourceRegistrations/{identifier}", {"endpoint": "http://dead"}, 204)
    await send(a, "DELETE", "/entities?type=Car", None, 502)
    await create(a.client, CAR)
    answer = await send(a, "DELETE", "/entities?type=Car", None, 207)
    assert answer.json()["errors"][0]["registrationId"] == identifier
    await create(b.client, CAR, speed={"type": "Property", "value": 1}, brand={"type": "Property", "value": "x"})
    info = [{"entities": [{"type": "Car"}], "propertyNames": ["speed"]}]
    await send(a, "PATCH", f"/csourceRegistrations/{identifier}", {"endpoint": "http://b", "information": info}, 204)
    await send(a, "DELETE", "/entities?type=Car", None, 204)
    assert await b.retrieve(CAR) == {"id": CAR, "type": "Car", "brand": "x"}


@pytest.mark.parametrize(
    ("query", "dropped"),
    [
        ("keep=speed", None),
        ("drop=brand", None),
        ("keep=brand", "speed"),
        ("drop=speed,brand", "speed"),
        ("drop=scope", None),
        ("attrs=brand", None),
        ("attrs=speed,brand", "speed"),
        ("q=speed==1", "speed"),
    ],
)
async def test_nothing_but_what_is_registered_goes(
    pair: list[Node], network: Network, query: str, dropped: str | None
) -> None:
    """Where only speed is registered, a purge of anything else is no business of the source, and no Entity goes."""
    a, b = pair
    await create(b.client, CAR, speed=prop(1), brand=prop("x"), scope="/x")
    await a.register("b", properties=["speed"], operations=["purgeEntity"])
    await send(a, "DELETE", f"/entities?type=Car&{query}", None, 204)
    assert [sent.parameters.get("drop") for sent in network.sent] == ([] if dropped is None else [dropped])
    assert "brand" not in [sent.parameters.get("attrs") for sent in network.sent]
    expected = {"id": CAR, "type": "Car", "scope": "/x", "brand": "x"}
    assert await held(b) == (expected if dropped else {**expected, "speed": 1})


async def test_what_one_request_cannot_say_is_not_purged(pair: list[Node], network: Network) -> None:
    """Two patterns, datasetIds: a request that is wider than the Registration would purge too much."""
    a, b = pair
    await create(b.client, CAR, speed=[prop(1), prop(2, datasetId="urn:d:1")])
    identifier = await a.register("b", datasetId=["urn:d:1"], operations=["purgeEntity"])
    await send(a, "DELETE", "/entities?type=Car", None, 502)
    information = [{"entities": [{"type": "Car", "idPattern": ":1$"}]}]
    change = {"datasetId": "urn:ngsi-ld:null", "information": information}
    await send(a, "PATCH", f"/csourceRegistrations/{identifier}", change, 204)
    await send(a, "DELETE", "/entities?type=Car&idPattern=Car", None, 502)
    assert not network.sent
    assert await held(b) is not None
    await send(a, "DELETE", "/entities?type=Car", None, 204)
    assert (network.sent[-1].parameters["idPattern"], await held(b)) == (":1$", None)


async def test_a_source_that_purged_a_part_makes_it_partial(pair: list[Node], network: Network) -> None:
    """6.3.17."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (207, {"success": [], "errors": [{"error": {"title": "half of it"}}]})
    await a.register("s", operations=["purgeEntity"])
    await create(a.client, CAR)
    answer = await send(a, "DELETE", "/entities?type=Car", None, 207)
    assert "half of it" in answer.json()["errors"][0]["error"]["detail"]
    network.hosts["s"] = lambda sent: (404, {})
    await send(a, "DELETE", "/entities?type=Car", None, 204)


OPERATIONS = ["purgeEntity", "queryEntity", "retrieveEntity"]
QUERY = "q=speed==1;brand==%22x%22"


async def split_cars(a: Node, b: Node) -> None:
    """Three Cars whose speed is at one place and whose brand at another, of which one meets the query."""
    for number, speed, brand in ((1, 1, "x"), (2, 1, "y"), (3, 2, "x")):
        await create(a.client, f"urn:ngsi-ld:Car:{number}", speed=prop(speed))
        await create(b.client, f"urn:ngsi-ld:Car:{number}", brand=prop(brand))


@pytest.mark.parametrize(("query", "names"), [("type=Car&", None), ("", None), ("type=Car&", ["brand"])])
async def test_filters_of_a_purge_hold_for_the_whole_of_a_split_entity(
    network: Network, anyio_backend: str, query: str, names: list[str] | None
) -> None:
    """5.6.21.4, 4.3.6.7: "a Query Entities operation" finds the ids; by its own part nobody can decide."""
    async with nodes(network, "a", "b", split_entities=True) as (a, b):
        await split_cars(a, b)
        await a.register("b", properties=names, operations=OPERATIONS)
        await send(a, "DELETE", f"/entities?{query}{QUERY}", None, 204)
        expected = ["urn:ngsi-ld:Car:2", "urn:ngsi-ld:Car:3"]
        assert [one["id"] for one in (await a.query("type=Car&local=true")).json()] == expected
        assert await held(b) == (None if names is None else {"id": CAR, "type": "Car"})
        assert all([await held(b, one) for one in expected])
        deleted = [sent for sent in network.sent if sent.method == "DELETE"]
        assert [(sent.parameters.get("id"), sent.parameters["type"]) for sent in deleted] == [(CAR, "Car")]


async def test_a_purge_that_finds_nothing_asks_nobody_to_purge(network: Network, anyio_backend: str) -> None:
    """A request without ids would be one for everything."""
    async with nodes(network, "a", "b", split_entities=True) as (a, b):
        await split_cars(a, b)
        await a.register("b", operations=OPERATIONS)
        await send(a, "DELETE", "/entities?type=Car&q=speed==99", None, 204)
        assert [sent.method for sent in network.sent] == ["GET"]
        assert await held(a) is not None


async def test_what_is_found_elsewhere_is_deleted_here_too(pair: list[Node]) -> None:
    """5.6.21.4: "delete all Entities that can be found locally using retrieved list of Entity ids"."""
    a, b = pair
    await create(a.client, CAR, brand=prop("x"))
    await create(b.client, CAR, speed=prop(1))
    await a.register("b", operations=OPERATIONS)
    await send(a, "DELETE", "/entities?type=Car&q=speed==2", None, 204)
    assert await held(a) is not None
    await send(a, "DELETE", "/entities?type=Car&q=speed==1", None, 204)
    assert (await held(a), await held(b)) == (None, None)
