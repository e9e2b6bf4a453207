"""`ldt cleanup`: remove what an interrupted run left at its target, from the journal."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

OK, LEFT = 0, 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("cleanup")(cleanup)


def cleanup(
    journal: Annotated[Path | None, typer.Argument(help="The journal file (or the run's folder).")] = None,
    out: Annotated[Path, typer.Option("--out", help="The run's folder.")] = Path("ldt-report"),
    site: Annotated[
        str | None, typer.Option("--site", help="Site file or URL, if not the one that the run was started with.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Remove what an interrupted run left at its target: only what its journal names, newest first."""
    from ldt_conformance.engine.run.recovery import recover

    place = journal if journal is not None else out
    recovery = recover(place, site)
    if json:
        said = {"removed": recovery.removed, "left_behind": recovery.left_behind, "journals": recovery.journals}
        typer.echo(json_module.dumps(said))
    elif not recovery.journals:
        typer.echo(f"{place}: no journal of an interrupted run; nothing is left behind")
    else:
        typer.echo(f"{recovery.removed} removed")
        for said_left in recovery.left_behind:
            typer.echo(f"left behind: {said_left}")
    raise typer.Exit(LEFT if recovery.left_behind else OK)
