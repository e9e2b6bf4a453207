"""Comparing by meaning: instants, names, sets, numbers and links, never texts.

Lessons 1 to 3 of the test-purpose review: timestamps are compared as instants, Link headers by relation, names after
expansion; arrays are sets unless the standard orders them; an echo is a superset of what was sent.
"""

from ldt_conformance.comparators.elements import (
    attribute_value,
    entity_differences,
    instances,
    members_of,
    same_value,
    type_names,
)
from ldt_conformance.comparators.instants import date_time_fault, parse_instant, same_instant
from ldt_conformance.comparators.links import JSONLD_CONTEXT, Link, find_link, parse_links
from ldt_conformance.comparators.names import DEFAULT_VOCABULARY, NGSI_LD, expand_name, same_name

__all__ = [
    "DEFAULT_VOCABULARY",
    "JSONLD_CONTEXT",
    "NGSI_LD",
    "Link",
    "attribute_value",
    "date_time_fault",
    "entity_differences",
    "expand_name",
    "find_link",
    "instances",
    "members_of",
    "parse_instant",
    "parse_links",
    "same_instant",
    "same_name",
    "same_value",
    "type_names",
]
