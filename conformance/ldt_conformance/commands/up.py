"""`ldt up`: start the embedded reference LDT; it lives in the extra `stack`."""

from __future__ import annotations

import importlib

import typer

from ldt_conformance.engine.errors import SiteError

PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the command; its options are those of `python -m ldt_stack`."""
    app.command("up", context_settings=PASSED_ON, help="Start the embedded reference LDT. Options: ldt up --help")(up)


def up(context: typer.Context) -> None:
    """Start the embedded reference LDT until it is interrupted."""
    try:
        module = importlib.import_module("ldt_stack.up")
    except ModuleNotFoundError as error:
        raise SiteError(
            [f"the reference LDT is not installed ({error.name} is missing). Try: pip install 'ldt-harness[stack]'"]
        ) from error
    raise typer.Exit(module.main(context.args))
