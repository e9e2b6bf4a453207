"""`Outbound`: one HTTP request of the broker's own, within limits of time, size, redirects and addresses.

httpcore rather than httpx: it lets a caller choose how connections are made, which is where addresses are judged, and
it keeps no cookies. Proxy variables of the environment are not honoured: a proxy would connect where the policy does
not look.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes, urlsplit

from ldt_stack.broker.logs import REQUEST_ID
from ldt_stack.broker.outbound.addresses import AddressPolicy, Resolve, resolve
from ldt_stack.broker.outbound.errors import OutboundError, forbidden

if TYPE_CHECKING:
    import httpcore
    import httpx

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEPT_ABROAD: Final = frozenset({"accept", "user-agent"})  # what another origin may see after a redirect
_READ_IN_VAIN_BYTES: Final = 64 * 1024  # of a body that nobody wants: a connection that is read to its end is kept
_USERINFO: Final = re.compile(r"//[^/?#]*@")
# httpcore looks at every connection of a pool, and at each of its neighbours, for every request: pools are kept small.
_POOLS: Final = 8
_IDLE_CONNECTIONS: Final = 4  # of each pool
_IDLE_SECONDS: Final = 15.0


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


@dataclass(slots=True)
class _Pool:
    connections: httpcore.AsyncConnectionPool
    busy: int = 0


class Outbound:
    """Makes requests; its connections are made when the first one is asked for (start-up stays short).

    Args:
        policy: Which addresses may be connected to.
        resolve: From a name and a port to addresses; one of these is what is connected to.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve = resolve) -> None:
        self.policy = policy
        self._resolve = resolve
        self._pools: list[_Pool] = []

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

        Raises:
            OutboundError: There is no answer within these limits.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._follow(method, url, dict(headers or {}), content, max_bytes, max_redirects)
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
        pools, self._pools = self._pools, []
        for pool in pools:
            await pool.connections.aclose()

    async def _follow(
        self, method: str, url: str, headers: dict[str, str], content: bytes, max_bytes: int | None, max_redirects: int
    ) -> Answer:
        target = parse_url(url)
        for _ in range(max_redirects + 1):
            answer = await self._send(method, target, headers, content, max_bytes)
            location = answer.headers.get("location")
            if max_redirects == 0 or method != "GET" or answer.status not in _REDIRECTS or location is None:
                return answer
            following = parse_url(str(target.join(location)))
            if (following.scheme, following.netloc) != (target.scheme, target.netloc):
                headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ABROAD}
            target = following
        raise OutboundError("redirects", f"{shown(url)} redirects more than {max_redirects} times")

    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes, max_bytes: int | None
    ) -> Answer:
        import httpcore

        pool = self._least_busy()
        pool.busy += 1
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        try:
            sent = _request_headers(method, url, headers, len(content))
            async with pool.connections.stream(method, target, headers=sent, content=content) as response:
                body = bytearray()
                async for chunk in response.aiter_stream():
                    body += chunk
                    if max_bytes is None and len(body) > _READ_IN_VAIN_BYTES:
                        break
                    if max_bytes is not None and len(body) > max_bytes:
                        raise OutboundError("size", f"The answer of {shown(url)} has more than {max_bytes} bytes")
                kept = b"" if max_bytes is None else bytes(body)
                return Answer(response.status, _joined(response.headers), kept, shown(url))
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, UnicodeError) as error:
            raise OutboundError(
                "unreachable", f"{shown(url)} cannot be reached: {error or type(error).__name__}"
            ) from None
        finally:
            pool.busy -= 1

    def _least_busy(self) -> _Pool:
        """The first of those with the fewest requests: where little is asked, connections are used again."""
        if not self._pools:
            import httpcore
            import httpx

            from ldt_stack.broker.outbound.connecting import PolicedBackend

            tls = httpx.create_ssl_context()
            self._pools = [
                _Pool(
                    httpcore.AsyncConnectionPool(
                        ssl_context=tls,
                        max_connections=None,
                        max_keepalive_connections=_IDLE_CONNECTIONS,
                        keepalive_expiry=_IDLE_SECONDS,
                        network_backend=PolicedBackend(self.policy, self._resolve),
                    )
                )
                for _ in range(_POOLS)
            ]
        return min(self._pools, key=attrgetter("busy"))


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


def _request_headers(
    method: str, url: httpx.URL, headers: Mapping[str, str], content_bytes: int
) -> list[tuple[bytes, bytes]]:
    sent = [(b"Host", url.netloc)]
    if not any(name.lower() == "user-agent" for name in headers):
        sent.append((b"User-Agent", b"ldt-broker"))
    if REQUEST_ID.get():  # what is asked of others for a request can be followed in their logs
        sent.append((b"X-Request-ID", REQUEST_ID.get().encode("ascii")))
    sent += [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    if url.userinfo and not any(name.lower() == "authorization" for name in headers):
        user = b":".join(unquote_to_bytes(part) for part in url.userinfo.split(b":", 1))
        sent.append((b"Authorization", b"Basic " + base64.b64encode(user if b":" in user else user + b":")))
    if content_bytes or method in {"POST", "PUT", "PATCH"}:
        sent.append((b"Content-Length", str(content_bytes).encode()))
    return sent


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        result[name] = f"{result[name]}, {value}" if name in result else value
    return result
