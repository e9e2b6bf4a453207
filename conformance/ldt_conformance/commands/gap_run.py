"""What `ldt gap` does: find the site file, look at the twin if that is wanted, write the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

import typer

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.report import Report, check_run
from ldt_conformance.engine.run import run_set
from ldt_conformance.engine.run.assembly import suite_of
from ldt_conformance.engine.run.session import WORK_FOLDER, remove_work
from ldt_conformance.engine.run_context import new_run_id
from ldt_conformance.engine.site.declared import judge_declarations, outlook
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.site.site_file import DEFAULT_NAME, load_site
from ldt_conformance.engine.transport.masking import Masker
from ldt_conformance.gap.analysis import Judged, analyse, profiles_said
from ldt_conformance.register import declared_checks
from ldt_conformance.reports.interface import Format, file_digest, render, write_default_outputs, write_text

GAP = "gap.html"
OK, NOT_LOOKED_AT = 0, 3
_PASSED_ON = {2, 4}  # exit codes of the check that end the analysis too


def run_gap(name: str | None, *, probe: bool, out: Path) -> int:
    """Write `gap.html` and add the analysis to the run set; returns the exit code.

    Raises:
        EngineError: The site file or the folder is not usable, or a mistake of ours.
    """
    with _site_file(name) as path:
        site = load_site(path)
        code = _probe(path, out) if probe else OK
    if code in _PASSED_ON:
        return code
    written = write_analysis(site, out)
    for file in written:
        typer.echo(str(file))
    return code


@contextmanager
def _site_file(name: str | None) -> Iterator[Path]:
    """The file that is meant: a path, the name of a shipped site, or ldt.yaml here."""
    path = Path(name or DEFAULT_NAME)
    shipped = files("ldt_conformance").joinpath("sites", f"{path.name}.yaml")
    if not path.exists() and name == path.name and shipped.is_file():
        with as_file(shipped) as unpacked:
            yield unpacked
    else:
        yield path


def _probe(path: Path, out: Path) -> int:
    """Run the toolbox pack, reading only; 3 where an endpoint is not to be judged, or nothing could be decided."""
    from ldt_conformance.commands.check_run import Request, run_check

    code = run_check(Request(target=str(path), packs=("toolbox",), mode="probe", out=out))
    report = run_set.read_report(out)
    return code if code in _PASSED_ON else OK if _looked_at(report) else NOT_LOOKED_AT


def _looked_at(report: Report | None) -> bool:
    """A check may pass by the very refusal of our credentials, so that something was decided does not suffice."""
    run = check_run(report) if report is not None else None
    if report is None or report.rollup is None or run is None or run.root_cause is not None:
        return False
    return report.rollup.met + report.rollup.not_met > 0


def write_analysis(site: Site, out: Path) -> list[Path]:
    """Add the analysis of a site file to the run set in `out`; returns what was written, gap.html first.

    Raises:
        SiteError: The run set is another site's.
        RunSetError: The folder cannot be read or written.
    """
    declared = judge_declarations(site)
    judged = Judged([asdict(one) for one in declared], outlook(site, declared), profiles_said(site))
    identifier, now = new_run_id("gap"), datetime.now(UTC)
    suite = suite_of(load_catalogue(), declared_checks())
    with run_set.locked(out):
        work = out / WORK_FOLDER / identifier
        try:
            report = analyse(site, judged, run_set.read_report(out), suite=suite, run=identifier, when=now)
            # A site file holds no secret, only where one is to be found; what the set holds was masked when it came in.
            written = run_set.write(out, work, report, b"", Masker({}), _render)
        finally:
            remove_work(work)
    return sorted(written, key=lambda path: path.name != GAP)


def _render(report: Report, folder: Path) -> Iterable[Path]:
    """All renderings where there is a check to render, for they cite the report's digest; else the gap page alone."""
    if report.rollup is not None:
        return write_default_outputs(report, folder)
    page = folder / GAP
    write_text(page, render(report, Format.GAP, digest=file_digest((folder / run_set.REPORT).read_bytes())))
    return [page]
