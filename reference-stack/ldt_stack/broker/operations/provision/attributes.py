"""Attributes of one Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.2 to 5.6.5 and 5.6.19.

What Context Sources have of the Entity is written there first (`federation/writing.py`), the rest here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.federation.dividing import Share, Target
from ldt_stack.broker.federation.failures import SourceFailure
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.reading import type_parameter
from ldt_stack.broker.federation.writing import (
    MakeRequest,
    entity_path,
    in_url,
    share_of_attribute,
    share_of_payload,
)
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model import patch
from ldt_stack.broker.model.attributes import REMOVED, AttributeReader
from ldt_stack.broker.model.entities import Fragment, check_core_type, read_fragment
from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject
from ldt_stack.broker.model.values import Nulls, check_geometry_value, check_uri, decoded_geometry, is_geometry
from ldt_stack.broker.operations.distributed.writes import Work, known_target, write_everywhere
from ldt_stack.broker.operations.recording import SCOPE, record
from ldt_stack.broker.operations.targets import attribute_or_scope, check_entity_id, read_types, target_entity
from ldt_stack.broker.query.type_selection import TypeSelection
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import Transaction


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """Clause 5.2.18: IRIs of Attributes that were written, and of those that were not, with the reason.

    `failed` are those that were not written at a Context Source: IRI, reason, id of the Registration.
    """

    updated: tuple[str, ...]
    not_updated: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything was written."""
        return not (self.not_updated or self.failed)

    def rendered(self) -> JsonObject:
        """As clause 5.2.18 and 5.2.19 have it; names are fully qualified (6.3.6)."""
        return {
            "updated": list(self.updated),
            "notUpdated": [
                *({"attributeName": name, "reason": reason} for name, reason in self.not_updated),
                *(
                    {"attributeName": name, "reason": reason, "registrationId": registration_id}
                    for name, reason, registration_id in self.failed
                ),
            ],
        }


Update = Callable[[Transaction], UpdateResult]
"""Writes Attributes, inside a transaction."""


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

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names)
        return SourceRequest(
            "PATCH", _list_path(entity_id), type_parameter(share.infos, entity_id, names, selection), body, names
        )

    def here(part: Fragment) -> Update:
        def work(transaction: Transaction) -> UpdateResult:
            before = target_entity(transaction, entity_id, selection)
            return update_in(broker, transaction, call, broker.now(), before, part)

        return work

    target = await known_target(broker, call, entity_id, selection, fragment)
    return await _update_everywhere(broker, call, target, "updateEntity", make, here, fragment)


def update_in(
    broker: Broker, transaction: Transaction, call: Call, at: str, before: JsonObject, fragment: Fragment
) -> UpdateResult:
    """5.6.2.4, inside a transaction; `at` is the instant of the operation."""
    patched = patch.update(before, fragment, at)
    if patched.changes(before):
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

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names)
        options = [] if overwrite else [("options", "noOverwrite")]
        parameters = [*options, *type_parameter(share.infos, entity_id, names, selection)]
        return SourceRequest("POST", _list_path(entity_id), parameters, body, names)

    def here(part: Fragment) -> Update:
        def work(transaction: Transaction) -> UpdateResult:
            before = target_entity(transaction, entity_id, selection)
            return append_in(broker, transaction, call, broker.now(), before, part, overwrite=overwrite)

        return work

    target = await known_target(broker, call, entity_id, selection, fragment)
    return await _update_everywhere(broker, call, target, "appendAttrs", make, here, fragment)


def append_in(
    broker: Broker,
    transaction: Transaction,
    call: Call,
    at: str,
    before: JsonObject,
    fragment: Fragment,
    *,
    overwrite: bool,
) -> UpdateResult:
    """5.6.3.4, inside a transaction; `at` is the instant of the operation."""
    patched = patch.append(before, fragment, at, overwrite=overwrite)
    if patched.changes(before):
        record(broker, transaction, call, at, before, patched.entity)
    return _result(patched)


async def partial_attribute_update(
    broker: Broker, call: Call, entity_id: str, name: str, payload: JsonObject, *, types: str | None = None
) -> UpdateResult:
    """Partial Attribute update (5.6.4).

    Raises:
        BadRequestData: The id or the name is not valid, the name is "scope", or the payload no Attribute Fragment.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    iri, selection = _target_attribute(call, entity_id, name), read_types(call, types)
    fragment = AttributeReader(call.ld_context, Nulls.MEMBER).fragment(name, payload)

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

    make = partial(_attribute_request, "PATCH", entity_id, selection, iri, payload, call.ld_context)
    return await _write_attribute(
        broker, call, entity_id, selection, iri, "updateAttrs", make, work, dataset=fragment.get("datasetId", "@none")
    )


def _as_existing_type(fragment: JsonObject, before: JsonObject, payload: JsonObject) -> JsonObject:
    """A type that was only inferred from a value does not count as a change between Property and GeoProperty."""
    inferred = "type" not in payload or is_geometry(payload)
    kinds = before["type"], fragment.get("type")
    if inferred and kinds == ("Property", "GeoProperty"):
        return {**fragment, "type": "Property"}
    if inferred and kinds == ("GeoProperty", "Property"):  # an encoded geometry (4.7.2), else it is refused as such
        value = decoded_geometry(fragment["value"], "The value of the fragment", Nulls.MEMBER)
        check_geometry_value(value, "The value of the fragment")
        return {**fragment, "type": "GeoProperty", "value": value}
    return fragment


async def replace_attribute(
    broker: Broker, call: Call, entity_id: str, name: str, payload: JsonObject, *, types: str | None = None
) -> UpdateResult:
    """Replace Attribute (5.6.19).

    Raises:
        BadRequestData: The id or the name is not valid, the name is "scope", or the payload no complete Attribute.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    iri, selection = _target_attribute(call, entity_id, name), read_types(call, types)
    fragment = AttributeReader(call.ld_context).fragment(name, payload)
    if "type" not in fragment or VALUE_MEMBER[fragment["type"]] not in fragment:
        raise BadRequestData(f'The payload is no complete Attribute "{name}": it has no value')
    check_core_type(iri, [fragment])

    def work(transaction: Transaction) -> None:
        entity = target_entity(transaction, entity_id, selection)
        before = _instance(entity, iri, fragment.get("datasetId"))
        at = broker.now()
        after = patch.replace_instance(entity, iri, patch.stamp(fragment, at, before), at)
        record(broker, transaction, call, at, entity, after)

    make = partial(_attribute_request, "PUT", entity_id, selection, iri, payload, call.ld_context)
    return await _write_attribute(
        broker, call, entity_id, selection, iri, "replaceAttrs", make, work, dataset=fragment.get("datasetId", "@none")
    )


