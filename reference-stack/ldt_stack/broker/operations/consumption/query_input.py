"""Input data of retrieval and query, and what becomes of it: ETSI GS CIM 009 V1.9.1, clauses 5.7.1.3 and 5.7.2.3.

`QueryInput` and `ViewInput` hold what the caller wrote; `parse_view` and `parse_query` check it as 5.7.1.4 and 5.7.2.4
say and make frozen trees of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, cast

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, TooComplexQuery
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonValue
from ldt_stack.broker.query import (
    Ordering,
    QNode,
    TypeSelection,
    check_order_options,
    compile_pattern,
    link_depth,
    names_attribute,
    parse_csf,
    parse_geo,
    parse_lang,
    parse_ordering,
    parse_projection,
    parse_q,
    parse_scope,
    parse_types,
)
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.query.paths import SYSTEM_ATTRIBUTES
from ldt_stack.broker.representation import NORMALIZED, Format, RenderOptions
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, Predicate

Join = Literal["flat", "inline"]
_MAX_JOIN_LEVEL: Final = 10


@dataclass(frozen=True, slots=True)
class ViewInput:
    """What a caller wants to see, as written. Lists may come as comma separated text.

    Args:
        attrs: Attribute names; select and project (deprecated).
        pick: Members to keep.
        omit: Members to leave out.
        lang: Language filter.
        dataset_ids: datasetIds, or "@none".
        join: "flat", "inline" or "@none".
        join_level: How many links to follow; default 1.
        contained_by: Ids that were encountered before.
        format: Representation.
        sys_attrs: Whether system times are shown.
        geometry: Name of the GeoProperty that is shown beside them, whatever the projection (4.5.16); None: none is.
    """

    attrs: str | Sequence[str] | None = None
    pick: str | Sequence[str] | None = None
    omit: str | Sequence[str] | None = None
    lang: str | None = None
    dataset_ids: Sequence[str] | None = None
    join: str | None = None
    join_level: int | None = None
    contained_by: Sequence[str] = ()
    format: Format = "normalized"
    sys_attrs: bool = False
    geometry: str | None = None


@dataclass(frozen=True, slots=True)
class SelectorInput:
    """An EntitySelector (5.2.33) as written; over HTTP GET the type may be missing."""

    types: str | None = None
    ids: Sequence[str] = ()
    id_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class GeoInput:
    """The parameters of a geo-query as written."""

    georel: str | None
    geometry: str | None
    coordinates: JsonValue
    geoproperty: str | None = None


@dataclass(frozen=True, slots=True)
class OrderingInput:
    """OrderingParams (5.2.43) as written; over HTTP GET orderBy may be missing."""

    order_by: str | Sequence[str] | None
    collation: str | None = None
    coordinates: JsonValue = None
    geometry: str | None = None


@dataclass(frozen=True, slots=True)
class QueryInput:
    """Input data of "Query Entities" as written.

    Args:
        selectors: Alternatives; usually one.
        q: Query (4.9).
        geo: Geo-query (4.10).
        scope_q: Scope query (4.19).
        csf: Context source filter (4.9).
        expand_values: Attribute names whose values in `q` are expanded.
        ordering: Order of the result.
        view: What to show.
        limit: At most so many.
        offset: Entities to skip.
        count: Whether all are counted.
        local: The local parameter: None where it was not given.
        json_keys: Attribute names whose values are plain JSON: never expanded, also where `expand_values` has them.
        split_entities: Whether parts of an Entity are expected in several places; None: as the settings say.
        batch: Whether it is a "batch entity query" (4.20): it came as a Query object.
    """

    selectors: Sequence[SelectorInput] = ()
    q: str | None = None
    geo: GeoInput | None = None
    scope_q: str | None = None
    csf: str | None = None
    expand_values: Sequence[str] = ()
    ordering: OrderingInput | None = None
    view: ViewInput = field(default_factory=ViewInput)
    limit: int = 20
    offset: int = 0
    count: bool = False
    local: bool | None = None
    json_keys: Sequence[str] = ()
    split_entities: bool | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A parsed `ViewInput`.

    Args:
        options: How Entities are rendered; without links yet.
        join: How linked Entities are shown, None: not.
        join_level: How many links to follow.
        contained_by: Ids that are not shown again.
        max_linked: How many linked Entities one answer may show.
        geometry: IRIs of what is shown beside them (GeoJSON).
    """

    options: RenderOptions
    join: Join | None = None
    join_level: int = 1
    contained_by: frozenset[str] = frozenset()
    max_linked: int = 0
    geometry: frozenset[str] = frozenset()


