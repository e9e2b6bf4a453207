"""Provision of temporal evolutions over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.6.11 to 5.6.16 and 6.18 to 6.22."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import API, CAR, NULL
from .evolutions import EVOLUTIONS, SERIES, at, post, prop, refused, retrieve, values

pytestmark = pytest.mark.anyio


async def test_an_evolution_is_created_then_added_to(running: Any) -> None:
    """201 with Location, then 204; every instance is added, also one like another; types are united (5.6.11)."""
    first = await running.client.post(EVOLUTIONS, json={"id": CAR, "type": "Car", "speed": [prop(1, 1), prop(2, 2)]})
    second = await running.client.post(EVOLUTIONS, json={"id": CAR, "type": "Bus", "speed": [prop(2, 2), prop(3, 3)]})
    found = await retrieve(running)

    assert (first.status_code, first.headers["location"]) == (201, f"{EVOLUTIONS}/{CAR}")
    assert second.status_code == 204
    assert values(found["speed"]) == [1, 2, 2, 3]
    assert sorted(found["type"]) == ["Bus", "Car"]
    assert len({one["instanceId"] for one in found["speed"]}) == 4
    assert (await running.client.get(f"{API}/entities/{CAR}")).status_code == 404


async def test_the_simplified_form_is_accepted(running: Any) -> None:
    """ "Alternatively it is possible to specify the EntityTemporal by using the "Simplified …" form (5.2.20, 4.5.9)."""
    await post(
        running,
        speed={"type": "Property", "values": [[1, at(1)], [2, at(2)]]},
        near={"type": "Relationship", "objects": [["urn:ngsi-ld:Bus:1", at(1)]]},
        label={"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"en": "x"}}, at(1)]]},
    )
    found = await retrieve(running)

    assert [(one["value"], one["observedAt"]) for one in found["speed"]] == [(1, at(1)), (2, at(2))]
    assert found["near"][0]["object"] == "urn:ngsi-ld:Bus:1"
    assert found["label"][0]["languageMap"] == {"en": "x"}


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "Car"},
        {"id": "no uri", "type": "Car"},
        {"id": CAR},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property"}]},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property", "value": 1, "observedAt": "yesterday"}]},
        {"id": CAR, "type": "Car", "speed": {"type": "Property", "values": [[1]]}},
        {"id": CAR, "type": "Car", "speed": {"type": "Relationship", "values": [[1, at(1)]]}},
        {"id": CAR, "type": "Car", "speed": {"type": ["Property"], "values": [[1, at(1)]]}},
        {"id": CAR, "type": "Car", "speed": {"type": {}, "values": [[1, at(1)]]}},
        {"id": CAR, "type": "Car", "speed": {"type": "Property", "values": [[1, at(1)]], "value": 3}},
        {"id": CAR, "type": "Car", "speed": {"type": "Property", "values": [[1, at(1)]], "observedAt": at(2)}},
        {"id": CAR, "type": "Car", "speed": [{"type": "Property", "value": NULL}]},
    ],
)
async def test_what_is_no_evolution_is_refused(running: Any, payload: dict[str, Any]) -> None:
    """BadRequestData, and nothing is written (5.5.4)."""
    await refused(running.client.post(EVOLUTIONS, json=payload), 400, "BadRequestData")
    assert (await running.client.get(f"{EVOLUTIONS}/{CAR}")).status_code == 404


async def test_an_empty_array_is_no_instance(running: Any) -> None:
    """An array of instances (4.5.7) that is empty adds nothing, and is not "exactly one item" (5.6.14.3).

    It had become an instance with the value [], also in the place of one that was there.
    """
    await post(running, speed=[prop(1, 1)], colour=[])
    instance = (await retrieve(running))["speed"][0]["instanceId"]

    added = await running.client.post(f"{EVOLUTIONS}/{CAR}/attrs/", json={"speed": []})
    path = f"{EVOLUTIONS}/{CAR}/attrs/speed/{instance}"
    await refused(running.client.patch(path, json={"speed": []}), 400, "BadRequestData")
    found = await retrieve(running)

    assert added.status_code == 204
    assert values(found["speed"]) == [1]
    assert "colour" not in found


async def test_attributes_are_added(running: Any) -> None:
    """204; ResourceNotFound for an unknown evolution (5.6.12)."""
    await post(running, speed=[prop(1, 1)])

    added = await running.client.post(f"{EVOLUTIONS}/{CAR}/attrs/", json={"speed": [prop(2, 2)], "size": prop(5, 1)})

    assert added.status_code == 204
    assert {name: values(held) for name, held in (await retrieve(running)).items() if name in ("speed", "size")} == {
        "speed": [1, 2],
        "size": [5],
    }
    unknown = f"{EVOLUTIONS}/urn:ngsi-ld:Car:none/attrs"
    await refused(running.client.post(unknown, json={"speed": [prop(2, 2)]}), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ({}, ["other"]),
        ({"datasetId": "urn:ngsi-ld:Dataset:1"}, ["default"]),
        ({"deleteAll": "true"}, None),
    ],
)
async def test_an_attribute_is_deleted(running: Any, parameters: dict[str, str], left: list[str] | None) -> None:
    """The default instances, those of a dataset, or all (5.6.13)."""
    other = prop("other", 2, datasetId="urn:ngsi-ld:Dataset:1")
    await post(running, speed=[prop("default", 1), other], size=prop(1, 1))

    answer = await running.client.delete(f"{EVOLUTIONS}/{CAR}/attrs/speed", params=parameters)
    found = await retrieve(running)

    assert answer.status_code == 204
    assert (values(found["speed"]) if left else found.get("speed")) == left
    assert values(found["size"]) == [1]


