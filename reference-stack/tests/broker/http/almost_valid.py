"""Requests that are valid, or nearly so, for each operation that the broker's OpenAPI document has.

What a generator makes of the document alone hardly ever passes the first look at a request: a member has to be a URI, a
parameter wants another one beside it. Here everything is right at first, and then a few things are changed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from .. import junk

CAR: Final = "urn:ngsi-ld:Car:1"
BUS: Final = "urn:ngsi-ld:Bus:1"
DATASET: Final = "urn:ngsi-ld:Dataset:1"
TIME: Final = "2026-01-01T00:00:00Z"
LATER: Final = "2026-06-01T00:00:00Z"
FUTURE: Final = "2999-01-01T00:00:00Z"
NULL: Final = "urn:ngsi-ld:null"
POINT: Final = {"type": "Point", "coordinates": [1, 2]}
POLYGON: Final = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}
NOWHERE: Final = "http://127.0.0.1:9/"
CONTEXT: Final = {
    "Car": "https://example.org/Car",
    "speed": {"@id": "https://example.org/speed"},
    "ex": "https://example.org/",
}

ATTRIBUTES: Final[dict[str, Any]] = {
    "speed": [
        {"type": "Property", "value": 5, "observedAt": TIME, "unitCode": "KMH", "by": {"object": BUS}},
        {"type": "Property", "value": 6, "datasetId": DATASET, "expiresAt": FUTURE},
    ],
    "name": {"type": "LanguageProperty", "languageMap": {"en": "car", "fr": ["voiture", "auto"]}},
    "location": {"type": "GeoProperty", "value": POINT},
    "isParked": {"type": "Relationship", "object": BUS, "objectType": "Bus"},
    "owners": {"type": "ListRelationship", "objectList": [CAR, BUS], "objectType": "Bus"},
    "periods": {"type": "ListProperty", "valueList": [1, "two", {"three": 3}]},
    "category": {"type": "VocabProperty", "vocab": ["Car", "speed"]},
    "raw": {"type": "JsonProperty", "json": {"a": [1, None, {"b": "c"}]}},
    "size": 7,
    "open": {"value": True, "valueType": "https://example.org/Kind"},
    "when": {"type": "Property", "value": {"@type": "DateTime", "@value": TIME}},
}
SIMPLE: Final = {"speed": 9, "name": "x", "location": POINT, "isParked": BUS, "periods": [1, 2], "raw": {"a": NULL}}
SELECTORS: Final = [{"id": CAR, "type": "Car"}, {"type": "Car|Bus"}, {"idPattern": "^urn:.*", "type": "Car"}]
GEO: Final = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [1, 2], "geoproperty": "location"}
INTERVAL: Final = {"timerel": "between", "timeAt": TIME, "endTimeAt": FUTURE, "timeproperty": "modifiedAt"}
ENDPOINT: Final = {
    "uri": NOWHERE,
    "accept": "application/json",
    "receiverInfo": [{"key": "X-A", "value": "b"}],
    "notifierInfo": [{"key": "MQTT-QoS", "value": "1"}],
    "timeout": 100,
    "cooldown": 100_000,
}
NOTIFICATION: Final = {"attributes": ["speed"], "format": "concise", "endpoint": ENDPOINT, "showChanges": True}
SUBSCRIPTION: Final[dict[str, Any]] = {
    "type": "Subscription",
    "subscriptionName": "one",
    "entities": SELECTORS,
    "watchedAttributes": ["speed", "name"],
    "notificationTrigger": ["entityCreated", "attributeUpdated", "entityDeleted"],
    "q": "speed>1;name[en]~=c",
    "geoQ": GEO,
    "scopeQ": "/a/#",
    "lang": "en",
    "throttling": 1,
    "expiresAt": FUTURE,
    "datasetId": ["@none", DATASET],
    "isActive": True,
    "notification": NOTIFICATION,
}
REGISTRATION: Final[dict[str, Any]] = {
    "type": "ContextSourceRegistration",
    "registrationName": "one",
    "information": [{"entities": [{"type": "Tram"}], "propertyNames": ["speed"], "relationshipNames": ["isParked"]}],
    "endpoint": NOWHERE,
    "mode": "inclusive",
    "operations": ["federationOps", "updateOps"],
    "observationInterval": {"startAt": TIME, "endAt": FUTURE},
    "managementInterval": {"startAt": TIME},
    "location": POLYGON,
    "contextSourceInfo": [{"key": "jsonldContext", "value": NOWHERE}],
    "management": {"localOnly": True, "timeout": 100, "cooldown": 1, "cacheDuration": "PT1S"},
    "scope": ["/a"],
    "datasetId": [DATASET],
    "expiresAt": FUTURE,
}
QUERY: Final[dict[str, Any]] = {
    "type": "Query",
    "entities": [{"type": "Car"}],
    "q": "speed>1",
    "geoQ": GEO,
    "scopeQ": "/a/#",
    "pick": ["id", "speed", "name"],
    "lang": "fr",
    "containedBy": [BUS],
    "join": "inline",
    "joinLevel": 2,
    "ordering": {"orderBy": ["speed;desc", "location;dist-asc"], "geometry": "Point", "coordinates": [1, 2]},
    "datasetId": ["@none"],
}
EVOLUTION: Final[dict[str, Any]] = {
    "speed": [{"type": "Property", "value": n, "observedAt": f"2026-0{n}-01T00:00:00Z"} for n in (1, 2, 3)],
    "isParked": [{"type": "Relationship", "object": BUS, "observedAt": TIME}],
    "name": {"type": "LanguageProperty", "languageMap": {"en": "x"}, "observedAt": TIME},
    "location": [{"type": "GeoProperty", "value": POINT, "observedAt": TIME}],
    "scope": {"type": "Property", "value": ["/a"], "observedAt": TIME},
}
TEXTS: Final[dict[str, list[str]]] = {
    "details": ["true", "false"],
    "local": ["true"],
    "limit": ["1", "0", "20"],
    "offset": ["1", "0"],
    "count": ["true"],
    "type": ["Car", "Car|Bus", "(Car;Bus)", "https://example.org/Car"],
    "id": [CAR, f"{CAR},{BUS}"],
    "idPattern": ["^urn:.*", "Car"],
    "q": [
        "speed>1",
        'name[en]=="car"',
        "isParked{size}>1",
        "raw[a]",
        "speed==1..9|!size",
        "speed.observedAt>2020-01-01T00:00:00Z",
    ],
    "scopeQ": ["/a/#", "/a/b;/c|/+"],
    "csf": ['endpoint=="http://x"'],
    "attrs": ["speed", "speed,name,location"],
    "pick": ["id,type,speed", "isParked{size}"],
    "omit": ["speed", "isParked{size}"],
    "lang": ["en", "fr-CH,en;q=0.5,*"],
    "datasetId": ["@none", f"@none,{DATASET}"],
    "options": ["keyValues", "sysAttrs", "concise", "sysAttrs,concise", "noOverwrite", "update", "temporalValues"],
    "geometryProperty": ["location", "place"],
    "timeproperty": ["modifiedAt", "observedAt", "createdAt", "deletedAt"],
    "keep": ["speed"],
    "drop": ["speed", "scope,name"],
    "format": ["simplified", "concise", "normalized", "temporalValues"],
    "join": ["inline", "flat", "@none"],
    "joinLevel": ["1", "3"],
    "containedBy": [BUS, CAR],
    "orderBy": ["speed", "name[en];desc,id", "size;asc", "speed.observedAt", "raw[a][b]"],
    "collation": ["root", "de"],
    "expandValues": ["category", "speed"],
    "jsonKeys": ["raw"],
    "entityMap": ["true"],
    "entityMapLifetime": ["PT1M"],
    "splitEntities": ["true", "false"],
    "observedAt": [TIME],
    "deleteAll": ["true"],
    "kind": ["Hosted", "Cached", "ImplicitlyCreated"],
    "reload": ["false"],
    "lastN": ["1", "3"],
}
TOGETHER: Final[list[dict[str, str]]] = [
    {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[1,2]"},
    {
        "georel": "within",
        "geometry": "Polygon",
        "coordinates": "[[[0,0],[4,0],[4,4],[0,4],[0,0]]]",
        "geoproperty": "location",
    },
    {"timerel": "before", "timeAt": FUTURE},
    {"timerel": "between", "timeAt": TIME, "endTimeAt": FUTURE},
    {"timerel": "after", "timeAt": TIME, "timeproperty": "modifiedAt"},
    {"format": "aggregatedValues", "aggrMethods": "max,avg,distinctCount", "aggrPeriodDuration": "P1D"},
    {"orderBy": "location;dist-asc", "orderFrom": "[1,2]", "orderGeometry": "Point"},
    {"options": "keyValues", "lang": "en"},
]
HEADERS: Final[dict[str, list[str]]] = {
    "Accept": ["application/json", "application/ld+json", "application/geo+json", "text/turtle", "*/*;q=0.1"],
    "Prefer": ["body=ld+json", "body=json", "ngsi-ld=1.6"],
    "If-None-Match": ["*", 'W/"x"'],
    "NGSILD-Tenant": ["other", "nobody"],
    "NGSILD-EntityMap": ["urn:ngsi-ld:EntityMap:1"],
    "NGSILD-Snapshot": ["urn:ngsi-ld:Snapshot:1"],
    "Link": ['<urn:none>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'],
}
PATHS: Final[dict[str, list[str]]] = {
    "entityId": [CAR, CAR, BUS],
    "attrId": ["speed", "speed", "name", "location", "isParked", "owners", "raw", "scope"],
    "type": ["Car", "https://example.org/Car"],
    "instanceId": ["urn:ngsi-ld:instance:1"],
    "registrationId": ["urn:ngsi-ld:Registration:1"],
    "subscriptionId": ["urn:ngsi-ld:Subscription:1"],
    "entityMapId": ["urn:ngsi-ld:EntityMap:1"],
    "snapshotId": ["urn:ngsi-ld:Snapshot:1"],
    "contextId": ["urn:ngsi-ld:LdContext:1", "https://example.org/context.jsonld"],
    "token": ["x"],
}


@dataclass(frozen=True)
class Almost:
    """A request; `content` None: it has no body."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str] = field(default_factory=dict)
    content: Any = None


