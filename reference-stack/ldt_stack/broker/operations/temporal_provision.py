"""Provision of temporal evolutions: ETSI GS CIM 009 V1.9.1, clauses 5.6.11 to 5.6.16.

The current state of Entities is another set (4.3.1): nothing here changes it. Left out: forwarding to Context Sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import read_fragment
from ldt_stack.broker.model.names import OUTPUT_ONLY_ENTITY, VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.model.patch import stamp
from ldt_stack.broker.model.values import check_uri
from ldt_stack.broker.operations.targets import attribute_name, check_entity_id
from ldt_stack.broker.representation.temporal import VALUES_MEMBER
from ldt_stack.broker.service import Broker, Call
from ldt_stack.broker.store.evolution import SCOPE
from ldt_stack.broker.store.interface import HistoryRow, Snapshot, TemporalQuery, Transaction

_ENTITY_MEMBERS: Final = frozenset({"id", "@id", "type", "@type", "expiresAt", *OUTPUT_ONLY_ENTITY})
# What 4.5.9 wraps in an object, so that kinds of Properties can be told: the member inside it.
_WRAPPED: Final = {"languageMaps": "languageMap", "vocabs": "vocab", "jsons": "json"}
_KINDS: Final = {member: kind for kind, member in VALUES_MEMBER.items() if kind != "GeoProperty"}
# Reads the head alone: no Attribute has this name.
_HEAD_ONLY: Final = TemporalQuery(attributes=("",))


@dataclass(frozen=True, slots=True)
class EvolutionFragment:
    """An EntityTemporal or a Fragment of one (5.2.20), names expanded.

    Args:
        id: None if the payload has none.
        types: IRIs; empty if the payload has none.
        instances: Attribute IRI (or "scope") with an expanded instance; as many as the payload has.
    """

    id: str | None
    types: tuple[str, ...]
    instances: tuple[tuple[str, JsonObject], ...]


def read_evolution(payload: JsonObject, call: Call, *, entity_id: str | None = None) -> EvolutionFragment:
    """Read an EntityTemporal, in its temporal (4.5.6) or simplified temporal representation (4.5.9).

    Args:
        payload: Without its "@context".
        call: Its @context expands the names.
        entity_id: The id in the request's path, which the payload's own must equal.

    Raises:
        BadRequestData: It is none.
    """
    reader = AttributeReader(call.ld_context)
    head = read_fragment(
        {name: payload[name] for name in payload if name in _ENTITY_MEMBERS}, reader, entity_id=entity_id
    )
    instances: list[tuple[str, JsonObject]] = []
    names: dict[str, str] = {}
    for name, value in payload.items():
        if name in _ENTITY_MEMBERS:
            continue
        for element in _elements(name, value):
            iri, instance = _scope(element, reader) if name == SCOPE else _attribute(name, element, reader)
            if names.setdefault(iri, name) != name:
                raise BadRequestData(f'Two names stand for the Attribute "{iri}"')
            instances.append((iri, instance))
    return EvolutionFragment(head.id, head.types, tuple(instances))


def _elements(name: str, value: JsonValue) -> Iterator[JsonValue]:
    """The instances of an Attribute, each as it would stand alone in an Entity."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        for one in value:
            yield from _elements(name, one)
    elif isinstance(value, dict) and (member := next((one for one in _KINDS if one in value), None)) is not None:
        yield from _simplified_elements(name, value, member)
    else:
        yield value


def _simplified_elements(name: str, value: JsonObject, member: str) -> Iterator[JsonObject]:
    """4.5.9: pairs of a value and its instant."""
    pairs = value[member]
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise BadRequestData(f'"{member}" of "{name}" is no array of [value, DateTime] pairs (clause 4.5.9)')
    kind = value.get("type", _KINDS[member])
    if VALUES_MEMBER.get(kind) != member:
        raise BadRequestData(f'"{name}" is a {kind} but has "{member}" (clause 4.5.9)')
    rest = {key: one for key, one in value.items() if key not in ("type", member)}
    for one, instant in pairs:
        wrapped = _WRAPPED.get(member)
        if wrapped is not None and isinstance(one, dict) and wrapped in one:
            one = one[wrapped]
        yield {"type": kind, VALUE_MEMBER[kind]: one, "observedAt": instant, **rest}


