"""JUnit XML, as CI systems read it: only elements and attributes that the common dialects (xunit2) share.

fail is a `failure`; harness-error is an `error`; inconclusive, not-applicable, not-run and waived are `skipped`, with
the reason as message: they are never green. warn, info and pass carry neither; what a warning says is in `system-out`.
There is one suite a pack. Waived failures stay visible as skipped with the word "waived".
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from ldt_conformance.engine.report import Report, Result, Run, check_run, run_results
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.wording.text import one_line, rfc3339, shown
from ldt_conformance.wording.words import VERDICTS, reason_text

_SKIPPED = {Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.NOT_RUN, Verdict.WAIVED}


def render_junit(report: Report) -> str:
    """The check run's results as one `testsuites` document."""
    results = run_results(report)
    root = ET.Element("testsuites", {"name": one_line(f"LDT conformance of {report.target.name}"), **_counts(results)})
    run = check_run(report)
    for pack in sorted({result.pack for result in results}):
        _suite(root, pack, [result for result in results if result.pack == pack], report, run)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(root: ET.Element, pack: str, results: list[Result], report: Report, run: Run | None) -> None:
    when = {"timestamp": rfc3339(run.started).removesuffix("Z")} if run else {}
    suite = ET.SubElement(root, "testsuite", {"name": one_line(pack), **_counts(results), **when})
    properties = ET.SubElement(suite, "properties")
    known = {"suite.version": report.suite.version, "requirement_set": report.suite.requirement_set}
    known |= {"run": run.id, "mode": str(run.mode)} if run else {}
    for name, value in known.items():
        ET.SubElement(properties, "property", {"name": name, "value": one_line(value)})
    for result in sorted(results, key=lambda item: item.check):
        _case(suite, result)


def _case(suite: ET.Element, result: Result) -> None:
    group, _, name = result.check.partition("/")
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": one_line(f"{result.pack}.{result.layer}.{group}"),
            "name": one_line(f"{name or group}: {result.title}"),
            "time": f"{result.seconds:.3f}",
        },
    )
    message = one_line(f"{VERDICTS[result.verdict].name}: {reason_text(result.reason) or result.observed}")
    if result.verdict is Verdict.FAIL:
        failure = ET.SubElement(case, "failure", {"message": message, "type": str(result.level)})
        failure.text = _story(result)
    elif result.verdict is Verdict.HARNESS_ERROR:
        error = ET.SubElement(case, "error", {"message": message, "type": "harness-error"})
        error.text = _story(result)
    elif result.verdict in _SKIPPED:
        ET.SubElement(case, "skipped", {"message": message})
    if result.verdict not in {Verdict.FAIL, Verdict.HARNESS_ERROR, Verdict.PASS}:
        ET.SubElement(case, "system-out").text = _story(result)


def _story(result: Result) -> str:
    lines = [f"{result.verdict} {result.check} ({result.level})"]
    lines += [f"reason    {result.reason}: {reason_text(result.reason)}"] if result.reason else []
    lines += [f"clause    {c.document} V{c.edition} {c.number} {c.quote}".rstrip() for c in result.clauses]
    lines += [f"expected  {result.expected}", f"observed  {result.observed}"]
    lines += [f"evidence  {', '.join(result.exchanges)}"] if result.exchanges else []
    lines += [f"reproduce {result.curl}"] if result.curl else []
    return shown("\n".join(lines))


def _counts(results: Sequence[Result]) -> dict[str, str]:
    verdicts = [result.verdict for result in results]
    return {
        "tests": str(len(verdicts)),
        "failures": str(verdicts.count(Verdict.FAIL)),
        "errors": str(verdicts.count(Verdict.HARNESS_ERROR)),
        "skipped": str(sum(verdict in _SKIPPED for verdict in verdicts)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
