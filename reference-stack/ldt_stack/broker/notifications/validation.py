"""Is this a Subscription? The data types of ETSI GS CIM 009 V1.9.1, clauses 5.2.12 to 5.2.15, 5.2.22 and 5.2.33.

`expand_members` turns a payload (or Fragment) into the form that is kept: Attribute and type names as IRIs, read-only
members dropped. `check_subscription` says whether the whole of it meets the tables. Left out: what needs a parser of
its own (q, geoQ, scopeQ, type selection), which `compiling` finds out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue, without_keywords
from ldt_stack.broker.model.values import check_no_null
from ldt_stack.broker.notifications.mqtt import is_mqtt, mqtt_target
from ldt_stack.broker.notifications.subscription import (
    FORMATS,
    GEO_JSON,
    JSON,
    JSON_LD,
    MAX_JOIN_LEVEL,
    MEDIA_TYPES,
    TRIGGERS,
    map_names,
)
from ldt_stack.broker.query.lexical import is_member_name, is_uri
from ldt_stack.broker.query.projection import ENTITY_MEMBERS

# "They are read-only … in the event that they are provided … implementations shall ignore them" (5.2.12, 5.2.14.2).
OUTPUT_ONLY: Final = frozenset({"status", "createdAt", "modifiedAt"})
NOTIFICATION_OUTPUT_ONLY: Final = frozenset(
    {"lastFailure", "lastNotification", "lastSuccess", "status", "timesFailed", "timesSent"}
)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_VERSION: Final = re.compile(r"\d+\.\d+(\.\d+)?", re.ASCII)
# These belong to the message itself; a receiverInfo that replaced them would break it.
_OWN_HEADERS: Final = frozenset({"content-length", "host", "transfer-encoding", "connection"})


def _bad(member: str, expected: str, value: object) -> BadRequestData:
    return BadRequestData(f'"{member}" of the Subscription is {value!r:.200}; expected {expected} (clause 5.2.12)')


def _expand_list(value: JsonValue, member: str, rename: Callable[[str], str]) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise _bad(member, "an array of at least one name", value)
    return [rename(item) for item in value]


def _expand_names(value: JsonValue, member: str, ld_context: LdContext) -> list[str]:
    """Attribute names, short or URIs (4.6.2)."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, str) and not is_member_name(item):
            raise _bad(member, "names of Attributes, or their URIs", item)
    return _expand_list(value, member, ld_context.expand_term)


def _expand_notification(value: JsonValue, ld_context: LdContext) -> JsonObject:
    if not isinstance(value, dict):
        raise _bad("notification", "an object", value)
    result = {name: item for name, item in value.items() if name not in NOTIFICATION_OUTPUT_ONLY}
    expand = ld_context.expand_term
    if "attributes" in result and result["attributes"] != NULL:
        names = result["attributes"]
        if isinstance(names, list) and ENTITY_MEMBERS.intersection(item for item in names if isinstance(item, str)):
            raise BadRequestData('"attributes" of the notification names id, type or scope: use "pick" (5.2.14.1)')
        result["attributes"] = _expand_names(names, "notification.attributes", ld_context)
    for member in ("pick", "omit"):
        if member in result and result[member] != NULL:
            result[member] = _expand_list(
                result[member], f"notification.{member}", lambda text: map_names(text, expand, ENTITY_MEMBERS)
            )
    return result


def _expand_selector(value: JsonValue, ld_context: LdContext) -> JsonObject:
    if not isinstance(value, dict):
        raise _bad("entities", "an array of objects", value)
    value = without_keywords(value)
    if not isinstance(value.get("type"), str) or not value["type"].strip():
        raise _bad("entities.type", 'a type selection (4.17) or "*"; it is mandatory (5.2.33)', value.get("type"))
    return {**value, "type": map_names(value["type"], ld_context.expand_term, frozenset({"*"}))}


def expand_members(payload: JsonValue, ld_context: LdContext) -> JsonObject:
    """A payload or Fragment with all names as IRIs, without its @context and read-only members.

    Raises:
        BadRequestData: It is no object, or a member that holds names is malformed.

    Source: CIM 009 V1.9.1, clauses 5.2.12 and 5.5.7.
    """
    if not isinstance(payload, dict):
        raise BadRequestData("The Subscription is no JSON object (clause 5.2.12)")
    result: JsonObject = {}
    for name, value in without_keywords(payload).items():
        if name == "@context" or name in OUTPUT_ONLY:
            continue
        if value is None:
            raise _bad(name, 'another value: null is none; to remove a member say "urn:ngsi-ld:null" (4.5.0)', value)
        check_no_null(value, f'"{name}" of the Subscription')
        result[name] = value if value == NULL else _expand_member(name, value, ld_context)
    return result


