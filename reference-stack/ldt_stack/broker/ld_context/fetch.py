"""Download of remote @context documents, within limits of size, time, redirects and addresses.

ETSI GS CIM 009 V1.9.1, clauses 5.5.6 (LdContextNotAvailable, BadRequestData) and 6.3.16 (lifetime).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import orjson

from ldt_stack.broker.errors import BadRequestData, LdContextNotAvailable
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.settings import BrokerSettings

if TYPE_CHECKING:
    import httpx

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = "application/ld+json, application/json;q=0.9"


class Fetcher:
    """Downloads documents; the HTTP client is made when the first one is asked for (start-up stays short)."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, url: str) -> tuple[JsonObject, float]:
        """A JSON document and for how many seconds it may be kept.

        Raises:
            LdContextNotAvailable: No answer, an error, too slow, too large, too many redirects, a forbidden address.
            BadRequestData: The URL is none of http(s), or the document is no JSON object.
        """
        limit = self._settings.context_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                body, headers = await self._follow(url)
        except TimeoutError:
            raise LdContextNotAvailable(f"{url} did not answer within {limit:g} s; expected a @context") from None
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRequestData(f"The document at {url} is no JSON: {error}") from None
        if not isinstance(document, dict):
            raise BadRequestData(f'The document at {url} is no JSON object; expected one with an "@context" member')
        return document, lifetime_seconds(headers, self._settings.context_default_ttl_seconds)

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _follow(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        target = url
        for _ in range(self._settings.context_max_redirects + 1):
            await require_allowed_address(target, allow_private=self._settings.allow_private_addresses)
            status, headers, body = await self._get(target)
            if status not in _REDIRECTS:
                if status != 200:
                    raise LdContextNotAvailable(f"{url} answered {status}; expected 200 and a @context")
                return body, headers
            target = urljoin(target, headers.get("location", ""))
        raise LdContextNotAvailable(f"{url} redirects more than {self._settings.context_max_redirects} times")

    async def _get(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, timeout=self._settings.context_timeout_seconds)
        limit = self._settings.context_max_bytes
        try:
            async with self._client.stream("GET", url, headers={"Accept": _ACCEPT}) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > limit:
                        raise LdContextNotAvailable(f"The document at {url} has more than {limit} bytes")
                return response.status_code, response.headers, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LdContextNotAvailable(f"{url} could not be fetched: {error or type(error).__name__}") from None


async def require_allowed_address(url: str, *, allow_private: bool) -> None:
    """Refuse what is no http(s) URL, and addresses that the settings do not allow.

    Raises:
        BadRequestData: The URL is none of http(s) with a host.
        LdContextNotAvailable: The host has no address, or one that is loopback, private or otherwise special.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise BadRequestData(f'A @context is referred to as "{url}"; expected an absolute http or https URL')
    if allow_private:
        return
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise LdContextNotAvailable(f"{host} has no address: {error}") from None
    for entry in found:
        if not ipaddress.ip_address(entry[4][0]).is_global:
            raise LdContextNotAvailable(f"{host} is at a private address, which the settings of this broker forbid")


def lifetime_seconds(headers: Mapping[str, str], default: float) -> float:
    """How long a document may be kept (6.3.16): s-maxage, max-age, Expires, else the default."""
    directives: dict[str, str] = {}
    for directive in headers.get("cache-control", "").split(","):
        name, _, value = directive.strip().lower().partition("=")
        directives[name] = value.strip('"')
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    for name in ("s-maxage", "max-age"):
        if directives.get(name, "").isdigit():
            return float(directives[name])
    try:
        expires = parsedate_to_datetime(headers["expires"])
    except (KeyError, ValueError):
        return default
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return max(0.0, (expires - datetime.now(UTC)).total_seconds())
