"""Waiting for notifications about Context Source Registrations (clause 5.11.7), as `watching.py` does for Entities."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ldt_conformance.checks.ngsi_ld.context_sources.registering import source
from ldt_conformance.checks.ngsi_ld.given import registered, subscribed_to_registrations
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import Sentinel, Watch, entities_in, subscription_for
from ldt_conformance.clients import Broker, Registration, Subscription
from ldt_conformance.expectations import require
from ldt_conformance.receiver import Received, Receiver

NEWLY, UPDATED, NO_LONGER = "newlyMatching", "updated", "noLongerMatching"  # the trigger reasons of 5.3.3
Prepare = Callable[[Subscription], Subscription]


def watch_registrations(broker: Broker, receiver: Receiver, prepare: Prepare) -> Watch:
    """Create a Registration Subscription as the caller wants it and watch its path."""
    template, inbox = subscription_for(broker, receiver)
    return Watch(broker, receiver, subscribed_to_registrations(broker, prepare(template)), inbox)


def on_type(kind: str, **members: Any) -> Prepare:
    """Prepares a Registration Subscription on an Entity Type."""
    return lambda template: template.on_type(kind).with_members(**members)


def registration_sentinel(broker: Broker, receiver: Receiver) -> Sentinel:
    """A sentinel of a type of its own: each time another Context Source is registered that offers it."""
    kind = broker.new_type("Sentinel")
    watching = watch_registrations(broker, receiver, on_type(kind))

    def stimulus(_: int) -> None:
        registered(broker, source(broker).offering(kind))

    return Sentinel(watching, stimulus)


def update(broker: Broker, registration_id: str, fragment: dict[str, Any]) -> None:
    """Change a Registration: the stimulus."""
    require(broker.update_registration(registration_id, fragment), 204, step=f"updating {', '.join(fragment)}")


def in_notification(request: Received, registration_id: str) -> dict[str, Any]:
    """The Registration as a notification shows it."""
    return next(item for item in entities_in(request) if item.get("id") == registration_id)


def expect_only(broker: Broker, watching: Watch, wanted: Registration, unwanted: Registration) -> None:
    """Register two Context Sources; fail unless the one is notified as newly matching, and the other is not.

    The one that must be notified comes last, so that its notification is the barrier for the other.
    """
    assert wanted.id is not None
    registered(broker, unwanted)
    before, started = watching.seen, time.monotonic()
    registered(broker, wanted)
    watching.notification("after a matching Context Source was registered", about=wanted.id, reason=NEWLY)
    latency = time.monotonic() - started
    watching.seen = before
    watching.nothing("about a Registration that does not match", latency, about=unwanted.id)
