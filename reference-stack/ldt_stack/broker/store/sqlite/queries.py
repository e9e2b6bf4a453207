"""Queries over Entities and discovery of types and Attributes (5.7.2, 5.7.5 to 5.7.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query import GeoQuery, Ordering, ScopeQuery, TypeSelection, compile_pattern
from ldt_stack.broker.query.q import And, Comparison, Exists, Linked, Or, PatternMatch, names_instance_times
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, Page, Predicate
from ldt_stack.broker.store.sqlite.entities import get_entity
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity
from ldt_stack.broker.store.sqlite.translation import (
    EVERYTHING,
    Condition,
    parts_of,
    translate,
    translate_attributes,
    translate_selectors,
)

_FEW = 2000  # candidates that are worth being gathered before any Entity is looked at
# By the index of what can expire: cheap while little has. Wants the present instant twice.
_EXPIRED = "SELECT number FROM entities WHERE next_expiry <= ? AND expires_at <= ?"


class _Beginning(NamedTuple):
    """A query as SQL: where it begins, and what of it is decided there.

    Args:
        source: Where the numbers come from, with a column `c.entity`.
        condition: On `c.entity`; its parameters include those of the source.
        few: The source has few numbers; otherwise they are many, in the order of creation.
        cheap: No more rows are read than are looked at; otherwise SQLite may go through many.
    """

    source: str
    condition: Condition
    few: bool
    cheap: bool

    @property
    def numbers(self) -> str:
        """SELECT of the numbers, in the order of creation."""
        return f"SELECT c.entity FROM {self.source} WHERE {self.condition.sql} ORDER BY c.entity"  # noqa: S608 — own constants

    @property
    def rows(self) -> str:
        """SELECT of id, body and times, in the order of creation; of many, without reading them all first."""
        if self.few:
            return f"SELECT id, body, times FROM entities WHERE number IN ({self.numbers}) ORDER BY number"  # noqa: S608 — likewise
        return (
            f"SELECT entities.id, entities.body, entities.times FROM {self.source}"  # noqa: S608 — likewise
            f" CROSS JOIN entities ON entities.number = c.entity WHERE {self.condition.sql} ORDER BY c.entity"
        )


class _Plan(NamedTuple):
    """Where a query begins, and what is left to be checked on each Entity.

    Args:
        beginning: In SQL.
        checks: What it does not decide; none: it decides all.
        id_checks: Patterns of ids; looked at before the Entity is read. None: nothing to look at.
    """

    beginning: _Beginning
    checks: tuple[Callable[[JsonObject], bool], ...]
    id_checks: Callable[[str], bool] | None

    @property
    def exact(self) -> bool:
        return not self.checks and self.id_checks is None


def iterate_entities(session: Session, query: EntityQuery) -> Iterator[JsonObject]:
    """See `Snapshot.iterate_entities`."""
    if query.order_by:
        for identifier in _sorted(session, query):
            found = get_entity(session, identifier, instance_times=query.instance_times)
            if found is not None:
                yield found
        return
    plan = _plan(session, query)
    beginning = plan.beginning
    if not beginning.cheap:
        session.spend(_FEW)
    whole = query.instance_times or any(_names_instance_times(condition) for condition in query.conditions)
    rows = session.execute(beginning.rows, beginning.condition.parameters)
    for identifier, body, times in session.timed(rows):
        if plan.id_checks is not None and not plan.id_checks(identifier):
            continue
        session.spend(1)
        entity: JsonObject = decode_entity(body, times) if whole else orjson.loads(body)
        if all(check(entity) for check in plan.checks):
            yield entity


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
    plan = _plan(session, query)
    if plan.exact:
        return _exact_page(session, query, plan.beginning)
    found: list[JsonObject] = []
    seen = 0
    for entity in iterate_entities(session, query):
        seen += 1
        if query.offset < seen <= query.offset + query.limit:
            found.append(entity)
        elif seen > query.offset + query.limit and not query.count:
            break
    return Page(found, more=seen > query.offset + query.limit, count=seen if query.count else None)


def _sorted_page(session: Session, query: EntityQuery) -> Page:
    ids = _sorted(session, query)
    end = query.offset + query.limit
    shown = (get_entity(session, one, instance_times=query.instance_times) for one in ids[query.offset : end])
    entities = [entity for entity in shown if entity is not None]
    return Page(entities, more=len(ids) > end, count=len(ids) if query.count else None)


def _exact_page(session: Session, query: EntityQuery, beginning: _Beginning) -> Page:
    """SQLite counts and skips itself."""
    quick = beginning.few or (beginning.cheap and not query.count)
    session.spend(query.limit + query.offset // 10 if quick else _FEW)
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


def _plan(session: Session, query: EntityQuery) -> _Plan:
    selecting = translate_selectors(session, query.selectors)
    translated = [translate(session, condition) for condition in query.conditions]
    checks: list[Callable[[JsonObject], bool]] = [
        condition.matches for condition, sql in zip(query.conditions, translated, strict=True) if not sql.exact
    ]
    id_checks = None
    if not selecting.exact:
        alternatives = [(selector, _pattern(selector)) for selector in query.selectors]
        checks.insert(0, lambda entity: any(_selects(one, check, entity) for one, check in alternatives))
        id_checks = _id_checks(alternatives)
    parts = parts_of([_present(session), translate_attributes(session, query), *translated, selecting])
    beginning = _from_few(session, parts) or _from_many(session, query, parts)
    return _Plan(beginning, tuple(checks), id_checks)


def _present(session: Session) -> Condition:
    """It has not expired."""
    now = session.now()
    if session.execute("SELECT 1 FROM entities WHERE next_expiry <= ? LIMIT 1", (now,)).fetchone() is None:
        return EVERYTHING
    return Condition(f"c.entity NOT IN ({_EXPIRED})", (now, now))


def _from_few(session: Session, parts: Sequence[Condition]) -> _Beginning | None:
    """Begin with the fewest candidates; None where no index knows of few.

    Other conditions narrow them further if they are cheap to look up; what is left out is checked on the Entity.
    """
    known = sorted((part for part in parts if part.candidates), key=lambda part: part.rank)
    if not known or (known[0].rank == 3 and len(known) == 1):
        return None
    looked_up = [part for part in known if part.rank < 3 or part is known[0]]
    few = [(part, numbers) for part in looked_up if (numbers := _numbers(session, part)) is not None]
    if not few:
        return None
    least, *more = sorted((numbers for _, numbers in few), key=len)
    common = set(least).intersection(*more)  # of the longer ones no sets are made
    begin = Condition("1", (orjson.dumps(list(common)).decode(),))
    settled = {id(part) for part, _ in few}
    others = [part for part in parts if id(part) not in settled and (part.exact or not part.candidates)]
    return _Beginning("(SELECT value AS entity FROM json_each(?)) AS c", _join([begin, *others]), few=True, cheap=True)


def _from_many(session: Session, query: EntityQuery, parts: Sequence[Condition]) -> _Beginning:
    """Read in the order of creation, and stop when the page is full."""
    single = _single_type(session, query)
    cheap = all(not part.candidates or part.rank == 3 for part in parts)
    if single is None:
        everything = "(SELECT number AS entity FROM entities) AS c"
        return _Beginning(everything, _join(parts), few=False, cheap=cheap and not query.selectors)
    own = [part for part in parts if part.rank < 3 or not part.candidates]
    condition = _join([Condition("c.type = ?", (single,)), *own])
    return _Beginning("entity_types AS c", condition, few=False, cheap=cheap)


def _join(parts: Sequence[Condition]) -> Condition:
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    return Condition(" AND ".join([f"({part.sql})" for part in parts]) or "1", parameters)


def _numbers(session: Session, part: Condition) -> list[int] | None:
    """The candidates, if they are few."""
    # As one value: fetched row by row, they would cost several times as much.
    looking = f"SELECT json_group_array(entity) FROM (SELECT entity FROM ({part.candidates}) LIMIT {_FEW + 1})"  # noqa: S608 — own constants
    found: list[int] = orjson.loads(session.execute(looking, part.parameters).fetchone()[0])
    return found if len(found) <= _FEW else None


def _single_type(session: Session, query: EntityQuery) -> int | None:
    """The one type that is asked for, where nothing more selective is."""
    if len(query.selectors) != 1 or query.selectors[0].ids:
        return None
    types = query.selectors[0].types
    if not isinstance(types, TypeSelection) or len(types.alternatives) != 1 or len(types.alternatives[0]) != 1:
        return None
    return session.find_name(next(iter(types.alternatives[0])))


_IdCheck = Callable[[str], bool]


def _pattern(selector: EntitySelector) -> _IdCheck | None:
    return None if selector.id_pattern is None else compile_pattern(selector.id_pattern).search


def _id_checks(alternatives: list[tuple[EntitySelector, _IdCheck | None]]) -> _IdCheck | None:
    """What an id must meet in order to be looked at; None if some selector takes any id."""
    checks = [check for _, check in alternatives if check is not None]
    if len(checks) < len(alternatives):
        return None
    return lambda identifier: any(check(identifier) for check in checks)


def _selects(selector: EntitySelector, check: _IdCheck | None, entity: JsonObject) -> bool:
    return (
        (not selector.ids or entity["id"] in selector.ids)
        and (check is None or check(entity["id"]))
        and (selector.types is None or selector.types.matches(entity))
    )


def count_types(session: Session) -> dict[str, int]:
    """See `Snapshot.count_types`."""
    rows = session.execute(
        f"SELECT type, count(*) FROM entity_types WHERE entity NOT IN ({_EXPIRED}) GROUP BY type",  # noqa: S608 — own constants
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
        f" WHERE entity_attributes.entity NOT IN ({_EXPIRED}) GROUP BY attribute, type",
        (session.now(),) * 2,
    ).fetchall()
    found: dict[str, dict[str, int]] = {}
    for attribute, entity_type, count in rows:
        found.setdefault(session.iri(attribute), {})[session.iri(entity_type)] = count
    return found
