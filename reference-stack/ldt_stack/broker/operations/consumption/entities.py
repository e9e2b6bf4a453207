"""Retrieve Entity and Query Entities: ETSI GS CIM 009 V1.9.1, clauses 5.7.1 and 5.7.2.

What Context Sources have is put together in `distributed/query.py`. Queries that use an EntityMap are
in `entity_maps/queries.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.federation.matching import EntitySpecification
from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.federation.querying import query_versions
from ldt_stack.broker.federation.reading import Versions, retrieve_versions
from ldt_stack.broker.operations.consumption.linked import Shown, join_entities
from ldt_stack.broker.operations.consumption.query_input import (
    QueryInput,
    View,
    ViewInput,
    is_local,
    parse_query,
    parse_view,
)
from ldt_stack.broker.operations.distributed.links import read_linked
from ldt_stack.broker.operations.distributed.query import assembled_page, distributed_page, federated, meeting
from ldt_stack.broker.operations.paging import page_start
from ldt_stack.broker.query import parse_types
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.query.links import Elsewhere, bind_conditions
from ldt_stack.broker.query.projection import ENTITY_MEMBERS
from ldt_stack.broker.representation import NORMALIZED
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery, Page
from ldt_stack.broker.store.interface import Snapshot

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EntitiesResult:
    """A page of Entities, expanded, each with how it is to be rendered.

    Args:
        entities: In order; flat linked Entities behind the page's own.
        offset: Of the first one; differs from the offset asked for if that was past the end.
        limit: The page size that was applied.
        more: Whether more follow.
        count: How many there are in all, if that was asked for.
        next_offset: Where the next page starts; None: at `offset + limit`.
        previous_offset: Where the page before starts; None: at `offset - limit`, or 0.
        texts: Where texts would do, instead of `entities`: each as `model.entity_text` writes it.
    """

    entities: list[Shown]
    offset: int
    limit: int
    more: bool
    count: int | None
    next_offset: int | None = None
    previous_offset: int | None = None
    texts: list[str] | None = None


async def retrieve_text(broker: Broker, call: Call, entity_id: str) -> str | None:
    """Retrieve Entity, for who only hands on what is kept of it (as `model.entity_text` writes it).

    None where it is not that simple: there is none, its id is no URI, or Context Sources may have a part of it.

    Source: CIM 009 V1.9.1, clause 5.7.1.
    """
    if not is_uri(entity_id):
        return None
    if not call.local and await broker.registrations.registrations(call.tenant, broker.now):
        return None
    return await broker.store.read(call.tenant, lambda snapshot: snapshot.get_text(entity_id))


async def retrieve_entity(
    broker: Broker, call: Call, entity_id: str, view: ViewInput, types: str | None = None
) -> list[Shown]:
    """Retrieve Entity.

    Args:
        broker: Where.
        call: Its @context expands the names.
        entity_id: Which Entity.
        view: What to show of it.
        types: A selector of Entity Types that it must meet.

    Returns:
        The Entity, expanded, with how it is to be rendered; with join=flat linked Entities behind it.

    Raises:
        BadRequestData: The id is no URI, or the view is not valid.
        ResourceNotFound: There is no such Entity, it is not of the types, or it has none of the `attrs`.

    Source: CIM 009 V1.9.1, clause 5.7.1.
    """
    if not is_uri(entity_id):
        raise BadRequestData(f"The Entity id is {entity_id!r}, which is no valid URI.")
    parsed = parse_view(view, call, broker.settings)
    terms = broker.settings.max_query_terms
    selection = None if types is None else parse_types(types, call.ld_context, max_terms=terms)
    versions: Versions | None = None
    if not call.local and await broker.registrations.registrations(call.tenant, broker.now):
        versions = await retrieve_versions(
            broker,
            call,
            entity_id,
            EntitySpecification(selection, (entity_id,)),
            attributes=_asked_for(parsed),
            dataset_ids=parsed.options.dataset_ids,
            selecting=parsed.options.attributes is not None,
        )

    def work(snapshot: Snapshot, elsewhere: Elsewhere | None) -> list[Shown]:
        times = parsed.options.sys_attrs or versions is not None  # by them versions are compared
        entity = snapshot.get_entity(entity_id, instance_times=times)
        if entity is not None and selection is not None and not selection.matches(entity):
            entity = None
        if versions is not None:
            own = [] if entity is None else [entity]
            entity = merge_entities([*own, *versions.equal], versions.auxiliary, broker.now())
        if entity is None:
            what = "" if selection is None else " of the given types"
            raise ResourceNotFound(f"There is no Entity {entity_id}{what}.", instance=entity_id)
        wanted = parsed.options.attributes
        if wanted is not None and wanted.isdisjoint(entity):
            raise ResourceNotFound(f"The Entity {entity_id} has none of the Attributes in attrs.", instance=entity_id)
        return join_entities(snapshot, [entity], parsed, elsewhere)

    return await read_joined(broker, call, parsed, work)


async def read_joined(
    broker: Broker,
    call: Call,
    view: View,
    work: Callable[[Snapshot, Elsewhere | None], T],
    *,
    split: bool | None = None,
    dear: bool = False,
) -> T:
    """Read; and again, as long as Context Sources have more of what links lead to (5.7.1.4).

    Args:
        broker: Whose store.
        call: The request.
        view: Whether links are followed.
        work: Is given what is held here, and what Context Sources have of linked Entities; None: nobody asks for it.
        split: As in `read_linked`.
        dear: See `Store.read`.
    """
    if view.join is None:
        return await broker.store.read(call.tenant, lambda snapshot: work(snapshot, None), dear=dear)
    # Links of the query are followed first: they decide what is shown, and whose links are followed then.
    return await read_linked(broker, call, 2 * view.join_level, work, split=split, dear=dear)


async def query_entities(broker: Broker, call: Call, source: QueryInput, *, as_text: bool = False) -> EntitiesResult:
    """Query Entities.

    Args:
        broker: Where.
        call: Its @context expands the names.
        source: The query as written.
        as_text: Whether texts will do, where the Entities are shown in full and normalized.

    Returns:
        A page of Entities.

    Raises:
        BadRequestData: The query is not valid, too wide or too deep.
        TooComplexQuery: It has too many terms.
        TooManyResults: It reaches too many linked Entities.

    Source: CIM 009 V1.9.1, clause 5.7.2.
    """
    view = parse_view(source.view, call, broker.settings)
    times, plain = view.options.sys_attrs, view.join is None and view.options is NORMALIZED
    query = parse_query(source, view, call, broker.settings, instance_times=times, as_text=as_text and plain)
    if not is_local(source, call) and await broker.registrations.registrations(call.tenant, broker.now):
        return await query_everywhere(broker, call, source, view, query)

    def work(snapshot: Snapshot) -> EntitiesResult:
        # Without join no term follows a link (5.7.2.4).
        page, offset = _page(snapshot, query if view.join is None else bind_query(query, snapshot))
        shown = join_entities(snapshot, page.entities, view)
        return EntitiesResult(shown, offset, query.limit, page.more, page.count, texts=page.texts)

    return await broker.store.read(call.tenant, work)


async def query_everywhere(
    broker: Broker, call: Call, source: QueryInput, view: View, query: EntityQuery
) -> EntitiesResult:
    """The query, with what Context Sources have."""
    asked = federated(broker, call, source, view, query)
    remote = await query_versions(broker, call, asked)
    now = broker.now()

    def work(snapshot: Snapshot, elsewhere: Elsewhere | None) -> EntitiesResult:
        # By their times versions are compared.
        bound = replace(bind_query(query, snapshot, elsewhere), instance_times=True, as_text=False)
        if asked.split:
            page = assembled_page(snapshot, bound, remote, now, broker.settings.federation_max_entities)
        else:
            # What a source knows of links is not all there is: their terms were not looked at there.
            found = meeting(remote, bound) if asked.filters.linked else remote
            page = distributed_page(snapshot, bound, found, now)
        shown = join_entities(snapshot, page.entities, view, elsewhere)
        more = page.offset + query.limit < page.total
        return EntitiesResult(shown, page.offset, query.limit, more, page.total if query.count else None)

    return await read_joined(broker, call, view, work, split=asked.split)


def _asked_for(view: View) -> frozenset[str] | None:
    """IRIs of the Attributes that a view is about; None: all."""
    if view.options.attributes is not None:
        return view.options.attributes | view.geometry
    picked = frozenset() if view.options.pick is None else view.options.pick.members - ENTITY_MEMBERS
    return picked | view.geometry if picked else None


def bind_query(query: EntityQuery, snapshot: Snapshot, elsewhere: Elsewhere | None = None) -> EntityQuery:
    """The query, its linked terms bound to the Entities of a snapshot, and of Context Sources."""
    return replace(query, conditions=bind_conditions(query.conditions, snapshot, elsewhere))


def _page(snapshot: Snapshot, query: EntityQuery) -> tuple[Page, int]:
    """The page, and where it starts (see `page_start`)."""
    page = snapshot.query_entities(query)
    if page.entities or page.texts or not query.limit or not query.offset:
        return page, query.offset
    size = page.count if page.count is not None else _size(snapshot, query)
    start = page_start(query.offset, size)
    if size == 0 or start == query.offset:
        return page, start
    return snapshot.query_entities(replace(query, offset=start, limit=1)), start


def _size(snapshot: Snapshot, query: EntityQuery) -> int:
    return snapshot.query_entities(replace(query, offset=0, limit=0, count=True)).count or 0