async def test_an_instance_is_modified(running: Any) -> None:
    """It is replaced; instanceId and createdAt stay, modifiedAt moves (5.6.14)."""
    await post(running, speed=[prop(1, 1, unitCode="KMH"), prop(2, 2)])
    before = (await retrieve(running, options="sysAttrs"))["speed"]
    path = f"{EVOLUTIONS}/{CAR}/attrs/speed/{before[0]['instanceId']}"

    answer = await running.client.patch(path, json={"speed": [prop(9, 1)]})
    after = (await retrieve(running, options="sysAttrs"))["speed"]

    assert answer.status_code == 204
    assert after[1] == before[1]
    assert (after[0]["value"], after[0]["instanceId"]) == (9, before[0]["instanceId"])
    assert after[0]["createdAt"] == before[0]["createdAt"]
    assert after[0]["modifiedAt"] > before[0]["modifiedAt"]
    assert "unitCode" not in after[0]
    await refused(running.client.patch(path, json={"speed": [prop(1, 1), prop(2, 2)]}), 400, "BadRequestData")
    await refused(running.client.patch(path, json={"size": [prop(1, 1)]}), 400, "BadRequestData")


async def test_an_instance_and_an_evolution_are_deleted(running: Any) -> None:
    """204 and gone (5.6.15, 5.6.16); the current state stays."""
    await running.client.post(f"{API}/entities", json={"id": CAR, "type": "Car", "speed": prop(1, 1)})
    await post(running, speed=[prop(2, 2)])
    instance = (await retrieve(running))["speed"][0]["instanceId"]

    one = await running.client.delete(f"{EVOLUTIONS}/{CAR}/attrs/speed/{instance}")
    left = values((await retrieve(running))["speed"])
    whole = await running.client.delete(f"{EVOLUTIONS}/{CAR}")

    assert (one.status_code, left, whole.status_code) == (204, [2], 204)
    assert (await running.client.get(f"{EVOLUTIONS}/{CAR}")).status_code == 404
    assert (await running.client.get(f"{API}/entities/{CAR}")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "urn:ngsi-ld:Car:none", 404, "ResourceNotFound"),
        ("GET", "invalid", 400, "BadRequestData"),
        ("GET", f"{CAR}?attrs=none", 404, "ResourceNotFound"),
        ("GET", f"{CAR}?pick=near{{speed}}", 400, "BadRequestData"),
        ("GET", f"{CAR}?nonsense=1", 400, "InvalidRequest"),
        ("GET", f"{CAR}?options=temporalValues,aggregatedValues", 400, "InvalidRequest"),
        ("GET", f"{CAR}?lastN=0", 400, "BadRequestData"),
        ("GET", f"{CAR}?timeAt=2026-01-01T00:00:00Z", 400, "BadRequestData"),
        ("GET", f"{CAR}?timerel=after&timeAt=soon", 400, "BadRequestData"),
        ("GET", f"{CAR}?timeproperty=expiresAt", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=median", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=max&aggrPeriodDuration=1H", 400, "BadRequestData"),
        ("GET", f"{CAR}?format=aggregatedValues&aggrMethods=avg&attrs=colour", 400, "InvalidRequest"),
        ("DELETE", "urn:ngsi-ld:Car:none", 404, "ResourceNotFound"),
        ("DELETE", "invalid", 400, "BadRequestData"),
        ("DELETE", f"{CAR}/attrs/none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed?datasetId=urn:none:1", 404, "ResourceNotFound"),
        ("DELETE", "urn:ngsi-ld:Car:none/attrs/speed", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/none/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("DELETE", f"{CAR}/attrs/speed/invalid", 400, "BadRequestData"),
        ("DELETE", f"{CAR}/attrs/in(valid/urn:ngsi-ld:instance:none", 400, "BadRequestData"),
        ("PATCH", f"{CAR}/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("PATCH", "urn:ngsi-ld:Car:none/attrs/speed/urn:ngsi-ld:instance:none", 404, "ResourceNotFound"),
        ("PATCH", f"{CAR}/attrs/speed/invalid", 400, "BadRequestData"),
        ("PATCH", "invalid/attrs/speed/urn:ngsi-ld:instance:none", 400, "BadRequestData"),
    ],
)
async def test_what_is_refused(running: Any, method: str, path: str, status: int, error: str) -> None:
    """Unknown ids and names are ResourceNotFound, malformed ones BadRequestData (5.6.12 to 5.6.16, 5.7.3)."""
    await post(running, **SERIES)
    body = {"json": {"speed": [prop(1, 1)]}} if method == "PATCH" else {}

    await refused(running.client.request(method, f"{EVOLUTIONS}/{path}", **body), status, error)
