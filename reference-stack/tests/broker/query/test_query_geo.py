"""The Geoquery Language, by clause: ETSI GS CIM 009 V1.9.1, clause 4.10."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.names import OBSERVATION_SPACE
from ldt_stack.broker.query import GeoQuery, parse_geo
from ldt_stack.broker.query.geometry import bounding_box, distance_metres, haversine, is_geometry, widen

CONTEXT = core_context()
SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]


def geo(georel: str, geometry: str, coordinates: Any, geoproperty: str | None = None) -> GeoQuery:
    return parse_geo(georel, geometry, coordinates, geoproperty, ld_context=CONTEXT)


def point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def square(west: float, south: float, size: float) -> dict[str, Any]:
    east, north = west + size, south + size
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Point", "coordinates": [1, 0, 5, 7]},
        {"type": "LineString", "coordinates": [[0, 0], [2, 0, 5]]},
        {"type": "Polygon", "coordinates": [[[0, -1], [2, -1, 3], [2, 1], [0, 1, 4, 5], [0, -1]]]},
    ],
)
def test_heights_that_some_positions_have_do_not_count(geometry: dict[str, Any]) -> None:
    """RFC 7946, section 3.1.1, has positions of two or three elements, also in one line, and lets more be ignored."""
    assert geo("intersects", "Point", [1, 0]).holds(geometry)
    assert geo("intersects", geometry["type"], geometry["coordinates"]).holds(point(1, 0))
    assert geo("disjoint", "Point", [9, 0]).holds(geometry)
    assert geo("near;maxDistance==300000", "Point", [1, 0]).holds(geometry)
    assert distance_metres(geometry, square(5, 0, 1)) > 300_000


@pytest.mark.parametrize(
    ("georel", "target", "expected"),
    [
        ("within", point(5, 5), True),
        ("within", point(15, 5), False),
        ("within", square(1, 1, 2), True),
        ("within", square(-1, -1, 20), False),
        ("contains", square(-1, -1, 20), True),
        ("contains", square(1, 1, 2), False),
        ("intersects", square(9, 9, 5), True),
        ("intersects", square(11, 11, 5), False),
        ("disjoint", square(11, 11, 5), True),
        ("disjoint", point(5, 5), False),
        ("overlaps", square(9, 9, 5), True),
        ("overlaps", square(1, 1, 2), False),
        ("equals", square(0, 0, 10), True),
        ("equals", {"type": "Polygon", "coordinates": [[[10, 10], [0, 10], [0, 0], [10, 0], [10, 10]]]}, True),
        ("equals", square(0, 0, 9), False),
    ],
)
def test_topological_relations(georel: str, target: dict[str, Any], expected: bool) -> None:
    """The target geometry stands in the relation of OGC Simple Features to the reference geometry."""
    assert geo(georel, "Polygon", SQUARE).holds(target) is expected


@pytest.mark.parametrize(
    ("georel", "target", "expected"),
    [
        ("near;maxDistance==2000", point(8, 40.017), True),  # 1890 m
        ("near;maxDistance==2000", point(8, 40.019), False),  # 2113 m
        ("near;maxDistance==2000", point(8.0223, 40), True),  # 1899 m at this latitude
        ("near;maxDistance==2000", point(8.0246, 40), False),
        ("near;maxDistance==1e3", point(8, 40), True),
        ("near;minDistance==2000", point(8, 40.019), True),
        ("near;minDistance==2000", point(8, 40.017), False),
        ("near;maxDistance==5000", square(8.01, 40.01, 0.01), True),
        ("near;maxDistance==2000", square(8.01, 40.01, 0.01), False),  # touches the buffer, is not within it
        ("near;minDistance==2000", square(8.01, 40.01, 0.01), False),
        ("near;minDistance==1000", square(8.01, 40.01, 0.01), True),
    ],
)
def test_near(georel: str, target: dict[str, Any], expected: bool) -> None:
    """With maxDistance the target is within the buffer, with minDistance disjoint with it; in metres."""
    assert geo(georel, "Point", [8, 40]).holds(target) is expected


def test_near_a_line_and_across_the_antimeridian() -> None:
    """Distance is to the nearest part of the reference, and the shorter way around the earth."""
    road = geo("near;maxDistance==600", "LineString", [[8, 40], [9, 40]])
    assert road.holds(point(8.5, 40.005))
    assert not road.holds(point(8.5, 40.006))
    island = geo("near;maxDistance==30000", "Point", [179.9, 0])
    assert island.holds(point(-179.9, 0))
    assert not island.holds(point(-179.8, 0))
    # 171 degrees away at one end and 172 at the other, the other way around: no part of it is near.
    street = geo("near;maxDistance==1000", "LineString", [[-8.5, -1], [8, -1]])
    assert not street.holds(point(-179.999, -1))
    assert street.holds(point(0, -1))


def test_haversine_against_known_distances() -> None:
    """Great-circle distances on the mean sphere: a quarter meridian, and Paris to Berlin within 0.6 % of WGS84."""
    assert haversine((0, 0), (0, 90)) == pytest.approx(10_007_557, abs=1)
    assert haversine((2.3522, 48.8566), (13.4050, 52.5200)) == pytest.approx(879_700, rel=0.006)
    assert distance_metres(point(1, 1), square(0, 0, 2)) == 0


def test_geoproperty_and_instances() -> None:
    """The geo-query looks at the named GeoProperty, at any instance of it, and at nothing that is no GeoProperty."""
    inside = {"type": "GeoProperty", "value": point(5, 5)}
    outside = {"type": "GeoProperty", "value": point(50, 5), "datasetId": "urn:x:1"}
    query = geo("within", "Polygon", SQUARE, "observationSpace")
    assert query.geoproperty == OBSERVATION_SPACE
    assert query.matches({OBSERVATION_SPACE: [outside, inside]})
    assert not query.matches({OBSERVATION_SPACE: [outside]})
    assert not query.matches({CONTEXT.expand_term("location"): [inside]})
    assert not query.matches({OBSERVATION_SPACE: [{"type": "Property", "value": point(5, 5)}]})
    assert not geo("disjoint", "Polygon", SQUARE).matches({"id": "urn:x:1"})


@pytest.mark.parametrize(
    ("georel", "geometry", "coordinates"),
    [
        (None, "Point", "[1,2]"), ("within", None, "[1,2]"), ("within", "Point", None), ("beside", "Point", "[1,2]"),
        ("near", "Point", "[1,2]"), ("near;maxDistance=5", "Point", "[1,2]"), ("near;maxDistance==0", "Point", "[1,2]"),
        ("near;maxDistance==-5", "Point", "[1,2]"), ("near;maxDistance==1e999", "Point", "[1,2]"),
        ("near;distance==5", "Point", "[1,2]"), ("within", "Circle", "[1,2]"), ("within", "GeometryCollection", "[]"),
        ("within", "Point", "1,2"), ("within", "Point", "[1]"), ("within", "Point", '["1","2"]'),
        ("within", "Point", "[1,true]"), ("within", "Point", "[1,91]"), ("within", "LineString", "[[1,2]]"),
        ("within", "Polygon", "[[0,0],[1,0],[1,1],[0,0]]"), ("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]"),
        ("within", "Polygon", "[[[0,0],[1,0],[0,0]]]"), ("within", "Polygon", "[]"), ("within", "Polygon", "{}"),
        ("within", "Point", "[" * 9000),
    ],
)  # fmt: skip
def test_malformed_is_bad_request(georel: str | None, geometry: str | None, coordinates: str | None) -> None:
    """A missing part, an unknown relation, or coordinates that RFC 7946 does not allow: BadRequestData (ruling W25)."""
    with pytest.raises(BadRequestData):
        geo(georel, geometry, coordinates)  # type: ignore[arg-type]  # what a caller may leave out


DEGREES = st.tuples(st.floats(-180, 180), st.floats(-89, 89))


@given(DEGREES, DEGREES, st.floats(1, 1e7))
def test_boxes_hold_the_buffer(centre: tuple[float, float], other: tuple[float, float], metres: float) -> None:
    """Whatever is within a distance lies in one of the boxes by which the store narrows the search."""
    boxes = widen(bounding_box(point(*centre)), metres)
    if haversine(centre, other) <= metres:
        assert any(west <= other[0] <= east and south <= other[1] <= north for west, south, east, north in boxes)


@given(st.recursive(st.integers() | st.floats() | st.text(max_size=2) | st.none(), st.lists, max_leaves=8))
def test_validity_never_fails(coordinates: Any) -> None:
    """Any JSON can be asked whether it is a geometry; NaN and infinity are none."""
    assert not is_geometry({"type": "Polygon", "coordinates": coordinates}) or coordinates
    assert not is_geometry({"type": "Point", "coordinates": [math.nan, 0.0]})
    assert not is_geometry({"type": "Point", "coordinates": [math.inf, 0.0]})


def test_shapely_is_not_loaded_at_start() -> None:
    """The broker imports without shapely, which takes a noticeable part of the time to the first answer."""
    code = "import sys, ldt_stack.broker.http.app; sys.exit('shapely' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
