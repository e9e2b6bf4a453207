"""Merge Entity: ETSI GS CIM 009 V1.9.1, clauses 5.5.12 and 5.6.17."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import CAR, NULL, create, get, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
POINT = {"type": "Point", "coordinates": [13.4, 52.5]}
MERGES: list[tuple[Any, Any, Any]] = [
    # (Attribute before, fragment, Attribute after): examples 1 and 2 of 5.5.12, then each rule of 5.6.17.4
    (
        {"type": "Property", "value": 25, "unitCode": "CEL", "observedAt": "2022-03-14T01:59:26.535Z"},
        {"type": "Property", "value": 100, "observedAt": "2022-03-14T13:00:00.000Z"},
        {"type": "Property", "value": 100, "unitCode": "CEL", "observedAt": "2022-03-14T13:00:00.000Z"},
    ),
    (
        {"type": "Property", "value": {"street": "Straße", "city": "Berlin", "country": "Germany"}},
        {"type": "Property", "value": {"street": "Pariser Platz", "country": NULL}},
        {"type": "Property", "value": {"street": "Pariser Platz", "city": "Berlin"}},
    ),
    ({"type": "Property", "value": 1, "unitCode": "KMH"}, {"unitCode": NULL}, {"type": "Property", "value": 1}),
    ({"type": "Property", "value": 1}, NULL, None),
    ({"type": "Property", "value": 1}, {"type": "Property", "value": NULL}, None),
    ({"type": "Relationship", "object": "urn:a:1"}, {"object": NULL}, None),
    ({"type": "LanguageProperty", "languageMap": {"en": "x"}}, {"languageMap": {"@none": NULL}}, None),
    (
        {"type": "LanguageProperty", "languageMap": {"en": "x", "fr": "y"}},
        {"languageMap": {"en": NULL, "de": "z"}},
        {"type": "LanguageProperty", "languageMap": {"fr": "y", "de": "z"}},
    ),
    ({"type": "ListProperty", "valueList": [1, 2]}, {"valueList": [NULL]}, None),
    ({"type": "ListProperty", "valueList": [1, 2]}, {"valueList": [3]}, {"type": "ListProperty", "valueList": [3]}),
    (
        {"type": "JsonProperty", "json": {"a": 1, "b": 2}},
        {"json": {"a": NULL, "c": 3}},
        {"type": "JsonProperty", "json": {"b": 2, "c": 3}},
    ),
    (
        {"type": "Property", "value": 1, "by": {"type": "Property", "value": 1}, "c": {"type": "Property", "value": 2}},
        {"by": NULL, "value": 1, "c": {"value": 3}, "d": {"object": "urn:a:1"}},
        {
            "type": "Property",
            "value": 1,
            "c": {"type": "Property", "value": 3},
            "d": {"type": "Relationship", "object": "urn:a:1"},
        },
    ),
    (
        [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
        [{"value": 3, "datasetId": "urn:d:1"}, {"value": 4, "datasetId": "urn:d:2"}],
        [
            {"type": "Property", "value": 1},
            {"type": "Property", "value": 3, "datasetId": "urn:d:1"},
            {"type": "Property", "value": 4, "datasetId": "urn:d:2"},
        ],
    ),
    (
        [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}],
        {"type": "Property", "value": NULL, "datasetId": "urn:d:1"},
        {"type": "Property", "value": 1},
    ),
    (None, {"type": "Property", "value": 5}, {"type": "Property", "value": 5}),
    (None, NULL, None),
    (None, {"value": {"a": NULL, "b": 1}}, {"type": "Property", "value": {"b": 1}}),
    (
        None,
        {"value": 1, "by": {"value": {"a": NULL, "b": 1}, "c": NULL, "d": {"value": {"e": NULL}}}},
        {
            "type": "Property",
            "value": 1,
            "by": {"type": "Property", "value": {"b": 1}, "d": {"type": "Property", "value": {}}},
        },
    ),
    (
        {"type": "GeoProperty", "value": POINT},
        {"type": "GeoProperty", "value": {"coordinates": [1, 2]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
    ),
    (
        {"type": "GeoProperty", "value": POINT},
        {"value": {"coordinates": [1, 2]}},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
    ),
]


@pytest.mark.parametrize(("before", "fragment", "after"), MERGES)
async def test_merge(running: RunningBroker, before: Any, fragment: Any, after: Any) -> None:
    """5.5.12 and 5.6.17.4, alone and in a batch; what the fragment does not name stays untouched."""
    for number, path in enumerate((f"/entities/{CAR}", "/entityOperations/merge")):
        entity_id = CAR if number == 0 else CAR + "1"
        own = {} if before is None else {"a": before}
        await create(running.client, entity_id, other=1, **own)
        body: Any = {"a": fragment} if number == 0 else [{"id": entity_id, "a": fragment}]
        await send(running.client, "PATCH" if number == 0 else "POST", path, body, 204)
        expected = {"id": entity_id, "type": "Car", "other": {"type": "Property", "value": 1}}
        assert await get(running.client, entity_id) == (expected if after is None else {**expected, "a": after})


async def test_merge_refuses(running: RunningBroker) -> None:
    """An unknown id is ResourceNotFound; another type of an Attribute, or a new one without value, BadRequestData."""
    await refused(running.client, "PATCH", f"/entities/{CAR}", {"a": 1}, 404, "ResourceNotFound")
    await create(running.client, a=1, g=POINT)
    for body in (
        {"a": {"type": "Relationship", "object": "urn:a:1"}},
        {"b": {"type": "Property", "unitCode": "KMH"}},
        {"id": "urn:other:1", "a": 2},
        {"a": {"value": 1, "datasetId": "no URI"}},
        {"a": {"value": [1, NULL]}},
        {"a": {"value": [{"b": NULL}]}},
        {"b": {"value": 1, "c": {"type": "Property", "unitCode": "KMH"}}},
        {"b": {"type": "GeoProperty", "value": {"coordinates": [1, 2]}}},
        {"g": {"value": {"coordinates": NULL}}},
        {"g": {"value": 1}},
        {"a": {"type": "GeoProperty"}},
        {"g": {"type": "Property", "datasetId": "@none"}},
        {"l": {"languageMap": {"en": [NULL], "fr": "x"}}},
    ):
        await refused(running.client, "PATCH", f"/entities/{CAR}", body, 400, "BadRequestData")
    assert (await get(running.client))["g"]["value"] == POINT
    assert (await get(running.client))["a"] == {"type": "Property", "value": 1}


async def test_merge_simplified(running: RunningBroker) -> None:
    """6.5.3.4: with format=simplified bare values go into Attributes of the type they have; lang is the language."""
    await create(
        running.client,
        r={"object": "urn:a:1"},
        l={"languageMap": {"en": "x", "fr": "y"}},
        p=1,
        s={"objectList": ["urn:a:1"]},
    )
    body = {"r": "urn:a:2", "s": ["urn:a:2", "urn:a:1"], "l": "z", "p": {"type": "any", "b": 1}}
    await send(running.client, "PATCH", f"/entities/{CAR}?format=simplified&lang=en", body, 204)
    assert await get(running.client, parameters="?options=keyValues") == {
        "id": CAR,
        "type": "Car",
        "r": "urn:a:2",
        "s": ["urn:a:2", "urn:a:1"],
        "l": {"languageMap": {"en": "z", "fr": "y"}},
        "p": {"type": "any", "b": 1},
    }


async def test_merge_simplified_instances(running: RunningBroker) -> None:
    """4.5.4: what simplified reading shows of several instances, by datasetId, is written back into them."""
    first, second, third = ("urn:d:1", "urn:d:2", "urn:d:3")
    await create(
        running.client,
        p=[{"value": 1}, {"value": 2, "datasetId": first}, {"value": 3, "datasetId": second}],
        r=[{"object": "urn:a:1"}, {"object": "urn:a:2", "datasetId": first}],
    )
    body = {
        "p": {"dataset": {"@none": 10, first: NULL, third: 30}},
        "r": {"dataset": {first: "urn:a:20", second: "urn:a:30"}},
    }
    await send(running.client, "PATCH", f"/entities/{CAR}?format=simplified", body, 204)
    found = await get(running.client, parameters="?options=keyValues")
    assert found["p"] == {"dataset": {"@none": 10, second: 3, third: 30}}
    assert found["r"] == {"dataset": {"@none": "urn:a:1", first: "urn:a:20", second: "urn:a:30"}}
    assert {one["type"] for one in (await get(running.client))["r"]} == {"Relationship"}
    for wrong in ({}, 5, {"gps": 1}, {first: [NULL]}):
        body = {"p": {"dataset": wrong}}
        await refused(running.client, "PATCH", f"/entities/{CAR}?options=keyValues", body, 400, "BadRequestData")


@pytest.mark.parametrize("value", [{"value": 1}, {"object": "urn:a:1"}, {"valueList": [1]}, {"value": 1, "object": 2}])
async def test_merge_simplified_objects(running: RunningBroker, value: dict[str, Any]) -> None:
    """4.5.4: a JSON object is the value of a Property, whatever its members are called."""
    await create(running.client, p={"type": "Property", "value": {"a": 1}})
    await send(running.client, "PATCH", f"/entities/{CAR}?format=simplified", {"p": value, "q": value}, 204)
    found = await get(running.client)
    assert found["p"] == {"type": "Property", "value": {"a": 1, **value}}
    assert found["q"] == {"type": "Property", "value": value}


async def test_merge_observed_at(running: RunningBroker) -> None:
    """6.5.3.4: a common observedAt is for Attributes that had one, unless the fragment has its own."""
    own, common = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
    await create(running.client, a={"value": 1, "observedAt": own}, b={"value": 1, "observedAt": own}, c=1)
    body = {"a": {"value": 2}, "b": {"value": 2, "observedAt": "2026-03-03T00:00:00Z"}, "c": {"value": 2}}
    await send(running.client, "PATCH", f"/entities/{CAR}?observedAt={common}", body, 204)
    found = await get(running.client)
    assert (found["a"]["observedAt"], found["b"]["observedAt"]) == (common, "2026-03-03T00:00:00Z")
    assert "observedAt" not in found["c"]
    for wrong in ("observedAt=today", "lang=.."):
        await refused(running.client, "PATCH", f"/entities/{CAR}?{wrong}", body, 400, "BadRequestData")
        many = [{"id": CAR, **body}]
        await refused(running.client, "POST", f"/entityOperations/merge?{wrong}", many, 400, "BadRequestData")
    await send(running.client, "PATCH", f"/entities/{CAR}?observedAt=2026-04-04T00:00:00,5Z", {"a": {"value": 3}}, 204)
    assert (await get(running.client))["a"]["observedAt"] == "2026-04-04T00:00:00.5Z"


async def test_merge_types_and_scope(running: RunningBroker) -> None:
    """5.6.17.4: types are only added; the scope becomes the fragment's."""
    await create(running.client, scope="/a")
    await send(running.client, "PATCH", f"/entities/{CAR}", {"type": ["Bus", "Car"], "scope": ["/b", "/c"]}, 204)
    found = await get(running.client)
    assert (sorted(found["type"]), found["scope"]) == (["Bus", "Car"], ["/b", "/c"])
    await send(running.client, "PATCH", f"/entities/{CAR}", {"scope": NULL}, 204)
    assert "scope" not in await get(running.client)


async def test_empty_merge_changes_nothing(running: RunningBroker) -> None:
    """A fragment without members is 204, and not even modifiedAt changes."""
    await create(running.client, a=1)
    before = await get(running.client, parameters="?options=sysAttrs")
    await send(running.client, "PATCH", f"/entities/{CAR}", {}, 204)
    assert await get(running.client, parameters="?options=sysAttrs") == before
