"""What goes into a Snapshot: the results of its Queries, or what another Snapshot has.

ETSI GS CIM 009 V1.9.1, clauses 5.2.42, 5.16.1.4 and 5.16.2.4. A Snapshot holds what its Queries retrieve: with attrs,
pick or omit, only those members (id and type always); with join, the linked Entities beside the others. Languages are
kept all, so that the Snapshot can be queried in any of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import InternalError, NgsiLdError, TooComplexQuery, TooManyResults
from ldt_stack.broker.federation.failures import SourceFailure
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instance_ids import new_instance_id
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.operations.consumption.entities import query_entities
from ldt_stack.broker.operations.consumption.linked import Shown
from ldt_stack.broker.operations.consumption.query_data import read_query, take_temporal
from ldt_stack.broker.operations.consumption.query_input import QueryInput, parse_query, parse_view
from ldt_stack.broker.operations.snapshots.data import QUERIES, TEMPORAL_QUERIES
from ldt_stack.broker.operations.temporal.consumption import (
    EvolutionsResult,
    TemporalInput,
    parse_request,
    query_temporal_evolution,
)
from ldt_stack.broker.representation import RenderOptions
from ldt_stack.broker.representation.entity import select_instances
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, HistoryRow, TemporalEntity, TemporalQuery
from ldt_stack.broker.store.interface import Snapshot, Transaction

T = TypeVar("T")
_AT_ONCE: Final = 500  # in one transaction, so that a large Snapshot holds up no other writer
_ALWAYS: Final = frozenset({"id", "type", "createdAt", "modifiedAt", "expiresAt", "deletedAt"})


@dataclass(slots=True)
class Content:
    """Entities and temporal evolutions, expanded, by id; and how each Query ended (5.2.42).

    Args:
        entities: Current states.
        evolutions: Heads with their Attribute instances.
        details: ExecutionResultDetails of `snapshotQueries`.
        temporal_details: ExecutionResultDetails of `snapshotTemporalQueries`.
    """

    entities: dict[str, JsonObject] = field(default_factory=dict)
    evolutions: dict[str, TemporalEntity] = field(default_factory=dict)
    details: list[JsonObject] = field(default_factory=list)
    temporal_details: list[JsonObject] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The snapshotStatus that the results of the Queries make (5.16.1.4)."""
        ended = [one["resultStatus"] for one in (*self.details, *self.temporal_details)]
        if all(status == "success" for status in ended):
            return "success"
        if "success" in ended:
            return "partial"
        return "empty" if "empty" in ended else "failure"


def check_queries(broker: Broker, call: Call, members: JsonObject) -> None:
    """Whether the Queries of a new Snapshot are well formed.

    That a Query is too wide is not looked at: that is found when it is executed, and told in its result details.

    Raises:
        BadRequestData, TooComplexQuery: One of them is not (5.2.23).
    """
    most = broker.settings.max_query_terms
    count = len(members.get(QUERIES, ())) + len(members.get(TEMPORAL_QUERIES, ()))
    if count > most:
        raise TooComplexQuery(f"The Snapshot has {count} Queries; this broker takes {most}. Create several Snapshots.")
    local = replace(call, local=True)
    for payload in members.get(QUERIES, ()):
        source = _query(broker, payload)
        parse_query(source, parse_view(source.view, call, broker.settings), local, broker.settings)
    for payload in members.get(TEMPORAL_QUERIES, ()):
        source, temporal = _temporal_query(broker, payload)
        parse_request(broker, local, source, temporal, "normalized")


def _query(broker: Broker, payload: JsonObject) -> QueryInput:
    # Whether a map is to be kept says nothing about a Snapshot, which is fixed as a whole.
    plain = {name: value for name, value in payload.items() if name not in ("entityMap", "entityMapLifetime")}
    return read_query(plain, limit=broker.settings.max_page_size, sys_attrs=True)  # system times are frozen, too


def _temporal_query(broker: Broker, payload: JsonObject) -> tuple[QueryInput, TemporalInput]:
    plain = dict(payload)
    temporal = take_temporal(plain)
    return _query(broker, plain), temporal


