"""Send one notification over HTTP: ETSI GS CIM 009 V1.9.1, clause 6.3.8. Knows nothing of Subscriptions' state."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ldt_stack.broker.settings import BrokerSettings

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Args:
        status: HTTP status of the answer; None if there was none.
        problem: What went wrong, for the log; "" if nothing did.
    """

    status: int | None
    problem: str = ""

    @property
    def delivered(self) -> bool:
        """Whether "the response to the notification request is 200 OK" (5.8.6): any other answer is a failure."""
        return self.status == 200

    @property
    def answered(self) -> bool:
        """Whether the receiver has seen it: then it is not sent again."""
        return self.status is not None


class Sender:
    """POSTs notifications; the HTTP client is made with the first one (start-up stays short)."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(settings.notification_workers)

    async def send(self, uri: str, content: bytes, headers: dict[str, str], timeout_seconds: float | None) -> Outcome:
        """One attempt, however it ends: errors are outcomes, none is raised.

        Args:
            uri: http or https; redirects are not followed, so that a receiver cannot point us elsewhere.
            content: The body.
            headers: Content-Type, Link and the receiverInfo among them.
            timeout_seconds: The Subscription's own; never longer than the setting allows (5.2.15: "can override").
        """
        import httpx

        if self._client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=self._settings.notification_workers)
            self._client = httpx.AsyncClient(follow_redirects=False, limits=limits)
        allowed = self._settings.notification_timeout_seconds
        limit = min(timeout_seconds or allowed, allowed)
        async with self._slots:
            try:
                async with asyncio.timeout(limit):
                    refused = await self._refused_address(uri)
                    if refused:
                        return Outcome(None, refused)
                    request = self._client.build_request("POST", uri, content=content, headers=headers, timeout=limit)
                    response = await self._client.send(request, stream=True)
                    await response.aclose()  # only the status counts
            except TimeoutError:
                return Outcome(None, f"no answer within {limit:g} s")
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
                return Outcome(None, str(error) or type(error).__name__)
        return Outcome(response.status_code, "" if response.status_code == 200 else f"answered {response.status_code}")

    async def _refused_address(self, uri: str) -> str:
        """Why the settings forbid an endpoint; "" if they do not."""
        if self._settings.allow_private_addresses:
            return ""
        parts = urlsplit(uri)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                parts.hostname, parts.port or 443, type=socket.SOCK_STREAM
            )
        except OSError as error:
            return f"{parts.hostname} has no address: {error}"
        if all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
            return ""
        return f"{parts.hostname} is at a private address, which the settings of this broker forbid"

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
