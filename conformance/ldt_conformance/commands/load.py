"""`ldt load`: load scenarios with honest latencies, against the same site file as the checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("load")(load)


def load(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[LDT.YAML|URL]", help="Site file or broker URL; none: ldt.yaml here."),
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option(help="ingest, query-mix or city-day (repeatable; default: all three).")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Top rate, requests per second (default: the scenario's).")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Requests that may be outstanding at once.")] = None,
    duration: Annotated[str, typer.Option(help="How long each scenario runs: 30s, 5m, 1h.")] = "30s",
    seed: Annotated[int, typer.Option(help="Same seed, same schedule.")] = 1,
    mode: Annotated[str | None, typer.Option(help="Safety mode; a load run needs load (or disruptive).")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run set.")] = Path("ldt-report"),
    json: Annotated[bool, typer.Option("--json", help="Print the summaries as JSON.")] = False,
) -> None:
    """Press a twin on an open schedule and say what it felt like from outside.

    Exit codes: 0 valid and every declared objective met; 1 data lost, answers wrong or an objective missed;
    2 usage (also: the mode is not load); 3 the run is invalid or could not be made.
    """
    from ldt_conformance.commands.load_run import Request, run_loads

    request = Request(
        target=target, scenarios=tuple(scenario or ()), rate=rate, users=users, duration=duration, seed=seed,
        mode=mode, out=out, json=json,
    )  # fmt: skip
    raise typer.Exit(run_loads(request))
