"""What Context Sources have of Entities: ETSI GS CIM 009 V1.9.1, clauses 5.7.1.4 and 5.7.2.4.

Every source whose Registration matches is asked at once, for what its Registration covers and no more (4.3.6.1); a
source that fails costs its part of the answer and gives a warning (6.3.17), never the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import SourceFailure, SourceInvalid, SourceTimeout
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.messages import API_ROOT, SourceRequest, warning
from ldt_stack.broker.federation.received import read_received, within_registration
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.ld_context import LdContext, core_context
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.query import TypeSelection

T = TypeVar("T")


@dataclass(slots=True)
class Versions:
    """What sources have of one Entity: expanded versions, those of auxiliary sources apart, and whose they are."""

    equal: list[JsonObject] = field(default_factory=list)
    auxiliary: list[JsonObject] = field(default_factory=list)
    registrations: list[str] = field(default_factory=list)

    def add(self, registration: Registration, version: JsonObject) -> None:
        """One more, from a source."""
        (self.auxiliary if registration.mode == "auxiliary" else self.equal).append(version)
        if registration.id not in self.registrations:
            self.registrations.append(registration.id)


async def matching(
    broker: Surroundings, call: Call, query: RegistrationQuery, operations: Sequence[str]
) -> list[tuple[Registration, list[RegistrationInfo]]]:
    """Registrations that match a query and offer one of some operations, with what matches of each (5.12)."""
    if call.local:
        return []
    found = []
    for registration in await broker.registrations.registrations(call.tenant, broker.now):
        if registration.operations.isdisjoint(operations):
            continue
        if call.sources is not None and registration.id not in call.sources:
            continue
        infos = query.offered(registration)
        if infos:
            found.append((registration, infos))
    return found


async def or_warning(call: Call, registration: Registration, work: Awaitable[T]) -> T | None:
    """The result of asking a source; None, and a warning, if it fails."""
    try:
        return await work
    except SourceFailure as failure:
        call.warnings.append(warning(registration, failure.warning_code, failure.detail))
        return None


async def within_time(broker: Surroundings, registration: Registration, work: Awaitable[T]) -> T:
    """All pages of one request, in the time that a query may take: a source may have many, each one just in time.

    Raises:
        SourceTimeout: It takes longer.
    """
    most = broker.settings.query_timeout_seconds
    try:
        async with asyncio.timeout(most):
            return await work
    except TimeoutError:
        raise SourceTimeout(f"{registration.id}: its Context Source needs more than {most:g} s for all pages") from None


def dataset_ids_for(registration: Registration, wanted: frozenset[str] | None) -> frozenset[str] | None:
    """The datasetIds that a source is asked for: of those wanted, those that are registered (4.3.6.1); None: any."""
    offered = registration.dataset_ids
    if offered is None or wanted is None:
        return offered if wanted is None else wanted
    return offered & wanted


def map_header(call: Call, registration: Registration) -> dict[str, str]:
    """The header for "the location of the linked EntityMap", part of any forwarded request (5.7.1.4, 5.7.2.4)."""
    identifier = call.source_maps.get(registration.id)
    return {} if identifier is None else {"NGSILD-EntityMap": f"{API_ROOT}/entityMaps/{quote(identifier, safe=':')}"}


def wire_names(ld_context: LdContext) -> LdContext:
    """The @context for names in a URL: one that a Link header can refer to, else the core, in which names are IRIs."""
    return ld_context if ld_context.url is not None else core_context()


async def retrieve_versions(
    broker: Surroundings,
    call: Call,
    entity_id: str,
    wanted: EntitySpecification,
    *,
    attributes: frozenset[str] | None,
    dataset_ids: frozenset[str] | None,
    selecting: bool = False,
    without: str | None = None,
) -> Versions | None:
    """What Context Sources have of one Entity (5.7.1.4); None: no Registration matches.

    Args:
        broker: Whose Registrations.
        call: The request.
        entity_id: Which Entity.
        wanted: The same, with the types that it must have.
        attributes: IRIs of Attributes that are of interest; None: all.
        dataset_ids: Likewise of their instances.
        selecting: Whether an Entity without any of the Attributes, whatever their datasetId, is none (attrs). A source
            that is asked for some takes it so; else it is asked for all.
        without: A Registration that is left aside.
    """
    if call.local or not await broker.registrations.registrations(call.tenant, broker.now):
        return None
    query = RegistrationQuery((wanted,), attributes, dataset_ids=dataset_ids)
    found = [one for one in await matching(broker, call, query, ("retrieveEntity",)) if one[0].id != without]
    if not found:
        return None

    async def ask(registration: Registration, infos: list[RegistrationInfo]) -> JsonObject | None:
        names = wire_names(await broker.sources.names_for(registration, call.ld_context))
        covering = [info for info in infos if info.covers(entity_id, None)]
        selected = attributes if selecting else None
        datasets = dataset_ids_for(registration, None if selecting else dataset_ids)
        parameters = _retrieval_parameters(covering, names, selected, datasets)
        parameters += type_parameter(covering, entity_id, names, wanted.types)
        path = f"/entities/{quote(entity_id, safe=':')}"
        request = SourceRequest("GET", path, parameters, names=names, headers=map_header(call, registration))

        async def read(reply: Reply) -> JsonObject | None:
            entity = await read_entity_of(broker, registration, reply.body, reply.ld_context)
            if entity["id"] != entity_id:
                raise SourceInvalid(f"{registration.id}: asked for {entity_id}, it answered with {entity['id']}")
            if wanted.types is not None and not wanted.types.matches(entity):
                return None  # not what was asked for, to a source that does not look at types
            return narrowed(entity, registration, covering)

        return await broker.sources.ask(registration, call, request, read, absent=True)

    answers = await asyncio.gather(*(or_warning(call, one, ask(one, infos)) for one, infos in found))
    versions = Versions()
    for (registration, _), version in zip(found, answers, strict=True):
        if version is not None:
            versions.add(registration, version)
    return versions


def _retrieval_parameters(
    infos: Sequence[RegistrationInfo],
    names: LdContext,
    attributes: frozenset[str] | None,
    dataset_ids: frozenset[str] | None,
) -> list[tuple[str, str]]:
    parameters = [("options", "sysAttrs")]
    offered = offered_attributes(infos)
    asked = attributes if offered is None else offered if attributes is None else attributes & offered
    if asked is not None:
        parameters.append(("attrs", ",".join(names.compact_iri(name) for name in sorted(asked))))
    if dataset_ids is not None:
        parameters.append(("datasetId", ",".join(sorted(dataset_ids))))
    return parameters


def type_parameter(
    infos: Sequence[RegistrationInfo], entity_id: str, names: LdContext, selection: TypeSelection | None
) -> list[tuple[str, str]]:
    """The Entity Types that a request about one Entity is limited to.

    Those that were asked for, of them those that are registered; where none were asked for, those that are registered,
    unless the Entity itself is: "additional types" (4.3.6.1) are out of the question then.
    """
    entities = [one for info in infos for one in info.about(entity_id)]
    offered = {one.types for one in entities} if entities and all(info.entities for info in infos) else set()
    if selection is None or selection.selects_all:
        wanted = set() if any(one.id == entity_id for one in entities) else offered
    elif offered:
        wanted = {one for one in offered if any(asked <= one for asked in selection.alternatives)} or offered
    else:
        wanted = set(selection.alternatives)
    return [("type", type_selector(wanted, names))] if wanted else []


def offered_attributes(infos: Sequence[RegistrationInfo]) -> frozenset[str] | None:
    """IRIs of all Attributes that are offered; None: all there are."""
    names: set[str] = set()
    for info in infos:
        if info.attributes is None:
            return None
        names |= info.attributes
    return frozenset(names)


def type_selector(alternatives: set[frozenset[str]], names: LdContext) -> str:
    """A selector of Entity Types (4.17) that is met by any of some sets of types."""
    texts = [sorted(names.compact_iri(name) for name in types) for types in alternatives]
    return ",".join(sorted(types[0] if len(types) == 1 else f"({';'.join(types)})" for types in texts))


async def read_entity_of(
    broker: Surroundings, registration: Registration, body: object, ld_context: LdContext
) -> JsonObject:
    """One Entity of an answer, expanded with its own @context or that of the answer.

    Raises:
        SourceInvalid: It is none.
    """
    if not isinstance(body, dict):
        raise SourceInvalid(f"{registration.id}: expected an Entity, it answered {type(body).__name__}")
    try:
        if "@context" in body:
            ld_context = await broker.contexts.resolve(body["@context"])
        return read_received(body, ld_context)
    except NgsiLdError as error:
        raise SourceInvalid(f"{registration.id}: it answered with what is no Entity: {error.detail}") from None


def narrowed(entity: JsonObject, registration: Registration, infos: Sequence[RegistrationInfo]) -> JsonObject | None:
    """What any of some RegistrationInfos covers of an Entity; None if none does."""
    result: JsonObject | None = None
    for info in infos:
        part = within_registration(entity, registration, info)
        if part is not None:
            result = part if result is None else {**result, **{k: v for k, v in part.items() if is_attribute_key(k)}}
    return result
