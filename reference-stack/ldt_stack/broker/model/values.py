"""What the value member of each Attribute type may hold, and the encodings of the NGSI-LD Null (4.5.0).

ETSI GS CIM 009 V1.9.1, clauses 4.5.2, 4.5.3, 4.5.18, 4.5.20 to 4.5.22, 4.5.24, 4.6.3, 4.6.5 and 4.7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from typing import Final

import orjson

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NONE_LANGUAGE, NULL, JsonValue
from ldt_stack.broker.query.geometry import check_geometry, is_geometry
from ldt_stack.broker.query.lexical import is_uri

__all__ = [
    "Nulls",
    "check_date_time",
    "check_geometry_value",
    "check_no_null",
    "check_uri",
    "checked_value",
    "decoded_geometry",
    "is_geometry",
    "is_language_tag",
    "is_null",
]

# RFC 5646, section 2.1: "langtag", "privateuse", and the tags of "irregular"; those of "regular" are also langtags.
_LANGUAGE_TAG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|en-gb-oed|sgn-(?:be-fr|be-nl|ch-de)"
    r"|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)",
    re.IGNORECASE | re.ASCII,
)
_LITERAL: Final = {"@type", "@value"}
_OF_GEOMETRIES: Final = frozenset({"type", "coordinates"})  # which the check of the geometry is about
MAX_DEPTH: Final = 64  # nesting of values and sub-Attributes; deeper is no data that anybody meant


class Nulls(IntEnum):
    """Where the NGSI-LD Null may stand (5.5.4)."""

    FORBIDDEN = 0
    MEMBER = 1  # partial update patch: a whole Attribute, or a member of one (5.5.8)
    ANYWHERE = 2  # merge patch: also inside the value of a Property (5.5.12)


def check_uri(value: JsonValue, what: str) -> str:
    """A URI.

    Raises:
        BadRequestData: It is none; `what` says of what.
    """
    if not isinstance(value, str) or not is_uri(value) or value == NULL:
        raise BadRequestData(f"{what} is {_shown(value)}; expected a URI other than the NGSI-LD Null")
    return value


def check_date_time(value: JsonValue, what: str) -> str:
    """A DateTime of clause 4.6.3; a comma before the fraction becomes the point that answers use.

    Raises:
        BadRequestData: It is none.
    """
    if normalize(value) is None:
        raise BadRequestData(f"{what} is {_shown(value)}; expected a DateTime such as 2026-01-31T12:00:00Z")
    return str(value).replace(",", ".")


def check_geometry_value(value: JsonValue, what: str) -> None:
    """The value of a GeoProperty, whole.

    Raises:
        BadRequestData: It is no geometry; `what` says of what.
    """
    try:
        check_geometry(value)
    except BadRequestData as error:
        raise BadRequestData(f"{what} is no GeoJSON geometry: {error.detail}") from None


def is_language_tag(text: str) -> bool:
    """Whether a text has the form of a language tag (RFC 5646)."""
    return _LANGUAGE_TAG.fullmatch(text) is not None


def is_null(kind: str, value: JsonValue) -> bool:
    """Whether a value member holds the NGSI-LD Null, in any of its encodings (4.5.0)."""
    if value == NULL:
        return True
    if kind == "LanguageProperty":
        return bool(value == {NONE_LANGUAGE: NULL})
    return kind in {"ListProperty", "ListRelationship"} and bool(value == [NULL])


def checked_value(kind: str, value: JsonValue, name: str, ld_context: LdContext, nulls: Nulls) -> JsonValue:
    """The value member of an Attribute as it is stored: checked, names in it expanded.

    Args:
        kind: The Attribute type.
        value: As it was sent; not the NGSI-LD Null itself.
        name: Of the Attribute, for messages.
        ld_context: Expands vocab values.
        nulls: Whether NGSI-LD Nulls may stand inside.

    Raises:
        BadRequestData: It is not what the type allows.
    """
    return _CHECKS[kind](value, f'The value of "{name}"', ld_context, nulls)


def check_no_null(value: JsonValue, what: str) -> None:
    """That a member of an API data type has no JSON null in it: JSON-LD removes what is null (4.5.0).

    Raises:
        BadRequestData: It has one, or is nested too deep; `what` says of what.
    """
    _check_json(value, what, Nulls.ANYWHERE, 0)


def _property(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    if isinstance(value, (dict, list)) or value is None:
        _check_json(value, what, nulls, 0)
    return value


def _check_json(value: JsonValue, what: str, nulls: Nulls, depth: int) -> None:
    """No JSON null (4.5.0), no NGSI-LD Null where none may stand (5.5.4)."""
    if value is None:
        raise BadRequestData(f"{what} has a JSON null; NGSI-LD has no null value (4.5.0)")
    if depth > MAX_DEPTH:
        raise BadRequestData(f"{what} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        if value.keys() == _LITERAL and value["@type"] == "@json":
            return  # a JSON literal is opaque (4.5.0)
        for inner in value.values():
            _check_json(inner, what, nulls, depth + 1)
    elif isinstance(value, list):
        for inner in value:  # arrays are replaced, not merged (RFC 7396): what stands in them would be stored
            _check_json(inner, what, Nulls.FORBIDDEN, depth + 1)
    elif value == NULL and nulls is not Nulls.ANYWHERE:
        raise BadRequestData(f'{what} has "{NULL}" in it, which only a merge operation may (5.5.4)')


def decoded_geometry(value: JsonValue, what: str, nulls: Nulls) -> JsonValue:
    """A geometry, or a part of one in a merge, that may have come as an encoded string (4.7.2).

    Its foreign members (RFC 7946, section 6.1) are looked at like any value of a Property.

    Raises:
        BadRequestData: It is a string, but no JSON; or it has a null, or an NGSI-LD Null where none may stand.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise BadRequestData(f"{what} is {_shown(value)}; expected a GeoJSON geometry") from None
    if isinstance(value, dict):
        for key, member in value.items():
            if key not in _OF_GEOMETRIES:
                _check_json(member, what, nulls, 1)
    return value


