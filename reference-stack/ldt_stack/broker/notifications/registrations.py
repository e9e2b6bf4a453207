"""Whom a change of a Context Source Registration concerns: ETSI GS CIM 009 V1.9.1, clause 5.11.7.

Part of the `OutboxNotifier`: keeps the compiled Registration Subscriptions, says what is owed to them, and runs the
timers of those with a timeInterval.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence

from ldt_stack.broker.federation.registration import compile_registration
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.periodic import Notify, PeriodicTimers
from ldt_stack.broker.notifications.registration_subscription import (
    Notice,
    RegistrationSubscription,
    notice_of_all,
    notice_of_change,
    outbox_key,
)
from ldt_stack.broker.store.data import Delivery, DocumentKind
from ldt_stack.broker.store.interface import Snapshot


class RegistrationSubscriptions:
    """Compiled Registration Subscriptions by tenant.

    Written on the event loop after each commit, read on the store's threads while Registrations change.

    Args:
        notify: Called when the timeInterval of one has passed.
    """

    def __init__(self, notify: Notify) -> None:
        self._lock = threading.Lock()
        self._known: dict[str | None, dict[str, RegistrationSubscription]] = {}
        self._timers = PeriodicTimers(notify)

    def put(self, tenant: str | None, subscription: RegistrationSubscription, passed_seconds: float = 0.0) -> None:
        """Add or replace one; for `passed_seconds` see `PeriodicTimers.set`."""
        with self._lock:
            self._known.setdefault(tenant, {})[subscription.id] = subscription
        self._timers.set(tenant, subscription.subscription, passed_seconds)

    def remove(self, tenant: str | None, subscription_id: str) -> None:
        """Forget one; nothing happens if it is not known."""
        with self._lock:
            self._known.get(tenant, {}).pop(subscription_id, None)
        self._timers.remove(tenant, subscription_id)

    def get(self, tenant: str | None, subscription_id: str) -> RegistrationSubscription | None:
        """One by its id."""
        with self._lock:
            return self._known.get(tenant, {}).get(subscription_id)

    def concerned(
        self, tenant: str | None, before: JsonObject | None, after: JsonObject | None
    ) -> Iterator[tuple[RegistrationSubscription, Notice]]:
        """Those without timeInterval that a change concerns, and what they are told."""
        with self._lock:
            known = list(self._known.get(tenant, {}).values())
        for subscription in known:
            if subscription.subscription.time_interval_seconds is None:
                notice = notice_of_change(subscription, before, after)
                if notice is not None:
                    yield subscription, notice

    def begin(self) -> None:
        """See `PeriodicTimers.begin`."""
        self._timers.begin()

    async def close(self) -> None:
        """Stop the timers."""
        await self._timers.close()


def notice_at_present(snapshot: Snapshot, subscription: RegistrationSubscription, now: str) -> Notice | None:
    """What it is told of all Registrations as they are."""
    members = [document["members"] for document in snapshot.list_documents(DocumentKind.REGISTRATION)]
    valid: Sequence[JsonObject] = [one for one in members if not compile_registration(one).expired(now)]
    return notice_of_all(subscription, valid)


def delivery_of(subscription: RegistrationSubscription, notice: Notice, now: str) -> Delivery:
    """What the outbox keeps of a CSourceNotification (5.3.2)."""
    body = {
        "id": f"urn:ngsi-ld:ContextSourceNotification:{uuid.uuid4()}",
        "notifiedAt": now,
        "data": notice.registrations,
        "triggerReason": notice.trigger_reason,
    }
    return Delivery(outbox_key(subscription.id), body)
