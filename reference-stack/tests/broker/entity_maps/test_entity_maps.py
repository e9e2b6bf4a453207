"""Queries that make or use an EntityMap: ETSI GS CIM 009 V1.9.1, clauses 4.5.25, 5.5.9.3, 5.5.14 and 5.7."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.call import Call
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.operations.consumption.query_input import QueryInput, SelectorInput, ViewInput
from ldt_stack.broker.operations.entity_maps.creation import identity_of
from ldt_stack.broker.operations.entity_maps.management import StoredMap
from ldt_stack.broker.operations.entity_maps.walk import Walk

from ..api import create, refused, send
from ..conftest import RunningBroker
from .maps import IDS, JUNE, cars, ids, location, mapped, speed

pytestmark = pytest.mark.anyio
CALL = Call(None, core_context())


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


@pytest.mark.parametrize("query", ["entityMap=yes", "splitEntities=1"])
async def test_a_flag_that_is_no_boolean_is_refused(running: RunningBroker, query: str) -> None:
    await refused(running.client, "GET", f"/entities?type=Car&{query}", None, 400, "BadRequestData")


@pytest.mark.parametrize("member", ["entityMapLifetime", "joinLevel", "splitEntities", "entityMap", "q"])
async def test_a_member_of_a_query_is_no_json_null(running: RunningBroker, member: str) -> None:
    """5.2.1: "None of the members described admit a null value directly"."""
    query = {"type": "Query", "entities": [{"type": "Car"}], member: None}
    await refused(running.client, "POST", "/entityMaps", query, 400, "BadRequestData")


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


async def test_the_order_of_a_map_is_the_order_of_its_query(running: RunningBroker) -> None:
    await cars(running.client, 3)
    query = "type=Car&local=true&orderBy=speed;desc"
    first = await send(running.client, "GET", f"/entities?{query}&entityMap=true&limit=2", None, 201)
    assert ids(first) == [IDS[2], IDS[1]]
    await speed(running.client, 1, 1000)
    again = await send(running.client, "GET", f"/entities?{query}", None, 200, NGSILD_EntityMap=location(first))
    assert ids(again) == [IDS[2], IDS[1], IDS[0]]


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


@given(
    kept=st.lists(st.booleans(), max_size=30),
    limit=st.integers(1, 7),
    at_most=st.integers(0, 10),
)
def test_paging_along_next_links_gives_every_entity_that_is_left_once(
    kept: list[bool], limit: int, at_most: int
) -> None:
    names = [f"urn:x:{number}" for number in range(len(kept))]
    left = {name for name, stays in zip(names, kept, strict=True) if stays}
    entity_map = StoredMap({"id": "urn:m:1"}, {name: ["@none"] for name in names})
    seen: list[str] = []
    already: set[str] = set()
    offset, more = 0, True
    while more:
        walk = Walk[str](entity_map, None, offset, limit, at_most)
        for asked in walk.asked():
            assert len(asked) <= max(limit, at_most)
            walk.answer(asked, {name: name for name in asked if name in left})
        assert len(walk.found) == limit or walk.end == len(names)
        assert set(walk.gone) == set(names[walk.start : walk.end]) - left - already
        already.update(walk.gone)
        seen += walk.found
        entity_map.entries.update(dict.fromkeys(walk.gone))
        offset, more = walk.end, walk.more
    assert seen == [name for name in names if name in left]


def test_many_entities_that_are_gone_are_looked_up_in_few_steps() -> None:
    names = [f"urn:x:{number}" for number in range(5000)]
    walk = Walk[str](StoredMap({"id": "urn:m:1"}, {name: ["@none"] for name in names}), None, 0, 1, 200)
    steps = 0
    for asked in walk.asked():
        steps += 1
        walk.answer(asked, {names[-2]: "found", names[-1]: "not any more"})
    assert (walk.found, walk.end, walk.more) == (["found"], len(names) - 1, True)
    assert steps < 40


def test_the_identity_of_a_query_leaves_out_ids_paging_and_view() -> None:
    base = QueryInput(selectors=[SelectorInput("Car")], q="a==1")
    same = QueryInput(
        selectors=[SelectorInput("Car", ids=["urn:x:1"])], q="a==1", limit=3, offset=9, view=ViewInput(pick="a")
    )
    assert identity_of(base, CALL, temporal=False) == identity_of(same, CALL, temporal=False)
    assert identity_of(base, CALL, temporal=False) != identity_of(base, CALL, temporal=True)
    split = QueryInput(selectors=[SelectorInput("Car")], q="a==1", split_entities=True)
    assert identity_of(base, CALL, temporal=False) != identity_of(split, CALL, temporal=False)
