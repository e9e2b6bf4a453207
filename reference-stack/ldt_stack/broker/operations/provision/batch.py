"""Batch operations: ETSI GS CIM 009 V1.9.1, clauses 5.5.11, 5.6.7 to 5.6.10 and 5.6.20.

Items are processed in order, as if they had arrived in separate requests; all in one transaction, so that they are on
disk together. An item that fails changes nothing. What Context Sources have is written there first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import AlreadyExists, BadRequestData, Conflict, NgsiLdError, ResourceNotFound
from ldt_stack.broker.federation.batches import (
    CREATE,
    BatchItem,
    BatchOperation,
    Single,
    SourceResults,
    forward_batch,
)
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import Fragment, read_entity, read_fragment
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.model.plain import PlainEntity, read_plain, whole_fragment
from ldt_stack.broker.model.values import Nulls
from ldt_stack.broker.operations.distributed.writes import (
    ATTEMPTS,
    RegistrationsChangedError,
    divisions_of,
    is_alone,
    rest_of,
    write_unless_changed,
)
from ldt_stack.broker.operations.provision import attributes, entities
from ldt_stack.broker.operations.targets import check_entity_id, target_entity
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import Transaction

_PATH = "/entityOperations"
_DELETE = BatchOperation("deleteBatch", f"{_PATH}/delete", (), (Single("deleteEntity", "DELETE"),))


class Item(Protocol):
    """One element of a batch: its payload, its own `Call`, and the error that its @context raised, if any."""

    @property
    def payload(self) -> JsonObject:
        """Without "@context"."""
        ...

    @property
    def call(self) -> Call:
        """With its own @context."""
        ...

    @property
    def error(self) -> NgsiLdError | None:
        """What makes it fail before it begins."""
        ...


@dataclass(slots=True)
class BatchResult:
    """Clause 5.2.16: ids of Entities that succeeded (`created` among them), and errors with the id they concern.

    `source_errors` are those of Context Sources, with the id of the Registration.
    """

    success: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    errors: list[tuple[str, NgsiLdError]] = field(default_factory=list)
    source_errors: list[tuple[str, NgsiLdError, str]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything succeeded."""
        return not (self.errors or self.source_errors)

    def take(self, results: SourceResults) -> None:
        """Merge what Context Sources did: "S" and "E" of 5.6.7.4.

        That an Entity is not to be found in one place is no error if it was found in another one (see 5.6.6.4: only
        "no existing Entity … held locally, and no matching registrations apply" is), unless it had to be in that place.
        """
        here = set(self.success)
        there = results.success.keys()
        self.errors = [(i, e) for i, e in self.errors if not (isinstance(e, ResourceNotFound) and i in there)]
        self.source_errors = [*results.errors, *(one for one in results.absent if one[0] not in here | there)]
        self.success += [one for one in results.success if one not in here]
        self.created += sorted(results.created - set(self.created))


_AT_ONCE: Final = 200  # items read without a pause, a few milliseconds
Written = Fragment | PlainEntity
Step = Callable[[Transaction, Call, str, Written], bool]
"""Processes one Entity inside the transaction, at the instant of the operation; whether it was created."""


async def batch_create(broker: Broker, call: Call, items: Iterable[Item]) -> BatchResult:
    """Batch Entity Creation (5.6.7); of one id, the first element creates, the others fail (5.5.11.1)."""

    def step(transaction: Transaction, own: Call, at: str, written: Written) -> bool:
        entities.create_in(broker, transaction, own, at, written)
        return True

    forwarded = BatchOperation("createBatch", f"{_PATH}/create", (), (CREATE,))
    return await _process(broker, call, items, _complete_entity, step, forwarded, whole=True)


async def batch_upsert(broker: Broker, call: Call, items: Iterable[Item], *, update: bool = False) -> BatchResult:
    """Batch Entity Creation or Update (5.6.8); existing Entities are replaced, or with `update` updated.

    Elements of one id one after the other, each with its instances in the history (5.5.11.2).
    """

    def step(transaction: Transaction, own: Call, at: str, written: Written) -> bool:
        before = transaction.find_entity(str(written.id))
        if before is None:
            entities.create_in(broker, transaction, own, at, written)
        elif update:
            attributes.update_in(broker, transaction, own, at, before.entity, whole_fragment(written))
        else:
            entities.replace_in(broker, transaction, own, at, before, written)
        return before is None

    existing = Single("updateEntity", "PATCH", attributes_list=True) if update else Single("replaceEntity", "PUT")
    parameters = (("options", "update"),) if update else ()
    forwarded = BatchOperation("upsertBatch", f"{_PATH}/upsert", parameters, (CREATE, existing))
    return await _process(broker, call, items, _upsert_entity(update), step, forwarded, whole=True)


