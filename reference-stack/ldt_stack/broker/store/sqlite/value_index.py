"""Which paths of `q` have their values in the index (`values`): those that queries compared something with.

Most Attributes are never compared with anything: to keep an index of them would cost every write more than all else.
The first query that a look at many Entities would answer otherwise has the index made, in slices between the writes
of others; from then on it is kept up to date. What is being made is kept up to date as well, so that it does not
matter in which order slices and writes come, or whether the process ends in between.

A path has a number among the names: that of its Attribute, or one of its own where it goes further. `scope`, which is
no Attribute, is indexed likewise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES, AttributePath
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.values import Key, keys_of, scope_keys

_SLICE: Final = 500  # Entities: some five milliseconds
_MOST: Final = 100  # indexes of a tenant: each makes writes dearer
SCOPE: Final = AttributePath("scope")
_ELSEWHERE: Final = SYSTEM_ATTRIBUTES | {"instanceId"}
_ADD: Final = "INSERT OR IGNORE INTO entity_values (attribute, value, entity) VALUES (?, ?, ?)"
_WITH_ATTRIBUTE: Final = (
    "SELECT number, body FROM entity_attributes CROSS JOIN entities ON number = entity"
    " WHERE attribute = ? AND entity > ? ORDER BY entity LIMIT ?"
)
_SCOPED: Final = (
    "SELECT number, iif(instr(body, '\"scope\":') > 0, body, NULL) FROM entities"
    " WHERE number > ? ORDER BY number LIMIT ?"
)


def index_name(path: AttributePath) -> str | None:
    """What an index of a path is called; None: there is none of what is not kept in the body (`stored`)."""
    if path.name in SYSTEM_ATTRIBUTES or not _ELSEWHERE.isdisjoint(path.subs):
        return None
    return orjson.dumps([path.name, path.subs, path.members]).decode() if path.subs or path.members else path.name


def _path(name: str) -> AttributePath:
    """The path of an index."""
    if not name.startswith("["):  # which no IRI does
        return AttributePath(name)
    attribute, subs, members = orjson.loads(name)
    return AttributePath(attribute, tuple(subs), tuple(members))


def find_index(session: Session, path: AttributePath) -> int | None:
    """The number of a path if all its values are in the index; if not, the session notes that it was wanted."""
    name = index_name(path)
    if name is None:
        return None
    number = session.find_name(name)
    known = session.names.complete
    if number is not None and number not in known:
        row = session.execute("SELECT 1 FROM indexed WHERE attribute = ? AND complete", (number,)).fetchone()
        if row is not None:
            known.add(number)
    if number is None or number not in known:
        session.unindexed.add(name)
        return None
    return number


def is_any_indexed(session: Session) -> bool:
    """Whether the index has, or is to have, the values of any path."""
    return bool(_kept(session))


def index_values(session: Session, number: int, before: JsonObject, after: JsonObject) -> None:
    """Make the index say what an Entity has now.

    Args:
        session: Of a transaction.
        number: Of the Entity.
        before: As it was, expanded.
        after: As it is.
    """
    for path, of_path in _kept(session).items():
        was, now = before.get(path.name, ()), after.get(path.name, ())
        if not was and not now:
            continue
        had, has = _keys(path, was), _keys(path, now)
        if had != has:
            changes = session.writes.values
            changes += [((of_path, key, number), False) for key in had - has]
            changes += [((of_path, key, number), True) for key in has - had]


def _keys(path: AttributePath, found: Sequence[Any]) -> set[Key]:
    """The keys of the instances of an Attribute, or of the Scopes of an Entity."""
    return scope_keys(found) if path == SCOPE else keys_of(path, found)


def _kept(session: Session) -> dict[AttributePath, int]:
    """The paths that are in the index, or are going to be."""
    found = session.names.kept
    if found is None:
        rows = session.look("SELECT attribute FROM indexed").fetchall()
        found = session.names.kept = {_path(session.iri(number)): number for (number,) in rows}
    return found


def begin_index(session: Session, name: str) -> bool:
    """From now on writes keep the index of a path up to date; False: there are too many indexes already."""
    kept = _kept(session)
    if _path(name) not in kept:
        if len(kept) >= _MOST:
            return False
        session.execute("INSERT INTO indexed (attribute, complete) VALUES (?, 0)", (session.name(name),))
        session.names.kept = None
    return True


def fill_index(session: Session, name: str, after: int) -> int | None:
    """Put the values of some more Entities into the index.

    Args:
        session: Of a transaction.
        name: Of a path whose index was begun.
        after: The number of the last Entity that was looked at; 0 at first.

    Returns:
        The number of the last one now; None if there are no more: the index is complete.
    """
    path, number = _path(name), session.name(name)
    if path == SCOPE:
        rows = session.execute(_SCOPED, (after, _SLICE)).fetchall()
    else:
        rows = session.execute(_WITH_ATTRIBUTE, (session.find_name(path.name), after, _SLICE)).fetchall()
    found = [(entity, orjson.loads(body).get(path.name, ())) for entity, body in rows if body is not None]
    session.executemany(_ADD, [(number, key, entity) for entity, some in found for key in _keys(path, some)])
    if len(rows) == _SLICE:
        return int(rows[-1][0])
    session.execute("UPDATE indexed SET complete = 1 WHERE attribute = ?", (number,))
    return None
