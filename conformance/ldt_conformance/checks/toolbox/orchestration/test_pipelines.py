"""Pipelines between the layers: declared, readable, engine healthy (LDT-OR-01, -02, -03, -14)."""

from __future__ import annotations

import json
import re

import yaml

from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.healthy import declared_client, expect_healthy
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.site.model import Pipeline, Site
from ldt_conformance.engine.verdicts import CheckInconclusive, Reason, fail, inconclusive, not_applicable, warn

HEALTH = (
    "",
    "/health",
    "/ready",
    "/api/v2/monitor/health",
    "/nifi-api/system-diagnostics",
    "/connectors?expand=status",
)
METRIC = re.compile(r"(?m)^# (HELP|TYPE) \w+|^[a-zA-Z_:][\w:]*(\{[^}]*\})? [0-9.eE+-]+")


def known_names(site: Site) -> set[str]:
    """Everything a pipeline may start from or lead to: names declared elsewhere in the site file."""
    names = [
        *(source.name for source in site.data_sources or ()),
        *(service.name for service in site.services or ()),
        *(model.name for model in site.ai or ()),
        *(view.name for view in site.visualisations or ()),
        *(component.name for component in site.components),
    ]
    return {name.lower() for name in names} | {str(role).lower() for role in site.endpoints}


def missing_of(pipeline: Pipeline) -> list[str]:
    """What a declaration leaves out, of what LDT-OR-01 asks for."""
    wanted = {
        "source": pipeline.source,
        "target": pipeline.target,
        "steps": pipeline.steps,
        "schedule": pipeline.schedule,
        "engine": pipeline.engine,
    }
    return [name for name, value in wanted.items() if not value]


@toolbox_check("orchestration/pipelines-declared", "LDT-OR-01")
def test_pipelines_declared(twin: Twin, run: RunContext) -> None:
    pipelines = twin.site.pipelines
    if not pipelines:
        inconclusive(Reason.NOT_DECLARED, "ldt.yaml names no pipelines", expected="at least one declared pipeline")
    expected = "source, steps, target, schedule and engine of each pipeline, ends named as elsewhere in ldt.yaml"
    gaps = [
        f"{pipeline.name} lacks {', '.join(missing)}" for pipeline in pipelines if (missing := missing_of(pipeline))
    ]
    if gaps and all(not pipeline.source and not pipeline.target for pipeline in pipelines):
        fail(expected, listed(gaps))
    known = known_names(twin.site)
    loose = [
        f"{pipeline.name}: {end} is declared nowhere else"
        for pipeline in pipelines
        for end in (pipeline.source, pipeline.target)
        if end and end.lower() not in known
    ]
    if gaps or loose:
        warn(Reason.PARTIAL, expected, listed([*gaps, *loose]))
    run.note(f"{len(pipelines)} pipelines: " + listed([f"{one.source} to {one.target}" for one in pipelines]))


@toolbox_check("orchestration/pipeline-definitions", "LDT-OR-02")
def test_pipeline_definitions(twin: Twin, run: RunContext) -> None:
    if not twin.site.pipelines:
        not_applicable(Reason.UNCLAIMED, "ldt.yaml names no pipelines")
    named = [pipeline for pipeline in twin.site.pipelines if pipeline.definition]
    if not named:
        inconclusive(Reason.NOT_DECLARED, "no pipeline names its definition", expected="definition: a URL or a file")
    faults = [f"{pipeline.name}: {fault}" for pipeline in named if (fault := _definition_fault(twin, pipeline))]
    if faults:
        fail("a definition that can be read and parsed", listed(faults))
    without = len(twin.site.pipelines) - len(named)
    if without:
        fail("a definition of each pipeline", f"{without} of {len(twin.site.pipelines)} name none")
    run.note(listed([pipeline.name for pipeline in named]))


def _definition_fault(twin: Twin, pipeline: Pipeline) -> str | None:
    """What is wrong with a definition: YAML, JSON and Python (Airflow) are understood as such; pages are not opened."""
    where = pipeline.definition or ""
    if where.startswith(("http://", "https://")):
        try:
            response = twin.target.open(where).request("GET", "", follow_redirects=True)
        except CheckInconclusive as outcome:
            return outcome.observed
        if response.status != 200:
            return f"{where} answered {response.status}"
        text = response.text
    else:
        path = twin.directory / where
        if not path.is_file():
            return f"{where} does not exist"
        text = path.read_text(encoding="utf-8", errors="replace")
    if where.endswith(".py"):
        return None if "dag" in text.lower() else "no Airflow DAG in it"
    if where.endswith(".json"):
        return _json_fault(text)
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return f"no YAML: {str(error)[:80]}"
    return None if isinstance(found, dict | list) else "neither a mapping nor a list"


def _json_fault(text: str) -> str | None:
    try:
        json.loads(text)
    except ValueError as error:
        return f"no JSON: {error}"
    return None


@toolbox_check("orchestration/engine-health", "LDT-OR-03")
def test_engine_health(twin: Twin, run: RunContext) -> None:
    client = declared_client(twin, "pipelines")
    declared = twin.site.samples.links.get("pipelines-health")
    paths = [declared] if declared else HEALTH
    expect_healthy(client, paths, run, service="engine", wanted="200 and a healthy state from the engine")


@toolbox_check("orchestration/metrics", "LDT-OR-14")
def test_metrics(twin: Twin, run: RunContext) -> None:
    client = declared_client(twin, "monitoring")
    path = "" if client.base_url.endswith("/metrics") else "/metrics"
    response = client.request("GET", path, headers={"Accept": "application/openmetrics-text, text/plain"})
    count = len(METRIC.findall(response.text))
    if response.status != 200 or not count:
        fail("200 with metrics in the format of Prometheus or OpenMetrics", f"{response.status}, {count} metrics")
    run.note(f"{count} lines of metrics")
