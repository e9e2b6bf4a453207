"""Batch operations at Context Sources: ETSI GS CIM 009 V1.9.1, clauses 5.6.7.4 to 5.6.10.4 and 5.6.20.4.

For each Registration the Entities of the batch that it matches, without what is others', go in one request where the
source offers the batch operation, else one by one where it offers an operation that does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import (
    ERRORS_IRI,
    AlreadyExists,
    BadRequestData,
    Conflict,
    NgsiLdError,
    OperationNotSupported,
    ResourceNotFound,
)
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.dividing import Division, Share
from ldt_stack.broker.federation.failures import SourceFailure, SourceInvalid, SourceRefused
from ldt_stack.broker.federation.messages import SourceRequest, masked, wants_plain_json
from ldt_stack.broker.federation.payloads import fallback, of_datasets, part_of, renamed, version_of
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.federation.writing import entity_path, may_be_elsewhere, partial_failure, unsupported
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, LdContext, core_context
from ldt_stack.broker.model.names import JsonObject, JsonValue

T = TypeVar("T")
Parameters = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Single:
    """An operation on one Entity that stands in for a batch operation."""

    operation: str
    method: str
    attributes_list: bool = False  # …/attrs
    parameters: Parameters = ()


@dataclass(frozen=True, slots=True)
class BatchOperation:
    """A batch operation, as it is forwarded.

    Args:
        name: Of clause 4.20.
        path: Below the API root.
        parameters: Of the request.
        singles: What stands in for it, in the order of preference. After "createEntity" has met an Entity that exists,
            the next one that is offered is tried (5.6.8.4).
        simplified: Whether payloads are simplified.
    """

    name: str
    path: str
    parameters: Parameters = ()
    singles: tuple[Single, ...] = ()
    simplified: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All operations, any of which will do."""
        return (self.name, *(single.operation for single in self.singles))


