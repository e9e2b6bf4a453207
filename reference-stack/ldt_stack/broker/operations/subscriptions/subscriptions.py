"""Subscriptions to Entities: ETSI GS CIM 009 V1.9.1, clauses 5.8.1 to 5.8.5.

What follows at Context Sources is `federation/forwarding.py`'s business, after the commit.
"""

from __future__ import annotations

from ldt_stack.broker.call import Call
from ldt_stack.broker.federation.failures import LoopDetected
from ldt_stack.broker.federation.loops import own_alias
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.notifications.compiling import compile_subscription
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.notifications.validation import check_subscription
from ldt_stack.broker.operations.subscriptions import subscribing
from ldt_stack.broker.operations.subscriptions.subscribing import Kind, SubscriptionPage
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Transaction


async def create_subscription(broker: Broker, call: Call, payload: JsonValue, *, context_url: str | None = None) -> str:
    """Create Subscription.

    Args:
        broker: Where.
        call: Its @context expands the names.
        payload: A Subscription (5.2.12).
        context_url: Where that @context can be had; the default of jsonldContext.

    Returns:
        The id of the new Subscription.

    Raises:
        BadRequestData: The payload is no Subscription, or it has expired already.
        AlreadyExists: There is a Subscription with this id.
        LdContextNotAvailable: The @context named by jsonldContext cannot be had.
        OperationNotSupported: The endpoint or representation is one that this broker does not know.
        LoopDetected: It was forwarded by a Context Source that has it from this broker (6.3.18).

    Source: CIM 009 V1.9.1, clause 5.8.1.
    """
    if own_alias(broker.settings.alias, call.tenant) in call.via:
        raise LoopDetected("This Subscription comes from this broker itself; it has all that there is to notify of")
    return await subscribing.create(_KIND, broker, call, payload, context_url)


async def update_subscription(
    broker: Broker, call: Call, subscription_id: str, fragment: JsonValue, *, context_url: str | None = None
) -> None:
    """Update Subscription.

    Args:
        broker: Where.
        call: Its @context expands the names of the Fragment.
        subscription_id: The target.
        fragment: A Subscription Fragment (5.4): members to add or replace; the NGSI-LD Null removes one.
        context_url: Where the @context of the call can be had; what jsonldContext becomes if it is removed.

    Raises:
        BadRequestData: The id is no URI, or what the Fragment makes of the Subscription is none.
        ResourceNotFound: There is no such Subscription.
        LdContextNotAvailable: The @context named by jsonldContext cannot be had.
        Conflict: Others keep changing it at the same time.

    Source: CIM 009 V1.9.1, clause 5.8.2.
    """
    await subscribing.update(_KIND, broker, call, subscription_id, fragment, context_url)


async def retrieve_subscription(broker: Broker, call: Call, subscription_id: str) -> JsonObject:
    """Retrieve Subscription.

    Returns:
        Its members, names as IRIs, with `status`, `createdAt`, `modifiedAt`, and in `notification` the output-only
        members of 5.2.14.2. The caller's to change.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.8.3.
    """
    return await subscribing.retrieve(_KIND, broker, call, subscription_id)


async def query_subscriptions(broker: Broker, call: Call, *, limit: int, offset: int, count: bool) -> SubscriptionPage:
    """Query Subscriptions, in the order of their creation. Source: CIM 009 V1.9.1, clause 5.8.4."""
    return await subscribing.query(_KIND, broker, call, limit=limit, offset=offset, count=count)


async def delete_subscription(broker: Broker, call: Call, subscription_id: str) -> None:
    """Delete Subscription: "and no longer perform notifications concerning such Subscription".

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.8.5.
    """
    await subscribing.delete(_KIND, broker, call, subscription_id)


def _stored(_broker: Broker, _call: Call, _transaction: Transaction, _subscription: Subscription) -> None:
    """Nothing is notified before the next change."""


def _announce(broker: Broker, call: Call, subscription: Subscription) -> None:
    broker.notifier.subscribed(call.tenant, subscription)
    broker.forwarding.subscription_changed(call.tenant, subscription.id)


def _withdraw(broker: Broker, call: Call, subscription_id: str) -> None:
    broker.notifier.unsubscribed(call.tenant, subscription_id)
    broker.forwarding.subscription_changed(call.tenant, subscription_id)


_KIND = Kind(
    name="Subscription",
    documents=DocumentKind.SUBSCRIPTION,
    key=str,
    check=check_subscription,
    compile=compile_subscription,
    stored=_stored,
    announce=_announce,
    withdraw=_withdraw,
)
