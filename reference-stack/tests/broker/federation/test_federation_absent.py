"""Writes to sources some of which do not have the Entity: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.3 and 6.3.17."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import create
from ..outbound.network import Network, nodes
from .federation import ALL, CAR, OTHER, exclusive, held, prop, send

pytestmark = pytest.mark.anyio
SPEED = f"/entities/{CAR}/attrs/speed"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2)}),
        ("POST", f"/entities/{CAR}/attrs", {"speed": prop(2)}),
        ("PATCH", SPEED, {"value": 2}),
        ("PUT", SPEED, prop(2)),
        ("PATCH", f"/entities/{CAR}", {"speed": prop(2)}),
        ("DELETE", SPEED, None),
        ("DELETE", f"/entities/{CAR}", None),
    ],
)
async def test_one_of_several_that_may_have_an_entity_is_enough(
    network: Network, anyio_backend: str, method: str, path: str, body: Any
) -> None:
    """Who does not say the type asks all redirect sources; the Entity "is distributed over" those that have it."""
    async with nodes(network, "a", "b", "c") as (a, b, c):
        await create(c.client, CAR, speed=prop(1))
        await a.register("b", [{"type": "Bus"}], mode="redirect", operations=ALL)
        await send(a, method, path, body, 404)
        await a.register("c", mode="redirect", operations=ALL)
        await send(a, method, path, body, 204)
        assert {sent.host for sent in network.sent[-2:]} == {"b", "c"}
        expected = {"id": CAR, "type": "Car", **({} if method == "DELETE" else {"speed": 2})}
        assert await held(c) == (None if path.endswith("Car:1") and method == "DELETE" else expected)
        assert await held(b) is None


async def test_what_nobody_else_has_done_has_failed(network: Network, anyio_backend: str) -> None:
    """What the other one did were other Attributes; of an exclusive source there is no other one."""
    async with nodes(network, "a", "b", "c", "d") as (a, _, c, d):
        await create(c.client, CAR, speed=prop(1))
        await a.register("b", properties=["speed", "brand"], mode="redirect", operations=ALL)
        await a.register("c", properties=["speed"], mode="redirect", operations=ALL)
        changes = {"speed": prop(2), "brand": prop("x"), "colour": prop("red")}
        answer = await send(a, "PATCH", f"/entities/{CAR}/attrs", changes, 207)
        assert "brand" in str(answer.json()["notUpdated"])
        await exclusive(a, "d", "colour")
        answer = await send(a, "PATCH", f"/entities/{CAR}/attrs", {"colour": prop("red"), "speed": prop(3)}, 207)
        assert "colour" in str(answer.json()["notUpdated"])
        assert await held(d) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", f"/entities/{CAR}/attrs"), ("POST", f"/entities/{CAR}/attrs"), ("PATCH", f"/entities/{CAR}")],
)
async def test_what_nobody_has_written_is_told(network: Network, anyio_backend: str, method: str, path: str) -> None:
    """Table 6.6.3.1-2: 204 if "All the Attributes were appended"; the Entity is at a source that offers one alone."""
    async with nodes(network, "a", "b", "c") as (a, b, _):
        await create(b.client, CAR, speed=prop(1))
        await exclusive(a, "b", "speed")
        answer = await send(a, method, path, {"speed": prop(2), "brand": prop("x")}, 207)
        assert (await held(a), await held(b)) == (None, {"id": CAR, "type": "Car", "speed": 2})
        if "/attrs" in path:
            assert [one["attributeName"].rpartition("/")[2] for one in answer.json()["notUpdated"]] == ["brand"]
        else:
            assert answer.json()["errors"][0]["error"]["type"].endswith("/ResourceNotFound")
        await send(a, method, path, {"speed": prop(3)}, 204)
        await create(b.client, OTHER, speed=prop(1))
        await a.register("b", properties=["speed", "brand"], operations=ALL, id="urn:ngsi-ld:Registration:2")
        await send(a, method, path.replace(CAR, OTHER), {"speed": prop(2), "brand": prop("x")}, 204)
        assert await held(b, OTHER) == {"id": OTHER, "type": "Car", "speed": 2, "brand": "x"}
