"""What a write says of the Entity itself, where its Attributes are held elsewhere: CIM 009 V1.9.1, 5.6 and 4.3.6.3."""

from __future__ import annotations

from typing import Any

import pytest

from ..outbound.network import Network, Node
from .federation import ALL, CAR, car, exclusive, held, prop, send

pytestmark = pytest.mark.anyio
SPEED = {"speed": prop(2), "scope": "/b"}


async def begun(a: Node) -> None:
    """A Car whose speed is at b, with what is left of it at a."""
    await exclusive(a, "b", "speed")
    await send(a, "POST", "/entities", car(speed=prop(1), brand=prop("x"), scope="/a"), 201)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/entities/{CAR}/attrs", SPEED),
        ("POST", f"/entities/{CAR}/attrs", SPEED),
        ("PATCH", f"/entities/{CAR}", SPEED),
        ("POST", "/entityOperations/update", [car(**SPEED)]),
        ("POST", "/entityOperations/merge", [car(**SPEED)]),
        ("POST", "/entityOperations/upsert?options=update", [car(**SPEED)]),
    ],
)
async def test_attributes_alone_are_removed_from_a_fragment(
    pair: list[Node], method: str, path: str, body: Any
) -> None:
    """5.6.2.4, 5.6.3.4, 5.6.17.4: "The matching Attributes are then removed"; the scope remains."""
    a, b = pair
    await begun(a)
    await send(a, method, path, body, 204)
    assert await held(a) == car(brand="x", scope="/b")
    assert await held(b) == car(speed=2, scope="/b")


@pytest.mark.parametrize("batch", [False, True], ids=["one", "batch"])
async def test_what_is_replaced_keeps_nothing_here(pair: list[Node], batch: bool) -> None:
    """5.6.18.4, 5.6.8.4: "completely replace the existing Entity with the same Entity ID"."""
    a, b = pair
    await begun(a)
    entity = car(speed=prop(2))
    if batch:
        await send(a, "POST", "/entityOperations/upsert", [entity], 204)
    else:
        await send(a, "PUT", f"/entities/{CAR}", entity, 204)
    assert (await held(a), await held(b)) == (car(), car(speed=2))
    assert await a.retrieve(CAR) == car(speed=2)


async def test_a_new_type_is_added_here_too(pair: list[Node]) -> None:
    """5.6.2.4: "If type is included in the Fragment and it includes Entity Type names that are not yet in"."""
    a, b = pair
    await begun(a)
    before = (await send(a, "GET", f"/entities/{CAR}?local=true&options=sysAttrs")).json()["modifiedAt"]
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"type": "Car", "speed": prop(3)}, 204)
    after = (await send(a, "GET", f"/entities/{CAR}?local=true&options=sysAttrs")).json()["modifiedAt"]
    assert before == after
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"type": ["Car", "Taxi"], "speed": prop(3)}, 204)
    assert (await held(a) or {})["type"] == (await held(b) or {})["type"] == ["Car", "Taxi"]


async def test_what_is_not_here_does_not_come_into_being(pair: list[Node]) -> None:
    """No Entity without Attributes is left behind where all of it is at a source."""
    a, b = pair
    await exclusive(a, "b", "speed")
    entity = car(speed=prop(1), scope="/a")
    await send(a, "POST", "/entities", entity, 201)
    await send(a, "PATCH", f"/entities/{CAR}/attrs", SPEED, 204)
    await send(a, "PUT", f"/entities/{CAR}", entity, 204)
    await send(a, "POST", "/entityOperations/upsert", [entity], 204)
    assert (await held(a), await held(b)) == (None, car(speed=1, scope="/a"))


async def test_a_source_of_whole_entities_gets_everything(network: Network, pair: list[Node]) -> None:
    """4.3.6.3: "in this case, all Attributes are held externally"; a dead one makes no partial success."""
    a, b = pair
    await a.register("b", mode="redirect", operations=ALL)
    await send(a, "POST", "/entities", car(speed=prop(1)), 201)
    await send(a, "PATCH", f"/entities/{CAR}/attrs", SPEED, 204)
    assert (await held(a), await held(b)) == (None, car(speed=2))
    del network.hosts["b"]
    await send(a, "PUT", f"/entities/{CAR}", car(speed=prop(3)), 502)
