"""EntityMaps for the tests of several modules."""

from __future__ import annotations

from typing import Any

import httpx

from ..api import create, send

IDS = [f"urn:ngsi-ld:Car:{number}" for number in range(1, 8)]

JUNE = "timerel=after&timeAt=2026-06-01T00:00:00Z"


async def cars(client: httpx.AsyncClient, count: int = 7) -> None:
    """Cars 1 to `count`, their speed ten times their number."""
    for number in range(1, count + 1):
        speed = {"type": "Property", "value": number * 10, "observedAt": f"2026-06-0{number}T00:00:00Z"}
        await create(client, IDS[number - 1], speed=speed)


async def speed(client: httpx.AsyncClient, number: int, value: int) -> None:
    """Another speed for a car."""
    path = f"/entities/{IDS[number - 1]}/attrs/speed"
    await send(client, "PATCH", path, {"type": "Property", "value": value}, 204)


def ids(answer: httpx.Response) -> list[str]:
    """The ids of the Entities of an answer."""
    return [entity["id"] for entity in answer.json()]


def location(answer: httpx.Response) -> str:
    """The resource URI of the map, below the API root."""
    uri: str = answer.headers["ngsild-entitymap"]
    assert uri.startswith("/ngsi-ld/v1/entityMaps/")
    return uri.removeprefix("/ngsi-ld/v1")


async def mapped(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """The map an answer names."""
    found: dict[str, Any] = (await send(client, "GET", location(answer), None, 200)).json()
    return found
