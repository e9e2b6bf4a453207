"""What Subscriptions to Entities and to Context Source Registrations share.

ETSI GS CIM 009 V1.9.1, clauses 5.8.1 to 5.8.5, which clauses 5.11.2 to 5.11.6 refer to ("The behaviour shall be as
described in clause 5.8.1.4, restricted to the local case"). The operations themselves are in `subscriptions` and
`registration_subscriptions`; each hands in its `Kind`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue
from ldt_stack.broker.notifications.compiling import stored_document
from ldt_stack.broker.notifications.subscription import status_at
from ldt_stack.broker.notifications.validation import expand_members
from ldt_stack.broker.operations.paging import page_start
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Transaction

_UPDATE_ATTEMPTS = 5


class _Compiled(Protocol):
    @property
    def id(self) -> str: ...


C = TypeVar("C", bound=_Compiled)


@dataclass(frozen=True, slots=True)
class Kind(Generic[C]):
    """What the two kinds do not share.

    Args:
        name: What one is called.
        documents: Under which kind of documents they are kept.
        key: From an id to what their counters are kept under, and the outbox knows them by.
        check: Raises BadRequestData if expanded members do not meet the data type.
        compile: From checked members, with the @contexts of conditions and of notifications.
        stored: Called in the transaction that keeps one: a first notification may be owed.
        announce: Called when one was created or updated, after the commit.
        withdraw: Likewise when one was deleted, with its id.
    """

    name: str
    documents: DocumentKind
    key: Callable[[str], str]
    check: Callable[[JsonObject], None]
    compile: Callable[[JsonObject, LdContext, LdContext], C]
    stored: Callable[[Broker, Call, Transaction, C], None]
    announce: Callable[[Broker, Call, C], None]
    withdraw: Callable[[Broker, Call, str], None]


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """Some Subscriptions (see `retrieve`), whether more follow, how many there are if asked for, where it starts."""

    subscriptions: list[JsonObject]
    more: bool
    count: int | None
    offset: int


async def create(kind: Kind[C], broker: Broker, call: Call, payload: JsonValue, context_url: str | None) -> str:
    """Keep a new one, and return its id; arguments and errors as `subscriptions.create_subscription`."""
    members = expand_members(payload, call.ld_context)
    _refuse_null(members)
    members.setdefault("id", f"urn:ngsi-ld:Subscription:{uuid.uuid4()}")
    kind.check(members)
    _refuse_past(members, broker.now())
    notification_context = await _notification_context(broker, members, call.ld_context)
    if "jsonldContext" not in members and context_url is not None:
        members["jsonldContext"] = context_url
    compiled = kind.compile(members, call.ld_context, notification_context)
    await broker.contexts.keep(call.ld_context, notification_context)

    def work(transaction: Transaction) -> None:
        if transaction.get_document(kind.documents, compiled.id) is not None:
            raise AlreadyExists(f"There is a {kind.name} {compiled.id} already; choose another id or leave it out")
        now = broker.now()
        document = stored_document(
            members,
            query_context=call.ld_context.source,
            notification_context=notification_context.source,
            origin=broker.forwarding.origin_of(call),
            created_at=now,
            modified_at=now,
        )
        transaction.put_document(kind.documents, compiled.id, document)
        kind.stored(broker, call, transaction, compiled)

    await broker.store.write(call.tenant, work, create=True)
    kind.announce(broker, call, compiled)
    return compiled.id


async def update(
    kind: Kind[C], broker: Broker, call: Call, subscription_id: str, fragment: JsonValue, context_url: str | None
) -> None:
    """Replace one by what a Fragment makes of it; arguments and errors as `subscriptions.update_subscription`."""
    _check_id(subscription_id)
    changes = expand_members(fragment, call.ld_context)
    if changes.get("jsonldContext") == NULL and context_url is not None:
        changes["jsonldContext"] = context_url  # "if not present … initialized with the @context applicable" (5.8.1.4)
    if changes.get("id", subscription_id) != subscription_id:
        raise BadRequestData(f'The Fragment has the id "{changes["id"]}", its target is {subscription_id} (clause 5.4)')
    _refuse_past(changes, broker.now())
    for _ in range(_UPDATE_ATTEMPTS):
        before = await broker.store.read(call.tenant, lambda snapshot: _get(kind, snapshot, subscription_id))
        document, compiled = await _updated(kind, broker, call, before, changes)
        replace = partial(_replace, kind, broker, call, before=before, document=document, compiled=compiled)
        if await broker.store.write(call.tenant, replace):
            kind.announce(broker, call, compiled)
            return
    raise Conflict(f"The {kind.name} {subscription_id} is being changed by others; try again")


async def _updated(
    kind: Kind[C], broker: Broker, call: Call, before: JsonObject, changes: JsonObject
) -> tuple[JsonObject, C]:
    """The document after an update (5.8.2.4), and what it is compiled to."""
    now = broker.now()
    old = before["members"]
    members = _merged(old, changes)
    if changes.get("expiresAt", NULL) != NULL and "isActive" not in changes and status_at(old, now) == "expired":
        # "If only expiresAt is included and refers to a DateTime in the future, then status shall be updated to
        # "active", if and only if the previous value of status was "expired"" (5.8.2.4): also if it was paused before.
        members.pop("isActive", None)
    kind.check(members)
    query_context = call.ld_context
    if not {"q", "csf"} & changes.keys():
        query_context = await broker.contexts.resolve(before["queryContext"], kept=True)
    if "jsonldContext" in changes:
        notification_context = await _notification_context(broker, members, call.ld_context)
    else:
        notification_context = await broker.contexts.resolve(before["notificationContext"], kept=True)
    document = stored_document(
        members,
        query_context=query_context.source,
        notification_context=notification_context.source,
        origin=broker.forwarding.origin_of(call),
        created_at=before["createdAt"],
        modified_at=now,
    )
    compiled = kind.compile(members, query_context, notification_context)
    await broker.contexts.keep(query_context, notification_context)
    return document, compiled


def _replace(
    kind: Kind[C],
    broker: Broker,
    call: Call,
    transaction: Transaction,
    before: JsonObject,
    document: JsonObject,
    compiled: C,
) -> bool:
    """Put the document if the one before is unchanged; whether it was."""
    if _get(kind, transaction, compiled.id) != before:
        return False
    transaction.put_document(kind.documents, compiled.id, document)
    kind.stored(broker, call, transaction, compiled)
    return True


async def retrieve(kind: Kind[C], broker: Broker, call: Call, subscription_id: str) -> JsonObject:
    """One of them; result and errors as `subscriptions.retrieve_subscription`."""
    _check_id(subscription_id)
    await broker.notifier.flush()
    now = broker.now()
    return await broker.store.read(
        call.tenant, lambda snapshot: _with_status(kind, snapshot, _get(kind, snapshot, subscription_id), now)
    )


async def query(kind: Kind[C], broker: Broker, call: Call, *, limit: int, offset: int, count: bool) -> SubscriptionPage:
    """Some of them, in the order of their creation."""
    await broker.notifier.flush()
    now = broker.now()

    def work(snapshot: Snapshot) -> SubscriptionPage:
        total = snapshot.count_documents(kind.documents)
        start = page_start(offset, total)
        documents = snapshot.list_documents(kind.documents, offset=start, limit=limit) if limit else []
        found = [_with_status(kind, snapshot, document, now) for document in documents]
        return SubscriptionPage(found, more=start + limit < total, count=total if count else None, offset=start)

    return await broker.store.read(call.tenant, work)


async def delete(kind: Kind[C], broker: Broker, call: Call, subscription_id: str) -> None:
    """Remove one, with its counters and what is owed to it; errors as `subscriptions.delete_subscription`."""
    _check_id(subscription_id)
    key = kind.key(subscription_id)

    def work(transaction: Transaction) -> None:
        _get(kind, transaction, subscription_id)
        transaction.delete_document(kind.documents, subscription_id)
        transaction.delete_document(DocumentKind.SUBSCRIPTION_STATUS, key)
        transaction.drop_deliveries_of(key)

    await broker.store.write(call.tenant, work)
    kind.withdraw(broker, call, subscription_id)


def _check_id(subscription_id: str) -> None:
    if not is_uri(subscription_id):
        raise BadRequestData(f'The id of a Subscription is a URI; "{subscription_id}" is none')


def _get(kind: Kind[C], snapshot: Snapshot, subscription_id: str) -> JsonObject:
    document = snapshot.get_document(kind.documents, subscription_id)
    if document is None:
        raise ResourceNotFound(f"There is no {kind.name} {subscription_id}")
    return document


def _with_status(kind: Kind[C], snapshot: Snapshot, document: JsonObject, now: str) -> JsonObject:
    """Members with what the broker generates (tables 5.2.12-2 and 5.2.14.2-1)."""
    members: JsonObject = document["members"]
    counters = snapshot.get_document(DocumentKind.SUBSCRIPTION_STATUS, kind.key(document["id"])) or {}
    return {
        **members,
        "notification": {**members["notification"], **counters},
        "status": status_at(members, now),
        "createdAt": document["createdAt"],
        "modifiedAt": document["modifiedAt"],
    }


async def _notification_context(broker: Broker, members: JsonObject, own: LdContext) -> LdContext:
    """What notifications are written with: jsonldContext, "if not present, the @context applicable" (5.8.1.4)."""
    return await broker.contexts.resolve(members["jsonldContext"]) if "jsonldContext" in members else own


def _refuse_past(members: JsonObject, now: str) -> None:
    expires_at = normalize(members.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        raise BadRequestData(f'"expiresAt" is {members["expiresAt"]}, which is in the past (clauses 5.8.1.4, 5.8.2.4)')


def _refuse_null(value: JsonValue) -> None:
    """The NGSI-LD Null belongs into Fragments alone (5.5.4)."""
    for name, member in value.items() if isinstance(value, dict) else ():
        if member == NULL:
            raise BadRequestData(f'"{name}" is the NGSI-LD Null; it can be used in updates alone (clause 5.5.4)')
        _refuse_null(member)


def _merged(target: JsonObject, fragment: JsonObject) -> JsonObject:
    """Apply a Fragment: "a JSON Merge Patch document" (5.4) whose null is the NGSI-LD Null."""
    result = dict(target)
    for name, value in fragment.items():
        if value == NULL:
            result.pop(name, None)
        elif isinstance(value, dict):
            known = result.get(name)
            result[name] = _merged(known if isinstance(known, dict) else {}, value)
        else:
            result[name] = value
    return result
