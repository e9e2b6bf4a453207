"""Every output says what the report says: golden facts, not golden files."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyld import jsonld

from ldt_conformance.engine.report import Report, Result, run_results
from ldt_conformance.engine.verdicts import Level, Reason, Verdict
from ldt_conformance.gap import complete
from ldt_conformance.reports.interface import (
    DEFAULT_OUTPUTS,
    Edition,
    Format,
    file_digest,
    read_report,
    render,
    write_default_outputs,
)

from .sample import BEFORE, NOW, sample_report
from .xml_reading import parse_xml

EARL = "http://www.w3.org/ns/earl#"
CTRF_STATUSES = ("passed", "failed", "skipped", "pending", "other")


@pytest.fixture(scope="module")
def report() -> Report:
    """The sample, complete."""
    return complete(sample_report(120))


def _verdicts(report: Report) -> Counter[Verdict]:
    return Counter(result.verdict for result in run_results(report))


def test_results_of_earlier_runs_are_not_counted(report: Report) -> None:
    """Only the newest check run's results are shown; the run before is there for comparison."""
    assert {result.run for result in report.results} == {BEFORE, NOW}
    assert {result.run for result in run_results(report)} == {NOW}


@pytest.mark.parametrize("edition", list(Edition))
@pytest.mark.parametrize("format_", list(Format))
def test_same_report_same_bytes(report: Report, format_: Format, edition: Edition) -> None:
    """Rendering twice, and rendering what was written and read again, gives the same text."""
    first = render(report, format_, edition=edition, digest="sha256:00")
    again = Report.model_validate_json(report.model_dump_json(by_alias=True))
    assert render(report, format_, edition=edition, digest="sha256:00") == first
    assert render(again, format_, edition=edition, digest="sha256:00") == first


def test_default_outputs_cite_the_digest_of_the_file(report: Report, tmp_path: Path) -> None:
    """All six files are written, and the page names the digest that sha256sum prints for report.json."""
    content = report.model_dump_json(by_alias=True).encode()
    (tmp_path / "report.json").write_bytes(content)
    paths = write_default_outputs(report, tmp_path)
    assert [path.name for path in paths] == list(DEFAULT_OUTPUTS)
    assert all(path.stat().st_size > 100 for path in paths)
    assert file_digest(content) in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert read_report(tmp_path / "report.json") == (report, file_digest(content))


def test_the_page_says_the_headline_every_check_and_every_reason(report: Report) -> None:
    """The sentence, each check id, each clause number and each curl of the run stand in the page."""
    page = render(report, Format.HTML)
    assert report.rollup is not None
    assert report.rollup.headline in page
    for result in run_results(report):
        assert f"<code>{result.check}</code>" in page
        assert all(f"clause {clause.number}" in page for clause in result.clauses)
    assert page.count("<dt>Reproduce</dt>") == sum(1 for result in run_results(report) if result.curl)
    assert "We measure, we do not certify" in page


def test_page_counts_agree_with_the_results(report: Report) -> None:
    """The number in each group's heading is the number of results with that verdict."""
    page = render(report, Format.HTML)
    found = re.findall(r'<summary class="([a-z-]+)">.*?data-all="(\d+)"', page)
    assert {verdict: int(count) for verdict, count in found} == {
        str(verdict): count for verdict, count in _verdicts(report).items()
    }


def test_a_thousand_results_make_a_page_of_bearable_size() -> None:
    """About 1,500 bytes a result: a page with 1,000 results stays under 3 MB."""
    page = render(complete(sample_report(1000)), Format.HTML)
    assert page.count('<details class="r ') == 1000 + 32
    assert len(page.encode()) < 3_000_000


