"""What all resources have in common: ETSI GS CIM 009 V1.9.1, clause 6.3; and the broker's own resources."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ldt_stack.broker.http.openapi import PARAMETERS
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL

from .api import API, CAR, create, get, refused, send
from .conftest import RunningBroker

pytestmark = pytest.mark.anyio
ENTITY = {"id": CAR, "type": "Car", "speed": 1}
LD = {"content_type": "application/ld+json"}
EXAMPLE = "https://example.org/"


class ContextServer:
    """Serves documents at paths; counts requests; every other path is 404."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.hits: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.hits.append(self.path)
                status, headers, body = outer.documents.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def serve(self, path: str, context: Any, status: int = 200, **headers: str) -> str:
        """Serve a @context; returns its URL."""
        body = context if isinstance(context, bytes) else json.dumps({"@context": context}).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.documents[path] = (status, {"Content-Type": "application/ld+json", **names}, body)
        return self.url + path


@pytest.fixture
def contexts() -> Iterator[ContextServer]:
    """A server of @contexts on the loopback address."""
    server = ContextServer()
    yield server
    server.server.shutdown()
    server.server.server_close()


def link(url: str) -> str:
    """A Link header that names a @context."""
    return f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


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


# 6.3.5, 6.3.6: @context


async def test_context_by_link(running: RunningBroker, contexts: ContextServer) -> None:
    """The @context of a Link header expands and compacts, is fetched once, and is named in the answer's Link."""
    url = contexts.serve("/c.jsonld", {"speed": EXAMPLE + "speed", "Car": EXAMPLE + "Car"})
    await send(running.client, "POST", "/entities", ENTITY, 201, link=link(url))
    answer = await send(running.client, "GET", f"/entities/{CAR}", None, 200, link=link(url))
    assert answer.json() == {"id": CAR, "type": "Car", "speed": {"type": "Property", "value": 1}}
    assert url in answer.headers["link"]
    assert set(await get(running.client)) == {"id", "type", EXAMPLE + "speed"}
    assert contexts.hits == ["/c.jsonld"]


async def test_context_in_the_payload(running: RunningBroker, contexts: ContextServer) -> None:
    """application/ld+json: a URL, an object, or a list of them; a JSON-LD answer says what compacted its names."""
    url = contexts.serve("/c.jsonld", ["/d.jsonld", {"speed": EXAMPLE + "speed"}])
    contexts.serve("/d.jsonld", {"Car": EXAMPLE + "Car"})
    for number, context in enumerate([url, [url, CORE_CONTEXT_URL], [{"x": EXAMPLE + "x"}, url]]):
        entity_id = f"{CAR}{number}"
        await send(running.client, "POST", "/entities", {**ENTITY, "id": entity_id, "@context": context}, 201, **LD)
        found = await get(running.client, entity_id, accept="application/ld+json", link=link(url))
        assert found["type"] == "Car"
        assert found["@context"] == [url, CORE_CONTEXT_URL]
        assert EXAMPLE + "speed" in await get(running.client, entity_id)


async def test_context_in_the_wrong_place(running: RunningBroker) -> None:
    """6.3.5, "No mixes are allowed": each of them is BadRequestData."""
    context = {"@context": CORE_CONTEXT_URL}
    for body, headers in (
        ({**ENTITY, **context}, {}),
        (ENTITY, LD),
        ({**ENTITY, **context}, {**LD, "link": link(CORE_CONTEXT_URL)}),
        (ENTITY, {"link": f"{link('http://a.example/')}, {link('http://b.example/')}"}),
    ):
        await refused(running.client, "POST", "/entities", body, 400, "BadRequestData", **headers)


async def test_core_terms_cannot_be_overridden(running: RunningBroker) -> None:
    """5.5.7: the core @context has precedence, wherever it stands."""
    for number, context in enumerate(
        [
            [CORE_CONTEXT_URL, {"location": EXAMPLE + "location", "value": EXAMPLE + "value"}],
            {"location": EXAMPLE + "location", "Property": EXAMPLE + "Property"},
        ]
    ):
        body = {"id": f"{CAR}{number}", "type": "Car", "location": {"type": "Point", "coordinates": [1, 2]}}
        await send(running.client, "POST", "/entities", {**body, "@context": context}, 201, **LD)
        assert (await get(running.client, f"{CAR}{number}"))["location"]["type"] == "GeoProperty"


