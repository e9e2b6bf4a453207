"""Resources `csourceRegistrations/…`: ETSI GS CIM 009 V1.9.1, clauses 6.8 and 6.9."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from ldt_stack.broker.http.headers import accept, read_call, read_payload, refuse_geojson
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.paging import PAGING_PARAMETERS, paging_headers, read_paging
from ldt_stack.broker.http.parameters import allow_parameters, identifiers, read_options
from ldt_stack.broker.http.responses import created, no_content, respond
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.consumption.query_input import GeoInput
from ldt_stack.broker.operations.registrations import management as operations
from ldt_stack.broker.operations.registrations.query import RegistrationQueryInput, TemporalInput
from ldt_stack.broker.representation.registrations import render_registration

_PATH = "/ngsi-ld/v1/csourceRegistrations"
_GEO = ("georel", "geometry", "coordinates")
_TEMPORAL = ("timerel", "timeAt", "endTimeAt")
# Table 6.8.3.2-1; those that say how Entities are shown (geometryProperty, lang, omit) have nothing to act on here.
_QUERY_PARAMETERS = (
    *PAGING_PARAMETERS,
    *_GEO,
    *_TEMPORAL,
    "attrs",
    "csf",
    "datasetId",
    "geometryProperty",
    "geoproperty",
    "id",
    "idPattern",
    "lang",
    "omit",
    "options",
    "pick",
    "q",
    "scopeQ",
    "timeproperty",
    "type",
)


async def register_context_source(request: Request) -> Response:
    """POST csourceRegistrations/ (6.8.3.1)."""
    allow_parameters(request, ())
    payload, call = await read_payload(request)
    identifier = await operations.register_context_source(request.broker, call, payload)
    return created(f"{_PATH}/{quote(identifier, safe=':')}")


async def query_registrations(request: Request) -> Response:
    """GET csourceRegistrations/ (6.8.3.2)."""
    media_type = accept(request)
    allow_parameters(request, _QUERY_PARAMETERS)
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    paging = read_paging(request)
    call = await read_call(request)
    page = await operations.query_registrations(
        request.broker, call, _query_of(request), limit=paging.limit, offset=paging.offset, count=paging.count
    )
    body = [render_registration(found, call.ld_context, sys_attrs=sys_attrs) for found in page.registrations]
    shown = replace(paging, offset=page.offset)
    headers = paging_headers(request, shown, more=page.more, count=page.count, media_type=media_type)
    return await respond(request, body, call.ld_context, media_type, headers=headers)


async def retrieve_registration(request: Request) -> Response:
    """GET csourceRegistrations/{registrationId} (6.9.3.1)."""
    media_type = accept(request)
    allow_parameters(request, ("options",))
    sys_attrs = "sysAttrs" in read_options(request, ("sysAttrs",))
    call = await read_call(request)
    found = await operations.retrieve_registration(request.broker, call, request.path_params["registrationId"])
    body = render_registration(found, call.ld_context, sys_attrs=sys_attrs)
    return await respond(request, body, call.ld_context, media_type)


async def update_registration(request: Request) -> Response:
    """PATCH csourceRegistrations/{registrationId} (6.9.3.2)."""
    allow_parameters(request, ())
    fragment, call = await read_payload(request)
    await operations.update_registration(request.broker, call, request.path_params["registrationId"], fragment)
    return no_content()


async def delete_registration(request: Request) -> Response:
    """DELETE csourceRegistrations/{registrationId} (6.9.3.3)."""
    allow_parameters(request, ())
    refuse_geojson(request)
    call = await read_call(request)
    await operations.delete_registration(request.broker, call, request.path_params["registrationId"])
    return no_content()


def _query_of(request: Request) -> RegistrationQueryInput:
    """The query that the parameters describe; one that is there but empty is taken for absent."""
    given = {name: value for name, value in request.query_params.items() if value != ""}
    geo = temporal = None
    if any(name in given for name in _GEO):
        geo = GeoInput(given.get("georel"), given.get("geometry"), given.get("coordinates"), given.get("geoproperty"))
    if any(name in given for name in _TEMPORAL):
        temporal = TemporalInput(
            given.get("timerel"), given.get("timeAt"), given.get("endTimeAt"), given.get("timeproperty")
        )
    return RegistrationQueryInput(
        types=given.get("type"),
        ids=identifiers(given.get("id")),
        id_pattern=given.get("idPattern"),
        attrs=given.get("attrs"),
        pick=given.get("pick"),
        q=given.get("q"),
        geo=geo,
        temporal=temporal,
        csf=given.get("csf"),
        scope_q=given.get("scopeQ"),
        dataset_ids=identifiers(given["datasetId"]) if "datasetId" in given else None,
    )


routes = [
    Route(_PATH, register_context_source, methods=["POST"]),
    Route(_PATH, query_registrations, methods=["GET"]),
    Route(f"{_PATH}/{{registrationId}}", retrieve_registration, methods=["GET"]),
    Route(f"{_PATH}/{{registrationId}}", update_registration, methods=["PATCH"]),
    Route(f"{_PATH}/{{registrationId}}", delete_registration, methods=["DELETE"]),
]
