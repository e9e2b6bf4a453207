"""EntityMaps of Context Sources: ETSI GS CIM 009 V1.9.1, clauses 5.14.4.4 and 5.14.5.4.

One request must be able to say what a source is asked, and its pages are asked for by GET, as the map is: a POST has no
header for a map (6.23.3.1). Other sources are asked without a map, as are those that decline to make one (5.5.14).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from ldt_stack.broker.call import Call
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import SourceFailure
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.querying import FederatedQuery, Part, parts_of, query_request
from ldt_stack.broker.federation.reading import matching, wire_names
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.query.lexical import is_uri


@dataclass(frozen=True, slots=True)
class SourceMap:
    """An EntityMap that a Context Source made: its id, and the Entities in it."""

    registration_id: str
    identifier: str
    entity_ids: tuple[str, ...]


async def maps_of_sources(broker: Surroundings, call: Call, query: FederatedQuery) -> list[SourceMap]:
    """The EntityMaps that Context Sources make for a query, where their Registrations offer it (5.14.4.4)."""
    found = await matching(broker, call, query.registrations, ("createEntityMapQueryEntity",))
    asked = [
        (registration, infos[0], parts[0])
        for registration, infos in found
        if len(infos) == 1
        and len(parts := parts_of(query.local.selectors, infos[0])) == 1
        and parts[0].id_pattern is None
        and "queryEntity" in registration.operations
    ]
    answers = await asyncio.gather(*(_ask(broker, call, query, *one) for one in asked))
    return [one for one in answers if one is not None]


async def _ask(
    broker: Surroundings,
    call: Call,
    query: FederatedQuery,
    registration: Registration,
    info: RegistrationInfo,
    part: Part,
) -> SourceMap | None:
    try:
        names = wire_names(await broker.sources.names_for(registration, call.ld_context))
    except SourceFailure:
        return None
    filters = None if query.split else query.filters.written_in(names)
    request = query_request(query, registration, info, part, names, [], as_batch=False, filters=filters)
    return await ask_for_map(broker, call, registration, replace(request, path="/entityMaps"))


async def ask_for_map(
    broker: Surroundings, call: Call, registration: Registration, request: SourceRequest
) -> SourceMap | None:
    """The EntityMap that a Context Source makes when it is asked; None if it does not."""

    async def read(reply: Reply) -> SourceMap | None:
        body = reply.body
        if not isinstance(body, dict) or not isinstance(body.get("entityMap"), dict):
            return None
        identifier = body.get("id")
        if not isinstance(identifier, str) or not is_uri(identifier):
            return None
        return SourceMap(registration.id, identifier, tuple(one for one in body["entityMap"] if is_uri(one)))

    try:
        return await broker.sources.ask(registration, call, replace(request, optional=True), read, absent=True)
    except SourceFailure:
        return None  # it is asked again, without a map: if that fails, too, there is a warning
