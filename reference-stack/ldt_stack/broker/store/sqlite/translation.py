"""Query trees as SQL conditions on the table `entities`.

A translation never leaves out an Entity that matches. Where it also never lets one through that does not, it is exact;
all others are checked again on the Entity itself, with the tree's own `matches`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ldt_stack.broker.query import GeoQuery, ScopeQuery, TypeSelection
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES, AttributePath
from ldt_stack.broker.query.q import And, Comparison, Exists, Linked, Or, PatternMatch
from ldt_stack.broker.store.interface import EntityQuery, EntitySelector, Predicate
from ldt_stack.broker.store.sqlite.session import Session


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL expression with its parameters. `exact`: it decides; otherwise it only narrows."""

    sql: str
    parameters: tuple[Any, ...] = ()
    exact: bool = True


EVERYTHING: Final = Condition("1")
UNKNOWN: Final = Condition("1", exact=False)
NOTHING: Final = Condition("0")


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Every one of them holds."""
    found = list(conditions)
    narrowing = [one for one in found if one.sql != "1"]
    exact = all(one.exact for one in found)
    if not narrowing:
        return EVERYTHING if exact else UNKNOWN
    sql = " AND ".join(one.sql for one in narrowing)
    return Condition(f"({sql})", _parameters(narrowing), exact)


def any_of(conditions: Iterable[Condition]) -> Condition:
    """At least one of them holds."""
    found = [one for one in conditions if one.sql != "0"]
    if not found:
        return NOTHING
    exact = all(one.exact for one in found)
    if any(one.sql == "1" for one in found):
        return EVERYTHING if exact else UNKNOWN
    sql = " OR ".join(one.sql for one in found)
    return Condition(f"({sql})", _parameters(found), exact)


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
        parts.append(Condition(f"entities.id IN ({','.join('?' * len(selector.ids))})", selector.ids))
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
        # `scope` is an Entity's own member or part of its values; where neither stands there, it has no Scope.
        return Condition("instr(entities.body, '\"scope\":') > 0", exact=False)
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
    return Condition("entities.number IN (SELECT entity FROM entity_types WHERE type = ?)", (number,))


def _has_attribute(session: Session, iri: str) -> Condition:
    number = session.find_name(iri)
    if number is None:
        return NOTHING
    return Condition("entities.number IN (SELECT entity FROM entity_attributes WHERE attribute = ?)", (number,))


def _term(session: Session, term: Exists | Comparison | PatternMatch | Linked) -> Condition:
    """Every term needs its Attribute; a bare name needs nothing else (4.9)."""
    if term.path.name in SYSTEM_ATTRIBUTES:
        return UNKNOWN
    there = _has_attribute(session, term.path.name)
    path = term.path
    bare = isinstance(path, AttributePath) and not path.subs and not path.members
    if there is NOTHING or (bare and isinstance(term, Exists)):
        return there
    return Condition(there.sql, there.parameters, exact=False)


def _geo(session: Session, query: GeoQuery) -> Condition:
    attribute = session.find_name(query.geoproperty)
    if attribute is None:
        return NOTHING
    boxes = query.bounding_boxes()
    if boxes is None:
        there = _has_attribute(session, query.geoproperty)
        return Condition(there.sql, there.parameters, exact=False)
    touching = " OR ".join(["(tree.west <= ? AND tree.east >= ? AND tree.south <= ? AND tree.north >= ?)"] * len(boxes))
    parameters = tuple(edge for west, south, east, north in boxes for edge in (east, west, north, south))
    return Condition(
        "entities.number IN (SELECT places.entity FROM places_tree AS tree JOIN places ON places.number = tree.number"  # noqa: S608 — own constants
        f" WHERE places.attribute = ? AND ({touching}))",
        (attribute, *parameters),
        exact=False,
    )
