"""GET by id and a query of twenty Entities, each against a bare route that returns the same bytes.

1,000 Entities, random ids or a sliding window of q, and one write in fifty requests: an answer cache would not help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from benchmarks import entities
from benchmarks.generator import Generator, generator
from benchmarks.rounds import Row, Side, compare, ratio
from benchmarks.servers import Server, bare, broker, fill

STORED = 1000
_WRITE_EVERY = 50


def _mixed(read: Callable[[Random], bytes], count: int) -> Callable[[int], Sequence[bytes]]:
    def requests(number: int) -> list[bytes]:
        random = Random(number)  # noqa: S311 — reproducible load
        return [
            entities.patch(random.randrange(STORED), random.random()) if index % _WRITE_EVERY == 0 else read(random)
            for index in range(count)
        ]

    return requests


def run(rounds: int) -> Iterator[Row]:
    """Both ratios."""
    with generator() as load, broker() as ours:
        fill(ours, load, STORED)
        yield _get(load, ours, rounds)
        yield _query(load, ours, rounds)


def _get(load: Generator, ours: Server, rounds: int) -> Row:
    ids = [entities.entity_id(number) for number in range(STORED)]
    answers = {f"{entities.API}/entities/{one}": ours.ask(f"/entities/{one}") for one in ids}
    with bare(answers) as other:
        requests = _mixed(lambda random: entities.get(random.randrange(STORED)), 4000)
        found = compare(load, [Side(ours, requests), Side(other, requests)], rounds)
    return ratio("GET by id", ">= 0.5", *found)


def _query(load: Generator, ours: Server, rounds: int) -> Row:
    answer = ours.ask(f"/entities?{entities.by_values((10, 10))}")
    assert answer.count(b'"id"') == 20, answer[:300]
    with bare({"*": answer}) as other:
        requests = _mixed(lambda random: entities.query(entities.by_values(entities.window(random, STORED))), 1000)
        found = compare(load, [Side(ours, requests), Side(other, requests)], rounds)
    return ratio("query of 20 by type and two terms of q", ">= 0.10", *found)
