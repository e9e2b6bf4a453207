"""`python -m ldt_conformance` is `ldt`."""

from ldt_conformance.cli import main

main()
