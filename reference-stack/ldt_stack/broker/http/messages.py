"""Request and response as resource modules see them: an ASGI scope that is read once, and bytes that are sent at once.

Every request is asked for some thirty headers and parameters, most of which it does not have: both are plain
dictionaries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from starlette.datastructures import URL
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from ldt_stack.broker.http.app import BrokerApp
    from ldt_stack.broker.service import Broker

RawHeaders = list[tuple[bytes, bytes]]
_BODILESS: Final = frozenset({204, 304})  # RFC 9110, 8.6: no Content-Length


class ClientDisconnectedError(Exception):
    """The client went away before its request was complete."""


class Request:
    """A request to the broker.

    Attributes:
        app: The application, which keeps the routes and the metrics.
        broker: What operations work with.
        id: For logs and answers; `X-Request-ID`.
        method: In capitals.
        path: Percent-decoded, from the server root.
        headers: By name in lower case; of several with one name the first (`header_values` has all).
        query_params: By name; of several with one name the last (`query_pairs` has all).
        query_pairs: Names and values in their order.
        path_params: Decoded segments of the path, by the names in the route.
        warnings: Values of NGSILD-Warning headers of the answer (6.3.17).
    """

    __slots__ = (
        "_receive",
        "_scope",
        "app",
        "broker",
        "headers",
        "id",
        "method",
        "path",
        "path_params",
        "query_pairs",
        "query_params",
        "warnings",
    )

    def __init__(self, app: BrokerApp, broker: Broker, scope: Scope, receive: Receive) -> None:
        self.app = app
        self.broker = broker
        self.id = ""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }
        self.query_pairs = parse_query_string(scope["query_string"])
        self.query_params: Mapping[str, str] = dict(self.query_pairs)
        self.path_params: Mapping[str, str] = {}
        self.warnings: list[str] = []
        self._scope = scope
        self._receive = receive

    @property
    def raw_path(self) -> str:
        """The path as it was sent."""
        raw: bytes = self._scope.get("raw_path") or self.path.encode()
        return raw.decode("latin-1").partition("?")[0]

    @property
    def url(self) -> URL:
        """The URL that the client asked for, as far as its Host header tells."""
        return URL(scope=self._scope)

    def header_values(self, name: str) -> list[str]:
        """All headers with a name (in lower case), in their order."""
        if name not in self.headers:
            return []
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for key, value in self._scope["headers"] if key == wanted]

    async def body(self) -> bytes:
        """The payload.

        Raises:
            ClientDisconnectedError: It did not come to its end.
        """
        parts: list[bytes] = []
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnectedError
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_query_string(query_string: bytes) -> Sequence[tuple[str, str]]:
    """Names and values of a query string, as `urllib.parse.parse_qsl(…, keep_blank_values=True)` reads them."""
    if not query_string:
        return ()
    text = query_string.decode("latin-1").replace("+", " ")
    fields = (field.partition("=") for field in text.split("&") if field)
    if "%" in text:
        return [(unquote(name), unquote(value)) for name, _, value in fields]
    return [(name, value) for name, _, value in fields]


class Response:
    """An answer.

    Args:
        body: What is sent.
        status: HTTP status.
        headers: Beside Content-Length and Content-Type.
        media_type: Of the body; None: it is not said.

    Attributes:
        headers: All, as they are sent; names in lower case.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.headers: RawHeaders = []
        if headers:
            self.headers += [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        if status not in _BODILESS:
            self.headers.append((b"content-length", b"%d" % len(body)))
        if media_type is not None:
            self.headers.append((b"content-type", media_type.encode("latin-1")))

    async def send(self, send: Send) -> None:
        """Hand it to the server."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


Endpoint = Callable[[Request], Awaitable[Response]]
