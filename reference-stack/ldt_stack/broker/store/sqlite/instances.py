"""How rows of the history are kept: instances that were written together with the same times, in one row.

What the columns say is left out of the JSON. A row's shape names the Attributes of its instances, in their order. The
row bears the number of its last instance, those before it count back; its id is that of the first one, which the
others follow.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from ldt_stack.broker.model.instance_ids import decode_instance_id, encode_instance_id, shifted
from ldt_stack.broker.model.instants import normalize, seconds_of
from ldt_stack.broker.model.names import JsonObject

COLUMNS: Final = "number, shape, instance_id, body, observed_at, created_at, modified_at, deleted_at"
TIME_COLUMN: Final = {
    "observedAt": "observed_at",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHORT: Final = len("1970-01-01T00:00:00Z")
_LONG: Final = len("1970-01-01T00:00:00.000000Z")


class Kept(NamedTuple):
    """An instance of the history, and its place in it.

    Args:
        number: Ascending in the order of writing.
        attribute: The number of its name.
        instance: Expanded, with its times and its id.
    """

    number: int
    attribute: int
    instance: JsonObject


@lru_cache(maxsize=4096)
def microseconds(instant: str | None) -> int | None:
    """A DateTime of clause 4.6.3 as microseconds since 1970; None if it is none."""
    text = normalize(instant)
    return None if text is None else (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def instant_of(number: int) -> str:
    """The instant of so many microseconds, normalized: six digits, UTC."""
    return (_EPOCH + timedelta(microseconds=number)).isoformat(timespec="microseconds").replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def _short_instant(number: int) -> str:
    """Without a fraction of a second, if it has none: how instants are mostly written."""
    return instant_of(number).replace(".000000Z", "Z")


@lru_cache(maxsize=4096)
def _told(text: str, short: bool) -> tuple[int | None, bool]:
    """The number of an instant, and whether its text can be told from it."""
    quick = _quick(text, _SHORT if short else _LONG)
    if quick is not None:
        return quick, True
    number = microseconds(text)
    return number, number is not None and (_short_instant if short else instant_of)(number) == text


def _quick(text: str, length: int) -> int | None:
    """The number of an instant that has the form that answers give it; None: it has another one, or is none."""
    if len(text) != length or text[-1] != "Z":
        return None
    whole = seconds_of(text[:19])
    if whole is None or length == _SHORT:
        return None if whole is None else whole * 1_000_000
    fraction = text[20:26]
    if text[19] != "." or not (fraction.isascii() and fraction.isdigit()):
        return None
    return whole * 1_000_000 + int(fraction)


def system_time(text: str) -> int | None:
    """The number of a system time; None where its text could not be told from it."""
    number, told = _told(text, False)
    return number if told else None


def encode_instance(instance: JsonObject) -> tuple[Any, ...]:
    """One instance as id, body and the four times (observed, created, modified, deleted)."""
    left = instance.copy()
    identifier = encode_instance_id(left.pop("instanceId"))
    observed = _take(left, "observedAt", short=True)
    created = _take(left, "createdAt")
    modified = _take(left, "modifiedAt")
    deleted = _take(left, "deletedAt")
    return identifier, orjson.dumps([left]).decode(), observed, created, modified, deleted


def _take(instance: JsonObject, name: str, *, short: bool = False) -> int | None:
    """The time of an instance; its text is left in the body where it could not be told from the number."""
    text = instance.get(name)
    if not isinstance(text, str):
        return None
    number, told = _told(text, short)
    if told:
        del instance[name]
    return number


def encode_together(instances: Sequence[JsonObject], observed_at: str | None) -> tuple[str, int | None]:
    """Instances with one observedAt and without system times, as a body and the number of that instant."""
    return shorten_together(orjson.dumps(instances), len(instances), observed_at)


def shorten_together(array: bytes, count: int, observed_at: str | None) -> tuple[str, int | None]:
    """Likewise, of a JSON array of so many instances."""
    if observed_at is None:
        return array.decode(), None
    number, told = _told(observed_at, True)
    if told:
        member = b',"observedAt":"%s"' % observed_at.encode()
        short = array.replace(member, b"")
        if len(array) - len(short) == count * len(member):  # each has its own, and what it holds has none
            array = short
        else:
            array = orjson.dumps([{key: one[key] for key in one if key != "observedAt"} for one in orjson.loads(array)])
    return array.decode(), number


def decode_row(row: tuple[Any, ...], shape: Sequence[int], wanted: Container[int] | None = None) -> list[Kept]:
    """The instances of a row (`COLUMNS`) in the order of writing.

    Args:
        row: As selected.
        shape: The Attributes of its shape.
        wanted: Only those of these Attributes; None: all.
    """
    number, _, first, body, observed, created, modified, deleted = row
    instances = orjson.loads(body)
    before = number - len(instances) + 1
    found: list[Kept] = []
    for place, instance in enumerate(instances):
        attribute = shape[place]
        if wanted is not None and attribute not in wanted:
            continue
        if observed is not None:
            instance.setdefault("observedAt", _short_instant(observed))
        if created is not None:
            instance.setdefault("createdAt", instant_of(created))
        if modified is not None:
            instance.setdefault("modifiedAt", instant_of(modified))
        if deleted is not None:
            instance.setdefault("deletedAt", instant_of(deleted))
        instance["instanceId"] = decode_instance_id(shifted(first, place) if place else first)
        found.append(Kept(before + place, attribute, instance))
    return found
