"""What Context Sources have of the Entities of a query: ETSI GS CIM 009 V1.9.1, clause 5.7.2.4.

A source is asked with the filters of the query, unless Entities may be split (4.3.6.7), or the filters cannot be said
in the @context that the source wants (4.3.6.6): then without, and what it answers is filtered here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import SourceInvalid
from ldt_stack.broker.federation.filters import Filters, WrittenFilters
from ldt_stack.broker.federation.matching import RegistrationQuery
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.reading import (
    Versions,
    dataset_ids_for,
    map_header,
    matching,
    narrowed,
    or_warning,
    read_entity_of,
    type_selector,
    wire_names,
    within_time,
)
from ldt_stack.broker.federation.registration import EntityInfo, Registration, RegistrationInfo
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.federation.together import together
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query import TypeSelection, compile_pattern
from ldt_stack.broker.store.data import EntityQuery, EntitySelector

_IDS_AT_ONCE: Final = 50  # in one URL, which not everybody takes at any length


@dataclass(frozen=True, slots=True)
class FederatedQuery:
    """A query, as it concerns Context Sources.

    Args:
        local: Parsed, as it is run on what is held here.
        registrations: Which Registrations it concerns.
        filters: q, geo-query and Scope query.
        filtered: IRIs of the Attributes that these filters look at.
        wanted: IRIs of Attributes of which an Entity must have one; None: any.
        shown: IRIs of Attributes that are of interest beside them.
        dataset_ids: Instances that are of interest; None: all.
        split: Whether parts of an Entity may be in several places.
        batch: Whether it came as "batch entity query" (4.20).
    """

    local: EntityQuery
    registrations: RegistrationQuery
    filters: Filters
    filtered: frozenset[str]
    wanted: frozenset[str] | None
    shown: frozenset[str]
    dataset_ids: frozenset[str] | None
    split: bool
    batch: bool


@dataclass(frozen=True, slots=True)
class Part:
    """Entities to ask a source for in one request; all empty: whatever it has."""

    types: frozenset[frozenset[str]] = frozenset()
    ids: tuple[str, ...] = ()
    id_pattern: str | None = None


async def query_versions(broker: Surroundings, call: Call, query: FederatedQuery) -> dict[str, Versions]:
    """What Context Sources have, by Entity id, in the order of Registrations and of their answers.

    Raises:
        TooManyResults: They have more than the settings allow.
    """
    found = await matching(broker, call, query.registrations, ("queryEntity", "queryBatch"))
    asked = [
        (registration, info, part)
        for registration, infos in found
        for info in infos
        if _may_have(query, info)
        for part in parts_of(query.local.selectors, info)
    ]
    answers = await together(
        or_warning(call, one[0], within_time(broker, one[0], _ask_all(broker, call, query, *one))) for one in asked
    )
    versions: defaultdict[str, Versions] = defaultdict(Versions)
    for (registration, _, _), answer in zip(asked, answers, strict=True):
        for entity in answer or ():
            versions[entity["id"]].add(registration, entity)
    if len(versions) > broker.settings.federation_max_entities:
        raise _too_many(broker)
    return versions


def _may_have(query: FederatedQuery, info: RegistrationInfo) -> bool:
    """Whether what is offered may have an Attribute that is wanted; parts of an Entity need not."""
    return (
        query.split or query.wanted is None or info.attributes is None or not query.wanted.isdisjoint(info.attributes)
    )


def parts_of(selectors: Sequence[EntitySelector], info: RegistrationInfo) -> list[Part]:
    """What a query and a RegistrationInfo have in common, in as few requests as can say it exactly."""
    types: defaultdict[tuple[tuple[str, ...], str | None], set[frozenset[str]]] = defaultdict(set)
    anything: set[tuple[tuple[str, ...], str | None]] = set()  # of any type, whatever another selector says
    for selector in selectors or (EntitySelector(),):
        for ids, pattern, alternatives in _intersections(selector, info):
            types[ids, pattern].update(alternatives)
            if not alternatives:
                anything.add((ids, pattern))
    parts: list[Part] = []
    named: defaultdict[frozenset[frozenset[str]], dict[str, None]] = defaultdict(dict)
    for (ids, pattern), offered in types.items():
        chosen = frozenset[frozenset[str]]() if (ids, pattern) in anything else frozenset(offered)
        if ids:
            named[chosen].update(dict.fromkeys(ids))
        else:
            parts.append(Part(chosen, (), pattern))
    for selected, found in named.items():
        every = tuple(found)
        parts += [Part(selected, every[at : at + _IDS_AT_ONCE]) for at in range(0, len(every), _IDS_AT_ONCE)]
    return parts


def _intersections(
    selector: EntitySelector, info: RegistrationInfo
) -> Iterator[tuple[tuple[str, ...], str | None, Sequence[frozenset[str]]]]:
    wanted = selector.types.alternatives if isinstance(selector.types, TypeSelection) else ()
    if not info.entities:
        yield selector.ids, selector.id_pattern, wanted
    for offered in info.entities:
        if wanted and not any(alternative <= offered.types for alternative in wanted):
            continue
        ids, pattern = _common_ids(selector, offered)
        if ids is not None:
            yield ids, pattern, (offered.types,)


def _common_ids(selector: EntitySelector, offered: EntityInfo) -> tuple[tuple[str, ...] | None, str | None]:
    """Ids and pattern to ask for; None: no id is in common. Of two patterns ours is sent, theirs is checked here."""
    if selector.ids:
        ids = tuple(one for one in selector.ids if offered.covers_id(one))
        return ids or None, None
    if offered.id is None:
        return (), selector.id_pattern or offered.id_pattern
    if selector.id_pattern is not None and not compile_pattern(selector.id_pattern).search(offered.id):
        return None, None
    return (offered.id,), None


def _asked_as_batch(call: Call, registration: Registration, query: FederatedQuery) -> bool:
    """Whether a source is asked by POST: not where it has an EntityMap to be used, which only a GET can name."""
    if registration.id in call.source_maps:
        return False
    return "queryBatch" in registration.operations and (query.batch or "queryEntity" not in registration.operations)


async def _ask_all(
    broker: Surroundings,
    call: Call,
    query: FederatedQuery,
    registration: Registration,
    info: RegistrationInfo,
    part: Part,
) -> list[JsonObject]:
    """All pages of one request."""
    names = await broker.sources.names_for(registration, call.ld_context)
    as_batch = _asked_as_batch(call, registration, query)
    if not as_batch:
        names = wire_names(names)
    filters = None if query.split else query.filters.written_in(names)
    size = broker.settings.federation_page_entities
    found: dict[str, JsonObject] = {}
    seen: set[str] = set()
    offset = 0

    async def read(reply: Reply) -> tuple[list[JsonObject], bool]:
        body = reply.body
        if not isinstance(body, list):
            raise SourceInvalid(f"{registration.id}: expected an array, it answered {type(body).__name__}")
        entities = [await read_entity_of(broker, registration, one, reply.ld_context) for one in body]
        return entities, reply.more or len(entities) >= size

    more = True
    while more:
        paging = [("limit", str(size)), *([("offset", str(offset))] if offset else [])]
        request = query_request(query, registration, info, part, names, paging, as_batch=as_batch, filters=filters)
        if not as_batch:
            request = replace(request, headers=map_header(call, registration))
        answer = await broker.sources.ask(registration, call, request, read, absent=True)
        if answer is None:
            break
        entities, more = answer
        fresh = [one for one in entities if one["id"] not in seen]
        more = more and bool(fresh)  # a source that knows no offset would go on forever
        seen.update(one["id"] for one in fresh)
        offset += len(entities)
        for entity in fresh:
            kept = narrowed(entity, registration, [info])
            if kept is not None and _selected(query, kept) and _fits(query, kept, filtered=filters is not None):
                found[kept["id"]] = kept
        if len(seen) > broker.settings.federation_max_entities:
            raise _too_many(broker)
    return list(found.values())


def _too_many(broker: Surroundings) -> TooManyResults:
    most = broker.settings.federation_max_entities
    return TooManyResults(f"Context Sources have more than {most} Entities that match; narrow the query")


def _selected(query: FederatedQuery, entity: JsonObject) -> bool:
    """Whether a selector of the query selects an Entity: a source may answer more than it was asked for."""
    return not query.local.selectors or any(selects(selector, entity) for selector in query.local.selectors)


def selects(selector: EntitySelector, entity: JsonObject) -> bool:
    """Whether a selector selects an expanded Entity (5.2.33)."""
    if selector.ids and entity["id"] not in selector.ids:
        return False
    if selector.id_pattern is not None and not compile_pattern(selector.id_pattern).search(entity["id"]):
        return False
    return selector.types is None or selector.types.matches(entity)


def _fits(query: FederatedQuery, entity: JsonObject, *, filtered: bool) -> bool:
    """Whether an Entity that is here as a whole meets the query; `filtered`: its source has looked at the filters.

    Filters that go into linked Entities are applied later, when these are known.
    """
    if query.split:
        return True
    # Its source has looked at the Attributes, of which no instance may be of the datasetIds that were asked for.
    whole = not filtered or query.dataset_ids is None
    if whole and query.wanted is not None and query.wanted.isdisjoint(entity):
        return False
    return filtered or query.filters.linked or all(condition.matches(entity) for condition in query.local.conditions)


def query_request(
    query: FederatedQuery,
    registration: Registration,
    info: RegistrationInfo,
    part: Part,
    names: LdContext,
    paging: list[tuple[str, str]],
    *,
    as_batch: bool,
    filters: WrittenFilters | None,
) -> SourceRequest:
    """What a source is asked: by GET, or as a Query (5.2.23); without filters (None) where they are applied here."""
    types = type_selector(set(part.types), names) if part.types else None
    attributes = _attributes(query, info, part, residual=filters is None)
    attrs = None if attributes is None else [names.compact_iri(name) for name in sorted(attributes)]
    # What is filtered here is filtered as a whole: datasetIds only say what is shown of it (5.7.2.4).
    dataset_ids = dataset_ids_for(registration, None if filters is None else query.dataset_ids)
    filters = filters or WrittenFilters()
    if not as_batch:
        chosen = {
            "type": types,
            "id": ",".join(part.ids),
            "idPattern": part.id_pattern,
            "attrs": None if attrs is None else ",".join(attrs),
            "datasetId": None if dataset_ids is None else ",".join(sorted(dataset_ids)),
        }
        parameters = [(name, value) for name, value in chosen.items() if value]
        return SourceRequest(
            "GET", "/entities", [*parameters, *filters.parameters, *paging, ("options", "sysAttrs")], names=names
        )
    body: JsonObject = {"type": "Query", **dict(filters.members)}
    if types is not None:
        selector: JsonObject = {"type": types}
        if part.ids:
            selector["id"] = list(part.ids)
        if part.id_pattern is not None:
            selector["idPattern"] = part.id_pattern
        body["entities"] = [selector]
    if attrs is not None:
        body["attrs"] = attrs
    if dataset_ids is not None:
        body["datasetId"] = sorted(dataset_ids)
    return SourceRequest("POST", "/entityOperations/query", [*paging, ("options", "sysAttrs")], body, names)


def _attributes(query: FederatedQuery, info: RegistrationInfo, part: Part, *, residual: bool) -> frozenset[str] | None:
    """IRIs of the Attributes to ask for: those that are offered, wanted, and needed to filter here; None: all.

    "attrs" selects, too (6.4.3.2): an Entity without any of them is not what the Registration is about.
    """
    wanted = None if query.split or query.wanted is None else query.wanted | query.shown
    if residual and wanted is not None:
        wanted |= query.filtered
    if info.attributes is not None:
        common = info.attributes if wanted is None else info.attributes & wanted
        return common or info.attributes
    if wanted is None and not part.types and residual:
        # Without its filters the query is too wide for the source (5.7.2.4): the Attributes they look at select.
        return (query.wanted or frozenset()) | query.filtered or None
    return wanted