@pytest.mark.parametrize(
    "context",
    [
        {"speed": {"@id": EXAMPLE + "speed", "@context": {"value": EXAMPLE + "value"}}},
        {"speed": 5},
        {"a": "b:c", "b": "a:c"},
        5,
        [[5]],
        {"@import": EXAMPLE},
    ],
)
async def test_invalid_contexts(running: RunningBroker, context: Any) -> None:
    """A scoped @context (5.5.7), or what is no @context at all, is BadRequestData; never a failure of ours."""
    await refused(running.client, "POST", "/entities", {**ENTITY, "@context": context}, 400, "BadRequestData", **LD)


async def test_contexts_that_cannot_be_had(start_broker: Any, contexts: ContextServer) -> None:
    """5.5.6: unreachable, 404, too large, redirected for ever: LdContextNotAvailable, 504; no JSON: BadRequestData."""
    contexts.serve("/loop", b"", 302, location="/loop")
    contexts.serve("/large", {"a": EXAMPLE + "x" * 3000})
    contexts.serve("/html", b"<html>")
    contexts.serve("/array", b"[]")
    contexts.serve("/none", b"{}")
    contexts.serve("/self", "/self")
    async with start_broker(context_max_bytes=2000, context_timeout_seconds=2) as running:
        for url in ("http://127.0.0.1:9/", f"{contexts.url}/404", f"{contexts.url}/loop", f"{contexts.url}/large"):
            await refused(running.client, "GET", f"/entities/{CAR}", None, 504, "LdContextNotAvailable", link=link(url))
        for path in ("/html", "/array", "/none", "/self"):
            url = contexts.url + path
            await refused(running.client, "GET", f"/entities/{CAR}", None, 400, "BadRequestData", link=link(url))
        for url in ("ftp://example.org/c", "relative", "http://"):
            await refused(running.client, "GET", f"/entities/{CAR}", None, 400, "BadRequestData", link=link(url))


async def test_redirects_are_followed(running: RunningBroker, contexts: ContextServer) -> None:
    """A redirect within the limit leads to the @context."""
    contexts.serve("/new", {"speed": EXAMPLE + "speed"})
    url = contexts.serve("/old", b"", 301, location="/new")
    await send(running.client, "POST", "/entities", ENTITY, 201, link=link(url))
    assert EXAMPLE + "speed" in await get(running.client)


async def test_expired_contexts_are_fetched_again(running: RunningBroker, contexts: ContextServer) -> None:
    """6.3.16: max-age is honoured; after it the @context is fetched again, and the new one counts."""
    url = contexts.serve("/c", {"speed": EXAMPLE + "old"}, cache_control="max-age=0")
    await send(running.client, "POST", "/entities", ENTITY, 201, link=link(url))
    contexts.serve("/c", {"speed": EXAMPLE + "new"}, cache_control="max-age=1000")
    await send(running.client, "PATCH", f"/entities/{CAR}", {"speed": 2}, 204, link=link(url))
    assert {EXAMPLE + "old", EXAMPLE + "new"} <= set(await get(running.client))
    assert contexts.hits == ["/c", "/c"]


async def test_private_addresses_can_be_forbidden(start_broker: Any, contexts: ContextServer) -> None:
    """A setting forbids @contexts at loopback addresses: LdContextNotAvailable, and no request leaves."""
    url = contexts.serve("/c", {})
    async with start_broker(outbound_addresses=["public"]) as running:
        for target in (url, url.replace("127.0.0.1", "localhost")):
            await refused(
                running.client, "GET", f"/entities/{CAR}", None, 504, "LdContextNotAvailable", link=link(target)
            )
    assert contexts.hits == []


@pytest.mark.parametrize("version", ["-v1.3", "-v1.4", "-v1.6", "-v1.7", "-v1.8", "-v1.9", ""])
async def test_published_core_contexts_need_no_network(running: RunningBroker, version: str) -> None:
    """Every published core @context is at hand, also the unversioned name; what it calls Property is one."""
    url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
    await send(running.client, "POST", "/entities", {**ENTITY, "@context": [url]}, 201, **LD)
    assert (await get(running.client, link=link(url)))["speed"] == {"type": "Property", "value": 1}


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
    assert len(names) == len(set(names)) == sum(len(r.methods - {"HEAD"}) for r in running.app.router.routes)
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
