"""Run the suite as a user does, in a process of its own, and read what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WriteSite = Callable[..., Path]
FEW = "create_entity and test_location_header"  # a few checks that a broker as small as the fake passes


def ldt(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ldt_conformance", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=110, check=False
    )


def report_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "ldt-report" / "report.json").read_text())
    return found


def verdicts(folder: Path, prefix: str = "own/") -> dict[str, tuple[str, str | None]]:
    return {
        one["check"].removeprefix(prefix): (one["verdict"], one["reason"])
        for one in report_in(folder)["results"]
        if one["check"].startswith(prefix)
    }
