"""What part of a time range an answer holds when it cannot hold all: ETSI GS CIM 009 V1.9.1, clause 6.3.10. Pure.

Without lastN pagination goes forwards, from the oldest instant on, with lastN backwards, from the newest on. The cut is
at an instant and the same for all Entities and Attributes of the answer: no instance within the announced range is
missing. A part always has two instants at least (if there are two), so that a client that goes on from its end gets on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.data import TemporalEntity, TemporalQuery


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The parts of the Content-Range header: DateTimes as the request or the data has them; `size` is lastN or "*"."""

    start: str
    end: str
    size: str


def cut(
    entities: list[TemporalEntity], query: TemporalQuery, time_at: str | None, end_time_at: str | None
) -> tuple[list[TemporalEntity], TimeRange | None]:
    """Cut evolutions to what one answer holds.

    Args:
        entities: As the store returned them for `query`.
        query: Its `max_instances` is the limit for the answer as a whole.
        time_at: As the request has it.
        end_time_at: Likewise.

    Returns:
        The evolutions, and the range they cover; None if nothing had to be left out.
    """
    limit = query.max_instances
    instants = sorted(_instants(entities, query.timeproperty))
    total = _count(entities)
    if limit is None or (total <= limit and all(one.complete for one in entities)) or not instants:
        return entities, None
    backwards = query.last_n is not None
    bound = _bound(entities, query.timeproperty, instants, limit, backwards=backwards)
    kept = [within(one, query.timeproperty, bound, backwards=backwards) for one in entities]
    if _count(kept) == total and all(one.complete for one in entities):
        return entities, None
    covered = [text for one in kept for text in _texts(one, query.timeproperty)]
    covered.sort(key=lambda text: normalize(text) or "")
    return kept, _range(query, covered[0], covered[-1], time_at, end_time_at)


def _count(entities: Iterable[TemporalEntity]) -> int:
    """Instances in all."""
    return sum(len(instances) for one in entities for instances in one.attributes.values())


def _range(query: TemporalQuery, oldest: str, newest: str, time_at: str | None, end_time_at: str | None) -> TimeRange:
    if query.last_n is not None:
        start = {"before": time_at, "between": end_time_at}.get(query.timerel or "")
        return TimeRange(_as_answered(start or newest), oldest, str(query.last_n))
    start = time_at if query.timerel in ("after", "between") else None
    return TimeRange(_as_answered(start or oldest), newest, "*")


def _as_answered(instant: str) -> str:
    """A DateTime of a request, where "a comma instead of a decimal point may be used" (4.6.3), as answers have it."""
    return instant.replace(",", ".")


def _bound(
    entities: list[TemporalEntity], timeproperty: str, instants: list[str], limit: int, *, backwards: bool
) -> str:
    """The last instant of the part: the newest if it goes forwards, the oldest if backwards."""
    ordered = instants[::-1] if backwards else instants
    distinct = list(dict.fromkeys(ordered))
    bound = ordered[min(limit, len(ordered)) - 1]
    if len(ordered) > limit and ordered[limit] == bound:  # not all instances at that instant fit: end before it
        bound = distinct[max(0, distinct.index(bound) - 1)]
    furthest = max if backwards else min
    # Of an Entity that was not read to its end, nothing is known beyond what was read.
    read = [end_of([one], timeproperty, backwards=backwards) for one in entities if not one.complete]
    bound = furthest([bound, *(end for end in read if end)])
    least = distinct[min(1, len(distinct) - 1)]
    return min(bound, least) if backwards else max(bound, least)


def end_of(entities: Iterable[TemporalEntity], timeproperty: str, *, backwards: bool) -> str:
    """The instant at which a part ends; empty if it has none."""
    return (min if backwards else max)(_instants(entities, timeproperty), default="")


def within(entity: TemporalEntity, timeproperty: str, bound: str, *, backwards: bool) -> TemporalEntity:
    """What of an evolution belongs to a part that ends at an instant."""
    attributes: dict[str, list[JsonObject]] = {}
    for name, instances in entity.attributes.items():
        kept = [one for one in instances if _belongs(one, timeproperty, bound, backwards=backwards)]
        if kept:
            attributes[name] = kept
    return replace(entity, attributes=attributes)


def _belongs(instance: JsonObject, timeproperty: str, bound: str, *, backwards: bool) -> bool:
    """Instances without the Temporal Property sort before all others."""
    instant = normalize(instance.get(timeproperty)) or ""
    return instant >= bound if backwards else instant <= bound


def _texts(entity: TemporalEntity, timeproperty: str) -> Iterable[str]:
    for instances in entity.attributes.values():
        for instance in instances:
            if timeproperty in instance:
                yield instance[timeproperty]


def _instants(entities: Iterable[TemporalEntity], timeproperty: str) -> Iterable[str]:
    for one in entities:
        for text in _texts(one, timeproperty):
            yield normalize(text) or ""
