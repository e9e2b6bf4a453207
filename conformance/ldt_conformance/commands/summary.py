"""The end of `ldt check` on one screen, or as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from ldt_conformance.engine.report import Report, Result, Rollup, Run
from ldt_conformance.engine.run.main_run import MainRun
from ldt_conformance.engine.verdicts import Verdict

SHOWN_FAILURES = 8
MEANINGS = {
    0: "verified: every MUST requirement in scope is met",
    1: "a requirement failed",
    3: "incomplete or inconclusive",
    4: "an error of our own",
    5: "a waiver is stale",
}


def as_json(main: MainRun) -> dict[str, Any]:
    """What a program would want to know."""
    report, run, rollup = _parts(main)
    return {
        "exit_code": rollup.exit_code,
        "meaning": MEANINGS.get(rollup.exit_code, ""),
        "run": run.id,
        "headline": rollup.headline,
        "root_cause": run.root_cause,
        "badge": rollup.badge,
        "citcom_level": rollup.citcom_level,
        "edic_profile": rollup.edic_profile,
        "verdicts": rollup.verdicts,
        "in_scope": rollup.in_scope,
        "met": rollup.met,
        "not_met": rollup.not_met,
        "undecided": rollup.undecided,
        "failed": [result.check for result in _of(report, run, Verdict.FAIL)],
        "left_behind": run.left_behind,
        "requests_sent": run.budget.requests_sent,
        "files": [str(path) for path in main.written],
    }


def print_summary(main: MainRun, console: Console) -> None:
    """One screen: what was found, why, and where to read on."""
    report, run, rollup = _parts(main)

    def say(text: str = "") -> None:
        console.print(text, markup=False)

    say(rollup.headline)
    if run.root_cause is not None:
        say(f"root cause: {run.root_cause}")
    say()
    counts = ", ".join(f"{rollup.verdicts[verdict]} {verdict}" for verdict in Verdict if verdict in rollup.verdicts)
    say(f"checks      {counts}")
    decided = f"{rollup.met} met, {rollup.not_met} not met, {rollup.undecided} undecided"
    say(f"in scope    {rollup.in_scope} MUST requirements: {decided}")
    say(f"run         {run.mode}, {run.budget.requests_sent} requests, {_seconds(run):.1f} s, badge: {rollup.badge}")
    _failures(report, run, say)
    for text in run.left_behind[:SHOWN_FAILURES]:
        say(f"left behind {text}")
    say(f"written     {', '.join(str(path) for path in main.written)}")
    say(f"exit code   {rollup.exit_code}: {MEANINGS.get(rollup.exit_code, '')}")


def _failures(report: Report, run: Run, say: Any) -> None:
    if run.root_cause is not None:
        return
    found = [*_of(report, run, Verdict.FAIL), *_of(report, run, Verdict.HARNESS_ERROR)]
    for result in found[:SHOWN_FAILURES]:
        clause = f" ({result.clauses[0].document} {result.clauses[0].number})" if result.clauses else ""
        say(f"{result.verdict:11} {result.check}{clause}")
        say(f"            expected {_short(result.expected)}")
        say(f"            observed {_short(result.observed)}")
    if len(found) > SHOWN_FAILURES:
        say(f"            and {len(found) - SHOWN_FAILURES} more in the report")


def _of(report: Report, run: Run, verdict: Verdict) -> list[Result]:
    return [result for result in report.results if result.run == run.id and result.verdict is verdict]


def _parts(main: MainRun) -> tuple[Report, Run, Rollup]:
    report = main.report
    if report is None or report.rollup is None:
        raise RuntimeError("the run has no report")
    return report, report.runs[-1], report.rollup


def _seconds(run: Run) -> float:
    return (run.finished - run.started).total_seconds() if run.finished is not None else 0.0


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 150 else f"{line[:149]}…"
