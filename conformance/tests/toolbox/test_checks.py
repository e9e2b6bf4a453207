"""Checks of the toolbox pack against small twins: each passes on a right one and fails on each wrong one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug import Request

from ldt_conformance.checks.toolbox.data_acquisition.test_catalogue import (
    test_data_services as check_data_services,
)
from ldt_conformance.checks.toolbox.data_acquisition.test_catalogue import (
    test_dcat as check_dcat,
)
from ldt_conformance.checks.toolbox.data_acquisition.test_catalogue import (
    test_distributions as check_distributions,
)
from ldt_conformance.checks.toolbox.data_acquisition.test_catalogue import (
    test_models as check_catalogue_models,
)
from ldt_conformance.checks.toolbox.data_acquisition.test_catalogue import (
    test_terms as check_terms,
)
from ldt_conformance.checks.toolbox.data_sources.test_data_quality import (
    test_freshness as check_freshness,
)
from ldt_conformance.checks.toolbox.data_sources.test_data_quality import (
    test_places as check_places,
)
from ldt_conformance.checks.toolbox.data_sources.test_data_quality import (
    test_times as check_times,
)
from ldt_conformance.checks.toolbox.data_sources.test_data_quality import (
    test_unique_ids as check_unique_ids,
)
from ldt_conformance.checks.toolbox.data_sources.test_data_quality import (
    test_units as check_units,
)
from ldt_conformance.checks.toolbox.interoperability.test_interface import (
    test_errors as check_errors,
)
from ldt_conformance.checks.toolbox.knowledge.test_models_served import (
    test_inference as check_inference,
)
from ldt_conformance.checks.toolbox.knowledge.test_models_served import (
    test_model_metadata as check_model_metadata,
)
from ldt_conformance.checks.toolbox.orchestration.test_pipelines import (
    test_engine_health as check_engine_health,
)
from ldt_conformance.checks.toolbox.orchestration.test_pipelines import (
    test_metrics as check_metrics,
)
from ldt_conformance.checks.toolbox.visualization.test_views import (
    test_reachable as check_reachable,
)

from .conftest import Answer, Judge, Reply

NOW = datetime.now(UTC)
BROKER = {"broker": {"url": "", "api": "ngsi-ld"}}
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"


def stamp(age: timedelta = timedelta(minutes=1)) -> str:
    return f"{NOW - age:%Y-%m-%dT%H:%M:%SZ}"


def sensor(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An entity with everything the data checks ask for; `changes` go into its one measured Property."""
    measured = {"type": "Property", "value": 21.5, "unitCode": "CEL", "observedAt": stamp()} | changes
    return {
        "id": f"urn:ngsi-ld:Sensor:{number}",
        "type": "Sensor",
        "temperature": {name: value for name, value in measured.items() if value is not None},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [4.35, 50.85]}},
    }


def broker(*entities: dict[str, Any], **changed: Reply) -> dict[str, Reply]:
    """An NGSI-LD API with these entities."""

    def listed(request: Request) -> Answer:
        if int(request.args.get("limit", 1)) < 0:
            return 400, {"type": f"{ERRORS}BadRequestData", "title": "limit"}
        names = [entity for entity in entities if entity["type"] == request.args.get("type", entity["type"])]
        return 200, names

    types = sorted({entity["type"] for entity in entities})
    return {
        "/ngsi-ld/v1/types": (200, {"id": "urn:x", "type": "EntityTypeList", "typeList": types}),
        "/ngsi-ld/v1/entities": listed,
        "/ngsi-ld/v1/entities/urn:ngsi-ld:LdtCheck:none": (
            404,
            {"type": f"{ERRORS}ResourceNotFound", "title": "none"},
        ),
    } | changed


DATA_CHECKS = [check_units, check_times, check_unique_ids, check_places]


@pytest.mark.parametrize("check", DATA_CHECKS)
def test_good_data_passes(judge: Judge, check: Any):
    """Data with units, zoned times, ids and places passes what looks at it."""
    assert judge(check, broker(sensor(1), sensor(2)), BROKER).verdict == "pass"


@pytest.mark.parametrize("check", [*DATA_CHECKS, check_freshness])
def test_no_data_is_never_a_pass(judge: Judge, check: Any):
    """An empty API proves nothing."""
    result = judge(check, broker(), BROKER)
    assert (result.verdict, result.reason) == ("inconclusive", "INSUFFICIENT_EVIDENCE")