async def execute_queries(broker: Broker, tenant: str | None, ld_context: LdContext, members: JsonObject) -> Content:
    """Execute all Queries of a Snapshot; one that fails says so in its details (5.16.1.4)."""
    most = broker.settings.snapshot_max_entities
    # "all pages are to be retrieved completely": in one page, hence in one consistent read.
    whole, content = copy(broker), Content()
    whole.settings = broker.settings.model_copy(update={"max_page_size": most + 1, "temporal_page_instances": 10**9})
    for payload in members.get(QUERIES, ()):
        content.details.append(await _execute(whole, Call(tenant, ld_context), payload, content, most))
    for payload in members.get(TEMPORAL_QUERIES, ()):
        call = Call(tenant, ld_context)
        content.temporal_details.append(await _execute_temporal(whole, call, payload, content, most))
    return content


async def _execute(broker: Broker, call: Call, payload: JsonObject, content: Content, most: int) -> JsonObject:
    try:
        result = await query_entities(broker, call, _query(broker, payload))
    except NgsiLdError as error:
        return _failed(error)
    if _together(content.entities, (one.entity["id"] for one in result.entities)) > most:
        return _failed(TooManyResults(f"More than {most} Entities match, which is what a Snapshot holds."))
    for entity in _retrieved(result.entities):
        known = content.entities.get(entity["id"])
        content.entities[entity["id"]] = entity if known is None else _merged(known, entity)
    return _ended(call, found=bool(result.entities))


async def _execute_temporal(broker: Broker, call: Call, payload: JsonObject, content: Content, most: int) -> JsonObject:
    try:
        source, temporal = _temporal_query(broker, payload)
        found = [page async for page in _parts(broker, call, source, temporal)]
    except NgsiLdError as error:
        return _failed(error)
    if _together(content.evolutions, (one.head["id"] for page in found for one in page.entities)) > most:
        return _failed(TooManyResults(f"More than {most} Entities match, which is what a Snapshot holds."))
    for page in found:
        for one in page.entities:
            shown = {
                name: select_instances(instances, page.view.options)
                for name, instances in one.attributes.items()
                if page.view.options.shows(name)
            }
            known = content.evolutions.get(one.head["id"])
            kept = TemporalEntity(one.head, shown)
            content.evolutions[one.head["id"]] = kept if known is None else _merged_evolution(known, kept)
    return _ended(call, found=any(page.entities for page in found))


async def _parts(
    broker: Broker, call: Call, source: QueryInput, temporal: TemporalInput
) -> AsyncIterator[EvolutionsResult]:
    """The result of a temporal query, in parts where a Context Source shows no more of the time at once (6.3.10).

    With lastN it is the part that has the newest instances: others might be more than were asked for.
    """
    while True:
        result = await query_temporal_evolution(broker, call, source, temporal, "normalized")
        yield result
        if result.range is None or temporal.last_n is not None or result.range.end == temporal.time_at:
            return
        if temporal.timerel == "before":
            temporal = replace(temporal, timerel="between", end_time_at=temporal.time_at)
        temporal = replace(temporal, time_at=result.range.end)


def _together(known: Mapping[str, object], found: Iterable[str]) -> int:
    """How many Entities there are with those that were found: Queries may find the same ones."""
    return len(known.keys() | set(found))


def _ended(call: Call, *, found: bool) -> JsonObject:
    """The details of a Query that was executed.

    A Context Source that failed is a warning beside the result of a query, no error (6.3.17), so the Query succeeded
    (5.2.42: "failure", if an error is reported); what is missing is said all the same.
    """
    status: JsonObject = {"resultStatus": "success" if found else "empty"}
    if call.warnings:
        status["problemDetails"] = _problem(SourceFailure("; ".join(call.warnings)))
    return status


def _failed(error: NgsiLdError) -> JsonObject:
    return {"resultStatus": "failure", "problemDetails": _problem(error)}


def _problem(error: NgsiLdError) -> JsonObject:
    return {"type": error.uri, "title": error.title, "detail": error.detail}


def _retrieved(shown: Sequence[Shown]) -> Iterator[JsonObject]:
    """Entities reduced to what was asked for, and the linked ones that would be shown inside them."""
    for one in shown:
        yield _reduced(one.entity, one.options)
        if one.options.links is not None:
            yield from one.options.links.entities.values()


