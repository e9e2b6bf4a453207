"""Current state of Entities: one row each, plus rows that find it by type, by Attribute, by value and by place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from typing import Final

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.store.sqlite.pending import EntityRow
from ldt_stack.broker.store.sqlite.places import index_places
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity, encode_entity
from ldt_stack.broker.store.sqlite.value_index import index_values, is_any_indexed

_NOTHING: Final[JsonObject] = {"type": []}
_COLUMNS: Final = EntityRow._fields
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM entities WHERE id = ?"  # noqa: S608 — own constants
_LOOK: Final = ("id", "number", "form", "created", "places")
_UNREAD: Final = EntityRow(0, "", None, None)


def get_entity(session: Session, entity_id: str, *, instance_times: bool = True) -> JsonObject | None:
    """See `Snapshot.get_entity`."""
    session.spend(1)
    row = find_row(session, entity_id)
    if row is None:
        return None
    body = body_of(session, row)
    entity: JsonObject = decode_entity(body, row.times) if instance_times else orjson.loads(body)
    return entity


def look_ahead(session: Session, entity_ids: Collection[str], *, bodies: bool) -> None:
    """See `Transaction.look_ahead`."""
    known = session.writes.entities
    wanted = [one for one in entity_ids if one not in known]
    known.update(dict.fromkeys(wanted))
    if bodies or is_any_indexed(session):  # whoever writes an index of values, too, wants to see what was there
        found = session.look_at_all(("id", *_COLUMNS), "entities", wanted)
        for entity_id, number, body, times, expires_at, form, created, places in found:
            plain = (int(form), int(created), places) if form else ()
            known[entity_id] = EntityRow(int(number), body, times or None, expires_at or None, *plain)
        return
    for entity_id, number, form, created, places in session.look_at_all(_LOOK, "entities", wanted):
        if form:
            known[entity_id] = EntityRow(int(number), None, None, None, int(form), int(created), places)
        else:
            del known[entity_id]  # more is to be read of it


def find_row(session: Session, entity_id: str) -> EntityRow | None:
    """What is kept of an Entity that has not expired; perhaps without its body (`body_of`)."""
    row = find_any_row(session, entity_id)
    if row is None or (row.expires_at is not None and row.expires_at <= session.now()):
        return None
    return row


def body_of(session: Session, row: EntityRow) -> str:
    """The text of an Entity."""
    if row.body is not None:
        return row.body
    text: str = session.look("SELECT body FROM entities WHERE number = ?", (row.number,)).fetchone()[0]
    return text


def find_any_row(session: Session, entity_id: str) -> EntityRow | None:
    """What is kept under an id, whether expired or not; likewise."""
    known = _UNREAD if session.pending is None else session.pending.entities.get(entity_id, _UNREAD)
    if known is not _UNREAD:
        return known
    found = session.look(_SELECT, (entity_id,)).fetchone()
    row = None if found is None else EntityRow(*found)
    if session.pending is not None:
        session.pending.entities[entity_id] = row
    return row


def find_expired(session: Session, entity_id: str) -> JsonObject | None:
    """See `Transaction.find_expired`."""
    row = find_any_row(session, entity_id)
    if row is None or row.expires_at is None or row.expires_at > session.now():
        return None
    entity: JsonObject = decode_entity(body_of(session, row), row.times)
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
    known = find_any_row(session, entity["id"])
    if known is None:
        number, before = session.next_entity(), _NOTHING
    else:
        number, before = known.number, before or orjson.loads(body_of(session, known))
    row = (number, entity["id"], None, None, "", expires_at, next_expiry, times, body)
    session.writes.rows_of_entities.append(row)
    session.writes.entities[entity["id"]] = EntityRow(number, body, times, expires_at)
    _index(session, number, before, entity)


def _next_expiry(entity: JsonObject, expires_at: str | None) -> str | None:
    """The first instant at which the Entity, or one of its Attributes or sub-Attributes, expires (4.22)."""
    instants = (normalize(instance["expiresAt"]) for instance in _instances(entity) if "expiresAt" in instance)
    return min((instant for instant in (expires_at, *instants) if instant is not None), default=None)


def _instances(holder: JsonObject) -> Iterator[JsonObject]:
    """Each instance of each Attribute, and of what it has for sub-Attributes."""
    for name, instances in holder.items():
        if is_attribute_key(name):
            for instance in instances:
                yield instance
                yield from _instances(instance)


def expired_entities(session: Session, now: str, limit: int) -> list[JsonObject]:
    """See `Snapshot.expired_entities`."""
    rows = session.execute("SELECT body, times FROM entities WHERE next_expiry <= ? LIMIT ?", (now, limit))
    return [decode_entity(body, times) for body, times in rows]


def delete_entity(session: Session, entity_id: str) -> bool:
    """See `Transaction.delete_entity`."""
    row = session.execute("DELETE FROM entities WHERE id = ? RETURNING number, body", (entity_id,)).fetchone()
    if row is None:
        return False
    session.writes.entities[entity_id] = None
    _index(session, row[0], orjson.loads(row[1]), _NOTHING)
    return True


def _index(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the rows that find an Entity say what it has now; those that do not change are left alone."""
    if before["type"] != after["type"]:
        old, new = set(before["type"]), set(after["type"])
        _remove(session, "entity_types", "type", number, old - new)
        session.writes.types += [(session.name(iri), number) for iri in new - old]
    if before.keys() != after.keys():
        old, new = set(filter(is_attribute_key, before)), set(filter(is_attribute_key, after))
        _remove(session, "entity_attributes", "attribute", number, old - new)
        session.writes.attributes += [(session.name(iri), number) for iri in new - old]
    index_values(session, number, before, after)
    index_places(session, number, before, after)


def _remove(session: Session, table: str, column: str, number: int, iris: Set[str]) -> None:
    if iris:
        statement = f"DELETE FROM {table} WHERE {column} = ? AND entity = ?"  # noqa: S608 — own constants
        session.executemany(statement, [(session.name(iri), number) for iri in iris])
