"""Attributes of an Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.2 to 5.6.5 and 5.6.19; 6.6 and 6.7."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import CAR, DEFAULT, NULL, create, get, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
ATTRS = f"/entities/{CAR}/attrs"
GPS = "urn:ngsi-ld:dataset:gps"
TWO = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": GPS}]


async def test_append_adds_and_overwrites(running: RunningBroker) -> None:
    """5.6.3.4: what is new is appended, what exists is replaced as a whole, createdAt stays."""
    await create(running.client, a={"value": 1, "unitCode": "KMH"})
    before = await get(running.client, parameters="?options=sysAttrs")
    await send(running.client, "POST", ATTRS, {"a": {"value": 2}, "b": 3, "type": "Bus"}, 204)
    after = await get(running.client, parameters="?options=sysAttrs")
    assert after["a"]["createdAt"] == before["a"]["createdAt"] < after["a"]["modifiedAt"]
    found = await get(running.client)
    assert found["a"] == {"type": "Property", "value": 2}
    assert found["b"] == {"type": "Property", "value": 3}
    assert sorted(found["type"]) == ["Bus", "Car"]


async def test_append_no_overwrite(running: RunningBroker) -> None:
    """noOverwrite: 207 names what was left untouched, with full IRIs (6.3.6); what is new is appended."""
    await create(running.client, a=1, scope="/a")
    body = {"a": 2, "b": 3, "scope": "/b"}
    result = (await send(running.client, "POST", f"{ATTRS}?options=noOverwrite", body, 207)).json()
    assert result["updated"] == [DEFAULT + "b"]
    assert [one["attributeName"] for one in result["notUpdated"]] == [DEFAULT + "a"]
    assert result["notUpdated"][0]["reason"]
    found = await get(running.client)
    assert (found["a"]["value"], found["b"]["value"], found["scope"]) == (1, 3, ["/a", "/b"])


async def test_append_by_dataset(running: RunningBroker) -> None:
    """4.5.5.1: only the instance with the same datasetId is affected."""
    await create(running.client, a=1)
    await send(running.client, "POST", ATTRS, {"a": {"value": 2, "datasetId": GPS}}, 204)
    assert (await get(running.client))["a"] == TWO
    await send(running.client, "POST", ATTRS, {"a": 5}, 204)
    assert (await get(running.client))["a"] == [{"type": "Property", "value": 5}, TWO[1]]
    await send(running.client, "POST", f"{ATTRS}?options=noOverwrite", {"a": {"value": 9, "datasetId": GPS}}, 207)
    assert (await get(running.client))["a"] == [{"type": "Property", "value": 5}, TWO[1]]


async def test_append_of_one_instance_of_two(running: RunningBroker) -> None:
    """5.2.18: an Attribute of which one instance was appended and one left untouched is among both."""
    await create(running.client, a=1)
    result = (await send(running.client, "POST", f"{ATTRS}?options=noOverwrite", {"a": TWO}, 207)).json()
    assert result["updated"] == [DEFAULT + "a"]
    assert [one["attributeName"] for one in result["notUpdated"]] == [DEFAULT + "a"]
    assert (await get(running.client))["a"] == TWO


UPDATES: list[tuple[Any, Any, Any]] = [
    # (Attribute before, fragment, Attribute after): examples 2 and 3 of 5.5.8, then each rule of 5.6.2.4
    (
        {"type": "Property", "value": 25, "unitCode": "CEL", "observedAt": "2022-03-14T01:59:26.535Z"},
        {"type": "Property", "value": 100, "observedAt": "2022-03-14T13:00:00.000Z"},
        {"type": "Property", "value": 100, "observedAt": "2022-03-14T13:00:00.000Z"},
    ),
    ({"type": "Property", "value": 25}, {"type": "Property", "value": NULL}, None),
    ({"type": "Property", "value": 25}, NULL, None),
    ({"type": "Property", "value": 25}, {"object": "urn:a:1"}, {"type": "Relationship", "object": "urn:a:1"}),
    (TWO, {"type": "Property", "value": NULL, "datasetId": GPS}, TWO[0]),
    (TWO, NULL, TWO[1]),
    (TWO, {"value": 7, "datasetId": GPS}, [TWO[0], {"type": "Property", "value": 7, "datasetId": GPS}]),
    (TWO[0], {"value": 2, "datasetId": GPS}, TWO),
    (None, 5, {"type": "Property", "value": 5}),
    (None, NULL, None),
    (
        {"type": "Property", "value": 1, "by": {"type": "Property", "value": 1}},
        {"value": 1, "by": NULL},
        {"type": "Property", "value": 1},
    ),
]


@pytest.mark.parametrize(("before", "fragment", "after"), UPDATES)
async def test_update(running: RunningBroker, before: Any, fragment: Any, after: Any) -> None:
    """5.5.8 and 5.6.2.4: Attributes are replaced whole, appended, or removed; others stay."""
    await create(running.client, other=1, **({} if before is None else {"a": before}))
    await send(running.client, "PATCH", ATTRS, {"a": fragment}, 204)
    expected = {"id": CAR, "type": "Car", "other": {"type": "Property", "value": 1}}
    assert await get(running.client) == (expected if after is None else {**expected, "a": after})


async def test_update_of_scope_and_type(running: RunningBroker) -> None:
    """5.6.2.4: types are added; a scope replaces one that is there, and is ignored where there is none."""
    await create(running.client, "urn:a:1")
    await send(running.client, "PATCH", "/entities/urn:a:1/attrs", {"scope": "/b", "type": "Bus"}, 204)
    found = await get(running.client, "urn:a:1")
    assert "scope" not in found
    assert sorted(found["type"]) == ["Bus", "Car"]
    await create(running.client, scope="/a")
    await send(running.client, "PATCH", ATTRS, {"scope": ["/b", "/c"]}, 204)
    assert (await get(running.client))["scope"] == ["/b", "/c"]


@pytest.mark.parametrize(
    ("fragment", "after"),
    [
        # example 1 of 5.5.8, then members that are added, removed, and left
        (
            {"type": "Property", "value": 100, "observedAt": "2022-03-14T13:00:00.000Z"},
            {"value": 100, "unitCode": "CEL", "observedAt": "2022-03-14T13:00:00.000Z"},
        ),
        ({"value": 7}, {"value": 7, "unitCode": "CEL"}),
        ({"unitCode": NULL}, {"value": 25}),
        ({"unitCode": "FAH"}, {"value": 25, "unitCode": "FAH"}),
        (
            {"by": {"object": "urn:a:1"}},
            {"value": 25, "unitCode": "CEL", "by": {"type": "Relationship", "object": "urn:a:1"}},
        ),
        (
            {"value": {"type": "Point", "coordinates": [1, 2]}},
            {"value": {"type": "Point", "coordinates": [1, 2]}, "unitCode": "CEL"},
        ),
        ({"value": {"a": 1}}, {"value": {"a": 1}, "unitCode": "CEL"}),
        ({"value": NULL}, None),
    ],
)
async def test_partial_update(running: RunningBroker, fragment: Any, after: Any) -> None:
    """5.6.4.4: members of the instance are overwritten, added or removed; the others stay."""
    await create(running.client, a={"value": 25, "unitCode": "CEL"}, other=1)
    await send(running.client, "PATCH", f"{ATTRS}/a", fragment, 204)
    found = await get(running.client)
    assert found["other"]["value"] == 1
    assert found.get("a") == (None if after is None else {"type": "Property", **after})


@pytest.mark.parametrize(
    ("before", "fragment"),
    [
        ({"object": "urn:a:1"}, {"unitCode": "KMH"}),
        ({"object": "urn:a:1"}, {"valueType": "xsd:string"}),
        ({"objectList": ["urn:a:1"]}, {"unitCode": "KMH"}),
        ({"languageMap": {"en": "x"}}, {"unitCode": "KMH"}),
        ({"languageMap": {"en": "x"}}, {"valueType": "xsd:string"}),
        ({"vocab": "x"}, {"unitCode": "KMH"}),
        ({"json": {}}, {"unitCode": "KMH"}),
        ({"value": 1}, {"objectType": "Bus"}),
    ],
)
async def test_fragment_with_a_member_that_the_type_never_has(
    running: RunningBroker, before: Any, fragment: Any
) -> None:
    """4.5.2 to 4.5.24 prohibit some members for some types, also where the fragment leaves the type out."""
    await create(running.client, a=before, b={"value": 1, "by": before})
    whole = await get(running.client)
    await refused(running.client, "PATCH", f"{ATTRS}/a", fragment, 400, "BadRequestData")
    for body in ({"a": fragment}, {"b": {"value": 2, "by": fragment}}):
        await refused(running.client, "PATCH", f"/entities/{CAR}", body, 400, "BadRequestData")
    assert await get(running.client) == whole


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_attribute_fragment_that_is_a_geometry(running: RunningBroker, method: str) -> None:
    """4.7.3: the concise form of a GeoProperty is its geometry; no sub-Attributes, and not refused."""
    there, then = {"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [3, 4]}
    await create(running.client, location=there)
    await send(running.client, method, f"{ATTRS}/location", then, 204)
    assert (await get(running.client))["location"] == {"type": "GeoProperty", "value": then}


@pytest.mark.parametrize("value", ['{"type":"Point","coordinates":[3,4]}', {"type": "Point", "coordinates": [3, 4]}])
async def test_fragment_with_an_encoded_geometry(running: RunningBroker, value: Any) -> None:
    """4.7.2: it is accepted as a string, too, where the type that the Attribute has says what it is."""
    there = {"type": "Point", "coordinates": [1, 2]}
    await create(running.client, a=there, b=there)
    await send(running.client, "PATCH", f"{ATTRS}/a", {"value": value}, 204)
    await send(running.client, "PATCH", f"/entities/{CAR}", {"b": {"value": value}}, 204)
    found = await get(running.client)
    assert found["a"] == found["b"] == {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [3, 4]}}
    for wrong in ("Point", '{"type":"Point","coordinates":[3]}', 5, "5"):
        await refused(running.client, "PATCH", f"{ATTRS}/a", {"value": wrong}, 400, "BadRequestData")
        await refused(running.client, "PATCH", f"/entities/{CAR}", {"b": wrong}, 400, "BadRequestData")
    assert await get(running.client) == found


async def test_sub_attributes_that_were_not_modified(running: RunningBroker) -> None:
    """4.8: modifiedAt says when it was last modified, of a sub-Attribute too; others of the Attribute do not matter."""
    await create(running.client, a={"value": 1, "by": {"value": 1, "of": 1}, "at": 1})
    steps: list[tuple[str, str, Any]] = [
        ("PATCH", f"{ATTRS}/a", {"value": 2, "at": 2}),
        ("PATCH", f"/entities/{CAR}", {"a": {"value": 3, "at": 3}}),
        ("POST", "/entityOperations/merge", [{"id": CAR, "a": {"value": 4, "at": 4}}]),
    ]
    for method, path, body in steps:
        before = (await get(running.client, parameters="?options=sysAttrs"))["a"]
        await send(running.client, method, path, body, 204)
        after = (await get(running.client, parameters="?options=sysAttrs"))["a"]
        assert after["by"] == before["by"]
        assert after["modifiedAt"] == after["at"]["modifiedAt"] > before["modifiedAt"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", ATTRS, {"b": NULL}),
        ("PATCH", ATTRS, {"scope": "/a", "type": "Car"}),
        ("PATCH", ATTRS, {"a": {"value": NULL, "datasetId": GPS}}),
        ("PATCH", f"/entities/{CAR}", {"b": NULL, "scope": NULL}),
        ("POST", "/entityOperations/upsert?options=update", [{"id": CAR, "type": "Car", "b": NULL}]),
    ],
)
async def test_nothing_to_remove_modifies_nothing(running: RunningBroker, method: str, path: str, body: Any) -> None:
    """4.8: an Entity of which nothing was there to be removed, or to take a scope, was not modified."""
    await create(running.client, a=1)
    before = await get(running.client, parameters="?options=sysAttrs")
    await send(running.client, method, path, body, 204)
    assert await get(running.client, parameters="?options=sysAttrs") == before


async def test_partial_update_of_an_instance(running: RunningBroker) -> None:
    """The instance with the fragment's datasetId is the target; the name may be a full IRI."""
    await create(running.client, a=TWO)
    name = DEFAULT.replace(":", "%3A").replace("/", "%2F") + "a"
    await send(running.client, "PATCH", f"{ATTRS}/{name}", {"value": 7, "datasetId": GPS}, 204)
    assert [one["value"] for one in (await get(running.client))["a"]] == [1, 7]


