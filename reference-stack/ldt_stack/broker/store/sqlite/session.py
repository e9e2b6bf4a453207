"""A snapshot or transaction on one connection: gathers the functions of the sibling modules behind the interface.

Each sibling has the functions of one concern, on a `Session` (connection and name cache): `entities`, `queries`,
`history`, `documents`, `outbox`.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from ldt_stack.broker.errors import TooComplexQuery
from ldt_stack.broker.query.paths import AttributePath
from ldt_stack.broker.store.data import Delivery
from ldt_stack.broker.store.sqlite.pending import Pending

_MAX_REMEMBERED: Final = 10_000  # shapes, evolutions: of a connection


@dataclass(slots=True)
class Names:
    """IRI <-> number, shape <-> number. One per connection; forgotten when a transaction is rolled back.

    A shape is what Attributes a row of the history has, in their order. For the connection that writes: `instances`,
    `entities`, `last_evolution` and `deliveries` are the last numbers that were given to such rows, `kept` the
    paths whose values the index is to have, `evolutions` numbers of temporal evolutions by id. `complete` are
    paths of which the index has all values; once it has, it always has.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    iris: dict[int, str] = field(default_factory=dict)
    shapes: dict[tuple[int | str, ...], int] = field(default_factory=dict)
    attributes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    instances: int | None = None
    entities: int | None = None
    kept: dict[AttributePath, int] | None = None
    evolutions: dict[str, int] = field(default_factory=dict)
    last_evolution: int | None = None
    deliveries: int | None = None
    complete: set[int] = field(default_factory=set)

    def clear(self) -> None:
        """Forget everything."""
        self.numbers.clear()
        self.iris.clear()
        self.shapes.clear()
        self.attributes.clear()
        self.instances = None
        self.entities = None
        self.kept = None
        self.evolutions.clear()
        self.last_evolution = None
        self.deliveries = None
        self.complete.clear()


class TooDear(Exception):  # noqa: N818 — a turn of events, not an error
    """A read needs more than the event loop should spend on it: to be begun again in a thread."""


