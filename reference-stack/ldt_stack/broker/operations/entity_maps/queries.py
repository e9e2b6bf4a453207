"""Queries that make or use an EntityMap: ETSI GS CIM 009 V1.9.1, clauses 5.5.9.3, 5.5.14, 5.14.4 and 5.14.5.

An EntityMap fixes which Entities are considered, and in which order; what they are is looked up, and checked against
the query again, when a page is made. What Context Sources have is mapped to their Registrations. Sources that make an
EntityMap of their own for a query are given it back with each page (linkedMaps).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import orjson

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, TooManyResults
from ldt_stack.broker.federation.mapping import SourceMap, maps_of_sources
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.querying import query_versions
from ldt_stack.broker.federation.reading import matching
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.operations.consumption.entities import EntitiesResult, bind_query, query_everywhere, read_joined
from ldt_stack.broker.operations.consumption.linked import Shown, join_entities
from ldt_stack.broker.operations.consumption.query_input import QueryInput, View, is_local, parse_query, parse_view
from ldt_stack.broker.operations.distributed.query import federated
from ldt_stack.broker.operations.distributed.temporal import maps_of_evolutions, query_evolutions
from ldt_stack.broker.operations.entity_maps import management as entity_maps
from ldt_stack.broker.operations.entity_maps.management import LOCAL, MapInput, MapUsed, StoredMap
from ldt_stack.broker.operations.entity_maps.walk import Walk
from ldt_stack.broker.operations.temporal.consumption import (
    EvolutionsResult,
    TemporalFormat,
    TemporalInput,
    TemporalRequest,
    evolutions_everywhere,
    parse_request,
)
from ldt_stack.broker.operations.temporal.ranges import cut
from ldt_stack.broker.query.links import Elsewhere
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, TemporalEntity, TemporalQuery
from ldt_stack.broker.store.interface import Snapshot

_AT_ONCE: Final = 200  # Entities of a map that are looked up at once, where many are gone


async def create_entity_map_for_query_entities(
    broker: Broker, call: Call, source: QueryInput, lifetime: str | None
) -> JsonObject:
    """Create EntityMap for Query Entities.

    Returns:
        The data type EntityMap (5.2.39).

    Raises:
        BadRequestData, TooComplexQuery: As Query Entities; also if the lifetime is no duration.
        TooManyResults: More Entities match than an EntityMap may hold.

    Source: CIM 009 V1.9.1, clause 5.14.4.
    """
    query = parse_query(source, parse_view(source.view, call, broker.settings), call, broker.settings)
    return (await _create(broker, call, source, query, lifetime)).shown()


async def create_entity_map_for_query_temporal_evolution(
    broker: Broker, call: Call, source: QueryInput, temporal: TemporalInput, lifetime: str | None
) -> JsonObject:
    """Create EntityMap for Query Temporal Evolution of Entities.

    Returns:
        The data type EntityMap (5.2.39).

    Raises:
        BadRequestData, TooComplexQuery: As Query Temporal Evolution; also if the lifetime is no duration.
        TooManyResults: More Entities match than an EntityMap may hold.

    Source: CIM 009 V1.9.1, clause 5.14.5.
    """
    request = parse_request(broker, call, source, temporal, "normalized")
    return (await _create_temporal(broker, call, source, request, lifetime)).shown()


async def query_entities_with_map(
    broker: Broker, call: Call, source: QueryInput, wanted: MapInput
) -> tuple[EntitiesResult, MapUsed]:
    """Query Entities with an EntityMap: the one that was named, or, where there is none, a new one.

    Raises:
        BadRequestData, TooComplexQuery, TooManyResults: As Query Entities; also if the lifetime is no duration, or the
            map was made for another query (5.5.14: "shall use the same parameters as in the original request").

    Source: CIM 009 V1.9.1, clauses 5.5.9.3 and 5.7.2.4.
    """
    call, view = _within_scope(source, call), parse_view(source.view, call, broker.settings)
    query = parse_query(source, view, call, broker.settings, instance_times=view.options.sys_attrs)
    found = await _find(broker, call, wanted, identity_of(source, call, temporal=False))
    entity_map = found or await _create(broker, call, source, query, wanted.lifetime)
    narrowed = replace(query, order_by=(), offset=0, count=False)
    failed = len(call.warnings)
    walk = Walk[Shown](entity_map, _ids_asked_for(query), query.offset, query.limit)
    if not call.local and _sources(entity_map.entries.values()):
        shown = await _walk_everywhere(broker, call, source, view, narrowed, walk)
    else:
        walk, shown = await _walk_here(broker, call, view, narrowed, walk)
    # Where a source failed, nobody knows whether its Entities still fit.
    gone = walk.gone if len(call.warnings) == failed else []
    await entity_maps.remove_entries(broker, call, entity_map.identifier, gone)
    count = walk.held - len(gone) if query.count else None
    result = EntitiesResult(shown, walk.start, query.limit, walk.more, count, walk.end, walk.before)
    return result, MapUsed(entity_map.identifier, created=found is None)


async def _walk_here(
    broker: Broker, call: Call, view: View, query: EntityQuery, walk: Walk[Shown]
) -> tuple[Walk[Shown], list[Shown]]:
    """Fill a page from what is held here, in one read; the Entities, and what they are joined with."""

    def work(snapshot: Snapshot, elsewhere: Elsewhere | None) -> tuple[Walk[Shown], list[Shown]]:
        own = replace(walk, at_most=_AT_ONCE, found=[], gone=[])  # a read may run twice
        bound = bind_query(query, snapshot, elsewhere)
        for ids in own.asked():
            narrow = _narrowed(bound, ids)
            entities = [] if narrow is None else snapshot.query_entities(narrow).entities
            own.answer(ids, {entity["id"]: Shown(entity, view.options) for entity in entities})
        return own, join_entities(snapshot, [shown.entity for shown in own.found], view, elsewhere)

    return await read_joined(broker, call, view, work, dear=True)


async def _walk_everywhere(
    broker: Broker, call: Call, source: QueryInput, view: View, query: EntityQuery, walk: Walk[Shown]
) -> list[Shown]:
    """Fill a page, asking the Context Sources that the map names for its Entities; as they are shown.

    "Only the retrieved EntityMap shall be used to determine which Context Source Registrations match" (5.7.2.4).
    """
    linked: dict[str, Shown] = {}
    for ids in walk.asked():
        narrow = _narrowed(query, ids)
        if narrow is None:
            walk.answer(ids, {})
            continue
        named = _sources(walk.entity_map.entries[identifier] for identifier in ids)
        own = replace(call, sources=named, source_maps=walk.entity_map.head["linkedMaps"])
        result = await query_everywhere(broker, own, source, view, narrow)
        shown = {one.entity["id"]: one for one in result.entities}
        walk.answer(ids, {identifier: shown[identifier] for identifier in ids if identifier in shown})
        linked |= {identifier: one for identifier, one in shown.items() if identifier not in ids}
    page = {one.entity["id"] for one in walk.found}
    return [*walk.found, *(one for identifier, one in linked.items() if identifier not in page)]


def _sources(entries: Iterable[Sequence[str] | None]) -> frozenset[str]:
    """Ids of the Registrations that some entries name."""
    return frozenset(name for names in entries for name in names or ()) - {LOCAL}


async def query_temporal_evolution_with_map(
    broker: Broker,
    call: Call,
    source: QueryInput,
    temporal: TemporalInput,
    chosen: TemporalFormat,
    wanted: MapInput,
) -> tuple[EvolutionsResult, MapUsed]:
    """Query Temporal Evolution of Entities with an EntityMap, as `query_entities_with_map`.

    An Entity without instances in the interval is left out and stays in the map: later requests may have another
    temporal query (5.5.14).

    Source: CIM 009 V1.9.1, clauses 5.5.9.3 and 5.7.4.4.
    """
    request = parse_request(broker, call, source, temporal, chosen)
    found = await _find(broker, call, wanted, identity_of(source, call, temporal=True))
    entity_map = found or await _create_temporal(broker, call, source, request, wanted.lifetime)
    narrowed = replace(request, query=replace(request.query, offset=0, count=False))
    walk = Walk[TemporalEntity](entity_map, _ids_asked_for(request.query), request.query.offset, request.query.limit)
    if not is_local(source, call) and _sources(entity_map.entries.values()):
        await _walk_evolutions_everywhere(broker, call, source, narrowed, walk)
    else:
        walk = await _walk_evolutions_here(broker, call, narrowed, walk)
    entities, part = cut(walk.found, request.interval, temporal.time_at, temporal.end_time_at)
    count = walk.held if request.query.count else None
    result = EvolutionsResult(entities, request.view, walk.more, count, part, walk.end, walk.before)
    return result, MapUsed(entity_map.identifier, created=found is None)


async def _walk_evolutions_here(
    broker: Broker, call: Call, request: TemporalRequest, walk: Walk[TemporalEntity]
) -> Walk[TemporalEntity]:
    """Fill a page from what is held here, in one read."""

    def work(snapshot: Snapshot) -> Walk[TemporalEntity]:
        own = replace(walk, at_most=_AT_ONCE, found=[], gone=[])  # a read may run twice
        for ids in own.asked():
            narrow = _narrowed(request.query, ids)
            page = [] if narrow is None else snapshot.query_temporal(narrow, request.interval).entities
            own.answer(ids, {one.head["id"]: one for one in page})
        return own

    return await broker.store.read(call.tenant, work, dear=True)


async def _walk_evolutions_everywhere(
    broker: Broker, call: Call, source: QueryInput, request: TemporalRequest, walk: Walk[TemporalEntity]
) -> None:
    """Fill a page, asking the Context Sources that the map names for its Entities."""
    for ids in walk.asked():
        narrow = _narrowed(request.query, ids)
        found: list[TemporalEntity] = []
        if narrow is not None:
            named = _sources(walk.entity_map.entries[identifier] for identifier in ids)
            one = replace(request, query=narrow)
            own = replace(call, sources=named, source_maps=walk.entity_map.head["linkedMaps"])
            found = (await evolutions_everywhere(broker, own, source, one)).entities
        walk.answer(ids, {one.head["id"]: one for one in found})


async def named_map(broker: Broker, call: Call, entity_id: str, wanted: MapInput) -> tuple[MapUsed | None, Call]:
    """The EntityMap that a retrieval of one Entity or evolution names.

    Returns:
        The map, None if there is none; and the call that asks only what the map names: "only the retrieved Entity Map
        shall be used to determine which Context Source Registrations match the Entity ID".

    Raises:
        BadRequestData: The lifetime is no duration.

    Source: CIM 009 V1.9.1, clauses 5.7.1.4 and 5.7.3.4.
    """
    found = await _find(broker, call, wanted, None)
    if found is None:
        return None, call
    named = _sources([found.entries.get(entity_id)])
    own = replace(call, sources=named, source_maps=found.head["linkedMaps"])
    return MapUsed(found.identifier, created=False), own


async def new_map(broker: Broker, call: Call, entity_id: str, wanted: MapInput, *, temporal: bool = False) -> MapUsed:
    """A new EntityMap of one Entity, or of its evolution, after its retrieval (5.7.1.4, 5.7.3.4)."""
    query = RegistrationQuery((EntitySpecification(None, (entity_id,)),))
    operation = "retrieveTemporal" if temporal else "retrieveEntity"
    names = [one.id for one, _ in await matching(broker, call, query, (operation,))]

    def is_here(snapshot: Snapshot) -> bool:
        if temporal:
            few = TemporalQuery(timeproperty="createdAt", max_instances=1)
            return snapshot.get_temporal(entity_id, few) is not None
        return snapshot.get_entity(entity_id) is not None

    here = [LOCAL] if await broker.store.read(call.tenant, is_here) else []
    made = await entity_maps.store_map(broker, call, {entity_id: here + names}, "", wanted.lifetime)
    return MapUsed(made.identifier, created=True)


def identity_of(source: QueryInput, call: Call, *, temporal: bool) -> str:
    """What tells one query from another (5.5.14).

    Everything that selects Entities counts, "except for the specification of Entity identifiers or parameters related
    to pagination, or, in the case of temporal requests, the temporal query"; what only shows them does not. So does the
    @context: "during pagination, the same @context shall be used" (5.5.9.1).
    """
    geo, order = source.geo, source.ordering
    selecting = [
        "temporal" if temporal else "entities",
        sorted((one.types or "", one.id_pattern or "") for one in source.selectors),
        source.q,
        None if geo is None else [geo.georel, geo.geometry, _plain(geo.coordinates), geo.geoproperty],
        source.scope_q,
        source.csf,
        sorted(source.expand_values),
        sorted(source.json_keys),
        sorted(_names(source.view.attrs)),
        bool(source.split_entities),
        None if order is None else [_names(order.order_by), order.collation, _plain(order.coordinates), order.geometry],
        call.ld_context.source,
    ]
    return hashlib.sha256(orjson.dumps(selecting)).hexdigest()


def _plain(coordinates: JsonValue) -> JsonValue:
    """Coordinates are text in a URL and JSON in a payload."""
    return orjson.loads(coordinates) if isinstance(coordinates, str) else coordinates


def _names(names: str | Sequence[str] | None) -> list[str]:
    text = names if isinstance(names, str) else ",".join(names or ())
    return [name.strip() for name in text.split(",")]


async def _find(broker: Broker, call: Call, wanted: MapInput, identity: str | None) -> StoredMap | None:
    """The map that was named; None if none was, or "the resource cannot be found, or the data has expired"."""
    if wanted.lifetime is not None:
        entity_maps.expiry(broker, wanted.lifetime)  # refused also where no new map is made
    if wanted.identifier is None:
        return None
    identifier, now = wanted.identifier, broker.now()
    found = await broker.store.read(call.tenant, lambda snapshot: entity_maps.find_map(snapshot, identifier, now))
    if found is not None and identity is not None and found.head["query"] != identity:
        raise BadRequestData(
            f"The EntityMap {identifier} was made for another query; expected the same parameters, but for ids, paging "
            "and the temporal query (clause 5.5.14). Leave the header NGSILD-EntityMap out for a new one."
        )
    return found


async def _create(
    broker: Broker, call: Call, source: QueryInput, query: EntityQuery, lifetime: str | None
) -> StoredMap:
    """Entities that match here, then those that only Context Sources have (as `distributed_query` orders them)."""
    entity_maps.expiry(broker, lifetime)
    most = broker.settings.entity_map_max_entities
    remote: dict[str, list[str]] = {}
    linked: dict[str, str] = {}
    call, view = _within_scope(source, call), parse_view(source.view, call, broker.settings)
    if not call.local and (known := await broker.registrations.registrations(call.tenant, broker.now)):
        asked = federated(broker, call, source, view, query)
        linked = _noted(await maps_of_sources(broker, call, asked), remote)
        others = replace(call, sources=frozenset(one.id for one in known) - linked.keys())
        for identifier, versions in (await query_versions(broker, others, asked)).items():
            remote.setdefault(identifier, []).extend(versions.registrations)
    if _is_split(broker, call, source):  # "candidate Entities": filters are applied when a page is made (4.3.6.7)
        query = replace(query, attributes=(), conditions=())

    def work(snapshot: Snapshot, elsewhere: Elsewhere | None) -> dict[str, list[str]]:
        entries: dict[str, list[str]] = {}
        for entity in snapshot.iterate_entities(bind_query(query, snapshot, elsewhere)):
            entries[entity["id"]] = [LOCAL]
            if len(entries) > most:
                raise TooManyResults(f"More than {most} Entities match, which is what an EntityMap holds.")
        return entries

    entries = await read_joined(broker, call, view, work, dear=True)
    for identifier, names in remote.items():
        entries.setdefault(identifier, []).extend(names)
    identity = identity_of(source, call, temporal=False)
    return await entity_maps.store_map(broker, call, entries, identity, lifetime, linked)


async def _create_temporal(
    broker: Broker, call: Call, source: QueryInput, request: TemporalRequest, lifetime: str | None
) -> StoredMap:
    """Entities here and at Context Sources, in the order of their ids."""
    entity_maps.expiry(broker, lifetime)
    most = broker.settings.entity_map_max_entities
    remote: dict[str, list[str]] = {}
    linked: dict[str, str] = {}
    if not is_local(source, call) and (known := await broker.registrations.registrations(call.tenant, broker.now)):
        view = parse_view(source.view, call, broker.settings)
        asked = federated(broker, call, source, view, request.query)
        maps = await maps_of_evolutions(broker, call, asked, request.interval)
        linked = _noted(maps, remote)
        others = replace(call, sources=frozenset(one.id for one in known) - linked.keys())
        found = await query_evolutions(broker, others, asked, request.interval)
        for identifier, versions in found.items():
            remote.setdefault(identifier, []).extend(versions.registrations)
    query = replace(request.query, offset=0, limit=most + 1, count=False)
    if _is_split(broker, call, source):
        query = replace(query, conditions=())
    few = replace(request.interval, max_instances=1)  # only the ids are of interest

    def work(snapshot: Snapshot) -> dict[str, list[str]]:
        return {one.head["id"]: [LOCAL] for one in snapshot.query_temporal(query, few).entities}

    entries = await broker.store.read(call.tenant, work, dear=True)
    for identifier, names in remote.items():
        entries.setdefault(identifier, []).extend(names)
    ordered = {identifier: entries[identifier] for identifier in sorted(entries, reverse=request.descending)}
    identity = identity_of(source, call, temporal=True)
    return await entity_maps.store_map(broker, call, ordered, identity, lifetime, linked)


def _noted(maps: Iterable[SourceMap], remote: dict[str, list[str]]) -> dict[str, str]:
    """Add the Entities of sources' EntityMaps to what sources have; returns linkedMaps (5.2.39)."""
    linked: dict[str, str] = {}
    for one in maps:
        linked[one.registration_id] = one.identifier
        for identifier in one.entity_ids:
            remote.setdefault(identifier, []).append(one.registration_id)
    return linked


def _within_scope(source: QueryInput, call: Call) -> Call:
    """The call, local where the query implies it: then no link leads to a Context Source either."""
    return replace(call, local=True) if is_local(source, call) else call


def _is_split(broker: Broker, call: Call, source: QueryInput) -> bool:
    """5.14.4.4: said so, or the default, "and local scope is not specified"."""
    split = broker.settings.split_entities if source.split_entities is None else source.split_entities
    return split and not call.local


def _ids_asked_for(query: EntityQuery) -> frozenset[str] | None:
    """The ids to which the request is narrowed; None: not by ids."""
    if not query.selectors or any(not one.ids for one in query.selectors):
        return None
    return frozenset(identifier for one in query.selectors for identifier in one.ids)


def _narrowed(query: EntityQuery, ids: Sequence[str]) -> EntityQuery | None:
    """The query for these Entities alone; None if no selector can select any of them."""
    selectors = [
        replace(one, ids=tuple(identifier for identifier in ids if not one.ids or identifier in one.ids))
        for one in query.selectors or (EntitySelector(),)
    ]
    selectors = [one for one in selectors if one.ids]
    return replace(query, selectors=tuple(selectors), limit=len(ids)) if selectors else None
