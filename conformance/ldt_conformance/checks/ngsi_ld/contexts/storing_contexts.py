"""@contexts that a broker stores: adding, reading and managing them in checks of CIM 009 V1.9.1, clause 5.13.

Each @context of ours has the run's marker inside, so that what the broker named itself is found again and removed.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.ngsi_ld.given import VOCABULARY
from ldt_conformance.clients import Broker
from ldt_conformance.engine.transport.journal import Resource, last_segment
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import describe, require

PATH = "/jsonldContexts"
CONTEXTS = "contexts"  # capability of the site file
SINCE = "1.5.1"
MEMBERS = ("URL", "localId", "kind", "createdAt")


def own_context(broker: Broker) -> dict[str, str]:
    """A local context with one fresh term and the run's marker."""
    return {"speed": f"{VOCABULARY}{broker.unique('speed')}"}


def add_context(broker: Broker, ld_context: Any) -> Response:
    """Add @context (5.13.2): POST /jsonldContexts."""
    creates = [Resource("context", None, PATH)]
    return broker.send("POST", PATH, body={"@context": ld_context}, content_type="application/json", creates=creates)


def path_of(identifier: str) -> str:
    """Where a stored @context is managed; of a cached one the identifier may be its URL (5.13.4.3)."""
    return f"{PATH}/{quote(identifier, safe=':')}"


def hosted(broker: Broker, ld_context: Any) -> str:
    """Store an @context that the check needs; returns its local identifier."""
    response = require(add_context(broker, ld_context), 201, step="adding an @context")
    location: str = response.headers.get("location", "")
    precondition(bool(location), f"adding an @context: expected a Location, observed {describe(response)}")
    return last_segment(location)


def listed(broker: Broker, **params: Any) -> list[Any]:
    """List @contexts (5.13.3); fails unless it is an array."""
    response = broker.send("GET", PATH, params=params)
    body = response.json() if response.status == 200 else None
    if not isinstance(body, list):
        fail("200 and a JSON array of stored @contexts", describe(response))
    return body


def details(broker: Broker, identifier: str) -> dict[str, Any]:
    """The metadata of a stored @context (5.13.4 with details); fails unless they are a JSON object."""
    response = broker.send("GET", path_of(identifier), params={"details": True})
    body = response.json() if response.status == 200 else None
    if not isinstance(body, dict):
        fail("200 and a JSON object with metadata", describe(response))
    return body


def holds(broker: Broker, identifier: str) -> bool:
    """Whether an identifier is among those of all stored @contexts."""
    return any(isinstance(entry, dict) and entry.get("localId") == identifier for entry in listed(broker, details=True))


def delete_context(broker: Broker, identifier: str, **params: Any) -> Response:
    """Delete @context, or reload it (5.13.5); of one of ours, or of one that does not exist."""
    path = path_of(identifier)
    return broker.send("DELETE", path, params=params, touches=[Resource("context", identifier, path)])
