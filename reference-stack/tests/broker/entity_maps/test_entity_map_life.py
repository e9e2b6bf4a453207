"""How EntityMaps are made, updated and deleted: ETSI GS CIM 009 V1.9.1, clauses 5.2.39, 5.14, 6.32, 6.34 and 6.35."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.durations import end_of, parse_duration
from ldt_stack.broker.operations.entity_maps.management import remove_expired_maps
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot

from ..api import refused, send
from ..conftest import BrokerFactory, RunningBroker
from .maps import IDS, JUNE, cars, ids, location, mapped

pytestmark = pytest.mark.anyio


async def test_an_unknown_or_expired_map_is_replaced_by_a_new_one(running: RunningBroker) -> None:
    await cars(running.client, 2)
    client = running.client
    first = await send(client, "GET", "/entities?type=Car&entityMap=true&entityMapLifetime=PT10S", None, 201)
    unknown = await send(client, "GET", "/entities?type=Car", None, 201, NGSILD_EntityMap="urn:ngsi-ld:EntityMap:none")
    running.clock.advance(11)
    expired = await send(client, "GET", "/entities?type=Car", None, 201, NGSILD_EntityMap=location(first))
    assert len({location(first), location(unknown), location(expired)}) == 3
    await refused(client, "GET", location(first), None, 404, "ResourceNotFound")
    assert (await mapped(client, expired))["entityMap"].keys() == set(IDS[:2])


async def test_an_expired_map_is_removed_from_the_store(running: RunningBroker) -> None:
    await cars(running.client, 1)
    await send(running.client, "GET", "/entities?type=Car&entityMap=true&entityMapLifetime=PT10S", None, 201)
    await send(running.client, "GET", "/entities?type=Car&entityMap=true&entityMapLifetime=PT1H", None, 201)
    assert await remove_expired_maps(running.broker, None) == 0
    running.clock.advance(11)
    assert await remove_expired_maps(running.broker, None) == 1

    def left(snapshot: Snapshot) -> tuple[int, int]:
        kinds = (DocumentKind.ENTITY_MAP, DocumentKind.ENTITY_MAP_ENTRIES)
        one, other = (snapshot.count_documents(kind) for kind in kinds)
        return one, other

    assert await running.broker.store.read(None, left) == (1, 1)


async def test_the_lifetime_is_limited_by_the_settings(start_broker: BrokerFactory) -> None:
    async with start_broker(entity_map_max_seconds=60) as running:
        await cars(running.client, 1)
        answer = await send(running.client, "GET", "/entities?type=Car&entityMap=true&entityMapLifetime=P1Y", None, 201)
        latest = running.broker.clock() + timedelta(seconds=60)
        assert datetime.fromisoformat((await mapped(running.client, answer))["expiresAt"]) <= latest


async def test_the_map_that_expires_first_makes_room(start_broker: BrokerFactory) -> None:
    async with start_broker(max_entity_maps=2) as running:
        await cars(running.client, 1)
        made = [
            location(await send(running.client, "GET", f"/entities?type=Car&entityMap=true&{life}", None, 201))
            for life in ("entityMapLifetime=PT1H", "entityMapLifetime=PT1M", "entityMapLifetime=PT2H")
        ]
        found = [(await send(running.client, "GET", path)).status_code for path in made]
        assert found == [200, 404, 200]


async def test_more_entities_than_a_map_holds_are_too_many(start_broker: BrokerFactory) -> None:
    async with start_broker(entity_map_max_entities=2) as running:
        await cars(running.client, 3)
        await refused(running.client, "GET", "/entityMaps?type=Car", None, 403, "TooManyResults")
        await refused(running.client, "GET", f"/temporal/entityMaps?type=Car&{JUNE}", None, 403, "TooManyResults")


@pytest.mark.parametrize("lifetime", ["10", "PT", "P", "1H", "PT-1S", ""])
@pytest.mark.parametrize("path", ["/entities", "/entityMaps"])
async def test_a_lifetime_that_is_no_duration_is_refused(running: RunningBroker, path: str, lifetime: str) -> None:
    parameters = f"type=Car&entityMap=true&entityMapLifetime={lifetime}"
    await refused(running.client, "GET", f"{path}?{parameters}", None, 400, "BadRequestData")


async def test_create_entity_map_answers_the_map_and_where_it_is(running: RunningBroker) -> None:
    await cars(running.client, 3)
    query = {"type": "Query", "entities": [{"type": "Car"}], "q": "speed<25"}
    for answer in (
        await send(running.client, "GET", "/entityMaps?type=Car&q=speed<25&limit=1", None, 201),
        await send(running.client, "POST", "/entityMaps", query, 201),
    ):
        assert list(answer.json()["entityMap"]) == IDS[:2]
        assert await mapped(running.client, answer) == answer.json()
        page = await send(
            running.client, "GET", "/entities?type=Car&q=speed<25", None, 200, NGSILD_EntityMap=location(answer)
        )
        assert ids(page) == IDS[:2]


@pytest.mark.parametrize(
    "query",
    [
        "q=unknown",
        "limit=1",
        "type=Car&id=no uri",
        "type=Car&q=speed>",
        "type=Car&pick=a{b}",
        "type=Car&geometryProperty=location",
    ],
)
async def test_create_entity_map_refuses_what_a_query_refuses(running: RunningBroker, query: str) -> None:
    path = f"/entityMaps?{query}"
    if query == "q=unknown":  # the one that is right
        await send(running.client, "GET", path, None, 201)
    else:
        await refused(running.client, "GET", path, None, 400, "BadRequestData")


async def test_update_moves_the_expiry_and_nothing_else(running: RunningBroker) -> None:
    await cars(running.client, 1)
    path = location(await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201))
    before = (await send(running.client, "GET", path, None, 200)).json()
    soon = (datetime.now(UTC) + timedelta(seconds=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fragment = {"type": "EntityMap", "expiresAt": soon, "entityMap": {}, "linkedMaps": {"urn:x:1": "urn:x:2"}}
    await send(running.client, "PATCH", path, fragment, 204)
    after = (await send(running.client, "GET", path, None, 200)).json()
    assert after == {**before, "expiresAt": soon.replace("Z", ".000000Z")}


@pytest.mark.parametrize(
    "fragment",
    [
        {"expiresAt": "tomorrow"},
        {"expiresAt": "urn:ngsi-ld:null"},
        {"type": "Entity"},
        {"id": "urn:ngsi-ld:EntityMap:other"},
        {"speed": 4},
    ],
)
async def test_an_update_that_is_no_entity_map_is_refused(running: RunningBroker, fragment: dict[str, Any]) -> None:
    await cars(running.client, 1)
    path = location(await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201))
    await refused(running.client, "PATCH", path, fragment, 400, "BadRequestData")


async def test_a_deleted_map_is_gone(running: RunningBroker) -> None:
    await cars(running.client, 1)
    path = location(await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201))
    await send(running.client, "DELETE", path, None, 204)
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"type": "EntityMap"})):
        await refused(running.client, method, path, body, 404, "ResourceNotFound")


async def test_an_id_that_is_no_uri_is_refused(running: RunningBroker) -> None:
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"type": "EntityMap"})):
        await refused(running.client, method, "/entityMaps/no-uri", body, 400, "BadRequestData")


async def test_create_temporal_entity_map(running: RunningBroker) -> None:
    await cars(running.client, 3)
    query: dict[str, Any] = {"type": "Query", "entities": [{"type": "Car"}], "q": "speed>15"}
    temporal = {"temporalQ": {"timerel": "after", "timeAt": "2026-06-01T00:00:00Z"}}
    by_get = await send(running.client, "GET", f"/temporal/entityMaps?type=Car&q=speed>15&{JUNE}", None, 201)
    by_post = await send(running.client, "POST", "/temporal/entityMaps", {**query, **temporal}, 201)
    assert list(by_get.json()["entityMap"]) == list(by_post.json()["entityMap"]) == IDS[1:3]
    path = "/temporal/entityOperations/query"
    page = await send(running.client, "POST", path, {**query, **temporal}, 200, NGSILD_EntityMap=location(by_post))
    assert ids(page) == IDS[1:3]
    await refused(running.client, "GET", "/temporal/entityMaps?type=Car", None, 400, "BadRequestData")
    await refused(running.client, "POST", "/temporal/entityMaps", query, 400, "BadRequestData")


@pytest.mark.parametrize("parameter", ["options=nonsense", "format=nonsense", "nonsense=1"])
async def test_what_no_query_knows_makes_no_map(running: RunningBroker, parameter: str) -> None:
    """6.3.20; what a query knows and a map has no use for is of no effect (5.14.4.3, 5.14.5.3)."""
    query = {"type": "Query", "entities": [{"type": "Car"}]}
    temporal = {"temporalQ": {"timerel": "after", "timeAt": "2026-06-01T00:00:00Z"}}
    for method, path, body in (
        ("GET", "/entityMaps?type=Car", None),
        ("GET", f"/temporal/entityMaps?type=Car&{JUNE}", None),
        ("POST", "/entityMaps?limit=5", query),
        ("POST", "/temporal/entityMaps?limit=5", {**query, **temporal}),
    ):
        await refused(running.client, method, f"{path}&{parameter}", body, 400, "InvalidRequest")
        await send(running.client, method, f"{path}&options=sysAttrs", body, 201)


async def test_maps_survive_a_restart(start_broker: BrokerFactory, tmp_path: Any) -> None:
    async with start_broker(data_dir=tmp_path) as running:
        await cars(running.client, 2)
        first = await send(running.client, "GET", "/entities?type=Car&q=speed>1&entityMap=true", None, 201)
    async with start_broker(data_dir=tmp_path) as running:
        query = "/entities?type=Car&q=speed>1"
        second = await send(running.client, "GET", query, None, 200, NGSILD_EntityMap=location(first))
        assert ids(second) == IDS[:2]


@given(st.from_regex(r"[PT0-9YMWDHS.]{0,8}", fullmatch=True))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with suppress(BadRequestData):
        duration = parse_duration(text, "entityMapLifetime")
        assert duration.months >= 0
        assert duration.seconds >= 0
        assert text.startswith("P")


def test_a_duration_beyond_the_calendar_is_the_longest_lifetime() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    end = end_of("P99999Y", "entityMapLifetime", begin, default_seconds=1, longest_seconds=60)
    assert end == begin + timedelta(seconds=60)