def test_junit_counts_and_kinds(report: Report) -> None:
    """Failures fail, our errors are errors, what is undecided is skipped with its reason, and the sums are right."""
    root = parse_xml(render(report, Format.JUNIT))
    verdicts = _verdicts(report)
    cases = root.findall("testsuite/testcase")
    assert int(root.attrib["tests"]) == len(cases) == sum(verdicts.values())
    assert int(root.attrib["failures"]) == len(root.findall(".//failure")) == verdicts[Verdict.FAIL]
    assert int(root.attrib["errors"]) == len(root.findall(".//error")) == verdicts[Verdict.HARNESS_ERROR]
    skipped = sum(
        verdicts[one] for one in (Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.NOT_APPLICABLE, Verdict.WAIVED)
    )
    assert int(root.attrib["skipped"]) == len(root.findall(".//skipped")) == skipped
    assert all(element.attrib["message"] for element in root.findall(".//skipped"))
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in cases}) == len(cases)


def test_junit_keeps_to_the_common_dialect(report: Report) -> None:
    """Only the elements, attributes and order that the xunit2 dialect has, which Jenkins and GitLab read."""
    root = parse_xml(render(report, Format.JUNIT))
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
        "skipped": {"message"},
        "system-out": set(),
    }
    order = ["skipped", "error", "failure", "system-out"]
    for element in root.iter():
        assert set(element.attrib) <= allowed[element.tag]
        if element.tag == "testcase":
            children = [order.index(child.tag) for child in element]
            assert children == sorted(children)
            assert len({child.tag for child in element} & {"skipped", "error", "failure"}) <= 1
        if element.tag == "testsuite":
            assert element[0].tag == "properties"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])


def test_ctrf_has_what_its_schema_wants(report: Report) -> None:
    """The required members with their types, no empty label array, and a summary that adds up."""
    document = json.loads(render(report, Format.CTRF))
    assert document["reportFormat"] == "CTRF"
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["specVersion"])
    results = document["results"]
    assert set(results) <= {"tool", "summary", "tests", "environment", "extra"}
    assert results["tool"]["name"] == "ldt-harness"
    statuses = Counter(test["status"] for test in results["tests"])
    assert {name: results["summary"][name] for name in CTRF_STATUSES} == {
        name: statuses[name] for name in CTRF_STATUSES
    }
    assert results["summary"]["tests"] == len(results["tests"])
    assert results["summary"]["stop"] - results["summary"]["start"] == 47_000
    known = {"name", "status", "duration", "rawStatus", "suite", "tags", "labels", "extra", "message"}
    for test in results["tests"]:
        assert set(test) <= known
        assert test["name"]
        assert isinstance(test["duration"], int)
        assert all(value != [] and value is not None for value in test["labels"].values())


def test_only_a_pass_is_passed_in_ctrf(report: Report) -> None:
    """A warning, a skip and a waiver are never called passed; the waived failure stays failed."""
    tests = json.loads(render(report, Format.CTRF))["results"]["tests"]
    assert {test["rawStatus"] for test in tests if test["status"] == "passed"} == {"pass"}
    assert {test["rawStatus"] for test in tests if test["status"] == "failed"} == {"fail", "waived"}


def _expanded(report: Report) -> list[dict[str, Any]]:
    def refuse(url: str, options: object) -> object:
        raise AssertionError(f"the report needs {url} from the network")

    expanded: list[dict[str, Any]] = jsonld.expand(json.loads(render(report, Format.EARL)), {"documentLoader": refuse})
    return expanded


def test_earl_is_json_ld_that_expands_offline(report: Report) -> None:
    """PyLD expands it without the network; each check is one Assertion with assertor, subject, test and outcome."""
    nodes = _expanded(report)
    assertions = [node for node in nodes if f"{EARL}Assertion" in node["@type"]]
    ids = {node["@id"] for node in nodes}
    assert len(assertions) == len(run_results(report))
    for node in assertions:
        for member in ("assertedBy", "subject", "test"):
            (reference,) = node[f"{EARL}{member}"]
            assert reference["@id"] in ids
        (result,) = node[f"{EARL}result"]
        (outcome,) = result[f"{EARL}outcome"]
        assert outcome["@id"].removeprefix(EARL) in {"passed", "failed", "cantTell", "inapplicable", "untested"}