def _attribute(name: str, element: JsonValue, reader: AttributeReader) -> tuple[str, JsonObject]:
    ((iri, instances),) = read_fragment({name: element}, reader).attributes.items()
    return iri, instances[0]


def _scope(element: JsonValue, reader: AttributeReader) -> tuple[str, JsonObject]:
    """A scope, or an instance of it in its temporal representation (4.5.6)."""
    given = element if isinstance(element, dict) else {"value": element}
    read = read_fragment({"scope": given.get("value")}, reader)
    instance: JsonObject = {"type": "Property", "value": list(read.scope or ())}
    if "observedAt" in given:
        dated = reader.attribute(SCOPE, {"type": "Property", "value": "", "observedAt": given["observedAt"]})
        instance["observedAt"] = dated[0]["observedAt"]
    return SCOPE, instance


async def create_temporal_evolution(broker: Broker, call: Call, payload: JsonObject) -> tuple[str, bool]:
    """Create or Update (Upsert) Temporal Evolution of an Entity.

    Returns:
        The id, and whether the evolution was created.

    Raises:
        BadRequestData: The payload is no EntityTemporal, or has no type where it would create one.

    Source: CIM 009 V1.9.1, clause 5.6.11.
    """
    fragment = read_evolution(payload, call)
    if fragment.id is None:
        raise BadRequestData('The temporal evolution has no "id" (clause 5.2.20)')
    entity_id = fragment.id

    def work(transaction: Transaction) -> bool:
        head = _head(transaction, entity_id)
        if head is None and not fragment.types:
            raise BadRequestData(f'The temporal evolution of {entity_id} has no "type" (clause 5.2.20)')
        _add(broker, transaction, entity_id, head, fragment)
        return head is None

    return entity_id, await broker.store.write(call.tenant, work, create=True)


async def add_attributes_to_temporal_evolution(broker: Broker, call: Call, entity_id: str, payload: JsonObject) -> None:
    """Add Attributes to Temporal Evolution of an Entity.

    Raises:
        BadRequestData: The id is no URI, or the payload no Fragment of an EntityTemporal.
        ResourceNotFound: There is no such evolution.

    Source: CIM 009 V1.9.1, clause 5.6.12.
    """
    check_entity_id(entity_id)
    fragment = read_evolution(payload, call, entity_id=entity_id)

    def work(transaction: Transaction) -> None:
        _add(broker, transaction, entity_id, _existing_head(transaction, entity_id), fragment)

    await broker.store.write(call.tenant, work)


def _add(
    broker: Broker, transaction: Transaction, entity_id: str, head: JsonObject | None, fragment: EvolutionFragment
) -> None:
    """Add instances and Entity Types; every instance is a new one (5.6.12.4)."""
    at = broker.now()
    changed: JsonObject = {**(head or {"id": entity_id, "type": [], "createdAt": at}), "modifiedAt": at}
    changed["type"] = list(dict.fromkeys((*changed["type"], *fragment.types)))
    scopes = [instance["value"] for name, instance in fragment.instances if name == SCOPE]
    if scopes:
        changed[SCOPE] = scopes[-1]
    transaction.put_temporal_head(changed)
    transaction.append_history([HistoryRow(entity_id, name, stamp(one, at)) for name, one in fragment.instances])


async def delete_attribute_from_temporal_evolution(
    broker: Broker, call: Call, entity_id: str, name: str, *, dataset_id: str | None = None, delete_all: bool = False
) -> None:
    """Delete Attribute from Temporal Evolution of an Entity: all its instances of one datasetId, or of any.

    Raises:
        BadRequestData: The id or datasetId is no URI, or the name no name.
        ResourceNotFound: There is no such evolution, or it has no such Attribute instances.

    Source: CIM 009 V1.9.1, clause 5.6.13.
    """
    check_entity_id(entity_id)
    attribute = _attribute_name(call, name)
    if dataset_id is not None and dataset_id != "@none":
        check_uri(dataset_id, "The parameter datasetId")
    dataset = None if dataset_id == "@none" else dataset_id

    def work(transaction: Transaction) -> None:
        _existing_head(transaction, entity_id)
        gone = transaction.delete_history(entity_id, attribute, dataset_id=dataset, any_dataset=delete_all)
        if not gone:
            raise _no_attribute(entity_id, attribute)

    await broker.store.write(call.tenant, work)


