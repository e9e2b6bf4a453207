"""Temporal answers that hold a part of the time alone (206, clause 6.3.10): making one come, and judging its range.

How much one answer holds is the implementation's choice (ruling M1): a series is grown until an answer is cut. Where
none ever is, there is nothing to judge. Not judged here: the unit of the header (ruling W19 has a check of its own),
and which Attribute a cut falls on (ruling M2); but within the range that is announced nothing may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ldt_conformance.checks.ngsi_ld.given import stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import instances, shown, temporal_object
from ldt_conformance.clients import Broker, TemporalEntity
from ldt_conformance.comparators import parse_instant
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable

STEPS = (120, 1400)  # how many points a series is grown to until an answer is cut
SERIES = ("speed", "fuel")
EARLY, LATE = "2026-03-04T12:00:00Z", "2026-03-08T00:00:00Z"  # before and after every point
HEADER = re.compile(r"(?P<unit>\S+)\s+(?P<start>\S+Z)\s*-\s*(?P<end>\S+Z)\s*/\s*(?P<size>\S+)")


@dataclass
class Cut:
    """What this process has seen of the length at which answers are cut.

    Attributes:
        points: Points in each of two series for which an answer was cut; None as long as none was.
        never: No series that we would send is long enough.
    """

    points: int | None = None
    never: bool = False


@dataclass(frozen=True, slots=True)
class Announced:
    """The parts of a Content-Range header."""

    unit: str
    start: str
    end: str
    size: str


def long_history(broker: Broker, cut: Cut, *, apart: bool = False) -> TemporalEntity:
    """A stored history that is too long for one answer; ends the check as not applicable where none is.

    Args:
        broker: The target.
        cut: What earlier checks have seen; kept up to date.
        apart: The two series do not overlap in time; else they have the same instants.
    """
    entity = broker.new_entity("Vehicle")
    whole = TemporalEntity(entity.id, str(entity.type))
    done = 0
    for points in () if cut.never else (cut.points,) if cut.points else STEPS:
        added = range(done, points)
        grown = {"speed": _minutes(added, 5), "fuel": _minutes(added, 6 if apart else 5)}
        part = TemporalEntity(entity.id, str(entity.type))
        for name, series in grown.items():
            part, whole = part.with_series(name, series), whole.with_series(name, series)
        stored_history(broker, part)
        response = broker.retrieve_temporal(entity.id)
        found = temporal_object(response)
        if response.status == 206:
            cut.points = points
            return whole
        _expect_between(found, whole, EARLY, LATE)
        done = points
    cut.never = True
    return not_applicable(
        Reason.UNCLAIMED,
        f"{len(SERIES)} series of {STEPS[-1]} instances came in one answer; nothing was cut",
        expected="an answer with 206",
    )


def announced(response: Response) -> Announced:
    """The Content-Range of a 206; fails where there is none that can be read."""
    header = response.headers.get("content-range", "")
    found = HEADER.fullmatch(header.strip())
    if found is None:
        fail("206 with Content-Range: DateTime start-end/size", f"Content-Range: {header or '(none)'}")
    return Announced(**found.groupdict())


def expect_forwards(
    response: Response, found: Mapping[str, Any], whole: TemporalEntity, params: Mapping[str, Any]
) -> None:
    """Fail unless an answer without lastN says rightly what part of the time it holds, and holds all of it.

    Args:
        response: Status and headers; a whole answer (200) must hold everything.
        found: The Entity in it, in the temporal or the simplified temporal representation.
        whole: What is stored; all of it meets the query.
        params: Those of the request: `timerel` and `timeAt`.
    """
    if response.status == 200:
        _expect_between(found, whole, EARLY, LATE)
        return
    part, seen = announced(response), _seen(found)
    start = {"after": params.get("timeAt"), "between": params.get("timeAt"), "before": seen[0]}.get(
        params.get("timerel", "")
    )
    _expect_part(part, start, seen[-1], "*")
    _expect_between(found, whole, start or seen[0], part.end)


def expect_backwards(
    response: Response, found: Mapping[str, Any], whole: TemporalEntity, params: Mapping[str, Any]
) -> None:
    """As `expect_forwards`, for an answer to a request with `lastN`, which goes back from the newest instant."""
    if response.status == 200:
        _expect_between(found, whole, EARLY, LATE)
        return
    part, seen = announced(response), _seen(found)
    timerel = params.get("timerel", "")
    start = {"before": params.get("timeAt"), "between": params.get("endTimeAt"), "after": seen[-1]}.get(timerel)
    _expect_part(part, start, seen[0], str(params["lastN"]))
    _expect_between(found, whole, part.end, start or seen[-1])


def times(found: Mapping[str, Any], name: str) -> list[str]:
    """The times of an Attribute's instances, normalized or simplified, as they stand in the answer."""
    pairs = shown(found, name).get("values")
    if isinstance(pairs, list):
        return [str(pair[-1]) for pair in pairs if isinstance(pair, list) and len(pair) == 2]
    return [str(row["observedAt"]) for row in instances(found, name) if "observedAt" in row]


def _minutes(numbers: Sequence[int], day: int) -> list[tuple[int, str]]:
    return [(number, f"2026-03-{day:02}T{number // 60:02}:{number % 60:02}:00Z") for number in numbers]


def _seen(found: Mapping[str, Any]) -> list[str]:
    """All times in an answer, oldest first; a part without any gets nobody on."""
    seen = sorted((text for name in SERIES for text in times(found, name)), key=parse_instant)
    if not seen:
        fail("instances in a partial answer (206)", f"members {sorted(found)}, no instance with a time")
    return seen


def _expect_part(part: Announced, start: str | None, end: str, size: str) -> None:
    """Where the clause does not say what `start` is (no timerel), it is None and not judged."""
    said = (start and _instant(part.start), _instant(part.end), part.size)
    if said != (start and parse_instant(start), parse_instant(end), size):
        fail(f"Content-Range {start or '(any start)'}-{end}/{size}", f"{part.start}-{part.end}/{part.size}")


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        return fail("DateTimes in Content-Range", str(error))


def _expect_between(found: Mapping[str, Any], whole: TemporalEntity, low: str, high: str) -> None:
    """Fail unless an answer holds exactly what is stored between two times, both included."""
    first, last = parse_instant(low), parse_instant(high)
    for name in SERIES:
        stored = {parse_instant(row["observedAt"]) for row in whole.attributes[name]}
        wanted = {at for at in stored if first <= at <= last}
        there = {parse_instant(text) for text in times(found, name)}
        if there != wanted:
            missing, extra = len(wanted - there), len(there - wanted)
            fail(
                f"every instance of {name} from {low} to {high} ({len(wanted)})",
                f"{len(there)} instances: {missing} missing, {extra} outside that range",
            )
