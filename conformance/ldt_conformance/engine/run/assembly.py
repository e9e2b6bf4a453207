"""Puts a run into the report of its run set: everything that is kept of it, and of the runs before it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.report import (
    Environment,
    Report,
    Result,
    Rollup,
    Run,
    Suite,
    TargetInfo,
    Waiver,
)
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.transport.target import is_loopback

DISTRIBUTION = "ldt-harness"
NAMED_PACKAGES = (DISTRIBUTION, "httpx", "pydantic", "pytest", "pytest-xdist", "jsonschema")
KEPT_CHECK_RUNS = 2  # runs whose single results are kept: this one, and the one before it to compare with


def suite_of(catalogue: Mapping[str, Requirement], register: Mapping[str, CheckDeclaration]) -> Suite:
    """Which suite judges: its version, and the digest of the catalogues and of the register of checks."""
    frozen = {
        "requirements": {name: requirement.model_dump(mode="json") for name, requirement in sorted(catalogue.items())},
        "checks": {name: asdict(check) for name, check in sorted(register.items())},
    }
    content = json.dumps(frozen, sort_keys=True, default=str).encode()
    return Suite(version=_version(DISTRIBUTION), requirement_set=f"sha256:{hashlib.sha256(content).hexdigest()}")


def target_info(site: Site) -> TargetInfo:
    """What was pointed at, as the report names it; URLs in a site file carry no credentials."""
    urls = [endpoint.url for endpoint in site.endpoints.values() if endpoint.url is not None]
    return TargetInfo(
        name=site.site.name,
        owner=site.site.owner,
        country=site.site.country,
        endpoints={role: endpoint.url or f"file:{endpoint.file}" for role, endpoint in site.endpoints.items()},
        detected={role: endpoint.api for role, endpoint in site.endpoints.items() if endpoint.api is not None},
        claims=site.claims.model_dump(mode="json", exclude_defaults=True),
        target_level=site.target.level if site.target is not None else None,
        target_by=site.target.by if site.target is not None else None,
        loopback=bool(urls) and all(is_loopback(url) for url in urls),
    )


def declared_inventory(site: Site) -> dict[str, Any]:
    """Whatever the site file declares that is no answer, as lists of small dicts."""
    lists = {
        "data_sources": site.data_sources,
        "pipelines": site.pipelines,
        "services": site.services,
        "models": site.ai,
        "visualisations": site.visualisations,
        "components": site.components or None,
    }
    return {
        name: [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
        for name, entries in lists.items()
        if entries is not None
    }


def environment() -> Environment:
    """Where the suite runs."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        packages={name: found for name in NAMED_PACKAGES if (found := _version(name)) != "unknown"},
    )


def assemble(
    before: Report | None,
    *,
    suite: Suite,
    site: Site,
    run: Run,
    results: Sequence[Result],
    rollup: Rollup,
    waivers: Sequence[Waiver],
    inventory: Mapping[str, Any],
) -> Report:
    """The report with this check run added; earlier runs stay, single results of the last two check runs."""
    runs = [*(before.runs if before is not None else []), run]
    check_runs = [one.id for one in runs if one.kind == "check"][-KEPT_CHECK_RUNS:]
    kept = [result for result in (before.results if before is not None else []) if result.run in check_runs]
    return Report(
        suite=suite,
        target=target_info(site),
        environment=environment(),
        runs=runs,
        results=[*kept, *results],
        load=before.load if before is not None else [],
        answers=dict(site.answers),
        rollup=rollup,
        waivers=list(waivers),
        inventory={
            **(before.inventory if before is not None else {}),
            "declared": declared_inventory(site),
            **inventory,
        },
    )


def assemble_load(
    before: Report | None,
    catalogue: Mapping[str, Requirement],
    register: Mapping[str, CheckDeclaration],
    *,
    site: Site,
    run: Run,
    summary: Mapping[str, Any],
) -> Report:
    """The report with this load run added; what earlier runs found stays as it is."""
    base = before or Report(suite=suite_of(catalogue, register), target=target_info(site), environment=environment())
    return base.model_copy(update={"runs": [*base.runs, run], "load": [*base.load, dict(summary)]})


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
