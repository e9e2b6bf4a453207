"""Current state of Entities: one row each, plus rows that find it by type, by Attribute, by value and by place."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.store.sqlite.places import index_places
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity, encode_entity
from ldt_stack.broker.store.sqlite.value_index import index_values

_NOTHING: Final[JsonObject] = {"type": []}
_UNKNOWN: Final = -1


def get_entity(session: Session, entity_id: str, *, instance_times: bool = True) -> JsonObject | None:
    """See `Snapshot.get_entity`."""
    session.spend(1)
    row = session.execute("SELECT number, body, times, expires_at FROM entities WHERE id = ?", (entity_id,)).fetchone()
    if session.writing:
        session.entities[entity_id] = None if row is None else row[0]
    if row is None or (row[3] is not None and row[3] <= session.now()):
        return None
    entity: JsonObject = decode_entity(row[1], row[2]) if instance_times else orjson.loads(row[1])
    return entity


def get_text(session: Session, entity_id: str) -> str | None:
    """See `Snapshot.get_text`."""
    session.spend(1)
    row = session.execute("SELECT body, expires_at FROM entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None or (row[1] is not None and row[1] <= session.now()):
        return None
    text: str = row[0]
    return text


def put_entity(session: Session, entity: JsonObject, before: JsonObject | None = None) -> None:
    """See `Transaction.put_entity`."""
    body, times = encode_entity(entity)
    expires_at = normalize(entity.get("expiresAt"))
    next_expiry = _next_expiry(entity, expires_at) if '"expiresAt":' in body else None
    kept = (body, times, expires_at, next_expiry)
    number = session.entities.get(entity["id"], _UNKNOWN)
    if number == _UNKNOWN or (number is not None and before is None):
        known = session.execute("SELECT number, body FROM entities WHERE id = ?", (entity["id"],)).fetchone()
        number, before = (None, None) if known is None else (known[0], orjson.loads(known[1]))
    if number is None:
        number = session.execute(
            "INSERT INTO entities (id, body, times, expires_at, next_expiry) VALUES (?, ?, ?, ?, ?)",
            (entity["id"], *kept),
        ).lastrowid
    else:
        session.execute(
            "UPDATE entities SET body = ?, times = ?, expires_at = ?, next_expiry = ? WHERE number = ?",
            (*kept, number),
        )
    session.entities[entity["id"]] = number
    _index(session, int(number or 0), before or _NOTHING, entity)


def _next_expiry(entity: JsonObject, expires_at: str | None) -> str | None:
    """The first instant at which the Entity, or one of its Attributes, expires (4.22)."""
    instants = [
        normalize(instance["expiresAt"])
        for name, instances in entity.items()
        if is_attribute_key(name)
        for instance in instances
        if "expiresAt" in instance
    ]
    return min((instant for instant in (expires_at, *instants) if instant is not None), default=None)


def expired_entities(session: Session, now: str, limit: int) -> list[JsonObject]:
    """See `Snapshot.expired_entities`."""
    rows = session.execute("SELECT body, times FROM entities WHERE next_expiry <= ? LIMIT ?", (now, limit))
    return [decode_entity(body, times) for body, times in rows]


def delete_entity(session: Session, entity_id: str) -> bool:
    """See `Transaction.delete_entity`."""
    row = session.execute("DELETE FROM entities WHERE id = ? RETURNING number, body", (entity_id,)).fetchone()
    if row is None:
        return False
    session.entities[entity_id] = None
    _index(session, row[0], orjson.loads(row[1]), _NOTHING)
    return True


def _index(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the rows that find an Entity say what it has now; those that do not change are left alone."""
    if before["type"] != after["type"]:
        old, new = set(before["type"]), set(after["type"])
        _remove(session, "entity_types", "type", number, old - new)
        _add(session, "entity_types", "type", number, new - old)
    if before.keys() != after.keys():
        old, new = set(filter(is_attribute_key, before)), set(filter(is_attribute_key, after))
        _remove(session, "entity_attributes", "attribute", number, old - new)
        _add(session, "entity_attributes", "attribute", number, new - old)
    index_values(session, number, before, after)
    index_places(session, number, before, after)


def _remove(session: Session, table: str, column: str, number: int, iris: Set[str]) -> None:
    if iris:
        statement = f"DELETE FROM {table} WHERE {column} = ? AND entity = ?"  # noqa: S608 — own constants
        session.connection.executemany(statement, [(session.name(iri), number) for iri in iris])


def _add(session: Session, table: str, column: str, number: int, iris: Set[str]) -> None:
    if iris:  # in one statement: each leaves the interpreter to others, and waits to have it back
        statement = f"INSERT INTO {table} ({column}, entity) SELECT value, ? FROM json_each(?)"  # noqa: S608 — likewise
        session.execute(statement, (number, orjson.dumps([session.name(iri) for iri in iris]).decode()))
