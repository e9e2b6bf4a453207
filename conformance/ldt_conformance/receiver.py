"""Where the target calls back: notification receiver, @context server and Context Sources in one threaded HTTP server.

It listens before the first subscription exists and until the run ends. Every subscription gets a path of its own, so
that a late notification can never be taken for another check's; unknown paths answer 404 at once; every request is
logged, and checks read the log. Fetches of a served @context are counted, so that caching is observed and not guessed.

CIM 009 V1.9.1: clause 5.8.6, HTTP binding in 6.3.8; JSON-LD documents are served as `application/ld+json`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx

LD_JSON = "application/ld+json"
SOURCES = "/source/"
MAX_BODY_BYTES = 16 * 1024 * 1024
SOCKET_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived."""

    method: str
    path: str
    headers: httpx.Headers
    body: bytes
    at: float  # time.monotonic()
    query: str = ""  # percent-encoded

    def json(self) -> Any:
        """The body as JSON; None where it is none, which no notification matches."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path answers."""

    status: int = 200
    body: bytes = b""
    media_type: str = ""
    delay_seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Inbox:
    """One path of the receiver with its log; made by `Receiver.inbox` or `Receiver.serve_context`."""

    url: str
    answer: Answer
    waits: bool = True  # False: what is not there yet will not come
    _log: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def received(self) -> list[Received]:
        """Everything that arrived so far, oldest first."""
        with self._changed:
            return list(self._log)

    def wait_for(
        self, matches: Callable[[Received], bool], timeout_seconds: float, *, after: int = 0
    ) -> Received | None:
        """The first request that matches, as soon as it is there; None after the timeout.

        Args:
            matches: What to look for.
            timeout_seconds: How long to wait at most.
            after: How many of the earliest requests to pass over.
        """
        deadline = time.monotonic() + (timeout_seconds if self.waits else 0.0)
        with self._changed:
            while True:
                found = next((request for request in self._log[after:] if matches(request)), None)
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._changed.wait(left)

    def respond(self, status: int, *, delay_seconds: float = 0.0) -> None:
        """From now on answer with this status, after this delay."""
        self.answer = Answer(status=status, delay_seconds=delay_seconds)

    def answer_to(self, request: Received) -> Answer:
        """What a request is answered; called by the server."""
        return self.answer

    def record(self, request: Received) -> None:
        """Log a request and wake who waits; called by the server."""
        with self._changed:
            self._log.append(request)
            self._changed.notify_all()


AnyInbox = TypeVar("AnyInbox", bound=Inbox)


class Receiver:
    """The server. Use as a context manager, or `start` and `close`.

    Args:
        public_host: The host name or address under which the target can reach this machine; None means that the
            target runs here, and only the loopback interface is opened.
        marker: Stands in the URL of every served @context, so that the run's clean-up knows what a broker kept of it.
        is_planned: Nothing is sent to the target, so that nobody calls and there is nothing to wait for; checks go on
            as if the target had been seen to reach us.

    Attributes:
        reached: What was found when the target was asked to call us; None: it was not asked.
    """

    def __init__(self, public_host: str | None = None, marker: str = "", *, is_planned: bool = False) -> None:
        self.public_host = public_host
        self.reached: bool | None = True if is_planned else None
        self._waits = not is_planned
        self._marker = marker
        self._inboxes: dict[str, Inbox] = {}
        self._strays: list[Received] = []
        self._lock = threading.Lock()
        self._total = 0
        bind = "127.0.0.1" if public_host is None else "0.0.0.0"  # noqa: S104 — the target is elsewhere and must get in
        self._server = _Server((bind, 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="receiver", daemon=True)

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        """Begin to listen."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self.close()

    @property
    def base_url(self) -> str:
        """The advertised root, e.g. `http://127.0.0.1:40123`."""
        host = self.public_host or "127.0.0.1"
        shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{shown}:{self._server.server_address[1]}"

    @property
    def requests_seen(self) -> int:
        """How many requests arrived at all; 0 on a remote target means that it cannot reach us."""
        with self._lock:
            return self._total

    @property
    def strays(self) -> list[Received]:
        """Requests to paths that nobody made."""
        with self._lock:
            return list(self._strays)

    def inbox(self, label: str = "notify") -> Inbox:
        """A fresh path that logs what arrives and answers 200."""
        return self._add(f"/{label}/{uuid4().hex}", Answer())

    def serve_context(self, ld_context: Any, *, status: int = 200, media_type: str = LD_JSON) -> Inbox:
        """Serve an @context at a URL of its own; its fetches are in the log.

        Args:
            ld_context: What stands under "@context" in the document.
            status: Another status than 200 makes the @context unavailable.
            media_type: Another media type than JSON-LD's, for negative cases.
        """
        body = json.dumps({"@context": ld_context}).encode()
        return self._add(f"/contexts/{self._marker}{uuid4().hex}.jsonld", Answer(status, body, media_type))

    def everything_below(self, make: Callable[[str, bool], AnyInbox]) -> AnyInbox:
        """An inbox that gets all requests below a URL of its own: made of that URL, and whether waiting makes sense."""
        path = f"{SOURCES}{uuid4().hex}"
        inbox = make(f"{self.base_url}{path}", self._waits)
        with self._lock:
            self._inboxes[path] = inbox
        return inbox

    def _add(self, path: str, answer: Answer) -> Inbox:
        inbox = Inbox(f"{self.base_url}{path}", answer, self._waits)
        with self._lock:
            self._inboxes[path] = inbox
        return inbox

    def _at(self, path: str) -> Inbox | None:
        if path.startswith(SOURCES):
            path = SOURCES + path.removeprefix(SOURCES).partition("/")[0]
        return self._inboxes.get(path)

    def take(self, request: Received) -> Answer:
        """Log a request where it belongs and say what to answer; called by the server."""
        with self._lock:
            self._total += 1
            inbox = self._at(request.path)
            if inbox is None:
                self._strays.append(request)
                return Answer(status=404)
        inbox.record(request)
        return inbox.answer_to(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up half-way is its own business; the log shows what did arrive."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_TIMEOUT_SECONDS
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the name of the overridden method
        """Say nothing; the log of the inbox is the record."""

    def _take(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        request = Received(self.command, path, httpx.Headers(self.headers.items()), body, time.monotonic(), query)
        answer = self.server.receiver.take(request)
        if answer.delay_seconds:
            time.sleep(answer.delay_seconds)
        self.close_connection = True
        self.send_response(answer.status)
        self.send_header("Connection", "close")
        if answer.media_type:
            self.send_header("Content-Type", answer.media_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take  # noqa: N815 — names that http.server asks for

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, MAX_BODY_BYTES))

    def _chunked_body(self) -> bytes:
        body = b""
        while len(body) < MAX_BODY_BYTES:
            size = int(self.rfile.readline().split(b";")[0].strip() or b"0", 16)
            if size == 0:
                while self.rfile.readline().strip():
                    continue  # trailers
                break
            body += self.rfile.read(size)
            self.rfile.readline()
        return body
