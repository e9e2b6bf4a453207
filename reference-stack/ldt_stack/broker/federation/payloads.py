"""Payloads as a Context Source wants them: part of the Entity, other names, an older version of the standard.

ETSI GS CIM 009 V1.9.1, clauses 4.3.6.1 (no more than is registered), 4.3.6.6 (jsonldContext, ngsildConformance) and
4.3.6.8 (fallbacks). On the wire form, as it came: what is forwarded is not read and written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import ATTRIBUTE_MEMBERS, VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.representation.conformance import (
    EXPIRY_SINCE,
    MEMBER_SINCE,
    SCOPE_SINCE,
    SEVERAL_SINCE,
    TYPE_SINCE,
    Version,
    parse_version,
)

_ENTITY_MEMBERS: Final = frozenset(
    {"id", "@id", "type", "@type", "scope", "expiresAt", "createdAt", "modifiedAt", "deletedAt", "@context"}
)
_NAMES: Final = frozenset({"vocab", "objectType", "valueType"})

_SINCE_OF_ENTITY_MEMBERS: Final[Mapping[str, Version]] = {"expiresAt": EXPIRY_SINCE, "scope": SCOPE_SINCE}


def part_of(payload: JsonObject, attributes: Collection[str] | None, ld_context: LdContext) -> JsonObject:
    """An Entity (Fragment) with some of its Attributes alone (IRIs; None: all), and all other members."""
    if attributes is None:
        return payload
    return {
        name: value
        for name, value in payload.items()
        if name in _ENTITY_MEMBERS or ld_context.expand_term(name) in attributes
    }


def of_datasets(payload: JsonObject, dataset_ids: Collection[str] | None, *, simplified: bool = False) -> JsonObject:
    """An Entity (Fragment) with the Attribute instances of some datasetIds ("@none": default instances; None: all)."""
    if dataset_ids is None:
        return payload
    of_attribute = _simplified_of if simplified else _instances_of
    result: JsonObject = {}
    for name, value in payload.items():
        kept = value if name in _ENTITY_MEMBERS else of_attribute(value, dataset_ids)
        if kept is not None:
            result[name] = kept
    return result


def _instances_of(value: JsonValue, dataset_ids: Collection[str]) -> JsonValue:
    """The instances of an Attribute that have some datasetIds; None: none has."""
    if isinstance(value, list) and any(isinstance(one, dict) and "datasetId" in one for one in value):
        return [one for one in value if _dataset_of(one) in dataset_ids] or None
    return value if _dataset_of(value) in dataset_ids else None


def _simplified_of(value: JsonValue, dataset_ids: Collection[str]) -> JsonValue:
    """The same of the simplified representation, where several instances are values by datasetId (4.5.4)."""
    if isinstance(value, dict) and value.keys() == {"dataset"} and isinstance(value["dataset"], dict):
        kept = {dataset: one for dataset, one in value["dataset"].items() if dataset in dataset_ids}
        return {"dataset": kept} if kept else None
    return value if "@none" in dataset_ids else None


def _dataset_of(value: JsonValue) -> str:
    return str(value.get("datasetId", "@none")) if isinstance(value, dict) else "@none"


def renamed(payload: JsonObject, given: LdContext, wanted: LdContext, *, simplified: bool = False) -> JsonObject:
    """An Entity (Fragment) with its names in another @context; values stay as they are."""
    if given is wanted:
        return payload

    def rename(name: str) -> str:
        return wanted.compact_iri(given.expand_term(name))

    result: JsonObject = {}
    for name, value in payload.items():
        if name in ("type", "@type"):
            result[name] = _each(value, rename)
        elif name in _ENTITY_MEMBERS:
            result[name] = value
        else:
            result[rename(name)] = value if simplified else renamed_attribute(value, rename)
    return result


def renamed_attribute(value: JsonValue, rename: Callable[[str], str]) -> JsonValue:
    """An Attribute, or all its instances, with the names of its sub-Attributes changed."""
    if isinstance(value, list):
        return [renamed_attribute(one, rename) for one in value]
    if not isinstance(value, dict) or not ATTRIBUTE_MEMBERS & value.keys():
        return value  # a bare value (concise, simplified)
    return _renamed_members(value, rename)


def _renamed_members(instance: JsonObject, rename: Callable[[str], str]) -> JsonObject:
    result: JsonObject = {}
    for name, member in instance.items():
        if name in _NAMES:
            result[name] = _each(member, rename)
        elif name in ATTRIBUTE_MEMBERS or name.startswith("@"):
            result[name] = member
        else:
            result[rename(name)] = renamed_attribute(member, rename)
    return result


def _each(value: JsonValue, rename: Callable[[str], str]) -> JsonValue:
    if isinstance(value, list):
        return [_each(one, rename) for one in value]
    return rename(value) if isinstance(value, str) and not value.startswith("urn:ngsi-ld:null") else value


def version_of(text: str | None) -> Version | None:
    """A version such as "1.5"; None if there is none."""
    return None if text is None else parse_version(text)


def fallback(payload: JsonObject, version: Version | None) -> JsonObject:
    """An Entity (Fragment) as a version of the standard knows it (4.3.6.8); None: as it is."""
    if version is None:
        return payload
    result: JsonObject = {}
    for name, value in payload.items():
        if name in _ENTITY_MEMBERS:
            if version >= _SINCE_OF_ENTITY_MEMBERS.get(name, version):
                several = isinstance(value, list) and name in ("type", "@type") and version < SEVERAL_SINCE
                result[name] = value[0] if several else value
        else:
            result[name] = _fallback_attribute(value, version)
    return result


def _fallback_attribute(value: JsonValue, version: Version) -> JsonValue:
    if isinstance(value, list):
        instances = [_fallback_attribute(one, version) for one in value]
        if version >= SEVERAL_SINCE:
            return instances
        default = (position for position, one in enumerate(value) if isinstance(one, dict) and "datasetId" not in one)
        return instances[next(default, 0)] if instances else instances
    if not isinstance(value, dict):
        return value
    kind = value.get("type") or next((k for k, m in VALUE_MEMBER.items() if m != "value" and m in value), None)
    since, becomes = TYPE_SINCE.get(kind, (version, kind)) if isinstance(kind, str) else (version, kind)
    if version >= since or not isinstance(kind, str) or not isinstance(becomes, str):
        becomes = kind
    result: JsonObject = {}
    for name, member in value.items():
        if version < MEMBER_SINCE.get(name, version):
            continue
        if name == "type":
            result[name] = becomes
        elif becomes != kind and isinstance(kind, str) and isinstance(becomes, str) and name == VALUE_MEMBER[kind]:
            result[VALUE_MEMBER[becomes]] = _as_object(member) if becomes == "Relationship" else member
        elif name in ATTRIBUTE_MEMBERS:
            result[name] = member
        else:
            result[name] = _fallback_attribute(member, version)
    return result


def _as_object(value: JsonValue) -> JsonValue:
    """The objects of a ListRelationship, as a Relationship has them."""
    if isinstance(value, list):
        return [_as_object(one) for one in value]
    return value["object"] if isinstance(value, dict) and "object" in value else value


def attribute_for(payload: JsonObject, given: LdContext, wanted: LdContext, version: Version | None) -> JsonObject:
    """An Attribute Fragment with its names in another @context, and as a version of the standard knows it."""
    if given is not wanted:
        payload = _renamed_members(payload, lambda name: wanted.compact_iri(given.expand_term(name)))
    found = payload if version is None else _fallback_attribute(payload, version)
    return found if isinstance(found, dict) else payload