def _expand_member(name: str, value: JsonValue, ld_context: LdContext) -> JsonValue:
    if name == "notification":
        return _expand_notification(value, ld_context)
    if name == "watchedAttributes":
        return _expand_names(value, name, ld_context)
    if name == "entities":
        if not isinstance(value, list) or not value:
            raise _bad(name, "an array of at least one EntitySelector (5.2.33)", value)
        return [_expand_selector(item, ld_context) for item in value]
    if name == "geoQ" and isinstance(value, dict) and isinstance(value.get("geoproperty"), str):
        return {**value, "geoproperty": ld_context.expand_term(value["geoproperty"])}
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]  # _is_number says so


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_uri(value: object) -> bool:
    return isinstance(value, str) and is_uri(value)


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_dataset_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(item == "@none" or _is_uri(item) for item in value)


def _is_trigger_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item in TRIGGERS for item in value)


def _is_geo_query(value: object) -> bool:
    if not isinstance(value, dict) or not {"georel", "geometry", "coordinates"} <= value.keys():
        return False
    return all(isinstance(value[name], str) for name in ("georel", "geometry", "geoproperty") if name in value)


_Check = tuple[Callable[[Any], bool], str]
_NUMBER: Final[_Check] = (_is_positive, "a number greater than 0")
_TEXT: Final[_Check] = (_is_text, "a string that is not empty")
_BOOLEAN: Final[_Check] = (_is_boolean, "true or false")
_LINK: Final[_Check] = (_is_uri, "a URI")

# Table 5.2.12-1.
_MEMBERS: Final[dict[str, _Check]] = {
    "id": _LINK,
    "q": _TEXT,
    "geoQ": (_is_geo_query, "an object with georel, geometry and coordinates (5.2.13)"),
    "scopeQ": _TEXT,
    "csf": _TEXT,
    "datasetId": (_is_dataset_list, 'an array of URIs or "@none"'),
    "description": (lambda value: isinstance(value, str), "a string"),
    "expandValues": _TEXT,
    "expiresAt": (lambda value: normalize(value) is not None, "a DateTime (4.6.3), for example 2030-01-01T00:00:00Z"),
    "isActive": _BOOLEAN,
    "jsonKeys": _TEXT,
    "jsonldContext": _LINK,
    "lang": _TEXT,
    "localOnly": _BOOLEAN,
    "ngsildConformance": (
        lambda value: isinstance(value, str) and _VERSION.fullmatch(value) is not None,
        'a version such as "1.8"',
    ),
    "notificationTrigger": (_is_trigger_list, f"an array of {', '.join(sorted(TRIGGERS))}"),
    "splitEntities": _BOOLEAN,
    "subscriptionName": (lambda value: isinstance(value, str), "a string"),
    "throttling": _NUMBER,
    "timeInterval": _NUMBER,
}
# Table 5.2.14.1-1.
_NOTIFICATION: Final[dict[str, _Check]] = {
    "format": (lambda value: isinstance(value, str) and value in FORMATS, f"one of {', '.join(sorted(FORMATS))}"),
    "join": (lambda value: value in ("flat", "inline", "@none"), '"flat", "inline" or "@none"'),
    "joinLevel": (
        lambda value: _is_positive(value) and isinstance(value, int) and value <= MAX_JOIN_LEVEL,
        f"an integer from 1 to {MAX_JOIN_LEVEL}",
    ),
    "showChanges": _BOOLEAN,
    "sysAttrs": _BOOLEAN,
}
# Table 5.2.15-1.
_ENDPOINT: Final[dict[str, _Check]] = {
    "accept": (
        lambda value: isinstance(value, str) and value in MEDIA_TYPES,
        f"one of {', '.join(sorted(MEDIA_TYPES))}",
    ),
    "cooldown": _NUMBER,
    "timeout": _NUMBER,
}


def _check_members(target: JsonObject, checks: dict[str, _Check], prefix: str = "") -> None:
    for name, (accepts, expected) in checks.items():
        if name in target and not accepts(target[name]):
            raise _bad(prefix + name, expected, target[name])


