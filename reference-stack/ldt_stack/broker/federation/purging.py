"""Purge Entities at Context Sources: ETSI GS CIM 009 V1.9.1, clause 5.6.21.4."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError, ResourceNotFound
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import LoopDetected, SourceFailure
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.querying import FederatedQuery, Part, parts_of
from ldt_stack.broker.federation.reading import matching, type_selector, wire_names
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.federation.writing import Failure, partial_failure, unsupported
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.operation_names import OPERATIONS

Members = frozenset[str] | None


async def purge_at_sources(
    broker: Surroundings, call: Call, query: FederatedQuery, *, keep: Members, drop: Members
) -> tuple[tuple[Failure, ...], bool]:
    """Forward a purge to all sources that are concerned; what failed, and whether any source did it.

    Args:
        broker: Whose Registrations.
        call: The request.
        query: Which Entities.
        keep: IRIs of Attributes that stay; None: not said.
        drop: IRIs of Attributes that go; None: not said.
    """
    found = await matching(broker, call, query.registrations, tuple(OPERATIONS))
    asked = [
        _Purge(registration, info, part, members)
        for registration, infos in found
        if registration.mode != "auxiliary" and (registration.proxied or "purgeEntity" in registration.operations)
        for info in infos
        if (members := _members(query, info, keep, drop)) is not None
        for part in parts_of(query.local.selectors, info)
    ]
    results = await asyncio.gather(*(_purge(broker, call, query, one) for one in asked))
    failures = [
        Failure(error, one.registration.id)
        for one, error in zip(asked, results, strict=True)
        if error is not None and (one.registration.proxied or not isinstance(error, LoopDetected | ResourceNotFound))
    ]
    return tuple(failures), any(error is None for error in results)


@dataclass(frozen=True, slots=True)
class _Members:
    """IRIs: Attributes that select, that stay and that go; None: not said. Never none at all (see `_members`)."""

    wanted: Members
    keep: Members
    drop: Members


@dataclass(frozen=True, slots=True)
class _Purge:
    registration: Registration
    info: RegistrationInfo
    part: Part
    members: _Members


def _members(query: FederatedQuery, info: RegistrationInfo, keep: Members, drop: Members) -> _Members | None:
    """What a source is asked to purge, within what is registered (4.3.6.1); None: nothing of that.

    Of Entities of which only some Attributes are registered, no others may go: not the Entities themselves either.
    """
    wanted = query.wanted
    if info.attributes is not None:
        wanted = None if wanted is None else wanted & info.attributes
        drop = info.attributes - (keep or frozenset()) if drop is None else drop & info.attributes
        keep = None
    # An empty list would be no list on the wire: everything would go.
    return None if wanted == frozenset() or drop == frozenset() else _Members(wanted, keep, drop)


async def _purge(broker: Surroundings, call: Call, query: FederatedQuery, asked: _Purge) -> NgsiLdError | None:
    registration, part = asked.registration, asked.part
    if "purgeEntity" not in registration.operations:
        return unsupported(registration)
    try:
        names = wire_names(await broker.sources.names_for(registration, call.ld_context))
        filters = query.filters.written_in(names)
        if filters is None or not _can_be_said(asked):
            # What cannot be narrowed to the Registration would purge more than it covers.
            return SourceFailure(f"{registration.id}: its source cannot be asked for exactly what is to be purged")
        request = SourceRequest(
            "DELETE", "/entities", [*_parameters(part, names, asked.members), *filters.parameters], names=names
        )
        return await broker.sources.ask(registration, call, request, partial(_partial, registration))
    except SourceFailure as failure:
        return ResourceNotFound(failure.detail) if failure.answered == 404 else failure


def _can_be_said(asked: _Purge) -> bool:
    """Whether one request says it: there is no parameter for two patterns, for datasetIds, or for keeping nothing."""
    patterns = {one.id_pattern for one in asked.info.entities if one.id_pattern is not None}
    pattern = asked.part.id_pattern
    if asked.registration.dataset_ids is not None or asked.members.keep == frozenset():
        return False
    return pattern is None or not patterns - {pattern}


async def _partial(registration: Registration, reply: Reply) -> SourceFailure | None:
    return partial_failure(registration, reply)


def _parameters(part: Part, names: LdContext, members: _Members) -> list[tuple[str, str]]:
    chosen = {
        "type": type_selector(set(part.types), names) if part.types else "",
        "id": ",".join(part.ids),
        "idPattern": part.id_pattern or "",
        "attrs": _list(members.wanted, names),
        "keep": _list(members.keep, names),
        "drop": _list(members.drop, names),
    }
    return [(name, value) for name, value in chosen.items() if value]


def _list(members: Members, names: LdContext) -> str:
    return ",".join(names.compact_iri(name) for name in sorted(members or ()))
