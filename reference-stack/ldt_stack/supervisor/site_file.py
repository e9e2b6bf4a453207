"""A complete `ldt.yaml` of the running twin, so that the suite can be pointed at it without a question."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from ldt_stack.city.catalogue import BBOX, SMART_DATA_MODELS
from ldt_stack.city.entities import CC_BY, THEMES, load_stations
from ldt_stack.forecaster.model import MODEL_NAME
from ldt_stack.forecaster.publication import FORECAST_TYPE, OBSERVED_TYPE
from ldt_stack.ngsi_ld_client import api_root
from ldt_stack.supervisor.parts import Plan
from ldt_stack.supervisor.pipelines import write_pipelines

HEADER = """# The reference twin, as it runs now; written by `ldt up`. Try: ldt check {path}
"""
SAMPLE_REQUEST = "sample_request.json"
Section = dict[str, Any]


def write_site_file(plan: Plan, run: Path, model_version: str | None, context: str | None = None) -> Path:
    """Write `ldt.yaml` and what it refers to; secrets stay in files of their own.

    Args:
        plan: What runs.
        run: Where the file goes; the secrets are there already.
        model_version: Of the model that is served; None where there is none yet.
        context: Where both the broker and its users find the @context; None: at the city.

    Returns:
        Its path.
    """
    path = run / "ldt.yaml"
    shutil.copyfile(str(files("ldt_stack.forecaster").joinpath(SAMPLE_REQUEST)), run / SAMPLE_REQUEST)
    site = _site(plan, model_version, write_pipelines(plan, run))
    if context is not None:
        site["samples"]["links"]["context"] = context
    content = {key: value for key, value in site.items() if value is not None}
    text = HEADER.format(path=path) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(text, encoding="utf-8")
    return path


def _site(plan: Plan, model_version: str | None, pipelines: list[Section]) -> Section:
    return {
        "site": {
            "name": "Reference twin",
            "owner": "ldt-harness",
            "country": "FI",
            "description": "A living city from recorded open series, in the centre of Helsinki.",
            "bbox": list(BBOX),
            "languages": ["en"],
        },
        "target": {"level": 1},
        "claims": _claims(plan),
        "safety": {"mode": "sandbox-write"},
        "endpoints": _endpoints(plan),
        "data_sources": _data_sources(plan) if plan.url("city") else None,
        "pipelines": pipelines,
        "services": _services(plan),
        "ai": _ai(plan, model_version) if plan.url("forecaster") else [],
        "visualisations": _visualisations(plan),
        "answers": _answers(plan),
        "samples": _samples(plan),
    }


def _claims(plan: Plan) -> Section:
    return {
        "ngsi_ld": "1.9.1",
        "citcom_level": 1 if plan.url("city") else 0,
        "capabilities": ["temporal", "subscriptions"],
        **({"edic_profile": "predictive" if plan.url("forecaster") else "diagnostic"} if plan.url("city") else {}),
    }


def _endpoints(plan: Plan) -> Section:
    endpoints: Section = {}
    broker, city, forecaster, ui = (plan.url(name) for name in ("broker", "city", "forecaster", "ui"))
    if broker:
        endpoints["broker"] = {"url": broker, "api": "ngsi-ld"}
        endpoints["history"] = {"url": broker, "api": "ngsi-ld"}
    if plan.store:
        keys = {"access_key": {"file": "s3-access-key"}, "secret_key": {"file": "s3-secret-key"}}
        auth = {"kind": "s3", **keys, "region": "us-east-1"}
        endpoints["objects"] = {"url": plan.store.url, "api": "s3", "bucket": "models", "auth": auth}
    if forecaster:
        endpoints["forecaster"] = {"url": forecaster, "api": "kserve-v2", "model": MODEL_NAME}
        endpoints["api"] = {"url": forecaster, "description": "OpenAPI document at /openapi.json"}
    if city:
        endpoints["catalogue"] = {"url": f"{city}/catalog.jsonld", "api": "dcat"}
        endpoints["contexts"] = {"url": f"{city}/contexts/city.jsonld"}
        endpoints["pipelines"] = {"url": city, "description": "The replay; /health says whether it plays"}
    if ui:
        endpoints["visualisation"] = {"url": ui}
    return endpoints


def _data_sources(plan: Plan) -> list[Section]:
    sources: list[Section] = [
        {
            "name": theme.title,
            "kind": "iot" if theme.history_weeks else "gis",
            "format": "application/json",
            "endpoint": "broker",
            "owner": "Reference twin",
            "licence": theme.licence,
            "interval_seconds": theme.interval_seconds if theme.history_weeks else None,
            "types": [name],
            "theme": name,
            "access": "open",
            "contact": "the maintainers of ldt-harness",
            "quality": "Recorded values unchanged; gaps of the source stay gaps; linear interpolation in between.",
            "schema_url": f"{plan.url('city')}/schemas/{name}.json",
            "description": f"{theme.description} Source: {theme.source}",
        }
        for name, theme in THEMES.items()
    ]
    if plan.url("forecaster"):
        sources.append(
            {
                "name": "Traffic flow forecast",
                "kind": "simulation",
                "format": "application/json",
                "endpoint": "broker",
                "owner": "Reference twin",
                "licence": CC_BY,
                "interval_seconds": 3600,
                "types": [FORECAST_TYPE],
                "theme": FORECAST_TYPE,
                "access": "open",
                "contact": "the maintainers of ldt-harness",
                "quality": "Scores on a held-out week are in the model's card and in its MLModel entity.",
                "schema_url": f"{plan.url('city')}/schemas/{FORECAST_TYPE}.json",
                "description": "Made by a model, not observed: the next 24 hours as quantiles 0.1, 0.5 and 0.9",
            }
        )
    return sources


def _services(plan: Plan) -> list[Section]:
    services: list[Section] = []
    if plan.url("forecaster"):
        services.append(
            {
                "name": "Traffic forecast",
                "domain": "mobility",
                "url": f"{plan.url('forecaster')}/v2",
                "types": [OBSERVED_TYPE, FORECAST_TYPE],
                "description": "Vehicles per hour in the next 24 hours, with quantiles",
            }
        )
    if plan.url("ui"):
        services.append(
            {
                "name": "Live city map",
                "domain": "environment",
                "url": plan.url("ui"),
                "types": list(THEMES),
                "description": "What the city measures now, on a map and as charts",
            }
        )
    return services


def _ai(plan: Plan, version: str | None) -> list[Section]:
    return [
        {
            "name": "Traffic flow forecaster",
            "purpose": "Traffic flow of the next 24 hours at each street section, shown on the map",
            "kind": "predictive model (gradient-boosted trees, quantile regression)",
            "owner": "Reference twin",
            "status": "in use",
            "endpoint": "forecaster",
            "model": MODEL_NAME,
            "version": version,
            "card": f"s3://models/{MODEL_NAME}/{version}/README.md" if plan.store and version else None,
            "risk_class": "minimal (our reading of Regulation (EU) 2024/1689)",
            "input_types": [OBSERVED_TYPE],
            "output_types": [FORECAST_TYPE],
            "stochastic": False,
            "sample": SAMPLE_REQUEST,
        }
    ]


def _visualisations(plan: Plan) -> list[Section]:
    ui = plan.url("ui")
    if ui is None:
        return []
    return [{"name": "Live map and charts", "url": ui, "kind": "map, charts", "access": "public"}]


def _answers(plan: Plan) -> Section:
    """The questionnaire, answered for the parts that run."""
    city, forecaster, ui, store = (plan.url(name) for name in ("city", "forecaster", "ui", "objects"))
    standards = {
        "NGSI-LD (ETSI GS CIM 009 V1.9.1) with GeoJSON": plan.url("broker"),
        "Smart Data Models types with an @context of its own, DCAT-AP 3": city,
        "Open Inference Protocol v2, OpenAPI 3.1": forecaster,
        "S3": store,
    }
    answers: Section = {"interoperability": "; ".join(name for name, url in standards.items() if url) + "."}
    if city:
        answers["data_sources"] = (
            "Traffic flow, air quality, weather, car parks and electricity: recorded open series that are replayed as "
            "sensors; bike stations from OpenStreetMap. All NGSI-LD (JSON); the recordings as CSV."
        )
        answers["data_acquisition"] = (
            "Observations are written by batch upsert. One broker keeps and serves current state and history. "
            "Data sets are published in a DCAT-AP catalogue."
            + (" Models and cards lie in S3 storage." if store else "")
        )
        answers["orchestration"] = (
            "A replay for each theme writes to the broker"
            + ("; a forecast cycle reads history, learns, and writes forecasts back" if forecaster else "")
            + ". A supervisor starts, watches and stops all parts."
        )
    if forecaster:
        answers["knowledge"] = (
            "A predictive model (gradient-boosted quantile regression) forecasts traffic flow 24 hours ahead. It is "
            "trained on the twin's own history and scored on a held-out week; its card is kept beside the model."
        )
    if forecaster or ui:
        named = {"traffic forecast (mobility)": forecaster, "live city map (mobility, environment, energy)": ui}
        answers["services"] = ", ".join(name for name, url in named.items() if url) + "."
    if ui:
        answers["visualization"] = (
            "A page with a map (MapLibre, OpenStreetMap geometry) and charts; observed and forecast are told apart."
        )
    return answers


def _samples(plan: Plan) -> Section:
    samples: Section = {"types": [*THEMES] if plan.url("city") else []}
    if plan.url("city"):
        samples["entities"] = [station.id for station in load_stations() if station.series == "traffic"]
    links = {
        "context": f"{plan.url('city')}/contexts/city.jsonld" if plan.url("city") else None,
        "openapi": f"{plan.url('forecaster')}/openapi.json" if plan.url("forecaster") else None,
        "broker": api_root(plan.url("broker") or "") if plan.url("broker") else None,
        "models": SMART_DATA_MODELS,
    }
    samples["links"] = {name: url for name, url in links.items() if url}
    return samples
