"""GeoJSON geometries: validity, relations and distances. RFC 7946; ETSI GS CIM 009 V1.9.1, clauses 4.7.1, 4.10, 4.23.

Distances are metres by the Haversine formula (as 4.23.1 has it for ordering) on the sphere of mean radius
6 371 008.8 m; against the WGS84 ellipsoid the error is at most 0.56 %. Where lines and areas take part, the nearest
point is found on a plane tangent to the other side's point, then measured by Haversine: exact enough for geometries of
a few hundred kilometres. shapely is imported when it is first needed: it takes a noticeable part of a second.

Work is bounded: a reference has a limited number of positions; rings that cross are mended where they do so in few
places, else such a reference is refused and such a target taken as it is (whether a polygon that crosses itself has a
place at all, no clause says); of many vertices, those that matter on one plane are measured exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery
from ldt_stack.broker.model.names import JsonObject, JsonValue

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

EARTH_RADIUS_METRES: Final = 6_371_008.8
_METRES_A_DEGREE: Final = EARTH_RADIUS_METRES * math.pi / 180
MAX_POSITIONS: Final = 10_000
_MAX_CROSSINGS: Final = (
    100  # mending takes more than quadratic time in their number; these, some hundredths of a second
)
_NUMBERS: Final = frozenset({int, float})  # a truth value is another type
_MEASURED: Final = 64  # vertices
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


def check_reference(reference: JsonObject, name: str, max_positions: int = MAX_POSITIONS) -> None:
    """Refuse what is no geometry, or one that would take too long to compare others with.

    Args:
        reference: A GeoJSON geometry.
        name: The parameter it comes from, for the error.
        max_positions: How many positions it may have.

    Raises:
        BadRequestData: It is no geometry, see `check_geometry`.
        TooComplexQuery: It has too many positions, or crosses itself in too many places.
    """
    check_geometry(reference)
    count = sum(1 for _ in positions(reference))
    if count > max_positions:
        raise TooComplexQuery(
            f"{name} has {count} positions; this broker takes {max_positions}. Simplify the geometry."
        )
    if reference["type"] in {"Polygon", "MultiPolygon"} and is_tangled(json.dumps(reference)):
        raise TooComplexQuery(f"The rings of {name} cross themselves in too many places; simplify the geometry.")


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
    if not isinstance(value, list) or not 2 <= len(value) <= 4:
        return False
    for number in value:
        if type(number) not in _NUMBERS or not -1e9 < number < 1e9:
            return False
    return bool(-360 <= value[0] <= 360 and -90 <= value[1] <= 90)


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
    forth = min(_from_position(position, other) for position in _vertices(one, other, farthest=False))
    back = min(_from_position(position, one) for position in _vertices(other, one, farthest=False))
    return min(forth, back)


def farthest_metres(target: JsonObject, reference: JsonObject) -> float:
    """How far the farthest vertex of a target is from a reference: the buffer that holds the whole target."""
    return max(_from_position(position, reference) for position in _vertices(target, reference, farthest=True))


def _vertices(geometry: JsonObject, other: JsonObject, *, farthest: bool) -> list[tuple[float, float]]:
    """The vertices of a geometry; of many, those that are nearest to another one, or farthest, on one plane."""
    found = list(positions(geometry))
    if len(found) <= _MEASURED:
        return found
    import numpy as np
    import shapely

    scale = np.array([max(math.cos(math.radians(found[0][1])), 1e-9), 1.0])
    whole = shapely.transform(shape(json.dumps(other)), lambda coordinates: coordinates * scale)
    points = np.array(found)
    turned = [
        shapely.distance(shapely.points((points + np.array([turn, 0.0])) * scale), whole) for turn in (-360, 0, 360)
    ]
    order = np.argsort(np.min(turned, axis=0))
    return [found[place] for place in (order[-_MEASURED:] if farthest else order[:_MEASURED])]


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
    """The shapely geometry of a GeoJSON text, made valid where its rings cross in few places."""
    import shapely

    geometry = _plain_shape(text)
    if shapely.get_num_coordinates(geometry) <= MAX_POSITIONS and not geometry.is_valid and not is_tangled(text):
        geometry = shapely.make_valid(geometry)
    shapely.prepare(geometry)
    return geometry


def _plain_shape(text: str) -> BaseGeometry:
    import shapely.geometry

    geometry = json.loads(text)
    plane = _plane(geometry["coordinates"], _NESTING[geometry["type"]])
    return shapely.geometry.shape({"type": geometry["type"], "coordinates": plane})


def _plane(coordinates: Any, nesting: int) -> Any:
    """Coordinates without heights: positions of one line may have some and lack them, which shapely does not read."""
    return coordinates[:2] if nesting == 0 else [_plane(inner, nesting - 1) for inner in coordinates]


def is_tangled(text: str) -> bool:
    """Whether the rings of a GeoJSON polygon cross in more places than can be mended in a moment."""
    import numpy as np
    import shapely

    geometry = _plain_shape(text)
    if geometry.is_valid:
        return False
    rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(shapely.get_parts(geometry))]
    if not rings:
        return False
    pieces = [np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings]
    segments = shapely.linestrings(np.concatenate(pieces))
    tree = shapely.STRtree(segments)
    met = 0
    for start in range(0, len(segments), _MEASURED):
        some = segments[start : start + _MEASURED]
        met += tree.query(some, predicate="intersects").shape[1] - 3 * len(some)  # itself and two neighbours
        if met > 2 * _MAX_CROSSINGS:
            return True
    return False


def relates(target: JsonObject, relation: str, reference: str) -> bool:
    """Whether a target geometry stands in a topological relation (4.10) to a reference (GeoJSON text).

    The relation's names are those of OGC Simple Features, and so are shapely's.
    """
    import shapely

    own = shape(json.dumps(target))
    try:
        return bool(getattr(own, relation)(shape(reference)))
    except shapely.GEOSException:  # of rings that cross in many places
        return False
