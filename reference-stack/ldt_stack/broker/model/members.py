"""Members that not every type of Attribute has: ETSI GS CIM 009 V1.9.1, clauses 4.5.2, 4.5.3, 4.5.18, 4.5.20 to 24."""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import ATTRIBUTE_TYPES, NULL, JsonObject, JsonValue

WITH_UNIT: Final = frozenset({"Property", "GeoProperty", "ListProperty"})
_UNITLESS: Final = ATTRIBUTE_TYPES - WITH_UNIT
_RELATIONSHIPS: Final = frozenset({"Relationship", "ListRelationship"})
_UNITS_AND_TYPES: Final = frozenset({"unitCode", "valueType", "objectType"})
_LANG_STRING: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"


def texts_of(value: JsonValue, what: str) -> list[str]:
    """A string, or an array of strings, as a list; none of them is empty, or the NGSI-LD Null.

    Raises:
        BadRequestData: It is something else.
    """
    texts = value if isinstance(value, list) and value else [value]
    if not all(isinstance(text, str) and text and text != NULL for text in texts):
        raise BadRequestData(f'{what} is not a string, or "{NULL}"')
    return texts


def check_has(kind: str, key: str, what: str) -> None:
    """That an Attribute of a type can have such a member: unitCode, valueType or objectType.

    Raises:
        BadRequestData: It cannot; `what` says which member of what.
    """
    if (kind in _RELATIONSHIPS) != (key == "objectType") or (key == "unitCode" and kind in _UNITLESS):
        raise BadRequestData(f"{what} cannot be: a {kind} has none")


def check_value_type(kind: str, expanded: list[str], what: str) -> None:
    """That a LanguageProperty has no valueType but "langString" (5.2.32).

    Raises:
        BadRequestData: It has another one.
    """
    if kind == "LanguageProperty" and expanded != [_LANG_STRING]:
        raise BadRequestData(f'{what} is not "langString" (5.2.32)')


def check_members(fragment: JsonObject, kind: str, name: str) -> None:
    """What a fragment without a type brings for an Attribute: members that such an Attribute may have.

    Args:
        fragment: Expanded.
        kind: The type of the Attribute that it changes.
        name: Of the Attribute, for messages.

    Raises:
        BadRequestData: Clauses 4.5.2 to 4.5.24 prohibit a member for this type.
    """
    for key in _UNITS_AND_TYPES & fragment.keys():
        if fragment[key] != NULL:
            check_has(kind, key, f'"{key}" of "{name}"')
            if key == "valueType":
                check_value_type(kind, [fragment[key]], f'"{key}" of "{name}"')
