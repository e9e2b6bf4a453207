"""Storing, managing and serving @contexts over HTTP: ETSI GS CIM 009 V1.9.1, clauses 5.13, 6.29 and 6.30."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.anyio

CONTEXTS = "/ngsi-ld/v1/jsonldContexts"
API = "/ngsi-ld/v1"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
RELATION = "http://www.w3.org/ns/json-ld#context"
CAR = {"@context": {"Car": "https://e.example/Car", "pace": "https://e.example/speed"}}


@dataclass
class Origin:
    """Where a remote @context comes from; counts what is downloaded."""

    url: str
    body: bytes
    status: int = 200
    downloads: int = 0


@pytest.fixture
def origin() -> Iterator[Origin]:
    """An HTTP server on a free port of the loopback address."""
    held = Origin("", json.dumps(CAR).encode())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.downloads += 1
            self.send_response(held.status)
            self.send_header("Content-Type", "application/ld+json")
            self.send_header("Content-Length", str(len(held.body)))
            self.end_headers()
            self.wfile.write(held.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    held.url = f"http://127.0.0.1:{server.server_port}/car.jsonld"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


def link(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="{RELATION}"; type="application/ld+json"'}


async def refused(response: Any, status: int, error: str) -> None:
    assert (response.status_code, response.json()["type"]) == (status, ERRORS + error), response.text


async def test_hosted(running: Any) -> None:
    """5.13.2 to 5.13.5: what was added is listed as Hosted, served without what stood beside it, and deleted."""
    client = running.client
    added = await client.post(CONTEXTS, json={**CAR, "beside": 1})
    assert added.status_code == 201
    location = added.headers["location"]
    served = await client.get(location)
    assert served.json() == CAR
    [entry] = (await client.get(f"{CONTEXTS}?details=true&kind=Hosted")).json()
    assert entry.keys() == {"URL", "localId", "kind", "createdAt", "numberOfHits"}
    assert entry["kind"] == "Hosted"
    assert location.endswith(entry["localId"])
    assert (await client.get(CONTEXTS)).json() == [entry["URL"]]
    assert (await client.get(entry["URL"])).json() == CAR
    assert (await client.get(f"{location}?details=true")).json() == entry
    await refused(await client.delete(f"{location}?reload=true"), 400, "BadRequestData")
    assert (await client.delete(location)).status_code == 204
    await refused(await client.delete(location), 404, "ResourceNotFound")
    await refused(await client.get(location), 404, "ResourceNotFound")


async def test_hosted_contexts_are_used(running: Any) -> None:
    """5.13.1: clients use the broker as a @context server; a deleted @context cannot be used any more."""
    client = running.client
    location = (await client.post(CONTEXTS, json=CAR)).headers["location"]
    url = f"http://broker.test{location}"
    created = await client.post(f"{API}/entities", json={"id": "urn:x:1", "type": "Car", "pace": 3}, headers=link(url))
    assert created.status_code == 201, created.text
    assert (await client.get(f"{API}/entities/urn:x:1")).json()["type"] == "https://e.example/Car"
    shown = await client.get(f"{API}/entities/urn:x:1", headers=link(url))
    assert shown.json()["type"] == "Car"
    assert f"<{url}>" in shown.headers["link"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "InvalidRequest"),
        (b"", "InvalidRequest"),
        (b"[]", "BadRequestData"),
        (b'{"context": {}}', "BadRequestData"),
        (b'{"@context": 5}', "BadRequestData"),
        (b'{"@context": {"a": 5}}', "BadRequestData"),
        (b'{"@context": {"a": {"@id": "https://e.example/a", "@context": {}}}}', "BadRequestData"),
    ],
)
async def test_invalid_contexts(running: Any, body: bytes, error: str) -> None:
    """5.13.2.4 and 5.5.4: no JSON is InvalidRequest; no @context, or one that 5.5.7 rules out, BadRequestData."""
    response = await running.client.post(CONTEXTS, content=body, headers={"content-type": "application/json"})
    await refused(response, 400, error)


async def test_cached(running: Any, origin: Origin) -> None:
    """5.13.1: downloaded once, listed by its origin, known by URL and local id, not served, counted."""
    client = running.client
    for number in (1, 2):
        entity = {"id": f"urn:x:{number}", "type": "Car"}
        assert (await client.post(f"{API}/entities", json=entity, headers=link(origin.url))).status_code == 201
    assert origin.downloads == 1
    assert (await client.get(f"{CONTEXTS}?kind=Cached")).json() == [origin.url]
    assert (await client.get(f"{CONTEXTS}?kind=Hosted")).json() == []
    by_url = f"{CONTEXTS}/{quote(origin.url, safe='')}"
    entry = (await client.get(f"{by_url}?details=true")).json()
    assert (entry["URL"], entry["kind"]) == (origin.url, "Cached")
    assert entry["numberOfHits"] >= 1
    by_id = f"{CONTEXTS}/{entry['localId']}"
    assert (await client.get(f"{by_id}?details=true")).json()["URL"] == origin.url
    await refused(await client.get(by_id), 422, "OperationNotSupported")
    await refused(await client.get(by_url), 422, "OperationNotSupported")
    assert (await client.delete(by_id)).status_code == 204
    assert (await client.get(CONTEXTS)).json() == []
    await client.get(f"{API}/entities?type=Car", headers=link(origin.url))
    assert origin.downloads == 2


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"no JSON"), (200, b'{"@context": {"Car": 5}}')])
async def test_reload(running: Any, origin: Origin, status: int, body: bytes) -> None:
    """5.13.5.4: reload replaces the copy; if that fails it is LdContextNotAvailable (504), and the old copy stays."""
    client = running.client
    query = f"{API}/entities?type=Car"
    created = {"id": "urn:x:1", "type": "https://e.example/Car"}
    assert (await client.post(f"{API}/entities", json=created)).status_code == 201
    assert len((await client.get(query, headers=link(origin.url))).json()) == 1
    path = f"{CONTEXTS}/{quote(origin.url, safe='')}?reload=true"
    good, origin.status, origin.body = origin.body, status, body
    await refused(await client.delete(path), 504, "LdContextNotAvailable")
    assert len((await client.get(query, headers=link(origin.url))).json()) == 1
    origin.status, origin.body = 200, good.replace(b"/Car", b"/Lorry")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(query, headers=link(origin.url))).json() == []


async def test_expired_copies_are_invalidated(running: Any, origin: Origin, clock: Any) -> None:
    """6.3.16: a copy whose time is over is not listed, and downloaded again when it is needed."""
    running.broker.contexts._clock = clock  # the registry has a clock of its own
    await running.client.get(f"{API}/entities?type=Car", headers=link(origin.url))
    clock.advance(100_000)
    assert (await running.client.get(CONTEXTS)).json() == []
    await running.client.get(f"{API}/entities?type=Car", headers=link(origin.url))
    assert origin.downloads == 2


async def test_implicitly_created(running: Any) -> None:
    """5.13.1: a @context that came inline gets a URL where a JSON answer has to link to it; equal ones share it."""
    client = running.client
    query = {"type": "Query", "entities": [{"type": "Car"}], **CAR}
    urls = set()
    for _ in range(2):
        answer = await client.post(
            f"{API}/entityOperations/query", json=query, headers={"content-type": "application/ld+json"}
        )
        urls.add(answer.headers["link"].partition(">")[0].strip("<"))
    assert (await client.get(f"{CONTEXTS}?kind=ImplicitlyCreated")).json() == list(urls)
    [url] = urls
    assert (await client.get(url)).json()["@context"][0] == CAR["@context"]


async def test_unknown_kind_and_id(running: Any) -> None:
    """5.13.3.3 and 5.13.4.4: kinds are three; an unknown id is ResourceNotFound, a URI or not (ruling X1)."""
    await refused(await running.client.get(f"{CONTEXTS}?kind=Other"), 400, "BadRequestData")
    for identifier in ("urn:x:none", "none"):
        await refused(await running.client.get(f"{CONTEXTS}/{identifier}"), 404, "ResourceNotFound")
        await refused(await running.client.delete(f"{CONTEXTS}/{identifier}"), 404, "ResourceNotFound")


async def test_uses_of_hosted_contexts_are_counted(running: Any) -> None:
    """numberOfHits is the "number of times the @context was found in the storage" (5.13.3.5), of whatever kind."""
    client = running.client
    added = await client.post(f"{API}/jsonldContexts", json={"@context": {"speed": "https://example.org/speed"}})
    path = added.headers["location"]
    link = f'<{client.base_url}{path}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    for hits in range(3):
        details = (await client.get(f"{path}?details=true")).json()
        assert details["numberOfHits"] == hits
        assert ("lastUsage" in details) is (hits > 0)
        assert (await client.get(f"{API}/entities?type=Car", headers={"Link": link})).status_code == 200