PLAIN: Final = ViewInput()  # who says nothing
_PLAIN_VIEW: Final = View(NORMALIZED)


def parse_view(source: ViewInput, call: Call, settings: BrokerSettings) -> View:
    """Check and parse what a caller wants to see.

    Raises:
        BadRequestData: A parameter is not valid, or the projection goes deeper than the links that are followed.
        TooComplexQuery: A parameter has too many terms.

    Source: CIM 009 V1.9.1, clauses 5.7.1.4 and 5.7.2.4.
    """
    if source is PLAIN or source == PLAIN:
        return _PLAIN_VIEW
    terms = settings.max_query_terms
    pick, omit, attrs = (
        None if text is None else parse_projection(text, call.ld_context, parameter=name, max_terms=terms)
        for name, text in (("pick", source.pick), ("omit", source.omit), ("attrs", source.attrs))
    )
    join, level = _join(source)
    depth = max(projection.depth for projection in (pick, omit) if projection) if pick or omit else 0
    if depth > (level if join else 0):
        raise BadRequestData(
            f"pick or omit goes {depth} links deep; expected join=flat or join=inline with joinLevel={depth} or more."
        )
    for dataset_id in source.dataset_ids or ():
        if dataset_id != "@none" and not is_uri(dataset_id):
            raise BadRequestData(f"datasetId has {dataset_id!r}; expected URIs or @none (clause 4.5.5).")
    check_ids("containedBy", source.contained_by)
    options = RenderOptions(
        format=source.format,
        sys_attrs=source.sys_attrs,
        attributes=None if attrs is None else attrs.members,
        pick=pick,
        omit=omit,
        language=None if source.lang is None else parse_lang(source.lang),
        dataset_ids=None if source.dataset_ids is None else frozenset(source.dataset_ids),
    )
    geometry = frozenset[str]() if source.geometry is None else {call.ld_context.expand_term(source.geometry)}
    return View(options, join, level, frozenset(source.contained_by), settings.max_linked_entities, frozenset(geometry))


def _join(source: ViewInput) -> tuple[Join | None, int]:
    if source.join not in {None, "@none", "flat", "inline"}:
        raise BadRequestData(f"join is {source.join!r}; expected flat, inline or @none (clause 4.5.23).")
    level = 1 if source.join_level is None else source.join_level
    if level < 1:
        raise BadRequestData(f"joinLevel is {level}; expected a positive integer.")
    if level > _MAX_JOIN_LEVEL:
        raise TooComplexQuery(f"joinLevel is {level}; this broker follows {_MAX_JOIN_LEVEL} links, one behind another.")
    return (None if source.join in {None, "@none"} else cast("Join", source.join)), level


def check_ids(name: str, ids: Sequence[str]) -> None:
    """Refuse ids that are no URIs (5.7.2.4).

    Raises:
        BadRequestData: Names the first one.
    """
    for identifier in ids:
        if not is_uri(identifier):
            raise BadRequestData(f"{name} has {identifier!r}, which is no valid URI.")


def parse_query(
    source: QueryInput,
    view: View,
    call: Call,
    settings: BrokerSettings,
    *,
    instance_times: bool = True,
    as_text: bool = False,
) -> EntityQuery:
    """Check and parse a query.

    Args:
        source: As written.
        view: The parsed `source.view`.
        call: Its @context expands the names.
        settings: Limits.
        instance_times: As in `EntityQuery`.
        as_text: Likewise.

    Raises:
        BadRequestData: Something is not valid, too wide, or too deep.
        TooComplexQuery: Something has too many terms.

    Source: CIM 009 V1.9.1, clause 5.7.2.4.
    """
    if len(source.selectors) > settings.max_query_terms:
        raise TooComplexQuery(
            f"There are {len(source.selectors)} Entity selectors; this broker takes {settings.max_query_terms}."
        )
    selectors = tuple(_selector(selector, call, settings) for selector in source.selectors)
    q = _q(source, call, settings)
    depth = 0 if q is None else q.depth
    local = _local(source, selectors, call)
    attributes = tuple(sorted(view.options.attributes or ()))
    if not (
        local
        or (selectors and all(selector.types is not None for selector in selectors))
        or not SYSTEM_ATTRIBUTES.issuperset(attributes)
        or (q is not None and q.names_attribute)
        or source.geo is not None
    ):
        raise BadRequestData(
            "The query is too wide: expected at least one of type, attrs, q (with an Attribute that is no system "
            "Attribute), georel or local=true (clause 5.7.2.4)."
        )
    if depth > (view.join_level if view.join else 0):
        raise BadRequestData(
            f"q follows {depth} links (too deep query); expected join=flat or join=inline with joinLevel={depth} or "
            "more (clause 5.7.2.4)."
        )
    return EntityQuery(
        selectors=selectors,
        attributes=attributes,
        conditions=_conditions(source, None if q is None else q.tree, call, settings),
        order_by=_order(source, call, settings, local=local),
        offset=source.offset,
        limit=min(source.limit, settings.max_page_size),
        count=source.count,
        instance_times=instance_times,
        as_text=as_text,
    )


