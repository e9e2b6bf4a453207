"""Batches across Context Sources: ETSI GS CIM 009 V1.9.1, clauses 5.6.7.4 to 5.6.10.4 and 5.6.20.4."""

from __future__ import annotations

import pytest

from ..api import ERRORS
from ..outbound.network import Network, Node
from .federation import ALL, CAR, OTHER, car, exclusive, held, prop, send

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("operations", [ALL, ["redirectionOps"]], ids=["as batch", "one by one"])
async def test_batches_are_divided(pair: list[Node], network: Network, operations: list[str]) -> None:
    """5.6.7 to 5.6.10 and 5.6.20: with the batch operation where it is offered, else one by one."""
    a, b = pair
    await exclusive(a, "b", "speed", operations=operations)
    batch = "/entityOperations"
    both = [car(speed=prop(1), brand=prop("x")), {"id": OTHER, "type": "Car", "speed": prop(9)}]
    answer = await send(a, "POST", f"{batch}/create", both, 201)
    assert sorted(answer.json()) == [CAR, OTHER]
    assert (await held(a), await held(b)) == (car(brand="x"), car(speed=1))
    assert (await held(a, OTHER), await held(b, OTHER)) == ({"id": OTHER, "type": "Car", "speed": 9}, None)
    await send(a, "POST", f"{batch}/update", [car(speed=prop(2), brand=prop("y"))], 204)
    assert (await held(a), await held(b)) == (car(brand="y"), car(speed=2))
    await send(a, "POST", f"{batch}/merge", [car(speed=prop(3), brand=prop("z"))], 204)
    assert (await held(a), await held(b)) == (car(brand="z"), car(speed=3))
    await send(a, "POST", f"{batch}/upsert", [car(speed=prop(4), wheels=prop(4))], 204)
    assert (await held(a), await held(b)) == (car(wheels=4), car(speed=4))
    await send(a, "POST", f"{batch}/upsert?options=update", [car(speed=prop(5), wheels=prop(5))], 204)
    assert (await held(a), await held(b)) == (car(wheels=5), car(speed=5))
    await send(a, "POST", f"{batch}/delete", [CAR, OTHER], 204)
    assert (await held(a), await held(b), await held(a, OTHER)) == (None, None, None)
    assert any(sent.path.startswith(batch) for sent in network.sent) is (operations is ALL)


async def test_errors_of_sources_are_merged_into_the_result_of_a_batch(pair: list[Node], network: Network) -> None:
    """5.6.7.4: "Merge the returned list of Entities in Error with E"; a whole failure is one of each Entity."""
    a, _ = pair
    problem = {"type": ERRORS + "BadRequestData", "title": "no", "detail": "not with us"}
    result = {"success": [OTHER], "errors": [{"entityId": CAR, "error": problem}]}
    network.hosts["s"] = lambda sent: (207, result)
    identifier = await a.register("s", mode="redirect", operations=ALL)
    entities = [car(speed=prop(1)), {"id": OTHER, "type": "Car"}]
    body = (await send(a, "POST", "/entityOperations/create", entities, 207)).json()
    assert body["success"] == [OTHER]
    assert [(one["entityId"], one["registrationId"]) for one in body["errors"]] == [(CAR, identifier)]
    assert "not with us" in body["errors"][0]["error"]["detail"]
    for answer in ((207, [1]), (500, b""), (200, b"<html>")):
        network.hosts["s"] = lambda sent, answer=answer: answer
        body = (await send(a, "POST", "/entityOperations/create", entities, 207)).json()
        assert body["success"] == []
        assert sorted(one["entityId"] for one in body["errors"]) == [CAR, OTHER]
    await send(a, "PATCH", f"/csourceRegistrations/{identifier}", {"operations": ["retrieveOps"]}, 204)
    body = (await send(a, "POST", "/entityOperations/create", entities, 207)).json()
    assert {one["error"]["type"] for one in body["errors"]} == {ERRORS + "Conflict"}


