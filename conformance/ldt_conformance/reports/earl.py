"""EARL 1.0 (W3C Evaluation and Report Language) as JSON-LD: one Assertion a check, with an @context of its own.

pass is earl:passed; fail, waived and a violated recommendation are earl:failed; another warning passed with a remark;
inconclusive and harness-error are earl:cantTell; not-applicable is earl:inapplicable; not-run and info are
earl:untested (an observation is no outcome).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ldt_conformance.engine.report import Report, Result, check_run, run_results
from ldt_conformance.engine.verdicts import Reason, Verdict
from ldt_conformance.wording.text import json_text, rfc3339, shown

CHECK_NAMESPACE = "urn:ldt-harness:check:"
CONTEXT: dict[str, Any] = {
    "earl": "http://www.w3.org/ns/earl#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "doap": "http://usefulinc.com/ns/doap#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "ldt": "https://ldt-harness.eu/ns#",
    "id": "@id",
    "type": "@type",
    "assertedBy": {"@id": "earl:assertedBy", "@type": "@id"},
    "subject": {"@id": "earl:subject", "@type": "@id"},
    "test": {"@id": "earl:test", "@type": "@id"},
    "mode": {"@id": "earl:mode", "@type": "@id"},
    "result": "earl:result",
    "outcome": {"@id": "earl:outcome", "@type": "@id"},
    "info": "earl:info",
    "date": {"@id": "dct:date", "@type": "xsd:dateTime"},
    "title": "dct:title",
    "description": "dct:description",
    "isPartOf": {"@id": "dct:isPartOf", "@type": "@id"},
    "hasVersion": "dct:hasVersion",
    "verdict": "ldt:verdict",
    "reason": "ldt:reason",
    "level": "ldt:level",
    "layer": "ldt:layer",
    "clause": "ldt:clause",
    "requirement": "ldt:requirement",
    "testPurpose": "ldt:testPurpose",
    "fullReportDigest": "ldt:fullReportDigest",
}
OUTCOME: dict[Verdict, str] = {
    Verdict.PASS: "earl:passed",
    Verdict.FAIL: "earl:failed",
    Verdict.WAIVED: "earl:failed",
    Verdict.WARN: "earl:passed",
    Verdict.INFO: "earl:untested",
    Verdict.INCONCLUSIVE: "earl:cantTell",
    Verdict.HARNESS_ERROR: "earl:cantTell",
    Verdict.NOT_APPLICABLE: "earl:inapplicable",
    Verdict.NOT_RUN: "earl:untested",
}


def render_earl(report: Report, *, digest: str | None = None) -> str:
    """The check run's results as one JSON-LD graph; needs no context from the network."""
    run = check_run(report)
    run_id = run.id if run else "none"
    suite, subject = "urn:ldt-harness:suite:" + quote(report.suite.version), f"urn:ldt-harness:target:{quote(run_id)}"
    results = sorted(run_results(report), key=lambda result: (result.pack, result.check))
    date = rfc3339(run.finished or run.started) if run else None
    graph: list[dict[str, Any]] = [
        _present({
            "id": suite,
            "type": ["earl:Assertor", "earl:Software"],
            "title": "ldt-harness",
            "hasVersion": report.suite.version,
            "fullReportDigest": digest,
        }),
        {"id": subject, "type": "earl:TestSubject", "title": report.target.name},
    ]  # fmt: skip
    graph += [_criterion(result) for result in results]
    graph += [_assertion(result, run_id, suite, subject, date) for result in results]
    return json_text({"@context": CONTEXT, "@graph": graph})


def outcome(result: Result) -> str:
    """The EARL outcome of one result."""
    if result.verdict is Verdict.WARN and result.reason in {Reason.SHOULD_VIOLATED, Reason.PARTIAL}:
        return "earl:failed"
    return OUTCOME[result.verdict]


def _criterion(result: Result) -> dict[str, Any]:
    return _present(
        {
            "id": CHECK_NAMESPACE + quote(result.check),
            "type": "earl:TestCase",
            "title": result.title,
            "level": str(result.level),
            "layer": str(result.layer),
            "clause": [f"{clause.document} V{clause.edition} {clause.number}" for clause in result.clauses],
            "requirement": result.requirements,
            "testPurpose": result.test_purposes,
        }
    )


def _assertion(result: Result, run: str, suite: str, subject: str, date: str | None) -> dict[str, Any]:
    told = f"expected {result.expected}; observed {result.observed}" if result.observed else ""
    return {
        "id": f"urn:ldt-harness:assertion:{quote(run)}:{quote(result.check)}",
        "type": "earl:Assertion",
        "assertedBy": suite,
        "subject": subject,
        "test": CHECK_NAMESPACE + quote(result.check),
        "mode": "earl:automatic",
        "result": _present(
            {
                "type": "earl:TestResult",
                "outcome": outcome(result),
                "verdict": str(result.verdict),
                "reason": str(result.reason) if result.reason else None,
                "info": shown(told) or None,
                "date": date,
            }
        ),
    }


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value not in (None, [])}
