"""`python -m ldt_stack up`: the reference twin without the `ldt` command."""

from __future__ import annotations

import sys

from ldt_stack import up

USAGE = "usage: python -m ldt_stack up [options]; python -m ldt_stack up --help lists them\n"


def main(arguments: list[str]) -> int:
    """Entry point; the exit code."""
    if arguments[:1] != ["up"]:
        sys.stderr.write(USAGE)
        return 2
    return up.main(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
