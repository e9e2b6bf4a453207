"""Attributes of one Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.2 to 5.6.5 and 5.6.19.

Local only: context source registrations are not matched yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.model import patch
from ldt_stack.broker.model.attributes import REMOVED, AttributeReader
from ldt_stack.broker.model.entities import Fragment, read_fragment
from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject
from ldt_stack.broker.model.values import Nulls, check_uri
from ldt_stack.broker.operations.recording import SCOPE, record
from ldt_stack.broker.operations.targets import attribute_name, check_entity_id, read_types, target_entity
from ldt_stack.broker.service import Broker, Call
from ldt_stack.broker.store.interface import Transaction


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """Clause 5.2.18: IRIs of Attributes that were written, and of those that were not, with the reason."""

    updated: tuple[str, ...]
    not_updated: tuple[tuple[str, str], ...]

    def rendered(self) -> JsonObject:
        """As clause 5.2.18 and 5.2.19 have it; names are fully qualified (6.3.6)."""
        return {
            "updated": list(self.updated),
            "notUpdated": [{"attributeName": name, "reason": reason} for name, reason in self.not_updated],
        }


def _result(patched: patch.Patched) -> UpdateResult:
    return UpdateResult(tuple(patched.updated), tuple(patched.not_updated.items()))


async def update_attributes(
    broker: Broker, call: Call, entity_id: str, payload: JsonObject, *, types: str | None = None
) -> UpdateResult:
    """Update Attributes (5.6.2).

    Raises:
        BadRequestData: The id is no URI, or the payload no Entity Fragment.
        ResourceNotFound: There is no such Entity.
    """
    check_entity_id(entity_id)
    selection = read_types(call, types)
    fragment = read_fragment(payload, AttributeReader(call.ld_context, Nulls.MEMBER), entity_id=entity_id)

    def work(transaction: Transaction) -> UpdateResult:
        return update_in(broker, transaction, call, target_entity(transaction, entity_id, selection), fragment)

    return await broker.store.write(call.tenant, work)


def update_in(
    broker: Broker, transaction: Transaction, call: Call, before: JsonObject, fragment: Fragment
) -> UpdateResult:
    """5.6.2.4, inside a transaction."""
    at = broker.now()
    patched = patch.update(before, fragment, at)
    if fragment != Fragment(fragment.id):
        record(broker, transaction, call, at, before, patched.entity)
    return _result(patched)


async def append_attributes(
    broker: Broker,
    call: Call,
    entity_id: str,
    payload: JsonObject,
    *,
    overwrite: bool = True,
    types: str | None = None,
) -> UpdateResult:
    """Append Attributes (5.6.3).

    Raises:
        BadRequestData: The id is no URI, or the payload no Entity Fragment.
        ResourceNotFound: There is no such Entity.
    """
    check_entity_id(entity_id)
    selection = read_types(call, types)
    fragment = read_fragment(payload, AttributeReader(call.ld_context), entity_id=entity_id)

    def work(transaction: Transaction) -> UpdateResult:
        before = target_entity(transaction, entity_id, selection)
        return append_in(broker, transaction, call, before, fragment, overwrite=overwrite)

    return await broker.store.write(call.tenant, work)


def append_in(
    broker: Broker, transaction: Transaction, call: Call, before: JsonObject, fragment: Fragment, *, overwrite: bool
) -> UpdateResult:
    """5.6.3.4, inside a transaction."""
    at = broker.now()
    patched = patch.append(before, fragment, at, overwrite=overwrite)
    unchanged = all(patched.entity.get(name) == value for name, value in before.items() if name != "modifiedAt")
    if not (unchanged and patched.entity.keys() == before.keys()):
        record(broker, transaction, call, at, before, patched.entity)
    return _result(patched)


async def partial_attribute_update(
    broker: Broker, call: Call, entity_id: str, name: str, payload: JsonObject, *, types: str | None = None
) -> None:
    """Partial Attribute update (5.6.4).

    Raises:
        BadRequestData: The id or the name is not valid, the name is "scope", or the payload no Attribute Fragment.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    iri, selection = _target_attribute(call, entity_id, name), read_types(call, types)
    reader = AttributeReader(call.ld_context, Nulls.MEMBER, partial=True)
    fragment = reader.fragment(name, payload)

    def work(transaction: Transaction) -> None:
        entity = target_entity(transaction, entity_id, selection)
        before = _instance(entity, iri, fragment.get("datasetId"))
        at = broker.now()
        if REMOVED in fragment:
            after = patch.remove_attribute(entity, iri, at, {before.get("datasetId")})
        else:
            own = _as_existing_type(fragment, before, payload)
            after = patch.replace_instance(entity, iri, patch.partial_update(before, own, at, iri), at)
        record(broker, transaction, call, at, entity, after)

    await broker.store.write(call.tenant, work)