CREATE: Final = Single("createEntity", "POST")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One Entity of a batch: its payload, in its own @context; for a deletion its id alone. And who gets what of it."""

    entity_id: str
    payload: JsonObject
    ld_context: LdContext
    division: Division | None


@dataclass(slots=True)
class SourceResults:
    """The lists S and E of 5.6.7.4, as far as Context Sources go.

    Args:
        success: Ids of Entities of which a source did its share; `created` among them.
        errors: Id of an Entity, what went wrong, id of the Registration.
        absent: Likewise, of sources that need not have the Entity: an error only where nobody has it.
        asked: Registrations that had their share.
        done: Shares that were done, by id of the Entity.
    """

    success: dict[str, None] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    errors: list[tuple[str, NgsiLdError, str]] = field(default_factory=list)
    absent: list[tuple[str, NgsiLdError, str]] = field(default_factory=list)
    done: dict[str, list[Share]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)


async def forward_batch(
    broker: Surroundings, call: Call, operation: BatchOperation, items: Sequence[BatchItem], results: SourceResults
) -> None:
    """Forward a batch to all Context Sources that are concerned, at the same time; adds to the results."""
    groups: dict[str, list[tuple[BatchItem, Share]]] = {}
    for item in items:
        for share in item.division.shares if item.division is not None else ():
            groups.setdefault(share.registration.id, []).append((item, share))
    results.asked |= groups.keys()
    found = [_Group(broker, call, operation, group, results) for group in groups.values()]
    await asyncio.gather(*(group.forward() for group in found))
    for group in found:
        group.sort_out_errors()


class _Group:
    """What goes to one source, and where its results go."""

    def __init__(
        self,
        broker: Surroundings,
        call: Call,
        operation: BatchOperation,
        members: list[tuple[BatchItem, Share]],
        results: SourceResults,
    ) -> None:
        self.broker, self.call, self.operation, self.members, self.results = broker, call, operation, members, results
        self.registration: Registration = members[0][1].registration
        self._shares = {item.entity_id: share for item, share in members}
        self._errors: list[tuple[str, NgsiLdError]] = []

    async def forward(self) -> None:
        offered = self.registration.operations
        try:
            if self.operation.name in offered:
                await self._at_once()
                return
            singles = [single for single in self.operation.singles if single.operation in offered]
            for item, share in self.members:
                error = await self._one_by_one(item, share, singles) if singles else unsupported(self.registration)
                self._note(item.entity_id, error)
        except SourceFailure as failure:
            for item, _ in self.members:
                self._note(item.entity_id, failure)

    def _note(self, entity_id: str, error: NgsiLdError | None) -> None:
        if error is None:
            self.results.success[entity_id] = None
            self.results.done.setdefault(entity_id, []).append(self._shares[entity_id])
        else:
            self._errors.append((entity_id, error))

    def sort_out_errors(self) -> None:
        """Once all have answered: what this source does not have, others may."""
        for entity_id, error in self._errors:
            done = self.results.done.get(entity_id, ())
            absent = isinstance(error, ResourceNotFound) and may_be_elsewhere(self._shares[entity_id], done)
            kept = self.results.absent if absent else self.results.errors
            kept.append((entity_id, error, self.registration.id))

    async def _ask(self, request: SourceRequest, read: Callable[[Reply], Awaitable[T]]) -> T | None:
        return await self.broker.sources.ask(self.registration, self.call, request, read)

    async def _at_once(self) -> None:
        body, names, inline = await self._body()

        async def read(reply: Reply) -> None:
            self._take(reply)

        operation = self.operation
        await self._ask(SourceRequest("POST", operation.path, operation.parameters, body, names, inline), read)

    async def _body(self) -> tuple[JsonValue, LdContext, bool]:
        """The array, the @context that it is in, and whether its elements have their own."""
        if self.operation.name == "deleteBatch":
            return [item.entity_id for item, _ in self.members], core_context(), False
        wanted = [await self._names(item) for item, _ in self.members]
        if any(names is not wanted[0] for names in wanted) and not wants_plain_json(self.registration):
            elements = [
                {**self._payload(item, share, names), "@context": _source(names)}
                for (item, share), names in zip(self.members, wanted, strict=True)
            ]
            return elements, wanted[0], True
        common = wanted[0] if all(names is wanted[0] for names in wanted) else core_context()
        return [self._payload(item, share, common) for item, share in self.members], common, False

    async def _names(self, item: BatchItem) -> LdContext:
        return await self.broker.sources.names_for(self.registration, item.ld_context)

    def _payload(self, item: BatchItem, share: Share, names: LdContext) -> JsonObject:
        simplified = self.operation.simplified
        part = part_of(item.payload, share.attributes, item.ld_context)
        part = of_datasets(part, share.dataset_ids, simplified=simplified)
        part = renamed(part, item.ld_context, names, simplified=simplified)
        return fallback(part, version_of(self.registration.setting("ngsildConformance")))

    def _take(self, reply: Reply) -> None:
        """201 with what was created, 204, or 207 with a BatchOperationResult (5.2.16)."""
        sent = [item.entity_id for item, _ in self.members]
        done = set(sent)
        if reply.status == 207:
            done = self._take_result(sent, reply.body)
        listed = reply.body if reply.status == 201 and isinstance(reply.body, list) else []
        # Of a creation, whatever was done was created, also where the source does not list it.
        created = done if self.operation.name == "createBatch" else [one for one in listed if one in sent]
        self.results.created.update(created)
        for entity_id in sent:
            if entity_id in done:
                self._note(entity_id, None)

    def _take_result(self, sent: Sequence[str], body: JsonValue) -> set[str]:
        """Take errors over; returns what succeeded: an Entity that neither list has did not."""
        if not isinstance(body, dict) or not isinstance(body.get("errors"), list):
            raise SourceInvalid(f"{self.registration.id}: it answered 207 without a BatchOperationResult")
        failed = set()
        for one in body["errors"]:
            entity_id = one.get("entityId") if isinstance(one, dict) else None
            if isinstance(entity_id, str) and entity_id in sent:
                failed.add(entity_id)
                self._note(entity_id, self._reported(one.get("error")))
        success = body.get("success")
        done = {one for one in success if isinstance(one, str)} if isinstance(success, list) else set(sent) - failed
        for entity_id in sent:
            if entity_id not in done | failed:
                detail = f"{self.registration.id}: it answered 207 and says nothing of {entity_id}"
                self._note(entity_id, SourceInvalid(detail))
        return done - failed

    def _reported(self, problem: JsonValue) -> NgsiLdError:
        known = problem if isinstance(problem, dict) else {}
        said = known.get("detail") or known.get("title")
        reason = masked(self.registration, said) if isinstance(said, str) else "it gave no reason"
        return _as_said(known, SourceRefused(f"{self.registration.id}: {reason}"))

    async def _one_by_one(self, item: BatchItem, share: Share, singles: Sequence[Single]) -> NgsiLdError | None:
        names = await self._names(item)

        async def read(reply: Reply) -> SourceFailure | None:
            return partial_failure(self.registration, reply)

        exists: NgsiLdError | None = None
        for single in singles:
            try:
                partial = await self._ask(self._single_request(item, share, single, names), read)
            except SourceFailure as failure:
                error = _as_said(failure.problem or {}, failure)
                if single is CREATE and failure.answered == 409:
                    exists = error
                    continue
                return ResourceNotFound(failure.detail) if failure.answered == 404 else error
            if single is CREATE and partial is None:
                self.results.created.add(item.entity_id)
            return partial
        if len(self.operation.singles) > 1:  # 5.6.8.4: it exists, and can be neither replaced nor updated
            return OperationNotSupported(f"{self.registration.id}: {item.entity_id} exists there and cannot be changed")
        return exists

    def _single_request(self, item: BatchItem, share: Share, single: Single, names: LdContext) -> SourceRequest:
        path = "/entities" if single is CREATE else entity_path(item.entity_id)
        path += "/attrs" if single.attributes_list else ""
        if single.method == "DELETE":
            return SourceRequest("DELETE", path, single.parameters)
        return SourceRequest(single.method, path, single.parameters, self._payload(item, share, names), names)


def _source(ld_context: LdContext) -> JsonValue:
    return CORE_CONTEXT_URL if ld_context.source is None else ld_context.source


def _as_said(problem: JsonObject, error: NgsiLdError) -> NgsiLdError:
    """The error with the type that a source gave it, where that says what is wrong with the input (5.5.2)."""
    kinds = (AlreadyExists, BadRequestData, Conflict, OperationNotSupported, ResourceNotFound)
    said = problem.get("type")
    return next((kind(error.detail) for kind in kinds if said == ERRORS_IRI + kind.type_name), error)
