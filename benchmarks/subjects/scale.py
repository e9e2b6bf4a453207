"""A hundred thousand Entities: latency beside that at a thousand, start-up, memory and size on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from benchmarks import entities
from benchmarks.generator import Generator, generator
from benchmarks.rounds import Row, Side, compare
from benchmarks.servers import Server, broker, fill

SMALL, LARGE = 1_000, 100_000
_MIB = 1024 * 1024

Question = Callable[[Random, int], bytes]
"""A request, for a store of so many Entities."""

_TWENTY: dict[str, Question] = {
    "type and one term of q": lambda r, n: entities.query(entities.by_reading(r, n)),
    "type, a narrow term of q and a broad one": lambda r, n: entities.query(entities.by_reading(r, n, half=True)),
    "type and two terms of q": lambda r, n: entities.query(entities.by_values(entities.window(r, n))),
    "geo": lambda r, n: entities.query(entities.by_place(entities.window(r, n))),
    "id": lambda r, n: entities.get(r.randrange(n)),
}
_TOLD: dict[str, Question] = {
    "the same q, with count": lambda r, n: entities.query(
        entities.by_values(entities.window(r, n), "&limit=20&count=true")
    ),
    "type alone, first page": lambda r, n: entities.query("type=Station&limit=20"),
    "type alone, with count": lambda r, n: entities.query("type=Station&limit=20&count=true"),
    "type alone, page in the middle": lambda r, n: entities.query(f"type=Station&limit=20&offset={n // 2}"),
    "one term that half of all meet, with count": lambda r, n: entities.query(
        "type=Station&q=reading2%3E50&limit=20&count=true"
    ),
}


def run(rounds: int) -> Iterator[Row]:
    """Ratios of latency, then what is told, then start-up, memory and size."""
    with TemporaryDirectory(prefix="bench-") as temporary, generator() as load:
        directory = Path(temporary)
        with broker(directory) as large, broker() as small:
            fill(small, load, SMALL)
            fill(large, load, LARGE)
            for name, question in _TWENTY.items():
                yield _latency(load, small, large, name, question, "<= 2", 300, rounds)
            for name, question in _TOLD.items():
                yield _latency(load, small, large, name, question, None, 32, rounds)
            yield Row(
                "resident memory, 100,000", large.resident_bytes / _MIB, "MiB", "<= 250", "after all of the above"
            )
        bodies = sum(len(entities.request("", "", entities.entity(n, 0, 317))) - 80 for n in range(0, LARGE, 100)) * 100
        size = sum(path.stat().st_size for path in directory.glob("*.sqlite"))
        detail = f"{size / _MIB:.0f} MiB for {bodies / _MIB:.0f} MiB as they were sent"
        yield Row("database beside the bodies, 100,000", size / bodies, "x", "<= 4", detail)
        yield _start_up(directory, rounds)


def _latency(
    load: Generator,
    small: Server,
    large: Server,
    name: str,
    question: Question,
    bar: str | None,
    count: int,
    rounds: int,
) -> Row:
    def side(server: Server, stored: int) -> Side:
        def requests(number: int) -> list[bytes]:
            random = Random(number)  # noqa: S311 — reproducible load
            return [question(random, stored) for _ in range(count)]

        return Side(server, requests)

    at_small, at_large = compare(load, [side(small, SMALL), side(large, LARGE)], rounds)
    detail = f"100,000: {at_large}; 1,000: {at_small}"
    return Row(f"{name}, 100,000 beside 1,000", at_large.p50_ms / at_small.p50_ms, "x p50", bar, detail)


def _start_up(directory: Path, rounds: int) -> Row:
    seconds: dict[str, list[float]] = {"100,000": [], "empty": []}
    for _ in range(rounds):
        for name, data in (("100,000", directory), ("empty", None)):
            with broker(data) as server:
                seconds[name].append(server.started_seconds)
    found = {name: sorted(values)[len(values) // 2] for name, values in seconds.items()}
    detail = f"from the start of the process to its first answer; on an empty directory {found['empty']:.2f} s"
    return Row("start-up on 100,000 Entities", found["100,000"], "s", "< 1", detail)
