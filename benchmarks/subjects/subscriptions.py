"""Ten thousand Subscriptions: a write that matches one of them beside the same write with none."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

from benchmarks import entities
from benchmarks.generator import Generator, generator
from benchmarks.rounds import Row, compare
from benchmarks.servers import Server, broker, fill

STORED, SUBSCRIPTIONS, _WRITES = 1_000, 10_000, 500


def run(rounds: int) -> Iterator[Row]:
    """One ratio, by latency. Every write sets off one notification, which is delivered."""
    with generator() as load, broker() as alone, broker() as subscribed, _receiver() as endpoint:
        for server in (alone, subscribed):
            fill(server, load, STORED)
        _subscribe(subscribed, load, endpoint)
        without, one = compare(load, [(alone, _writes), (subscribed, _writes)], rounds)
    detail = f"with: {one}; without: {without}"
    yield Row("write that matches one of 10,000 Subscriptions", one.p50_ms / without.p50_ms, "x p50", "<= 2", detail)


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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _receiver() -> Iterator[str]:
    """Takes notifications; in this process, which has nothing else to do meanwhile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/notify"
    server.shutdown()
    server.server_close()
