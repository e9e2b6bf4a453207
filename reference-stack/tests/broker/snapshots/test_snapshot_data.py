"""The data type Snapshot, its update and purge: ETSI GS CIM 009 V1.9.1, clauses 5.2.41, 5.16.1, 5.16.4 and 5.16.7."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.operations.snapshots.data import (
    ALL_MEMBERS,
    OUTPUT_ONLY,
    check_clone,
    check_fragment,
    check_new,
)

from ..api import API, create, prepared, refused, send
from ..conftest import BrokerFactory, Receiver, RunningBroker
from .snapshots import BUSES, CARS, HISTORY, ONE, ids, snapshot

pytestmark = pytest.mark.anyio


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
        {"snapshotQueries": [CARS], "id": "urn:x:" + "y" * 240},
        {"snapshotQueries": [CARS], "id": "urn:x:" + "Y" * 80},
        {"snapshotQueries": [CARS], "snapshotLifetime": "1 day"},
        {"snapshotQueries": [CARS], "snapshotLifetime": 60},
        {"snapshotQueries": [CARS], "snapshotPriority": 0},
        {"snapshotQueries": [CARS], "snapshotPriority": 11},
        {"snapshotQueries": [CARS], "snapshotPriority": 5.5},
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


async def test_an_integer_may_be_written_with_a_fraction_of_zero(running: RunningBroker) -> None:
    """JSON knows numbers alone, and 7.0 is one without "a non-zero fractional part" (4.5.2.2)."""
    snapshot = {"type": "Snapshot", "snapshotQueries": [CARS], "snapshotPriority": 7.0}
    path = (await send(running.client, "POST", "/snapshots", snapshot, 201)).headers["location"].removeprefix(API)
    shown = (await send(running.client, "GET", path, None, 200)).json()["snapshotPriority"]
    assert (shown, type(shown)) == (7, int)
    answer = await send(running.client, "PATCH", path, {"snapshotPriority": 1e1}, 200)
    assert answer.json()["snapshotPriority"] == 10


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


@pytest.mark.parametrize("identifier", ["urn:x:" + "y" * 200, "urn:ngsi-ld:Snapshot:" + "A" * 55])
async def test_an_id_may_be_as_long_as_it_can_be_kept(running: RunningBroker, identifier: str) -> None:
    await create(running.client, ONE)
    await snapshot(running.client, CARS, id=identifier)
    assert ids(await send(running.client, "GET", "/entities", None, 200, NGSILD_Snapshot=identifier)) == [ONE]


async def test_snapshots_are_none_of_the_tenants_that_count(start_broker: BrokerFactory) -> None:
    async with start_broker(max_tenants=2) as running:
        for number in range(4):
            await snapshot(running.client, CARS, id=f"urn:x:{number}")
        await create(running.client, ONE)
        await send(running.client, "POST", "/entities", {"id": ONE, "type": "Car"}, 201, NGSILD_Tenant="one")
        await send(running.client, "POST", "/entities", {"id": ONE, "type": "Car"}, 201, NGSILD_Tenant="two")
        payload = {"id": ONE, "type": "Car"}
        await refused(running.client, "POST", "/entities", payload, 403, "TooManyResults", NGSILD_Tenant="three")


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
