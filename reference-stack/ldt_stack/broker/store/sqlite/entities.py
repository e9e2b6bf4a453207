"""Current state of Entities: one row each, plus rows that find it by type and by Attribute."""

from __future__ import annotations

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.store.sqlite.places import index_places
from ldt_stack.broker.store.sqlite.session import Session


def get_entity(session: Session, entity_id: str) -> JsonObject | None:
    """See `Snapshot.get_entity`."""
    row = session.execute("SELECT body, expires_at FROM entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None or (row[1] is not None and row[1] <= session.now()):
        return None
    entity: JsonObject = orjson.loads(row[0])
    return entity


def put_entity(session: Session, entity: JsonObject) -> None:
    """See `Transaction.put_entity`."""
    body = orjson.dumps(entity).decode()
    expires_at = normalize(entity.get("expiresAt"))
    number = session.execute(
        "INSERT INTO entities (id, body, expires_at, next_expiry) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
        " body = excluded.body, expires_at = excluded.expires_at, next_expiry = excluded.next_expiry RETURNING number",
        (entity["id"], body, expires_at, _next_expiry(entity, expires_at)),
    ).fetchone()[0]
    _index(session, number, "entity_types", "type", set(entity["type"]))
    _index(session, number, "entity_attributes", "attribute", {key for key in entity if is_attribute_key(key)})
    index_places(session, number, entity)


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
    rows = session.execute("SELECT body FROM entities WHERE next_expiry <= ? LIMIT ?", (now, limit))
    return [orjson.loads(row[0]) for row in rows]


def delete_entity(session: Session, entity_id: str) -> bool:
    """See `Transaction.delete_entity`."""
    row = session.execute("DELETE FROM entities WHERE id = ? RETURNING number", (entity_id,)).fetchone()
    if row is None:
        return False
    _index(session, row[0], "entity_types", "type", set())
    _index(session, row[0], "entity_attributes", "attribute", set())
    index_places(session, row[0], None)
    return True


def _index(session: Session, number: int, table: str, column: str, iris: set[str]) -> None:
    """Make the rows of an index table say what the Entity has now; unchanged rows are left alone."""
    wanted = {session.name(iri) for iri in iris}
    rows = session.execute(f"SELECT {column} FROM {table} WHERE entity = ?", (number,))  # noqa: S608 — own constants
    present = {row[0] for row in rows}
    for name in present - wanted:
        session.execute(f"DELETE FROM {table} WHERE {column} = ? AND entity = ?", (name, number))  # noqa: S608 — likewise
    for name in wanted - present:
        session.execute(f"INSERT INTO {table} ({column}, entity) VALUES (?, ?)", (name, number))  # noqa: S608 — likewise
