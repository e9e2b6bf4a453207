"""Context Source Registration Subscriptions: ETSI GS CIM 009 V1.9.1, clauses 5.11.2 to 5.11.6.

"The behaviour shall be as described in clause 5.8.1.4, restricted to the local case": what the two kinds share is in
`operations/subscriptions.py`.
"""

from __future__ import annotations

import uuid
from functools import partial

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue
from ldt_stack.broker.notifications.compiling import stored_document
from ldt_stack.broker.notifications.registration_subscription import (
    RegistrationSubscription,
    compile_registration_subscription,
    outbox_key,
)
from ldt_stack.broker.notifications.validation import check_subscription, expand_members
from ldt_stack.broker.operations.subscriptions import (
    SubscriptionPage,
    notification_context_of,
    refuse_null,
    refuse_past,
    updated_document,
    with_status,
)
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import DocumentKind, Snapshot, Transaction

_KIND = DocumentKind.REGISTRATION_SUBSCRIPTION
_UPDATE_ATTEMPTS = 5


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
    members = expand_members(payload, call.ld_context)
    refuse_null(members)
    members.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid.uuid4()}")
    _check(members)
    refuse_past(members, broker.now())
    notification_context = await notification_context_of(broker, members, call.ld_context)
    if "jsonldContext" not in members and context_url is not None:
        members["jsonldContext"] = context_url
    compiled = compile_registration_subscription(members, call.ld_context, notification_context)

    def work(transaction: Transaction) -> None:
        if transaction.get_document(_KIND, compiled.id) is not None:
            raise AlreadyExists(
                f"There is a Context Source Registration Subscription {compiled.id} already; choose another id"
            )
        now = broker.now()
        document = stored_document(
            members,
            query_context=call.ld_context.source,
            notification_context=notification_context.source,
            created_at=now,
            modified_at=now,
        )
        transaction.put_document(_KIND, compiled.id, document)
        broker.notifier.registration_subscription_stored(transaction, call.tenant, compiled)

    await broker.store.write(call.tenant, work, create=True)
    broker.notifier.registration_subscribed(call.tenant, compiled)
    return compiled.id


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
    _check_id(subscription_id)
    changes = expand_members(fragment, call.ld_context)
    if changes.get("jsonldContext") == NULL and context_url is not None:
        changes["jsonldContext"] = context_url
    if changes.get("id", subscription_id) != subscription_id:
        raise BadRequestData(f'The Fragment has the id "{changes["id"]}", its target is {subscription_id} (clause 5.4)')
    refuse_past(changes, broker.now())
    for _ in range(_UPDATE_ATTEMPTS):
        before = await broker.store.read(call.tenant, lambda snapshot: _get(snapshot, subscription_id))
        document, query_context, notification_context = await updated_document(broker, call, before, changes)
        _check(document["members"])
        compiled = compile_registration_subscription(document["members"], query_context, notification_context)
        replace = partial(_replace, broker, call, before=before, document=document, compiled=compiled)
        if await broker.store.write(call.tenant, replace):
            broker.notifier.registration_subscribed(call.tenant, compiled)
            return
    raise Conflict(f"The Context Source Registration Subscription {subscription_id} is being changed by others")


def _replace(
    broker: Broker,
    call: Call,
    transaction: Transaction,
    before: JsonObject,
    document: JsonObject,
    compiled: RegistrationSubscription,
) -> bool:
    """Put the document if the one before is unchanged; whether it was."""
    if _get(transaction, compiled.id) != before:
        return False
    transaction.put_document(_KIND, compiled.id, document)
    broker.notifier.registration_subscription_stored(transaction, call.tenant, compiled)
    return True


async def retrieve_registration_subscription(broker: Broker, call: Call, subscription_id: str) -> JsonObject:
    """Retrieve Context Source Registration Subscription.

    Returns:
        As `subscriptions.retrieve_subscription`.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.11.4.
    """
    _check_id(subscription_id)
    await broker.notifier.flush()
    now = broker.now()
    return await broker.store.read(call.tenant, lambda snapshot: _shown(snapshot, _get(snapshot, subscription_id), now))


async def query_registration_subscriptions(
    broker: Broker, call: Call, *, limit: int, offset: int, count: bool
) -> SubscriptionPage:
    """Query Context Source Registration Subscriptions, in the order of their creation.

    Source: CIM 009 V1.9.1, clause 5.11.5.
    """
    await broker.notifier.flush()
    now = broker.now()

    def work(snapshot: Snapshot) -> SubscriptionPage:
        total = snapshot.count_documents(_KIND)
        documents = snapshot.list_documents(_KIND, offset=offset, limit=limit) if limit else []
        found = [_shown(snapshot, document, now) for document in documents]
        return SubscriptionPage(found, more=offset + limit < total, count=total if count else None)

    return await broker.store.read(call.tenant, work)


async def delete_registration_subscription(broker: Broker, call: Call, subscription_id: str) -> None:
    """Delete Context Source Registration Subscription.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.11.6.
    """
    _check_id(subscription_id)
    key = outbox_key(subscription_id)

    def work(transaction: Transaction) -> None:
        _get(transaction, subscription_id)
        transaction.delete_document(_KIND, subscription_id)
        transaction.delete_document(DocumentKind.SUBSCRIPTION_STATUS, key)
        transaction.drop_deliveries_of(key)

    await broker.store.write(call.tenant, work)
    broker.notifier.registration_unsubscribed(call.tenant, subscription_id)


def _check(members: JsonObject) -> None:
    check_subscription(members)
    if not isinstance(members.get("temporalQ", {}), dict):
        raise BadRequestData('"temporalQ" of the Subscription is no TemporalQuery object (clause 5.2.21)')


def _check_id(subscription_id: str) -> None:
    if not is_uri(subscription_id):
        raise BadRequestData(f'The id of a Subscription is a URI; "{subscription_id}" is none')


def _get(snapshot: Snapshot, subscription_id: str) -> JsonObject:
    document = snapshot.get_document(_KIND, subscription_id)
    if document is None:
        raise ResourceNotFound(f"There is no Context Source Registration Subscription {subscription_id}")
    return document


def _shown(snapshot: Snapshot, document: JsonObject, now: str) -> JsonObject:
    return with_status(snapshot, document, now, outbox_key(document["id"]))
