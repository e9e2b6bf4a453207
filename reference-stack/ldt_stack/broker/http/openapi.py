"""The broker's own OpenAPI document: what it implements, from its routes; nothing that it does not answer.

Query parameters are listed here by operation; a test sends each of them to see that the operation knows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.routing import Route

from ldt_stack.broker.http.headers import GEO_JSON, JSON, LD_JSON
from ldt_stack.broker.http.parameters import knows_local
from ldt_stack.broker.model.names import JsonObject

NGSI_LD_VERSION: Final = "1.9.1"
_API: Final = "/ngsi-ld/v1"
_STRING: Final[JsonObject] = {"type": "string"}
_BOOLEAN: Final[JsonObject] = {"type": "boolean"}
_COUNT: Final[JsonObject] = {"type": "integer", "minimum": 0}
_SCHEMAS: Final[Mapping[str, JsonObject]] = {
    "count": _BOOLEAN,
    "deleteAll": _BOOLEAN,
    "details": _BOOLEAN,
    "entityMap": _BOOLEAN,
    "local": _BOOLEAN,
    "reload": _BOOLEAN,
    "splitEntities": _BOOLEAN,
    "limit": _COUNT,
    "offset": _COUNT,
    "lastN": {"type": "integer", "minimum": 1},
    "joinLevel": {"type": "integer", "minimum": 1, "maximum": 10},
    "format": {"type": "string", "enum": ["normalized", "concise", "simplified", "keyValues"]},
    "join": {"type": "string", "enum": ["flat", "inline", "@none"]},
    "timerel": {"type": "string", "enum": ["before", "after", "between"]},
    "timeproperty": {"type": "string", "enum": ["observedAt", "createdAt", "modifiedAt", "deletedAt"]},
    "timeAt": {"type": "string", "format": "date-time"},
    "endTimeAt": {"type": "string", "format": "date-time"},
    "observedAt": {"type": "string", "format": "date-time"},
    "kind": {"type": "string", "enum": ["Hosted", "Cached", "ImplicitlyCreated"]},
}

_TEMPORAL_FORMAT: Final[JsonObject] = {
    "type": "string",
    "enum": ["normalized", "concise", "temporalValues", "aggregatedValues"],
}

_PAGING: Final = "limit offset count"
_VIEW: Final = "format options geometryProperty attrs pick omit lang datasetId join joinLevel containedBy"
_SELECT: Final = "type id idPattern q scopeQ csf georel geometry coordinates geoproperty"
_ORDER: Final = "orderBy orderFrom orderGeometry collation expandValues jsonKeys"
_MAP: Final = "entityMap entityMapLifetime"
_EVOLUTIONS: Final = (
    "attrs pick omit lang datasetId format options expandValues jsonKeys orderBy collation splitEntities"
)
_TEMPORAL: Final = "timerel timeAt endTimeAt timeproperty lastN aggrMethods aggrPeriodDuration"
PARAMETERS: Final[Mapping[str, str]] = {
    "GET /entities": f"{_PAGING} {_VIEW} {_SELECT} {_ORDER} {_MAP} splitEntities",
    "GET /entityMaps": f"{_PAGING} {_VIEW} {_SELECT} {_ORDER} {_MAP} splitEntities",
    "POST /entityMaps": f"{_PAGING} format options geometryProperty",
    "GET /temporal/entityMaps": f"{_PAGING} {_SELECT} {_TEMPORAL} {_EVOLUTIONS} {_MAP}",
    "POST /temporal/entityMaps": f"{_PAGING} format options",
    "DELETE /snapshots": "q",
    "DELETE /entities": f"{_SELECT} attrs keep drop geometryProperty",
    "GET /entities/{entityId}": f"{_VIEW} {_MAP} type",
    "PUT /entities/{entityId}": "type",
    "PATCH /entities/{entityId}": "format lang observedAt options type",
    "DELETE /entities/{entityId}": "type",
    "POST /entities/{entityId}/attrs": "options type",
    "PATCH /entities/{entityId}/attrs": "type",
    "PATCH /entities/{entityId}/attrs/{attrId}": "type",
    "PUT /entities/{entityId}/attrs/{attrId}": "type",
    "DELETE /entities/{entityId}/attrs/{attrId}": "datasetId deleteAll type",
    "POST /entityOperations/upsert": "options",
    "POST /entityOperations/update": "options",
    "POST /entityOperations/merge": "format lang observedAt options",
    "POST /entityOperations/query": f"{_PAGING} format options geometryProperty",
    "GET /types": "details",
    "GET /attributes": "details",
    "GET /subscriptions": f"{_PAGING} options",
    "GET /subscriptions/{subscriptionId}": "options",
    "GET /csourceRegistrations": f"{_PAGING} {_SELECT} attrs pick omit lang datasetId options geometryProperty timerel "
    "timeAt endTimeAt timeproperty",
    "GET /csourceRegistrations/{registrationId}": "options",
    "GET /csourceSubscriptions": f"{_PAGING} options",
    "GET /csourceSubscriptions/{subscriptionId}": "options",
    "GET /jsonldContexts": "details kind",
    "GET /jsonldContexts/{contextId}": "details",
    "DELETE /jsonldContexts/{contextId}": "reload",
    "GET /temporal/entities": f"{_PAGING} {_SELECT} {_TEMPORAL} {_EVOLUTIONS} {_MAP}",
    "GET /temporal/entities/{entityId}": f"{_TEMPORAL} {_MAP} attrs pick omit lang datasetId format options",
    "DELETE /temporal/entities/{entityId}/attrs/{attrId}": "datasetId deleteAll",
    "POST /temporal/entityOperations/query": f"{_PAGING} format options",
}
_HEADERS: Final = (
    ("NGSILD-Tenant", "The tenant; left out for the default tenant (6.3.14).", _STRING),
    ("NGSILD-Snapshot", "The Snapshot; left out for the current state of the tenant (6.3.22).", _STRING),
    ("Link", "The @context, where it is not in the payload (6.3.5).", _STRING),
)
_BATCH: Final = frozenset({"create", "upsert", "update", "merge", "delete"})
# No tenant and no @context of a request applies to these.
_PLAIN: Final = ("/health", "/version", "/metrics", "/openapi.json")


def openapi(routes: Iterable[Route], software_version: str) -> JsonObject:
    """The document (OpenAPI 3.0.3) for the routes of a broker."""
    paths: dict[str, JsonObject] = {}
    for route in routes:
        for method in sorted(set(route.methods or ()) - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Embedded NGSI-LD broker",
            "version": software_version,
            "description": f"What this broker implements of ETSI GS CIM 009 V{NGSI_LD_VERSION}.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": {"ProblemDetails": _problem_schema()}},
    }


def _operation(route: Route, method: str) -> JsonObject:
    key = f"{method} {route.path.removeprefix(_API)}"
    names = PARAMETERS.get(key, "").split()
    if knows_local(route.path):
        names.append("local")
    name = f"{route.endpoint.__module__.rpartition('.')[2]}_{route.endpoint.__name__}"
    operation: JsonObject = {
        "operationId": name,
        "summary": (route.endpoint.__doc__ or "").strip().splitlines()[0],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(names, temporal="/temporal/" in route.path),
            *_header_parameters(route),
        ],
        "responses": _responses(route, method),
    }
    if method in {"POST", "PUT", "PATCH"}:
        operation["requestBody"] = {"required": True, "content": _body(route)}
    return operation


def _path_parameters(route: Route) -> list[JsonObject]:
    names = [segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def _query_parameters(names: Iterable[str], *, temporal: bool) -> list[JsonObject]:
    schemas = {**_SCHEMAS, "format": _TEMPORAL_FORMAT} if temporal else _SCHEMAS
    return [{"name": name, "in": "query", "schema": schemas.get(name, _STRING)} for name in names]


def _header_parameters(route: Route) -> list[JsonObject]:
    if route.path in _PLAIN:
        return []
    return [{"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in _HEADERS]


def _body(route: Route) -> JsonObject:
    resource, _, last = route.path.rpartition("/")
    batch = resource == f"{_API}/entityOperations" and last in _BATCH
    element: JsonObject = {"type": "string" if last == "delete" else "object"}
    schema: JsonObject = {"type": "array", "items": element, "minItems": 1} if batch else {"type": "object"}
    return {media_type: {"schema": schema} for media_type in (JSON, LD_JSON)}


def _responses(route: Route, method: str) -> JsonObject:
    problem = {"content": {JSON: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
    responses: JsonObject = {"default": {"description": "An error (6.3.2, 6.3.3)", **problem}}
    if method == "GET" or route.path.endswith(("/query", "/entityMaps")):
        geo = (GEO_JSON,) if route.path.startswith((f"{_API}/entities", f"{_API}/entityOperations")) else ()
        content: JsonObject = {media_type: {} for media_type in (JSON, LD_JSON, *geo)}
        responses["200"] = {"description": "What was asked for", "content": content}
        if route.path.endswith(("/entities", "/query", "/entityMaps")):
            responses["201"] = {"description": "Likewise, with a new EntityMap (table 6.4.3.2-3)", "content": content}
        if "/temporal/" in route.path:
            responses["206"] = {"description": "A part of it, see Content-Range (6.3.10)", "content": content}
    else:
        responses["2XX"] = {"description": "Done: 201, 204; 207 if only in part"}
    return responses


def _problem_schema() -> JsonObject:
    return {
        "type": "object",
        "required": ["type", "title", "detail"],
        "properties": dict.fromkeys(("type", "title", "detail"), _STRING) | {"status": {"type": "integer"}},
    }
