"""Times as the toolbox wants them: ISO 8601 with a zone (RFC 3339), compared as instants."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")
ZONED = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?([Zz]|[+-]\d{2}:?\d{2})$")


def instant(value: Any) -> datetime | None:
    """The instant that a zoned ISO 8601 text (or the end of an interval `a/b`) names; None for anything else."""
    if not isinstance(value, str):
        return None
    text = value.rsplit("/", 1)[-1]
    if not ZONED.match(text):
        return None
    text = text.replace(",", ".").replace("t", "T").upper().replace("Z", "+00:00")
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def time_fault(name: str, value: Any, *, utc: bool) -> str | None:
    """What is wrong with a time; None where nothing is.

    Args:
        name: Of the attribute; a plain date is accepted where the attribute is no time of observation.
        utc: Only `Z` is accepted (NGSI-LD, CIM 009 V1.9.1 clause 4.6.3).
    """
    if isinstance(value, int | float):
        return f"{name} is the number {value}, which looks like Unix time"
    parts = str(value).split("/")
    for part in parts:
        if DATE.match(part) and not name.endswith(("observedAt", "TimeInstant", "phenomenonTime")):
            continue
        if instant(part) is None:
            return f"{name} is {str(value)[:40]!r}: no ISO 8601 time with a zone"
        if utc and not part.upper().endswith("Z"):
            return f"{name} is {str(value)[:40]!r}: NGSI-LD wants UTC (Z)"
    return None


def age(value: Any, now: datetime) -> timedelta | None:
    """How long ago an instant was; negative in the future; None where it is no instant."""
    moment = instant(value)
    return now - moment if moment is not None else None
