"""Work on geometries is bounded: ETSI GS CIM 009 V1.9.1, clauses 4.10 and 4.23; TooComplexQuery is of clause 5.5.2."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.errors import TooComplexQuery
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import GeoQuery, parse_geo
from ldt_stack.broker.query import geometry as geometries
from ldt_stack.broker.query.geometry import distance_metres, farthest_metres, is_tangled, relates, shape
from ldt_stack.broker.query.ordering import parse_ordering

from ..api import create, refused, send
from ..conftest import BrokerFactory

pytestmark = pytest.mark.anyio
CONTEXT = core_context()


def polygon(positions: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*positions, positions[0]]]}


def tangle(count: int) -> dict[str, Any]:
    """A ring of random positions: nearly every segment crosses a third of the others."""
    numbers = random.Random(count)  # noqa: S311 — the same at each run
    return polygon([[numbers.uniform(-10, 10), numbers.uniform(-10, 10)] for _ in range(count)])


def circle(count: int, longitude: float = 0.0) -> list[list[float]]:
    angles = [2 * math.pi * place / count for place in range(count)]
    return [[longitude + 5 * math.cos(angle), 5 * math.sin(angle)] for angle in angles]


def within(geometry: dict[str, Any], **limits: int) -> GeoQuery:
    return parse_geo("within", geometry["type"], geometry["coordinates"], ld_context=CONTEXT, **limits)


@pytest.fixture
def unmendable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mending would take too long: it is not begun."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError("a geometry was mended")

    monkeypatch.setattr(shapely, "make_valid", refuse)


@pytest.mark.parametrize("count", [100, 300, 3000])
def test_a_reference_that_crosses_itself_everywhere_is_too_complex(unmendable: None, count: int) -> None:
    with pytest.raises(TooComplexQuery, match="cross"):
        within(tangle(count))
    with pytest.raises(TooComplexQuery, match="orderFrom"):
        parse_ordering("location;dist-asc", CONTEXT, order_from=tangle(count)["coordinates"], order_geometry="Polygon")


@pytest.mark.parametrize("relation", ["within", "contains", "overlaps", "intersects", "equals", "disjoint"])
def test_a_target_that_crosses_itself_everywhere_is_taken_as_it_is(unmendable: None, relation: str) -> None:
    for reference in (polygon([[0, 0], [1, 0], [1, 1], [0, 1]]), {"type": "Point", "coordinates": [50, 50]}):
        assert relates(tangle(300), relation, json.dumps(reference)) in (True, False)
    far = {"type": "Point", "coordinates": [50, 50]}
    assert relates(tangle(300), "intersects", json.dumps(far)) is False
    assert distance_metres(tangle(300), far) > 1_000_000


def test_a_ring_that_crosses_itself_once_is_mended_however_many_positions_it_has() -> None:
    eight = circle(400) + [[10 - longitude, latitude] for longitude, latitude in circle(400)]
    figure = polygon(eight)
    assert not is_tangled(json.dumps(figure))
    for longitude in (0, 10):
        assert within(figure).holds({"type": "Point", "coordinates": [longitude, 0]})
    bow = polygon([[0, 0], [10, 10], [10, 0], [0, 10]])
    assert shape(json.dumps(bow)).is_valid
    assert within(bow).holds({"type": "Point", "coordinates": [9, 5]})


def test_a_reference_has_a_limited_number_of_positions() -> None:
    within(polygon(circle(99)), max_positions=100)
    with pytest.raises(TooComplexQuery, match="101 positions"):
        within(polygon(circle(100)), max_positions=100)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), apart=st.sampled_from([7.0, 20.0, 356.0]), south=st.integers(-55, 55))
def test_distances_of_many_vertices_are_those_of_all_of_them(seed: int, apart: float, south: int) -> None:
    numbers = random.Random(seed)  # noqa: S311 — by hypothesis

    def line(east: float) -> dict[str, Any]:
        places = [[numbers.uniform(-3, 3) + east, numbers.uniform(-3, 3) + south] for _ in range(80)]
        return {"type": "LineString", "coordinates": places}

    one, other = line(0), line(apart)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(geometries, "_MEASURED", 1000)
        nearest, farthest = distance_metres(one, other), farthest_metres(one, other)
    assert distance_metres(one, other) == pytest.approx(nearest, rel=1e-3, abs=1)
    assert farthest_metres(one, other) == pytest.approx(farthest, rel=1e-3, abs=1)


def test_a_line_of_one_place_is_as_far_as_that_place() -> None:
    line = {"type": "LineString", "coordinates": [[1, 1]] * 100}
    there = {"type": "LineString", "coordinates": [[5, 5]] * 100}
    expected = distance_metres({"type": "Point", "coordinates": [1, 1]}, {"type": "Point", "coordinates": [5, 5]})
    assert distance_metres(line, there) == pytest.approx(expected)
    assert not is_tangled(json.dumps(line))


async def test_a_geometry_that_is_too_much_is_refused_over_http(start_broker: BrokerFactory) -> None:
    async with start_broker(max_query_positions=200) as running:
        location = {"type": "GeoProperty", "value": tangle(300)}
        await create(running.client, location=location)
        ask = {"type": "Query", "entities": [{"type": "Car"}]}
        for geometry in (tangle(100), polygon(circle(200))):
            members = {"georel": "intersects", "geometry": "Polygon", "coordinates": geometry["coordinates"]}
            path = "/entityOperations/query"
            await refused(running.client, "POST", path, {**ask, "geoQ": members}, 403, "TooComplexQuery")
        path = "/entities?type=Car&georel=near;maxDistance==9000000&geometry=Point&coordinates=[0,0]"
        assert len((await send(running.client, "GET", path, None, 200)).json()) == 1
