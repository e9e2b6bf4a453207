"""Writes to Context Sources of some datasetIds: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.1, 4.5.5, 5.2.9 and 5.12."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import create
from ..outbound.network import Network, Node
from .federation import ALL, CAR, car, exclusive, held, prop, send

pytestmark = pytest.mark.anyio
D1, D2 = "urn:d:1", "urn:d:2"


def instances(value: int) -> list[dict[str, Any]]:
    return [prop(value), prop(value + 1, datasetId=D1)]


async def shown(node: Node) -> list[tuple[Any, str | None]]:
    """Values and datasetIds of speed, as a broker itself holds them."""
    found = await held(node)
    speed = None if found is None else found.get("speed")
    every = [] if speed is None else speed if isinstance(speed, list) else [speed]
    return [(one["value"], one.get("datasetId")) if isinstance(one, dict) else (one, None) for one in every]


@pytest.mark.parametrize("batch", [False, True], ids=["one", "batch"])
async def test_each_instance_is_where_its_dataset_is_registered(pair: list[Node], batch: bool) -> None:
    """Of an Attribute of which an exclusive Registration has one datasetId, the other instances are held here."""
    a, b = pair
    await exclusive(a, "b", "speed", datasetId=[D1])
    entity = car(speed=instances(1), brand=prop("x"))
    await send(a, "POST", "/entityOperations/create" if batch else "/entities", [entity] if batch else entity, 201)
    assert (await shown(a), await shown(b)) == ([(1, None)], [(2, D1)])
    changes = {"speed": instances(3)}
    if batch:
        await send(a, "POST", "/entityOperations/update", [car(**changes)], 204)
    else:
        await send(a, "PATCH", f"/entities/{CAR}/attrs", changes, 204)
    assert (await shown(a), await shown(b)) == ([(3, None)], [(4, D1)])


async def test_operations_on_one_instance_go_where_it_is(pair: list[Node], network: Network) -> None:
    """5.6.4, 5.6.5, 5.6.19: with and without datasetId; deleteAll reaches no other dataset of the source."""
    a, b = pair
    await create(b.client, CAR, speed=[*instances(1), prop(9, datasetId=D2)])
    await exclusive(a, "b", "speed", datasetId=[D1])
    await create(a.client, CAR, speed=prop(1))
    attribute = f"/entities/{CAR}/attrs/speed"
    network.sent.clear()
    await send(a, "PATCH", attribute, {"value": 5}, 204)
    await send(a, "PUT", attribute, prop(6), 204)
    assert not network.sent
    await send(a, "PATCH", attribute, {"value": 7, "datasetId": D1}, 204)
    assert (await shown(a), await shown(b)) == ([(6, None)], [(1, None), (7, D1), (9, D2)])
    await send(a, "DELETE", attribute, None, 204)
    assert (await shown(a), len(network.sent)) == ([], 1)
    await send(a, "DELETE", f"{attribute}?deleteAll=true", None, 204)
    assert await shown(b) == [(1, None), (9, D2)]


async def test_a_source_of_other_datasets_is_not_told(pair: list[Node], network: Network) -> None:
    """4.3.6.1: no instance leaves that is not registered; "@none" is the default one."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (204, b"")
    await create(a.client, CAR)
    await a.register("s", datasetId=["@none"], operations=ALL)
    network.sent.clear()
    await send(a, "POST", f"/entities/{CAR}/attrs", {"speed": instances(1), "brand": prop("x", datasetId=D1)}, 204)
    assert network.sent[-1].body == {"speed": [prop(1)]}
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"brand": prop("y", datasetId=D1)}, 204)
    assert len(network.sent) == 1
    await send(a, "PATCH", f"/entities/{CAR}?options=keyValues", {"brand": ["a", "b"]}, 204)
    assert network.sent[-1].body == {"brand": ["a", "b"]}


@pytest.mark.parametrize("batch", [False, True], ids=["one", "batch"])
async def test_a_simplified_merge_is_divided_by_dataset(pair: list[Node], batch: bool) -> None:
    """4.5.4: the simplified form of several instances; each is merged where its datasetId is registered."""
    a, b = pair
    await exclusive(a, "b", "speed", datasetId=[D1])
    await send(a, "POST", "/entities", car(speed=instances(1)), 201)
    fragment = {"speed": {"dataset": {"@none": 5, D1: 6}}}
    if batch:
        await send(a, "POST", "/entityOperations/merge?options=keyValues", [{"id": CAR, **fragment}], 204)
    else:
        await send(a, "PATCH", f"/entities/{CAR}?options=keyValues", fragment, 204)
    assert (await shown(a), await shown(b)) == ([(5, None)], [(6, D1)])


TEMPORAL = {
    "operations": ["upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal", "updateAttrInstanceTemporal"],
    "observationInterval": {"startAt": "2020-01-01T00:00:00Z"},
}


def dated(value: int) -> list[dict[str, Any]]:
    return [
        prop(value, observedAt="2021-01-01T00:00:00Z"),
        prop(value, observedAt="2021-01-02T00:00:00Z", datasetId=D1),
    ]


async def history(node: Node) -> list[tuple[Any, str | None]]:
    """Values and datasetIds of the evolution of speed, as a broker itself holds it."""
    answer = await send(node, "GET", f"/temporal/entities/{CAR}?local=true")
    found = answer.json().get("speed", []) if answer.status_code == 200 else []
    return [(one["value"], one.get("datasetId")) for one in found]


@pytest.mark.parametrize("mode", ["exclusive", "redirect", "inclusive"])
async def test_instances_of_evolutions_are_where_their_dataset_is_registered(pair: list[Node], mode: str) -> None:
    """4.3.6.1, 5.6.11, 5.6.12: "all constraints specified in the registration shall be respected"."""
    a, b = pair
    await a.register("b", [{"type": "Car", "id": CAR}], properties=["speed"], mode=mode, datasetId=[D1], **TEMPORAL)
    evolution = {"id": CAR, "type": "Car", "speed": dated(1)}
    await send(a, "POST", "/temporal/entities", evolution, 201)
    await send(a, "POST", f"/temporal/entities/{CAR}/attrs", {"speed": dated(2)}, 204)
    assert await history(b) == [(1, D1), (2, D1)]
    own = [(1, None), (2, None)]
    assert sorted(await history(a), key=str) == sorted(own + [(1, D1), (2, D1)] * (mode == "inclusive"), key=str)


async def test_operations_on_instances_of_evolutions_go_where_they_are(pair: list[Node], network: Network) -> None:
    """5.6.13, 5.6.14: the default instance is here; deleteAll reaches no other dataset of the source."""
    a, b = pair
    await send(b, "POST", "/temporal/entities", {"id": CAR, "type": "Car", "speed": dated(1)}, 201)
    await exclusive(a, "b", "speed", datasetId=[D1], **TEMPORAL)
    await send(a, "POST", "/temporal/entities", {"id": CAR, "type": "Car", "speed": dated(2)[:1]}, 201)
    own = (await send(a, "GET", f"/temporal/entities/{CAR}?local=true")).json()["speed"][0]["instanceId"]
    network.sent.clear()
    attribute = f"/temporal/entities/{CAR}/attrs/speed"
    await send(a, "PATCH", f"{attribute}/{own}", {"speed": [{**dated(3)[0]}]}, 204)
    assert (await history(a), network.sent) == ([(3, None)], [])
    await send(a, "DELETE", attribute, None, 204)
    assert (await history(a), network.sent) == ([], [])
    await send(a, "DELETE", f"{attribute}?deleteAll=true", None, 204)
    assert await history(b) == [(1, None)]
