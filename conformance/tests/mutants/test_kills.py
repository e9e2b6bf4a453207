"""Every wrong broker is noticed, by the checks that were reviewed for it and by no others."""

from pathlib import Path
from typing import Any

import pytest

from .choices import REVIEWED
from .every import MUTANTS
from .running import killed, run_all

# The brokers are forked processes; one worker of several runs them all, once.
pytestmark = [pytest.mark.posix, pytest.mark.xdist_group("mutants")]


def test_every_mutant_was_reviewed():
    """The list names every mutant, says why, and there are at least ten."""
    assert set(REVIEWED) == set(MUTANTS)
    assert len(MUTANTS) >= 10
    assert all(entry["kills"] and entry["why"] for entry in REVIEWED.values())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_broker_is_noticed(mutant: str, judged: dict[str, dict[str, Any]]):
    """The mutant fails exactly the checks that were reviewed for it, none of the controls, and the run exits with 1."""
    result = judged[mutant]
    assert killed(result) == sorted(REVIEWED[mutant]["kills"]), {
        check: row for check, row in result["verdicts"].items() if row[0] != "pass"
    }
    assert result["status"] == 1


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_no_other_check_notices(tmp_path: Path):
    """Over the whole pack every mutant kills what was reviewed and nothing more, and the right broker is untouched."""
    results = run_all(tmp_path, {"none": [], **{name: [] for name in MUTANTS}}, 5300)
    assert killed(results.pop("none")) == []
    assert {name: killed(result) for name, result in results.items()} == {
        name: sorted(entry["kills"]) for name, entry in REVIEWED.items()
    }
