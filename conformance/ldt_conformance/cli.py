"""The `ldt` command.

Each subcommand is a module of `commands` with a function `register(app)`; it imports what it needs when it is called,
so that `ldt --help` is quick and a missing extra concerns only the command that needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Annotated

import typer

from ldt_conformance.engine.errors import EngineError

COMMANDS = ("up", "discover", "check", "load", "gap", "report", "badge", "cleanup")
INTERRUPTED = 130

app = typer.Typer(
    name="ldt",
    help="Does a city's Local Digital Twin fit the EU LDT Toolbox, and how well does it perform?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks of our own errors.")] = False,
) -> None:
    """Does a city's Local Digital Twin fit the EU LDT Toolbox, and how well does it perform?"""
    if verbose:
        os.environ["LDT_VERBOSE"] = "1"


def _register_all() -> None:
    for name in COMMANDS:
        module = f"ldt_conformance.commands.{name}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).register(app)


def main() -> None:
    """Run the command; errors are said in a sentence, with the exit code of their kind."""
    _register_all()
    try:
        app()
    except EngineError as error:
        _say(str(error))
        if _verbose():
            raise
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _verbose():
            raise
        _say(f"{error.__class__.__name__}: {error}")
        _say("This is a mistake of ours. Try: ldt --verbose …, and please report it")
        sys.exit(EngineError.exit_code)


def _verbose() -> bool:
    return os.environ.get("LDT_VERBOSE") == "1"


def _say(text: str) -> None:
    for line in text.splitlines():
        typer.echo(f"ldt: {line}", err=True)
