"""What a tenant's database says, row by row, without numbers and ids of instances, which need not be equal in two."""

from __future__ import annotations

import json
import sqlite3
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from ldt_stack.broker.store.sqlite.instances import instant_of


def dump(path: Path) -> dict[str, list[Any]]:
    """The rows of each table, ids and names in place of their numbers; the history in its order."""
    connection = sqlite3.connect(path)
    try:
        names = dict(connection.execute("SELECT number, iri FROM names"))
        shapes = dict(connection.execute("SELECT number, attributes FROM shapes"))
        entities = dict(connection.execute("SELECT number, id FROM entities"))
        evolutions = dict(connection.execute("SELECT number, id FROM temporal_entities"))

        def rows(statement: str, ids: dict[int, str]) -> list[Any]:
            """Of a table that has an owner's number, a name's number, and more."""
            found = connection.execute(statement)
            return sorted(([ids[row[0]], names[row[1]], *row[2:]] for row in found), key=repr)

        history = connection.execute(
            "SELECT entity, shape, body, observed_at, created_at, modified_at, deleted_at FROM history ORDER BY number"
        )
        return {
            "entities": sorted(connection.execute("SELECT id, body, times, expires_at, next_expiry FROM entities")),
            "types": rows("SELECT entity, type FROM entity_types", entities),
            "attributes": rows("SELECT entity, attribute FROM entity_attributes", entities),
            "values": rows("SELECT entity, attribute, value FROM entity_values", entities),
            "places": rows("SELECT number >> 24, attribute, west, south, east, north FROM places", entities),
            "evolutions": sorted(connection.execute("SELECT id, head FROM temporal_entities")),
            "evolution types": rows("SELECT entity, type FROM temporal_types", evolutions),
            "history": [
                [evolutions[row[0]], [names[number] for number in json.loads(shapes[row[1]])], *row[2:]]
                for row in history
            ],
            "documents": sorted(connection.execute("SELECT kind, id, body FROM documents")),
            "outbox": list(connection.execute("SELECT subscription, body FROM outbox ORDER BY number")),
        }
    finally:
        connection.close()


def assert_forms_hold(path: Path) -> None:
    """What is kept of plain Entities beside their bodies is what these say."""
    connection = sqlite3.connect(path)
    try:
        names = dict(connection.execute("SELECT number, iri FROM names"))
        shapes = {
            number: json.loads(text) for number, text in connection.execute("SELECT number, attributes FROM shapes")
        }
        rows = connection.execute("SELECT form, created, places, times, expires_at, next_expiry, body FROM entities")
        for form, created, places, *others, body in rows.fetchall():
            if form is None:
                continue
            entity = json.loads(body)
            count, *numbers = shapes[form]
            iris = [names[number] for number in numbers]
            attributes = {name: one for name, one in entity.items() if ":" in name}
            assert (entity["type"], list(attributes)) == (iris[:count], iris[count:])
            assert entity.keys() == {"id", "type", "createdAt", "modifiedAt", *attributes}
            assert entity["createdAt"] == instant_of(created)
            assert others == [None, None, None]
            assert all(len(one) == 1 and "datasetId" not in one[0] for one in attributes.values())
            geo_properties = {name: one[0] for name, one in attributes.items() if one[0]["type"] == "GeoProperty"}
            shown = "".join(
                f"],{dumps(name)}:[{dumps({k: v for k, v in one.items() if k != 'observedAt'})[1:-1]}"
                for name, one in geo_properties.items()
            )
            assert places == (
                shown if len(shown.encode()) <= 200 else blake2b(shown.encode(), digest_size=16).hexdigest()
            )
    finally:
        connection.close()


def dumps(value: Any) -> str:
    """As the store writes JSON."""
    return orjson.dumps(value).decode()