REFUSED = [
    ("PATCH", "/entities/urn:no:1/attrs/a", {"value": 1}, 404, "ResourceNotFound"),
    ("PATCH", f"{ATTRS}/b", {"value": 1}, 404, "ResourceNotFound"),
    ("PATCH", f"{ATTRS}/a", {"value": 1, "datasetId": GPS}, 404, "ResourceNotFound"),
    ("PATCH", f"{ATTRS}/a?type=Bus", {"value": 1}, 404, "ResourceNotFound"),
    ("PATCH", f"{ATTRS}/a", {"type": "Relationship", "object": "urn:a:1"}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/a", {"value": {"x": NULL}}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/a", [{"value": 1}], 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/a", {"by": {"type": "Property", "unitCode": "KMH"}}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/a", {"value": 2, "by": {"value": 1, "of": {"type": "GeoProperty"}}}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/scope", {"value": "/a"}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}/a%20b", {"value": 1}, 400, "BadRequestData"),
    ("PATCH", "/entities/car/attrs/a", {"value": 1}, 400, "BadRequestData"),
    ("PUT", "/entities/urn:no:1/attrs/a", {"value": 1}, 404, "ResourceNotFound"),
    ("PUT", f"{ATTRS}/b", {"value": 1}, 404, "ResourceNotFound"),
    ("PUT", f"{ATTRS}/a", {"value": 1, "datasetId": GPS}, 404, "ResourceNotFound"),
    ("PUT", f"{ATTRS}/a", {"unitCode": "KMH"}, 400, "BadRequestData"),
    ("PUT", f"{ATTRS}/a", {"type": "Property", "unitCode": "KMH"}, 400, "BadRequestData"),
    ("PUT", f"{ATTRS}/a", {"value": NULL}, 400, "BadRequestData"),
    ("PUT", f"{ATTRS}/scope", {"value": "/a"}, 400, "BadRequestData"),
    ("DELETE", "/entities/urn:no:1/attrs/a", None, 404, "ResourceNotFound"),
    ("DELETE", f"{ATTRS}/b", None, 404, "ResourceNotFound"),
    ("DELETE", f"{ATTRS}/scope", None, 404, "ResourceNotFound"),
    ("DELETE", f"{ATTRS}/a?datasetId={GPS}", None, 404, "ResourceNotFound"),
    ("DELETE", f"{ATTRS}/a?datasetId=gps", None, 400, "BadRequestData"),
    ("DELETE", f"{ATTRS}/a?type=Bus", None, 404, "ResourceNotFound"),
    ("DELETE", f"{ATTRS}/a?deleteAll=maybe", None, 400, "BadRequestData"),
    ("POST", "/entities/urn:no:1/attrs", {"a": 1}, 404, "ResourceNotFound"),
    ("POST", "/entities/car/attrs", {"a": 1}, 400, "BadRequestData"),
    ("POST", ATTRS, {"a": NULL}, 400, "BadRequestData"),
    ("POST", ATTRS, {"id": "urn:other:1", "a": 1}, 400, "BadRequestData"),
    ("POST", f"{ATTRS}?options=overwrite", {"a": 1}, 400, "InvalidRequest"),
    ("PATCH", "/entities/urn:no:1/attrs", {"a": 1}, 404, "ResourceNotFound"),
    ("PATCH", f"{ATTRS}?type=Bus", {"a": 1}, 404, "ResourceNotFound"),
    ("PATCH", ATTRS, {"a": {"value": {"x": NULL}}}, 400, "BadRequestData"),
    ("PATCH", ATTRS, {"type": NULL}, 400, "BadRequestData"),
    ("PATCH", ATTRS, {"a": {"value": 1, "datasetId": NULL}}, 400, "BadRequestData"),
    ("PATCH", f"{ATTRS}?limit=1", {"a": 1}, 400, "InvalidRequest"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "error"), REFUSED)
