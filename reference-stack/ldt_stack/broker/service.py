"""`Broker`: what every operation works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from ldt_stack.broker.call import Call
from ldt_stack.broker.federation.client import SourceClient
from ldt_stack.broker.federation.forwarding import SubscriptionForwarding
from ldt_stack.broker.federation.index import RegistrationIndex
from ldt_stack.broker.federation.outcomes import Outcomes
from ldt_stack.broker.ld_context import ContextRegistry
from ldt_stack.broker.model.changes import EntityChange
from ldt_stack.broker.model.instants import format_instant
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.registration_subscription import RegistrationSubscription
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.outbound import Outbound
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.interface import Store, Transaction


@dataclass(frozen=True, slots=True)
class NotifierFigures:
    """For whoever watches the broker.

    Args:
        delivered: Attempts since the start that a receiver answered with 200.
        failed: All other attempts.
        owed: Notifications that wait for their first or next attempt.
    """

    delivered: int
    failed: int
    owed: int


class Notifier(Protocol):
    """Decides which Subscriptions a change concerns, and delivers (5.8.6)."""

    def is_watched(self, tenant: str | None, entity_id: str, types: Sequence[str]) -> bool:
        """Whether a change of an Entity with this id and these types may owe a notification.

        If not, `changes` need not be told of it. Called on the store's thread.
        """
        ...

    def changes(self, transaction: Transaction, call: Call, changes: Sequence[EntityChange]) -> None:
        """Put the notifications that changes owe into the outbox, inside the transaction that makes the changes.

        Called on the store's thread, once for every Entity operation (in a batch: for every item, 5.5.11.3).
        """
        ...

    def subscribed(self, tenant: str | None, subscription: Subscription) -> None:
        """A Subscription was created or updated; called on the event loop, after the commit."""
        ...

    def unsubscribed(self, tenant: str | None, subscription_id: str) -> None:
        """A Subscription was deleted; called on the event loop, after the commit."""
        ...

    def relay(
        self, transaction: Transaction, tenant: str | None, subscription_id: str, entities: Sequence[JsonObject]
    ) -> None:
        """Put what a Context Source notified of into the outbox of a Subscription (5.8.6): expanded Entities."""
        ...

    def registration_changed(
        self, transaction: Transaction, tenant: str | None, before: JsonObject | None, after: JsonObject | None
    ) -> None:
        """Put the notifications that a change of a Context Source Registration owes into the outbox (5.11.7).

        Called inside the transaction, with the members of the Registration; None: it was not, or is not any more.
        """
        ...

    def registration_subscription_stored(
        self, transaction: Transaction, tenant: str | None, subscription: RegistrationSubscription
    ) -> None:
        """Put the notification of all Registrations that match now into the outbox (5.11.2.4, 5.11.3.4)."""
        ...

    def registration_subscribed(self, tenant: str | None, subscription: RegistrationSubscription) -> None:
        """A Registration Subscription was created or updated; called on the event loop, after the commit."""
        ...

    def registration_unsubscribed(self, tenant: str | None, subscription_id: str) -> None:
        """A Registration Subscription was deleted; called on the event loop, after the commit."""
        ...

    def snapshot_changed(self, transaction: Transaction, tenant: str | None, snapshot: JsonObject) -> None:
        """Put the notification of a Snapshot that has an endpoint into the outbox (5.16.6), inside the transaction.

        Called with the Snapshot as it is now; where it is gone, its expiresAt is in the past (5.3.4).
        """
        ...

    async def flush(self) -> None:
        """Write what came of notifications; before counters are read."""
        ...

    def figures(self) -> NotifierFigures:
        """What was sent, and what waits."""
        ...

    async def start(self, broker: Broker) -> None:
        """Begin to deliver, also what an earlier process left in the outbox."""
        ...

    async def close(self) -> None:
        """Stop delivering; what was not delivered stays in the outbox."""
        ...


class Background(Protocol):
    """Something that runs beside the requests."""

    async def start(self, broker: Broker) -> None:
        """Begin."""
        ...

    async def close(self) -> None:
        """Stop."""
        ...


class SnapshotKeeper(Protocol):
    """Fills Snapshots beside the requests, tells whoever wants to know, and removes them (5.16)."""

    def prepare(self, tenant: str | None, snapshot_id: str) -> None:
        """Begin to fill a Snapshot whose status is "preparing"."""
        ...

    def tell(
        self, transaction: Transaction, tenant: str | None, snapshot: JsonObject, gone_at: str | None = None
    ) -> None:
        """Owe the notification of a status update, where an endpoint wants it (5.16.6); inside the transaction.

        `gone_at` is an instant before this one, where the Snapshot is being deleted.
        """
        ...

    def changed(self, tenant: str | None, snapshot: JsonObject) -> None:
        """A Snapshot was updated; called on the event loop, after the commit."""
        ...

    def used(self, tenant: str | None, snapshot_id: str) -> None:
        """Note that an operation was executed on a Snapshot (lastUsedAt, 5.2.41)."""
        ...

    def last_used(self, tenant: str | None, snapshot_id: str) -> str | None:
        """When that was, if it is not stored yet."""
        ...

    async def removed(self, tenant: str | None, snapshot: JsonObject) -> None:
        """The Snapshot's document is gone: remove what it held."""
        ...


def system_clock() -> datetime:
    """The present instant, UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Broker:
    """Settings, store, contexts, notifier and clock: handed to every operation.

    Whatever it sends of its own accord goes through `outbound`. `keeper` is there once the broker was put together
    (`assembly.py`).
    """

    settings: BrokerSettings
    store: Store
    outbound: Outbound
    contexts: ContextRegistry
    notifier: Notifier
    clock: Callable[[], datetime] = system_clock
    background: list[Background] = field(default_factory=list)
    keeper: SnapshotKeeper | None = None
    registrations: RegistrationIndex = field(init=False)
    outcomes: Outcomes = field(init=False)
    sources: SourceClient = field(init=False)
    forwarding: SubscriptionForwarding = field(init=False)

    def __post_init__(self) -> None:
        self.registrations = RegistrationIndex(self.store)
        self.outcomes = Outcomes(self.store)
        self.sources = SourceClient(self)
        self.forwarding = SubscriptionForwarding(self)

    @property
    def snapshots(self) -> SnapshotKeeper:
        """What fills Snapshots."""
        if self.keeper is None:
            raise RuntimeError("This broker keeps no Snapshots: make it with assembly.create_broker()")
        return self.keeper

    def now(self) -> str:
        """The present instant as system times are written: six digits, UTC."""
        return format_instant(self.clock())

    async def start(self) -> None:
        """Begin to deliver notifications, and whatever else runs beside the requests."""
        if self.contexts.copies is not None:
            await self.contexts.copies.load()
        await self.notifier.start(self)
        await self.forwarding.start()
        for worker in self.background:
            await worker.start(self)

    async def close(self) -> None:
        """Stop in the reverse order."""
        for worker in reversed(self.background):
            await worker.close()
        await self.forwarding.close()
        await self.notifier.close()
        await self.contexts.close()
        await self.outcomes.close()
        await self.outbound.close()
        await self.store.close()
