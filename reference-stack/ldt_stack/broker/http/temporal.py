"""Resources below `temporal/`: ETSI GS CIM 009 V1.9.1, clauses 6.18 to 6.22 and 6.24; 6.3.10 (206), 6.3.12 (format)."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Final
from urllib.parse import quote

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import InvalidRequest
from ldt_stack.broker.http.conformance import NON_AUTHORITATIVE, amend_evolution, applied, wanted_version
from ldt_stack.broker.http.entities import multi_status
from ldt_stack.broker.http.headers import accept, read_call, read_local, read_payload, refuse_geojson
from ldt_stack.broker.http.map_use import MAP_PARAMETERS, map_header, read_map, take_map
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, Paging, paging_headers, read_paging
from ldt_stack.broker.http.parameters import (
    allow_parameters,
    boolean,
    comma_list,
    identifiers,
    read_options,
    whole_number,
)
from ldt_stack.broker.http.responses import created, no_content, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.consumption.query_data import read_query, take_temporal
from ldt_stack.broker.operations.consumption.query_input import (
    GeoInput,
    OrderingInput,
    QueryInput,
    SelectorInput,
    ViewInput,
)
from ldt_stack.broker.operations.entity_maps.creation import new_map
from ldt_stack.broker.operations.entity_maps.management import MapInput, MapUsed
from ldt_stack.broker.operations.entity_maps.queries import named_map, query_temporal_evolution_with_map
from ldt_stack.broker.operations.temporal import consumption as consumption
from ldt_stack.broker.operations.temporal import provision as provision
from ldt_stack.broker.operations.temporal.consumption import EvolutionsResult, TemporalFormat, TemporalInput
from ldt_stack.broker.representation.aggregation import AggregationInput
from ldt_stack.broker.representation.temporal import (
    render_aggregated_evolution,
    render_evolution,
    render_simplified_evolution,
)
from ldt_stack.broker.store.data import TemporalEntity

_ROOT: Final = "/ngsi-ld/v1/temporal"
_ENTITIES: Final = f"{_ROOT}/entities"
_FORMATS: Final[dict[str, TemporalFormat]] = {
    "normalized": "normalized",
    "concise": "concise",
    "temporalValues": "temporalValues",
    "aggregatedValues": "aggregatedValues",
}
_TEMPORAL: Final = ("timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration")
_VIEW: Final = ("format", "options", "attrs", "pick", "omit", "lang", "datasetId", *MAP_PARAMETERS)
QUERY_PARAMETERS: Final = (
    *PAGING_PARAMETERS,
    *_VIEW,
    *_TEMPORAL,
    "type",
    "id",
    "idPattern",
    "q",
    "scopeQ",
    "csf",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "expandValues",
    "jsonKeys",
    "orderBy",
    "collation",
    "splitEntities",
)


async def create_evolution(request: Request) -> Response:
    """POST temporal/entities/ (6.18.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    entity_id, is_new, partial = await provision.create_temporal_evolution(request.broker, call, payload)
    location = f"{_ENTITIES}/{quote(entity_id, safe=':')}"
    if partial is not None:
        return multi_status(partial, {"Location": location} if is_new else None)
    return created(location) if is_new else no_content()


async def add_attributes(request: Request) -> Response:
    """POST temporal/entities/{entityId}/attrs/ (6.20.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    entity_id = request.path_params["entityId"]
    partial = await provision.add_attributes_to_temporal_evolution(request.broker, call, entity_id, payload)
    return no_content() if partial is None else multi_status(partial)


async def delete_evolution(request: Request) -> Response:
    """DELETE temporal/entities/{entityId} (6.19.3.2)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    partial = await provision.delete_temporal_evolution(request.broker, call, request.path_params["entityId"])
    return no_content() if partial is None else multi_status(partial)


async def delete_attribute(request: Request) -> Response:
    """DELETE temporal/entities/{entityId}/attrs/{attrId} (6.21.3.1)."""
    allow_parameters(request, ("datasetId", "deleteAll"))
    refuse_geojson(request)
    given, path = request.query_params, request.path_params
    delete_all = boolean(given.get("deleteAll"), "deleteAll")
    partial = await provision.delete_attribute_from_temporal_evolution(
        request.broker,
        await read_call(request),
        path["entityId"],
        path["attrId"],
        dataset_id=given.get("datasetId"),
        delete_all=delete_all,
    )
    return no_content() if partial is None else multi_status(partial)


async def modify_instance(request: Request) -> Response:
    """PATCH temporal/entities/{entityId}/attrs/{attrId}/{instanceId} (6.22.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    path = request.path_params
    partial = await provision.modify_attribute_instance(
        request.broker, call, path["entityId"], path["attrId"], path["instanceId"], payload
    )
    return no_content() if partial is None else multi_status(partial)


async def delete_instance(request: Request) -> Response:
    """DELETE temporal/entities/{entityId}/attrs/{attrId}/{instanceId} (6.22.3.2)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call, path = await read_call(request), request.path_params
    partial = await provision.delete_attribute_instance(
        request.broker, call, path["entityId"], path["attrId"], path["instanceId"]
    )
    return no_content() if partial is None else multi_status(partial)


async def retrieve_evolution(request: Request) -> Response:
    """GET temporal/entities/{entityId} (6.19.3.1)."""
    media_type = accept(request)
    allow_parameters(request, (*_VIEW, *_TEMPORAL))
    chosen, sys_attrs = read_temporal_format(request)
    wanted = read_map(request)
    call = await read_call(request)
    entity_id = request.path_params["entityId"]
    used, call = await named_map(request.broker, call, entity_id, wanted)
    result = await consumption.retrieve_temporal_evolution(
        request.broker,
        call,
        entity_id,
        _view_of(request, sys_attrs=sys_attrs),
        temporal_of(request),
        chosen,
    )
    result, altered, preference = _amended(request, result, call.ld_context)
    body = _render(result.entities[0], result, call.ld_context)
    headers = preference
    if wanted.concerned:
        headers |= map_header(used or await new_map(request.broker, call, entity_id, wanted, temporal=True))
    return await _respond(request, body, call.ld_context, media_type, result, headers, status=altered or 200)


async def query_evolutions(request: Request) -> Response:
    """GET temporal/entities/ (6.18.3.2)."""
    media_type = accept(request)
    allow_parameters(request, QUERY_PARAMETERS)
    paging = read_paging(request)
    chosen, sys_attrs = read_temporal_format(request)
    call = await read_call(request)
    source = query_of(request, paging, sys_attrs=sys_attrs)
    asked = (source, temporal_of(request), chosen)
    return await _answer_query(request, call, *asked, read_map(request), media_type)


async def query_evolutions_by_post(request: Request) -> Response:
    """POST temporal/entityOperations/query (6.24.3.1)."""
    media_type = accept(request)
    allow_parameters(request, (*PAGING_PARAMETERS, "format", "options"))
    paging = read_paging(request)
    chosen, sys_attrs = read_temporal_format(request)
    payload, call = await read_payload(request)
    wanted = take_map(request, payload)
    temporal = take_temporal(payload)
    source = read_query(payload, **asdict(paging), sys_attrs=sys_attrs, local=read_local(request))
    return await _answer_query(request, call, source, temporal, chosen, wanted, media_type)


async def _answer_query(
    request: Request,
    call: Call,
    source: QueryInput,
    temporal: TemporalInput,
    chosen: TemporalFormat,
    wanted: MapInput,
    media_type: str,
) -> Response:
    arguments = (request.broker, call, source, temporal, chosen)
    used: MapUsed | None = None
    if wanted.concerned:
        result, used = await query_temporal_evolution_with_map(*arguments, wanted)
    else:
        result = await consumption.query_temporal_evolution(*arguments)
    result, altered, preference = _amended(request, result, call.ld_context)
    body = [_render(one, result, call.ld_context) for one in result.entities]
    paging = Paging(source.limit, source.offset, source.count)
    headers = paging_headers(
        request,
        paging,
        more=result.more,
        count=result.count,
        media_type=media_type,
        next_offset=result.next_offset,
        previous_offset=result.previous_offset,
    )
    headers |= preference | ({} if used is None else map_header(used))
    status = altered or (201 if used is not None and used.created else 200)
    return await _respond(request, body, call.ld_context, media_type, result, headers, status=status)


async def _respond(
    request: Request,
    body: JsonObject | list[JsonObject],
    ld_context: LdContext,
    media_type: str,
    result: EvolutionsResult,
    headers: dict[str, str],
    *,
    status: int = 200,
) -> Response:
    """200; 201 with a new EntityMap; 206 with Content-Range if the answer holds a part of the time alone (6.3.10)."""
    part = result.range
    if part is None:
        return await respond(request, body, ld_context, media_type, status=status, headers=headers)
    headers["Content-Range"] = f"DateTime {part.start}-{part.end}/{part.size}"
    return await respond(request, body, ld_context, media_type, status=206, headers=headers)


def _amended(
    request: Request, result: EvolutionsResult, ld_context: LdContext
) -> tuple[EvolutionsResult, int, dict[str, str]]:
    """The evolutions as the version that the client prefers knew them (4.3.6.8), with status (0: unchanged), header."""
    version = wanted_version(request)
    if version is None:
        return result, 0, {}
    amended = [amend_evolution(one, version, ld_context) for one in result.entities]
    status = NON_AUTHORITATIVE if any(altered for _, altered in amended) else 0
    return replace(result, entities=[one for one, _ in amended]), status, applied(version)


def _render(entity: TemporalEntity, result: EvolutionsResult, ld_context: LdContext) -> JsonObject:
    view = result.view
    arguments = (entity.head, entity.attributes, ld_context, view.options, view.timeproperty)
    if view.aggregation is not None:
        return render_aggregated_evolution(*arguments, view.aggregation, view.interval)
    if view.format == "temporalValues":
        return render_simplified_evolution(*arguments)
    return render_evolution(*arguments)


def read_temporal_format(request: Request) -> tuple[TemporalFormat, bool]:
    """The representation, and whether system times are shown; `format` takes precedence over `options` (6.3.12).

    Raises:
        InvalidRequest: A value is not known, or `options` names both representations.
    """
    options = read_options(request, (*_FORMATS, "sysAttrs"))
    named = {_FORMATS[option] for option in options if option in _FORMATS}
    chosen = request.query_params.get("format")
    if chosen is not None:
        if chosen not in _FORMATS:
            raise InvalidRequest(f"format={chosen} is not supported here; expected one of {', '.join(_FORMATS)}.")
        named = {_FORMATS[chosen]}
    if len(named) > 1:
        raise InvalidRequest("options names more than one representation (clause 6.3.12).")
    return named.pop() if named else "normalized", "sysAttrs" in options


def _view_of(request: Request, *, sys_attrs: bool) -> ViewInput:
    given = request.query_params
    dataset_ids = given.get("datasetId")
    return ViewInput(
        attrs=given.get("attrs"),
        pick=given.get("pick"),
        omit=given.get("omit"),
        lang=given.get("lang"),
        dataset_ids=None if dataset_ids is None else identifiers(dataset_ids),
        sys_attrs=sys_attrs,
    )


def temporal_of(request: Request) -> TemporalInput:
    """The temporal query in the parameters of a GET (table 6.18.3.2-1)."""
    given = request.query_params
    return TemporalInput(
        timerel=given.get("timerel"),
        time_at=given.get("timeAt"),
        end_time_at=given.get("endTimeAt"),
        timeproperty=given.get("timeproperty"),
        last_n=whole_number(given.get("lastN"), "lastN"),
        aggregation=AggregationInput(given.get("aggrMethods"), given.get("aggrPeriodDuration")),
    )


def query_of(request: Request, paging: Paging, *, sys_attrs: bool) -> QueryInput:
    """The query that the parameters of a GET describe (table 6.18.3.2-1), but for its temporal part."""
    given = request.query_params
    selector = SelectorInput(given.get("type"), identifiers(given.get("id")), given.get("idPattern"))
    geo, ordering = None, None
    if any(name in given for name in ("georel", "geometry", "coordinates")):
        geo = GeoInput(given.get("georel"), given.get("geometry"), given.get("coordinates"), given.get("geoproperty"))
    if "orderBy" in given or "collation" in given:
        ordering = OrderingInput(given.get("orderBy"), given.get("collation"))
    return QueryInput(
        selectors=(selector,) if any(name in given for name in ("type", "id", "idPattern")) else (),
        q=given.get("q"),
        geo=geo,
        scope_q=given.get("scopeQ"),
        csf=given.get("csf"),
        expand_values=comma_list(given.get("expandValues")),
        ordering=ordering,
        view=_view_of(request, sys_attrs=sys_attrs),
        limit=paging.limit,
        offset=paging.offset,
        count=paging.count,
        local=read_local(request),
        json_keys=comma_list(given.get("jsonKeys")),
        split_entities=boolean(given["splitEntities"], "splitEntities") if "splitEntities" in given else None,
    )


_ENTITY: Final = f"{_ENTITIES}/{{entityId}}"
_ATTRIBUTE: Final = f"{_ENTITY}/attrs/{{attrId}}"
_INSTANCE: Final = f"{_ATTRIBUTE}/{{instanceId}}"
routes = [
    Route(_ENTITIES, create_evolution, methods=["POST"]),
    Route(_ENTITIES, query_evolutions, methods=["GET"]),
    Route(_ENTITY, retrieve_evolution, methods=["GET"]),
    Route(_ENTITY, delete_evolution, methods=["DELETE"]),
    Route(f"{_ENTITY}/attrs", add_attributes, methods=["POST"]),
    Route(_ATTRIBUTE, delete_attribute, methods=["DELETE"]),
    Route(_INSTANCE, modify_instance, methods=["PATCH"]),
    Route(_INSTANCE, delete_instance, methods=["DELETE"]),
    Route(f"{_ROOT}/entityOperations/query", query_evolutions_by_post, methods=["POST"]),
]
