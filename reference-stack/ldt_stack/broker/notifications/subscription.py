"""A Subscription as the notifier works with it: ETSI GS CIM 009 V1.9.1, clauses 5.2.12 to 5.2.15.

Names are expanded and conditions parsed: `validation` and `compiling` make it from a payload.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.mqtt import MqttTarget
from ldt_stack.broker.query.language import LanguageFilter
from ldt_stack.broker.query.links import Elsewhere, EntityLookup, bind_conditions
from ldt_stack.broker.query.patterns import Pattern
from ldt_stack.broker.query.projection import Projection
from ldt_stack.broker.query.type_selection import TypeSelection
from ldt_stack.broker.representation.conformance import Version
from ldt_stack.broker.store.data import EntitySelector, Predicate

ENTITY_TRIGGERS: Final = ("entityCreated", "entityUpdated", "entityDeleted")
ATTRIBUTE_TRIGGERS: Final = ("attributeCreated", "attributeUpdated", "attributeDeleted")
TRIGGERS: Final = frozenset({*ENTITY_TRIGGERS, *ATTRIBUTE_TRIGGERS})
# "If not present, the default is the combination "attributeCreated" and "attributeUpdated"" (table 5.2.12-1).
DEFAULT_TRIGGERS: Final = frozenset({"attributeCreated", "attributeUpdated"})
FORMATS: Final = frozenset({"normalized", "concise", "simplified", "keyValues"})
MAX_JOIN_LEVEL: Final = 10  # as in queries
JSON: Final = "application/json"
JSON_LD: Final = "application/ld+json"
GEO_JSON: Final = "application/geo+json"
MEDIA_TYPES: Final = frozenset({JSON, JSON_LD, GEO_JSON})

Format = Literal["normalized", "concise", "simplified"]
Join = Literal["flat", "inline"]
Status = Literal["active", "paused", "expired"]


@dataclass(frozen=True, slots=True)
class Selector:
    """Clause 5.2.33; "id takes precedence over idPattern".

    `type_names` are the IRIs one of which a matching Entity must have, for the index; empty: any. `stored` is the same
    selector as a store takes it.
    """

    types: TypeSelection
    type_names: frozenset[str]
    ids: frozenset[str]
    id_pattern: Pattern | None
    stored: EntitySelector

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity is selected."""
        if self.ids and entity["id"] not in self.ids:
            return False
        if not self.ids and self.id_pattern is not None and not self.id_pattern.search(entity["id"]):
            return False
        return self.types.matches(entity)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Clause 5.2.15; times in seconds (the standard has milliseconds). `mqtt` is None for http and https."""

    uri: str
    accept: str = JSON
    timeout_seconds: float | None = None
    cooldown_seconds: float | None = None
    receiver_info: tuple[tuple[str, str], ...] = ()
    mqtt: MqttTarget | None = None


@dataclass(frozen=True, slots=True)
class ShownMembers:
    """Which members of an Entity a notification shows (5.2.14.1, 4.21): IRIs, or "id", "type", "scope".

    None: no restriction. `attributes` keeps the members of the Entity itself, `pick` does not.
    """

    attributes: frozenset[str] | None = None
    pick: Projection | None = None
    omit: Projection | None = None

    def shows(self, member: str) -> bool:
        """Whether an Attribute (IRI), "id", "type" or "scope" is shown."""
        own = member in ("id", "type", "scope")
        if not own and self.attributes is not None and member not in self.attributes:
            return False
        if self.pick is not None and member not in self.pick.members:
            return False
        # `observation{humidity}` in omit takes something away from the linked Entity, not the link itself.
        return self.omit is None or member not in self.omit.members or self.omit.of_linked(member) is not None


@dataclass(frozen=True, slots=True)
class Subscription:
    """Clause 5.2.12. Instants are normalized (six digits), so that they compare as text.

    `ld_context` is what notifications are written with, `context_url` where their receivers find it (jsonldContext);
    `conformance` is the version that they are amended to (ngsildConformance); `query_depth` how many links `q` follows.
    """

    id: str
    endpoint: Endpoint
    ld_context: LdContext
    context_url: str | None = None
    selectors: tuple[Selector, ...] = ()
    watched: frozenset[str] | None = None
    triggers: frozenset[str] = DEFAULT_TRIGGERS
    conditions: tuple[Predicate, ...] = ()
    query_depth: int = 0
    dataset_ids: frozenset[str] | None = None
    projection: ShownMembers = ShownMembers()
    join: Join | None = None
    join_level: int = 1
    conformance: Version | None = None
    format: Format = "normalized"
    show_changes: bool = False
    sys_attrs: bool = False
    lang: LanguageFilter | None = None
    expires_at: str | None = None
    is_active: bool = True
    throttling_seconds: float | None = None
    time_interval_seconds: float | None = None
    local_only: bool = False

    def status(self, now: str) -> Status:
        """Table 5.2.12-2 at an instant (six digits, UTC)."""
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active" if self.is_active else "paused"

    def selects(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity is subscribed to: any selector; without any, every Entity (5.8.1.4)."""
        return not self.selectors or any(selector.matches(entity) for selector in self.selectors)

    def meets_conditions(
        self, entity: JsonObject, lookup: EntityLookup | None = None, elsewhere: Elsewhere | None = None
    ) -> bool:
        """Whether an expanded Entity meets q, geoQ and scopeQ (those that are given).

        `lookup` and `elsewhere` are where linked Entities are found that q goes into (4.9); None: nowhere.
        """
        conditions = self.conditions
        if self.query_depth and lookup is not None:
            conditions = bind_conditions(conditions, lookup, elsewhere)
        return all(condition.matches(entity) for condition in conditions)

    def watches(self, attribute: str) -> bool:
        """Whether an Attribute (IRI) triggers: "A non-present watchedAttributes member means that all …" (5.8.1.4)."""
        return self.watched is None or attribute in self.watched


def status_at(members: JsonObject, now: str) -> Status:
    """Table 5.2.12-2, from the members of a Subscription, at an instant (six digits, UTC)."""
    expires_at = normalize(members.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        return "expired"
    return "active" if members.get("isActive", True) else "paused"


_NAME: Final = re.compile(r"[^\s(){}|,;]+")


def map_names(text: str, rename: Callable[[str], str], keep: frozenset[str] = frozenset()) -> str:
    """Rename every name in a type selection (4.17) or projection (4.21) text; operators stay as they are."""
    return _NAME.sub(lambda match: match[0] if match[0] in keep else rename(match[0]), text)
