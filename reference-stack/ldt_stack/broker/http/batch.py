"""Resources `entityOperations/…` that write: ETSI GS CIM 009 V1.9.1, clauses 6.14 to 6.17 and 6.31."""

from __future__ import annotations

import orjson

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.http.entities import merge_options
from ldt_stack.broker.http.headers import read_array, read_batch
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, read_options
from ldt_stack.broker.http.problems import problem
from ldt_stack.broker.http.responses import json_response, no_content, respond_json
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.provision import batch

_PATH = "/ngsi-ld/v1/entityOperations"


def _multi_status(result: batch.BatchResult) -> Response:
    """207 with a BatchOperationResult (5.2.16) of BatchEntityErrors (5.2.17)."""
    errors = [{"entityId": entity_id, "error": problem(error)} for entity_id, error in result.errors]
    errors += [
        {"entityId": entity_id, "error": problem(error), "registrationId": registration_id}
        for entity_id, error, registration_id in result.source_errors
    ]
    return json_response({"success": result.success, "errors": errors}, 207)


async def _created(request: Request, call: Call, result: batch.BatchResult) -> Response:
    """201 with the ids of what was created; as every answer in JSON, with a Link to the @context (6.3.6)."""
    return await respond_json(request, orjson.dumps(result.created), call.ld_context, status=201)


async def create(request: Request) -> Response:
    """POST entityOperations/create (6.14.3.1)."""
    allow_parameters(request, ())
    items, call = await read_batch(request)
    result = await batch.batch_create(request.broker, call, items)
    return await _created(request, call, result) if result.complete else _multi_status(result)


async def upsert(request: Request) -> Response:
    """POST entityOperations/upsert (6.15.3.1)."""
    allow_parameters(request, ("options",))
    options = read_options(request, ("replace", "update"))
    if len(options) > 1:
        raise BadRequestData("options has both replace and update; expected one of them")
    items, call = await read_batch(request)
    result = await batch.batch_upsert(request.broker, call, items, update="update" in options)
    if not result.complete:
        return _multi_status(result)
    return await _created(request, call, result) if result.created else no_content()


async def update(request: Request) -> Response:
    """POST entityOperations/update (6.16.3.1)."""
    allow_parameters(request, ("options",))
    overwrite = "noOverwrite" not in read_options(request, ("noOverwrite",))
    items, call = await read_batch(request)
    result = await batch.batch_update(request.broker, call, items, overwrite=overwrite)
    return no_content() if result.complete else _multi_status(result)


async def merge(request: Request) -> Response:
    """POST entityOperations/merge (6.31.3.1); takes the parameters of Merge Entity (6.5.3.4), too."""
    allow_parameters(request, ("format", "lang", "observedAt", "options"))
    options = merge_options(request)
    items, call = await read_batch(request)
    result = await batch.batch_merge(request.broker, call, items, options)
    return no_content() if result.complete else _multi_status(result)


async def delete(request: Request) -> Response:
    """POST entityOperations/delete (6.17.3.1); an array of ids has no place for a @context, and needs none."""
    allow_parameters(request, ())
    entity_ids, call, _ = await read_array(request)
    result = await batch.batch_delete(request.broker, call, entity_ids)
    return no_content() if result.complete else _multi_status(result)


routes = [
    Route(f"{_PATH}/{endpoint.__name__}", endpoint, methods=["POST"])
    for endpoint in (create, upsert, update, merge, delete)
]
