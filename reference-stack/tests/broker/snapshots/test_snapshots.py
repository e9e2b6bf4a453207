"""What a Snapshot holds, and operations on it: ETSI GS CIM 009 V1.9.1, clauses 4.3.7, 5.5.15, 5.16.1.4 and 6.3.22."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.spaces import space_of, split_space

from ..api import create, prepared, refused, send
from ..conftest import BrokerFactory, Receiver, RunningBroker
from ..outbound.network import Node
from .snapshots import BUSES, CARS, HISTORY, ONE, TWO, ids, snapshot, speed

pytestmark = pytest.mark.anyio


async def test_a_snapshot_holds_what_its_queries_found_and_nothing_later(running: RunningBroker) -> None:
    client = running.client
    await create(client, ONE, speed=speed(10))
    found = await snapshot(client, CARS)
    assert found["snapshotStatus"] == "success"
    assert found["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    await send(client, "PATCH", f"/entities/{ONE}/attrs/speed", {"type": "Property", "value": 99}, 204)
    await create(client, TWO)
    answer = await send(client, "GET", "/entities?type=Car", None, 200, NGSILD_Snapshot=found["id"])
    assert ids(answer) == [ONE]
    assert answer.json()[0]["speed"]["value"] == 10
    assert answer.headers["ngsild-snapshot"] == found["id"]
    assert ids(await send(client, "GET", "/entities?type=Car", None, 200)) == [ONE, TWO]


TOO_WIDE = {"type": "Query", "q": "createdAt>2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("queries", "status", "details"),
    [
        ([CARS, CARS], "success", ["success", "success"]),
        ([CARS, BUSES], "partial", ["success", "empty"]),
        ([CARS, TOO_WIDE], "partial", ["success", "failure"]),
        ([BUSES], "empty", ["empty"]),
        ([BUSES, TOO_WIDE], "empty", ["empty", "failure"]),
        ([TOO_WIDE], "failure", ["failure"]),
    ],
)
async def test_the_status_follows_from_the_results_of_the_queries(
    running: RunningBroker, queries: list[Any], status: str, details: list[str]
) -> None:
    await create(running.client, ONE)
    found = await snapshot(running.client, *queries)
    assert found["snapshotStatus"] == status
    assert [one["resultStatus"] for one in found["snapshotQueriesDetails"]] == details
    for one in found["snapshotQueriesDetails"]:
        if one["resultStatus"] == "failure":
            assert one["problemDetails"]["type"].endswith("/BadRequestData")
    await send(running.client, "GET", "/entities?type=Car", None, 200, NGSILD_Snapshot=found["id"])


async def test_a_temporal_query_takes_its_interval_of_the_history(running: RunningBroker) -> None:
    client = running.client
    for day in range(1, 6):
        await send(client, "POST", "/temporal/entities", {"id": ONE, "type": "Car", "speed": [speed(day, day)]})
    june = {**CARS, "temporalQ": {"timerel": "after", "timeAt": "2026-06-03T00:00:00Z"}}
    found = await snapshot(client, snapshotTemporalQueries=[june])
    assert found["snapshotStatus"] == "success"
    assert found["snapshotTemporalQueriesDetails"] == [{"resultStatus": "success"}]
    path = f"/temporal/entities/{ONE}"
    kept = (await send(client, "GET", path, None, 200, NGSILD_Snapshot=found["id"])).json()
    assert [one["value"] for one in kept["speed"]] == [3, 4, 5]
    everything = (await send(client, "GET", path, None, 200)).json()
    assert kept["speed"] == everything["speed"][2:]


async def test_two_queries_of_one_entity_are_put_together(running: RunningBroker) -> None:
    client = running.client
    await create(client, ONE, speed=speed(1), name={"type": "Property", "value": "x"}, scope="/a")
    picks = [{**CARS, "pick": ["id", "type", name]} for name in ("speed", "scope")]
    found = await snapshot(client, *picks, snapshotTemporalQueries=[HISTORY, HISTORY])
    kept = (await send(client, "GET", f"/entities/{ONE}", None, 200, NGSILD_Snapshot=found["id"])).json()
    assert kept == {"id": ONE, "type": "Car", "scope": "/a", "speed": speed(1)}
    history = await send(client, "GET", f"/temporal/entities/{ONE}", None, 200, NGSILD_Snapshot=found["id"])
    assert len(history.json()["speed"]) == 1


async def test_linked_entities_of_a_query_are_part_of_the_snapshot(running: RunningBroker) -> None:
    client = running.client
    await create(client, TWO, type="Bus")
    await create(client, ONE, next={"type": "Relationship", "object": TWO})
    for join in ("inline", "flat"):
        found = await snapshot(client, {**CARS, "join": join})
        await send(client, "GET", f"/entities/{TWO}", None, 200, NGSILD_Snapshot=found["id"])
    without = await snapshot(client, CARS)
    await send(client, "GET", f"/entities/{TWO}", None, 404, NGSILD_Snapshot=without["id"])


async def test_all_pages_of_a_result_are_taken(start_broker: BrokerFactory) -> None:
    async with start_broker(max_page_size=2, temporal_page_instances=2) as running:
        for number in range(5):
            await create(running.client, f"urn:ngsi-ld:Car:{number}", speed=speed(number), name=speed(number, 2))
        found = await snapshot(running.client, CARS, snapshotTemporalQueries=[HISTORY])
        parameters = "type=Car&limit=0&count=true"
        answer = await send(running.client, "GET", f"/entities?{parameters}", None, 200, NGSILD_Snapshot=found["id"])
        assert answer.headers["ngsild-results-count"] == "5"
        # All instances are there, though no answer holds them all.
        for name in ("speed", "name"):
            path = f"/temporal/entities/urn:ngsi-ld:Car:4?attrs={name}"
            assert (await send(running.client, "GET", path, None, 200, NGSILD_Snapshot=found["id"])).json()[name]


async def test_more_entities_than_a_snapshot_holds_fail_the_query(start_broker: BrokerFactory) -> None:
    async with start_broker(snapshot_max_entities=1) as running:
        await create(running.client, ONE)
        await create(running.client, TWO)
        found = await snapshot(running.client, CARS)
        assert found["snapshotStatus"] == "failure"
        assert found["snapshotQueriesDetails"][0]["problemDetails"]["type"].endswith("/TooManyResults")


async def test_operations_on_a_snapshot_leave_everything_else_alone(running: RunningBroker) -> None:
    client = running.client
    await create(client, ONE, speed=speed(10))
    found = await snapshot(client, CARS)
    header = {"NGSILD_Snapshot": found["id"]}
    await send(client, "PATCH", f"/entities/{ONE}/attrs/speed", {"type": "Property", "value": 50}, 204, **header)
    await send(client, "POST", "/entities", {"id": TWO, "type": "Bus"}, 201, **header)
    batch = [{"id": "urn:ngsi-ld:Car:3", "type": "Car"}]
    await send(client, "POST", "/entityOperations/create", batch, 201, **header)
    assert (await send(client, "GET", "/types", None, 200, **header)).json()["typeList"] == ["Bus", "Car"]
    assert (await send(client, "GET", "/types", None, 200)).json()["typeList"] == ["Car"]
    assert (await send(client, "GET", f"/entities/{ONE}", None, 200)).json()["speed"]["value"] == 10
    history = await send(client, "GET", f"/temporal/entities/{ONE}", None, 200, **header)
    assert [one["value"] for one in history.json()["speed"]] == [50]


async def test_operations_on_a_snapshot_are_local(running: RunningBroker) -> None:
    await create(running.client, ONE)
    found = await snapshot(running.client, CARS)
    for query in ("", "?local=false", "?type=*&local=false", f"?id={ONE}", "?orderBy=id&type=Car"):
        answer = await send(running.client, "GET", f"/entities{query}", None, 200, NGSILD_Snapshot=found["id"])
        assert ids(answer) == [ONE]
    await refused(running.client, "GET", "/entities", None, 400, "BadRequestData")


async def test_a_subscription_on_a_snapshot_notifies_of_its_entities_alone(
    running: RunningBroker, receiver: Receiver
) -> None:
    client = running.client
    await create(client, ONE, speed=speed(10))
    found = await snapshot(client, CARS)
    await running.subscribe(receiver.url(), headers={"NGSILD-Snapshot": found["id"]})
    body = {"type": "Property", "value": 11}
    await send(client, "PATCH", f"/entities/{ONE}/attrs/speed", body, 204)
    await send(client, "PATCH", f"/entities/{ONE}/attrs/speed", {**body, "value": 12}, 204, NGSILD_Snapshot=found["id"])
    received = (await receiver.wait())[0]
    assert received.headers["ngsild-snapshot"] == found["id"]
    assert "ngsild-tenant" not in received.headers
    assert received.body["data"][0]["speed"]["value"] == 12
    assert (await send(client, "GET", "/subscriptions", None, 200)).json() == []


@pytest.mark.parametrize("path", ["/entityMaps?type=Car", "/temporal/entityMaps", "/snapshots", "/jsonldContexts"])
async def test_a_snapshot_cannot_be_named_elsewhere(running: RunningBroker, path: str) -> None:
    found = await snapshot(running.client, CARS)
    method = "DELETE" if path == "/snapshots" else "GET"
    await refused(running.client, method, path, None, 422, "OperationNotSupported", NGSILD_Snapshot=found["id"])


async def test_an_unknown_snapshot_is_not_found(running: RunningBroker) -> None:
    unknown = "urn:ngsi-ld:Snapshot:none"
    await refused(running.client, "GET", "/entities?type=Car", None, 404, "ResourceNotFound", NGSILD_Snapshot=unknown)
    await refused(running.client, "GET", "/entities?type=Car", None, 400, "BadRequestData", NGSILD_Snapshot="no-uri")
    for method, path, body in (
        ("GET", f"/snapshots/{unknown}", None),
        ("DELETE", f"/snapshots/{unknown}", None),
        ("PATCH", f"/snapshots/{unknown}", {"type": "Snapshot"}),
        ("POST", f"/snapshots/{unknown}/clone", {"type": "Snapshot"}),
    ):
        await refused(running.client, method, path, body, 404, "ResourceNotFound")
        await refused(running.client, method, path.replace(unknown, "no-uri"), body, 400, "BadRequestData")


async def test_a_snapshot_belongs_to_its_tenant(running: RunningBroker, receiver: Receiver) -> None:
    client, tenant = running.client, {"NGSILD_Tenant": "city"}
    await create(client, ONE)
    await send(client, "POST", "/entities", {"id": TWO, "type": "Car"}, 201, **tenant)
    payload = {"type": "Snapshot", "id": "urn:x:1", "snapshotQueries": [CARS], "endpoint": receiver.url()}
    await send(client, "POST", "/snapshots", payload, 201, **tenant)
    await prepared(client, "/snapshots/urn:x:1", **tenant)
    await send(client, "GET", "/snapshots/urn:x:1", None, 404)
    both = {**tenant, "NGSILD_Snapshot": "urn:x:1"}
    answer = await send(client, "GET", "/entities?type=Car", None, 200, **both)
    assert ids(answer) == [TWO]
    assert (answer.headers["ngsild-tenant"], answer.headers["ngsild-snapshot"]) == ("city", "urn:x:1")
    assert (await receiver.wait())[0].headers["ngsild-tenant"] == "city"


@pytest.mark.parametrize(("tenant", "snapshot_id"), [(None, "urn:x:1"), ("city", "urn:x:1")])
def test_a_space_says_whose_it_is(tenant: str | None, snapshot_id: str) -> None:
    assert split_space(space_of(tenant, snapshot_id)) == (tenant, snapshot_id)
    assert split_space(tenant) == (tenant, None)


async def test_a_source_that_fails_is_told_though_the_query_succeeded(pair: list[Node]) -> None:
    """5.2.42, 6.3.17: a warning is no error, so the status stays; what is missing is told beside it."""
    a, b = pair
    await create(a.client, ONE, speed=speed(1))
    await create(b.client, TWO, speed=speed(2))
    await a.register("b")
    assert (await snapshot(a.client, CARS))["snapshotQueriesDetails"] == [{"resultStatus": "success"}]
    identifier = await a.register("dead")
    found = await snapshot(a.client, CARS, BUSES)
    assert found["snapshotStatus"] == "partial"
    cars, buses = found["snapshotQueriesDetails"]
    assert (cars["resultStatus"], buses) == ("success", {"resultStatus": "empty"})
    assert identifier in cars["problemDetails"]["detail"]
