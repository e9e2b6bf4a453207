"""Context Source Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.9.2 to 5.9.4, 5.10.1 and 5.10.2.

All of it is local: "The Registry API operations are always local" (6.3.18).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, ResourceNotFound, TooComplexQuery
from ldt_stack.broker.federation.matching import RegistrationQuery, overlap
from ldt_stack.broker.federation.registration import EntityInfo, Registration, compile_registration
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import NULL, JsonObject, JsonValue
from ldt_stack.broker.model.registrations import check_registration, expand_registration
from ldt_stack.broker.operations.paging import page_start
from ldt_stack.broker.operations.registrations.query import RegistrationQueryInput, parse_registration_query
from ldt_stack.broker.query import TypeSelection
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind, EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Snapshot, Transaction

_KIND = DocumentKind.REGISTRATION
_IDS_AT_ONCE: Final = 500  # in one query


@dataclass(frozen=True, slots=True)
class RegistrationPage:
    """Some Registrations (see `retrieve_registration`), whether more follow, how many there are, where it starts."""

    registrations: list[JsonObject]
    more: bool
    count: int | None
    offset: int


async def register_context_source(broker: Broker, call: Call, payload: JsonValue) -> str:
    """Register Context Source.

    Args:
        broker: Where.
        call: Its @context expands the names.
        payload: A CSourceRegistration (5.2.9).

    Returns:
        The id of the new Registration.

    Raises:
        BadRequestData: The payload is no Registration, or it has expired already.
        AlreadyExists: There is a Registration with this id.
        Conflict: An exclusive or redirect Registration, or an Entity held here, is in its way.
        TooComplexQuery: It has more patterns of ids than each request is to be matched with.

    Source: CIM 009 V1.9.1, clause 5.9.2.
    """
    members = expand_registration(payload, call.ld_context)
    _refuse_null(members)
    members.setdefault("id", f"urn:ngsi-ld:ContextSourceRegistration:{uuid.uuid4()}")
    check_registration(members)
    _refuse_patterns(members, broker.settings.max_registration_patterns)
    _refuse_past(members, broker.now())
    compiled = compile_registration(members)

    def work(transaction: Transaction) -> None:
        begun()
        now = broker.now()
        known = transaction.get_document(_KIND, compiled.id)
        if known is not None and not compile_registration(known["members"]).expired(now):
            raise AlreadyExists(
                f"There is a Context Source Registration {compiled.id} already; choose another id or leave it out",
                instance=compiled.id,
            )
        _refuse_conflicts(transaction, compiled, now)
        document = {"id": compiled.id, "members": members, "createdAt": now, "modifiedAt": now}
        transaction.delete_document(DocumentKind.REGISTRATION_STATUS, compiled.id)
        transaction.put_document(_KIND, compiled.id, document)
        broker.notifier.registration_changed(transaction, call.tenant, None, members)

    with broker.registrations.changing(call.tenant) as begun:
        await broker.store.write(call.tenant, work, create=True)
    return compiled.id


async def update_registration(broker: Broker, call: Call, registration_id: str, fragment: JsonValue) -> None:
    """Update Context Source Registration: each member of the Fragment replaces the one of its name (5.5.8).

    Args:
        broker: Where.
        call: Its @context expands the names of the Fragment.
        registration_id: The target.
        fragment: A Registration Fragment (5.4); the NGSI-LD Null removes a member.

    Raises:
        BadRequestData: The id is no URI, or what the Fragment makes of the Registration is none.
        ResourceNotFound: There is no such Registration.
        Conflict, TooComplexQuery: As `register_context_source`.

    Source: CIM 009 V1.9.1, clause 5.9.3.
    """
    _check_id(registration_id)
    changes = expand_registration(fragment, call.ld_context)
    if changes.get("id", registration_id) != registration_id:
        raise BadRequestData(f'The Fragment has the id "{changes["id"]}", its target is {registration_id} (clause 5.4)')
    _refuse_past(changes, broker.now())

    def work(transaction: Transaction) -> None:
        begun()
        now = broker.now()
        before = _get(transaction, registration_id, now)
        members: JsonObject = {**before["members"], **changes}
        members = {name: value for name, value in members.items() if value != NULL}
        check_registration(members)
        _refuse_patterns(members, broker.settings.max_registration_patterns)
        _refuse_conflicts(transaction, compile_registration(members), now)
        transaction.put_document(_KIND, registration_id, {**before, "members": members, "modifiedAt": now})
        broker.notifier.registration_changed(transaction, call.tenant, before["members"], members)

    with broker.registrations.changing(call.tenant) as begun:
        await broker.store.write(call.tenant, work)


async def delete_registration(broker: Broker, call: Call, registration_id: str) -> None:
    """Delete Context Source Registration.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Registration.

    Source: CIM 009 V1.9.1, clause 5.9.4.
    """
    _check_id(registration_id)

    def work(transaction: Transaction) -> None:
        begun()
        remove_in(broker, transaction, call.tenant, _get(transaction, registration_id, broker.now()))

    with broker.registrations.changing(call.tenant) as begun:
        await broker.store.write(call.tenant, work)


def remove_in(broker: Broker, transaction: Transaction, tenant: str | None, document: JsonObject) -> None:
    """Remove a Registration, inside a transaction."""
    transaction.delete_document(_KIND, document["id"])
    transaction.delete_document(DocumentKind.REGISTRATION_STATUS, document["id"])
    broker.notifier.registration_changed(transaction, tenant, document["members"], None)


async def retrieve_registration(broker: Broker, call: Call, registration_id: str) -> JsonObject:
    """Retrieve Context Source Registration.

    Returns:
        Its members, names as IRIs, with createdAt, modifiedAt and the members of table 5.2.9-2. The caller's to change.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Registration.

    Source: CIM 009 V1.9.1, clause 5.10.1.
    """
    _check_id(registration_id)
    now = broker.now()

    def work(snapshot: Snapshot) -> JsonObject:
        return _shown(snapshot, _get(snapshot, registration_id, now))

    await broker.outcomes.flush()
    return await broker.store.read(call.tenant, work)


async def query_registrations(
    broker: Broker, call: Call, source: RegistrationQueryInput, *, limit: int, offset: int, count: bool
) -> RegistrationPage:
    """Query Context Source Registrations, in the order of their creation.

    Of each, only the RegistrationInfo elements that match are returned ("should", 5.10.2.5).

    Raises:
        BadRequestData: The query is not valid, or too wide.

    Source: CIM 009 V1.9.1, clause 5.10.2.
    """
    query = parse_registration_query(source, call, broker.settings)
    now = broker.now()

    def work(snapshot: Snapshot) -> RegistrationPage:
        documents = snapshot.list_documents(_KIND)
        found = list(_matching(documents, query, now))
        start = page_start(offset, len(found))
        page = [
            {**_shown(snapshot, document), "information": filtered["information"]}
            for document, filtered in found[start : start + limit]
        ]
        return RegistrationPage(
            page, more=start + limit < len(found), count=len(found) if count else None, offset=start
        )

    await broker.outcomes.flush()
    return await broker.store.read(call.tenant, work)


def _matching(
    documents: list[JsonObject], query: RegistrationQuery, now: str
) -> Iterator[tuple[JsonObject, JsonObject]]:
    for document in documents:
        registration = compile_registration(document["members"])
        positions = () if registration.expired(now) else query.matching(registration)
        if positions:
            yield document, filtered_members(document["members"], positions)


def filtered_members(members: JsonObject, positions: tuple[int, ...]) -> JsonObject:
    """A Registration with those RegistrationInfo elements alone that are relevant (5.10.2.5, 5.11.7)."""
    return {**members, "information": [members["information"][position] for position in positions]}


def _shown(snapshot: Snapshot, document: JsonObject) -> JsonObject:
    """Members with what the broker generates (table 5.2.9-2)."""
    counters = snapshot.get_document(DocumentKind.REGISTRATION_STATUS, document["id"]) or {}
    return {
        **document["members"],
        **counters,
        "createdAt": document["createdAt"],
        "modifiedAt": document["modifiedAt"],
    }


def _refuse_conflicts(transaction: Transaction, registration: Registration, now: str) -> None:
    """What 5.9.2.4 and 5.9.3.4 say of exclusive and redirect Registrations.

    4.3.6.3 adds that no redirect Registration can be made for what an exclusive one already has.
    """
    if not registration.proxied:
        return
    for document in transaction.list_documents(_KIND):
        other = compile_registration(document["members"])
        if other.id == registration.id or not other.proxied or other.expired(now):
            continue
        if "exclusive" in (registration.mode, other.mode) and overlap(registration, other):
            raise Conflict(
                f"The {other.mode} Context Source Registration {other.id} is about the same Attributes of the same "
                "Entity (clauses 4.3.6.3, 5.9.2.4)"
            )
    for query in _held_locally(registration):
        found = transaction.query_entities(query).entities
        if found:
            raise Conflict(
                f"The Entity {found[0]['id']} is held here and has what the {registration.mode} Context Source "
                "Registration is about (clause 5.9.2.4); delete it first"
            )


def _held_locally(registration: Registration) -> Iterator[EntityQuery]:
    """Queries for Entities that must not be held here; an exclusive one is about an id, whatever the types."""
    for info in registration.offers:
        attributes = tuple(sorted(info.attributes or ()))
        for selector in _selectors(info.entities, any_type=registration.mode == "exclusive"):
            yield EntityQuery(selectors=(selector,), attributes=attributes, limit=1)
        if not info.entities:
            yield EntityQuery(attributes=attributes, limit=1)


def _selectors(entities: Sequence[EntityInfo], *, any_type: bool) -> Iterator[EntitySelector]:
    """Selectors of registered Entities, of many ids together: each is a query to the store."""
    ids: dict[TypeSelection | None, list[str]] = {}
    for entity in entities:
        types = None if any_type else TypeSelection((entity.types,))
        if entity.id is None:
            yield EntitySelector((), entity.id_pattern, types)
        else:
            ids.setdefault(types, []).append(entity.id)
    for types, found in ids.items():
        for start in range(0, len(found), _IDS_AT_ONCE):
            yield EntitySelector(tuple(found[start : start + _IDS_AT_ONCE]), None, types)


def _check_id(registration_id: str) -> None:
    if not is_uri(registration_id):
        raise BadRequestData(f'The id of a Context Source Registration is a URI; "{registration_id}" is none')


def _get(snapshot: Snapshot, registration_id: str, now: str) -> JsonObject:
    document = snapshot.get_document(_KIND, registration_id)
    if document is None or compile_registration(document["members"]).expired(now):
        raise ResourceNotFound(f"There is no Context Source Registration {registration_id}", instance=registration_id)
    return document


def _refuse_past(members: JsonObject, now: str) -> None:
    expires_at = normalize(members.get("expiresAt"))
    if expires_at is not None and expires_at <= now:
        raise BadRequestData(f'"expiresAt" is {members["expiresAt"]}, which is in the past (clause 5.9.2.4)')


def _refuse_patterns(members: JsonObject, most: int) -> None:
    """Entities are found by their ids and types; patterns have to be tried one by one."""
    count = sum(
        "idPattern" in one and "id" not in one for info in members["information"] for one in info.get("entities", ())
    )
    if count > most:
        raise TooComplexQuery(
            f'The Registration has {count} times "idPattern"; this broker takes {most}. Register types, ids, or '
            "fewer and wider patterns"
        )


def _refuse_null(members: JsonObject) -> None:
    """The NGSI-LD Null belongs to the first level of Fragments alone (5.5.4, 5.5.8)."""
    for name, member in members.items():
        if member == NULL:
            raise BadRequestData(f'"{name}" is the NGSI-LD Null; it removes a member in updates alone (clause 5.5.4)')
