"""Which types and Attributes there are, over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.7.5 to 5.7.10, 6.25 to 6.28."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
LD_JSON = "application/ld+json"


@pytest.fixture
async def filled(running: Any) -> Any:
    """A client of a broker with two cars, one of which is a taxi, too, and a room."""
    speeds = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}]
    for entity in (
        {"id": "urn:x:1", "type": "Car", "speed": speeds},
        {"id": "urn:x:2", "type": ["Car", "Taxi"], "speed": {"type": "Relationship", "object": "urn:x:1"}, "name": "t"},
        {"id": "urn:x:3", "type": "Room", "name": "r"},
    ):
        response = await running.client.post(f"{API}/entities", json=entity)
        assert response.status_code == 201, response.text
    return running.client


async def get(client: Any, path: str, status: int = 200, **headers: str) -> Any:
    response = await client.get(API + path, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


async def test_types(filled: Any) -> None:
    """5.2.24: an EntityTypeList with the short names of the caller's @context."""
    body = await get(filled, "/types")
    assert body["type"] == "EntityTypeList"
    assert body["id"].startswith("urn:")
    assert body["typeList"] == ["Car", "Room", "Taxi"]
    assert "@context" in await get(filled, "/types", accept=LD_JSON)


async def test_type_details(filled: Any) -> None:
    """5.2.25: of each type its IRI, its name, and the names of Attributes that Entities of it have."""
    body = await get(filled, "/types?details=true")
    assert body[0] == {
        "id": DEFAULT + "Car",
        "type": "EntityType",
        "typeName": "Car",
        "attributeNames": ["name", "speed"],
    }
    assert [one["attributeNames"] for one in body[1:]] == [["name"], ["name", "speed"]]
    assert "@context" in (await get(filled, "/types?details=true", accept=LD_JSON))[0]


@pytest.mark.parametrize("name", ["Car", quote(DEFAULT + "Car", safe="")])
async def test_type_information(filled: Any, name: str) -> None:
    """5.2.26: how many Entities there are, and of each Attribute which Attribute types it has."""
    body = await get(filled, f"/types/{name}")
    assert body == {
        "id": DEFAULT + "Car",
        "type": "EntityTypeInfo",
        "typeName": "Car",
        "entityCount": 2,
        "attributeDetails": [
            {"id": DEFAULT + "name", "type": "Attribute", "attributeName": "name", "attributeTypes": ["Property"]},
            {
                "id": DEFAULT + "speed",
                "type": "Attribute",
                "attributeName": "speed",
                "attributeTypes": ["Property", "Relationship"],
            },
        ],
    }


async def test_attributes(filled: Any) -> None:
    """5.2.27: an AttributeList; 5.7.9.4: details have id, type, attributeName and typeNames, nothing else."""
    body = await get(filled, "/attributes")
    assert (body["type"], body["attributeList"]) == ("AttributeList", ["name", "speed"])
    assert await get(filled, "/attributes?details=true") == [
        {"id": DEFAULT + "name", "type": "Attribute", "attributeName": "name", "typeNames": ["Car", "Room", "Taxi"]},
        {"id": DEFAULT + "speed", "type": "Attribute", "attributeName": "speed", "typeNames": ["Car", "Taxi"]},
    ]


async def test_attribute_information(filled: Any) -> None:
    """5.2.28: with the number of instances and the Attribute types."""
    assert await get(filled, "/attributes/speed") == {
        "id": DEFAULT + "speed",
        "type": "Attribute",
        "attributeName": "speed",
        "typeNames": ["Car", "Taxi"],
        "attributeCount": 3,
        "attributeTypes": ["Property", "Relationship"],
    }


@pytest.mark.parametrize("path", ["/types/Plane", "/attributes/colour"])
async def test_unknown_names(filled: Any, path: str) -> None:
    """6.26.3.1 and 6.28.3.1: a name that no Entity has is ResourceNotFound."""
    assert (await get(filled, path, 404))["type"] == ERRORS + "ResourceNotFound"


async def test_what_is_gone_is_not_listed(filled: Any) -> None:
    """5.7.5.4: types "for which entity instances exist": not of deleted Entities, nor of expired ones (4.22)."""
    for entity_type, year in (("Lasting", 2099), ("Ghost", 2001)):
        entity = {"id": f"urn:x:{year}", "type": entity_type, "expiresAt": f"{year}-01-01T00:00:00Z", entity_type: 1}
        assert (await filled.post(f"{API}/entities", json=entity)).status_code == 201
    assert (await filled.delete(f"{API}/entities/urn:x:3")).status_code == 204
    assert (await get(filled, "/types"))["typeList"] == ["Car", "Lasting", "Taxi"]
    assert (await get(filled, "/attributes"))["attributeList"] == ["Lasting", "name", "speed"]
    await get(filled, "/types/Ghost", 404)
