"""Subscriptions that notify nothing, for checks that look at the Subscription itself."""

from __future__ import annotations

from typing import Any

from ldt_conformance.clients import Broker, Subscription
from ldt_conformance.expectations import expect_object

ENDPOINT = "http://127.0.0.1:9/never"  # the discard port: these Subscriptions match nothing, so nothing is ever sent
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def quiet(broker: Broker) -> Subscription:
    """A Subscription to a type that no Entity has."""
    return Subscription(broker.new_id("Subscription"), ENDPOINT).on_type(broker.new_type())


def shown(broker: Broker, subscription_id: str) -> dict[str, Any]:
    """The Subscription as the broker shows it."""
    return expect_object(broker.retrieve_subscription(subscription_id))
