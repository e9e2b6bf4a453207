"""The broker's own OpenAPI document: what it implements, from its routes; nothing that it does not answer.

Query parameters are listed here by operation; a test sends each of them to see that the operation knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ldt_stack.broker.http.headers import GEO_JSON, JSON, LD_JSON
from ldt_stack.broker.http.openapi_answers import ANSWERS, BODIES
from ldt_stack.broker.http.openapi_schemas import SCHEMAS, ref
from ldt_stack.broker.http.parameters import knows_local
from ldt_stack.broker.http.routing import Route
from ldt_stack.broker.http.snapshots import takes_snapshot
from ldt_stack.broker.model.names import JsonObject

NGSI_LD_VERSION: Final = "1.9.1"
MERGE_PATCH: Final = "application/merge-patch+json"
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
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_COMPLEX: Final = frozenset(  # queries in the body
    {
        "POST /entityOperations/query",
        "POST /temporal/entityOperations/query",
        "POST /entityMaps",
        "POST /temporal/entityMaps",
        "POST /subscriptions",
        "PATCH /subscriptions/{subscriptionId}",
        "POST /snapshots",
    }
)
_PROBLEM: Final[JsonObject] = {"content": {JSON: {"schema": ref("ProblemDetails")}}}
_FEATURES: Final[Mapping[str, JsonObject]] = {
    "GET /entities": ref("FeatureCollection"),
    "GET /entities/{entityId}": {"oneOf": [ref("Feature"), ref("FeatureCollection")]},
    "POST /entityOperations/query": ref("FeatureCollection"),
}
_DESCRIPTIONS: Final[Mapping[int, str]] = {
    200: "What was asked for",
    201: "Made",
    203: "Likewise, as an earlier version of the specification has it (4.3.6.8)",
    204: "Done",
    206: "A part of it, see Content-Range (6.3.10)",
    207: "Done in part",
    400: "BadRequestData or InvalidRequest",
    403: "TooComplexQuery or TooManyResults",
    404: "ResourceNotFound or NonexistentTenant",
    406: "None of the media types that there are, which are listed (6.3.4)",
    409: "AlreadyExists or Conflict",
    411: "No Content-Length (6.3.4)",
    413: "The body is larger than this broker takes",
    415: "Neither application/json nor application/ld+json (6.3.4)",
    422: "OperationNotSupported",
    500: "InternalError",
    504: "LdContextNotAvailable",
}


def openapi(routes: Iterable[Route], software_version: str) -> JsonObject:
    """The document (OpenAPI 3.0.3) for the routes of a broker."""
    paths: dict[str, JsonObject] = {}
    for route in routes:
        for method in sorted(route.methods):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Embedded NGSI-LD broker",
            "version": software_version,
            "description": f"What this broker implements of ETSI GS CIM 009 V{NGSI_LD_VERSION}.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(SCHEMAS)},
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
            *_header_parameters(route, method, names),
        ],
        "responses": _responses(key, route.path, method),
    }
    if method in _WITH_BODY:
        operation["requestBody"] = _body(key, method)
    return operation


def _path_parameters(route: Route) -> list[JsonObject]:
    names = [segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for name in names
    ]


def _query_parameters(names: Iterable[str], *, temporal: bool) -> list[JsonObject]:
    schemas = {**_SCHEMAS, "format": _TEMPORAL_FORMAT} if temporal else _SCHEMAS
    return [{"name": name, "in": "query", "schema": schemas.get(name, _STRING)} for name in names]


def _header_parameters(route: Route, method: str, parameters: Collection[str]) -> list[JsonObject]:
    wanted = [("X-Request-ID", "Comes back, and is in the log.", _STRING)]
    if route.path.startswith(_API):
        wanted += _HEADERS
        if "entityMap" in parameters:
            wanted.append(("NGSILD-EntityMap", "The EntityMap to page by (table 6.4.3.2-1).", _STRING))
        if "drop" in parameters:
            wanted.append(("NGSILD-EntityMap", "The EntityMap of what may go (table 6.4.3.3-2).", _STRING))
        if "format" in parameters:
            wanted.append(("Prefer", "body=json for GeoJSON (6.3.15); ngsi-ld=1.3 for an earlier version.", _STRING))
        if method == "GET":
            wanted.append(("If-None-Match", "ETags of what the client has (IETF RFC 9110).", _STRING))
    return [{"name": name, "in": "header", "description": text, "schema": schema} for name, text, schema in wanted]


def _body(key: str, method: str) -> JsonObject:
    media_types = [JSON, LD_JSON, *([MERGE_PATCH] if method == "PATCH" else [])]
    return {"required": True, "content": {name: {"schema": BODIES[key]} for name in media_types}}


def _responses(key: str, path: str, method: str) -> JsonObject:
    found: JsonObject = {}
    for status, body in ANSWERS[key].items():
        answer: JsonObject = {
            "description": _DESCRIPTIONS[status],
            "headers": _answer_headers(path, method, status, body),
        }
        if body is not None:
            answer["content"] = {
                media_type: {"schema": _FEATURES[key] if media_type == GEO_JSON else body}
                for media_type in _media_types(key, path, status)
            }
        found[str(status)] = answer
    if path.startswith(_API) and method == "GET":
        found["304"] = {"description": "It is what If-None-Match named (IETF RFC 9110)"}
    for status in _errors(key, path, method):
        found[str(status)] = _error(status)
    found["default"] = {"description": "Another error (6.3.2, 6.3.3)", **_PROBLEM}
    return found


def _media_types(key: str, path: str, status: int) -> tuple[str, ...]:
    if path == "/metrics":
        return ("text/plain",)
    if not path.startswith(_API) or (path.startswith(f"{_API}/entityOperations/") and key not in _FEATURES):
        return (JSON,)
    if status == 207 or key == "GET /jsonldContexts":
        return (JSON,)
    return (JSON, LD_JSON, GEO_JSON) if key in _FEATURES else (JSON, LD_JSON)


def _answer_headers(path: str, method: str, status: int, body: JsonObject | None) -> JsonObject:
    names = {"X-Request-ID": "The id under which the log speaks of the request."}
    if status == 201 and body is None:
        names["Location"] = "Where it is."
    if method == "GET" and path.startswith(_API):
        names["Link"] = "The @context (6.3.6); neighbouring pages (6.3.10)."
        if status == 200:
            names["ETag"] = "Of this representation (IETF RFC 9110)."
    return {name: {"description": text, "schema": _STRING, "required": name != "Link"} for name, text in names.items()}


def _errors(key: str, path: str, method: str) -> list[int]:
    """Statuses of table 6.3.2-1 and clause 6.3.4 that an operation may have."""
    if not path.startswith(_API):
        return [500]
    statuses = {400, 404, 406, 422, 500, 504}
    parameters = PARAMETERS.get(key, "").split()
    if method in _WITH_BODY:
        statuses |= {409, 411, 413, 415}
    if {"q", "joinLevel"} & set(parameters) or key in _COMPLEX:
        statuses.add(403)
    if "entityMap" in parameters or takes_snapshot(path):  # a Snapshot may still be prepared
        statuses.add(409)
    return sorted(statuses)


def _error(status: int) -> JsonObject:
    if status in (411, 413, 415):
        return {"description": _DESCRIPTIONS[status]}  # without a body (6.3.4)
    if status == 406:
        schema: JsonObject = {"type": "array", "items": _STRING}
        return {"description": _DESCRIPTIONS[status], "content": {JSON: {"schema": schema}}}
    return {"description": _DESCRIPTIONS[status], **_PROBLEM}
