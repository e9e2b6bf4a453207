"""What a hostile twin might put into a text, and a report that has it everywhere."""

from __future__ import annotations

from functools import cache
from typing import Any

from ldt_conformance.engine.report import ClauseRef, Report, Result
from ldt_conformance.gap import complete

from .sample import sample_report

MARKER = "xssmarker"
PAYLOADS = (
    f"<script>window.{MARKER}=1</script>",
    f"</script><script>window.{MARKER}=1</script>",
    f"<img src=x onerror=window.{MARKER}=1>",
    f'"><svg onload=window.{MARKER}=1>',
    f"' autofocus onfocus=window.{MARKER}=1 x='",
    f"javascript:window.{MARKER}=1",
    f"{{{{ {MARKER}.__class__ }}}}{{% raw %}}",
    f"]]><{MARKER}/>&{MARKER};",
    f"</style><style>*{{{MARKER}:1}}</style>",
    f"<!--{MARKER}-->",
    f"![x](https://{MARKER}.example/pixel.png) [x](javascript:{MARKER}) `|{MARKER}|`",
    f"\u202e{MARKER}\u2066 \x00\x1b[31m \ud800 \uffff",
)


def _results(report: Report, payload: str) -> list[Result]:
    texts = {
        "title": payload,
        "expected": payload,
        "observed": payload,
        "note": payload,
        "curl": payload,
        "exchanges": [payload],
        "test_purposes": [payload],
        "measurements": {payload: 1.0},
        "clauses": [ClauseRef(document=payload, edition=payload, number=payload, quote=payload)],
    }
    return [result.model_copy(update=texts) for result in report.results]


def _load(payload: str) -> dict[str, Any]:
    return {
        "scenario": payload,
        "title": payload,
        "model": payload,
        "valid": False,
        "invalid_reasons": [payload],
        "operations": [{"name": payload}],
        "errors": [{"operation": payload, "kind": payload, "message": payload}],
        "objectives": [{"name": payload, "unit": payload, "observed": 1.0}],
        "completeness": {"note": payload},
    }


def _target(payload: str) -> dict[str, Any]:
    return {
        "name": payload,
        "owner": payload,
        "country": payload,
        "target_by": payload,
        "endpoints": {payload: payload, "broker": payload},
        "detected": {payload: payload},
        "claims": {payload: payload, "edic_profile": payload},
    }


@cache
def hostile_report(payload: str) -> Report:
    """The sample with one payload in every text that can come from a site file or a twin."""
    report = sample_report(17)
    of_run = {"root_cause": payload, "left_behind": [payload], "selection": payload, "packs": [payload]}
    declared = {"data_sources": [{"name": payload, payload: payload}], "services": [payload]}
    said = [{"requirement": "LDT-DS-04", "standing": "declared-partly", "sentence": payload}]
    return complete(
        report.model_copy(
            update={
                "results": _results(report, payload),
                "runs": [run.model_copy(update=of_run) for run in report.runs],
                "load": [_load(payload), {"scenario": 1, payload: payload}],
                "target": report.target.model_copy(update=_target(payload)),
                "answers": {"data_sources": payload, "LDT-DS-01": payload},
                "inventory": {payload: payload, "declared": declared, "declarations": said, "outlook": [payload]},
                "waivers": [waiver.model_copy(update={"reason": payload}) for waiver in report.waivers],
            }
        )
    )
