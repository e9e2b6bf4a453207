"""The temporal evolution follows the current state (4.3.1), and what has expired goes (4.22)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from ldt_stack.broker.operations.expiry import remove_expired
from ldt_stack.broker.store.data import TemporalEntity, TemporalQuery

from ..api import CAR, DEFAULT, NULL, create, get, gone, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
ATTRS = f"/entities/{CAR}/attrs"
GPS = "urn:ngsi-ld:dataset:gps"


async def evolution(running: RunningBroker) -> TemporalEntity:
    """The whole history of the Entity."""
    query = TemporalQuery(timeproperty="modifiedAt")
    found = await running.broker.store.read(None, lambda snapshot: snapshot.get_temporal(CAR, query))
    assert found is not None
    return found


async def values(running: RunningBroker, name: str = DEFAULT + "a") -> list[Any]:
    """Values (or the Null of a deletion) of an Attribute in the order of their writing."""
    instances = (await evolution(running)).attributes.get(name, [])
    ordered = sorted(instances, key=lambda one: one["modifiedAt"])
    return [one.get("value", one.get("object", one.get("languageMap", one.get("valueList")))) for one in ordered]


async def test_every_write_leaves_an_instance(running: RunningBroker) -> None:
    """Create, append, update, partial update, replace, merge and upsert: one instance each, with its own instanceId."""
    await create(running.client, a=1)
    await send(running.client, "POST", ATTRS, {"a": 2}, 204)
    await send(running.client, "PATCH", ATTRS, {"a": 3}, 204)
    await send(running.client, "PATCH", f"{ATTRS}/a", {"value": 4}, 204)
    await send(running.client, "PUT", f"{ATTRS}/a", {"value": 5}, 204)
    await send(running.client, "PATCH", f"/entities/{CAR}", {"a": {"value": 6}}, 204)
    await send(running.client, "PUT", f"/entities/{CAR}", {"type": "Car", "a": 7}, 204)
    await send(running.client, "POST", "/entityOperations/upsert", [{"id": CAR, "type": "Car", "a": 8}], 204)
    batch = [{"id": CAR, "type": "Car", "a": 9}, {"id": CAR, "type": "Car", "a": 10}]
    await send(running.client, "POST", "/entityOperations/update", batch, 204)
    assert await values(running) == list(range(1, 11))
    instances = (await evolution(running)).attributes[DEFAULT + "a"]
    assert len({one["instanceId"] for one in instances}) == 10
    assert len({one["createdAt"] for one in instances}) == 1


async def test_what_is_not_written_leaves_none(running: RunningBroker) -> None:
    """A write of another Attribute, one that is refused, and noOverwrite leave no instance."""
    await create(running.client, a=1)
    await send(running.client, "POST", f"{ATTRS}?options=noOverwrite", {"a": 2, "b": 1}, 207)
    await send(running.client, "PATCH", ATTRS, {"a": {"type": "Property"}}, 400)
    await send(running.client, "POST", "/entities", {"id": CAR, "type": "Car", "a": 3}, 409)
    await send(running.client, "PATCH", f"/entities/{CAR}", {}, 204)
    assert await values(running) == [1]


@pytest.mark.parametrize(
    ("attribute", "null"),
    [
        ({"value": 1}, NULL),
        ({"object": "urn:a:1"}, NULL),
        ({"languageMap": {"en": "x"}}, {"@none": NULL}),
        ({"valueList": [1]}, [NULL]),
    ],
)
async def test_a_deletion_is_recorded(running: RunningBroker, attribute: Any, null: Any) -> None:
    """4.5.0: a deleted Attribute leaves an instance with the NGSI-LD Null and deletedAt."""
    await create(running.client, a=attribute)
    await send(running.client, "DELETE", f"{ATTRS}/a", None, 204)
    assert (await values(running))[1] == null
    last = max((await evolution(running)).attributes[DEFAULT + "a"], key=lambda one: one["modifiedAt"])
    assert last["deletedAt"] == last["modifiedAt"]


async def test_only_the_deleted_instance_is_recorded(running: RunningBroker) -> None:
    """The deletion of one instance records that datasetId alone."""
    await create(running.client, a=[{"value": 1}, {"value": 2, "datasetId": GPS}])
    await send(running.client, "DELETE", f"{ATTRS}/a?datasetId={GPS}", None, 204)
    instances = (await evolution(running)).attributes[DEFAULT + "a"]
    assert [one.get("datasetId") for one in instances if "deletedAt" in one] == [GPS]


async def test_the_head_follows(running: RunningBroker) -> None:
    """The head of the evolution has every type ever given, and deletedAt from the Entity's deletion to its return."""
    await create(running.client, a=1)
    await send(running.client, "PUT", f"/entities/{CAR}", {"type": "Bus"}, 204)
    head = (await evolution(running)).head
    assert head["type"] == [DEFAULT + "Car", DEFAULT + "Bus"]
    assert "deletedAt" not in head
    await send(running.client, "DELETE", f"/entities/{CAR}", None, 204)
    assert "deletedAt" in (await evolution(running)).head
    await create(running.client, a=2)
    assert "deletedAt" not in (await evolution(running)).head


