"""Start the launcher, and read what each broker came to."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

NOTICED = {"fail", "harness-error"}
LAUNCHER = Path(__file__).with_name("launch.py")


def run_all(folder: Path, selections: Mapping[str, Iterable[str]], timeout_seconds: float) -> dict[str, dict[str, Any]]:
    """Run each mutant or variant with its checks (none: the whole pack); its name -> {"status", "verdicts"}."""
    jobs = [{"mutant": name, "out": str(folder / name), "checks": list(ids)} for name, ids in selections.items()]
    command = [sys.executable, "-W", "ignore", str(LAUNCHER)]
    subprocess.run(command, input=json.dumps(jobs), text=True, check=True, timeout=timeout_seconds)
    found = {}
    for name in selections:
        result = folder / name / "result.json"
        assert result.exists(), (folder / name / "log.txt").read_text(encoding="utf-8")[-2000:]
        found[name] = json.loads(result.read_text(encoding="utf-8"))
    return found


def killed(result: dict[str, Any]) -> list[str]:
    """The checks that noticed."""
    return sorted(check for check, row in result["verdicts"].items() if row[0] in NOTICED)