async def test_refused(running: RunningBroker, method: str, path: str, body: Any, status: int, error: str) -> None:
    """Each is the error that its clause names, and the Entity stays as it was."""
    await create(running.client, a=1)
    before = await get(running.client, parameters="?options=sysAttrs")
    await refused(running.client, method, path, body, status, error)
    assert await get(running.client, parameters="?options=sysAttrs") == before


async def test_replace_attribute(running: RunningBroker) -> None:
    """5.6.19.4: the instance is replaced completely, createdAt stays, other instances too."""
    await create(running.client, a=[{"value": 1, "unitCode": "KMH"}, {"value": 2, "datasetId": GPS}])
    before = (await get(running.client, parameters="?options=sysAttrs"))["a"]
    await send(running.client, "PUT", f"{ATTRS}/a", {"object": "urn:a:1"}, 204)
    after = (await get(running.client, parameters="?options=sysAttrs"))["a"]
    assert after[1] == before[1]
    assert after[0] == {
        "type": "Relationship",
        "object": "urn:a:1",
        "createdAt": before[0]["createdAt"],
        "modifiedAt": after[0]["modifiedAt"],
    }


@pytest.mark.parametrize(
    ("parameters", "left"),
    [("", TWO[1]), (f"?datasetId={GPS}", TWO[0]), ("?datasetId=@none", TWO[1]), ("?deleteAll=true", None)],
)
async def test_delete_attribute(running: RunningBroker, parameters: str, left: Any) -> None:
    """5.6.5.4: the default instance, the one with the datasetId, or all of them go."""
    await create(running.client, a=TWO, b=1)
    await send(running.client, "DELETE", f"{ATTRS}/a{parameters}", None, 204)
    found = await get(running.client)
    assert found.get("a") == left
    assert found["b"]["value"] == 1


