"""Every check of the toolbox pack against twins that answer nothing of use: no pass, and no mistake of ours."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Response

from ldt_conformance.checks import toolbox
from ldt_conformance.clients.twin import Twin
from ldt_conformance.engine.declare import declaration_of
from ldt_conformance.engine.judging.outcomes import result_of
from ldt_conformance.engine.report import Result
from ldt_conformance.engine.run.session import Options, Session
from ldt_conformance.engine.run_context import RunContext

ROLES = {
    "broker": "ngsi-ld", "history": "ngsi-ld", "objects": "s3", "forecaster": "kserve-v2", "catalogue": "dcat",
    "portal": "ckan", "features": "ogc-features", "processes": "ogc-processes", "sensorthings": "sta",
    "identity": "oidc", "pipelines": None, "monitoring": None, "visualisation": None, "connector": None,
}  # fmt: skip


def toolbox_checks() -> Iterator[Any]:
    """Every check function of the pack."""
    for module_info in pkgutil.walk_packages(toolbox.__path__, f"{toolbox.__name__}."):
        if not module_info.name.rsplit(".", 1)[-1].startswith("test_"):
            continue
        module = importlib.import_module(module_info.name)
        for name, function in vars(module).items():
            if name.startswith("test_") and function.__module__ == module.__name__ and declaration_of(function):
                yield function


def result_from(session: Session, twin: Twin, check: Any) -> Result:
    """What a check says of the twin, as the engine makes it."""
    context = RunContext(session.settings)
    declaration = declaration_of(check)
    assert declaration is not None
    session.services.recorder.begin(declaration.id)
    error: Exception | None = None
    try:
        given = {"twin": twin, "run": context}
        check(**{name: given[name] for name in inspect.signature(check).parameters})
    except Exception as raised:  # an outcome, or our own mistake: result_of tells them apart
        error = raised
    exchanges = session.services.recorder.current
    return result_of(declaration, run="test", error=error, exchanges=exchanges, context=context)


def results_against(url: str, tmp_path: Path) -> list[Result]:
    """What every check says of a twin whose roles all have this address."""
    endpoints = {role: {"url": url} | ({"api": api} if api else {}) for role, api in ROLES.items()}
    site = tmp_path / "ldt.yaml"
    site.write_text(yaml.safe_dump({"site": {"name": "Empty twin"}, "endpoints": endpoints}), encoding="utf-8")
    session = Session.open(Options(site=str(site), mode="probe", out=str(tmp_path / "out")))
    try:
        twin = Twin(session.target)
        return [result_from(session, twin, check) for check in toolbox_checks()]
    finally:
        session.close()


def test_nothing_is_held_against_a_twin_that_cannot_be_reached(free_tcp_port: int, tmp_path: Path) -> None:
    """What nobody could look at is neither in place nor missing: no pass, no warning, no failure."""
    results = results_against(f"http://127.0.0.1:{free_tcp_port}", tmp_path)

    judged = [
        f"{one.check}: {one.verdict} {one.observed}"
        for one in results
        if one.verdict not in {"inconclusive", "not-applicable"}
    ]
    assert judged == []


@pytest.mark.parametrize(
    ("status", "body", "media_type"),
    [
        (200, "{}", "application/json"),
        (200, "[]", "application/json"),
        (200, "<!doctype html><html></html>", "text/html"),
        (500, "oops", "text/plain"),
    ],
    ids=["object", "array", "page", "500"],
)
def test_nothing_passes_on_nothing(httpserver: HTTPServer, tmp_path: Path, status: int, body: str, media_type: str):
    """Where every address gives the same empty answer, no check passes, and none breaks."""
    httpserver.expect_request(re.compile(".*")).respond_with_handler(
        lambda _: Response(body, status, content_type=media_type)
    )
    results = results_against(httpserver.url_for("").rstrip("/"), tmp_path)

    assert len(results) > 80
    broken = [f"{one.check}: {one.observed}" for one in results if one.verdict == "harness-error"]
    passed = [f"{one.check}: {one.note}" for one in results if one.verdict == "pass"]
    assert (broken, passed) == ([], [])
