"""The data type Snapshot: ETSI GS CIM 009 V1.9.1, clauses 5.2.41, 5.2.22 and 5.4. Pure.

The Queries inside are checked by whoever can parse them (`content.py`).
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.durations import parse_duration
from ldt_stack.broker.model.names import NULL, JsonObject, without_keywords
from ldt_stack.broker.notifications.mqtt import is_mqtt, parse_target
from ldt_stack.broker.query.lexical import is_uri

QUERIES: Final = "snapshotQueries"
TEMPORAL_QUERIES: Final = "snapshotTemporalQueries"
DEFAULT_PRIORITY: Final = 5
# Table 5.2.41-1; the Queries "can only be set when creating a snapshot".
CHANGEABLE: Final = frozenset({"snapshotLifetime", "snapshotPriority", "endpoint", "receiverInfo"})
_MEMBERS: Final = CHANGEABLE | {"id", "type", QUERIES, TEMPORAL_QUERIES}
# Table 5.2.41-2: "In the event that they are provided … implementations shall ignore them".
OUTPUT_ONLY: Final = frozenset(
    {
        "snapshotStatus",
        "snapshotQueriesDetails",
        "snapshotTemporalQueriesDetails",
        "createdAt",
        "modifiedAt",
        "expiresAt",
        "lastUsedAt",
    }
)
ALL_MEMBERS: Final = _MEMBERS | OUTPUT_ONLY
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# These belong to the message itself.
_OWN_HEADERS: Final = frozenset({"connection", "content-length", "content-type", "host", "transfer-encoding"})


def check_new(payload: JsonObject) -> JsonObject:
    """The members of a Snapshot that is to be created, without those that are output only.

    Raises:
        BadRequestData: It is none, or it has no Queries (5.2.41).
    """
    members = _members(payload)
    if members.get("type") != "Snapshot":
        raise _bad("type", '"Snapshot"', members.get("type"))
    if QUERIES not in members and TEMPORAL_QUERIES not in members:
        raise BadRequestData(f'The Snapshot has neither "{QUERIES}" nor "{TEMPORAL_QUERIES}" (clause 5.2.41).')
    for name in (QUERIES, TEMPORAL_QUERIES):
        if name in members:
            members[name] = _read_queries(name, members[name])
    _check_values(members)
    return members


def check_clone(payload: JsonObject) -> JsonObject:
    """The members of a Snapshot that is to be a clone: without Queries.

    Raises:
        BadRequestData: It is no Snapshot, or it has Queries ("shall be omitted when … cloning", 5.2.41).
    """
    members = _members(payload)
    if members.get("type") != "Snapshot":
        raise _bad("type", '"Snapshot"', members.get("type"))
    _refuse_queries(members, "cloned")
    _check_values(members)
    return members


def check_fragment(snapshot_id: str, fragment: JsonObject) -> JsonObject:
    """The members of a Snapshot Fragment (5.4) that change something.

    Raises:
        BadRequestData: It is no Fragment of this Snapshot, or has what cannot be updated (5.16.4.4).
    """
    members = _members(fragment)
    identifier, kind = members.pop("id", snapshot_id), members.pop("type", "Snapshot")
    if identifier != snapshot_id:
        raise BadRequestData(f'The Fragment has the id "{identifier}", its target is {snapshot_id} (clause 5.4).')
    if kind != "Snapshot":
        raise _bad("type", '"Snapshot"', kind)
    _refuse_queries(members, "updated")
    _check_values({name: value for name, value in members.items() if value != NULL})
    return members


def _members(payload: JsonObject) -> JsonObject:
    payload = without_keywords(payload)
    unknown = payload.keys() - ALL_MEMBERS
    if unknown:
        raise BadRequestData(f"A Snapshot has no member {', '.join(sorted(unknown))} (clause 5.2.41).")
    members = {name: value for name, value in payload.items() if name not in OUTPUT_ONLY}
    priority = members.get("snapshotPriority")
    if isinstance(priority, float) and priority.is_integer():  # 5.0 is an integer to JSON (4.5.2.2)
        members["snapshotPriority"] = int(priority)
    return members


def _refuse_queries(members: JsonObject, what: str) -> None:
    for name in (QUERIES, TEMPORAL_QUERIES):
        if name in members:
            raise BadRequestData(f'"{name}" shall be omitted where a Snapshot is {what} (clause 5.2.41).')


def _read_queries(name: str, queries: Any) -> list[JsonObject]:
    if not isinstance(queries, list) or not queries or not all(isinstance(query, dict) for query in queries):
        raise _bad(name, "an array of at least one Query (5.2.23)", queries)
    for query in queries:
        if ("temporalQ" in query) is not (name == TEMPORAL_QUERIES):
            raise BadRequestData(
                f'"temporalQ" belongs into every Query of "{TEMPORAL_QUERIES}" and into none of "{QUERIES}" (5.2.41).'
            )
    return [_read_query(query) for query in queries]


def _read_query(query: JsonObject) -> JsonObject:
    """A Query as it is kept, and shown again: with "id" and "type" (4.4)."""
    found = without_keywords(query)
    if not isinstance(entities := found.get("entities"), list):
        return found
    return {**found, "entities": [without_keywords(one) if isinstance(one, dict) else one for one in entities]}


def _check_values(members: JsonObject) -> None:
    if "id" in members:
        identifier = members["id"]
        if not isinstance(identifier, str) or not is_uri(identifier):
            raise _bad("id", "a URI", identifier)
    if "snapshotLifetime" in members:
        if not isinstance(members["snapshotLifetime"], str):
            raise _bad("snapshotLifetime", "an ISO 8601 duration", members["snapshotLifetime"])
        parse_duration(members["snapshotLifetime"], "snapshotLifetime")
    priority = members.get("snapshotPriority", DEFAULT_PRIORITY)
    if not isinstance(priority, int) or isinstance(priority, bool) or not 1 <= priority <= 10:
        raise _bad("snapshotPriority", "an integer from 1 to 10", priority)
    endpoint = members.get("endpoint")
    if "endpoint" in members:
        _check_endpoint(endpoint)
    if "receiverInfo" in members:
        _check_receiver_info(members["receiverInfo"], over_http=not isinstance(endpoint, str) or not is_mqtt(endpoint))


def _check_endpoint(uri: Any) -> None:
    """A "Dereferenceable URI": one that notifications can be sent to, over HTTP (6.3.8) or MQTT (7.2)."""
    if not isinstance(uri, str) or not is_uri(uri):
        raise _bad("endpoint", "a URI", uri)
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
        if is_mqtt(uri):
            parse_target(uri, {})
            return
    except ValueError as error:
        raise _bad("endpoint", f"a dereferenceable URI ({error})", uri) from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise _bad("endpoint", "an http, https, mqtt or mqtts URI with a host", uri)


def _check_receiver_info(pairs: Any, *, over_http: bool) -> None:
    """KeyValuePair[] (5.2.22), over HTTP such that can be sent as headers (6.3.8)."""
    if not isinstance(pairs, list):
        raise _bad("receiverInfo", "an array of {key, value}", pairs)
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str) or not isinstance(pair.get("value"), str):
            raise _bad("receiverInfo", "an array of {key, value}, both strings", pair)
        if not over_http:
            continue
        if _HEADER_NAME.fullmatch(pair["key"]) is None or _HEADER_VALUE.fullmatch(pair["value"]) is None:
            raise _bad("receiverInfo", "keys and values that are HTTP header names and values", pair["key"])
        if pair["key"].lower() in _OWN_HEADERS:
            raise _bad("receiverInfo", "headers that do not belong to the message itself", pair["key"])


def _bad(member: str, expected: str, value: object) -> BadRequestData:
    return BadRequestData(f'"{member}" of the Snapshot is {value!r:.200}; expected {expected} (clause 5.2.41).')
