"""Which Entity Types and Attributes there are: ETSI GS CIM 009 V1.9.1, clauses 5.7.5 to 5.7.11.

Of the local Entities alone, which 5.7.11 allows. Results have names as IRIs; `http/discovery.py` compacts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_stack.broker.errors import ResourceNotFound
from ldt_stack.broker.model.names import is_attribute_key
from ldt_stack.broker.query import TypeSelection
from ldt_stack.broker.service import Broker, Call
from ldt_stack.broker.store.interface import EntityQuery, EntitySelector, Snapshot


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
    return await broker.store.read(call.tenant, lambda snapshot: sorted(snapshot.count_types()), dear=True)


async def retrieve_entity_type_details(broker: Broker, call: Call) -> list[TypeDetails]:
    """Retrieve Details of Available Entity Types, by IRI. Source: CIM 009 V1.9.1, clause 5.7.6."""

    def work(snapshot: Snapshot) -> list[TypeDetails]:
        counts = snapshot.count_types()
        attributes: dict[str, dict[str, list[str]]] = {entity_type: {} for entity_type in counts}
        for attribute, entity_types in snapshot.types_of_attributes().items():
            for entity_type in entity_types:
                attributes[entity_type][attribute] = []
        return [TypeDetails(one, attributes[one], counts[one]) for one in sorted(counts)]

    return await broker.store.read(call.tenant, work, dear=True)


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

    def work(snapshot: Snapshot) -> TypeDetails:
        kinds: dict[str, set[str]] = {}
        count = 0
        for entity in snapshot.iterate_entities(EntityQuery(selectors=(selector,))):
            count += 1
            for attribute, instances in entity.items():
                if is_attribute_key(attribute):
                    kinds.setdefault(attribute, set()).update(instance["type"] for instance in instances)
        if not count:
            raise ResourceNotFound(f"There is no Entity of type {entity_type}.")
        return TypeDetails(entity_type, {attribute: sorted(kinds[attribute]) for attribute in sorted(kinds)}, count)

    return await broker.store.read(call.tenant, work, dear=True)


async def retrieve_attributes(broker: Broker, call: Call) -> list[str]:
    """Retrieve Available Attributes: IRIs, sorted. Source: CIM 009 V1.9.1, clause 5.7.8."""
    return await broker.store.read(call.tenant, lambda snapshot: sorted(snapshot.types_of_attributes()), dear=True)


async def retrieve_attribute_details(broker: Broker, call: Call) -> list[AttributeDetails]:
    """Retrieve Details of Available Attributes, by IRI. Source: CIM 009 V1.9.1, clause 5.7.9."""

    def work(snapshot: Snapshot) -> list[AttributeDetails]:
        found = snapshot.types_of_attributes()
        return [AttributeDetails(attribute, sorted(found[attribute]), [], 0) for attribute in sorted(found)]

    return await broker.store.read(call.tenant, work, dear=True)


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

    def work(snapshot: Snapshot) -> AttributeDetails:
        types: set[str] = set()
        kinds: set[str] = set()
        count = 0
        for entity in snapshot.iterate_entities(EntityQuery(attributes=(attribute,))):
            types.update(entity["type"])
            kinds.update(instance["type"] for instance in entity[attribute])
            count += len(entity[attribute])
        if not count:
            raise ResourceNotFound(f"No Entity has the Attribute {attribute}.")
        return AttributeDetails(attribute, sorted(types), sorted(kinds), count)

    return await broker.store.read(call.tenant, work, dear=True)
