"""How Snapshots are filled, cloned, used and removed: ETSI GS CIM 009 V1.9.1, clauses 5.3.4, 5.5.15 and 5.16."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NonexistentTenant
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.operations.provision.entities import create_entity
from ldt_stack.broker.operations.snapshots import content as snapshot_content
from ldt_stack.broker.operations.snapshots import keeper as snapshot_keeper
from ldt_stack.broker.operations.snapshots.content import write_content
from ldt_stack.broker.operations.snapshots.keeper import Keeper
from ldt_stack.broker.service import Broker
from ldt_stack.broker.spaces import space_of

from ..api import create, prepared, refused, send
from ..conftest import BrokerFactory, Receiver, ReceiverServer, RunningBroker
from .snapshots import BUSES, CARS, HISTORY, ONE, TWO, ids, snapshot, speed

pytestmark = pytest.mark.anyio


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
            await running.broker.store.add(space_of(None, "urn:orphan:1"))
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


async def test_the_receiver_is_told_when_the_snapshot_is_ready_and_when_it_is_gone(
    running: RunningBroker, receiver: Receiver
) -> None:
    await create(running.client, ONE)
    info = [{"key": "X-Who", "value": "me"}, {"key": "X-Who", "value": "you"}]
    found = await snapshot(
        running.client,
        CARS,
        endpoint=receiver.url(),
        receiverInfo=info,
        snapshotTemporalQueries=[HISTORY],
        snapshotPriority=7,
    )
    ready = (await receiver.wait())[0]
    assert ready.headers["x-who"] == "me, you"
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


async def idle(running: RunningBroker) -> None:
    """Returns when nothing is done about Snapshots any more."""
    keeper = running.broker.keeper
    assert isinstance(keeper, Keeper)
    await asyncio.gather(*keeper._tasks)


async def test_a_new_snapshot_with_the_id_of_one_that_was_deleted_while_it_was_filled_is_whole(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(broker: Broker, space: str, content: snapshot_content.Content) -> None:
        if not reached.is_set():
            reached.set()
            await go_on.wait()
        await write_content(broker, space, content)

    client = running.client
    await create(client, ONE)
    await create(client, TWO, type="Bus")
    monkeypatch.setattr(snapshot_keeper, "write_content", slowly)
    payload = {"type": "Snapshot", "id": "urn:x:1", "snapshotQueries": [BUSES]}
    await send(client, "POST", "/snapshots", payload, 201)
    await reached.wait()
    await send(client, "DELETE", "/snapshots/urn:x:1", None, 204)
    await send(client, "POST", "/snapshots", {**payload, "snapshotQueries": [CARS]}, 201)
    go_on.set()
    assert (await prepared(client, "/snapshots/urn:x:1"))["snapshotStatus"] == "success"
    await idle(running)
    assert ids(await send(client, "GET", "/entities", None, 200, NGSILD_Snapshot="urn:x:1")) == [ONE]


async def test_the_id_of_an_expired_snapshot_is_free_before_the_sweep(running: RunningBroker) -> None:
    client = running.client
    await create(client, ONE)
    await snapshot(client, CARS, id="urn:x:1", snapshotLifetime="PT1M")
    await running.subscribe("http://127.0.0.1:9/old", headers={"NGSILD-Snapshot": "urn:x:1"})
    running.clock.advance(61)
    found = await snapshot(client, BUSES, id="urn:x:1")
    assert found["snapshotStatus"] == "empty"
    await idle(running)
    for path in ("/entities", "/subscriptions"):
        assert (await send(client, "GET", path, None, 200, NGSILD_Snapshot="urn:x:1")).json() == []


async def test_expired_snapshots_are_none_of_those_that_count(start_broker: BrokerFactory) -> None:
    async with start_broker(max_snapshots=1) as running:
        await snapshot(running.client, CARS, id="urn:x:1", snapshotLifetime="PT1M", snapshotPriority=9)
        running.clock.advance(61)
        await snapshot(running.client, CARS, id="urn:x:2", snapshotPriority=1)
        await idle(running)
        assert await running.broker.store.tenants() == [None, space_of(None, "urn:x:2")]


async def test_a_snapshot_that_cannot_be_filled_for_any_reason_has_failed(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(snapshot_keeper, "write_content", broken)
    assert (await snapshot(running.client, CARS))["snapshotStatus"] == "failure"


async def test_a_write_that_comes_too_late_does_not_bring_a_snapshot_back(running: RunningBroker) -> None:
    """Its request was let through, then the Snapshot was deleted."""
    space = space_of(None, (await snapshot(running.client, CARS))["id"])
    await send(running.client, "DELETE", f"/snapshots/{space.strip()}", None, 204)
    with pytest.raises(NonexistentTenant, match="no Snapshot"):
        await create_entity(running.broker, Call(space, core_context(), local=True), {"id": ONE, "type": "Car"})
    assert await running.broker.store.tenants() == [None]


async def test_notifications_of_a_snapshot_keep_their_order(running: RunningBroker, receiver: Receiver) -> None:
    receiver.delay_seconds["/notify"] = 0.2
    found = await snapshot(running.client, CARS, endpoint=receiver.url())
    for priority in (1, 2, 3):
        path = f"/snapshots/{found['id']}"
        await send(running.client, "PATCH", path, {"type": "Snapshot", "snapshotPriority": priority}, 200)
    received = await receiver.wait(4)
    assert [one.body["snapshotPriority"] for one in received] == [5, 1, 2, 3]


async def test_a_notification_that_was_not_taken_is_sent_after_a_restart(
    start_broker: BrokerFactory, tmp_path: Any, receivers: ReceiverServer
) -> None:
    """5.16.6: "shall be sent after all the specified Snapshot queries have been executed", and after each update."""
    port = receivers.start().port
    receivers.stop()
    settings = {"data_dir": tmp_path, "notification_retry_seconds": 3600.0, "shutdown_grace_seconds": 0.0}
    async with start_broker(**settings) as running:
        found = await snapshot(running.client, CARS, endpoint=f"http://127.0.0.1:{port}/notify")
        path = f"/snapshots/{found['id']}"
        await send(running.client, "PATCH", path, {"type": "Snapshot", "snapshotPriority": 2}, 200)
    receiver = receivers.start(port)
    async with start_broker(**settings) as running:
        received = await receiver.wait(2)
        assert [one.body["snapshotPriority"] for one in received] == [5, 2]
        await send(running.client, "DELETE", path, None, 204)
        gone = (await receiver.wait(3))[2]
        assert gone.body["expiresAt"] < gone.body["notifiedAt"]
        await running.broker.notifier.flush()
    async with start_broker(**settings) as running:
        assert running.broker.notifier.figures().owed == 0
    assert len(receiver.received) == 3
