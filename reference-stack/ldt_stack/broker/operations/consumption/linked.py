"""Linked Entity retrieval: ETSI GS CIM 009 V1.9.1, clause 4.5.23.

Follows Relationships to Entities that are held here; to others: `distributed/links.py`. "When retrieving Linked
Entities, it is necessary to limit retrieval to avoid cascades of an excessive length, duplicates or loops": by depth,
and by what was encountered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.operations.consumption.query_input import View
from ldt_stack.broker.query.links import Elsewhere, EntityLookup
from ldt_stack.broker.query.paths import objects_of
from ldt_stack.broker.query.projection import Projection
from ldt_stack.broker.representation import Allowance, Links, RenderOptions
from ldt_stack.broker.representation.entity import select_instances


class Shown(NamedTuple):
    """An expanded Entity and how it is to be rendered."""

    entity: JsonObject
    options: RenderOptions


def join_entities(
    snapshot: EntityLookup, entities: Sequence[JsonObject], view: View, elsewhere: Elsewhere | None = None
) -> list[Shown]:
    """The Entities, and what they are joined with.

    Args:
        snapshot: Where linked Entities are looked up.
        entities: Linking Entities, expanded.
        view: What the caller asked for.
        elsewhere: What Relationships with an objectType lead to if it is not held here; others are "retrievable" only
            where they are "targeting a locally stored Entity" (4.5.23.1).

    Returns:
        Inline (4.5.23.2): the same Entities, with links in their options. Flat (4.5.23.3): linked Entities appended,
        each once, with whatever one of the ways to it lets through. Otherwise the Entities alone.

    Raises:
        TooManyResults: There are more linked Entities than one answer may hold; inline, where an Entity can be shown
            in many places, only when they are rendered.
    """
    roots = [Shown(entity, view.options) for entity in entities]
    if view.join is None:
        return roots
    found = _follow(snapshot, roots, view, elsewhere)
    if view.join == "flat":
        shown_before = {entity["id"] for entity in entities} | view.contained_by
        return [*roots, *(_once(ways) for identifier, ways in found.items() if identifier not in shown_before)]
    by_id, allowance = {identifier: ways[0].entity for identifier, ways in found.items()}, Allowance(view.max_linked)
    return [
        Shown(root.entity, replace(root.options, links=Links(by_id, view.join_level, encountered, allowance)))
        for root in roots
        for encountered in [_encountered(root, view)]
    ]


def _once(ways: Sequence[Shown]) -> Shown:
    """An Entity that is reached in several ways, with the members that any of their projections lets through."""
    first = ways[0]
    if len(ways) == 1:
        return first
    members = frozenset(member for member in first.entity if any(one.options.shows(member) for one in ways))
    return Shown(first.entity, replace(first.options, pick=Projection(members), omit=None))


def _encountered(root: Shown, view: View) -> frozenset[str]:
    return view.contained_by | {root.entity["id"]}


def _follow(
    snapshot: EntityLookup, roots: Sequence[Shown], view: View, elsewhere: Elsewhere | None
) -> dict[str, list[Shown]]:
    """Linked Entities by id, breadth first, in the order they are reached: once for each projection (4.21) of them."""
    found: dict[str, list[Shown]] = {}
    missing: set[tuple[str, bool]] = set()
    level: Sequence[Shown] = roots
    for _ in range(view.join_level):
        below: list[Shown] = []
        for identifier, options, annotated in (link for shown in level for link in _links(shown)):
            ways = found.get(identifier)
            if ways is not None:
                if all(one.options != options for one in ways):
                    ways.append(Shown(ways[0].entity, options))
                    below.append(ways[-1])
                continue
            if (identifier, annotated) in missing or identifier in view.contained_by:
                continue
            entity = snapshot.get_entity(identifier)
            if annotated and elsewhere is not None:
                entity = elsewhere.find(identifier, entity)
            if entity is None:
                missing.add((identifier, annotated))
                continue
            found[identifier] = [Shown(entity, options)]
            below.extend(found[identifier])
            if len(found) > view.max_linked:
                raise TooManyResults(f"More than {view.max_linked} linked Entities are reached; ask for fewer.")
        level = below
    return found


def _links(shown: Shown) -> Iterator[tuple[str, RenderOptions, bool]]:
    """What the Relationships that the caller sees lead to, how it is rendered, and whether there is an objectType."""
    options = shown.options
    for name, instances in shown.entity.items():
        if not is_attribute_key(name) or not options.shows(name):
            continue
        if options.attributes is not None and name not in options.attributes:
            continue
        inner = replace(options.of_linked(name), attributes=None)
        for instance in select_instances(instances, options):
            for identifier in objects_of(instance):
                yield identifier, inner, "objectType" in instance
