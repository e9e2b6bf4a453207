"""Is this a Context Source Registration? ETSI GS CIM 009 V1.9.1, clauses 5.2.8 to 5.2.11, 5.2.22, 5.2.34, 4.3.6.

`expand_registration` turns a payload (or Fragment) into the form that is kept: names of Entity Types and Attributes as
IRIs, read-only members dropped, names that table 5.2.9-1 does not have (Context Source Properties, for `csf`) as IRIs.
`check_registration` says whether the whole of it meets the tables and what 4.3.6 says of its mode.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import urlsplit

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.durations import parse_duration
from ldt_stack.broker.model.entities import is_scope
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue, without_keywords
from ldt_stack.broker.model.operation_names import AUXILIARY_NAMES, NAMES
from ldt_stack.broker.model.values import Nulls, checked_value
from ldt_stack.broker.query.geometry import check_geometry
from ldt_stack.broker.query.lexical import is_member_name, is_uri
from ldt_stack.broker.query.patterns import compile_pattern

MODES: Final = ("inclusive", "exclusive", "redirect", "auxiliary")
# Table 5.2.9-2: "in the event that they are provided … implementations shall ignore them".
OUTPUT_ONLY: Final = frozenset(
    {"lastFailure", "lastSuccess", "status", "timesFailed", "timesSent", "createdAt", "modifiedAt"}
)
GEOMETRIES: Final = ("location", "observationSpace", "operationSpace")
INTERVALS: Final = ("observationInterval", "managementInterval")

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TENANT: Final = re.compile(r"[\x21-\x7e]+")
_VERSION: Final = re.compile(r"\d+\.\d+", re.ASCII)
_MEDIA_TYPES: Final = ("application/json", "application/ld+json")


def _bad(member: str, expected: str, value: object, clause: str = "5.2.9") -> BadRequestData:
    return BadRequestData(
        f'"{member}" of the Context Source Registration is {value!r:.200}; expected {expected} (clause {clause})'
    )


# --- names to IRIs ---


def expand_registration(payload: JsonValue, ld_context: LdContext) -> JsonObject:
    """A payload or Fragment with all names as IRIs, without its @context and read-only members. A new object.

    Raises:
        BadRequestData: It is no object, or a member that holds names is malformed.

    Source: CIM 009 V1.9.1, clauses 5.2.9 and 5.5.7.
    """
    if not isinstance(payload, dict):
        raise BadRequestData("The Context Source Registration is no JSON object (clause 5.2.9)")
    result: JsonObject = {}
    for name, value in without_keywords(payload).items():
        if name == "@context" or name in OUTPUT_ONLY:
            continue
        if value is None:
            raise _bad(name, 'another value: null is none; to remove a member say "urn:ngsi-ld:null"', value, "4.5.0")
        if value != NULL:
            checked_value("Property", value, name, ld_context, Nulls.FORBIDDEN)
        if name == "information" and value != NULL:
            result[name] = _expand_information(value, ld_context)
        elif name in _MEMBERS or name in ("id", "type"):
            result[name] = value
        elif not is_member_name(name):
            raise BadRequestData(f'"{name}" is no name of a member of a Context Source Registration (clause 5.2.9)')
        else:
            result[ld_context.expand_term(name)] = value
    return result


def _expand_information(value: JsonValue, ld_context: LdContext) -> list[JsonObject]:
    if not isinstance(value, list) or not value or not all(isinstance(info, dict) for info in value):
        raise _bad("information", "an array of at least one RegistrationInfo", value)
    return [_expand_info(info, ld_context) for info in value]


def _expand_info(info: JsonObject, ld_context: LdContext) -> JsonObject:
    unknown = info.keys() - {"entities", "propertyNames", "relationshipNames"}
    if unknown or not info:
        raise _bad("information", "entities, propertyNames or relationshipNames, at least one", info, "5.2.10")
    result: JsonObject = {}
    if "entities" in info:
        entities = info["entities"]
        if not isinstance(entities, list) or not entities or not all(isinstance(one, dict) for one in entities):
            raise _bad("information.entities", "an array of at least one EntityInfo", entities, "5.2.10")
        result["entities"] = [
            {**one, "type": _names(one.get("type"), "information.entities.type", ld_context)}
            for one in map(without_keywords, entities)
        ]
    for member in ("propertyNames", "relationshipNames"):
        if member in info:
            if not isinstance(info[member], list):
                raise _bad(f"information.{member}", "an array of at least one name", info[member], "5.2.10")
            result[member] = _names(info[member], f"information.{member}", ld_context)
    return result


def _names(value: JsonValue, member: str, ld_context: LdContext) -> list[str]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and is_member_name(name) for name in names):
        raise _bad(member, "a name, or an array of at least one", value, "5.2.8, 5.2.10")
    return list(dict.fromkeys(ld_context.expand_term(name) for name in names))


# --- the tables ---


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_duration(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_duration(value, "")
    except BadRequestData:
        return False
    return True


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_list_of(accepts: Callable[[Any], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(accepts(item) for item in value)


def _is_scopes(value: object) -> bool:
    scopes = value if isinstance(value, list) else [value]
    return bool(scopes) and all(isinstance(scope, str) and is_scope(scope) for scope in scopes)


def _is_interval(value: object) -> bool:
    """5.2.11."""
    if not isinstance(value, dict) or value.keys() - {"startAt", "endAt"} or normalize(value.get("startAt")) is None:
        return False
    start, end = normalize(value["startAt"]), normalize(value.get("endAt"))
    return "endAt" not in value or (end is not None and start is not None and start <= end)


def _is_endpoint(value: object) -> bool:
    if not isinstance(value, str) or not is_uri(value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_alias(value: object) -> bool:
    return isinstance(value, str) and _HEADER_NAME.fullmatch(value) is not None


_Check = tuple[Callable[[Any], bool], str]
_TEXT: Final[_Check] = (_is_text, "a string that is not empty")
_INTERVAL: Final[_Check] = (_is_interval, "a TimeInterval: startAt and perhaps a later endAt (5.2.11)")
_GEOMETRY: Final[_Check] = (lambda value: isinstance(value, dict), "a GeoJSON geometry")
_DURATIONS: Final[_Check] = (_is_duration, "an ISO 8601 duration such as PT5M")

# Table 5.2.9-1, but for id and type.
_MEMBERS: Final[dict[str, _Check]] = {
    "endpoint": (_is_endpoint, "an absolute http or https URI; it is mandatory"),
    "contextSourceInfo": (lambda value: isinstance(value, list), "an array of {key, value}"),
    "information": (lambda value: isinstance(value, list), "an array of RegistrationInfo; it is mandatory"),
    "contextSourceAlias": (_is_alias, "a pseudonym of RFC 7230: letters, digits and !#$%&'*+.^_`|~-"),
    "description": _TEXT,
    "datasetId": (
        _is_list_of(lambda item: item == "@none" or (isinstance(item, str) and is_uri(item))),
        'an array of URIs or "@none"',
    ),
    "expiresAt": (lambda value: normalize(value) is not None, "a DateTime (4.6.3), such as 2030-01-01T00:00:00Z"),
    "location": _GEOMETRY,
    "management": (lambda value: isinstance(value, dict), "a RegistrationManagementInfo (5.2.34)"),
    "managementInterval": _INTERVAL,
    "mode": (lambda value: value in MODES, f"one of {', '.join(MODES)}"),
    "observationInterval": _INTERVAL,
    "observationSpace": _GEOMETRY,
    "operations": (
        _is_list_of(lambda item: isinstance(item, str) and item in NAMES),
        "an array of names of operations and groups (4.20)",
    ),
    "operationSpace": _GEOMETRY,
    "refreshRate": _DURATIONS,
    "registrationName": _TEXT,
    "scope": (_is_scopes, "a Scope or an array of Scopes (4.18)"),
    "tenant": (lambda value: isinstance(value, str) and _TENANT.fullmatch(value) is not None, "the name of a Tenant"),
}
# Table 5.2.34-1.
_MANAGEMENT: Final[dict[str, _Check]] = {
    "cacheDuration": _DURATIONS,
    "cooldown": (_is_positive, "a number greater than 0"),
    "localOnly": (lambda value: isinstance(value, bool), "true or false"),
    "timeout": (_is_positive, "a number greater than 0"),
}
MEMBERS: Final[Collection[str]] = _MEMBERS.keys()


def check_registration(members: JsonObject) -> None:
    """Whether an expanded Context Source Registration, as a whole, is one.

    Raises:
        BadRequestData: A member has a wrong type or value or is missing, or its mode does not allow the rest.

    Source: CIM 009 V1.9.1, clauses 5.2.9, 4.3.6.2, 4.3.6.3, 4.3.6.6 and 5.9.2.4.
    """
    if not isinstance(members.get("id"), str) or not is_uri(members["id"]):
        raise _bad("id", "a URI", members.get("id"))
    if members.get("type") != "ContextSourceRegistration":
        raise _bad("type", '"ContextSourceRegistration"', members.get("type"))
    for name in ("endpoint", "information"):
        if name not in members:
            raise _bad(name, _MEMBERS[name][1], None)
    _check_table(members, _MEMBERS, "")
    _check_table(members.get("management", {}), _MANAGEMENT, "management.")
    for name in GEOMETRIES:
        if name in members:
            check_geometry(members[name])
    for info in members["information"]:
        for entity in info.get("entities", ()):
            _check_entity_info(entity)
    _check_source_info(members.get("contextSourceInfo", ()))
    _check_mode(members)


def _check_table(target: JsonObject, checks: dict[str, _Check], prefix: str) -> None:
    for name, (accepts, expected) in checks.items():
        if name in target and not accepts(target[name]):
            raise _bad(prefix + name, expected, target[name])


def _check_entity_info(entity: JsonObject) -> None:
    unknown = entity.keys() - {"id", "idPattern", "type"}
    if unknown:
        raise _bad("information.entities", "type, id and idPattern alone", entity, "5.2.8")
    if "id" in entity and not (isinstance(entity["id"], str) and is_uri(entity["id"])):
        raise _bad("information.entities.id", "a URI", entity["id"], "5.2.8")
    if "idPattern" in entity:
        if not isinstance(entity["idPattern"], str):
            raise _bad("information.entities.idPattern", "a regular expression", entity["idPattern"], "5.2.8")
        compile_pattern(entity["idPattern"])


def _check_source_info(pairs: JsonValue) -> None:
    """4.3.6.6, and 6.3.19: "shall adhere to IETF RFC 7230 … definitions concerning HTTP headers"."""
    for pair in pairs:
        key, value = (pair.get("key"), pair.get("value")) if isinstance(pair, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(value, str) or _HEADER_NAME.fullmatch(key) is None:
            raise _bad("contextSourceInfo", "an array of {key, value}, the key an HTTP header name", pair, "5.2.22")
        if _HEADER_VALUE.fullmatch(value) is None:
            raise _bad("contextSourceInfo", "values that an HTTP header can have", pair, "6.3.19")
        if key in ("accept", "contentType") and value not in _MEDIA_TYPES:
            raise _bad(f"contextSourceInfo.{key}", " or ".join(_MEDIA_TYPES), value, "4.3.6.6")
        if key == "jsonldContext" and not (is_uri(value) and value.lower().startswith(("http:", "https:"))):
            raise _bad("contextSourceInfo.jsonldContext", "the URL of a @context", value, "4.3.6.6")
        if key == "ngsildConformance" and _VERSION.fullmatch(value) is None:
            raise _bad("contextSourceInfo.ngsildConformance", 'a version such as "1.5"', value, "4.3.6.6")


def _check_mode(members: JsonObject) -> None:
    mode = members.get("mode", "inclusive")
    if mode == "auxiliary" and not AUXILIARY_NAMES.issuperset(members.get("operations", ["federationOps"])):
        raise BadRequestData(
            'An auxiliary Context Source Registration says "operations": '
            f"one or more of {', '.join(sorted(AUXILIARY_NAMES))} (clause 5.9.2.4)"
        )
    if mode == "exclusive":
        entities = [entity for info in members["information"] for entity in info.get("entities", [{}])]
        if (
            any("id" not in entity or "idPattern" in entity for entity in entities)
            or len({entity["id"] for entity in entities}) != 1
        ):
            raise BadRequestData(
                "An exclusive Context Source Registration is about a single Entity: every RegistrationInfo has an "
                "EntityInfo with the same id and no idPattern (clause 4.3.6.3)"
            )
        if not all("propertyNames" in info or "relationshipNames" in info for info in members["information"]):
            raise BadRequestData(
                "An exclusive Context Source Registration names Attributes: every RegistrationInfo has propertyNames "
                "or relationshipNames (clause 4.3.6.3)"
            )