WRONG_DATA: list[tuple[Any, list[dict[str, Any]]]] = [
    (check_units, [sensor(unitCode=None)]),
    (check_units, [sensor(unitCode="degrees Celsius")]),
    (check_times, [sensor(observedAt="2026-01-01T00:00:00")]),
    (check_times, [sensor(observedAt="2026-01-01T00:00:00+01:00")]),
    (check_times, [sensor(observedAt="yesterday")]),
    (check_times, [sensor(observedAt=1767225600)]),
    (check_unique_ids, [sensor(1), sensor(1)]),
    (check_unique_ids, [sensor(1) | {"id": "7"}]),
    (check_places, [sensor() | {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [4]}}}]),
    (
        check_places,
        [sensor() | {"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [4.3, 91.0]}}}],
    ),
]


@pytest.mark.parametrize(("check", "entities"), WRONG_DATA)
def test_wrong_data_fails(judge: Judge, check: Any, entities: list[dict[str, Any]]):
    """Each fault in the data is found by the check that looks for it."""
    result = judge(check, broker(*entities), BROKER)
    assert result.verdict in {"fail", "warn"}, result.observed
    assert (result.verdict == "fail") == (result.level == "MUST")


@pytest.mark.parametrize(("check", "entities"), WRONG_DATA)
def test_what_a_run_creates_is_not_the_sites_data(judge: Judge, check: Any, entities: list[dict[str, Any]]):
    """The same faults in Entities of a type that bears a run's marker are passed over: other checks made them."""
    ours = [entity | {"type": "LdtCheck00ffSensor"} for entity in entities]
    assert judge(check, broker(sensor(7), sensor(8), *ours), BROKER).verdict == "pass"


@pytest.mark.parametrize(
    ("age_hours", "interval", "verdict"), [(1, 3600, "pass"), (3, 3600, "fail"), (3, None, "inconclusive")]
)
def test_freshness_by_the_declared_interval(judge: Judge, age_hours: int, interval: int | None, verdict: str):
    """Data is late by what was declared for it, and is not judged where nothing was."""
    source = {"name": "s", "types": ["Sensor"]} | ({"interval_seconds": interval} if interval else {})
    result = judge(
        check_freshness, broker(sensor(observedAt=stamp(timedelta(hours=age_hours)))), BROKER, data_sources=[source]
    )
    assert result.verdict == (("fail" if result.level == "MUST" else "warn") if verdict == "fail" else verdict)


def test_errors_in_their_own_words_pass(judge: Judge):
    """404 and 400 with type and title are what is asked for."""
    assert judge(check_errors, broker(sensor()), BROKER).verdict == "pass"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, {}), "SHOULD_VIOLATED"),
        ((404, "nothing here", {"Content-Type": "text/plain"}), "SHOULD_VIOLATED"),
        ((404, {"error": "none"}), "PARTIAL"),
    ],
)
def test_wrong_errors_are_found(judge: Judge, answer: Answer, reason: str):
    """A wrong status, no structure, or another structure: each is said as what it is."""
    table = broker(sensor(), **{"/ngsi-ld/v1/entities/urn:ngsi-ld:LdtCheck:none": answer})
    result = judge(check_errors, table, BROKER)
    assert result.verdict in {"warn", "fail"}
    if result.level == "SHOULD" or reason == "PARTIAL":
        assert result.reason == reason


FORECASTER = {"forecaster": {"url": "", "api": "kserve-v2", "model": "flow"}}
TENSOR = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
OUTPUT = {"name": "y", "datatype": "FP32", "shape": [-1]}
METADATA = {"name": "flow", "platform": "sklearn", "inputs": [TENSOR], "outputs": [OUTPUT]}


def inference_server(metadata: Any = METADATA, outputs: Any = None) -> dict[str, Reply]:
    given = [{"name": "y", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}] if outputs is None else outputs
    return {
        "/v2": (200, {"name": "server", "version": "1", "extensions": []}),
        "/v2/models/flow": (200, metadata),
        "POST /v2/models/flow/infer": (200, {"model_name": "flow", "outputs": given}),
    }


def test_model_metadata_passes(judge: Judge):
    """A model with platform, inputs and outputs is described."""
    assert judge(check_model_metadata, inference_server(), FORECASTER).verdict == "pass"


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        METADATA | {"name": "other"},
        METADATA | {"inputs": []},
        METADATA | {"outputs": {"y": "FP32"}},
        METADATA | {"inputs": [TENSOR | {"datatype": "float"}]},
        METADATA | {"inputs": [TENSOR | {"shape": "2"}]},
    ],
)
def test_wrong_model_metadata_fails(judge: Judge, metadata: Any):
    """Metadata that lacks or misnames something does not pass."""
    assert judge(check_model_metadata, inference_server(metadata), FORECASTER).verdict in {"fail", "warn"}


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ({"name": "y", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}, True),
        ({"name": "z", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]}, False),
        ({"name": "y", "datatype": "INT8", "shape": [2], "data": [1, 2]}, False),
        ({"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [1.0, 2.0]}, False),
        ({"name": "y", "datatype": "FP32", "shape": [2], "data": [1.0]}, False),
        ({"name": "y", "datatype": "FP32", "shape": ["2"], "data": [1.0]}, False),
        ({"name": "y", "datatype": "FP32", "shape": [2], "data": [1.0, float("nan")]}, False),
    ],
)
def test_inference_is_held_to_the_metadata(judge: Judge, tmp_path: Any, output: Any, right: bool):
    """An inference answer has the names, datatypes, shapes and finite numbers that its metadata promises."""
    (tmp_path / "sample.json").write_text(json.dumps({"inputs": [TENSOR | {"shape": [2, 2], "data": [1, 2, 3, 4]}]}))
    ai = [{"name": "flow", "endpoint": "forecaster", "sample": "sample.json"}]
    result = judge(check_inference, inference_server(outputs=[output]), FORECASTER, ai=ai)
    assert (result.verdict == "pass") is right, result.observed
    assert result.verdict != "harness-error"


