"""The filters of a query as Context Sources get them: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.6 and 5.7.2.4."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ldt_stack.broker.ld_context import LdContext, core_context
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.query import renamed_q


@dataclass(frozen=True, slots=True)
class GeoFilter:
    """A geo-query as written (4.10)."""

    georel: str | None
    geometry: str | None
    coordinates: JsonValue
    geoproperty: str | None


@dataclass(frozen=True, slots=True)
class WrittenFilters:
    """Filters in some @context: parameters of a GET, and members of a Query (5.2.23)."""

    parameters: tuple[tuple[str, str], ...] = ()
    members: tuple[tuple[str, JsonValue], ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """q, geo-query and Scope query as the request has them.

    Args:
        ld_context: Of the names in them.
        q: Query.
        expand_values: Names of Attributes whose values in the query are names, too.
        json_keys: Names of Attributes whose values are not.
        geo: Geo-query.
        scope_q: Scope query.
        linked: Whether q goes into linked Entities. A source knows those that it holds, not those that are held here or
            at another one: it is asked without filters then.
    """

    ld_context: LdContext = field(default_factory=core_context)
    q: str | None = None
    expand_values: tuple[str, ...] = ()
    json_keys: tuple[str, ...] = ()
    geo: GeoFilter | None = None
    scope_q: str | None = None
    linked: bool = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return (self.q, self.geo, self.scope_q) != (None, None, None)

    def written_in(self, names: LdContext) -> WrittenFilters | None:
        """The same in another @context; None if it cannot say them."""
        if self.linked:
            return None
        if names is not self.ld_context and self.q is not None and self.expand_values:
            return None  # the values would be other names there
        parameters: list[tuple[str, str]] = []
        members: list[tuple[str, JsonValue]] = []
        if self.q is not None:
            q = self.q if names is self.ld_context else renamed_q(self.q, self.ld_context, names)
            if q is None:
                return None
            parameters.append(("q", q))
            members.append(("q", q))
            for name, values in (("expandValues", self.expand_values), ("jsonKeys", self.json_keys)):
                if values:
                    written = ",".join(names.compact_iri(self.ld_context.expand_term(value)) for value in values)
                    parameters.append((name, written))
                    members.append((name, written))  # a string in a Query, too (table 5.2.23-1)
        if self.geo is not None:
            said = self._geo(self.geo, names)
            parameters += said.parameters
            members += said.members
        if self.scope_q is not None:
            parameters.append(("scopeQ", self.scope_q))
            members.append(("scopeQ", self.scope_q))
        return WrittenFilters(tuple(parameters), tuple(members))

    def _geo(self, geo: GeoFilter, names: LdContext) -> WrittenFilters:
        given = geo.coordinates
        value = json.loads(given) if isinstance(given, str) else given
        text = given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))
        parameters = [("georel", geo.georel or ""), ("geometry", geo.geometry or ""), ("coordinates", text)]
        members: JsonObject = {"georel": geo.georel, "geometry": geo.geometry, "coordinates": value}
        if geo.geoproperty is not None:
            geoproperty = names.compact_iri(self.ld_context.expand_term(geo.geoproperty))
            parameters.append(("geoproperty", geoproperty))
            members["geoproperty"] = geoproperty
        return WrittenFilters(tuple(parameters), (("geoQ", members),))
