"""Where a query begins: with what an index knows to be few, with the Entities created first, or with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query import TypeSelection, compile_pattern
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.translation import (
    ATTRIBUTE,
    EVERYTHING,
    MOST,
    Condition,
    parts_of,
    translate,
    translate_attributes,
    translate_selectors,
)

_FEW: Final = 2000  # candidates that are worth being gathered before any Entity is looked at
_MORE: Final = 20_000  # likewise, where the Entities created first do not fill the page
_VERY_FEW: Final = 100  # for so many, other conditions are looked up one by one rather than gathered
_FIRST: Final = 1000  # Entities, if SQL decides
_FIRST_CHECKED: Final = 100  # likewise, if each must be read to be judged
DEAR: Final = 2000  # Entities: as much as a look through an index may cost
# By the index of what can expire: cheap while little has. Wants the present instant twice.
EXPIRED: Final = "SELECT number FROM entities WHERE next_expiry <= ? AND expires_at <= ?"


class Beginning(NamedTuple):
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


class Plan(NamedTuple):
    """What of a query SQL can say, and what is left to be checked on each Entity.

    Args:
        parts: All of which must hold.
        checks: What they do not decide; none: they decide all.
        id_checks: Patterns of ids; looked at before the Entity is read. None: nothing to look at.
        only_type: The number of the one type that is asked for, where nothing more selective is.
    """

    parts: tuple[Condition, ...]
    checks: tuple[Callable[[JsonObject], bool], ...]
    id_checks: Callable[[str], bool] | None
    only_type: int | None

    @property
    def exact(self) -> bool:
        """Whether SQL decides all."""
        return not self.checks and self.id_checks is None


def plan_query(session: Session, query: EntityQuery) -> Plan:
    """Translate a query."""
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
    return Plan(parts, tuple(checks), id_checks, _only_type(session, query))


def _present(session: Session) -> Condition:
    """It has not expired."""
    now = session.now()
    if session.execute("SELECT 1 FROM entities WHERE next_expiry <= ? LIMIT 1", (now,)).fetchone() is None:
        return EVERYTHING
    return Condition(f"c.entity NOT IN ({EXPIRED})", (now, now))


def begin_with_few(session: Session, plan: Plan) -> Beginning | None:
    """Begin with the fewest candidates; None where no index knows of few."""
    return _begin_with(session, plan, _FEW)


def _begin_with(session: Session, plan: Plan, limit: int) -> Beginning | None:
    """Begin with the fewest candidates; None where no index knows of no more than the limit.

    Other conditions narrow them further if they are cheap to look up; what is left out is checked on the Entity.
    """
    known = sorted((part for part in plan.parts if part.candidates), key=lambda part: part.rank)
    if not known or (known[0].rank == MOST and len(known) == 1):
        return None
    gathered: dict[int, list[int]] = {}  # by position
    least = limit
    for position, part in enumerate(known):
        if position and (part.rank == MOST or (least <= _VERY_FEW and part.looked_up)):
            continue
        numbers = _numbers(session, part, limit)
        if numbers is not None:
            gathered[position] = numbers
            least = min(least, len(numbers))
    if not gathered:
        return None
    first, *more = sorted(gathered.values(), key=len)
    common = set(first).intersection(*more)  # of the longer ones no sets are made
    settled = {id(known[position]) for position in gathered}
    others = [part for part in plan.parts if id(part) not in settled and part.looked_up]
    return _given(list(common), others)


def begin_with_first(session: Session, plan: Plan) -> tuple[Beginning, bool] | None:
    """Look at the Entities created first, which is worth while if conditions hold for many of them.

    Returns:
        With it, whether these are all there are. None: what `begin_with_many` does is as cheap.
    """
    if _is_cheap(plan) and plan.id_checks is None:
        return None
    source, own = _all_of_type(plan)
    offset = (_FIRST if plan.exact else _FIRST_CHECKED) - 1
    statement = f"SELECT c.entity FROM {source} WHERE {own.sql} ORDER BY c.entity LIMIT 1 OFFSET {offset}"  # noqa: S608 — own constants
    last = session.execute(statement, own.parameters).fetchone()
    parts = [own, *(part for part in plan.parts if part.looked_up and not _is_type(plan, part))]
    if last is not None:
        parts.append(Condition("c.entity <= ?", last))
    return Beginning(source, _join(parts), few=last is None, cheap=True), last is None


def begin_with_more(session: Session, plan: Plan) -> Beginning:
    """The best way to see all that match, where those created first do not suffice."""
    known = _begin_with(session, plan, _MORE)
    if known is None and plan.id_checks is not None:
        return _begin_with_ids(session, plan, plan.id_checks)
    return known or begin_with_many(session, plan)


def _begin_with_ids(session: Session, plan: Plan, checks: Callable[[str], bool]) -> Beginning:
    """Begin with the ids that will do: to look through their index takes a tenth of what it takes to read Entities."""
    session.spend(DEAR)
    rows = session.timed(session.execute("SELECT id, number FROM entities"))
    numbers = [number for identifier, number in rows if checks(identifier)]
    return _given(numbers, [part for part in plan.parts if part.looked_up])


def _given(numbers: Sequence[int], others: Sequence[Condition]) -> Beginning:
    """Begin with these."""
    given = Condition("1", (orjson.dumps(numbers).decode(),))
    return Beginning("(SELECT value AS entity FROM json_each(?)) AS c", _join([given, *others]), few=True, cheap=True)


def begin_with_many(session: Session, plan: Plan) -> Beginning:
    """Read in the order of creation, and stop when the page is full."""
    source, own = _all_of_type(plan)
    parts = [_gathering(part) for part in plan.parts if not _is_type(plan, part)]
    return Beginning(source, _join([own, *parts]), few=False, cheap=_is_cheap(plan))


def _gathering(part: Condition) -> Condition:
    """Values are gathered once: cheaper than to look them up for a great part of all Entities."""
    if not part.candidates or part.rank >= ATTRIBUTE:
        return part
    return Condition(f"c.entity IN ({part.candidates})", part.parameters, part.exact)


def _is_type(plan: Plan, part: Condition) -> bool:
    """Whether it says what the source says already."""
    return plan.only_type is not None and part.rank == MOST and bool(part.candidates)


def _is_cheap(plan: Plan) -> bool:
    return all(not part.candidates or part.rank == MOST for part in plan.parts)


def _all_of_type(plan: Plan) -> tuple[str, Condition]:
    """Source of all Entities, or of those of the only type, and its condition."""
    if plan.only_type is None:
        return "(SELECT number AS entity FROM entities) AS c", EVERYTHING
    return "entity_types AS c", Condition("c.type = ?", (plan.only_type,))


def _join(parts: Sequence[Condition]) -> Condition:
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    return Condition(" AND ".join([f"({part.sql})" for part in parts]) or "1", parameters)


def _numbers(session: Session, part: Condition, limit: int) -> list[int] | None:
    """The candidates, if they are not more."""
    # As one value: fetched row by row, they would cost several times as much.
    looking = f"SELECT json_group_array(entity) FROM (SELECT entity FROM ({part.candidates}) LIMIT {limit + 1})"  # noqa: S608 — own constants
    found: list[int] = orjson.loads(session.execute(looking, part.parameters).fetchone()[0])
    return found if len(found) <= limit else None


def _only_type(session: Session, query: EntityQuery) -> int | None:
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
