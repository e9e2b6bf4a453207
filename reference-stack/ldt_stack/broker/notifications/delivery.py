"""Delivery of what the outbox owes: in order for a Subscription, beside each other for different ones.

The outbox is read in the order of commits and handed to a queue a Subscription, so that a receiver that does not
answer holds up nobody else. A row is dropped from the outbox in the transaction that records the outcome; a process
that is killed in between sends the notification again, under the same notification id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any, Final

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.notifications.outcomes import after_attempt
from ldt_stack.broker.notifications.registration_subscription import document_of
from ldt_stack.broker.notifications.sending import Outcome
from ldt_stack.broker.store.interface import Delivery, DocumentKind, Snapshot, Store, Transaction

_LOG: Final = logging.getLogger("ldt_stack.broker.notifications")
_READ_AT_ONCE: Final = 500
# More notifications than this waiting for one receiver: the oldest are given up, or a dead receiver fills the disk.
MAX_QUEUED: Final = 5000
_EVER: Final = "9999"  # every delivery is due: waiting between attempts happens here

Key = tuple[str | None, str]
Attempt = Callable[[str | None, Delivery], Awaitable[Outcome | None]]
"""Sends one delivery; None: nothing was to be sent any more (the Subscription is gone, paused or expired)."""
Recorded = Callable[[str | None, str, str, bool], None]
"""Told after each attempt: tenant, subscription id, instant, whether it was delivered."""


class Deliverer:
    """Reads outboxes when told to, and delivers.

    Args:
        store: Whose outboxes.
        attempt: Sends.
        now: The present instant, six digits, UTC.
        recorded: Told of every attempt.
        max_attempts: How often one notification is tried when no answer comes.
        retry_seconds: Pause before the second attempt; each further one is twice as long.
    """

    def __init__(
        self,
        store: Store,
        attempt: Attempt,
        now: Callable[[], str],
        recorded: Recorded,
        *,
        max_attempts: int,
        retry_seconds: float,
    ) -> None:
        self._store = store
        self._attempt = attempt
        self._now = now
        self._recorded = recorded
        self._max_attempts = max_attempts
        self._retry_seconds = retry_seconds
        self._seen: dict[str | None, int] = {}
        self._queues: dict[Key, deque[Delivery]] = {}
        self._failing: set[Key] = set()
        self._under_way: set[Key] = set()
        self._reading: dict[str | None, asyncio.Event] = {}
        self._results: dict[str | None, list[tuple[Delivery, str | None, bool, bool]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorders: dict[str | None, asyncio.Task[None]] = {}
        self._sending: set[asyncio.Task[Any]] = set()
        self._closing = False

    def wake(self, tenant: str | None) -> None:
        """Something was put into a tenant's outbox (or may have been left there by an earlier process)."""
        event = self._reading.get(tenant)
        if event is None:
            event = self._reading[tenant] = asyncio.Event()
            self._spawn(self._read(tenant, event))
        event.set()

    def forget(self, tenant: str | None, subscription_id: str) -> None:
        """The Subscription is gone: its queue is not delivered."""
        self._queues.pop((tenant, subscription_id), None)
        self._failing.discard((tenant, subscription_id))

    def owed(self) -> int:
        """How many notifications wait for their turn, or for the next attempt."""
        return sum(map(len, self._queues.values())) + len(self._under_way)

    async def close(self, grace_seconds: float = 0.0) -> None:
        """Stop; outcomes that are known are recorded, the rest stays in the outbox.

        Args:
            grace_seconds: How long an attempt under way may take to end, so that it need not be made again.
        """
        self._closing = True
        for task in self._tasks - self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending, timeout=grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for tenant, task in list(self._recorders.items()):
            await asyncio.gather(task, return_exceptions=True)
            await self._record(tenant)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # Without the context of whoever wakes us: what is logged here belongs to no request.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("Delivery of notifications stopped: %r", task.exception(), exc_info=task.exception())

    async def _read(self, tenant: str | None, event: asyncio.Event) -> None:
        """Move new rows of a tenant's outbox into the queues, whenever there are some."""
        while True:
            await event.wait()
            event.clear()
            while await self._read_some(tenant):
                pass

    async def _read_some(self, tenant: str | None) -> bool:
        after = self._seen.get(tenant, 0)

        def read(snapshot: Snapshot) -> list[Delivery]:
            return snapshot.due_deliveries(_EVER, _READ_AT_ONCE, after)

        try:
            found = await self._store.read(tenant, read)
        except NgsiLdError as error:
            _LOG.warning("The outbox of tenant %s cannot be read: %s", tenant, error.detail)
            return False
        for delivery in found:
            self._seen[tenant] = delivery.number
            self._put((tenant, delivery.subscription_id), delivery)
        return len(found) == _READ_AT_ONCE

    def _put(self, key: Key, delivery: Delivery) -> None:
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            self._spawn(self._deliver(key, queue))
        elif len(queue) >= MAX_QUEUED:
            _LOG.warning("Subscription %s: more than %d notifications wait; the oldest is given up", key[1], MAX_QUEUED)
            self._note(key[0], queue.popleft(), None, delivered=False, done=True)
        queue.append(delivery)

    async def _deliver(self, key: Key, queue: deque[Delivery]) -> None:
        """Empty one Subscription's queue."""
        while queue and self._queues.get(key) is queue and not self._closing:
            delivery = queue.popleft()
            self._under_way.add(key)
            try:
                await self._deliver_one(key, delivery)
            finally:
                self._under_way.discard(key)
        if self._queues.get(key) is queue:
            del self._queues[key]

    async def _deliver_one(self, key: Key, delivery: Delivery) -> None:
        pause = self._retry_seconds
        # A receiver that did not answer before gets one attempt a notification, until it answers.
        left = 1 if key in self._failing else self._max_attempts
        while True:
            at = self._now()
            outcome = await self._attempt_now(key[0], delivery)
            left -= 1
            if outcome is None:
                self._note(key[0], delivery, None, delivered=False, done=True)
                return
            done = outcome.answered or left == 0
            self._note(key[0], delivery, at, delivered=outcome.delivered, done=done)
            if not outcome.delivered:
                _LOG.info("Notification for %s: %s", key[1], outcome.problem)
            if done or self._closing:
                break
            await asyncio.sleep(pause)
            pause *= 2
        if outcome.answered:
            self._failing.discard(key)
        else:
            self._failing.add(key)

    async def _attempt_now(self, tenant: str | None, delivery: Delivery) -> Outcome | None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("Notifications are delivered by tasks")
        self._sending.add(task)
        try:
            return await self._attempt(tenant, delivery)
        finally:
            self._sending.discard(task)

    def _note(self, tenant: str | None, delivery: Delivery, at: str | None, *, delivered: bool, done: bool) -> None:
        """Remember an outcome, and have it written; many at once where they come fast."""
        if at is not None:
            self._recorded(tenant, delivery.subscription_id, at, delivered)
        self._results.setdefault(tenant, []).append((delivery, at, delivered, done))
        running = self._recorders.get(tenant)
        if running is None or running.done():
            self._recorders[tenant] = asyncio.create_task(self._record(tenant))

    async def _record(self, tenant: str | None) -> None:
        while self._results.get(tenant):
            results = self._results.pop(tenant)

            def record(transaction: Transaction, results: Any = results) -> None:
                for delivery, at, delivered, done in results:
                    _record_one(transaction, delivery, at, delivered=delivered, done=done)

            try:
                await self._store.write(tenant, record)
            except NgsiLdError as error:
                # The rows stay in the outbox: they are sent again after the next start.
                _LOG.warning("Outcomes of notifications of tenant %s cannot be written: %s", tenant, error.detail)


def _record_one(transaction: Transaction, delivery: Delivery, at: str | None, *, delivered: bool, done: bool) -> None:
    identifier = delivery.subscription_id
    if done:
        transaction.drop_delivery(delivery.number)
    if at is not None and transaction.get_document(*document_of(identifier)) is not None:
        status = transaction.get_document(DocumentKind.SUBSCRIPTION_STATUS, identifier) or {}
        changed = after_attempt(status, at, delivered=delivered)
        transaction.put_document(DocumentKind.SUBSCRIPTION_STATUS, identifier, changed)