async def test_what_a_source_says_nothing_of_is_not_done(pair: list[Node], network: Network) -> None:
    """5.2.16: "success" has all that succeeded; a source that answers 207 and forgets an Entity did not do it."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (207, {"success": [CAR], "errors": []})
    identifier = await a.register("s", mode="redirect", operations=ALL)
    entities = [car(speed=prop(1)), {"id": OTHER, "type": "Car"}]
    body = (await send(a, "POST", "/entityOperations/create", entities, 207)).json()
    assert body["success"] == [CAR]
    assert [(one["entityId"], one["registrationId"]) for one in body["errors"]] == [(OTHER, identifier)]


@pytest.mark.parametrize(
    ("path", "operations", "error"),
    [
        ("create", ["createEntity"], "AlreadyExists"),
        ("upsert", ["createEntity"], "OperationNotSupported"),
        ("upsert", ["createEntity", "updateEntity"], "OperationNotSupported"),
        ("upsert?options=update", ["createEntity", "replaceEntity"], "OperationNotSupported"),
    ],
)
async def test_an_entity_that_exists_at_a_source_and_cannot_be_changed_there(
    pair: list[Node], path: str, operations: list[str], error: str
) -> None:
    """5.6.7.4, 5.6.8.4: "Otherwise add an OperationNotSupported Error for Entity EN related to CSR to E"."""
    a, b = pair
    await send(b, "POST", "/entities", car(speed=prop(1)), 201)
    await a.register("b", mode="redirect", operations=operations)
    body = (await send(a, "POST", f"/entityOperations/{path}", [car(speed=prop(2))], 207)).json()
    assert (body["success"], body["errors"][0]["error"]["type"]) == ([], ERRORS + error)
    assert await held(b) == car(speed=1)


async def test_a_source_that_did_a_part_of_an_entity_is_no_success(pair: list[Node], network: Network) -> None:
    """5.6.9.4: "Merge any error result(s) for Entity EN updated with E", also where it is asked one by one."""
    a, _ = pair
    partial = {"updated": [], "notUpdated": [{"attributeName": "speed", "reason": "not today"}]}
    network.hosts["s"] = lambda sent: (207, partial)
    await a.register("s", mode="redirect", operations=["updateEntity"])
    body = (await send(a, "POST", "/entityOperations/update", [car(speed=prop(2))], 207)).json()
    assert body["success"] == []
    assert "not today" in body["errors"][0]["error"]["detail"]


@pytest.mark.parametrize("answer", [(201, [CAR]), (201, b""), (204, b"")], ids=["listed", "not listed", "no content"])
async def test_what_a_source_created_is_listed_whatever_it_answers(
    pair: list[Node], network: Network, answer: tuple[int, object]
) -> None:
    """6.14.3.1: the ids of the Entities created."""
    a, _ = pair
    network.hosts["s"] = lambda sent: answer
    await a.register("s", mode="redirect", operations=ALL)
    created = await send(a, "POST", "/entityOperations/create", [car(speed=prop(1))], 201)
    assert created.json() == [CAR]


@pytest.mark.parametrize("operations", [ALL, ["redirectionOps"]], ids=["as batch", "one by one"])
async def test_attributes_that_their_only_place_does_not_take_are_no_success(
    pair: list[Node], operations: list[str]
) -> None:
    """4.3.6.3: only the source of an exclusive Registration has these Attributes; its 404 is told, not made up for."""
    a, b = pair
    await exclusive(a, "b", "speed", operations=operations)
    batch = "/entityOperations"
    await send(a, "POST", f"{batch}/create", [car(speed=prop(1), brand=prop("x"))], 201)
    await send(b, "DELETE", f"/entities/{CAR}", None, 204)
    body = (await send(a, "POST", f"{batch}/update", [car(speed=prop(2), brand=prop("y"))], 207)).json()
    assert [(one["entityId"], one["error"]["type"]) for one in body["errors"]] == [(CAR, ERRORS + "ResourceNotFound")]
    assert await held(a) == car(brand="y")
    assert await held(b) is None


async def test_an_inclusive_source_need_not_have_what_is_here(pair: list[Node]) -> None:
    """5.6.9.4, as 5.6.6.4: an Entity that is not there, but here, is no error."""
    a, _ = pair
    await send(a, "POST", "/entities", car(brand=prop("x")), 201)
    await a.register("b", operations=ALL)
    await send(a, "POST", "/entityOperations/update", [car(brand=prop("y"))], 204)
    assert await held(a) == car(brand="y")
