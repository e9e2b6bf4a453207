"""Queries over Entities and discovery of types and Attributes (5.7.2, 5.7.5 to 5.7.10)."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query import GeoQuery, Ordering, ScopeQuery
from ldt_stack.broker.query.q import And, Comparison, Exists, Linked, Or, PatternMatch, names_instance_times
from ldt_stack.broker.store.data import EntityQuery, Page, Predicate
from ldt_stack.broker.store.sqlite.entities import get_entity
from ldt_stack.broker.store.sqlite.planning import (
    DEAR,
    EXPIRED,
    Beginning,
    Plan,
    begin_with_few,
    begin_with_first,
    begin_with_many,
    begin_with_more,
    plan_query,
)
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity


def iterate_entities(session: Session, query: EntityQuery) -> Iterator[JsonObject]:
    """See `Snapshot.iterate_entities`."""
    if query.order_by:
        for identifier in _sorted(session, query):
            found = get_entity(session, identifier, instance_times=query.instance_times)
            if found is not None:
                yield found
        return
    plan = plan_query(session, query)
    for entity, _ in _iterate(session, query, plan, begin_with_more(session, plan)):
        yield entity


def _iterate(
    session: Session, query: EntityQuery, plan: Plan, beginning: Beginning
) -> Iterator[tuple[JsonObject, str]]:
    """All that match, of those that it begins with; with their bodies as they are kept."""
    if not beginning.cheap:
        session.spend(DEAR)
    whole = query.instance_times or any(_names_instance_times(condition) for condition in query.conditions)
    rows = session.execute(beginning.rows, beginning.condition.parameters)
    for identifier, body, times in session.timed(rows):
        if plan.id_checks is not None and not plan.id_checks(identifier):
            continue
        session.spend(1)
        entity: JsonObject = decode_entity(body, times) if whole else orjson.loads(body)
        if all(check(entity) for check in plan.checks):
            yield entity, body


def _names_instance_times(condition: Predicate) -> bool:
    """Whether a condition has to see the system times of Attribute instances."""
    if isinstance(condition, Exists | Comparison | PatternMatch | Linked | And | Or):
        return names_instance_times(condition)
    return not isinstance(condition, GeoQuery | ScopeQuery)


def _sorted(session: Session, query: EntityQuery) -> list[str]:
    """The ids of all that match, in the query's order: the Entities themselves would fill the memory."""
    ordering = query.order_by[-1]  # every order is total: the last one decides
    if not isinstance(ordering, Ordering):
        raise TypeError(f"order_by has a {type(ordering).__name__}; expected an Ordering of broker.query.ordering")
    unordered = EntityQuery(query.selectors, query.attributes, query.conditions)
    return [
        found for _, found in sorted((ordering.key(one), one["id"]) for one in iterate_entities(session, unordered))
    ]


def query_entities(session: Session, query: EntityQuery) -> Page:
    """See `Snapshot.query_entities`."""
    if query.order_by:
        return _sorted_page(session, query)
    plan = plan_query(session, query)
    beginning = begin_with_few(session, plan)
    if beginning is None and (first := begin_with_first(session, plan)) is not None:
        beginning, all_of_them = first
        if not all_of_them:
            page = None if query.count else _page(session, query, plan, beginning)
            if page is not None and page.more:
                return page
            beginning = begin_with_more(session, plan)
    return _page(session, query, plan, beginning or begin_with_many(session, plan))


def _page(session: Session, query: EntityQuery, plan: Plan, beginning: Beginning) -> Page:
    if plan.exact:
        return _exact_page(session, query, beginning)
    found: list[tuple[JsonObject, str]] = []
    seen = 0
    for one in _iterate(session, query, plan, beginning):
        seen += 1
        if query.offset < seen <= query.offset + query.limit:
            found.append(one)
        elif seen > query.offset + query.limit and not query.count:
            break
    more, count = seen > query.offset + query.limit, seen if query.count else None
    if query.as_text:
        return Page([], more, count, [body for _, body in found])
    return Page([entity for entity, _ in found], more, count)


def _sorted_page(session: Session, query: EntityQuery) -> Page:
    ids = _sorted(session, query)
    end = query.offset + query.limit
    shown = (get_entity(session, one, instance_times=query.instance_times) for one in ids[query.offset : end])
    entities = [entity for entity in shown if entity is not None]
    return Page(entities, more=len(ids) > end, count=len(ids) if query.count else None)


def _exact_page(session: Session, query: EntityQuery, beginning: Beginning) -> Page:
    """SQLite counts and skips itself."""
    quick = beginning.few or (beginning.cheap and not query.count)
    session.spend(query.limit + query.offset // 10 if quick else DEAR)
    parameters = beginning.condition.parameters
    rows = session.execute(
        f"SELECT body, times FROM entities WHERE number IN ({beginning.numbers} LIMIT ? OFFSET ?) ORDER BY number",  # noqa: S608 — own constants
        (*parameters, query.limit + 1, query.offset),
    ).fetchall()
    count = None
    if query.count:
        count = int(session.execute(f"SELECT count(*) FROM ({beginning.numbers})", parameters).fetchone()[0])  # noqa: S608 — likewise
    shown, more = rows[: query.limit], len(rows) > query.limit
    if query.as_text:
        return Page([], more, count, [body for body, _ in shown])
    return Page([decode_entity(*row) if query.instance_times else orjson.loads(row[0]) for row in shown], more, count)


def count_types(session: Session) -> dict[str, int]:
    """See `Snapshot.count_types`."""
    rows = session.execute(
        f"SELECT type, count(*) FROM entity_types WHERE entity NOT IN ({EXPIRED}) GROUP BY type",  # noqa: S608 — own constants
        (session.now(),) * 2,
    ).fetchall()
    return {session.iri(entity_type): count for entity_type, count in rows}


def types_of_attributes(session: Session) -> dict[str, dict[str, int]]:
    """See `Snapshot.types_of_attributes`."""
    # Materialized, the types get an index by Entity; else each Attribute of each Entity looks through all of them.
    rows = session.execute(
        "WITH typed AS MATERIALIZED (SELECT type, entity FROM entity_types)"  # noqa: S608 — own constants
        " SELECT attribute, type, count(*) FROM entity_attributes"
        " JOIN typed ON typed.entity = entity_attributes.entity"
        f" WHERE entity_attributes.entity NOT IN ({EXPIRED}) GROUP BY attribute, type",
        (session.now(),) * 2,
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for attribute, entity_type, count in rows:
        found.setdefault(session.iri(attribute), {})[session.iri(entity_type)] = count
    return found
