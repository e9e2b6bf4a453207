"""`ldt report render`, `ldt badge` and `ldt gap` as a user types them."""

from __future__ import annotations

import subprocess
import sys
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest

from ldt_conformance.gap import complete
from ldt_conformance.reports.interface import Edition, Format, ReportUnreadableError, file_digest, read_report, render

from .sample import HOST, sample_report


@pytest.fixture
def run_set(tmp_path: Path) -> Path:
    """A folder with a report.json."""
    text = complete(sample_report(20)).model_dump_json(by_alias=True)
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    return tmp_path


def ldt(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run the command as its own process."""
    line = [sys.executable, "-m", "ldt_conformance", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, cwd=cwd, timeout=60, check=False)


@pytest.mark.parametrize("edition", list(Edition))
def test_render_writes_what_the_library_renders(run_set: Path, edition: Edition) -> None:
    """The file holds the bytes of the rendering, with the digest of the report that was read."""
    source, out = run_set / "report.json", run_set / "deep" / "page.html"
    done = ldt("report", "render", source, "--format", "html", "--edition", edition, "--out", out)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    digest = file_digest(source.read_bytes())
    expected = render(complete(sample_report(20)), Format.HTML, edition=edition, digest=digest)
    assert out.read_bytes() == expected.encode()
    assert (HOST in out.read_text(encoding="utf-8")) == (edition is Edition.FULL)


def test_render_without_out_goes_to_standard_output(run_set: Path) -> None:
    """A folder may stand for its report.json; the text goes to standard output, in UTF-8 with plain newlines."""
    done = ldt("report", "render", run_set, "--format", "md")
    assert done.returncode == 0
    assert done.stdout.decode().startswith("# Harbour City mobility twin: LDT conformance\n")
    assert b"\r" not in done.stdout


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff\xfe", b'{"schema": "x", "suite": 3}'])
def test_what_is_no_report_is_told_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file is one line that says what was expected, with the exit code of usage."""
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReportUnreadableError, match=r"xpected a report\.json") as caught:
        read_report(path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_a_foreign_file_ends_with_2_and_no_traceback(tmp_path: Path) -> None:
    """As the user sees it."""
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    done = ldt("report", "render", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 1


def test_a_place_that_cannot_be_written_is_told(run_set: Path) -> None:
    """Writing below a file ends with 4 and a sentence, not with a traceback."""
    done = ldt("report", "render", run_set, "--out", run_set / "report.json" / "x.html")
    assert done.returncode == 4
    assert b"could not be written" in done.stderr
    assert b"Traceback" not in done.stderr


def test_badge_writes_both_files_and_says_what_it_says(run_set: Path) -> None:
    """SVG and endpoint JSON lie beside the report; the words of the badge are printed."""
    done = ldt("badge", run_set)
    assert done.returncode == 0
    assert "2026-11-23" in done.stdout.decode()
    assert (run_set / "badge.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (run_set / "badge.json").is_file()


def test_gap_of_the_shipped_site_is_a_page_its_owner_recognises(tmp_path: Path) -> None:
    """`ldt gap --no-probe lux-tef`: the answers word for word, DTDL told from NGSI-LD, remedies, and nothing sent."""
    done = ldt("gap", "--no-probe", "lux-tef", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines()[0] == str(tmp_path / "out" / "gap.html")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", "gap.html", "report.json"]
    page = unescape((tmp_path / "out" / "gap.html").read_text(encoding="utf-8"))
    for said in (
        "Entities and their relationships are stored in a Neo4j graph database",
        "Redpanda Connect",
        "solved another way",
        "Neo4j: Graph database",
        "claims dtdl 3",
        "Nothing was sent to the twin for this page",
        "Enable the DCAT export of your portal",
    ):
        assert said in page
    report, _ = read_report(tmp_path / "out" / "report.json")
    assert [run.kind for run in report.runs] == ["gap"]
    assert report.rollup is None


def test_gap_added_to_a_checked_site_keeps_its_results(tmp_path: Path) -> None:
    """The run set of a check keeps results and roll-up; all renderings cite the new report.json."""
    text = (files("ldt_conformance") / "sites" / "lux-tef.yaml").read_text(encoding="utf-8")
    name = "Lux TEF LDT for electromobility"
    before = complete(sample_report(20, name=name))
    (tmp_path / "report.json").write_text(before.model_dump_json(by_alias=True), encoding="utf-8")
    (tmp_path / "ldt.yaml").write_text(text, encoding="utf-8")
    done = ldt("gap", "--no-probe", "--out", tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    after, digest = read_report(tmp_path / "report.json")
    assert after.results == before.results
    assert after.rollup == before.rollup
    assert digest in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert digest in (tmp_path / "gap.html").read_text(encoding="utf-8")


def test_gap_does_not_mix_two_sites_and_names_a_missing_file(run_set: Path) -> None:
    """Another site's folder, or a site file that is not there, ends with 2 and a sentence; nothing is changed."""
    before = (run_set / "report.json").read_bytes()
    done = ldt("gap", "--no-probe", "lux-tef", "--out", run_set)
    assert done.returncode == 2
    assert b"Harbour City" in done.stderr
    missing = ldt("gap", "--no-probe", "nowhere.yaml", "--out", run_set)
    assert missing.returncode == 2
    assert b"nowhere.yaml" in missing.stderr
    assert (run_set / "report.json").read_bytes() == before
