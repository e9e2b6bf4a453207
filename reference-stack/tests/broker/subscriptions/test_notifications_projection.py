"""What is picked for a notification, joined or as GeoJSON: ETSI GS CIM 009 V1.9.1, clauses 4.5.16, 4.5.23 and 5.8.6."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import CAR, send

pytestmark = pytest.mark.anyio
OWNER = "urn:ngsi-ld:Person:1"
GEO_JSON = {"accept": "application/geo+json"}


async def notified_and_read(
    running: Any, receiver: Any, notification: dict[str, Any], query: str, **headers: str
) -> Any:
    """An Entity with a place and an owner, as a notification has it, and as a query with the same parameters has it."""
    owner = {"id": OWNER, "type": "Person", "name": "Ada", "age": 36}
    car = {
        "id": CAR,
        "type": "Car",
        "scope": "/Madrid",
        "speed": 5,
        "owner": {"object": OWNER},
        "location": {"type": "Point", "coordinates": [1, 2]},
    }
    await running.subscribe(receiver.url(), notification=notification, endpoint_members=headers)
    for entity in (owner, car):
        await send(running.client, "POST", "/entities", entity, 201)
    (received,) = await receiver.wait(1)
    read = await send(running.client, "GET", f"/entities?type=Car&{query}", None, 200, **headers)
    return received.body["data"], read.json()


@pytest.mark.parametrize(
    ("notification", "query"),
    [
        ({"pick": ["owner{name}"], "join": "inline"}, "pick=owner{name}&join=inline"),
        ({"pick": ["owner{name}"], "join": "flat"}, "pick=owner{name}&join=flat"),
        ({"pick": ["type", "owner"], "join": "flat"}, "pick=type,owner&join=flat"),
        ({"omit": ["id", "owner{age}"], "join": "inline"}, "omit=id,owner{age}&join=inline"),
        ({"omit": ["id", "type"], "join": "flat"}, "omit=id,type&join=flat"),
        ({"pick": ["speed"]}, "pick=speed"),
    ],
)
async def test_linked_entities_come_whatever_is_picked(
    running: Any, receiver: Any, notification: dict[str, Any], query: str
) -> None:
    """Also where the id of the linking Entity is none of it: such a notification could not be made, and was lost."""
    notified, read = await notified_and_read(running, receiver, notification, query)
    assert notified == read


@pytest.mark.parametrize(
    ("notification", "query"),
    [
        ({"pick": ["speed"]}, "pick=speed"),
        ({"pick": ["speed"], "format": "keyValues"}, "pick=speed&format=simplified"),
        ({"pick": ["speed", "location"]}, "pick=speed,location"),
        ({"omit": ["id", "type", "location", "owner"]}, "omit=id,type,location,owner"),
        ({"attributes": ["speed"]}, "attrs=speed"),
    ],
)
async def test_a_feature_is_one_whatever_is_picked(
    running: Any, receiver: Any, notification: dict[str, Any], query: str
) -> None:
    """It has its id and geometry (4.5.16): it had no geometry, or for want of an id could not be made at all."""
    notified, read = await notified_and_read(running, receiver, notification, query, **GEO_JSON)
    assert notified["features"] == read["features"]
    assert (notified["features"][0]["id"], notified["features"][0]["geometry"]["coordinates"]) == (CAR, [1, 2])
