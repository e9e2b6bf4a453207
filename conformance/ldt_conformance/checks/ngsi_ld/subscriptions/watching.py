"""Waiting for notifications, and making sure that there is none (clause 5.8.6; lessons 5 to 9).

A notification that must come is polled for until a generous deadline and taken as soon as it is there. One that must
not come is proven by a barrier: after the stimulus under test a sentinel, on a Subscription of its own, is made to
notify; when that has arrived and a short grace time scaled to its latency has passed, absence is evidence. Every such
check has a positive control of the same fixture, or it would pass on a broker that notifies nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from ldt_conformance.checks.ngsi_ld.given import stored, subscribed
from ldt_conformance.checks.ngsi_ld.reaching import require_reached
from ldt_conformance.clients import Broker, Entity, Subscription, property_
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import expect_object, require
from ldt_conformance.receiver import Inbox, Received, Receiver

POSITIVE_SECONDS = 10.0
MIN_GRACE_SECONDS = 0.25
GRACE_FACTOR = 3.0
PAUSE_SECONDS = 0.25  # between two looks at a Subscription
Match = Callable[[dict[str, Any]], bool]


def anything(_: dict[str, Any]) -> bool:
    """Every Entity matches."""
    return True


def entities_in(request: Received) -> list[dict[str, Any]]:
    """The Entities, or the Registrations, that a notification carries; empty where it is none."""
    body = request.json()
    data = body.get("data") if isinstance(body, dict) else None
    listed = data if isinstance(data, list) else [data]
    return [item for item in listed if isinstance(item, dict)]


@dataclass
class Watch:
    """A Subscription under test with its inbox.

    Attributes:
        id: The Subscription's id.
        inbox: Where its notifications arrive, and no other's.
    """

    broker: Broker
    receiver: Receiver
    id: str
    inbox: Inbox
    seen: int = 0

    def notification(
        self, what: str, *, about: str | None = None, where: Match = anything, reason: str | None = None
    ) -> Received:
        """The next notification about an Entity or a Registration; fails where none comes in time.

        Args:
            what: What has happened that must be notified.
            about: Its id; None is any.
            where: What it looks like in the notification.
            reason: The triggerReason of the notification (5.3.3); None is any, or none.
        """
        found = self.inbox.wait_for(
            lambda request: self._fits(request, about, where, reason), POSITIVE_SECONDS, after=self.seen
        )
        if found is None:
            self._missing(what)
        self.seen = self.inbox.received().index(found) + 1
        return found

    def silence(self, what: str, sentinel: Sentinel, *, about: str | None = None) -> None:
        """Fail where a notification has come although it must not; trips the sentinel first."""
        self.nothing(what, sentinel.trip(), about=about)

    def nothing(self, what: str, latency_seconds: float, *, about: str | None = None) -> None:
        """Fail where a notification has come although it must not, or comes in a grace time.

        Args:
            what: What has happened that must not be notified.
            latency_seconds: How long a later notification took, which has arrived.
            about: Id of the Entity or Registration; None is any.
        """
        found = self.by_now(latency_seconds, about=about)
        if found is not None:
            fail(f"no notification {what}", f"a notification: {found.body.decode(errors='replace')[:300]}")

    def by_now(self, latency_seconds: float, *, about: str | None = None) -> Received | None:
        """What has come, or comes in a grace time, where it may come or not; arguments as of `nothing`."""
        grace = max(MIN_GRACE_SECONDS, GRACE_FACTOR * latency_seconds)
        return self.inbox.wait_for(lambda request: self._fits(request, about, anything), grace, after=self.seen)

    def forget(self) -> None:
        """Pass over everything that has come so far."""
        self.seen = len(self.inbox.received())

    def _fits(self, request: Received, about: str | None, where: Match, reason: str | None = None) -> bool:
        body = request.json()
        if not isinstance(body, dict) or body.get("subscriptionId") != self.id:
            return False
        if reason is not None and body.get("triggerReason") != reason:
            return False
        return any((about is None or item.get("id") == about) and where(item) for item in entities_in(request))

    def _missing(self, what: str) -> NoReturn:
        observed = f"{len(self.inbox.received())} request(s) on its path, none that fits, in {POSITIVE_SECONDS:g} s"
        require_reached(self.broker, self.receiver)
        fail(f"a notification {what}", observed)


@dataclass
class Sentinel:
    """A Subscription whose notification says that everything before has been delivered.

    Attributes:
        stimulus: Makes it notify; gets the number of the time.
    """

    watch: Watch
    stimulus: Callable[[int], None]
    times: int = 0

    def trip(self) -> float:
        """Make it notify and wait for that; returns the latency in seconds."""
        self.times += 1
        started = time.monotonic()
        self.stimulus(self.times)
        found = self.watch.inbox.wait_for(
            lambda request: bool(entities_in(request)), POSITIVE_SECONDS, after=self.watch.seen
        )
        precondition(found is not None, "the sentinel's notification did not arrive, so absence would prove nothing")
        self.watch.forget()
        return time.monotonic() - started


def subscription_for(broker: Broker, receiver: Receiver) -> tuple[Subscription, Inbox]:
    """A Subscription that is not created yet, with an inbox as its endpoint."""
    inbox = receiver.inbox()
    return Subscription(broker.new_id("Subscription"), inbox.url), inbox


def watch(broker: Broker, receiver: Receiver, prepare: Callable[[Subscription], Subscription]) -> Watch:
    """Create a Subscription as the caller wants it and watch its path."""
    template, inbox = subscription_for(broker, receiver)
    return Watch(broker, receiver, subscribed(broker, prepare(template)), inbox)


def make_sentinel(broker: Broker, receiver: Receiver) -> Sentinel:
    """A sentinel of a type of its own."""
    entity = stored(broker, broker.new_entity("Sentinel").with_property("speed", 0))
    watching = watch(broker, receiver, lambda template: template.on_type(str(entity.type)))
    return Sentinel(watching, lambda times: change(broker, entity, speed=times))


def on(entity: Entity, **members: Any) -> Any:
    """Prepares a Subscription on the type of an Entity."""
    return lambda template: template.on_type(str(entity.type)).with_members(**members)


def change(broker: Broker, entity: Entity, **values: Any) -> None:
    """Give Properties new values: the stimulus."""
    fragment = {name: property_(value) for name, value in values.items()}
    require(broker.update_attributes(entity.id, fragment), 204, step=f"updating {', '.join(values)}")


def about(request: Received, entity: Entity) -> dict[str, Any]:
    """The Entity as a notification shows it."""
    return next(item for item in entities_in(request) if item.get("id") == entity.id)


def notified(broker: Broker, receiver: Receiver, entity: Entity, prepare: Any) -> tuple[Watch, Received]:
    """Subscribe, change the speed of a stored Entity, and take the notification.

    One that still shows the speed of before (a late one about the creation) is passed over.
    """
    watching = watch(broker, receiver, prepare)
    change(broker, entity, speed=77)
    former = attribute_value(entity.to_json(), "speed")
    request = watching.notification(
        "after the update of speed", about=entity.id, where=lambda item: attribute_value(item, "speed") != former
    )
    return watching, request


def settled(watching: Watch, retrieve: Callable[[str], Response], member: str) -> dict[str, Any]:
    """The Subscription, as soon as its `notification` shows a member that a delivery brings, or after the deadline."""
    return awaited(watching, retrieve, lambda found: member in (found.get("notification") or {}))


def awaited(watching: Watch, retrieve: Callable[[str], Response], ready: Match) -> dict[str, Any]:
    """The Subscription, as soon as it looks as is waited for, or after the deadline."""
    found: dict[str, Any] = {}
    for _ in range(int(POSITIVE_SECONDS / PAUSE_SECONDS)):
        found = expect_object(retrieve(watching.id))
        if ready(found):
            break
        watching.inbox.wait_for(lambda _: False, PAUSE_SECONDS)  # a pause that a late request would not shorten
    return found
