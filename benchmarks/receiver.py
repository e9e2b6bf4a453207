"""The receiver of notifications: bare asyncio in a process of its own, so that it costs little beside what it measures.

It answers 200 OK, which alone counts as delivered (ETSI GS CIM 009 V1.9.1, clause 5.8.6), and counts notifications by
their ids: one that is sent twice counts once.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final

import uvloop

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID: Final = re.compile(rb'"id": ?"(urn:ngsi-ld:Notification:[^"]+)"')
_DEADLINE_SECONDS: Final = 30.0


class _Notified(asyncio.Protocol):
    """Answers each notification; requests do not overlap on a connection."""

    def __init__(self, seen: set[bytes], count: Any) -> None:
        self.seen, self.count = seen, count
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """A notification, or part of one."""
        self.buffer = self.buffer + data if self.buffer else data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self.buffer, 0, end)
        if length is None:
            raise RuntimeError(f"a notification without Content-Length: {self.buffer[:300]!r}")
        if len(self.buffer) < end + 4 + int(length[1]):
            return
        found = _ID.search(self.buffer, end)
        if found is None:
            raise RuntimeError(f"a notification without an id: {self.buffer[:600]!r}")
        self.seen.add(found[1])
        self.count.value = len(self.seen)
        self.buffer = b""
        self.transport.write(_OK)


async def _serve(ports: Connection, count: Any) -> None:
    seen: set[bytes] = set()
    server = await asyncio.get_running_loop().create_server(lambda: _Notified(seen, count), "127.0.0.1", 0)
    ports.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _work(ports: Connection, count: Any) -> None:
    uvloop.run(_serve(ports, count))


@dataclass(frozen=True, slots=True)
class Receiver:
    """A running receiver.

    Attributes:
        uri: Where notifications go.
        count: Shared with its process: how many have come.
    """

    uri: str
    count: Any

    def wait_for(self, owed: int) -> None:
        """Return when so many have come since the start.

        Raises:
            RuntimeError: They did not come in time, or more came than were owed.
        """
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while self.count.value < owed and time.monotonic() < deadline:
            time.sleep(0.002)
        if self.count.value != owed:
            raise RuntimeError(f"{owed} notifications are owed, {self.count.value} came")


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver, its process ended at the end."""
    spawned = get_context("spawn")
    ours, theirs = spawned.Pipe()
    count = spawned.Value("i", 0, lock=False)
    process = spawned.Process(target=_work, args=(theirs, count), daemon=True)
    process.start()
    try:
        yield Receiver(f"http://127.0.0.1:{ours.recv()}/notify", count)
    finally:
        process.terminate()
        process.join()
