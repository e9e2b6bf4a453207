"""Small APIs of every kind: each check passes on the right one and not on the wrong ones."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug import Request

from ldt_conformance.checks.toolbox.data_acquisition import test_retrieval as retrieval
from ldt_conformance.checks.toolbox.interoperability import test_description as description
from ldt_conformance.checks.toolbox.interoperability import test_interface as interface
from ldt_conformance.checks.toolbox.interoperability import test_ngsi_ld as ngsi_ld
from ldt_conformance.checks.toolbox.interoperability import test_ngsi_v2 as ngsi_v2
from ldt_conformance.checks.toolbox.interoperability import test_ogc as ogc
from ldt_conformance.checks.toolbox.interoperability import test_open_interfaces as open_interfaces
from ldt_conformance.checks.toolbox.interoperability import test_sensorthings as sensorthings

from .conftest import Answer, Judge, Reply

Table = dict[str, Reply]
PLACES = [(4.35 + 0.02 * number, 50.85) for number in range(5)]  # 1.4 km apart
FAULTS = {"warn", "fail", "info"}


def page_of(request: Request, entities: list[Any]) -> tuple[list[Any], int, int]:
    """What limit and offset ask for."""
    limit, offset = int(request.args.get("limit", 20)), int(request.args.get("offset", 0))
    return entities[offset : offset + limit], limit, offset


# NGSI-LD


def station(number: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Station:{number}",
        "type": "Station",
        "name": {"type": "Property", "value": f"Station {number}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": list(PLACES[number])}},
    }


STATIONS = [station(number) for number in range(5)]


def near(entity: dict[str, Any], request: Request) -> bool:
    """On one parallel: degrees of longitude are enough."""
    lon, _ = json.loads(request.args["coordinates"])
    metres = abs(entity["location"]["value"]["coordinates"][0] - lon) * 111_195 * math.cos(math.radians(50.85))
    return metres <= float(request.args["georel"].split("==")[1])


def ngsi_ld_api(*, ignored: str = "", page_fault: str = "") -> Table:
    """A broker with five stations; it may ignore one kind of filter, or page wrongly."""

    def entities(request: Request) -> Answer:
        found = [entity for entity in STATIONS if request.args.get("type") == entity["type"]]
        if not request.args.get("type"):
            return 400, {"type": "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "title": "too wide"}
        if "q" in request.args and ignored != "q":
            wanted = json.loads(request.args["q"].split("==")[1])
            found = [entity for entity in found if entity["name"]["value"] == wanted]
        if "georel" in request.args and ignored != "georel":
            found = [entity for entity in found if near(entity, request)]
        total = len(found)
        if request.args.get("limit") == "0":
            if "count" not in request.args:
                return 400, {}
            return 200, [], {"NGSILD-Results-Count": str(total)}
        shown, limit, offset = page_of(request, found)
        headers = {}
        if offset + limit < total and page_fault != "no link":
            following = offset if page_fault == "same page" else offset + limit
            query = urlencode({"type": request.args["type"], "limit": limit, "offset": following})
            headers["Link"] = f'</ngsi-ld/v1/entities?{query}>; rel="next"; type="application/json"'
        return 200, shown, headers

    single = {f"/ngsi-ld/v1/entities/{entity['id']}": (200, entity) for entity in STATIONS}
    types = (200, {"id": "urn:x", "type": "EntityTypeList", "typeList": ["Station"]})
    return {"/ngsi-ld/v1/types": types, "/ngsi-ld/v1/entities": entities, **single}


BROKER = {"broker": {"url": "", "api": "ngsi-ld"}}


@pytest.mark.parametrize(
    "check",
    [
        ngsi_ld.test_query_by_type, ngsi_ld.test_retrieve, ngsi_ld.test_count, ngsi_ld.test_paging,
        ngsi_ld.test_attribute_filter, ngsi_ld.test_geo_query, ngsi_ld.test_too_wide, ngsi_ld.test_urn_ids,
        interface.test_paging, open_interfaces.test_ngsi_ld_api, open_interfaces.test_open_interface,
    ],
)  # fmt: skip
def test_a_right_ngsi_ld_api_passes(judge: Judge, check: Any):
    """Queries, filters, count and paging that do what they say pass."""
    result = judge(check, ngsi_ld_api(), BROKER)
    assert result.verdict == "pass", result.observed


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (ngsi_ld.test_attribute_filter, {"ignored": "q"}),
        (ngsi_ld.test_geo_query, {"ignored": "georel"}),
        (ngsi_ld.test_paging, {"page_fault": "no link"}),
        (ngsi_ld.test_paging, {"page_fault": "same page"}),
        (interface.test_paging, {"page_fault": "same page"}),
        (interface.test_filters, {"ignored": "q"}),
    ],
)
def test_a_wrong_ngsi_ld_api_is_found(judge: Judge, check: Any, wrong: dict[str, str]):
    """A filter that is ignored, or a page that comes twice, does not pass."""
    assert judge(check, ngsi_ld_api(**wrong), BROKER).verdict in FAULTS


@pytest.mark.parametrize(
    ("path", "answer", "check"),
    [
        ("/ngsi-ld/v1/entities", (200, STATIONS), ngsi_ld.test_count),
        ("/ngsi-ld/v1/entities", (200, STATIONS), ngsi_ld.test_too_wide),
        ("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:0", (200, STATIONS[1]), ngsi_ld.test_retrieve),
        ("/ngsi-ld/v1/entities/urn:ngsi-ld:Station:0", (404, {}), ngsi_ld.test_retrieve),
        ("/ngsi-ld/v1/entities", (200, [STATIONS[0] | {"type": "Other"}]), ngsi_ld.test_query_by_type),
    ],
)
def test_wrong_answers_of_a_broker_are_found(judge: Judge, path: str, answer: Answer, check: Any):
    """No count, another entity, another type, or no refusal of a query without selector: none passes."""
    assert judge(check, ngsi_ld_api() | {path: answer}, BROKER).verdict in FAULTS


def test_a_changed_entity_blames_nobody(judge: Judge):
    """A sampled value that has changed meanwhile leaves the filter undecided: live data does not stand still."""
    table = ngsi_ld_api()
    listed = table["/ngsi-ld/v1/entities"]
    changed = {"name": {"type": "Property", "value": "renamed"}}

    def moved(request: Request) -> Answer:
        assert callable(listed)
        return (200, []) if "q" in request.args else listed(request)

    gone = {f"/ngsi-ld/v1/entities/{one['id']}": (200, one | changed) for one in STATIONS}
    result = judge(ngsi_ld.test_attribute_filter, table | gone | {"/ngsi-ld/v1/entities": moved}, BROKER)
    assert (result.verdict, result.reason) == ("inconclusive", "INSUFFICIENT_EVIDENCE")


# NGSIv2


def v2_entity(number: int) -> dict[str, Any]:
    lon, lat = PLACES[number]
    return {
        "id": f"bin:{number}",
        "type": "Bin",
        "name": {"type": "Text", "value": f"Bin {number}", "metadata": {}},
        "level": {"type": "Number", "value": number / 10, "metadata": {"unitCode": {"type": "Text", "value": "C62"}}},
        "location": {"type": "geo:json", "value": {"type": "Point", "coordinates": [lon, lat]}, "metadata": {}},
    }


BINS = [v2_entity(number) for number in range(5)]


def ngsi_v2_api(*, ignored: str = "") -> Table:
    def entities(request: Request) -> Answer:
        found = BINS
        if "q" in request.args and ignored != "q":
            wanted = request.args["q"].split("==")[1].strip("'")
            found = [entity for entity in found if entity["name"]["value"] == wanted]
        if "georel" in request.args and ignored != "georel":
            lon = float(request.args["coords"].split(",")[1])
            found = [entity for entity in found if abs(entity["location"]["value"]["coordinates"][0] - lon) < 0.01]
        shown, _, _ = page_of(request, found)
        counted = {} if ignored == "count" else {"Fiware-Total-Count": str(len(found))}
        return 200, BINS[:2] if ignored == "offset" else shown, counted

    entry = {"entities_url": "/v2/entities", "types_url": "/v2/types", "subscriptions_url": "/v2/subscriptions"}
    return {"/v2": (200, entry), "/v2/types": (200, [{"type": "Bin"}]), "/v2/entities": entities}


V2 = {"broker": {"url": "", "api": "ngsi-v2"}}


@pytest.mark.parametrize(
    "check",
    [ngsi_v2.test_queries, ngsi_v2.test_typed_attributes, open_interfaces.test_ngsi_v2_api, interface.test_paging],
)
def test_a_right_ngsi_v2_api_passes(judge: Judge, check: Any):
    """NGSIv2 that lists, counts, filters and types its attributes passes."""
    result = judge(check, ngsi_v2_api(), V2)
    assert result.verdict == "pass", result.observed


@pytest.mark.parametrize("ignored", ["q", "georel", "count", "offset"])
def test_a_wrong_ngsi_v2_api_fails(judge: Judge, ignored: str):
    """A parameter of NGSIv2 that is ignored fails."""
    assert judge(ngsi_v2.test_queries, ngsi_v2_api(ignored=ignored), V2).verdict == "fail"


def test_ngsi_v2_is_named_as_the_gap_to_level_one(judge: Judge):
    """An NGSIv2 twin is told what it has and what it lacks, not merely that it fails."""
    result = judge(open_interfaces.test_ngsi_v2_api, ngsi_v2_api(), V2)
    assert result.note is not None
    assert "gap to CitCom.ai level 1" in result.note


def test_numbers_as_text_are_found(judge: Judge):
    """Numbers that NGSIv2 gives as Text are found."""
    wrong = [entity | {"level": {"type": "Text", "value": "0.4", "metadata": {}}} for entity in BINS]
    table = ngsi_v2_api() | {"/v2/entities": (200, wrong)}
    assert judge(ngsi_v2.test_typed_attributes, table, V2).verdict in FAULTS


def test_a_broker_of_another_kind_is_told(judge: Judge):
    """A broker declared as NGSI-LD that answers as NGSIv2 is a contradiction, and said to be one."""
    result = judge(open_interfaces.test_declared_api, ngsi_v2_api(), BROKER)
    assert result.verdict in FAULTS
    assert "found: ngsi-v2" in result.observed


# OGC API Features


def feature(number: int) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": list(PLACES[number])}
    times = {"name": f"Tree {number}", "updatedTime": f"2026-0{number + 1}-01T00:00:00Z"}
    return {"type": "Feature", "id": f"tree-{number}", "geometry": point, "properties": times}


TREES = [feature(number) for number in range(5)]
CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
GEOJSON = {"Content-Type": "application/geo+json"}


def ogc_api(*, ignored: str = "") -> Table:
    def items(request: Request) -> Answer:
        found = TREES
        if "bbox" in request.args and ignored != "bbox":
            west, _, east, _ = map(float, request.args["bbox"].split(","))
            found = [tree for tree in found if west <= tree["geometry"]["coordinates"][0] <= east]
        if "datetime" in request.args and ignored != "datetime":
            end = request.args["datetime"].split("/")[1]
            found = [tree for tree in found if tree["properties"]["updatedTime"] <= end]
        shown, limit, offset = page_of(request, found)
        links = []
        if offset + limit < len(found) and ignored != "limit":
            links = [{"rel": "next", "href": f"/collections/trees/items?limit={limit}&offset={offset + limit}"}]
        return 200, {"type": "FeatureCollection", "features": shown, "links": links}, GEOJSON

    trees = {
        "id": "trees",
        "extent": {"spatial": {"bbox": [[4.3, 50.8, 4.5, 50.9]]}},
        "links": [{"rel": "items", "href": "/collections/trees/items"}],
    }
    single = {f"/collections/trees/items/{tree['id']}": (200, tree, GEOJSON) for tree in TREES}
    return {
        "/conformance": (200, {"conformsTo": [CORE]}),
        "/collections": (200, {"collections": [trees]}),
        "/collections/trees/items": items,
        **single,
    }


FEATURES = {"features": {"url": "", "api": "ogc-features"}}


@pytest.mark.parametrize(
    "check",
    [
        ogc.test_collections, ogc.test_item_filters, ogc.test_feature_by_id, open_interfaces.test_ogc_features,
        open_interfaces.test_open_interface, interface.test_paging,
    ],
)  # fmt: skip
def test_a_right_features_api_passes(judge: Judge, check: Any):
    """Collections, filters, paging and single features that agree pass."""
    result = judge(check, ogc_api(), FEATURES)
    assert result.verdict == "pass", result.observed


@pytest.mark.parametrize("ignored", ["bbox", "datetime", "limit"])
def test_a_wrong_features_api_fails(judge: Judge, ignored: str):
    """A filter that is ignored, or pages that lead nowhere, fail."""
    assert judge(ogc.test_item_filters, ogc_api(ignored=ignored), FEATURES).verdict == "fail"


@pytest.mark.parametrize(
    ("path", "answer", "check"),
    [
        ("/collections", (200, {"collections": [{"id": "trees"}]}), ogc.test_collections),
        ("/collections/trees/items/tree-0", (200, TREES[1]), ogc.test_feature_by_id),
        ("/collections/trees/items/tree-0", (200, TREES[0] | {"geometry": None}), ogc.test_feature_by_id),
    ],
)
def test_wrong_collections_and_features_fail(judge: Judge, path: str, answer: Answer, check: Any):
    """A collection without extent and items link, or a feature that is another one, fails."""
    assert judge(check, ogc_api() | {path: answer}, FEATURES).verdict == "fail"


# SensorThings


def datastream(number: int) -> dict[str, Any]:
    return {
        "@iot.id": number,
        "name": f"Stream {number}",
        "unitOfMeasurement": {"name": "degree Celsius", "symbol": "Cel"},
        "ObservedProperty": {"name": "temperature", "definition": "https://example.org/temperature"},
        "Observations": [{"phenomenonTime": f"2026-11-2{number}T10:00:00Z", "result": 20 + number}],
    }


STREAMS = [datastream(number) for number in range(4)]


def sta_api(*, ignored: str = "") -> Table:
    def datastreams(request: Request) -> Answer:
        found = STREAMS
        if "$filter" in request.args and ignored != "$filter":
            found = [one for one in found if f"'{one['name']}'" in request.args["$filter"]]
        top, skip = int(request.args.get("$top", 100)), int(request.args.get("$skip", 0))
        body: dict[str, Any] = {"value": found[skip : skip + top], "@iot.count": len(found)}
        if skip + top < len(found) and ignored != "nextLink":
            body["@iot.nextLink"] = f"/v1.1/Datastreams?$top={top}&$skip={skip + top}"
        return 200, body

    def observations(_: Request) -> Answer:
        newest = {"phenomenonTime": "2026-11-23T10:00:00Z", "result": 23}
        oldest = {"phenomenonTime": "2026-01-01T10:00:00Z", "result": 20}
        return 200, {"value": [newest, oldest] if ignored == "time" else [newest]}

    sets = [{"name": name, "url": f"/v1.1/{name}"} for name in ("Things", "Datastreams", "Observations")]
    settings = {"conformance": ["http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel"]}
    return {
        "/v1.1": (200, {"value": sets, "serverSettings": settings}),
        "/v1.1/Datastreams": datastreams,
        "/v1.1/Observations": observations,
    }


STA = {"sensorthings": {"url": "/v1.1", "api": "sta"}}


@pytest.mark.parametrize(
    "check", [sensorthings.test_queries, sensorthings.test_definitions, open_interfaces.test_sensorthings]
)
def test_a_right_sensorthings_service_passes(judge: Judge, check: Any):
    """Datastreams that can be filtered, ordered and paged, with units and definitions, pass."""
    result = judge(check, sta_api(), STA)
    assert result.verdict == "pass", result.observed


@pytest.mark.parametrize("ignored", ["$filter", "nextLink", "time"])
def test_a_wrong_sensorthings_service_is_found(judge: Judge, ignored: str):
    """A query option that is ignored does not pass."""
    assert judge(sensorthings.test_queries, sta_api(ignored=ignored), STA).verdict in FAULTS


@pytest.mark.parametrize("change", [{"unitOfMeasurement": {}}, {"ObservedProperty": {"definition": "temperature"}}])
def test_datastreams_without_meaning_are_found(judge: Judge, change: dict[str, Any]):
    """A datastream without unit, or whose property has no address, does not pass."""
    table = sta_api() | {"/v1.1/Datastreams": (200, {"value": [datastream(1) | change]})}
    assert judge(sensorthings.test_definitions, table, STA).verdict in FAULTS


# Plain REST with OpenAPI


def openapi(version: str = "3.1.0", **operation: Any) -> Table:
    listing = {"responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}}} | operation
    document = {
        "openapi": version,
        "info": {"title": "Charging", "version": "2"},
        "paths": {"/sessions": {"get": listing}},
    }
    return {"/openapi.json": (200, document), "/sessions": (200, [{"id": 1, "kwh": 3.2}])}


API = {"api": {"url": "", "api": "openapi"}}


@pytest.mark.parametrize(
    ("table", "verdict", "reason"),
    [
        (openapi(), "pass", None),
        (openapi("3.0.3"), "warn", "PARTIAL"),
        ({"/openapi.json": (200, {"openapi": "3.1.0", "info": {}})}, "fail", None),
        ({"/openapi.json": (200, {"openapi": "3.1.0", "info": {}, "paths": {}})}, "fail", None),
        ({}, "fail", None),
    ],
)
def test_openapi_is_judged_by_its_version(judge: Judge, table: Table, verdict: str, reason: str | None):
    """3.1 passes, 3.0 is part of what is asked for, and a document without operations is none."""
    result = judge(description.test_openapi, table, API)
    assert (result.verdict, result.reason) == (verdict, reason), result.observed


@pytest.mark.parametrize(
    ("operation", "passes"),
    [({}, True), ({"responses": {"200": {"description": "a list"}}}, False), ({"responses": {}}, False)],
)
def test_responses_name_their_schema(judge: Judge, operation: dict[str, Any], passes: bool):
    """A description that says nothing of what comes back does not name the data model."""
    assert (judge(description.test_data_models, openapi(**operation), API).verdict == "pass") is passes


# Object storage

LISTING = "<?xml version='1.0'?><ListBucketResult><Contents><Key>a.csv</Key></Contents></ListBucketResult>"
XML = {"Content-Type": "application/xml"}
OBJECTS = {"objects": {"url": "", "api": "s3", "bucket": "staging"}}


@pytest.mark.parametrize(
    ("listing", "part", "passes"),
    [
        ((200, LISTING, XML), (206, "a,b,", {"Content-Type": "text/csv"}), True),
        ((200, LISTING, XML), (200, "a,b,c,d", {"Content-Type": "text/csv"}), False),
        ((200, "<html></html>", {"Content-Type": "text/html"}), (206, "a"), False),
        ((403, "<Error><Code>AccessDenied</Code></Error>", XML), (206, "a"), False),
    ],
)
def test_object_storage_lists_and_gives_parts(judge: Judge, listing: Answer, part: Answer, passes: bool):
    """A bucket can be listed, and a part of an object be had; anything less does not pass."""
    root = (200, "<?xml version='1.0'?><ListAllMyBucketsResult></ListAllMyBucketsResult>", XML)
    result = judge(retrieval.test_object_storage, {"/": root, "/staging": listing, "/staging/a.csv": part}, OBJECTS)
    assert (result.verdict == "pass") is passes, result.observed
