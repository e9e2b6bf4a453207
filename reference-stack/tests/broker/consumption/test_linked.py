"""Linked Entity retrieval in dense graphs: ETSI GS CIM 009 V1.9.1, clause 4.5.23."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import create, refused, send
from ..conftest import BrokerFactory, RunningBroker

pytestmark = pytest.mark.anyio


def node(number: int) -> str:
    return f"urn:ngsi-ld:Car:{number}"


async def everyone_follows_everyone(running: RunningBroker, count: int) -> None:
    for number in range(count):
        others = [node(other) for other in range(count) if other != number]
        await create(running.client, node(number), follows={"type": "Relationship", "object": others})


def places(entity: dict[str, Any]) -> int:
    """How many linked Entities are shown inside."""
    linked = entity["follows"].get("entity", [])
    return len(linked) + sum(places(one) for one in linked)


async def test_inline_shows_an_entity_in_each_place_where_it_is_linked(running: RunningBroker) -> None:
    await everyone_follows_everyone(running, 4)
    for level, expected in ((1, 3), (2, 3 + 6), (3, 3 + 6 + 6), (10, 3 + 6 + 6)):  # nobody on the way again
        path = f"/entities/{node(0)}?join=inline&joinLevel={level}"
        assert places((await send(running.client, "GET", path, None, 200)).json()) == expected


async def test_a_dense_graph_is_shown_as_far_as_the_limit(start_broker: BrokerFactory) -> None:
    """Without one, a dozen Entities that link to each other would be shown in millions of places."""
    async with start_broker(max_linked_entities=15) as running:
        client = running.client
        await everyone_follows_everyone(running, 12)
        for path in (f"/entities/{node(0)}?join=inline&joinLevel=10", "/entities?type=Car&join=inline&joinLevel=2"):
            await refused(client, "GET", path, None, 403, "TooManyResults")
        await send(client, "GET", f"/entities/{node(0)}?join=inline&joinLevel=1", None, 200)
        flat = await send(client, "GET", f"/entities/{node(0)}?join=flat&joinLevel=10", None, 200)
        assert len(flat.json()) == 12


async def test_more_linked_entities_than_the_limit_are_too_many(start_broker: BrokerFactory) -> None:
    async with start_broker(max_linked_entities=3) as running:
        await everyone_follows_everyone(running, 6)
        for join in ("flat", "inline"):
            path = f"/entities/{node(0)}?join={join}"
            await refused(running.client, "GET", path, None, 403, "TooManyResults")


async def test_an_earlier_version_is_preferred_for_linked_entities_too(running: RunningBroker) -> None:
    await create(running.client, node(1), label={"type": "VocabProperty", "vocab": "name"})
    await create(running.client, node(0), follows={"type": "Relationship", "object": node(1)})
    path = f"/entities/{node(0)}?join=inline"
    plain = await send(running.client, "GET", path, None, 200)
    amended = await send(running.client, "GET", path, None, 203, Prefer="ngsi-ld=1.6")
    assert plain.json()["follows"]["entity"]["label"]["type"] == "VocabProperty"
    assert amended.json()["follows"]["entity"]["label"]["type"] == "Property"
    await send(running.client, "GET", path, None, 200, Prefer="ngsi-ld=1.9")


async def test_each_way_to_an_entity_has_its_own_projection(running: RunningBroker) -> None:
    """4.21 and 5.7.1.5: what one Relationship picks of an Entity takes nothing from what another one picks of it."""
    client = running.client
    await create(client, node(2), name={"type": "Property", "value": "far"})
    await create(
        client, node(1), speed={"type": "Property", "value": 5}, next={"type": "Relationship", "object": node(2)}
    )
    link = {"type": "Relationship", "object": node(1)}
    await create(client, node(0), ahead=link, behind=link)

    async def shown(parameters: str) -> Any:
        path = f"/entities/{node(0)}?format=simplified&joinLevel=2&{parameters}"
        return (await send(client, "GET", path, None, 200)).json()

    expected = {"ahead": {"speed": 5}, "behind": {"next": {"name": "far"}}}
    for pick in ("ahead{speed},behind{next{name}}", "behind{next{name}},ahead{speed}"):
        assert await shown(f"join=inline&pick={pick}") == expected
    swapped = {"ahead": {"next": {"name": "far"}}, "behind": {"speed": 5}}
    assert await shown("join=inline&pick=ahead{next{name}},behind{speed}") == swapped
    assert await shown("join=flat&pick=id,ahead{id,speed},behind{id,next{id,name}}") == [
        {"id": node(0), "ahead": node(1), "behind": node(1)},
        {"id": node(1), "speed": 5, "next": node(2)},
        {"id": node(2), "name": "far"},
    ]
    for way in ("ahead", "behind"):
        flat = await shown(f"join=flat&omit={way}{{next}}")
        assert [one["id"] for one in flat] == [node(0), node(1), node(2)]
        assert flat[1] == {"id": node(1), "type": "Car", "speed": 5, "next": node(2)}
    both = await shown("join=flat&omit=ahead{next},behind{next}")
    assert both[1:] == [{"id": node(1), "type": "Car", "speed": 5}]
