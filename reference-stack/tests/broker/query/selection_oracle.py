"""Scope queries, type selections and geo-queries, read a second time: see `query_oracle.py`.

Written from clauses 4.10 (geo), 4.17 (types) and 4.19 (scopes) of ETSI GS CIM 009 V1.9.1.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from hypothesis import strategies as st

from .query_oracle import VOCABULARY, Json, instances


@dataclass(frozen=True)
class ScopeTree:
    """Alternatives of Scopes that must be there together; `levels` may hold "+", and "#" as the last one."""

    alternatives: tuple[tuple[tuple[str, ...], ...], ...]
    operator: str = "|"

    @property
    def text(self) -> str:
        """As it is written."""
        groups = [["/" + "/".join(levels) for levels in group] for group in self.alternatives]
        return self.operator.join(group[0] if len(group) == 1 else f"({';'.join(group)})" for group in groups)

    def holds(self, entity: Json) -> bool:
        """Whether the Entity's Scopes meet it."""
        held = entity.get("scope", [])
        scopes = [one.strip("/").split("/") for one in (held if isinstance(held, list) else [held])]
        return any(
            all(any(_within(scope, levels) for scope in scopes) for levels in group) for group in self.alternatives
        )


def _within(scope: list[str], levels: tuple[str, ...]) -> bool:
    pattern, below = (levels[:-1], True) if levels[-1] == "#" else (levels, False)
    if len(scope) < len(pattern) or (len(scope) > len(pattern) and not below):
        return False
    return all(wanted in {"+", own} for own, wanted in zip(scope, pattern, strict=False))


LEVELS = st.lists(st.sampled_from(["Madrid", "Gardens", "a", "B_1", "+"]), min_size=1, max_size=3)
SCOPES = st.one_of(LEVELS, LEVELS.map(lambda levels: [*levels, "#"]), st.just(["#"])).map(tuple)
GROUPS = st.one_of(st.tuples(SCOPES), st.lists(SCOPES, min_size=1, max_size=2).map(tuple))
SCOPE_QUERIES = st.builds(ScopeTree, st.lists(GROUPS, min_size=1, max_size=3).map(tuple), st.sampled_from(["|", ","]))


@dataclass(frozen=True)
class TypesTree:
    """Alternatives of types that an Entity must have together."""

    alternatives: tuple[tuple[str, ...], ...]
    operator: str = "|"

    @property
    def text(self) -> str:
        """As it is written."""
        return self.operator.join(
            group[0] if len(group) == 1 else f"({';'.join(group)})" for group in self.alternatives
        )

    def holds(self, entity: Json) -> bool:
        """Whether the Entity has the types of any alternative."""
        return any(set(group) <= set(entity["type"]) for group in self.alternatives)


TYPE_NAMES = st.sampled_from(["Oracle", "Car", "Bus", VOCABULARY + "Car", "Missing"])
TYPE_QUERIES = st.builds(
    TypesTree,
    st.lists(st.lists(TYPE_NAMES, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
    st.sampled_from(["|", ","]),
)
Box = tuple[int, int, int, int]


def box_of(geometry: Json) -> Box:
    """West, south, east, north of a point or an upright rectangle."""
    places = [geometry["coordinates"]] if geometry["type"] == "Point" else geometry["coordinates"][0]
    longitudes, latitudes = [place[0] for place in places], [place[1] for place in places]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def rectangle(west: int, south: int, width: int, height: int) -> Json:
    """An upright rectangle as a Polygon."""
    east, north = west + width, south + height
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def metres(one: Json, other: Json) -> float:
    """The great-circle distance of two positions, by the spherical law of cosines."""
    a, b = math.radians(one[1]), math.radians(other[1])
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(math.radians(one[0] - other[0]))
    return 6_371_008.8 * math.acos(max(-1.0, min(1.0, cosine)))


@dataclass(frozen=True)
class GeoTree:
    """A relation to a Point or an upright rectangle, by comparing edges; `near` between Points alone."""

    georel: str
    kind: str
    coordinates: str

    @property
    def parameters(self) -> dict[str, str]:
        """As they are sent."""
        return {"georel": self.georel, "geometry": self.kind, "coordinates": self.coordinates}

    def holds(self, entity: Json) -> bool:
        """Whether the Entity's location stands in the relation to the reference."""
        return any(self._relates(one["value"]) for one in instances(entity, "location"))

    def _relates(self, target: Json) -> bool:
        reference = {"type": self.kind, "coordinates": json.loads(self.coordinates)}
        if self.georel.startswith("near"):
            away = metres(target["coordinates"], reference["coordinates"])
            limit = float(self.georel.partition("==")[2])
            return away <= limit if "max" in self.georel else away > limit
        (west, south, east, north), (west2, south2, east2, north2) = box_of(target), box_of(reference)
        meet = west <= east2 and west2 <= east and south <= north2 and south2 <= north
        if self.georel in {"intersects", "disjoint"}:
            return meet == (self.georel == "intersects")
        if self.georel == "equals":
            return box_of(target) == box_of(reference)
        inside, holding = _inside(target, reference), _inside(reference, target)
        if self.georel in {"within", "contains"}:
            return inside if self.georel == "within" else holding
        areas = target["type"] == reference["type"] == "Polygon"
        overlapping = west < east2 and west2 < east and south < north2 and south2 < north
        return areas and overlapping and not inside and not holding


def _inside(one: Json, other: Json) -> bool:
    """OGC "within": no part outside, and the interiors meet: a point on the edge of an area is not within it."""
    (west, south, east, north), (west2, south2, east2, north2) = box_of(one), box_of(other)
    if one["type"] == "Point" and other["type"] == "Polygon":
        return west2 < west < east2 and south2 < south < north2
    return west2 <= west and east <= east2 and south2 <= south and north <= north2


GRID = st.integers(0, 5)
POINTS = st.tuples(GRID, GRID).map(lambda place: {"type": "Point", "coordinates": list(place)})
RECTANGLES = st.builds(rectangle, GRID, GRID, st.integers(1, 4), st.integers(1, 4))
RELATIONS = st.sampled_from(["within", "contains", "overlaps", "intersects", "equals", "disjoint"])


def _geo(georel: str, reference: Json) -> GeoTree:
    return GeoTree(georel, reference["type"], json.dumps(reference["coordinates"]))


GEO_QUERIES = st.builds(_geo, RELATIONS, st.one_of(POINTS, RECTANGLES))
# Limits far from any distance on the grid (multiples of about 111 km, and their diagonals).
NEAR_QUERIES = st.builds(
    _geo,
    st.builds(
        lambda word, kilometres: f"near;{word}Distance=={kilometres}000",
        st.sampled_from(["max", "min"]),
        st.sampled_from([1, 50, 130, 200, 280, 420, 900]),
    ),
    POINTS,
)
