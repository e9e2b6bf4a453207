"""Writes what an operation changed: current state, temporal evolution and owed notifications, in one transaction.

ETSI GS CIM 009 V1.9.1, clauses 4.3.1 ("updating the Temporal Evolution of an Entity whenever the current state is
modified"), 4.5.6 to 4.5.8 and 5.8.6.
"""

from __future__ import annotations

from collections.abc import Sequence

from ldt_stack.broker.call import Call
from ldt_stack.broker.model.changes import EntityChange, differences
from ldt_stack.broker.model.entities import Fragment
from ldt_stack.broker.model.instance_ids import new_instance_id
from ldt_stack.broker.model.names import NONE_LANGUAGE, NULL, VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.model.plain import PlainEntity, plain_entity
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import HistoryRow
from ldt_stack.broker.store.interface import KeptEntity, Transaction

SCOPE = "scope"


def record(
    broker: Broker,
    transaction: Transaction,
    call: Call,
    at: str,
    before: JsonObject | None,
    after: JsonObject | None,
) -> EntityChange:
    """Store an Entity as it is after an operation, with everything that follows from the change.

    Args:
        broker: Its notifier is told.
        transaction: Where to write.
        call: Whose operation it is.
        at: The instant of the operation.
        before: The Entity as it was; None if it is created.
        after: The Entity as it is to be; None if it is deleted.
    """
    present = after if after is not None else before
    if present is None:
        raise ValueError("Neither before nor after: nothing to record")
    entity_id: str = present["id"]
    written, removed = differences(before, after)
    rows = [HistoryRow(entity_id, name, deleted_instance(one, at)) for name, one in removed]
    scope = _scope_row(before, after, at)
    if scope is not None:
        rows.append(scope)
    if after is None:
        transaction.delete_entity(entity_id)
    else:
        transaction.put_entity(after, before)
    if rows or before is None or after is None or before["type"] != after["type"]:
        transaction.put_temporal_head(_head(present, at, deleted=after is None))
    if after is not None and written:
        transaction.append_instances(after, written)
    if rows:
        transaction.append_history(rows)
    change = EntityChange(entity_id, at, before, after, known=(written, removed))
    broker.notifier.changes(transaction, call, (change,))
    return change


def record_plain(
    broker: Broker,
    transaction: Transaction,
    call: Call,
    at: str,
    written: Fragment | PlainEntity,
    before: KeptEntity | None,
) -> bool:
    """As `record`, of an Entity that is created or replaced completely; whether it could be done: most often.

    Args:
        broker: Its notifier is told.
        transaction: Where to write.
        call: Whose operation it is.
        at: The instant of the operation.
        written: What the Entity is to be, with an id and types.
        before: What it was; None if it is created.
    """
    entity = written if isinstance(written, PlainEntity) else plain_entity(written)
    if entity is None:
        return False
    created_at = at if before is None else before.created_alike(entity.types, entity.names)
    if created_at is None:
        return False
    watched = broker.notifier.is_watched(call.tenant, entity.id, entity.types)
    previous = before.entity if watched and before is not None else None  # as long as it is there
    transaction.put_plain(entity, created_at, at, before)
    if watched:
        change = EntityChange(entity.id, at, previous, entity.expanded(created_at, at))
        broker.notifier.changes(transaction, call, (change,))
    return True


def _head(entity: JsonObject, at: str, *, deleted: bool) -> JsonObject:
    head: JsonObject = {
        name: entity[name] for name in ("id", "type", "scope", "createdAt", "modifiedAt") if name in entity
    }
    if deleted:
        head["modifiedAt"] = head["deletedAt"] = at
    return head


def deleted_instance(before: JsonObject, at: str) -> JsonObject:
    """The record of a deletion: the NGSI-LD Null for a value, and deletedAt (4.5.0, 4.5.7)."""
    kind = before["type"]
    instance = {
        "type": kind,
        VALUE_MEMBER[kind]: null_value(kind),
        "createdAt": before["createdAt"],
        "modifiedAt": at,
        "deletedAt": at,
        "instanceId": new_instance_id(),
    }
    if "datasetId" in before:
        instance["datasetId"] = before["datasetId"]
    return instance


def null_value(kind: str) -> JsonValue:
    """The NGSI-LD Null as the value member of an Attribute type takes it (4.5.0)."""
    if kind == "LanguageProperty":
        return {NONE_LANGUAGE: NULL}
    return [NULL] if kind in {"ListProperty", "ListRelationship"} else NULL


def _scope_row(before: JsonObject | None, after: JsonObject | None, at: str) -> HistoryRow | None:
    """4.18: in the temporal representation the scope is a Property with system times alone."""
    old: Sequence[str] = before.get(SCOPE, ()) if before else ()
    new: Sequence[str] = after.get(SCOPE, ()) if after else ()
    if list(old) == list(new):
        return None
    instance: JsonObject = {
        "type": "Property",
        "value": list(new) if new else NULL,
        "createdAt": at,
        "modifiedAt": at,
        "observedAt": at,  # "should be set as a copy of the modifiedAt sub-Property" (4.5.6)
        "instanceId": new_instance_id(),
    }
    if not new:
        instance["deletedAt"] = at
    return HistoryRow(str((after or before or {})["id"]), SCOPE, instance)