async def delete_attribute(
    broker: Broker,
    call: Call,
    entity_id: str,
    name: str,
    *,
    dataset_id: str | None = None,
    delete_all: bool = False,
    types: str | None = None,
) -> UpdateResult:
    """Delete Attribute (5.6.5); the scope can be deleted likewise.

    Raises:
        BadRequestData: The id, the name or the datasetId is not valid.
        ResourceNotFound: There is no such Entity, or no such instance of the Attribute.
    """
    check_entity_id(entity_id)
    iri = attribute_or_scope(call, name)
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

    def make(share: Share, names: LdContext) -> SourceRequest:
        offered = share.registration.dataset_ids
        given = {"datasetId": dataset_id, "deleteAll": "true" if delete_all else None}
        if delete_all and offered is not None:
            if len(offered) > 1:
                raise SourceFailure(f"{share.registration.id}: one request cannot delete just its datasetIds")
            given = {"datasetId": next(iter(offered))}
        parameters = [(key, value) for key, value in given.items() if value is not None]
        parameters += type_parameter(share.infos, entity_id, names, selection)
        own = iri if iri == SCOPE else names.compact_iri(iri)
        return SourceRequest("DELETE", entity_path(entity_id, own), parameters, names=names)

    return await _write_attribute(
        broker,
        call,
        entity_id,
        selection,
        iri,
        "deleteAttrs",
        in_url(make),
        work,
        dataset=None if delete_all or iri == SCOPE else dataset or "@none",
    )


def _list_path(entity_id: str) -> str:
    return f"{entity_path(entity_id)}/attrs"


def _attribute_request(
    method: str,
    entity_id: str,
    selection: TypeSelection | None,
    iri: str,
    payload: JsonObject,
    given: LdContext,
    share: Share,
    names: LdContext,
) -> SourceRequest:
    """A request about one Attribute: the payload is an Attribute Fragment."""
    body = share_of_attribute(share, payload, given, names)
    path = entity_path(entity_id, names.compact_iri(iri))
    return SourceRequest(method, path, type_parameter(share.infos, entity_id, names, selection), body, names)


async def _update_everywhere(
    broker: Broker,
    call: Call,
    target: Target,
    operation: str,
    make: MakeRequest,
    here: Callable[[Fragment], Update],
    fragment: Fragment,
) -> UpdateResult:
    """Forward what Context Sources hold, then write the rest; what was and was not written of all."""
    own: list[UpdateResult] = []

    def write(part: Fragment) -> Work:
        return lambda transaction: own.append(here(part)(transaction))

    everywhere = await write_everywhere(broker, call, target, (operation,), make, write, fragment)
    failures = () if everywhere is None else everywhere.failures
    failed = {name: one for one in failures for name in one.attributes or fragment.attributes}
    result = own[0] if own else UpdateResult((), ())
    return UpdateResult(
        tuple(
            name
            for name in fragment.attributes
            if name not in failed and (name in result.updated or name not in dict(result.not_updated))
        ),
        (*result.not_updated, *((n, one.error.detail) for n, one in failed.items() if one.registration_id is None)),
        tuple((n, one.error.detail, one.registration_id) for n, one in failed.items() if one.registration_id),
    )


async def _write_attribute(
    broker: Broker,
    call: Call,
    entity_id: str,
    selection: TypeSelection | None,
    iri: str,
    operation: str,
    make: MakeRequest,
    work: Work,
    *,
    dataset: str | None,
) -> UpdateResult:
    """The same for an operation on one Attribute; `dataset`: the instance that it is about ("@none"), None: any."""

    def here(_: Fragment) -> Update:
        def update(transaction: Transaction) -> UpdateResult:
            work(transaction)
            return UpdateResult((iri,), ())

        return update

    fragment = Fragment(entity_id, attributes={iri: []})
    datasets = None if dataset is None else {iri: frozenset({dataset})}
    target = await known_target(broker, call, entity_id, selection, fragment, datasets=datasets)
    return await _update_everywhere(broker, call, target, operation, make, here, fragment)


def _target_attribute(call: Call, entity_id: str, name: str) -> str:
    check_entity_id(entity_id)
    iri = attribute_or_scope(call, name)
    if iri == SCOPE:
        raise BadRequestData('"scope" is no Attribute that can be updated or replaced by itself (5.6.4.4, 5.6.19.4)')
    return iri


def _instance(entity: JsonObject, iri: str, dataset_id: str | None) -> JsonObject:
    for instance in entity.get(iri, ()):
        if instance.get("datasetId") == dataset_id:
            found: JsonObject = instance
            return found
    which = "" if dataset_id is None else f" with the datasetId {dataset_id}"
    raise ResourceNotFound(f"The Entity {entity['id']} has no Attribute {iri}{which}")
