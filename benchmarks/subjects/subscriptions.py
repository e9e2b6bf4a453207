"""Ten thousand Subscriptions: a write that matches one of them beside the same write with none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from benchmarks import entities
from benchmarks.generator import Generator, generator
from benchmarks.receiver import receiver
from benchmarks.rounds import Row, Side, compare
from benchmarks.servers import Server, broker, fill

STORED, SUBSCRIPTIONS, _WRITES = 1_000, 10_000, 500


def run(rounds: int) -> Iterator[Row]:
    """Two ratios, by latency and by processor time. Every write sets off one notification, which is delivered.

    A round ends when all its notifications have come: what they cost is counted, and disturbs no other round.
    """
    with generator() as load, broker() as alone, broker() as subscribed, receiver() as notified:
        for server in (alone, subscribed):
            fill(server, load, STORED)
        _subscribe(subscribed, load, notified.uri)
        with_one = Side(subscribed, _writes, lambda number: notified.wait_for((number + 1) * _WRITES))
        without, one = compare(load, [Side(alone, _writes), with_one], rounds)
    subject, detail = "write that matches one of 10,000 Subscriptions", f"with: {one}; without: {without}"
    yield Row(subject, one.p50_ms / without.p50_ms, "x p50", "<= 2", detail)
    yield Row(f"{subject}, by CPU", one.cpu_ms / without.cpu_ms, "x CPU", None, detail)


def _writes(number: int) -> Sequence[bytes]:
    random = Random(number)  # noqa: S311 — reproducible load
    return [entities.patch(random.randrange(STORED), random.random()) for _ in range(_WRITES)]


def _subscribe(server: Server, load: Generator, endpoint: str) -> None:
    """One to each Entity, the others to Entities that are not there."""
    content = [
        entities.request(
            "POST",
            "/subscriptions",
            {
                "type": "Subscription",
                "entities": [{"type": "Station", "id": entities.entity_id(number)}],
                "watchedAttributes": ["reading8"],
                "notification": {"endpoint": {"uri": endpoint}, "attributes": ["reading8"]},
            },
        )
        for number in range(SUBSCRIPTIONS)
    ]
    load.send(server.port, content)
