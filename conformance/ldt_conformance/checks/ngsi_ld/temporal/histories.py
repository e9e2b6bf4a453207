"""Temporal Evolutions: what the temporal checks store, and how they read series back (clauses 4.5.6 to 4.5.8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ldt_conformance.checks.ngsi_ld.declared import TEMPORAL
from ldt_conformance.checks.ngsi_ld.given import terms
from ldt_conformance.clients import Broker, TemporalEntity
from ldt_conformance.comparators import parse_instant, same_name
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Level, Mode, fail
from ldt_conformance.expectations import describe, require
from ldt_conformance.receiver import Receiver

AT = tuple(f"2026-03-05T{hour:02}:00:00Z" for hour in range(9, 16))  # 9 to 15 o'clock
BROKER_AND_HISTORY = ("broker", "history")
# What the temporal checks declare: those that only read, and those that store something first.
READ: dict[str, Any] = {"level": Level.MUST, "capability": TEMPORAL, "roles": BROKER_AND_HISTORY}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
MIRROR_SECONDS = 5.0  # until a change of the current state must have become history
PAUSE_SECONDS = 0.25  # between two looks, so that waiting is no load
WHOLE_DAY = {"timerel": "between", "timeAt": "2026-03-05T00:00:00Z", "endTimeAt": "2026-03-06T00:00:00Z"}
LAST_N = "timestamps (in descending ordering) of the temporal property (by default observedAt) within the concerned"


def series_of(broker: Broker) -> TemporalEntity:
    """A history that is not stored yet: speed 120, 80, 100 and fuel 60, 55, 50 at 10, 11 and 12 o'clock."""
    entity = broker.new_entity("Vehicle")
    history = TemporalEntity(entity.id, str(entity.type))
    history = history.with_series("speed", [(120, AT[1]), (80, AT[2]), (100, AT[3])])
    return history.with_series("fuel", [(60, AT[1]), (55, AT[2]), (50, AT[3])])


def stored_in_terms(broker: Broker, receiver: Receiver) -> tuple[TemporalEntity, str, str]:
    """A stored history whose speed is a term of a user @context: it, the URL of that @context, the term's full name."""
    names = terms(broker)
    served = receiver.serve_context(names).url
    history = series_of(broker)
    response = broker.create_temporal(history, ld_context=served)
    require(response, 201, 204, step="creating a Temporal Evolution in user terms")
    return history, served, names["speed"]


def instances(history: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The instances of an Attribute, oldest observation first; a single object stands for an array of one."""
    found: Any = next((value for key, value in history.items() if same_name(key, name)), [])
    listed = found if isinstance(found, list) else [found]
    rows = [item for item in listed if isinstance(item, dict)]
    return sorted(rows, key=lambda row: parse_instant(str(row.get("observedAt", AT[0]))))


def values(history: Mapping[str, Any], name: str) -> list[Any]:
    """The values (or objects) of an Attribute, oldest observation first."""
    return [row.get("value", row.get("object")) for row in instances(history, name)]


def shown(history: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An Attribute of a simplified or aggregated history; empty where it is no object."""
    found = next((value for key, value in history.items() if same_name(key, name)), None)
    return found if isinstance(found, dict) else {}


def temporal_list(response: Response) -> list[dict[str, Any]]:
    """The array of a temporal query, whole or partial (200 or 206, ruling M1)."""
    body = response.json() if response.status in (200, 206) else None
    if not isinstance(body, list):
        fail("200 (or 206) with a JSON array", describe(response))
    return [item for item in body if isinstance(item, dict)]


def temporal_object(response: Response) -> dict[str, Any]:
    """The object of a temporal retrieval, whole or partial (200 or 206, ruling M1)."""
    body = response.json() if response.status in (200, 206) else None
    if not isinstance(body, dict):
        fail("200 (or 206) with a JSON object", describe(response))
    return body


def eventually(broker: Broker, entity_id: str, look: Callable[[dict[str, Any]], list[Any]], **params: str) -> list[Any]:
    """What a look at a history finds once it finds anything, asked again until a deadline; empty after that."""
    deadline = time.monotonic() + MIRROR_SECONDS
    while True:
        response = broker.retrieve_temporal(entity_id, params=params)
        found = look(temporal_object(response)) if response.status in (200, 206) else []
        if found or time.monotonic() > deadline:
            return found
        time.sleep(PAUSE_SECONDS)


def half_past(hour: int) -> str:
    """Half past an hour on the day of the fixtures."""
    return f"2026-03-05T{hour:02}:30:00Z"
