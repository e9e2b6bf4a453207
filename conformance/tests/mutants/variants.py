"""Right brokers that are not like ours: the embedded broker, changed at its edge in ways that no clause forbids."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ldt_conformance.clients import CORE_CONTEXT
from ldt_conformance.comparators import DEFAULT_VOCABULARY, expand_name
from ldt_stack.broker.errors import Conflict
from ldt_stack.broker.federation import client, querying
from ldt_stack.broker.http import app as http_app
from ldt_stack.broker.http import registrations, subscribing
from ldt_stack.broker.operations.distributed import writes
from ldt_stack.broker.operations.provision import attributes, entities

from .attributes import all_of
from .faults import Headers, Install, Mutant, edge, exchange, function

LAG_SECONDS = 0.4
PROBLEM = b'{"type":"https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound","title":"none","detail":"not there yet"}'
KINDS = "entities|subscriptions|snapshots|entityMaps|csourceRegistrations|csourceSubscriptions"
ENTITY = re.compile(rf"/ngsi-ld/v1/(temporal/)?({KINDS})/[^/]+$")
NO_ID = re.compile(rf"/({KINDS})/[^/:]+$")  # no URI: refused without a look
IDENTITY = "/info/sourceIdentity"  # no write changes it
LD_CONTEXT = b"http://www.w3.org/ns/json-ld#context"
LISTS = ("entities", "subscriptions", "csourceRegistrations", "csourceSubscriptions")


def before(decide: Callable[[Any], tuple[int, Headers, bytes] | None]) -> Install:
    """Answer some requests before the broker sees them: `decide` gets the ASGI scope."""

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            answer = decide(scope) if scope["type"] == "http" else None
            if answer is None:
                await original(self, scope, receive, send)
                return
            status, headers, body = answer
            headers = [*headers, (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return call

    return function(http_app.BrokerApp, "__call__", make)


def _shows_nothing(scope: Any) -> tuple[int, Headers, bytes] | None:
    json_type: Headers = [(b"content-type", b"application/json")]
    if scope["method"] == "GET" and ENTITY.search(scope["path"]):
        return 404, json_type, PROBLEM
    lists = scope["method"] == "GET" and scope["path"].rstrip("/").endswith(LISTS)
    return (200, json_type, b"[]") if lists or scope["path"].endswith("/query") else None


def _without_slash(scope: Any) -> tuple[int, Headers, bytes] | None:
    path: bytes = scope["raw_path"].partition(b"?")[0]
    if not path.endswith(b"/"):
        return None
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    return 307, [(b"location", path.rstrip(b"/") + query)], b""


def _late() -> Install:
    """For a moment after each accepted write, reads do not show what is there; what is refused is refused.

    An answer that shows nothing names its @context like any other (6.3.5).
    """
    written = [0.0]

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
            asks = scope["type"] == "http" and (scope["method"] == "GET" or scope["path"].endswith("/query"))
            recent = time.monotonic() - written[0] <= LAG_SECONDS
            hides = asks and recent and not NO_ID.search(scope["path"]) and not scope["path"].endswith(IDENTITY)
            hidden = []

            async def answer(message: Any) -> None:
                if message["type"] == "http.response.start":
                    if not asks and message["status"] < 300:
                        written[0] = time.monotonic()
                    if hides and message["status"] < 300:
                        hidden.append(message)
                if not hidden:
                    await send(message)

            await original(self, scope, receive, answer)
            if hidden:
                status, body = (404, PROBLEM) if ENTITY.search(scope["path"]) else (200, b"[]")
                headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                named = [one for one in hidden[0]["headers"] if one[0].lower() == b"link" and LD_CONTEXT in one[1]]
                headers += named if status == 200 else []
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})

        return call

    return function(http_app.BrokerApp, "__call__", make)


def _encoded_location(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, [(n, v.replace(b":", b"%3A") if n.lower() == b"location" else v) for n, v in headers], body


def _other_forms(scope: Any, status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    """Arrays of one for a type, other orders, compact IRIs for names in lists, fractions in times.

    Names in lists stay as they are where the request has an @context, which would have to be known to spell them.
    """
    if status != 200 or not body.startswith((b"{", b"[")) or any(name == b"link" for name, _ in scope["headers"]):
        return status, headers, body
    document = json.loads(body)
    if isinstance(document, dict) and "/default-context/" not in str(document.get("id")):
        document = _entity(document)
    elif isinstance(document, list):
        document = [_entity(item) if isinstance(item, dict) else item for item in document]
    return status, headers, re.sub(rb"(T\d\d:\d\d:\d\d)Z", rb"\1.000Z", json.dumps(document).encode())


def _entity(item: dict[str, Any]) -> dict[str, Any]:
    kind = item.get("type")
    if kind == "ContextSourceRegistration":
        return {**item, "information": [_registration_info(info) for info in item["information"]]}
    if not isinstance(kind, str) or kind in ONE_TYPE:
        return item
    if kind in {"EntityTypeList", "AttributeList", "EntityType", "EntityTypeInfo", "Attribute"}:
        return {key: _compact(value) if key in NAME_LISTS else value for key, value in item.items()}
    sets = {key for key, value in item.items() if isinstance(value, list) and key != "@context"}
    shown = {key: value[::-1] if key in sets else value for key, value in item.items()}
    return {**dict(reversed(shown.items())), "type": [kind]}


def _registration_info(info: dict[str, Any]) -> dict[str, Any]:
    """Types as arrays, an array of one name as that name."""
    entities = [{**entity, "type": [entity["type"]]} for entity in info.get("entities", [])]
    names = {key: info[key][::-1] for key in ("propertyNames", "relationshipNames") if key in info}
    shown = {key: value[0] if len(value) == 1 else value for key, value in names.items()}
    return {**shown, **({"entities": entities} if entities else {})}


ONE_TYPE = {"ContextSourceIdentity", "EntityMap", "Feature", "FeatureCollection", "Snapshot", "Subscription"}
NAME_LISTS = {"typeList", "attributeList", "attributeNames", "typeNames"}


def _compact(names: Any) -> Any:
    own = [expand_name(name) for name in reversed(names)]
    return [name.replace("https://uri.etsi.org/ngsi-ld/", "ngsi-ld:") for name in own]


def _one_a_page(original: Any) -> Any:
    def read_paging(request: Any) -> Any:
        paging = original(request)
        return replace(paging, limit=min(paging.limit, 1))

    return read_paging


def _short_pages() -> Install:
    readers = [function(module, "read_paging", _one_a_page) for module in (subscribing, registrations)]

    def install() -> None:
        for reader in readers:
            reader()

    return install


def _in_whole_names(text: str) -> str:
    """The names of the run in a URL, as IRIs."""
    return re.sub(r"(?<=[=,/])LdtCheck\w+", lambda name: quote(DEFAULT_VOCABULARY + name[0], safe=""), text)


def _asks_otherwise(original: Any) -> Any:
    """Requests to sources: the API at the endpoint itself, slashes at the end, IRIs, an @context in the body, JSON-LD.

    What a source wants otherwise by its contextSourceInfo is left to it.
    """

    def prepared(self: Any, registration: Any, call: Any, request: Any, own: str) -> Any:
        url, content, headers = original(self, registration, call, request, own)
        path, mark, query = url.replace("/ngsi-ld/v1/", "/").partition("?")
        url = path + ("/" if path.endswith(("/entities", "/attrs")) else "") + mark + query
        if registration.setting("jsonldContext") is None:
            url = _in_whole_names(url)
            if content and "Link" not in headers:
                whole = re.sub(rb'"(LdtCheck\w+)"', f'"{DEFAULT_VOCABULARY}'.encode() + rb'\1"', content)
                content = json.dumps(_with_context(json.loads(whole))).encode()
                headers["Content-Type"] = "application/ld+json; charset=utf-8"
            headers["Accept"] = "application/ld+json, application/json;q=0.5"
        headers["Via"] = f"1.0 edge.example (at the edge), {headers['Via']} (a broker)"
        return url, content, {name.upper(): value for name, value in headers.items()}

    return prepared


def _with_context(body: Any) -> Any:
    if isinstance(body, list):
        return [_with_context(one) if isinstance(one, dict) else one for one in body]
    return {"@context": CORE_CONTEXT, **body}


def _asks_twice(original: Any) -> Any:
    """A broker may look for what there is, and then ask for it (4.3.6.7)."""

    async def send(self: Any, registration: Any, call: Any, method: str, *args: Any) -> Any:
        if method == "GET":
            await original(self, registration, call, method, *args)
        return await original(self, registration, call, method, *args)

    return send


def _asks_as_batch(original: Any) -> Any:
    def asked_as_batch(call: Any, registration: Any, query: Any) -> bool:
        return "queryBatch" in registration.operations or bool(original(call, registration, query))

    return asked_as_batch


def _all_or_nothing(original: Any) -> Any:
    """A write of which a part cannot be forwarded is not done here either: Conflict for the whole (5.6.1.4)."""

    async def write_everywhere(broker: Any, call: Any, target: Any, operations: Any, *args: Any, **named: Any) -> Any:
        division = await writes.division_of(broker, call, target, operations)
        if division is not None and any(share.supported is None for share in division.shares):
            raise Conflict("A part is held by a Context Source that does not offer this")
        return await original(broker, call, target, operations, *args, **named)

    return write_everywhere


VARIANTS: dict[str, Mutant] = {
    "shows-writes-late": Mutant("5.6", "what was written shows after 0.4 s", _late()),
    "redirects-slashes": Mutant("6.2", "a path that ends in a slash is redirected", before(_without_slash)),
    "encodes-locations": Mutant("6.4.3.1", "colons in a Location are percent-encoded", edge(_encoded_location)),
    "other-forms": Mutant("4.5.1", "arrays of one, other orders, compact IRIs, fractions", exchange(_other_forms)),
    "asks-otherwise": Mutant(
        "4.3.6.1",
        "Context Sources are asked twice, as JSON-LD, in IRIs, by POST, at other paths, with longer Via headers",
        all_of(
            function(client.SourceClient, "_prepared", _asks_otherwise),
            function(client.SourceClient, "_send", _asks_twice),
            function(querying, "_asked_as_batch", _asks_as_batch),
        ),
    ),
    "all-or-nothing": Mutant(
        "5.6.1.4",
        "a write of which a part cannot be forwarded is refused as a whole",
        all_of(*(function(owner, "write_everywhere", _all_or_nothing) for owner in (attributes, entities))),
    ),
    "short-pages": Mutant("5.5.9.1", "Subscriptions and Registrations come one a page", _short_pages()),
}

# Wrong in a way that checks of absence must not take for right: writes are accepted, and nothing is ever shown.
HOLLOW: dict[str, Mutant] = {
    "shows-nothing": Mutant(
        "5.7", "no Entity, history, Subscription or Registration is ever shown", before(_shows_nothing)
    )
}
