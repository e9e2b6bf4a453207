"""Snapshots: ETSI GS CIM 009 V1.9.1, clauses 5.5.15, 5.16.1 to 5.16.5 and 5.16.7.

A Snapshot is a document in the store of its tenant, which says its status, and a space of its own, which has its data
(`broker.spaces`). What takes time happens beside the requests: `snapshot_keeper.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final, cast

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound, TooManyResults
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.durations import end_of
from ldt_stack.broker.model.instants import format_instant
from ldt_stack.broker.model.names import NULL, JsonObject
from ldt_stack.broker.operations.snapshots.content import check_queries
from ldt_stack.broker.operations.snapshots.data import (
    ALL_MEMBERS,
    DEFAULT_PRIORITY,
    check_clone,
    check_fragment,
    check_new,
)
from ldt_stack.broker.query import attributes_of, matches_q, parse_q
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES
from ldt_stack.broker.service import Broker
from ldt_stack.broker.spaces import MAX_NAME_BYTES, escaped, space_of
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Transaction

PREPARING: Final = "preparing"
_KIND: Final = DocumentKind.SNAPSHOT
_MEMBER: Final = "snapshot:"
_INSTANTS: Final = frozenset({"createdAt", "modifiedAt", "expiresAt", "lastUsedAt"})


async def create_snapshot(broker: Broker, call: Call, payload: JsonObject) -> str:
    """Create Snapshot. Its Queries are executed in the background.

    Args:
        broker: Where.
        call: Its @context is that of the Queries.
        payload: A Snapshot (5.2.41).

    Returns:
        The id of the Snapshot, whose status is "preparing".

    Raises:
        BadRequestData: The payload is no Snapshot, or its id is too long to be kept.
        AlreadyExists: There is a Snapshot with this id.
        TooComplexQuery: It has too many Queries, or one of them too many terms.
        TooManyResults: There are as many Snapshots as may be, and none has a lower priority.

    Source: CIM 009 V1.9.1, clause 5.16.1.
    """
    members = check_new(payload)
    check_queries(broker, call, members)
    return await _keep(broker, call.tenant, {**members, "ldContext": call.ld_context.source})


async def clone_snapshot(broker: Broker, call: Call, snapshot_id: str, payload: JsonObject) -> str:
    """Clone Snapshot. What it holds is copied in the background.

    Returns:
        The id of the clone, whose status is "preparing".

    Raises:
        BadRequestData: The id is no URI, or the payload is no Snapshot without Queries.
        ResourceNotFound: There is no Snapshot to be cloned.
        AlreadyExists: There is a Snapshot with the id of the clone.
        Conflict: The Snapshot to be cloned is still being prepared.
        TooManyResults: There are as many Snapshots as may be, and none has a lower priority.

    Source: CIM 009 V1.9.1, clause 5.16.2.
    """
    members = check_clone(payload)
    _check_ready(await _retrieve(broker, call.tenant, snapshot_id))
    return await _keep(broker, call.tenant, {**members, "cloneOf": snapshot_id})


async def _keep(broker: Broker, tenant: str | None, members: JsonObject) -> str:
    now = broker.now()
    document: JsonObject = {
        "id": f"urn:ngsi-ld:Snapshot:{uuid.uuid4()}",
        "snapshotPriority": DEFAULT_PRIORITY,
        **members,
        "snapshotStatus": PREPARING,
        "createdAt": now,
        "modifiedAt": now,
        "lastUsedAt": now,
        "expiresAt": _expiry(broker, members.get("snapshotLifetime")),
    }
    snapshot_id: str = document["id"]
    if len(escaped(space_of(tenant, snapshot_id))) > MAX_NAME_BYTES:
        raise BadRequestData(f"The id of the Snapshot, {snapshot_id:.60}…, is longer than this broker can keep.")

    def work(transaction: Transaction) -> list[JsonObject]:
        known = transaction.get_document(_KIND, snapshot_id)
        if known is not None and known["expiresAt"] > now:
            raise AlreadyExists(f"There is a Snapshot {snapshot_id} already; choose another id or leave it out.")
        removed = _make_room(broker, transaction, tenant, document["snapshotPriority"])
        transaction.put_document(_KIND, snapshot_id, document)
        return removed

    for removed in await broker.store.write(tenant, work, create=True):
        await broker.snapshots.removed(tenant, removed)
    broker.snapshots.prepare(tenant, snapshot_id)
    return snapshot_id


def _make_room(broker: Broker, transaction: Transaction, tenant: str | None, priority: int) -> list[JsonObject]:
    """Delete the documents of expired Snapshots, and of the least important if there are still as many as may be."""
    now = broker.now()
    found = [_with_last_use(broker, tenant, one) for one in transaction.list_documents(_KIND)]
    gone = [one for one in found if one["expiresAt"] <= now]
    if len(found) - len(gone) >= broker.settings.max_snapshots:
        present = [one for one in found if one["expiresAt"] > now]
        least = min(present, key=lambda one: (one["snapshotPriority"], one["lastUsedAt"]))
        if least["snapshotPriority"] >= priority:
            raise TooManyResults(
                f"There are {broker.settings.max_snapshots} Snapshots, the limit of this broker, and none has a lower "
                "snapshotPriority; delete one."
            )
        gone.append(least)
    for one in gone:
        transaction.delete_document(_KIND, one["id"])
        broker.snapshots.tell(transaction, tenant, one, now)
    return gone


def _expiry(broker: Broker, lifetime: str | None) -> str:
    """expiresAt: the lifetime is "with respect to the current point in time" (5.2.41)."""
    settings = broker.settings
    instant = end_of(
        lifetime,
        "snapshotLifetime",
        broker.clock(),
        default_seconds=settings.snapshot_default_seconds,
        longest_seconds=settings.snapshot_max_seconds,
    )
    return format_instant(instant)


async def retrieve_snapshot_status(broker: Broker, call: Call, snapshot_id: str) -> JsonObject:
    """Retrieve Snapshot Status.

    Returns:
        The data type Snapshot (5.2.41), output-only members included.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Snapshot.

    Source: CIM 009 V1.9.1, clause 5.16.3.
    """
    return _shown(await _retrieve(broker, call.tenant, snapshot_id))


async def update_snapshot_status(broker: Broker, call: Call, snapshot_id: str, fragment: JsonObject) -> JsonObject:
    """Update Snapshot Status: lifetime, priority, endpoint and receiverInfo can be changed.

    Returns:
        The updated Snapshot.

    Raises:
        BadRequestData: The id is no URI, or the Fragment is none.
        ResourceNotFound: There is no such Snapshot.

    Source: CIM 009 V1.9.1, clause 5.16.4.
    """
    _check_id(snapshot_id)
    changes = check_fragment(snapshot_id, fragment)
    now = broker.now()

    def work(transaction: Transaction) -> JsonObject:
        document = find_snapshot(broker, transaction, call.tenant, snapshot_id)
        if document is None:
            raise _unknown(snapshot_id)
        for name, value in changes.items():
            if value == NULL:  # 5.5.8: the NGSI-LD Null removes
                document.pop(name, None)
            else:
                document[name] = value
        document.setdefault("snapshotPriority", DEFAULT_PRIORITY)
        if "snapshotLifetime" in changes:
            document["expiresAt"] = _expiry(broker, document.get("snapshotLifetime"))
        document["modifiedAt"] = now
        transaction.put_document(_KIND, snapshot_id, document)
        broker.snapshots.tell(transaction, call.tenant, _shown(document))
        return document

    document = await broker.store.write(call.tenant, work)
    broker.snapshots.changed(call.tenant, _shown(document))
    return _shown(document)


async def delete_snapshot(broker: Broker, call: Call, snapshot_id: str) -> None:
    """Delete Snapshot, with everything it holds.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Snapshot.

    Source: CIM 009 V1.9.1, clause 5.16.5.
    """
    _check_id(snapshot_id)

    def work(transaction: Transaction) -> list[JsonObject]:
        document = find_snapshot(broker, transaction, call.tenant, snapshot_id)
        return [] if document is None else [document]

    if not await _remove(broker, call.tenant, work):
        raise _unknown(snapshot_id)


async def purge_snapshots(broker: Broker, call: Call, q: str | None) -> list[str]:
    """Purge Snapshots: delete those that a Query finds.

    Args:
        broker: Where.
        call: Whose tenant.
        q: A query (4.9) that names members of the data type Snapshot alone.

    Returns:
        The ids of the Snapshots that were deleted.

    Raises:
        BadRequestData: The query is missing, not valid, or names something else.
        ResourceNotFound: It finds no Snapshot (table 6.36.3.2-2).

    Source: CIM 009 V1.9.1, clause 5.16.7.
    """
    if q is None:
        raise BadRequestData("There is no q: which Snapshots are to be purged? (clause 5.16.7.4)")
    # Members are named as the data type names them, whatever the @context of the request says.
    node = parse_q(q, cast("LdContext", _MemberNames()), max_terms=broker.settings.max_query_terms)
    known = {_MEMBER + name for name in ALL_MEMBERS} | SYSTEM_ATTRIBUTES
    unknown = attributes_of(node) - known
    if unknown:
        names = ", ".join(sorted(name.removeprefix(_MEMBER) for name in unknown))
        raise BadRequestData(f"q names {names}; expected members of a Snapshot (clause 5.16.7.4).")
    now = broker.now()

    def work(transaction: Transaction) -> list[JsonObject]:
        documents = (_with_last_use(broker, call.tenant, one) for one in transaction.list_documents(_KIND))
        return [one for one in documents if one["expiresAt"] > now and matches_q(node, _as_entity(_shown(one)))]

    removed = await _remove(broker, call.tenant, work)
    if not removed:
        raise ResourceNotFound("No Snapshot fits the query.")
    return removed


class _MemberNames:
    """Stands for an @context where names are members of the data type Snapshot."""

    def expand_term(self, term: str) -> str:
        """What the member is called in the form in which queries see an Entity."""
        return _MEMBER + term


def _as_entity(document: JsonObject) -> JsonObject:
    """A Snapshot in the form in which queries see an Entity: its members as Properties."""
    entity: JsonObject = {name: document[name] for name in SYSTEM_ATTRIBUTES if name in document}
    for name, value in document.items():
        held = {"@type": "DateTime", "@value": value} if name in _INSTANTS else value
        entity[_MEMBER + name] = [{"type": "Property", "value": held}]
    return entity


async def _remove(broker: Broker, tenant: str | None, select: Callable[[Transaction], list[JsonObject]]) -> list[str]:
    now = broker.now()

    def work(transaction: Transaction) -> list[JsonObject]:
        found = select(transaction)
        for document in found:
            transaction.delete_document(_KIND, document["id"])
            broker.snapshots.tell(transaction, tenant, document, now)
        return found

    removed = await broker.store.write(tenant, work)
    for document in removed:
        await broker.snapshots.removed(tenant, document)
    return [document["id"] for document in removed]


async def use_snapshot(broker: Broker, tenant: str | None, snapshot_id: str) -> None:
    """Check that an operation can be executed on a Snapshot, and note that it is (5.5.15, lastUsedAt of 5.2.41).

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Snapshot.
        Conflict: It is still being prepared.
    """
    _check_ready(await _retrieve(broker, tenant, snapshot_id))
    broker.snapshots.used(tenant, snapshot_id)


def _check_ready(document: JsonObject) -> None:
    if document["snapshotStatus"] == PREPARING:
        raise Conflict(f"The Snapshot {document['id']} is still being prepared; its status says when it is ready.")


async def _retrieve(broker: Broker, tenant: str | None, snapshot_id: str) -> JsonObject:
    _check_id(snapshot_id)
    found = await broker.store.read(tenant, lambda snapshot: find_snapshot(broker, snapshot, tenant, snapshot_id))
    if found is None:
        raise _unknown(snapshot_id)
    return found


def find_snapshot(broker: Broker, snapshot: Snapshot, tenant: str | None, snapshot_id: str) -> JsonObject | None:
    """The document of a Snapshot that has not expired, with the time of its last use."""
    document = snapshot.get_document(_KIND, snapshot_id)
    if document is None or document["expiresAt"] <= broker.now():
        return None
    return _with_last_use(broker, tenant, document)


def _with_last_use(broker: Broker, tenant: str | None, document: JsonObject) -> JsonObject:
    used = broker.snapshots.last_used(tenant, document["id"])
    return document if used is None else {**document, "lastUsedAt": max(used, document["lastUsedAt"])}


def _shown(document: JsonObject) -> JsonObject:
    return {name: value for name, value in document.items() if name in ALL_MEMBERS}


def _check_id(snapshot_id: str) -> None:
    if not is_uri(snapshot_id):
        raise BadRequestData(f"The id of the Snapshot is {snapshot_id!r}, which is no valid URI.")


def _unknown(snapshot_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no Snapshot {snapshot_id}; it may have expired.", instance=snapshot_id)
