"""DateTimes, Dates and Times: ETSI GS CIM 009 V1.9.1, clause 4.6.3.

User data keeps the text it came with; whatever is compared is normalized first, so that instants sort as text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

# "YYYY-MM-DDThh:mm:ss[.f{1,6}]Z"; offsets are no DateTime of 4.6.3. A comma is allowed by ISO 8601 alone.
_DATETIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:[.,](\d{1,6}))?Z", re.ASCII)


_SHORT: Final = len("1970-01-01T00:00:00Z")
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def format_instant(instant: datetime) -> str:
    """An aware datetime as system times are written: `2026-11-23T10:00:00.000000Z`."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def normalize(text: object) -> str | None:
    """A DateTime of clause 4.6.3 with exactly six digits of a second, or None if it is none."""
    return normalize_text(text) if isinstance(text, str) else None


@lru_cache(maxsize=4096)  # the Attributes of an Entity, and the Entities of a batch, mostly share theirs
def normalize_text(text: str) -> str | None:
    """As `normalize`, of a text."""
    if len(text) == _SHORT and text[-1] == "Z" and seconds_of(text[:-1]) is not None:  # most are
        return f"{text[:-1]}.000000Z"
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    whole, fraction = match.groups()
    try:
        datetime.fromisoformat(whole)
    except ValueError:
        return _leap_second(whole)
    return f"{whole}.{(fraction or '').ljust(6, '0')}Z"


@lru_cache(maxsize=4096)  # instants of one second come together
def seconds_of(text: str) -> int | None:
    """Seconds since 1970 of a date and a time of day, `2026-11-23T10:00:00`; None: it is none, or not so written."""
    if len(text) != _SHORT - 1 or text[4] + text[7] + text[10] + text[13] + text[16] != "--T::":
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at.toordinal() - _FIRST_DAY) * 86_400 + at.hour * 3600 + at.minute * 60 + at.second


def _leap_second(whole: str) -> str | None:
    """ISO 8601 and RFC 3339 know second 60; it is compared as the first instant after it."""
    if not whole.endswith(":60"):
        return None
    try:
        following = datetime.fromisoformat(whole[:-2] + "59") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    return following.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def parse_instant(text: str) -> datetime:
    """The datetime of a normalized instant."""
    return datetime.fromisoformat(text)
