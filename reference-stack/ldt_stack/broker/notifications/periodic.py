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

Key = tuple[str | None, str]
Notify = Callable[[str | None, Subscription], Awaitable[None]]


class PeriodicTimers:
    """One task a periodic Subscription."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._subscriptions: dict[Key, Subscription] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """From now on notify; an interval that is over before waits for this."""
        self._begun.set()

    def set(self, tenant: str | None, subscription: Subscription, passed_seconds: float = 0.0) -> None:
        """Go on with the Subscription as it is now; begin anew if its interval is another one, end if it has none.

        Args:
            tenant: Whose.
            subscription: Periodic or not.
            passed_seconds: How much of the first interval is over, because an earlier process had begun it.
        """
        key, interval = (tenant, subscription.id), subscription.time_interval_seconds
        before = self._subscriptions.get(key)
        if before is None or before.time_interval_seconds != interval:
            self.remove(tenant, subscription.id)
            if interval is None:
                return
            self._tasks[key] = asyncio.create_task(self._run(key, max(SHORTEST_SECONDS, interval), passed_seconds))
        self._subscriptions[key] = subscription

    def remove(self, tenant: str | None, identifier: str) -> None:
        """End a timer; nothing happens if there is none."""
        self._subscriptions.pop((tenant, identifier), None)
        task = self._tasks.pop((tenant, identifier), None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._subscriptions.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: Key, interval: float, passed: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, interval - passed)
        await self._begun.wait()
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())  # an interval that was missed is not made up for
            try:
                await self._notify(key[0], self._subscriptions[key])
            except NgsiLdError as error:
                _LOG.warning("Subscription %s: no periodic notification: %s", key[1], error.detail)
