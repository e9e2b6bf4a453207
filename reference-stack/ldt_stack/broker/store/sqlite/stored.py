"""How Entities are kept: as `model.entity_text`, and what can be told from elsewhere is left out of it.

Two thirds of an expanded Entity are system times, which mostly equal those of the Entity: they are kept apart, so that
who does not ask for them need not read them, and not at all where they are equal. Instance ids belong to the history.
"""

from __future__ import annotations

from typing import Final

import orjson

from ldt_stack.broker.model.entity_text import split_plain, write_text
from ldt_stack.broker.model.names import JsonObject

_TIMES: Final = ("createdAt", "modifiedAt")
_ABSENT: Final = ""  # the instance has no such time at all


def encode_entity(entity: JsonObject) -> tuple[str, str | None]:
    """The body without system times of instances, and these: None where all are those of the Entity.

    An instance that has none has those of the Entity, if it has any.
    """
    if "createdAt" in entity and "modifiedAt" in entity and _is_bare(entity):
        return write_text(*split_plain(entity)), None
    own = entity.get("createdAt"), entity.get("modifiedAt")
    body: JsonObject = {}
    times: dict[str, list[str | None]] = {}
    for key, value in entity.items():
        if ":" not in key:
            body[key] = value
            continue
        kept, own_times = body.setdefault(key, []), times.setdefault(key, [])
        for instance in value:
            left = instance.copy()
            left.pop("instanceId", None)
            for name, common in zip(_TIMES, own, strict=True):
                time = left.pop(name, _ABSENT if common is None else common)
                own_times.append(None if time == common else time)
            kept.append(left)
    rest, plain = split_plain(body)
    ordered = [time for key in (*rest, *plain) if key in times for time in times[key]]
    text = write_text(rest, plain)
    return text, orjson.dumps(ordered).decode() if any(time is not None for time in ordered) else None


def _is_bare(entity: JsonObject) -> bool:
    """Whether no instance has anything that is not kept in the body."""
    for key, instances in entity.items():
        if ":" in key:
            for instance in instances:
                if "modifiedAt" in instance or "createdAt" in instance or "instanceId" in instance:
                    return False
    return True


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
