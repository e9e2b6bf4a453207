"""What is stored and asked for: Entities of ten Attributes with observedAt and units, and requests about them."""

from __future__ import annotations

import json
from math import isqrt
from random import Random
from typing import Any, Final
from urllib.parse import quote

API: Final = "/ngsi-ld/v1"
ATTRIBUTES: Final = tuple(f"reading{number}" for number in range(9))  # the tenth is the location
_UNITS: Final = ("CEL", "KMH", "P1", "GP", "HPA")
_CELL: Final = 0.01  # degrees


def entity_id(number: int) -> str:
    """The id of an Entity."""
    return f"urn:ngsi-ld:Station:bench-{number:06d}"


def side(count: int) -> int:
    """How many Entities lie in a row of the grid that so many make."""
    return isqrt(count - 1) + 1


def entity(number: int, seed: int = 0, row: int = 32) -> dict[str, Any]:
    """An Entity: nine Properties, of which two are its place in a grid, and a GeoProperty, its place on the map.

    Args:
        number: Of the Entity.
        seed: Other readings for another seed; the places stay.
        row: How many lie in a row of the grid.
    """
    random = Random(number * 1_000_003 + seed)  # noqa: S311 — reproducible data, no secret
    observed_at = f"2026-11-23T{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}Z"
    column, line = number % row, number // row
    values = [column, line, *(round(random.uniform(0, 100), 3) for _ in range(len(ATTRIBUTES) - 2))]
    found: dict[str, Any] = {"id": entity_id(number), "type": "Station"}
    for name, value in zip(ATTRIBUTES, values, strict=True):
        unit = random.choice(_UNITS)
        found[name] = {"type": "Property", "value": value, "unitCode": unit, "observedAt": observed_at}
    geometry = {"type": "Point", "coordinates": [round(column * _CELL, 6), round(40 + line * _CELL, 6)]}
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


def post(number: int, seed: int, row: int = 32) -> bytes:
    """Create an Entity."""
    return request("POST", "/entities", entity(number, seed, row))


def upsert(first: int, count: int, seed: int, row: int = 32) -> bytes:
    """Create or replace `count` Entities."""
    body = [entity(number, seed, row) for number in range(first, first + count)]
    return request("POST", "/entityOperations/upsert", body)


def query(text: str) -> bytes:
    """Query Entities, GET."""
    return request("GET", f"/entities?{text}")


def window(random: Random, count: int) -> tuple[int, int]:
    """The corner of a window of four by five Entities in the grid that `count` make."""
    row = side(count)
    return random.randrange(row - 4), random.randrange(count // row - 5)


def by_values(corner: tuple[int, int], more: str = "&limit=20") -> str:
    """A query by type and two terms of q, of which each alone finds many, that finds the twenty of a window."""
    column, line = corner
    terms = f"reading0=={column}..{column + 3};reading1=={line}..{line + 4}"
    return f"type=Station&q={quote(terms)}{more}"


def by_reading(random: Random, count: int, *, half: bool = False, more: str = "&limit=20") -> str:
    """A query by type and a term of q that finds some twenty; with `half`, by one of forty and one of half of all."""
    width = (40 if half else 20) * 100 / count
    low = random.uniform(0, 100 - width)
    terms = f"reading2=={low:.6f}..{low + width:.6f}" + (";reading3>50" if half else "")
    return f"type=Station&q={quote(terms)}{more}"


def by_place(corner: tuple[int, int], more: str = "&limit=20") -> str:
    """A geo-query that finds the twenty of a window."""
    west, south = (corner[0] - 0.5) * _CELL, 40 + (corner[1] - 0.5) * _CELL
    east, north = west + 4 * _CELL, south + 5 * _CELL
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    coordinates = quote(json.dumps([ring], separators=(",", ":")))
    return f"type=Station&georel=within&geometry=Polygon&coordinates={coordinates}{more}"
