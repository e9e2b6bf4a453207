"""`ldt badge`: the badge of a run set, as an SVG and as the JSON that shields.io reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("badge")(badge)


def badge(
    report: Annotated[
        Path, typer.Argument(metavar="[REPORT.JSON]", help="The raw report of a run set, or its folder.")
    ] = Path("ldt-report"),
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default: the report's own.")] = None,
) -> None:
    """Write badge.svg and badge.json, and say what the badge says.

    The badge carries state, suite version and date in words. It names no host and is never better than its evidence.
    """
    from ldt_conformance.badges.state import badge_text
    from ldt_conformance.reports import interface

    source = report / "report.json" if report.is_dir() else report
    found, digest = interface.read_report(source)
    folder = source.parent if out is None else out
    for name, format_ in (("badge.svg", interface.Format.BADGE), ("badge.json", interface.Format.SHIELDS)):
        interface.write_output(folder / name, interface.render(found, format_, digest=digest))
    text = badge_text(found)
    typer.echo(f"{text.label}: {text.message}")
    typer.echo(f"{folder / 'badge.svg'} {folder / 'badge.json'}")