def _geometry(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    value = decoded_geometry(value, what, nulls)
    if nulls is not Nulls.ANYWHERE or not isinstance(value, dict):  # in a merge, it may be a part (5.5.12)
        check_geometry_value(value, what)
    return value


def _object(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    if isinstance(value, list) and value:
        return [check_uri(element, what) for element in value]
    return check_uri(value, what)


def _language_map(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    if not isinstance(value, dict):
        raise BadRequestData(f'{what} is {_shown(value)}; expected a languageMap such as {{"en": "yes"}}')
    for tag, text in value.items():
        if tag != NONE_LANGUAGE and not is_language_tag(tag):
            raise BadRequestData(f'{what} has "{tag}", which is no language tag of RFC 5646')
        texts = text if isinstance(text, list) else [text]
        if not texts or not all(isinstance(element, str) for element in texts):
            raise BadRequestData(f'{what} has no string, nor an array of strings, for the language "{tag}"')
        if NULL in texts and (nulls is not Nulls.ANYWHERE or isinstance(text, list)):  # arrays as in `_check_json`
            raise BadRequestData(f'{what} has "{NULL}" in it, which only a merge operation may (5.5.4)')
    return value


def _vocab(value: JsonValue, what: str, ld_context: LdContext, nulls: Nulls) -> JsonValue:
    if isinstance(value, str):
        return ld_context.expand_vocab(value)
    if isinstance(value, list) and value and all(isinstance(element, str) and element != NULL for element in value):
        return [ld_context.expand_vocab(element) for element in value]
    raise BadRequestData(f"{what} is {_shown(value)}; expected a string, or an array of strings, that names IRIs")


def _value_list(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    if not isinstance(value, list):
        raise BadRequestData(f"{what} is {_shown(value)}; a ListProperty has an array")
    _check_json(value, what, nulls, 0)
    return value


def _object_list(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    """Normalized elements are objects with "object", concise ones URIs (4.5.22); URIs are stored."""
    if not isinstance(value, list):
        raise BadRequestData(f"{what} is {_shown(value)}; a ListRelationship has an array")
    return [
        check_uri(element["object"] if isinstance(element, dict) and set(element) == {"object"} else element, what)
        for element in value
    ]


def _json(value: JsonValue, what: str, _: LdContext, nulls: Nulls) -> JsonValue:
    if not isinstance(value, dict) and not (
        isinstance(value, list) and all(isinstance(element, dict) for element in value)
    ):
        raise BadRequestData(f"{what} is {_shown(value)}; a JsonProperty has a JSON object, or an array of objects")
    return value


def _shown(value: JsonValue) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


_CHECKS: Final[dict[str, Callable[[JsonValue, str, LdContext, Nulls], JsonValue]]] = {
    "Property": _property,
    "GeoProperty": _geometry,
    "Relationship": _object,
    "LanguageProperty": _language_map,
    "VocabProperty": _vocab,
    "ListProperty": _value_list,
    "ListRelationship": _object_list,
    "JsonProperty": _json,
}
