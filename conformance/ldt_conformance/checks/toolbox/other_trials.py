"""Trials of filters and paging on NGSIv2, OGC API Features and SensorThings (read-only)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from ldt_conformance.checks.toolbox.ngsi_ld_trials import PAGE, RADIUS_METRES, TOLERANCE_METRES
from ldt_conformance.checks.toolbox.times import instant
from ldt_conformance.checks.toolbox.trials import Trial, distinguishing, located, members, metres, point_of
from ldt_conformance.clients.reading import Item, Value, read_feature, read_ngsi_v2, times_of
from ldt_conformance.clients.sample import GEOJSON, Batch, take_sample
from ldt_conformance.clients.twin import JSON, Place, Twin

BOX_DEGREES = 0.01
NOTHING = "nothing in the sample to try it with"


def _first(twin: Twin, api: str) -> tuple[list[Batch], Place | None]:
    batches = take_sample(twin).of(api)
    return batches, batches[0].place if batches else None


# NGSIv2


def v2_by_attribute(twin: Twin) -> Trial:
    """`q` of NGSIv2 (specification, Simple Query Language)."""
    return twin.once("ngsi-v2 q", lambda: _v2_by_attribute(twin))


def _v2_by_attribute(twin: Twin) -> Trial:
    expected = "a query by q gives only entities that satisfy it, the sampled one among them"
    batches, place = _first(twin, "ngsi-v2")
    found = distinguishing(batches, lambda _, value: value.kind == "property" and _plain(value))
    if found is None or place is None:
        return Trial(None, expected, NOTHING)
    batch, item, value = found
    text = f"'{value.value}'" if isinstance(value.value, str) else value.value
    response = place.get(
        "/entities", params={"type": batch.name, "q": f"{value.name}=={text}", "limit": 100}, headers=JSON
    )
    hits = members(response)
    if hits is None:
        return Trial(False, expected, f"q={value.name}=={text} answered {response.status}")
    values = [(entity.get("id"), _value_of(read_ngsi_v2(entity), value.name)) for entity in hits]
    wrong = [name for name, seen in values if seen != value.value]
    if wrong:
        return Trial(False, expected, f"q={value.name}=={text} also gave {wrong[0]}")
    return Trial(
        any(name == item.id for name, _ in values) or None, expected, f"{len(hits)} hits for {value.name}=={text}"
    )


def _plain(value: Value) -> bool:
    text = isinstance(value.value, str) and 0 < len(value.value) <= 60 and not set(value.value) & set("'\"<>=;()|,:")
    return value.name.isidentifier() and (text or value.is_number)


def _value_of(item: Item, name: str) -> Any:
    return next((value.value for value in item.values if value.name == name), None)


def v2_by_place(twin: Twin) -> Trial:
    """`georel=near` of NGSIv2 (coordinates: latitude first)."""
    return twin.once("ngsi-v2 geo", lambda: _v2_by_place(twin))


def _v2_by_place(twin: Twin) -> Trial:
    expected = f"georel=near;maxDistance:{RADIUS_METRES} gives only entities within that distance"
    batches, place = _first(twin, "ngsi-v2")
    found = located(batches)
    if found is None or place is None:
        return Trial(None, expected, NOTHING)
    batch, item, (longitude, latitude) = found
    params = {
        "type": batch.name, "georel": f"near;maxDistance:{RADIUS_METRES}", "geometry": "point",
        "coords": f"{latitude},{longitude}", "limit": 100,
    }  # fmt: skip
    response = place.get("/entities", params=params, headers=JSON)
    hits = members(response)
    if hits is None:
        return Trial(False, expected, f"the geo-query answered {response.status}")
    points = [(entity.get("id"), point_of(read_ngsi_v2(entity).geometry)) for entity in hits]
    limit = RADIUS_METRES + TOLERANCE_METRES
    far = [name for name, point in points if point and metres(point, (longitude, latitude)) > limit]
    if far:
        return Trial(False, expected, f"{far[0]} is farther away")
    return Trial(any(name == item.id for name, _ in points) or None, expected, f"{len(hits)} hits around {item.id}")


def v2_by_page(twin: Twin) -> Trial:
    """Paging by limit and offset, with the total in Fiware-Total-Count."""
    return twin.once("ngsi-v2 pages", lambda: _v2_by_page(twin))


def _v2_by_page(twin: Twin) -> Trial:
    expected = "limit and offset give different entities, and options=count their number"
    batches, place = _first(twin, "ngsi-v2")
    batch = next((batch for batch in batches if len(batch.items) > PAGE), None)
    if batch is None or place is None:
        return Trial(None, expected, f"no type with more than {PAGE} entities")
    params = {"type": batch.name, "limit": PAGE, "options": "count"}
    first = place.get("/entities", params=params, headers=JSON)
    second = place.get("/entities", params=params | {"offset": PAGE}, headers=JSON)
    ids = [{str(entity.get("id")) for entity in members(response) or []} for response in (first, second)]
    total = first.headers.get("fiware-total-count", "")
    works = len(ids[0]) == PAGE and bool(ids[1]) and not ids[0] & ids[1] and total.isdigit()
    return Trial(works, expected, f"pages of {len(ids[0])} and {len(ids[1])}, total {total or 'not given'}")


# OGC API Features


def ogc_by_place(twin: Twin) -> Trial:
    """`bbox` (OGC API Features Part 1, requirement /req/core/fc-bbox-response)."""
    return twin.once("ogc bbox", lambda: _ogc_by_place(twin))


def _ogc_by_place(twin: Twin) -> Trial:
    expected = "bbox gives only features in the box, the sampled one among them"
    batches, place = _first(twin, "ogc-features")
    found = located(batches)
    if found is None or place is None:
        return Trial(None, expected, NOTHING)
    batch, item, (longitude, latitude) = found
    west, south, east, north = (
        longitude - BOX_DEGREES, latitude - BOX_DEGREES, longitude + BOX_DEGREES, latitude + BOX_DEGREES,
    )  # fmt: skip
    params = {"bbox": f"{west},{south},{east},{north}", "limit": 100}
    response = place.get(f"/collections/{quote(batch.name, safe='')}/items", params=params, headers=GEOJSON)
    hits = members(response, "features")
    if hits is None:
        return Trial(False, expected, f"bbox answered {response.status}")
    points = [(feature.get("id"), point_of(feature.get("geometry"))) for feature in hits]
    outside = [
        name for name, point in points if point and not (west <= point[0] <= east and south <= point[1] <= north)
    ]
    if outside:
        return Trial(False, expected, f"{outside[0]} lies outside the box")
    present = any(name == item.id for name, _ in points)
    return Trial(present, expected, f"{len(hits)} features in the box" + ("" if present else f", not {item.id}"))


def ogc_by_time(twin: Twin) -> Trial:
    """`datetime` (requirement /req/core/fc-time-response): an interval long before the data gives nothing of it."""
    return twin.once("ogc datetime", lambda: _ogc_by_time(twin))


def _ogc_by_time(twin: Twin) -> Trial:
    expected = "datetime gives only features of that time"
    batches, place = _first(twin, "ogc-features")
    for batch in batches:
        moments = [moment for item in batch.items for _, value in times_of(item) if (moment := instant(value))]
        if not moments or place is None:
            continue
        before = f"../{min(moments) - timedelta(days=3650):%Y-%m-%dT%H:%M:%SZ}"
        response = place.get(
            f"/collections/{quote(batch.name, safe='')}/items",
            params={"datetime": before, "limit": 20},
            headers=GEOJSON,
        )
        hits = members(response, "features")
        if hits is None:
            return Trial(False, expected, f"datetime={before} answered {response.status}")
        late = [item.id for item in (read_feature(hit) for hit in hits) if _all_after(item, min(moments))]
        return Trial(not late, expected, f"datetime={before}: {len(hits)} features, {len(late)} of them later")
    return Trial(None, expected, "no collection with times")


def _all_after(item: Item, limit: Any) -> bool:
    moments = [moment for _, value in times_of(item) if (moment := instant(value))]
    return bool(moments) and all(moment >= limit for moment in moments)


def ogc_by_attribute(twin: Twin) -> Trial:
    """A property as query parameter (requirement class core, section 7.15.5)."""
    return twin.once("ogc property", lambda: _ogc_by_attribute(twin))


def _ogc_by_attribute(twin: Twin) -> Trial:
    expected = "a property as query parameter gives only features with that value"
    batches, place = _first(twin, "ogc-features")
    found = distinguishing(batches, lambda _, value: _plain(value))
    if found is None or place is None:
        return Trial(None, expected, NOTHING)
    batch, _, value = found
    response = place.get(
        f"/collections/{quote(batch.name, safe='')}/items",
        params={value.name: value.value, "limit": 100},
        headers=GEOJSON,
    )
    hits = members(response, "features")
    if hits is None:
        return Trial(False, expected, f"{value.name}={value.value} answered {response.status}")
    wrong = [hit.get("id") for hit in hits if _value_of(read_feature(hit), value.name) != value.value]
    return Trial(
        bool(hits) and not wrong, expected, f"{value.name}={value.value}: {len(hits)} features, {len(wrong)} wrong"
    )


def ogc_by_page(twin: Twin) -> Trial:
    """`limit` and the link with rel=next (requirement /req/core/fc-links)."""
    return twin.once("ogc pages", lambda: _ogc_by_page(twin))


def _ogc_by_page(twin: Twin) -> Trial:
    expected = "limit=2 gives two features and a link with rel=next that leads to others"
    batches, place = _first(twin, "ogc-features")
    batch = next((batch for batch in batches if len(batch.items) > PAGE), None)
    if batch is None or place is None:
        return Trial(None, expected, f"no collection with more than {PAGE} features")
    path = f"/collections/{quote(batch.name, safe='')}/items"
    first = place.get(path, params={"limit": PAGE}, headers=GEOJSON)
    hits = members(first, "features")
    link = next((entry.get("href") for entry in members(first, "links") or [] if entry.get("rel") == "next"), None)
    if hits is None or len(hits) != PAGE or not isinstance(link, str):
        return Trial(False, expected, f"{first.status}, {len(hits or [])} features, next link: {link or 'none'}")
    second = place.follow(link, headers=GEOJSON)
    others = members(second, "features") if second is not None else None
    same = {str(hit.get("id")) for hit in hits} & {str(hit.get("id")) for hit in others or []}
    return Trial(
        bool(others) and not same, expected, f"{len(others or [])} features on the second page, {len(same)} again"
    )


# SensorThings


def sta_by_attribute(twin: Twin) -> Trial:
    """`$filter` by name (OGC 18-088 section 9.3.3.5)."""
    return twin.once("sta filter", lambda: _sta_by_attribute(twin))


def _sta_by_attribute(twin: Twin) -> Trial:
    expected = "$filter by name gives the datastream of that name alone"
    batches, place = _first(twin, "sta")
    names = [str(item.raw.get("name")) for batch in batches for item in batch.items if item.raw.get("name")]
    if place is None or len(set(names)) < PAGE:
        return Trial(None, expected, NOTHING)
    text = names[0].replace("'", "''")
    response = place.get("/Datastreams", params={"$filter": f"name eq '{text}'", "$top": 20}, headers=JSON)
    hits = members(response, "value")
    wrong = [hit.get("name") for hit in hits or [] if hit.get("name") != names[0]]
    return Trial(bool(hits) and not wrong, expected, f"{response.status}, {len(hits or [])} hits, {len(wrong)} wrong")


def sta_by_time(twin: Twin) -> Trial:
    """`$filter` and `$orderby` by phenomenonTime."""
    return twin.once("sta time", lambda: _sta_by_time(twin))


def _sta_by_time(twin: Twin) -> Trial:
    expected = "observations of a time window, newest first"
    batches, place = _first(twin, "sta")
    moments = [
        moment for batch in batches for item in batch.items for _, value in times_of(item) if (moment := instant(value))
    ]
    if place is None or not moments:
        return Trial(None, expected, NOTHING)
    start = max(moments) - timedelta(days=1)
    query = {
        "$filter": f"phenomenonTime ge {start:%Y-%m-%dT%H:%M:%SZ}", "$orderby": "phenomenonTime desc", "$top": 10,
    }  # fmt: skip
    response = place.get("/Observations", params=query, headers=JSON)
    hits = members(response, "value")
    times = [instant(hit.get("phenomenonTime")) for hit in hits or []]
    known = [moment for moment in times if moment is not None]
    works = bool(known) and all(moment >= start for moment in known) and known == sorted(known, reverse=True)
    return Trial(
        works, expected, f"{response.status}, {len(known)} observations" + ("" if works else ", not all as asked")
    )


def sta_by_page(twin: Twin) -> Trial:
    """`$top`, `$count` and `@iot.nextLink`."""
    return twin.once("sta pages", lambda: _sta_by_page(twin))


def _sta_by_page(twin: Twin) -> Trial:
    expected = "$top=2 gives two datastreams and @iot.nextLink leads to others"
    batches, place = _first(twin, "sta")
    if place is None or len(batches[0].items) <= PAGE:
        return Trial(None, expected, f"no more than {PAGE} datastreams")
    first = place.get("/Datastreams", params={"$top": PAGE, "$count": "true"}, headers=JSON)
    body = json.loads(first.content) if members(first, "value") else {}
    link = body.get("@iot.nextLink")
    second = place.follow(str(link), headers=JSON) if link else None
    ids = [
        {str(hit.get("@iot.id")) for hit in hits or []}
        for hits in (members(first, "value"), members(second, "value") if second else None)
    ]
    works = len(ids[0]) == PAGE and bool(ids[1]) and not ids[0] & ids[1]
    return Trial(
        works, expected, f"pages of {len(ids[0])} and {len(ids[1])}, count {body.get('@iot.count', 'not given')}"
    )
