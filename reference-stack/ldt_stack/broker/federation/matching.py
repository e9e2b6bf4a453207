"""Which Context Source Registrations a request concerns: ETSI GS CIM 009 V1.9.1, clauses 5.10.2.4, 5.11.2.4 and 5.12.

Pure. Where the standard matches literally what "possibly" is there (patterns, geometries), so does this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.federation.registration import EntityInfo, Interval, Registration, RegistrationInfo
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query import GeoQuery, QNode, ScopeQuery, TemporalCondition, TypeSelection
from ldt_stack.broker.query import geometry as geometries
from ldt_stack.broker.query.patterns import Pattern


@dataclass(frozen=True, slots=True)
class EntitySpecification:
    """A selector of Entity Types, Entity identifiers and an id pattern (5.12); what is None or empty is not given."""

    types: TypeSelection | None = None
    ids: tuple[str, ...] = ()
    id_pattern: Pattern | None = None

    def matches(self, info: EntityInfo) -> bool:
        """Whether it matches an EntityInfo."""
        return self._matches_type(info) and self._matches_id(info)

    def _matches_type(self, info: EntityInfo) -> bool:
        if self.types is None or self.types.selects_all:
            return True
        return any(wanted <= info.types for wanted in self.types.alternatives)

    def _matches_id(self, info: EntityInfo) -> bool:
        if info.id is None and info.pattern is None:
            return True
        if self.ids:
            return any(info.covers_id(identifier) for identifier in self.ids)
        if self.id_pattern is None:
            return True  # no identifier is asked for: any will do
        return info.id is None or self.id_pattern.search(info.id)


@dataclass(frozen=True, slots=True)
class RegistrationQuery:
    """What is asked of the Context Registry.

    Args:
        entities: Alternatives; empty: any Entity.
        attributes: IRIs of which one is enough; None: any.
        geo: Geo-query.
        temporal: Temporal query: then Context Sources with temporal evolutions are meant, else the others (5.9.1).
        csf: Context source filter.
        scope: Scope query.
        dataset_ids: datasetIds; None: any.
        forwarded: Whether it is a temporal operation that is to be forwarded: then any source with temporal evolutions
            that may have some of the time asked for is meant, or of any time.
    """

    entities: tuple[EntitySpecification, ...] = ()
    attributes: frozenset[str] | None = None
    geo: GeoQuery | None = None
    temporal: TemporalCondition | None = None
    csf: QNode | None = None
    scope: ScopeQuery | None = None
    dataset_ids: frozenset[str] | None = None
    forwarded: bool = False

    def matching(self, registration: Registration) -> tuple[int, ...]:
        """The positions of the RegistrationInfo elements that match; empty: the Registration does not match."""
        if not self._meets_conditions(registration):
            return ()
        return tuple(position for position, info in enumerate(registration.information) if self._matches_info(info))

    def offered(self, registration: Registration) -> list[RegistrationInfo]:
        """What a Registration offers that operations are matched with; where ids are asked for, of these alone."""
        if not self._meets_conditions(registration):
            return []
        infos: Sequence[RegistrationInfo] = registration.offers
        if self.entities and all(one.ids for one in self.entities):
            ids = [identifier for one in self.entities for identifier in one.ids]
            infos = [found for info in infos if (found := info.of_ids(ids)) is not None]
        return [info for info in infos if self._matches_info(info)]

    def _meets_conditions(self, registration: Registration) -> bool:
        timely = _may_have if self.forwarded else _matches_time
        if not timely(registration, self.temporal) or not shares_dataset(registration, self.dataset_ids):
            return False
        if self.csf is not None and not self.csf.matches(registration.described):
            return False
        unscoped = not registration.described["scope"]  # it cannot be ruled out then
        if self.scope is not None and not unscoped and not self.scope.matches(registration.described):
            return False
        return self.geo is None or possibly_within(registration, self.geo)

    def _matches_info(self, info: RegistrationInfo) -> bool:
        if not shares_attribute(info, self.attributes):
            return False
        if not self.entities or not info.entities:
            return True
        return any(wanted.matches(offered) for wanted in self.entities for offered in info.entities)


def shares_attribute(info: RegistrationInfo, attributes: frozenset[str] | None) -> bool:
    """5.12: "Attribute names match the combination of Properties and Relationships if …"."""
    return attributes is None or info.attributes is None or not attributes.isdisjoint(info.attributes)


def shares_dataset(registration: Registration, dataset_ids: frozenset[str] | None) -> bool:
    """5.12: "if both have at least one value in common. If only one of them specifies a datasetId, it is … a match"."""
    offered = registration.dataset_ids
    return dataset_ids is None or offered is None or not offered.isdisjoint(dataset_ids)


def _matches_time(registration: Registration, temporal: TemporalCondition | None) -> bool:
    if temporal is None:
        return not registration.temporal
    name = "observationInterval" if temporal.timeproperty == "observedAt" else "managementInterval"
    interval = registration.intervals.get(name)
    return interval is not None and _overlaps(interval, temporal)


def _may_have(registration: Registration, temporal: TemporalCondition | None) -> bool:
    """Whether a source of temporal evolutions may have instances of the time asked for."""
    if temporal is None:
        return registration.temporal
    name = "observationInterval" if temporal.timeproperty == "observedAt" else "managementInterval"
    interval = registration.intervals.get(name)
    if interval is None:
        return False
    begins = temporal.time_at if temporal.timerel != "before" else ""
    ends = {"before": temporal.time_at, "after": None, "between": temporal.end_time_at}[temporal.timerel]
    return (ends is None or interval.start <= ends) and (interval.end is None or interval.end >= begins)


def _overlaps(interval: Interval, temporal: TemporalCondition) -> bool:
    """5.10.2.4: with "before" and "after", timeAt is in the interval or at its end; with "between", they overlap."""
    if temporal.timerel == "between" and temporal.end_time_at is not None and temporal.end_time_at < interval.start:
        return False
    starts = temporal.timerel == "between" or interval.start <= temporal.time_at
    return starts and (interval.end is None or temporal.time_at <= interval.end)


# What a location within the area of a Context Source needs of the area, so that it may meet the relation.
_NEEDS: Final = {
    "within": ("intersects",),
    "intersects": ("intersects",),
    "overlaps": ("intersects",),
    "contains": ("contains",),
    "equals": ("contains",),
}


def possibly_within(registration: Registration, geo: GeoQuery) -> bool:
    """Whether the area of a Context Source meets a geo-query, or "possibly contains locations that would match".

    A Registration that says nothing of the GeoProperty cannot be ruled out.
    """
    area = registration.geometries.get(geo.geoproperty)
    return area is None or geo.holds(area) or _possibly(area, geo)


def _possibly(area: JsonObject, geo: GeoQuery) -> bool:
    reference = json.loads(geo.reference)
    if geo.max_distance is not None:
        return geometries.distance_metres(area, reference) <= geo.max_distance
    if geo.min_distance is not None:
        return geometries.farthest_metres(area, reference) > geo.min_distance
    if geo.georel == "disjoint":
        return not geometries.relates(area, "within", geo.reference)
    return any(geometries.relates(area, needed, geo.reference) for needed in _NEEDS[geo.georel])


def overlap(one: Registration, other: Registration) -> bool:
    """Whether an exclusive Registration and another proxied one are about a common Attribute of an Entity (5.9.2.4)."""
    exclusive, second = (one, other) if one.mode == "exclusive" else (other, one)
    return exclusive.temporal == second.temporal and any(
        shares_attribute(theirs, ours.attributes)
        and any(entity.id is not None and _same_entity(entity, theirs) for entity in ours.entities)
        for ours in exclusive.offers
        for theirs in second.offers
    )


def _same_entity(entity: EntityInfo, offered: RegistrationInfo) -> bool:
    """Whether an Entity known by id and (some of) its types may be one of those offered; of one id, whatever types."""
    return not offered.entities or any(
        one.id is not None or not one.types.isdisjoint(entity.types) for one in offered.about(entity.id or "")
    )
