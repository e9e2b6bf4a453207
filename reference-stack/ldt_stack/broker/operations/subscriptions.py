"""Subscriptions to Entities: ETSI GS CIM 009 V1.9.1, clauses 5.8.1 to 5.8.5.

What follows at Context Sources is `federation/forwarding.py`'s business, after the commit.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound
from ldt_stack.broker.federation.failures import LoopDetected
from ldt_stack.broker.federation.loops import own_alias
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue
from ldt_stack.broker.notifications.compiling import compile_subscription, stored_document
from ldt_stack.broker.notifications.subscription import Subscription, status_at
from ldt_stack.broker.notifications.validation import check_subscription, expand_members
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import DocumentKind, Snapshot, Transaction

_UPDATE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """Some Subscriptions (see `retrieve_subscription`), whether more follow, and how many there are if asked for."""

    subscriptions: list[JsonObject]
    more: bool
    count: int | None


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
    members = expand_members(payload, call.ld_context)
    refuse_null(members)
    members.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid.uuid4()}")
    check_subscription(members)
    refuse_past(members, broker.now())
    notification_context = await notification_context_of(broker, members, call.ld_context)
    if "jsonldContext" not in members and context_url is not None:
        members["jsonldContext"] = context_url
    compiled = compile_subscription(members, call.ld_context, notification_context)

    def work(transaction: Transaction) -> None:
        if transaction.get_document(DocumentKind.SUBSCRIPTION, compiled.id) is not None:
            raise AlreadyExists(f"There is a Subscription {compiled.id} already; choose another id or leave it out")
        now = broker.now()
        document = stored_document(
            members,
            query_context=call.ld_context.source,
            notification_context=notification_context.source,
            created_at=now,
            modified_at=now,
        )
        transaction.put_document(DocumentKind.SUBSCRIPTION, compiled.id, document)

    await broker.store.write(call.tenant, work, create=True)
    broker.notifier.subscribed(call.tenant, compiled)
    broker.forwarding.subscription_changed(call, compiled.id)
    return compiled.id


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
    _check_id(subscription_id)
    changes = expand_members(fragment, call.ld_context)
    if changes.get("jsonldContext") == NULL and context_url is not None:
        changes["jsonldContext"] = context_url  # "if not present … initialized with the @context applicable" (5.8.1.4)
    if changes.get("id", subscription_id) != subscription_id:
        raise BadRequestData(f'The Fragment has the id "{changes["id"]}", its target is {subscription_id} (clause 5.4)')
    refuse_past(changes, broker.now())
    for _ in range(_UPDATE_ATTEMPTS):
        before = await broker.store.read(call.tenant, lambda snapshot: _get(snapshot, subscription_id))
        document, compiled = await _updated(broker, call, before, changes)

        def work(transaction: Transaction, before: JsonObject = before, document: JsonObject = document) -> bool:
            if _get(transaction, subscription_id) != before:
                return False
            transaction.put_document(DocumentKind.SUBSCRIPTION, subscription_id, document)
            return True

        if await broker.store.write(call.tenant, work):
            broker.notifier.subscribed(call.tenant, compiled)
            broker.forwarding.subscription_changed(call, subscription_id)
            return
    raise Conflict(f"The Subscription {subscription_id} is being changed by others; try again")


async def _updated(
    broker: Broker, call: Call, before: JsonObject, changes: JsonObject
) -> tuple[JsonObject, Subscription]:
    """The document and the compiled Subscription after an update."""
    document, query_context, notification_context = await updated_document(broker, call, before, changes)
    return document, compile_subscription(document["members"], query_context, notification_context)


async def updated_document(
    broker: Broker, call: Call, before: JsonObject, changes: JsonObject
) -> tuple[JsonObject, LdContext, LdContext]:
    """The document after an update, with the @contexts of its conditions and of its notifications (5.8.2.4)."""
    now = broker.now()
    old = before["members"]
    members = merged(old, changes)
    if changes.get("expiresAt", NULL) != NULL and "isActive" not in changes and status_at(old, now) == "expired":
        # "If only expiresAt is included and refers to a DateTime in the future, then status shall be updated to
        # "active", if and only if the previous value of status was "expired"" (5.8.2.4): also if it was paused before.
        members.pop("isActive", None)
    check_subscription(members)
    query_source = call.ld_context.source if {"q", "csf"} & changes.keys() else before["queryContext"]
    if "jsonldContext" in changes:
        notification_context = await notification_context_of(broker, members, call.ld_context)
    else:
        notification_context = await broker.contexts.resolve(before["notificationContext"])
    document = stored_document(
        members,
        query_context=query_source,
        notification_context=notification_context.source,
        created_at=before["createdAt"],
        modified_at=now,
    )
    return document, await broker.contexts.resolve(query_source), notification_context


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
    _check_id(subscription_id)
    await broker.notifier.flush()
    now = broker.now()
    return await broker.store.read(
        call.tenant, lambda snapshot: with_status(snapshot, _get(snapshot, subscription_id), now)
    )


async def query_subscriptions(broker: Broker, call: Call, *, limit: int, offset: int, count: bool) -> SubscriptionPage:
    """Query Subscriptions, in the order of their creation. Source: CIM 009 V1.9.1, clause 5.8.4."""
    await broker.notifier.flush()
    now = broker.now()

    def work(snapshot: Snapshot) -> SubscriptionPage:
        total = snapshot.count_documents(DocumentKind.SUBSCRIPTION)
        documents = snapshot.list_documents(DocumentKind.SUBSCRIPTION, offset=offset, limit=limit) if limit else []
        found = [with_status(snapshot, document, now) for document in documents]
        return SubscriptionPage(found, more=offset + limit < total, count=total if count else None)

    return await broker.store.read(call.tenant, work)


async def delete_subscription(broker: Broker, call: Call, subscription_id: str) -> None:
    """Delete Subscription: "and no longer perform notifications concerning such Subscription".

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Subscription.

    Source: CIM 009 V1.9.1, clause 5.8.5.
    """
    _check_id(subscription_id)

    def work(transaction: Transaction) -> None:
        _get(transaction, subscription_id)
        transaction.delete_document(DocumentKind.SUBSCRIPTION, subscription_id)
        transaction.delete_document(DocumentKind.SUBSCRIPTION_STATUS, subscription_id)
        transaction.drop_deliveries_of(subscription_id)

    await broker.store.write(call.tenant, work)
    broker.notifier.unsubscribed(call.tenant, subscription_id)
    broker.forwarding.subscription_changed(call, subscription_id)


def _check_id(subscription_id: str) -> None:
    if not is_uri(subscription_id):
        raise BadRequestData(f'The id of a Subscription is a URI; "{subscription_id}" is none')


def _get(snapshot: Snapshot, subscription_id: str) -> JsonObject:
    document = snapshot.get_document(DocumentKind.SUBSCRIPTION, subscription_id)
    if document is None:
        raise ResourceNotFound(f"There is no Subscription {subscription_id}")
    return document


def with_status(snapshot: Snapshot, document: JsonObject, now: str, key: str | None = None) -> JsonObject:
    """Members with what the broker generates (tables 5.2.12-2 and 5.2.14.2-1).

    Args:
        snapshot: Where the counters are.
        document: The Subscription as it is kept.
        now: The present instant, six digits, UTC.
        key: Under which its counters are kept; its id if it is not given.
    """
    members: JsonObject = document["members"]
    counters = snapshot.get_document(DocumentKind.SUBSCRIPTION_STATUS, key or document["id"]) or {}
    return {
        **members,
        "notification": {**members["notification"], **counters},
        "status": status_at(members, now),
        "createdAt": document["createdAt"],
        "modifiedAt": document["modifiedAt"],
    }


async def notification_context_of(broker: Broker, members: JsonObject, own: LdContext) -> LdContext:
    """What notifications are written with: jsonldContext, "if not present, the @context applicable" (5.8.1.4)."""
    return await broker.contexts.resolve(members["jsonldContext"]) if "jsonldContext" in members else own


def refuse_past(members: JsonObject, now: str) -> None:
    """Refuse an expiresAt that has passed.

    Raises:
        BadRequestData: It has.
    """
    expires_at = normalize(members.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        raise BadRequestData(f'"expiresAt" is {members["expiresAt"]}, which is in the past (clauses 5.8.1.4, 5.8.2.4)')


def refuse_null(value: JsonValue) -> None:
    """The NGSI-LD Null belongs into Fragments alone (5.5.4)."""
    for name, member in value.items() if isinstance(value, dict) else ():
        if member == NULL:
            raise BadRequestData(f'"{name}" is the NGSI-LD Null; it can be used in updates alone (clause 5.5.4)')
        refuse_null(member)


def merged(target: JsonObject, fragment: JsonObject) -> JsonObject:
    """Apply a Fragment: "a JSON Merge Patch document" (5.4) whose null is the NGSI-LD Null."""
    result = dict(target)
    for name, value in fragment.items():
        if value == NULL:
            result.pop(name, None)
        elif isinstance(value, dict):
            known = result.get(name)
            result[name] = merged(known if isinstance(known, dict) else {}, value)
        else:
            result[name] = value
    return result
