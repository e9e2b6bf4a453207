"""Registrations that come while a write is under way: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.3 and 5.9.2.4."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ..api import API, create
from ..outbound.network import Network, Node
from .federation import ALL, CAR, car, exclusive, held, prop, send

pytestmark = pytest.mark.anyio


def before_the_next_write(node: Node, meanwhile: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Something happens between the decision who gets what, and the transaction."""
    store = node.broker.store
    write = store.write

    async def late(*arguments: Any, **options: Any) -> Any:
        store.write = write
        await meanwhile()
        return await write(*arguments, **options)

    store.write = late


REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "/entities", car(speed=prop(2), colour=prop("red"))),
    ("PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2), "colour": prop("red")}),
    ("POST", f"/entities/{CAR}/attrs", {"speed": prop(2), "colour": prop("red")}),
    ("PATCH", f"/entities/{CAR}", {"speed": prop(2), "colour": prop("red")}),
    ("POST", "/entityOperations/create", [car(speed=prop(2), colour=prop("red"))]),
    ("POST", "/entityOperations/upsert", [car(speed=prop(2), colour=prop("red"))]),
    ("POST", "/entityOperations/update", [car(speed=prop(2), colour=prop("red"))]),
]


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[" ".join(one[:2]) for one in REQUESTS])
async def test_nothing_lands_here_of_what_is_registered_meanwhile(
    pair: list[Node], method: str, path: str, body: Any
) -> None:
    """4.3.6.3: "The Context Broker itself holds no data locally about the registered Attributes"."""
    a, b = pair
    creates = path.endswith(("/entities", "/create"))
    if not creates:
        await create(a.client, CAR, wheels=prop(4))
        await create(b.client, CAR)
    before_the_next_write(a, lambda: exclusive(a, "b", "speed"))
    answer = await send(a, method, path, body)
    assert answer.status_code in (201, 204), answer.text
    assert await held(b) == car(speed=2)
    assert await held(a) == car(colour="red", **({} if creates or "upsert" in path else {"wheels": 4}))


async def test_a_share_is_not_given_twice(pair: list[Node], network: Network) -> None:
    """An inclusive source that has got its part is not asked again because another Registration came."""
    a, _ = pair
    network.hosts["s"] = network.hosts["t"] = lambda sent: (204, b"")
    await create(a.client, CAR)
    await a.register("s", operations=ALL)
    before_the_next_write(a, lambda: exclusive(a, "t", "speed"))
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2), "brand": prop("x")}, 204)
    assert [len(network.to(host)) for host in ("s", "t")] == [1, 1]
    assert await held(a) == car(brand="x")
    network.sent.clear()
    before_the_next_write(a, lambda: exclusive(a, "t", "colour", id="urn:x:2"))
    await send(a, "POST", "/entityOperations/update", [car(wheels=prop(4))], 204)
    assert [len(network.to(host)) for host in ("s", "t")] == [1, 0]


@pytest.mark.parametrize("rounds", range(3))
async def test_writes_and_a_registration_at_the_same_time_never_contradict(
    pair: list[Node], network: Network, rounds: int
) -> None:
    """5.9.2.4: the Registration is refused because the Attribute is here, or it is there and not here."""
    a, b = pair
    registered, *written = await asyncio.gather(
        a.client.post(
            f"{API}/csourceRegistrations",
            json={
                "id": "urn:x:1",
                "type": "ContextSourceRegistration",
                "mode": "exclusive",
                "endpoint": "http://b",
                "operations": ALL,
                "information": [{"entities": [{"type": "Car", "id": CAR}], "propertyNames": ["speed"]}],
            },
        ),
        *(a.client.post(f"{API}/entities", json=car(speed=prop(n))) for n in range(rounds + 1)),
    )
    here, there = await held(a), await held(b)
    if registered.status_code == 201:
        assert here is None
        assert there is not None
    else:
        assert (registered.status_code, there) == (409, None)
        assert here is not None
    assert [one.status_code for one in written].count(201) == 1
