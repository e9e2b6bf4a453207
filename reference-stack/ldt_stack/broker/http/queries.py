"""Retrieval and query of Entities: ETSI GS CIM 009 V1.9.1, clauses 6.4.3.2, 6.5.3.1 and 6.23.3.1."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.http.headers import accept, read_call, read_local, read_payload
from ldt_stack.broker.http.map_use import MAP_PARAMETERS, map_header, read_map, take_map
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, Paging, paging_headers, read_paging
from ldt_stack.broker.http.parameters import allow_parameters, boolean, comma_list, identifiers
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.http.views import (
    FORMAT_PARAMETERS,
    VIEW_PARAMETERS,
    read_answer,
    read_format,
    read_view,
    respond_with_entities,
    respond_with_entity,
    respond_with_text,
    respond_with_texts,
    takes_text,
)
from ldt_stack.broker.operations.consumption import entities as operations
from ldt_stack.broker.operations.consumption.query_data import read_query
from ldt_stack.broker.operations.consumption.query_input import (
    PLAIN,
    GeoInput,
    OrderingInput,
    QueryInput,
    SelectorInput,
)
from ldt_stack.broker.operations.entity_maps.creation import new_map
from ldt_stack.broker.operations.entity_maps.management import MapInput, MapUsed
from ldt_stack.broker.operations.entity_maps.queries import named_map, query_entities_with_map

_ROOT: Final = "/ngsi-ld/v1"
_SELECTOR: Final = frozenset({"type", "id", "idPattern"})
_GEO: Final = frozenset({"georel", "geometry", "coordinates"})
_ORDER: Final = frozenset({"orderBy", "collation", "orderFrom", "orderGeometry"})
QUERY_PARAMETERS: Final = (
    *PAGING_PARAMETERS,
    *VIEW_PARAMETERS,
    *MAP_PARAMETERS,
    "csf",
    "splitEntities",
    "type",
    "id",
    "idPattern",
    "q",
    "scopeQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "expandValues",
    "jsonKeys",
    "orderBy",
    "orderFrom",
    "orderGeometry",
    "collation",
)


async def retrieve_entity(request: Request) -> Response:
    """GET entities/{entityId} (6.5.3.1)."""
    answer = read_answer(request, accept(request, geojson=True))
    allow_parameters(request, (*VIEW_PARAMETERS, *MAP_PARAMETERS, "type"))
    view = answer.shown(read_view(request))
    call = await read_call(request)
    entity_id, types = request.path_params["entityId"], request.query_params.get("type")
    wanted = read_map(request)
    used, call = await named_map(request.broker, call, entity_id, wanted)
    if types is None and view is PLAIN and not wanted.concerned and takes_text(request, answer):
        text = await operations.retrieve_text(request.broker, call, entity_id)
        if text is not None:
            return await respond_with_text(request, text, call.ld_context)
    shown = await operations.retrieve_entity(request.broker, call, entity_id, view, types)
    headers = {}
    if wanted.concerned:
        headers = map_header(used or await new_map(request.broker, call, entity_id, wanted))
    if view.join == "flat":  # 4.5.23.3: "the Context Broker response shall always consist of an array of Entities"
        return await respond_with_entities(request, shown, call.ld_context, answer, headers)
    return await respond_with_entity(request, shown[0], call.ld_context, answer, headers)


async def query_entities(request: Request) -> Response:
    """GET entities/ (6.4.3.2)."""
    media_type = accept(request, geojson=True)
    allow_parameters(request, QUERY_PARAMETERS)
    paging = read_paging(request)
    source = query_of(request, paging)
    return await _answer(request, await read_call(request), source, read_map(request), paging, media_type)


async def query_entities_by_post(request: Request) -> Response:
    """POST entityOperations/query (6.23.3.1)."""
    media_type = accept(request, geojson=True)
    allow_parameters(request, (*PAGING_PARAMETERS, *FORMAT_PARAMETERS))
    paging = read_paging(request)
    chosen, sys_attrs = read_format(request)
    payload, call = await read_payload(request, geojson=True)
    wanted = take_map(request, payload)
    source = read_query(payload, **asdict(paging), chosen=chosen, sys_attrs=sys_attrs, local=read_local(request))
    return await _answer(request, call, replace(source, batch=True), wanted, paging, media_type)


async def _answer(
    request: Request, call: Call, source: QueryInput, wanted: MapInput, paging: Paging, media_type: str
) -> Response:
    answer = read_answer(request, media_type)
    source = replace(source, view=answer.shown(source.view))
    used: MapUsed | None = None
    if wanted.concerned:
        result, used = await query_entities_with_map(request.broker, call, source, wanted)
    else:
        as_text = takes_text(request, answer)
        result = await operations.query_entities(request.broker, call, source, as_text=as_text)
    headers = paging_headers(
        request,
        Paging(result.limit, result.offset, paging.count),
        more=result.more,
        count=result.count,
        media_type=media_type,
        next_offset=result.next_offset,
        previous_offset=result.previous_offset,
    )
    status = 200
    if used is not None:
        headers |= map_header(used)
        status = 201 if used.created else 200  # "in case an EntityMap has been (re)created" (table 6.4.3.2-3)
    if result.texts is not None:
        return await respond_with_texts(request, result.texts, call.ld_context, headers)
    return await respond_with_entities(request, result.entities, call.ld_context, answer, headers, status=status)


def query_of(request: Request, paging: Paging) -> QueryInput:
    """The query that the parameters of a GET describe (table 6.4.3.2-1)."""
    given = request.query_params
    selector = SelectorInput(given.get("type"), identifiers(given.get("id")), given.get("idPattern"))
    geo, ordering = None, None
    if not _GEO.isdisjoint(given):
        geo = GeoInput(given.get("georel"), given.get("geometry"), given.get("coordinates"), given.get("geoproperty"))
    if not _ORDER.isdisjoint(given):
        order = (given.get("orderBy"), given.get("collation"), given.get("orderFrom"), given.get("orderGeometry"))
        ordering = OrderingInput(*order)
    return QueryInput(
        selectors=() if _SELECTOR.isdisjoint(given) else (selector,),
        q=given.get("q"),
        geo=geo,
        scope_q=given.get("scopeQ"),
        csf=given.get("csf"),
        expand_values=comma_list(given.get("expandValues")),
        ordering=ordering,
        view=read_view(request),
        limit=paging.limit,
        offset=paging.offset,
        count=paging.count,
        local=read_local(request),
        json_keys=comma_list(given.get("jsonKeys")),
        split_entities=boolean(given["splitEntities"], "splitEntities") if "splitEntities" in given else None,
    )


routes = [
    Route(f"{_ROOT}/entities", query_entities, methods=["GET"]),
    Route(f"{_ROOT}/entities/{{entityId}}", retrieve_entity, methods=["GET"]),
    Route(f"{_ROOT}/entityOperations/query", query_entities_by_post, methods=["POST"]),
]
