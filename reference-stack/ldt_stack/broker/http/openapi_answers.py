"""What each operation takes and answers when it succeeds: the tables of ETSI GS CIM 009 V1.9.1, clause 6.

Keys are the method and the path below `/ngsi-ld/v1`; bodies are schemas, None for an answer without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ldt_stack.broker.http.openapi_schemas import array, ref
from ldt_stack.broker.model.names import JsonObject

_Answers = dict[int, JsonObject | None]
_STRINGS: Final[JsonObject] = {"type": "array", "items": {"type": "string"}}

# 201: with a new EntityMap (table 6.4.3.2-3); 203: as an earlier version has it (4.3.6.8)
_ENTITIES: Final[_Answers] = dict.fromkeys((200, 201, 203), array("Entity"))
_ENTITY: Final = {"oneOf": [ref("Entity"), array("Entity")]}  # an array where linked Entities are appended (4.5.23.3)
_EVOLUTIONS: Final[_Answers] = dict.fromkeys((200, 201, 203, 206), array("Evolution"))
_MADE: Final[_Answers] = {201: None}
_DONE: Final[_Answers] = {204: None}
_DONE_IN_PART: Final[_Answers] = {204: None, 207: ref("UpdateResult")}
_BATCH: Final[_Answers] = {204: None, 207: ref("BatchResult")}
_FOUND: Final[_Answers] = {200: ref("Discovered")}
_LISTED: Final[_Answers] = {200: {"oneOf": [ref("Discovered"), array("Discovered")]}}

ANSWERS: Final[Mapping[str, Mapping[int, JsonObject | None]]] = {
    "GET /health": {200: ref("Health")},
    "GET /metrics": {200: {"type": "string"}},
    "GET /openapi.json": {200: {"type": "object"}},
    "GET /version": {200: ref("Version")},
    "GET /info/sourceIdentity": {200: ref("Identity")},
    "POST /federation/notifications/{token}": {200: None},
    "GET /attributes": _LISTED,
    "GET /attributes/{attrId}": _FOUND,
    "GET /types": _LISTED,
    "GET /types/{type}": _FOUND,
    "POST /csourceRegistrations": _MADE,
    "GET /csourceRegistrations": {200: array("Registration")},
    "GET /csourceRegistrations/{registrationId}": {200: ref("Registration")},
    "PATCH /csourceRegistrations/{registrationId}": _DONE,
    "DELETE /csourceRegistrations/{registrationId}": _DONE,
    "POST /csourceSubscriptions": _MADE,
    "GET /csourceSubscriptions": {200: array("Subscription")},
    "GET /csourceSubscriptions/{subscriptionId}": {200: ref("Subscription")},
    "PATCH /csourceSubscriptions/{subscriptionId}": _DONE,
    "DELETE /csourceSubscriptions/{subscriptionId}": _DONE,
    "POST /subscriptions": _MADE,
    "GET /subscriptions": {200: array("Subscription")},
    "GET /subscriptions/{subscriptionId}": {200: ref("Subscription")},
    "PATCH /subscriptions/{subscriptionId}": _DONE,
    "DELETE /subscriptions/{subscriptionId}": _DONE,
    "POST /entities": {201: None, 207: ref("BatchResult")},
    "GET /entities": _ENTITIES,
    "DELETE /entities": _BATCH,
    "GET /entities/{entityId}": dict.fromkeys((200, 201, 203), _ENTITY),
    "PUT /entities/{entityId}": {204: None, 207: ref("BatchResult")},
    "PATCH /entities/{entityId}": {204: None, 207: {"type": "object"}},
    "DELETE /entities/{entityId}": _BATCH,
    "POST /entities/{entityId}/attrs": _DONE_IN_PART,
    "PATCH /entities/{entityId}/attrs": _DONE_IN_PART,
    "PATCH /entities/{entityId}/attrs/{attrId}": _DONE_IN_PART,
    "PUT /entities/{entityId}/attrs/{attrId}": _DONE_IN_PART,
    "DELETE /entities/{entityId}/attrs/{attrId}": _DONE_IN_PART,
    "POST /entityOperations/create": {201: _STRINGS, 207: ref("BatchResult")},
    "POST /entityOperations/upsert": {201: _STRINGS, **_BATCH},
    "POST /entityOperations/update": _BATCH,
    "POST /entityOperations/merge": _BATCH,
    "POST /entityOperations/delete": _BATCH,
    "POST /entityOperations/query": _ENTITIES,
    "GET /entityMaps": {201: ref("EntityMap")},
    "POST /entityMaps": {201: ref("EntityMap")},
    "GET /entityMaps/{entityMapId}": {200: ref("EntityMap")},
    "PATCH /entityMaps/{entityMapId}": _DONE,
    "DELETE /entityMaps/{entityMapId}": _DONE,
    "GET /temporal/entityMaps": {201: ref("EntityMap")},
    "POST /temporal/entityMaps": {201: ref("EntityMap")},
    "POST /jsonldContexts": _MADE,
    "GET /jsonldContexts": {200: {"type": "array", "items": {}}},
    "GET /jsonldContexts/{contextId}": {200: ref("Context")},
    "DELETE /jsonldContexts/{contextId}": _DONE,
    "POST /snapshots": _MADE,
    "DELETE /snapshots": _DONE,
    "GET /snapshots/{snapshotId}": {200: ref("Snapshot")},
    "PATCH /snapshots/{snapshotId}": {200: ref("Snapshot")},
    "DELETE /snapshots/{snapshotId}": _DONE,
    "POST /snapshots/{snapshotId}/clone": _MADE,
    "POST /temporal/entities": {201: None, 204: None, 207: ref("BatchResult")},
    "GET /temporal/entities": _EVOLUTIONS,
    "GET /temporal/entities/{entityId}": dict.fromkeys((200, 201, 203, 206), ref("Evolution")),
    "DELETE /temporal/entities/{entityId}": _BATCH,
    "POST /temporal/entities/{entityId}/attrs": _BATCH,
    "DELETE /temporal/entities/{entityId}/attrs/{attrId}": _BATCH,
    "PATCH /temporal/entities/{entityId}/attrs/{attrId}/{instanceId}": _BATCH,
    "DELETE /temporal/entities/{entityId}/attrs/{attrId}/{instanceId}": _BATCH,
    "POST /temporal/entityOperations/query": _EVOLUTIONS,
}

_ENTITY_BATCH: Final[JsonObject] = {**array("NewEntity"), "minItems": 1}
_FRAGMENT_BATCH: Final[JsonObject] = {
    "type": "array",
    "minItems": 1,
    "items": {"allOf": [ref("EntityFragment"), {"type": "object", "required": ["id"]}]},
}
BODIES: Final[Mapping[str, JsonObject]] = {
    "POST /federation/notifications/{token}": {"type": "object"},
    "POST /csourceRegistrations": ref("NewRegistration"),
    "PATCH /csourceRegistrations/{registrationId}": ref("RegistrationFragment"),
    "POST /csourceSubscriptions": ref("NewSubscription"),
    "PATCH /csourceSubscriptions/{subscriptionId}": ref("SubscriptionFragment"),
    "POST /subscriptions": ref("NewSubscription"),
    "PATCH /subscriptions/{subscriptionId}": ref("SubscriptionFragment"),
    "POST /entities": ref("NewEntity"),
    "PUT /entities/{entityId}": ref("NewEntity"),
    "PATCH /entities/{entityId}": ref("EntityFragment"),
    "POST /entities/{entityId}/attrs": ref("EntityFragment"),
    "PATCH /entities/{entityId}/attrs": ref("EntityFragment"),
    "PATCH /entities/{entityId}/attrs/{attrId}": ref("AttributeFragment"),
    "PUT /entities/{entityId}/attrs/{attrId}": ref("AttributeFragment"),
    "POST /entityOperations/create": _ENTITY_BATCH,
    "POST /entityOperations/upsert": _ENTITY_BATCH,
    "POST /entityOperations/update": _FRAGMENT_BATCH,
    "POST /entityOperations/merge": _FRAGMENT_BATCH,
    "POST /entityOperations/delete": {"type": "array", "items": {"type": "string", "format": "uri"}, "minItems": 1},
    "POST /entityOperations/query": ref("Query"),
    "POST /entityMaps": ref("Query"),
    "PATCH /entityMaps/{entityMapId}": {"type": "object"},
    "POST /temporal/entityMaps": ref("TemporalQuery"),
    "POST /jsonldContexts": ref("NewContext"),
    "POST /snapshots": ref("NewSnapshot"),
    "PATCH /snapshots/{snapshotId}": ref("SnapshotFragment"),
    "POST /snapshots/{snapshotId}/clone": ref("SnapshotFragment"),
    "POST /temporal/entities": ref("NewEvolution"),
    "POST /temporal/entities/{entityId}/attrs": ref("EntityFragment"),
    "PATCH /temporal/entities/{entityId}/attrs/{attrId}/{instanceId}": {"type": "object"},
    "POST /temporal/entityOperations/query": ref("TemporalQuery"),
}
