"""A right broker passes, however it differs from ours where no clause says how it must be."""

from pathlib import Path
from typing import Any

import pytest

from .choices import ABSENCE, CONCERNED
from .running import killed, run_all
from .variants import HOLLOW, VARIANTS

# As in test_kills: the brokers are forked processes, and run together with the wrong ones.
pytestmark = [pytest.mark.posix, pytest.mark.xdist_group("mutants")]


def test_every_variant_has_checks_that_it_could_mislead():
    """The table names every variant."""
    assert set(CONCERNED) == set(VARIANTS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_right_broker_that_differs_passes(variant: str, judged: dict[str, dict[str, Any]]):
    """Every check concerned passes, and so the run is verified."""
    verdicts = judged[variant]["verdicts"]
    assert {check: verdicts[check] for check in CONCERNED[variant] if verdicts[check][0] != "pass"} == {}
    assert judged[variant]["status"] == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", HOLLOW)
def test_absence_is_no_pass_where_nothing_is_ever_shown(mutant: str, judged: dict[str, dict[str, Any]]):
    """A broker that accepts everything and shows nothing passes no check that something is gone."""
    verdicts = judged[mutant]["verdicts"]
    assert [check for check in ABSENCE if verdicts[check][0] not in {"fail", "inconclusive"}] == []


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_no_check_fails_a_right_broker_that_differs(tmp_path: Path):
    """Over the whole pack no variant fails anything."""
    results = run_all(tmp_path, {name: [] for name in VARIANTS}, 5300)
    assert {name: killed(result) for name, result in results.items()} == {name: [] for name in VARIANTS}
