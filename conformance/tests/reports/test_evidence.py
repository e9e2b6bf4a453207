"""Exchanges are shown beside the verdicts that cite them, where the evidence lies beside the report."""

from __future__ import annotations

import gzip
import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from ldt_conformance.engine.report import Report, run_results
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.gap import complete
from ldt_conformance.reports.evidence import BODY_CHARACTERS, FILE, read_evidence
from ldt_conformance.reports.interface import Edition, Format, render

from .sample import HOST, NOW, sample_report


def _line(id_: str, **changed: Any) -> dict[str, Any]:
    request = {"method": "POST", "url": f"https://{HOST}/entities", "headers": {"accept": "a/b"}, "body": "the request"}
    response = {"status": 201, "headers": {"location": "/x"}, "body": "<b>the answer</b>"}
    plain = {"run": NOW, "id": id_, "seconds": 0.0123, "request": request, "response": response, "error": None}
    return plain | changed


def _write(folder: Path, *members: list[dict[str, Any]]) -> None:
    packed = [gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode(), mtime=0) for lines in members]
    (folder / FILE).write_bytes(b"".join(packed))


@pytest.fixture(scope="module")
def report() -> Report:
    """The sample."""
    return complete(sample_report(20))


def _cited(report: Report, verdict: Verdict) -> str:
    return next(result.exchanges[0] for result in run_results(report) if result.verdict is verdict)


def test_a_failure_shows_its_exchange_and_a_pass_its_request_line(report: Report, tmp_path: Path) -> None:
    """Headers and bodies belong to what went wrong; a pass names method, address, status and time."""
    failed, passed = _cited(report, Verdict.FAIL), _cited(report, Verdict.PASS)
    _write(tmp_path, [_line("of-an-earlier-run")], [_line(failed), _line(passed), _line("not-cited")])
    evidence = read_evidence(tmp_path, report)
    assert set(evidence.exchanges) == {failed, passed}
    assert evidence.exchanges[passed].line == f"POST https://{HOST}/entities → 201, 12 ms"
    assert evidence.exchanges[passed].response == ""
    assert evidence.exchanges[failed].response == "location: /x\n\n<b>the answer</b>"
    page = render(report, Format.HTML, evidence=evidence)
    assert "&lt;b&gt;the answer&lt;/b&gt;" in page
    assert "<b>the answer</b>" not in page


def test_no_answer_is_said(report: Report, tmp_path: Path) -> None:
    """An exchange without an answer shows its error."""
    failed = _cited(report, Verdict.FAIL)
    _write(tmp_path, [_line(failed, response=None, error="connection refused")])
    view = read_evidence(tmp_path, report).exchanges[failed]
    assert "→ no answer" in view.line
    assert view.response.startswith("connection refused")


def test_a_long_body_is_cut_with_a_note(report: Report, tmp_path: Path) -> None:
    """The page stays small; it says how much the file still holds."""
    failed = _cited(report, Verdict.FAIL)
    _write(tmp_path, [_line(failed, response={"status": 200, "headers": {}, "body": "x" * (BODY_CHARACTERS + 7)})])
    assert f"7 more characters are in {FILE}" in read_evidence(tmp_path, report).exchanges[failed].response


def test_the_public_edition_shows_no_exchange(report: Report, tmp_path: Path) -> None:
    """Even where evidence is handed in."""
    _write(tmp_path, [_line(result.exchanges[0]) for result in run_results(report) if result.exchanges])
    page = render(report, Format.HTML, edition=Edition.PUBLIC, evidence=read_evidence(tmp_path, report))
    assert "<b>the answer" not in unescape(page)
    assert HOST not in page


CUT = gzip.compress(b"{}\n" * 99, mtime=0)[:-9]


@pytest.mark.parametrize(
    "content", [b"", b"no gzip", gzip.compress(b"{no json\n", mtime=0), CUT], ids=["empty", "no gzip", "no JSON", "cut"]
)
def test_broken_evidence_is_told_and_the_page_written(report: Report, tmp_path: Path, content: bytes) -> None:
    """A cut or foreign file costs the exchanges, not the page; an empty one is just empty."""
    (tmp_path / FILE).write_bytes(content)
    evidence = read_evidence(tmp_path, report)
    assert evidence.exchanges == {}
    page = render(report, Format.HTML, evidence=evidence)
    assert ("could not be read" in page) == bool(content)


def test_without_evidence_the_ids_are_shown(report: Report, tmp_path: Path) -> None:
    """A report alone names the exchanges by their ids."""
    evidence = read_evidence(tmp_path, report)
    assert evidence.exchanges == {}
    assert f"<code>{_cited(report, Verdict.FAIL)}</code>" in render(report, Format.HTML, evidence=evidence)
