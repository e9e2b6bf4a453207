"""From checks to requirements, badge and exit code: every rule by a table, and that no skip ever becomes green."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_conformance.engine.catalogue import Effort, Owner, Remedy, Requirement, SourceStatus
from ldt_conformance.engine.judging.rollup import Facts, apply_waivers, roll_up
from ldt_conformance.engine.report import Result, Rollup, Run, Waiver
from ldt_conformance.engine.site.model import SiteWaiver
from ldt_conformance.engine.verdicts import Layer, Level, Reason, Verdict

P, F, W, N = Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.NOT_RUN
INC, NA, ERR, INFO, WAIVED = (
    Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.HARNESS_ERROR, Verdict.INFO, Verdict.WAIVED,
)  # fmt: skip
RUN = Run(id="check-1", kind="check", started=datetime(2026, 11, 23, tzinfo=UTC))


def requirement(name: str, level: Level = Level.MUST, **more: object) -> Requirement:
    fields: dict[str, object] = {
        "id": name, "pack": "toolbox", "layer": Layer.INTEROPERABILITY, "level": level, "title": name, "source": "s",
        "source_status": SourceStatus.OURS,
        "remedy": Remedy(text="t", owner=Owner.DATA, effort=Effort.DAYS),
    }  # fmt: skip
    return Requirement.model_validate(fields | more)


def result(requirement_id: str, verdict: Verdict, reason: Reason | None = None, level: Level = Level.MUST) -> Result:
    return Result(
        run="check-1", check=f"c/{requirement_id}-{verdict}-{reason}", title="t", pack="toolbox", level=level,
        layer=Layer.INTEROPERABILITY, requirements=[requirement_id], verdict=verdict, reason=reason,
    )  # fmt: skip


def facts(*requirements: Requirement, **more: object) -> Facts:
    catalogue = {one.id: one for one in requirements}
    return Facts(run=RUN, catalogue=catalogue, profiles=frozenset({"core"}), **more)  # type: ignore[arg-type]


def rolled(*results: Result, **more: object) -> Rollup:
    names = dict.fromkeys(name for one in results for name in one.requirements)
    return roll_up(list(results), facts(*(requirement(name) for name in names), **more))


@pytest.mark.parametrize(
    ("cases", "state"),
    [
        ([(P, None)], "met"),
        ([(P, None), (P, None)], "met"),
        ([(P, None), (F, None)], "not-met"),
        ([(P, None), (WAIVED, Reason.REVIEW)], "not-met"),
        ([(P, None), (W, Reason.PARTIAL)], "not-met"),
        ([(P, None), (W, Reason.SHOULD_VIOLATED)], "met-with-findings"),
        ([(P, None), (W, Reason.TOLERATED)], "met-with-findings"),
        ([(W, Reason.TOLERATED)], "met-with-findings"),
        ([(W, Reason.PARTIAL)], "not-met"),
        ([(P, None), (INC, Reason.TIMEOUT)], "met"),
        ([(INC, Reason.TIMEOUT)], "not-tested"),
        ([(N, Reason.MODE)], "not-tested"),
        ([(N, Reason.MODE), (NA, Reason.UNCLAIMED)], "not-tested"),
        ([(ERR, Reason.HARNESS)], "not-tested"),
        ([(INFO, Reason.MEASURED)], "not-tested"),
        ([(NA, Reason.UNCLAIMED)], "not-applicable"),
        ([(NA, Reason.UNCLAIMED), (P, None)], "met"),
    ],
)
def test_the_state_of_a_requirement(cases: list[tuple[Verdict, Reason | None]], state: str):
    """Any fail: not met; else one pass: met; else not tested; a skip is never anything else."""
    outcome = rolled(*(result("R", verdict, reason) for verdict, reason in cases))
    assert [one.state for one in outcome.requirements] == [state]


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        ([("A", P, None)], 0),
        ([("A", P, None), ("B", F, None)], 1),
        ([("A", P, None), ("B", F, None), ("C", ERR, Reason.HARNESS)], 1),
        ([("A", P, None), ("B", INC, Reason.PRECONDITION_UNMET)], 3),
        ([("A", P, None), ("A", INC, Reason.PRECONDITION_UNMET)], 3),
        ([("A", P, None), ("B", N, Reason.MODE)], 0),
        ([("A", P, None), ("B", N, Reason.DISRUPTIVE)], 0),
        ([("A", P, None), ("B", N, Reason.NOT_SELECTED)], 0),
        ([("A", P, None), ("B", N, Reason.BUDGET)], 3),
        ([("A", P, None), ("B", N, Reason.INTERRUPTED)], 3),
        ([("A", P, None), ("B", NA, Reason.UNCLAIMED)], 0),
        ([("A", P, None), ("B", W, Reason.PARTIAL)], 3),
        ([("A", P, None), ("B", W, Reason.TOLERATED)], 0),
        ([("A", P, None), ("B", WAIVED, Reason.REVIEW)], 0),
        ([("B", WAIVED, Reason.REVIEW)], 3),
        ([("A", P, None), ("B", ERR, Reason.HARNESS)], 4),
        ([("A", NA, Reason.UNCLAIMED)], 3),
        ([("A", N, Reason.MODE)], 3),
        ([], 3),
    ],
)
def test_the_exit_code(cases: list[tuple[str, Verdict, Reason | None]], code: int):
    """0 all in scope met, 1 any fail, 3 undecided or nothing in scope, 4 our own error."""
    assert rolled(*(result(*case) for case in cases)).exit_code == code


def test_the_exit_code_of_a_stale_waiver_a_root_cause_and_an_aborted_run():
    """5, 3 and 4, though everything that ran passed; without a target 3."""
    passed = result("A", P)
    stale = Waiver(check="c/x", until="2027-01-31", reason="r", stale=True)
    assert rolled(passed, waivers=[stale]).exit_code == 5
    assert rolled(passed, aborted=True).exit_code == 4
    assert rolled(passed, has_target=False).exit_code == 3
    caused = facts(requirement("A"))
    caused = Facts(RUN.model_copy(update={"root_cause": "dead"}), caused.catalogue, caused.profiles)
    outcome = roll_up([passed], caused)
    assert (outcome.exit_code, outcome.badge) == (3, "incomplete run")


def test_a_should_never_decides_the_exit_code():
    """A violated SHOULD is a warning, an undecided one is nothing."""
    catalogue = facts(requirement("A"), requirement("S", Level.SHOULD), requirement("T", Level.SHOULD))
    results = [
        result("A", P),
        result("S", W, Reason.SHOULD_VIOLATED, Level.SHOULD),
        result("T", INC, Reason.TIMEOUT, Level.SHOULD),
    ]
    outcome = roll_up(results, catalogue)
    assert outcome.exit_code == 0
    assert {one.id: one.state for one in outcome.requirements}["S"] == "not-met"
    assert (outcome.in_scope, outcome.met) == (1, 1)


@pytest.mark.parametrize(
    ("cases", "badge"),
    [
        ([("A", P, None)], "verified"),
        ([("A", P, None), ("A", W, Reason.TOLERATED)], "verified, with findings"),
        ([("A", P, None), ("B", N, Reason.MODE)], "partial"),
        ([("A", P, None), ("A", N, Reason.MODE)], "partial"),
        ([("A", P, None), ("B", INC, Reason.TIMEOUT)], "partial"),
        ([("A", P, None), ("B", WAIVED, Reason.REVIEW)], "partial"),
        ([("A", P, None), ("B", F, None)], "not verified"),
        ([("A", P, None), ("B", ERR, Reason.HARNESS)], "incomplete run"),
        ([("A", NA, Reason.UNCLAIMED)], "incomplete run"),
        ([("A", INC, Reason.UNREACHABLE)], "incomplete run"),
        ([], "unknown"),
    ],
)
def test_the_badge(cases: list[tuple[str, Verdict, Reason | None]], badge: str):
    """Verified only if every applicable MUST is met and none is open; no badge from zero passes."""
    assert rolled(*(result(*case) for case in cases)).badge == badge


def test_a_requirement_without_a_check_is_not_looked_at():
    """It counts among the applicable ones, with the reason; of a profile that the site has not, it does not apply."""
    outcome = roll_up(
        [result("A", P)],
        facts(
            requirement("A"),
            requirement("B", unchecked="no way yet"),
            requirement("C", unchecked="ask", questionnaire=True),
            requirement("D", unchecked="no way yet", profile="dsp"),
        ),
    )
    states = {one.id: (one.state, one.reason) for one in outcome.requirements}
    assert states["B"] == ("not-tested", Reason.NO_CHECK)
    assert states["C"] == ("not-tested", Reason.QUESTIONNAIRE)
    assert states["D"] == ("not-applicable", Reason.UNCLAIMED)
    layer = next(one for one in outcome.layers if one.layer is Layer.INTEROPERABILITY)
    assert (layer.in_place, layer.missing, layer.not_looked_at, layer.not_applicable) == (1, 0, 2, 1)
    assert (outcome.exit_code, outcome.badge, outcome.enough_evidence) == (0, "partial", False)


VERDICTS = st.sampled_from(
    [(v, None) for v in (P, F)]
    + [(INC, r) for r in (Reason.TIMEOUT, Reason.AUTH, Reason.NOT_DECLARED)]
    + [(N, r) for r in (Reason.MODE, Reason.DISRUPTIVE, Reason.BUDGET, Reason.NOT_SELECTED, Reason.INTERRUPTED)]
    + [
        (NA, Reason.UNCLAIMED),
        (W, Reason.PARTIAL),
        (W, Reason.TOLERATED),
        (INFO, Reason.MEASURED),
        (ERR, Reason.HARNESS),
    ]
    + [(WAIVED, Reason.REVIEW)]
)
CASES = st.lists(st.tuples(st.sampled_from("ABCDE"), VERDICTS), max_size=12)
SKIPS = {INC, NA, N, ERR, INFO}


@given(cases=CASES, unchecked=st.booleans())
def test_no_path_leads_from_a_skip_to_verified(cases: list[tuple[str, tuple[Verdict, Reason | None]]], unchecked: bool):
    """Whatever the mix: verified means that each applicable MUST has a pass, and none was failed or left open."""
    results = [result(name, *verdict) for name, verdict in cases]
    extra = [requirement("Z", unchecked="no way yet")] if unchecked else []
    outcome = roll_up(results, facts(*(requirement(name) for name in {name for name, _ in cases}), *extra))
    if outcome.badge.startswith("verified"):
        assert not unchecked
        for name in {name for name, _ in cases}:
            verdicts = {verdict for other, (verdict, _) in cases if other == name}
            assert verdicts == {NA} or verdicts & {P, W}
            assert not verdicts & {F, INC, N, ERR, WAIVED}
        assert any(verdict is P for _, (verdict, _) in cases)
    if all(verdict in SKIPS for _, (verdict, _) in cases):
        assert outcome.exit_code != 0
        assert outcome.met == 0


@given(cases=CASES, more=VERDICTS.filter(lambda pair: pair[0] in SKIPS))
def test_one_skip_more_never_makes_it_better(cases: list[tuple[str, tuple[Verdict, Reason | None]]], more: tuple):
    """Adding a result that decides nothing turns no exit code to 0, and no badge to verified."""
    base = [result(name, *verdict) for name, verdict in cases]
    before, after = rolled(*base), rolled(*base, result("A", *more))
    if before.exit_code != 0:
        assert after.exit_code != 0
    if not before.badge.startswith("verified"):
        assert not after.badge.startswith("verified")


@pytest.mark.parametrize(
    ("verdict", "until", "expected", "stale"),
    [
        (F, "2027-01-31", WAIVED, False),
        (F, "2026-11-23", WAIVED, False),
        (F, "2026-11-22", F, False),  # expired: accepts nothing any more
        (P, "2027-01-31", P, True),
        (P, "2026-01-01", P, True),
        (INC, "2027-01-31", INC, False),
        (W, "2027-01-31", W, False),
    ],
)
def test_waivers(verdict: Verdict, until: str, expected: Verdict, stale: bool):
    """A waiver turns a failure into `waived` until its day; one whose check passes is stale."""
    check = result("A", verdict, Reason.REVIEW if verdict in {INC, W} else None)
    waiver = SiteWaiver(check=check.check, until=date.fromisoformat(until), reason="known")
    (outcome,), (listed,) = apply_waivers([check], [waiver], date(2026, 11, 23))
    assert (outcome.verdict, listed.stale) == (expected, stale)
