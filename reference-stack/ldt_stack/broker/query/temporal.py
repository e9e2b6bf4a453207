"""Temporal Query Language: ETSI GS CIM 009 V1.9.1, clause 4.11."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, cast

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.instants import normalize

TimeRelation = Literal["before", "after", "between"]
TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
TIME_RELATIONS: Final = ("before", "after", "between")
TIME_PROPERTIES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")


@dataclass(frozen=True, slots=True)
class TemporalCondition:
    """Which instants are meant.

    Args:
        timerel: `before` (exclusive), `after` (inclusive) or `between` (start inclusive, end exclusive).
        time_at: Normalized instant (six digits, UTC).
        end_time_at: Likewise, for `between` alone.
        timeproperty: The Temporal Property that is compared.
    """

    timerel: TimeRelation
    time_at: str
    end_time_at: str | None = None
    timeproperty: TimeProperty = "observedAt"

    def holds(self, instant: str) -> bool:
        """Whether a normalized instant meets the condition."""
        if self.timerel == "before":
            return instant < self.time_at
        if self.timerel == "after":
            return instant >= self.time_at
        return self.time_at <= instant and (self.end_time_at is None or instant < self.end_time_at)


def parse_temporal(
    timerel: str | None,
    time_at: str | None,
    end_time_at: str | None = None,
    timeproperty: str | None = None,
    *,
    time_properties: Collection[str] = TIME_PROPERTIES,
) -> TemporalCondition:
    """Parse the four parameters of a temporal query.

    Raises:
        BadRequestData: A relation or property is unknown, an instant is none of clause 4.6.3, timeAt is missing, or
            endTimeAt is missing with `between`, given without it, or not after timeAt.

    Source: CIM 009 V1.9.1, clause 4.11.
    """
    if timerel not in TIME_RELATIONS:
        raise BadRequestData(f"timerel is {timerel!r}; expected one of {', '.join(TIME_RELATIONS)} (clause 4.11).")
    name = "observedAt" if timeproperty is None else timeproperty
    if not isinstance(name, str) or name not in time_properties:
        raise BadRequestData(f"timeproperty is {name!r}; expected one of {', '.join(sorted(time_properties))}.")
    start = _instant("timeAt", time_at)
    end = None
    if timerel == "between":
        end = _instant("endTimeAt", end_time_at)
        if end <= start:
            raise BadRequestData(f"endTimeAt {end_time_at} is not after timeAt {time_at}; expected a later instant.")
    elif end_time_at is not None:
        raise BadRequestData(f"endTimeAt goes with timerel=between alone, not with {timerel} (clause 4.11).")
    return TemporalCondition(cast("TimeRelation", timerel), start, end, cast("TimeProperty", name))


def _instant(name: str, text: str | None) -> str:
    normalized = normalize(text)
    if normalized is None:
        raise BadRequestData(f"{name} is {text!r}; expected a DateTime like 2017-12-13T14:20:00Z (clause 4.6.3).")
    return normalized
