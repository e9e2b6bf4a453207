"""The whole journey on this machine: twin up, conformance checked, short load, gap analysis, report and badge written.

    python tools/demo.py [--out DIR] [--load-seconds N]

Each step is a command that a user would type; it is printed before it runs. Exit code 0 where every step did what it
promises: the check found no failure and the load was complete. A load that is invalid only because this machine was too
busy to keep the schedule is said so and is no failure of the twin.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_SECONDS = 90.0
INVALID = 3
FILES = ("report.json", "report.html", "gap.html", "badge.svg", "badge.json", "summary.md", "junit.xml")
LDT = (sys.executable, "-m", "ldt_conformance")


def main() -> int:
    """Run the journey; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("ldt-report"), help="folder of the run set")
    parser.add_argument("--load-seconds", type=int, default=10, help="how long each load scenario runs")
    options = parser.parse_args()
    out = str(options.out)
    began = time.monotonic()
    with twin() as ready:
        site = str(ready["site_file"])
        say(f"the twin is up: map {ready['ui']}, broker {ready['broker']}")
        codes = {
            "check": step("check", site, "--out", out),
            "load": step("load", site, "--mode", "load", "--duration", f"{options.load_seconds}s", "--out", out),
            "gap": step("gap", site, "--no-probe", "--out", out),  # the check has just looked
        }
    if codes["load"] == INVALID:
        say("this machine was too busy for a valid load; the figures are marked invalid in the report")
        codes["load"] = 0
    missing = [name for name in FILES if not (options.out / name).is_file()]
    say(f"took {time.monotonic() - began:.0f} s; wrote")
    for name in FILES:
        if name not in missing:
            print(f"  {options.out / name}")
    for name in missing:
        say(f"missing: {options.out / name}")
    failed = [name for name, code in codes.items() if code != 0]
    for name in failed:
        say(f"ldt {name} ended with {codes[name]}")
    return 1 if failed or missing else 0


def say(text: str) -> None:
    """One line of the demo's own."""
    print(f"demo: {text}", flush=True)


def step(*arguments: str) -> int:
    """One `ldt` command, printed and run."""
    say(f"ldt {' '.join(arguments)}")
    return subprocess.run([*LDT, *arguments], check=False).returncode


@contextlib.contextmanager
def twin() -> Iterator[dict[str, object]]:
    """The embedded twin for as long as the block; gives its ready file."""
    with tempfile.TemporaryDirectory(prefix="ldt-demo-") as folder:
        ready = Path(folder) / "ready.json"
        command = [*LDT, "up", "--port", "0", "--ready-file", str(ready)]
        say("ldt up")
        with subprocess.Popen(command, start_new_session=os.name == "posix") as process:
            try:
                yield wait(process, ready)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()


def wait(process: subprocess.Popen[bytes], ready: Path) -> dict[str, object]:
    """The ready file, once it is there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            found: dict[str, object] = json.loads(ready.read_text(encoding="utf-8"))
            return found
        if process.poll() is not None:
            raise SystemExit(f"demo: ldt up ended with {process.returncode} before it was ready")
        time.sleep(0.1)
    raise SystemExit(f"demo: ldt up was not ready within {START_SECONDS:g} s")


if __name__ == "__main__":
    sys.exit(main())
