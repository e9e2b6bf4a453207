"""DELETE of the resource `entities/`, Purge Entities: ETSI GS CIM 009 V1.9.1, clause 6.4.3.3."""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.http.entities import PATH
from ldt_stack.broker.http.headers import read_call, refuse_geojson
from ldt_stack.broker.http.map_use import map_header, named_map
from ldt_stack.broker.http.messages import Request, Response
from ldt_stack.broker.http.parameters import allow_parameters, boolean, comma_list, identifiers
from ldt_stack.broker.http.problems import problem
from ldt_stack.broker.http.responses import json_response, no_content
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.operations.consumption.query_input import GeoInput, QueryInput, SelectorInput, ViewInput
from ldt_stack.broker.operations.entity_maps.management import MapUsed
from ldt_stack.broker.operations.provision.purge import purge_entities as purge

_SELECTOR: Final = ("type", "id", "idPattern")
_GEO: Final = ("georel", "geometry", "coordinates")
_PARAMETERS: Final = (
    *_SELECTOR,
    *_GEO,
    "attrs",
    "csf",
    "drop",
    "geometryProperty",
    "geoproperty",
    "keep",
    "q",
    "scopeQ",
)


async def purge_entities(request: Request) -> Response:
    """DELETE entities/ (6.4.3.3)."""
    allow_parameters(request, _PARAMETERS)
    refuse_geojson(request)
    call = await read_call(request)
    given = request.query_params
    selector = SelectorInput(given.get("type"), identifiers(given.get("id")), given.get("idPattern"))
    geo = None
    if any(name in given for name in _GEO):
        geo = GeoInput(given.get("georel"), given.get("geometry"), given.get("coordinates"), given.get("geoproperty"))
    source = QueryInput(
        selectors=(selector,) if any(name in given for name in _SELECTOR) else (),
        q=given.get("q"),
        geo=geo,
        scope_q=given.get("scopeQ"),
        csf=given.get("csf"),
        view=ViewInput(attrs=given.get("attrs")),
        local=boolean(given["local"], "local") if "local" in given else None,
    )
    keep, drop = (comma_list(given[name]) if name in given else None for name in ("keep", "drop"))
    if () in (keep, drop):
        raise BadRequestData("keep and drop name Attributes; expected at least one")
    map_id = named_map(request)
    failures = await purge(request.broker, call, source, keep=keep, drop=drop, entity_map=map_id)
    headers = {} if map_id is None else map_header(MapUsed(map_id, created=False))
    if not failures:
        return no_content(headers)
    # Of Entities elsewhere only the Registration is known.
    errors = [{"registrationId": one.registration_id, "error": problem(one.error)} for one in failures]
    return json_response({"success": [], "errors": errors}, 207, headers)


routes = [Route(PATH, purge_entities, methods=["DELETE"])]
