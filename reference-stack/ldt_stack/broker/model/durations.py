"""Durations in ISO 8601 format: ETSI GS CIM 009 V1.9.1, clauses 4.5.19.1, 5.2.23 and 5.2.41."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from ldt_stack.broker.errors import BadRequestData

_DURATION: Final = re.compile(
    r"P(?:(?P<weeks>\d+)W|(?=\d|T\d)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?)",
    re.ASCII,
)

_ENDLESS: Final = 1e12  # of any unit that can be that many: beyond every calendar


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration; all zero: the whole time range."""

    months: int = 0
    seconds: float = 0.0

    @property
    def spans_all(self) -> bool:
        """Whether it is "a duration spanning the whole time range specified by the temporal query"."""
        return not self.months and not self.seconds

    def after(self, start: datetime, count: int) -> datetime:
        """`start` plus so many times this duration; the end of a short month for a day it does not have.

        What lies beyond the calendar is its last instant.
        """
        try:
            return self._after(start, count)
        except (ValueError, OverflowError):
            return datetime.max.replace(tzinfo=UTC)

    def _after(self, start: datetime, count: int) -> datetime:
        months = start.month - 1 + self.months * count
        year, month = start.year + months // 12, months % 12 + 1
        following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        last = (following - timedelta(days=1)).day
        moved = start.replace(year=year, month=month, day=min(start.day, last))
        return moved + timedelta(seconds=self.seconds * count)


def parse_duration(text: str, name: str) -> Duration:
    """A duration such as PT4M, P1DT12H or P2W.

    Args:
        text: As written.
        name: The parameter or member, for the error.

    Raises:
        BadRequestData: It is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith("T"):
        raise BadRequestData(f"{name} is {text!r}; expected an ISO 8601 duration like PT4M or P1DT12H.")
    given = {name: min(float(value), _ENDLESS) for name, value in match.groupdict(default="0").items()}
    days = given["weeks"] * 7 + given["days"]
    seconds = ((days * 24 + given["hours"]) * 60 + given["minutes"]) * 60 + given["seconds"]
    return Duration(int(given["years"] * 12 + given["months"]), seconds)


def end_of(text: str | None, name: str, begin: datetime, *, default_seconds: float, longest_seconds: float) -> datetime:
    """When a suggested lifetime is over, if the broker lets it be as long.

    Args:
        text: The duration that was suggested; None: none.
        name: The parameter or member, for the error.
        begin: Aware; where the lifetime begins.
        default_seconds: The lifetime where none is suggested.
        longest_seconds: It is never longer.

    Raises:
        BadRequestData: The suggestion is no duration.
    """
    longest = begin + timedelta(seconds=longest_seconds)
    if text is None:
        return min(longest, begin + timedelta(seconds=default_seconds))
    return min(longest, parse_duration(text, name).after(begin, 1))
