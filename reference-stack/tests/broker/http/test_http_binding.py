"""What all resources have in common: ETSI GS CIM 009 V1.9.1, clause 6.3; and the broker's own resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ldt_stack.broker.http.openapi import PARAMETERS

from ..api import API, CAR, create, get, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
ENTITY = {"id": CAR, "type": "Car", "speed": 1}


# 6.3.4: preconditions


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "", "application/geo+json"])
async def test_other_media_types_are_415(running: RunningBroker, content_type: str) -> None:
    """A payload that is neither JSON nor JSON-LD: 415 without a body."""
    for method, path in (("POST", "/entities"), ("PATCH", f"/entities/{CAR}"), ("POST", "/entityOperations/create")):
        answer = await send(running.client, method, path, ENTITY, 415, content_type=content_type)
        assert answer.content == b""


async def test_merge_patch_is_json_for_patch_alone(running: RunningBroker) -> None:
    """application/merge-patch+json is application/json in a PATCH, and 415 in a POST."""
    await create(running.client)
    await send(running.client, "PATCH", f"/entities/{CAR}", {"a": 1}, 204, content_type="application/merge-patch+json")
    await send(running.client, "POST", "/entities", ENTITY, 415, content_type="application/merge-patch+json")


async def test_length_is_required_and_limited(start_broker: Any) -> None:
    """No Content-Length: 411 without a body. A body beyond the limit: 413. Neither stores anything."""

    async def chunks() -> Any:
        yield json.dumps(ENTITY).encode()

    async with start_broker(max_body_bytes=2000) as running:
        headers = {"content-type": "application/json"}
        answer = await running.client.post(f"{API}/entities", content=chunks(), headers=headers)
        assert (answer.status_code, answer.content) == (411, b"")
        await send(running.client, "POST", "/entities", {**ENTITY, "a": "x" * 3000}, 413)
        await refused(running.client, "GET", f"/entities/{CAR}", None, 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/ld+json", "application/ld+json"),
        ("application/json;q=0.5, application/ld+json", "application/ld+json"),
        ("application/ld+json;q=0.1, */*;q=0.5", "application/json"),
        ("application/json;q=0, application/*", "application/ld+json"),
        ("text/html, application/ld+json;q=0.3", "application/ld+json"),
        ("application/geo+json", "application/geo+json"),
    ],
)
async def test_accept(running: RunningBroker, header: str | None, expected: str) -> None:
    """The best that the Accept header allows; among equals JSON, then JSON-LD, then GeoJSON."""
    await create(running.client)
    headers = {} if header is None else {"accept": header}
    request = running.client.build_request("GET", f"{API}/entities/{CAR}", headers=headers)
    if header is None:
        del request.headers["accept"]
    answer = await running.client.send(request)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == expected


@pytest.mark.parametrize("path", [f"/entities/{CAR}", "/entities?type=Car", "/types", "/subscriptions"])
async def test_not_acceptable_is_406(running: RunningBroker, path: str) -> None:
    """Nothing that the Accept header allows: 406, and the body lists what there is."""
    await create(running.client)
    answer = await send(running.client, "GET", path, None, 406, accept="text/html")
    assert "application/json" in answer.json()
    assert "application/ld+json" in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/types", None), ("POST", "/entities", ENTITY), ("DELETE", f"/entities/{CAR}", None)],
)
async def test_geojson_is_for_entities_alone(running: RunningBroker, method: str, path: str, body: Any) -> None:
    """GeoJSON alone, of an operation that does not retrieve or query Entities: 406."""
    await send(running.client, method, path, body, 406, accept="application/geo+json")


# 6.3.2, 6.3.3: errors


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"id": NaN}', b"\xff"])
async def test_what_is_no_json_is_invalid_request(running: RunningBroker, body: bytes) -> None:
    """A payload that is no JSON document is an error of type InvalidRequest (5.5.4)."""
    for method, path in (
        ("POST", "/entities"),
        ("PATCH", f"/entities/{CAR}/attrs"),
        ("POST", "/entityOperations/merge"),
    ):
        headers = {"content-type": "application/json"}
        answer = await running.client.request(method, API + path, content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["type"].endswith("/InvalidRequest")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/entities", {"GET", "POST", "DELETE"}),
        ("PATCH", "/entities/", {"GET", "POST", "DELETE"}),
        ("POST", f"/entities/{CAR}", {"GET", "PUT", "PATCH", "DELETE"}),
        ("GET", f"/entities/{CAR}/attrs", {"POST", "PATCH"}),
        ("POST", f"/entities/{CAR}/attrs/a", {"PATCH", "PUT", "DELETE"}),
        ("GET", "/entityOperations/create", {"POST"}),
        ("DELETE", "/types", {"GET"}),
    ],
)
async def test_wrong_verb_is_405(running: RunningBroker, method: str, path: str, allowed: set[str]) -> None:
    """A verb that a resource does not have: 405, and Allow names those of table 6.2-1."""
    answer = await send(running.client, method, path, None, 405)
    assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == allowed


async def test_unknown_resources_and_parameters(running: RunningBroker) -> None:
    """No such resource: 404. A parameter that the operation does not know, or one given twice: InvalidRequest."""
    await refused(running.client, "GET", "/nothing", None, 404, "ResourceNotFound")
    await refused(running.client, "GET", "/entities?type=Car&colour=red", None, 400, "InvalidRequest")
    await refused(running.client, "GET", "/entities?type=Car&type=Bus", None, 400, "InvalidRequest")


@pytest.mark.parametrize("path", ["/entities//attrs", "/entities//attrs/a", f"/entities/{CAR}/attrs//x"])
async def test_empty_segments(running: RunningBroker, path: str) -> None:
    """An empty id or name in a path is refused with 400 or 404."""
    assert (await send(running.client, "PATCH", path, {"a": 1})).status_code in {400, 404}


async def test_a_failure_of_ours_is_an_internal_error(
    running: RunningBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever breaks inside is 500 InternalError with the request id, and the log has the traceback under it."""

    async def broken(*args: Any, **options: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(running.broker.store, "write", broken)
    document = await refused(running.client, "POST", "/entities", ENTITY, 500, "InternalError", x_request_id="abc123")
    assert "abc123" in document["detail"]
    assert "on purpose" not in document["detail"]
    assert "abc123" in caplog.text
    assert "RuntimeError: on purpose" in caplog.text


# 6.3.14: tenants


async def test_tenants(running: RunningBroker) -> None:
    """4.14, 5.5.10: a creation makes a tenant, nothing else does; the header comes back; data stay apart."""
    tenant = {"NGSILD_Tenant": "one"}
    for method, path, body in (
        ("GET", f"/entities/{CAR}", None),
        ("GET", "/entities?type=Car", None),
        ("PATCH", f"/entities/{CAR}", {"a": 1}),
        ("DELETE", f"/entities/{CAR}", None),
        ("POST", "/entityOperations/update", [ENTITY]),
        ("POST", "/entityOperations/delete", [CAR]),
        ("DELETE", "/entities?type=Car", None),
    ):
        await refused(running.client, method, path, body, 404, "NonexistentTenant", **tenant)
    answer = await send(running.client, "POST", "/entities", ENTITY, 201, **tenant)
    assert answer.headers["ngsild-tenant"] == "one"
    await refused(running.client, "GET", f"/entities/{CAR}", None, 404, "ResourceNotFound")
    assert (await get(running.client, **tenant))["speed"]["value"] == 1
    await send(running.client, "POST", "/entityOperations/create", [ENTITY], 201, NGSILD_Tenant="two")
    await send(running.client, "DELETE", f"/entities/{CAR}", None, 204, NGSILD_Tenant="two")
    assert await get(running.client, **tenant)
    await refused(running.client, "GET", "/entities?type=Car", None, 400, "BadRequestData", NGSILD_Tenant="a b")


# The broker's own resources


async def test_health_version_and_identity(running: RunningBroker) -> None:
    """/health, /version and the source identity (5.2.40) answer."""
    assert (await running.client.get("/health")).json() == {"status": "up"}
    assert (await running.client.get("/version")).json()["ngsiLd"] == "1.9.1"
    identity = (await send(running.client, "GET", "/info/sourceIdentity", None, 200)).json()
    assert identity["type"] == "ContextSourceIdentity"
    assert identity["contextSourceAlias"]
    assert identity["contextSourceUptime"].startswith("PT")


async def test_metrics_count_requests(running: RunningBroker) -> None:
    """/metrics counts by method and status, and its histogram adds up."""
    await send(running.client, "POST", "/entities", ENTITY, 201)
    await send(running.client, "POST", "/entities", ENTITY, 409)
    answer = await running.client.get("/metrics")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert lines['ldt_broker_requests_total{method="POST",status="201"}'] == "1"
    assert lines['ldt_broker_requests_total{method="POST",status="409"}'] == "1"
    assert lines['ldt_broker_request_seconds_bucket{le="+Inf"}'] == lines["ldt_broker_request_seconds_count"] == "2"


async def test_openapi_lists_what_is_there(running: RunningBroker) -> None:
    """Every operation of the document is answered with something else than 405; every route is in it, once."""
    document = (await running.client.get("/openapi.json")).json()
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(names) == len(set(names)) == sum(len(r.methods) for r in running.app.router.routes)
    for path, operations in document["paths"].items():
        for method in operations:
            answer = await running.client.request(method, path.replace("{", "urn:x:").replace("}", ""))
            assert answer.status_code != 405, (method, path)
    assert {f"{m.upper()} {p.removeprefix(API)}" for p, ms in document["paths"].items() for m in ms} >= set(PARAMETERS)


async def test_openapi_parameters_are_known(running: RunningBroker) -> None:
    """No query parameter of the document is refused as one that the operation does not know."""
    document = (await running.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    target = path.replace("{", "urn:x:").replace("}", "")
                    query = {parameter["name"]: "x"}
                    body = None if method in {"get", "delete"} else {}
                    answer = await running.client.request(method, target, params=query, json=body)
                    assert "is not one of this operation" not in answer.text, (method, path, parameter["name"])


async def test_what_cannot_answer_geojson_refuses_it(running: RunningBroker) -> None:
    """6.3.4: for all but retrieval and query of Entities, GeoJSON is "a Not Acceptable Media Type"."""
    can = {("GET", "/entities"), ("GET", "/entities/{entityId}"), ("POST", "/entityOperations/query")}
    for route in running.app.router.routes:
        for method in route.methods:
            if not route.path.startswith(API) or (method, route.path.removeprefix(API)) in can:
                continue
            body = None if method in {"GET", "DELETE"} else {}
            target = route.path.replace("{", "urn:x:").replace("}", "")
            answer = await running.client.request(method, target, json=body, headers={"accept": "application/geo+json"})
            assert answer.status_code == 406, (method, route.path, answer.text)
            assert "application/json" in answer.json()


async def test_no_operation_takes_a_parameter_that_it_does_not_know(running: RunningBroker) -> None:
    """6.3.20."""
    for route in running.app.router.routes:
        for method in route.methods:
            if route.path.startswith(API):
                body = None if method in {"GET", "DELETE"} else {}
                target = route.path.replace("{", "urn:x:").replace("}", "")
                answer = await running.client.request(method, target, params={"nonsense": "1"}, json=body)
                assert answer.json()["type"].endswith("/InvalidRequest"), (method, route.path, answer.text)
                assert "nonsense" in answer.json()["detail"]


@pytest.mark.parametrize("resource", ["subscriptions", "csourceRegistrations", "jsonldContexts", "info/sourceIdentity"])
async def test_what_is_always_local_takes_no_local(running: RunningBroker, resource: str) -> None:
    """6.3.18 lists the resources that have the parameter; 6.3.20 refuses it elsewhere."""
    await refused(running.client, "GET", f"/{resource}?local=true", None, 400, "InvalidRequest")
    await send(running.client, "GET", "/types?local=true", None, 200)
