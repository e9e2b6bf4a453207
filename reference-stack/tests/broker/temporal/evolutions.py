"""Short words for Temporal Evolutions over HTTP, for their tests."""

from __future__ import annotations

from typing import Any

from ..api import API, CAR, ERRORS

EVOLUTIONS = f"{API}/temporal/entities"


def at(minute: int) -> str:
    return f"2026-01-01T12:{minute:02d}:00Z"


def prop(value: Any, minute: int, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": at(minute), **members}


async def post(running: Any, entity_id: str = CAR, **attributes: Any) -> Any:
    """Create or add to an evolution of type Car."""
    answer = await running.client.post(EVOLUTIONS, json={"id": entity_id, "type": "Car", **attributes})
    assert answer.status_code in (201, 204), answer.text
    return answer


async def retrieve(running: Any, entity_id: str = CAR, **parameters: Any) -> Any:
    answer = await running.client.get(f"{EVOLUTIONS}/{entity_id}", params=parameters)
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


async def refused(answer: Any, status: int, error: str) -> None:
    found = await answer
    assert (found.status_code, found.json()["type"]) == (status, ERRORS + error), found.text


def values(attribute: list[dict[str, Any]]) -> list[Any]:
    return [one["value"] for one in attribute]


SERIES = {"speed": [prop(n, n) for n in range(6)], "colour": [prop("red", 0), prop("blue", 3)]}
