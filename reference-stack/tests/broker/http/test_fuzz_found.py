"""What fuzzing has found, one plain test each: answered with an error of the standard, never with 500 or silence."""

from __future__ import annotations

from json import dumps
from typing import Any

import pytest

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.durations import parse_duration
from ldt_stack.broker.model.instants import parse_instant
from ldt_stack.broker.model.nesting import MAX_NESTING, check_nesting
from ldt_stack.broker.query import parse_q

from ..api import API, CAR, create, get, refused, send

pytestmark = pytest.mark.anyio


def nested(levels: int) -> Any:
    """So many objects in one another."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


DEEP = nested(300)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/entities", {"id": CAR, "type": "Car", "x": {"type": "JsonProperty", "json": DEEP}}),
        (
            "/entities",
            {"id": CAR, "type": "Car", "x": {"type": "Property", "value": {"@type": "@json", "@value": DEEP}}},
        ),
        ("/subscriptions", {"type": "Subscription", "entities": [{"type": "Car"}], "extra": DEEP}),
        ("/jsonldContexts", {"@context": {"x": DEEP}}),
    ],
)
async def test_deep_nesting_is_refused(running: Any, path: str, body: Any) -> None:
    """A document that no encoder could write again is BadRequestData."""
    await refused(running.client, "POST", path, body, 400, "BadRequestData")


async def test_deep_nesting_fails_its_element_of_a_batch(running: Any) -> None:
    """The others are written (5.6.8.4); of linked data nothing is, as the @context may be what is nested."""
    deep = [{"id": CAR, "type": "Car", "x": {"json": DEEP}}, {"id": CAR, "type": "Car", "x": 1}]
    answer = await send(running.client, "POST", "/entityOperations/upsert", deep, 207)
    assert [error["entityId"] for error in answer.json()["errors"]] == [CAR]
    assert "nested" in answer.json()["errors"][0]["error"]["detail"]
    assert (await get(running.client))["x"]["value"] == 1
    for member in ("id", "type", "scope", "expiresAt", "x"):
        odd = [{"id": CAR, "type": "Car", member: DEEP}]
        answer = await send(running.client, "POST", "/entityOperations/upsert", odd, 207)
        assert "nested" in answer.json()["errors"][0]["error"]["detail"]
    linked = [{"id": CAR, "type": "Car", "@context": {"x": DEEP}}]
    ld_json = {"Content-Type": "application/ld+json"}
    answer = await running.client.post(f"{API}/entityOperations/upsert", content=dumps(linked), headers=ld_json)
    assert answer.status_code == 400, answer.text


async def test_what_is_just_not_too_deep_is_kept(running: Any) -> None:
    """The limit lies where everything still can be stored, kept in the history, and answered."""
    value = nested(MAX_NESTING - 3)
    await create(running.client, x={"type": "JsonProperty", "json": value})
    assert (await get(running.client))["x"]["json"] == value
    history = await send(running.client, "GET", f"/temporal/entities/{CAR}", None, 200)
    assert history.json()["x"][0]["json"] == value


def test_nesting_is_counted_not_brackets() -> None:
    """Many brackets beside one another are no nesting."""
    wide = [nested(3) for _ in range(10_000)]
    check_nesting(wide, b"{" * 30_000)
    with pytest.raises(BadRequestData):
        check_nesting(nested(MAX_NESTING + 1), b"{" * (MAX_NESTING + 1))


@pytest.mark.parametrize("duration", ["P99999999999999Y", "P99999999999999D", f"P{'9' * 400}Y", f"PT{'9' * 400}S"])
async def test_a_period_beyond_the_calendar_ends_with_it(running: Any, duration: str) -> None:
    """Aggregation over a period longer than time itself gives one period (4.5.19.1)."""
    last = parse_duration(duration, "aggrPeriodDuration").after(parse_instant("2026-01-01T00:00:00.000000Z"), 1)
    assert last.year == 9999
    await create(running.client, speed=5)
    answer = await send(
        running.client,
        "GET",
        f"/temporal/entities/{CAR}?timerel=after&timeAt=2026-01-01T00:00:00Z&timeproperty=modifiedAt"
        f"&format=aggregatedValues&aggrMethods=max&aggrPeriodDuration={duration}",
        None,
        200,
    )
    assert answer.json()["speed"]["max"][0][0] == 5


@pytest.mark.parametrize("header", ["<a>;b" + " " * 60_000 + "x", "<" * 60_000, "<a>;b" * 20_000 + '"'])
async def test_a_long_link_header_is_read_in_linear_time(running: Any, header: str) -> None:
    """What is no link names no @context; it takes no time to see that."""
    answer = await send(running.client, "GET", "/entities?type=Car", None, Link=header)
    assert answer.status_code in {200, 400}


def test_a_query_has_an_end() -> None:
    """A text of a query language that no person wrote is too complex, before anything is done with it."""
    with pytest.raises(TooComplexQuery):
        parse_q("x~=" + "[:" * 100_000, core_context())


@pytest.mark.parametrize("digit", ["\uff16", "\u0663", "\U0001d7de"])
async def test_digits_are_those_of_ascii(running: Any, digit: str) -> None:
    """A DateTime (4.6.3) has no other ones, wherever in it they stand: they came as far as the store."""
    for text in (f"2026-01-01T00:00:0{digit}Z", f"2026-01-01T00:00:00.12345{digit}Z", f"202{digit}-01-01T00:00:00Z"):
        one = {"type": "Property", "value": 1, "observedAt": text}
        await refused(running.client, "POST", "/entities", {"id": CAR, "type": "Car", "x": one}, 400, "BadRequestData")
        path = f"/temporal/entities?timerel=after&timeAt={text}&type=Car"
        await refused(running.client, "GET", path, None, 400, "BadRequestData")
        answer = await send(running.client, "GET", f"/entities?type=Car&q=x=={text}")
        assert answer.status_code < 500, answer.text
