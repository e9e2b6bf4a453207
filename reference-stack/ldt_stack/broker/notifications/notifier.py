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

from ldt_stack.broker.call import Call
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
from ldt_stack.broker.notifications.registration_subscription import (
    RegistrationSubscription,
    compile_stored_registration_subscription,
    document_of,
    outbox_key,
    subscription_id_of,
)
from ldt_stack.broker.notifications.registrations import RegistrationSubscriptions, delivery_of, notice_at_present
from ldt_stack.broker.notifications.rendering import (
    joined_with,
    render_notification,
    render_registration_notification,
    shown_as,
)
from ldt_stack.broker.notifications.sending import Outcome, Sender
from ldt_stack.broker.notifications.snapshot import endpoint_of, is_snapshot_key, snapshot_delivery
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.operations.consumption.linked import Shown
from ldt_stack.broker.operations.distributed.links import read_linked
from ldt_stack.broker.query.links import Elsewhere, bind_conditions
from ldt_stack.broker.service import NotifierFigures
from ldt_stack.broker.spaces import split_space
from ldt_stack.broker.store.data import Delivery, DocumentKind, EntityQuery
from ldt_stack.broker.store.interface import Snapshot, Transaction

if TYPE_CHECKING:
    from ldt_stack.broker.service import Broker

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
        self._registrations = RegistrationSubscriptions(self._notify_of_registrations)
        self._last_notified: dict[Key, str] = {}
        self._last_failed: dict[Key, str] = {}
        self._delivered = self._failed = 0
        self._waiting: dict[Key, asyncio.Task[None]] = {}

    # --- while changes are made: on the store's thread -------------------------------------------------------------

    def is_watched(self, tenant: str | None, entity_id: str, types: Sequence[str]) -> bool:
        """See `service.Notifier.is_watched`."""
        return bool(self.index.candidates(tenant, entity_id, types))

    def changes(self, transaction: Transaction, call: Call, changes: Sequence[EntityChange]) -> None:
        """See `service.Notifier.changes`. One notification a changed Entity and Subscription (5.5.11.3)."""
        for change in changes:
            candidates = self.index.candidates(call.tenant, change.entity_id, change.types)
            if not candidates:
                continue
            instant = self._started().clock()
            now = format_instant(instant)
            owed = [
                Delivery(subscription.id, _body(now, [entity_after_change(subscription, change, fired)]))
                for subscription in candidates
                if (fired := concerns(subscription, change, now, transaction))
                and self._is_free(transaction, (call.tenant, subscription.id), subscription, instant)
            ]
            if owed:
                transaction.enqueue(owed)

    def relay(
        self, transaction: Transaction, tenant: str | None, subscription_id: str, entities: Sequence[JsonObject]
    ) -> None:
        """See `service.Notifier.relay`."""
        instant = self._started().clock()
        now = format_instant(instant)
        subscription = self.index.get(tenant, subscription_id)
        if subscription is None or subscription.status(now) != "active":
            return
        if entities and self._is_free(transaction, (tenant, subscription_id), subscription, instant):
            shown = [project(one, subscription) for one in entities]
            transaction.enqueue([Delivery(subscription_id, _body(now, shown))])

    def registration_changed(
        self, transaction: Transaction, tenant: str | None, before: JsonObject | None, after: JsonObject | None
    ) -> None:
        """See `service.Notifier.registration_changed`."""
        instant = self._started().clock()
        now = format_instant(instant)
        owed = [
            delivery_of(subscription, notice, now)
            for subscription, notice in self._registrations.concerned(tenant, before, after)
            if subscription.subscription.status(now) == "active"
            and self._is_free(transaction, (tenant, outbox_key(subscription.id)), subscription.subscription, instant)
        ]
        if owed:
            transaction.enqueue(owed)

    def registration_subscription_stored(
        self, transaction: Transaction, tenant: str | None, subscription: RegistrationSubscription
    ) -> None:
        """See `service.Notifier.registration_subscription_stored`."""
        instant = self._started().clock()
        now = format_instant(instant)
        if subscription.subscription.status(now) != "active":
            return
        notice = notice_at_present(transaction, subscription, now)
        if notice is not None:
            transaction.enqueue([delivery_of(subscription, notice, now)])

    def snapshot_changed(self, transaction: Transaction, tenant: str | None, snapshot: JsonObject) -> None:
        """See `service.Notifier.snapshot_changed`."""
        transaction.enqueue([snapshot_delivery(snapshot, tenant, self._started().now())])

    def _is_free(self, snapshot: Snapshot, key: Key, subscription: Subscription, instant: datetime) -> bool:
        """Whether throttling (5.2.12) and cooldown (5.2.15) let a notification out now."""
        if not _has_passed(self._last_failed.get(key), subscription.endpoint.cooldown_seconds, instant):
            return False
        if subscription.throttling_seconds is None:
            return True
        if not _has_passed(self._last_notified.get(key), subscription.throttling_seconds, instant):
            return False
        # What is not committed yet, or was left by an earlier process; it is gone if the transaction is rolled back.
        owed = snapshot.last_delivery(key[1])
        since = None if owed is None else owed.body["notifiedAt"]
        return _has_passed(since, subscription.throttling_seconds, instant)

    # --- Subscriptions come and go: on the event loop, after the commit --------------------------------------------

    def subscribed(self, tenant: str | None, subscription: Subscription) -> None:
        """A Subscription was created or updated."""
        self.index.put(tenant, subscription)
        self._timers.set(tenant, subscription)

    def unsubscribed(self, tenant: str | None, subscription_id: str) -> None:
        """A Subscription was deleted."""
        self.index.remove(tenant, subscription_id)
        self._timers.remove(tenant, subscription_id)
        self._forget(tenant, subscription_id)

    def registration_subscribed(self, tenant: str | None, subscription: RegistrationSubscription) -> None:
        """A Registration Subscription was created or updated."""
        self._registrations.put(tenant, subscription)

    def registration_unsubscribed(self, tenant: str | None, subscription_id: str) -> None:
        """A Registration Subscription was deleted."""
        self._registrations.remove(tenant, subscription_id)
        self._forget(tenant, outbox_key(subscription_id))

    def _forget(self, tenant: str | None, key: str) -> None:
        self._last_notified.pop((tenant, key), None)
        self._last_failed.pop((tenant, key), None)
        if self._deliverer is not None:
            self._deliverer.forget(tenant, key)

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
            async for deliveries in self._deliverer.left(tenant):
                self._enqueued(tenant, deliveries)
        if broker.contexts.copies is not None and not self._waiting:
            await broker.contexts.copies.drop_unneeded()
        broker.store.on_enqueued = self._enqueued
        self._timers.begin()  # what they owe before, nobody would deliver
        self._registrations.begin()

    async def close(self) -> None:
        """Stop delivering; what was not delivered stays in the outbox."""
        if self._broker is not None:
            self._broker.store.on_enqueued = None
        waiting = list(self._waiting.values())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._timers.close()
        await self._registrations.close()
        if self._deliverer is not None:
            await self._deliverer.close(self._started().settings.shutdown_grace_seconds)
        if self._sender is not None:
            await self._sender.close()

    async def _load(self, tenant: str | None) -> None:
        def read(snapshot: Snapshot) -> tuple[dict[str, JsonObject], dict[str, JsonObject]]:
            documents = {d["id"]: d for d in snapshot.list_documents(DocumentKind.SUBSCRIPTION)}
            own = snapshot.list_documents(DocumentKind.REGISTRATION_SUBSCRIPTION)
            documents |= {outbox_key(document["id"]): document for document in own}
            found = {key: snapshot.get_document(DocumentKind.SUBSCRIPTION_STATUS, key) for key in documents}
            return documents, {key: status for key, status in found.items() if status is not None}

        documents, statuses = await self._started().store.read(tenant, read)
        for key, status in statuses.items():
            for member, known in (("lastNotification", self._last_notified), ("lastFailure", self._last_failed)):
                if member in status:
                    known[tenant, key] = status[member]
        for key, document in documents.items():
            await self._compile(tenant, key, document)

    async def _compile(self, tenant: str | None, key: str, document: JsonObject) -> None:
        """Take a stored Subscription, known to the outbox by a key; where its @context cannot be had, go on trying."""
        contexts = self._started().contexts
        try:
            if subscription_id_of(key) is None:
                self._take_up(tenant, await compile_stored(contexts, document))
            else:
                own = await compile_stored_registration_subscription(contexts, document)
                self._registrations.put(tenant, own, self._passed_seconds(tenant, key))
        except NgsiLdError as error:
            _LOG.warning("Subscription %s waits for its @context: %s", document["id"], error.detail)
            if (tenant, key) not in self._waiting:
                self._waiting[tenant, key] = asyncio.create_task(self._compile_later(tenant, key))

    def _take_up(self, tenant: str | None, subscription: Subscription) -> None:
        """A stored Subscription."""
        self.index.put(tenant, subscription)
        self._timers.set(tenant, subscription, self._passed_seconds(tenant, subscription.id))

    def _passed_seconds(self, tenant: str | None, key: str) -> float:
        """Since the last notification: an earlier process may have begun the present interval."""
        last = self._last_notified.get((tenant, key))
        return 0.0 if last is None else max(0.0, (self._started().clock() - parse_instant(last)).total_seconds())

    async def _compile_later(self, tenant: str | None, key: str) -> None:
        while self._subscription(tenant, key) is None:  # until then or until an update brought it
            await asyncio.sleep(_COMPILE_AGAIN_SECONDS)
            present = await self._started().store.read(
                tenant, lambda snapshot: snapshot.get_document(*document_of(key))
            )
            if present is None:
                break
            await self._compile(tenant, key, present)
        del self._waiting[tenant, key]

    def _subscription(self, tenant: str | None, key: str) -> Subscription | None:
        own = subscription_id_of(key)
        if own is None:
            return self.index.get(tenant, key)
        found = self._registrations.get(tenant, own)
        return None if found is None else found.subscription

    def _started(self) -> Broker:
        if self._broker is None:
            raise RuntimeError("The notifier was not started: call Broker.start() before any operation")
        return self._broker

    # --- delivery --------------------------------------------------------------------------------------------------

    def _enqueued(self, tenant: str | None, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            if not is_snapshot_key(delivery.subscription_id):
                self._last_notified[tenant, delivery.subscription_id] = delivery.body["notifiedAt"]
        if self._deliverer is not None:
            self._deliverer.deliver(tenant, deliveries)

    async def _send(self, tenant: str | None, delivery: Delivery) -> Outcome | None:
        """One attempt; None where "notifications shall only be sent if … active" forbids it (5.8.6)."""
        broker = self._started()
        if self._sender is not None and is_snapshot_key(delivery.subscription_id):
            owed = delivery.body
            return await self._sender.send(endpoint_of(delivery), owed["notification"], owed["headers"])
        key = delivery.subscription_id
        waiting = self._waiting.get((tenant, key))
        if waiting is not None and self._subscription(tenant, key) is None:
            await asyncio.shield(waiting)
        subscription = self._subscription(tenant, key)
        if subscription is None:
            return None
        if subscription.status(broker.now()) != "active" or self._sender is None:
            return None
        failed = self._last_failed.get((tenant, key))
        if not _has_passed(failed, subscription.endpoint.cooldown_seconds, broker.clock()):
            return None
        try:
            notification, headers = await self._rendered(tenant, key, subscription, delivery.body)
        except NgsiLdError as error:
            return Outcome(delivered=False, answered=True, problem=error.detail)
        return await self._sender.send(subscription.endpoint, notification, headers)

    async def _rendered(
        self, tenant: str | None, key: str, subscription: Subscription, body: JsonObject
    ) -> tuple[JsonObject, dict[str, str]]:
        """A notification and its headers. Linked Entities, here and elsewhere, are shown as they are then."""
        if subscription_id_of(key) is not None:
            return render_registration_notification(subscription, body, tenant)
        if subscription.join is None:
            return render_notification(subscription, body, shown_as(subscription, body["data"]), tenant)

        def read(snapshot: Snapshot, elsewhere: Elsewhere) -> list[Shown]:
            return joined_with(snapshot, subscription, body["data"], broker.settings.max_linked_entities, elsewhere)

        broker = self._started()
        local = subscription.local_only or split_space(tenant)[1] is not None
        call = Call(tenant, subscription.ld_context, local=local)
        shown = await read_linked(broker, call, subscription.join_level, read, dear=True)
        return render_notification(subscription, body, shown, tenant)

    def _recorded(self, tenant: str | None, subscription_id: str, at: str, delivered: bool) -> None:
        if delivered:
            self._delivered += 1
            return
        self._failed += 1
        if not is_snapshot_key(subscription_id):
            self._last_failed[tenant, subscription_id] = at

    async def flush(self) -> None:
        """See `service.Notifier.flush`."""
        if self._deliverer is not None:
            await self._deliverer.flush()

    def figures(self) -> NotifierFigures:
        """See `service.Notifier.figures`."""
        return NotifierFigures(self._delivered, self._failed, 0 if self._deliverer is None else self._deliverer.owed())

    async def _notify_periodically(self, tenant: str | None, subscription: Subscription) -> None:
        """Owe the notification of a periodic Subscription: all its Entities that match (5.8.6)."""
        broker = self._started()
        now = broker.now()
        if subscription.status(now) != "active":
            return
        selectors = tuple(selector.stored for selector in subscription.selectors)

        def read(snapshot: Snapshot) -> list[JsonObject]:
            query = EntityQuery(selectors, conditions=bind_conditions(subscription.conditions, snapshot))
            return [project(entity, subscription) for entity in snapshot.iterate_entities(query)]

        entities = await broker.store.read(tenant, read, dear=True)
        if entities:  # "If there are no matching Entities, no Notification is sent"
            delivery = Delivery(subscription.id, _body(now, entities))
            await broker.store.write(tenant, lambda transaction: transaction.enqueue([delivery]))

    async def _notify_of_registrations(self, tenant: str | None, subscription: Subscription) -> None:
        """Owe the notification of a periodic Registration Subscription: all Registrations that match (5.11.7)."""
        broker = self._started()
        found = self._registrations.get(tenant, subscription.id)
        if found is not None:
            await broker.store.write(
                tenant, lambda transaction: self.registration_subscription_stored(transaction, tenant, found)
            )


def _body(now: str, entities: list[JsonObject]) -> JsonObject:
    """What the outbox keeps of a notification (5.3.1); the Entities in expanded form."""
    return {"id": f"urn:ngsi-ld:Notification:{uuid.uuid4()}", "notifiedAt": now, "data": entities}


def _has_passed(since: str | None, seconds: float | None, instant: datetime) -> bool:
    """Whether a pause is over; there is none if nothing happened or none was asked for."""
    return since is None or seconds is None or (instant - parse_instant(since)).total_seconds() >= seconds
