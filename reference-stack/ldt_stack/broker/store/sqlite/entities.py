"""Current state of Entities: one row each, plus rows that find it by type, by Attribute, by value and by place."""

from __future__ import annotations

from typing import Final

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.store.sqlite.places import index_places
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity, encode_entity
from ldt_stack.broker.store.sqlite.values import Key, keys_of

_NOTHING: Final[JsonObject] = {"type": []}


def get_entity(session: Session, entity_id: str, *, instance_times: bool = True) -> JsonObject | None:
    """See `Snapshot.get_entity`."""
    session.spend(1)
    row = session.execute("SELECT number, body, times, expires_at FROM entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None or (row[3] is not None and row[3] <= session.now()):
        return None
    session.entities[entity_id] = row[0]
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
    kept = (body, times, expires_at, _next_expiry(entity, expires_at))
    number = session.entities.get(entity["id"])
    if number is None or before is None:
        known = session.execute("SELECT number, body FROM entities WHERE id = ?", (entity["id"],)).fetchone()
        number, before = (None, _NOTHING) if known is None else (known[0], orjson.loads(known[1]))
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
    _index(session, int(number or 0), before, entity)


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
    session.entities.pop(entity_id, None)
    _index(session, row[0], orjson.loads(row[1]), _NOTHING)
    return True


def _index(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the rows that find an Entity say what it has now; those that do not change are left alone."""
    if before["type"] != after["type"]:
        old, new = set(before["type"]), set(after["type"])
        _remove(session, "entity_types", "type", [(session.name(iri), number) for iri in old - new])
        _add(session, "entity_types", "type", [(session.name(iri), number) for iri in new - old])
    old, new = {key for key in before if is_attribute_key(key)}, {key for key in after if is_attribute_key(key)}
    if old != new:
        _remove(session, "entity_attributes", "attribute", [(session.name(iri), number) for iri in old - new])
        _add(session, "entity_attributes", "attribute", [(session.name(iri), number) for iri in new - old])
    gone: list[tuple[int, Key, int]] = []
    come: list[tuple[int, Key, int]] = []
    moved = False
    for iri in old | new:
        was, now = before.get(iri, ()), after.get(iri, ())
        if len(was) == len(now) == 1 and _same_value(was[0], now[0]):
            continue
        attribute = session.name(iri)
        had, has = keys_of(iri, was), keys_of(iri, now)
        if had != has:
            gone += [(attribute, key, number) for key in had - has]
            come += [(attribute, key, number) for key in has - had]
        moved = moved or _places(was) != _places(now)
    if gone:
        statement = "DELETE FROM entity_values WHERE attribute = ? AND value = ? AND entity = ?"
        session.connection.executemany(statement, gone)
    if come:
        session.connection.executemany("INSERT INTO entity_values (attribute, value, entity) VALUES (?, ?, ?)", come)
    if moved:
        index_places(session, number, after)


def _same_value(one: JsonObject, other: JsonObject) -> bool:
    """Whether nothing that is indexed differs: what is written again and again mostly stays where it is."""
    value, now = one.get("value"), other.get("value")
    return (
        value == now
        and type(value) is type(now) is not list  # in which True may stand for 1
        and value is not None
        and one["type"] == other["type"]
        and one.get("valueType") == other.get("valueType")
        and (one["type"] == "GeoProperty" or not isinstance(value, dict))
    )


def _places(instances: list[JsonObject]) -> list[object]:
    return [instance.get("value") for instance in instances if instance["type"] == "GeoProperty"]


def _remove(session: Session, table: str, column: str, rows: list[tuple[int, int]]) -> None:
    if rows:
        statement = f"DELETE FROM {table} WHERE {column} = ? AND entity = ?"  # noqa: S608 — own constants
        session.connection.executemany(statement, rows)


def _add(session: Session, table: str, column: str, rows: list[tuple[int, int]]) -> None:
    if rows:
        session.connection.executemany(f"INSERT INTO {table} ({column}, entity) VALUES (?, ?)", rows)  # noqa: S608 — likewise
