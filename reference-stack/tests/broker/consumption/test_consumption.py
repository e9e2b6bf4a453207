"""Retrieve and query Entities over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.7.1, 5.7.2, 6.3, 6.4.3.2, 6.5.3.1, 6.23."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
JSON_LD, GEO_JSON = "application/ld+json", "application/geo+json"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"


def car(number: int, **members: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Car:{number}",
        "type": "Car",
        "speed": {"type": "Property", "value": 10 * number, "unitCode": "KMH"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [8 + number / 1000, 40]}},
        "follows": {"type": "Relationship", "object": f"urn:ngsi-ld:Car:{number + 1}"},
        **members,
    }


@pytest.fixture
async def cars(running: Any) -> Any:
    """A client of a broker with five cars and a bus."""
    names = {"type": "LanguageProperty", "languageMap": {"en": "yes", "fr": "oui"}}
    bus = {"id": "urn:ngsi-ld:Bus:1", "type": ["Bus", "Car"], "scope": "/Madrid/Gardens", "says": names}
    for entity in [*(car(number) for number in range(1, 6)), bus]:
        response = await running.client.post(f"{API}/entities", json=entity)
        assert response.status_code == 201, response.text
    return running.client


async def get(client: Any, path: str, **headers: str) -> Any:
    return await client.get(API + path, headers=headers)


async def ids(client: Any, query: str) -> list[str]:
    response = await get(client, f"/entities?{query}")
    assert response.status_code == 200, response.text
    return [entity["id"].removeprefix("urn:ngsi-ld:") for entity in response.json()]


async def refused(client: Any, path: str, error: str = "BadRequestData", status: int = 400, **headers: str) -> None:
    response = await get(client, path, **headers)
    assert (response.status_code, response.json()["type"]) == (status, ERRORS + error), response.text
    assert response.headers["content-type"] == "application/json"


def links(response: Any) -> dict[str, str]:
    found = re.findall(r'<([^>]*)>; rel="(next|prev)"; type="([^"]*)"', response.headers.get("link", ""))
    return {relation: target for target, relation, _ in found}


async def test_retrieve(cars: Any) -> None:
    """6.5.3.1 and 6.3.6: the Entity as JSON with a Link to the @context, or as JSON-LD with the @context in it."""
    plain = await get(cars, "/entities/urn:ngsi-ld:Car:1")
    assert plain.status_code == 200
    assert plain.json() == car(1)
    assert f'<{CORE}>; rel="http://www.w3.org/ns/json-ld#context"' in plain.headers["link"]
    linked = await get(cars, "/entities/urn:ngsi-ld:Car:1", accept=JSON_LD)
    assert linked.headers["content-type"] == JSON_LD
    assert linked.json() == {**car(1), "@context": CORE}
    assert "link" not in linked.headers


@pytest.mark.parametrize(
    ("path", "error", "status"),
    [
        ("/entities/urn:ngsi-ld:Car:9", "ResourceNotFound", 404),
        ("/entities/urn:ngsi-ld:Car:1?type=Bus", "ResourceNotFound", 404),
        ("/entities/urn:ngsi-ld:Car:1?attrs=colour", "ResourceNotFound", 404),
        ("/entities/no-uri", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?pick=follows{speed}", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?pick=follows{follows{speed}}&join=flat", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?join=deep", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?geometryProperty=location", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?attrs=id", "BadRequestData", 400),
        ("/entities/urn:ngsi-ld:Car:1?q=speed", "InvalidRequest", 400),
        ("/entities/urn:ngsi-ld:Car:1?options=loud", "InvalidRequest", 400),
        ("/entities/urn:ngsi-ld:Car:1?format=aggregatedValues", "InvalidRequest", 400),
    ],
)
async def test_retrieve_refused(cars: Any, path: str, error: str, status: int) -> None:
    """5.7.1.4 and 6.3.20: what is not there, not valid, or not of this operation."""
    await refused(cars, path, error, status)


async def test_not_acceptable(cars: Any) -> None:
    """6.3.4: 406 with the list of what there is."""
    response = await get(cars, "/entities/urn:ngsi-ld:Car:1", accept="text/html")
    assert response.status_code == 406
    assert GEO_JSON in response.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Car", ["Car:1", "Car:2", "Car:3", "Car:4", "Car:5", "Bus:1"]),
        ("type=(Car;Bus)", ["Bus:1"]),
        ("type=Plane", []),
        ("type=Plane,Bus", ["Bus:1"]),
        ("type=Car&id=urn:ngsi-ld:Car:4,urn:ngsi-ld:Car:2,urn:ngsi-ld:Bus:2", ["Car:2", "Car:4"]),
        ("type=Car&idPattern=Car:[45]$", ["Car:4", "Car:5"]),
        ("id=urn:ngsi-ld:Car:4&local=true", ["Car:4"]),
        ("type=*", ["Car:1", "Car:2", "Car:3", "Car:4", "Car:5", "Bus:1"]),
        ("local=true&limit=1", ["Car:1"]),
        ("attrs=says", ["Bus:1"]),
        ("q=says", ["Bus:1"]),
        ("q=speed>20;speed<=40", ["Car:3", "Car:4"]),
        ("q=speed==20..30|says", ["Car:2", "Car:3", "Bus:1"]),
        ("q=follows==urn:ngsi-ld:Car:3", ["Car:2"]),
        ('q=says=="oui"', ["Bus:1"]),
        ("type=Car&scopeQ=/Madrid/%23", ["Bus:1"]),
        ("georel=near;maxDistance==100&geometry=Point&coordinates=[8.001,40]", ["Car:1", "Car:2"]),
        ("georel=within&geometry=Polygon&coordinates=[[[8.0035,39],[9,39],[9,41],[8.0035,41],[8.0035,39]]]",
         ["Car:4", "Car:5"]),
        ("type=Car&orderBy=speed;desc&local=true&limit=2", ["Car:5", "Car:4"]),
        ("type=Car&orderBy=location;dist-desc&orderFrom=[8,40]&local=true&limit=1", ["Car:5"]),
        ("q=follows{speed}==30&join=inline", ["Car:2"]),
    ],
)  # fmt: skip
async def test_query(cars: Any, query: str, expected: list[str]) -> None:
    """5.7.2.4: the Entities that meet all given conditions, by default in the order of their creation."""
    assert await ids(cars, query.replace("[", "%5B").replace("]", "%5D")) == expected


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", "BadRequestData"),
        ("id=urn:ngsi-ld:Car:1", "BadRequestData"),  # ruling W8
        ("idPattern=.*", "BadRequestData"),
        ("pick=speed", "BadRequestData"),
        ("scopeQ=/Madrid", "BadRequestData"),
        ("q=createdAt>2020-01-01T00:00:00Z", "BadRequestData"),
        ("attrs=createdAt", "BadRequestData"),
        ("type=Car&q=speed>>1", "BadRequestData"),
        ("type=Car&q=(speed", "BadRequestData"),
        ("type=Car&csf=(x", "BadRequestData"),
        ("type=Car&id=no-uri", "BadRequestData"),
        ("type=Car&idPattern=(", "BadRequestData"),
        ("type=Car&georel=near;maxDistance==1", "BadRequestData"),
        ("type=Car&coordinates=%5B1,2%5D", "BadRequestData"),
        ("type=Car&scopeQ=//", "BadRequestData"),
        ("type=Car&lang=!", "BadRequestData"),
        ("type=Car&datasetId=x", "BadRequestData"),
        ("type=Car&datasetId=", "BadRequestData"),
        ("type=Car&id=", "BadRequestData"),
        ("type=Car&id=urn:ngsi-ld:Car:1,", "BadRequestData"),
        ("type=Car&join=flat&joinLevel=1&containedBy=", "BadRequestData"),
        ("type=Car;Bus", "BadRequestData"),
        ("type=*&local=false", "BadRequestData"),
        ("type=Car&orderBy=speed", "BadRequestData"),
        ("type=Car&orderBy=location;dist-asc&local=true", "BadRequestData"),
        ("type=Car&orderBy=speed&collation=%21&local=true", "BadRequestData"),
        ("type=Car&collation=%21", "BadRequestData"),
        ("type=Car&orderFrom=[1]", "BadRequestData"),
        ("type=Car&orderFrom=[1,2]&orderGeometry=Circle", "BadRequestData"),
        ("q=follows%7Bspeed%7D==30", "BadRequestData"),
        ("type=Car&limit=-1", "BadRequestData"),
        ("type=Car&offset=-1", "BadRequestData"),
        ("type=Car&limit=0", "BadRequestData"),
        ("type=Car&limit=ten", "BadRequestData"),
        ("type=Car&count=yes", "BadRequestData"),
        ("type=Car&page=2", "InvalidRequest"),
    ],
)
async def test_query_refused(cars: Any, query: str, error: str) -> None:
    """5.7.2.4, 6.3.10, 6.3.13 and 6.3.20: too wide, too deep, malformed or unknown."""
    await refused(cars, f"/entities?{query}", error)


async def test_paging_to_the_end_and_back(cars: Any) -> None:
    """5.5.9.1 and 6.3.10: following next gives every Entity once, prev leads back; first and last page say so."""
    response = await get(cars, "/entities?type=Car&limit=4&count=true", accept=JSON_LD)
    assert "prev" not in links(response)
    assert f'type="{JSON_LD}"' in response.headers["link"]
    assert response.headers["ngsild-results-count"] == "6"
    second = await cars.get(links(response)["next"], headers={"accept": JSON_LD})
    assert "next" not in links(second)
    seen = [entity["id"] for entity in [*response.json(), *second.json()]]
    assert len(seen) == len(set(seen)) == 6
    back = await cars.get(links(second)["prev"], headers={"accept": JSON_LD})
    assert back.json() == response.json()


async def test_counting_alone(cars: Any) -> None:
    """6.3.13: limit=0 with count gives an empty array and the number."""
    response = await get(cars, "/entities?q=speed>10&limit=0&count=true")
    assert response.json() == []
    assert response.headers["ngsild-results-count"] == "4"
    assert "ngsild-results-count" not in (await get(cars, "/entities?q=speed>10")).headers


async def test_offset_past_the_end(cars: Any) -> None:
    """Table 6.3.10-2: an offset beyond the size gives the last element; one equal to it ends the iteration."""
    assert await ids(cars, "type=Car&offset=99") == ["Bus:1"]
    assert await ids(cars, "q=speed>10&offset=99") == ["Car:5"]
    assert await ids(cars, "type=Car&offset=6") == []
    assert await ids(cars, "type=Plane&offset=99") == []
    for query in ("type=Plane&offset=99", "type=Plane&offset=99&limit=0&count=true", "type=Plane"):
        assert "prev" not in links(await get(cars, f"/entities?{query}")), "an empty page without others is the first"


async def test_representations(cars: Any) -> None:
    """6.3.7: format, its deprecated form in options, and precedence of the first."""
    simplified = {"id": "urn:ngsi-ld:Car:1", "type": "Car", "speed": 10}
    for parameters in (
        "format=keyValues",
        "format=simplified",
        "options=keyValues",
        "options=concise&format=simplified",
    ):
        response = await get(cars, f"/entities/urn:ngsi-ld:Car:1?{parameters}&pick=id,type,speed")
        assert response.json() == simplified
    concise = await get(cars, "/entities?type=Car&limit=1&options=concise&pick=speed,follows")
    assert concise.json() == [{"speed": {"value": 10, "unitCode": "KMH"}, "follows": {"object": "urn:ngsi-ld:Car:2"}}]
    times = (await get(cars, "/entities/urn:ngsi-ld:Car:1?options=sysAttrs")).json()
    assert times["createdAt"] == times["speed"]["createdAt"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z", times["modifiedAt"])


async def test_geojson(cars: Any) -> None:
    """6.3.15 and 6.3.6: Features, with the @context in the body or, if preferred so, in the Link header."""
    one = await get(cars, "/entities/urn:ngsi-ld:Car:1?pick=speed", accept=GEO_JSON)
    assert one.headers["content-type"] == GEO_JSON
    assert one.json() == {
        "id": "urn:ngsi-ld:Car:1",
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [8.001, 40]},
        "properties": {"type": "Car", "speed": car(1)["speed"]},
        "@context": CORE,
    }
    many = await get(cars, "/entities?type=Car&limit=2", accept=GEO_JSON, prefer="body=json")
    assert many.json()["type"] == "FeatureCollection"
    assert len(many.json()["features"]) == 2
    assert "@context" not in many.json()
    assert "json-ld#context" in many.headers["link"]
    assert f'rel="next"; type="{GEO_JSON}"' in many.headers["link"]
    empty = await get(cars, "/entities?type=Plane", accept=GEO_JSON)
    assert empty.json()["features"] == []


async def test_linked_entities(cars: Any) -> None:
    """4.5.23: inline below the Relationship, flat behind the linking Entities; not deeper than joinLevel, no loops."""
    inline = (await get(cars, "/entities/urn:ngsi-ld:Car:1?join=inline&joinLevel=2&pick=follows")).json()
    second = inline["follows"]["entity"]
    assert second["follows"]["entity"] == {"follows": {"type": "Relationship", "object": "urn:ngsi-ld:Car:4"}}
    flat = (await get(cars, "/entities/urn:ngsi-ld:Car:1?join=flat&pick=id")).json()
    assert flat == [{"id": "urn:ngsi-ld:Car:1"}]  # a Relationship that is not shown is not followed
    flat = (await get(cars, "/entities/urn:ngsi-ld:Car:4?join=flat&joinLevel=9&pick=id,follows")).json()
    assert [entity["id"][-1] for entity in flat] == ["4", "5"]
    contained = (await get(cars, "/entities/urn:ngsi-ld:Car:4?join=flat&containedBy=urn:ngsi-ld:Car:5")).json()
    assert [entity["id"][-1] for entity in contained] == ["4"]
    queried = (await get(cars, "/entities?type=Car&limit=2&join=flat")).json()
    assert [entity["id"][-1] for entity in queried] == ["1", "2", "3"]


async def test_query_by_post(cars: Any) -> None:
    """6.23.3.1: a Query object asks what the parameters of a GET ask."""
    query = {
        "type": "Query",
        "entities": [{"type": "Car", "id": ["urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2"]}, {"type": "Bus"}],
        "pick": ["id", "speed"],
    }
    response = await cars.post(f"{API}/entityOperations/query?limit=2&count=true&options=keyValues", json=query)
    assert response.status_code == 200, response.text
    assert response.json() == [{"id": "urn:ngsi-ld:Car:1", "speed": 10}, {"id": "urn:ngsi-ld:Car:2", "speed": 20}]
    assert response.headers["ngsild-results-count"] == "3"
    following = await cars.post(links(response)["next"], json=query)
    assert following.json() == [{"id": "urn:ngsi-ld:Bus:1"}]
    near = {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": [8.001, 40]}
    for extra, expected in (
        ({"geoQ": near}, 2),
        ({"q": "speed>30"}, 2),
        ({"scopeQ": "/#"}, 0),
        ({"ordering": {"orderBy": ["speed;desc"]}}, 5),
    ):
        body = {"type": "Query", "entities": [{"type": "Car"}], "attrs": ["speed"], **extra}
        answer = await cars.post(f"{API}/entityOperations/query?local=true", json=body)
        assert len(answer.json()) == expected, answer.text
    assert answer.json()[0]["id"] == "urn:ngsi-ld:Car:5"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"type": "Query"}, {"entities": [{"type": "Car"}]}, {"type": "Query", "entities": []},
        {"type": "Query", "entities": [{"id": "urn:ngsi-ld:Car:1"}]},
        {"type": "Query", "entities": ["urn:ngsi-ld:Car:1"]},
        {"type": "Query", "entities": [{"type": "Car"}], "q": 5}, {"type": "Query", "q": "speed>>"},
        {"type": "Query", "entities": [{"type": "Car"}], "geoQ": {"georel": "within"}},
        {"type": "Query", "entities": [{"type": "Car"}], "pick": []},
        {"type": "Query", "entities": [{"type": "Car"}], "joinLevel": "2"},
        {"type": "Query", "entities": [{"type": "Car"}], "temporalQ": {}},
        {"type": "Query", "entities": [{"type": "Car"}], "@context": CORE}, [],
    ],
)  # fmt: skip
async def test_query_by_post_refused(cars: Any, body: Any) -> None:
    """5.2.23, 5.2.33 and 6.3.5: what is no Query, or has its @context in the wrong place, is BadRequestData."""
    response = await cars.post(f"{API}/entityOperations/query", json=body)
    assert (response.status_code, response.json()["type"]) == (400, ERRORS + "BadRequestData"), response.text


async def test_a_number_without_a_fraction_is_an_integer(cars: Any) -> None:
    """4.5.2.2 and table 5.2.23-1."""
    body = {"type": "Query", "entities": [{"type": "Car"}], "join": "flat", "joinLevel": 2.0}
    answer = await cars.post(f"{API}/entityOperations/query", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == (await get(cars, "/entities?type=Car&join=flat&joinLevel=2")).json()


async def test_what_this_broker_does_not_take_is_too_complex(cars: Any) -> None:
    """5.5.6: a positive joinLevel, and a list of URIs, are valid, however large."""
    await refused(cars, "/entities?type=Car&join=flat&joinLevel=11", "TooComplexQuery", 403)
    many = [f"urn:x:{number}" for number in range(1001)]
    body = {"type": "Query", "entities": [{"type": "Car", "id": many}]}
    answer = await cars.post(f"{API}/entityOperations/query", json=body)
    assert (answer.status_code, answer.json()["type"]) == (403, ERRORS + "TooComplexQuery")


async def test_names_of_the_request(running: Any) -> None:
    """5.5.7: only the @context of the same request counts, in the query as in the answer."""
    context = {"Car": "https://e.example/Car", "pace": "https://e.example/speed"}
    created = {"id": "urn:x:1", "type": "Car", "pace": 3, "@context": context}
    response = await running.client.post(f"{API}/entities", json=created, headers={"content-type": JSON_LD})
    assert response.status_code == 201
    assert await ids(running.client, "type=Car") == []
    assert await ids(running.client, f"type={quote('https://e.example/Car', safe='')}") == ["urn:x:1"]
    query = {"type": "Query", "q": "pace==3", "@context": context}
    found = await running.client.post(
        f"{API}/entityOperations/query", json=query, headers={"content-type": JSON_LD, "accept": JSON_LD}
    )
    assert found.json() == [
        {"id": "urn:x:1", "type": "Car", "pace": {"type": "Property", "value": 3}, "@context": [context, CORE]}
    ]


async def test_tenants_are_apart(cars: Any) -> None:
    """5.5.10: what one tenant has another does not see; one that does not exist has nothing to ask."""
    await refused(cars, "/entities?type=Car", "NonexistentTenant", 404, **{"NGSILD-Tenant": "other"})
    created = await cars.post(f"{API}/entities", json=car(7), headers={"NGSILD-Tenant": "other"})
    assert created.status_code == 201
    response = await get(cars, "/entities?type=Car", **{"NGSILD-Tenant": "other"})
    assert [entity["id"] for entity in response.json()] == ["urn:ngsi-ld:Car:7"]
    assert response.headers["ngsild-tenant"] == "other"