async def batch_update(broker: Broker, call: Call, items: Iterable[Item], *, overwrite: bool = True) -> BatchResult:
    """Batch Entity Update (5.6.9): Append Attributes to each.

    Without `overwrite`, an Entity of which an Attribute was left untouched is reported as an error: its update was
    not done as asked, although its new Attributes were added.
    """
    kept: list[tuple[str, NgsiLdError]] = []

    def step(transaction: Transaction, own: Call, at: str, written: Written) -> bool:
        entity_id = str(written.id)
        before = target_entity(transaction, entity_id, None)
        result = attributes.append_in(
            broker, transaction, own, at, before, whole_fragment(written), overwrite=overwrite
        )
        if result.not_updated:
            names = ", ".join(name for name, _ in result.not_updated)
            kept.append((entity_id, AlreadyExists(f"{entity_id}: left untouched, as they exist: {names}")))
        return False

    parameters = () if overwrite else (("options", "noOverwrite"),)
    single = (
        Single("updateEntity", "PATCH", attributes_list=True)
        if overwrite
        else Single("appendAttrs", "POST", attributes_list=True, parameters=parameters)
    )
    forwarded = BatchOperation("updateBatch", f"{_PATH}/update", parameters, (single,))
    found = await _process(broker, call, items, _fragment_with_id, step, forwarded)
    for entity_id, error in kept:
        found.success.remove(entity_id)
        found.errors.append((entity_id, error))
    return found


async def batch_merge(
    broker: Broker, call: Call, items: Iterable[Item], options: entities.MergeOptions | None = None
) -> BatchResult:
    """Batch Entity Merge (5.6.20), in the order of the array (5.5.11.5)."""
    chosen = options or entities.MergeOptions()

    def read(own: Call, payload: JsonObject) -> Fragment:
        return _require_id(entities.read_merge_fragment(own, payload, chosen))

    def step(transaction: Transaction, own: Call, at: str, written: Written) -> bool:
        before = target_entity(transaction, str(written.id), None)
        entities.merge_in(broker, transaction, own, at, before, whole_fragment(written), chosen)
        return False

    parameters = tuple(chosen.parameters())
    single = Single("mergeEntity", "PATCH", parameters=parameters)
    forwarded = BatchOperation("mergeBatch", f"{_PATH}/merge", parameters, (single,), simplified=chosen.simplified)
    return await _process(broker, call, items, read, step, forwarded)


async def batch_delete(broker: Broker, call: Call, entity_ids: Sequence[JsonValue]) -> BatchResult:
    """Batch Entity Delete (5.6.10); an id that comes again is not found (5.5.11.4).

    Raises:
        BadRequestData: An element is no string.
    """
    if not all(isinstance(entity_id, str) for entity_id in entity_ids):
        raise BadRequestData("The payload has elements that are no strings; Batch Entity Delete expects Entity ids")
    result = BatchResult()
    targets = [Fragment(entity_id) for entity_id in entity_ids if is_uri(entity_id)]
    divisions = await divisions_of(broker, call, targets, _DELETE.names, whole=True)
    items = [
        BatchItem(str(one.id), {}, call.ld_context, division) for one, division in zip(targets, divisions, strict=True)
    ]

    def work(transaction: Transaction) -> None:
        at = broker.now()
        for entity_id in entity_ids:
            try:
                before = target_entity(transaction, check_entity_id(entity_id), None)
            except (BadRequestData, ResourceNotFound) as error:
                result.errors.append((entity_id, error))
            else:
                entities.delete_in(broker, transaction, call, at, before)
                result.success.append(entity_id)

    results = SourceResults()
    await forward_batch(broker, call, _DELETE, items, results)
    await broker.store.write(call.tenant, work)
    result.take(results)
    return result


class _Readable(NamedTuple):
    """An element that is valid, or what is left of it: its own call, what is to be written, and as it came."""

    call: Call
    written: Written
    payload: JsonObject | None  # None: it can be told from what is to be written

    @property
    def as_it_came(self) -> JsonObject:
        """The payload, or one that says the same."""
        if self.payload is not None:
            return self.payload
        return self.written.payload if isinstance(self.written, PlainEntity) else {}


