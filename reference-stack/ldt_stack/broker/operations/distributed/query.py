"""Query Entities with Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.7, 4.5.5 and 5.7.2.4.

The result is in a fixed order, so that pages fit together: Entities that match here, in the order of the store, each
merged with what sources have of it; then those that only sources have, in the order of Registrations and answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.federation.filters import Filters, GeoFilter
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.federation.querying import FederatedQuery, selects
from ldt_stack.broker.federation.reading import Versions
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.consumption.query_input import QueryInput, View
from ldt_stack.broker.operations.paging import page_start
from ldt_stack.broker.operations.registrations.query import geoproperty_names
from ldt_stack.broker.query import (
    GeoQuery,
    ScopeQuery,
    TypeSelection,
    attributes_of,
    compile_pattern,
    link_depth,
    parse_csf,
    parse_q,
)
from ldt_stack.broker.query.projection import ENTITY_MEMBERS
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Snapshot


@dataclass(frozen=True, slots=True)
class DistributedPage:
    """Some Entities, where the first one is in the result, and how many there are in all."""

    entities: list[JsonObject]
    offset: int
    total: int


def federated(broker: Broker, call: Call, source: QueryInput, view: View, query: EntityQuery) -> FederatedQuery:
    """What a query is to Context Sources.

    Args:
        broker: Its settings have the default of splitEntities.
        call: Its @context expands names.
        source: The query as written.
        view: Parsed.
        query: Parsed.
    """
    geo = next((one for one in query.conditions if isinstance(one, GeoQuery)), None)
    q = None if source.q is None else parse_q(source.q, call.ld_context, expand_values=source.expand_values)
    looked_at = frozenset[str]() if q is None else attributes_of(q) - ENTITY_MEMBERS
    named: frozenset[str] = frozenset()
    if source.geo is not None and source.geo.geoproperty:
        named = geoproperty_names([source.geo.geoproperty], call)
    projected = view.options.pick.members - ENTITY_MEMBERS if view.options.pick is not None else frozenset()
    specified = frozenset(query.attributes) | projected
    split = broker.settings.split_entities if source.split_entities is None else source.split_entities
    if specified or not split:  # of Entities that are whole somewhere, only those that can meet the filters are wanted
        specified |= looked_at | named
    return FederatedQuery(
        local=query,
        registrations=RegistrationQuery(
            entities=tuple(_specification(selector) for selector in query.selectors),
            attributes=specified or None,
            geo=geo,
            csf=None if source.csf is None else parse_csf(source.csf, call.ld_context),
            scope=_possible_scope(query),
            dataset_ids=view.options.dataset_ids,
        ),
        filters=_filters(source, call, linked=q is not None and link_depth(q) > 0),
        filtered=looked_at | ({geo.geoproperty} if geo is not None else frozenset()),
        wanted=frozenset(query.attributes) or None,
        shown=view.geometry,
        dataset_ids=view.options.dataset_ids,
        split=split,
        batch=source.batch,
    )


def _filters(source: QueryInput, call: Call, *, linked: bool) -> Filters:
    """q, geo-query and Scope query as they are forwarded."""
    geo = source.geo
    return Filters(
        call.ld_context,
        source.q,
        tuple(source.expand_values),
        tuple(source.json_keys),
        None if geo is None else GeoFilter(geo.georel, geo.geometry, geo.coordinates, geo.geoproperty),
        source.scope_q,
        linked,
    )


def _specification(selector: EntitySelector) -> EntitySpecification:
    types = selector.types if isinstance(selector.types, TypeSelection) else None
    pattern = None if selector.id_pattern is None else compile_pattern(selector.id_pattern)
    return EntitySpecification(types, selector.ids, pattern)


def _possible_scope(query: EntityQuery) -> ScopeQuery | None:
    return next((one for one in query.conditions if isinstance(one, ScopeQuery)), None)


def distributed_page(
    snapshot: Snapshot, query: EntityQuery, remote: Mapping[str, Versions], now: str
) -> DistributedPage:
    """One page of what matches here and at sources, where each holds its Entities as a whole.

    Args:
        snapshot: What is held here.
        query: Its linked terms bound.
        remote: What sources have, filtered.
        now: The present instant.
    """
    elsewhere: list[JsonObject] = []
    for identifier, versions in remote.items():
        own = snapshot.get_entity(identifier)
        if own is not None and _matches(own, query):
            continue
        # What an auxiliary source has never overrides what is held here (4.3.6.2): it does not match in its place.
        merged = _merged(None if versions.equal else own, versions, now)
        if merged is not None and (versions.equal or own is None or _matches(merged, query)):
            elsewhere.append(merged)
    held = snapshot.query_entities(replace(query, offset=0, limit=0, count=True)).count or 0
    total = held + len(elsewhere)
    offset = page_start(query.offset, total)
    entities: list[JsonObject] = []
    if offset < held and query.limit:
        page = snapshot.query_entities(replace(query, offset=offset, count=False)).entities
        entities = [_merged(one, remote.get(one["id"]), now) or one for one in page]
    left = query.limit - len(entities)
    start = max(0, offset - held)
    entities += elsewhere[start : start + left]
    return DistributedPage(entities, offset, total)


def assembled_page(
    snapshot: Snapshot, query: EntityQuery, remote: Mapping[str, Versions], now: str, most: int
) -> DistributedPage:
    """One page where Entities may be split: each is put together first, then the filters apply (5.7.2.4).

    Args:
        snapshot: What is held here.
        query: Its linked terms bound.
        remote: What sources have, not filtered.
        now: The present instant.
        most: How many Entities are put together at most.

    Raises:
        TooManyResults: There are more.
    """
    found: list[JsonObject] = []
    seen: set[str] = set()
    for entity in snapshot.iterate_entities(EntityQuery(selectors=query.selectors)):
        seen.add(entity["id"])
        if len(seen) > most:
            raise TooManyResults(f"More than {most} Entities would have to be put together; narrow the query")
        merged = _merged(entity, remote.get(entity["id"]), now)
        if _meets(merged, query):
            found.append(merged or entity)
    for identifier, versions in remote.items():
        merged = None if identifier in seen else _merged(snapshot.get_entity(identifier), versions, now)
        if merged is not None and _meets(merged, query):
            found.append(merged)
    offset = page_start(query.offset, len(found))
    return DistributedPage(found[offset : offset + query.limit], offset, len(found))


def meeting(remote: Mapping[str, Versions], query: EntityQuery) -> dict[str, Versions]:
    """What of sources meets a query, its linked terms bound."""
    found: dict[str, Versions] = {}
    for identifier, versions in remote.items():
        equal = [one for one in versions.equal if _meets(one, query)]
        auxiliary = [one for one in versions.auxiliary if _meets(one, query)]
        if equal or auxiliary:
            found[identifier] = Versions(equal, auxiliary, versions.registrations)
    return found


def _matches(entity: JsonObject, query: EntityQuery) -> bool:
    selected = not query.selectors or any(selects(selector, entity) for selector in query.selectors)
    return selected and _meets(entity, query)


def _meets(entity: JsonObject | None, query: EntityQuery) -> bool:
    return (
        entity is not None
        and (not query.attributes or any(name in entity for name in query.attributes))
        and all(condition.matches(entity) for condition in query.conditions)
    )


def _merged(local: JsonObject | None, versions: Versions | None, now: str) -> JsonObject | None:
    if versions is None:
        return local
    return merge_entities([*([local] if local is not None else []), *versions.equal], versions.auxiliary, now)
