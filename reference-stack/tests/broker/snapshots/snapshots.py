"""Snapshots for the tests of several modules."""

from __future__ import annotations

from typing import Any

import httpx

from ..api import prepared, send

CARS = {"type": "Query", "entities": [{"type": "Car"}]}

BUSES = {"type": "Query", "entities": [{"type": "Bus"}]}

HISTORY = {**CARS, "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}}

ONE, TWO = "urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2"


def speed(value: int, day: int = 1) -> dict[str, Any]:
    """A Property with a value of a day in June."""
    return {"type": "Property", "value": value, "observedAt": f"2026-06-{day:02}T00:00:00Z"}


async def snapshot(client: httpx.AsyncClient, *queries: Any, **members: Any) -> dict[str, Any]:
    """A prepared Snapshot of some Queries."""
    if queries:
        members["snapshotQueries"] = list(queries)
    answer = await send(client, "POST", "/snapshots", {"type": "Snapshot", **members}, 201)
    return await prepared(client, answer.headers["location"].removeprefix("/ngsi-ld/v1"))


def ids(answer: httpx.Response) -> list[str]:
    return [entity["id"] for entity in answer.json()]
