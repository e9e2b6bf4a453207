"""Entities by meaning: CIM 009 V1.9.1, clauses 4.5.1 to 4.5.5.

Which arrays are sets and which are ordered: `type`, `scope`, `object`, Attribute instances (keyed by datasetId) and a
Property's array value are unordered, as JSON-LD arrays are, and one element alone means the same as an array of one;
`coordinates`, `valueList` and `objectList` are ordered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ldt_conformance.comparators.instants import same_instant
from ldt_conformance.comparators.names import expand_name

JsonObject = dict[str, Any]

TEMPORAL_MEMBERS = frozenset({"observedAt", "createdAt", "modifiedAt", "deletedAt", "expiresAt", "notifiedAt"})
ORDERED_MEMBERS = frozenset({"coordinates", "valueList", "objectList"})
ENTITY_MEMBERS = frozenset({"id", "type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
VALUE_MEMBERS = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
RELATIVE_TOLERANCE = 1e-9  # clause 4.5.2.2: "insignificant digits may be lost"


def type_names(element: Mapping[str, Any], ld_context: Mapping[str, str] | None = None) -> set[str]:
    """The Entity Types, expanded; a single string and an array of one mean the same."""
    found = element.get("type")
    names = found if isinstance(found, list) else [found]
    return {expand_name(name, ld_context) for name in names if isinstance(name, str)}


def members_of(entity: Mapping[str, Any], ld_context: Mapping[str, str] | None = None) -> set[str]:
    """The Attributes of an Entity, by expanded name."""
    return {expand_name(name, ld_context) for name in entity if name not in ENTITY_MEMBERS}


def instances(
    entity: Mapping[str, Any], name: str, ld_context: Mapping[str, str] | None = None
) -> dict[str | None, Any]:
    """The instances of an Attribute by datasetId; None is the default instance. Empty where it is absent.

    Two instances with the same datasetId (which no current state may have) collapse to the later one.
    """
    wanted = expand_name(name, ld_context)
    for key, value in entity.items():
        if key not in ENTITY_MEMBERS and expand_name(key, ld_context) == wanted:
            listed = value if isinstance(value, list) else [value]
            return {_dataset(item): item for item in listed}
    return {}


def attribute_value(entity: Mapping[str, Any], name: str, dataset_id: str | None = None) -> Any:
    """What an Attribute instance says (its value, object, languageMap, …), or None where there is none.

    Reads normalized and concise representations alike; a bare value stands for itself.
    """
    instance = instances(entity, name).get(dataset_id)
    if isinstance(instance, Mapping):
        for member in VALUE_MEMBERS:
            if member in instance:
                return instance[member]
    return instance


def same_value(expected: Any, actual: Any, member: str = "value") -> bool:
    """Whether two JSON values mean the same where they stand under this member name."""
    return not _differences(expected, actual, member, member, None, subset=False)


def entity_differences(
    expected: Mapping[str, Any],
    actual: Any,
    *,
    ld_context: Mapping[str, str] | None = None,
    exact_attributes: bool = False,
) -> list[str]:
    """What of a sent Entity is missing or different in a received one; empty where everything is there.

    Args:
        expected: What was sent, normalized. Its own "@context" is not compared.
        actual: What came back, normalized. Generated and defaulted members may be added (lesson 3).
        ld_context: The user terms under which both are written.
        exact_attributes: Also report Attributes that were not sent.

    Returns:
        One sentence a difference, e.g. `speed.value: expected 40, observed 41`.
    """
    if not isinstance(actual, Mapping):
        return [f"expected an Entity (a JSON object), observed {type(actual).__name__}"]
    found = _differences(
        {key: value for key, value in expected.items() if key != "@context"}, actual, "", "", ld_context
    )
    if exact_attributes:
        extra = members_of(actual, ld_context) - members_of(expected, ld_context)
        found += [f"{name}: not sent, but observed" for name in sorted(extra)]
    return found


def _dataset(instance: Any) -> str | None:
    found = instance.get("datasetId") if isinstance(instance, Mapping) else None
    return None if found in (None, "@none") else str(found)


def _differences(
    expected: Any,
    actual: Any,
    path: str,
    member: str,
    ld_context: Mapping[str, str] | None,
    *,
    subset: bool = True,
) -> list[str]:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return _object_differences(expected, actual, path, member, ld_context, subset=subset)
    if isinstance(expected, list) or isinstance(actual, list):
        if member in ORDERED_MEMBERS and type(expected) is not type(actual):
            return [_sentence(path, expected, actual)]
        return _list_differences(_as_list(expected), _as_list(actual), path, member, ld_context)
    return [] if _same_scalar(expected, actual, member, ld_context) else [_sentence(path, expected, actual)]


def _object_differences(
    expected: Mapping[str, Any],
    actual: Mapping[str, Any],
    path: str,
    member: str,
    ld_context: Mapping[str, str] | None,
    *,
    subset: bool,
) -> list[str]:
    """Members of an element are a subset, named by meaning; a value (the user's JSON) is compared whole."""
    plain = not subset or member in {"value", "json", "languageMap"}
    by_name = {key if plain else expand_name(key, ld_context): key for key in actual}
    found: list[str] = []
    for key, value in expected.items():
        there = by_name.get(key if plain else expand_name(key, ld_context))
        where = f"{path}.{key}" if path else key
        if there is None:
            found.append(f"{where}: expected {value!r}, observed nothing")
        else:
            inner = key if not plain or key in ORDERED_MEMBERS else "value"
            found += _differences(value, actual[there], where, inner, ld_context, subset=not plain)
    if plain:
        found += [f"{path}.{key}: not expected, observed {actual[key]!r}" for key in actual if key not in expected]
    return found


def _list_differences(
    expected: Sequence[Any], actual: Sequence[Any], path: str, member: str, ld_context: Mapping[str, str] | None
) -> list[str]:
    if len(expected) != len(actual):
        return [_sentence(path, list(expected), list(actual))]
    if member in ORDERED_MEMBERS:
        pairs = zip(expected, actual, strict=True)
        return [line for one, other in pairs for line in _differences(one, other, path, member, ld_context)]
    left = list(actual)
    for item in expected:
        match = next((place for place, other in enumerate(left) if _agree(item, other, path, member, ld_context)), None)
        if match is None:
            return [_sentence(path, item, left)]
        del left[match]  # by its place: false equals 0 where it is looked for by value
    return []


def _agree(expected: Any, actual: Any, path: str, member: str, ld_context: Mapping[str, str] | None) -> bool:
    """Whether elements of two arrays are the same; instances of an Attribute only with the same datasetId (4.5.5)."""
    return _dataset(expected) == _dataset(actual) and not _differences(expected, actual, path, member, ld_context)


def _same_scalar(expected: Any, actual: Any, member: str, ld_context: Mapping[str, str] | None) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        return math.isclose(expected, actual, rel_tol=RELATIVE_TOLERANCE)
    if member in TEMPORAL_MEMBERS:
        return same_instant(expected, actual)
    if member == "type" and isinstance(expected, str) and isinstance(actual, str):
        return expand_name(expected, ld_context) == expand_name(actual, ld_context)
    return bool(expected == actual)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sentence(path: str, expected: Any, actual: Any) -> str:
    return f"{path or 'document'}: expected {expected!r}, observed {actual!r}"
