"""Purge Entities with an EntityMap: ETSI GS CIM 009 V1.9.1, clauses 5.5.14, 5.6.21 and 6.4.3.3 (table 6.4.3.3-2)."""

from __future__ import annotations

import pytest

from ..api import create, refused, send
from ..conftest import RunningBroker
from ..outbound.network import Network, Node
from .maps import IDS, cars, ids, location, speed

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/entityMaps?{query}", "/entities?{query}&entityMap=true"])
async def test_no_entity_goes_that_is_not_in_the_map(running: RunningBroker, path: str) -> None:
    """The map determines the set of Entities; what no longer meets the query stays, too (4.3.6.7)."""
    await cars(running.client, 4)
    query = "type=Car&q=speed>20"
    made = location(await send(running.client, "GET", path.format(query=query), None, 201))
    await create(running.client, IDS[4], speed={"type": "Property", "value": 50})
    await speed(running.client, 4, 1)
    answer = await send(running.client, "DELETE", f"/entities?{query}", None, 204, NGSILD_EntityMap=made)
    assert location(answer) == made
    left = await send(running.client, "GET", "/entities?type=Car", None, 200)
    assert ids(left) == [IDS[0], IDS[1], IDS[3], IDS[4]]


async def test_members_of_what_is_in_the_map(running: RunningBroker) -> None:
    """`drop` and ids narrow further what the map has."""
    await cars(running.client, 3)
    made = location(await send(running.client, "GET", "/entityMaps?type=Car", None, 201))
    await create(running.client, IDS[3], speed={"type": "Property", "value": 40})
    parameters = f"type=Car&id={IDS[0]},{IDS[3]}&drop=speed"
    await send(running.client, "DELETE", f"/entities?{parameters}", None, 204, NGSILD_EntityMap=made)
    left = await send(running.client, "GET", "/entities?type=Car&q=speed", None, 200)
    assert ids(left) == IDS[1:4]


@pytest.mark.parametrize("named", ["urn:ngsi-ld:EntityMap:none", "none", "", "other", "expired"])
async def test_without_its_map_nothing_is_purged(running: RunningBroker, named: str) -> None:
    """A map that is not there (any more), or that was made for another query, says nothing of what is to go."""
    await cars(running.client, 2)
    if named in ("other", "expired"):
        query = "type=Car&q=speed>0" if named == "other" else "type=Car"
        named, expired = location(await send(running.client, "GET", f"/entityMaps?{query}", None, 201)), named
        running.clock.advance(86400 * 2 if expired == "expired" else 0)
    headers = {"NGSILD_EntityMap": named}
    await refused(running.client, "DELETE", "/entities?type=Car", None, 400, "BadRequestData", **headers)
    assert ids(await send(running.client, "GET", "/entities?type=Car", None, 200)) == IDS[:2]


async def test_sources_are_asked_for_what_the_map_has_of_them(pair: list[Node], network: Network) -> None:
    """Entities that came to a source since the map was made stay, and sources that it does not name are not asked."""
    a, b = pair
    for node, number in ((a, 0), (b, 1), (b, 2)):
        await create(node.client, IDS[number])
    await a.register("b", operations=["queryEntity", "purgeEntity"])
    made = location(await send(a.client, "GET", "/entityMaps?type=Car", None, 201))
    await create(b.client, IDS[3])
    await create(a.client, IDS[4])
    network.sent.clear()
    await send(a.client, "DELETE", "/entities?type=Car", None, 204, NGSILD_EntityMap=made)
    assert [one.parameters["id"] for one in network.sent if one.method == "DELETE"] == [",".join(IDS[1:3])]
    assert ids(await send(b.client, "GET", "/entities?type=Car", None, 200)) == [IDS[3]]
    assert ids(await send(a.client, "GET", "/entities?type=Car&local=true", None, 200)) == [IDS[4]]
