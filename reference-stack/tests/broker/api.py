"""Short words for requests, for the tests of the broker's operations."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

API = "/ngsi-ld/v1"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
NULL = "urn:ngsi-ld:null"
_DEADLINE_SECONDS = 20.0
CAR = "urn:ngsi-ld:Car:1"


async def send(
    client: httpx.AsyncClient, method: str, path: str, body: Any = None, status: int | None = None, **headers: str
) -> httpx.Response:
    """One request; header names with "_" for "-". Asserts the status if one is given."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.request(method, API + path, json=body, headers=names)
    if status is not None:
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    return answer


async def refused(
    client: httpx.AsyncClient, method: str, path: str, body: Any, status: int, error: str, **headers: str
) -> dict[str, Any]:
    """A request that is answered by a problem document (5.5.3, 6.3.3) of a type; returns the document."""
    answer = await send(client, method, path, body, status, **headers)
    assert answer.headers["content-type"] == "application/json"
    document: dict[str, Any] = answer.json()
    assert document["type"] == ERRORS + error, document
    assert document["title"]
    assert document["detail"]
    return document


async def create(client: httpx.AsyncClient, entity_id: str = CAR, **attributes: Any) -> None:
    """An Entity of type Car, unless `type` says otherwise."""
    await send(client, "POST", "/entities", {"id": entity_id, "type": "Car", **attributes}, 201)


async def get(client: httpx.AsyncClient, entity_id: str = CAR, parameters: str = "", **headers: str) -> dict[str, Any]:
    """An Entity, normalized."""
    answer = await send(client, "GET", f"/entities/{entity_id}{parameters}", None, 200, **headers)
    entity: dict[str, Any] = answer.json()
    return entity


async def gone(client: httpx.AsyncClient, entity_id: str = CAR) -> None:
    """The Entity is not there."""
    await refused(client, "GET", f"/entities/{entity_id}", None, 404, "ResourceNotFound")


async def prepared(client: httpx.AsyncClient, path: str, **headers: str) -> dict[str, Any]:
    """The Snapshot as soon as it is prepared."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        found: dict[str, Any] = (await send(client, "GET", path, None, 200, **headers)).json()
        if found["snapshotStatus"] != "preparing":
            return found
        assert time.monotonic() < deadline, "the Snapshot is still being prepared"
        await asyncio.sleep(0.01)
