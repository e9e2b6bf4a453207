"""One HTTP/1.1 connection of a client (RFC 9112): one request at a time, kept open where both sides may.

httptools, which uvicorn parses requests with, on an asyncio transport: of a notification, the client is the largest
part, and this one costs a quarter of httpcore. Left out: HEAD, `Upgrade`, pipelining, content codings, none of which
is asked for.
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass, field
from typing import Final

import httptools

_READ_IN_VAIN_BYTES: Final = 64 * 1024  # of a body that nobody wants: a connection that is read to its end is kept
_BETWEEN_BODY_BYTES: Final = 64 * 1024  # header, trailer, chunk extensions
_FIRST_FINAL_STATUS: Final = 200


class ConnectionFailed(Exception):  # noqa: N818 — a turn of events
    """There is no answer, or none that is HTTP.

    Attributes:
        unanswered: Whether the connection ended before anything came: the other side may have closed it before the
            request arrived.
    """

    def __init__(self, detail: str, *, unanswered: bool = False) -> None:
        super().__init__(detail)
        self.unanswered = unanswered


class BodyTooLarge(Exception):  # noqa: N818 — likewise
    """The body has more bytes than its reader takes."""


@dataclass(slots=True)
class Received:
    """An answer as far as it has come; header names in lower case, those that come more than once joined by ", "."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class Connection(asyncio.Protocol):
    """From `connection_made` on, `exchange` may be called, again when it has returned and `is_open` is true."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Received] | None = None
        self._received = Received()
        self._max_bytes: int | None = None
        self._between_bytes = 0
        self._has_headers = self._is_complete = self._has_surplus = self._keeps_alive = False

    async def exchange(self, request: bytes, max_bytes: int | None) -> Received:
        """Send a request as it goes over the wire, and read its answer.

        Args:
            request: Head and body.
            max_bytes: Of the answer's body; None: the body is not wanted.

        Raises:
            ConnectionFailed: The connection ended, or what came is no HTTP.
            BodyTooLarge: As it says.
        """
        self._received, self._max_bytes, self._between_bytes = Received(), max_bytes, 0
        self._has_headers = self._is_complete = False
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._waiting
        finally:
            if not self._waiting.done() or self._waiting.cancelled():
                self.close()
            self._waiting = None

    def close(self) -> None:
        """At once; nothing is sent any more."""
        self.is_open = False
        self._transport.abort()

    def is_stale(self) -> bool:
        """Whether there is something to be read while nothing was asked: mostly that the other side has closed."""
        handle = self._transport.get_extra_info("socket").fileno()
        if handle < 0:
            return True
        if not hasattr(select, "poll"):  # Windows
            return bool(select.select([handle], [], [], 0)[0])
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(0))

    def secured(self, transport: asyncio.Transport) -> None:
        """TLS has begun: from now on the connection goes through this transport."""
        self._transport = transport

    # --- of the transport ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.is_open = False
        if self._has_headers and error is None and self._ends_with_connection():
            self._answer()
            return
        unanswered = self._received.status == 0 and not self._between_bytes
        reason = str(error) if error is not None and str(error) else "the connection was closed"
        self._fail(ConnectionFailed(f"{reason} before the answer was complete", unanswered=unanswered))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._waiting is None:  # nobody asked
            self.close()
            return
        self._between_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._has_surplus = True
            if not self._is_complete:
                self._fail(ConnectionFailed(f"the answer is no HTTP/1.1: {error or type(error).__name__}"))
                return
        if self._is_complete:
            self._answer()
        elif self._between_bytes > _BETWEEN_BODY_BYTES:
            self._fail(ConnectionFailed(f"the answer has more than {_BETWEEN_BODY_BYTES} bytes of headers"))
        else:
            self._limit_body()

    # --- of the parser ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """See `httptools`. A second answer to one request is no answer of this request."""
        self._has_surplus = self._has_surplus or self._is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `httptools`; trailers are passed over."""
        if self._has_headers:
            return
        headers, key, text = self._received.headers, name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        if not self._is_complete:
            self._received.status = self._parser.get_status_code()
            self._keeps_alive = self._parser.should_keep_alive()
            self._has_headers = True

    def on_body(self, body: bytes) -> None:
        """See `httptools`."""
        if not self._is_complete:
            self._received.body += body
            self._between_bytes = 0

    def on_message_complete(self) -> None:
        """See `httptools`. An interim answer (1xx) is followed by another one."""
        if self._received.status < _FIRST_FINAL_STATUS:
            self._received, self._has_headers = Received(), False
        else:
            self._is_complete = True

    # --- its ends --------------------------------------------------------------------------------------------------

    def _ends_with_connection(self) -> bool:
        headers = self._received.headers
        return "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "").lower()

    def _limit_body(self) -> None:
        size = len(self._received.body)
        if self._max_bytes is None:
            if size > _READ_IN_VAIN_BYTES:
                self._has_surplus = True
                self._answer()
        elif size > self._max_bytes:
            self._fail(BodyTooLarge())

    def _answer(self) -> None:
        if self._max_bytes is not None and len(self._received.body) > self._max_bytes:
            self._fail(BodyTooLarge())
            return
        if self._has_surplus or not self._keeps_alive:
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(self._received)

    def _fail(self, error: Exception) -> None:
        if self.is_open:
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
