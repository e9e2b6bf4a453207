"""Resources `entities/{entityId}/attrs/` and `…/attrs/{attrId}`: ETSI GS CIM 009 V1.9.1, clauses 6.6 and 6.7."""

from __future__ import annotations

from ldt_stack.broker.http.entities import PATH
from ldt_stack.broker.http.headers import read_call, read_payload, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, boolean, read_options
from ldt_stack.broker.http.responses import json_response, no_content
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.provision import attributes

_LIST = f"{PATH}/{{entityId}}/attrs"
_ONE = f"{_LIST}/{{attrId}}"


def _updated(result: attributes.UpdateResult) -> Response:
    """204 if all was done, else 207 with an UpdateResult."""
    return no_content() if result.complete else json_response(result.rendered(), 207)


async def append_attributes(request: Request) -> Response:
    """POST entities/{entityId}/attrs/ (6.6.3.1)."""
    allow_parameters(request, ("options", "type"))
    overwrite = "noOverwrite" not in read_options(request, ("noOverwrite",))
    payload, call = await read_payload(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    result = await attributes.append_attributes(
        request.broker, call, entity_id, payload, overwrite=overwrite, types=types
    )
    return _updated(result)


async def update_attributes(request: Request) -> Response:
    """PATCH entities/{entityId}/attrs/ (6.6.3.2)."""
    allow_parameters(request, ("type",))
    payload, call = await read_payload(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    return _updated(await attributes.update_attributes(request.broker, call, entity_id, payload, types=types))


async def partial_attribute_update(request: Request) -> Response:
    """PATCH entities/{entityId}/attrs/{attrId} (6.7.3.1)."""
    allow_parameters(request, ("type",))
    payload, call = await read_payload(request)
    parameters, types = request.path_params, request.query_params.get("type")
    result = await attributes.partial_attribute_update(
        request.broker, call, parameters["entityId"], parameters["attrId"], payload, types=types
    )
    return _updated(result)


async def replace_attribute(request: Request) -> Response:
    """PUT entities/{entityId}/attrs/{attrId} (6.7.3.3)."""
    allow_parameters(request, ("type",))
    payload, call = await read_payload(request)
    parameters, types = request.path_params, request.query_params.get("type")
    result = await attributes.replace_attribute(
        request.broker, call, parameters["entityId"], parameters["attrId"], payload, types=types
    )
    return _updated(result)


async def delete_attribute(request: Request) -> Response:
    """DELETE entities/{entityId}/attrs/{attrId} (6.7.3.2)."""
    allow_parameters(request, ("datasetId", "deleteAll", "type"))
    refuse_geojson(request)
    call = await read_call(request)
    parameters, query = request.path_params, request.query_params
    result = await attributes.delete_attribute(
        request.broker,
        call,
        parameters["entityId"],
        parameters["attrId"],
        dataset_id=query.get("datasetId"),
        delete_all=boolean(query.get("deleteAll"), "deleteAll"),
        types=query.get("type"),
    )
    return _updated(result)


routes = [
    Route(_LIST, append_attributes, methods=["POST"]),
    Route(_LIST, update_attributes, methods=["PATCH"]),
    Route(_ONE, partial_attribute_update, methods=["PATCH"]),
    Route(_ONE, replace_attribute, methods=["PUT"]),
    Route(_ONE, delete_attribute, methods=["DELETE"]),
]
