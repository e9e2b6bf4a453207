"""Context Source Registration Subscriptions: ETSI GS CIM 009 V1.9.1, clauses 5.11.2 to 5.11.6."""

from __future__ import annotations

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.notifications.registration_subscription import (
    RegistrationSubscription,
    compile_registration_subscription,
    outbox_key,
)
from ldt_stack.broker.notifications.validation import check_subscription
from ldt_stack.broker.operations.subscriptions import subscribing
from ldt_stack.broker.operations.subscriptions.subscribing import Kind, SubscriptionPage
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Transaction


async def create_registration_subscription(
    broker: Broker, call: Call, payload: JsonValue, *, context_url: str | None = None
) -> str:
    """Create Context Source Registration Subscription.

    Args:
        broker: Where.
        call: Its @context expands the names.
        payload: A Subscription (5.2.12); `temporalQ` asks for Context Sources with temporal evolutions.
        context_url: Where that @context can be had; the default of jsonldContext.

    Returns:
        The id of the new Subscription. A first notification, of all Registrations that match, is owed.

    Raises:
        BadRequestData: The payload is no Subscription, or it has expired already.
        AlreadyExists: There is one with this id.
        LdContextNotAvailable: The @context named by jsonldContext cannot be had.
        OperationNotSupported: The endpoint or representation is one that this broker does not know.

    Source: CIM 009 V1.9.1, clause 5.11.2.
    """
    return await subscribing.create(_KIND, broker, call, payload, context_url)


async def update_registration_subscription(
    broker: Broker, call: Call, subscription_id: str, fragment: JsonValue, *, context_url: str | None = None
) -> None:
    """Update Context Source Registration Subscription; all Registrations that match then are notified.

    Args:
        broker: Where.
        call: Its @context expands the names of the Fragment.
        subscription_id: The target.
        fragment: A Subscription Fragment (5.4); the NGSI-LD Null removes a member.
        context_url: Where the @context of the call can be had; what jsonldContext becomes if it is removed.

    Raises:
        BadRequestData: The id is no URI, or what the Fragment makes of the Subscription is none.
        ResourceNotFound: There is no such Subscription.
        LdContextNotAvailable: The @context named by jsonldContext cannot be had.
        Conflict: Others keep changing it at the same time.

    Source: CIM 009 V1.9.1, clause 5.11.3.
    """
    await subscribing.update(_KIND, broker, call, subscription_id, fragment, context_url)


async def retrieve_registration_subscription(broker: Broker, call: Call, subscription_id: str) -> JsonObject:
    """Retrieve Context Source Registration Subscription.

    Returns:
        As `subscriptions.retrieve_subscription`.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.11.4.
    """
    return await subscribing.retrieve(_KIND, broker, call, subscription_id)


async def query_registration_subscriptions(
    broker: Broker, call: Call, *, limit: int, offset: int, count: bool
) -> SubscriptionPage:
    """Query Context Source Registration Subscriptions, in the order of their creation.

    Source: CIM 009 V1.9.1, clause 5.11.5.
    """
    return await subscribing.query(_KIND, broker, call, limit=limit, offset=offset, count=count)


async def delete_registration_subscription(broker: Broker, call: Call, subscription_id: str) -> None:
    """Delete Context Source Registration Subscription.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.11.6.
    """
    await subscribing.delete(_KIND, broker, call, subscription_id)


def _check(members: JsonObject) -> None:
    check_subscription(members)
    if not isinstance(members.get("temporalQ", {}), dict):
        raise BadRequestData('"temporalQ" of the Subscription is no TemporalQuery object (clause 5.2.21)')


def _stored(broker: Broker, call: Call, transaction: Transaction, subscription: RegistrationSubscription) -> None:
    broker.notifier.registration_subscription_stored(transaction, call.tenant, subscription)


def _announce(broker: Broker, call: Call, subscription: RegistrationSubscription) -> None:
    broker.notifier.registration_subscribed(call.tenant, subscription)


def _withdraw(broker: Broker, call: Call, subscription_id: str) -> None:
    broker.notifier.registration_unsubscribed(call.tenant, subscription_id)


_KIND = Kind(
    name="Context Source Registration Subscription",
    documents=DocumentKind.REGISTRATION_SUBSCRIPTION,
    key=outbox_key,
    check=_check,
    compile=compile_registration_subscription,
    stored=_stored,
    announce=_announce,
    withdraw=_withdraw,
)
