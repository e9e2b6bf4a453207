"""Provision of temporal evolutions: ETSI GS CIM 009 V1.9.1, clauses 5.6.11 to 5.6.16.

The current state of Entities is another set (4.3.1): nothing here changes it. What Context Sources have is
written there first, as of Entities (`distributed/writes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.federation.dividing import Share, Target
from ldt_stack.broker.federation.failures import SourceFailure
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.writing import (
    MakeRequest,
    PartialSuccess,
    evolution_path,
    in_url,
    share_of_payload,
)
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.entities import Fragment
from ldt_stack.broker.model.instance_ids import new_instance_id
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.patch import stamp
from ldt_stack.broker.model.values import check_uri
from ldt_stack.broker.operations.distributed.writes import Work, datasets_of, write_everywhere
from ldt_stack.broker.operations.targets import attribute_or_scope, check_entity_id
from ldt_stack.broker.operations.temporal.evolution_input import EvolutionFragment, read_evolution
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import HistoryRow, TemporalQuery
from ldt_stack.broker.store.evolution import SCOPE
from ldt_stack.broker.store.interface import Snapshot, Transaction

_CREATED: Final = 201
# Reads the head alone: no Attribute has this name.
_HEAD_ONLY: Final = TemporalQuery(attributes=("",))


async def create_temporal_evolution(
    broker: Broker, call: Call, payload: JsonObject
) -> tuple[str, bool, PartialSuccess | None]:
    """Create or Update (Upsert) Temporal Evolution of an Entity.

    Returns:
        The id, whether the evolution was created (unless it was here before, or sources have all of it and none says
        that it is new), and what was not done if only a part was.

    Raises:
        BadRequestData: The payload is no EntityTemporal, or has no type where it would create one.

    Source: CIM 009 V1.9.1, clause 5.6.11.
    """
    fragment = read_evolution(payload, call)
    if fragment.id is None:
        raise BadRequestData('The temporal evolution has no "id" (clause 5.2.20)')
    entity_id = fragment.id
    known: list[bool] = []
    statuses: list[int] = []

    def here(rest: Fragment) -> Work:
        def work(transaction: Transaction) -> None:
            head = _head(transaction, entity_id)
            if head is None and not fragment.types:
                raise BadRequestData(f'The temporal evolution of {entity_id} has no "type" (clause 5.2.20)')
            _add(broker, transaction, entity_id, head, _rest(fragment, rest))
            known.append(head is not None)

        return work

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names)
        return SourceRequest("POST", "/temporal/entities", (), body, names)

    partial = await _write(
        broker, call, fragment, entity_id, "upsertTemporal", make, here, create=True, statuses=statuses
    )
    if not known:
        known.append(_CREATED not in statuses or bool(await _known_types(broker, call, entity_id)))
    return entity_id, not any(known), partial


async def add_attributes_to_temporal_evolution(
    broker: Broker, call: Call, entity_id: str, payload: JsonObject
) -> PartialSuccess | None:
    """Add Attributes to Temporal Evolution of an Entity; returns what was not done if only a part was.

    Raises:
        BadRequestData: The id is no URI, or the payload no Fragment of an EntityTemporal.
        ResourceNotFound: There is no such evolution.

    Source: CIM 009 V1.9.1, clause 5.6.12.
    """
    check_entity_id(entity_id)
    fragment = read_evolution(payload, call, entity_id=entity_id)

    def here(rest: Fragment) -> Work:
        def work(transaction: Transaction) -> None:
            _add(broker, transaction, entity_id, _existing_head(transaction, entity_id), _rest(fragment, rest))

        return work

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names)
        return SourceRequest("POST", f"{evolution_path(entity_id)}/attrs", (), body, names)

    return await _write(broker, call, fragment, entity_id, "appendAttrsTemporal", make, here)


def _rest(fragment: EvolutionFragment, rest: Fragment) -> EvolutionFragment:
    """What is left of a Fragment for this broker."""
    left = {id(one) for instances in rest.attributes.values() for one in instances}
    kept = tuple(one for one in fragment.instances if one[0] == SCOPE or id(one[1]) in left)
    return replace(fragment, instances=kept)


async def _write(
    broker: Broker,
    call: Call,
    fragment: EvolutionFragment,
    entity_id: str,
    operation: str,
    make: MakeRequest,
    here: Callable[[Fragment], Work],
    *,
    create: bool = False,
    statuses: list[int] | None = None,
) -> PartialSuccess | None:
    """Forward what Context Sources of temporal evolutions hold, then write the rest."""
    attributes: dict[str, list[JsonObject]] = {}
    for name, instance in fragment.instances:
        if name != SCOPE:
            attributes.setdefault(name, []).append(instance)
    types = fragment.types or await _known_types(broker, call, entity_id)
    whole = Fragment(entity_id, fragment.types, attributes=attributes)
    target = Target(
        entity_id, frozenset(types) or None, frozenset(attributes), temporal=True, datasets=datasets_of(whole)
    )
    return await write_everywhere(
        broker, call, target, (operation,), make, here, whole, create=create, statuses=statuses
    )


async def _known_types(broker: Broker, call: Call, entity_id: str) -> Sequence[str]:
    """Of an evolution that is held here; read only if a Registration may need them."""
    if call.local or not await broker.registrations.registrations(call.tenant, broker.now):
        return ()
    head = await broker.store.read(call.tenant, lambda snapshot: _head(snapshot, entity_id))
    types: Sequence[str] = () if head is None else head["type"]
    return types


async def _write_below(
    broker: Broker,
    call: Call,
    entity_id: str,
    attribute: str | None,
    operation: str,
    make: MakeRequest,
    work: Work,
    *,
    dataset: str | None = None,
) -> PartialSuccess | None:
    """The same for an operation on one Attribute, or (None) on the evolution as a whole.

    `dataset` is that of the instances it is about, "@none" the default one; None: any, or not known.
    """
    types = frozenset(await _known_types(broker, call, entity_id))
    attributes = None if attribute is None else frozenset({attribute})
    datasets = {} if attribute is None or dataset is None else {attribute: frozenset({dataset})}
    target = Target(entity_id, types or None, attributes, temporal=True, datasets=datasets)
    whole = Fragment(entity_id, attributes={} if attribute is None else {attribute: []})
    return await write_everywhere(broker, call, target, (operation,), make, lambda _: work, whole)


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
    transaction.append_history(
        [
            HistoryRow(entity_id, name, {**stamp(one, at), "instanceId": new_instance_id()})
            for name, one in fragment.instances
        ]
    )


async def delete_attribute_from_temporal_evolution(
    broker: Broker, call: Call, entity_id: str, name: str, *, dataset_id: str | None = None, delete_all: bool = False
) -> PartialSuccess | None:
    """Delete Attribute from Temporal Evolution of an Entity: all its instances of one datasetId, or of any.

    Raises:
        BadRequestData: The id or datasetId is no URI, or the name no name.
        ResourceNotFound: There is no such evolution, or it has no such Attribute instances.

    Source: CIM 009 V1.9.1, clause 5.6.13.
    """
    check_entity_id(entity_id)
    attribute = attribute_or_scope(call, name)
    if dataset_id is not None and dataset_id != "@none":
        check_uri(dataset_id, "The parameter datasetId")
    dataset = None if dataset_id == "@none" else dataset_id

    def work(transaction: Transaction) -> None:
        _existing_head(transaction, entity_id)
        gone = transaction.delete_history(entity_id, attribute, dataset_id=dataset, any_dataset=delete_all)
        if not gone:
            raise _no_attribute(entity_id, attribute)

    def make(share: Share, names: LdContext) -> SourceRequest:
        offered = share.registration.dataset_ids
        given = {"datasetId": dataset_id, "deleteAll": "true" if delete_all else None}
        if delete_all and offered is not None:
            if len(offered) > 1:
                raise SourceFailure(f"{share.registration.id}: one request cannot delete just its datasetIds")
            given = {"datasetId": next(iter(offered))}
        parameters = [(key, value) for key, value in given.items() if value is not None]
        return SourceRequest("DELETE", evolution_path(entity_id, _own_name(attribute, names)), parameters, names=names)

    return await _write_below(
        broker,
        call,
        entity_id,
        attribute,
        "deleteAttrsTemporal",
        in_url(make),
        work,
        dataset=None if delete_all or attribute == SCOPE else dataset_id or "@none",
    )


async def modify_attribute_instance(
    broker: Broker, call: Call, entity_id: str, name: str, instance_id: str, payload: JsonObject
) -> PartialSuccess | None:
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

    def make(share: Share, names: LdContext) -> SourceRequest:
        path = evolution_path(entity_id, _own_name(attribute, names), instance_id)
        body = share_of_payload(share, payload, call.ld_context, names)
        return SourceRequest("PATCH", path, (), body, names)

    dataset = None if attribute == SCOPE else instance.get("datasetId", "@none")
    operation = "updateAttrInstanceTemporal"
    return await _write_below(broker, call, entity_id, attribute, operation, make, work, dataset=dataset)


async def delete_attribute_instance(
    broker: Broker, call: Call, entity_id: str, name: str, instance_id: str
) -> PartialSuccess | None:
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

    def make(_: Share, names: LdContext) -> SourceRequest:
        path = evolution_path(entity_id, _own_name(attribute, names), instance_id)
        return SourceRequest("DELETE", path, names=names)

    return await _write_below(broker, call, entity_id, attribute, "deleteAttrInstanceTemporal", in_url(make), work)


async def delete_temporal_evolution(broker: Broker, call: Call, entity_id: str) -> PartialSuccess | None:
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

    def make(_: Share, names: LdContext) -> SourceRequest:
        return SourceRequest("DELETE", evolution_path(entity_id), names=names)

    return await _write_below(broker, call, entity_id, None, "deleteTemporal", in_url(make), work)


def _own_name(attribute: str, names: LdContext) -> str:
    return attribute if attribute == SCOPE else names.compact_iri(attribute)


def _check_instance(call: Call, entity_id: str, name: str, instance_id: str) -> str:
    """The ids and the name of an instance; returns the IRI of the Attribute."""
    check_entity_id(entity_id)
    attribute = attribute_or_scope(call, name)
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
