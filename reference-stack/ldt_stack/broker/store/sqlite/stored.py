"""How Entities and history rows are kept: what can be told from elsewhere is left out of the JSON.

Two thirds of an expanded Entity are system times, which mostly equal those of the Entity: they are kept apart, so that
who does not ask for them need not read them, and not at all where they are equal. Instance ids belong to the history.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject

_TIMES: Final = ("createdAt", "modifiedAt")
_ABSENT: Final = ""  # the instance has no such time at all
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INSTANCE: Final = "urn:ngsi-ld:instance:"


def encode_entity(entity: JsonObject) -> tuple[str, str | None]:
    """The body without system times of instances, and these: None where all are those of the Entity."""
    own = entity.get("createdAt"), entity.get("modifiedAt")
    body: JsonObject = {}
    times: list[str | None] = []
    for key, value in entity.items():
        if ":" not in key:
            body[key] = value
            continue
        kept = body[key] = []
        for instance in value:
            left = instance.copy()
            left.pop("instanceId", None)
            for name, common in zip(_TIMES, own, strict=True):
                time = left.pop(name, _ABSENT)
                times.append(None if time == common else time)
            kept.append(left)
    return orjson.dumps(body).decode(), orjson.dumps(times).decode() if any(t is not None for t in times) else None


def decode_entity(body: str, times: str | None) -> JsonObject:
    """The whole Entity."""
    entity: JsonObject = orjson.loads(body)
    created, modified = entity.get("createdAt"), entity.get("modifiedAt")
    if times is None:
        for key, instances in entity.items():
            if ":" in key:
                for instance in instances:
                    instance["createdAt"] = created
                    instance["modifiedAt"] = modified
        return entity
    kept = iter(orjson.loads(times))
    for key, instances in entity.items():
        if ":" in key:
            for instance in instances:
                for name, common in zip(_TIMES, (created, modified), strict=True):
                    time = next(kept)
                    if time != _ABSENT:
                        instance[name] = common if time is None else time
    return entity


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


def encode_instance(instance: JsonObject) -> tuple[Any, ...]:
    """An Attribute instance as dataset, instance id, body and the four times (observed, created, modified, deleted)."""
    left = instance.copy()
    observed = _take(left, "observedAt", short=True)
    created = _take(left, "createdAt")
    modified = _take(left, "modifiedAt")
    deleted = _take(left, "deletedAt")
    return (
        left.pop("datasetId", None),
        encode_instance_id(left.pop("instanceId")),
        orjson.dumps(left).decode(),
        observed,
        created,
        modified,
        deleted,
    )


def _take(instance: JsonObject, name: str, *, short: bool = False) -> int | None:
    """The time of an instance; its text is left in the body where it could not be told from the number."""
    text = instance.get(name)
    if not isinstance(text, str):
        return None
    number, told = _column(text, short)
    if told:
        del instance[name]
    return number


@lru_cache(maxsize=4096)
def _column(text: str, short: bool) -> tuple[int | None, bool]:
    number = microseconds(text)
    return number, number is not None and (_short_instant if short else instant_of)(number) == text


def decode_instance(row: tuple[Any, ...]) -> JsonObject:
    """The instance of the columns `dataset, instance_id, body, observed_at, created_at, modified_at, deleted_at`."""
    dataset, identifier, body, observed, created, modified, deleted = row
    instance: JsonObject = orjson.loads(body)
    if dataset is not None:
        instance["datasetId"] = dataset
    if observed is not None:
        instance.setdefault("observedAt", _short_instant(observed))
    if created is not None:
        instance.setdefault("createdAt", instant_of(created))
    if modified is not None:
        instance.setdefault("modifiedAt", instant_of(modified))
    if deleted is not None:
        instance.setdefault("deletedAt", instant_of(deleted))
    instance["instanceId"] = decode_instance_id(identifier)
    return instance


def encode_instance_id(identifier: str) -> str | bytes:
    """One of ours as sixteen bytes, anybody else's as it is."""
    if identifier.startswith(_INSTANCE):
        try:
            number = bytes.fromhex(identifier[len(_INSTANCE) :])
        except ValueError:
            return identifier
        if len(number) == 16 and number.hex() == identifier[len(_INSTANCE) :]:
            return number
    return identifier


def decode_instance_id(kept: str | bytes) -> str:
    """What `encode_instance_id` was given."""
    return kept if isinstance(kept, str) else _INSTANCE + kept.hex()
