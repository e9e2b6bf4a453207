"""`python -m benchmarks [SUBJECT …]`: measure and print; the exit code says only whether it could be measured."""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from importlib import import_module

import psutil

from benchmarks.rounds import Row

SUBJECTS = ("reads", "writes", "scale", "subscriptions", "dear")


def main() -> None:
    """Run the subjects that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ratios of the broker to bare programs.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds of each side (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON array instead of a table")
    options = parser.parse_args()
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown or options.rounds < 1:
        parser.error(f"there is no subject {', '.join(sorted(unknown))}" if unknown else "--rounds is 1 or more")
    if not options.json:
        print(f"# {platform.machine()}, {psutil.cpu_count()} CPUs, Python {platform.python_version()}")
    rows: list[Row] = []
    for name in options.subjects or SUBJECTS:
        for row in import_module(f"benchmarks.subjects.{name}").run(options.rounds):
            rows.append(row)
            if not options.json:
                print(f"{row.subject:48} {row.figure:9.3f} {row.unit:8} {row.bar or '':9} {row.detail}", flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
