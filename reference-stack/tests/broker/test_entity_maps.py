"""EntityMaps: ETSI GS CIM 009 V1.9.1, clauses 4.5.25, 5.2.39, 5.5.9.3, 5.5.14, 5.14, 6.32, 6.34 and 6.35."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.durations import end_of, parse_duration
from ldt_stack.broker.operations.entity_map_queries import identity_of
from ldt_stack.broker.operations.entity_map_walk import Walk
from ldt_stack.broker.operations.entity_maps import StoredMap, remove_expired_maps
from ldt_stack.broker.operations.query_input import QueryInput, SelectorInput, ViewInput
from ldt_stack.broker.service import Call
from ldt_stack.broker.store.interface import DocumentKind, Snapshot

from .api import create, refused, send
from .conftest import BrokerFactory, RunningBroker

pytestmark = pytest.mark.anyio
IDS = [f"urn:ngsi-ld:Car:{number}" for number in range(1, 8)]
CALL = Call(None, core_context())
JUNE = "timerel=after&timeAt=2026-06-01T00:00:00Z"


async def cars(client: httpx.AsyncClient, count: int = 7) -> None:
    """Cars 1 to `count`, their speed ten times their number."""
    for number in range(1, count + 1):
        speed = {"type": "Property", "value": number * 10, "observedAt": f"2026-06-0{number}T00:00:00Z"}
        await create(client, IDS[number - 1], speed=speed)


async def speed(client: httpx.AsyncClient, number: int, value: int) -> None:
    """Another speed for a car."""
    path = f"/entities/{IDS[number - 1]}/attrs/speed"
    await send(client, "PATCH", path, {"type": "Property", "value": value}, 204)


def ids(answer: httpx.Response) -> list[str]:
    """The ids of the Entities of an answer."""
    return [entity["id"] for entity in answer.json()]


def location(answer: httpx.Response) -> str:
    """The resource URI of the map, below the API root."""
    uri: str = answer.headers["ngsild-entitymap"]
    assert uri.startswith("/ngsi-ld/v1/entityMaps/")
    return uri.removeprefix("/ngsi-ld/v1")


async def mapped(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """The map an answer names."""
    found: dict[str, Any] = (await send(client, "GET", location(answer), None, 200)).json()
    return found


async def test_a_query_that_asks_for_a_map_makes_one_of_all_its_entities(running: RunningBroker) -> None:
    await cars(running.client)
    answer = await send(running.client, "GET", "/entities?type=Car&q=speed>20&entityMap=true&limit=2", None, 201)
    assert ids(answer) == IDS[2:4]
    found = await mapped(running.client, answer)
    assert found["type"] == "EntityMap"
    assert found["id"].startswith("urn:")
    assert found["entityMap"] == {identifier: ["@none"] for identifier in IDS[2:]}
    assert found["linkedMaps"] == {}
    assert found["expiresAt"] > running.broker.now()


async def test_without_the_flag_there_is_no_map(running: RunningBroker) -> None:
    await cars(running.client, 1)
    for parameters in ("", "&entityMap=false", "&entityMapLifetime=PT1M"):
        answer = await send(running.client, "GET", f"/entities?type=Car{parameters}", None, 200)
        assert "ngsild-entitymap" not in answer.headers


async def test_a_map_fixes_the_entities_of_later_requests(running: RunningBroker) -> None:
    await cars(running.client, 3)
    first = await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201)
    await create(running.client, IDS[3], speed={"type": "Property", "value": 40})
    second = await send(running.client, "GET", "/entities?type=Car", None, 200, NGSILD_EntityMap=location(first))
    assert ids(second) == IDS[:3]
    assert location(second) == location(first)


@pytest.mark.parametrize("form", ["{path}", "http://broker.test/ngsi-ld/v1{path}", "{id}"])
async def test_the_header_takes_the_resource_uri_or_the_id(running: RunningBroker, form: str) -> None:
    await cars(running.client, 1)
    first = await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201)
    path = location(first)
    header = form.format(path=path, id=path.rpartition("/")[2])
    second = await send(running.client, "GET", "/entities?type=Car", None, 200, NGSILD_EntityMap=header)
    assert location(second) == path


async def test_an_entity_that_no_longer_fits_leaves_the_map_and_the_page_is_filled(running: RunningBroker) -> None:
    await cars(running.client)
    client, query = running.client, "/entities?type=Car&q=speed>5&limit=3&count=true"
    first = await send(client, "GET", query + "&entityMap=true", None, 201)
    assert ids(first) == IDS[:3]
    await speed(client, 2, 1)
    await speed(client, 5, 1)
    await send(client, "DELETE", f"/entities/{IDS[5]}", None, 204)
    again = await send(client, "GET", query, None, 200, NGSILD_EntityMap=location(first))
    assert ids(again) == [IDS[0], IDS[2], IDS[3]]
    assert list((await mapped(client, first))["entityMap"]) == [IDS[0], IDS[2], IDS[3], IDS[4], IDS[5], IDS[6]]
    following = again.links["next"]["url"].removeprefix("/ngsi-ld/v1")
    second = await send(client, "GET", following, None, 200, NGSILD_EntityMap=location(first))
    assert ids(second) == [IDS[6]]
    assert "next" not in second.links
    assert second.headers["ngsild-results-count"] == "4"
    assert list((await mapped(client, first))["entityMap"]) == [IDS[0], IDS[2], IDS[3], IDS[6]]
    back = second.links["prev"]["url"].removeprefix("/ngsi-ld/v1")
    previous = await send(client, "GET", back, None, 200, NGSILD_EntityMap=location(first))
    assert ids(previous) == [IDS[0], IDS[2], IDS[3]]


async def test_entities_that_leave_while_paging_make_nobody_be_skipped(running: RunningBroker) -> None:
    await cars(running.client)
    client, query = running.client, "/entities?type=Car&q=speed>5&limit=2"
    first = await send(client, "GET", query + "&entityMap=true", None, 201)
    await speed(client, 1, 1)
    await send(client, "GET", query, None, 200, NGSILD_EntityMap=location(first))
    second = await send(client, "GET", query + "&offset=2", None, 200, NGSILD_EntityMap=location(first))
    assert ids(second) == IDS[2:4]


async def test_a_map_can_be_narrowed_by_ids(running: RunningBroker) -> None:
    await cars(running.client)
    pattern = "idPattern=^urn"
    first = await send(running.client, "GET", f"/entities?type=Car&{pattern}&entityMap=true", None, 201)
    query = f"/entities?type=Car&{pattern}&id={IDS[4]},{IDS[1]},urn:ngsi-ld:Car:unknown&count=true"
    second = await send(running.client, "GET", query, None, 200, NGSILD_EntityMap=location(first))
    assert ids(second) == [IDS[1], IDS[4]]
    assert second.headers["ngsild-results-count"] == "2"
    assert len((await mapped(running.client, first))["entityMap"]) == 7


@pytest.mark.parametrize(("offset", "expected"), [(6, IDS[6:]), (7, []), (20, IDS[6:])])
async def test_an_offset_past_the_end_gives_the_last_entity(
    running: RunningBroker, offset: int, expected: list[str]
) -> None:
    await cars(running.client)
    answer = await send(running.client, "GET", f"/entities?type=Car&entityMap=true&offset={offset}", None, 201)
    assert ids(answer) == expected


async def test_the_count_alone_can_be_had(running: RunningBroker) -> None:
    await cars(running.client, 3)
    answer = await send(running.client, "GET", "/entities?type=Car&entityMap=true&limit=0&count=true", None, 201)
    assert (ids(answer), answer.headers["ngsild-results-count"]) == ([], "3")


@pytest.mark.parametrize(
    "other",
    [
        "type=Car&local=true&orderBy=speed",
        "type=Bus",
        "type=Car&q=speed>1",
        "type=Car&scopeQ=/a",
        "type=Car&attrs=speed",
    ],
)
async def test_a_map_of_another_query_is_refused(running: RunningBroker, other: str) -> None:
    await cars(running.client, 1)
    first = await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201)
    problem = await refused(
        running.client, "GET", f"/entities?{other}", None, 400, "BadRequestData", NGSILD_EntityMap=location(first)
    )
    assert "another query" in problem["detail"]


async def test_a_map_of_another_context_is_refused(running: RunningBroker) -> None:
    """5.5.9.1: "An attempt to use a different @context should result in an BadRequestData error"."""
    query = {"type": "Query", "entities": [{"type": "Car"}], "@context": {"Car": "https://example.org/Car"}}
    headers = {"content_type": "application/ld+json"}
    first = await send(running.client, "POST", "/entityMaps", query, 201, **headers)
    header = {"NGSILD_EntityMap": location(first)}
    path = "/entityOperations/query"
    await send(running.client, "POST", path, query, 200, **headers, **header)
    other = {**query, "@context": {"Car": "https://example.org/Bus"}}
    await refused(running.client, "POST", path, other, 400, "BadRequestData", **headers, **header)


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


@pytest.mark.parametrize("query", ["entityMap=yes", "splitEntities=1"])
async def test_a_flag_that_is_no_boolean_is_refused(running: RunningBroker, query: str) -> None:
    await refused(running.client, "GET", f"/entities?type=Car&{query}", None, 400, "BadRequestData")


async def test_a_map_can_be_asked_for_in_a_query_by_post(running: RunningBroker) -> None:
    await cars(running.client, 2)
    query = {"type": "Query", "entities": [{"type": "Car"}]}
    first = await send(running.client, "POST", "/entityOperations/query", {**query, "entityMap": True}, 201)
    assert ids(first) == IDS[:2]
    await send(running.client, "DELETE", f"/entities/{IDS[0]}", None, 204)
    path = "/entityOperations/query"
    second = await send(running.client, "POST", path, query, 200, NGSILD_EntityMap=location(first))
    assert ids(second) == [IDS[1]]
    for wrong in ({"entityMap": "true"}, {"entityMap": True, "entityMapLifetime": 5}, {"splitEntities": "no"}):
        await refused(running.client, "POST", path, {**query, **wrong}, 400, "BadRequestData")


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


async def test_with_split_entities_the_map_holds_candidates_and_the_page_applies_the_filter(
    running: RunningBroker,
) -> None:
    await cars(running.client, 3)
    query = "type=Car&q=speed>15&splitEntities=true"
    made = await send(running.client, "GET", f"/entityMaps?{query}", None, 201)
    assert list(made.json()["entityMap"]) == IDS[:3]
    page = await send(running.client, "GET", f"/entities?{query}", None, 200, NGSILD_EntityMap=location(made))
    assert ids(page) == IDS[1:3]
    assert list((await mapped(running.client, made))["entityMap"]) == IDS[1:3]
    local = await send(running.client, "GET", f"/entityMaps?{query}&local=true", None, 201)
    assert list(local.json()["entityMap"]) == IDS[1:3]


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


async def test_the_order_of_a_map_is_the_order_of_its_query(running: RunningBroker) -> None:
    await cars(running.client, 3)
    query = "type=Car&local=true&orderBy=speed;desc"
    first = await send(running.client, "GET", f"/entities?{query}&entityMap=true&limit=2", None, 201)
    assert ids(first) == [IDS[2], IDS[1]]
    await speed(running.client, 1, 1000)
    again = await send(running.client, "GET", f"/entities?{query}", None, 200, NGSILD_EntityMap=location(first))
    assert ids(again) == [IDS[2], IDS[1], IDS[0]]


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


async def test_retrieval_of_an_entity_names_the_map(running: RunningBroker) -> None:
    await cars(running.client, 2)
    for path in (f"/entities/{IDS[0]}", f"/temporal/entities/{IDS[0]}"):
        first = await send(running.client, "GET", f"{path}?entityMap=true", None, 200)
        assert (await mapped(running.client, first))["entityMap"] == {IDS[0]: ["@none"]}
        second = await send(running.client, "GET", path, None, 200, NGSILD_EntityMap=location(first))
        assert location(second) == location(first)
        assert "ngsild-entitymap" not in (await send(running.client, "GET", path, None, 200)).headers


async def test_a_temporal_map_takes_another_temporal_query(running: RunningBroker) -> None:
    await cars(running.client, 4)
    client = running.client
    first = await send(client, "GET", f"/temporal/entities?type=Car&{JUNE}&entityMap=true&limit=2", None, 201)
    assert ids(first) == IDS[:2]
    later = "timerel=after&timeAt=2026-06-02T12:00:00Z"
    second = await send(
        client, "GET", f"/temporal/entities?type=Car&{later}&limit=2", None, 200, NGSILD_EntityMap=location(first)
    )
    assert ids(second) == IDS[2:4]
    assert list((await mapped(client, first))["entityMap"]) == IDS[:4]
    await refused(client, "GET", "/entities?type=Car", None, 400, "BadRequestData", NGSILD_EntityMap=location(first))


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


@given(
    kept=st.lists(st.booleans(), max_size=30),
    limit=st.integers(1, 7),
)
def test_paging_along_next_links_gives_every_entity_that_is_left_once(kept: list[bool], limit: int) -> None:
    names = [f"urn:x:{number}" for number in range(len(kept))]
    left = {name for name, stays in zip(names, kept, strict=True) if stays}
    entity_map = StoredMap({"id": "urn:m:1"}, {name: ["@none"] for name in names})
    seen: list[str] = []
    offset, more = 0, True
    while more:
        walk = Walk[str](entity_map, None, offset, limit)
        for asked in walk.asked():
            walk.answer(asked, {name: name for name in asked if name in left})
        assert len(walk.found) == limit or walk.end == len(names)
        seen += walk.found
        entity_map.entries.update(dict.fromkeys(walk.gone))
        offset, more = walk.end, walk.more
    assert seen == [name for name in names if name in left]


def test_the_identity_of_a_query_leaves_out_ids_paging_and_view() -> None:
    base = QueryInput(selectors=[SelectorInput("Car")], q="a==1")
    same = QueryInput(
        selectors=[SelectorInput("Car", ids=["urn:x:1"])], q="a==1", limit=3, offset=9, view=ViewInput(pick="a")
    )
    assert identity_of(base, CALL, temporal=False) == identity_of(same, CALL, temporal=False)
    assert identity_of(base, CALL, temporal=False) != identity_of(base, CALL, temporal=True)
    split = QueryInput(selectors=[SelectorInput("Car")], q="a==1", split_entities=True)
    assert identity_of(base, CALL, temporal=False) != identity_of(split, CALL, temporal=False)


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
