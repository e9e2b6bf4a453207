"""The folder of a run set: whole files, nothing overwritten, no secret in any of them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from ldt_conformance.engine.report import Report, Result, Rollup, Run, Suite
from ldt_conformance.engine.run import run_set
from ldt_conformance.engine.run.assembly import assemble
from ldt_conformance.engine.site.model import Site, SiteInfo
from ldt_conformance.engine.transport.masking import Masker
from ldt_conformance.engine.verdicts import Layer, Level, Verdict

CANARY = "canary/secret+value=42"
CLEAN = Masker({CANARY: "${CANARY}"})


def report_of(before: Report | None, run_id: str, observed: str = "") -> Report:
    result = Result(
        run=run_id, check="c/a", title="t", pack="toolbox", level=Level.MUST, layer=Layer.KNOWLEDGE,
        verdict=Verdict.FAIL, observed=observed,
    )  # fmt: skip
    return assemble(
        before,
        suite=Suite(version="1", requirement_set="sha256:0"),
        site=Site(site=SiteInfo(name="x")),
        run=Run(id=run_id, kind="check", started=datetime(2026, 11, 23, tzinfo=UTC)),
        results=[result],
        rollup=Rollup(run=run_id, exit_code=1, headline=""),
        waivers=[],
        inventory={},
    )


def nothing(_: Report, __: Path) -> Iterable[Path]:
    return []


def test_each_run_is_added_and_the_last_two_check_runs_keep_their_results(tmp_path: Path):
    """Three runs: three in `runs`, results of the last two, and the newest roll-up."""
    for name in ("check-1", "check-2", "check-3"):
        with run_set.locked(tmp_path):
            report = report_of(run_set.read_report(tmp_path), name)
            run_set.write(tmp_path, tmp_path / "w", report, b"", CLEAN, nothing)
    found = run_set.read_report(tmp_path)
    assert found is not None
    assert [run.id for run in found.runs] == ["check-1", "check-2", "check-3"]
    assert [result.run for result in found.results] == ["check-2", "check-3"]
    assert found.rollup is not None
    assert found.rollup.run == "check-3"


def test_evidence_of_later_runs_is_added(tmp_path: Path):
    """The evidence file grows by one gzip member a run; each run's digest is that of its own member."""
    members = [gzip.compress(b'{"n": 1}\n', mtime=0), gzip.compress(b'{"n": 2}\n', mtime=0)]
    for member in members:
        run_set.write(tmp_path, tmp_path / "w", report_of(None, "check-1"), member, CLEAN, nothing)
    content = (tmp_path / run_set.EVIDENCE).read_bytes()
    assert gzip.decompress(content).decode().splitlines() == ['{"n": 1}', '{"n": 2}']
    assert content.endswith(members[1])


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "another"}', ""])
def test_what_is_no_report_of_ours_is_never_overwritten(tmp_path: Path, content: str):
    """A file called report.json that is something else stays, and the message says to try another folder."""
    (tmp_path / run_set.REPORT).write_text(content)
    with pytest.raises(run_set.RunSetError, match="--out"):
        run_set.read_report(tmp_path)
    assert (tmp_path / run_set.REPORT).read_text() == content


def test_a_secret_in_report_or_rendering_is_masked_before_it_is_in_place(tmp_path: Path):
    """However a secret got in, it is in no file: raw, URL-encoded, base64 and base64 within a longer text."""
    forms = [
        CANARY,
        quote(CANARY, safe=""),
        base64.b64encode(CANARY.encode()).decode(),
        base64.b64encode(f"user:{CANARY}!".encode()).decode(),
    ]

    def render(report: Report, folder: Path) -> list[Path]:
        page = folder / "page.html"
        page.write_text(f"<p>{report.results[0].observed}</p><p>{' '.join(forms)}</p>")
        return [page]

    evidence = gzip.compress(json.dumps({"body": forms}).encode(), mtime=0)
    report = report_of(None, "check-1", observed=" ".join(forms))
    written = run_set.write(tmp_path, tmp_path / "w", report, evidence, CLEAN, render)
    assert {path.name for path in written} == {"report.json", "evidence.jsonl.gz", "page.html"}
    for path in written:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        assert not any(form in text for form in forms), path
        assert base64.b64encode(CANARY.encode())[4:-4].decode() not in text
        assert "${CANARY}" in text


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    """A file stands where the folder should be: a sentence, not a traceback."""
    (tmp_path / "out").write_text("")
    with pytest.raises(run_set.RunSetError, match="--out"), run_set.locked(tmp_path / "out"):
        pass


def test_a_rendering_that_fails_leaves_what_was_there(tmp_path: Path):
    """Nothing is put into place before everything is made."""
    run_set.write(tmp_path, tmp_path / "w", report_of(None, "check-1"), b"", CLEAN, nothing)
    before = (tmp_path / run_set.REPORT).read_bytes()

    def fail(_: Report, __: Path) -> list[Path]:
        raise OSError(28, "No space left on device")

    with pytest.raises(run_set.RunSetError, match="No space left"):
        run_set.write(tmp_path, tmp_path / "w", report_of(None, "check-2"), b"", CLEAN, fail)
    assert (tmp_path / run_set.REPORT).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.json", "w"]
