"""Entities as an earlier version of the specification knew them: ETSI GS CIM 009 V1.9.1, clause 4.3.6.8."""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject, JsonValue, is_attribute_key

Version = tuple[int, int]

# Tables 4.3.6.8-2 and -3: since when a member of an Attribute is there; before, it is removed.
MEMBER_SINCE: Final[dict[str, Version]] = {
    "datasetId": (1, 3),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
    "objectType": (1, 8),
    "expiresAt": (1, 9),
    "valueType": (1, 9),
}
# Table 4.3.6.8-1: since when an Attribute type is there, and what it is reformatted as before.
TYPE_SINCE: Final[dict[str, tuple[Version, str]]] = {
    "LanguageProperty": ((1, 4), "Property"),
    "JsonProperty": ((1, 8), "Property"),
    "VocabProperty": ((1, 8), "Property"),
    "ListProperty": ((1, 8), "Property"),
    "ListRelationship": ((1, 8), "Relationship"),
}
SCOPE_SINCE: Final[Version] = (1, 4)
EXPIRY_SINCE: Final[Version] = (1, 9)
SEVERAL_SINCE: Final[Version] = (1, 3)  # Entity types and instances of an Attribute (notes 1 to 3)


def parse_version(text: str) -> Version:
    """Major and minor of "1.8" or "1.8.1"."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def amend_entity(entity: JsonObject, version: Version, ld_context: LdContext) -> JsonObject:
    """An Entity without what a version of the specification did not have.

    Args:
        entity: Expanded. Not modified.
        version: Major and minor.
        ld_context: Compacts what becomes a plain value (a VocabProperty is one of names).

    Returns:
        An expanded Entity.

    Source: CIM 009 V1.9.1, clause 4.3.6.8.
    """
    result: JsonObject = {}
    for name, value in entity.items():
        if is_attribute_key(name):
            result[name] = _amend_attribute(value, version, ld_context)
        elif name == "type" and version < SEVERAL_SINCE:
            result[name] = value[:1]
        elif not ((name == "scope" and version < SCOPE_SINCE) or (name == "expiresAt" and version < EXPIRY_SINCE)):
            result[name] = value
    return result


def _amend_attribute(instances: list[JsonObject], version: Version, ld_context: LdContext) -> list[JsonObject]:
    if version < SEVERAL_SINCE and len(instances) > 1:
        instances = [next((one for one in instances if "datasetId" not in one), instances[0])]
    return [_amend_instance(instance, version, ld_context) for instance in instances]


def _amend_instance(instance: JsonObject, version: Version, ld_context: LdContext) -> JsonObject:
    since, fallback = TYPE_SINCE.get(instance["type"], ((0, 0), ""))
    member = VALUE_MEMBER.get(instance["type"], "value")
    result: JsonObject = {}
    for name, value in instance.items():
        if is_attribute_key(name):
            result[name] = _amend_attribute(value, version, ld_context)
        elif version < since and name == "type":
            result["type"] = fallback
        elif version < since and name in (member, _previous(member)):
            plain = _plain(member, value, ld_context)
            result[_same_kind(name, VALUE_MEMBER[fallback])] = plain
        elif version >= MEMBER_SINCE.get(name, (0, 0)):
            result[name] = value
    return result


def _previous(member: str) -> str:
    return f"previous{member[0].upper()}{member[1:]}"


def _same_kind(name: str, member: str) -> str:
    return _previous(member) if name.startswith("previous") else member


def _plain(member: str, value: JsonValue, ld_context: LdContext) -> JsonValue:
    """What a Property or Relationship holds in place of a value that it did not know."""
    if member == "vocab":
        if isinstance(value, list):
            return [_plain(member, item, ld_context) for item in value]
        return ld_context.compact_iri(value) if isinstance(value, str) else value
    if member == "objectList" and isinstance(value, list):
        return [item["object"] if isinstance(item, dict) else item for item in value]
    return value
