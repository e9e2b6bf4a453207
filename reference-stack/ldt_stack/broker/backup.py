"""`python -m ldt_stack.broker.backup --data DIR --to DIR`: copy the data of a broker, which may be running."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ldt_stack.broker.errors import InternalError
from ldt_stack.broker.store.sqlite.backup import back_up


def main(argv: list[str] | None = None) -> int:
    """Copy. Exit code 0, or 4 where it failed; the message says why."""
    parser = argparse.ArgumentParser(
        prog="python -m ldt_stack.broker.backup",
        description="Copy the data of the embedded broker, which may be running. To restore, start it on the copy.",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the broker's data directory")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="where to; without databases in it")
    options = parser.parse_args(argv)
    try:
        written = back_up(options.data, options.to)
    except InternalError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 4
    sys.stdout.write("".join(f"{path}\n" for path in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
