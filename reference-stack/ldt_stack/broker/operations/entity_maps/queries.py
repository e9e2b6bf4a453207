"""Queries that make or use an EntityMap: ETSI GS CIM 009 V1.9.1, clauses 5.5.9.3 and 5.5.14.

An EntityMap fixes which Entities are considered, and in which order; what they are is looked up, and checked against
the query again, when a page is made. What Context Sources have is mapped to their Registrations. Sources that make an
EntityMap of their own for a query are given it back with each page (linkedMaps).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.operations.consumption.entities import EntitiesResult, bind_query, query_everywhere, read_joined
from ldt_stack.broker.operations.consumption.linked import Shown, join_entities
from ldt_stack.broker.operations.consumption.query_input import QueryInput, View, is_local, parse_query, parse_view
from ldt_stack.broker.operations.entity_maps import management as entity_maps
from ldt_stack.broker.operations.entity_maps.creation import create_map, create_temporal_map, identity_of, within_scope
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
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, TemporalEntity
from ldt_stack.broker.store.interface import Snapshot

_AT_ONCE: Final = 200  # Entities of a map that are looked up at once, where many are gone


async def query_entities_with_map(
    broker: Broker, call: Call, source: QueryInput, wanted: MapInput
) -> tuple[EntitiesResult, MapUsed]:
    """Query Entities with an EntityMap: the one that was named, or, where there is none, a new one.

    Raises:
        BadRequestData, TooComplexQuery, TooManyResults: As Query Entities; also if the lifetime is no duration, or the
            map was made for another query (5.5.14: "shall use the same parameters as in the original request").

    Source: CIM 009 V1.9.1, clauses 5.5.9.3 and 5.7.2.4.
    """
    call, view = within_scope(source, call), parse_view(source.view, call, broker.settings)
    query = parse_query(source, view, call, broker.settings, instance_times=view.options.sys_attrs)
    found = await _find(broker, call, wanted, identity_of(source, call, temporal=False))
    entity_map = found or await create_map(broker, call, source, query, wanted.lifetime)
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
    entity_map = found or await create_temporal_map(broker, call, source, request, wanted.lifetime)
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


async def parts_by_map(
    broker: Broker, call: Call, source: QueryInput, query: EntityQuery, map_id: str
) -> list[tuple[Call, EntityQuery]]:
    """A purge narrowed to the Entities of an EntityMap, in parts, each with the call that asks only what the map names.

    Where the map is not there any more, nothing is purged: a new one, as queries get it, could name other Entities than
    those that were to go.

    Raises:
        BadRequestData: There is no such EntityMap, or it was made for another query.

    Source: CIM 009 V1.9.1, clauses 5.5.14, 5.6.21.4 and 6.4.3.3.
    """
    found = await _find(broker, call, MapInput(map_id), identity_of(source, call, temporal=False))
    if found is None:
        raise BadRequestData(
            f"There is no EntityMap {map_id}, or it has expired; nothing was purged. Make a new one, or leave out the "
            "header NGSILD-EntityMap."
        )
    asked = _ids_asked_for(query)
    held: dict[frozenset[str], list[str]] = {}  # Registrations -> ids of what is there
    for one, names in found.entries.items():
        if names is not None and (asked is None or one in asked):
            held.setdefault(_sources([names]), []).append(one)
    parts: list[tuple[Call, EntityQuery]] = []
    for named, ids in held.items():
        own = replace(call, sources=named, source_maps=found.head["linkedMaps"])
        size = _AT_ONCE if named else len(ids)  # ids for sources go into URLs
        narrowed = (_narrowed(query, ids[start : start + size]) for start in range(0, len(ids), size))
        parts += [(own, narrow) for narrow in narrowed if narrow is not None]
    return parts


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
