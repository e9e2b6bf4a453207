"""`ldt report render`: every output again, offline, from the one raw report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

FormatName = Literal["html", "md", "junit", "ctrf", "earl", "badge", "shields", "gap"]
EditionName = Literal["full", "public"]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(name="report", help="Render outputs from a report.json.", no_args_is_help=True)
    group.callback()(_group)  # one command in a group is still named
    group.command("render")(render)
    app.add_typer(group)


def _group() -> None:
    """Render outputs from a report.json."""


def render(
    report: Annotated[Path, typer.Argument(metavar="REPORT.JSON", help="The raw report of a run set, or its folder.")],
    format_: Annotated[FormatName, typer.Option("--format", help="Which output.")] = "html",
    edition: Annotated[EditionName, typer.Option(help="public: no bodies, no hosts; cites the full one.")] = "full",
    out: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
) -> None:
    """Render one output, offline: the same report gives the same bytes."""
    from ldt_conformance.reports import interface
    from ldt_conformance.reports.evidence import read_evidence

    source = report / "report.json" if report.is_dir() else report
    found, digest = interface.read_report(source)
    text = interface.render(
        found,
        interface.Format(format_),
        edition=interface.Edition(edition),
        digest=digest,
        evidence=read_evidence(source.parent, found),
    )
    if out is None:
        sys.stdout.buffer.write(text.encode("utf-8"))
    else:
        interface.write_output(out, text)
