"""Common Test Report Format (CTRF), https://ctrf.io; `rawStatus` is our verdict, the rest of ours is in `labels`.

pass is passed; fail and waived are failed (a waiver never changes what was found); warn, info, inconclusive and
harness-error are other; not-applicable is skipped; not-run is pending.
"""

from __future__ import annotations

import uuid
from typing import Any

from ldt_conformance.engine.report import Report, Result, Run, check_run, run_results
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.reports import page
from ldt_conformance.wording.text import json_text, rfc3339, shown

SPEC_VERSION = "0.0.0"
STATUS: dict[Verdict, str] = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.WAIVED: "failed",
    Verdict.WARN: "other",
    Verdict.INFO: "other",
    Verdict.INCONCLUSIVE: "other",
    Verdict.HARNESS_ERROR: "other",
    Verdict.NOT_APPLICABLE: "skipped",
    Verdict.NOT_RUN: "pending",
}


def render_ctrf(report: Report, *, digest: str | None = None) -> str:
    """The check run's results as a CTRF document; times are milliseconds."""
    results = sorted(run_results(report), key=lambda result: (result.pack, result.check))
    run = check_run(report)
    statuses = [STATUS[result.verdict] for result in results]
    start = _milliseconds(run)
    document: dict[str, Any] = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "reportId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:ldt-harness:{run.id if run else 'none'}")),
        "generatedBy": f"ldt-harness {report.suite.version}",
        "results": {
            "tool": {"name": "ldt-harness", "version": report.suite.version},
            "summary": {
                "tests": len(results),
                **{status: statuses.count(status) for status in ("passed", "failed", "skipped", "pending", "other")},
                "suites": len({result.pack for result in results}),
                "start": start,
                "stop": _milliseconds(run, finished=True) or start,
            },
            "tests": [_test(result) for result in results],
            "environment": {
                "reportName": f"LDT conformance of {report.target.name}",
                "extra": {"target": report.target.name, "mode": str(run.mode) if run else None},
            },
            "extra": {
                "requirementSet": report.suite.requirement_set, "headline": page.sentence(report), "digest": digest,
            },
        },
    }  # fmt: skip
    if run:
        document["timestamp"] = rfc3339(run.finished or run.started)
    return json_text(document)


def _test(result: Result) -> dict[str, Any]:
    labels: dict[str, Any] = {
        "level": str(result.level),
        "layer": str(result.layer),
        "requirements": result.requirements,
        "clauses": [f"{clause.document} V{clause.edition} {clause.number}" for clause in result.clauses],
        "testPurposes": result.test_purposes,
    }
    if result.reason:
        labels["reason"] = str(result.reason)
    labels = {name: value for name, value in labels.items() if value}  # CTRF wants no empty arrays
    test: dict[str, Any] = {
        "name": result.title or result.check,
        "status": STATUS[result.verdict],
        "duration": round(result.seconds * 1000),
        "rawStatus": str(result.verdict),
        "suite": [result.pack, result.check.partition("/")[0]],
        "tags": [str(result.level), str(result.layer)],
        "labels": labels,
        "extra": {"check": result.check, "exchanges": result.exchanges, "curl": result.curl},
    }
    if result.verdict is not Verdict.PASS:
        test["message"] = shown(f"expected {result.expected}\nobserved {result.observed}")
    return test


def _milliseconds(run: Run | None, *, finished: bool = False) -> int:
    when = (run.finished if finished else run.started) if run else None
    return round(when.timestamp() * 1000) if when else 0
