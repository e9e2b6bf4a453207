"""Create, replace, delete and purge: ETSI GS CIM 009 V1.9.1, clauses 5.6.1, 5.6.6, 5.6.18, 5.6.21."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..api import CAR, NULL, create, get, gone, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
POINT = {"type": "Point", "coordinates": [13.4, 52.5]}
WHOLE = {
    "speed": {"type": "Property", "value": 40, "unitCode": "KMH", "observedAt": "2026-01-01T12:00:00Z"},
    "location": {"type": "GeoProperty", "value": POINT},
    "owner": {"type": "Relationship", "object": "urn:ngsi-ld:Person:1", "objectType": "Person"},
    "drivers": {"type": "Relationship", "object": ["urn:ngsi-ld:Person:1", "urn:ngsi-ld:Person:2"]},
    "label": {"type": "LanguageProperty", "languageMap": {"en": "car", "de": ["Auto", "Wagen"], "@none": "x"}},
    "fuel": {"type": "VocabProperty", "vocab": "Electric", "valueType": "http://a.example/fuel"},
    "gears": {"type": "ListProperty", "valueList": [1, 2, 3]},
    "stops": {"type": "ListRelationship", "objectList": [{"object": "urn:ngsi-ld:Stop:2"}, {"object": "urn:a:1"}]},
    "typed": {"type": "LanguageProperty", "languageMap": {"en": "x"}, "valueType": "langString"},
    "raw": {
        "type": "JsonProperty",
        "valueType": "http://a.example/raw",
        "json": {"id": "no URI", "value": None, "a": [1]},
    },
    "nested": {
        "type": "Property",
        "value": {"a": {"b": [1, "x"]}},
        "source": {"type": "Property", "value": "GPS", "accuracy": {"type": "Property", "value": 0.9}},
        "by": {"type": "Relationship", "object": "urn:ngsi-ld:Sensor:1"},
    },
    "signed": {
        "type": "Property",
        "value": 1,
        "ngsildproof": {
            "type": "Property",
            "entityIdSealed": CAR,
            "entityTypeSealed": ["Car", "Bus"],
            "value": {"type": "DataIntegrityProof", "created": "2026-01-01T00:00:00Z"},
        },
    },
    "position": [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:ngsi-ld:dataset:gps"},
    ],
}


async def test_every_attribute_type_comes_back(running: RunningBroker) -> None:
    """Each Attribute type of 5.2.5 to 5.2.7, 5.2.32 and 5.2.35 to 5.2.38 is stored and returned as it was sent."""
    await create(running.client, scope=["/a", "/b/c"], **WHOLE)
    found = await get(running.client)
    assert found == {"id": CAR, "type": "Car", "scope": ["/a", "/b/c"], **WHOLE}


async def test_create_says_where(running: RunningBroker) -> None:
    """201 has the Location of the Entity, and it can be had there, also where the id is a URL (6.4.3.1)."""
    for entity_id in (CAR, "https://example.org/cars/1?x=%C3%A4"):
        answer = await send(running.client, "POST", "/entities", {"id": entity_id, "type": "Car"}, 201)
        assert answer.content == b""
        there = await running.client.get(answer.headers["location"])
        assert there.status_code == 200
        assert there.json()["id"] == entity_id


async def test_existing_id_is_refused(running: RunningBroker) -> None:
    """5.6.1.4: an Entity that exists is an error of type AlreadyExists, and stays as it was."""
    await create(running.client, speed=1)
    await refused(running.client, "POST", "/entities", {"id": CAR, "type": "Bus"}, 409, "AlreadyExists")
    assert (await get(running.client))["type"] == "Car"


BAD_ENTITIES: dict[str, dict[str, Any]] = {
    "no id": {"id": None},
    "id is no URI": {"id": "car"},
    "type is no name": {"type": "a type"},
    "type is a number": {"type": 1},
    "no type in the list": {"type": []},
    "scope is no Scope": {"scope": "/a//b"},
    "expiresAt is no DateTime": {"expiresAt": "tomorrow"},
    "name with a blank": {"my speed": 1},
    "name of the core": {"observedAt": "2026-01-01T12:00:00Z"},
    "name of the core, as an IRI": {"https://uri.etsi.org/ngsi-ld/createdAt": "2026-01-01T12:00:00Z"},
    "member of the core, as an IRI": {"speed": {"value": 1, "https://uri.etsi.org/ngsi-ld/unitCode": "KMH"}},
    "JSON null": {"speed": None},
    "JSON null as value": {"speed": {"type": "Property", "value": None}},
    "JSON null in a value": {"speed": {"type": "Property", "value": {"a": [None]}}},
    "JSON null beside a JSON literal": {"speed": {"value": {"@type": "@json", "@value": None, "a": None}}},
    "JSON null in what is no JSON literal": {"speed": {"value": {"@type": "@json", "a": None}}},
    "NGSI-LD Null": {"speed": NULL},
    "NGSI-LD Null as value": {"speed": {"type": "Property", "value": NULL}},
    "NGSI-LD Null in a value": {"speed": {"type": "Property", "value": {"a": NULL}}},
    "NGSI-LD Null as object": {"owner": {"type": "Relationship", "object": NULL}},
    "NGSI-LD Null as languageMap": {"l": {"type": "LanguageProperty", "languageMap": {"@none": NULL}}},
    "no value": {"speed": {"type": "Property"}},
    "unknown Attribute type": {"speed": {"type": "Speed", "value": 1}},
    "value and object": {"speed": {"value": 1, "object": "urn:a:1"}},
    "Property with object": {"speed": {"type": "Property", "value": 1, "object": "urn:a:1"}},
    "Relationship with value": {"r": {"type": "Relationship", "object": "urn:a:1", "value": 1}},
    "object is no URI": {"r": {"type": "Relationship", "object": "somebody"}},
    "Relationship with unit": {"r": {"type": "Relationship", "object": "urn:a:1", "unitCode": "KMH"}},
    "languageMap is no map": {"l": {"type": "LanguageProperty", "languageMap": "x"}},
    "language tag": {"l": {"type": "LanguageProperty", "languageMap": {"no tag": "x"}}},
    "language of a number": {"l": {"type": "LanguageProperty", "languageMap": {"en": 1}}},
    "vocab is a number": {"v": {"type": "VocabProperty", "vocab": 1}},
    "valueList is no array": {"v": {"type": "ListProperty", "valueList": 1}},
    "objectList of numbers": {"v": {"type": "ListRelationship", "objectList": [1]}},
    "json is a number": {"v": {"type": "JsonProperty", "json": 1}},
    "unit of a json": {"v": {"type": "JsonProperty", "json": {}, "unitCode": "KMH"}},
    "geometry": {"location": {"type": "GeoProperty", "value": {"type": "Circle", "coordinates": [1, 2]}}},
    "open ring": {
        "l": {"type": "GeoProperty", "value": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}}
    },
    "collection": {"location": {"type": "GeoProperty", "value": {"type": "GeometryCollection", "geometries": []}}},
    "JSON null in a geometry": {"g": {"type": "GeoProperty", "value": {**POINT, "x": {"y": None}}}},
    "NGSI-LD Null in a geometry": {"g": {"type": "GeoProperty", "value": {**POINT, "x": NULL}}},
    "NGSI-LD Null in a concise geometry": {"g": {**POINT, "x": [NULL]}},
    "NGSI-LD Null in an encoded geometry": {"g": {"type": "GeoProperty", "value": json.dumps({**POINT, "x": NULL})}},
    "encoded geometry that is nested too deep": {
        "g": {"type": "GeoProperty", "value": json.dumps(POINT)[:-1] + ',"x":' + "[" * 300 + "]" * 300 + "}"}
    },
    "observedAt": {"speed": {"value": 1, "observedAt": "2026-01-01"}},
    "observedAt with an offset": {"speed": {"value": 1, "observedAt": "2026-01-01T00:00:00+01:00"}},
    "seven digits": {"speed": {"value": 1, "observedAt": "2026-01-01T00:00:00.1234567Z"}},
    "datasetId": {"speed": {"value": 1, "datasetId": "gps"}},
    "two default instances": {"speed": [{"value": 1}, {"value": 2}]},
    "same datasetId twice": {"speed": [{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}]},
    "unitCode is a number": {"speed": {"value": 1, "unitCode": 5}},
    "embedded @context": {"speed": {"value": 1, "@context": {}}},
    "bad sub-Attribute": {"speed": {"value": 1, "by": {"type": "Relationship", "object": "x"}}},
    "id is the NGSI-LD Null": {"id": NULL},
    "id with a control character": {"id": "urn:a:\x01"},
    "id with half a percent-encoding": {"id": "urn:a:%4"},
    "id with a bracket": {"id": "urn:a:1[2]"},
    "id with two fragments": {"id": "urn:a:1#2#3"},
    "name that begins with a number": {"\N{SUPERSCRIPT TWO}speed": 1},
    "scope that begins with a number": {"scope": "/\N{ROMAN NUMERAL EIGHT}"},
    "language tag of one letter": {"l": {"type": "LanguageProperty", "languageMap": {"a": "x"}}},
    "language tag of two regions": {"l": {"type": "LanguageProperty", "languageMap": {"de-419-DE": "x"}}},
    "id and @id": {"@id": "urn:a:1"},
    "type and @type": {"@type": "Bus"},
    "NGSI-LD Null as datasetId": {"speed": {"value": 1, "datasetId": NULL}},
    "NGSI-LD Null among objects": {"r": {"object": ["urn:a:1", NULL]}},
    "NGSI-LD Null among types of objects": {"r": {"object": "urn:a:1", "objectType": ["Car", NULL]}},
    "NGSI-LD Null as an object of a list": {"r": {"objectList": [{"object": NULL}]}},
    "NGSI-LD Null among vocab": {"v": {"vocab": ["a", NULL]}},
    "location is no GeoProperty": {"location": {"type": "Property", "value": 1}},
    "location is a Relationship": {"operationSpace": [{"object": "urn:a:1", "datasetId": "urn:d:1"}]},
    "previous value of another kind": {"speed": {"type": "Property", "value": 1, "previousObject": "urn:a:1"}},
    "Relationship with entityList": {"r": {"object": "urn:a:1", "entityList": []}},
    "ListRelationship with entity": {"r": {"objectList": ["urn:a:1"], "entity": {}}},
    "lang is no Attribute": {"lang": {"type": "Property", "value": 1}},
    "valueType of a Relationship": {"r": {"object": "urn:a:1", "valueType": "xsd:string"}},
    "valueType of a languageMap": {"l": {"languageMap": {"en": "x"}, "valueType": "xsd:string"}},
    "seal of no proof": {"speed": {"value": 1, "entityIdSealed": "urn:a:1"}},
    "sealed type is a number": {"speed": {"value": 1, "ngsildproof": {"value": {}, "entityTypeSealed": 5}}},
    "sealed type in an object": {"speed": {"value": 1, "ngsildproof": {"value": {}, "entityTypeSealed": [{}]}}},
    "NGSI-LD Null as a sealed type": {"speed": {"value": 1, "ngsildproof": {"value": {}, "entityTypeSealed": NULL}}},
    "sealed id is no URI": {"speed": {"value": 1, "ngsildproof": {"value": {}, "entityIdSealed": "car"}}},
}


@pytest.mark.parametrize("bad", BAD_ENTITIES.values(), ids=BAD_ENTITIES)
async def test_what_is_no_entity_is_refused(running: RunningBroker, bad: dict[str, Any]) -> None:
    """Each is an error of type BadRequestData (5.5.4), for create, replace and batch alike, and nothing is stored."""
    entity = {"id": CAR, "type": "Car", **bad}
    if bad == {"id": None}:
        del entity["id"]
    await refused(running.client, "POST", "/entities", entity, 400, "BadRequestData")
    answer = await send(running.client, "POST", "/entityOperations/create", [entity], 207)
    assert answer.json()["success"] == []
    assert answer.json()["errors"][0]["error"]["status"] == 400
    await gone(running.client)


@pytest.mark.parametrize(
    ("concise", "normalized"),
    [
        (5, {"type": "Property", "value": 5}),
        ("x", {"type": "Property", "value": "x"}),
        ([1, 2], {"type": "Property", "value": [1, 2]}),
        ([{"a": 1}], {"type": "Property", "value": [{"a": 1}]}),
        ({"a": 1}, {"type": "Property", "value": {"a": 1}}),
        ({"@type": "DateTime", "@value": "x"}, {"type": "Property", "value": {"@type": "DateTime", "@value": "x"}}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"value": POINT}, {"type": "GeoProperty", "value": POINT}),
        ({"value": '{"type":"Point","coordinates":[1,2]}', "type": "GeoProperty"}, None),
        ({"object": "urn:a:1"}, {"type": "Relationship", "object": "urn:a:1"}),
        ({"objectList": ["urn:a:1"]}, {"type": "ListRelationship", "objectList": [{"object": "urn:a:1"}]}),
        ({"value": 1, "datasetId": "@none"}, {"type": "Property", "value": 1}),
        ({"value": 1, "createdAt": "x", "instanceId": 1, "previousValue": 3}, {"type": "Property", "value": 1}),
        ({"value": 1, "observedAt": "2026-01-01T00:00:00,5Z"}, None),
        ({"@type": "Property", "value": 1}, {"type": "Property", "value": 1}),
    ],
)
async def test_concise_input(running: RunningBroker, concise: Any, normalized: Any) -> None:
    """Concise input (4.5.2.3 and its likes) is returned normalized; output-only members are ignored."""
    await create(running.client, a=concise)
    found = (await get(running.client))["a"]
    if normalized is not None:
        assert found == normalized
    elif "observedAt" in concise:
        assert found["observedAt"] == "2026-01-01T00:00:00.5Z"
    else:
        assert found["value"] == {"type": "Point", "coordinates": [1, 2]}


async def test_replace_keeps_id_and_creation(running: RunningBroker) -> None:
    """5.6.18.4: everything else is replaced; createdAt stays, modifiedAt grows."""
    await create(running.client, speed=1, name="x", scope="/a")
    before = await get(running.client, parameters="?options=sysAttrs")
    await send(running.client, "PUT", f"/entities/{CAR}", {"id": CAR, "type": "Bus", "speed": 2}, 204)
    after = await get(running.client, parameters="?options=sysAttrs")
    assert after["createdAt"] == before["createdAt"]
    assert after["modifiedAt"] > before["modifiedAt"]
    assert after["speed"]["createdAt"] == before["speed"]["createdAt"]
    assert await get(running.client) == {"id": CAR, "type": "Bus", "speed": {"type": "Property", "value": 2}}


async def test_replace_refuses(running: RunningBroker) -> None:
    """An unknown id is ResourceNotFound; another id in the payload, an NGSI-LD Null, no type: BadRequestData."""
    await refused(running.client, "PUT", f"/entities/{CAR}", {"type": "Car"}, 404, "ResourceNotFound")
    await create(running.client, speed=1)
    for body in ({"id": "urn:a:2", "type": "Car"}, {"type": "Car", "speed": NULL}, {"speed": 1}):
        await refused(running.client, "PUT", f"/entities/{CAR}", body, 400, "BadRequestData")
    await refused(running.client, "PUT", f"/entities/{CAR}?type=Bus", {"type": "Car"}, 404, "ResourceNotFound")


async def test_delete(running: RunningBroker) -> None:
    """5.6.6.4: the Entity is gone; another type, an unknown id and an id that is no URI are refused."""
    await create(running.client)
    await refused(running.client, "DELETE", f"/entities/{CAR}?type=Bus", None, 404, "ResourceNotFound")
    await send(running.client, "DELETE", f"/entities/{CAR}?type=Car", None, 204)
    await gone(running.client)
    await refused(running.client, "DELETE", f"/entities/{CAR}", None, 404, "ResourceNotFound")
    await refused(running.client, "DELETE", "/entities/car", None, 400, "BadRequestData")


async def test_purge_needs_a_selector(running: RunningBroker) -> None:
    """5.6.21.4: without types, Attributes, query, geo-query or local scope it is BadRequestData, and nothing goes."""
    await create(running.client)
    for parameters in (
        "",
        f"?id={CAR}",
        "?idPattern=.*",
        f"?id={CAR}&keep=a",
        "?drop=a",
        "?type=Car&drop=",
        "?type=Car&keep=,",
        "?type=Car&id=",
        "?type=Car&id=,",
    ):
        await refused(running.client, "DELETE", f"/entities{parameters}", None, 400, "BadRequestData")
    await get(running.client)


@pytest.mark.parametrize(
    ("parameters", "left"),
    [
        ("type=Car", {2: "a"}),
        ("type=Car&q=a>0", {0: "a", 2: "a"}),
        ("id=urn:c:0&local=true", {1: "a", 2: "a"}),
        ("type=*", {}),
        ("q=a", {}),
        ("attrs=b", {0: "a", 1: "a", 2: "a"}),
        ("type=Car&drop=a", {0: "", 1: "", 2: "a"}),
        ("type=Bus&keep=b", {0: "a", 1: "a", 2: ""}),
    ],
)
async def test_purge(running: RunningBroker, parameters: str, left: dict[int, str]) -> None:
    """5.6.21.4: what matches goes, or its Attributes that drop names, or that keep does not name."""
    for number in range(3):
        await create(running.client, f"urn:c:{number}", type="Car" if number < 2 else "Bus", a=number)
    await send(running.client, "DELETE", f"/entities?{parameters}", None, 204)
    answer = await send(running.client, "GET", "/entities?type=Car,Bus&options=keyValues", None, 200)
    found = {int(one["id"][-1]): "a" if "a" in one else "" for one in answer.json()}
    assert found == left


async def test_expiry(running: RunningBroker) -> None:
    """4.22: an Entity whose expiresAt passes is not there any more, and its id is free again."""
    await create(running.client, expiresAt="2999-01-01T00:00:00Z", a=1)
    assert (await get(running.client, parameters="?options=sysAttrs"))["expiresAt"] == "2999-01-01T00:00:00Z"
    await send(running.client, "PATCH", f"/entities/{CAR}", {"expiresAt": "2020-01-01T00:00:00Z"}, 204)
    await gone(running.client)
    await refused(running.client, "PATCH", f"/entities/{CAR}", {"a": 2}, 404, "ResourceNotFound")
    await create(running.client, b=1)
    assert await get(running.client) == {"id": CAR, "type": "Car", "b": {"type": "Property", "value": 1}}