def entity(chance: random.Random) -> dict[str, Any]:
    """An Entity with some Attributes of all kinds."""
    names = chance.sample(sorted(ATTRIBUTES), chance.randint(1, 5))
    more = [{"scope": ["/a/b", "/c"]}, {"expiresAt": FUTURE}, {"@context": CONTEXT}, {}, {}, {}]
    identifier, kind = chance.choice([(CAR, "Car"), (BUS, ["Bus", "Vehicle"]), (f"{CAR}:{chance.randrange(9)}", "Car")])
    return {"id": identifier, "type": kind, **{name: ATTRIBUTES[name] for name in names}, **chance.choice(more)}


def fragment(chance: random.Random) -> dict[str, Any]:
    """Of an Entity, normalized or simplified, perhaps with NGSI-LD Nulls."""
    if chance.random() < 0.3:
        return dict(chance.sample(sorted(SIMPLE.items(), key=str), 3))
    found = {name: one for name, one in entity(chance).items() if name not in {"id", "type"}}
    return found | ({chance.choice(sorted(ATTRIBUTES)): NULL} if chance.random() < 0.3 else {})


def attribute(chance: random.Random) -> Any:
    """Of an Entity."""
    found = chance.choice([one for one in ATTRIBUTES.values() if isinstance(one, dict | list)])
    return found[0] if isinstance(found, list) else found


