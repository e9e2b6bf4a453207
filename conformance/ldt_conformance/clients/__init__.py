"""Thin clients on top of the engine's transport, and the builders of what checks send."""

from ldt_conformance.clients.elements import (
    CORE_CONTEXT,
    LANGUAGE_NULL,
    NGSI_LD_NULL,
    Entity,
    Registration,
    Subscription,
    TemporalEntity,
    attribute,
    point,
    property_,
    relationship,
)
from ldt_conformance.clients.ngsi_ld import Broker
from ldt_conformance.clients.wire import GEO_JSON, JSON, LD_JSON, entity_resource, link_header, segment

__all__ = [
    "CORE_CONTEXT",
    "GEO_JSON",
    "JSON",
    "LANGUAGE_NULL",
    "LD_JSON",
    "NGSI_LD_NULL",
    "Broker",
    "Entity",
    "Registration",
    "Subscription",
    "TemporalEntity",
    "attribute",
    "entity_resource",
    "link_header",
    "point",
    "property_",
    "relationship",
    "segment",
]
