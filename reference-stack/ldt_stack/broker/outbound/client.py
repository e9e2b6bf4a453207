"""`Outbound`: one HTTP request of the broker's own, within limits of time, size, redirects and addresses.

Connections are ours (`connection`), so that addresses are judged where they are made; no cookies are kept. Proxy
variables of the environment are not honoured: a proxy would connect where the policy does not look.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from ldt_stack.broker.logs import REQUEST_ID
from ldt_stack.broker.outbound.addresses import AddressPolicy, Resolve, resolve
from ldt_stack.broker.outbound.connecting import connect
from ldt_stack.broker.outbound.connection import BodyTooLarge, Connection, ConnectionFailed, Received
from ldt_stack.broker.outbound.errors import OutboundError, forbidden
from ldt_stack.broker.outbound.pool import IdleConnections, Origin

if TYPE_CHECKING:
    import ssl

    import httpx

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEPT_ABROAD: Final = frozenset({"accept", "user-agent"})  # what another origin may see after a redirect
_USERINFO: Final = re.compile(r"//[^/?#]*@")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_KNOWN_URLS: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Args:
        status: HTTP status.
        headers: Names in lower case; those that come more than once joined by ", ".
        body: Empty where the caller did not want it.
        url: Where it came from, after redirects; without credentials.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class _Target:
    """What of a URL is needed to ask there; `shown` is without credentials, `path` with the query."""

    url: httpx.URL
    shown: str
    origin: Origin
    path: bytes
    host: bytes
    authorization: bytes | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of one request; see `Outbound.request`."""

    body_bytes: int | None
    redirects: int
    repeatable: bool