async def test_the_scope_has_a_history(running: RunningBroker) -> None:
    """4.18: each change of the scope is recorded, its removal with the NGSI-LD Null."""
    await create(running.client, scope="/a")
    await send(running.client, "PATCH", ATTRS, {"scope": ["/a", "/b"]}, 204)
    await send(running.client, "PATCH", ATTRS, {"b": 1}, 204)
    await send(running.client, "DELETE", f"{ATTRS}/scope", None, 204)
    assert await values(running, "scope") == [["/a"], ["/a", "/b"], NULL]


async def test_expired_attributes_go(running: RunningBroker) -> None:
    """A sweep removes the instances that have expired and no others, and the history records it."""
    soon, late = "2030-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    await create(
        running.client,
        a=[{"value": 1, "expiresAt": soon}, {"value": 2, "datasetId": GPS, "expiresAt": late}],
        b={"value": 1, "expiresAt": soon},
        c=1,
    )
    assert await remove_expired(running.broker, None) == 0
    running.clock.advance(10 * 365 * 86400)
    assert await remove_expired(running.broker, None) == 1
    found = await get(running.client)
    assert set(found) == {"id", "type", "a", "c"}
    assert found["a"]["value"] == 2
    assert (await values(running, DEFAULT + "b"))[1] == NULL
    assert await remove_expired(running.broker, None) == 0


async def test_expired_sub_attributes_go(running: RunningBroker) -> None:
    """5.2.5: a Property of a Property expires, too; what it belongs to was modified, what is beside it was not."""
    soon = "2030-01-01T00:00:00Z"
    await create(
        running.client,
        a={"value": 1, "by": {"object": "urn:a:1", "for": {"value": 1, "expiresAt": soon}}, "at": 1},
        b={"value": 2, "by": [{"value": 1, "expiresAt": soon}, {"value": 2, "datasetId": GPS}]},
        c={"value": 3, "by": 1},
    )
    before = await get(running.client, parameters="?options=sysAttrs")
    running.clock.advance(10 * 365 * 86400)
    assert await remove_expired(running.broker, None) == 1
    after = await get(running.client, parameters="?options=sysAttrs")
    assert "for" not in after["a"]["by"]
    assert (after["b"]["by"]["value"], after["b"]["by"]["datasetId"]) == (2, GPS)
    assert (after["a"]["at"], after["c"]) == (before["a"]["at"], before["c"])
    assert after["a"]["by"]["modifiedAt"] == after["a"]["modifiedAt"] == after["modifiedAt"] > before["modifiedAt"]
    assert await remove_expired(running.broker, None) == 0


async def test_expired_entities_go(running: RunningBroker) -> None:
    """A sweep removes an Entity that has expired; the history says that it was deleted."""
    await create(running.client, a=1, expiresAt="2030-01-01T00:00:00Z")
    running.clock.advance(10 * 365 * 86400)
    assert await remove_expired(running.broker, None) == 1
    await gone(running.client)
    assert "deletedAt" in (await evolution(running)).head


async def test_a_sweep_comes_after_what_was_written_before_it(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it removes is gone from then on, not from when it was found: no time of the Entity goes backwards."""
    await create(running.client, a={"value": 1, "expiresAt": "2030-01-01T00:00:00Z"}, b=1)
    running.clock.advance(10 * 365 * 86400)
    write = running.broker.store.write

    async def write_after_somebody_else(*given: Any) -> Any:
        monkeypatch.undo()
        await send(running.client, "PATCH", ATTRS, {"b": 2}, 204)
        return await write(*given)

    monkeypatch.setattr(running.broker.store, "write", write_after_somebody_else)
    assert await remove_expired(running.broker, None) == 1
    found = await get(running.client, parameters="?options=sysAttrs")
    assert set(found) == {"id", "type", "createdAt", "modifiedAt", "b"}
    assert found["modifiedAt"] > found["b"]["modifiedAt"]
    assert max(one["modifiedAt"] for one in (await evolution(running)).attributes[DEFAULT + "a"]) == found["modifiedAt"]


@pytest.mark.parametrize("attribute", [5, [{"value": 5}, {"value": 6, "datasetId": GPS}]])
@pytest.mark.parametrize("batch", [False, True])
async def test_what_takes_the_place_of_an_expired_entity_comes_after_its_removal(
    running: RunningBroker, attribute: Any, batch: bool
) -> None:
    """4.3.1: what the new Entity does not have was deleted, though no sweep came between them."""
    await create(running.client, a=1, b=2, expiresAt="2020-01-01T00:00:00Z")
    await gone(running.client)
    new = {"id": CAR, "type": "Bus", "a": attribute}
    path, body = ("/entityOperations/upsert", [new]) if batch else ("/entities", new)
    await send(running.client, "POST", path, body, 201)
    found = await get(running.client, parameters="?options=sysAttrs")
    assert found["createdAt"] == found["modifiedAt"]
    assert "b" not in found
    assert await values(running, DEFAULT + "b") == [2, NULL]
    assert (await values(running))[:3] == [1, NULL, 5]
    assert "deletedAt" not in (await evolution(running)).head
    assert await remove_expired(running.broker, None) == 0


async def test_sweeps_happen_by_themselves(start_broker: Any) -> None:
    """Without any request, what has expired is removed from the store."""
    async with start_broker(expiry_sweep_seconds=0.02) as running:
        await create(running.client, a=1, expiresAt="2020-01-01T00:00:00Z")
        deadline = time.monotonic() + 10
        now = running.broker.now()
        while await running.broker.store.read(None, lambda s: s.expired_entities(now, 1)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert "deletedAt" in (await evolution(running)).head
