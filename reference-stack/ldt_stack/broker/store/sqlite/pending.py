"""Rows that wait to be written: the jobs of a commit group gather them, and one statement writes many.

Each statement leaves the interpreter to others and waits to have it back; one that writes many rows does so once, and
the event loop works meanwhile. What waits is told of by `entities` and `evolutions`; whoever asks the tables anything
else settles first. A job that settles gets a savepoint: what is undone if it fails is then in the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, NamedTuple

_SIZES: Final = (32, 8, 1)  # rows a statement: few statements, which SQLite keeps prepared
_MANY: Final = 1024  # rows of the history; more are not kept waiting
_MANY_ENTITIES: Final = 5000  # some megabytes; likewise


class EntityRow(NamedTuple):
    """What is looked up by id.

    Args:
        number: Of the Entity.
        body: Its text; None: it was not read.
        times: System times of its instances, where they are not those of the Entity.
        expires_at: Normalized.
        form: If it was written as nothing but plain, the number of its types and Attributes; otherwise None.
        created: Likewise, when it was created, in microseconds since 1970.
        places: Likewise, what tells its GeoProperties.
    """

    number: int
    body: str | None
    times: str | None
    expires_at: str | None
    form: int | None = None
    created: int | None = None
    places: str = ""


@dataclass(frozen=True)
class _Table:
    """How rows of a table are written.

    Args:
        insert: Up to VALUES.
        columns: How many there are.
        otherwise: What is done where there is such a row.
    """

    insert: str
    columns: int
    otherwise: str = ""

    @cached_property
    def statements(self) -> dict[int, str]:
        """By the number of rows."""
        row = f"({','.join('?' * self.columns)})"
        return {size: f"{self.insert} VALUES {','.join([row] * size)}{self.otherwise}" for size in _SIZES}

    def write(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """In their order."""
        begin = 0
        for size in _SIZES:
            while len(rows) - begin >= size:
                some = chain.from_iterable(rows[begin : begin + size])
                connection.execute(self.statements[size], tuple(some))
                begin += size


_ENTITIES: Final = _Table(
    "INSERT INTO entities (number, id, form, created, places, expires_at, next_expiry, times, body)",
    9,
    " ON CONFLICT (number) DO UPDATE SET form = excluded.form, created = excluded.created, places = excluded.places,"
    " expires_at = excluded.expires_at, next_expiry = excluded.next_expiry, times = excluded.times,"
    " body = excluded.body",
)
_TYPES: Final = _Table("INSERT INTO entity_types (type, entity)", 2)
_ATTRIBUTES: Final = _Table("INSERT INTO entity_attributes (attribute, entity)", 2)
_EVOLUTIONS: Final = _Table("INSERT INTO temporal_entities (number, id, head)", 3)
_EVOLUTION_TYPES: Final = _Table("INSERT INTO temporal_types (type, entity)", 2)
_HISTORY: Final = _Table(
    "INSERT INTO history (number, entity, shape, instance_id, body, observed_at, created_at, modified_at, deleted_at)",
    9,
)
_OUTBOX: Final = _Table("INSERT INTO outbox (number, subscription, body)", 3)
_PLACES: Final = _Table("INSERT OR REPLACE INTO places (number, west, south, east, north, attribute)", 6)
_VALUES: Final = _Table("INSERT OR IGNORE INTO entity_values (attribute, value, entity)", 3)
_Rows = list[tuple[Any, ...]]


class Pending:
    """What the jobs of one group have written, as far as it is not in the tables yet.

    Attributes:
        entities: By id, those that were read or put; None: there is no such row.
        evolutions: Numbers of temporal evolutions by id, of those that wait.
        rows_of_entities, types, attributes, evolution_rows, evolution_types, history, outbox: Rows to be inserted.
        places: Number of a box with its row; None: it goes. The last one counts.
        values: Row of the index of values, and whether it comes or goes. The last one counts.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.entities: dict[str, EntityRow | None] = {}
        self.evolutions: dict[str, int] = {}
        self.rows_of_entities: _Rows = []
        self.types: _Rows = []
        self.attributes: _Rows = []
        self.evolution_rows: _Rows = []
        self.evolution_types: _Rows = []
        self.history: _Rows = []
        self.outbox: _Rows = []
        self.places: list[tuple[int, tuple[Any, ...] | None]] = []
        self.values: list[tuple[tuple[Any, ...], bool]] = []
        self._connection = connection
        self._tables: tuple[tuple[_Table, _Rows], ...] = (
            (_ENTITIES, self.rows_of_entities),
            (_TYPES, self.types),
            (_ATTRIBUTES, self.attributes),
            (_EVOLUTIONS, self.evolution_rows),
            (_EVOLUTION_TYPES, self.evolution_types),
            (_HISTORY, self.history),
            (_OUTBOX, self.outbox),
        )
        self._lists: tuple[list[Any], ...] = (*(rows for _, rows in self._tables), self.places, self.values)
        self._marks = [0] * len(self._lists)
        self._saved = False

    def begin(self) -> None:
        """A job begins."""
        self._marks = [len(rows) for rows in self._lists]
        self._saved = False

    def settle(self) -> None:
        """Write what waits, before a statement that must see it or come after it."""
        if not self._saved:
            own = self._cut()
            self.flush()  # of the jobs before
            self._connection.execute("SAVEPOINT job")
            self._saved = True
            for rows, some in zip(self._lists, own, strict=True):
                rows += some
        self.flush()

    def settle_if_many(self) -> None:
        """Keep no more waiting than is of use."""
        if len(self.history) > _MANY:
            self.settle()

    def keep(self) -> None:
        """The job is done."""
        if self._saved:
            self.flush()
            self._connection.execute("RELEASE job")
        if len(self.entities) > _MANY_ENTITIES:
            self.flush()
            self.entities.clear()

    def undo(self) -> bool:
        """The job failed, nothing of it is kept. Returns whether it had written anything."""
        dirty = any(self._cut()) or self._saved
        if self._saved:
            self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
        if dirty:
            self.flush()  # what is remembered of the jobs before can be forgotten then
            self.entities.clear()
        return dirty

    def flush(self) -> None:
        """Write everything."""
        for table, rows in self._tables:
            if rows:
                table.write(self._connection, rows)
        if self.places:
            self._write_places()
        if self.values:
            self._write_values()
        for one in self._lists:
            one.clear()
        self._marks = [0] * len(self._lists)
        self.evolutions.clear()

    def _cut(self) -> list[list[Any]]:
        """Take out what the job wrote."""
        own = [rows[mark:] for rows, mark in zip(self._lists, self._marks, strict=True)]
        for rows, mark in zip(self._lists, self._marks, strict=True):
            del rows[mark:]
        return own

    def _write_places(self) -> None:
        last = dict(self.places)
        gone = [(number,) for number, row in last.items() if row is None]
        if gone:
            self._connection.executemany("DELETE FROM places WHERE number = ?", gone)
        _PLACES.write(self._connection, [(number, *row) for number, row in last.items() if row is not None])

    def _write_values(self) -> None:
        last = dict(self.values)
        gone = [row for row, there in last.items() if not there]
        if gone:
            self._connection.executemany(
                "DELETE FROM entity_values WHERE attribute = ? AND value = ? AND entity = ?", gone
            )
        _VALUES.write(self._connection, [row for row, there in last.items() if there])
