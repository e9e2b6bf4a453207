"""What changed since the previous check run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ldt_conformance.engine.report import Report, Result
from ldt_conformance.engine.verdicts import Mode, Reason, Verdict
from ldt_conformance.gap.changes import changes

from .sample import BEFORE, NOW, sample_report


def _report(before: list[Verdict | None], now: list[Verdict | None]) -> Report:
    report = sample_report(0)
    pattern = next(result for result in report.results if result.run == NOW)
    results: list[Result] = []
    for run, verdicts in ((BEFORE, before), (NOW, now)):
        for number, verdict in enumerate(verdicts):
            if verdict is not None:
                reason = None if verdict in {Verdict.PASS, Verdict.FAIL} else Reason.TIMEOUT
                changed = {"run": run, "check": f"group/c{number}", "verdict": verdict, "reason": reason}
                results.append(pattern.model_copy(update=changed))
    return report.model_copy(update={"results": results})


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (Verdict.PASS, Verdict.FAIL, "1 check passed before and fails now: group/c0."),
        (Verdict.FAIL, Verdict.PASS, "1 check failed before and passes now: group/c0."),
        (Verdict.WARN, Verdict.FAIL, "1 check was no failure before and fails now: group/c0."),
        (
            Verdict.FAIL,
            Verdict.WARN,
            "1 check failed before and is no failure now, though a finding remains: group/c0.",
        ),
        (Verdict.PASS, Verdict.WARN, "1 check passed before and passes now with a finding only: group/c0."),
        (Verdict.PASS, Verdict.INCONCLUSIVE, "1 check was decided before and is not any more: group/c0."),
        (Verdict.NOT_RUN, Verdict.PASS, "1 check was undecided before and passes now: group/c0."),
        (Verdict.NOT_RUN, Verdict.FAIL, "1 check is new or was undecided before and fails now: group/c0."),
        (None, Verdict.FAIL, "1 check is new or was undecided before and fails now: group/c0."),
        (None, Verdict.PASS, "1 check is new in this run and passes: group/c0."),
        (Verdict.PASS, None, "1 check is no longer part of the run: group/c0."),
    ],
)
def test_one_sentence_a_kind_of_change(before: Verdict | None, now: Verdict | None, said: str) -> None:
    """Each kind of change has its own sentence, and a second check that did not change has none."""
    assert changes(_report([before, Verdict.PASS], [now, Verdict.PASS])) == [said]


def test_many_are_counted_and_four_are_named() -> None:
    """A long list names four checks and counts the rest."""
    (said,) = changes(_report([Verdict.PASS] * 9, [Verdict.FAIL] * 9))
    assert said.startswith("9 checks passed before and fail now: group/c0, group/c1, group/c2, group/c3 and 5 more.")


def test_nothing_changed_is_said() -> None:
    """Equal runs give one sentence that says so, not silence."""
    assert changes(_report([Verdict.PASS], [Verdict.PASS])) == [
        "Nothing changed since 2026-11-16: 1 check with the same verdict."
    ]


def test_another_mode_is_said_first() -> None:
    """Differences that the mode explains are not blamed on the twin."""
    report = _report([Verdict.NOT_RUN], [Verdict.PASS])
    runs = [run.model_copy(update={"mode": Mode.SANDBOX_WRITE}) if run.id == NOW else run for run in report.runs]
    said = changes(report.model_copy(update={"runs": runs}))
    assert said[0] == ("The run of 2026-11-16 is comparable in part only: the mode was probe and is now sandbox-write.")
    assert len(said) == 2


def test_a_first_run_has_nothing_to_compare_with() -> None:
    """Without an earlier check run there is no sentence, also where a later or a load run exists."""
    report = _report([], [Verdict.PASS])
    assert changes(report) == []
    later = [
        run.model_copy(update={"started": run.started + timedelta(days=30)}) if run.id == BEFORE else run
        for run in report.runs
    ]
    assert changes(report.model_copy(update={"runs": later})) == []
