"""Which @context a request is read with, over HTTP: ETSI GS CIM 009 V1.9.1, clauses 6.3.5 and 6.3.6."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.ld_context import CORE_CONTEXT_URL

from ..api import CAR, get, refused, send
from ..conftest import RunningBroker
from .server import ContextServer, link

pytestmark = pytest.mark.anyio
ENTITY = {"id": CAR, "type": "Car", "speed": 1}
LD = {"content_type": "application/ld+json"}
EXAMPLE = "https://example.org/"


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
        {"@import": 5},
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
