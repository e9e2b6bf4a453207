"""Query trees as SQL conditions on the number of an Entity, `c.entity`.

A translation never leaves out an Entity that matches. Where it also never lets one through that does not, it is exact;
all others are checked again on the Entity itself, with the tree's own `matches`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ldt_stack.broker.query import GeoQuery, ScopeQuery, TypeSelection
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES, AttributePath
from ldt_stack.broker.query.q import And, Comparison, Exists, Linked, Or, PatternMatch
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, Predicate
from ldt_stack.broker.store.sqlite.places import ENTITY_SHIFT
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.value_index import SCOPE, find_index
from ldt_stack.broker.store.sqlite.values import Keys, find_keys, find_scope_keys


class Condition(NamedTuple):
    """An SQL expression with its parameters.

    Args:
        sql: On `c.entity`.
        parameters: Its own.
        exact: It decides; otherwise it only narrows.
        candidates: A SELECT of the numbers of all Entities that can meet it, with the same parameters; "" where there
            is no index to find them by.
        parts: All of which must hold, where that is how it is made.
        rank: How few candidates there usually are, from `FEWEST` to `MOST`.
        looked_up: `sql` is a look-up for each Entity; otherwise it gathers all candidates first.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    exact: bool = True
    candidates: str = ""
    parts: tuple[Condition, ...] = ()
    rank: int = 5
    looked_up: bool = True


# How few Entities a condition usually leaves.
FEWEST: Final = 0  # by id
_EQUAL, _BETWEEN, _BEYOND = 1, 2, 3  # one value, or near a place; a range; an open range
ATTRIBUTE: Final = 4  # that it is there
MOST: Final = 5  # by type: a great part of all

EVERYTHING: Final = Condition("1")
UNKNOWN: Final = Condition("1", exact=False)
NOTHING: Final = Condition("0", candidates="SELECT 0 AS entity WHERE 0", rank=FEWEST)


_WITH_KEY: Final = "SELECT entity FROM entity_values WHERE attribute = ? AND"
_HAS_KEY: Final = "SELECT 1 FROM entity_values WHERE attribute = ? AND entity = c.entity AND"
_UNCLEAR: Final = f"{_WITH_KEY} value IN (x'', x'00') LIMIT 1"


