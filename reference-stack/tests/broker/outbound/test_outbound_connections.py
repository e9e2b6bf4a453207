"""HTTP/1.1 as the broker's own requests speak it: framing of answers, connections that are kept, and those that end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.outbound import AddressPolicy, Answer, Outbound, OutboundError
from ldt_stack.broker.outbound.connection import Connection

from ..subscriptions.certificates import certificate

pytestmark = pytest.mark.anyio

Serve = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def server(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Runs `serve` with the number of each connection, closes the connection after it; gives the port."""
    numbers = iter(range(1000))
    running: set[asyncio.Task[None] | None] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(next(numbers), reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listener = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*(task for task in running if task is not None))


@asynccontextmanager
async def outbound() -> AsyncIterator[Outbound]:
    made = Outbound(AddressPolicy.parse(["any"]))
    try:
        yield made
    finally:
        await made.close()


async def ask(
    client: Outbound, port: int, *, method: str = "POST", max_bytes: int | None = 1000, repeatable: bool = False
) -> Answer:
    return await client.request(
        method, f"http://127.0.0.1:{port}/", timeout_seconds=5, max_bytes=max_bytes, repeatable=repeatable
    )


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes) -> tuple[Serve, list[int]]:
    """Each connection answers its first request with the first answer …, then ends; the connections of all requests."""
    asked: list[int] = []

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await head(reader)
            asked.append(number)
            writer.write(answer)
            await writer.drain()

    return serve, asked


BODIES = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n",
    "after an interim answer": b"HTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "to the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "surplus": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
}
KEPT = {"length", "chunked", "after an interim answer"}


@pytest.mark.parametrize("kind", BODIES)
async def test_an_answer_ends_where_its_framing_says(kind: str) -> None:
    """The connection is used again where the framing allows it, and never where more came than was asked for."""
    serve, asked = answering(BODIES[kind], BODIES[kind]) if kind in KEPT else answering(BODIES[kind])
    async with server(serve) as port, outbound() as client:
        answers = [await ask(client, port) for _ in range(2)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"hello")] * 2
    assert asked == ([0, 0] if kind in KEPT else [0, 1])


async def test_an_answer_without_content_has_no_body() -> None:
    """204 needs no Content-Length; headers that come twice are joined."""
    answer = b"HTTP/1.1 204 No Content\r\nLink: <a>\r\nlink: <b>\r\n\r\n"
    serve, asked = answering(answer, answer)
    async with server(serve) as port, outbound() as client:
        first, second = await ask(client, port), await ask(client, port)
    assert (first.status, first.body, first.headers) == (204, b"", {"link": "<a>, <b>"})
    assert second == first
    assert asked == [0, 0]


