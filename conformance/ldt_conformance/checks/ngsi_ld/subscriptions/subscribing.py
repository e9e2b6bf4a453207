"""Subscriptions that notify nothing, for checks that look at the Subscription itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldt_conformance.clients import Broker, Subscription
from ldt_conformance.comparators import same_instant, same_value
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import expect_equal, expect_object

ENDPOINT = "http://127.0.0.1:9/never"  # the discard port: these Subscriptions match nothing, so nothing is ever sent
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def quiet(broker: Broker) -> Subscription:
    """A Subscription to a type that no Entity has."""
    return Subscription(broker.new_id("Subscription"), ENDPOINT).on_type(broker.new_type())


def shown(broker: Broker, subscription_id: str) -> dict[str, Any]:
    """The Subscription as the broker shows it."""
    return expect_object(broker.retrieve_subscription(subscription_id))


def expect_subscription(sent: Subscription, found: Mapping[str, Any]) -> None:
    """Fail unless every member that was sent is shown with an equal value; others may be added (ruling M11)."""
    expect_equal(found.get("type"), "Subscription", "type")
    for name, value in sent.members.items():
        shows = found.get(name)
        if not (same_instant(value, shows) if name == "expiresAt" else same_value(value, shows)):
            fail(f"{name} {value!r}", f"{name} {shows!r}")
    uri = found.get("notification", {}).get("endpoint", {}).get("uri")
    expect_equal(uri, sent.endpoint, "notification.endpoint.uri")


def expect_state(found: Mapping[str, Any], status: str) -> None:
    """Fail unless a Registration Subscription has this status.

    Its first notification is due at once and finds nobody at `ENDPOINT`; where that makes it "failed" (5.11.7, ruling
    M12), what it was before cannot be seen.
    """
    precondition(found.get("status") != "failed", "its first notification has failed, and status says so")
    expect_equal(found.get("status"), status, "status")
