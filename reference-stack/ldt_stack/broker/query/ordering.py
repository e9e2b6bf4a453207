"""Entity Ordering Language: ETSI GS CIM 009 V1.9.1, clause 4.23.

How strings are compared is in `collation.py`. Null and missing values come last in both directions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query.collation import ROOT, Collation, parse_collation
from ldt_stack.broker.query.geometry import check_reference, distance_metres, is_geometry
from ldt_stack.broker.query.lexical import MAX_TERMS, Cursor
from ldt_stack.broker.query.paths import AttributePath, LinkedPath, Target, parse_path
from ldt_stack.broker.query.values import Kind, TemporalValue, temporal_value

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

Direction = Literal["asc", "desc", "dist-asc", "dist-desc"]
_DIRECTION: Final = re.compile(r"dist-asc|dist-desc|asc|desc")
_ENTITY_MEMBER: Final = re.compile(r"(?:id|type|scope)(?=[,;]|$)")
# 4.23.2, in this order; nulls and what does not exist come last.
_TYPE_ORDER: Final = {
    "number": 0,
    "string": 1,
    "object": 2,
    "array": 3,
    "boolean": 4,
    "Time": 5,
    "Date": 6,
    "DateTime": 7,
}
_MOMENTS: Final = (Kind.DATETIME, Kind.DATE, Kind.TIME)
_NULL: Final = 8
_MISSING: Final = 9


@dataclass(frozen=True, slots=True)
class OrderingTerm:
    """One key of the order: an Attribute path, or the short name of an Entity member."""

    path: AttributePath | str
    direction: Direction = "asc"


@dataclass(frozen=True, slots=True)
class Ordering:
    """A parsed order.

    Args:
        terms: Keys, the first one decides first.
        reference: For distances: GeoJSON text.
        collation: How strings are compared.
    """

    terms: tuple[OrderingTerm, ...]
    reference: str | None = None
    collation: Collation = ROOT

    def sort(self, entities: Sequence[JsonObject]) -> list[JsonObject]:
        """Expanded Entities in this order; equal ones by id, so that pages are stable."""
        return sorted(entities, key=self.key)

    def key(self, entity: JsonObject) -> Any:
        """What sorts in this order in place of an Entity, and is much smaller: for more Entities than one can keep."""
        return cmp_to_key(self._compare)((self._keys(entity), entity["id"]))

    def _keys(self, entity: JsonObject) -> list[tuple[int, Any]]:
        return [self._key(term, entity) for term in self.terms]

    def _key(self, term: OrderingTerm, entity: JsonObject) -> tuple[int, Any]:
        target = _target(term.path, entity)
        if target is None:
            return _MISSING, 0
        reference = self.reference if term.direction.startswith("dist-") else None
        if reference is not None and target.place and is_geometry(target.value):
            return -1, distance_metres(target.value, json.loads(reference))
        value = target.value[0] if target.languages and target.value else target.value
        return _rank(value, self.collation)

    def _compare(self, one: tuple[list[Any], str], other: tuple[list[Any], str]) -> int:
        for term, (rank, key), (other_rank, other_key) in zip(self.terms, one[0], other[0], strict=True):
            if rank != other_rank:
                return -1 if rank < other_rank else 1
            if key != other_key:
                below = -1 if key < other_key else 1
                return -below if term.direction in {"desc", "dist-desc"} else below
        return -1 if one[1] < other[1] else 1


def _target(path: AttributePath | str, entity: JsonObject) -> Target | None:
    """What is compared; of several instances the default one, which is stored first where there is one."""
    if isinstance(path, str):
        return Target(entity[path]) if path in entity else None
    return next(path.targets(entity), None)


def _rank(value: Any, collation: Collation) -> tuple[int, Any]:
    if value is None:
        return _NULL, 0
    moment = _moment(value)
    if moment is not None:
        return _TYPE_ORDER[moment.kind.value], moment.text
    if isinstance(value, bool):
        return _TYPE_ORDER["boolean"], value
    if isinstance(value, int | float):
        return _TYPE_ORDER["number"], value
    if isinstance(value, str):
        return _TYPE_ORDER["string"], collation.key(value)
    kind = "array" if isinstance(value, list) else "object"
    return _TYPE_ORDER[kind], json.dumps(value, sort_keys=True, default=_plain)


def _moment(value: Any) -> TemporalValue | None:
    """The Time, Date or DateTime that a value is, also where only the form of its string says so (4.6.3)."""
    if not isinstance(value, str):
        return value if isinstance(value, TemporalValue) else None
    if not value[:1].isdigit():
        return None
    return next((found for kind in _MOMENTS if (found := temporal_value(kind, value)) is not None), None)


def _plain(value: object) -> str:
    return value.text if isinstance(value, TemporalValue) else str(value)


def check_order_options(collation: str | None, order_from: JsonValue, order_geometry: str | None) -> None:
    """Check what goes with an order, where none is given: 5.7.2.4 refuses what is not valid all the same.

    Raises:
        BadRequestData, OperationNotSupported, TooComplexQuery: As `parse_ordering`.
    """
    parse_collation(collation)
    if order_from is not None:
        _reference(order_from, order_geometry or "Point")


def parse_ordering(
    order_by: str | Sequence[str],
    ld_context: LdContext,
    *,
    collation: str | None = None,
    order_from: JsonValue = None,
    order_geometry: str | None = None,
    max_terms: int = MAX_TERMS,
) -> Ordering:
    """Parse an order.

    Args:
        order_by: `name,age;desc`, `location;dist-asc`, or a list of such terms (5.2.43).
        ld_context: Expands the names (5.5.7).
        collation: A collation (RFC 6067), default the ICU root collation.
        order_from: Coordinates for distances, a JSON array or its text.
        order_geometry: Their geometry type, default Point.
        max_terms: More terms are too complex.

    Raises:
        BadRequestData: A term, the collation or the coordinates are not valid, or distance has no coordinates.
        OperationNotSupported: The collation is valid, but none that this broker can sort by.
        TooComplexQuery: There are too many terms, or the coordinates are too many or cross in too many places.

    Source: CIM 009 V1.9.1, clauses 4.23.3, 5.2.43 and 5.7.2.4.
    """
    text = order_by if isinstance(order_by, str) else ",".join(order_by)
    cursor = Cursor("orderBy", text, "names like name,age;desc or location;dist-asc (clause 4.23.3)", max_terms)
    terms = [_term(cursor, ld_context)]
    while cursor.take(","):
        terms.append(_term(cursor, ld_context))
    if not cursor.at_end():
        cursor.fail("a ',' or the end is missing here")
    reference = None
    if order_from is not None:
        reference = _reference(order_from, order_geometry or "Point")
    elif any(term.direction.startswith("dist-") for term in terms):
        raise BadRequestData("orderBy orders by distance, but orderFrom, the place to measure from, is missing.")
    return Ordering(tuple(terms), reference, parse_collation(collation))


def _term(cursor: Cursor, ld_context: LdContext) -> OrderingTerm:
    cursor.count_term()
    path: AttributePath | str
    if match := cursor.take_match(_ENTITY_MEMBER):
        path = match[0]
    else:
        parsed = parse_path(cursor, ld_context)
        if isinstance(parsed, LinkedPath):
            cursor.fail("Entities cannot be ordered by linked Entities")
        path = parsed
    if not cursor.take(";"):
        return OrderingTerm(path)
    direction = cursor.take_match(_DIRECTION)
    if direction is None:
        cursor.fail("the direction is none of asc, desc, dist-asc, dist-desc")
    return OrderingTerm(path, cast("Direction", direction[0]))


def _reference(source: JsonValue, kind: str) -> str:
    coordinates = source
    if isinstance(source, str):
        try:
            coordinates = json.loads(source)
        except (ValueError, RecursionError) as problem:
            raise BadRequestData(f"orderFrom is no JSON array: {source[:60]!r}.") from problem
    reference = {"type": kind, "coordinates": coordinates}
    check_reference(reference, "orderFrom")
    return json.dumps(reference, separators=(",", ":"))
