"""Context source filter: ETSI GS CIM 009 V1.9.1, clause 4.9, about members of table 5.2.9-1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ldt_stack.broker.query.lexical import MAX_TERMS
from ldt_stack.broker.query.q import QNode
from ldt_stack.broker.query.q_parser import parse_q

if TYPE_CHECKING:
    from ldt_stack.broker.ld_context import LdContext

# Members that a @context maps to no IRI, as the filter and what it is held against call them.
SOURCE_KEYWORDS: Final = {"id": "@id", "type": "@type"}


def parse_csf(text: str, ld_context: LdContext, *, max_terms: int = MAX_TERMS) -> QNode:
    """Parse a context source filter: a query whose names are members of a Context Source Registration.

    Raises:
        BadRequestData, TooComplexQuery: As `parse_q`.

    Source: CIM 009 V1.9.1, clause 4.9: "target is the name of a Context Source Property member".
    """
    return parse_q(text, cast("LdContext", _SourceNames(ld_context)), max_terms=max_terms)


class _SourceNames:
    """Stands for a @context in which id and type are names, too."""

    def __init__(self, ld_context: LdContext) -> None:
        self._ld_context = ld_context

    def expand_term(self, term: str) -> str:
        """As the @context has it."""
        return SOURCE_KEYWORDS.get(term) or self._ld_context.expand_term(term)

    def expand_vocab(self, term: str) -> str:
        """As the @context has it."""
        return self._ld_context.expand_vocab(term)
