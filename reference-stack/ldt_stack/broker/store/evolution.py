"""Conditions on the temporal evolution of an Entity, for any store: ETSI GS CIM 009 V1.9.1, clause 5.7.4.4. Pure.

A query or geo-query "shall be checked against all the Attribute instances resulting from the initial filtering
performed by the temporal query": any instance of the interval will do, as any of several instances does in the current
state. An Attribute that never had the Temporal Property asked for has no evolution; its latest instance stands for it
at all times (clause C.5.5: `q=brandName!=Mercedes` where brandName was never observed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject
from ldt_stack.broker.query.geo import GeoQuery
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES
from ldt_stack.broker.query.q import And, Comparison, Exists, Or, PatternMatch, attributes_of
from ldt_stack.broker.query.scope import ScopeQuery
from ldt_stack.broker.store.data import Predicate, TemporalQuery

SCOPE: Final = "scope"
"""Name of the scope among the Attributes of an evolution (4.5.6)."""


def attributes_named(condition: Predicate) -> frozenset[str]:
    """IRIs of the Attributes that a condition looks at."""
    if isinstance(condition, GeoQuery):
        return frozenset({condition.geoproperty})
    if isinstance(condition, Exists | Comparison | PatternMatch | And | Or):
        return attributes_of(condition) - SYSTEM_ATTRIBUTES
    return frozenset()


@dataclass(frozen=True, slots=True)
class Evolution:
    """What conditions are checked against.

    Args:
        head: Expanded head of the Entity.
        instances: Of the Attributes that conditions name: those of the interval, or the one that stands for all times.
        scopes: All instances of the scope, oldest first.
    """

    head: JsonObject
    instances: Mapping[str, Sequence[JsonObject]]
    scopes: Sequence[JsonObject]

    def meets(self, conditions: Sequence[Predicate], temporal: TemporalQuery) -> bool:
        """Whether all conditions hold for the interval."""
        return all(self._meets(condition, temporal) for condition in conditions)

    def _meets(self, condition: Predicate, temporal: TemporalQuery) -> bool:
        if isinstance(condition, ScopeQuery):
            return any(condition.matches({SCOPE: scope}) for scope in scopes_within(self.head, self.scopes, temporal))
        return condition.matches(self._entity())

    def _entity(self) -> JsonObject:
        return {**self.head, **self.instances}

    def admits(self, conditions: Sequence[Predicate], attribute: str, instance: JsonObject) -> bool:
        """Whether one instance may be shown: only those "which meet the temporal, query and geoquery restrictions"."""
        return all(
            condition.matches({**self._entity(), attribute: [instance]})
            for condition in conditions
            if attribute in attributes_named(condition)
        )


def is_deletion(instance: JsonObject) -> bool:
    """Whether an instance records that the Attribute was deleted (4.5.7)."""
    return "deletedAt" in instance


def scopes_within(head: JsonObject, scopes: Sequence[JsonObject], temporal: TemporalQuery) -> list[list[str]]:
    """The scopes an Entity had during an interval, one list a period (C.5.16: also one that was set before).

    A first scope that nobody dated is taken to have always been there: it came with data about the past.
    """
    if not scopes:
        return [head[SCOPE]] if SCOPE in head else []
    begins = [_begin(scope) for scope in scopes]
    if "observedAt" not in scopes[0]:
        begins[0] = ""
    ends = [*begins[1:], "9999"]
    begin, end = _interval(temporal)
    return [
        scope["value"] if isinstance(scope["value"], list) else [scope["value"]]
        for scope, first, last in zip(scopes, begins, ends, strict=True)
        if first < end and begin < last and scope["value"] != NULL
    ]


def _begin(scope: JsonObject) -> str:
    return normalize(scope.get("observedAt")) or str(scope["createdAt"])


def _interval(temporal: TemporalQuery) -> tuple[str, str]:
    """From (inclusive) and to (exclusive), as text that sorts with instants."""
    at = temporal.time_at or ""
    if temporal.timerel == "before":
        return "", at
    if temporal.timerel == "after":
        return at, "9999"
    return (at, temporal.end_time_at or "9999") if temporal.timerel == "between" else ("", "9999")
