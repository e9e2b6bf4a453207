"""A Context Source Registration as requests are matched with it: ETSI GS CIM 009 V1.9.1, clauses 5.2.9 to 5.2.11.

`compile_registration` makes it from the kept document; everything in it is expanded and parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.durations import Duration, parse_duration
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import CORE, JsonObject, is_attribute_key
from ldt_stack.broker.model.operation_names import operations_of
from ldt_stack.broker.model.registrations import GEOMETRIES, INTERVALS, MEMBERS
from ldt_stack.broker.query import SOURCE_KEYWORDS
from ldt_stack.broker.query.patterns import Pattern, compile_pattern

Mode = Literal["inclusive", "exclusive", "redirect", "auxiliary"]
PROXIED: Final = frozenset({"exclusive", "redirect"})  # 4.3.6.3: nothing of it is held locally
REQUEST_VALUE: Final = "urn:ngsi-ld:request"  # 4.3.6.5: "to be taken from the request that triggered"


@dataclass(frozen=True, slots=True)
class EntityInfo:
    """Clause 5.2.8; "id takes precedence over idPattern". `types` are IRIs, all of which a matching Entity has."""

    types: frozenset[str]
    id: str | None = None
    id_pattern: str | None = None
    pattern: Pattern | None = None

    def covers_id(self, entity_id: str) -> bool:
        """Whether it offers an Entity with this id, its types aside."""
        if self.id is not None:
            return self.id == entity_id
        return self.pattern is None or self.pattern.search(entity_id)

    def covers(self, entity_id: str, types: frozenset[str] | None) -> bool:
        """Whether it offers an Entity; None: its types are not known."""
        return (types is None or self.types <= types) and self.covers_id(entity_id)


@dataclass(frozen=True, slots=True)
class RegistrationInfo:
    """Clause 5.2.10. `entities` empty: any Entity; `attributes` (IRIs) None: any Attribute.

    What has an id is found by it: a Registration may list thousands of Entities.
    """

    entities: tuple[EntityInfo, ...] = ()
    attributes: frozenset[str] | None = None
    _by_id: Mapping[str, list[EntityInfo]] = field(init=False, repr=False, compare=False)
    _groups: tuple[EntityInfo, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id: dict[str, list[EntityInfo]] = {}
        for one in self.entities:
            if one.id is not None:
                by_id.setdefault(one.id, []).append(one)
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_groups", tuple(one for one in self.entities if one.id is None))

    def covers(self, entity_id: str, types: frozenset[str] | None) -> bool:
        """Whether it offers an Entity, its Attributes aside."""
        if not self.entities:
            return True
        return any(one.covers(entity_id, types) for one in (*self._by_id.get(entity_id, ()), *self._groups))

    def about(self, entity_id: str) -> list[EntityInfo]:
        """Those of its EntityInfos that offer an Entity with this id, its types aside."""
        return [*self._by_id.get(entity_id, ()), *(one for one in self._groups if one.covers_id(entity_id))]

    def of_ids(self, ids: Iterable[str]) -> RegistrationInfo | None:
        """The same with what it offers of Entities with some ids alone; None: nothing."""
        if not self.entities:
            return self
        found = {id(one): one for entity_id in ids for one in self.about(entity_id)}
        return RegistrationInfo(tuple(found.values()), self.attributes) if found else None


@dataclass(frozen=True, slots=True)
class Interval:
    """Clause 5.2.11, normalized; `end` None: open."""

    start: str
    end: str | None = None


@dataclass(frozen=True, slots=True)
class Management:
    """Clause 5.2.34; times in seconds (the standard has milliseconds)."""

    cooldown_seconds: float | None = None
    timeout_seconds: float | None = None
    local_only: bool = False
    cache_duration: Duration | None = None


@dataclass(frozen=True, slots=True)
class Registration:
    """Clause 5.2.9.

    Args:
        id: URI.
        endpoint: Where the Context Source is.
        information: What it offers, any of them, as it was registered.
        offers: The same, what is offered of the same Attributes together: what operations are matched with.
        mode: How operations are distributed (4.3.6).
        operations: Names of operations (4.20), groups resolved.
        tenant: At the Context Source; None: its default one.
        alias: contextSourceAlias, to detect loops.
        dataset_ids: None: any; "@none" is the default Attribute instance.
        source_info: Keys and values of contextSourceInfo.
        management: How it wants to be asked.
        expires_at: Normalized; None: never.
        intervals: Of observationInterval and managementInterval those that are there: it offers temporal evolutions.
        geometries: Of location, observationSpace and operationSpace those that are there: GeoJSON by IRI.
        described: What `csf` and a Scope query see: its members as if they were Attributes of an Entity.
    """

    id: str
    endpoint: str
    information: tuple[RegistrationInfo, ...]
    offers: tuple[RegistrationInfo, ...]
    mode: Mode
    operations: frozenset[str]
    tenant: str | None
    alias: str | None
    dataset_ids: frozenset[str] | None
    source_info: tuple[tuple[str, str], ...]
    management: Management
    expires_at: str | None
    intervals: Mapping[str, Interval]
    geometries: Mapping[str, JsonObject]
    described: JsonObject

    @property
    def temporal(self) -> bool:
        """Whether it offers temporal evolutions, and then nothing else (5.9.1)."""
        return bool(self.intervals)

    @property
    def proxied(self) -> bool:
        """Whether what it offers is held there alone (4.3.6.3)."""
        return self.mode in PROXIED

    def expired(self, now: str) -> bool:
        """Whether it has become invalid (5.2.9)."""
        return self.expires_at is not None and self.expires_at <= now

    def setting(self, key: str) -> str | None:
        """The value of a key of contextSourceInfo that has a meaning of its own (4.3.6.6)."""
        return next((value for name, value in self.source_info if name == key), None)


def compile_registration(members: JsonObject) -> Registration:
    """From expanded and checked members (`model.registrations`)."""
    dataset_ids = members.get("datasetId")
    information = tuple(_info(info) for info in members["information"])
    return Registration(
        id=members["id"],
        endpoint=members["endpoint"],
        information=information,
        offers=_together(information),
        mode=members.get("mode", "inclusive"),
        operations=operations_of(members.get("operations")),
        tenant=members.get("tenant"),
        alias=members.get("contextSourceAlias"),
        dataset_ids=None if dataset_ids is None else frozenset(dataset_ids),
        source_info=tuple((pair["key"], pair["value"]) for pair in members.get("contextSourceInfo", ())),
        management=_management(members.get("management", {})),
        expires_at=normalize(members.get("expiresAt")),
        intervals={name: _interval(members[name]) for name in INTERVALS if name in members},
        geometries={CORE + name: members[name] for name in GEOMETRIES if name in members},
        described=_described(members),
    )


def _info(info: JsonObject) -> RegistrationInfo:
    entities = tuple(
        EntityInfo(
            frozenset(one["type"]),
            one.get("id"),
            None if "id" in one else one.get("idPattern"),
            compile_pattern(one["idPattern"]) if "idPattern" in one and "id" not in one else None,
        )
        for one in info.get("entities", ())
    )
    names = [*info.get("propertyNames", ()), *info.get("relationshipNames", ())]
    return RegistrationInfo(entities, frozenset(names) if names else None)


def _together(information: Sequence[RegistrationInfo]) -> tuple[RegistrationInfo, ...]:
    if len(information) == 1:
        return tuple(information)
    entities: dict[frozenset[str] | None, list[EntityInfo]] = {}
    for info in information:
        entities.setdefault(info.attributes, []).extend(info.entities)
    anything = {info.attributes for info in information if not info.entities}
    return tuple(
        RegistrationInfo(() if attributes in anything else tuple(found), attributes)
        for attributes, found in entities.items()
    )


def _interval(interval: JsonObject) -> Interval:
    return Interval(normalize(interval["startAt"]) or "", normalize(interval.get("endAt")))


def _management(source: JsonObject) -> Management:
    cooldown, timeout = source.get("cooldown"), source.get("timeout")
    return Management(
        None if cooldown is None else cooldown / 1000,
        None if timeout is None else timeout / 1000,
        source.get("localOnly", False),
        parse_duration(source["cacheDuration"], "cacheDuration") if "cacheDuration" in source else None,
    )


def _described(members: JsonObject) -> JsonObject:
    """Members as Attributes: a Context Source Property may be an Attribute in normalized form, or just a value."""
    scope = members.get("scope", [])
    described: JsonObject = {
        "id": members["id"],
        "type": [],
        "scope": scope if isinstance(scope, list) else [scope],
    }
    if "expiresAt" in members:
        described["expiresAt"] = members["expiresAt"]
    core = core_context()
    for name, value in members.items():
        if name in SOURCE_KEYWORDS:
            described[SOURCE_KEYWORDS[name]] = [{"type": "Property", "value": value}]
        elif name in MEMBERS:
            described[core.expand_term(name)] = [{"type": "Property", "value": value}]
        elif is_attribute_key(name):
            described[name] = [_as_instance(value)]
    return described


def _as_instance(value: object) -> JsonObject:
    """Without sub-Attributes: those of a Context Source Property are kept as they came, whatever they are."""
    if isinstance(value, dict) and isinstance(value.get("type"), str) and {"value", "object"} & value.keys():
        return {name: member for name, member in value.items() if not is_attribute_key(name)}
    return {"type": "Property", "value": value}
