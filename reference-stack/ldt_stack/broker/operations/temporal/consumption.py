"""Retrieve and query temporal evolutions: ETSI GS CIM 009 V1.9.1, clauses 5.7.3 and 5.7.4.

What Context Sources have is put together in `distributed_temporal.py`. Queries that use an EntityMap are in
`entity_maps/queries.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.operations.consumption.query_input import (
    OrderingInput,
    QueryInput,
    View,
    ViewInput,
    is_local,
    parse_query,
    parse_view,
)
from ldt_stack.broker.operations.distributed.query import federated
from ldt_stack.broker.operations.distributed.temporal import looked_at, query_evolutions, retrieve_evolutions
from ldt_stack.broker.operations.temporal.evolutions import (
    EvolutionsPage,
    assembled_evolutions,
    distributed_evolutions,
    merge_evolutions,
)
from ldt_stack.broker.operations.temporal.ranges import TimeRange, cut
from ldt_stack.broker.query import parse_temporal
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.representation import RenderOptions
from ldt_stack.broker.representation.aggregation import Aggregation, AggregationInput, parse_aggregation
from ldt_stack.broker.service import Broker
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, TemporalEntity, TemporalPage, TemporalQuery
from ldt_stack.broker.store.interface import Snapshot

TemporalFormat = Literal["normalized", "concise", "temporalValues", "aggregatedValues"]
_ENTITY_MEMBERS: Final = frozenset({"id", "type", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_EVER: Final = "9999-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class TemporalInput:
    """A temporal query (5.2.21) as written.

    Args:
        timerel: "before", "after" or "between".
        time_at: DateTime.
        end_time_at: DateTime, with "between" alone.
        timeproperty: Default observedAt.
        last_n: Only the newest n instances of each Attribute.
        aggregation: Methods and period, with the aggregated representation alone.
    """

    timerel: str | None = None
    time_at: str | None = None
    end_time_at: str | None = None
    timeproperty: str | None = None
    last_n: int | None = None
    aggregation: AggregationInput = field(default_factory=AggregationInput)


@dataclass(frozen=True, slots=True)
class TemporalView:
    """How evolutions are rendered.

    Args:
        options: Projection, system times, language.
        format: Representation.
        timeproperty: The Temporal Property that was asked for.
        aggregation: What is calculated; None for other representations.
        interval: Normalized start and end of the interval asked for; None where it is open.
    """

    options: RenderOptions
    format: TemporalFormat
    timeproperty: str
    aggregation: Aggregation | None
    interval: tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class EvolutionsResult:
    """Temporal evolutions, expanded, oldest instances first.

    Args:
        entities: One (Retrieve) or a page (Query).
        view: How they are rendered.
        more: Whether more Entities follow this page.
        count: How many Entities there are in all, if that was asked for.
        range: What part of the time asked for this is; None if it is all of it (6.3.10).
        next_offset: Where the next page starts; None: at `offset + limit`.
        previous_offset: Where the page before starts; None: at `offset - limit`, or 0.
    """

    entities: list[TemporalEntity]
    view: TemporalView
    more: bool = False
    count: int | None = None
    range: TimeRange | None = None
    next_offset: int | None = None
    previous_offset: int | None = None


@dataclass(frozen=True, slots=True)
class TemporalRequest:
    """A temporal query, checked and parsed: which Entities, which instances, how they are rendered."""

    query: EntityQuery
    interval: TemporalQuery
    view: TemporalView
    descending: bool


async def retrieve_temporal_evolution(
    broker: Broker, call: Call, entity_id: str, view: ViewInput, temporal: TemporalInput, chosen: TemporalFormat
) -> EvolutionsResult:
    """Retrieve Temporal Evolution of an Entity.

    Args:
        broker: Where.
        call: Its @context expands the names.
        entity_id: Which Entity.
        view: What to show of it.
        temporal: Which instances; everything is optional.
        chosen: Representation.

    Raises:
        BadRequestData: The id is no URI, a parameter is not valid, or the projection goes into linked Entities.
        ResourceNotFound: There is no such evolution, or nothing of it in the interval and the Attributes asked for.
        InvalidRequest: An Attribute cannot be aggregated with any of the methods.

    Source: CIM 009 V1.9.1, clause 5.7.3.
    """
    if not is_uri(entity_id):
        raise BadRequestData(f"The Entity id is {entity_id!r}, which is no valid URI.")
    parsed = parse_view(view, call, broker.settings)
    query = _temporal_query(parsed, temporal, chosen, broker.settings)
    shown = _view(parsed, temporal, chosen, query)

    others = await retrieve_evolutions(broker, call, entity_id, query)

    def work(snapshot: Snapshot) -> TemporalEntity | None:
        return snapshot.get_temporal(entity_id, query)

    found = merge_evolutions(await broker.store.read(call.tenant, work, dear=True), others, query)
    if found is None:
        raise ResourceNotFound(f"There is no temporal evolution of an Entity {entity_id}.", instance=entity_id)
    if not found.attributes and (query.attributes or query.timerel is not None):
        # "If the time series … does not include data corresponding to the temporal query interval, then such Entity
        # shall be removed from S, thus it shall not appear in the final result set" (5.7.3.4).
        raise ResourceNotFound(
            f"The evolution of {entity_id} has no instance of the Attributes and in the interval asked for.",
            instance=entity_id,
        )
    entities, cut_range = cut([found], query, temporal.time_at, temporal.end_time_at)
    return EvolutionsResult(entities, shown, range=cut_range)


async def query_temporal_evolution(
    broker: Broker, call: Call, source: QueryInput, temporal: TemporalInput, chosen: TemporalFormat
) -> EvolutionsResult:
    """Query Temporal Evolution of Entities.

    Args:
        broker: Where.
        call: Its @context expands the names.
        source: Which Entities, and what to show of them.
        temporal: Which instances; timerel and timeAt are mandatory.
        chosen: Representation.

    Raises:
        BadRequestData: There is no temporal query, or the query is not valid, too wide, or goes into linked Entities.
        TooComplexQuery: It has too many terms.
        InvalidRequest: An Attribute cannot be aggregated with any of the methods.

    Source: CIM 009 V1.9.1, clause 5.7.4.
    """
    request = parse_request(broker, call, source, temporal, chosen)
    if not is_local(source, call) and await broker.registrations.registrations(call.tenant, broker.now):
        page = await evolutions_everywhere(broker, call, source, request)
        entities, cut_range = cut(page.entities, request.interval, temporal.time_at, temporal.end_time_at)
        count = page.total if request.query.count else None
        return EvolutionsResult(entities, request.view, page.more, count, cut_range)

    def work(snapshot: Snapshot) -> TemporalPage:
        return _page(snapshot, request.query, request.interval, descending=request.descending)

    local = await broker.store.read(call.tenant, work, dear=True)
    entities, cut_range = cut(local.entities, request.interval, temporal.time_at, temporal.end_time_at)
    return EvolutionsResult(entities, request.view, local.more, local.count, cut_range)


async def evolutions_everywhere(
    broker: Broker, call: Call, source: QueryInput, request: TemporalRequest
) -> EvolutionsPage:
    """A page of what is held here and what Context Sources have, not cut yet."""
    asked = federated(broker, call, source, parse_view(source.view, call, broker.settings), request.query)
    remote = await query_evolutions(broker, call, asked, request.interval)

    def work(snapshot: Snapshot) -> EvolutionsPage:
        if asked.split:
            most = broker.settings.federation_max_entities
            return assembled_evolutions(
                snapshot,
                request.query,
                request.interval,
                remote,
                looked_at(asked),
                most=most,
                descending=request.descending,
            )
        return distributed_evolutions(snapshot, request.query, request.interval, remote, descending=request.descending)

    return await broker.store.read(call.tenant, work, dear=True)


def parse_request(
    broker: Broker, call: Call, source: QueryInput, temporal: TemporalInput, chosen: TemporalFormat
) -> TemporalRequest:
    """Check and parse a temporal query.

    Raises:
        BadRequestData, TooComplexQuery, InvalidRequest: As `query_temporal_evolution`.

    Source: CIM 009 V1.9.1, clauses 5.7.4.4 and 5.14.5.4.
    """
    if temporal.timerel is None or temporal.time_at is None:
        raise BadRequestData("There is no temporal query: expected timerel and timeAt (clause 5.7.4.4).")
    _check_ordering(source.ordering)
    parsed = parse_view(source.view, call, broker.settings)
    query = parse_query(source, parsed, call, broker.settings)
    interval = _temporal_query(parsed, temporal, chosen, broker.settings)
    view = _view(parsed, temporal, chosen, interval)
    return TemporalRequest(replace(query, order_by=()), interval, view, _is_descending(source.ordering))


def _page(snapshot: Snapshot, query: EntityQuery, interval: TemporalQuery, *, descending: bool) -> TemporalPage:
    """By id, ascending unless asked for otherwise."""
    if not descending:
        return snapshot.query_temporal(query, interval)
    total = snapshot.query_temporal(replace(query, offset=0, limit=0, count=True), interval).count or 0
    end = max(0, total - query.offset)
    start = max(0, end - query.limit)
    page = snapshot.query_temporal(replace(query, offset=start, limit=end - start, count=False), interval)
    return TemporalPage(page.entities[::-1], start > 0, total if query.count else None)


def _check_ordering(ordering: OrderingInput | None) -> None:
    """Only "id" orders evolutions; any other name "then an error of type BadRequestData shall be raised" (5.7.4.4)."""
    for term in _order_terms(ordering):
        if term.partition(";")[0].strip() != "id":
            raise BadRequestData(f"orderBy is {term!r}; temporal evolutions can be ordered by id alone (5.7.4.4).")


def _order_terms(ordering: OrderingInput | None) -> list[str]:
    if ordering is None or ordering.order_by is None:
        return []
    text = ordering.order_by if isinstance(ordering.order_by, str) else ",".join(ordering.order_by)
    return text.split(",")


def _is_descending(ordering: OrderingInput | None) -> bool:
    return any(term.partition(";")[2].strip() == "desc" for term in _order_terms(ordering)[:1])


def _view(parsed: View, temporal: TemporalInput, chosen: TemporalFormat, query: TemporalQuery) -> TemporalView:
    if parsed.join is not None or any(
        projection is not None and projection.depth for projection in (parsed.options.pick, parsed.options.omit)
    ):
        raise BadRequestData("Temporal evolutions have no Linked Entity retrieval (clauses 5.7.3.4 and 5.7.4.4).")
    aggregation = parse_aggregation(temporal.aggregation) if chosen == "aggregatedValues" else None
    start = query.time_at if query.timerel in ("after", "between") else None
    end = query.time_at if query.timerel == "before" else query.end_time_at
    options = replace(parsed.options, format="concise" if chosen == "concise" else "normalized")
    return TemporalView(options, chosen, query.timeproperty, aggregation, (start, end))


def _temporal_query(
    parsed: View, temporal: TemporalInput, chosen: TemporalFormat, settings: BrokerSettings
) -> TemporalQuery:
    if temporal.last_n is not None and temporal.last_n < 1:
        raise BadRequestData(f"lastN is {temporal.last_n}; expected a positive integer (clause 5.2.21).")
    if temporal.timerel is None and (temporal.time_at, temporal.end_time_at) != (None, None):
        raise BadRequestData("timeAt or endTimeAt is given without timerel (table 6.19.3.1-1).")
    # Without timerel only the name of the Temporal Property is checked: there is nothing to compare with.
    condition = parse_temporal(
        temporal.timerel or "before",
        temporal.time_at if temporal.timerel else _EVER,
        temporal.end_time_at,
        temporal.timeproperty,
    )
    dataset_ids = parsed.options.dataset_ids
    query = TemporalQuery(
        timeproperty=condition.timeproperty,
        last_n=temporal.last_n,
        attributes=_attributes(parsed.options),
        dataset_ids=None if dataset_ids is None else tuple(sorted(dataset_ids)),
        # What is calculated is calculated from all of it.
        max_instances=None if chosen == "aggregatedValues" else settings.temporal_page_instances,
    )
    if temporal.timerel is None:
        return query
    return replace(query, timerel=condition.timerel, time_at=condition.time_at, end_time_at=condition.end_time_at)


def _attributes(options: RenderOptions) -> tuple[str, ...]:
    """The Attributes "specified by the query": attrs, else those that pick names; empty: all."""
    if options.attributes is not None:
        return tuple(sorted(options.attributes))
    picked = frozenset() if options.pick is None else options.pick.members - _ENTITY_MEMBERS
    return tuple(sorted(picked))
