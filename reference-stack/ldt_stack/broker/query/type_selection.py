"""Entity Type Selection Language: ETSI GS CIM 009 V1.9.1, clause 4.17."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.lexical import MAX_TERMS, Cursor, is_member_name

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

# 4.17, NOTE: "The special characters ",", ";", "(" and ")" … are allowed characters in URIs": here they end a type.
_TYPE: Final = re.compile(r"[^,;|()]+")


@dataclass(frozen=True, slots=True)
class TypeSelection:
    """Alternatives of which one must hold; of each, all types must be there.

    Args:
        alternatives: Sets of Entity Type IRIs; empty selects every Entity ("*", 5.2.33).
    """

    alternatives: tuple[frozenset[str], ...]

    @property
    def selects_all(self) -> bool:
        """Whether it is "*", which implies local scope (5.2.33)."""
        return not self.alternatives

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity has the selected Entity Types, possibly among others."""
        types = set(entity["type"])
        return self.selects_all or any(wanted <= types for wanted in self.alternatives)


def parse_types(text: str, ld_context: LdContext, *, max_terms: int = MAX_TERMS) -> TypeSelection:
    """Parse a selector of Entity Types.

    Args:
        text: `Building|House`, `(Home;Vehicle),Motorhome` or `*`; names or URIs.
        ld_context: Expands the names (5.5.7).
        max_terms: More types are too complex.

    Raises:
        BadRequestData: It is not in the language.
        TooComplexQuery: It has too many types.

    Source: CIM 009 V1.9.1, clause 4.17.
    """
    if text == "*":
        return TypeSelection(())
    cursor = Cursor(
        "type", text, "Entity Types like Building|House or (Home;Vehicle),Motorhome (clause 4.17)", max_terms
    )
    alternatives = [_alternative(cursor, ld_context)]
    while cursor.take("|") or cursor.take(","):
        alternatives.append(_alternative(cursor, ld_context))
    if not cursor.at_end():
        cursor.fail("types that an Entity must have together stand in parentheses")
    return TypeSelection(tuple(alternatives))


def _alternative(cursor: Cursor, ld_context: LdContext) -> frozenset[str]:
    if not cursor.take("("):
        return frozenset({_type(cursor, ld_context)})
    types = {_type(cursor, ld_context)}
    while cursor.take(";"):
        types.add(_type(cursor, ld_context))
    if not cursor.take(")"):
        cursor.fail("a '(' is not closed by ')'")
    return frozenset(types)


def _type(cursor: Cursor, ld_context: LdContext) -> str:
    cursor.count_term()
    start = cursor.at
    match = cursor.take_match(_TYPE)
    if match is None or not is_member_name(match[0]):
        cursor.at = start
        cursor.fail("there is no Entity Type (a name of clause 4.6.2 or a URI)")
    return ld_context.expand_term(match[0])
