"""Is a GeoJSON geometry valid (RFC 7946 section 3.1), and does it lie where the site is?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DEPTH = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
BBox = tuple[float, float, float, float]
RING_POSITIONS = 4  # RFC 7946 3.1.6: four or more, the last equal to the first


def geometry_fault(geometry: Any) -> str | None:
    """What is wrong with a geometry; None where nothing is."""
    if not isinstance(geometry, dict):
        return f"no GeoJSON object: {str(geometry)[:60]}"
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        members = geometry.get("geometries")
        if not isinstance(members, list):
            return "a GeometryCollection without geometries"
        return next((fault for fault in map(geometry_fault, members) if fault), None)
    if not isinstance(kind, str) or kind not in DEPTH:
        return f"unknown geometry type {kind!r}"
    coordinates = geometry.get("coordinates")
    if not _nested(coordinates, DEPTH[kind]):
        return f"coordinates are not of the shape of a {kind}"
    rings: list[Any] = [coordinates] if kind == "Polygon" else []
    if kind == "MultiPolygon":
        rings = list(coordinates or ())
    for polygon in rings:
        for ring in polygon:
            if len(ring) < RING_POSITIONS or ring[0] != ring[-1]:
                return "a ring is not closed"
    for longitude, latitude in positions(geometry):
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            return f"[{longitude}, {latitude}] is not longitude and latitude in degrees"
    return None


def _nested(value: Any, depth: int) -> bool:
    if depth == 0:
        return (
            isinstance(value, list)
            and len(value) in {2, 3}
            and all(isinstance(part, int | float) and not isinstance(part, bool) for part in value)
        )
    return isinstance(value, list) and bool(value) and all(_nested(part, depth - 1) for part in value)


def positions(geometry: Any) -> Iterator[tuple[float, float]]:
    """Every position of a well-formed geometry, as longitude and latitude."""
    for member in geometry.get("geometries", []):
        yield from positions(member)
    pending = [geometry["coordinates"]] if "coordinates" in geometry else []
    while pending:
        value = pending.pop()
        if isinstance(value, list) and value and isinstance(value[0], int | float):
            yield float(value[0]), float(value[1])
        elif isinstance(value, list):
            pending += value


def inside(geometry: Any, bbox: BBox) -> bool:
    """Whether every position lies in the box (west, south, east, north)."""
    west, south, east, north = bbox
    return all(west <= lon <= east and south <= lat <= north for lon, lat in positions(geometry))


def inside_if_swapped(geometry: Any, bbox: BBox) -> bool:
    """Whether every position would lie in the box with its axes swapped."""
    west, south, east, north = bbox
    return all(west <= lat <= east and south <= lon <= north for lon, lat in positions(geometry))
