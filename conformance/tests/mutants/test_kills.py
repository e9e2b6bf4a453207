"""Every wrong broker is noticed, by the checks that were reviewed for it and by no others."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from .every import MUTANTS

HERE = Path(__file__).parent
KILLS = [f"{name}kills.yaml" for name in ("", "answers_", "attributes_", "expiry_", "purges_", "registry_")]
REVIEWED: dict[str, Any] = {
    mutant: entry
    for name in KILLS
    for mutant, entry in yaml.safe_load((HERE / name).read_text(encoding="utf-8")).items()
}
CONTROLS: list[str] = REVIEWED.pop("controls")
SETUP_SECONDS = 540.0  # the first test waits for all mutants; a few seconds each on an idle machine
NOTICED = {"fail", "harness-error"}

# The wrong brokers are forked processes; one worker of several runs them all, once.
pytestmark = [pytest.mark.posix, pytest.mark.xdist_group("mutants")]


def run_all(folder: Path, selections: dict[str, Iterable[str]], parallel_timeout: float) -> dict[str, dict[str, Any]]:
    """Run each mutant with its checks; mutant -> {"status", "verdicts"}."""
    jobs = [{"mutant": name, "out": str(folder / name), "checks": list(ids)} for name, ids in selections.items()]
    command = [sys.executable, "-W", "ignore", str(HERE / "launch.py")]
    subprocess.run(command, input=json.dumps(jobs), text=True, check=True, timeout=parallel_timeout)
    found = {}
    for name in selections:
        result = folder / name / "result.json"
        assert result.exists(), (folder / name / "log.txt").read_text(encoding="utf-8")[-2000:]
        found[name] = json.loads(result.read_text(encoding="utf-8"))
    return found


def killed(result: dict[str, Any]) -> list[str]:
    """The checks that noticed."""
    return sorted(check for check, row in result["verdicts"].items() if row[0] in NOTICED)


@pytest.fixture(scope="module")
def selected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each mutant that is asked for (`-k`) against the checks that notice it and the controls."""
    calls = [call for item in request.session.items if (call := getattr(item, "callspec", None)) is not None]
    asked_for = {call.params.get("mutant") for call in calls}
    selections = {name: sorted({*REVIEWED[name]["kills"], *CONTROLS}) for name in MUTANTS if name in asked_for}
    return run_all(tmp_path_factory.mktemp("mutants"), selections, SETUP_SECONDS)


def test_every_mutant_was_reviewed():
    """The list names every mutant, says why, and there are at least ten."""
    assert set(REVIEWED) == set(MUTANTS)
    assert len(MUTANTS) >= 10
    assert all(entry["kills"] and entry["why"] for entry in REVIEWED.values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_broker_is_noticed(mutant: str, selected: dict[str, dict[str, Any]]):
    """The mutant fails exactly the checks that were reviewed for it, none of the controls, and the run exits with 1."""
    result = selected[mutant]
    assert killed(result) == sorted(REVIEWED[mutant]["kills"]), {
        check: row for check, row in result["verdicts"].items() if row[0] != "pass"
    }
    assert result["status"] == 1


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_no_other_check_notices(tmp_path: Path):
    """Over the whole pack every mutant kills what was reviewed and nothing more, and the right broker is untouched."""
    results = run_all(tmp_path, {"none": [], **{name: [] for name in MUTANTS}}, 1700)
    assert killed(results.pop("none")) == []
    assert {name: killed(result) for name, result in results.items()} == {
        name: sorted(entry["kills"]) for name, entry in REVIEWED.items()
    }
