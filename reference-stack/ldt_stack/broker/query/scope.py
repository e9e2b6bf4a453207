"""Scope Query Language: ETSI GS CIM 009 V1.9.1, clauses 4.18 and 4.19."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.lexical import MAX_TERMS, NAME, Cursor

_LEVEL: Final = re.compile(rf"{NAME}|\+")


@dataclass(frozen=True, slots=True)
class ScopePattern:
    """One Scope with wildcards: "+" is any one level, `subtree` ("/#") is the Scope and all below it."""

    levels: tuple[str, ...]
    subtree: bool = False

    def matches_scope(self, scope: str) -> bool:
        """Whether one Scope of an Entity matches; the leading "/" of a Scope is optional (4.18)."""
        levels = scope.removeprefix("/").split("/")
        if len(levels) < len(self.levels) or (len(levels) > len(self.levels) and not self.subtree):
            return False
        return all(wanted in {"+", level} for wanted, level in zip(self.levels, levels, strict=False))


@dataclass(frozen=True, slots=True)
class ScopeQuery:
    """Alternatives of which one must hold; of each, every pattern must match some Scope of the Entity."""

    alternatives: tuple[tuple[ScopePattern, ...], ...]

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity is within the queried Scopes; one without a Scope never is."""
        scopes: list[str] = entity.get("scope", [])
        return any(
            all(any(pattern.matches_scope(scope) for scope in scopes) for pattern in patterns)
            for patterns in self.alternatives
        )


def parse_scope(text: str, *, max_terms: int = MAX_TERMS) -> ScopeQuery:
    """Parse a Scope query.

    Args:
        text: `/Madrid/+/ParqueNorte`, `/Madrid/#`, `(/Madrid/Districts;/CompanyA),/CompanyB`, `/#` …
            The leading "/" may be missing, as in example 5 of the clause.
        max_terms: More Scopes are too complex.

    Raises:
        BadRequestData: It is not in the language.
        TooComplexQuery: It has too many Scopes.

    Source: CIM 009 V1.9.1, clause 4.19.
    """
    cursor = Cursor("scopeQ", text, "Scopes like /Madrid/Gardens/# or (/Madrid/+;/CompanyA) (clause 4.19)", max_terms)
    alternatives = [_alternative(cursor)]
    while cursor.take("|") or cursor.take(","):
        alternatives.append(_alternative(cursor))
    if not cursor.at_end():
        cursor.fail("Scopes that an Entity must have together stand in parentheses")
    return ScopeQuery(tuple(alternatives))


def _alternative(cursor: Cursor) -> tuple[ScopePattern, ...]:
    if not cursor.take("("):
        return (_pattern(cursor),)
    patterns = [_pattern(cursor)]
    while cursor.take(";"):
        patterns.append(_pattern(cursor))
    if not cursor.take(")"):
        cursor.fail("a '(' is not closed by ')'")
    return tuple(patterns)


def _pattern(cursor: Cursor) -> ScopePattern:
    cursor.count_term()
    if cursor.take("/#"):
        return ScopePattern((), subtree=True)
    cursor.take("/")
    levels = [_level(cursor)]
    while cursor.take("/"):
        if cursor.take("#"):
            return ScopePattern(tuple(levels), subtree=True)
        levels.append(_level(cursor))
    return ScopePattern(tuple(levels))


def _level(cursor: Cursor) -> str:
    match = cursor.take_match(_LEVEL)
    if match is None:
        cursor.fail("there is no level of a Scope (a letter, then letters, numbers or '_'; or '+')")
    return match[0]
