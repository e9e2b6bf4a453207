"""What a request may be, in which safety mode: the rules that the transport enforces before anything leaves.

probe: GET, HEAD, OPTIONS, and POSTs that only ask. sandbox-write: also writes, to what bears this run's marker (or what
the server named and the journal knows). A Context Source Registration also offers nothing but types, ids or Attributes
that bear the marker, or requests of others would be forwarded to us. Deletion without an id (purge) only in
disruptive, and then by nothing but types and ids that bear the marker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from ldt_conformance.engine.errors import SafetyRefused
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.verdicts import Mode

READS = frozenset({"GET", "HEAD", "OPTIONS"})

# POSTs that ask and change nothing, by the end of their path.
QUERIES = tuple(
    re.compile(pattern)
    for pattern in (
        r"/entityOperations/query$",  # CIM 009 6.23
        r"/temporal/entityOperations/query$",  # CIM 009 6.24
        r"/v2/op/query$",  # NGSIv2
        r"/v2/(models/[^/]+(/versions/[^/]+)?/infer)$",  # Open Inference Protocol v2
        r"/catalog/request$",  # Dataspace Protocol
        r"/sparql$",  # SPARQL 1.1 Protocol; updates are refused by their body below
        r"^/search$|/stac/search$",  # STAC API
        r"/protocol/openid-connect/token/introspect$",
    )
)
SPARQL_UPDATE = re.compile(rb"(?i)\b(insert|delete|load|clear|create|drop|copy|move|add)\b|update=")

# NGSI-LD resources that have an id as next path segment.
COLLECTIONS = re.compile(
    r"^/(?:temporal/)?(?:entities|subscriptions|csourceRegistrations|csourceSubscriptions|jsonldContexts|entityMaps|snapshots)"
    r"(?:/(?P<id>[^/]*)(?P<rest>/.*)?)?$"
)
ID_IN_TEXT = re.compile(rb'"@?id"\s*:\s*"([^"]*)')
REGISTRATION = re.compile(r"^/csourceRegistrations(/|$)")
EVERYTHING = "information about whatever Entities there are"
ANYTHING = "whatever there is"
TYPE_OPERATORS = re.compile(r"[,|;()]")  # CIM 009 4.17
SNAPSHOT_BY_ID = re.compile(r'id=="([^"]+)"')
BATCH = re.compile(r"^/entityOperations/(create|upsert|update|merge|delete)$")


@dataclass(frozen=True, slots=True)
class Intent:
    """One request before it is sent, as far as safety is concerned."""

    method: str
    path: str  # relative to the API root, without query
    query: str  # percent-encoded
    body: bytes
    content_type: str
    creates: Sequence[Resource]
    touches: Sequence[Resource]
    expects_refusal: bool


def is_query(intent: Intent) -> bool:
    """Whether this POST only asks."""
    if intent.method != "POST" or not any(pattern.search(intent.path) for pattern in QUERIES):
        return False
    return not (
        intent.path.endswith("/sparql") and SPARQL_UPDATE.search(unquote(intent.body.decode("latin-1")).encode())
    )


def needed_mode(intent: Intent) -> Mode:
    """The least mode in which this request may leave."""
    if intent.method in READS or is_query(intent):
        return Mode.PROBE
    if intent.method == "DELETE" and COLLECTIONS.match(intent.path) and not _path_id(intent.path):
        return Mode.DISRUPTIVE
    return Mode.SANDBOX_WRITE


def judge(intent: Intent, mode: Mode, owned: Callable[[str], bool]) -> None:
    """Refuse what must not leave.

    Args:
        intent: The request.
        mode: The run's mode.
        owned: Whether an id bears this run's marker or is journalled as ours.

    Raises:
        SafetyRefused: The mode does not allow it, or it concerns something that is not ours.
    """
    needed = needed_mode(intent)
    if not mode.allows(needed):
        raise SafetyRefused(f"{intent.method} {intent.path} needs the mode {needed}; this run is allowed {mode}")
    if needed is Mode.PROBE:
        return
    if not (intent.creates or intent.touches or intent.expects_refusal):
        raise SafetyRefused(
            f"{intent.method} {intent.path} declares neither what it creates nor what it touches; "
            "say creates=, touches= or expects_refusal=True"
        )
    for identifier in _concerned(intent):
        if not owned(identifier):
            raise SafetyRefused(f"{intent.method} {intent.path} concerns {identifier!r}, which this run did not create")
    _paths_agree(intent)


def _concerned(intent: Intent) -> list[str]:
    """Every id that the request names: declared ones, the one in the path, those in the body."""
    found = [resource.id for resource in (*intent.creates, *intent.touches) if resource.id is not None]
    in_path = _path_id(intent.path)
    if in_path:
        found.append(in_path)
    if needed_mode(intent) is Mode.DISRUPTIVE:  # one that is to be refused, too: a broker may not refuse it
        found += _purged(intent)
    if intent.method in {"POST", "PUT", "PATCH"} or BATCH.match(intent.path):
        found += _body_ids(intent)
        if REGISTRATION.match(intent.path):
            found += _registered(intent)
    return found


def _path_id(path: str) -> str | None:
    match = COLLECTIONS.match(path)
    return unquote(match.group("id")) if match and match.group("id") else None


def _body_ids(intent: Intent) -> list[str]:
    """Ids of the resources that a JSON body provides or names (the top level; a batch: each member)."""
    try:
        body = json.loads(intent.body) if intent.body else None
    except ValueError:
        # No JSON, but a lenient receiver may still read an id out of it.
        return [found.decode("utf-8", errors="replace") for found in ID_IN_TEXT.findall(intent.body)]
    members = body if isinstance(body, list) else [body]
    return [identifier for member in members for identifier in _own_id(member)]


def _registered(intent: Intent) -> list[str]:
    """What a Context Source Registration offers (CIM 009 5.2.10): of each RegistrationInfo the types of its Entities.

    Where it names no Entities, its Attributes; where it names neither, it would match every request there is.
    """
    try:
        body = json.loads(intent.body)
    except ValueError:
        return []  # no broker can read out of it what is to be forwarded
    information = body.get("information") if isinstance(body, dict) else None
    found: list[str] = []
    for info in information if isinstance(information, list) else []:
        if isinstance(info, dict):
            found += _listed(info, "entities") or _listed(info, "propertyNames", "relationshipNames") or [EVERYTHING]
    return found


def _listed(info: dict[str, Any], *members: str) -> list[str]:
    """The names in these members; of an EntityInfo its type, or its id where it has none."""
    items = [item for member in members if isinstance(listed := info.get(member), list) for item in listed]
    named = [item.get("type", item.get("id", EVERYTHING)) if isinstance(item, dict) else item for item in items]
    return [str(name) for one in named for name in (one if isinstance(one, list) else [one])]


def _purged(intent: Intent) -> list[str]:
    """What a purge selects by (CIM 009 5.6.21, 5.16.7): types and ids of Entities, the id of a Snapshot.

    Conditions beside them only narrow the selection; where there is none of them it may be of anything.
    """
    found: list[str] = []
    for name, value in parse_qsl(intent.query):
        if name == "type":
            found += TYPE_OPERATORS.split(value)
        elif name == "id":
            found += value.split(",")
        elif name == "q" and intent.path.startswith("/snapshots"):
            found += SNAPSHOT_BY_ID.findall(value) if SNAPSHOT_BY_ID.fullmatch(value) else [ANYTHING]
    return [name for name in found if name] or [ANYTHING]


def _own_id(member: Any) -> list[str]:
    if isinstance(member, str):  # batch delete: a list of ids
        return [member]
    if isinstance(member, dict):
        return [value for key in ("id", "@id") if isinstance(value := member.get(key), str)]
    return []


def _paths_agree(intent: Intent) -> None:
    """Where the API is none we know the paths of, the declaration must be about the very path that is used."""
    if COLLECTIONS.match(intent.path) or BATCH.match(intent.path):
        return
    declared = [resource.path.rstrip("/") for resource in (*intent.creates, *intent.touches)]
    if not any(intent.path == path or intent.path.startswith(path + "/") for path in declared):
        raise SafetyRefused(f"{intent.method} {intent.path} is not under any path it declares: {declared}")
