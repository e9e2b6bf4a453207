"""Short words for tests with several brokers and other Context Sources."""

from __future__ import annotations

from typing import Any

import httpx

from ..api import API
from ..outbound.network import Node

CAR, OTHER = "urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2"
ALL = ["redirectionOps", "createBatch", "upsertBatch", "updateBatch", "deleteBatch", "mergeBatch"]


def prop(value: Any, **members: Any) -> dict[str, Any]:
    """A Property."""
    return {"type": "Property", "value": value, **members}


def car(**attributes: Any) -> dict[str, Any]:
    """The first Car."""
    return {"id": CAR, "type": "Car", **attributes}


def ids(answer: httpx.Response) -> list[str]:
    """Of the Entities of an answer."""
    return [one["id"] for one in answer.json()]


async def send(node: Node, method: str, path: str, body: Any = None, status: int | None = None) -> httpx.Response:
    """One request; asserts the status if one is given."""
    answer = await node.client.request(method, API + path, json=body)
    if status is not None:
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    return answer


async def held(node: Node, entity_id: str = CAR) -> dict[str, Any] | None:
    """What a broker itself holds of an Entity, concise."""
    answer = await node.client.get(f"{API}/entities/{entity_id}?local=true&options=concise")
    return None if answer.status_code == 404 else answer.json()


async def exclusive(node: Node, other: str, *attributes: str, **members: Any) -> str:
    """Register Attributes of the first Car exclusively; returns the Registration's id."""
    return await node.register(
        other,
        [{"type": "Car", "id": CAR}],
        properties=list(attributes),
        mode="exclusive",
        **{"operations": ALL, **members},
    )
