"""Delivery of what the outbox owes: in order for a Subscription, beside each other for different ones.

What a commit adds to the outbox goes into a queue a Subscription, in the order of commits, so that a receiver that does
not answer holds up nobody else. A row is dropped from the outbox in the transaction that records the outcome; a process
that is killed in between sends the notification again, under the same notification id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextvars import Context
from functools import partial
from typing import Any, Final, NamedTuple

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.notifications.outcomes import after_attempt
from ldt_stack.broker.notifications.registration_subscription import document_of
from ldt_stack.broker.notifications.sending import Outcome
from ldt_stack.broker.notifications.snapshot import is_snapshot_key
from ldt_stack.broker.store.data import Delivery, DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Store, Transaction

_LOG: Final = logging.getLogger("ldt_stack.broker.notifications")
_READ_AT_ONCE: Final = 500
# Outcomes that come within this time of others are recorded together: the counters of many fit on a page of the disk.
_RECORD_TOGETHER_SECONDS: Final = 0.2
# More notifications than this waiting for one receiver: the oldest are given up, or a dead receiver fills the disk.
MAX_QUEUED: Final = 5000

Key = tuple[str | None, str]
Attempt = Callable[[str | None, Delivery], Awaitable[Outcome | None]]
"""Sends one delivery; None: nothing was to be sent any more (the Subscription is gone, paused or expired)."""
Recorded = Callable[[str | None, str, str, bool], None]
"""Told after each attempt: tenant, subscription id, instant, whether it was delivered."""


class Deliverer:
    """Delivers what it is given, and records the outcomes.

    Args:
        store: Where the outboxes and outcomes are.
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
        self._queues: dict[Key, deque[Delivery]] = {}
        self._failing: set[Key] = set()
        self._under_way: set[Key] = set()
        self._results: dict[str | None, list[_Result]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorder: asyncio.Task[None] | None = None
        self._recording = asyncio.Lock()
        self._sending: set[asyncio.Task[Any]] = set()
        self._closing = False

    def deliver(self, tenant: str | None, deliveries: Iterable[Delivery]) -> None:
        """Take what was put into a tenant's outbox, oldest first."""
        for delivery in deliveries:
            self._put((tenant, delivery.subscription_id), delivery)

    async def left(self, tenant: str | None) -> AsyncIterator[list[Delivery]]:
        """What an earlier process left in a tenant's outbox, oldest first; to be taken before anything new comes.

        Raises:
            InternalError: It cannot be read.
        """
        after = 0
        while found := await self._store.read(tenant, partial(_owed, after=after)):
            yield found
            after = found[-1].number

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
        await self.flush()

    async def flush(self) -> None:
        """Record the outcomes that are known; before counters are read."""
        async with self._recording:
            for tenant in list(self._results):
                await self._record(tenant, self._results.pop(tenant))

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
                await self._deliver_one(key, delivery, queue)
            finally:
                self._under_way.discard(key)
        if self._queues.get(key) is queue:
            del self._queues[key]

    async def _deliver_one(self, key: Key, delivery: Delivery, queue: deque[Delivery]) -> None:
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
            if self._queues.get(key) is not queue:  # the Subscription is gone; there may be another one of its name
                return
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
        except Exception as error:
            # It would fail again, and what comes after it would never be sent.
            _LOG.exception("A notification for %s cannot be made", delivery.subscription_id)
            return Outcome(delivered=False, answered=True, problem=repr(error))
        finally:
            self._sending.discard(task)

    def _note(self, tenant: str | None, delivery: Delivery, at: str | None, *, delivered: bool, done: bool) -> None:
        """Remember an outcome, and have it recorded; many at once where they come fast."""
        if at is not None:
            self._recorded(tenant, delivery.subscription_id, at, delivered)
        self._results.setdefault(tenant, []).append(_Result(delivery, at, delivered, done))
        if self._recorder is None or self._recorder.done():
            self._recorder = self._spawn(self._record_all())

    async def _record_all(self) -> None:
        while self._results:
            await self.flush()
            await asyncio.sleep(_RECORD_TOGETHER_SECONDS)

    async def _record(self, tenant: str | None, results: list[_Result]) -> None:
        try:
            await self._store.write(tenant, partial(_record_results, results=results))
        except NgsiLdError as error:
            # The rows stay in the outbox: they are sent again after the next start.
            _LOG.warning("Outcomes of notifications of tenant %s cannot be written: %s", tenant, error.detail)


class _Result(NamedTuple):
    """What came of one attempt, made at an instant; None: none was made. `done`: no other attempt will be made."""

    delivery: Delivery
    at: str | None
    delivered: bool
    done: bool


def _owed(snapshot: Snapshot, after: int) -> list[Delivery]:
    return snapshot.owed_deliveries(_READ_AT_ONCE, after)


def _record_results(transaction: Transaction, results: list[_Result]) -> None:
    transaction.drop_deliveries([result.delivery.number for result in results if result.done])
    attempted = {result.delivery.subscription_id for result in results if result.at is not None}
    attempted = {key for key in attempted if not is_snapshot_key(key)}
    known = _known(transaction, attempted)
    statuses = transaction.get_documents(DocumentKind.SUBSCRIPTION_STATUS, known)
    for delivery, at, delivered, _ in results:
        key = delivery.subscription_id
        if at is not None and key in known:
            statuses[key] = after_attempt(statuses.get(key, {}), at, delivered=delivered)
    transaction.put_documents(DocumentKind.SUBSCRIPTION_STATUS, statuses)


def _known(snapshot: Snapshot, keys: set[str]) -> set[str]:
    """Those outbox keys whose Subscriptions have not been deleted meanwhile."""
    identifiers: defaultdict[DocumentKind, dict[str, str]] = defaultdict(dict)
    for key in keys:
        kind, identifier = document_of(key)
        identifiers[kind][identifier] = key
    return {own[found] for kind, own in identifiers.items() for found in snapshot.existing_documents(kind, own)}
