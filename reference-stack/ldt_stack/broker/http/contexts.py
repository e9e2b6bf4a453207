"""Resources `jsonldContexts/` and `jsonldContexts/{contextId}`: ETSI GS CIM 009 V1.9.1, clauses 6.29 and 6.30."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import orjson

from ldt_stack.broker.http.headers import accept, media_type_of, parse_json, read_body, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, boolean
from ldt_stack.broker.http.responses import base_url, created, json_response, no_content
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations import contexts as operations
from ldt_stack.broker.operations.contexts import CONTEXTS_PATH, StoredContext

_ONE: Final = f"{CONTEXTS_PATH}/{{contextId}}"


async def add_context(request: Request) -> Response:
    """POST jsonldContexts/ (6.29.3.1)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    media_type_of(request)
    local_id = await operations.add_context(request.broker, parse_json(await read_body(request)))
    return created(f"{CONTEXTS_PATH}/{quote(local_id, safe=':')}")


async def list_contexts(request: Request) -> Response:
    """GET jsonldContexts/ (6.29.3.2)."""
    accept(request)
    allow_parameters(request, ("details", "kind"))
    details = boolean(request.query_params.get("details"), "details")
    found = await operations.list_contexts(request.broker, request.query_params.get("kind"))
    base = base_url(request)
    return json_response([_metadata(one, base) if details else one.url_of(base) for one in found])


async def serve_context(request: Request) -> Response:
    """GET jsonldContexts/{contextId} (6.30.3.1). A @context document itself has no Link to a @context."""
    media_type = accept(request)
    allow_parameters(request, ("details",))
    details = boolean(request.query_params.get("details"), "details")
    found = await operations.serve_context(request.broker, request.path_params["contextId"], details=details)
    if details:
        return json_response(_metadata(found, base_url(request)))
    return Response(orjson.dumps(found.document), media_type=media_type)


async def delete_context(request: Request) -> Response:
    """DELETE jsonldContexts/{contextId} (6.30.3.2)."""
    allow_parameters(request, ("reload",))
    refuse_geojson(request)
    reload = boolean(request.query_params.get("reload"), "reload")
    await operations.delete_context(request.broker, request.path_params["contextId"], reload=reload)
    return no_content()


def _metadata(found: StoredContext, base: str) -> JsonObject:
    """What clause 5.13.3.5 lists; optional members where they are known."""
    members: JsonObject = {
        "URL": found.url_of(base),
        "localId": found.local_id,
        "kind": found.kind.value,
        "createdAt": found.created_at,
        "expiresAt": found.expires_at,
        "lastUsage": found.last_usage,
        "numberOfHits": found.hits,
    }
    return {name: value for name, value in members.items() if value is not None}


routes = [
    Route(CONTEXTS_PATH, add_context, methods=["POST"]),
    Route(CONTEXTS_PATH, list_contexts, methods=["GET"]),
    Route(_ONE, serve_context, methods=["GET"]),
    Route(_ONE, delete_context, methods=["DELETE"]),
]
