"""Writes to Context Sources, and what comes of a write as a whole: ETSI GS CIM 009 V1.9.1, clauses 5.6 and 6.3.17."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, Conflict, NgsiLdError, ResourceNotFound
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.dividing import Division, Share, Target, divide
from ldt_stack.broker.federation.failures import SourceFailure
from ldt_stack.broker.federation.loops import own_alias
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.payloads import attribute_for, fallback, of_datasets, part_of, renamed, version_of
from ldt_stack.broker.federation.reading import wire_names
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject, JsonValue

MakeRequest = Callable[[Share, LdContext], SourceRequest]
"""What a share asks of its source, its names in a @context."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A part of a write that was not done.

    Args:
        error: Why.
        registration_id: Of the source; None: this broker itself.
        attributes: IRIs of the Attributes that it is about; None: the Entity as a whole.
    """

    error: NgsiLdError
    registration_id: str | None = None
    attributes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PartialSuccess:
    """A write of which some parts were done and others not: over HTTP a 207 (6.3.17)."""

    entity_id: str
    failures: tuple[Failure, ...]


@dataclass(slots=True)
class Parts:
    """What has come of the parts of a write.

    Args:
        entity_id: Of the Entity.
        done: Whether anything was done.
        failures: What was not.
        statuses: HTTP statuses of the sources that did their share.
        shares: What they did, or a part of it.
    """

    entity_id: str
    done: bool = False
    failures: list[Failure] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)

    def conclude(self) -> PartialSuccess | None:
        """None: all was done, as far as there was something to do.

        Raises:
            ResourceNotFound: Neither this broker nor a source knows the Entity.
            NgsiLdError: Nothing was done: why. Our own error says more than that of a source.
        """
        if not self.failures:
            if not self.done:
                raise ResourceNotFound(
                    f"There is no Entity {self.entity_id}, here or at a Context Source", instance=self.entity_id
                )
            return None
        if self.done:
            return PartialSuccess(self.entity_id, tuple(self.failures))
        raise min(self.failures, key=lambda failure: failure.registration_id is not None).error


async def division_of(
    broker: Surroundings, call: Call, target: Target, operations: Sequence[str], without: Collection[str] = ()
) -> Division | None:
    """How a write is divided; None: no Context Source is concerned, all is done here.

    Args:
        broker: Whose Registrations.
        call: The request.
        target: What it is about.
        operations: Names (4.20), any of which a source must offer.
        without: Ids of Registrations that have had their share.
    """
    if call.local:
        return None
    registrations = await broker.registrations.registrations(call.tenant, broker.now)
    if without:  # what is left has nothing of a proxied one any more, unless that has changed
        parts = target.attributes is not None
        registrations = tuple(one for one in registrations if one.id not in without or (one.proxied and parts))
    if not registrations:
        return None
    own = own_alias(broker.settings.alias, call.tenant)
    division = divide(registrations, target, operations, call.via, own)
    return division if division.shares else None


async def distribute(
    broker: Surroundings, call: Call, parts: Parts, shares: Sequence[Share], make: MakeRequest
) -> None:
    """Forward the shares, all at once; what comes of them is noted in the parts."""
    results = await asyncio.gather(*(_forward(broker, call, parts, share, make) for share in shares))
    succeeded = [share for share, (done, _) in zip(shares, results, strict=True) if done]
    parts.shares += succeeded
    for share, (done, failure) in zip(shares, results, strict=True):
        parts.done = parts.done or done
        absent = failure is not None and isinstance(failure.error, ResourceNotFound)
        if failure is not None and not (absent and may_be_elsewhere(share, succeeded)):
            parts.failures.append(failure)


def may_be_elsewhere(share: Share, succeeded: Sequence[Share]) -> bool:
    """Whether it is no failure that a source does not have what it was asked for.

    What an inclusive one does not have may be here, or at another one. So may what a redirect one does not have: the
    same was asked of all that may have it, and another one did it.
    """
    mode = share.registration.mode
    return mode == "inclusive" or (
        mode == "redirect"
        and any(
            one.registration.mode == "redirect"
            and (one.attributes is None or (share.attributes is not None and share.attributes <= one.attributes))
            for one in succeeded
        )
    )


async def _forward(
    broker: Surroundings, call: Call, parts: Parts, share: Share, make: MakeRequest
) -> tuple[bool, Failure | None]:
    """Whether a source did its share, or some of it, and what it did not."""
    registration = share.registration
    if share.supported is None:
        return False, Failure(unsupported(registration), registration.id, share.attributes)

    async def read(reply: Reply) -> Failure | None:
        error = partial_failure(registration, reply)
        parts.statuses.append(reply.status)
        return None if error is None else Failure(error, registration.id, _not_updated(reply) or share.attributes)

    try:
        names = await broker.sources.names_for(registration, call.ld_context)
        return True, await broker.sources.ask(registration, call, make(share, names), read)
    except SourceFailure as failure:
        error = ResourceNotFound(failure.detail) if failure.answered == 404 else failure
        return False, Failure(error, registration.id, share.attributes)


def unsupported(registration: Registration) -> Conflict:
    """The operation is not one that a proxied Registration offers (5.6.1.4 and its siblings)."""
    return Conflict(
        f"{registration.id}: what it is about is held by its Context Source alone, which does not offer this operation"
    )


def partial_failure(registration: Registration, reply: Reply) -> SourceFailure | None:
    """What a source that itself did only a part (207) says of the rest; None: it did everything."""
    if reply.status != 207:
        return None
    reasons = "; ".join(dict.fromkeys(_reasons(reply.body))) or "it gave no reason"
    return SourceFailure(f"{registration.id}: its Context Source did only a part of it: {reasons:.500}")


def _reasons(body: JsonValue) -> Iterator[str]:
    """Of an UpdateResult (5.2.18), or of a BatchOperationResult (5.2.16)."""
    for one in _listed(body, "notUpdated"):
        if isinstance(one.get("reason"), str):
            yield one["reason"]
    for one in _listed(body, "errors"):
        error = one.get("error")
        reason = error.get("detail") or error.get("title") if isinstance(error, dict) else None
        if isinstance(reason, str):
            yield reason


def _not_updated(reply: Reply) -> frozenset[str]:
    """IRIs of the Attributes that an UpdateResult says were not updated (5.2.19); empty: it is none."""
    found = set()
    for one in _listed(reply.body, "notUpdated"):
        if isinstance(one.get("attributeName"), str):
            with contextlib.suppress(BadRequestData):  # no name: nothing that we asked for
                found.add(reply.ld_context.expand_term(one["attributeName"]))
    return frozenset(found)


def _listed(body: JsonValue, member: str) -> list[JsonObject]:
    listed = body.get(member) if isinstance(body, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def entity_path(entity_id: str, attribute: str | None = None) -> str:
    """The path of an Entity, or of one of its Attributes, below the API root."""
    path = f"/entities/{quote(entity_id, safe=':')}"
    return path if attribute is None else f"{path}/attrs/{quote(attribute, safe=':')}"


def evolution_path(entity_id: str, *below: str) -> str:
    """The path of a temporal evolution, or of something below its Attributes, below the API root."""
    path = f"/temporal/entities/{quote(entity_id, safe=':')}"
    return "/".join((path, "attrs", *(quote(one, safe=":") for one in below))) if below else path


def share_of_payload(
    share: Share, payload: JsonObject, given: LdContext, names: LdContext, *, simplified: bool = False
) -> JsonObject:
    """The part of an Entity (Fragment) that a source gets, as it wants it."""
    part = of_datasets(part_of(payload, share.attributes, given), share.dataset_ids, simplified=simplified)
    version = version_of(share.registration.setting("ngsildConformance"))
    return fallback(renamed(part, given, names, simplified=simplified), version)


def share_of_attribute(share: Share, payload: JsonObject, given: LdContext, names: LdContext) -> JsonObject:
    """An Attribute Fragment as a source wants it."""
    return attribute_for(payload, given, names, version_of(share.registration.setting("ngsildConformance")))


def in_url(make: Callable[[Share, LdContext], SourceRequest]) -> MakeRequest:
    """For requests that have their names in the URL alone: in a @context that a Link header can refer to."""
    return lambda share, names: make(share, wire_names(names))
