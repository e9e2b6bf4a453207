"""What a request says beside its path: @context, media types, tenant, payload.

ETSI GS CIM 009 V1.9.1, clauses 6.3.4 (preconditions), 6.3.5 (@context), 6.3.14 (tenant), 6.3.18 (local, Via) and
6.3.22 (Snapshot).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, InvalidRequest, NgsiLdError
from ldt_stack.broker.http.messages import Request
from ldt_stack.broker.http.parameters import boolean
from ldt_stack.broker.http.problems import HttpError
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.link_header import CONTEXT_RELATION, parse_links
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.model.nesting import check_nesting
from ldt_stack.broker.spaces import space_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

JSON, LD_JSON, GEO_JSON = "application/json", "application/ld+json", "application/geo+json"
_BODY_TYPES = frozenset({JSON, LD_JSON})
TENANT_HEADER, SNAPSHOT_HEADER = "ngsild-tenant", "ngsild-snapshot"
_TENANT = re.compile(r"[\x21-\x7e]+")


def tenant_of(request: Request) -> str | None:
    """The tenant that a request is about; None is the default tenant (6.3.14)."""
    tenant = request.headers.get(TENANT_HEADER)
    if tenant is None:
        return None
    if not _TENANT.fullmatch(tenant):
        raise BadRequestData("The header NGSILD-Tenant is empty or has blanks; leave it out for the default tenant")
    return tenant


def link_context(request: Request) -> str | None:
    """The URL of the @context in the Link header, or None (6.3.5).

    Raises:
        BadRequestData: There are several (JSON-LD 1.1: "multiple context link headers").
    """
    if "link" not in request.headers:
        return None
    found = {
        link.target
        for header in request.header_values("link")
        for link in parse_links(header)
        if CONTEXT_RELATION in link.relations
    }
    if len(found) > 1:
        raise BadRequestData("The Link header names more than one @context; put them into one document")
    return found.pop() if found else None


def media_type_of(request: Request) -> str:
    """The media type of the payload, without parameters (6.3.4); merge-patch of a PATCH is plain JSON.

    Raises:
        HttpError: 415, without a body.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/merge-patch+json" and request.method == "PATCH":
        return JSON
    if media_type not in _BODY_TYPES:
        raise HttpError(415)
    return media_type


async def read_body(request: Request) -> bytes:
    """The payload within the limits of size.

    Raises:
        HttpError: 411 without Content-Length, 413 if it is too long.
    """
    limit = request.broker.settings.max_body_bytes
    length = request.headers.get("content-length")
    if length is None:
        raise HttpError(411)
    if not length.isdigit() or int(length) > limit:
        raise HttpError(413)
    return await request.body()


def parse_json(body: bytes) -> JsonValue:
    """A JSON document.

    Raises:
        InvalidRequest: It is none (5.5.4).
        BadRequestData: It is nested too deep to be kept and answered.
    """
    value = _decode(body)
    check_nesting(value, body)
    return value


def _decode(body: bytes) -> JsonValue:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The payload is not valid JSON: {error}") from None


def _call(request: Request, ld_context: LdContext) -> Call:
    local = boolean(request.query_params.get("local"), "local")
    tenant, snapshot_id = tenant_of(request), request.headers.get(SNAPSHOT_HEADER)
    if snapshot_id is not None:  # "all operations are implicitly limited to a local scope" (5.5.15)
        tenant, local = space_of(tenant, snapshot_id), True
    via = _passed(request) if "via" in request.headers else ()
    return Call(tenant, ld_context, local, via, request.id, request.headers, request.warnings)


def _passed(request: Request) -> tuple[str, ...]:
    """Pseudonyms of the Context Sources in the Via headers (6.3.18)."""
    entries = (entry.split() for header in request.header_values("via") for entry in header.split(","))
    return tuple(parts[1] for parts in entries if len(parts) > 1)


def read_local(request: Request) -> bool | None:
    """The parameter local; None where it is not given (6.3.18)."""
    if SNAPSHOT_HEADER in request.headers:  # "overriding setting the local parameter to false"
        return None
    text = request.query_params.get("local")
    return None if text is None else boolean(text, "local")


async def read_call(request: Request) -> Call:
    """The `Call` of a request without payload (GET, DELETE): the @context is in the Link header (6.3.5)."""
    return _call(request, await request.broker.contexts.resolve(link_context(request)))


async def read_payload(request: Request, *, geojson: bool = False) -> tuple[JsonObject, Call]:
    """The payload, a JSON object without its @context, and the `Call` (POST, PATCH, PUT; 6.3.4, 6.3.5).

    Args:
        request: Whose payload.
        geojson: Whether the operation can answer GeoJSON (a query by POST).

    Raises:
        InvalidRequest: The payload is not valid JSON.
        BadRequestData: It is no object, or the @context is where it must not be.
        LdContextNotAvailable: The @context cannot be had.
        HttpError: 411, 413, 415.
    """
    media_type = media_type_of(request)
    if not geojson:
        refuse_geojson(request)
    payload = parse_json(await read_body(request))
    if not isinstance(payload, dict):
        raise BadRequestData("The payload is no JSON object; this operation expects one")
    source = take_context(request, media_type, payload)
    return payload, _call(request, await request.broker.contexts.resolve(source))