CATALOGUE = {"catalogue": {"url": "/catalog.jsonld", "api": "dcat"}}
CONTEXT = {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/"}


def dataset(**members: Any) -> dict[str, Any]:
    return {
        "@id": "urn:d1",
        "@type": "dcat:Dataset",
        "dct:title": "Air",
        "dct:license": {"@id": "https://creativecommons.org/licenses/by/4.0/"},
        "dct:conformsTo": {"@id": "https://example.org/model"},
    } | members


def catalogue(*nodes: dict[str, Any]) -> dict[str, Reply]:
    graph = [{"@id": "urn:c", "@type": "dcat:Catalog"}, *nodes]
    body = (200, json.dumps({"@context": CONTEXT, "@graph": graph}), {"Content-Type": "application/ld+json"})
    return {"/catalog.jsonld": body}


@pytest.mark.parametrize("check", [check_dcat, check_terms, check_catalogue_models])
def test_a_full_catalogue_passes(judge: Judge, check: Any):
    """Data sets with licence and model pass what looks at them."""
    assert judge(check, catalogue(dataset()), CATALOGUE).verdict == "pass"


@pytest.mark.parametrize("check", [check_dcat, check_terms, check_catalogue_models, check_data_services])
def test_an_empty_catalogue_never_passes(judge: Judge, check: Any):
    """A catalogue without data sets proves nothing."""
    assert judge(check, catalogue(), CATALOGUE).verdict not in {"pass", "harness-error"}


@pytest.mark.parametrize(
    ("check", "node"),
    [
        (check_terms, dataset(**{"dct:license": []})),
        (check_terms, dataset(**{"dct:license": "please ask"})),
        (check_catalogue_models, dataset(**{"dct:conformsTo": []})),
    ],
)
def test_a_lacking_catalogue_is_found(judge: Judge, check: Any, node: dict[str, Any]):
    """Data sets without terms by address, or without a model, do not pass."""
    assert judge(check, catalogue(node), CATALOGUE).verdict in {"fail", "warn", "info"}


def test_a_catalogue_that_is_none_fails(judge: Judge):
    """A JSON document without DCAT is no catalogue."""
    assert judge(check_dcat, {"/catalog.jsonld": (200, {"datasets": [1]})}, CATALOGUE).verdict in {"fail", "warn"}


@pytest.mark.parametrize(
    ("served", "verdicts"),
    [
        ((200, "a,b\n1,2", {"Content-Type": "text/csv; charset=utf-8"}), {"pass"}),
        ((200, "<html></html>", {"Content-Type": "text/html"}), {"fail", "warn"}),
        ((404, {}), {"fail", "warn"}),
    ],
)
def test_distributions_are_what_they_say(judge: Judge, httpserver: Any, served: Answer, verdicts: set[str]):
    """A download answers, and with the media type that the catalogue states."""
    entry = {
        "@type": "dcat:Distribution",
        "dcat:downloadURL": {"@id": httpserver.url_for("/air.csv")},
        "dcat:mediaType": {"@id": "https://www.iana.org/assignments/media-types/text/csv"},
    }
    table = catalogue(dataset(**{"dcat:distribution": entry})) | {"/air.csv": served}
    assert judge(check_distributions, table, CATALOGUE).verdict in verdicts


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        ({"status": "ok"}, True),
        ({"scheduler": {"status": "healthy"}}, True),
        ({"status": "not ready"}, False),
        ({"status": "unhealthy"}, False),
        ({"ok": False}, False),
        ({}, False),
    ],
)
def test_engine_health(judge: Judge, body: Any, passes: bool):
    """An engine is healthy where it says so, and only there."""
    result = judge(check_engine_health, {"/health": (200, body)}, {"pipelines": {"url": ""}})
    assert (result.verdict == "pass") is passes


@pytest.mark.parametrize(("text", "passes"), [("# TYPE up gauge\nup 1\n", True), ("<html>Grafana</html>", False)])
def test_metrics(judge: Judge, text: str, passes: bool):
    """Metrics are lines of Prometheus, not a page."""
    table = {"/metrics": (200, text, {"Content-Type": "text/plain"})}
    assert (judge(check_metrics, table, {"monitoring": {"url": ""}}).verdict == "pass") is passes


@pytest.mark.parametrize(
    ("page", "passes"),
    [
        ("<!doctype html><html lang=en><title>Map of the city</title></html>", True),
        ("<!doctype html><html><title>Sign in</title><input type=password></html>", False),
        ("<!doctype html><html></html>", False),
    ],
)
def test_a_view_is_a_page_and_no_login(judge: Judge, page: str, passes: bool):
    """A public view answers with a titled page that asks for no password."""
    table = {"/map": (200, page, {"Content-Type": "text/html"})}
    result = judge(check_reachable, table, {"visualisation": {"url": "/map"}})
    assert (result.verdict == "pass") is passes
