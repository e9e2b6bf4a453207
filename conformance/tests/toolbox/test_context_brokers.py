"""Small NGSI-LD and NGSIv2 brokers: each check passes on the right one and not on the wrong ones."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug import Request

from ldt_conformance.checks.toolbox.interoperability import test_interface as interface
from ldt_conformance.checks.toolbox.interoperability import test_ngsi_ld as ngsi_ld
from ldt_conformance.checks.toolbox.interoperability import test_ngsi_v2 as ngsi_v2
from ldt_conformance.checks.toolbox.interoperability import test_open_interfaces as open_interfaces

from .conftest import Answer, Judge
from .small_apis import FAULTS, PLACES, Table, page_of

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


def tagged_api(*, changes: int = 0, tags: bool = True, honours: bool = True) -> Table:
    """A broker with ETags: its stations change so many times, at each request; it may ignore If-None-Match."""
    table = ngsi_ld_api()
    entities = table["/ngsi-ld/v1/entities"]
    asked = 0

    def answer(request: Request) -> Answer:
        nonlocal asked
        asked += 1
        status, body, *more = entities(request)
        if status != 200 or request.args.get("limit") == "0":
            return (status, body, *more)
        body = [{**entity, "reading": {"type": "Property", "value": min(asked, changes)}} for entity in body]
        tag = f'"{min(asked, changes)}-{request.query_string.decode()}"'
        if honours and tags and request.headers.get("If-None-Match") == tag:
            return 304, None, {"ETag": tag}
        return 200, body, {**(more[0] if more else {}), **({"ETag": tag} if tags else {})}

    return {**table, "/ngsi-ld/v1/entities": answer}


@pytest.mark.parametrize(
    ("api", "verdict"),
    [
        ({}, "pass"),
        ({"changes": 3}, "pass"),
        ({"changes": 10_000}, "inconclusive"),
        ({"honours": False}, "warn"),
        ({"tags": False}, "warn"),
    ],
)
def test_conditional_retrieval_is_judged_on_what_has_not_changed(judge: Judge, api: dict[str, Any], verdict: str):
    """304 passes, 200 for the same body does not; where the data change all the time nothing is said."""
    result = judge(interface.test_caching, tagged_api(**api), BROKER)
    assert result.verdict == verdict, result.observed
