"""Dear reads beside cheap ones: what a query that looks at every Entity does to GETs by id."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from random import Random

from benchmarks import entities
from benchmarks.generator import generator
from benchmarks.rounds import Row, Side, compare
from benchmarks.servers import broker, fill

STORED = 20_000
_DEAR = "/entities?type=Station&q=reading2!=1;reading3!=2&orderBy=reading4&limit=1&local=true"


def _gets(number: int) -> Sequence[bytes]:
    random = Random(number)  # noqa: S311 — reproducible load
    return [entities.get(random.randrange(STORED)) for _ in range(500)]


def run(rounds: int) -> Iterator[Row]:
    """The p99 of a GET while another connection asks for what is dear all the time, beside that of when none does."""
    with generator() as load, broker() as server:
        fill(server, load, STORED)
        (quiet,) = compare(load, [Side(server, _gets)], rounds, connections=4)
        ended, dear = threading.Event(), [0]

        def ask() -> None:
            while not ended.is_set():
                server.ask(_DEAR)
                dear[0] += 1

        asking = threading.Thread(target=ask)
        asking.start()
        (busy,) = compare(load, [Side(server, _gets)], rounds, connections=4)
        ended.set()
        asking.join()
        begun = time.perf_counter()
        server.ask(_DEAR)
        seconds = time.perf_counter() - begun
    detail = f"beside {dear[0]} dear reads, one of which takes {seconds:.2f} s: {busy}; without: {quiet}"
    yield Row("GET by id beside dear reads", busy.p99_ms, "ms p99", None, detail)