@pytest.mark.parametrize("name", ["scope", "ngsi-ld:scope", "https%3A%2F%2Furi.etsi.org%2Fngsi-ld%2Fscope"])
async def test_the_scope_by_any_name(running: RunningBroker, name: str) -> None:
    """5.6.4.4, 5.6.5.4, 5.6.19.4, 5.6.21.4: the target is the scope, whichever name stands for it (5.5.7)."""
    for number in (1, 2):
        await create(running.client, f"urn:a:{number}", scope="/a", b=1)
    for method in ("PATCH", "PUT"):
        path = f"/entities/urn:a:1/attrs/{name}"
        await refused(running.client, method, path, {"value": "/b"}, 400, "BadRequestData")
    await send(running.client, "DELETE", f"/entities/urn:a:1/attrs/{name}", None, 204)
    await send(running.client, "DELETE", f"/entities?type=Car&id=urn:a:2&drop={name}", None, 204)
    for number in (1, 2):
        assert set(await get(running.client, f"urn:a:{number}")) == {"id", "type", "b"}


async def test_delete_scope(running: RunningBroker) -> None:
    """5.6.5.4: the scope can be deleted like an Attribute."""
    await create(running.client, scope=["/a", "/b"])
    await send(running.client, "DELETE", f"{ATTRS}/scope", None, 204)
    assert "scope" not in await get(running.client)
