"""`python -m ldt_stack up`: the reference twin without the `ldt` command; `site-file`: of the one in containers."""

from __future__ import annotations

import sys

from ldt_stack import up

USAGE = """usage: python -m ldt_stack up [options]          start the reference twin
       python -m ldt_stack site-file [options]   write the site file of the twin in containers
--help lists the options
"""


def main(arguments: list[str]) -> int:
    """Entry point; the exit code."""
    if arguments[:1] == ["up"]:
        return up.main(arguments[1:])
    if arguments[:1] == ["site-file"]:
        from ldt_stack.supervisor import containers  # needs the stack's packages

        return containers.main(arguments[1:])
    sys.stderr.write(USAGE)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
