"""The summary of one load run, as `report.load` holds it and as the page shows it.

Whoever writes a load run writes this shape; unknown keys are kept and ignored, so that a newer load package can say
more than this page shows. What is missing is shown as "not recorded", never as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Part(BaseModel):
    """Open and immutable."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Latency(Part):
    """Milliseconds, from an HdrHistogram of every request (not of samples)."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Operation(Part):
    """One kind of request, or all of them together."""

    name: str = "all"
    due: int | None = None  # requests the schedule asked for
    sent: int | None = None
    acknowledged: int | None = None  # answered with a success
    errors: int | None = None
    wrong_answers: int | None = None  # answered with a success whose body is wrong
    rate_per_second: float | None = None
    from_due_ms: Latency = Latency()  # from the instant a request was due to its answer
    service_ms: Latency = Latency()  # from the instant it was written to its answer
    locust_ms: Latency = Latency()  # locust's own figures


class LoadError(Part):
    """One kind of error and how often it was met."""

    operation: str = ""
    kind: str = ""
    message: str = ""
    count: int = 1


class Completeness(Part):
    """Writes: what was sent must be what was acknowledged must be what can be read afterwards."""

    sent: int | None = None
    acknowledged: int | None = None
    readable: int | None = None
    note: str | None = None

    @property
    def whole(self) -> bool | None:
        """Whether the three counts agree; None where one is missing."""
        counts = (self.sent, self.acknowledged, self.readable)
        return None if None in counts else len(set(counts)) == 1


class Generator(Part):
    """How the generator itself fared: a late generator measures itself, not the twin."""

    lateness_p99_ms: float | None = None
    cpu_percent: float | None = None
    processes: int | None = None


class Objective(Part):
    """A limit that the site declared, and what was seen."""

    name: str
    limit: float | None = None
    observed: float | None = None
    unit: str = ""
    met: bool | None = None  # None: measured, because the site declares no objective


class Second(Part):
    """One interval of the run."""

    second: float
    achieved_per_second: float | None = None
    p95_ms: float | None = None
    errors: int | None = None


class LoadSummary(Part):
    """One load run."""

    run: str | None = None
    scenario: str
    title: str | None = None
    started: datetime | None = None
    duration_seconds: float | None = None
    warmup_seconds: float | None = None
    seed: int | None = None
    model: str | None = None  # "open": due times do not wait for answers; "closed" otherwise
    offered_per_second: float | None = None
    achieved_per_second: float | None = None
    valid: bool | None = None
    invalid_reasons: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    total: Operation | None = None
    errors: tuple[LoadError, ...] = ()
    completeness: Completeness | None = None
    generator: Generator | None = None
    objectives: tuple[Objective, ...] = ()
    series: tuple[Second, ...] = Field(default=(), repr=False)


def read_summaries(load: Sequence[dict[str, Any]]) -> tuple[list[LoadSummary], list[str]]:
    """The summaries that can be read, and one sentence for each that cannot: a page never fails over one."""
    summaries: list[LoadSummary] = []
    problems: list[str] = []
    for number, raw in enumerate(load, start=1):
        try:
            summaries.append(LoadSummary.model_validate(raw))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(step) for step in first["loc"])
            problems.append(f"Load summary {number} cannot be shown: {where}: {first['msg']}.")
    return summaries, problems
