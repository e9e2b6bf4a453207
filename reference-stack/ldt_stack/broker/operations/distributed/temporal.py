"""Temporal evolutions of Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.5.5, 5.7.3.4 and 5.7.4.4.

Only Registrations with an interval are about evolutions (5.9.1). What comes back is put together in `evolutions.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError, TooManyResults
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import SourceFailure, SourceInvalid
from ldt_stack.broker.federation.mapping import SourceMap, ask_for_map
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.querying import FederatedQuery, Part, parts_of
from ldt_stack.broker.federation.reading import (
    dataset_ids_for,
    map_header,
    matching,
    offered_attributes,
    or_warning,
    type_selector,
    wire_names,
    within_time,
)
from ldt_stack.broker.federation.received import take_instance_times, take_times
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.federation.together import together
from ldt_stack.broker.federation.writing import evolution_path
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import read_entity
from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject, JsonValue
from ldt_stack.broker.operations.recording import null_value
from ldt_stack.broker.operations.temporal.evolution_input import (
    EVOLUTION_MEMBERS,
    elements_of,
    read_instance,
    take_observed_at,
)
from ldt_stack.broker.operations.temporal.evolutions import Evolutions, meeting, with_filtered
from ldt_stack.broker.operations.temporal.ranges import end_of
from ldt_stack.broker.query import TemporalCondition
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import TemporalEntity, TemporalQuery
from ldt_stack.broker.store.evolution import SCOPE

_PARTIAL: Final = 206
Parameters = list[tuple[str, str]]


def condition_of(interval: TemporalQuery) -> TemporalCondition | None:
    """The time asked for; None: any."""
    if interval.timerel is None or interval.time_at is None:
        return None
    return TemporalCondition(interval.timerel, interval.time_at, interval.end_time_at, interval.timeproperty)


def interval_parameters(interval: TemporalQuery, registration: Registration) -> Parameters:
    """A temporal query as it is forwarded (table 6.18.3.2-1)."""
    dataset_ids = dataset_ids_for(registration, _dataset_ids(interval))
    given = {
        "timerel": interval.timerel,
        "timeAt": interval.time_at,
        "endTimeAt": interval.end_time_at,
        "timeproperty": interval.timeproperty,
        "lastN": None if interval.last_n is None else str(interval.last_n),
        "datasetId": None if dataset_ids is None else ",".join(sorted(dataset_ids)),
        "options": "sysAttrs",
    }
    return [(name, value) for name, value in given.items() if value is not None]


def looked_at(query: FederatedQuery) -> frozenset[str]:
    """What filters look at, the scope included, which is none of the Attributes of current state."""
    return query.filtered if query.registrations.scope is None else query.filtered | {SCOPE}


def _dataset_ids(interval: TemporalQuery) -> frozenset[str] | None:
    return None if interval.dataset_ids is None else frozenset(interval.dataset_ids)


def attrs_parameter(infos: Sequence[RegistrationInfo], wanted: tuple[str, ...], names: LdContext) -> Parameters:
    """Attributes that are offered and wanted; nothing if that is all of them. A scope is none, and needs "pick"."""
    offered = offered_attributes(infos)
    asked = frozenset(wanted) - {SCOPE} if wanted else None
    common = asked if offered is None else offered if asked is None else (asked & offered or offered)
    if common is None:
        return []
    chosen = [names.compact_iri(name) for name in sorted(common)]
    return [("pick", ",".join(["id", "type", SCOPE, *chosen]))] if SCOPE in wanted else [("attrs", ",".join(chosen))]


async def retrieve_evolutions(broker: Broker, call: Call, entity_id: str, interval: TemporalQuery) -> Evolutions | None:
    """What sources have of one evolution (5.7.3.4); None: no Registration matches."""
    query = RegistrationQuery(
        (EntitySpecification(None, (entity_id,)),),
        frozenset(interval.attributes) - {SCOPE} or None,
        temporal=condition_of(interval),
        dataset_ids=_dataset_ids(interval),
        forwarded=True,
    )
    found = await matching(broker, call, query, ("retrieveTemporal",))
    if not found:
        return None

    async def ask(registration: Registration, infos: list[RegistrationInfo]) -> TemporalEntity | None:
        names = wire_names(await broker.sources.names_for(registration, call.ld_context))
        covering = [info for info in infos if info.covers(entity_id, None)]
        parameters = [
            *interval_parameters(interval, registration),
            *attrs_parameter(covering, interval.attributes, names),
        ]

        async def read(reply: Reply) -> TemporalEntity | None:
            evolution = await _received(broker, registration, reply.body, reply)
            _refuse_part(registration, reply, whole=interval.max_instances is None)
            if evolution.head["id"] != entity_id:
                raise SourceInvalid(f"{registration.id}: asked for {entity_id}, it answered with another Entity")
            return _narrowed(evolution, registration, covering)

        headers = map_header(call, registration)
        request = SourceRequest("GET", evolution_path(entity_id), parameters, names=names, headers=headers)
        return await broker.sources.ask(registration, call, request, read, absent=True)

    answers = await asyncio.gather(*(or_warning(call, one, ask(one, infos)) for one, infos in found))
    evolutions = Evolutions()
    for (registration, _), evolution in zip(found, answers, strict=True):
        if evolution is not None:
            evolutions.add(registration, evolution, _end_of_part([evolution], interval))
    return evolutions


async def query_evolutions(
    broker: Broker, call: Call, query: FederatedQuery, interval: TemporalQuery
) -> dict[str, Evolutions]:
    """What sources have of the evolutions of a query, by Entity id (5.7.4.4).

    Raises:
        TooManyResults: They have more than the settings allow.
    """
    registrations = replace(query.registrations, temporal=condition_of(interval), forwarded=True)
    found = await matching(broker, call, registrations, ("queryTemporal",))
    asked = [
        (registration, info, part)
        for registration, infos in found
        for info in infos
        for part in parts_of(query.local.selectors, info)
    ]
    answers = await together(
        or_warning(call, one[0], within_time(broker, one[0], _ask_all(broker, call, query, interval, one)))
        for one in asked
    )
    evolutions: dict[str, Evolutions] = {}
    for (registration, _, _), answer in zip(asked, answers, strict=True):
        for evolution, until in answer or ():
            evolutions.setdefault(evolution.head["id"], Evolutions()).add(registration, evolution, until)
    if len(evolutions) > broker.settings.federation_max_entities:
        raise _too_many()
    return evolutions


async def maps_of_evolutions(
    broker: Broker, call: Call, query: FederatedQuery, interval: TemporalQuery
) -> list[SourceMap]:
    """The EntityMaps that Context Sources make for a temporal query, where their Registrations offer it (5.14.5.4)."""
    registrations = replace(query.registrations, temporal=condition_of(interval), forwarded=True)
    found = await matching(broker, call, registrations, ("createEntityMapQueryTemporal",))
    asked = [
        (registration, infos[0], parts[0])
        for registration, infos in found
        if len(infos) == 1
        and len(parts := parts_of(query.local.selectors, infos[0])) == 1
        and parts[0].id_pattern is None
        and "queryTemporal" in registration.operations
    ]

    async def ask(one: tuple[Registration, RegistrationInfo, Part]) -> SourceMap | None:
        try:
            names, parameters, _ = await _parameters(broker, call, query, interval, one)
        except SourceFailure:
            return None
        request = SourceRequest("GET", "/temporal/entityMaps", parameters, names=names)
        return await ask_for_map(broker, call, one[0], request)

    return [one for one in await asyncio.gather(*map(ask, asked)) if one is not None]


async def _parameters(
    broker: Broker,
    call: Call,
    query: FederatedQuery,
    interval: TemporalQuery,
    asked: tuple[Registration, RegistrationInfo, Part],
) -> tuple[LdContext, Parameters, bool]:
    """What a source is asked, the @context of the names in it, and whether the filters are among it.

    Where they are not, because Entities may be split or the @context of the source cannot say them, everything that
    they look at is asked for, and all instances: the filters decide which are the last ones.

    Raises:
        SourceFailure: Its @context cannot be had.
    """
    registration, info, part = asked
    names = wire_names(await broker.sources.names_for(registration, call.ld_context))
    filters = None if query.split else query.filters.written_in(names)
    wanted = interval.attributes
    if filters is None:
        interval = replace(interval, last_n=None, dataset_ids=None)
        wanted = with_filtered(wanted, looked_at(query))
    chosen = {
        "type": type_selector(set(part.types), names) if part.types else "",
        "id": ",".join(part.ids),
        "idPattern": part.id_pattern or "",
    }
    parameters = [(name, value) for name, value in chosen.items() if value]
    parameters += [*(() if filters is None else filters.parameters), *interval_parameters(interval, registration)]
    return names, parameters + attrs_parameter([info], wanted, names), filters is not None


async def _ask_all(
    broker: Broker,
    call: Call,
    query: FederatedQuery,
    interval: TemporalQuery,
    asked: tuple[Registration, RegistrationInfo, Part],
) -> list[tuple[TemporalEntity, str]]:
    """All pages of one request: evolutions, and where the answer ends that each was in, if that is a part."""
    registration, info, _ = asked
    names, parameters, filtered = await _parameters(broker, call, query, interval, asked)
    size, found, offset, more = broker.settings.federation_page_entities, dict[str, TemporalEntity](), 0, True
    ends: dict[str, str] = {}
    every = interval.max_instances is None or (interval.last_n is not None and not filtered)

    async def read(reply: Reply) -> tuple[list[TemporalEntity], bool]:
        _refuse_part(registration, reply, whole=every)
        if not isinstance(reply.body, list):
            raise SourceInvalid(f"{registration.id}: expected an array, it answered {type(reply.body).__name__}")
        return [await _received(broker, registration, one, reply) for one in reply.body], reply.more

    while more:
        paging = [("limit", str(size)), *([("offset", str(offset))] if offset else [])]
        headers = map_header(call, registration)
        request = SourceRequest("GET", "/temporal/entities", [*parameters, *paging], names=names, headers=headers)
        answer = await broker.sources.ask(registration, call, request, read, absent=True)
        if answer is None:
            break
        page, more = answer
        fresh = {one.head["id"]: one for one in page if one.head["id"] not in found}
        more = bool(fresh) and (more or len(page) >= size)
        found |= fresh
        ends |= dict.fromkeys(fresh, _end_of_part(page, interval))
        offset += len(page)
        if len(found) > broker.settings.federation_max_entities:
            raise _too_many()
    kept = []
    for one in found.values():
        # datasetId and conditions take instances away, not Entities (5.7.4.4); what came with other Attributes than are
        # registered has none.
        emptied = interval.dataset_ids is not None or bool(query.local.conditions)
        bare = filtered and emptied and not one.attributes.keys() - {SCOPE}
        own = _narrowed(one, registration, [info])
        if own is not None and (bare or own.attributes.keys() - ({SCOPE} - set(interval.attributes))):
            shown = own if filtered or query.split else meeting(own, query.local.conditions, interval)
            kept += [] if shown is None else [(shown, ends[one.head["id"]])]
    return kept


def _refuse_part(registration: Registration, reply: Reply, *, whole: bool) -> None:
    """Of a part (206) neither an aggregated value can be calculated, nor which instances are the last ones."""
    if whole and reply.status == _PARTIAL:
        raise SourceInvalid(f"{registration.id}: it answered with a part of the instances, where all are needed")


def _end_of_part(answer: Sequence[TemporalEntity], interval: TemporalQuery) -> str:
    """Where an answer ends: at its most recent timestamp, with lastN at the least recent; empty: it is whole."""
    if all(one.complete for one in answer):
        return ""
    return end_of(answer, interval.timeproperty, backwards=interval.last_n is not None)


def _too_many() -> TooManyResults:
    return TooManyResults("Context Sources have more temporal evolutions that match than this broker takes")


async def _received(broker: Broker, registration: Registration, body: JsonValue, reply: Reply) -> TemporalEntity:
    if not isinstance(body, dict):
        raise SourceInvalid(f"{registration.id}: expected an EntityTemporal, it answered {type(body).__name__}")
    try:
        context = await broker.contexts.resolve(body["@context"]) if "@context" in body else reply.ld_context
        return read_received_evolution(body, context, complete=reply.status != _PARTIAL)
    except NgsiLdError as error:
        raise SourceInvalid(f"{registration.id}: it answered with no EntityTemporal: {error.detail}") from None


def read_received_evolution(payload: JsonObject, ld_context: LdContext, *, complete: bool = True) -> TemporalEntity:
    """An evolution from its temporal representation (4.5.6), system times and instance ids included.

    Raises:
        BadRequestData: It is none.
    """
    reader = AttributeReader(ld_context)
    own = read_entity({name: payload[name] for name in payload if name in EVOLUTION_MEMBERS}, reader)
    head: JsonObject = {"id": own.id, "type": list(own.types)}
    take_times(payload, head)
    attributes: dict[str, list[JsonObject]] = {}
    for name, value in payload.items():
        if name in EVOLUTION_MEMBERS or name == "@context":
            continue
        for element in elements_of(name, value):
            if isinstance(element, dict) and "deletedAt" in element:
                iri, instance = _deleted(name, element, reader)
            else:
                iri, instance = read_instance(name, element, reader)
            take_instance_times(element, instance, reader)
            identifier = element.get("instanceId") if isinstance(element, dict) else None
            if isinstance(identifier, str) and is_uri(identifier):
                instance["instanceId"] = identifier
            attributes.setdefault(iri, []).append(instance)
    return TemporalEntity(head, attributes, complete)


def _deleted(name: str, element: JsonObject, reader: AttributeReader) -> tuple[str, JsonObject]:
    """The record of a deletion (4.5.7): the NGSI-LD Null for a value."""
    given, dataset_id = element.get("type"), element.get("datasetId")
    kind = given if isinstance(given, str) and given in VALUE_MEMBER else "Property"
    instance: JsonObject = {"type": kind, VALUE_MEMBER[kind]: null_value(kind)}
    if isinstance(dataset_id, str) and is_uri(dataset_id):
        instance["datasetId"] = dataset_id
    take_observed_at(element, instance, reader)
    return SCOPE if name == SCOPE else reader.name(name), instance


def _narrowed(
    evolution: TemporalEntity, registration: Registration, infos: Sequence[RegistrationInfo]
) -> TemporalEntity | None:
    """What a Registration covers of an evolution."""
    types = frozenset(evolution.head["type"])
    covering = [info for info in infos if info.covers(evolution.head["id"], types)]
    if not covering:
        return None
    offered, datasets = offered_attributes(covering), registration.dataset_ids
    kept: dict[str, list[JsonObject]] = {}
    for name, instances in evolution.attributes.items():
        if name == SCOPE or offered is None or name in offered:
            of_dataset = [
                one
                for one in instances
                if name == SCOPE or datasets is None or one.get("datasetId", "@none") in datasets
            ]
            if of_dataset:
                kept[name] = of_dataset
    return replace(evolution, attributes=kept)
