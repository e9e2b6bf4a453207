"""`ldt gap`: what is missing, layer by layer, from the site's own answers and from what a probe found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gap")(gap)


def gap(
    site: Annotated[
        str | None,
        typer.Argument(metavar="[LDT.YAML|NAME]", help="Site file, or the name of one that is shipped, e.g. lux-tef."),
    ] = None,
    no_probe: Annotated[bool, typer.Option("--no-probe", help="Send nothing: only what the site file says.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the run set.")] = Path("ldt-report"),
) -> None:
    """Write the gap analysis, gap.html.

    Without --no-probe the twin is looked at first, reading only. Exit codes: 0 the page was written, 2 usage,
    3 the twin could not be looked at (the page is written all the same), 4 our own error.
    """
    from ldt_conformance.commands.gap_run import run_gap

    raise typer.Exit(run_gap(site, probe=not no_probe, out=out))