def check_subscription(document: JsonObject) -> None:
    """Whether an expanded Subscription, as a whole, meets tables 5.2.12-1, 5.2.14.1-1 and 5.2.15-1.

    Raises:
        BadRequestData: A member has a wrong type or value, is missing, or excludes another one.
    """
    if document.get("type") != "Subscription":
        raise _bad("type", '"Subscription"', document.get("type"))
    _check_members(document, _MEMBERS)
    _check_combinations(document)
    for selector in document.get("entities", ()):
        _check_selector(selector, local_only=document.get("localOnly"))
    notification = document.get("notification")
    if not isinstance(notification, dict):
        raise _bad("notification", "an object; it is mandatory", notification)
    _check_notification(notification)


def _check_combinations(document: JsonObject) -> None:
    local_only = document.get("localOnly") is True
    if "entities" not in document and "watchedAttributes" not in document and not local_only:
        raise BadRequestData('The Subscription has neither "entities" nor "watchedAttributes" (clause 5.2.12)')
    if "timeInterval" in document:
        for other in ("watchedAttributes", "throttling"):
            if other in document:
                raise BadRequestData(f'"timeInterval" and "{other}" exclude each other (clause 5.2.12)')
        if "entities" not in document and not local_only:
            raise BadRequestData('"entities" is mandatory where "timeInterval" is present (clause 5.2.12)')


def _check_selector(selector: JsonObject, *, local_only: bool | None) -> None:
    identifiers = selector.get("id", [])
    identifiers = identifiers if isinstance(identifiers, list) else [identifiers]
    if ("id" in selector and not identifiers) or not all(_is_uri(item) for item in identifiers):
        raise _bad("entities.id", "a URI or an array of URIs", selector["id"])
    if "idPattern" in selector and not _is_text(selector["idPattern"]):
        raise _bad("entities.idPattern", "a regular expression", selector["idPattern"])
    if selector["type"] == "*" and local_only is False:
        raise BadRequestData('"entities.type" is "*", which implies local scope, but "localOnly" is false (5.2.33)')


def _check_notification(notification: JsonObject) -> None:
    _check_members(notification, _NOTIFICATION, "notification.")
    simplified = notification.get("format") in ("simplified", "keyValues")
    if notification.get("showChanges") is True and simplified:
        raise BadRequestData('"showChanges" cannot be true where "format" is "keyValues" (clause 5.2.14.1)')
    endpoint = notification.get("endpoint")
    if not isinstance(endpoint, dict):
        raise _bad("notification.endpoint", "an object; it is mandatory", endpoint)
    _check_members(endpoint, _ENDPOINT, "notification.endpoint.")
    uri = endpoint.get("uri")
    if not isinstance(uri, str) or not is_uri(uri):
        raise _bad("notification.endpoint.uri", "a dereferenceable URI; it is mandatory", uri)
    for member in ("receiverInfo", "notifierInfo"):
        if member in endpoint:
            _check_pairs(endpoint[member], f"notification.endpoint.{member}")
    if is_mqtt(uri):
        _check_mqtt(endpoint)
    else:
        _check_http(endpoint)


def _check_http(endpoint: JsonObject) -> None:
    """6.3.8: receiverInfo "shall adhere to IETF RFC 7230 … definitions concerning HTTP headers"."""
    uri = endpoint["uri"]
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _bad("notification.endpoint.uri", f"a dereferenceable URI ({error})", uri) from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise _bad("notification.endpoint.uri", "an http, https, mqtt or mqtts URI with a host", uri)
    member = "notification.endpoint.receiverInfo"
    for pair in endpoint.get("receiverInfo", ()):
        if _HEADER_NAME.fullmatch(pair["key"]) is None or _HEADER_VALUE.fullmatch(pair["value"]) is None:
            raise _bad(member, "keys and values that are HTTP header names and values", pair["key"])
        if pair["key"].lower() in _OWN_HEADERS:
            raise _bad(member, "headers that do not belong to the message itself", pair["key"])


def _check_mqtt(endpoint: JsonObject) -> None:
    """7.2: the form of the URI, tables 7.2-1 (notifierInfo) and 7.2-2 (MIME types)."""
    try:
        mqtt_target(endpoint)
    except ValueError as error:
        raise BadRequestData(f'The "endpoint" of the notification is no MQTT endpoint: {error} (clause 7.2)') from None
    if endpoint.get("accept", JSON) == GEO_JSON:
        raise _bad("notification.endpoint.accept", f"{JSON} or {JSON_LD} for an MQTT endpoint (7.2)", GEO_JSON)


def _check_pairs(value: JsonValue, member: str) -> None:
    """5.2.22."""
    if not isinstance(value, list):
        raise _bad(member, "an array of {key, value}", value)
    for pair in value:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str) or not isinstance(pair.get("value"), str):
            raise _bad(member, "an array of {key, value}, both strings", pair)
