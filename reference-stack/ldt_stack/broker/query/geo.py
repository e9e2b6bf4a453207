"""Geoquery Language: ETSI GS CIM 009 V1.9.1, clause 4.10.

Topological relations are decided by GEOS (shapely) on longitude and latitude as plane coordinates, as RFC 7946 defines
its lines. `near` measures metres on the sphere of `geometry.py`: with maxDistance the whole target lies "within the
buffer", with minDistance it is "disjoint with the buffer".
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import LOCATION, JsonObject, JsonValue
from ldt_stack.broker.query import geometry as geometries
from ldt_stack.broker.query.lexical import is_member_name

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

Relation = Literal["near", "within", "contains", "overlaps", "intersects", "equals", "disjoint"]
_TOPOLOGICAL: Final = frozenset({"within", "contains", "overlaps", "intersects", "equals", "disjoint"})
_NEAR: Final = re.compile(r"near;(maxDistance|minDistance)==((?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class GeoQuery:
    """A parsed geo-query.

    Args:
        georel: The relation between target and reference.
        reference: The reference geometry, GeoJSON as canonical text (so that the tree can be compared and cached by).
        geoproperty: IRI of the GeoProperty that holds the target.
        max_distance: Metres, for `near`.
        min_distance: Metres, for `near`.
    """

    georel: Relation
    reference: str
    geoproperty: str = LOCATION
    max_distance: float | None = None
    min_distance: float | None = None

    def matches(self, entity: JsonObject) -> bool:
        """Whether any instance of the GeoProperty of an expanded Entity meets the relation (5.7.2.4)."""
        return any(
            self.holds(instance["value"])
            for instance in entity.get(self.geoproperty, ())
            if instance.get("type") == "GeoProperty" and geometries.is_geometry(instance.get("value"))
        )

    def holds(self, target: JsonObject) -> bool:
        """Whether one target geometry (GeoJSON) meets the relation."""
        if self.georel != "near":
            return geometries.relates(target, self.georel, self.reference)
        reference = json.loads(self.reference)
        if self.max_distance is not None:
            return geometries.farthest_metres(target, reference) <= self.max_distance
        return geometries.distance_metres(target, reference) > (self.min_distance or 0.0)

    def bounding_boxes(self) -> list[geometries.Box] | None:
        """Boxes of which a target's own box must touch one in order to match; None: no such boxes (disjoint, …)."""
        if self.georel == "disjoint" or self.min_distance is not None:
            return None
        box = geometries.bounding_box(json.loads(self.reference))
        return geometries.widen(box, self.max_distance) if self.max_distance is not None else [box]


def parse_geo(
    georel: str | None,
    geometry: str | None,
    coordinates: JsonValue,
    geoproperty: str | None = None,
    *,
    ld_context: LdContext,
    max_positions: int = geometries.MAX_POSITIONS,
) -> GeoQuery:
    """Parse the four parameters of a geo-query.

    Args:
        georel: `near;maxDistance==2000`, `within` …
        geometry: A GeoJSON geometry type but GeometryCollection.
        coordinates: A JSON array, or its text.
        geoproperty: Name of the target GeoProperty; default `location`.
        ld_context: Expands the name (5.5.7).
        max_positions: Of the reference geometry.

    Raises:
        TooComplexQuery: The reference has more positions, or crosses itself in too many places.
        BadRequestData: One of the first three is missing or not valid (4.10; coordinates by RFC 7946, 3.1).

    Source: CIM 009 V1.9.1, clauses 4.10 and 5.2.13.
    """
    for name, value in (("georel", georel), ("geometry", geometry), ("coordinates", coordinates)):
        if value is None or value == "":
            raise BadRequestData(f"{name} is missing; a geo-query has georel, geometry and coordinates (clause 4.10).")
    relation, distances = _relation(str(georel))
    reference = {"type": geometry, "coordinates": _coordinates(coordinates)}
    geometries.check_reference(reference, "coordinates", max_positions)
    name = LOCATION
    if geoproperty is not None:
        if not is_member_name(geoproperty):
            raise BadRequestData(f"geoproperty is {geoproperty!r}; expected the name of a GeoProperty.")
        name = ld_context.expand_term(geoproperty)
    return GeoQuery(relation, json.dumps(reference, separators=(",", ":")), name, **distances)


def _relation(georel: str) -> tuple[Relation, dict[str, float]]:
    if georel in _TOPOLOGICAL:
        return cast("Relation", georel), {}
    match = _NEAR.fullmatch(georel)
    metres = float(match[2]) if match else 0.0
    if match is None or metres <= 0 or not math.isfinite(metres):
        raise BadRequestData(
            f"georel is {georel[:60]!r}; expected near;maxDistance==METRES, near;minDistance==METRES (above 0) "
            f"or one of {', '.join(sorted(_TOPOLOGICAL))} (clause 4.10)."
        )
    return "near", {"max_distance" if match[1] == "maxDistance" else "min_distance": metres}


def _coordinates(source: JsonValue) -> JsonValue:
    if not isinstance(source, str):
        return source
    try:
        return json.loads(source)
    except (ValueError, RecursionError) as problem:
        raise BadRequestData(f"coordinates are no JSON array: {source[:60]!r}.") from problem
