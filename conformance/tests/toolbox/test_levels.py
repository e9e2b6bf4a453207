"""Levels and classes: proven by what is met alone, and what is missing told apart from what is not known."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.judging.levels import (
    CLASSES,
    DERIVED,
    LEVELS,
    Alternatives,
    capability_class,
    citcom_level,
    derived_results,
    with_levels,
)
from ldt_conformance.engine.report import RequirementState, Rollup
from ldt_conformance.engine.site.model import EDIC_PROFILES, Claims
from ldt_conformance.engine.verdicts import Reason


def states(default: str = "not-met", **changed: str) -> list[RequirementState]:
    """A state for every toolbox requirement; `IO_20="met"` is LDT-IO-20, `PARTIAL` is met with that reason."""
    found = []
    for name, row in load_catalogue().items():
        if row.pack != "toolbox":
            continue
        said = changed.get(name.removeprefix("LDT-").replace("-", "_"), default)
        state, reason = {
            "PARTIAL": ("met-with-findings", Reason.PARTIAL),
            "LOOPBACK": ("not-applicable", Reason.LOOPBACK),
        }.get(said, (said, None))
        found.append(RequirementState.model_validate(
            {"id": name, "layer": row.layer, "level": row.level, "state": state, "reason": reason}
        ))  # fmt: skip
    return found


def all_of(ladder: Iterable[Iterable[Alternatives]]) -> dict[str, str]:
    names = {name for groups in ladder for group in groups for alternative in group for name in alternative}
    return {name.replace("-", "_"): "met" for name in names}


LEVEL_0, LEVEL_1, LEVEL_2 = (all_of(LEVELS[:count]) for count in (1, 2, 3))


@pytest.mark.parametrize(
    ("changed", "reached"),
    [
        ({}, None),
        ({"IO_61": "met", "IO_94": "met"}, None),
        ({"IO_70": "met"}, 0),
        ({"IO_70": "met", "IO_61": "met"}, 0),
        ({"IO_20": "met"}, 0),
        ({"IO_20": "met", "IO_61": "met"}, 1),
        (LEVEL_0, 0),
        (LEVEL_0 | {"IO_61": "PARTIAL"}, 0),
        (LEVEL_0 | {"IO_61": "not-tested"}, 0),
        (LEVEL_1, 1),
        (LEVEL_1 | {"IO_94": "met"}, 1),
        (LEVEL_1 | {"DA_30": "met", "IO_94": "met"}, 2),
        (LEVEL_1 | {"DA_40": "met", "IO_94": "met"}, 2),
        (LEVEL_1 | {"DA_40": "met", "IO_94": "LOOPBACK"}, 1),
        (LEVEL_2, 2),
    ],
)
def test_citcom_level(changed: dict[str, str], reached: int | None):
    """The level is the highest one all of whose requirements, and those below, are met."""
    assert citcom_level(states(**changed)).reached == reached


def test_what_the_next_level_lacks():
    """Missing and undecided requirements are named apart; of alternatives the nearest counts."""
    step = citcom_level(states(**LEVEL_1, DA_30="not-tested"))
    assert step.missing == ("LDT-IO-94",)
    assert step.unknown == ("LDT-DA-30",)


def test_nothing_looked_at_is_unknown_and_proves_nothing():
    """A run without checks proves no level and refutes none."""
    step = citcom_level(states("not-tested"))
    assert step.reached is None
    assert step.missing == ()
    assert step.unknown


@pytest.mark.parametrize("count", range(5))
def test_capability_class(count: int):
    """Each class is proven by its own requirements and those below it."""
    step = capability_class(states(**all_of(tuple(CLASSES.values())[:count])))
    assert step.reached == (count - 1 if count else None)


def test_the_two_highest_classes_are_never_inferred():
    """Even where everything is met, prescriptive and autonomous are not said."""
    reached = capability_class(states("met")).reached
    assert reached is not None
    assert EDIC_PROFILES[reached] == "prospective"


@pytest.mark.parametrize(
    ("found", "claimed", "verdict", "reason"),
    [
        (LEVEL_1, 1, "pass", None),
        (LEVEL_1, 0, "pass", None),
        (LEVEL_1, 2, "warn", Reason.SHOULD_VIOLATED),
        (LEVEL_1 | {"DA_30": "not-tested", "IO_94": "not-tested"}, 2, "inconclusive", Reason.INSUFFICIENT_EVIDENCE),
        (LEVEL_1, None, "info", Reason.MEASURED),
        ({}, None, "inconclusive", Reason.NOT_DECLARED),
    ],
)
def test_the_claimed_level_is_judged(found: dict[str, str], claimed: int | None, verdict: str, reason: Reason | None):
    """A claim is proven, refuted, or open; without a claim the level is merely said."""
    changed = dict(found)
    results = derived_results("run", states(**changed), Claims(citcom_level=claimed), load_catalogue())
    (result,) = [one for one in results if one.requirements == ["LDT-IO-17"]]
    assert (result.verdict, result.reason) == (verdict, reason)


def test_both_derived_requirements_have_a_result():
    """LDT-IO-17 and LDT-KN-20 are decided in every run."""
    results = derived_results("run", states("met"), Claims(edic_profile="autonomous"), load_catalogue())
    assert {name for one in results for name in one.requirements} == set(DERIVED)
    assert [one.verdict for one in results if one.requirements == ["LDT-KN-20"]] != ["pass"]


@pytest.mark.parametrize(("enough", "level"), [(True, 2), (False, None)])
def test_too_little_evidence_proves_no_level(enough: bool, level: int | None):
    """The roll-up states a level only on enough evidence, and keeps the claim beside it."""
    rollup = Rollup(run="r", exit_code=0, headline="", enough_evidence=enough, requirements=states("met"))
    found = with_levels(rollup, Claims(citcom_level=1))
    assert (found.citcom_level, found.citcom_level_claimed) == (level, 1)
