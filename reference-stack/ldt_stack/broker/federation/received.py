"""Entities that a Context Source sent, as expanded Entities: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.1, 4.3.6.8, 4.5.5.2.

"A Context Broker shall assume that every Context Source will return valid NGSI-LD Entity data … and it shall reject
data that is invalid". What is valid but beyond the Registration is left out.
"""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.attributes import REMOVED, AttributeReader
from ldt_stack.broker.model.entities import read_entity
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import ATTRIBUTE_MEMBERS, VALUE_MEMBER, JsonObject, is_attribute_key
from ldt_stack.broker.model.values import Nulls
from ldt_stack.broker.notifications.content import PREVIOUS_MEMBER, null_value

_ENTITY_TIMES: Final = ("createdAt", "modifiedAt", "deletedAt")
_NO_ATTRIBUTES: Final = frozenset({"id", "@id", "type", "@type", "scope", "expiresAt", "@context", *_ENTITY_TIMES})


def read_received(
    payload: JsonObject, ld_context: LdContext, *, notified_at: str | None = None, show_changes: bool = False
) -> JsonObject:
    """An expanded Entity from its normalized (or concise) representation, system times included.

    Args:
        payload: The Entity.
        ld_context: Of its names.
        notified_at: Where it comes in a notification, the instant of that (six digits): then an Attribute may be
            deleted, its value the NGSI-LD Null (5.8.6), and gets this instant for deletedAt.
        show_changes: Whether previousValue and its siblings are of interest.

    Raises:
        BadRequestData: It is no Entity.
    """
    plain = {name: value for name, value in payload.items() if name != "@context"}
    reader = AttributeReader(ld_context, Nulls.FORBIDDEN if notified_at is None else Nulls.MEMBER)
    fragment = read_entity(plain, reader)
    entity: JsonObject = {"id": fragment.id, "type": list(fragment.types)}
    if fragment.scope:
        entity["scope"] = list(fragment.scope)
    if fragment.expires_at is not None:
        entity["expiresAt"] = fragment.expires_at
    take_times(plain, entity)
    for name, value in plain.items():
        if name in _NO_ATTRIBUTES:
            continue
        instances = fragment.attributes[reader.name(name)]
        sources = value if isinstance(value, list) and len(value) == len(instances) else [value]
        if notified_at is not None:
            instances = [_or_deleted(one, notified_at) for one in instances]
        for source, instance in zip(sources, instances, strict=False):
            take_instance_times(source, instance, reader)
            if show_changes:
                _take_previous(name, source, instance, ld_context)
        entity[reader.name(name)] = instances
    return entity


def _or_deleted(instance: JsonObject, at: str) -> JsonObject:
    """The record of a deletion where the NGSI-LD Null asks for one."""
    if REMOVED not in instance:
        return instance
    kind = instance.get("type") or "Property"
    deleted: JsonObject = {"type": kind, VALUE_MEMBER[kind]: null_value(kind), "deletedAt": at}
    return {**deleted, **({"datasetId": instance["datasetId"]} if "datasetId" in instance else {})}


def take_times(source: object, target: JsonObject) -> None:
    """System times "should be supported by registered Context Sources": those that are valid are taken."""
    if isinstance(source, dict):
        for member in _ENTITY_TIMES:
            instant = normalize(source.get(member))
            if instant is not None:
                target[member] = instant


def take_instance_times(source: object, instance: JsonObject, reader: AttributeReader) -> None:
    """The same of an instance of an Attribute as it was read, and of its sub-Attributes (6.3.11)."""
    take_times(source, instance)
    if not isinstance(source, dict) or not any(map(is_attribute_key, instance)):
        return
    for name, value in source.items():
        if name in ATTRIBUTE_MEMBERS or name.startswith("@") or not isinstance(value, dict | list):
            continue
        held = instance.get(reader.name(name), [])
        given = value if isinstance(value, list) and len(value) == len(held) else [value]
        for one, below in zip(given, held, strict=False):
            take_instance_times(one, below, reader)


def _take_previous(name: str, source: object, instance: JsonObject, ld_context: LdContext) -> None:
    """The value before a change, where a notification has it (5.2.14.1); it is read as a value is."""
    member = VALUE_MEMBER[instance["type"]]
    previous = PREVIOUS_MEMBER[member]
    if isinstance(source, dict) and previous in source:
        before = {"type": instance["type"], member: source[previous]}
        instance[previous] = AttributeReader(ld_context).attribute(name, before)[0][member]


def within_registration(entity: JsonObject, registration: Registration, info: RegistrationInfo) -> JsonObject | None:
    """What a RegistrationInfo covers of an Entity; None if it does not cover the Entity (4.3.6.1)."""
    if not info.covers(entity["id"], frozenset(entity["type"])):
        return None
    result: JsonObject = {}
    for name, value in entity.items():
        if not is_attribute_key(name):
            result[name] = value
        elif info.attributes is None or name in info.attributes:
            offered = registration.dataset_ids
            kept = [one for one in value if offered is None or one.get("datasetId", "@none") in offered]
            if kept:
                result[name] = kept
    return result


def alive(entity: JsonObject, now: str) -> JsonObject | None:
    """The Entity with its expiry carried over to its Attributes; None if it has expired (4.5.5.2, 5.7.1.4)."""
    expires_at = normalize(entity.get("expiresAt"))
    if expires_at is None:
        return entity
    if expires_at <= now:
        return None
    result = dict(entity)
    for name, value in entity.items():
        if is_attribute_key(name):
            result[name] = [_expiring(instance, entity["expiresAt"], expires_at) for instance in value]
    return result


def _expiring(instance: JsonObject, text: str, expires_at: str) -> JsonObject:
    own = normalize(instance.get("expiresAt"))
    return instance if own is not None and own <= expires_at else {**instance, "expiresAt": text}
