"""Which Entity Types and Attributes there are: ETSI GS CIM 009 V1.9.1, clauses 5.7.5 to 5.7.11.

Of the Entities held here, and of what Context Sources that offer the operation answer (5.7.11). Results have names as
IRIs; `http/discovery.py` compacts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import ResourceNotFound
from ldt_stack.broker.federation.discovering import (
    ask_sources,
    names_of,
    object_of,
    objects_of,
    offers_attribute,
    offers_type,
    segment,
)
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import ATTRIBUTE_TYPES, JsonValue, is_attribute_key
from ldt_stack.broker.query import TypeSelection
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Snapshot


@dataclass(frozen=True, slots=True)
class TypeDetails:
    """An Entity Type, the Attributes that Entities of it have now, and how many Entities there are.

    Args:
        entity_type: IRI.
        attributes: IRI of each Attribute -> Attribute types it has ("Property", …), sorted; empty if not looked at.
        entity_count: Entities of this type.
    """

    entity_type: str
    attributes: dict[str, list[str]]
    entity_count: int


@dataclass(frozen=True, slots=True)
class AttributeDetails:
    """An Attribute, the types of the Entities that have it, and what it is there.

    Args:
        attribute: IRI.
        entity_types: IRIs, sorted.
        kinds: Attribute types it has, sorted; empty if not looked at.
        instance_count: Instances of it; 0 if not looked at.
    """

    attribute: str
    entity_types: list[str]
    kinds: list[str]
    instance_count: int


async def retrieve_entity_types(broker: Broker, call: Call) -> list[str]:
    """Retrieve Available Entity Types: IRIs, sorted. Source: CIM 009 V1.9.1, clause 5.7.5."""
    own = await broker.store.read(call.tenant, lambda snapshot: sorted(snapshot.count_types()), dear=True)

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> list[str]:
        return [one for one in names_of(body["typeList"], ld_context) if offers_type(registration, one)]

    others = await ask_sources(broker, call, "retrieveEntityTypes", lambda _: "/types", parse)
    return sorted({*own, *(one for answer in others for one in answer)})


async def retrieve_entity_type_details(broker: Broker, call: Call) -> list[TypeDetails]:
    """Retrieve Details of Available Entity Types, by IRI. Source: CIM 009 V1.9.1, clause 5.7.6."""

    def work(snapshot: Snapshot) -> list[TypeDetails]:
        counts = snapshot.count_types()
        attributes: dict[str, dict[str, list[str]]] = {entity_type: {} for entity_type in counts}
        for attribute, entity_types in snapshot.types_of_attributes().items():
            for entity_type in entity_types:
                attributes[entity_type][attribute] = []
        return [TypeDetails(one, attributes[one], counts[one]) for one in sorted(counts)]

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> list[TypeDetails]:
        found = []
        for one in objects_of(body):
            (entity_type,) = names_of([one["typeName"]], ld_context)
            names = names_of(one.get("attributeNames", []), ld_context)
            if offers_type(registration, entity_type):
                kept = {name: list[str]() for name in names if offers_attribute(registration, name)}
                found.append(TypeDetails(entity_type, kept, 0))
        return found

    own = await broker.store.read(call.tenant, work, dear=True)
    others = await ask_sources(broker, call, "retrieveEntityTypeDetails", lambda _: "/types?details=true", parse)
    return _joined_types([*own, *(one for answer in others for one in answer)])


async def retrieve_entity_type_information(broker: Broker, call: Call, name: str) -> TypeDetails:
    """Retrieve Available Entity Type Information.

    Args:
        broker: Where.
        call: Its @context expands the name.
        name: Short name or IRI of the Entity Type.

    Raises:
        BadRequestData: It is no name.
        ResourceNotFound: There is no Entity of this type.

    Source: CIM 009 V1.9.1, clause 5.7.7.
    """
    entity_type = call.ld_context.expand_term(name)
    selector = EntitySelector(types=TypeSelection((frozenset({entity_type}),)))

    def work(snapshot: Snapshot) -> list[TypeDetails]:
        kinds: dict[str, set[str]] = {}
        count = 0
        for entity in snapshot.iterate_entities(EntityQuery(selectors=(selector,))):
            count += 1
            for attribute, instances in entity.items():
                if is_attribute_key(attribute):
                    kinds.setdefault(attribute, set()).update(instance["type"] for instance in instances)
        attributes = {attribute: sorted(kinds[attribute]) for attribute in sorted(kinds)}
        return [TypeDetails(entity_type, attributes, count)] if count else []

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> TypeDetails:
        attributes: dict[str, list[str]] = {}
        for one in objects_of(object_of(body).get("attributeDetails", [])):
            (attribute,) = names_of([one["attributeName"]], ld_context)
            if offers_attribute(registration, attribute):
                attributes[attribute] = _kinds(one.get("attributeTypes", []))
        return TypeDetails(entity_type, attributes, _number(body.get("entityCount")))

    found = await broker.store.read(call.tenant, work, dear=True)
    found += await ask_sources(
        broker,
        call,
        "retrieveEntityTypeInfo",
        lambda names: f"/types/{segment(names.compact_iri(entity_type))}",
        parse,
        lambda registration: offers_type(registration, entity_type),
    )
    if not found:
        raise ResourceNotFound(f"There is no Entity of type {entity_type}.")
    return _joined_types(found)[0]


async def retrieve_attributes(broker: Broker, call: Call) -> list[str]:
    """Retrieve Available Attributes: IRIs, sorted. Source: CIM 009 V1.9.1, clause 5.7.8."""
    own = await broker.store.read(call.tenant, lambda snapshot: sorted(snapshot.types_of_attributes()), dear=True)

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> list[str]:
        return [one for one in names_of(body["attributeList"], ld_context) if offers_attribute(registration, one)]

    others = await ask_sources(broker, call, "retrieveAttrTypes", lambda _: "/attributes", parse)
    return sorted({*own, *(one for answer in others for one in answer)})


async def retrieve_attribute_details(broker: Broker, call: Call) -> list[AttributeDetails]:
    """Retrieve Details of Available Attributes, by IRI. Source: CIM 009 V1.9.1, clause 5.7.9."""

    def work(snapshot: Snapshot) -> list[AttributeDetails]:
        found = snapshot.types_of_attributes()
        return [AttributeDetails(attribute, sorted(found[attribute]), [], 0) for attribute in sorted(found)]

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> list[AttributeDetails]:
        return [
            AttributeDetails(attribute, [t for t in types if offers_type(registration, t)], [], 0)
            for one in objects_of(body)
            for attribute in names_of([one["attributeName"]], ld_context)
            for types in [names_of(one.get("typeNames", []), ld_context)]
            if offers_attribute(registration, attribute)
        ]

    own = await broker.store.read(call.tenant, work, dear=True)
    others = await ask_sources(broker, call, "retrieveAttrTypeDetails", lambda _: "/attributes?details=true", parse)
    return _joined_attributes([*own, *(one for answer in others for one in answer)])


async def retrieve_attribute_information(broker: Broker, call: Call, name: str) -> AttributeDetails:
    """Retrieve Available Attribute Information.

    Args:
        broker: Where.
        call: Its @context expands the name.
        name: Short name or IRI of the Attribute.

    Raises:
        BadRequestData: It is no name.
        ResourceNotFound: No Entity has this Attribute.

    Source: CIM 009 V1.9.1, clause 5.7.10.
    """
    attribute = call.ld_context.expand_term(name)

    def work(snapshot: Snapshot) -> list[AttributeDetails]:
        types: set[str] = set()
        kinds: set[str] = set()
        count = 0
        for entity in snapshot.iterate_entities(EntityQuery(attributes=(attribute,))):
            types.update(entity["type"])
            kinds.update(instance["type"] for instance in entity[attribute])
            count += len(entity[attribute])
        return [AttributeDetails(attribute, sorted(types), sorted(kinds), count)] if count else []

    def parse(registration: Registration, body: JsonValue, ld_context: LdContext) -> AttributeDetails:
        known = names_of(object_of(body).get("typeNames", []), ld_context)
        types = [one for one in known if offers_type(registration, one)]
        kinds = _kinds(body.get("attributeTypes", []))
        return AttributeDetails(attribute, types, kinds, _number(body.get("attributeCount")))

    found = await broker.store.read(call.tenant, work, dear=True)
    found += await ask_sources(
        broker,
        call,
        "retrieveAttrTypeInfo",
        lambda names: f"/attributes/{segment(names.compact_iri(attribute))}",
        parse,
        lambda registration: offers_attribute(registration, attribute),
    )
    if not found:
        raise ResourceNotFound(f"No Entity has the Attribute {attribute}.")
    return _joined_attributes(found)[0]


def _joined_types(found: list[TypeDetails]) -> list[TypeDetails]:
    """One for each type, by IRI; counts are added up, an estimate where Entities are split (5.7.11)."""
    joined: dict[str, TypeDetails] = {}
    for one in found:
        known = joined.setdefault(one.entity_type, TypeDetails(one.entity_type, {}, 0))
        attributes = {
            name: sorted({*known.attributes.get(name, ()), *one.attributes.get(name, ())})
            for name in sorted({*known.attributes, *one.attributes})
        }
        joined[one.entity_type] = TypeDetails(one.entity_type, attributes, known.entity_count + one.entity_count)
    return [joined[name] for name in sorted(joined)]


def _joined_attributes(found: list[AttributeDetails]) -> list[AttributeDetails]:
    """One for each Attribute, by IRI."""
    joined: dict[str, AttributeDetails] = {}
    for one in found:
        known = joined.setdefault(one.attribute, AttributeDetails(one.attribute, [], [], 0))
        joined[one.attribute] = AttributeDetails(
            one.attribute,
            sorted({*known.entity_types, *one.entity_types}),
            sorted({*known.kinds, *one.kinds}),
            known.instance_count + one.instance_count,
        )
    return [joined[name] for name in sorted(joined)]


def _kinds(values: JsonValue) -> list[str]:
    if not isinstance(values, list):
        raise TypeError("expected an array of Attribute types")
    return [value for value in values if isinstance(value, str) and value in ATTRIBUTE_TYPES]


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