def take_context(request: Request, media_type: str, payload: JsonObject) -> JsonValue:
    """Take "@context" out of a payload, or the Link header: clause 6.3.5 allows exactly one place.

    Raises:
        BadRequestData: It is in the wrong place, or missing from application/ld+json.
    """
    link = link_context(request)
    if media_type == LD_JSON:
        if link is not None:
            raise BadRequestData("application/ld+json carries its @context in the payload; leave the Link header out")
        if "@context" not in payload:
            raise BadRequestData(
                'The payload is application/ld+json but has no "@context"; add it, or send application/json'
            )
        return payload.pop("@context")
    if "@context" in payload:
        raise BadRequestData(
            'The payload is application/json but has an "@context"; use a Link header, or application/ld+json'
        )
    return link


class BatchItem(NamedTuple):
    """One element of a batch: an object with its own `Call`, or the error that its @context raised.

    `identifier` is its id as far as one can be read.
    """

    payload: JsonObject
    call: Call
    error: NgsiLdError | None = None

    @property
    def identifier(self) -> str:
        """For the BatchOperationResult; empty if there is none."""
        found = self.payload.get("id", self.payload.get("@id"))
        return found if isinstance(found, str) else ""


async def read_array(request: Request) -> tuple[list[JsonValue], Call, str]:
    """A payload that is an array, the `Call` of the request as a whole, and the media type.

    How deep the elements of plain JSON are nested is for whoever reads them to see to: they are many.

    Raises:
        BadRequestData: It is no array, empty, or longer than the settings allow.
        InvalidRequest, LdContextNotAvailable, HttpError: As `read_payload`.
    """
    media_type = media_type_of(request)
    refuse_geojson(request)
    body = await read_body(request)
    payload = _decode(body) if media_type == JSON else parse_json(body)
    limit = request.broker.settings.max_batch_entities
    if not isinstance(payload, list) or not payload:
        raise BadRequestData("The payload is no array with at least one element; a batch operation expects one")
    if len(payload) > limit:
        raise BadRequestData(f"The payload has {len(payload)} elements, this broker takes {limit}; send several")
    link = link_context(request)
    if media_type == LD_JSON and link is not None:
        raise BadRequestData("application/ld+json carries its @context in the payload; leave the Link header out")
    return payload, _call(request, await request.broker.contexts.resolve(link)), media_type


async def read_batch(request: Request) -> tuple[Iterable[BatchItem], Call]:
    """The Entities of a batch, each with the `Call` of its own @context (6.3.5, 5.5.11).

    A @context in the wrong place fails the request; one that cannot be had fails its item.
    """
    elements, call, media_type = await read_array(request)
    if not all(isinstance(element, dict) for element in elements):
        raise BadRequestData("The payload has elements that are no JSON objects; a batch operation expects Entities")
    if media_type == JSON and not any("@context" in element for element in elements):  # what comes most
        return _one_by_one(elements, call), call
    sources = [take_context(request, media_type, element) for element in elements]
    items: list[BatchItem] = []
    contexts = request.broker.contexts
    for element, source in zip(elements, sources, strict=True):
        try:
            items.append(BatchItem(element, _call(request, await contexts.resolve(source))))
        except NgsiLdError as error:
            items.append(BatchItem(element, call, error))
    return items, call


def _one_by_one(elements: list[JsonValue], call: Call) -> Iterator[BatchItem]:
    """Items that nobody holds once they were taken."""
    elements.reverse()
    while elements:
        yield BatchItem(elements.pop(), call)


def refuse_geojson(request: Request) -> None:
    """Only retrieval and query of Entities answer GeoJSON (6.3.4); everything else that asks for it alone gets 406."""
    if request.headers.get("accept", "").partition(";")[0].strip().lower() == GEO_JSON:
        raise not_acceptable((JSON, LD_JSON))


def accept(request: Request, *, geojson: bool = False) -> str:
    """The media type to answer with (6.3.4): the best by weight, then in the order JSON, JSON-LD, GeoJSON.

    Args:
        request: Its Accept header is read; absent means application/json.
        geojson: Whether the operation can answer GeoJSON ("Retrieve Entity" and "Query Entities").

    Raises:
        HttpError: 406, with the list of what there is.
    """
    available = (JSON, LD_JSON, GEO_JSON) if geojson else (JSON, LD_JSON)
    if "accept" not in request.headers:
        return JSON
    header = ",".join(request.header_values("accept"))
    if not header.strip():
        return JSON
    ranges = [_media_range(entry) for entry in header.split(",") if entry.strip()]
    best, best_weight = "", 0.0
    for media_type in available:
        weight = _weight(media_type, ranges)
        if weight > best_weight:
            best, best_weight = media_type, weight
    if not best:
        raise not_acceptable(available)
    return best


def not_acceptable(available: Sequence[str]) -> HttpError:
    """406; "the body of the message shall contain the list of the available representations" (6.3.4)."""
    return HttpError(406, body=list(available))


def _media_range(entry: str) -> tuple[str, float]:
    name, *parameters = [part.strip().lower() for part in entry.split(";")]
    weight = 1.0
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                weight = float(parameter[2:])
            except ValueError:
                weight = 0.0
    return name, weight


def _weight(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """RFC 7231, 5.3.2: the most specific range decides."""
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        for name, weight in ranges:
            if name == pattern:
                return weight
    return 0.0