async def modify_attribute_instance(
    broker: Broker, call: Call, entity_id: str, name: str, instance_id: str, payload: JsonObject
) -> None:
    """Modify Attribute instance in Temporal Evolution of an Entity: replaces it, createdAt and instanceId stay.

    Raises:
        BadRequestData: An id is no URI, the name no name, or the payload is not one instance of this Attribute.
        ResourceNotFound: There is no such evolution, Attribute or instance.

    Source: CIM 009 V1.9.1, clause 5.6.14.
    """
    attribute = _check_instance(call, entity_id, name, instance_id)
    fragment = read_evolution(payload, call, entity_id=entity_id)
    if len(fragment.instances) != 1 or fragment.instances[0][0] != attribute:
        raise BadRequestData(f"The payload is not exactly one instance of {attribute} (clause 5.6.14.3)")
    ((_, instance),) = fragment.instances

    def work(transaction: Transaction) -> None:
        before = _existing_instance(transaction, entity_id, attribute, instance_id)
        at = broker.now()
        changed = {**stamp(instance, at, before), "instanceId": instance_id}
        transaction.replace_history(HistoryRow(entity_id, attribute, changed))

    await broker.store.write(call.tenant, work)


async def delete_attribute_instance(broker: Broker, call: Call, entity_id: str, name: str, instance_id: str) -> None:
    """Delete Attribute instance from Temporal Evolution of an Entity.

    Raises:
        BadRequestData: An id is no URI, or the name no name.
        ResourceNotFound: There is no such evolution, Attribute or instance.

    Source: CIM 009 V1.9.1, clause 5.6.15.
    """
    attribute = _check_instance(call, entity_id, name, instance_id)

    def work(transaction: Transaction) -> None:
        _existing_instance(transaction, entity_id, attribute, instance_id)
        transaction.delete_history(entity_id, attribute, instance_id)

    await broker.store.write(call.tenant, work)


async def delete_temporal_evolution(broker: Broker, call: Call, entity_id: str) -> None:
    """Delete Temporal Evolution of an Entity; its current state stays.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such evolution.

    Source: CIM 009 V1.9.1, clause 5.6.16.
    """
    check_entity_id(entity_id)

    def work(transaction: Transaction) -> None:
        _existing_head(transaction, entity_id)
        transaction.delete_history(entity_id)

    await broker.store.write(call.tenant, work)


def _attribute_name(call: Call, name: str) -> str:
    return SCOPE if name == SCOPE else attribute_name(call, name)


def _check_instance(call: Call, entity_id: str, name: str, instance_id: str) -> str:
    """The ids and the name of an instance; returns the IRI of the Attribute."""
    check_entity_id(entity_id)
    attribute = _attribute_name(call, name)
    check_uri(instance_id, "The instanceId")
    return attribute


def _head(snapshot: Snapshot, entity_id: str) -> JsonObject | None:
    found = snapshot.get_temporal(entity_id, _HEAD_ONLY)
    return None if found is None else found.head


def _existing_head(snapshot: Snapshot, entity_id: str) -> JsonObject:
    head = _head(snapshot, entity_id)
    if head is None:
        raise ResourceNotFound(f"There is no temporal evolution of an Entity {entity_id}", instance=entity_id)
    return head


def _existing_instance(snapshot: Snapshot, entity_id: str, attribute: str, instance_id: str) -> JsonObject:
    _existing_head(snapshot, entity_id)
    instance = snapshot.get_history_row(entity_id, attribute, instance_id)
    if instance is None:
        raise ResourceNotFound(f"The evolution of {entity_id} has no instance {instance_id} of {attribute}")
    return instance


def _no_attribute(entity_id: str, attribute: str) -> ResourceNotFound:
    return ResourceNotFound(f"The evolution of {entity_id} has no such instances of {attribute}")