class Outbound:
    """Makes requests; its connections are made when the first one is asked for (start-up stays short).

    Args:
        policy: Which addresses may be connected to.
        resolve: From a name and a port to addresses; one of these is what is connected to.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve = resolve) -> None:
        self.policy = policy
        self._resolve = resolve
        self._idle = IdleConnections()
        self._tls: ssl.SSLContext | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_seconds: float,
        max_bytes: int | None,
        max_redirects: int = 0,
        repeatable: bool = False,
    ) -> Answer:
        """One request and its answer, whatever its status.

        Args:
            method: HTTP method.
            url: An absolute http or https URL.
            headers: Of the request; Host and Content-Length are ours.
            content: Its body.
            timeout_seconds: For all of it: names, connections, redirects, body.
            max_bytes: Size of the answer's body at most; None: the body is not wanted.
            max_redirects: How many redirects are followed, GET alone; 0: a redirect is an answer as any other.
            repeatable: Whether the other side may get it twice, as it may get a GET: then it is sent again where a kept
                connection ends before any answer.

        Raises:
            OutboundError: There is no answer within these limits.
        """
        limits = _Limits(max_bytes, max_redirects, repeatable or method == "GET")
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._follow(method, url, dict(headers or {}), content, limits)
        except TimeoutError:
            raise OutboundError("timeout", f"{shown(url)} did not answer within {timeout_seconds:g} s") from None

    async def addresses(self, host: str, port: int) -> list[str]:
        """Addresses of a host, all of them allowed: for what is not HTTP and connects by itself.

        Raises:
            OutboundError: The host has no address, or one that the policy forbids.
        """
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise OutboundError("unreachable", f"{host} has no address: {error}") from None
        if not all(self.policy.allows(address) for address in found):
            raise forbidden(host)
        return found

    async def close(self) -> None:
        """Close connections."""
        self._idle.close()
        await asyncio.sleep(0)  # transports say goodbye in the next turn of the loop

    async def _follow(self, method: str, url: str, headers: dict[str, str], content: bytes, limits: _Limits) -> Answer:
        target = _target(url)
        for _ in range(limits.redirects + 1):
            received = await self._send(method, target, headers, content, limits)
            location = received.headers.get("location")
            if limits.redirects == 0 or method != "GET" or received.status not in _REDIRECTS or location is None:
                body = b"" if limits.body_bytes is None else bytes(received.body)
                return Answer(received.status, received.headers, body, target.shown)
            following = _target(str(target.url.join(location)))
            if following.origin != target.origin:
                headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ABROAD}
            target = following
        raise OutboundError("redirects", f"{shown(url)} redirects more than {limits.redirects} times")

    async def _send(
        self, method: str, target: _Target, headers: Mapping[str, str], content: bytes, limits: _Limits
    ) -> Received:
        request = _head(method, target, headers, len(content)) + content
        try:
            return await self._exchange(target, request, limits)
        except BodyTooLarge:
            problem = f"The answer of {target.shown} has more than {limits.body_bytes} bytes"
            raise OutboundError("size", problem) from None
        except (ConnectionFailed, OSError) as error:
            problem = f"{target.shown} cannot be reached: {error or type(error).__name__}"
            raise OutboundError("unreachable", problem) from None

    async def _exchange(self, target: _Target, request: bytes, limits: _Limits) -> Received:
        """Over a kept connection if there is one; over a new one, too, where the kept one ended before any answer.

        The other side may close a connection while we begin to use it (RFC 9112, 9.3.1). It may also have taken the
        request and failed: it is sent again only if twice does no harm (RFC 9110, 9.2.2).
        """
        kept = self._idle.take(target.origin, looking=not limits.repeatable)
        if kept is not None:
            try:
                return await self._exchange_over(kept, target.origin, request, limits)
            except ConnectionFailed as error:
                if not (error.unanswered and limits.repeatable):
                    raise
        connection = await connect(*target.origin[1:], self.policy, self._resolve, self._tls_for(target.origin[0]))
        return await self._exchange_over(connection, target.origin, request, limits)

    async def _exchange_over(self, connection: Connection, origin: Origin, request: bytes, limits: _Limits) -> Received:
        received = await connection.exchange(request, limits.body_bytes)
        self._idle.put(origin, connection)
        return received

    def _tls_for(self, scheme: str) -> ssl.SSLContext | None:
        if scheme == "http":
            return None
        if self._tls is None:
            import httpx

            self._tls = httpx.create_ssl_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def shown(url: httpx.URL | str) -> str:
    """A URL as messages and logs may have it: without user name and password."""
    return _USERINFO.sub("//", str(url), count=1)


def parse_url(url: str) -> httpx.URL:
    """An absolute http(s) URL, normalized (IDNA, percent-encoding), without a fragment.

    Raises:
        OutboundError: It is none.
    """
    import httpx

    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        parsed = httpx.URL(url)
    except (ValueError, UnicodeError, httpx.InvalidURL) as error:
        raise OutboundError("url", f'"{shown(url):.200}" is no URL: {error}') from None
    if not usable or not parsed.host:
        raise OutboundError("url", f'"{shown(url):.200}" is no absolute http or https URL')
    return parsed


@lru_cache(_KNOWN_URLS)
def _target(url: str) -> _Target:
    parsed = parse_url(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    authorization = None
    if parsed.userinfo:
        user = b":".join(unquote_to_bytes(part) for part in parsed.userinfo.split(b":", 1))
        authorization = b"Basic " + base64.b64encode(user if b":" in user else user + b":")
    origin = (parsed.scheme, parsed.raw_host.decode("ascii"), port)
    return _Target(parsed, shown(parsed), origin, parsed.raw_path, parsed.netloc, authorization)


def _head(method: str, target: _Target, headers: Mapping[str, str], content_bytes: int) -> bytes:
    """A request up to its body.

    Raises:
        OutboundError: A header would be another one, too.
    """
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target.path), b"Host: " + target.host]
    given = {name.lower() for name in headers}
    if "user-agent" not in given:
        lines.append(b"User-Agent: ldt-broker")
    if REQUEST_ID.get():  # what is asked of others for a request can be followed in their logs
        lines.append(b"X-Request-ID: " + REQUEST_ID.get().encode("ascii"))
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None or _HEADER_VALUE.fullmatch(value) is None:
            raise OutboundError("header", f"{target.shown} is sent nothing: the header {name!r:.100} cannot be written")
        lines.append(f"{name}: {value}".encode("latin-1"))
    if target.authorization is not None and "authorization" not in given:
        lines.append(b"Authorization: " + target.authorization)
    if content_bytes or method in {"POST", "PUT", "PATCH"}:
        lines.append(b"Content-Length: %d" % content_bytes)
    return b"\r\n".join([*lines, b"", b""])
