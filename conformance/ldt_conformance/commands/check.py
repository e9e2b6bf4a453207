"""`ldt check`: run the conformance suite against a site file, a URL, or the embedded LDT that it starts and stops."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[LDT.YAML|URL]", help="Site file or broker URL; none: ldt.yaml here, else the embedded LDT."
        ),
    ] = None,
    pack: Annotated[
        list[str] | None, typer.Option(help="Pack of checks: ngsi-ld or toolbox (repeatable; default: all).")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Safety mode: probe, sandbox-write, load or disruptive.")] = None,
    claims: Annotated[str | None, typer.Option(help="NGSI-LD version to judge by, e.g. 1.8.1.")] = None,
    jobs: Annotated[int | None, typer.Option("-n", "--jobs", min=1, help="Checks at the same time.")] = None,
    select: Annotated[str | None, typer.Option(help="Only checks that match (as pytest's -k).")] = None,
    public_host: Annotated[str | None, typer.Option(help="Host name or address where the target can reach us.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show the requests without sending one.")] = False,
    out: Annotated[Path, typer.Option(help="Folder of the run set.")] = Path("ldt-report"),
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the conformance suite.

    Exit codes: 0 verified, 1 a requirement failed, 2 usage, 3 incomplete, 4 our own error, 5 a waiver is stale.
    """
    from ldt_conformance.commands.check_run import Request, run_check

    request = Request(
        target=target, packs=tuple(pack or ()), mode=mode, claims=claims, jobs=jobs, select=select,
        public_host=public_host, plan=plan, out=out, json=json,
    )  # fmt: skip
    raise typer.Exit(run_check(request))
