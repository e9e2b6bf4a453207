"""Queries as JSON: data types Query, EntitySelector, GeoQuery, OrderingParams, TemporalQuery and AggregationParams.

ETSI GS CIM 009 V1.9.1, clauses 5.2.13, 5.2.21, 5.2.23, 5.2.33, 5.2.43 and 5.2.44. What is inside the
strings is for the operation.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.model.names import JsonObject, JsonValue, without_keywords
from ldt_stack.broker.operations.consumption.query_input import (
    GeoInput,
    OrderingInput,
    QueryInput,
    SelectorInput,
    ViewInput,
)
from ldt_stack.broker.operations.temporal.consumption import TemporalInput
from ldt_stack.broker.representation import Format
from ldt_stack.broker.representation.aggregation import AggregationInput

_MEMBERS: Final = frozenset(
    [
        "type",
        "entities",
        "q",
        "geoQ",
        "scopeQ",
        "attrs",
        "omit",
        "pick",
        "csf",
        "containedBy",
        "datasetId",
        "expandValues",
        "jsonKeys",
        "join",
        "joinLevel",
        "lang",
        "ordering",
        "splitEntities",
    ]
)


_TEMPORAL_MEMBERS: Final = frozenset(
    ["timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"]
)


def read_query(
    payload: JsonObject,
    *,
    limit: int,
    offset: int = 0,
    count: bool = False,
    chosen: Format = "normalized",
    sys_attrs: bool = False,
    local: bool | None = None,
) -> QueryInput:
    """The query that a Query object describes.

    Args:
        payload: Without "@context", "entityMap", "entityMapLifetime", and what `take_temporal` takes.
        limit: Page size; not part of the data type, as all that follows.
        offset: Where the page starts.
        count: Whether all are counted.
        chosen: Representation.
        sys_attrs: Whether system times are shown.
        local: None where nothing was said.

    Raises:
        BadRequestData: It is no Query (5.2.23).
    """
    payload = without_keywords(payload)
    if payload.get("type") != "Query":
        raise BadRequestData('The payload has no "type": "Query" (clause 5.2.23).')
    _only(payload, _MEMBERS, "Query")
    return QueryInput(
        selectors=_selectors(payload),
        q=_text(payload, "q"),
        geo=_geo(payload),
        scope_q=_text(payload, "scopeQ"),
        csf=_text(payload, "csf"),
        expand_values=_names(payload, "expandValues"),
        ordering=_ordering(payload),
        view=ViewInput(
            attrs=_texts(payload, "attrs"),
            pick=_texts(payload, "pick"),
            omit=_texts(payload, "omit"),
            lang=_text(payload, "lang"),
            dataset_ids=_texts(payload, "datasetId"),
            join=_text(payload, "join"),
            join_level=_level(payload),
            contained_by=_texts(payload, "containedBy") or (),
            format=chosen,
            sys_attrs=sys_attrs,
        ),
        limit=limit,
        offset=offset,
        count=count,
        local=local,
        json_keys=_names(payload, "jsonKeys"),
        split_entities=_flag(payload, "splitEntities"),
    )


def take_temporal(payload: JsonObject) -> TemporalInput:
    """The temporal query in the payload of a POST (5.2.21, 5.2.23, 5.2.44); takes its members out."""
    source = payload.pop("temporalQ", {})
    parameters = payload.pop("aggrParams", {})
    if not isinstance(source, dict) or not isinstance(parameters, dict):
        raise BadRequestData('"temporalQ" or "aggrParams" of the Query is no object (clauses 5.2.21, 5.2.44).')
    merged = {**source, **parameters}
    unknown = merged.keys() - _TEMPORAL_MEMBERS
    if unknown:
        raise BadRequestData(f"A TemporalQuery has no member {', '.join(sorted(unknown))} (clause 5.2.21).")
    last_n = _whole(merged, "lastN")
    merged.pop("lastN", None)
    if "aggrMethods" in merged:
        merged["aggrMethods"] = ",".join(_texts(merged, "aggrMethods") or ())
    for name, value in merged.items():
        if not isinstance(value, str):
            raise BadRequestData(f'"{name}" of the Query is no string.')
    return TemporalInput(
        timerel=merged.get("timerel"),
        time_at=merged.get("timeAt"),
        end_time_at=merged.get("endTimeAt"),
        timeproperty=merged.get("timeproperty"),
        last_n=last_n,
        aggregation=AggregationInput(merged.get("aggrMethods"), merged.get("aggrPeriodDuration")),
    )


def _selectors(payload: JsonObject) -> list[SelectorInput]:
    if "entities" not in payload:
        return []
    found = payload["entities"]
    if not isinstance(found, list) or not found:
        raise BadRequestData('"entities" of the Query is no array with at least one EntitySelector (clause 5.2.23).')
    return [_selector(one) for one in found]


def _selector(source: JsonValue) -> SelectorInput:
    if not isinstance(source, dict):
        raise BadRequestData('"entities" of the Query has an element that is no EntitySelector (clause 5.2.33).')
    source = without_keywords(source)
    _only(source, {"type", "id", "idPattern"}, "EntitySelector")
    types = _text(source, "type")
    if types is None:
        raise BadRequestData('An EntitySelector of the Query has no "type"; it is mandatory, "*" for all (5.2.33).')
    ids = source.get("id", [])
    return SelectorInput(
        types,
        _texts({"id": [ids] if isinstance(ids, str) else ids}, "id", empty=True) or (),
        _text(source, "idPattern"),
    )


def _geo(payload: JsonObject) -> GeoInput | None:
    geo = payload.get("geoQ")
    if "geoQ" not in payload:
        return None
    if not isinstance(geo, dict):
        raise BadRequestData('"geoQ" of the Query is no GeoQuery object (clause 5.2.13).')
    _only(geo, {"georel", "geometry", "coordinates", "geoproperty"}, "GeoQuery")
    return GeoInput(_text(geo, "georel"), _text(geo, "geometry"), geo.get("coordinates"), _text(geo, "geoproperty"))


def _ordering(payload: JsonObject) -> OrderingInput | None:
    ordering = payload.get("ordering")
    if "ordering" not in payload:
        return None
    if not isinstance(ordering, dict):
        raise BadRequestData('"ordering" of the Query is no OrderingParams object (clause 5.2.43).')
    _only(ordering, {"orderBy", "collation", "coordinates", "geometry"}, "OrderingParams")
    order_by = _texts(ordering, "orderBy")
    if order_by is None:
        raise BadRequestData('"ordering" of the Query has no "orderBy" (clause 5.2.43).')
    return OrderingInput(
        order_by, _text(ordering, "collation"), ordering.get("coordinates"), _text(ordering, "geometry")
    )


def _level(payload: JsonObject) -> int | None:
    return _whole(payload, "joinLevel")


def _whole(source: JsonObject, name: str) -> int | None:
    """A positive integer; JSON knows numbers alone, and 2.0 is one without "a non-zero fractional part" (4.5.2.2)."""
    number = source.get(name)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    if name in source and (not isinstance(number, int) or isinstance(number, bool)):
        raise BadRequestData(f'"{name}" of the Query is {number!r}; expected a positive integer.')
    return number


def _flag(payload: JsonObject, name: str) -> bool | None:
    flag = payload.get(name)
    if name in payload and not isinstance(flag, bool):
        raise BadRequestData(f'"{name}" of the Query is {flag!r}; expected true or false.')
    return flag


def _only(source: JsonObject, known: Collection[str], data_type: str) -> None:
    unknown = sorted(source.keys() - set(known))
    if unknown:
        raise BadRequestData(f"A {data_type} has no member {', '.join(unknown)}; it knows {', '.join(sorted(known))}.")


def _text(source: JsonObject, name: str) -> str | None:
    text = source.get(name)
    if name in source and not isinstance(text, str):
        raise BadRequestData(f'"{name}" of the Query is no string.')
    return text


def _texts(source: JsonObject, name: str, *, empty: bool = False) -> list[str] | None:
    """A list of strings; a single string is taken for a list of one."""
    if name not in source:
        return None
    texts = [source[name]] if isinstance(source[name], str) else source[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts) or not (texts or empty):
        raise BadRequestData(f'"{name}" of the Query is no array of strings, or empty.')
    return texts


def _names(source: JsonObject, name: str) -> tuple[str, ...]:
    """A comma separated list, or an array."""
    texts = _texts(source, name)
    return () if texts is None else tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
