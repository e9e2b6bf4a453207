"""Counters of the broker in the Prometheus text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric with its present values, each by its labels (`{outcome="failed"}`, or "" for none).

    What is named …_total is a counter, everything else a gauge.
    """

    name: str
    text: str
    values: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, name: str, text: str, value: float) -> Figure:
        """Without labels."""
        return cls(name, text, (("", value),))


def process_figures() -> list[Figure]:
    """This process, by the names that Prometheus' own clients use."""
    import psutil

    process = psutil.Process()
    with process.oneshot():
        times = process.cpu_times()
        return [
            Figure.of("process_cpu_seconds_total", "CPU time used.", times.user + times.system),
            Figure.of("process_resident_memory_bytes", "Resident memory.", process.memory_info().rss),
            Figure.of("process_start_time_seconds", "Start, since the epoch.", process.create_time()),
        ]


@dataclass(slots=True)
class Metrics:
    """What was answered since the start; used on the event loop alone."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_SECONDS) + 1))
    seconds: float = 0.0
    in_flight: int = 0

    def answered(self, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers[method if method in _METHODS else "OTHER", status] += 1
        self.buckets[bisect_left(_BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds

    def render(self, figures: Iterable[Figure]) -> str:
        """The text to scrape: what was counted here, and further figures."""
        lines = ["# HELP ldt_broker_requests_total Requests answered.", "# TYPE ldt_broker_requests_total counter"]
        for (method, status), count in sorted(self.answers.items()):
            lines.append(f'ldt_broker_requests_total{{method="{method}",status="{status}"}} {count}')
        name = "ldt_broker_request_seconds"
        lines += [f"# HELP {name} Time from the request to the end of its answer.", f"# TYPE {name} histogram"]
        total = 0
        for limit, count in zip((*map(str, _BUCKETS_SECONDS), "+Inf"), self.buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{limit}"}} {total}')
        lines += [f"{name}_sum {self.seconds:.6f}", f"{name}_count {total}"]
        for figure in figures:
            kind = "counter" if figure.name.endswith("_total") else "gauge"
            lines += [f"# HELP {figure.name} {figure.text}", f"# TYPE {figure.name} {kind}"]
            lines += [f"{figure.name}{label} {value:.15g}" for label, value in figure.values]
        return "\n".join(lines) + "\n"
