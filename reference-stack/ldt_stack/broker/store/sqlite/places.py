"""Boxes around the GeoProperties of Entities, in an R*Tree: which Entities a geo-query has to look at (4.7.1, 4.10).

The number of a box is made of that of its Entity and its place among the Entity's boxes, so that both lead to it.
"""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query.geometry import Box, bounding_box, is_geometry
from ldt_stack.broker.store.sqlite.session import Session

ENTITY_SHIFT: Final = 24
"""How many bits of a number are the place: more boxes than that no request has room for."""


def index_places(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the boxes of an Entity say what it has now. Unchanged ones are left alone.

    Args:
        session: Of a transaction.
        number: Of the Entity in the table `entities`.
        before: As it was, expanded.
        after: As it is.
    """
    old, new = _geometries(before), _geometries(after)
    if old == new:
        return
    first = number << ENTITY_SHIFT
    had, wanted = _boxes(session, old), _boxes(session, new)
    for place, there in enumerate(had):
        if wanted[place : place + 1] != [there]:
            session.writes.places.append((first + place, None))
    for place, here in enumerate(wanted):
        if had[place : place + 1] != [here]:
            attribute, box = here
            session.writes.places.append((first + place, (*box, attribute)))


def _geometries(entity: JsonObject) -> list[tuple[str, JsonValue]]:
    return [
        (name, instance.get("value"))
        for name, instances in entity.items()
        if ":" in name
        for instance in instances
        if instance["type"] == "GeoProperty"
    ]


def _boxes(session: Session, geometries: list[tuple[str, JsonValue]]) -> list[tuple[int, Box]]:
    """Each once, in an order that depends on nothing else."""
    return sorted({(session.name(name), bounding_box(value)) for name, value in geometries if is_geometry(value)})
