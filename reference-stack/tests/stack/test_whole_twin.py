"""The whole twin, as `ldt up` starts it: everything its ready file and its site file say is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from ldt_conformance.engine.site.model import Site
from ldt_stack.city.clock import parse_instant
from ldt_stack.city.entities import THEMES
from ldt_stack.objects.s3 import Credentials, S3Client

pytestmark = pytest.mark.xdist_group("twin")  # one worker starts the twin

START_SECONDS = 90.0
LINK = '<{}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@dataclass(frozen=True)
class Twin:
    """A running twin: its ready file and a client that speaks the city's terms."""

    ready: dict[str, str]
    http: httpx.Client

    def entities(self, entity_type: str, **params: str) -> list[dict[str, Any]]:
        query = {"type": entity_type, "limit": "100", **params}
        answer = self.http.get(f"{self.ready['broker']}/ngsi-ld/v1/entities", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def site(self) -> dict[str, Any]:
        return yaml.safe_load(Path(self.ready["site_file"]).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    directory = tmp_path_factory.mktemp("twin")
    ready_file, output = directory / "ready.json", directory / "output.txt"
    command = [sys.executable, "-m", "ldt_stack", "up", "--port", "0", "--ready-file", str(ready_file)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(directory)}
        )
    deadline = time.monotonic() + START_SECONDS
    while not ready_file.exists():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    ready = json.loads(ready_file.read_text())
    with httpx.Client(headers={"Link": LINK.format(ready["context"])}, trust_env=False) as http:
        yield Twin(ready, http)
    process.terminate()
    assert process.wait(30) == 0, output.read_text()


def test_every_url_answers(twin: Twin) -> None:
    """Each URL of the ready file answers, and files it names are there."""
    urls = [value for value in twin.ready.values() if value.startswith("http")]
    assert {"broker", "forecaster", "ui", "city"} <= set(twin.ready)
    assert all(twin.http.get(url).status_code < 500 for url in urls)
    assert Path(twin.ready["site_file"]).exists()
    assert Path(twin.ready["credentials_file"]).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_themes_are_there(twin: Twin, theme: str) -> None:
    """Each thematic data set has entities of its Smart Data Models type, with place, source and licence."""
    found = twin.entities(theme)
    assert found
    for entity in found:
        longitude, latitude = entity["location"]["value"]["coordinates"]
        assert 24.9 < longitude < 25.0
        assert 60.1 < latitude < 60.2
        assert entity["source"]["value"].startswith("https://")
        assert entity["license"]["value"].startswith("https://")


def test_the_city_lives(twin: Twin) -> None:
    """Observations are of now, and newer ones follow at the declared rhythm."""
    first = parse_instant(twin.entities("TrafficFlowObserved")[0]["intensity"]["observedAt"])
    assert abs((datetime.now(UTC) - first).total_seconds()) < 60
    deadline = time.monotonic() + 5 * THEMES["TrafficFlowObserved"].interval_seconds
    while parse_instant(twin.entities("TrafficFlowObserved")[0]["intensity"]["observedAt"]) <= first:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_forecasts_can_be_read(twin: Twin) -> None:
    """Forecasts look ahead, and what they point at can be read."""
    forecasts = twin.entities("TrafficFlowForecast")
    assert len(forecasts) == 72
    assert any(parse_instant(entity["validFrom"]["value"]["@value"]) > datetime.now(UTC) for entity in forecasts)
    for name in ("wasDerivedFrom", "refMLModel"):
        target = forecasts[0][name]["object"]
        assert twin.http.get(f"{twin.ready['broker']}/ngsi-ld/v1/entities/{target}").status_code == 200


def test_history_can_be_read(twin: Twin) -> None:
    """The temporal API has weeks of a station's past."""
    station = twin.entities("TrafficFlowObserved")[0]["id"]
    answer = twin.http.get(
        f"{twin.ready['broker']}/ngsi-ld/v1/temporal/entities/{station}",
        params={"attrs": "intensity", "timerel": "before", "timeAt": "2100-01-01T00:00:00Z", "lastN": "500"},
    )
    assert answer.status_code in {200, 206}
    instants = sorted(parse_instant(instance["observedAt"]) for instance in answer.json()["intensity"])
    assert len(instants) == 500
    assert (instants[-1] - instants[0]).days >= 14


@pytest.mark.seaweedfs
def test_model_is_kept(twin: Twin) -> None:
    """Model, manifest and card lie in object storage, under the version that is served."""
    keys = dict(line.split("=", 1) for line in Path(twin.ready["credentials_file"]).read_text().splitlines())
    version = twin.http.get(f"{twin.ready['forecaster']}/v2/models/traffic-flow").json()["versions"][0]
    folder = f"traffic-flow/{version}"
    with S3Client(twin.ready["objects"], Credentials(keys["LDT_S3_ACCESS_KEY"], keys["LDT_S3_SECRET_KEY"])) as client:
        assert set(client.keys("models")) == {
            f"{folder}/{name}" for name in ("model.joblib", "manifest.json", "README.md")
        }
        card = client.get("models", f"{folder}/README.md")
    assert card is not None
    assert card.startswith(b"---\n")


def test_site_file_is_one(twin: Twin) -> None:
    """The site file fits the suite's model, and the secrets it refers to are files beside it."""
    site = Site.model_validate(twin.site())
    assert site.answers
    assert site.data_sources
    assert site.pipelines
    text = Path(twin.ready["site_file"]).read_text(encoding="utf-8")
    for name in ("s3-access-key", "s3-secret-key"):
        secret = (Path(twin.ready["site_file"]).parent / name).read_text().strip()
        assert secret
        assert secret not in text


def test_entities_fit_their_schemas(twin: Twin) -> None:
    """Each entity, simplified, fits the JSON Schema that its data source names."""
    for source in twin.site()["data_sources"]:
        schema = twin.http.get(source["schema_url"]).json()
        jsonschema.Draft202012Validator.check_schema(schema)
        found = twin.entities(source["types"][0], options="keyValues")
        assert found
        for entity in found:
            jsonschema.validate(entity, schema)


def test_pipelines_have_definitions(twin: Twin) -> None:
    """Each pipeline of the site file names a definition that can be read, and ends that are declared."""
    site = twin.site()
    names = {source["name"] for source in site["data_sources"]} | set(site["endpoints"])
    for pipeline in site["pipelines"]:
        definition = Path(twin.ready["site_file"]).parent / pipeline["definition"]
        assert {"input", "steps", "output"} <= set(yaml.safe_load(definition.read_text(encoding="utf-8")))
        assert {pipeline["source"], pipeline["target"]} <= names


def test_sample_request_of_the_site_file(twin: Twin) -> None:
    """The inference request that the site file names is answered by the model that it names."""
    model = twin.site()["ai"][0]
    sample = (Path(twin.ready["site_file"]).parent / model["sample"]).read_bytes()
    answer = twin.http.post(f"{twin.ready['forecaster']}/v2/models/{model['model']}/infer", content=sample)
    assert answer.status_code == 200
    assert answer.json()["model_version"] == model["version"]


def test_catalogue(twin: Twin) -> None:
    """The catalogue has what DCAT-AP 3 makes mandatory, and each distribution is what it says."""
    catalogue = twin.http.get(twin.ready["catalogue"])
    assert catalogue.headers["content-type"] == "application/ld+json"
    document = catalogue.json()
    assert document["@type"] == "dcat:Catalog"
    assert all(document[name] for name in ("dct:title", "dct:description", "dct:publisher", "dcat:dataset"))
    assert {entry["@id"].rpartition("/")[2] for entry in document["dcat:dataset"]} == {*THEMES, "TrafficFlowForecast"}
    for dataset in document["dcat:dataset"]:
        assert all(dataset[name] for name in ("dct:title", "dct:description", "dcat:distribution", "dct:conformsTo"))
        for distribution in dataset["dcat:distribution"]:
            answer = httpx.get(distribution["dcat:accessURL"]["@id"], trust_env=False)
            media_type = distribution["dcat:mediaType"]["@id"].partition("media-types/")[2]
            assert answer.status_code == 200
            assert answer.headers["content-type"].partition(";")[0] == media_type
            assert len(answer.content) > 2
            assert distribution["dct:license"]["@id"].startswith(
                "http://publications.europa.eu/resource/authority/licence/"
            )


def test_catalogued_services_answer(twin: Twin) -> None:
    """Each data service of the catalogue answers, and its description, where it names one, is OpenAPI."""
    services = twin.http.get(twin.ready["catalogue"]).json()["dcat:service"]
    assert len(services) == 2
    for service in services:
        assert twin.http.get(service["dcat:endpointURL"]["@id"]).status_code < 500
        if "dcat:endpointDescription" in service:
            assert twin.http.get(service["dcat:endpointDescription"]["@id"]).json()["openapi"].startswith("3.")


def test_context_may_be_read_from_anywhere(twin: Twin) -> None:
    """The @context is JSON-LD and readable by pages of other origins."""
    answer = twin.http.get(twin.ready["context"], headers={"Origin": "https://other.example"})
    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["@context"]["TrafficFlowObserved"].startswith("https://smartdatamodels.org/")
