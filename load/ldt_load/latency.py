"""Latencies without loss: HdrHistograms in microseconds, from the moment a request was due.

Two clocks a request: *from due* (what a user would have felt, stalls of the target included) and *service* (from the
first byte sent). Where they part, somebody waited in a queue that plain closed-loop tools never see.
"""

from __future__ import annotations

from collections.abc import Mapping

from hdrh.histogram import HdrHistogram

LOWEST_MICROSECONDS = 1
HIGHEST_MICROSECONDS = 600_000_000  # ten minutes
SIGNIFICANT_DIGITS = 3
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}


class Latencies:
    """A histogram of durations; merge, do not average."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(LOWEST_MICROSECONDS, HIGHEST_MICROSECONDS, SIGNIFICANT_DIGITS)

    def record(self, seconds: float) -> None:
        """Take one duration, in seconds; beyond ten minutes it counts as ten minutes."""
        microseconds = min(max(round(seconds * 1e6), LOWEST_MICROSECONDS), HIGHEST_MICROSECONDS)
        self._histogram.record_value(microseconds)

    def add(self, other: Latencies) -> None:
        """Take all durations of another histogram."""
        self._histogram.add(other._histogram)

    @property
    def count(self) -> int:
        """How many durations were taken."""
        return int(self._histogram.total_count)

    def percentile_ms(self, percentile: float) -> float:
        """The duration in milliseconds that `percentile` per cent do not exceed; 0 where nothing was taken."""
        return float(self._histogram.get_value_at_percentile(percentile)) / 1000 if self.count else 0.0

    def summary_ms(self) -> dict[str, float]:
        """p50 to p99.9 and max, in milliseconds, three significant digits."""
        if not self.count:
            return {}
        found = {name: self.percentile_ms(value) for name, value in PERCENTILES.items()}
        return found | {"max": float(self._histogram.get_max_value()) / 1000}

    def encode(self) -> str:
        """HdrHistogram V2, compressed, base64: can be merged by anybody's tool."""
        return bytes(self._histogram.encode()).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Latencies:
        """The histogram that `encode` wrote."""
        made = cls()
        made._histogram.decode_and_add(text.encode("ascii"))
        return made


def merged(parts: Mapping[str, Latencies]) -> Latencies:
    """One histogram of all parts."""
    whole = Latencies()
    for part in parts.values():
        whole.add(part)
    return whole
