"""The query languages of NGSI-LD: parsers to frozen syntax trees, and their evaluation on expanded Entities.

ETSI GS CIM 009 V1.9.1, clauses 4.9 (q), 4.10 (geo), 4.11 (temporal), 4.15 (language), 4.17 (types), 4.19 (scopes),
4.21 (projection) and 4.23 (ordering). Parsers raise `BadRequestData` or `TooComplexQuery`, never anything else. Trees
of conditions have `matches(entity)`; the functions here say the same in words.
"""

from __future__ import annotations

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.geo import GeoQuery, parse_geo
from ldt_stack.broker.query.language import LanguageFilter, parse_lang
from ldt_stack.broker.query.ordering import Ordering, check_order_options, parse_ordering
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.projection import Projection, parse_projection
from ldt_stack.broker.query.q import QNode, attributes_of, bind_links, link_depth, names_attribute
from ldt_stack.broker.query.q_parser import parse_q, renamed_q
from ldt_stack.broker.query.scope import ScopeQuery, parse_scope
from ldt_stack.broker.query.source_filter import SOURCE_KEYWORDS, parse_csf
from ldt_stack.broker.query.temporal import TemporalCondition, parse_temporal
from ldt_stack.broker.query.type_selection import TypeSelection, parse_types

__all__ = [
    "SOURCE_KEYWORDS",
    "GeoQuery",
    "LanguageFilter",
    "Ordering",
    "Projection",
    "QNode",
    "ScopeQuery",
    "TemporalCondition",
    "TypeSelection",
    "attributes_of",
    "bind_links",
    "check_order_options",
    "compile_pattern",
    "link_depth",
    "matches_geo",
    "matches_id_pattern",
    "matches_q",
    "matches_scope",
    "matches_types",
    "names_attribute",
    "parse_csf",
    "parse_geo",
    "parse_lang",
    "parse_ordering",
    "parse_projection",
    "parse_q",
    "parse_scope",
    "parse_temporal",
    "parse_types",
    "renamed_q",
]


def matches_q(node: QNode, entity: JsonObject) -> bool:
    """Whether an expanded Entity meets a query (4.9); linked terms match nothing unless bound (`bind_links`)."""
    return node.matches(entity)


def matches_geo(query: GeoQuery, entity: JsonObject) -> bool:
    """Whether any instance of the GeoProperty of an expanded Entity meets a geo-query (4.10)."""
    return query.matches(entity)


def matches_types(selection: TypeSelection, entity: JsonObject) -> bool:
    """Whether an expanded Entity has the selected Entity Types (4.17)."""
    return selection.matches(entity)


def matches_scope(query: ScopeQuery, entity: JsonObject) -> bool:
    """Whether an expanded Entity is within the queried Scopes (4.19)."""
    return query.matches(entity)


def matches_id_pattern(pattern: str, entity_id: str) -> bool:
    """Whether some part of an Entity id matches a regular expression (5.2.33); `^` and `$` bind it to its ends."""
    return compile_pattern(pattern).search(entity_id)
