"""Reads of the temporal evolution of Entities: ETSI GS CIM 009 V1.9.1, clauses 4.11, 5.7.3.4 and 5.7.4.4.

Instances of an Attribute are read in the order of the Temporal Property asked for, from the index for observedAt, and
as lazily as the answer needs: a page never reads the whole history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from heapq import merge
from typing import Any, Final

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.scope import ScopeQuery
from ldt_stack.broker.query.type_selection import TypeSelection
from ldt_stack.broker.store.data import (
    EntityQuery,
    EntitySelector,
    Predicate,
    TemporalEntity,
    TemporalPage,
    TemporalQuery,
)
from ldt_stack.broker.store.evolution import SCOPE, Evolution, attributes_named, is_deletion
from ldt_stack.broker.store.sqlite.instances import COLUMNS, TIME_COLUMN, Kept, decode_row, microseconds
from ldt_stack.broker.store.sqlite.session import Session

_Dated = tuple[int, int, int, JsonObject]  # microseconds (_UNDATED: none), number, Attribute, instance
_UNDATED: Final = -(2**63)
_HEADS: Final = (
    "SELECT temporal_entities.number, head, json_extract(body, '$.modifiedAt') FROM temporal_entities"
    " LEFT JOIN entities ON entities.id = temporal_entities.id"
)


def get_temporal(session: Session, entity_id: str, query: TemporalQuery) -> TemporalEntity | None:
    """See `Snapshot.get_temporal`."""
    row = session.execute(f"{_HEADS} WHERE temporal_entities.id = ?", (entity_id,)).fetchone()
    if row is None:
        return None
    return _Reader(session, row[0], _head(*row[1:]), query, ()).load()


def query_temporal(session: Session, query: EntityQuery, temporal: TemporalQuery) -> TemporalPage:
    """See `Snapshot.query_temporal`: by id."""
    found: list[TemporalEntity] = []
    seen, end = 0, query.offset + query.limit
    for number, head in _candidates(session, query.selectors):
        reader = _Reader(session, number, head, temporal, query.conditions)
        if not reader.matches():
            continue
        seen += 1
        if query.offset < seen <= end:
            found.append(reader.load())
        elif seen > end and not query.count:
            break
    return TemporalPage(found, seen > end, seen if query.count else None)


def _candidates(session: Session, selectors: Sequence[EntitySelector]) -> Iterator[tuple[int, JsonObject]]:
    """Heads of the Entities that any selector selects, by id."""
    narrow, parameters = _narrowed(session, selectors)
    patterns = [None if one.id_pattern is None else compile_pattern(one.id_pattern) for one in selectors]
    rows = session.execute(f"{_HEADS} WHERE {narrow} ORDER BY temporal_entities.id", parameters)
    for number, text, modified_at in session.timed(rows):
        head = _head(text, modified_at)
        if not selectors or any(
            (not one.ids or head["id"] in one.ids)
            and (pattern is None or pattern.search(head["id"]))
            and (one.types is None or one.types.matches(head))
            for one, pattern in zip(selectors, patterns, strict=True)
        ):
            yield number, head


def _head(text: str, modified_at: str | None) -> JsonObject:
    """A head as it was put, with the modifiedAt of the current state if that is later."""
    head: JsonObject = orjson.loads(text)
    if modified_at is not None and modified_at > head.get("modifiedAt", ""):
        head["modifiedAt"] = modified_at
    return head


def _narrowed(session: Session, selectors: Sequence[EntitySelector]) -> tuple[str, tuple[Any, ...]]:
    """What an index knows of the selectors; a superset of what they select."""
    if selectors and all(one.ids for one in selectors):
        ids = [identifier for one in selectors for identifier in one.ids]
        return f"temporal_entities.id IN ({_marks(ids)})", tuple(ids)
    if selectors and all(isinstance(one.types, TypeSelection) and not one.types.selects_all for one in selectors):
        selections = [one.types for one in selectors if isinstance(one.types, TypeSelection)]
        names = [session.find_name(min(wanted)) for selection in selections for wanted in selection.alternatives]
        known = f"SELECT entity FROM temporal_types WHERE type IN ({_marks(names)})"  # noqa: S608 — question marks
        return f"temporal_entities.number IN ({known})", tuple(names)
    return "true", ()


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


class _Reader:
    """Reads one Entity's evolution.

    Args:
        session: Where.
        number: Of the Entity.
        head: Its head.
        query: Which instances.
        conditions: That the Entity, and the instances that are shown, must meet.
    """

    def __init__(
        self,
        session: Session,
        number: int,
        head: JsonObject,
        query: TemporalQuery,
        conditions: Sequence[Predicate],
    ) -> None:
        self._session = session
        self._number = number
        self._head = head
        self._query = query
        self._conditions = conditions
        self._column = TIME_COLUMN[query.timeproperty]
        self._evolution: Evolution | None = None
        self._known_shapes: list[int] | None = None

    def matches(self) -> bool:
        """Whether the interval has an instance of the wanted Attributes, and the conditions hold in it."""
        if not any(self._has_instance(shape) for shape in self._shapes_with(self._wanted())):
            return False
        if not self._conditions:
            return True
        named = frozenset[str]().union(*map(attributes_named, self._conditions))
        scoped = any(isinstance(condition, ScopeQuery) for condition in self._conditions)
        self._evolution = Evolution(
            self._head,
            {attribute: self._considered(attribute) for attribute in named},
            self._scopes() if scoped else (),
        )
        return self._evolution.meets(self._conditions, self._query)

    def load(self) -> TemporalEntity:
        """The head with the instances that are shown."""
        backwards = self._query.last_n is not None
        taken, complete = self._page(self._shown(self._wanted(with_scope=True), backwards=backwards))
        attributes: dict[str, list[JsonObject]] = {}
        for _, _, number, instance in reversed(taken) if backwards else taken:
            attributes.setdefault(self._session.iri(number), []).append(instance)
        return TemporalEntity(self._head, attributes, complete)

    def _page(self, dated: Iterable[_Dated]) -> tuple[list[_Dated], bool]:
        """The first instances, all of those at the last instant, and of two instants at least; whether that is all."""
        limit = self._query.max_instances
        taken: list[_Dated] = []
        instants = 0
        for one in dated:
            another = not taken or one[0] != taken[-1][0]
            if limit is not None and len(taken) >= limit and another and instants > 1:
                return taken, False
            instants += another
            taken.append(one)
        return taken, True

    def _wanted(self, *, with_scope: bool = False) -> set[int]:
        """Numbers of the Attributes asked for."""
        if self._query.attributes:
            found = (self._session.find_name(attribute) for attribute in self._query.attributes)
            return {number for number in found if number is not None}
        every = {number for shape in self._shapes() for number in self._session.attributes_of(shape)}
        return every if with_scope else every - {self._session.find_name(SCOPE)}

    def _shapes(self) -> list[int]:
        """Of all rows of the Entity."""
        if self._known_shapes is None:
            self._known_shapes = self._session.shapes_of(self._number)
        return self._known_shapes

    def _shapes_with(self, attributes: Set[int]) -> list[int]:
        """Those that have any of these Attributes."""
        return [shape for shape in self._shapes() if not attributes.isdisjoint(self._session.attributes_of(shape))]

    def _window(self) -> tuple[str, list[Any]]:
        """4.11: before is exclusive, after inclusive, between inclusive at its start and exclusive at its end."""
        timerel = self._query.timerel
        at, end = microseconds(self._query.time_at), microseconds(self._query.end_time_at)
        if timerel == "before":
            return f" AND {self._column} < ?", [at]
        if timerel == "after":
            return f" AND {self._column} >= ?", [at]
        if timerel == "between":
            return f" AND {self._column} >= ? AND {self._column} < ?", [at, end]
        return "", []

    def _has_instance(self, shape: int) -> bool:
        window, parameters = self._window()
        statement = f"SELECT 1 FROM history WHERE entity = ? AND shape = ?{window} LIMIT 1"  # noqa: S608 — own constants
        return self._session.execute(statement, (self._number, shape, *parameters)).fetchone() is not None

    def _rows(
        self, shape: int, attributes: Set[int], left: Mapping[int, int], *, backwards: bool = False
    ) -> Iterator[_Dated]:
        """Instances of one shape in the interval, in the order of time, until none is left to be shown."""
        window, parameters = self._window()
        direction = "DESC" if backwards else "ASC"
        statement = (
            f"SELECT {self._column}, {COLUMNS} FROM history WHERE entity = ? AND shape = ?{window}"  # noqa: S608 — own constants
            f" ORDER BY {self._column} {direction}, number {direction}"
        )
        members = self._session.attributes_of(shape)
        own = attributes & set(members)
        for instant, *row in self._session.execute(statement, (self._number, shape, *parameters)):
            if left and not any(left[attribute] for attribute in own):
                return
            found = decode_row(tuple(row), members, own)
            for number, attribute, instance in reversed(found) if backwards else found:
                yield _UNDATED if instant is None else instant, number, attribute, instance

    def _dated(
        self, attributes: Set[int], left: Mapping[int, int] | None = None, *, backwards: bool = False
    ) -> Iterator[_Dated]:
        """Instances of Attributes in the interval, in the order of time, read as they are asked for."""
        shapes = self._shapes_with(attributes)
        series = [self._rows(shape, attributes, left or {}, backwards=backwards) for shape in shapes]
        return merge(*series, key=_instant_and_number, reverse=backwards)

    def _shown(self, attributes: Set[int], *, backwards: bool) -> Iterator[_Dated]:
        """Instances that the answer may have."""
        last_n = self._query.last_n
        left = {} if last_n is None else dict.fromkeys(attributes, last_n)
        for one in self._dated(attributes, left, backwards=backwards):
            _, _, attribute, instance = one
            if not self._is_asked_for(attribute, instance) or not self._admits(attribute, instance):
                continue
            if last_n is not None:
                if left[attribute] == 0:
                    continue
                left[attribute] -= 1
            yield one

    def _is_asked_for(self, attribute: int, instance: JsonObject) -> bool:
        """Whether it has a datasetId that was asked for; a scope is no Attribute and has none (4.5.5.1)."""
        datasets = self._query.dataset_ids
        if datasets is None or instance.get("datasetId", "@none") in datasets:
            return True
        return attribute == self._session.find_name(SCOPE)

    def _admits(self, attribute: int, instance: JsonObject) -> bool:
        if self._evolution is None:
            return True
        return self._evolution.admits(self._conditions, self._session.iri(attribute), instance)

    def _considered(self, attribute: str) -> list[JsonObject]:
        """What conditions on an Attribute look at."""
        number = self._session.find_name(attribute)
        if number is None:
            return []
        found = [instance for _, _, _, instance in self._dated({number}) if not is_deletion(instance)]
        return found or self._timeless(number)

    def _timeless(self, attribute: int) -> list[JsonObject]:
        """The latest instance of an Attribute that never had the Temporal Property; nothing if it ever had it."""
        latest: list[Kept] = []
        for shape in self._shapes_with({attribute}):
            own = (self._number, shape)
            dated = f"SELECT 1 FROM history WHERE entity = ? AND shape = ? AND {self._column} IS NOT NULL LIMIT 1"  # noqa: S608 — own constants
            if self._session.execute(dated, own).fetchone() is not None:
                return []
            last = f"SELECT {COLUMNS} FROM history WHERE entity = ? AND shape = ? ORDER BY number DESC LIMIT 1"  # noqa: S608 — likewise
            row = self._session.execute(last, own).fetchone()
            latest += decode_row(row, self._session.attributes_of(shape), {attribute})
        if not latest:
            return []
        instance = max(latest, key=lambda kept: kept.number).instance
        return [] if is_deletion(instance) else [instance]

    def _scopes(self) -> list[JsonObject]:
        number = self._session.find_name(SCOPE)
        if number is None:
            return []
        found: list[tuple[int, int, JsonObject]] = []
        for shape in self._shapes_with({number}):
            statement = f"SELECT {COLUMNS} FROM history WHERE entity = ? AND shape = ?"  # noqa: S608 — own constants
            for row in self._session.execute(statement, (self._number, shape)):
                observed, created = row[4], row[5]
                kept = decode_row(row, self._session.attributes_of(shape), {number})
                found += [(created if observed is None else observed, one.number, one.instance) for one in kept]
        return [instance for _, _, instance in sorted(found, key=_instant_and_number)]


def _instant_and_number(one: tuple[int, int, Any] | _Dated) -> tuple[int, int]:
    return one[0], one[1]
