"""The load generator: bare asyncio in a process of its own, the same for either side.

Closed loop: each connection sends its next request when the last one was answered. Answers are framed and their
status compared; bodies are not parsed, so that the generator costs little beside what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from statistics import quantiles

import uvloop

CONNECTIONS = 16


@dataclass(slots=True)
class Load:
    """What one round found; times in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, percent: int) -> float:
        """A latency in milliseconds that so many per cent of the answers did not exceed."""
        return quantiles(self.latencies, n=100, method="inclusive")[percent - 1] * 1000


class _Connection(asyncio.Protocol):
    """Sends one request after the other."""

    def __init__(self, requests: Iterator[bytes], load: Load) -> None:
        self.requests, self.load = requests, load
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.begun = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self._next()

    def _next(self) -> None:
        content = next(self.requests, None)
        if content is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.begun = time.perf_counter()
        self.transport.write(content)

    def data_received(self, data: bytes) -> None:
        """An answer, or part of one."""
        self.buffer = self.buffer + data if self.buffer else data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].partition(b"\r")[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        self.load.latencies.append(time.perf_counter() - self.begun)
        answer, self.buffer = self.buffer, b""
        if answer[9:10] == b"2" and answer[9:12] != b"207":
            self._next()
        elif not self.done.done():
            self.done.set_exception(RuntimeError(f"the server answered {answer[:600]!r}"))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The server hung up: the round is void."""
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


async def _send(port: int, requests: Sequence[bytes], connections: int) -> Load:
    load, left = Load(), iter(requests)
    loop = asyncio.get_running_loop()
    begun = time.perf_counter()
    opened = [
        (await loop.create_connection(lambda: _Connection(left, load), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in opened))
    load.seconds = time.perf_counter() - begun
    return load


def _work(port: int, requests: Sequence[bytes], connections: int) -> Load:
    return uvloop.run(_send(port, requests, connections))


class Generator:
    """Sends requests from another process."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def send(self, port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Load:
        """Send each request once.

        Raises:
            RuntimeError: An answer was no 2xx, or 207: not all was done.
        """
        return self._pool.submit(_work, port, requests, connections).result()


@contextmanager
def generator() -> Iterator[Generator]:
    """A generator, its process ended at the end."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Generator(pool)
