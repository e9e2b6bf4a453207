"""Answers with a body: the media type that was asked for, and the @context in its place (6.3.6)."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from ldt_stack.broker.http.headers import JSON, LD_JSON
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, LdContext
from ldt_stack.broker.link_header import CONTEXT_RELATION
from ldt_stack.broker.model.names import JsonValue


async def context_url(request: Request, ld_context: LdContext) -> str:
    """Where a @context can be had; one that was given inline is hosted first (5.13.1, "ImplicitlyCreated")."""
    if ld_context.url is not None:
        return ld_context.url
    host = request.broker.contexts.host
    return CORE_CONTEXT_URL if host is None else await host(ld_context, base_url(request))


async def context_link(request: Request, ld_context: LdContext) -> str:
    """The Link header to a @context (6.3.6)."""
    return f'<{await context_url(request, ld_context)}>; rel="{CONTEXT_RELATION}"; type="{LD_JSON}"'


def base_url(request: Request) -> str:
    """How a client reaches us, up to and without `/ngsi-ld/v1`: the setting, or else what the request says."""
    public = request.broker.settings.public_url
    return public.rstrip("/") if public else f"{request.url.scheme}://{request.url.netloc}"


async def respond(
    request: Request,
    data: JsonValue,
    ld_context: LdContext,
    media_type: str = JSON,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Compacted data as application/json with a Link header, or as application/ld+json with "@context" in it.

    Args:
        request: Whose answer it is.
        data: An object or an array of objects; "@context" goes into each object of an array.
        ld_context: What the names were compacted with.
        media_type: As `headers.accept` chose it.
        status: HTTP status.
        headers: Further headers.
    """
    if media_type == LD_JSON:
        return Response(orjson.dumps(with_context(data, ld_context)), status, headers, media_type)
    return await respond_json(request, orjson.dumps(data), ld_context, media_type, status=status, headers=headers)


async def respond_json(
    request: Request,
    body: bytes,
    ld_context: LdContext,
    media_type: str = JSON,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """JSON as it is, with a Link header to the @context that its names were compacted with."""
    link = await context_link(request, ld_context)
    if headers and "Link" in headers:
        link = f"{headers['Link']}, {link}"
    return Response(body, status, {**(headers or {}), "Link": link}, media_type)


def with_context(data: JsonValue, ld_context: LdContext) -> JsonValue:
    """Put "@context" into an object, or into every object of an array."""
    if isinstance(data, list):
        return [with_context(element, ld_context) for element in data]
    if isinstance(data, dict):
        return {**data, "@context": ld_context.rendered}
    return data


def created(location: str, headers: Mapping[str, str] | None = None) -> Response:
    """201 with the Location of what was made."""
    return Response(b"", 201, {"Location": location, **(headers or {})})


def no_content(headers: Mapping[str, str] | None = None) -> Response:
    """204, without Content-Length (6.3.6)."""
    return Response(status=204, headers=headers)


def json_response(data: JsonValue, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Plain JSON without @context: problem lists, 207 and the broker's own resources."""
    return Response(orjson.dumps(data), status, headers, JSON)
