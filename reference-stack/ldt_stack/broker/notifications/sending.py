"""Send one notification over HTTP: ETSI GS CIM 009 V1.9.1, clause 6.3.8. Knows nothing of Subscriptions' state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ldt_stack.broker.outbound import Outbound, OutboundError
from ldt_stack.broker.settings import BrokerSettings


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
    """POSTs notifications."""

    def __init__(self, settings: BrokerSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound
        self._slots = asyncio.Semaphore(settings.notification_workers)

    async def send(self, uri: str, content: bytes, headers: dict[str, str], timeout_seconds: float | None) -> Outcome:
        """One attempt, however it ends: errors are outcomes, none is raised.

        Args:
            uri: http or https; redirects are not followed, so that a receiver cannot point us elsewhere.
            content: The body.
            headers: Content-Type, Link and the receiverInfo among them.
            timeout_seconds: The Subscription's own; never longer than the setting allows (5.2.15: "can override").
        """
        allowed = self._settings.notification_timeout_seconds
        limit = min(timeout_seconds or allowed, allowed)
        async with self._slots:
            try:
                answer = await self._outbound.request(
                    "POST", uri, headers=headers, content=content, timeout_seconds=limit, max_bytes=None
                )
            except OutboundError as error:
                return Outcome(None, error.detail)
        return Outcome(answer.status, "" if answer.status == 200 else f"{uri} answered {answer.status}")