@dataclass(slots=True)
class Session:
    """A connection inside a transaction.

    Args:
        connection: Rows are tuples.
        now: The present instant as normalized text: expired Entities are not there any more (4.22).
        names: Cache of the table `names`.
        versions: Document kind -> version, shared by all connections of the tenant.
        timeout_seconds: How long one look through many rows may take.
        budget: How many Entities may still be looked at; None: as many as it takes.
        begun: When the latest statement was run, on the monotonic clock.
        pending: Of a transaction: rows that wait to be written. None: a snapshot.
        enqueued: What went into the outbox.
        touched_kinds: Kinds of documents that were put or deleted.
        unindexed: Names of paths whose values a query would have liked to look up (`value_index`).
        looked_at: How many Entities were looked at.
    """

    connection: sqlite3.Connection
    now: Callable[[], str]
    names: Names
    versions: dict[str, int]
    timeout_seconds: float
    budget: int | None = None
    begun: float = math.inf
    pending: Pending | None = None
    unindexed: set[str] = field(default_factory=set)
    looked_at: int = 0
    enqueued: list[Delivery] = field(default_factory=list)
    touched_kinds: set[str] = field(default_factory=set)

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement, once nothing waits to be written any more."""
        if self.pending is not None:
            self.pending.settle()
        return self.look(statement, parameters)

    def executemany(self, statement: str, parameters: Iterable[tuple[Any, ...]]) -> None:
        """Likewise, once for each."""
        if self.pending is not None:
            self.pending.settle()
        self.connection.executemany(statement, parameters)

    def look(self, statement: str, parameters: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run a statement that reads nothing that may wait to be written."""
        self.begun = time.monotonic()
        return self.connection.execute(statement, parameters)

    def look_at_all(self, columns: Sequence[str], table: str, ids: Iterable[str]) -> Iterator[list[str]]:
        """Columns of the rows with these ids, as texts, "" for NULL.

        They come as one text: each row would leave the interpreter to others, and wait to have it back. Neither JSON
        nor a URI has control characters, which keep columns and rows apart.
        """
        row = " || char(31) || ".join(f"coalesce({column}, '')" for column in columns)
        statement = f"SELECT group_concat({row}, char(30)) FROM {table} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 — own
        (found,) = self.look(statement, (orjson.dumps(list(ids)).decode(),)).fetchone()
        if found:
            for one in found.split("\x1e"):
                yield one.split("\x1f")

    @property
    def writes(self) -> Pending:
        """Where a transaction puts its rows."""
        if self.pending is None:
            raise RuntimeError("This is a snapshot, which writes nothing")
        return self.pending

    def spend(self, entities: int) -> None:
        """So many Entities are looked at.

        Raises:
            TooDear: The budget does not allow it.
        """
        self.looked_at += entities
        if self.budget is not None:
            self.budget -= entities
            if self.budget < 0:
                raise TooDear

    def timed(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The rows, as long as there is time.

        Raises:
            TooComplexQuery: It takes too long to look at them (5.5.6).
        """
        deadline = time.monotonic() + self.timeout_seconds
        for row in rows:
            if time.monotonic() > deadline:
                raise self.too_complex()
            yield row

    def too_complex(self) -> TooComplexQuery:
        """The error of a query that takes too long."""
        return TooComplexQuery(
            f"The query was stopped after {self.timeout_seconds} seconds. Try one that also selects by type or id, or"
            " simpler conditions."
        )

    def find_name(self, iri: str) -> int | None:
        """The number of an IRI, or None if nothing was ever stored under it."""
        number = self.names.numbers.get(iri)
        if number is None:
            row = self.look("SELECT number FROM names WHERE iri = ?", (iri,)).fetchone()
            if row is None:
                return None
            number = int(row[0])
            self.names.numbers[iri] = number
            self.names.iris[number] = iri
        return number

    def name(self, iri: str) -> int:
        """The number of an IRI; given on first use."""
        number = self.find_name(iri)
        if number is None:
            number = int(self.execute("INSERT INTO names (iri) VALUES (?) RETURNING number", (iri,)).fetchone()[0])
            self.names.numbers[iri] = number
            self.names.iris[number] = iri
        return number

    def iri(self, number: int) -> str:
        """The IRI of a number."""
        iri = self.names.iris.get(number)
        if iri is None:
            iri = str(self.look("SELECT iri FROM names WHERE number = ?", (number,)).fetchone()[0])
            self.names.iris[number] = iri
            self.names.numbers[iri] = number
        return iri

    def shape(self, attributes: tuple[int, ...]) -> int:
        """The number of a shape, of numbers of Attributes; given on first use."""
        number = self.names.shapes.get(attributes)
        if number is None:
            text = orjson.dumps(attributes).decode()
            row = self.look("SELECT number FROM shapes WHERE attributes = ?", (text,)).fetchone()
            if row is None:
                row = self.execute("INSERT INTO shapes (attributes) VALUES (?) RETURNING number", (text,)).fetchone()
            number = int(row[0])
            self._remember(attributes, number)
        return number

    def shape_of(self, iris: Sequence[str]) -> int:
        """The number of the shape of IRIs of Attributes."""
        key = tuple(iris)
        number = self.names.shapes.get(key)
        if number is None:
            number = self.shape(tuple(self.name(iri) for iri in iris))
            self._remember(key, number)
        return number

    def form_of(self, types: tuple[str, ...], names: tuple[str, ...]) -> int:
        """The number of a form: IRIs of types and of Attributes; kept as a shape that says how many the types are."""
        key: tuple[int | str, ...] = (len(types), *types, *names)
        number = self.names.shapes.get(key)
        if number is None:
            number = self.shape((len(types), *(self.name(iri) for iri in (*types, *names))))
            self._remember(key, number)
        return number

    def _remember(self, key: tuple[int | str, ...], number: int) -> None:
        if len(self.names.shapes) >= _MAX_REMEMBERED:
            self.names.shapes.clear()
        self.names.shapes[key] = number

    def attributes_of(self, shape: int) -> tuple[int, ...]:
        """The numbers of the Attributes of a shape."""
        found = self.names.attributes.get(shape)
        if found is None:
            row = self.look("SELECT attributes FROM shapes WHERE number = ?", (shape,)).fetchone()
            found = tuple(orjson.loads(row[0]))
            if len(self.names.attributes) >= _MAX_REMEMBERED:
                self.names.attributes.clear()
            self.names.attributes[shape] = found
        return found

    def shapes_of(self, evolution: int) -> list[int]:
        """Of all rows of an evolution, from the index, one look-up each."""
        found: list[int] = []
        last = -1
        while True:
            row = self.execute(
                "SELECT min(shape) FROM history WHERE entity = ? AND shape > ?", (evolution, last)
            ).fetchone()
            if row[0] is None:
                return found
            last = int(row[0])
            found.append(last)

    def know_evolution(self, entity_id: str, number: int) -> None:
        """Remember the number of a temporal evolution."""
        if self.pending is not None:
            if len(self.names.evolutions) >= _MAX_REMEMBERED:
                self.names.evolutions.clear()
            self.names.evolutions[entity_id] = number

    def next_instance(self, count: int) -> int:
        """The number of the last of so many new instances of the history."""
        if self.names.instances is None:
            self.names.instances = self._last_number("history")
        self.names.instances += count
        return self.names.instances

    def next_entity(self) -> int:
        """The number of a new Entity."""
        if self.names.entities is None:
            self.names.entities = self._last_number("entities")
        self.names.entities += 1
        return self.names.entities

    def next_evolution(self) -> int:
        """The number of a new temporal evolution."""
        if self.names.last_evolution is None:
            self.names.last_evolution = self._last_number("temporal_entities")
        self.names.last_evolution += 1
        return self.names.last_evolution

    def next_delivery(self) -> int:
        """The number of a new delivery: one that none had before, though it be gone."""
        if self.names.deliveries is None:
            row = self.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
            self.names.deliveries = 0 if row is None else int(row[0])
        self.names.deliveries += 1
        return self.names.deliveries

    def _last_number(self, table: str) -> int:
        return int(self.execute(f"SELECT coalesce(max(number), 0) FROM {table}").fetchone()[0])  # noqa: S608 — own
