"""Render any output from the one raw report: offline, deterministic, the same bytes for the same report.

At a run's end the order is: `gap.complete(report)`, write report.json, `write_default_outputs`, because the renderings
cite the digest of that file. `Report.results` keeps the newest check run's results and those of the one before it (told
apart by `Result.run`), for the changes. The public edition is first a `Report -> Report` function (`edition`), then the
same renderers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from ldt_conformance.badges.endpoint import render_endpoint
from ldt_conformance.badges.svg import render_badge
from ldt_conformance.engine.catalogue import Requirement, load_catalogue
from ldt_conformance.engine.errors import EngineError
from ldt_conformance.engine.report import Report
from ldt_conformance.reports.ctrf import render_ctrf
from ldt_conformance.reports.earl import render_earl
from ldt_conformance.reports.edition import public_edition
from ldt_conformance.reports.evidence import Evidence, read_evidence
from ldt_conformance.reports.gap_page import render_gap
from ldt_conformance.reports.html import render_html
from ldt_conformance.reports.junit import render_junit
from ldt_conformance.reports.markdown import render_markdown


class ReportUnreadableError(EngineError):
    """The file is no report of ours; the message says what is wrong and what to try."""

    exit_code = 2


class Format(StrEnum):
    """What `ldt report render --format` knows."""

    HTML = "html"
    MARKDOWN = "md"
    JUNIT = "junit"
    CTRF = "ctrf"
    EARL = "earl"
    BADGE = "badge"
    SHIELDS = "shields"
    GAP = "gap"


class Edition(StrEnum):
    """How much of the report may be seen."""

    FULL = "full"
    PUBLIC = "public"


DEFAULT_OUTPUTS: dict[str, Format] = {
    "report.html": Format.HTML,
    "gap.html": Format.GAP,
    "summary.md": Format.MARKDOWN,
    "junit.xml": Format.JUNIT,
    "badge.svg": Format.BADGE,
    "badge.json": Format.SHIELDS,
}


@dataclass(frozen=True, slots=True)
class Rendering:
    """What every renderer gets."""

    report: Report
    catalogue: Mapping[str, Requirement]
    digest: str | None  # "sha256:…" of the full report.json; None: not known
    public: bool
    evidence: Evidence | None = None  # never of the public edition


_RENDERERS: dict[Format, Callable[[Rendering], str]] = {
    Format.HTML: lambda r: render_html(r.report, r.catalogue, digest=r.digest, public=r.public, evidence=r.evidence),
    Format.GAP: lambda r: render_gap(r.report, r.catalogue, digest=r.digest, public=r.public),
    Format.MARKDOWN: lambda r: render_markdown(r.report, r.catalogue, digest=r.digest, public=r.public),
    Format.JUNIT: lambda r: render_junit(r.report),
    Format.CTRF: lambda r: render_ctrf(r.report, digest=r.digest),
    Format.EARL: lambda r: render_earl(r.report, digest=r.digest),
    Format.BADGE: lambda r: render_badge(r.report, digest=r.digest),
    Format.SHIELDS: lambda r: render_endpoint(r.report),
}


def render(
    report: Report, format_: Format, *, edition: Edition = Edition.FULL, digest: str | None = None,
    catalogue: Mapping[str, Requirement] | None = None, evidence: Evidence | None = None,
) -> str:  # fmt: skip
    """One output as text, to be written in UTF-8 with plain newlines.

    Args:
        report: The full raw report.
        format_: Which output.
        edition: `public` leaves out bodies and hosts.
        digest: `sha256:…` of the file that the report was read from.
        catalogue: Titles and remedies; default: the ones that come with this suite.
        evidence: Exchanges to show in full; the public edition leaves them out whatever is given.
    """
    public = edition is Edition.PUBLIC
    shown = public_edition(report) if public else report
    known = load_catalogue() if catalogue is None else catalogue
    return _RENDERERS[format_](Rendering(shown, known, digest, public, None if public else evidence))


def write_default_outputs(report: Report, out_dir: Path) -> list[Path]:
    """Write report.html, gap.html, summary.md, junit.xml, badge.svg and badge.json; returns their paths in this order.

    Where `out_dir` holds report.json its digest is cited, and where it holds the evidence that is shown: both are
    written first.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    source = out_dir / "report.json"
    digest = file_digest(source.read_bytes()) if source.is_file() else None
    evidence = read_evidence(out_dir, report)
    paths = []
    for name, format_ in DEFAULT_OUTPUTS.items():
        path = out_dir / name
        write_text(path, render(report, format_, digest=digest, evidence=evidence))
        paths.append(path)
    return paths


def write_text(path: Path, text: str) -> None:
    """UTF-8 with plain newlines on every system, so that the same report gives the same bytes."""
    path.write_bytes(text.encode("utf-8"))


def write_output(path: Path, text: str) -> None:
    """As `write_text`, for a place that the user named; its folder is made where it is missing.

    Raises:
        EngineError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise EngineError(
            f"{path} could not be written: {error.strerror or error}; expected a place for a file. Try: --out elsewhere"
        ) from error


def file_digest(content: bytes) -> str:
    """`sha256:…`, as `sha256sum` prints it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_report(path: Path) -> tuple[Report, str]:
    """The report in a file, and the file's digest.

    Raises:
        ReportUnreadableError: There is no such file, or it is no report of a schema that this suite knows.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportUnreadableError(
            f"{path} cannot be read ({error.strerror}); expected a report.json as `ldt check` writes it. "
            f"Try: ldt check --out {path.parent}"
        ) from error
    try:
        return Report.model_validate_json(content), file_digest(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the document"
        raise ReportUnreadableError(
            f"{path} is no report of this suite: {where}: {first['msg']}. "
            "Expected a report.json as `ldt check` writes it; was it made by a newer version?"
        ) from error
