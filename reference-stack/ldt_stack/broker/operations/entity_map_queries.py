"""Queries that make or use an EntityMap: ETSI GS CIM 009 V1.9.1, clauses 5.5.9.3, 5.5.14, 5.14.4 and 5.14.5.

An EntityMap fixes which Entities are considered, and in which order; what they are is looked up, and checked against
the query again, when a page is made. Only what this broker holds itself is mapped ("@none").
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import orjson

from ldt_stack.broker.errors import BadRequestData, TooManyResults
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.operations import entity_maps
from ldt_stack.broker.operations.consumption import EntitiesResult, bind_query
from ldt_stack.broker.operations.entity_maps import LOCAL, MapInput, MapUsed, StoredMap
from ldt_stack.broker.operations.linked import join_entities
from ldt_stack.broker.operations.query_input import QueryInput, parse_query, parse_view
from ldt_stack.broker.operations.temporal_consumption import (
    EvolutionsResult,
    TemporalFormat,
    TemporalInput,
    TemporalRequest,
    parse_request,
)
from ldt_stack.broker.operations.temporal_range import cut
from ldt_stack.broker.service import Broker, Call
from ldt_stack.broker.store.interface import EntityQuery, EntitySelector, Snapshot, TemporalEntity

T = TypeVar("T")


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
    view = parse_view(source.view, call, broker.settings)
    query = parse_query(source, view, call, broker.settings)
    entity_map = await _find(broker, call, wanted, identity_of(source, temporal=False))
    created = entity_map is None
    if entity_map is None:
        entity_map = await _create(broker, call, source, query, wanted.lifetime)
    known = entity_map

    def work(snapshot: Snapshot) -> tuple[EntitiesResult, list[str]]:
        walk = _Walk(known, _ids_asked_for(query), query.offset, query.limit)
        bound = replace(bind_query(query, snapshot), order_by=(), offset=0, count=False)
        bound = replace(bound, instance_times=view.options.sys_attrs)

        def fetch(ids: Sequence[str]) -> dict[str, JsonObject]:
            found = _narrowed(bound, ids)
            return {} if found is None else {e["id"]: e for e in snapshot.query_entities(found).entities}

        page = walk.run(fetch)
        shown = join_entities(snapshot, page.found, view)
        count = walk.remaining - len(walk.gone) if query.count else None
        result = EntitiesResult(shown, page.start, query.limit, page.more, count, page.end, page.before)
        return result, walk.gone

    result, gone = await broker.store.read(call.tenant, work, dear=True)
    await entity_maps.remove_entries(broker, call, known.identifier, gone)
    return result, MapUsed(known.identifier, created)


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
    entity_map = await _find(broker, call, wanted, identity_of(source, temporal=True))
    created = entity_map is None
    if entity_map is None:
        entity_map = await _create_temporal(broker, call, source, request, wanted.lifetime)
    query, known = request.query, entity_map

    def work(snapshot: Snapshot) -> tuple[_Filled[TemporalEntity], int]:
        walk = _Walk(known, _ids_asked_for(query), query.offset, query.limit)
        bound = replace(query, offset=0, count=False)

        def fetch(ids: Sequence[str]) -> dict[str, TemporalEntity]:
            found = _narrowed(bound, ids)
            page = [] if found is None else snapshot.query_temporal(found, request.interval).entities
            return {one.head["id"]: one for one in page}

        return walk.run(fetch), walk.remaining

    page, remaining = await broker.store.read(call.tenant, work, dear=True)
    entities, part = cut(page.found, request.interval, temporal.time_at, temporal.end_time_at)
    count = remaining if query.count else None
    result = EvolutionsResult(entities, request.view, page.more, count, part, page.end, page.before)
    return result, MapUsed(known.identifier, created)


async def map_for_retrieval(broker: Broker, call: Call, entity_id: str, wanted: MapInput) -> MapUsed:
    """The EntityMap of a retrieval of one Entity or evolution: the one that was named, or else a new one.

    Raises:
        BadRequestData: The lifetime is no duration.

    Source: CIM 009 V1.9.1, clauses 5.7.1.4 and 5.7.3.4.
    """
    found = await _find(broker, call, wanted, None)
    if found is not None:
        return MapUsed(found.identifier, created=False)
    made = await entity_maps.store_map(broker, call, {entity_id: [LOCAL]}, "", wanted.lifetime)
    return MapUsed(made.identifier, created=True)


def identity_of(source: QueryInput, *, temporal: bool) -> str:
    """What tells one query from another (5.5.14).

    Everything that selects Entities counts, "except for the specification of Entity identifiers or parameters related
    to pagination, or, in the case of temporal requests, the temporal query"; what only shows them does not.
    """
    geo = source.geo
    selecting = [
        "temporal" if temporal else "entities",
        sorted((one.types or "", "" if one.ids else one.id_pattern or "") for one in source.selectors),
        source.q,
        None if geo is None else [geo.georel, geo.geometry, _plain(geo.coordinates), geo.geoproperty],
        source.scope_q,
        source.csf,
        sorted(source.expand_values),
        sorted(source.json_keys),
        _names(source.view.attrs),
        bool(source.split_entities),
    ]
    return hashlib.sha256(orjson.dumps(selecting)).hexdigest()


def _plain(coordinates: JsonValue) -> JsonValue:
    """Coordinates are text in a URL and JSON in a payload."""
    return orjson.loads(coordinates) if isinstance(coordinates, str) else coordinates


def _names(attrs: str | Sequence[str] | None) -> list[str]:
    text = attrs if isinstance(attrs, str) else ",".join(attrs or ())
    return sorted(name.strip() for name in text.split(","))


async def _find(broker: Broker, call: Call, wanted: MapInput, identity: str | None) -> StoredMap | None:
    """The map that was named; None if none was, or "the resource cannot be found, or the data has expired"."""
    if wanted.lifetime is not None:
        entity_maps.expiry(broker, wanted.lifetime)  # refused also where no new map is made
    identifier, now = wanted.identifier, broker.now()
    if identifier is None:
        return None
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
    entity_maps.expiry(broker, lifetime)
    most = broker.settings.entity_map_max_entities
    if _is_split(broker, call, source):  # "candidate Entities": filters are applied when a page is made (4.3.6.7)
        query = replace(query, attributes=(), conditions=())

    def work(snapshot: Snapshot) -> dict[str, list[str]]:
        entries: dict[str, list[str]] = {}
        for entity in snapshot.iterate_entities(bind_query(query, snapshot)):
            entries[entity["id"]] = [LOCAL]
            if len(entries) > most:
                raise TooManyResults(f"More than {most} Entities match, which is what an EntityMap holds.")
        return entries

    entries = await broker.store.read(call.tenant, work, dear=True)
    return await entity_maps.store_map(broker, call, entries, identity_of(source, temporal=False), lifetime)


async def _create_temporal(
    broker: Broker, call: Call, source: QueryInput, request: TemporalRequest, lifetime: str | None
) -> StoredMap:
    entity_maps.expiry(broker, lifetime)
    most = broker.settings.entity_map_max_entities
    query = replace(request.query, offset=0, limit=most + 1, count=False)
    if _is_split(broker, call, source):
        query = replace(query, conditions=())
    few = replace(request.interval, max_instances=1)  # only the ids are of interest

    def work(snapshot: Snapshot) -> list[str]:
        return [one.head["id"] for one in snapshot.query_temporal(query, few).entities]

    ids = await broker.store.read(call.tenant, work, dear=True)
    entries = {identifier: [LOCAL] for identifier in (reversed(ids) if request.descending else ids)}
    return await entity_maps.store_map(broker, call, entries, identity_of(source, temporal=True), lifetime)


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


@dataclass(frozen=True, slots=True)
class _Filled(Generic[T]):
    """A page: what was found, where it starts and ends in the map, where the page before starts."""

    found: list[T]
    start: int
    end: int
    before: int
    more: bool


@dataclass(slots=True)
class _Walk:
    """Fills one page from an EntityMap: "Pages shall always be filled to the maximum" (5.5.9.3).

    Offsets count the places of the map, also those whose Entity was removed.
    """

    entity_map: StoredMap
    asked_for: frozenset[str] | None
    offset: int
    limit: int
    gone: list[str] = field(default_factory=list)

    def run(self, fetch: Callable[[Sequence[str]], dict[str, T]]) -> _Filled[T]:
        """Fetch what the next places hold until the page is full."""
        places = self._places()
        # Table 6.3.10-2: past the end, "only the last element"; just at the end, an empty page.
        start = self.offset if self.offset <= len(places) else max(0, len(places) - 1)
        found: list[T] = []
        at = start
        while len(found) < self.limit and at < len(places):
            taken = places[at : at + self.limit - len(found)]
            at += len(taken)
            held = [identifier for identifier in taken if self._is_local(identifier)]
            matching = fetch(held) if held else {}
            found += [matching[identifier] for identifier in held if identifier in matching]
            self.gone += [identifier for identifier in held if identifier not in matching]
        more = any(self._is_local(identifier) for identifier in places[at:])
        return _Filled(found, start, at, self._before(places, start), more)

    @property
    def remaining(self) -> int:
        """How many of the Entities asked for the map has, those of `gone` included."""
        return sum(self._is_local(identifier) for identifier in self._places())

    def _places(self) -> list[str]:
        asked_for = self.asked_for
        return [one for one in self.entity_map.entries if asked_for is None or one in asked_for]

    def _is_local(self, identifier: str) -> bool:
        return LOCAL in (self.entity_map.entries[identifier] or ())

    def _before(self, places: Sequence[str], start: int) -> int:
        """Where a page that ends before `start` begins."""
        at, wanted = start, self.limit
        while at and wanted:
            at -= 1
            wanted -= self._is_local(places[at])
        return at