def _reduced(entity: JsonObject, options: RenderOptions) -> JsonObject:
    kept: JsonObject = {}
    for name, value in entity.items():
        if name in _ALWAYS:
            kept[name] = value
        elif not options.shows(name):
            continue
        elif not is_attribute_key(name):
            kept[name] = value
        elif options.attributes is None or name in options.attributes:
            instances = select_instances(value, options)
            if instances:
                kept[name] = instances
    return kept


def _merged(one: JsonObject, other: JsonObject) -> JsonObject:
    """What two Queries retrieved of an Entity: of an instance that both have, the one that was modified last."""
    merged = {**one, **{name: value for name, value in other.items() if not is_attribute_key(name)}}
    for name, instances in other.items():
        if is_attribute_key(name):
            known = {instance.get("datasetId"): instance for instance in one.get(name, ())}
            for instance in instances:
                before = known.get(instance.get("datasetId"))
                if before is None or before.get("modifiedAt", "") <= instance.get("modifiedAt", ""):
                    known[instance.get("datasetId")] = instance
            merged[name] = list(known.values())
    return merged


def _merged_evolution(one: TemporalEntity, other: TemporalEntity) -> TemporalEntity:
    attributes = dict(one.attributes)
    for name, instances in other.attributes.items():
        before = attributes.get(name, [])
        known = {instance.get("instanceId") for instance in before} - {None}
        unnamed = [instance for instance in before if "instanceId" not in instance]
        new = [one for one in instances if one.get("instanceId") not in known and one not in unnamed]
        attributes[name] = [*before, *new]
    return TemporalEntity({**one.head, **other.head}, attributes)


async def write_content(broker: Broker, space: str, content: Content) -> None:
    """Store what was retrieved in the space of the Snapshot "so that local NGSI-LD operations can … be executed"."""
    at = broker.now()
    for entity in content.entities.values():
        _complete_times(entity, at)
    for evolution in content.evolutions.values():
        _complete_instances(evolution, at)
    for entities in _chunks(content.entities.values()):
        await broker.store.write(space, partial(_put_entities, entities=entities))
    for evolutions in _chunks(content.evolutions.values()):
        await broker.store.write(space, partial(_put_evolutions, evolutions=evolutions))


def _complete_times(holder: JsonObject, at: str) -> None:
    """Give an Entity or Attribute instance the system times that its Context Source did not say (4.8: "omitted")."""
    holder.setdefault("createdAt", at)
    holder.setdefault("modifiedAt", at)
    for name, instances in holder.items():
        if is_attribute_key(name):
            for instance in instances:
                _complete_times(instance, at)


def _complete_instances(evolution: TemporalEntity, at: str) -> None:
    _complete_times(evolution.head, at)
    for instances in evolution.attributes.values():
        for instance in instances:
            _complete_times(instance, at)
            instance.setdefault("instanceId", new_instance_id())


def _put_entities(transaction: Transaction, entities: Sequence[JsonObject]) -> None:
    for entity in entities:
        transaction.put_entity(entity)


def _put_evolutions(transaction: Transaction, evolutions: Sequence[TemporalEntity]) -> None:
    for one in evolutions:
        transaction.put_temporal_head(one.head)
        transaction.append_history(
            [
                HistoryRow(one.head["id"], name, instance)
                for name, instances in one.attributes.items()
                for instance in instances
            ]
        )


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk


async def read_content(broker: Broker, space: str) -> Content:
    """Everything that a Snapshot has, for its clone.

    Raises:
        InternalError: It is more than a Snapshot may hold.
    """
    most = broker.settings.snapshot_max_entities

    def work(snapshot: Snapshot) -> Content:
        content = Content(entities={entity["id"]: entity for entity in snapshot.iterate_entities(EntityQuery())})
        page = snapshot.query_temporal(EntityQuery(limit=most), TemporalQuery(timeproperty="createdAt"))
        if page.more:
            raise InternalError(f"The Snapshot has more than {most} temporal evolutions, the limit of this broker.")
        content.evolutions.update({one.head["id"]: one for one in page.entities})
        return content

    return await broker.store.read(space, work, dear=True)