@given(st.sampled_from(sorted(BODIES)), st.lists(st.integers(1, 20), max_size=40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_may_come_in_any_pieces(kind: str, sizes: list[int]) -> None:
    """Status and body do not depend on how the network cuts the answer."""
    transport = _Transport()

    async def exchange() -> tuple[int, bytes]:
        connection = Connection()
        connection.connection_made(transport)
        task = asyncio.create_task(connection.exchange(b"GET / HTTP/1.1\r\n\r\n", 100))
        await asyncio.sleep(0)
        left = BODIES[kind]
        for size in [*sizes, len(left)]:
            piece, left = left[:size], left[size:]
            if piece and not transport.aborted:
                connection.data_received(piece)
        connection.connection_lost(None)
        received = await task
        return received.status, bytes(received.body)

    assert asyncio.run(exchange()) == (200, b"hello")


class _Transport(asyncio.Transport):
    aborted = False

    def write(self, data: object) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("repeatable", [False, True])
async def test_a_connection_that_was_closed_meanwhile_is_not_used(repeatable: bool) -> None:
    """The next request goes over a new connection, whatever it is: nothing was sent over the old one."""
    serve, asked = answering(OK)
    async with server(serve) as port, outbound() as client:
        for _ in range(3):
            assert (await ask(client, port, repeatable=repeatable)).status == 200
            await asyncio.sleep(0.02)
    assert asked == [0, 1, 2]


async def test_a_connection_whose_end_was_not_noticed_yet_is_not_used() -> None:
    """Also where the event loop has had no time to see that the other side closed: a forwarded POST is not lost."""
    ended = threading.Event()
    accepted: list[str] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            accepted_socket, _address = listener.accept()
            accepted.append(accepted_socket.recv(4096).decode())
            accepted_socket.sendall(OK)
            accepted_socket.close()
            ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(5)
        threads.submit(serve, listener)
        async with outbound() as client:
            first = await ask(client, listener.getsockname()[1])
            ended.wait(5)  # blocks the event loop, as long work does
            second = await ask(client, listener.getsockname()[1])
    assert (first.status, second.status) == (200, 200)
    assert len(accepted) == 2


def dying_at(second_request: bytes) -> tuple[Serve, list[int]]:
    """The first connection answers once, then takes a request, says this, and ends; others answer."""
    asked: list[int] = []

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head(reader)
            asked.append(number)
            if number == 0 and len(asked) > 1:
                writer.write(second_request)
                return
            writer.write(OK)

    return serve, asked


async def test_what_may_come_twice_is_sent_again_where_a_kept_connection_ends() -> None:
    """A notification, or a GET, over a new connection at once: the receiver had not answered."""
    for method, repeatable in (("POST", True), ("GET", False)):
        serve, asked = dying_at(b"")
        async with server(serve) as port, outbound() as client:
            await ask(client, port)
            assert (await ask(client, port, method=method, repeatable=repeatable)).status == 200
        assert asked == [0, 0, 1]


async def test_what_may_not_come_twice_is_not_sent_again() -> None:
    """A forwarded POST that the other side may have carried out is an error of whoever asked for it."""
    serve, asked = dying_at(b"")
    async with server(serve) as port, outbound() as client:
        await ask(client, port)
        with pytest.raises(OutboundError) as caught:
            await ask(client, port)
    assert caught.value.reason == "unreachable"
    assert asked == [0, 0]


async def test_an_answer_that_was_begun_is_not_asked_for_again() -> None:
    """Half an answer is an error, also of what may come twice."""
    serve, asked = dying_at(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    async with server(serve) as port, outbound() as client:
        await ask(client, port)
        with pytest.raises(OutboundError) as caught:
            await ask(client, port, repeatable=True)
    assert caught.value.reason == "unreachable"
    assert asked == [0, 0]


async def test_a_new_connection_that_ends_is_not_tried_again() -> None:
    """A receiver that hangs up at once fails; further attempts are the caller's."""
    serve, asked = answering(b"")
    async with server(serve) as port, outbound() as client:
        with pytest.raises(OutboundError) as caught:
            await ask(client, port, repeatable=True)
    assert "closed before the answer was complete" in caught.value.detail
    assert asked == [0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"y" * 1000) * 100, "unreachable"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000, "unreachable"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2000, "size"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000, "size"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001, "size"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", "unreachable"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhello", "unreachable"),
    ],
)
async def test_answers_without_measure_or_sense_are_errors(answer: bytes, reason: str) -> None:
    """Headers, trailers and bodies have limits; what cannot be framed is no answer."""
    serve, _ = answering(answer, b"")
    async with server(serve) as port, outbound() as client:
        with pytest.raises(OutboundError) as caught:
            await ask(client, port)
    assert caught.value.reason == reason, caught.value.detail


async def test_a_body_that_nobody_wants_is_not_read_for_ever() -> None:
    """The status is the answer; the connection is given up."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1_000_000
    serve, asked = answering(endless, b"")
    async with server(serve) as port, outbound() as client:
        answers = [await ask(client, port, max_bytes=None) for _ in range(2)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"")] * 2
    assert asked == [0, 1]


async def test_a_late_answer_is_nobody_elses() -> None:
    """A request that ran out of time takes its connection along."""
    asked: list[int] = []

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        asked.append(number)
        if number == 0:
            await asyncio.sleep(0.1)
        writer.write(OK)
        await reader.read()

    async with server(serve) as port, outbound() as client:
        with pytest.raises(OutboundError) as caught:
            await client.request("GET", f"http://127.0.0.1:{port}/", timeout_seconds=0.05, max_bytes=10)
        assert (await ask(client, port)).status == 200
    assert caught.value.reason == "timeout"
    assert asked == [0, 1]


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    """Each is kept afterwards, and one of them is enough for what comes one by one."""
    serve, asked = answering(*[OK] * 9)
    async with server(serve) as port, outbound() as client:
        await asyncio.gather(*(ask(client, port) for _ in range(3)))
        for _ in range(3):
            await ask(client, port)
    assert sorted(asked[:3]) == [0, 1, 2]
    assert len(set(asked[3:])) == 1
    assert len(set(asked)) == 3


async def test_connections_with_tls_are_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One handshake for two requests."""
    made, key = await asyncio.to_thread(certificate, tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made, key)
    serve, asked = answering(OK, OK)
    async with server(serve, tls) as port, outbound() as client:
        for _ in range(2):
            answer = await client.request("POST", f"https://localhost:{port}/", timeout_seconds=5, max_bytes=10)
            assert (answer.status, answer.body) == (200, b"{}")
    assert asked == [0, 0]


async def test_idle_connections_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were not used for long, and the oldest of too many."""
    monkeypatch.setattr("ldt_stack.broker.outbound.pool._IDLE_SECONDS", 0.05)
    monkeypatch.setattr("ldt_stack.broker.outbound.pool._MOST", 2)
    ended: asyncio.Queue[int] = asyncio.Queue()

    async def serve(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await asyncio.sleep(0.02)
        writer.write(OK)
        await reader.read()
        ended.put_nowait(number)

    async with server(serve) as port, outbound() as client:
        await asyncio.gather(*(ask(client, port) for _ in range(3)))
        async with asyncio.timeout(5):
            await ended.get()
            assert len(client._idle._since) == 2
            await ended.get()
            await ended.get()
        assert not client._idle._since
