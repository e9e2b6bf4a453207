"""Input data of "Query Context Source Registrations": ETSI GS CIM 009 V1.9.1, clauses 5.10.2.3 and 5.10.2.4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.model.registrations import GEOMETRIES
from ldt_stack.broker.operations.consumption.query_input import GeoInput, check_ids
from ldt_stack.broker.query import (
    attributes_of,
    compile_pattern,
    parse_csf,
    parse_geo,
    parse_projection,
    parse_q,
    parse_scope,
    parse_temporal,
    parse_types,
)
from ldt_stack.broker.query.projection import ENTITY_MEMBERS
from ldt_stack.broker.settings import BrokerSettings


@dataclass(frozen=True, slots=True)
class TemporalInput:
    """The parameters of a temporal query as written."""

    timerel: str | None
    time_at: str | None
    end_time_at: str | None = None
    timeproperty: str | None = None


@dataclass(frozen=True, slots=True)
class RegistrationQueryInput:
    """Which Entities and Attributes Context Sources are wanted for, as written (table 6.8.3.2-1).

    Args:
        types: Selector of Entity Types.
        ids: Entity identifiers.
        id_pattern: Regular expression.
        attrs: Attribute names.
        pick: Attribute names, too, but no reason for a query by itself.
        q: Query; its Attributes count as Attribute names.
        geo: Geo-query; its GeoProperty likewise.
        temporal: Temporal query.
        csf: Context source filter.
        scope_q: Scope query.
        dataset_ids: datasetIds; None where none were given.
    """

    types: str | None = None
    ids: Sequence[str] = ()
    id_pattern: str | None = None
    attrs: str | None = None
    pick: str | None = None
    q: str | None = None
    geo: GeoInput | None = None
    temporal: TemporalInput | None = None
    csf: str | None = None
    scope_q: str | None = None
    dataset_ids: Sequence[str] | None = None


def parse_registration_query(source: RegistrationQueryInput, call: Call, settings: BrokerSettings) -> RegistrationQuery:
    """Check and parse a query for Registrations.

    Raises:
        BadRequestData: Something is not valid, or the query is too wide.
        TooComplexQuery: Something has too many terms.

    Source: CIM 009 V1.9.1, clause 5.10.2.4.
    """
    if source.types is None and source.attrs is None and source.q is None and source.geo is None:
        raise BadRequestData(
            "The query is too wide: expected at least one of type, attrs, q or georel (clause 5.10.2.4)"
        )
    terms, ld_context = settings.max_query_terms, call.ld_context
    check_ids("id", source.ids)
    types = None if source.types is None else parse_types(source.types, ld_context, max_terms=terms)
    # 5.2.8: "id takes precedence over idPattern"; a pattern that is not valid is refused all the same.
    pattern = None if source.id_pattern is None else compile_pattern(source.id_pattern)
    q = None if source.q is None else parse_q(source.q, ld_context, max_terms=terms)
    csf = None if source.csf is None else parse_csf(source.csf, ld_context, max_terms=terms)
    geo = None
    if source.geo is not None:
        given = source.geo
        geo = parse_geo(
            given.georel,
            given.geometry,
            given.coordinates,
            given.geoproperty,
            ld_context=ld_context,
            max_positions=settings.max_query_positions,
        )
    temporal = None
    if source.temporal is not None:
        asked = source.temporal
        temporal = parse_temporal(asked.timerel, asked.time_at, asked.end_time_at, asked.timeproperty)
    names: set[str] = set()
    for parameter, text in (("attrs", source.attrs), ("pick", source.pick)):
        if text is not None:
            names |= parse_projection(text, ld_context, parameter=parameter, max_terms=terms).members
    if q is not None:
        names |= attributes_of(q)
    if source.geo is not None and source.geo.geoproperty:
        names |= geoproperty_names([source.geo.geoproperty], call)
    wanted = names - ENTITY_MEMBERS
    specified = types is not None or source.ids or pattern is not None
    return RegistrationQuery(
        entities=(EntitySpecification(types, tuple(source.ids), None if source.ids else pattern),) if specified else (),
        attributes=frozenset(wanted) if wanted else None,
        geo=geo,
        temporal=temporal,
        csf=csf,
        scope=None if source.scope_q is None else parse_scope(source.scope_q, max_terms=terms),
        dataset_ids=None if source.dataset_ids is None else frozenset(source.dataset_ids),
    )


def geoproperty_names(names: Iterable[str], call: Call) -> frozenset[str]:
    """GeoProperties of a geo-query that count as Attribute names.

    5.10.2.4 has it of all. But location, observationSpace and operationSpace are members of a Registration itself,
    which is what a geo-query is matched with: a Registration of other Attributes with a location is not ruled out.
    """
    return frozenset(call.ld_context.expand_term(name) for name in names if name not in GEOMETRIES)
