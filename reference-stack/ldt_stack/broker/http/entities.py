"""Resources `entities/` and `entities/{entityId}`, what writes: ETSI GS CIM 009 V1.9.1, clauses 6.4 and 6.5."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.federation.writing import PartialSuccess
from ldt_stack.broker.http.headers import read_call, read_payload, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, read_options
from ldt_stack.broker.http.problems import problem
from ldt_stack.broker.http.responses import created, json_response, no_content
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.provision import entities

PATH = "/ngsi-ld/v1/entities"
_SIMPLIFIED = frozenset({"simplified", "keyValues"})
_FORMATS = _SIMPLIFIED | {"normalized", "concise"}


def multi_status(partial: PartialSuccess, headers: Mapping[str, str] | None = None) -> Response:
    """207 with a BatchOperationResult (5.2.16): what a distributed operation did and did not do."""
    errors = [
        {
            "entityId": partial.entity_id,
            "error": problem(failure.error),
            **({} if failure.registration_id is None else {"registrationId": failure.registration_id}),
        }
        for failure in partial.failures
    ]
    return json_response({"success": [partial.entity_id], "errors": errors}, 207, headers)


async def create_entity(request: Request) -> Response:
    """POST entities/ (6.4.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    entity_id, partial = await entities.create_entity(request.broker, call, payload)
    location = f"{PATH}/{quote(entity_id, safe=':')}"
    return created(location) if partial is None else multi_status(partial, {"Location": location})


async def replace_entity(request: Request) -> Response:
    """PUT entities/{entityId} (6.5.3.3)."""
    allow_parameters(request, ("type",))
    payload, call = await read_payload(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    partial = await entities.replace_entity(request.broker, call, entity_id, payload, types=types)
    return no_content() if partial is None else multi_status(partial)


async def merge_entity(request: Request) -> Response:
    """PATCH entities/{entityId} (6.5.3.4)."""
    allow_parameters(request, ("format", "lang", "observedAt", "options", "type"))
    options = merge_options(request)
    payload, call = await read_payload(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    partial = await entities.merge_entity(request.broker, call, entity_id, payload, options, types=types)
    return no_content() if partial is None else multi_status(partial)


def merge_options(request: Request) -> entities.MergeOptions:
    """Parameters of a merge; `format` takes precedence over `options`."""
    options = read_options(request, _FORMATS)
    chosen = request.query_params.get("format")
    if chosen is not None and chosen not in _FORMATS:
        raise BadRequestData(f'The parameter format is "{chosen}"; expected simplified, keyValues or normalized')
    formats = options if chosen is None else {chosen}
    return entities.MergeOptions(
        simplified=not _SIMPLIFIED.isdisjoint(formats),
        observed_at=request.query_params.get("observedAt"),
        lang=request.query_params.get("lang"),
    )


async def delete_entity(request: Request) -> Response:
    """DELETE entities/{entityId} (6.5.3.2)."""
    allow_parameters(request, ("type",))
    refuse_geojson(request)
    call = await read_call(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    partial = await entities.delete_entity(request.broker, call, entity_id, types=types)
    return no_content() if partial is None else multi_status(partial)


routes = [
    Route(PATH, create_entity, methods=["POST"]),
    Route(f"{PATH}/{{entityId}}", replace_entity, methods=["PUT"]),
    Route(f"{PATH}/{{entityId}}", merge_entity, methods=["PATCH"]),
    Route(f"{PATH}/{{entityId}}", delete_entity, methods=["DELETE"]),
]
