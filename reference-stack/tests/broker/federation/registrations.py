"""Short words for Context Source Registrations, for tests."""

from __future__ import annotations

from typing import Any

import httpx

from ..api import DEFAULT, send

REGISTRATION = "urn:ngsi-ld:ContextSourceRegistration:1"
CAR = "urn:ngsi-ld:Car:1"
ENDPOINT = "http://source.test"


def registration(entities: Any = None, *, properties: Any = None, **members: Any) -> dict[str, Any]:
    """A Registration of Entities (default: of type Car) and Properties (default: all); None leaves a member out."""
    info: dict[str, Any] = {"entities": [{"type": "Car"}] if entities is None else entities}
    if entities == ():
        del info["entities"]
    if properties is not None:
        info["propertyNames"] = properties
    document = {
        "id": REGISTRATION,
        "type": "ContextSourceRegistration",
        "endpoint": ENDPOINT,
        "information": [info],
        **members,
    }
    return {name: value for name, value in document.items() if value is not None}


def exclusive(*properties: str, entity_id: str = CAR, **members: Any) -> dict[str, Any]:
    """An exclusive Registration of Properties of one Car."""
    entities = [{"type": "Car", "id": entity_id}]
    return registration(entities, properties=list(properties), **{"mode": "exclusive", **members})


async def register(client: httpx.AsyncClient, document: dict[str, Any], **headers: str) -> str:
    """Register; returns the id."""
    answer = await send(client, "POST", "/csourceRegistrations", document, 201, **headers)
    return answer.headers["location"].rpartition("/")[2]


def iri(name: str) -> str:
    """A short name in the default vocabulary."""
    return DEFAULT + name
