"""Which Attributes have their values in the index (`values`): those that queries asked for.

Most Attributes are never compared with anything: to keep an index of them would cost every write more than all else.
The first query that a look at many Entities would answer otherwise has the index made, in slices between the writes
of others; from then on it is kept up to date. What is being made is kept up to date as well, so that it does not
matter in which order slices and writes come, or whether the process ends in between.
"""

from __future__ import annotations

from typing import Final

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.values import keys_of

_SLICE: Final = 500  # Entities: some five milliseconds
_ADD: Final = "INSERT OR IGNORE INTO entity_values (attribute, value, entity) VALUES (?, ?, ?)"


def is_indexed(session: Session, iri: str, attribute: int) -> bool:
    """Whether all values of an Attribute are in the index; if not, the session notes that it was wanted."""
    known = session.names.complete
    if attribute not in known:
        row = session.execute("SELECT 1 FROM indexed WHERE attribute = ? AND complete", (attribute,)).fetchone()
        if row is None:
            session.unindexed.add(iri)
            return False
        known.add(attribute)
    return True


def is_any_indexed(session: Session) -> bool:
    """Whether the index has, or is to have, the values of any Attribute."""
    return bool(_kept(session))


def index_values(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the index say what an Entity has now.

    Args:
        session: Of a transaction.
        number: Of the Entity.
        before: As it was, expanded.
        after: As it is.
    """
    for iri, attribute in _kept(session).items():
        was, now = before.get(iri, ()), after.get(iri, ())
        if not was and not now:
            continue
        had, has = keys_of(iri, was), keys_of(iri, now)
        if had != has:
            changes = session.writes.values
            changes += [((attribute, key, number), False) for key in had - has]
            changes += [((attribute, key, number), True) for key in has - had]


def _kept(session: Session) -> dict[str, int]:
    """The Attributes that are in the index, or are going to be."""
    found = session.names.kept
    if found is None:
        rows = session.look("SELECT attribute FROM indexed").fetchall()
        found = session.names.kept = {session.iri(attribute): attribute for (attribute,) in rows}
    return found


def begin_index(session: Session, iri: str) -> None:
    """From now on writes keep the index of an Attribute up to date."""
    session.execute("INSERT OR IGNORE INTO indexed (attribute, complete) VALUES (?, 0)", (session.name(iri),))
    session.names.kept = None


def fill_index(session: Session, iri: str, after: int) -> int | None:
    """Put the values of some more Entities into the index.

    Args:
        session: Of a transaction.
        iri: Of an Attribute whose index was begun.
        after: The number of the last Entity that was looked at; 0 at first.

    Returns:
        The number of the last one now; None if there are no more: the index is complete.
    """
    attribute = session.name(iri)
    rows = session.execute(
        "SELECT number, body FROM entity_attributes CROSS JOIN entities ON number = entity"
        " WHERE attribute = ? AND entity > ? ORDER BY entity LIMIT ?",
        (attribute, after, _SLICE),
    ).fetchall()
    session.executemany(
        _ADD, [(attribute, key, number) for number, body in rows for key in keys_of(iri, orjson.loads(body)[iri])]
    )
    if len(rows) == _SLICE:
        return int(rows[-1][0])
    session.execute("UPDATE indexed SET complete = 1 WHERE attribute = ?", (attribute,))
    return None