def _selector(source: SelectorInput, call: Call, settings: BrokerSettings) -> EntitySelector:
    check_ids("id", source.ids)
    if len(source.ids) > settings.max_page_size:
        raise TooComplexQuery(f"id has {len(source.ids)} ids; this broker takes {settings.max_page_size}.")
    pattern = source.id_pattern
    if pattern is not None:
        compile_pattern(pattern)
    types = None
    if source.types is not None:
        types = call.ld_context.read(_read_types, source.types, settings.max_query_terms)
    # 5.2.33: "id takes precedence over idPattern".
    return EntitySelector(tuple(source.ids), None if source.ids else pattern, types)


def is_local(source: QueryInput, call: Call) -> bool:
    """Whether a query is limited to local scope (5.5.13); type "*" implies it (5.2.33)."""
    return call.local or any(selector.types == "*" for selector in source.selectors)


def _local(source: QueryInput, selectors: Sequence[EntitySelector], call: Call) -> bool:
    """Whether the query is limited to local scope (5.5.13): said so, or implied by type "*"."""
    everything = any(isinstance(one.types, TypeSelection) and one.types.selects_all for one in selectors)
    if everything and source.local is False:
        raise BadRequestData('type="*" implies local scope; local=false contradicts it (clause 5.2.33).')
    return everything or call.local


def _read_types(text: str, ld_context: LdContext, max_terms: int) -> TypeSelection:
    return parse_types(text, ld_context, max_terms=max_terms)


class _Query(NamedTuple):
    """A parsed `q`, how many links it follows, and whether it names an Attribute that is no system Attribute."""

    tree: QNode
    depth: int
    names_attribute: bool


def _read_q(text: str, ld_context: LdContext, expand_values: tuple[str, ...], max_terms: int) -> _Query:
    tree = parse_q(text, ld_context, expand_values=expand_values, max_terms=max_terms)
    return _Query(tree, link_depth(tree), names_attribute(tree))


def _q(source: QueryInput, call: Call, settings: BrokerSettings) -> _Query | None:
    if source.csf is not None:
        parse_csf(source.csf, call.ld_context, max_terms=settings.max_query_terms)
    if source.q is None:
        return None
    expand_values = tuple(name for name in source.expand_values if name not in source.json_keys)
    return call.ld_context.read(_read_q, source.q, expand_values, settings.max_query_terms)


def _conditions(source: QueryInput, q: QNode | None, call: Call, settings: BrokerSettings) -> tuple[Predicate, ...]:
    conditions: list[Predicate] = []
    if source.scope_q is not None:
        conditions.append(parse_scope(source.scope_q, max_terms=settings.max_query_terms))
    if q is not None:
        conditions.append(q)
    if (geo := source.geo) is not None:
        parsed = parse_geo(
            geo.georel,
            geo.geometry,
            geo.coordinates,
            geo.geoproperty,
            ld_context=call.ld_context,
            max_positions=settings.max_query_positions,
        )
        conditions.append(parsed)
    return tuple(conditions)


def _order(source: QueryInput, call: Call, settings: BrokerSettings, *, local: bool) -> tuple[Ordering, ...]:
    ordering = source.ordering
    if ordering is None:
        return ()
    if ordering.order_by is None:
        check_order_options(ordering.collation, ordering.coordinates, ordering.geometry)
        return ()
    if not local:
        raise BadRequestData("Entities can be ordered in local scope alone; add local=true (clause 5.7.2.4).")
    parsed = parse_ordering(
        ordering.order_by,
        call.ld_context,
        collation=ordering.collation,
        order_from=ordering.coordinates,
        order_geometry=ordering.geometry,
        max_terms=settings.max_query_terms,
    )
    return (parsed,)
