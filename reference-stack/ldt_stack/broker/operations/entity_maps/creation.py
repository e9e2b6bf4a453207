"""How an EntityMap is made: ETSI GS CIM 009 V1.9.1, clauses 5.5.14, 5.14.4 and 5.14.5.

It says which Entities match here and at which Context Sources, and which query it was made for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.federation.mapping import SourceMap, maps_of_sources
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.querying import query_versions
from ldt_stack.broker.federation.reading import matching
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.operations.consumption.entities import bind_query, read_joined
from ldt_stack.broker.operations.consumption.query_input import QueryInput, is_local, parse_query, parse_view
from ldt_stack.broker.operations.distributed.query import federated
from ldt_stack.broker.operations.distributed.temporal import maps_of_evolutions, query_evolutions
from ldt_stack.broker.operations.entity_maps import management as entity_maps
from ldt_stack.broker.operations.entity_maps.management import LOCAL, MapInput, MapUsed, StoredMap
from ldt_stack.broker.operations.temporal.consumption import (
    TemporalInput,
    TemporalRequest,
    parse_request,
)
from ldt_stack.broker.query.links import Elsewhere
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, TemporalQuery
from ldt_stack.broker.store.interface import Snapshot


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
    return (await create_map(broker, call, source, query, lifetime)).shown()


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
    return (await create_temporal_map(broker, call, source, request, lifetime)).shown()


async def create_map(
    broker: Broker, call: Call, source: QueryInput, query: EntityQuery, lifetime: str | None
) -> StoredMap:
    """Entities that match here, then those that only Context Sources have (as `distributed_query` orders them).

    Raises:
        BadRequestData, TooManyResults: As `create_entity_map_for_query_entities`.
    """
    entity_maps.expiry(broker, lifetime)
    most = broker.settings.entity_map_max_entities
    remote: dict[str, list[str]] = {}
    linked: dict[str, str] = {}
    call, view = within_scope(source, call), parse_view(source.view, call, broker.settings)
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


async def create_temporal_map(
    broker: Broker, call: Call, source: QueryInput, request: TemporalRequest, lifetime: str | None
) -> StoredMap:
    """Entities here and at Context Sources, in the order of their ids.

    Raises:
        BadRequestData, TooManyResults: As `create_entity_map_for_query_temporal_evolution`.
    """
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


def within_scope(source: QueryInput, call: Call) -> Call:
    """The call, local where the query implies it: then no link leads to a Context Source either."""
    return replace(call, local=True) if is_local(source, call) else call


def _noted(maps: Iterable[SourceMap], remote: dict[str, list[str]]) -> dict[str, str]:
    """Add the Entities of sources' EntityMaps to what sources have; returns linkedMaps (5.2.39)."""
    linked: dict[str, str] = {}
    for one in maps:
        linked[one.registration_id] = one.identifier
        for identifier in one.entity_ids:
            remote.setdefault(identifier, []).append(one.registration_id)
    return linked


def _is_split(broker: Broker, call: Call, source: QueryInput) -> bool:
    """5.14.4.4: said so, or the default, "and local scope is not specified"."""
    split = broker.settings.split_entities if source.split_entities is None else source.split_entities
    return split and not call.local
