"""Aggregated temporal representation: ETSI GS CIM 009 V1.9.1, clauses 4.5.19 and 5.2.44. Pure.

Periods are counted from the start of the time range that was asked for; without one, from the oldest instance. A period
without instances has no value and is left out, as in the example of clause C.5.14.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.durations import Duration, parse_duration
from ldt_stack.broker.model.instants import format_instant, normalize, parse_instant
from ldt_stack.broker.model.names import VALUE_MEMBER, JsonObject, JsonValue

METHODS: Final = ("avg", "distinctCount", "max", "min", "stddev", "sum", "sumsq", "totalCount")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(r"(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,6}))?Z", re.ASCII)
_URI_TYPES: Final = ("@id", "URI", "https://uri.etsi.org/ngsi-ld/URI", "http://www.w3.org/2001/XMLSchema#anyURI")
_MAX_PERIODS: Final = 100_000


@dataclass(frozen=True, slots=True)
class AggregationInput:
    """AggregationParams (5.2.44) as written."""

    methods: str | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class Aggregation:
    """What is calculated over which periods."""

    methods: tuple[str, ...]
    period: Duration


def parse_aggregation(source: AggregationInput) -> Aggregation:
    """Check and parse the parameters.

    Raises:
        BadRequestData: No method is named, one is not known, or the period is no duration of clause 4.5.19.1.
    """
    names = [name.strip() for name in (source.methods or "").split(",") if name.strip()]
    if not names:
        raise BadRequestData("aggrMethods is missing; it goes with aggregatedValues (clause 5.2.21).")
    for name in names:
        if name not in METHODS:
            raise BadRequestData(f"aggrMethods has {name!r}; expected some of {', '.join(METHODS)} (4.5.19.1).")
    return Aggregation(tuple(dict.fromkeys(names)), parse_duration(source.period or "PT0S", "aggrPeriodDuration"))


def aggregate(
    instances: Sequence[JsonObject], aggregation: Aggregation, timeproperty: str, start: str | None, end: str | None
) -> JsonObject:
    """Aggregate the instances of one Attribute.

    Args:
        instances: Expanded, oldest first; those without the Temporal Property are left out.
        aggregation: What to calculate.
        timeproperty: By which instances are assigned to periods.
        start: Normalized instant where the range begins; None: at the oldest instance.
        end: Where it ends; None: just after the newest instance.

    Returns:
        `{"type": …, METHOD: [[value, start, end], …], …}`, without the methods that the values have no aggregate of.

    Source: CIM 009 V1.9.1, clause 4.5.19.
    """
    periods = _periods(_dated(instances, timeproperty), aggregation.period, start, end)
    kind = instances[0]["type"]
    result: JsonObject = {"type": "Relationship" if kind in ("Relationship", "ListRelationship") else kind}
    for method in aggregation.methods:
        rows = []
        for values, begin, finish in periods:
            value = _apply(method, kind, values)
            if value is not None:
                rows.append([value, begin, finish])
        if rows:
            result[method] = rows
    return result


def is_eligible(instances: Sequence[JsonObject], aggregation: Aggregation, timeproperty: str) -> bool:
    """Whether tables 4.5.19.1-1 to -3 have any of the methods for the values; yes where there are no values."""
    values = [_value(one) for _, one in _dated(instances, timeproperty)]
    kind = instances[0]["type"]
    return not values or any(_applies(method, kind, values) for method in aggregation.methods)


def _dated(instances: Sequence[JsonObject], timeproperty: str) -> list[tuple[str, JsonObject]]:
    """Those that are aggregated, with their normalized instant: a deletion has no value."""
    return [
        (normalize(one[timeproperty]) or "", one) for one in instances if timeproperty in one and "deletedAt" not in one
    ]


def _periods(
    dated: Sequence[tuple[str, JsonObject]], period: Duration, start: str | None, end: str | None
) -> list[tuple[list[JsonValue], str, str]]:
    """Values of each period that has some, with its start and end."""
    if not dated:
        return []
    begin = start or dated[0][0]
    if period.spans_all:
        return [([_value(one) for _, one in dated], _shown(begin), _shown(end or dated[-1][0]))]
    origin = parse_instant(begin)
    found: list[tuple[list[JsonValue], str, str]] = []
    index, upper = 0, format_instant(period.after(origin, 1))
    for instant, one in dated:
        if instant >= upper:
            index = _index(origin, period, parse_instant(instant))
            upper = format_instant(period.after(origin, index + 1))
            if index > _MAX_PERIODS:
                raise BadRequestData(f"The time range has more than {_MAX_PERIODS} periods; choose a longer one.")
        lower = _shown(format_instant(period.after(origin, index)))
        if not found or found[-1][1] != lower:
            found.append(([], lower, _shown(upper)))
        found[-1][0].append(_value(one))
    return found


def _index(origin: datetime, period: Duration, instant: datetime) -> int:
    """Number of the period that an instant is in."""
    length = period.seconds + period.months * 27 * 86_400  # no month is shorter: the guess is never too low
    index = int((instant - origin).total_seconds() // length)
    while period.after(origin, index) > instant:
        index -= 1
    return index


def _shown(instant: str) -> str:
    """A normalized instant without a fraction of zero."""
    return instant.replace(".000000Z", "Z")


def _value(instance: JsonObject) -> JsonValue:
    """As stored; one that its valueType says is a URI as a typed value (annex C.6)."""
    value = instance.get(VALUE_MEMBER.get(instance["type"], "value"))
    return {"@type": "@id", "@value": value} if instance.get("valueType") in _URI_TYPES else value


def _apply(method: str, kind: str, values: Sequence[JsonValue]) -> JsonValue:
    """The aggregate of the values of one period; None where there is none."""
    if method == "totalCount":
        return len(values)
    if method == "distinctCount":
        return len({orjson.dumps(_same(value), option=orjson.OPT_SORT_KEYS) for value in values})
    if kind not in ("Property", "ListProperty"):
        return None
    numbers = _numbers(method, values)
    return _of_texts(method, values) if numbers is None else _finite(method, numbers)


def _applies(method: str, kind: str, values: Sequence[JsonValue]) -> bool:
    """Whether tables 4.5.19.1-1 to -3 have a method for such values: not "N/A"."""
    if method in ("totalCount", "distinctCount"):
        return True
    if kind not in ("Property", "ListProperty"):
        return False
    return _numbers(method, values) is not None or _of_texts(method, values) is not None


def _numbers(method: str, values: Sequence[JsonValue]) -> list[float] | None:
    """What a method calculates with; None if that is not numbers alone."""
    numbers = [_number(value, method) for value in values]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else None


def _same(value: JsonValue) -> JsonValue:
    """Values that are equal look the same: a number is one whether it is written 1 or 1.0 (RFC 8259)."""
    if isinstance(value, dict):
        return {name: _same(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_same(one) for one in value]
    return _whole(value) if isinstance(value, float) else value


def _finite(method: str, numbers: Sequence[float]) -> JsonValue:
    """What is calculated; None where it is beyond the numbers that there are."""
    try:
        value = _CALCULATE[method](numbers)
    except OverflowError:
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: JsonValue, method: str) -> float | int | None:
    """A number, "true is considered as a value of 1, false … 0", the size of an array; None for anything else."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    return len(value) if isinstance(value, list) and method not in ("stddev", "sumsq") else None


