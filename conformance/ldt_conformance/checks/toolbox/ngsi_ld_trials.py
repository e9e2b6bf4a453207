"""Trials of NGSI-LD queries on live data: by attribute, by place, by time, page by page (read-only)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.toolbox.geometry import geometry_fault
from ldt_conformance.checks.toolbox.times import instant
from ldt_conformance.checks.toolbox.trials import Trial, distinguishing, located, members, metres, point_of
from ldt_conformance.clients.reading import Item, Value, read_ngsi_ld
from ldt_conformance.clients.sample import Batch, take_sample
from ldt_conformance.clients.twin import JSON, Place, Twin

RADIUS_METRES = 500
TOLERANCE_METRES = 5.0  # brokers differ in the figure of the earth
PAGE = 2
MOST_PAGES = 3


def batches_of(twin: Twin) -> list[Batch]:
    """The non-empty batches of NGSI-LD entities."""
    return take_sample(twin).of("ngsi-ld")


def by_attribute(twin: Twin) -> Trial:
    """`q` with a value that the sample showed (CIM 009 V1.9.1 clause 4.9)."""
    return twin.once("ngsi-ld q", lambda: _by_attribute(twin))


def _by_attribute(twin: Twin) -> Trial:
    expected = "a query by q gives the entity whose value was asked for, and only such entities"
    found = distinguishing(batches_of(twin), _usable)
    if found is None:
        return Trial(None, expected, "no attribute with a plain name and differing values to query by" + _hint(twin))
    batch, item, value = found
    operator, text = (
        ("==", json.dumps(value.value, ensure_ascii=False)) if isinstance(value.value, str) else (">=", value.value)
    )
    q = f"{value.name}{operator}{text}"
    params = {"type": batch.name, "q": q, "limit": 100}
    response = _place(batch).get("/entities", params=params, headers=JSON | twin.context_headers())
    hits = members(response)
    if hits is None:
        return Trial(False, expected, f"q={q} answered {response.status}")
    wrong = [entity.get("id") for entity in hits if not _satisfies(entity, value)]
    if wrong:
        return Trial(False, expected, f"q={q} also gave {wrong[0]}, which does not satisfy it")
    return _with_sampled(
        twin, batch, item, hits, expected, f"q={q}: {len(hits)} hits", lambda now: _satisfies(now, value)
    )


def _usable(item: Item, value: Value) -> bool:
    """Attributes whose name can stand in `q`, with a value that has one plain form."""
    plain_name = value.name in item.raw and value.name.isidentifier()
    text = isinstance(value.value, str) and 0 < len(value.value) <= 60 and not set(value.value) & set('"\\;|()~*,')
    return plain_name and value.kind == "property" and value.dataset is None and (text or value.is_number)


def _satisfies(entity: Any, wanted: Value) -> bool:
    """Whether any instance of the attribute fulfils the query (4.9: one that does is enough)."""
    found = [value.value for value in read_ngsi_ld(entity).values if value.name == wanted.name]
    if isinstance(wanted.value, str):
        return wanted.value in found
    return any(isinstance(value, int | float) and value >= wanted.value for value in found)


def by_place(twin: Twin) -> Trial:
    """A geo-query around a sampled entity (CIM 009 V1.9.1 clause 4.10)."""
    return twin.once("ngsi-ld geo", lambda: _by_place(twin))


def _by_place(twin: Twin) -> Trial:
    expected = f"near;maxDistance=={RADIUS_METRES} gives the entity at that place, and none that is farther away"
    found = located(batches_of(twin))
    if found is None:
        return Trial(None, expected, "no type has entities at different points")
    batch, item, centre = found
    params = {
        "type": batch.name,
        "georel": f"near;maxDistance=={RADIUS_METRES}",
        "geometry": "Point",
        "coordinates": json.dumps(list(centre)),
        "limit": 100,
    }
    response = _place(batch).get("/entities", params=params, headers=JSON | twin.context_headers())
    hits = members(response)
    if hits is None:
        return Trial(False, expected, f"the geo-query answered {response.status}")
    far = [entity.get("id") for entity in hits if not _near(entity, centre)]
    if far:
        return Trial(False, expected, f"{far[0]} was given, which is farther than {RADIUS_METRES} m")
    said = f"{len(hits)} entities within {RADIUS_METRES} m of {item.id}"
    return _with_sampled(twin, batch, item, hits, expected, said, lambda now: _near(now, centre))


def _near(entity: Any, centre: tuple[float, float]) -> bool:
    """Whether an entity is within the radius; geometries other than points are not judged."""
    point = point_of(read_ngsi_ld(entity).geometry)
    return point is None or metres(point, centre) <= RADIUS_METRES + TOLERANCE_METRES


def _with_sampled(
    twin: Twin, batch: Batch, item: Item, hits: list[dict[str, Any]], expected: str, said: str, still: Any
) -> Trial:
    """Whether the sampled entity is among the hits; if not, whether it has changed meanwhile (live data)."""
    if any(entity.get("id") == item.id for entity in hits):
        return Trial(True, expected, said)
    path = f"/entities/{quote(str(item.id), safe='')}"
    response = _place(batch).get(path, headers=JSON | twin.context_headers())
    now = json.loads(response.content) if response.status == 200 else None
    if isinstance(now, dict) and still(now):
        return Trial(False, expected, f"{said}, but {item.id} is not among them")
    return Trial(None, expected, f"{item.id} changed while it was asked for")


def by_time(twin: Twin) -> Trial:
    """A time window over the history of a sampled type (CIM 009 V1.9.1 clauses 4.11 and 5.7.4)."""
    return twin.once("ngsi-ld time", lambda: _by_time(twin))


def _by_time(twin: Twin) -> Trial:
    expected = "a temporal query gives values, all of them inside the window that was asked for"
    places = [place for place in twin.places("ngsi-ld") if place.role == "history"] or twin.places("ngsi-ld")
    chosen = _newest(batches_of(twin))
    if chosen is None or not places:
        return Trial(None, expected, "no entity with observedAt to take a window from")
    batch, moment = chosen
    end = moment + timedelta(seconds=1)
    start = end - timedelta(hours=24)
    params = {
        "type": batch.name, "timerel": "between", "timeAt": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "endTimeAt": f"{end:%Y-%m-%dT%H:%M:%SZ}", "lastN": 5, "limit": 5,
    }  # fmt: skip
    response = places[0].get("/temporal/entities", params=params, headers=JSON | twin.context_headers())
    if response.status not in {200, 206}:
        return Trial(False, expected, f"the temporal query answered {response.status}")
    try:
        body = json.loads(response.content)
    except ValueError:
        return Trial(False, expected, "the answer is no JSON")
    times = [value for entity in (body if isinstance(body, list) else []) for value in _observed(entity)]
    outside = [value for value in times if not (moment_of := instant(value)) or not start <= moment_of <= end]
    if outside:
        return Trial(
            False, expected, f"{outside[0]} lies outside {start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}"
        )
    if not times:
        return Trial(False, expected, f"no value of {batch.type} in the 24 h before its newest observation")
    return Trial(True, expected, f"{len(times)} values of {batch.type} in 24 h, all inside the window")


def _newest(batches: list[Batch]) -> tuple[Batch, Any] | None:
    moments = [
        (moment, batch)
        for batch in batches
        for item in batch.items
        for value in item.values
        if (moment := instant(value.times.get("observedAt"))) is not None
    ]
    return (max(moments, key=lambda pair: pair[0])[::-1]) if moments else None


def _observed(entity: Any) -> list[Any]:
    """Every observedAt of a temporal representation."""
    values = read_ngsi_ld(entity).values if isinstance(entity, dict) else ()
    return [value.times["observedAt"] for value in values if "observedAt" in value.times]


def by_page(twin: Twin) -> Trial:
    """Paging by limit and the Link header (CIM 009 V1.9.1 clauses 5.5.9 and 6.3.10)."""
    return twin.once("ngsi-ld pages", lambda: _by_page(twin))


def _by_page(twin: Twin) -> Trial:
    expected = 'limit=2 gives two entities and a Link with rel="next" that leads to others'
    batch = next((batch for batch in batches_of(twin) if len(batch.items) > PAGE), None)
    if batch is None:
        return Trial(None, expected, f"no type with more than {PAGE} entities")
    place = _place(batch)
    headers = JSON | twin.context_headers()
    response = place.get("/entities", params={"type": batch.name, "limit": PAGE}, headers=headers)
    seen: list[Any] = []
    for page in range(1, MOST_PAGES + 1):
        hits = members(response)
        if hits is None or len(hits) > PAGE:
            return Trial(False, expected, f"page {page}: {response.status}, {len(hits or [])} entities")
        ids = [entity.get("id") for entity in hits]
        if set(map(str, ids)) & set(map(str, seen)):
            return Trial(False, expected, f"page {page} repeats {ids[0]}")
        seen += ids
        link = next_link(response.headers.get("link", ""))
        if link is None:
            whole = len(seen) >= len(batch.items)
            return Trial(whole, expected, f"{page} pages with {len(seen)} entities, then no next link")
        if page < MOST_PAGES:
            following = place.follow(link, headers=headers)
            if following is None:
                return Trial(False, expected, f"the next link leads to another origin: {link[:120]}")
            response = following
    return Trial(True, expected, f"{MOST_PAGES} pages of {PAGE}, no entity twice")


def next_link(header: str) -> str | None:
    """The target of rel="next" in a Link header (RFC 8288); None where there is none."""
    for part in header.split(",<") if ",<" in header else header.split(", <"):
        target, _, parameters = part.strip().lstrip("<").partition(">")
        if 'rel="next"' in parameters.replace(" ", "") or "rel=next" in parameters.replace(" ", ""):
            return target
    return None


def _place(batch: Batch) -> Place:
    if batch.place is None:
        raise ValueError(f"{batch.name} did not come from an API")
    return batch.place


def _hint(twin: Twin) -> str:
    return (
        ""
        if twin.context_headers()
        else " (name the site's @context in samples.links.context, so that names are short)"
    )


def geojson_fault(twin: Twin, batch: Batch) -> tuple[str | None, int]:
    """What is wrong with a type's GeoJSON form, and how many features there are; asked once a type."""
    return twin.once(f"geojson {batch.name}", lambda: _geojson_fault(twin, batch))


def _geojson_fault(twin: Twin, batch: Batch) -> tuple[str | None, int]:
    wanted = {"Accept": "application/geo+json"} | twin.context_headers()
    response = twin.place("ngsi-ld").get("/entities", params={"type": batch.name, "limit": 20}, headers=wanted)
    features = members(response, "features")
    if response.status != 200 or response.media_type != "application/geo+json" or features is None:
        return f"{response.status} {response.media_type}: {response.text[:80]}", 0
    if not features:
        return "no feature", 0
    for feature in features:
        properties = feature.get("properties")
        if feature.get("type") != "Feature" or not isinstance(properties, dict) or "type" not in properties:
            return f"{feature.get('id')} is no Feature with the entity type in its properties", len(features)
        geometry = feature.get("geometry")
        if geometry is not None and (fault := geometry_fault(geometry)):
            return f"{feature.get('id')}: {fault}", len(features)
    return None, len(features)
