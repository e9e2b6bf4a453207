"""Values of query terms and how target values compare to them: ETSI GS CIM 009 V1.9.1, clauses 4.6.3 and 4.9.

A target is a JSON value of an expanded Entity, or a `TemporalValue` where the data model says that it is an instant,
a date or a time. Types are compared before values: 4.9, "If there is no equality between the target value data type
and the Query Term value data type, then it shall be considered as not matching".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonValue


class Kind(StrEnum):
    """Data types of the literals of clause 4.9."""

    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    DATETIME = "DateTime"
    DATE = "Date"
    TIME = "Time"
    URI = "URI"


@dataclass(frozen=True, slots=True)
class Literal:
    """One value of a query term. Instants, dates and times are normalized, so that they compare as text."""

    kind: Kind
    value: float | int | str | bool


@dataclass(frozen=True, slots=True)
class Range:
    """`low..high`, both included."""

    low: Literal
    high: Literal


@dataclass(frozen=True, slots=True)
class ValueList:
    """`a,b,c`: any of them."""

    items: tuple[Literal, ...]


Value = Literal | Range | ValueList


@dataclass(frozen=True, slots=True)
class TemporalValue:
    """A target that is an instant, a date or a time by the data model: observedAt, `{"@type": "DateTime", …}`."""

    kind: Kind
    text: str


_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:[.,](\d{1,6}))?Z", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TEMPORAL_TYPES: Final = {
    **{kind.value: kind for kind in (Kind.DATETIME, Kind.DATE, Kind.TIME)},
    **{f"https://uri.etsi.org/ngsi-ld/{kind.value}": kind for kind in (Kind.DATETIME, Kind.DATE, Kind.TIME)},
    "http://www.w3.org/2001/XMLSchema#dateTime": Kind.DATETIME,
    "http://www.w3.org/2001/XMLSchema#date": Kind.DATE,
    "http://www.w3.org/2001/XMLSchema#time": Kind.TIME,
}


def normalize_date(text: str) -> str | None:
    """A Date of clause 4.6.3, or None if it is none."""
    if not text.isascii() or not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def normalize_time(text: str) -> str | None:
    """A Time of clause 4.6.3 with exactly six digits of a second, or None if it is none."""
    match = _TIME.fullmatch(text) if text.isascii() else None
    if match is None:
        return None
    hours, minutes, seconds, fraction = match.groups()
    return f"{hours}:{minutes}:{seconds}.{(fraction or '').ljust(6, '0')}Z"


_NORMALIZERS: Final = {Kind.DATETIME: normalize, Kind.DATE: normalize_date, Kind.TIME: normalize_time}


def temporal_value(kind: Kind, text: JsonValue) -> TemporalValue | None:
    """A typed instant, date or time, or None if the text is not of that kind."""
    normalized = _NORMALIZERS[kind](text) if isinstance(text, str) else None
    return None if normalized is None else TemporalValue(kind, normalized)


def unwrap(value: JsonValue, value_type: JsonValue = None) -> JsonValue:
    """A value as it compares: JSON-LD typed values (annex C.6) become what they mean.

    Args:
        value: As stored.
        value_type: The valueType beside it, if any.

    Returns:
        The plain JSON value, or a `TemporalValue`.
    """
    if isinstance(value, dict) and "@value" in value:
        return unwrap(value["@value"], value.get("@type", value.get("type", value_type)))
    kind = _TEMPORAL_TYPES.get(value_type) if isinstance(value_type, str) else None
    if kind is not None:
        return temporal_value(kind, value) or value
    return value


def equals(target: JsonValue, literal: Literal) -> bool:
    """Whether a single target value is identical or equivalent to a literal."""
    if literal.kind is Kind.URI:
        return isinstance(target, str) and same_uri(target, str(literal.value))
    literal = _as_meant(target, literal)
    own = _comparable(target, literal)
    return own is not None and own == literal.value


def order(target: JsonValue, literal: Literal) -> int | None:
    """How a single target value is ordered against a literal: below (-1), same (0), above (1); None: other types.

    Strings are ordered by code point, instants in time.
    """
    if literal.kind in {Kind.BOOLEAN, Kind.URI}:
        return None
    literal = _as_meant(target, literal)
    own = _comparable(target, literal)
    if own is None:
        return None
    return (own > literal.value) - (own < literal.value)  # type: ignore[operator]  # both are numbers or both strings


def within(target: JsonValue, interval: Range) -> bool:
    """Whether a single target value lies in a range, ends included."""
    above, below = order(target, interval.low), order(target, interval.high)
    return above is not None and below is not None and above >= 0 and below <= 0


def _as_meant(target: JsonValue, literal: Literal) -> Literal:
    """A quoted instant, date or time against a target of that type means what it says, not its characters."""
    if literal.kind is Kind.STRING and isinstance(target, TemporalValue):
        normalized = _NORMALIZERS[target.kind](str(literal.value))
        return literal if normalized is None else Literal(target.kind, normalized)
    return literal


def _comparable(target: JsonValue, literal: Literal) -> float | int | str | bool | None:
    """The target as a value of the literal's type, or None if it is of another type."""
    if literal.kind is Kind.BOOLEAN:
        return target if isinstance(target, bool) else None
    if literal.kind is Kind.NUMBER:
        return target if isinstance(target, int | float) and not isinstance(target, bool) else None
    if literal.kind is Kind.STRING:
        return target if isinstance(target, str) else None
    if isinstance(target, TemporalValue):
        return target.text if target.kind is literal.kind else None
    return _NORMALIZERS[literal.kind](target) if isinstance(target, str) else None


_AUTHORITY: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*:)(//[^/?#]*)?(.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def same_uri(one: str, other: str) -> bool:
    """Whether two URIs are equivalent by the syntax-based normalization of RFC 3986, section 6.2.2 (case, escapes)."""
    alike = one.lower() == other.lower() or "%" in one + other
    return one == other or (alike and normal_uri(one) == normal_uri(other))


def normal_uri(uri: str) -> str:
    """A URI in the normal form of RFC 3986, section 6.2.2 (case, escapes)."""
    match = _AUTHORITY.fullmatch(uri)
    if match is None:
        return uri
    scheme, authority, rest = match.groups()
    return scheme.lower() + _ESCAPE.sub(_unescape, (authority or "").lower()) + _ESCAPE.sub(_unescape, rest)


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()
