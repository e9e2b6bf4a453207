"""Interleaved rounds, and the rows that are printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.generator import Generator, Load
from benchmarks.servers import Server


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a figure, its unit, what it should be (None: only told), and how it came about."""

    subject: str
    figure: float
    unit: str
    bar: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the rounds of one side; CPU is the server's, in milliseconds a request."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.per_second:.0f}/s p50 {self.p50_ms:.2f} p99 {self.p99_ms:.2f} ms, CPU {self.cpu_ms:.3f} ms"


@dataclass(frozen=True, slots=True)
class Side:
    """A server and what it is asked.

    Attributes:
        server: What is measured.
        requests: Of a round, by its number.
        settle: Called with the number after a round; returns when nothing of it is under way any more.
    """

    server: Server
    requests: Callable[[int], Sequence[bytes]]
    settle: Callable[[int], None] = lambda _: None


def compare(generator: Generator, sides: Sequence[Side], rounds: int, connections: int = 16) -> list[Measured]:
    """A B A B …, after one round that is not counted; for each side its medians."""
    found: list[list[tuple[Load, float]]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, loads in zip(sides, found, strict=True):
            content = side.requests(number)
            cpu = side.server.cpu_seconds
            load = generator.send(side.server.port, content, connections)
            side.settle(number)
            loads.append((load, (side.server.cpu_seconds - cpu) * 1000 / len(content)))
    return [_medians(loads[1:]) for loads in found]


def _medians(loads: Sequence[tuple[Load, float]]) -> Measured:
    return Measured(
        median(load.per_second for load, _ in loads),
        median(load.percentile_ms(50) for load, _ in loads),
        median(load.percentile_ms(99) for load, _ in loads),
        median(cpu for _, cpu in loads),
    )


def ratio(subject: str, bar: str, ours: Measured, bare: Measured) -> Row:
    """Our throughput as a part of the bare program's."""
    detail = f"by CPU {bare.cpu_ms / ours.cpu_ms:.3f}; broker {ours}; bare {bare}"
    return Row(subject, ours.per_second / bare.per_second, "x bare", bar, detail)
