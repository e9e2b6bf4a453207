"""Boxes around the GeoProperties of Entities, in an R*Tree: which Entities a geo-query has to look at (4.7.1, 4.10)."""

from __future__ import annotations

from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.query.geometry import Box, bounding_box, is_geometry
from ldt_stack.broker.store.sqlite.session import Session


def index_places(session: Session, number: int, entity: JsonObject) -> None:
    """Make the boxes of an Entity say what it has now. Unchanged ones are left alone.

    Args:
        session: In a transaction.
        number: Of the Entity in the table `entities`.
        entity: Expanded.
    """
    wanted = _boxes(session, entity)
    rows = session.execute("SELECT number, attribute, west, south, east, north FROM places WHERE entity = ?", (number,))
    for row in rows.fetchall():
        place = (row[1], (row[2], row[3], row[4], row[5]))
        if place in wanted:
            wanted.remove(place)
        else:
            session.execute("DELETE FROM places WHERE number = ?", (row[0],))
            session.execute("DELETE FROM places_tree WHERE number = ?", (row[0],))
    for attribute, (west, south, east, north) in wanted:
        box = (west, south, east, north)
        added = session.execute(
            "INSERT INTO places (entity, attribute, west, south, east, north) VALUES (?, ?, ?, ?, ?, ?)",
            (number, attribute, *box),
        )
        session.execute(
            "INSERT INTO places_tree (number, west, south, east, north) VALUES (?, ?, ?, ?, ?)", (added.lastrowid, *box)
        )


def _boxes(session: Session, entity: JsonObject) -> set[tuple[int, Box]]:
    return {
        (session.name(name), bounding_box(instance["value"]))
        for name, instances in entity.items()
        if is_attribute_key(name)
        for instance in instances
        if instance["type"] == "GeoProperty" and is_geometry(instance.get("value"))
    }
