"""The broker's own OpenAPI document says what the broker does: every operation, its answers, their bodies."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.http.app import all_routes
from ldt_stack.broker.http.openapi_answers import ANSWERS, BODIES

from .openapi_check import Document

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
CAR = "urn:ngsi-ld:Vehicle:1"
INSTANT = "2026-01-01T00:00:00Z"


async def document_of(running: Any) -> Document:
    return Document((await running.client.get("/openapi.json")).json())


def test_every_operation_has_its_answers_and_body() -> None:
    """The tables have each route once, and nothing else."""
    served = {f"{method} {route.path.removeprefix(API)}" for route in all_routes() for method in route.methods}
    assert set(ANSWERS) == served
    assert set(BODIES) == {key for key in served if key.split()[0] in ("POST", "PUT", "PATCH")}


async def test_every_reference_leads_somewhere_and_every_schema_is_used(running: Any) -> None:
    """No dangling reference, no schema that nobody refers to."""
    document = (await document_of(running)).document
    wanted: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                wanted.add(value["$ref"])
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(document)
    assert wanted == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


async def test_operation_ids_are_unique_and_every_path_parameter_is_described(running: Any) -> None:
    """What generators of clients need."""
    document = (await document_of(running)).document
    operations = [(path, one) for path, item in document["paths"].items() for one in item.values()]
    identifiers = [one["operationId"] for _, one in operations]
    assert len(identifiers) == len(set(identifiers))
    for path, one in operations:
        in_path = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert one["summary"]


async def test_examples_are_accepted_and_fit_their_schemas(running: Any) -> None:
    """Each body's example can be sent as it is, in an order in which everything is there."""
    document = await document_of(running)
    paths = document.document["paths"]
    order = [key for key in sorted(BODIES, key=lambda key: ("{" in key, key)) if "ontext" not in key]
    order.remove("POST /federation/notifications/{token}")  # of the broker's own, not below the API's root
    answered = {}
    for key in ["POST /jsonldContexts", *order]:
        method, path = key.split()
        schema = paths[API + path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
        example = _example(document.document, schema)
        if example is None:
            continue
        assert document.validate(schema, example) == [], key
        target = path.replace("{entityId}", CAR).replace("{attrId}", "speed")
        if "{" in target:
            continue
        media_type = "application/ld+json" if "ontexts" in path else "application/json"
        answer = await running.client.request(method, API + target, json=example, headers={"Content-Type": media_type})
        answered[key] = answer.status_code
        assert answer.status_code in (200, 201, 204) or key == "POST /entityOperations/create", (key, answer.text)
    assert {"POST /entities", "POST /subscriptions", "POST /entityOperations/query"} <= answered.keys()


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array" and "$ref" in schema["items"]:
        inner = _example(document, schema["items"])
        return None if inner is None else [inner]
    return schema.get("example")


async def test_answers_are_as_described(running: Any) -> None:
    """A journey through every kind of operation, errors among them: each answer is what the document says."""
    document = await document_of(running)
    faults: list[str] = []
    seen: set[tuple[str, int]] = set()

    async def send(method: str, path: str, body: Any = None, /, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await running.client.request(method, path, json=body, headers=named)
        seen.add((f"{method} {path.partition('?')[0].removeprefix(API)}", answer.status_code))
        faults.extend(f"{method} {path} ({answer.status_code}): {fault}" for fault in document.faults(answer))
        return answer

    await _provision(send)
    await _consume(send)
    await _subscribe_and_register(send)
    await _remember(send)
    for path in ("/health", "/version", "/metrics", "/openapi.json", f"{API}/info/sourceIdentity"):
        await send("GET", path)
    assert faults == []
    assert {status for _, status in seen} >= {200, 201, 204, 207, 304, 400, 404, 406, 409, 415, 422, 504}


async def _provision(send: Any) -> None:
    entity = {
        "id": CAR,
        "type": "Vehicle",
        "speed": {"value": 1, "observedAt": INSTANT},
        "location": {"type": "Point", "coordinates": [1, 2]},
    }
    other = {"id": "urn:ngsi-ld:Vehicle:2", "type": "Vehicle", "owner": {"object": CAR}}
    await send("POST", f"{API}/entities", entity)
    await send("POST", f"{API}/entities", entity)
    await send("POST", f"{API}/entities", {})
    await send("POST", f"{API}/entities", {"id": "x"}, Content_Type="text/plain")
    await send(
        "POST", f"{API}/entities", entity, Link='<http://127.0.0.1:9/>; rel="http://www.w3.org/ns/json-ld#context"'
    )
    await send("POST", f"{API}/entityOperations/create", [other])
    for operation in ("create", "upsert", "update", "merge"):
        await send("POST", f"{API}/entityOperations/{operation}", [other, {"id": "urn:x", "type": 5}])
    await send("POST", f"{API}/entityOperations/upsert", [other])
    await send("POST", f"{API}/entityOperations/delete", ["urn:none"])
    await send("PATCH", f"{API}/entities/{CAR}", {"speed": 2})
    await send("PATCH", f"{API}/entities/{CAR}/attrs", {"speed": 3})
    await send("PATCH", f"{API}/entities/{CAR}/attrs", {"none": 3})
    await send("POST", f"{API}/entities/{CAR}/attrs", {"more": 3})
    await send("POST", f"{API}/entities/{CAR}/attrs?options=noOverwrite", {"more": 4, "new": 5})
    await send("PATCH", f"{API}/entities/{CAR}/attrs/speed", {"value": 4})
    await send("PUT", f"{API}/entities/{CAR}/attrs/speed", {"value": 4, "observedAt": INSTANT})
    await send("DELETE", f"{API}/entities/{CAR}/attrs/more")
    await send("DELETE", f"{API}/entities/{CAR}/attrs/more")
    await send("PUT", f"{API}/entities/{CAR}", entity)


async def _consume(send: Any) -> None:
    found = await send("GET", f"{API}/entities/{CAR}")
    await send("GET", f"{API}/entities/{CAR}", If_None_Match=found.headers["etag"])
    await send("GET", f"{API}/entities/urn:none")
    await send("GET", f"{API}/entities/{CAR}", Accept="image/png")
    for media_type in ("application/json", "application/ld+json", "application/geo+json"):
        for path in (
            f"/entities/{CAR}?format=concise",
            "/entities?type=Vehicle&count=true&limit=1",
            "/types",
            "/attributes",
        ):
            if media_type != "application/geo+json" or "entities" in path:
                await send("GET", API + path, Accept=media_type)
        body = {"type": "Query", "entities": [{"type": "Vehicle"}]}
        await send("POST", f"{API}/entityOperations/query", body, Accept=media_type)
    await send("GET", f"{API}/entities?type=Vehicle&entityMap=true")
    await send("GET", f"{API}/entities/urn:ngsi-ld:Vehicle:2?join=flat", None)
    await send("GET", f"{API}/entities?q=((")
    await send("GET", f"{API}/types?details=true")
    await send("GET", f"{API}/types/Vehicle")
    await send("GET", f"{API}/attributes/speed")
    evolution = f"{API}/temporal/entities/{CAR}"
    await send("GET", f"{evolution}?timeproperty=modifiedAt")
    await send("GET", f"{API}/temporal/entities?type=Vehicle&timerel=before&timeAt=2100-01-01T00:00:00Z")
    body = {"type": "Query", "entities": [{"type": "Vehicle"}], "temporalQ": {"timerel": "after", "timeAt": INSTANT}}
    await send("POST", f"{API}/temporal/entityOperations/query", body)
    made = {"id": "urn:ngsi-ld:Old:1", "type": "Old", "n": [{"type": "Property", "value": 1, "observedAt": INSTANT}]}
    await send("POST", f"{API}/temporal/entities", made)
    await send("POST", f"{API}/temporal/entities", made)
    await send("POST", f"{API}/temporal/entities/urn:ngsi-ld:Old:1/attrs", {"n": made["n"]})
    await send("DELETE", f"{API}/temporal/entities/urn:ngsi-ld:Old:1/attrs/n")
    await send("DELETE", f"{API}/temporal/entities/urn:ngsi-ld:Old:1")


async def _subscribe_and_register(send: Any) -> None:
    wanted = {"type": "Subscription", "entities": [{"type": "Car"}], "notification": {"endpoint": {"uri": "http://x"}}}
    source = {
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Elsewhere"}]}],
        "endpoint": "http://127.0.0.1:9",
    }
    fragment = {"description": "x"}
    for resource, body in (
        ("subscriptions", wanted),
        ("csourceSubscriptions", wanted),
        ("csourceRegistrations", source),
    ):
        location = (await send("POST", f"{API}/{resource}", body)).headers["location"]
        await send("POST", f"{API}/{resource}", {})
        await send("GET", f"{API}/{resource}?type=Elsewhere" if "Reg" in resource else f"{API}/{resource}")
        await send("GET", location)
        await send("PATCH", location, fragment)
        await send("DELETE", location)
        await send("GET", location)


async def _remember(send: Any) -> None:
    context = {"@context": {"a": "https://example.org/a"}}
    location = (await send("POST", f"{API}/jsonldContexts", context, Content_Type="application/ld+json")).headers[
        "location"
    ]
    await send("GET", f"{API}/jsonldContexts")
    await send("GET", location)
    await send("GET", f"{location}?details=true")
    await send("DELETE", location)
    await send("DELETE", location)
    query = {"type": "Query", "entities": [{"type": "Vehicle"}]}
    made = (await send("POST", f"{API}/entityMaps", query)).json()
    entity_map = f"{API}/entityMaps/{made['id']}"
    await send("GET", f"{API}/entityMaps?type=Vehicle")
    await send("GET", entity_map)
    await send("DELETE", entity_map)
    snapshot = {"type": "Snapshot", "snapshotQueries": [query]}
    location = (await send("POST", f"{API}/snapshots", snapshot)).headers["location"]
    await send("GET", location)
    await send("GET", f"{API}/jsonldContexts", None, NGSILD_Snapshot=location.rpartition("/")[2])
    await send("POST", f"{location}/clone", {"type": "Snapshot"})
    await send("DELETE", location)
    await send("DELETE", f"{API}/entities?type=Vehicle")
    await send("DELETE", f"{API}/entities/{CAR}")