def part(chance: random.Random, whole: dict[str, Any], *needed: str) -> dict[str, Any]:
    """Some members, and those that must be there."""
    return {name: value for name, value in whole.items() if name in needed or chance.random() < 0.5}


def body(chance: random.Random, method: str, path: str) -> Any:
    """As the operation wants it."""
    last = path.rsplit("/", 1)[-1]
    if "/entityOperations/" in path and last != "query":
        size = chance.randint(1, 4)
        return [CAR, BUS][:size] if last == "delete" else [entity(chance) for _ in range(size)]
    if last in {"query", "entityMaps"}:
        temporal = {"temporalQ": INTERVAL} if "/temporal/" in path else {}
        return {**part(chance, QUERY, "type", "entities"), **temporal}
    if path.startswith("/temporal/"):
        return attribute(chance) if "instanceId" in path else {"id": CAR, "type": "Car", **part(chance, EVOLUTION)}
    if path.startswith("/entities/"):
        if "{attrId}" in path:
            return attribute(chance)
        return fragment(chance) if method != "PUT" else {**entity(chance), "id": CAR}
    return _document(chance, method, path)


def _document(chance: random.Random, method: str, path: str) -> Any:
    """Of what is no Entity."""
    if path.startswith("/entities"):
        return entity(chance)
    if path.startswith(("/subscriptions", "/csourceSubscriptions")):
        whole = part(chance, SUBSCRIPTION, "type", "entities", "notification")
        whole |= chance.choice([{}, {}, {"timeInterval": 1000}, {"id": "urn:ngsi-ld:Subscription:1"}])
    elif path.startswith("/csourceRegistrations"):
        whole = {**part(chance, REGISTRATION, "type", "information", "endpoint"), "id": "urn:ngsi-ld:Registration:1"}
    elif path.startswith("/jsonldContexts"):
        return {"@context": chance.choice([CONTEXT, [CONTEXT, {"a": "ex:b"}]])}
    elif path.endswith("{snapshotId}") or "/entityMaps" in path:
        return {"type": "Snapshot" if "snapshot" in path else "EntityMap", "expiresAt": FUTURE}
    elif path.startswith("/snapshots"):
        queries = [part(chance, QUERY, "type", "entities")]
        return {"type": "Snapshot", "id": "urn:ngsi-ld:Snapshot:1", "snapshotQueries": queries, "expiresAt": FUTURE}
    else:
        return {"id": "urn:n:1", "type": "Notification", "subscriptionId": "urn:s:1", "data": [entity(chance)]}
    return {name: value for name, value in whole.items() if name != "id"} if method == "PATCH" else whole


