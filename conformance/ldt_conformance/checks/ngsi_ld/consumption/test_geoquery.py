"""The geoquery language: ETSI GS CIM 009 V1.9.1, clause 4.10, through Query Entities (5.7.2).

Polygons are simple, closed and counter-clockwise; every margin is large against the shape of the Earth.
"""

from collections.abc import Mapping
from typing import Any

from ldt_conformance import Broker, Entity
from ldt_conformance.checks.ngsi_ld.consumption.queries import query_check
from ldt_conformance.clients import point

GEO = ["ngsi-ld/4.10"]


def square(west: float, south: float, side: float) -> list[list[list[float]]]:
    """A ring of longitudes and latitudes, counter-clockwise and closed."""
    east, north = round(west + side, 6), round(south + side, 6)
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def places(broker: Broker) -> Mapping[str, Entity]:
    """A is 72 m east of (10, 50), B 7 km east of it, C a square far away, D has no location but an observationSpace."""
    base = broker.new_entity("Place")
    far = {"type": "Polygon", "coordinates": square(20.0, 50.0, 0.1)}
    return {
        "A": base.with_geo_property("location", point(10.001, 50.0)),
        "B": base.with_id(broker.new_id("Place")).with_geo_property("location", point(10.1, 50.0)),
        "C": base.with_id(broker.new_id("Place")).with_geo_property("location", far),
        "D": base.with_id(broker.new_id("Place")).with_geo_property("observationSpace", point(10.0, 50.0)),
    }


def corner(broker: Broker) -> Mapping[str, Entity]:
    """A is 700 m from (10, 50); B is less than 1000 m east and less than 1000 m north of it, but 1290 m away."""
    base = broker.new_entity("Place")
    return {
        "A": base.with_geo_property("location", point(10.0, 50.0063)),
        "B": base.with_id(broker.new_id("Place")).with_geo_property("location", point(10.0127, 50.0082)),
    }


def geo(georel: str, geometry: str, coordinates: Any, **more: str) -> dict[str, str]:
    """The parameters of a geoquery (6.4.3.2)."""
    compact = str(coordinates).replace(" ", "")
    return {"georel": georel, "geometry": geometry, "coordinates": compact, **more}


test_near = query_check(
    id="geoquery/near-max-distance",
    title="near with maxDistance finds what is within the distance",
    population=places,
    params=geo("near;maxDistance==1000", "Point", [10.0, 50.0]),
    expected="A",
    clause=("4.10", "maxDistance modifier. For an entity to match it has to be within the buffer geometric object"),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_01_05", "CI/Cons/E/019_10_02"],
)
test_near_corner = query_check(
    id="geoquery/near-corner",
    title="near means the distance itself, not a square around the point",
    population=corner,
    params=geo("near;maxDistance==1000", "Point", [10.0, 50.0]),
    expected="A",
    clause=("4.10", "with distance (in meters) equal to the number conveyed"),
    requirements=GEO,
)
test_near_min = query_check(
    id="geoquery/near-min-distance",
    title="near with minDistance finds what is farther away, and nothing without a location",
    population=places,
    params=geo("near;minDistance==1000", "Point", [10.0, 50.0]),
    expected="BC",
    clause=(
        "4.10",
        "minDistance modifier. For an entity to match it has to be disjoint with the buffer geometric object",
    ),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_03"],
)
test_within = query_check(
    id="geoquery/within-polygon",
    title="within a polygon",
    population=places,
    params=geo("within", "Polygon", square(9.9, 49.9, 0.15)),
    expected="A",
    clause=("4.10", "within relationship (production rule named withinRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_04"],
)
test_within_area = query_check(
    id="geoquery/area-within-polygon",
    title="an area within a polygon",
    population=places,
    params=geo("within", "Polygon", square(19.9, 49.9, 0.5)),
    expected="C",
    clause=("4.10", "within relationship (production rule named withinRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_06"],
)
test_disjoint = query_check(
    id="geoquery/disjoint-polygon",
    title="disjoint from a polygon, and nothing without a location",
    population=places,
    params=geo("disjoint", "Polygon", square(10.05, 49.95, 0.1)),
    expected="AC",
    clause=("4.10", "disjoint relationship (production rule named disjointRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_05", "CI/Cons/E/019_11_05"],
)
test_disjoint_point = query_check(
    id="geoquery/disjoint-point",
    title="disjoint from a point",
    population=places,
    params=geo("disjoint", "Point", [10.1, 50.0]),
    expected="AC",
    clause=("4.10", "disjoint relationship (production rule named disjointRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_06"],
)
test_intersects = query_check(
    id="geoquery/intersects-polygon",
    title="an area that a polygon intersects",
    population=places,
    params=geo("intersects", "Polygon", square(20.05, 50.05, 0.2)),
    expected="C",
    clause=("4.10", "intersects relationship (production rule named intersectsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_02"],
)
test_intersects_point = query_check(
    id="geoquery/intersects-point",
    title="a point that equals the reference point intersects it",
    population=places,
    params=geo("intersects", "Point", [10.1, 50.0]),
    expected="B",
    clause=("4.10", "intersects relationship (production rule named intersectsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_08"],
)
test_contains = query_check(
    id="geoquery/contains-point",
    title="an area that contains a point",
    population=places,
    params=geo("contains", "Point", [20.05, 50.05]),
    expected="C",
    clause=("4.10", "contains relationship (production rule named containsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_08", "CI/Cons/E/019_10_07"],
)
test_contains_area = query_check(
    id="geoquery/contains-polygon",
    title="an area that contains a smaller polygon",
    population=places,
    params=geo("contains", "Polygon", square(20.02, 50.02, 0.05)),
    expected="C",
    clause=("4.10", "contains relationship (production rule named containsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_03"],
)
test_contains_not = query_check(
    id="geoquery/contains-polygon-not",
    title="no area contains a polygon that reaches beyond it",
    population=places,
    params=geo("contains", "Polygon", square(20.05, 50.05, 0.2)),
    expected="",
    clause=("4.10", "contains relationship (production rule named containsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_04"],
)
test_equals = query_check(
    id="geoquery/equals-point",
    title="equal to a point",
    population=places,
    params=geo("equals", "Point", [10.1, 50.0]),
    expected="B",
    clause=("4.10", "equals relationship (production rule named equalsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_10_01"],
)
test_equals_area = query_check(
    id="geoquery/equals-polygon",
    title="equal to a polygon",
    population=places,
    params=geo("equals", "Polygon", square(20.0, 50.0, 0.1)),
    expected="C",
    clause=("4.10", "equals relationship (production rule named equalsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_01"],
)
test_overlaps = query_check(
    id="geoquery/overlaps-polygon",
    title="overlapping a polygon in part",
    population=places,
    params=geo("overlaps", "Polygon", square(20.05, 50.05, 0.2)),
    expected="C",
    clause=("4.10", "overlaps relationship (production rule named overlapsRel)."),
    requirements=GEO,
    test_purposes=["CI/Cons/E/019_11_07"],
)
test_geoproperty = query_check(
    id="geoquery/geoproperty",
    title="geoproperty names another GeoProperty than location",
    population=places,
    params=geo("near;maxDistance==1000", "Point", [10.0, 50.0], geoproperty="observationSpace"),
    expected="D",
    clause=("4.10", "can be specified by an extra parameter named geoproperty."),
    requirements=GEO,
)
