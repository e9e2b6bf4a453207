"""What tests of delivery look at: counters of a Subscription, and what was received."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

API = "/ngsi-ld/v1"
CAR = "urn:ngsi-ld:Car:1"
SPEED = "https://uri.etsi.org/ngsi-ld/default-context/speed"


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `look` finds, once it is as wanted; fails after the deadline."""
    deadline = time.monotonic() + 20
    while not wanted(found := await look()):
        assert time.monotonic() < deadline, f"still {found}"
        await asyncio.sleep(0.01)
    return found


async def counters(running: Any, location: str) -> dict[str, Any]:
    found: dict[str, Any] = (await running.client.get(location)).json()["notification"]
    return found


def speeds(received: list[Any]) -> list[Any]:
    return [one.body["data"][0]["speed"]["value"] for one in received]
