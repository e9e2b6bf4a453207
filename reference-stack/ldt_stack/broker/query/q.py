"""Syntax trees of `q` and their evaluation on one Entity: ETSI GS CIM 009 V1.9.1, clause 4.9.

Every node has `matches(entity)`. Where a path leads into linked Entities (`sensor{humidity}`) the tree is bound to
something that finds them (`bind_links`); unbound, such a term matches nothing. Strings are ordered by code point (the
Unicode Collation Algorithm is a "should" of 4.9). `~=` asks whether the whole value is in L(R) of the expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES, AttributePath, Link, LinkedPath, Path, Target
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.values import Literal, Range, Value, ValueList, equals, order, within

LinkResolver = Callable[[list[Link]], Iterable[JsonObject]]
"""From links to the expanded Entities that exist."""

_ORDERED: Final[dict[str, Callable[[int], bool]]] = {
    ">": lambda position: position > 0,
    ">=": lambda position: position >= 0,
    "<": lambda position: position < 0,
    "<=": lambda position: position <= 0,
}


@dataclass(frozen=True, slots=True)
class Exists:
    """A bare attribute path: the Entity defines the target element, whatever its value."""

    path: Path

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition."""
        return any(True for _ in _targets(self.path, entity))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A path, an operator (`==`, `!=`, `>`, `>=`, `<`, `<=`) and a value."""

    path: Path
    operator: str
    value: Value

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition: any instance of the Attribute suffices (4.9)."""
        return any(self._meets(target) for target in _targets(self.path, entity))

    def _meets(self, target: Target) -> bool:
        if self.operator == "==":
            return _equal(target, self.value)
        if self.operator == "!=":
            return not _equal(target, self.value)
        if target.relationship or not isinstance(self.value, Literal):
            return False
        decide = _ORDERED[self.operator]
        values = target.value if target.languages else [target.value]
        positions = (order(value, self.value) for value in values)
        return any(position is not None and decide(position) for position in positions)


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """A path and a regular expression, `~=` or (negated) `!~=`."""

    path: Path
    pattern: str
    negated: bool = False

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition."""
        return any(self._meets(target) for target in _targets(self.path, entity))

    def _meets(self, target: Target) -> bool:
        if target.relationship:
            return False
        texts = target.value if target.languages else [target.value]
        if not texts or not all(isinstance(text, str) for text in texts):
            return False
        pattern = compile_pattern(self.pattern)
        return any(pattern.fullmatch(text) for text in texts) is not self.negated


@dataclass(frozen=True, slots=True)
class And:
    """All of them (`;`)."""

    terms: tuple[QNode, ...]

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition."""
        return all(term.matches(entity) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them (`|`)."""

    terms: tuple[QNode, ...]

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition."""
        return any(term.matches(entity) for term in self.terms)


@dataclass(frozen=True, slots=True)
class Linked:
    """A term whose path leads into linked Entities, bound to something that finds them.

    Args:
        path: The link to follow.
        term: The term on the linked Entity; its own path is what is left behind the link.
        resolve: Finds Entities by id.
        known: What links were followed, and whether they lead to what meets the term: in a dense graph many ways lead
            to the same Entity.
    """

    path: LinkedPath
    term: QNode
    resolve: LinkResolver
    known: dict[Link, bool] = field(default_factory=dict, compare=False, repr=False)

    def matches(self, entity: JsonObject) -> bool:
        """Whether a linked Entity, of a hinted type if there is a hint, meets the term."""
        return any(self._is_met_at(link) for link in self.path.links(entity))

    def _is_met_at(self, link: Link) -> bool:
        found = self.known.get(link)
        if found is None:
            wanted = set(self.path.types)
            found = self.known[link] = any(
                self.term.matches(linked)
                for linked in self.resolve([link])
                if not wanted or not wanted.isdisjoint(linked["type"])
            )
        return found


QNode = Exists | Comparison | PatternMatch | And | Or | Linked


def is_q(condition: object) -> TypeGuard[QNode]:
    """Whether one of several conditions is a query."""
    return isinstance(condition, QNode)


def _targets(path: Path, entity: JsonObject) -> Iterator[Target]:
    return path.targets(entity) if isinstance(path, AttributePath) else iter(())


def _equal(target: Target, value: Value) -> bool:
    if isinstance(value, Range):
        # A range compares single values; of an array 4.9 says nothing, so its type differs from the range's.
        values = target.value if target.languages else [target.value]
        return any(within(single, value) for single in values)
    items = value.items if isinstance(value, ValueList) else (value,)
    held: list[JsonValue] = target.value if isinstance(target.value, list) else [target.value]
    return any(equals(single, item) for single in held for item in items)


def terms_of(node: QNode) -> Iterator[Exists | Comparison | PatternMatch | Linked]:
    """The query terms of a tree, from left to right."""
    if isinstance(node, And | Or):
        for term in node.terms:
            yield from terms_of(term)
    else:
        yield node


def attributes_of(node: QNode) -> frozenset[str]:
    """Attributes of the queried Entity that a query names: IRIs, and short names of system Attributes."""
    return frozenset(term.path.name for term in terms_of(node))


def names_attribute(node: QNode) -> bool:
    """Whether a query includes "at least one non-system Attribute" (5.7.2.4)."""
    return not attributes_of(node) <= SYSTEM_ATTRIBUTES


def names_instance_times(node: QNode) -> bool:
    """Whether a query looks at a system time of an Attribute instance (`speed.modifiedAt`)."""
    paths = (term.path for term in terms_of(node))
    return any(isinstance(path, AttributePath) and not SYSTEM_ATTRIBUTES.isdisjoint(path.subs) for path in paths)


def link_depth(node: QNode) -> int:
    """How many links the deepest path follows; 0 if none does (5.7.2.4: not more than joinLevel)."""
    return max(term.path.depth if isinstance(term.path, LinkedPath) else 0 for term in terms_of(node))


def bind_links(node: QNode, resolve: LinkResolver) -> QNode:
    """The same tree with every linked term bound to what finds linked Entities; for use inside one snapshot."""
    if isinstance(node, And):
        return And(tuple(bind_links(term, resolve) for term in node.terms))
    if isinstance(node, Or):
        return Or(tuple(bind_links(term, resolve) for term in node.terms))
    if isinstance(node, Linked) or not isinstance(node.path, LinkedPath):
        return node
    path = node.path
    if isinstance(node, Exists):
        inner: QNode = Exists(path.target)
    elif isinstance(node, Comparison):
        inner = Comparison(path.target, node.operator, node.value)
    else:
        inner = PatternMatch(path.target, node.pattern, node.negated)
    return Linked(path, bind_links(inner, resolve), resolve)
