"""What a trial of one feature came to; several checks look at the same trial, so that it is run once.

A trial asks for less than everything, by a value that the sample showed, and looks at the answer alone: every hit has
to fulfil what was asked for, and the item that showed the value has to be among them (unless it changed meanwhile).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any

from ldt_conformance.checks.toolbox.declared import listed
from ldt_conformance.clients.reading import Item, Value
from ldt_conformance.clients.sample import Batch
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive

EARTH_METRES = 6_371_008.8


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome: `worked` is None where the data at hand gave nothing to try it with."""

    worked: bool | None
    expected: str
    observed: str


def judge(trial: Trial, run: RunContext) -> None:
    """End a check as its trial came out."""
    if trial.worked is None:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, trial.observed, expected=trial.expected)
    if not trial.worked:
        fail(trial.expected, trial.observed)
    run.note(trial.observed)


def judge_all(tried: Mapping[str, Trial], run: RunContext, *, needed: str | None = None) -> None:
    """End a check as several trials came out: any that fails does, one that worked (or the one needed) is enough."""
    for name, trial in tried.items():
        if trial.worked is False:
            fail(trial.expected, f"{name}: {trial.observed}")
    worked = [name for name, trial in tried.items() if trial.worked]
    if not worked or (needed is not None and needed not in worked):
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, listed([trial.observed for trial in tried.values()]))
    run.note(f"shown to work: {', '.join(worked)}")


def members(response: Response, *path: str) -> list[dict[str, Any]] | None:
    """The objects of a JSON array (under a member of the body, where `path` names one); None where there is none."""
    try:
        body = json.loads(response.content) if response.status == 200 else None
    except ValueError:
        return None
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return [entry for entry in body if isinstance(entry, dict)] if isinstance(body, list) else None


def distinguishing(batches: Iterable[Batch], usable: Callable[[Item, Value], bool]) -> tuple[Batch, Item, Value] | None:
    """An item and a value of it that tells it apart from others of its type; texts before numbers."""
    numbers: tuple[Batch, Item, Value] | None = None
    for batch in batches:
        for item in batch.items:
            for value in item.values:
                if not usable(item, value) or not _others_differ(batch, item, value):
                    continue
                if isinstance(value.value, str):
                    return batch, item, value
                numbers = numbers or (batch, item, value)
    return numbers


def _others_differ(batch: Batch, item: Item, value: Value) -> bool:
    others = [other for entry in batch.items if entry is not item for other in entry.values if other.name == value.name]
    return any(type(other.value) is type(value.value) and other.value != value.value for other in others)


def located(batches: Iterable[Batch]) -> tuple[Batch, Item, tuple[float, float]] | None:
    """An item at a point, from a batch whose items are not all in one place; with longitude and latitude."""
    for batch in batches:
        points = [(item, point) for item in batch.items if (point := point_of(item.geometry)) is not None]
        if len({point for _, point in points}) > 1:
            item, point = points[0]
            return batch, item, point
    return None


def point_of(geometry: Any) -> tuple[float, float] | None:
    """Longitude and latitude of a Point; None for anything else."""
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return None
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list) or len(coordinates) not in {2, 3}:
        return None
    if not all(isinstance(part, int | float) and not isinstance(part, bool) for part in coordinates):
        return None
    return float(coordinates[0]), float(coordinates[1])


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two positions (longitude, latitude in degrees), in metres."""
    lon_a, lat_a, lon_b, lat_b = map(radians, (*a, *b))
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(half)))