def test_earl_outcomes_never_call_a_skip_passed(report: Report) -> None:
    """Only a pass, or a warning about something tolerated, is earl:passed."""
    graph = json.loads(render(report, Format.EARL))["@graph"]
    passed = [node["result"] for node in graph if node.get("result", {}).get("outcome") == "earl:passed"]
    assert {result["verdict"] for result in passed} <= {"pass", "warn"}
    assert all(result.get("reason") == Reason.TOLERATED for result in passed if result["verdict"] == "warn")


def test_the_summary_has_the_table_the_steps_and_the_failures(report: Report) -> None:
    """The Markdown summary holds the headline, seven layers, five steps and a line for each failure."""
    text = render(report, Format.MARKDOWN)
    assert report.rollup is not None
    assert report.rollup.headline in text
    assert len(re.findall(r"^\| (?:Data|Inter|Know|Orch|Serv|Visu)[^|]*\|", text, re.MULTILINE)) == 7
    assert len(re.findall(r"^\d\. \*\*", text, re.MULTILINE)) == 5
    assert len(re.findall(r"^\| [✕‼] ", text, re.MULTILINE)) == (
        _verdicts(report)[Verdict.FAIL] + _verdicts(report)[Verdict.HARNESS_ERROR]
    )


def test_a_long_list_of_failures_is_cut_with_a_count() -> None:
    """Fifty failures are listed in the summary, the rest are counted."""
    report = complete(sample_report(1000))
    text = render(report, Format.MARKDOWN)
    bad = _verdicts(report)[Verdict.FAIL] + _verdicts(report)[Verdict.HARNESS_ERROR]
    assert f"and {bad - 50} more, in report.html." in text


def test_an_empty_report_renders_everywhere() -> None:
    """A set without a single run gives every output, and none of them says that something passed."""
    empty = sample_report(0).model_copy(update={"runs": [], "results": [], "rollup": None, "load": []})
    for format_ in Format:
        text = render(empty, format_)
        assert text
        assert "✓ valid" not in text
    assert "has not been checked yet" in render(empty, Format.HTML)
    assert json.loads(render(empty, Format.SHIELDS))["message"] == "unknown"


def test_a_result_without_clause_or_curl_is_shown_without_empty_rows() -> None:
    """Rows that would be empty are left out."""
    report = sample_report(0)
    bare = Result(
        run=NOW, check="a/b", title="t", pack="toolbox", level=Level.MUST, layer=report.results[0].layer,
        verdict=Verdict.PASS,
    )  # fmt: skip
    page = render(report.model_copy(update={"results": [bare]}), Format.HTML)
    for row in ("Reason", "Clause", "Expected", "Observed", "Exchanges", "Reproduce"):
        assert f"<dt>{row}</dt>" not in page


def test_load_is_shown_with_both_latencies_and_its_validity(report: Report) -> None:
    """From due and service times stand side by side; the three counts, the objective and the verdict are told."""
    page = render(report, Format.HTML)
    for said in ("903.0", "12.0", "3,000 sent, 3,000 acknowledged, 3,000 readable: all the same", "open model, seed 7"):
        assert said in page
    assert "measured; the site declares no objective" in page


def test_an_invalid_load_run_says_why_and_missing_numbers_say_so() -> None:
    """An invalid run is marked with its reason; what was not recorded is never shown as zero."""
    load = {"scenario": "city-day", "valid": False, "invalid_reasons": ["the generator was late"], "operations": [{}]}
    lost = {"scenario": "ingest", "completeness": {"sent": 10, "acknowledged": 10, "readable": 9}}
    report = sample_report(0).model_copy(update={"load": [load, lost, {"no": "scenario"}]})
    page = render(report, Format.HTML)
    assert "the generator was late" in page
    assert "not recorded" in page
    assert "<b>they differ</b>" in page
    assert "Load summary 3 cannot be shown: scenario" in page
