"""Resources `entityMaps/`, `entityMaps/{entityMapId}` and `temporal/entityMaps/`.

ETSI GS CIM 009 V1.9.1, clauses 6.32, 6.34 and 6.35.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.http.headers import accept, read_call, read_local, read_payload, refuse_geojson
from ldt_stack.broker.http.map_use import MAPS_PATH, map_header, read_map, take_map
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, read_paging
from ldt_stack.broker.http.parameters import allow_parameters
from ldt_stack.broker.http.queries import QUERY_PARAMETERS, query_of
from ldt_stack.broker.http.responses import no_content, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.http.temporal import QUERY_PARAMETERS as TEMPORAL_PARAMETERS
from ldt_stack.broker.http.temporal import query_of as temporal_query_of
from ldt_stack.broker.http.temporal import read_temporal_format, temporal_of
from ldt_stack.broker.http.views import FORMAT_PARAMETERS, read_answer, read_format
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.consumption.query_data import read_query, take_temporal
from ldt_stack.broker.operations.entity_maps import creation
from ldt_stack.broker.operations.entity_maps import management as entity_maps
from ldt_stack.broker.operations.entity_maps.management import MapUsed

_TEMPORAL_PATH: Final = "/ngsi-ld/v1/temporal/entityMaps"


async def retrieve_entity_map(request: Request) -> Response:
    """GET entityMaps/{entityMapId} (6.32.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ())
    call = await read_call(request)
    found = await entity_maps.retrieve_entity_map(request.broker, call, request.path_params["entityMapId"])
    return await respond(request, found, call.ld_context, media_type)


async def update_entity_map(request: Request) -> Response:
    """PATCH entityMaps/{entityMapId} (6.32.3.2)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    await entity_maps.update_entity_map(request.broker, call, request.path_params["entityMapId"], payload)
    return no_content()


async def delete_entity_map(request: Request) -> Response:
    """DELETE entityMaps/{entityMapId} (6.32.3.3)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    await entity_maps.delete_entity_map(request.broker, call, request.path_params["entityMapId"])
    return no_content()


async def create_for_query(request: Request) -> Response:
    """GET entityMaps/ (6.34.3.1): what is about representation and paging is checked and of no effect (5.14.4.3)."""
    media_type = accept(request)
    allow_parameters(request, QUERY_PARAMETERS)
    read_answer(request, media_type)
    source = query_of(request, read_paging(request))
    lifetime = read_map(request).lifetime
    call = await read_call(request)
    made = await creation.create_entity_map_for_query_entities(request.broker, call, source, lifetime)
    return await _created(request, call, made, media_type)


async def create_for_query_by_post(request: Request) -> Response:
    """POST entityMaps/ (6.34.3.2)."""
    media_type = accept(request)
    allow_parameters(request, (*PAGING_PARAMETERS, *FORMAT_PARAMETERS))
    read_answer(request, media_type)
    chosen, sys_attrs = read_format(request)
    payload, call = await read_payload(request)
    lifetime = take_map(request, payload).lifetime
    paging = asdict(read_paging(request))
    source = read_query(payload, **paging, chosen=chosen, sys_attrs=sys_attrs, local=read_local(request))
    made = await creation.create_entity_map_for_query_entities(request.broker, call, source, lifetime)
    return await _created(request, call, made, media_type)


async def create_for_temporal_query(request: Request) -> Response:
    """GET temporal/entityMaps/ (6.35.3.1)."""
    media_type = accept(request)
    allow_parameters(request, TEMPORAL_PARAMETERS)
    read_temporal_format(request)
    source = temporal_query_of(request, read_paging(request), sys_attrs=False)
    lifetime = read_map(request).lifetime
    call = await read_call(request)
    made = await creation.create_entity_map_for_query_temporal_evolution(
        request.broker, call, source, temporal_of(request), lifetime
    )
    return await _created(request, call, made, media_type)


async def create_for_temporal_query_by_post(request: Request) -> Response:
    """POST temporal/entityMaps/ (6.35.3.2)."""
    media_type = accept(request)
    allow_parameters(request, (*PAGING_PARAMETERS, "format", "options"))
    read_temporal_format(request)
    payload, call = await read_payload(request)
    lifetime = take_map(request, payload).lifetime
    temporal = take_temporal(payload)
    source = read_query(payload, **asdict(read_paging(request)), local=read_local(request))
    made = await creation.create_entity_map_for_query_temporal_evolution(
        request.broker, call, source, temporal, lifetime
    )
    return await _created(request, call, made, media_type)


async def _created(request: Request, call: Call, made: JsonObject, media_type: str) -> Response:
    """201 with the EntityMap, and its resource URI in the header (table 6.34.3.1-1)."""
    headers = map_header(MapUsed(made["id"], created=True))
    return await respond(request, made, call.ld_context, media_type, status=201, headers=headers)


_ONE: Final = f"{MAPS_PATH}/{{entityMapId}}"
routes = [
    Route(MAPS_PATH, create_for_query, methods=["GET"]),
    Route(MAPS_PATH, create_for_query_by_post, methods=["POST"]),
    Route(_ONE, retrieve_entity_map, methods=["GET"]),
    Route(_ONE, update_entity_map, methods=["PATCH"]),
    Route(_ONE, delete_entity_map, methods=["DELETE"]),
    Route(_TEMPORAL_PATH, create_for_temporal_query, methods=["GET"]),
    Route(_TEMPORAL_PATH, create_for_temporal_query_by_post, methods=["POST"]),
]
