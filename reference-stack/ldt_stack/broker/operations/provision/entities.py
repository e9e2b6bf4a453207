"""Create, replace, merge and delete one Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.1, 5.6.6, 5.6.17 and 5.6.18.

What Context Sources have of the Entity is written there first (`federation/writing.py`), the rest here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData
from ldt_stack.broker.federation.dividing import Share, Target
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.reading import type_parameter
from ldt_stack.broker.federation.writing import (
    PartialSuccess,
    entity_path,
    in_url,
    share_of_payload,
)
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model import patch
from ldt_stack.broker.model.attributes import REMOVED, AttributeReader
from ldt_stack.broker.model.entities import Fragment, read_entity, read_fragment
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.plain import PlainEntity, read_plain, whole_fragment
from ldt_stack.broker.model.values import Nulls, check_date_time, is_language_tag
from ldt_stack.broker.operations.distributed.writes import (
    RegistrationsChangedError,
    Work,
    datasets_of,
    is_alone,
    known_target,
    write_everywhere,
    write_unless_changed,
)
from ldt_stack.broker.operations.recording import record, record_plain
from ldt_stack.broker.operations.targets import check_entity_id, find_target, read_types, target_entity
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import KeptEntity, Transaction


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """Input data of Merge Entity beside the fragment (5.6.17.3).

    Raises:
        BadRequestData: `observed_at` is no DateTime, or `lang` no language tag: they would be stored.
    """

    simplified: bool = False
    observed_at: str | None = None
    lang: str | None = None

    def __post_init__(self) -> None:
        if self.observed_at is not None:
            object.__setattr__(self, "observed_at", check_date_time(self.observed_at, "The parameter observedAt"))
        if self.lang is not None and not is_language_tag(self.lang):
            raise BadRequestData(f'The parameter lang is "{self.lang}"; expected a language tag of RFC 5646')

    def parameters(self) -> list[tuple[str, str]]:
        """As parameters of a request to a Context Source."""
        given = {
            "options": "keyValues" if self.simplified else None,
            "observedAt": self.observed_at,
            "lang": self.lang,
        }
        return [(name, value) for name, value in given.items() if value is not None]


async def create_entity(broker: Broker, call: Call, payload: JsonObject) -> tuple[str, PartialSuccess | None]:
    """Create Entity (5.6.1); returns its id, and what was not done if only a part was.

    Raises:
        BadRequestData: The payload is no Entity.
        AlreadyExists: There is an Entity with this id.
        Conflict: A Context Source that holds all of it does not offer the operation.
        SourceFailure: It failed.
    """
    plain = read_plain(payload, call.ld_context)
    if plain is not None and await _create_here(broker, call, plain):
        return plain.id, None
    fragment = read_entity(payload, AttributeReader(call.ld_context))
    entity_id = str(fragment.id)
    target = Target(
        entity_id, frozenset(fragment.types), frozenset(fragment.attributes), datasets=datasets_of(fragment)
    )

    def make(share: Share, names: LdContext) -> SourceRequest:
        return SourceRequest("POST", "/entities", (), share_of_payload(share, payload, call.ld_context, names), names)

    def here(part: Fragment) -> Work:
        return lambda transaction: create_in(broker, transaction, call, broker.now(), part)

    return entity_id, await write_everywhere(broker, call, target, ("createEntity",), make, here, fragment, create=True)


async def _create_here(broker: Broker, call: Call, plain: PlainEntity) -> bool:
    """Create an Entity that no Context Source can have a share of; whether it was so."""
    generation = broker.registrations.generation(call.tenant)
    if not await is_alone(broker, call):
        return False

    def work(transaction: Transaction) -> None:
        create_in(broker, transaction, call, broker.now(), plain)

    try:
        await write_unless_changed(broker, call, generation, work, create=True)
    except RegistrationsChangedError:
        return False
    return True


def create_in(broker: Broker, transaction: Transaction, call: Call, at: str, written: Fragment | PlainEntity) -> None:
    """5.6.1.4, inside a transaction; `at` is the instant of the operation.

    NGSI-LD Nulls, which an upsert may bring for an update, create nothing. An Entity that has expired, but is still
    kept, is removed first, as it would have been later (4.22).
    """
    if transaction.find_entity(str(written.id)) is not None:
        raise AlreadyExists(f"There already is an Entity {written.id}", instance=written.id)
    expired = transaction.find_expired(str(written.id))
    if expired is not None:
        delete_in(broker, transaction, call, at, expired)
    if record_plain(broker, transaction, call, at, written, None):
        return
    fragment = whole_fragment(written)
    if any(REMOVED in instance for instances in fragment.attributes.values() for instance in instances):
        raise BadRequestData(f"The Entity {fragment.id} does not exist, so nothing of it can be removed (5.5.4)")
    record(broker, transaction, call, at, None, patch.create(fragment, at))


async def replace_entity(
    broker: Broker, call: Call, entity_id: str, payload: JsonObject, *, types: str | None = None
) -> PartialSuccess | None:
    """Replace Entity (5.6.18): completely, but for the id and createdAt; returns what was not done if a part was not.

    Raises:
        BadRequestData: The id is no URI, or the payload no Entity.
        ResourceNotFound: There is no such Entity.
    """
    check_entity_id(entity_id)
    selection = read_types(call, types)
    fragment = read_entity(payload, AttributeReader(call.ld_context), entity_id=entity_id)

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names)
        return SourceRequest(
            "PUT", entity_path(entity_id), type_parameter(share.infos, entity_id, names, selection), body, names
        )

    def here(part: Fragment) -> Work:
        def work(transaction: Transaction) -> None:
            kept = find_target(transaction, entity_id, selection)
            replace_in(broker, transaction, call, broker.now(), kept, part)

        return work

    target = await known_target(broker, call, entity_id, selection, fragment)
    return await write_everywhere(broker, call, target, ("replaceEntity",), make, here, fragment)


def replace_in(
    broker: Broker, transaction: Transaction, call: Call, at: str, kept: KeptEntity, written: Fragment | PlainEntity
) -> None:
    """5.6.18.4, inside a transaction; `at` is the instant of the operation."""
    if not record_plain(broker, transaction, call, at, written, kept):
        before, fragment = kept.entity, whole_fragment(written)
        record(broker, transaction, call, at, before, patch.create(fragment, at, before["createdAt"], before))


async def merge_entity(
    broker: Broker,
    call: Call,
    entity_id: str,
    payload: JsonObject,
    options: MergeOptions | None = None,
    *,
    types: str | None = None,
) -> PartialSuccess | None:
    """Merge Entity (5.6.17); returns what was not done if only a part was.

    Raises:
        BadRequestData: The id is no URI, or the payload no Entity Fragment, or it changes the type of an Attribute.
        ResourceNotFound: There is no such Entity.
    """
    check_entity_id(entity_id)
    options = options or MergeOptions()
    selection = read_types(call, types)
    fragment = read_merge_fragment(call, payload, options, entity_id)

    def make(share: Share, names: LdContext) -> SourceRequest:
        body = share_of_payload(share, payload, call.ld_context, names, simplified=options.simplified)
        parameters = [*options.parameters(), *type_parameter(share.infos, entity_id, names, selection)]
        return SourceRequest("PATCH", entity_path(entity_id), parameters, body, names)

    def here(part: Fragment) -> Work:
        def work(transaction: Transaction) -> None:
            before = target_entity(transaction, entity_id, selection)
            merge_in(broker, transaction, call, broker.now(), before, part, options)

        return work

    target = await known_target(broker, call, entity_id, selection, fragment)
    return await write_everywhere(broker, call, target, ("mergeEntity",), make, here, fragment)


def read_merge_fragment(
    call: Call, payload: JsonObject, options: MergeOptions, entity_id: str | None = None
) -> Fragment:
    """An Entity Fragment for a merge: NGSI-LD Nulls anywhere, Attributes in part."""
    reader = AttributeReader(call.ld_context, Nulls.ANYWHERE, partial=True, simplified=options.simplified)
    return read_fragment(payload, reader, entity_id=entity_id)


def merge_in(
    broker: Broker,
    transaction: Transaction,
    call: Call,
    at: str,
    before: JsonObject,
    fragment: Fragment,
    options: MergeOptions,
) -> None:
    """5.6.17.4, inside a transaction; `at` is the instant of the operation."""
    patched = patch.merge(
        before,
        fragment,
        at,
        observed_at=options.observed_at,
        lang=options.lang,
        simplified=options.simplified,
    )
    if patched.changes(before):
        record(broker, transaction, call, at, before, patched.entity)


async def delete_entity(
    broker: Broker, call: Call, entity_id: str, *, types: str | None = None
) -> PartialSuccess | None:
    """Delete Entity (5.6.6); returns what was not done if only a part was.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such Entity.
    """
    check_entity_id(entity_id)
    selection = read_types(call, types)

    def make(share: Share, names: LdContext) -> SourceRequest:
        return SourceRequest(
            "DELETE", entity_path(entity_id), type_parameter(share.infos, entity_id, names, selection), names=names
        )

    def here(_: Fragment) -> Work:
        def work(transaction: Transaction) -> None:
            before = target_entity(transaction, entity_id, selection)
            delete_in(broker, transaction, call, broker.now(), before)

        return work

    target = await known_target(broker, call, entity_id, selection, None)
    return await write_everywhere(broker, call, target, ("deleteEntity",), in_url(make), here, Fragment(entity_id))


def delete_in(broker: Broker, transaction: Transaction, call: Call, at: str, before: JsonObject) -> None:
    """5.6.6.4, inside a transaction; `at` is the instant of the operation."""
    record(broker, transaction, call, at, before, None)
