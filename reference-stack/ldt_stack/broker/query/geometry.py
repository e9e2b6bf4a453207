"""GeoJSON geometries: validity, relations and distances. RFC 7946; ETSI GS CIM 009 V1.9.1, clauses 4.7.1, 4.10, 4.23.

Distances are metres by the Haversine formula (as 4.23.1 has it for ordering) on the sphere of mean radius
6 371 008.8 m; against the WGS84 ellipsoid the error is at most 0.56 %. Where lines and areas take part, the nearest
point is found on a plane tangent to the other side's point, then measured by Haversine: exact enough for geometries of
a few hundred kilometres. shapely is imported when it is first needed: it takes a noticeable part of a second.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject, JsonValue

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

EARTH_RADIUS_METRES: Final = 6_371_008.8
_METRES_A_DEGREE: Final = EARTH_RADIUS_METRES * math.pi / 180
Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

# Geometry type -> how deep positions are nested in its coordinates.
_NESTING: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


def check_geometry(value: JsonValue) -> None:
    """Refuse what is no GeoJSON geometry (GeometryCollection included).

    Raises:
        BadRequestData: It is none, or has coordinates that its type does not allow (RFC 7946, 3.1).

    Source: CIM 009 V1.9.1, clauses 4.7.1 and 4.10.
    """
    problem = _problem(value)
    if problem is not None:
        raise BadRequestData(f"{problem} (RFC 7946, section 3.1; GeometryCollection is not allowed).")


def is_geometry(value: JsonValue) -> bool:
    """Whether a value is a GeoJSON geometry that NGSI-LD allows."""
    return _problem(value) is None


def _problem(value: JsonValue) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _NESTING:
        return f"The geometry type is {kind!r}; expected one of {', '.join(_NESTING)}"
    return _coordinates_problem(kind, value.get("coordinates"), _NESTING[kind])


def _coordinates_problem(kind: str, coordinates: JsonValue, nesting: int) -> str | None:
    if nesting == 0:
        return None if _is_position(coordinates) else f"A {kind} has a position that is not [longitude, latitude]"
    if not isinstance(coordinates, list) or not coordinates:
        return f"The coordinates of a {kind} are not nested as they should be, or empty"
    for inner in coordinates:
        problem = _coordinates_problem(kind, inner, nesting - 1)
        if problem is not None:
            return problem
    if nesting == 1 and kind in {"LineString", "MultiLineString"} and len(coordinates) < 2:
        return f"A line of a {kind} has fewer than two positions"
    if (
        nesting == 1
        and kind in {"Polygon", "MultiPolygon"}
        and (len(coordinates) < 4 or coordinates[0] != coordinates[-1])
    ):
        return f"A ring of a {kind} is not closed, or has fewer than four positions"
    return None


def _is_position(value: JsonValue) -> bool:
    return (
        isinstance(value, list)
        and 2 <= len(value) <= 4
        and all(isinstance(n, int | float) and not isinstance(n, bool) and abs(n) < 1e9 for n in value)
        and abs(value[0]) <= 360
        and abs(value[1]) <= 90
    )


def positions(geometry: JsonObject) -> Iterator[tuple[float, float]]:
    """Every position (longitude, latitude) of a valid geometry."""
    yield from _positions(geometry["coordinates"], _NESTING[geometry["type"]])


def _positions(coordinates: Any, nesting: int) -> Iterator[tuple[float, float]]:
    if nesting == 0:
        yield float(coordinates[0]), float(coordinates[1])
        return
    for inner in coordinates:
        yield from _positions(inner, nesting - 1)


def bounding_box(geometry: JsonObject) -> Box:
    """The smallest box in plane coordinates that holds a geometry."""
    longitudes, latitudes = zip(*positions(geometry), strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def widen(box: Box, metres: float) -> list[Box]:
    """Boxes that hold everything within a distance of a box; two where it passes the antimeridian."""
    west, south, east, north = box
    latitude = metres / _METRES_A_DEGREE * 1.001 + 1e-9
    south, north = south - latitude, north + latitude
    if south <= -90 or north >= 90:
        return [(-360.0, -90.0, 360.0, 90.0)]
    # The widest reach in longitude of a circle of this angle around a point at this latitude.
    ratio = math.sin(math.radians(latitude)) / math.cos(math.radians(max(abs(box[1]), abs(box[3]))))
    longitude = math.degrees(math.asin(ratio)) if ratio < 1 else 360.0
    west, east = west - longitude, east + longitude
    if east - west >= 360:
        return [(-360.0, south, 360.0, north)]
    return [
        (west + turn, south, east + turn, north)
        for turn in (-360.0, 0.0, 360.0)
        if west + turn <= 360 and east + turn >= -360
    ]


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres along the great circle between two positions (longitude, latitude)."""
    longitude, latitude = math.radians(other[0] - one[0]), math.radians(other[1] - one[1])
    chord = (
        math.sin(latitude / 2) ** 2
        + math.cos(math.radians(one[1])) * math.cos(math.radians(other[1])) * math.sin(longitude / 2) ** 2
    )
    return 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(chord)))