def almost(chance: random.Random, method: str, path: str, known: list[str], *, has_body: bool) -> Almost:
    """A request for an operation, in half of the cases with something changed.

    Args:
        chance: Chooses.
        method: Its HTTP method.
        path: As OpenAPI has it, below the API root.
        known: Names of its query parameters.
        has_body: Whether it takes one.
    """
    parameters = _parameters(chance, known)
    headers = {name: chance.choice(texts) for name, texts in HEADERS.items() if chance.random() < 0.08}
    content = body(chance, method, path) if has_body else None
    values = {name: chance.choice(texts) for name, texts in PATHS.items()}
    for _ in range(chance.choice([0, 0, 0, 1, 1, 2])):
        kind = chance.random()
        if content is not None and kind < 0.6:
            content = junk.mutated(chance, content)
        elif parameters and kind < 0.9:
            name = chance.choice(sorted(parameters))
            parameters[name] = _changed(chance, parameters[name])
        elif kind < 0.95:
            values = {name: _changed(chance, text) for name, text in values.items()}
        else:
            headers = {name: _changed(chance, text, safe=True) for name, text in headers.items()}
    documents = content if isinstance(content, list) else [content]
    if any(isinstance(one, dict) and "@context" in one for one in documents):
        headers["Content-Type"] = "application/ld+json"
        headers.pop("Link", None)
    filled = path.format(**{name: quote(text, safe=":") or "x" for name, text in values.items()})
    return Almost(method, filled, parameters, headers, content)


def _parameters(chance: random.Random, known: list[str]) -> dict[str, str]:
    """Some that go together."""
    found = {name: chance.choice(TEXTS[name]) for name in known if name in TEXTS and chance.random() < 0.1}
    if "type" in known and "q" in known and chance.random() < 0.8:
        found["type"] = chance.choice(TEXTS["type"])
    for group in TOGETHER:
        if group.keys() <= set(known) and chance.random() < (0.4 if "timerel" in group else 0.15):
            found |= group
    return found


def _changed(chance: random.Random, text: str, *, safe: bool = False) -> str:
    """A text with a piece cut out, doubled or put in, or another one."""
    at = chance.randrange(len(text) + 1)
    pieces = ["", "x", "1", ",", ";", "(", "[", "{", '"', "=", ">", "~", "*", ".", "-", text[:3]]
    piece = chance.choice(pieces if safe else [*pieces, "\x00", "é", "\U0001f600", "%", "#", "urn:a:b", "9" * 30])
    return text[:at] + piece + text[at + chance.randint(0, 3) :]
