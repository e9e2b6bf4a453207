"""`ldt discover`: find out which API answers there, and write a first site file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("discover")(discover)


def discover(
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="Addresses of the twin's parts.")],
    out: Annotated[Path, typer.Option(help="The site file to write.")] = Path("ldt.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a site file that is there.")] = False,
) -> None:
    """Find out which API answers there, by a few reads, and write a first site file.

    Exit codes: 0 looked at, 2 usage (nothing was sent), 3 an address did not answer, 4 our own error.
    """
    from ldt_conformance.commands.discover_run import run_discover

    raise typer.Exit(run_discover(urls, out, force=force))
