"""Snapshots: ETSI GS CIM 009 V1.9.1, clauses 4.3.7, 5.2.41, 5.2.42, 5.3.4, 5.5.15, 5.16, 6.3.22 and 6.36 to 6.38."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.operations import snapshot_content, snapshot_keeper
from ldt_stack.broker.operations.snapshot_content import write_content
from ldt_stack.broker.operations.snapshot_data import (
    ALL_MEMBERS,
    OUTPUT_ONLY,
    check_clone,
    check_fragment,
    check_new,
)
from ldt_stack.broker.operations.snapshot_keeper import Keeper
from ldt_stack.broker.spaces import space_of, split_space

from .api import create, prepared, refused, send
from .conftest import BrokerFactory, Receiver, RunningBroker

pytestmark = pytest.mark.anyio
CARS = {"type": "Query", "entities": [{"type": "Car"}]}
BUSES = {"type": "Query", "entities": [{"type": "Bus"}]}
HISTORY = {**CARS, "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}}
ONE, TWO = "urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2"


def speed(value: int, day: int = 1) -> dict[str, Any]:
    """A Property with a value of a day in June."""
    return {"type": "Property", "value": value, "observedAt": f"2026-06-{day:02}T00:00:00Z"}


async def snapshot(client: httpx.AsyncClient, *queries: Any, **members: Any) -> dict[str, Any]:
    """A prepared Snapshot of some Queries."""
    if queries:
        members["snapshotQueries"] = list(queries)
    answer = await send(client, "POST", "/snapshots", {"type": "Snapshot", **members}, 201)
    return await prepared(client, answer.headers["location"].removeprefix("/ngsi-ld/v1"))


def ids(answer: httpx.Response) -> list[str]:
    return [entity["id"] for entity in answer.json()]


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


async def test_the_status_has_the_members_of_the_data_type(running: RunningBroker) -> None:
    answer = await send(running.client, "POST", "/snapshots", {"type": "Snapshot", "snapshotQueries": [CARS]}, 201)
    path = answer.headers["location"]
    assert path.startswith("/ngsi-ld/v1/snapshots/urn:ngsi-ld:Snapshot:")
    found = await prepared(running.client, path.removeprefix("/ngsi-ld/v1"))
    assert found.keys() == {
        "id",
        "type",
        "snapshotQueries",
        "snapshotPriority",
        "snapshotStatus",
        "snapshotQueriesDetails",
        "createdAt",
        "modifiedAt",
        "expiresAt",
        "lastUsedAt",
    }
    assert (found["type"], found["snapshotPriority"], found["snapshotQueries"]) == ("Snapshot", 5, [CARS])
    assert found["createdAt"] == found["lastUsedAt"] <= found["modifiedAt"] < found["expiresAt"]


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


async def test_a_snapshot_that_is_being_prepared_cannot_be_used_yet(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keeper, "prepare", lambda *arguments: None)
    answer = await send(running.client, "POST", "/snapshots", {"type": "Snapshot", "snapshotQueries": [CARS]}, 201)
    path = answer.headers["location"].removeprefix("/ngsi-ld/v1")
    found = (await send(running.client, "GET", path, None, 200)).json()
    assert found["snapshotStatus"] == "preparing"
    await refused(running.client, "GET", "/entities?type=Car", None, 409, "Conflict", NGSILD_Snapshot=found["id"])
    await refused(running.client, "POST", f"{path}/clone", {"type": "Snapshot"}, 409, "Conflict")


async def test_what_was_being_prepared_is_prepared_by_the_next_process(
    start_broker: BrokerFactory, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "prepare", lambda *arguments: None)
        async with start_broker(data_dir=tmp_path) as running:
            await create(running.client, ONE)
            payload = {"type": "Snapshot", "snapshotQueries": [CARS]}
            path = (await send(running.client, "POST", "/snapshots", payload, 201)).headers["location"]
            await running.broker.store.write(" urn:orphan:1", lambda transaction: None, create=True)
    async with start_broker(data_dir=tmp_path) as running:
        found = await prepared(running.client, path.removeprefix("/ngsi-ld/v1"))
        assert found["snapshotStatus"] == "success"
        answer = await send(running.client, "GET", f"/entities/{ONE}", None, 200, NGSILD_Snapshot=found["id"])
        assert answer.json()["id"] == ONE
        assert await running.broker.store.tenants() == [None, space_of(None, found["id"])]


async def test_a_clone_has_what_the_snapshot_has_and_goes_its_own_way(running: RunningBroker) -> None:
    client = running.client
    await create(client, ONE, speed=speed(10))
    first = await snapshot(client, CARS, snapshotTemporalQueries=[HISTORY])
    own = "urn:ngsi-ld:Snapshot:clone"
    clone = {"type": "Snapshot", "id": own, "snapshotPriority": 9}
    answer = await send(client, "POST", f"/snapshots/{first['id']}/clone", clone, 201)
    assert answer.headers["location"] == f"/ngsi-ld/v1/snapshots/{own}"
    second = await prepared(client, f"/snapshots/{own}")
    assert (second["snapshotStatus"], second["snapshotPriority"]) == ("success", 9)
    assert "snapshotQueries" not in second
    for path in (f"/entities/{ONE}?options=sysAttrs", f"/temporal/entities/{ONE}?options=sysAttrs"):
        copies = [
            (await send(client, "GET", path, None, 200, NGSILD_Snapshot=one["id"])).json() for one in (first, second)
        ]
        assert copies[0] == copies[1]
    await send(client, "DELETE", f"/entities/{ONE}", None, 204, NGSILD_Snapshot=own)
    await send(client, "GET", f"/entities/{ONE}", None, 200, NGSILD_Snapshot=first["id"])
    await refused(client, "POST", f"/snapshots/{first['id']}/clone", clone, 409, "AlreadyExists")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"snapshotQueries": []},
        {"snapshotQueries": {}},
        {"snapshotQueries": [HISTORY]},
        {"snapshotTemporalQueries": [CARS]},
        {"snapshotQueries": [{"entities": [{"type": "Car"}]}]},
        {"snapshotQueries": [{**CARS, "q": "speed>"}]},
        {"snapshotTemporalQueries": [{**CARS, "temporalQ": {"timerel": "after", "timeAt": "now"}}]},
        {"snapshotQueries": [CARS], "id": "no uri"},
        {"snapshotQueries": [CARS], "id": "urn:x:" + "y" * 200},
        {"snapshotQueries": [CARS], "snapshotLifetime": "1 day"},
        {"snapshotQueries": [CARS], "snapshotLifetime": 60},
        {"snapshotQueries": [CARS], "snapshotPriority": 0},
        {"snapshotQueries": [CARS], "snapshotPriority": 11},
        {"snapshotQueries": [CARS], "snapshotPriority": True},
        {"snapshotQueries": [CARS], "endpoint": "urn:x:1"},
        {"snapshotQueries": [CARS], "endpoint": "mqtt://broker.test/"},
        {"snapshotQueries": [CARS], "endpoint": "http://["},
        {"snapshotQueries": [CARS], "endpoint": 5},
        {"snapshotQueries": [CARS], "receiverInfo": {"key": "a"}},
        {"snapshotQueries": [CARS], "receiverInfo": [{"key": "a b", "value": "c"}]},
        {"snapshotQueries": [CARS], "receiverInfo": [{"key": "Host", "value": "c"}]},
        {"snapshotQueries": [CARS], "speed": 3},
        {"snapshotQueries": [CARS], "type": "Entity"},
    ],
)
async def test_what_is_no_snapshot_is_refused(running: RunningBroker, members: dict[str, Any]) -> None:
    await refused(running.client, "POST", "/snapshots", {"type": "Snapshot", **members}, 400, "BadRequestData")


async def test_a_clone_whose_snapshot_is_gone_in_the_meantime_has_failed(
    running: RunningBroker, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await snapshot(running.client, CARS)
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "prepare", lambda *arguments: None)
        clone = {"type": "Snapshot", "id": "urn:x:1", "endpoint": receiver.url()}
        await send(running.client, "POST", f"/snapshots/{first['id']}/clone", clone, 201)
    await send(running.client, "DELETE", f"/snapshots/{first['id']}", None, 204)
    running.broker.snapshots.prepare(None, "urn:x:1")
    assert (await prepared(running.client, "/snapshots/urn:x:1"))["snapshotStatus"] == "failure"
    assert (await receiver.wait())[0].body["snapshotStatus"] == "failure"
    found = await send(running.client, "GET", "/entities?type=Car", None, 200, NGSILD_Snapshot="urn:x:1")
    assert found.json() == []


async def test_a_snapshot_that_is_deleted_while_it_is_prepared_leaves_nothing(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: Any) -> None:
        await write_content(*arguments)
        filled.set()
        await go_on.wait()

    monkeypatch.setattr(snapshot_keeper, "write_content", slowly)
    await send(running.client, "POST", "/snapshots", {"type": "Snapshot", "id": "urn:x:1", "snapshotQueries": [CARS]})
    await filled.wait()
    await send(running.client, "DELETE", "/snapshots/urn:x:1", None, 204)
    go_on.set()
    keeper = running.broker.keeper
    assert isinstance(keeper, Keeper)
    await asyncio.gather(*keeper._tasks)
    assert await running.broker.store.tenants() == [None]


async def test_what_is_written_in_parts_is_all_there(running: RunningBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_content, "_AT_ONCE", 2)
    for number in range(5):
        await create(running.client, f"urn:ngsi-ld:Car:{number}", speed=speed(number))
    first = await snapshot(running.client, CARS, snapshotTemporalQueries=[HISTORY])
    clone = {"type": "Snapshot", "id": "urn:x:1"}
    await send(running.client, "POST", f"/snapshots/{first['id']}/clone", clone, 201)
    await prepared(running.client, "/snapshots/urn:x:1")
    for identifier in (first["id"], "urn:x:1"):
        for path in ("/entities?type=Car", "/temporal/entities?type=Car&timerel=after&timeAt=2026-01-01T00:00:00Z"):
            found = await send(running.client, "GET", path, None, 200, NGSILD_Snapshot=identifier)
            assert len(ids(found)) == 5


_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["Snapshot", "PT1M", "http://x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "key", "value"]), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(ALL_MEMBERS)), _ANY))
def test_any_json_is_a_snapshot_or_refused(payload: dict[str, Any]) -> None:
    for check in (check_new, check_clone, lambda payload: check_fragment("urn:x:1", payload)):
        with contextlib.suppress(BadRequestData):
            assert not OUTPUT_ONLY & check(payload).keys()


async def test_a_clone_has_no_queries(running: RunningBroker) -> None:
    first = await snapshot(running.client, CARS)
    for members in ({"snapshotQueries": [CARS]}, {"snapshotTemporalQueries": [HISTORY]}, {"type": "Car"}):
        payload = {"type": "Snapshot", **members}
        await refused(running.client, "POST", f"/snapshots/{first['id']}/clone", payload, 400, "BadRequestData")


async def test_an_id_is_used_once_and_output_only_members_are_ignored(running: RunningBroker) -> None:
    payload = {
        "type": "Snapshot",
        "id": "urn:x:1",
        "snapshotQueries": [CARS],
        "snapshotStatus": "success",
        "expiresAt": "2000-01-01T00:00:00Z",
        "createdAt": "2000-01-01T00:00:00Z",
    }
    await send(running.client, "POST", "/snapshots", payload, 201)
    found = await prepared(running.client, "/snapshots/urn:x:1")
    assert found["snapshotStatus"] == "empty"
    assert found["createdAt"] > "2020"
    await refused(running.client, "POST", "/snapshots", payload, 409, "AlreadyExists")


async def test_the_lifetime_is_limited_and_ends_the_snapshot(start_broker: BrokerFactory) -> None:
    async with start_broker(snapshot_max_seconds=60) as running:
        await create(running.client, ONE)
        found = await snapshot(running.client, CARS, snapshotLifetime="P1Y")
        running.clock.advance(61)
        await refused(running.client, "GET", f"/snapshots/{found['id']}", None, 404, "ResourceNotFound")
        path = "/entities?type=Car"
        await refused(running.client, "GET", path, None, 404, "ResourceNotFound", NGSILD_Snapshot=found["id"])
        keeper = running.broker.keeper
        assert isinstance(keeper, Keeper)
        await keeper.sweep(running.broker)
        assert await running.broker.store.tenants() == [None]


async def test_an_expired_snapshot_goes_also_after_a_restart_and_a_longer_life_counts(
    start_broker: BrokerFactory, tmp_path: Any
) -> None:
    tenant = {"NGSILD_Tenant": "city"}
    async with start_broker(data_dir=tmp_path) as running:
        for identifier in ("urn:x:1", "urn:x:2"):
            payload = {"type": "Snapshot", "id": identifier, "snapshotQueries": [CARS], "snapshotLifetime": "PT10S"}
            await send(running.client, "POST", "/snapshots", payload, 201, **tenant)
            await prepared(running.client, f"/snapshots/{identifier}", **tenant)
        longer = {"snapshotLifetime": "PT1H"}
        await send(running.client, "PATCH", "/snapshots/urn:x:2", longer, 200, **tenant)
    async with start_broker(data_dir=tmp_path) as running:
        running.clock.advance(11)
        keeper = running.broker.keeper
        assert isinstance(keeper, Keeper)
        await keeper.sweep(running.broker)
        assert await running.broker.store.tenants() == [None, "city", space_of("city", "urn:x:2")]
        await keeper.sweep(running.broker)
        await send(running.client, "GET", "/snapshots/urn:x:2", None, 200, **tenant)


async def test_update_changes_what_may_be_changed(running: RunningBroker, receiver: Receiver) -> None:
    found = await snapshot(running.client, CARS)
    path = f"/snapshots/{found['id']}"
    fragment = {
        "type": "Snapshot",
        "snapshotLifetime": "PT1M",
        "snapshotPriority": 2,
        "endpoint": receiver.url(),
        "receiverInfo": [{"key": "X-Who", "value": "me"}],
        "snapshotStatus": "failure",
    }
    updated = (await send(running.client, "PATCH", path, fragment, 200)).json()
    assert updated["snapshotStatus"] == "empty"
    assert updated["snapshotPriority"] == 2
    assert updated["expiresAt"] < found["expiresAt"]
    assert updated["modifiedAt"] > found["modifiedAt"]
    assert (await send(running.client, "GET", path, None, 200)).json() == updated
    received = (await receiver.wait())[0]
    assert received.headers["x-who"] == "me"
    assert received.body["expiresAt"] == updated["expiresAt"]
    null = "urn:ngsi-ld:null"
    removed = {"endpoint": null, "receiverInfo": null, "snapshotPriority": null, "snapshotLifetime": null}
    again = (await send(running.client, "PATCH", path, removed, 200)).json()
    assert not {"endpoint", "receiverInfo", "snapshotLifetime"} & again.keys()
    assert again["snapshotPriority"] == 5
    assert again["expiresAt"] > updated["expiresAt"]


@pytest.mark.parametrize(
    "fragment",
    [
        {"snapshotQueries": [CARS]},
        {"snapshotTemporalQueries": [HISTORY]},
        {"id": "urn:x:other"},
        {"type": "Car"},
        {"snapshotPriority": "high"},
        {"unknown": 1},
    ],
)
async def test_an_update_of_what_cannot_be_changed_is_refused(running: RunningBroker, fragment: dict[str, Any]) -> None:
    found = await snapshot(running.client, CARS)
    await refused(running.client, "PATCH", f"/snapshots/{found['id']}", fragment, 400, "BadRequestData")


async def test_the_receiver_is_told_when_the_snapshot_is_ready_and_when_it_is_gone(
    running: RunningBroker, receiver: Receiver
) -> None:
    await create(running.client, ONE)
    info = [{"key": "X-Who", "value": "me"}]
    found = await snapshot(
        running.client,
        CARS,
        endpoint=receiver.url(),
        receiverInfo=info,
        snapshotTemporalQueries=[HISTORY],
        snapshotPriority=7,
    )
    ready = (await receiver.wait())[0]
    assert ready.headers["x-who"] == "me"
    assert ready.headers["content-type"] == "application/json"
    body = dict(ready.body)
    assert body.pop("id").startswith("urn:")
    assert found["modifiedAt"] <= body.pop("notifiedAt") < body["expiresAt"]
    assert body == {
        "type": "SnapshotNotification",
        "snapshotId": found["id"],
        "snapshotStatus": found["snapshotStatus"],
        "snapshotPriority": 7,
        "expiresAt": found["expiresAt"],
        "snapshotQueriesDetails": found["snapshotQueriesDetails"],
        "temporalSnapshotQueriesDetails": found["snapshotTemporalQueriesDetails"],
    }
    await send(running.client, "DELETE", f"/snapshots/{found['id']}", None, 204)
    gone = (await receiver.wait(2))[1]
    assert gone.body["expiresAt"] < gone.body["notifiedAt"]


async def test_a_deleted_snapshot_is_gone_with_its_subscriptions(running: RunningBroker, receiver: Receiver) -> None:
    await create(running.client, ONE)
    identifier = "urn:x:1"
    await snapshot(running.client, CARS, id=identifier)
    await running.subscribe(receiver.url("/old"), headers={"NGSILD-Snapshot": identifier})
    await send(running.client, "DELETE", f"/snapshots/{identifier}", None, 204)
    await send(running.client, "GET", f"/snapshots/{identifier}", None, 404)
    assert await running.broker.store.tenants() == [None]
    await snapshot(running.client, CARS, id=identifier)
    await running.subscribe(receiver.url("/new"), headers={"NGSILD-Snapshot": identifier})
    body = {"speed": {"type": "Property", "value": 1}}
    await send(running.client, "POST", f"/entities/{ONE}/attrs", body, 204, NGSILD_Snapshot=identifier)
    await receiver.wait(1, "/new")
    assert receiver.at("/old") == []


@pytest.mark.parametrize(
    ("q", "left"),
    [
        ("snapshotPriority<5", [2]),
        ("snapshotStatus==%22empty%22", []),
        ("createdAt>2020-01-01T00:00:00Z;snapshotPriority==9", [1]),
        ("lastUsedAt>2020-01-01T00:00:00Z", []),
        ("expiresAt<2020-01-01T00:00:00Z|snapshotPriority==1", [2]),
        ("id==%22urn:x:2%22", [1]),
    ],
)
async def test_purge_deletes_the_snapshots_that_a_query_finds(running: RunningBroker, q: str, left: list[int]) -> None:
    await snapshot(running.client, BUSES, id="urn:x:1", snapshotPriority=1)
    await snapshot(running.client, BUSES, id="urn:x:2", snapshotPriority=9)
    await send(running.client, "DELETE", f"/snapshots?q={q}", None, 204)
    found = [(await send(running.client, "GET", f"/snapshots/urn:x:{number}")).status_code for number in (1, 2)]
    assert [number for number, status in zip((1, 2), found, strict=True) if status == 200] == left


@pytest.mark.parametrize("query", ["", "?q=speed>3", "?q=snapshotPriority>", "?q=a.b==1"])
async def test_a_purge_without_a_query_on_members_of_a_snapshot_is_refused(running: RunningBroker, query: str) -> None:
    await snapshot(running.client, BUSES)
    await refused(running.client, "DELETE", f"/snapshots{query}", None, 400, "BadRequestData")


async def test_a_purge_that_finds_nothing_says_so(running: RunningBroker) -> None:
    await snapshot(running.client, BUSES)
    await refused(running.client, "DELETE", "/snapshots?q=snapshotPriority>9", None, 404, "ResourceNotFound")


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


async def test_use_is_noted_and_stored(start_broker: BrokerFactory, tmp_path: Any) -> None:
    async with start_broker(data_dir=tmp_path) as running:
        found = await snapshot(running.client, CARS)
        running.clock.advance(5)
        await send(running.client, "GET", "/types", None, 200, NGSILD_Snapshot=found["id"])
        used = (await send(running.client, "GET", f"/snapshots/{found['id']}", None, 200)).json()["lastUsedAt"]
        assert used > found["lastUsedAt"]
    async with start_broker(data_dir=tmp_path) as running:
        assert (await send(running.client, "GET", f"/snapshots/{found['id']}", None, 200)).json()["lastUsedAt"] == used


async def test_a_snapshot_of_lower_priority_makes_room(start_broker: BrokerFactory) -> None:
    async with start_broker(max_snapshots=2) as running:
        for number, priority in ((1, 3), (2, 2)):
            await snapshot(running.client, CARS, id=f"urn:x:{number}", snapshotPriority=priority)
        payload = {"type": "Snapshot", "snapshotQueries": [CARS], "snapshotPriority": 2}
        await refused(running.client, "POST", "/snapshots", payload, 403, "TooManyResults")
        await snapshot(running.client, CARS, id="urn:x:3", snapshotPriority=3)
        found = [(await send(running.client, "GET", f"/snapshots/urn:x:{one}")).status_code for one in (1, 2, 3)]
        assert found == [200, 404, 200]


@pytest.mark.parametrize(("tenant", "snapshot_id"), [(None, "urn:x:1"), ("city", "urn:x:1")])
def test_a_space_says_whose_it_is(tenant: str | None, snapshot_id: str) -> None:
    assert split_space(space_of(tenant, snapshot_id)) == (tenant, snapshot_id)
    assert split_space(tenant) == (tenant, None)
