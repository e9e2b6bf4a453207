"""Wrong brokers in which what expires does not, or expires when it should not; as those of `mutants.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ldt_conformance.checks.ngsi_ld import expiring
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.model import attributes, entities, patch
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.operations import expiry
from ldt_stack.broker.operations.subscriptions import subscribing

from .attributes import all_of
from .faults import Install, Mutant, function

PATIENCE_SECONDS = 5.0


def _without_waiting_long(*installs: Install) -> Install:
    """What never expires need not be waited for as long as checks do."""
    return all_of(*installs, function(expiring, "EXPIRY_SECONDS", lambda _: PATIENCE_SECONDS))


def _removes_nothing(_: Any) -> Any:
    async def remove_expired_registrations(broker: Any, tenant: Any) -> int:
        return 0

    return remove_expired_registrations


def _by_is_active(_: Any) -> Any:
    return lambda self, now: "active" if self.is_active else "paused"


def _shown_by_is_active(_: Any) -> Any:
    return lambda members, now: "active" if members.get("isActive", True) else "paused"


def _expiry_member(change: Callable[[Callable[[], Any], Any], Any]) -> Install:
    """`change` gives what becomes of an Attribute's expiresAt; it gets the check of its value, and the value."""

    def make(original: Any) -> Any:
        def checked_member(self: Any, name: str, kind: str, key: str, value: Any) -> Any:
            checked = partial(original, self, name, kind, key, value)
            return change(checked, value) if key == "expiresAt" else checked()

        return checked_member

    return function(attributes.AttributeReader, "_checked_member", make)


def _checked_in_vain(checked: Callable[[], Any], value: Any) -> None:
    checked()


def _forgotten(original: Any) -> Any:
    def read_expiry(value: Any, nulls: Any) -> None:
        original(value, nulls)

    return read_expiry


def _inherited(original: Any) -> Any:
    def stamp(instance: Any, at: str, before: Any = None) -> Any:
        kept = {"expiresAt": before["expiresAt"]} if before and "expiresAt" in before else {}
        return {**kept, **original(instance, at, before)}

    return stamp


def _inherited_by_entity(original: Any) -> Any:
    def create(fragment: Any, at: str, created_at: Any = None, before: Any = None) -> Any:
        kept = {"expiresAt": before["expiresAt"]} if before and "expiresAt" in before else {}
        return {**kept, **original(fragment, at, created_at, before)}

    return create


def _without_expiry(original: Any) -> Any:
    def change(before: Any, *others: Any, **named: Any) -> Any:
        return original({name: value for name, value in before.items() if name != "expiresAt"}, *others, **named)

    return change


MUTANTS: dict[str, Mutant] = {
    "registrations-stay": Mutant(
        "5.9.2.4",
        "a Registration stays when its expiresAt is reached",
        _without_waiting_long(
            function(Registration, "expired", lambda _: lambda self, now: False),
            function(expiry, "remove_expired_registrations", _removes_nothing),
        ),
    ),
    "expired-notifies": Mutant(
        "5.8.1.4", "a Subscription that has expired notifies", function(Subscription, "status", _by_is_active)
    ),
    "never-says-expired": Mutant(
        "5.8.1.4",
        "the status of a Subscription does not become expired",
        _without_waiting_long(function(subscribing, "status_at", _shown_by_is_active)),
    ),
    "expiry-of-entities-lost": Mutant(
        "4.22", "expiresAt of an Entity is not stored", function(entities, "_read_expiry", _forgotten)
    ),
    "expiry-of-attributes-lost": Mutant(
        "4.22", "expiresAt of an Attribute is not stored", _expiry_member(_checked_in_vain)
    ),
    "any-expiry-will-do": Mutant(
        "5.2.4",
        "an expiresAt need not be a DateTime",
        all_of(
            function(entities, "_read_expiry", lambda _: lambda value, nulls: value),
            _expiry_member(lambda checked, value: value),
        ),
    ),
    "expiry-is-inherited": Mutant(
        "5.6.2.4", "an Attribute that is replaced expires as the one before", function(patch, "stamp", _inherited)
    ),
    "expiry-survives-replacement": Mutant(
        "5.6.18.4",
        "an Entity that is replaced expires as the one before",
        function(patch, "create", _inherited_by_entity),
    ),
    "changes-lose-expiry": Mutant(
        "5.6.4.1",
        "a partial update and a merge drop the expiresAt of an Attribute",
        all_of(*(function(patch, name, _without_expiry) for name in ("partial_update", "merge_instance"))),
    ),
}
