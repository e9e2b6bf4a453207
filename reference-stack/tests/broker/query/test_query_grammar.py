"""No text makes a parser fail otherwise than with the errors of the standard."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import (
    compile_pattern,
    parse_geo,
    parse_lang,
    parse_ordering,
    parse_projection,
    parse_q,
    parse_scope,
    parse_temporal,
    parse_types,
)

CONTEXT = core_context()
ENTITY = {
    "id": "urn:x:1",
    "type": [CONTEXT.expand_term("A")],
    CONTEXT.expand_term("a"): [{"type": "Property", "value": {"b": [1, "x", None]}}],
    CONTEXT.expand_term("location"): [{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}],
}

# Pieces of the languages in any order reach deeper than random characters do.
PIECES = [
    *"ab[](){};|,/#+* \\é:^$",
    *["b.c", "==", "!=", ">", "<=", "~=", "!~=", '"x"', '"', "..", "1", "-1.5e3", "true", "urn:x:1", "2020-01-01"],
    *[
        "2020-01-01T00:00:00Z",
        "12:00:00Z",
        "near",
        "maxDistance",
        "asc",
        "desc",
        "id",
        "observedAt",
        "{1,3}",
        "[:alpha:]",
    ],
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(string.punctuation + "ab1", max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)

PARSERS: dict[str, Callable[[str], object]] = {
    "q": lambda text: parse_q(text, CONTEXT).matches(ENTITY),
    "q, expanding values": lambda text: parse_q(text, CONTEXT, expand_values=["a"]).matches(ENTITY),
    "types": lambda text: parse_types(text, CONTEXT).matches(ENTITY),
    "scope": lambda text: parse_scope(text).matches(ENTITY),
    "projection": lambda text: parse_projection(text, CONTEXT),
    "ordering": lambda text: parse_ordering(text, CONTEXT).sort([ENTITY]),
    "language": parse_lang,
    "pattern": lambda text: compile_pattern(text).search("urn:x:1"),
    "timerel": lambda text: parse_temporal(text, text, text, text),
    "georel": lambda text: parse_geo(text, "Point", "[1,2]", text, ld_context=CONTEXT).matches(ENTITY),
}


@pytest.mark.parametrize("name", PARSERS)
def test_tree_or_bad_request(name: str) -> None:
    """Each parser answers any text with a tree that can be evaluated, or with BadRequestData or TooComplexQuery."""

    @given(TEXTS)
    def parses(text: str) -> None:
        with contextlib.suppress(BadRequestData, TooComplexQuery):
            PARSERS[name](text)

    parses()


@given(st.sampled_from(["Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection", "x"]), JSON)
def test_coordinates(geometry: str, coordinates: object) -> None:
    """Any JSON as coordinates gives a geo-query that can be evaluated, or BadRequestData."""
    with contextlib.suppress(BadRequestData):
        parse_geo("intersects", geometry, coordinates, ld_context=CONTEXT).matches(ENTITY)