async def _process(
    broker: Broker,
    call: Call,
    items: Iterable[Item],
    read: Callable[[Call, JsonObject], Fragment],
    step: Step,
    forwarded: BatchOperation,
    *,
    whole: bool = False,
) -> BatchResult:
    """Read all items, forward what others hold, then run the rest in order; errors come in the order of the items.

    `whole` says that Entities are written as a whole: also in a tenant that is not there yet.
    """
    result = BatchResult()
    readable = await _read(items, read, result, condense=whole and await is_alone(broker, call))
    if not readable:
        return result
    results = SourceResults()
    left = readable
    for _ in range(ATTEMPTS):
        generation = broker.registrations.generation(call.tenant)
        left = await _forward(broker, call, left, forwarded, results)
        try:
            if left:
                work = partial(_step_by_step, broker, result, step, left, bodies=not whole)
                await write_unless_changed(broker, call, generation, work, create=whole)
            break
        except RegistrationsChangedError:
            continue
    else:
        raise Conflict("The Registrations that this batch is about keep changing; try again")
    result.take(results)
    return result


async def _read(
    items: Iterable[Item], read: Callable[[Call, JsonObject], Fragment], result: BatchResult, *, condense: bool
) -> list[_Readable]:
    """The items that are valid; the errors of others go into the result.

    With `condense`, what is plain is made ready at once, and its objects need not be kept: of a hundred requests
    under way they would fill the processor's caches many times.
    """
    readable: list[_Readable] = []
    for number, item in enumerate(items):
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)  # a long batch lets the others through
        try:
            if item.error is not None:
                raise item.error
            plain = read_plain(item.payload, item.call.ld_context) if condense else None
            if plain is not None:
                readable.append(_Readable(item.call, plain, None))
            else:
                readable.append(_Readable(item.call, read(item.call, item.payload), item.payload))
        except NgsiLdError as error:
            identifier = item.payload.get("id", item.payload.get("@id"))
            result.errors.append((identifier if isinstance(identifier, str) else "", error))
    return readable


async def _forward(
    broker: Broker, call: Call, readable: list[_Readable], forwarded: BatchOperation, results: SourceResults
) -> list[_Readable]:
    """Forward what others hold, unless they have got it already; returns what is left for this broker."""
    if await is_alone(broker, call):
        return readable
    fragments = [whole_fragment(one.written) for one in readable]
    divisions = await divisions_of(broker, call, fragments, forwarded.names, without=results.asked)
    if not any(divisions):
        return readable
    elements = [
        BatchItem(str(fragment.id), one.as_it_came, one.call.ld_context, division)
        for one, fragment, division in zip(readable, fragments, divisions, strict=True)
    ]
    await forward_batch(broker, call, forwarded, elements, results)
    return [
        _Readable(one.call, rest, one.as_it_came)
        for one, fragment, division in zip(readable, fragments, divisions, strict=True)
        if (rest := rest_of(fragment, division)) is not None
    ]


def _step_by_step(
    broker: Broker,
    result: BatchResult,
    step: Step,
    readable: Sequence[_Readable],
    transaction: Transaction,
    *,
    bodies: bool,
) -> None:
    at = broker.now()
    for number, one in enumerate(readable):
        if number % _AT_ONCE == 0:
            next_ones = readable[number : number + _AT_ONCE]
            transaction.look_ahead([str(next_one.written.id) for next_one in next_ones], bodies=bodies)
        entity_id = str(one.written.id)
        try:
            created = step(transaction, one.call, at, one.written)
        except (AlreadyExists, BadRequestData, ResourceNotFound) as error:
            result.errors.append((entity_id, error))  # raised before anything was written
            continue
        result.success.append(entity_id)
        if created:
            result.created.append(entity_id)


def _complete_entity(call: Call, payload: JsonObject) -> Fragment:
    return read_entity(payload, AttributeReader(call.ld_context))


def _upsert_entity(update: bool) -> Callable[[Call, JsonObject], Fragment]:
    nulls = Nulls.MEMBER if update else Nulls.FORBIDDEN
    return lambda call, payload: read_entity(payload, AttributeReader(call.ld_context, nulls))


def _fragment_with_id(call: Call, payload: JsonObject) -> Fragment:
    return _require_id(read_fragment(payload, AttributeReader(call.ld_context)))


def _require_id(fragment: Fragment) -> Fragment:
    if fragment.id is None:
        raise BadRequestData('An element of the batch has no "id"')
    return fragment
