"""Registrations of very many Entities: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.1, 5.2.10 and 5.9.2."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.federation.querying import Part, parts_of
from ldt_stack.broker.federation.registration import compile_registration

from ..api import create
from ..outbound.network import Network, Node
from .federation import ALL, ids, prop, send
from .registrations import registration

pytestmark = pytest.mark.anyio
MANY = 5000


def identifier(number: int) -> str:
    return f"urn:ngsi-ld:Car:{number}"


def entity(number: int) -> dict[str, Any]:
    return {"type": "Car", "id": identifier(number)}


@pytest.mark.parametrize("together", [True, False], ids=["in one RegistrationInfo", "in one each"])
@pytest.mark.parametrize("mode", ["inclusive", "redirect"])
async def test_entities_of_a_registration_are_asked_for_together(
    pair: list[Node], network: Network, together: bool, mode: str
) -> None:
    """As few requests as can say it exactly."""
    a, b = pair
    everything = [entity(number) for number in range(MANY)]
    information = [{"entities": everything}] if together else [{"entities": [one]} for one in everything]
    document = {**registration(), "endpoint": "http://b", "mode": mode, "information": information, "operations": ALL}
    await send(a, "POST", "/csourceRegistrations", document, 201)
    await create(b.client, identifier(7), speed=prop(7))
    network.sent.clear()
    assert (await a.retrieve(identifier(7)))["speed"] == 7
    await send(a, "PATCH", f"/entities/{identifier(7)}/attrs", {"speed": prop(8)}, 204)
    assert ids(await a.query(f"type=Car&id={identifier(7)},{identifier(8)},{identifier(MANY)}")) == [identifier(7)]
    assert [one.parameters.get("id") for one in network.sent] == [None, None, f"{identifier(7)},{identifier(8)}"]
    network.sent.clear()
    assert ids(await a.query("type=Car")) == [identifier(7)]
    asked = [one.parameters["id"].split(",") for one in network.sent]
    assert len(asked) == MANY / 50
    assert {one for few in asked for one in few} == {one["id"] for one in everything}


async def test_what_is_held_here_of_many_registered_entities_is_a_conflict(pair: list[Node]) -> None:
    """5.9.2.4, also of the last one of a long list."""
    a, _ = pair
    await create(a.client, identifier(MANY - 1), speed=prop(1))
    document = registration([entity(number) for number in range(MANY)], mode="redirect")
    await send(a, "POST", "/csourceRegistrations", document, 409)
    await send(a, "DELETE", f"/entities/{identifier(MANY - 1)}", None, 204)
    await send(a, "POST", "/csourceRegistrations", document, 201)
    other = registration([entity(MANY - 1)], id="urn:ngsi-ld:ContextSourceRegistration:2", properties=["speed"])
    await send(a, "POST", "/csourceRegistrations", {**other, "mode": "exclusive"}, 409)


async def test_too_many_patterns_are_refused(pair: list[Node]) -> None:
    a, _ = pair
    many = [{"type": "Car", "idPattern": f"^{number}$"} for number in range(1001)]
    answer = await send(a, "POST", "/csourceRegistrations", registration(many), 403)
    assert answer.json()["type"].endswith("/TooComplexQuery")
    await send(a, "POST", "/csourceRegistrations", registration(many[1:]), 201)
    fragment = {"information": [{"entities": many}]}
    path = "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:1"
    await send(a, "PATCH", path, fragment, 403)


def test_no_more_is_asked_for_than_is_registered() -> None:
    """4.3.6.1: ids of different types, and patterns, go in requests of their own."""
    car, bus = frozenset({"urn:Car"}), frozenset({"urn:Bus"})
    entities = [
        {"type": ["urn:Car"], "id": "urn:1"},
        {"type": ["urn:Bus"], "id": "urn:2"},
        {"type": ["urn:Car"], "id": "urn:3"},
        {"type": ["urn:Bus"], "id": "urn:3"},
        {"type": ["urn:Car"], "idPattern": "^urn:4"},
    ]
    members = {**registration(), "information": [{"entities": entities[:2]}, {"entities": entities[2:]}]}
    (info,) = compile_registration(members).offers
    assert set(parts_of((), info)) == {
        Part(frozenset({car}), (), "^urn:4"),
        Part(frozenset({car}), ("urn:1",)),
        Part(frozenset({bus}), ("urn:2",)),
        Part(frozenset({car, bus}), ("urn:3",)),
    }
