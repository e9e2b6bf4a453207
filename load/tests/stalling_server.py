"""A broker that answers at once, except that it stands still for a second every so often. Run by the stall test.

    python stalling_server.py PERIOD_SECONDS STALL_SECONDS     prints its port, then serves until its input ends

Every GET is answered with its own path as body, so that the check of the "retrieve" operation is met. The first stall
comes half a period after the first request.
"""

from __future__ import annotations

import asyncio
import sys
import time


class Echo(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, just enough for GET."""

    stalls: Stalls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.stalls.begin()
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            body = head.split(b" ", 2)[1]
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.write(answer + body)  # type: ignore[attr-defined]  # — a stream transport


class Stalls:
    """Stops the whole process for a while, again and again."""

    def __init__(self, period: float, length: float) -> None:
        self.period, self.length, self.begun = period, length, False

    def begin(self) -> None:
        """Start counting with the first request."""
        if not self.begun:
            self.begun = True
            asyncio.get_running_loop().call_later(self.period / 2, self.stall)

    def stall(self) -> None:
        """Stand still."""
        asyncio.get_running_loop().call_later(self.period, self.stall)
        time.sleep(self.length)  # the stall itself is what this server is for


async def serve(period: float, length: float) -> None:
    """Serve until standard input ends."""
    Echo.stalls = Stalls(period, length)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 — the test reads the port
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2])))
