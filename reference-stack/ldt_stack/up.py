"""`ldt up`: start the embedded reference twin, keep it running, stop it cleanly.

This module imports the standard library only, so that a plain installation can say what is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

from ldt_stack.listening import EXIT_USAGE
from ldt_stack.supervisor.options import PARTS, UpOptions

NEEDED_PACKAGES = ("httptools", "numpy", "orjson", "psutil", "shapely", "sklearn", "starlette", "uvicorn")


def run(options: UpOptions) -> int:
    """Run the twin until SIGINT or SIGTERM.

    Returns:
        0 stopped as asked, 2 the options cannot be met, 4 a part failed.
    """
    missing = [name for name in NEEDED_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        _complain(
            f"the reference twin needs {', '.join(missing)}, which a plain installation does not have. "
            "Try: pip install 'ldt-harness[stack]'"
        )
        return EXIT_USAGE
    problem = _problem(options)
    if problem:
        _complain(problem)
        return EXIT_USAGE
    from ldt_stack.supervisor.twin import run_twin

    return run_twin(options)


def _problem(options: UpOptions) -> str | None:
    unknown = [name for name in options.only if name not in PARTS]
    if unknown:
        return f"--only {unknown[0]}: no such part; there are {', '.join(PARTS)}"
    if options.only and options.only != ("objects",) and "broker" not in options.only:
        return f"--only {options.only[0]} needs the broker; add --only broker"
    if options.sites != 1:
        return f"--sites {options.sites}: federated twins are not there yet; only --sites 1"
    if not 0.001 <= options.speed <= 3600:
        return f"--speed {options.speed:g}: expected 0.001 to 3600 seconds of the city in a second"
    return None


def _complain(problem: str) -> None:
    print(f"ldt up: {problem}", file=sys.stderr)  # noqa: T201 — the command line's own answer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `ldt up`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=9090, help="the broker's port (default 9090; 0 takes free ones)")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help=f"{', '.join(PARTS)}; repeatable")
    parser.add_argument("--data", type=Path, metavar="DIR", help="kept (default: a temporary one, removed at the end)")
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="written, with all URLs, once everything answers"
    )
    parser.add_argument("--sites", type=int, default=1, help="number of federated twins (only 1 yet)")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the city in a second (default 1)")


def main(arguments: list[str]) -> int:
    """`python -m ldt_stack up …`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ldt_stack up", description="Start the embedded reference twin.")
    add_arguments(parser)
    options = vars(parser.parse_args(arguments))
    return run(UpOptions(**{**options, "only": tuple(options["only"])}))
