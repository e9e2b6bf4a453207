"""Timestamps as instants: CIM 009 V1.9.1, clause 4.6.3."""

from __future__ import annotations

import re
from datetime import UTC, datetime

DATE_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
MAX_FRACTION_DIGITS = 6  # clause 4.6.3: "up to a maximum of six"


def parse_instant(text: str) -> datetime:
    """The instant that a DateTime string names, in UTC; digits beyond the microsecond are dropped.

    Tolerant on purpose (comma, offset, missing zone read as UTC): whether the *form* is right is the business of
    `date_time_fault`, in a check of its own, so that a wrong form hides nothing else.

    Raises:
        ValueError: The text is no date and time at all.
    """
    found = DATE_TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no DateTime (expected YYYY-MM-DDThh:mm:ss[.ffffff]Z)")
    *fields, fraction, zone = found.groups()
    microseconds = int((fraction or "0")[:MAX_FRACTION_DIGITS].ljust(MAX_FRACTION_DIGITS, "0"))
    year, month, day, hour, minute, second = (int(field) for field in fields)
    naive = datetime(year, month, day, hour, minute, second, microseconds, tzinfo=UTC)
    if zone in (None, "Z"):
        return naive
    offset = datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").utcoffset()
    return naive - offset if offset else naive


def same_instant(one: object, other: object) -> bool:
    """Whether two DateTime strings name the same instant; False where either is none."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    try:
        return parse_instant(one) == parse_instant(other)
    except ValueError:
        return False


def date_time_fault(value: object) -> str | None:
    """What is wrong with the form of a DateTime in a response, or None: clause 4.6.3.

    A point as decimal separator (the comma is for requests), one to six fractional digits, always `Z`.
    """
    if not isinstance(value, str):
        return f"{value!r} is no string"
    found = DATE_TIME.fullmatch(value)
    if found is None:
        return f"{value!r} does not have the form YYYY-MM-DDThh:mm:ss[.ffffff]Z"
    fraction, zone = found.group(7), found.group(8)
    if zone != "Z":
        return f"{value!r} does not end in Z"
    if fraction is not None and len(fraction) > MAX_FRACTION_DIGITS:
        return f"{value!r} has {len(fraction)} fractional digits, at most {MAX_FRACTION_DIGITS} are allowed"
    if "," in value:
        return f"{value!r} separates the fraction by a comma; in a response a decimal point is used"
    try:
        parse_instant(value)
    except ValueError as error:
        return f"{value!r} is no possible date: {error}"
    return None
