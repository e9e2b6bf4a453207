"""Timers of Subscriptions with a timeInterval: ETSI GS CIM 009 V1.9.1, clauses 5.2.12 and 5.8.6."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.notifications.subscription import Subscription

_LOG: Final = logging.getLogger("ldt_stack.broker.notifications")
# "Greater than 0" (5.2.12) allows what no broker can keep up with.
SHORTEST_SECONDS: Final = 0.1

Notify = Callable[[str | None, Subscription], Awaitable[None]]


class PeriodicTimers:
    """One task a periodic Subscription."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._tasks: dict[tuple[str | None, str], asyncio.Task[None]] = {}

    def set(self, tenant: str | None, subscription: Subscription, passed_seconds: float = 0.0) -> None:
        """Begin anew with the Subscription as it is now; end its timer if it is not periodic (any more).

        Args:
            tenant: Whose.
            subscription: Periodic or not.
            passed_seconds: How much of the first interval is over, because an earlier process had begun it.
        """
        self.remove(tenant, subscription.id)
        if subscription.time_interval_seconds is not None:
            interval = max(SHORTEST_SECONDS, subscription.time_interval_seconds)
            self._tasks[tenant, subscription.id] = asyncio.create_task(
                self._run(tenant, subscription, interval, passed_seconds)
            )

    def remove(self, tenant: str | None, identifier: str) -> None:
        """End a timer; nothing happens if there is none."""
        task = self._tasks.pop((tenant, identifier), None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, tenant: str | None, subscription: Subscription, interval: float, passed: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, interval - passed)
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())  # an interval that was missed is not made up for
            try:
                await self._notify(tenant, subscription)
            except NgsiLdError as error:
                _LOG.warning("Subscription %s: no periodic notification: %s", subscription.id, error.detail)
