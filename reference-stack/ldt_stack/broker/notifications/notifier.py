"""`OutboxNotifier`: the broker's notifier. ETSI GS CIM 009 V1.9.1, clause 5.8.6.

A change and the notifications it owes are written in one transaction (`changes`). What is owed is delivered after the
commit, from the event loop, and again after a restart if it was not delivered before. Periodic Subscriptions
(timeInterval) put their notifications into the same outbox.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.model.changes import EntityChange
from ldt_stack.broker.model.instants import format_instant, parse_instant
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.compiling import compile_stored
from ldt_stack.broker.notifications.content import entity_after_change, project
from ldt_stack.broker.notifications.delivery import Deliverer
from ldt_stack.broker.notifications.index import SubscriptionIndex
from ldt_stack.broker.notifications.matching import concerns
from ldt_stack.broker.notifications.periodic import PeriodicTimers
from ldt_stack.broker.notifications.rendering import render_notification
from ldt_stack.broker.notifications.sending import Outcome, Sender
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.store.interface import Delivery, DocumentKind, EntityQuery, Snapshot, Transaction

if TYPE_CHECKING:
    from ldt_stack.broker.service import Broker, Call

_LOG: Final = logging.getLogger("ldt_stack.broker.notifications")
_COMPILE_AGAIN_SECONDS: Final = 5.0

Key = tuple[str | None, str]


class OutboxNotifier:
    """Implements `service.Notifier`. Made before the broker, used after `start`."""

    def __init__(self) -> None:
        self.index = SubscriptionIndex()
        self._broker: Broker | None = None
        self._sender: Sender | None = None
        self._deliverer: Deliverer | None = None
        self._timers = PeriodicTimers(self._notify_periodically)
        self._last_notified: dict[Key, datetime] = {}
        self._last_failed: dict[Key, datetime] = {}
        self._waiting: dict[Key, asyncio.Task[None]] = {}

    # --- while changes are made: on the store's thread -------------------------------------------------------------

    def changes(self, transaction: Transaction, call: Call, changes: Sequence[EntityChange]) -> None:
        """See `service.Notifier.changes`. One notification a changed Entity and Subscription (5.5.11.3)."""
        broker = self._started()
        instant = broker.clock()
        now = format_instant(instant)
        owed = [
            Delivery(subscription.id, _body(now, [entity_after_change(subscription, change, fired)]))
            for change in changes
            for subscription in self.index.candidates(call.tenant, change)
            if (fired := concerns(subscription, change, now)) and self._is_free(call.tenant, subscription, instant)
        ]
        if owed:
            transaction.enqueue(owed)

    def _is_free(self, tenant: str | None, subscription: Subscription, instant: datetime) -> bool:
        """Whether throttling (5.2.12) and cooldown (5.2.15) let a notification out now; if so it counts as the last."""
        key = (tenant, subscription.id)
        if not _has_passed(self._last_notified.get(key), subscription.throttling_seconds, instant):
            return False
        if not _has_passed(self._last_failed.get(key), subscription.endpoint.cooldown_seconds, instant):
            return False
        if subscription.throttling_seconds is not None:
            self._last_notified[key] = instant
        return True

    # --- Subscriptions come and go: on the event loop, after the commit --------------------------------------------

    def subscribed(self, tenant: str | None, subscription: Subscription) -> None:
        """A Subscription was created or updated."""
        self.index.put(tenant, subscription)
        self._timers.set(tenant, subscription)

    def unsubscribed(self, tenant: str | None, subscription_id: str) -> None:
        """A Subscription was deleted."""
        self.index.remove(tenant, subscription_id)
        self._timers.remove(tenant, subscription_id)
        self._last_notified.pop((tenant, subscription_id), None)
        self._last_failed.pop((tenant, subscription_id), None)
        if self._deliverer is not None:
            self._deliverer.forget(tenant, subscription_id)

    # --- life ------------------------------------------------------------------------------------------------------

    async def start(self, broker: Broker) -> None:
        """Read all Subscriptions, then begin to deliver, also what an earlier process left in the outbox."""
        self._broker = broker
        settings = broker.settings
        self._sender = Sender(settings, broker.outbound)
        self._deliverer = Deliverer(
            broker.store,
            self._send,
            broker.now,
            self._recorded,
            max_attempts=settings.notification_max_attempts,
            retry_seconds=settings.notification_retry_seconds,
        )
        for tenant in await broker.store.tenants():
            await self._load(tenant)
            self._deliverer.wake(tenant)
        broker.store.on_enqueued = self._deliverer.wake

    async def close(self) -> None:
        """Stop delivering; what was not delivered stays in the outbox."""
        if self._broker is not None:
            self._broker.store.on_enqueued = None
        waiting = list(self._waiting.values())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._timers.close()
        if self._deliverer is not None:
            await self._deliverer.close()
        if self._sender is not None:
            await self._sender.close()

    async def _load(self, tenant: str | None) -> None:
        def read(snapshot: Snapshot) -> tuple[list[JsonObject], dict[str, JsonObject]]:
            documents = snapshot.list_documents(DocumentKind.SUBSCRIPTION)
            found = {d["id"]: snapshot.get_document(DocumentKind.SUBSCRIPTION_STATUS, d["id"]) for d in documents}
            return documents, {identifier: status for identifier, status in found.items() if status is not None}

        documents, statuses = await self._started().store.read(tenant, read)
        for identifier, status in statuses.items():
            for member, known in (("lastNotification", self._last_notified), ("lastFailure", self._last_failed)):
                if member in status:
                    known[tenant, identifier] = parse_instant(status[member])
        for document in documents:
            await self._compile(tenant, document)

    async def _compile(self, tenant: str | None, document: JsonObject) -> None:
        """Take a stored Subscription into the index; where its @context cannot be had, go on trying."""
        try:
            subscription = await compile_stored(self._started().contexts, document)
        except NgsiLdError as error:
            _LOG.warning("Subscription %s waits for its @context: %s", document["id"], error.detail)
            key = (tenant, document["id"])
            if key not in self._waiting:
                self._waiting[key] = asyncio.create_task(self._compile_later(tenant, document["id"]))
            return
        self.subscribed(tenant, subscription)

    async def _compile_later(self, tenant: str | None, identifier: str) -> None:
        def read(snapshot: Snapshot) -> JsonObject | None:
            return snapshot.get_document(DocumentKind.SUBSCRIPTION, identifier)

        while self.index.get(tenant, identifier) is None:  # until then or until an update brought it
            await asyncio.sleep(_COMPILE_AGAIN_SECONDS)
            present = await self._started().store.read(tenant, read)
            if present is None:
                break
            await self._compile(tenant, present)
        del self._waiting[tenant, identifier]

    def _started(self) -> Broker:
        if self._broker is None:
            raise RuntimeError("The notifier was not started: call Broker.start() before any operation")
        return self._broker

    # --- delivery --------------------------------------------------------------------------------------------------

    async def _send(self, tenant: str | None, delivery: Delivery) -> Outcome | None:
        """One attempt; None where "notifications shall only be sent if … active" forbids it (5.8.6)."""
        broker = self._started()
        waiting = self._waiting.get((tenant, delivery.subscription_id))
        if waiting is not None:
            await asyncio.shield(waiting)
        subscription = self.index.get(tenant, delivery.subscription_id)
        if subscription is None:
            return None
        if subscription.status(broker.now()) != "active" or self._sender is None:
            return None
        failed = self._last_failed.get((tenant, subscription.id))
        if not _has_passed(failed, subscription.endpoint.cooldown_seconds, broker.clock()):
            return None
        notification, headers = render_notification(subscription, delivery.body, tenant)
        return await self._sender.send(subscription.endpoint, notification, headers)

    def _recorded(self, tenant: str | None, subscription_id: str, at: str, delivered: bool) -> None:
        if not delivered:
            self._last_failed[tenant, subscription_id] = parse_instant(at)

    async def _notify_periodically(self, tenant: str | None, subscription: Subscription) -> None:
        """Owe the notification of a periodic Subscription: all its Entities that match (5.8.6)."""
        broker = self._started()
        now = broker.now()
        if subscription.status(now) != "active":
            return
        query = EntityQuery(
            selectors=tuple(selector.stored for selector in subscription.selectors),
            conditions=subscription.conditions,
        )

        def read(snapshot: Snapshot) -> list[JsonObject]:
            return [
                project(entity, subscription.projection, subscription.dataset_ids)
                for entity in snapshot.iterate_entities(query)
            ]

        entities = await broker.store.read(tenant, read, dear=True)
        if entities:  # "If there are no matching Entities, no Notification is sent"
            delivery = Delivery(subscription.id, _body(now, entities))
            await broker.store.write(tenant, lambda transaction: transaction.enqueue([delivery]))


def _body(now: str, entities: list[JsonObject]) -> JsonObject:
    """What the outbox keeps of a notification (5.3.1); the Entities in expanded form."""
    return {"id": f"urn:ngsi-ld:Notification:{uuid.uuid4()}", "notifiedAt": now, "data": entities}


def _has_passed(since: datetime | None, seconds: float | None, instant: datetime) -> bool:
    """Whether a pause is over; there is none if nothing happened or none was asked for."""
    return since is None or seconds is None or (instant - since).total_seconds() >= seconds
