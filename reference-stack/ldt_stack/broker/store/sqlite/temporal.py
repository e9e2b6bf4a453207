"""Reads of the temporal evolution of Entities: ETSI GS CIM 009 V1.9.1, clauses 4.11, 5.7.3.4 and 5.7.4.4.

Instances of an Attribute are read in the order of the Temporal Property asked for, from the index for observedAt, and
as lazily as the answer needs: a page never reads the whole history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.scope import ScopeQuery
from ldt_stack.broker.query.type_selection import TypeSelection
from ldt_stack.broker.store.evolution import SCOPE, Evolution, attributes_named, is_deletion
from ldt_stack.broker.store.interface import (
    EntityQuery,
    EntitySelector,
    Predicate,
    TemporalEntity,
    TemporalPage,
    TemporalQuery,
)
from ldt_stack.broker.store.sqlite.history import INSTANCE_COLUMNS, TIME_COLUMN
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_instance, microseconds

_Dated = tuple[int, int, str, JsonObject]  # microseconds (_UNDATED where there are none), row, IRI, instance
_UNDATED: Final = -(2**63)


def get_temporal(session: Session, entity_id: str, query: TemporalQuery) -> TemporalEntity | None:
    """See `Snapshot.get_temporal`."""
    row = session.execute("SELECT number, head FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        return None
    return _Reader(session, row[0], orjson.loads(row[1]), query, ()).load()


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
    rows = session.execute(f"SELECT number, head FROM temporal_entities WHERE {narrow} ORDER BY id", parameters)  # noqa: S608 — own constants
    for number, text in session.timed(rows):
        head: JsonObject = orjson.loads(text)
        if not selectors or any(
            (not one.ids or head["id"] in one.ids)
            and (pattern is None or pattern.search(head["id"]))
            and (one.types is None or one.types.matches(head))
            for one, pattern in zip(selectors, patterns, strict=True)
        ):
            yield number, head


def _narrowed(session: Session, selectors: Sequence[EntitySelector]) -> tuple[str, tuple[Any, ...]]:
    """What an index knows of the selectors; a superset of what they select."""
    if selectors and all(one.ids for one in selectors):
        ids = [identifier for one in selectors for identifier in one.ids]
        return f"id IN ({_marks(ids)})", tuple(ids)
    if selectors and all(isinstance(one.types, TypeSelection) and not one.types.selects_all for one in selectors):
        selections = [one.types for one in selectors if isinstance(one.types, TypeSelection)]
        names = [session.find_name(min(wanted)) for selection in selections for wanted in selection.alternatives]
        known = f"SELECT entity FROM temporal_types WHERE type IN ({_marks(names)})"  # noqa: S608 — question marks
        return f"number IN ({known})", tuple(names)
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

    def matches(self) -> bool:
        """Whether the interval has an instance of the wanted Attributes, and the conditions hold in it."""
        if not any(self._has_instance(number) for number in self._wanted()):
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
        series = [self._shown(number, backwards=backwards) for number in self._wanted(with_scope=True)]
        taken, complete = self._page(merge(*series, key=_instant_and_row, reverse=backwards))
        attributes: dict[str, list[JsonObject]] = {}
        for _, _, attribute, instance in reversed(taken) if backwards else taken:
            attributes.setdefault(attribute, []).append(instance)
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

    def _wanted(self, *, with_scope: bool = False) -> list[int]:
        """Numbers of the Attributes asked for."""
        scope = self._session.find_name(SCOPE)
        if self._query.attributes:
            found = [self._session.find_name(attribute) for attribute in self._query.attributes]
            return [number for number in found if number is not None]
        return [number for number in self._attributes() if with_scope or number != scope]

    def _attributes(self) -> Iterator[int]:
        """Numbers of all Attributes that the Entity ever had, from the index, one look-up each."""
        last = -1
        while True:
            row = self._session.execute(
                "SELECT min(attribute) FROM history WHERE entity = ? AND attribute > ?", (self._number, last)
            ).fetchone()
            if row[0] is None:
                return
            last = int(row[0])
            yield last

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

    def _has_instance(self, attribute: int) -> bool:
        window, parameters = self._window()
        statement = f"SELECT 1 FROM history WHERE entity = ? AND attribute = ?{window} LIMIT 1"  # noqa: S608 — own constants
        return self._session.execute(statement, (self._number, attribute, *parameters)).fetchone() is not None

    def _rows(
        self, attribute: int, *, backwards: bool = False, datasets: Sequence[str] | None = None
    ) -> Iterator[tuple[int, int, JsonObject]]:
        """Instances of one Attribute in the interval, in the order of time."""
        window, parameters = self._window()
        if datasets is not None:
            named = [dataset for dataset in datasets if dataset != "@none"]
            default = " OR dataset IS NULL" if "@none" in datasets else ""
            window += f" AND (dataset IN ({_marks(named)}){default})"
            parameters += named
        direction = "DESC" if backwards else "ASC"
        statement = (
            f"SELECT {self._column}, number, {INSTANCE_COLUMNS} FROM history WHERE entity = ? AND attribute = ?{window}"  # noqa: S608 — own constants
            f" ORDER BY {self._column} {direction}, number {direction}"
        )
        for instant, number, *row in self._session.execute(statement, (self._number, attribute, *parameters)):
            yield _UNDATED if instant is None else instant, number, decode_instance(tuple(row))

    def _shown(self, attribute: int, *, backwards: bool) -> Iterator[_Dated]:
        """Instances of one Attribute that the answer may have."""
        iri = self._session.iri(attribute)
        rows = self._rows(attribute, backwards=backwards, datasets=self._query.dataset_ids)
        admitted = (row for row in rows if self._admits(iri, row[2]))
        for instant, number, instance in islice(admitted, self._query.last_n):
            yield instant, number, iri, instance

    def _admits(self, attribute: str, instance: JsonObject) -> bool:
        return self._evolution is None or self._evolution.admits(self._conditions, attribute, instance)

    def _considered(self, attribute: str) -> list[JsonObject]:
        """What conditions on an Attribute look at."""
        number = self._session.find_name(attribute)
        if number is None:
            return []
        found = [instance for _, _, instance in self._rows(number) if not is_deletion(instance)]
        return found or self._timeless(number)

    def _timeless(self, attribute: int) -> list[JsonObject]:
        """The latest instance of an Attribute that never had the Temporal Property; nothing if it ever had it."""
        dated = self._session.execute(
            f"SELECT 1 FROM history WHERE entity = ? AND attribute = ? AND {self._column} IS NOT NULL LIMIT 1",  # noqa: S608 — own constants
            (self._number, attribute),
        ).fetchone()
        if dated is not None:
            return []
        row = self._session.execute(
            f"SELECT {INSTANCE_COLUMNS} FROM history WHERE entity = ? AND attribute = ? ORDER BY number DESC LIMIT 1",  # noqa: S608 — own constants
            (self._number, attribute),
        ).fetchone()
        latest = [] if row is None else [decode_instance(row)]
        return [instance for instance in latest if not is_deletion(instance)]

    def _scopes(self) -> list[JsonObject]:
        number = self._session.find_name(SCOPE)
        rows = self._session.execute(
            f"SELECT {INSTANCE_COLUMNS} FROM history WHERE entity = ? AND attribute = ?"  # noqa: S608 — own constants
            " ORDER BY coalesce(observed_at, created_at), number",
            (self._number, number),
        )
        return [decode_instance(row) for row in rows]


def _instant_and_row(one: _Dated) -> tuple[int, int]:
    return one[0], one[1]
