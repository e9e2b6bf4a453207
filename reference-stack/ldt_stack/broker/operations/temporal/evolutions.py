"""Temporal evolutions put together of what is held here and at Context Sources: ETSI GS CIM 009 V1.9.1, 4.5.5, 5.7.4.4.

Pure, but for reading a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.temporal.ranges import end_of, within
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, Predicate, TemporalEntity, TemporalQuery
from ldt_stack.broker.store.evolution import SCOPE, Evolution, is_deletion
from ldt_stack.broker.store.interface import Snapshot


@dataclass(slots=True)
class Evolutions:
    """What sources have of one evolution; that of auxiliary sources apart, and whose it is.

    `until` are instants at which answers end that hold a part of the time asked for: what follows is not known.
    """

    equal: list[TemporalEntity] = field(default_factory=list)
    auxiliary: list[TemporalEntity] = field(default_factory=list)
    registrations: list[str] = field(default_factory=list)
    until: list[str] = field(default_factory=list)

    def add(self, registration: Registration, evolution: TemporalEntity, until: str = "") -> None:
        """One more, from a source; and where its answer ends, if that is a part."""
        if until:
            self.until.append(until)
        (self.auxiliary if registration.mode == "auxiliary" else self.equal).append(evolution)
        if registration.id not in self.registrations:
            self.registrations.append(registration.id)


def merge_evolutions(
    own: TemporalEntity | None, others: Evolutions | None, interval: TemporalQuery
) -> TemporalEntity | None:
    """One evolution out of its versions (4.5.5.3 for each instant); None if there is none.

    Instances of an Attribute with the same datasetId and instant are one: the one that was modified last, else ours.
    Of auxiliary sources only instances of instants that nobody else has are taken. Where a version is but a part, the
    others end where it ends: no instance within the range that is announced may be missing (6.3.10).
    """
    if others is None:
        return own
    versions = [*([own] if own is not None else []), *others.equal]
    auxiliary = others.auxiliary
    if not versions and not auxiliary:
        return None
    bound = _bound(own, others, interval)
    if bound:
        versions, auxiliary = ([_until(one, bound, interval) for one in some] for some in (versions, auxiliary))
    everything = [*versions, *auxiliary]
    attributes: dict[str, list[JsonObject]] = {}
    for name in dict.fromkeys(name for one in everything for name in one.attributes):
        equal = [one.attributes.get(name, []) for one in versions]
        helping = [one.attributes.get(name, []) for one in auxiliary]
        merged = _instants(equal, helping, interval.timeproperty)
        attributes[name] = merged if interval.last_n is None else merged[-interval.last_n :]
    head: JsonObject = dict(everything[0].head)
    head["type"] = list(dict.fromkeys(name for one in everything for name in one.head["type"]))
    return TemporalEntity(head, attributes, all(one.complete for one in everything))


def _bound(own: TemporalEntity | None, others: Evolutions, interval: TemporalQuery) -> str:
    """Up to where all versions are known; empty: to their end."""
    ends = list(others.until)
    backwards = interval.last_n is not None
    if own is not None and not own.complete:
        ends.append(end_of([own], interval.timeproperty, backwards=backwards))
    return (max if backwards else min)(ends, default="")


def _until(evolution: TemporalEntity, bound: str, interval: TemporalQuery) -> TemporalEntity:
    return within(evolution, interval.timeproperty, bound, backwards=interval.last_n is not None)


_Key = tuple[str | None, str | None]  # datasetId, instant; None: default instance, undated


def _instants(
    versions: Sequence[Sequence[JsonObject]], auxiliary: Sequence[Sequence[JsonObject]], timeproperty: str
) -> list[JsonObject]:
    """Instances by time. Between versions one instant of a datasetId is one; in a version it may have several."""
    chosen: dict[_Key, list[JsonObject]] = {}
    undated: list[JsonObject] = []
    for version in versions:
        for key, instances in _by_key(version, timeproperty).items():
            if key[1] is None:
                undated += instances
            elif key not in chosen or _modified(instances) > _modified(chosen[key]):
                chosen[key] = instances
    for version in auxiliary:
        for key, instances in _by_key(version, timeproperty).items():
            if key[1] is not None:
                chosen.setdefault(key, instances)
            elif not any(versions):
                undated += instances
    ordered = sorted(chosen, key=lambda key: key[1] or "")
    return [*undated, *(instance for key in ordered for instance in chosen[key])]


def _by_key(instances: Sequence[JsonObject], timeproperty: str) -> dict[_Key, list[JsonObject]]:
    found: dict[_Key, list[JsonObject]] = {}
    for instance in instances:
        found.setdefault((instance.get("datasetId"), normalize(instance.get(timeproperty))), []).append(instance)
    return found


def _modified(instances: Sequence[JsonObject]) -> str:
    return max(normalize(instance.get("modifiedAt")) or "" for instance in instances)


def with_filtered(wanted: tuple[str, ...], filtered: frozenset[str]) -> tuple[str, ...]:
    """The Attributes that are wanted, with those that filters look at; empty: all."""
    return tuple(sorted({*wanted, *filtered})) if wanted else ()


def meeting(
    evolution: TemporalEntity, conditions: Sequence[Predicate], interval: TemporalQuery
) -> TemporalEntity | None:
    """An evolution as a whole with what is wanted of it, as a store would show it; None if it does not meet a query.

    Of Attributes that never had the Temporal Property nothing is known here: they meet no condition.
    """
    known = {
        name: [one for one in instances if not is_deletion(one)] for name, instances in evolution.attributes.items()
    }
    scopes = [{"createdAt": "", **one} for one in known.pop(SCOPE, [])]
    whole = Evolution(evolution.head, known, scopes)
    if not whole.meets(conditions, interval):
        return None
    attributes: dict[str, list[JsonObject]] = {}
    found = False
    for name, instances in evolution.attributes.items():
        if not interval.attributes or name in interval.attributes:
            admitted = [one for one in instances if whole.admits(conditions, name, one)]
            found = found or ((name != SCOPE or SCOPE in interval.attributes) and bool(instances))
            shown = [one for one in admitted if _is_wanted(name, one, interval)]
            if shown:
                attributes[name] = shown if interval.last_n is None else shown[-interval.last_n :]
    return replace(evolution, attributes=attributes) if found else None


def _is_wanted(name: str, instance: JsonObject, interval: TemporalQuery) -> bool:
    return name == SCOPE or interval.dataset_ids is None or instance.get("datasetId", "@none") in interval.dataset_ids


@dataclass(frozen=True, slots=True)
class EvolutionsPage:
    """Some evolutions, by id, whether more follow, and how many there are in all."""

    entities: list[TemporalEntity]
    more: bool
    total: int


def distributed_evolutions(
    snapshot: Snapshot,
    query: EntityQuery,
    interval: TemporalQuery,
    remote: Mapping[str, Evolutions],
    *,
    descending: bool,
) -> EvolutionsPage:
    """One page of the evolutions that match here and at sources, in the order of their ids."""
    enough = query.offset + query.limit
    every = replace(query, offset=0, limit=enough, count=True)
    if descending:
        total = snapshot.query_temporal(replace(every, limit=0), interval).count or 0
        every = replace(every, offset=max(0, total - enough))
    page = snapshot.query_temporal(every, interval)
    held = {one.head["id"]: one for one in page.entities}
    missing = [one for one in remote if one not in held]
    known = {one: found for one in missing if (found := _held(snapshot, query, interval, one)) is not None}
    merged = {one: merge_evolutions(found, remote.get(one), interval) for one, found in (held | known).items()}
    merged |= {one: merge_evolutions(None, remote[one], interval) for one in missing if one not in known}
    ordered = sorted(((i, e) for i, e in merged.items() if e is not None), key=lambda one: one[0], reverse=descending)
    shown = [evolution for _, evolution in ordered[query.offset : enough]]
    total = (page.count or 0) + len(missing) - len(known)
    return EvolutionsPage(shown, query.offset + len(shown) < total, total)


def assembled_evolutions(
    snapshot: Snapshot,
    query: EntityQuery,
    interval: TemporalQuery,
    remote: Mapping[str, Evolutions],
    filtered: frozenset[str],
    *,
    most: int,
    descending: bool,
) -> EvolutionsPage:
    """One page where Entities may be split: each evolution is put together first, then the filters apply (5.7.4.4).

    Args:
        snapshot: What is held here.
        query: Which Entities.
        interval: Which instances.
        remote: What sources have, not filtered.
        filtered: IRIs of the Attributes that filters look at.
        most: How many evolutions are put together at most.
        descending: By id.

    Raises:
        TooManyResults: There are more.
    """
    attributes = with_filtered(interval.attributes, filtered)
    wide = replace(interval, last_n=None, max_instances=None, attributes=attributes, dataset_ids=None)
    every = replace(query, conditions=(), offset=0, limit=most + 1, count=False)
    held = {one.head["id"]: one for one in snapshot.query_temporal(every, wide).entities}
    if len(held) > most:
        raise TooManyResults(f"More than {most} evolutions would have to be put together; narrow the query")
    found: dict[str, TemporalEntity] = {}
    for identifier in {**held, **remote}:
        own = held.get(identifier)
        if own is None:
            own = snapshot.get_temporal(identifier, wide)
        merged = merge_evolutions(own, remote.get(identifier), wide)
        shown = None if merged is None else meeting(merged, query.conditions, interval)
        if shown is not None:
            found[identifier] = shown
    ordered = sorted(found, reverse=descending)
    page = [found[identifier] for identifier in ordered[query.offset : query.offset + query.limit]]
    return EvolutionsPage(page, query.offset + len(page) < len(found), len(found))


def _held(snapshot: Snapshot, query: EntityQuery, interval: TemporalQuery, identifier: str) -> TemporalEntity | None:
    """An evolution that matches here, beyond the page."""
    selectors = tuple(
        EntitySelector((identifier,), None, selector.types)
        for selector in query.selectors or (EntitySelector(),)
        if not selector.ids or identifier in selector.ids
    )
    if not selectors:
        return None
    found = snapshot.query_temporal(replace(query, selectors=selectors, offset=0, limit=1), interval).entities
    return found[0] if found else None
