"""Batch operations: ETSI GS CIM 009 V1.9.1, clauses 5.5.11, 5.6.7 to 5.6.10, 5.6.20; 6.14 to 6.17 and 6.31."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.ld_context import CORE_CONTEXT_URL

from ..api import CAR, ERRORS, NULL, create, get, gone, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
BATCH = "/entityOperations"
ONE, TWO, THREE = "urn:ngsi-ld:Car:b1", "urn:ngsi-ld:Car:b2", "urn:ngsi-ld:Car:b3"


def car(entity_id: str, **attributes: Any) -> dict[str, Any]:
    """An Entity of type Car."""
    return {"id": entity_id, "type": "Car", **attributes}


def errors_of(answer: Any) -> dict[str, str]:
    """entityId -> short error type of a BatchOperationResult (5.2.16, 5.2.17)."""
    return {one["entityId"]: one["error"]["type"].removeprefix(ERRORS) for one in answer.json()["errors"]}


async def values(running: RunningBroker, *ids: str) -> list[Any]:
    """The value of the Attribute "a" of Entities."""
    return [(await get(running.client, one))["a"]["value"] for one in ids]


async def test_create_all(running: RunningBroker) -> None:
    """6.14.3.1: 201 and the ids."""
    answer = await send(running.client, "POST", f"{BATCH}/create", [car(ONE, a=1), car(TWO, a=2)], 201)
    assert sorted(answer.json()) == [ONE, TWO]
    assert await values(running, ONE, TWO) == [1, 2]


@pytest.mark.parametrize("operation", ["create", "upsert"])
async def test_ids_come_with_a_link(running: RunningBroker, operation: str) -> None:
    """6.3.6: what is answered in JSON includes a Link to the @context, whatever the batch came in; a 207 does not."""
    bodies: list[tuple[Any, str]] = [
        ([car(ONE)], "application/json"),
        ([car(TWO) | {"@context": {"a": "urn:a:b"}}], "application/ld+json"),
    ]
    for body, media_type in bodies:
        headers = {"Content_Type": media_type, "Accept": media_type}
        answer = await send(running.client, "POST", f"{BATCH}/{operation}", body, 201, **headers)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["link"].startswith(f"<{CORE_CONTEXT_URL}>; rel=")
    answer = await send(running.client, "POST", f"{BATCH}/{operation}", [car(THREE), {"id": ONE}], 207)
    assert "link" not in answer.headers


async def test_create_some(running: RunningBroker) -> None:
    """207 tells successes from errors; a second instance of an id is AlreadyExists (5.5.11.1)."""
    await create(running.client, a=0)
    body = [car(ONE, a=1), car(ONE, a=9), car(CAR, a=9), {"id": TWO, "a": 1}, car("no uri", a=1)]
    answer = await send(running.client, "POST", f"{BATCH}/create", body, 207)
    assert answer.json()["success"] == [ONE]
    assert errors_of(answer) == {
        ONE: "AlreadyExists",
        CAR: "AlreadyExists",
        TWO: "BadRequestData",
        "no uri": "BadRequestData",
    }
    assert await values(running, ONE, CAR) == [1, 0]


async def test_create_none(running: RunningBroker) -> None:
    """If none could be created it still is 207, with an empty array of successes."""
    await create(running.client)
    answer = await send(running.client, "POST", f"{BATCH}/create", [car(CAR)], 207)
    assert answer.json()["success"] == []
    assert errors_of(answer) == {CAR: "AlreadyExists"}


async def test_upsert_replaces_by_default(running: RunningBroker) -> None:
    """6.15.3.1: 201 names the created ones only; existing Entities are replaced completely."""
    await create(running.client, a=1, b=1)
    answer = await send(running.client, "POST", f"{BATCH}/upsert", [car(CAR, a=2), car(ONE, a=3)], 201)
    assert answer.json() == [ONE]
    assert await get(running.client) == {"id": CAR, "type": "Car", "a": {"type": "Property", "value": 2}}


async def test_upsert_updates(running: RunningBroker) -> None:
    """options=update: Update Attributes (5.6.2), with NGSI-LD Nulls; 204 if nothing was created."""
    await create(running.client, a=1, b=1, c=1)
    body = [car(CAR, a=2, c=NULL)]
    await send(running.client, "POST", f"{BATCH}/upsert?options=update", body, 204)
    found = await get(running.client)
    assert (found["a"]["value"], found["b"]["value"], "c" in found) == (2, 1, False)


async def test_upsert_of_a_null_creates_nothing(running: RunningBroker) -> None:
    """An NGSI-LD Null for an Entity that does not exist is BadRequestData (5.5.4)."""
    answer = await send(running.client, "POST", f"{BATCH}/upsert?options=update", [car(ONE, a=NULL)], 207)
    assert errors_of(answer) == {ONE: "BadRequestData"}
    await gone(running.client, ONE)


async def test_upsert_in_order(running: RunningBroker) -> None:
    """5.5.11.2: instances of one Entity are processed in the order of the array."""
    body = [car(ONE, a=1, b=1), car(ONE, a=2, b=2), car(ONE, a=3)]
    answer = await send(running.client, "POST", f"{BATCH}/upsert?options=update", body, 201)
    assert answer.json() == [ONE]
    found = await get(running.client, ONE)
    assert (found["a"]["value"], found["b"]["value"]) == (3, 2)


async def test_update(running: RunningBroker) -> None:
    """6.16.3.1: 204 if all were updated, 207 if one is unknown; the others are updated nevertheless."""
    await create(running.client, a=1, b=1)
    await send(running.client, "POST", f"{BATCH}/update", [{"id": CAR, "a": 2, "c": 3}], 204)
    found = await get(running.client)
    assert (found["a"]["value"], found["b"]["value"], found["c"]["value"]) == (2, 1, 3)
    answer = await send(running.client, "POST", f"{BATCH}/update", [car(ONE, a=1), car(CAR, a=5)], 207)
    assert answer.json()["success"] == [CAR]
    assert errors_of(answer) == {ONE: "ResourceNotFound"}
    assert await values(running, CAR) == [5]


async def test_update_no_overwrite(running: RunningBroker) -> None:
    """noOverwrite: what exists stays and is reported, what is new is added."""
    await create(running.client, a=1)
    await create(running.client, ONE, b=1)
    body = [car(CAR, a=2, c=3), car(ONE, c=4)]
    answer = await send(running.client, "POST", f"{BATCH}/update?options=noOverwrite", body, 207)
    assert answer.json()["success"] == [ONE]
    assert list(errors_of(answer)) == [CAR]
    found = await get(running.client)
    assert (found["a"]["value"], found["c"]["value"]) == (1, 3)


async def test_merge(running: RunningBroker) -> None:
    """6.31.3.1: 204 if all were merged, else 207."""
    await create(running.client, a={"value": {"x": 1, "y": 1}})
    await send(running.client, "POST", f"{BATCH}/merge", [{"id": CAR, "a": {"value": {"x": NULL}}}], 204)
    assert await values(running, CAR) == [{"y": 1}]
    answer = await send(running.client, "POST", f"{BATCH}/merge", [{"id": ONE, "a": 1}, {"a": 1}], 207)
    assert errors_of(answer) == {ONE: "ResourceNotFound", "": "BadRequestData"}


async def test_delete(running: RunningBroker) -> None:
    """6.17.3.1: 204 if all went; a repeated, an unknown and a malformed id are errors, the rest goes (5.5.11.4)."""
    for one in (ONE, TWO, THREE):
        await create(running.client, one)
    await send(running.client, "POST", f"{BATCH}/delete", [ONE], 204)
    answer = await send(running.client, "POST", f"{BATCH}/delete", [TWO, TWO, "urn:no:1", "no uri", THREE], 207)
    assert answer.json()["success"] == [TWO, THREE]
    assert errors_of(answer) == {TWO: "ResourceNotFound", "urn:no:1": "ResourceNotFound", "no uri": "BadRequestData"}
    await gone(running.client, THREE)


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
@pytest.mark.parametrize("body", [[], [None], {}, [car(ONE), None], "x", [[car(ONE)]]])
async def test_what_is_no_batch_is_refused(running: RunningBroker, operation: str, body: Any) -> None:
    """5.6.7.4 and its likes: an empty array, or a null in it, is BadRequestData for the whole request."""
    await refused(running.client, "POST", f"{BATCH}/{operation}", body, 400, "BadRequestData")
    await gone(running.client, ONE)


async def test_each_item_has_its_own_context(running: RunningBroker) -> None:
    """application/ld+json: every element carries its @context; one without is refused (6.3.5)."""
    first = car(ONE, a=1, **{"@context": [{"a": "https://example.org/a"}, CORE_CONTEXT_URL]})
    second = car(TWO, a=2, **{"@context": CORE_CONTEXT_URL})
    headers = {"content-type": "application/ld+json"}
    await send(running.client, "POST", f"{BATCH}/create", [first, second], 201, **headers)
    assert (await get(running.client, ONE))["https://example.org/a"]["value"] == 1
    assert await values(running, TWO) == [2]
    body = [{**first, "id": THREE}, car(CAR)]
    await refused(running.client, "POST", f"{BATCH}/create", body, 400, "BadRequestData", **headers)
    await gone(running.client, THREE)


async def test_context_that_cannot_be_had_fails_its_item(running: RunningBroker) -> None:
    """5.5.6 within a batch: LdContextNotAvailable for the item, the others are created."""
    body = [
        car(ONE, a=1, **{"@context": "http://127.0.0.1:9/none.jsonld"}),
        car(TWO, a=2, **{"@context": CORE_CONTEXT_URL}),
    ]
    headers = {"content-type": "application/ld+json"}
    answer = await send(running.client, "POST", f"{BATCH}/create", body, 207, **headers)
    assert answer.json()["success"] == [TWO]
    assert errors_of(answer) == {ONE: "LdContextNotAvailable"}
    assert answer.json()["errors"][0]["error"]["status"] == 504


async def test_a_batch_that_is_too_long(start_broker: Any) -> None:
    """More elements than the settings allow: refused as a whole, with what is allowed."""
    async with start_broker(max_batch_entities=2) as running:
        body = [car(one) for one in (ONE, TWO, THREE)]
        document = await refused(running.client, "POST", f"{BATCH}/create", body, 400, "BadRequestData")
        assert "2" in document["detail"]
        await gone(running.client, ONE)
