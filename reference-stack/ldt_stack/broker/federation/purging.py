"""Purge Entities at Context Sources: ETSI GS CIM 009 V1.9.1, clause 5.6.21.4."""

from __future__ import annotations

import asyncio

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError, ResourceNotFound
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import LoopDetected, SourceFailure
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.querying import FederatedQuery, Part, parts_of
from ldt_stack.broker.federation.reading import matching, type_selector, wire_names
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.federation.writing import Failure, unsupported
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
        (registration, info, part)
        for registration, infos in found
        if registration.mode != "auxiliary" and (registration.proxied or "purgeEntity" in registration.operations)
        for info in infos
        for part in parts_of(query.local.selectors, info)
    ]
    results = await asyncio.gather(*(_purge(broker, call, query, one, keep, drop) for one in asked))
    failures = [
        Failure(error, registration.id)
        for (registration, _, _), error in zip(asked, results, strict=True)
        if error is not None and (registration.proxied or not isinstance(error, LoopDetected))
    ]
    return tuple(failures), any(error is None for error in results)


async def _purge(
    broker: Surroundings,
    call: Call,
    query: FederatedQuery,
    asked: tuple[Registration, RegistrationInfo, Part],
    keep: Members,
    drop: Members,
) -> NgsiLdError | None:
    registration, info, part = asked
    if "purgeEntity" not in registration.operations:
        return unsupported(registration)
    try:
        names = wire_names(await broker.sources.names_for(registration, call))
        patterns = {one.id_pattern for one in info.entities if one.id_pattern is not None}
        unsaid = query.filters.parameters and names is not call.ld_context
        if unsaid or (part.id_pattern is not None and patterns - {part.id_pattern}):
            # What cannot be narrowed to the Registration would purge more than it covers.
            return SourceFailure(f"{registration.id}: its source cannot be asked for exactly what is to be purged")
        request = SourceRequest("DELETE", "/entities", _parameters(query, info, part, names, keep, drop), names=names)
        await broker.sources.ask(registration, call, request, _ignore)
    except SourceFailure as failure:
        return ResourceNotFound(failure.detail) if failure.answered == 404 else failure
    return None


async def _ignore(_: Reply) -> None:
    """204 says it all."""


def _parameters(
    query: FederatedQuery, info: RegistrationInfo, part: Part, names: LdContext, keep: Members, drop: Members
) -> list[tuple[str, str]]:
    if info.attributes is not None:  # of its Entities, the other Attributes are not what is registered
        drop = info.attributes - (keep or frozenset()) if drop is None else drop & info.attributes
        keep = None
    chosen = {
        "type": type_selector(set(part.types), names) if part.types else "",
        "id": ",".join(part.ids),
        "idPattern": part.id_pattern or "",
        "attrs": _list(query.wanted, names),
        "keep": _list(keep, names),
        "drop": _list(drop, names),
    }
    return [*((name, value) for name, value in chosen.items() if value), *query.filters.parameters]


def _list(members: Members, names: LdContext) -> str:
    return ",".join(names.compact_iri(name) for name in sorted(members or ()))
