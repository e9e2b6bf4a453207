"""Context Source Registration Subscriptions: which Registrations concern them, and what they are told.

ETSI GS CIM 009 V1.9.1, clauses 5.3.2, 5.3.3, 5.11.2.4, 5.11.7 and 5.12. They are Subscriptions (5.2.12) whose
conditions are about Registrations; outbox, delivery and counters are those of other Subscriptions, under keys of their
own (`outbox_key`), as both kinds have their own name space of ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.registration import compile_registration
from ldt_stack.broker.ld_context import ContextRegistry, LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.compiling import compile_subscription
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.query import GeoQuery, ScopeQuery, parse_csf, parse_temporal
from ldt_stack.broker.store.data import DocumentKind

TriggerReason = Literal["newlyMatching", "updated", "noLongerMatching"]
_PREFIX: Final = "registration-subscription "  # with a blank: no id, which is a URI, begins so


@dataclass(frozen=True, slots=True)
class RegistrationSubscription:
    """A Subscription, and what it asks of Registrations."""

    subscription: Subscription
    query: RegistrationQuery

    @property
    def id(self) -> str:
        """Its id."""
        return self.subscription.id


@dataclass(frozen=True, slots=True)
class Notice:
    """What a CSourceNotification says: Registrations (expanded members, irrelevant information left out), and why."""

    registrations: list[JsonObject]
    trigger_reason: TriggerReason


def outbox_key(subscription_id: str) -> str:
    """Under which the outbox knows a Registration Subscription."""
    return _PREFIX + subscription_id


def subscription_id_of(key: str) -> str | None:
    """The id behind an outbox key; None if it is not one of a Registration Subscription."""
    return key.removeprefix(_PREFIX) if key.startswith(_PREFIX) else None


def document_of(key: str) -> tuple[DocumentKind, str]:
    """The document of the Subscription that the outbox knows under a key."""
    own = subscription_id_of(key)
    return (DocumentKind.SUBSCRIPTION, key) if own is None else (DocumentKind.REGISTRATION_SUBSCRIPTION, own)


async def compile_stored_registration_subscription(
    contexts: ContextRegistry, document: JsonObject
) -> RegistrationSubscription:
    """Compile a kept document (`compiling.stored_document`).

    Raises:
        LdContextNotAvailable: One of its @contexts cannot be had now.
    """
    query_context = await contexts.resolve(document["queryContext"], kept=True)
    notification_context = await contexts.resolve(document["notificationContext"], kept=True)
    await contexts.keep(query_context, notification_context)
    return compile_registration_subscription(document["members"], query_context, notification_context)


def compile_registration_subscription(
    members: JsonObject, query_context: LdContext, notification_context: LdContext
) -> RegistrationSubscription:
    """Parse the conditions of expanded and checked members.

    Raises:
        BadRequestData: As `compiling.compile_subscription`, or `temporalQ` is not valid.
        TooComplexQuery, OperationNotSupported: As `compiling.compile_subscription`.

    Source: CIM 009 V1.9.1, clauses 5.11.2.4 and 5.12.
    """
    subscription = compile_subscription(members, query_context, notification_context)
    return RegistrationSubscription(subscription, _query(members, subscription, query_context))


def _query(members: JsonObject, subscription: Subscription, query_context: LdContext) -> RegistrationQuery:
    geo = next((one for one in subscription.conditions if isinstance(one, GeoQuery)), None)
    scope = next((one for one in subscription.conditions if isinstance(one, ScopeQuery)), None)
    temporal = members.get("temporalQ")
    return RegistrationQuery(
        entities=tuple(
            EntitySpecification(selector.types, tuple(sorted(selector.ids)), selector.id_pattern)
            for selector in subscription.selectors
        ),
        attributes=_attributes(members),
        geo=geo,
        temporal=None
        if temporal is None
        else parse_temporal(
            temporal.get("timerel"), temporal.get("timeAt"), temporal.get("endTimeAt"), temporal.get("timeproperty")
        ),
        csf=parse_csf(members["csf"], query_context) if "csf" in members else None,
        scope=scope,
        dataset_ids=subscription.dataset_ids,
    )


def _attributes(members: JsonObject) -> frozenset[str] | None:
    """Watched and notified Attributes together; where "either … are not present or of length 0", all (5.11.2.4)."""
    watched, notified = members.get("watchedAttributes"), members["notification"].get("attributes")
    return frozenset([*watched, *notified]) if watched and notified else None


def notice_of_change(
    subscription: RegistrationSubscription, before: JsonObject | None, after: JsonObject | None
) -> Notice | None:
    """What a Registration Subscription is told of a change of a Registration (5.3.3); None: it is not concerned.

    Args:
        subscription: Whom.
        before: Expanded members of the Registration before the change; None: it is new.
        after: Likewise after the change; None: it was deleted.
    """
    old, new = relevant(subscription, before), relevant(subscription, after)
    if new is not None:
        return Notice([new], "newlyMatching" if old is None else "updated")
    if old is None:
        return None
    # What is said is the Registration as it is now, or as it was last.
    return Notice([old if after is None else after], "noLongerMatching")


def notice_of_all(subscription: RegistrationSubscription, registrations: Sequence[JsonObject]) -> Notice | None:
    """What it is told at first, and periodically: all that match; None if none does (5.8.6)."""
    found = [one for one in (relevant(subscription, members) for members in registrations) if one is not None]
    return Notice(found, "newlyMatching") if found else None


def relevant(subscription: RegistrationSubscription, members: JsonObject | None) -> JsonObject | None:
    """A Registration with its matching RegistrationInfo elements alone (5.11.7); None if it does not match."""
    if members is None:
        return None
    positions = subscription.query.matching(compile_registration(members))
    if not positions:
        return None
    return {**members, "information": [members["information"][position] for position in positions]}
