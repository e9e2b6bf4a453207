"""Answers that keep to an earlier version: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.8, 5.7.1.4, 5.7.2.4 and 6.3.6."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ..api import CAR, create, get, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
AT = "2026-06-01T00:00:00Z"
LATER = "2099-01-01T00:00:00Z"
FULL: dict[str, Any] = {
    "scope": "/a",
    "expiresAt": LATER,
    "speed": [
        {"type": "Property", "value": 1, "observedAt": AT, "unitCode": "KMH"},
        {"type": "Property", "value": 2, "datasetId": "urn:d:1"},
    ],
    "name": {"type": "LanguageProperty", "languageMap": {"en": "car"}},
    "raw": {"type": "JsonProperty", "json": {"a": 1}},
    "kind": {"type": "VocabProperty", "vocab": "Thing"},
    "many": {"type": "ListProperty", "valueList": [1, 2]},
    "links": {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}, {"object": "urn:x:2"}]},
}
V1_0 = {
    "id": CAR,
    "type": "Car",
    "speed": {"type": "Property", "value": 1},
    "name": {"type": "Property", "value": {"en": "car"}},
    "raw": {"type": "Property", "value": {"a": 1}},
    "kind": {"type": "Property", "value": "Thing"},
    "many": {"type": "Property", "value": [1, 2]},
    "links": {"type": "Relationship", "object": ["urn:x:1", "urn:x:2"]},
}


async def preferred(client: httpx.AsyncClient, path: str, version: str, status: int, applied: str) -> Any:
    """The body of an answer that keeps to a version."""
    answer = await send(client, "GET", path, None, status, Prefer=f"ngsi-ld={version}")
    assert answer.headers["preference-applied"] == f"ngsi-ld={applied}"
    return answer.json()


async def test_an_entity_is_amended_to_the_version_asked_for(running: RunningBroker) -> None:
    await create(running.client, **FULL)
    path = f"/entities/{CAR}"
    assert await preferred(running.client, path, "1.0", 203, "1.0") == V1_0
    assert await preferred(running.client, "/entities?type=Car", "1.0", 203, "1.0") == [V1_0]
    v1_8 = await preferred(running.client, path, "1.8.1", 203, "1.8")
    full = await get(running.client)
    assert v1_8 == {name: value for name, value in full.items() if name != "expiresAt"}


@pytest.mark.parametrize(("version", "applied"), [("1.9", "1.9"), ("1.9.1", "1.9"), ("2.7", "1.9")])
async def test_an_answer_that_is_as_it_was_is_no_203(running: RunningBroker, version: str, applied: str) -> None:
    await create(running.client, **FULL)
    full = await get(running.client)
    assert await preferred(running.client, f"/entities/{CAR}", version, 200, applied) == full


async def test_an_entity_that_every_version_knows_is_not_altered(running: RunningBroker) -> None:
    await create(running.client, speed={"type": "Property", "value": 1})
    plain = await get(running.client)
    assert await preferred(running.client, f"/entities/{CAR}", "1.0", 200, "1.0") == plain


@pytest.mark.parametrize("prefer", ["ngsi-ld=new", "ngsi-ld", "ngsi-ld=1", "return=minimal", "ngsi-ld=9999999999.1"])
async def test_a_preference_that_cannot_be_read_is_ignored(running: RunningBroker, prefer: str) -> None:
    await create(running.client, **FULL)
    answer = await send(running.client, "GET", f"/entities/{CAR}", None, 200, Prefer=prefer)
    assert "preference-applied" not in answer.headers
    assert "expiresAt" not in answer.json() or "scope" in answer.json()


async def test_linked_entities_are_amended_too(running: RunningBroker) -> None:
    other = "urn:ngsi-ld:Car:2"
    await create(running.client, other, name={"type": "LanguageProperty", "languageMap": {"en": "two"}})
    await create(running.client, next={"type": "Relationship", "object": other})
    path = f"/entities/{CAR}?join=inline"
    entity = await preferred(running.client, path, "1.3", 203, "1.3")
    assert entity["next"]["entity"]["name"] == {"type": "Property", "value": {"en": "two"}}


async def test_a_temporal_evolution_is_amended_and_keeps_its_instances(running: RunningBroker) -> None:
    instances = [{"type": "Property", "value": n, "observedAt": f"2026-06-0{n}T00:00:00Z"} for n in (1, 2)]
    name = [{"type": "LanguageProperty", "languageMap": {"en": "car"}, "observedAt": AT}]
    body = {"id": CAR, "type": "Car", "speed": instances, "name": name}
    await send(running.client, "POST", "/temporal/entities", body, 201)
    for path in (f"/temporal/entities/{CAR}", f"/temporal/entities?type=Car&timerel=after&timeAt={AT}"):
        found = await preferred(running.client, path, "1.3", 203, "1.3")
        entity = found[0] if isinstance(found, list) else found
        assert [one["value"] for one in entity["speed"]] == [1, 2]
        assert [(one["type"], one["value"]) for one in entity["name"]] == [("Property", {"en": "car"})]
