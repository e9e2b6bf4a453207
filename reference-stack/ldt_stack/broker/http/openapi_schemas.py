"""Schemas of the broker's OpenAPI document: the data types of ETSI GS CIM 009 V1.9.1, clause 5.2, as far as JSON goes.

What a request may hold is described with an example; what an answer holds is described loosely where it depends on
the representation that was asked for (4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ldt_stack.broker.model.names import JsonObject

_STRING: Final[JsonObject] = {"type": "string"}
_URI: Final[JsonObject] = {"type": "string", "format": "uri", "minLength": 1}
_BOOLEAN: Final[JsonObject] = {"type": "boolean"}
_POSITIVE: Final[JsonObject] = {"type": "number", "exclusiveMinimum": True, "minimum": 0}
_INSTANT: Final[JsonObject] = {"type": "string", "format": "date-time"}
_NAMES: Final[JsonObject] = {"type": "array", "items": _STRING, "minItems": 1}
_ONE_OR_MORE: Final[JsonObject] = {"oneOf": [_STRING, _NAMES]}
_OBJECT: Final[JsonObject] = {"type": "object"}
_CONTEXT: Final[JsonObject] = {
    "description": "In application/ld+json alone (6.3.5).",
    "oneOf": [_STRING, _OBJECT, {"type": "array", "items": {}}],
}


def ref(name: str) -> JsonObject:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(name: str) -> JsonObject:
    """An array of one of `SCHEMAS`."""
    return {"type": "array", "items": ref(name)}


def _object(required: str, /, **properties: JsonObject) -> JsonObject:
    schema: JsonObject = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required.split()
    return schema


def _one_of(name: str) -> JsonObject:
    return {"type": "string", "enum": [name]}


_ENTITY_MEMBERS: Final[dict[str, JsonObject]] = {"type": _ONE_OR_MORE, "scope": _ONE_OR_MORE, "@context": _CONTEXT}
_PAIRS: Final[JsonObject] = {"type": "array", "items": _object("key value", key=_STRING, value=_STRING)}
_ENDPOINT: Final = _object(
    "uri",
    uri=_URI,
    accept={"type": "string", "enum": ["application/json", "application/ld+json", "application/geo+json"]},
    timeout=_POSITIVE,
    cooldown=_POSITIVE,
    receiverInfo=_PAIRS,
    notifierInfo=_PAIRS,
)
_NOTIFICATION: Final = _object(
    "endpoint",
    endpoint=_ENDPOINT,
    attributes=_NAMES,
    pick=_NAMES,
    omit=_NAMES,
    format={"type": "string", "enum": ["normalized", "concise", "simplified", "keyValues"]},
    join={"type": "string", "enum": ["flat", "inline", "@none"]},
    joinLevel={"type": "integer", "minimum": 1, "maximum": 10},
    showChanges=_BOOLEAN,
    sysAttrs=_BOOLEAN,
)
_URIS: Final[JsonObject] = {"oneOf": [_URI, {"type": "array", "items": _URI}]}
_SELECTOR: Final = _object("type", type=_STRING, id=_URIS, idPattern=_STRING)
_SELECTORS: Final[JsonObject] = {"type": "array", "items": _SELECTOR, "minItems": 1}
_GEO_QUERY: Final = _object(
    "georel geometry coordinates",
    georel=_STRING,
    geometry=_STRING,
    coordinates={"oneOf": [_STRING, {"type": "array", "items": {}}]},
    geoproperty=_STRING,
)
_TIME: Final = _object(
    "",
    timerel={"type": "string", "enum": ["before", "after", "between"]},
    timeAt=_INSTANT,
    endTimeAt=_INSTANT,
    timeproperty=_STRING,
)
_TRIGGERS: Final = [f"{what}{how}" for what in ("entity", "attribute") for how in ("Created", "Updated", "Deleted")]
_SUBSCRIPTION_MEMBERS: Final[dict[str, JsonObject]] = {
    "id": _URI,
    "entities": _SELECTORS,
    "watchedAttributes": _NAMES,
    "notificationTrigger": {"type": "array", "items": {"type": "string", "enum": _TRIGGERS}, "minItems": 1},
    "q": _STRING,
    "geoQ": _GEO_QUERY,
    "scopeQ": _STRING,
    "csf": _STRING,
    "lang": _STRING,
    "notification": _NOTIFICATION,
    "expiresAt": _INSTANT,
    "isActive": _BOOLEAN,
    "throttling": _POSITIVE,
    "timeInterval": _POSITIVE,
    "jsonldContext": _URI,
    "localOnly": _BOOLEAN,
    "@context": _CONTEXT,
}
_REGISTRATION_MEMBERS: Final[dict[str, JsonObject]] = {
    "id": _URI,
    "information": {"type": "array", "items": _OBJECT, "minItems": 1},
    "endpoint": _URI,
    "mode": {"type": "string", "enum": ["inclusive", "exclusive", "redirect", "auxiliary"]},
    "operations": _NAMES,
    "expiresAt": _INSTANT,
    "@context": _CONTEXT,
}
_ENTITY_EXAMPLE: Final[JsonObject] = {
    "id": "urn:ngsi-ld:Vehicle:1",
    "type": "Vehicle",
    "speed": {"type": "Property", "value": 40, "unitCode": "KMH", "observedAt": "2026-01-31T12:00:00Z"},
    "parkedAt": {"type": "Relationship", "object": "urn:ngsi-ld:Parking:1"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [6.13, 49.61]}},
}
_SUBSCRIPTION_EXAMPLE: Final[JsonObject] = {
    "type": "Subscription",
    "entities": [{"type": "Vehicle"}],
    "watchedAttributes": ["speed"],
    "q": "speed>50",
    "notification": {"endpoint": {"uri": "https://receiver.example/notify"}, "format": "concise"},
}
_REGISTRATION_EXAMPLE: Final[JsonObject] = {
    "type": "ContextSourceRegistration",
    "information": [{"entities": [{"type": "Vehicle"}]}],
    "endpoint": "https://source.example",
}

SCHEMAS: Final[Mapping[str, JsonObject]] = {
    "ProblemDetails": {
        **_object("type title", type=_URI, title=_STRING, detail=_STRING, status={"type": "integer"}),
        "description": "IETF RFC 7807; type is one of the errors of clause 5.5.2.",
    },
    "NewEntity": {
        **_object("id type", id=_URI, **_ENTITY_MEMBERS),
        "description": "5.2.4; every other member is an Attribute, normalized or concise (4.5).",
        "example": _ENTITY_EXAMPLE,
    },
    "EntityFragment": {
        **_object("", id=_URI, **_ENTITY_MEMBERS),
        "description": "5.4; Attributes, normalized or concise.",
        "example": {"speed": {"type": "Property", "value": 50}},
    },
    "AttributeFragment": {
        "type": "object",
        "description": "5.4; members of one Attribute.",
        "example": {"value": 50, "observedAt": "2026-01-31T12:05:00Z"},
    },
    "Entity": {**_object("", id=_URI, **_ENTITY_MEMBERS), "description": "In the representation that was asked for."},
    "Evolution": {**_object("", id=_URI, type=_ONE_OR_MORE), "description": "5.2.20, or one of its other forms (4.5)."},
    "Feature": _object("type id geometry properties", type=_one_of("Feature"), id=_URI, properties=_OBJECT),
    "FeatureCollection": _object("type features", type=_one_of("FeatureCollection"), features=array("Feature")),
    "NewEvolution": {
        **_object("id type", id=_URI, **_ENTITY_MEMBERS),
        "description": "5.2.20; every Attribute is an array of instances.",
        "example": {
            "id": "urn:ngsi-ld:Vehicle:1",
            "type": "Vehicle",
            "speed": [{"type": "Property", "value": 40, "observedAt": "2026-01-31T12:00:00Z"}],
        },
    },
    "Query": {
        **_object(
            "type", type=_one_of("Query"), entities={"type": "array", "items": _SELECTOR}, q=_STRING, geoQ=_GEO_QUERY
        ),
        "description": "5.2.23",
        "example": {"type": "Query", "entities": [{"type": "Vehicle"}], "q": "speed>30"},
    },
    "TemporalQuery": {
        **_object("type temporalQ", type=_one_of("Query"), entities=_SELECTORS, q=_STRING, temporalQ=_TIME),
        "description": "5.2.23 with temporalQ (5.2.21)",
        "example": {
            "type": "Query",
            "entities": [{"type": "Vehicle"}],
            "temporalQ": {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"},
        },
    },
    "NewSubscription": {
        **_object("type notification", type=_one_of("Subscription"), **_SUBSCRIPTION_MEMBERS),
        "description": "5.2.12",
        "example": _SUBSCRIPTION_EXAMPLE,
    },
    "SubscriptionFragment": {**_object("", **_SUBSCRIPTION_MEMBERS), "example": {"isActive": False}},
    "Subscription": _object("id type notification", **_SUBSCRIPTION_MEMBERS, status=_STRING),
    "NewRegistration": {
        **_object("type information endpoint", type=_one_of("ContextSourceRegistration"), **_REGISTRATION_MEMBERS),
        "description": "5.2.9",
        "example": _REGISTRATION_EXAMPLE,
    },
    "RegistrationFragment": {**_object("", **_REGISTRATION_MEMBERS), "example": {"mode": "inclusive"}},
    "Registration": _object("id type information", **_REGISTRATION_MEMBERS),
    "NewContext": {
        **_object("@context", **{"@context": {"oneOf": [_STRING, _OBJECT, {"type": "array", "items": {}}]}}),
        "example": {"@context": {"speed": "https://example.org/speed"}},
    },
    "Context": _OBJECT,
    "UpdateResult": _object(
        "updated notUpdated",
        updated={"type": "array", "items": _STRING},
        notUpdated={"type": "array", "items": _object("attributeName reason", attributeName=_STRING, reason=_STRING)},
    ),
    "BatchResult": _object(
        "success errors",
        success={"type": "array", "items": _URI},
        errors={"type": "array", "items": _object("entityId error", entityId=_STRING, error=ref("ProblemDetails"))},
    ),
    "EntityMap": _object("id type", id=_URI, type=_one_of("EntityMap")),
    "NewSnapshot": {
        **_object(
            "type",
            type=_one_of("Snapshot"),
            id=_URI,
            snapshotQueries={"type": "array", "items": ref("Query")},
            snapshotTemporalQueries={"type": "array", "items": ref("TemporalQuery")},
        ),
        "description": "5.2.41",
        "example": {"type": "Snapshot", "snapshotQueries": [{"type": "Query", "entities": [{"type": "Vehicle"}]}]},
    },
    "SnapshotFragment": {**_object("type", type=_one_of("Snapshot")), "description": "5.2.41"},
    "Snapshot": _object("id type", id=_URI),
    "Discovered": {**_object("id type", id=_URI, type=_STRING), "description": "5.2.24 to 5.2.28"},
    "Identity": _object("id type contextSourceAlias", id=_URI, contextSourceAlias=_STRING, contextSourceUptime=_STRING),
    "Health": _object("status", status=_one_of("up")),
    "Version": _object("name version ngsiLd", name=_STRING, version=_STRING, ngsiLd=_STRING, coreContext=_STRING),
}