def _average(numbers: Sequence[float]) -> float:
    return _whole(_mean(numbers))


def _mean(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:  # of the sum alone: no mean is beyond its values
        return math.fsum(number / len(numbers) for number in numbers)


def _deviation(numbers: Sequence[float]) -> float:
    """Of the values as the whole population."""
    mean = _mean(numbers)
    return math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / len(numbers))


def _whole(number: float) -> float | int:
    return int(number) if isinstance(number, float) and number.is_integer() and abs(number) < 2**53 else number


_CALCULATE: Final[dict[str, Callable[[Sequence[Any]], JsonValue]]] = {
    "avg": _average,
    "max": max,
    "min": min,
    "stddev": _deviation,
    "sum": lambda numbers: _whole(math.fsum(numbers)),
    "sumsq": lambda numbers: _whole(math.fsum(number * number for number in numbers)),
}


def _of_texts(method: str, values: Iterable[JsonValue]) -> JsonValue:
    """Strings, Dates, DateTimes and Times; typed values (`{"@type": …, "@value": …}`) by their lexical form."""
    texts: list[str] = []
    for value in values:
        text = value.get("@value") if isinstance(value, dict) else value
        if not isinstance(text, str) or (isinstance(value, dict) and _type_of(value) in _URI_TYPES):
            return None  # no URI is greater than another (table 4.5.19.1-2)
        texts.append(text)
    if method in ("max", "min"):
        chosen: str = (max if method == "max" else min)(texts, key=_sortable)
        return chosen
    times = [_TIME.fullmatch(text) for text in texts]
    if method == "avg" and all(times):
        return _average_time([match for match in times if match is not None])
    return None


def _type_of(typed: JsonObject) -> JsonValue:
    """Of a typed value: "@type", or "type" as the core @context compacts it."""
    return typed.get("@type", typed.get("type"))


def _sortable(text: str) -> str:
    """DateTimes by instant, everything else "in lexicographical order"."""
    return normalize(text) or text


def _average_time(times: Sequence[re.Match[str]]) -> str:
    micros = [
        ((int(one[1]) * 60 + int(one[2])) * 60 + int(one[3])) * 1_000_000 + int((one[4] or "0").ljust(6, "0"))
        for one in times
    ]
    mean = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=sum(micros) // len(micros))
    return mean.strftime("%H:%M:%S.%fZ").replace(".000000Z", "Z")
