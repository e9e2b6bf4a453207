"""The operations of the Context Registry (CIM 009 V1.9.1, clauses 5.9 to 5.11), thin as the others of `Broker`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ldt_conformance.clients.elements import JsonObject, Registration, Subscription
from ldt_conformance.clients.wire import (
    Parameters,
    registration_resource,
    registration_subscription_resource,
    render,
    segment,
)
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.response import Response

REGISTRATIONS = "/csourceRegistrations/"
SUBSCRIPTIONS = "/csourceSubscriptions/"


class ContextRegistry(ABC):
    """Context Source Registrations, their discovery, and subscriptions to them."""

    @abstractmethod
    def send(self, *args: Any, **options: Any) -> Response:
        """Send one request; see `Broker.send`."""

    # --- 5.9: registration -------------------------------------------------------------------------------------

    def register_context_source(self, registration: Registration | JsonObject, **options: Any) -> Response:
        """Register Context Source (5.9.2): POST /csourceRegistrations/."""
        rendered = render(registration)
        known = rendered.get("id")
        creates = [registration_resource(known) if known else Resource("registration", None, REGISTRATIONS)]
        return self.send("POST", REGISTRATIONS, body=rendered, creates=creates, **options)

    def update_registration(self, registration_id: str, fragment: JsonObject | None, **options: Any) -> Response:
        """Update Context Source Registration (5.9.3)."""
        return self._on_registration("PATCH", registration_id, body=fragment, **options)

    def delete_registration(self, registration_id: str, **options: Any) -> Response:
        """Delete Context Source Registration (5.9.4)."""
        return self._on_registration("DELETE", registration_id, **options)

    def _on_registration(self, method: str, registration_id: str, **options: Any) -> Response:
        touches = [registration_resource(registration_id)]
        return self.send(method, f"{REGISTRATIONS}{segment(registration_id)}", touches=touches, **options)

    # --- 5.10: discovery ---------------------------------------------------------------------------------------

    def retrieve_registration(self, registration_id: str, **options: Any) -> Response:
        """Retrieve Context Source Registration (5.10.1)."""
        return self.send("GET", f"{REGISTRATIONS}{segment(registration_id)}", **options)

    def query_registrations(self, params: Parameters | None = None, **options: Any) -> Response:
        """Query Context Source Registrations (5.10.2)."""
        return self.send("GET", REGISTRATIONS, params=params, **options)

    # --- 5.11: subscription to registrations -------------------------------------------------------------------

    def create_registration_subscription(self, subscription: Subscription | JsonObject, **options: Any) -> Response:
        """Create Context Source Registration Subscription (5.11.2)."""
        rendered = render(subscription)
        known = rendered.get("id")
        unnamed = Resource("registration-subscription", None, SUBSCRIPTIONS)
        creates = [registration_subscription_resource(known) if known else unnamed]
        return self.send("POST", SUBSCRIPTIONS, body=rendered, creates=creates, **options)

    def update_registration_subscription(
        self, subscription_id: str, fragment: JsonObject | None, **options: Any
    ) -> Response:
        """Update Context Source Registration Subscription (5.11.3)."""
        return self._on_registration_subscription("PATCH", subscription_id, body=fragment, **options)

    def retrieve_registration_subscription(self, subscription_id: str, **options: Any) -> Response:
        """Retrieve Context Source Registration Subscription (5.11.4)."""
        return self.send("GET", f"{SUBSCRIPTIONS}{segment(subscription_id)}", **options)

    def query_registration_subscriptions(self, params: Parameters | None = None, **options: Any) -> Response:
        """Query Context Source Registration Subscriptions (5.11.5)."""
        return self.send("GET", SUBSCRIPTIONS, params=params, **options)

    def delete_registration_subscription(self, subscription_id: str, **options: Any) -> Response:
        """Delete Context Source Registration Subscription (5.11.6)."""
        return self._on_registration_subscription("DELETE", subscription_id, **options)

    def _on_registration_subscription(self, method: str, subscription_id: str, **options: Any) -> Response:
        touches = [registration_subscription_resource(subscription_id)]
        return self.send(method, f"{SUBSCRIPTIONS}{segment(subscription_id)}", touches=touches, **options)
