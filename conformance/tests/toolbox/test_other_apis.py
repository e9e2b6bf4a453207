"""Small APIs of other kinds: each check passes on the right one and not on the wrong ones."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug import Request

from ldt_conformance.checks.toolbox.data_acquisition import test_retrieval as retrieval
from ldt_conformance.checks.toolbox.interoperability import test_description as description
from ldt_conformance.checks.toolbox.interoperability import test_interface as interface
from ldt_conformance.checks.toolbox.interoperability import test_ogc as ogc
from ldt_conformance.checks.toolbox.interoperability import test_open_interfaces as open_interfaces
from ldt_conformance.checks.toolbox.interoperability import test_sensorthings as sensorthings

from .conftest import Answer, Judge
from .small_apis import FAULTS, PLACES, Table, page_of

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