def _as_existing_type(fragment: JsonObject, before: JsonObject, payload: JsonObject) -> JsonObject:
    """A type that was only inferred from a value does not count as a change from Property to GeoProperty."""
    if before["type"] == "Property" and fragment.get("type") == "GeoProperty" and "type" not in payload:
        return {**fragment, "type": "Property"}
    return fragment


async def replace_attribute(
    broker: Broker, call: Call, entity_id: str, name: str, payload: JsonObject, *, types: str | None = None
) -> None:
    """Replace Attribute (5.6.19).

    Raises:
        BadRequestData: The id or the name is not valid, the name is "scope", or the payload no complete Attribute.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    iri, selection = _target_attribute(call, entity_id, name), read_types(call, types)
    fragment = AttributeReader(call.ld_context).fragment(name, payload)
    if "type" not in fragment or VALUE_MEMBER[fragment["type"]] not in fragment:
        raise BadRequestData(f'The payload is no complete Attribute "{name}": it has no value')

    def work(transaction: Transaction) -> None:
        entity = target_entity(transaction, entity_id, selection)
        before = _instance(entity, iri, fragment.get("datasetId"))
        at = broker.now()
        after = patch.replace_instance(entity, iri, patch.stamp(fragment, at, before), at)
        record(broker, transaction, call, at, entity, after)

    await broker.store.write(call.tenant, work)


async def delete_attribute(
    broker: Broker,
    call: Call,
    entity_id: str,
    name: str,
    *,
    dataset_id: str | None = None,
    delete_all: bool = False,
    types: str | None = None,
) -> None:
    """Delete Attribute (5.6.5); the scope can be deleted likewise.

    Raises:
        BadRequestData: The id, the name or the datasetId is not valid.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    check_entity_id(entity_id)
    iri = SCOPE if name == SCOPE else attribute_name(call, name)
    selection = read_types(call, types)
    dataset = None if dataset_id in (None, "@none") else check_uri(dataset_id, "The parameter datasetId")

    def work(transaction: Transaction) -> None:
        entity = target_entity(transaction, entity_id, selection)
        if iri not in entity:
            raise ResourceNotFound(f"The Entity {entity_id} has no Attribute {iri}")
        at = broker.now()
        datasets: set[str | None] | None = None if delete_all or iri == SCOPE else {dataset}
        if datasets is not None:
            _instance(entity, iri, dataset)
        after = patch.remove_attribute(entity, iri, at, datasets)
        record(broker, transaction, call, at, entity, after)

    await broker.store.write(call.tenant, work)


def _target_attribute(call: Call, entity_id: str, name: str) -> str:
    check_entity_id(entity_id)
    if name == SCOPE:
        raise BadRequestData('"scope" is no Attribute that can be updated or replaced by itself (5.6.4.4, 5.6.19.4)')
    return attribute_name(call, name)


def _instance(entity: JsonObject, iri: str, dataset_id: str | None) -> JsonObject:
    for instance in entity.get(iri, ()):
        if instance.get("datasetId") == dataset_id:
            found: JsonObject = instance
            return found
    which = "" if dataset_id is None else f" with the datasetId {dataset_id}"
    raise ResourceNotFound(f"The Entity {entity['id']} has no Attribute {iri}{which}")
