"""Attribute Projection Language (`pick`, `omit`, `attrs`): ETSI GS CIM 009 V1.9.1, clause 4.21."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ldt_stack.broker.query.lexical import MAX_TERMS, Cursor, is_member_name

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

# Members of an Entity that a projection may name beside Attributes; they keep their short names.
ENTITY_MEMBERS: Final = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
_NAME: Final = re.compile(r"[^,|{}\s]+")


@dataclass(frozen=True, slots=True)
class Projection:
    """What is picked or omitted.

    Args:
        members: Short names of Entity members, IRIs of Attributes.
        linked: For a Relationship (its IRI): the projection of the Entities it leads to.
    """

    members: frozenset[str]
    linked: tuple[tuple[str, Projection], ...] = ()

    @property
    def depth(self) -> int:
        """How many links the deepest term follows (5.7.1.4: not more than joinLevel)."""
        return max((1 + inner.depth for _, inner in self.linked), default=0)

    def of_linked(self, relation: str) -> Projection | None:
        """The projection of the Entities a Relationship leads to, None if it has no own."""
        return next((inner for name, inner in self.linked if name == relation), None)

    def union(self, other: Projection) -> Projection:
        """What one of the two names: `owner{name},owner{age}` is `owner{name,age}`."""
        linked = dict(self.linked)
        for name, inner in other.linked:
            linked[name] = linked[name].union(inner) if name in linked else inner
        return Projection(self.members | other.members, tuple(linked.items()))


def parse_projection(
    source: str | Sequence[str], ld_context: LdContext, *, parameter: str = "pick", max_terms: int = MAX_TERMS
) -> Projection:
    """Parse a projection.

    Args:
        source: `temperature,observation{humidity|pressure}`, or a list of such terms (5.2.23).
        ld_context: Expands the names (5.5.7).
        parameter: For messages. In `attrs`, "id, type, scope are not allowed" (table 6.5.3.1-1).
        max_terms: More names are too complex.

    Raises:
        BadRequestData: It is not in the language.
        TooComplexQuery: It has too many names or nests too deep.

    Source: CIM 009 V1.9.1, clause 4.21.
    """
    text = source if isinstance(source, str) else ",".join(source)
    expected = "names like temperature,observation{humidity} (clause 4.21)"
    cursor = Cursor(parameter, text, expected, max_terms)
    projection = _terms(cursor, ld_context)
    if not cursor.at_end():
        cursor.fail("a ',' or the end is missing here")
    if parameter == "attrs" and (projection.linked or projection.members & {"id", "type", "scope"}):
        cursor.fail("attrs names Attributes alone; for id, type, scope and linked Entities there is pick")
    return projection


def _terms(cursor: Cursor, ld_context: LdContext) -> Projection:
    members: set[str] = set()
    linked: dict[str, Projection] = {}
    while True:
        cursor.count_term()
        start = cursor.at
        match = cursor.take_match(_NAME)
        if match is None or not is_member_name(match[0]):
            cursor.at = start
            cursor.fail("there is no name of an Entity member")
        name = match[0] if match[0] in ENTITY_MEMBERS else ld_context.expand_term(match[0])
        members.add(name)
        if cursor.take("{"):
            cursor.enter()
            inner = _terms(cursor, ld_context)
            linked[name] = linked[name].union(inner) if name in linked else inner
            if not cursor.take("}"):
                cursor.fail("a '{' is not closed by '}'")
            cursor.leave()
        if not (cursor.take(",") or cursor.take("|")):
            return Projection(frozenset(members), tuple(linked.items()))
