"""What requests are made of: media types, path segments, Link headers, JSON bodies, names for the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ldt_conformance.clients.elements import Entity, Registration, Subscription, TemporalEntity
from ldt_conformance.comparators import JSONLD_CONTEXT
from ldt_conformance.engine.transport.journal import Resource

PATH_SAFE = ":@!$&'()*+,;=~-._"  # what RFC 3986 allows in a path segment beside letters and digits
LD_JSON = "application/ld+json"
JSON = "application/json"
GEO_JSON = "application/geo+json"
Element = Entity | TemporalEntity | Subscription | Registration
Body = Element | Mapping[str, Any] | Sequence[Any]
Parameters = Mapping[str, Any]


def render(body: Body) -> Any:
    """The JSON of a builder, of an object, or of a list of either."""
    if isinstance(body, Element):
        return body.to_json()
    if isinstance(body, Mapping):
        return dict(body)
    return [render(item) if not isinstance(item, str | int | float | None) else item for item in body]


def segment(identifier: str) -> str:
    """One path segment; slashes and spaces in an id or an IRI are percent-encoded."""
    return quote(identifier, safe=PATH_SAFE)


def link_header(url: str) -> dict[str, str]:
    """The Link header that points to an @context (clause 6.3.5)."""
    return {"Link": f'<{url}>; rel="{JSONLD_CONTEXT}"; type="{LD_JSON}"'}


def entity_resource(entity_id: str) -> Resource:
    """How the journal names an Entity."""
    return Resource("entity", entity_id, f"/entities/{segment(entity_id)}")


def temporal_resource(entity_id: str) -> Resource:
    """How the journal names a Temporal Evolution of an Entity."""
    return Resource("temporal-entity", entity_id, f"/temporal/entities/{segment(entity_id)}")


def subscription_resource(subscription_id: str) -> Resource:
    """How the journal names a Subscription."""
    return Resource("subscription", subscription_id, f"/subscriptions/{segment(subscription_id)}")


def registration_resource(registration_id: str) -> Resource:
    """How the journal names a Context Source Registration."""
    return Resource("registration", registration_id, f"/csourceRegistrations/{segment(registration_id)}")


def registration_subscription_resource(subscription_id: str) -> Resource:
    """How the journal names a Context Source Registration Subscription."""
    return Resource("registration-subscription", subscription_id, f"/csourceSubscriptions/{segment(subscription_id)}")
