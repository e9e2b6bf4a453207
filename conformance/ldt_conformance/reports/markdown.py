"""A summary in Markdown, for a job summary, a merge request or a mail: one screen, then the failures."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import Report, Result, check_run
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.reports import page
from ldt_conformance.reports.load_summary import LoadSummary, read_summaries
from ldt_conformance.wording.text import one_line
from ldt_conformance.wording.words import VERDICTS, joined, plural

LISTED = 50  # failures listed; the rest are counted
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def render_markdown(
    report: Report, catalogue: Mapping[str, Requirement], *, digest: str | None = None, public: bool = False
) -> str:
    """The summary as GitHub-flavoured Markdown; every text from the report is escaped and on one line."""
    lines = [f"# {_text(report.target.name)}: LDT conformance", "", f"**{_text(page.sentence(report), 600)}**", ""]
    run = check_run(report)
    if run and run.root_cause:
        lines += [f"One cause explains most of what was not decided: {_text(run.root_cause)}", ""]
    lines += _layers(report)
    lines += _steps(report, catalogue)
    lines += _changes(report)
    lines += _verdicts(report)
    lines += _failures(report)
    lines += _load(report)
    lines += ["## What this rests on", ""]
    lines += [f"- {label}: {'; '.join(_text(line) for line in found)}" for label, found in page.trust(report)]
    lines += [f"- Not looked at: {_text(line)}" for line in page.not_looked_at(report)]
    if digest:
        lines.append(f"- Digest of {'the full report' if public else 'report.json'}: `{_code(digest)}`")
    lines += ["", "We measure, we do not certify.", ""]
    return "\n".join(lines)


def _layers(report: Report) -> list[str]:
    if report.rollup is None:
        return []
    rows = [
        f"| {view.name} | {view.count.in_place} | {view.count.missing} | {view.count.not_looked_at} |"
        for view in page.strip(report)
    ]
    return ["| MUST requirements | ✓ in place | ✕ missing | ○ not looked at |", "|---|--:|--:|--:|", *rows, ""]


def _steps(report: Report, catalogue: Mapping[str, Requirement]) -> list[str]:
    steps = page.steps(report, catalogue)
    if not steps:
        return []
    lines = ["## What would move the result most", ""]
    for number, step in enumerate(steps, start=1):
        closes = f" Closes {_text(step.requirement)}: {_text(step.closes)}." if step.closes else ""
        text = f" {_text(step.text, 500)}" if step.text else ""
        after = f" After {_text(joined(step.after))}." if step.after else ""
        lines.append(
            f"{number}. **{_text(step.title)}**{text}{closes} "
            f"Who: {_text(step.owner)}; effort, our estimate: {_text(step.effort)}.{after}"
        )
    return [*lines, ""]


def _changes(report: Report) -> list[str]:
    found = report.rollup.changes if report.rollup else []
    return ["## Since the last run", "", *(f"- {_text(line, 500)}" for line in found), ""] if found else []


def _verdicts(report: Report) -> list[str]:
    groups = page.groups(report)
    if not groups:
        return []
    counts = [f"{VERDICTS[group.verdict].mark} {len(group.results)} {VERDICTS[group.verdict].name}" for group in groups]
    total = sum(len(group.results) for group in groups)
    return ["## Verdicts", "", f"{plural(total, 'check')}: {joined(counts)}.", ""]


def _failures(report: Report) -> list[str]:
    bad = {Verdict.FAIL, Verdict.HARNESS_ERROR}
    failed = [view.result for group in page.groups(report) if group.verdict in bad for view in group.results]
    if not failed:
        return []
    lines = ["| | Check | Clause | Expected | Observed |", "|---|---|---|---|---|"]
    lines += [_row(result) for result in failed[:LISTED]]
    if len(failed) > LISTED:
        lines += ["", f"and {len(failed) - LISTED} more, in report.html."]
    return [*lines, ""]


def _row(result: Result) -> str:
    clause = result.clauses[0] if result.clauses else None
    cited = f"{clause.document} {clause.number}" if clause else ""
    mark = f"{VERDICTS[result.verdict].mark} {result.level}"
    return (
        f"| {mark} | {_text(result.title)} `{_code(result.check)}` | {_text(cited)} "
        f"| {_text(result.expected, 160)} | {_text(result.observed, 160)} |"
    )


def _load(report: Report) -> list[str]:
    summaries, problems = read_summaries(report.load)
    if not summaries and not problems:
        return []
    lines = ["## Load", ""]
    if summaries:
        lines += [
            "| Scenario | Offered/s | Achieved/s | p50 ms | p95 ms | p99 ms | Errors | Valid |",
            "|---|--:|--:|--:|--:|--:|--:|---|",
            *(_load_row(summary) for summary in summaries),
            "",
            "Latency counts from the instant a request was due.",
        ]
    return [*lines, *(f"- {_text(problem)}" for problem in problems), ""]


def _load_row(summary: LoadSummary) -> str:
    total = summary.total
    latency = total.from_due_ms if total else None
    valid = {None: "not recorded", True: "✓ valid", False: f"✕ invalid: {'; '.join(summary.invalid_reasons)}"}
    cells = [
        _text(summary.scenario), _number(summary.offered_per_second), _number(summary.achieved_per_second),
        _number(latency.p50 if latency else None), _number(latency.p95 if latency else None),
        _number(latency.p99 if latency else None), _number(total.errors if total else None),
        _text(valid[summary.valid]),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _text(value: str, limit: int = 300) -> str:
    """On one line, and with nothing in it that Markdown or HTML would act on."""
    line = one_line(value, limit).replace("&", "&amp;")
    escaped = _SPECIAL.sub(r"\\\1", line).replace("@", "&#64;")  # no mention of anybody
    return escaped.replace("://", "\\://").replace("www.", "www\\.")  # no links of the twin's choosing


def _code(value: str) -> str:
    """For use between single backticks, in a table too."""
    return one_line(value).replace("`", "'").replace("|", "/")