def _among(candidates: str, parameters: tuple[Any, ...], *, exact: bool, rank: int, few: bool = False) -> Condition:
    return Condition(f"c.entity IN ({candidates})", parameters, exact, candidates, (), rank, few)


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Every one of them holds."""
    parts = tuple(part for one in conditions for part in (one.parts or (one,)))
    narrowing = tuple(part for part in parts if part.sql != "1")
    exact = all(part.exact for part in parts)
    if not narrowing:
        return EVERYTHING if exact else UNKNOWN
    if len(narrowing) == 1 and narrowing[0].exact is exact:
        return narrowing[0]
    sql = " AND ".join(part.sql for part in narrowing)
    looked_up = all(part.looked_up for part in narrowing)
    return Condition(f"({sql})", _parameters(narrowing), exact, parts=parts, looked_up=looked_up)


def parts_of(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """What must hold for all of them to hold, one by one, as far as anything is said."""
    return tuple([part for one in conditions for part in (one.parts or (one,)) if part.sql != "1"])


def any_of(conditions: Iterable[Condition]) -> Condition:
    """At least one of them holds."""
    found = [one for one in conditions if one.sql != "0"]
    if len(found) < 2:
        return found[0] if found else NOTHING
    exact = all(one.exact for one in found)
    if any(one.sql == "1" for one in found):
        return EVERYTHING if exact else UNKNOWN
    looked_up = all(one.looked_up for one in found)
    best = [min((part for part in one.parts or (one,) if part.candidates), key=_rank, default=None) for one in found]
    known = [one for one in best if one is not None]
    if len(known) < len(found):
        sql = " OR ".join(one.sql for one in found)
        return Condition(f"({sql})", _parameters(found), exact, looked_up=looked_up)
    candidates, rank = " UNION ALL ".join(one.candidates for one in known), max(one.rank for one in known)
    if any(one.parts for one in found):  # of those only one part is asked for
        return _among(candidates, _parameters(known), exact=False, rank=rank)
    sql = " OR ".join(one.sql for one in found)
    return Condition(f"({sql})", _parameters(found), exact, candidates, (), rank, looked_up)


def _rank(condition: Condition) -> int:
    return condition.rank


def _parameters(conditions: Iterable[Condition]) -> tuple[Any, ...]:
    return tuple(parameter for one in conditions for parameter in one.parameters)


def translate_attributes(session: Session, query: EntityQuery) -> Condition:
    """At least one of the Attributes is there (5.7.2.4)."""
    if not query.attributes:
        return EVERYTHING
    return any_of(_has_attribute(session, name) for name in query.attributes)


def translate_selectors(session: Session, selectors: Sequence[EntitySelector]) -> Condition:
    """Any of the selectors holds; none at all selects everything."""
    return any_of(_selector(session, selector) for selector in selectors) if selectors else EVERYTHING


def _selector(session: Session, selector: EntitySelector) -> Condition:
    parts: list[Condition] = []
    if selector.ids:
        known = f"SELECT number AS entity FROM entities WHERE id IN ({','.join('?' * len(selector.ids))})"  # noqa: S608 — marks
        parts.append(_among(known, selector.ids, exact=True, rank=FEWEST, few=True))
    if selector.types is not None:
        parts.append(translate(session, selector.types))
    if selector.id_pattern is not None:
        parts.append(UNKNOWN)
    return all_of(parts)


def translate(session: Session, predicate: Predicate) -> Condition:
    """A tree of `broker.query` as SQL; of what is not known, nothing is said."""
    if isinstance(predicate, TypeSelection):
        return _types(session, predicate)
    if isinstance(predicate, And):
        return all_of(translate(session, term) for term in predicate.terms)
    if isinstance(predicate, Or):
        return any_of(translate(session, term) for term in predicate.terms)
    if isinstance(predicate, Exists | Comparison | PatternMatch | Linked):
        return _term(session, predicate)
    if isinstance(predicate, GeoQuery):
        return _geo(session, predicate)
    if isinstance(predicate, ScopeQuery):
        index = find_index(session, SCOPE)
        if index is not None:
            return any_of(
                all_of(_with_keys(session, index, find_scope_keys(pattern)) for pattern in patterns)
                for patterns in predicate.alternatives
            )
        # `scope` is an Entity's own member or part of its values; where neither stands there, it has no Scope.
        scoped = "EXISTS (SELECT 1 FROM entities WHERE number = c.entity AND instr(body, '\"scope\":') > 0)"
        return Condition(scoped, exact=False)
    return UNKNOWN


def _types(session: Session, selection: TypeSelection) -> Condition:
    if selection.selects_all:
        return EVERYTHING
    return any_of(
        all_of(_has_type(session, name) for name in sorted(alternative)) for alternative in selection.alternatives
    )


def _has_type(session: Session, iri: str) -> Condition:
    number = session.find_name(iri)
    if number is None:
        return NOTHING
    own = "EXISTS (SELECT 1 FROM entity_types WHERE type = ? AND entity = c.entity)"
    return Condition(own, (number,), candidates="SELECT entity FROM entity_types WHERE type = ?")


def _has_attribute(session: Session, iri: str) -> Condition:
    number = session.find_name(iri)
    return NOTHING if number is None else _has(number)


def _has(number: int) -> Condition:
    own = "EXISTS (SELECT 1 FROM entity_attributes WHERE attribute = ? AND entity = c.entity)"
    return Condition(
        own, (number,), candidates="SELECT entity FROM entity_attributes WHERE attribute = ?", rank=ATTRIBUTE
    )


def _term(session: Session, term: Exists | Comparison | PatternMatch | Linked) -> Condition:
    """Every term needs its Attribute; a bare name needs nothing else (4.9)."""
    path = term.path
    if path.name in SYSTEM_ATTRIBUTES:
        return UNKNOWN
    number = session.find_name(path.name)
    if number is None:
        return NOTHING
    there = _has(number)
    if not isinstance(path, AttributePath):
        return there._replace(exact=False)
    if isinstance(term, Comparison):
        keys = find_keys(path, term.operator, term.value)
        index = None if keys is None else find_index(session, path)
        if keys is not None and index is not None:
            return _with_keys(session, index, keys)
    bare = not path.subs and not path.members
    return there if bare and isinstance(term, Exists) else there._replace(exact=False)


def _with_keys(session: Session, attribute: int, keys: Keys) -> Condition:
    rank = _EQUAL if keys.bounds is None else _BETWEEN if keys.bounds == 2 else _BEYOND
    candidates, own = f"{_WITH_KEY} {keys.sql}", f"EXISTS ({_HAS_KEY} {keys.sql})"
    if session.execute(_UNCLEAR, (attribute,)).fetchone() is None:
        return Condition(own, (attribute, *keys.parameters), keys.exact, candidates, (), rank)
    candidates, own = f"{candidates} UNION ALL {_WITH_KEY} value = x''", f"({own} OR EXISTS ({_HAS_KEY} value = x''))"
    return Condition(own, (attribute, *keys.parameters, attribute), exact=False, candidates=candidates, rank=rank)


def _geo(session: Session, query: GeoQuery) -> Condition:
    attribute = session.find_name(query.geoproperty)
    if attribute is None:
        return NOTHING
    boxes = query.bounding_boxes()
    if boxes is None:
        return _has_attribute(session, query.geoproperty)._replace(exact=False)
    touching = " OR ".join(["(tree.west <= ? AND tree.east >= ? AND tree.south <= ? AND tree.north >= ?)"] * len(boxes))
    parameters = tuple(edge for west, south, east, north in boxes for edge in (east, west, north, south))
    candidates = (
        f"SELECT tree.number >> {ENTITY_SHIFT} AS entity FROM places AS tree WHERE tree.attribute = ? AND ({touching})"  # noqa: S608 — own constants
    )
    return _among(candidates, (attribute, *parameters), exact=False, rank=_EQUAL)
