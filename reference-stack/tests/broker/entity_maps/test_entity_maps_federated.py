"""EntityMaps over Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.7, 5.5.9.3, 5.7.1.4, 5.7.2.4 and 5.14.4."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ..api import API, create, prepared, send
from ..outbound.network import Network, Node, nodes

pytestmark = pytest.mark.anyio
IDS = [f"urn:ngsi-ld:Car:{number}" for number in range(1, 6)]
AT = "2021-06-01T00:00:00Z"
TEMPORAL: dict[str, Any] = {
    "operations": ["retrieveTemporal", "queryTemporal"],
    "observationInterval": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2022-01-01T00:00:00Z"},
}
REGISTRATION = "urn:ngsi-ld:ContextSourceRegistration:b"


def speed(value: int) -> dict[str, Any]:
    return {"type": "Property", "value": value}


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def pair(network: Network, anyio_backend: str) -> AsyncIterator[list[Node]]:
    """Two brokers: a, which has registered b; cars 1 and 2 are at a, 2 to 5 at b."""
    async with nodes(network, "a", "b") as found:
        a, b = found
        for number in (1, 2):
            await create(a.client, IDS[number - 1], speed=speed(number))
        for number in (2, 3, 4, 5):
            await create(b.client, IDS[number - 1], speed=speed(number))
        await a.register("b")
        network.sent.clear()
        yield found


def ids(answer: httpx.Response) -> list[str]:
    return [one["id"] for one in answer.json()]


async def query(node: Node, parameters: str, status: int, **headers: str) -> httpx.Response:
    return await send(node.client, "GET", f"/entities?type=Car{parameters}", None, status, **headers)


async def entries(node: Node, answer: httpx.Response) -> dict[str, list[str]]:
    path = answer.headers["ngsild-entitymap"].removeprefix(API)
    found: dict[str, list[str]] = (await send(node.client, "GET", path, None, 200)).json()["entityMap"]
    return found


async def test_a_map_says_where_each_entity_is(pair: list[Node]) -> None:
    made = await query(pair[0], "&entityMap=true&limit=2", 201)
    assert ids(made) == IDS[:2]
    remote = {identifier: [REGISTRATION] for identifier in IDS[2:]}
    assert await entries(pair[0], made) == {IDS[0]: ["@none"], IDS[1]: ["@none", REGISTRATION], **remote}
    by_itself = await send(pair[0].client, "GET", "/entityMaps?type=Car", None, 201)
    assert by_itself.json()["entityMap"] == await entries(pair[0], made)


async def test_pages_come_from_the_map_and_ask_for_its_entities_alone(pair: list[Node], network: Network) -> None:
    made = await query(pair[0], "&entityMap=true&limit=1", 201)
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    await create(pair[1].client, "urn:ngsi-ld:Car:6", speed=speed(6))
    network.sent.clear()
    second = await query(pair[0], "&limit=3&offset=1&count=true", 200, **header)
    assert ids(second) == IDS[1:4]
    assert second.headers["ngsild-results-count"] == "5"
    assert network.to("b")[0].parameters["id"] == ",".join(IDS[1:4])
    following = second.links["next"]["url"].removeprefix(API)
    assert ids(await send(pair[0].client, "GET", following, None, 200, **header)) == IDS[4:]


async def linked_maps(node: Node, answer: httpx.Response) -> dict[str, str]:
    path = answer.headers["ngsild-entitymap"].removeprefix(API)
    found: dict[str, str] = (await send(node.client, "GET", path, None, 200)).json()["linkedMaps"]
    return found


async def test_a_source_makes_a_map_of_its_own_and_is_given_it_back(pair: list[Node], network: Network) -> None:
    """5.14.4.4, 5.7.2.4; the filters go along."""
    parameters = "&q=speed>1&attrs=speed"
    made = await query(pair[0], f"{parameters}&entityMap=true&limit=2", 201)
    linked = await linked_maps(pair[0], made)
    theirs = await send(pair[1].client, "GET", f"/entityMaps/{linked[REGISTRATION]}", None, 200)
    assert list(theirs.json()["entityMap"]) == IDS[1:]
    asked = network.to("b")[0]
    assert (asked.path, asked.parameters["q"], asked.parameters["type"]) == ("/entityMaps", "speed>1", "Car")
    await send(pair[1].client, "PATCH", f"/entities/{IDS[2]}/attrs/speed", speed(0), 204)
    network.sent.clear()
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    page = await query(pair[0], parameters, 200, **header)
    assert ids(page) == [IDS[1], *IDS[3:]]
    assert "ngsild-warning" not in page.headers
    assert {one.headers["ngsild-entitymap"] for one in network.to("b")} == {f"{API}/entityMaps/{linked[REGISTRATION]}"}
    theirs = await send(pair[1].client, "GET", f"/entityMaps/{linked[REGISTRATION]}", None, 200)
    assert list(theirs.json()["entityMap"]) == [IDS[1], *IDS[3:]]
    network.sent.clear()
    await send(pair[0].client, "GET", f"/entities/{IDS[4]}", None, 200, **header)
    assert [one.headers["ngsild-entitymap"] for one in network.to("b")] == [f"{API}/entityMaps/{linked[REGISTRATION]}"]


@pytest.mark.parametrize(
    "answer",
    [
        (404, None),
        (405, None),
        (501, {"type": "about:blank"}),
        (200, []),
        (200, {"id": "no uri", "entityMap": {}}),
        (200, {"id": "urn:x:1", "entityMap": []}),
    ],
)
async def test_a_source_that_makes_no_map_is_asked_without(
    pair: list[Node], network: Network, answer: tuple[int, Any]
) -> None:
    car = {"id": "urn:ngsi-ld:Car:9", "type": "Car", "speed": speed(9)}
    network.hosts["b"] = lambda sent: answer if sent.path == "/entityMaps" else (200, [car])
    made = await query(pair[0], "&entityMap=true", 201)
    assert ids(made) == [*IDS[:2], "urn:ngsi-ld:Car:9"]
    assert await linked_maps(pair[0], made) == {}
    assert "ngsild-warning" not in made.headers
    assert all("ngsild-entitymap" not in one.headers for one in network.to("b"))


async def test_a_source_that_is_asked_by_post_or_does_not_offer_maps_is_asked_without(
    pair: list[Node], network: Network
) -> None:
    path = f"/csourceRegistrations/{REGISTRATION}"
    for operations in (["queryEntity"], ["queryBatch", "createEntityMapQueryEntity"]):
        await send(pair[0].client, "PATCH", path, {"operations": operations}, 204)
        network.sent.clear()
        made = await query(pair[0], "&entityMap=true", 201)
        assert ids(made) == IDS
        assert await linked_maps(pair[0], made) == {}
        assert "/entityMaps" not in {one.path for one in network.sent}


async def test_a_query_by_post_uses_maps_of_sources_as_well(pair: list[Node], network: Network) -> None:
    """5.14.4.4 looks at what a Registration supports; how the client asked says nothing of it."""
    a, _ = pair
    path = f"/csourceRegistrations/{REGISTRATION}"
    operations = ["queryBatch", "queryEntity", "createEntityMapQueryEntity"]
    await send(a.client, "PATCH", path, {"operations": operations}, 204)
    network.sent.clear()
    payload = {"type": "Query", "entities": [{"type": "Car"}], "q": "speed>1", "entityMap": True}
    made = await send(a.client, "POST", "/entityOperations/query?limit=2", payload, 201)
    linked = await linked_maps(a, made)
    assert [(one.method, one.path) for one in network.sent] == [("GET", "/entityMaps"), ("GET", "/entities")]
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    page = await send(a.client, "POST", "/entityOperations/query?offset=2", payload, 200, **header)
    assert ids(made) + ids(page) == IDS[1:]
    assert network.sent[-1].headers["ngsild-entitymap"] == f"{API}/entityMaps/{linked[REGISTRATION]}"
    await send(a.client, "POST", "/entityOperations/query", {**payload, "entityMap": False}, 200)
    assert network.sent[-1].method == "POST"


async def test_a_source_that_the_map_does_not_name_is_not_asked(pair: list[Node], network: Network) -> None:
    local = await query(pair[0], "&entityMap=true&local=true", 201)
    network.sent.clear()
    header = {"NGSILD_EntityMap": local.headers["ngsild-entitymap"]}
    assert ids(await query(pair[0], "", 200, **header)) == IDS[:2]
    await send(pair[0].client, "GET", f"/entities/{IDS[1]}", None, 200, **header)
    assert network.sent == []


async def test_what_no_longer_fits_at_its_source_leaves_the_map(pair: list[Node]) -> None:
    made = await query(pair[0], "&q=speed>1&entityMap=true", 201)
    assert ids(made) == IDS[1:]
    await send(pair[1].client, "PATCH", f"/entities/{IDS[3]}/attrs/speed", speed(0), 204)
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    assert ids(await query(pair[0], "&q=speed>1&limit=3", 200, **header)) == [IDS[1], IDS[2], IDS[4]]
    assert IDS[3] not in await entries(pair[0], made)


async def test_what_a_failing_source_has_stays_in_the_map(pair: list[Node], network: Network) -> None:
    made = await query(pair[0], "&entityMap=true", 201)
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    working = network.hosts["b"]
    network.hosts["b"] = lambda sent: (500, None)
    failed = await query(pair[0], "", 200, **header)
    assert ids(failed) == IDS[:2]
    assert "ngsild-warning" in failed.headers
    assert len(await entries(pair[0], made)) == 5
    network.hosts["b"] = working
    assert ids(await query(pair[0], "", 200, **header)) == IDS


async def test_split_entities_are_candidates_until_they_are_put_together(pair: list[Node]) -> None:
    name = {"name": {"type": "Property", "value": "x"}}
    await send(pair[1].client, "POST", f"/entities/{IDS[1]}/attrs", name, 204)
    await send(pair[1].client, "DELETE", f"/entities/{IDS[1]}/attrs/speed", None, 204)
    parameters = "&q=speed==2;name==%22x%22&splitEntities=true"
    made = await send(pair[0].client, "GET", f"/entityMaps?type=Car{parameters}", None, 201)
    assert list(made.json()["entityMap"]) == IDS
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    assert ids(await query(pair[0], parameters, 200, **header)) == [IDS[1]]
    assert list(await entries(pair[0], made)) == [IDS[1]]


async def test_the_map_of_a_retrieval_names_the_sources_of_the_entity(pair: list[Node]) -> None:
    answer = await send(pair[0].client, "GET", f"/entities/{IDS[4]}?entityMap=true", None, 200)
    assert await entries(pair[0], answer) == {IDS[4]: [REGISTRATION]}
    header = {"NGSILD_EntityMap": answer.headers["ngsild-entitymap"]}
    await send(pair[0].client, "GET", f"/entities/{IDS[4]}", None, 200, **header)
    await send(pair[0].client, "GET", f"/entities/{IDS[3]}", None, 404, **header)


async def test_a_snapshot_holds_what_sources_have(pair: list[Node], network: Network) -> None:
    """4.3.7: "especially relevant for distributed cases"."""
    client = pair[0].client
    queries = [{"type": "Query", "entities": [{"type": "Car"}]}]
    payload = {"type": "Snapshot", "id": "urn:x:1", "snapshotQueries": queries}
    await send(client, "POST", "/snapshots", payload, 201)
    assert (await prepared(client, "/snapshots/urn:x:1"))["snapshotStatus"] == "success"
    network.sent.clear()
    found = await query(pair[0], "", 200, NGSILD_Snapshot="urn:x:1")
    assert ids(found) == IDS
    assert network.sent == []


async def test_a_snapshot_takes_what_a_source_does_not_date(pair: list[Node], network: Network) -> None:
    """4.8: what is unknown by a Context Source is omitted; here it is when the Snapshot was made."""
    bare = {"id": IDS[4], "type": "Car", "speed": {**speed(5), "accuracy": {"type": "Property", "value": 1}}}
    evolution = {**bare, "speed": [{**speed(5), "observedAt": AT}]}
    network.hosts["c"] = lambda sent: (200, [evolution if "temporal" in sent.path else bare])
    await pair[0].register("c", id="urn:x:c", operations=["queryEntity"])
    await pair[0].register("c", id="urn:x:d", **TEMPORAL)
    queries = {
        "snapshotQueries": [{"type": "Query", "entities": [{"type": "Car", "id": IDS[4]}]}],
        "snapshotTemporalQueries": [
            {
                "type": "Query",
                "entities": [{"type": "Car", "id": IDS[4]}],
                "temporalQ": {"timerel": "after", "timeAt": AT},
            }
        ],
    }
    payload = {"type": "Snapshot", "id": "urn:x:1", **queries}
    client, header = pair[0].client, {"NGSILD_Snapshot": "urn:x:1"}
    await send(client, "POST", "/snapshots", payload, 201)
    found = await prepared(client, "/snapshots/urn:x:1")
    assert found["snapshotStatus"] == "success", found
    entity = (await send(client, "GET", f"/entities/{IDS[4]}?options=sysAttrs", None, 200, **header)).json()
    assert entity["createdAt"]
    assert entity["speed"]["modifiedAt"]
    history = (await send(client, "GET", f"/temporal/entities/{IDS[4]}", None, 200, **header)).json()
    assert [one["observedAt"] for one in history["speed"]] == [AT]
    assert history["speed"][0]["instanceId"].startswith("urn:")


async def test_a_temporal_map_says_where_each_evolution_is(pair: list[Node], network: Network) -> None:
    a, b = pair
    await a.register("b", id="urn:x:t", **TEMPORAL)
    for node, numbers in ((a, (1, 2)), (b, (2, 3))):
        for number in numbers:
            body = {"id": f"urn:ngsi-ld:Taxi:{number}", "type": "Car", "speed": [{**speed(number), "observedAt": AT}]}
            await send(node.client, "POST", "/temporal/entities", body, 201)
    path = f"/temporal/entities?type=Car&timerel=after&timeAt={AT}"
    taxis = [f"urn:ngsi-ld:Taxi:{number}" for number in (1, 2, 3)]
    made = await send(a.client, "GET", f"{path}&entityMap=true&limit=2", None, 201)
    assert ids(made) == taxis[:2]
    assert await entries(a, made) == {taxis[0]: ["@none"], taxis[1]: ["@none", "urn:x:t"], taxis[2]: ["urn:x:t"]}
    network.sent.clear()
    header = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    second = await send(a.client, "GET", f"{path}&limit=2&offset=2", None, 200, **header)
    assert ids(second) == taxis[2:]
    assert [one.parameters["id"] for one in network.to("b")] == [taxis[2]]
    by_itself = await send(a.client, "GET", f"/temporal/entityMaps?type=Car&timerel=after&timeAt={AT}", None, 201)
    assert by_itself.json()["entityMap"] == await entries(a, made)


async def test_a_source_makes_a_temporal_map_and_is_given_it_back(pair: list[Node], network: Network) -> None:
    """5.14.5.4."""
    a, b = pair
    operations = [*TEMPORAL["operations"], "createEntityMapQueryTemporal"]
    await a.register("b", id="urn:x:t", **{**TEMPORAL, "operations": operations})
    for number in (1, 2):
        body = {"id": f"urn:ngsi-ld:Taxi:{number}", "type": "Car", "speed": [{**speed(number), "observedAt": AT}]}
        await send(b.client, "POST", "/temporal/entities", body, 201)
    network.sent.clear()
    path = f"/temporal/entities?type=Car&timerel=after&timeAt={AT}&q=speed>1"
    made = await send(a.client, "GET", f"{path}&entityMap=true", None, 201)
    assert ids(made) == ["urn:ngsi-ld:Taxi:2"]
    linked = await linked_maps(a, made)
    assert linked.keys() == {"urn:x:t"}
    theirs = await send(b.client, "GET", f"/entityMaps/{linked['urn:x:t']}", None, 200)
    assert theirs.json()["entityMap"] == {"urn:ngsi-ld:Taxi:2": ["@none"]}
    first, page = network.to("b")
    assert (first.path, page.path) == ("/temporal/entityMaps", "/temporal/entities")
    assert page.headers["ngsild-entitymap"] == f"{API}/entityMaps/{linked['urn:x:t']}"
    assert "ngsild-warning" not in made.headers


async def test_the_map_of_one_entity_says_where_it_is_held(network: Network, pair: list[Node]) -> None:
    """5.2.39: "@none" is for what "is held locally"; 4.5.25: Registrations are those that were asked."""
    a, _ = pair
    for number, expected in ((1, ["@none", REGISTRATION]), (3, [REGISTRATION])):
        answer = await send(a.client, "GET", f"/entities/{IDS[number - 1]}?entityMap=true", None, 200)
        assert await entries(a, answer) == {IDS[number - 1]: expected}
    answer = await send(a.client, "GET", f"/temporal/entities/{IDS[0]}?entityMap=true", None, 200)
    assert await entries(a, answer) == {IDS[0]: ["@none"]}


@pytest.mark.parametrize("types", ["Car", "Bike"], ids=["here and there", "here alone"])
async def test_links_lead_to_sources_that_are_not_in_the_map(network: Network, pair: list[Node], types: str) -> None:
    """4.5.23, 5.7.2.4: the map says where the Entities of the query are, nothing of those that they lead to."""
    a, b = pair
    owner = {"type": "Relationship", "object": "urn:a:owner", "objectType": "Person"}
    entity = {"id": "urn:a:1", "type": types, "owner": owner, "here": speed(1)}
    await send(a.client, "POST", "/entities", entity, 201)
    await send(b.client, "POST", "/entities", {"id": "urn:a:owner", "type": "Person", "age": speed(9)}, 201)
    made = await send(a.client, "GET", f"/entities?type={types}&entityMap=true&attrs=here", None, 201)
    await a.register("b", [{"type": "Person"}], id="urn:x:people")
    headers = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    page = await send(a.client, "GET", f"/entities?type={types}&join=flat&attrs=here", None, 200, **headers)
    assert [one["id"] for one in page.json()] == ["urn:a:1"], "owner is not shown, so nothing leads to it"
    made = await send(a.client, "GET", f"/entities?type={types}&entityMap=true&id=urn:a:1", None, 201)
    headers = {"NGSILD_EntityMap": made.headers["ngsild-entitymap"]}
    page = await send(a.client, "GET", f"/entities?type={types}&join=flat&id=urn:a:1", None, 200, **headers)
    assert [one["id"] for one in page.json()] == ["urn:a:1", "urn:a:owner"]