def distance_metres(one: JsonObject, other: JsonObject) -> float:
    """The shortest distance between two geometries; 0 where they meet."""
    if one["type"] == "Point":
        return _from_position(_position(one), other)
    if other["type"] == "Point":
        return _from_position(_position(other), one)
    if relates(one, "intersects", json.dumps(other)):
        return 0.0
    # Of geometries that do not meet, a nearest pair has a vertex on one side.
    forth = min(_from_position(position, other) for position in positions(one))
    back = min(_from_position(position, one) for position in positions(other))
    return min(forth, back)


def farthest_metres(target: JsonObject, reference: JsonObject) -> float:
    """How far the farthest vertex of a target is from a reference: the buffer that holds the whole target."""
    return max(_from_position(position, reference) for position in positions(target))


def _position(point: JsonObject) -> tuple[float, float]:
    return next(positions(point))


def _from_position(origin: tuple[float, float], geometry: JsonObject) -> float:
    if geometry["type"] in {"Point", "MultiPoint"}:
        return min(haversine(origin, position) for position in positions(geometry))
    return _from_position_to_shape(origin, json.dumps(geometry))


def _from_position_to_shape(origin: tuple[float, float], text: str) -> float:
    import shapely
    import shapely.ops

    scale = max(math.cos(math.radians(origin[1])), 1e-9)
    whole = shape(text)
    west, _, east, _ = whole.bounds
    # As it is, and, where some of it is nearer the other way around, moved by a whole turn: never torn apart.
    turns = (0.0, *((-360.0,) if east - origin[0] > 180 else ()), *((360.0,) if west - origin[0] < -180 else ()))

    def distance(turn: float) -> float:
        def to_plane(coordinates: Any) -> Any:
            plane = coordinates.copy()
            plane[:, 0] = (coordinates[:, 0] - origin[0] + turn) * scale
            plane[:, 1] = coordinates[:, 1] - origin[1]
            return plane

        nearest = shapely.ops.nearest_points(shapely.Point(0, 0), shapely.transform(whole, to_plane))[1]
        return haversine(origin, (origin[0] + nearest.x / scale, origin[1] + nearest.y))

    return min(distance(turn) for turn in turns)


@lru_cache(maxsize=512)
def shape(text: str) -> BaseGeometry:
    """The shapely geometry of a GeoJSON text, made valid where its rings cross."""
    import shapely
    import shapely.ops

    geometry = shapely.force_2d(shapely.geometry.shape(json.loads(text)))
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry)
    shapely.prepare(geometry)
    return geometry


def relates(target: JsonObject, relation: str, reference: str) -> bool:
    """Whether a target geometry stands in a topological relation (4.10) to a reference (GeoJSON text).

    The relation's names are those of OGC Simple Features, and so are shapely's.
    """
    own = shape(json.dumps(target))
    return bool(getattr(own, relation)(shape(reference)))
