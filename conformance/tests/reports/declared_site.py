"""A site that answers and declares but was never probed: after the Lux TEF's answers on CitCom.ai's page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.report import Report, Suite
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.site.site_file import parse_site
from ldt_conformance.gap.analysis import Judged, analyse

WHEN = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
TEXT = """
site: {name: Lux TEF LDT for electromobility, owner: LIST, country: LU}
target: {level: 1, by: 2027-06}
claims: {citcom_level: 0}
endpoints:
  api: {file: openapi.json, api: openapi}
  model: {file: dtdl/station.json, api: dtdl-3}
data_sources:
  - {name: simulation engines, kind: simulation, format: json, theme: energy}
  - {name: REST APIs of partners, kind: api, format: json}
pipelines:
  - {name: sources to graph and telemetry, engine: Redpanda Connect, steps: [map, enrich], schedule: on demand}
ai:
  - {name: demand forecast, purpose: forecasting, kind: deep learning}
visualisations:
  - {name: LDT front-end, kind: map and charts, description: Mapbox and Chart.js}
answers:
  data_sources: >-
    We deal with data about energy consumption and production. The data comes from simulation engines, REST APIs, or
    historical datasets. The data format is mainly JSON.
  interoperability: >-
    Our architecture is based on custom micro services and Azure components. Communication happens mainly via REST APIs
    (documented using OpenAPI 3.0) or Azure Event Grid.
  data_acquisition: Entities are stored in a graph database, telemetry as timeseries. This data is not yet published.
  knowledge: Synthetic or forecasting (deep learning) data for what-if scenarios, forecasting, anomaly detection.
  orchestration: Pipelines are YAML declarations, executed by Redpanda Connect.
  visualization: All visualizations are integrated in a single LDT front-end.
"""
_STANDING: dict[str, tuple[str, str]] = {
    "LDT-DS-01": (
        "declared-partly",
        "Two sources are named with kind and format; owner, interval and licence are not.",
    ),
    "LDT-DS-03": ("declared", "JSON is named as the format of every source."),
    "LDT-DS-04": ("not-declared", "No unit is named for the measured numbers."),
    "LDT-DS-12": ("not-declared", "No source names a licence."),
    "LDT-IO-02": ("declared-partly", "OpenAPI 3.0 is named; the MIM0 mechanism asks for 3.1."),
    "LDT-IO-20": (
        "declared-otherwise",
        "The model is DTDL v3 and the interface REST; CitCom.ai level 1 asks for NGSI-LD.",
    ),
    "LDT-IO-60": ("declared-partly", "DTDL v3 is a machine-readable model; no catalogue points to it."),
    "LDT-IO-61": ("declared-otherwise", "DTDL in place of Smart Data Models: a mapping would close most of it."),
    "LDT-DA-09": ("not-declared", "The data is not yet published, and no catalogue is named."),
    "LDT-KN-01": ("declared", "One model with purpose and kind is declared."),
    "LDT-KN-10": ("declared", "Real and generated telemetry are kept apart, by the site's answer."),
    "LDT-OR-01": ("declared-partly", "One pipeline with engine and steps; its source and target are not named."),
    "LDT-OR-11": ("not-declared", "No city service is named."),
    "LDT-VI-01": ("declared-partly", "A front-end is named, without an address."),
}
PROFILES = ("core", "ai", "dtdl", "orch", "viz")


def declared_site() -> Site:
    """The site file."""
    return parse_site(TEXT)


def declarations() -> list[dict[str, Any]]:
    """What the file says of each requirement; a probe alone tells the rest."""
    rows = []
    for id_ in load_catalogue():
        standing, sentence = _STANDING.get(id_, ("only-a-probe-tells", ""))
        rows.append({"requirement": id_, "standing": standing, "sentence": sentence})
    return rows


def declared_report(before: Report | None = None) -> Report:
    """The run set after `ldt gap --no-probe`."""
    outlook = ["Level 0 is in reach by what is said; level 1 waits for NGSI-LD and Smart Data Models."]
    judged = Judged(declarations(), outlook, PROFILES)
    suite = Suite(version="0.1.0", requirement_set="sha256:" + "ab" * 32)
    return analyse(declared_site(), judged, before, suite=suite, run="gap-20261123T110000Z-aa", when=WHEN)
