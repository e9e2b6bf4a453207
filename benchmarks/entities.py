"""What is stored and asked for: Entities of ten Attributes with observedAt and units, and requests about them."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Final
from urllib.parse import quote

API: Final = "/ngsi-ld/v1"
ATTRIBUTES: Final = tuple(f"reading{number}" for number in range(9))  # the tenth is the location
_UNITS: Final = ("CEL", "KMH", "P1", "GP", "HPA")
_GROUP: Final = 20


def entity_id(number: int) -> str:
    """The id of an Entity."""
    return f"urn:ngsi-ld:Station:bench-{number:06d}"


def entity(number: int, seed: int = 0) -> dict[str, Any]:
    """An Entity; `reading0` and `reading1` together select twenty of them, whatever the number of all is.

    Nine Properties and a GeoProperty. Groups of twenty neighbours by number share `reading0` (the group) and lie within
    a few hundred metres.
    """
    random = Random(number * 1_000_003 + seed)  # noqa: S311 — reproducible data, no secret
    observed_at = f"2026-11-23T{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}Z"
    group = number // _GROUP
    values = [group, number % _GROUP, *(round(random.uniform(0, 100), 3) for _ in range(len(ATTRIBUTES) - 2))]
    east, north = group % 320 * 0.05 - 8.0, group // 320 * 0.05 + 40.0
    found: dict[str, Any] = {"id": entity_id(number), "type": "Station"}
    for name, value in zip(ATTRIBUTES, values, strict=True):
        unit = _UNITS[len(name + str(value)) % len(_UNITS)]
        found[name] = {"type": "Property", "value": value, "unitCode": unit, "observedAt": observed_at}
    place = [round(east + random.uniform(0, 0.002), 6), round(north + random.uniform(0, 0.002), 6)]
    geometry = {"type": "Point", "coordinates": place}
    found["location"] = {"type": "GeoProperty", "value": geometry, "observedAt": observed_at}
    return found


def request(method: str, path: str, body: object = None) -> bytes:
    """A request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = f"{method} {API}{path} HTTP/1.1\r\nHost: bench\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"\r\n" + content


def get(number: int) -> bytes:
    """Retrieve one Entity."""
    return request("GET", f"/entities/{entity_id(number)}")


def patch(number: int, value: float) -> bytes:
    """Write one Attribute of one Entity."""
    return request("PATCH", f"/entities/{entity_id(number)}", {"reading8": {"type": "Property", "value": value}})


def post(number: int, seed: int) -> bytes:
    """Create an Entity."""
    return request("POST", "/entities", entity(number, seed))


def upsert(first: int, count: int, seed: int) -> bytes:
    """Create or replace `count` Entities."""
    body = [entity(number, seed) for number in range(first, first + count)]
    return request("POST", "/entityOperations/upsert", body)


def query(text: str) -> bytes:
    """Query Entities, GET."""
    return request("GET", f"/entities?{text}")


def two_terms(group: int) -> str:
    """A query by type and two independent terms of q that finds the twenty Entities around the end of a group.

    `reading0` bounds it on one side, `reading1` is met by each Entity of the group.
    """
    return f"type=Station&limit=20&q={quote(f'reading0=={group};reading1>=0')}"


def near(group: int) -> str:
    """A geo-query that finds the twenty Entities of a group."""
    east, north = group % 320 * 0.05 - 8.0 + 0.001, group // 320 * 0.05 + 40.0 + 0.001
    return (
        f"type=Station&limit=20&georel={quote('near;maxDistance==1000')}&geometry=Point"
        f"&coordinates={quote(f'[{east:.6f},{north:.6f}]')}"
    )
