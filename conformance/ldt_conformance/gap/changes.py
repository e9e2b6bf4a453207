"""What changed since the previous check run, one sentence a kind of change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ldt_conformance.engine.report import Report, Result, Run
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.wording.text import day
from ldt_conformance.wording.words import joined, plural

NAMED = 4  # checks named in one sentence; the rest are counted
DECIDED = {Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.INFO, Verdict.WAIVED}
Kind = Callable[[Verdict | None, Verdict | None], bool]

_SOFT = {Verdict.WARN, Verdict.INFO, Verdict.WAIVED}
_KINDS: tuple[tuple[str, str, Kind], ...] = (  # one check, several checks, when; worst news first
    (
        "passed before and fails now",
        "passed before and fail now",
        lambda old, new: old is Verdict.PASS and new is Verdict.FAIL,
    ),
    (
        "was no failure before and fails now",
        "were no failures before and fail now",
        lambda old, new: old in _SOFT and new is Verdict.FAIL,
    ),
    (
        "is new or was undecided before and fails now",
        "are new or were undecided before and fail now",
        lambda old, new: not _decided(old) and new is Verdict.FAIL,
    ),
    (
        "was decided before and is not any more",
        "were decided before and are not any more",
        lambda old, new: _decided(old) and new is not None and not _decided(new),
    ),
    (
        "passed before and passes now with a finding only",
        "passed before and pass now with a finding only",
        lambda old, new: old is Verdict.PASS and new in _SOFT,
    ),
    (
        "failed before and passes now",
        "failed before and pass now",
        lambda old, new: old is Verdict.FAIL and new is Verdict.PASS,
    ),
    (
        "failed before and is no failure now, though a finding remains",
        "failed before and are no failures now, though findings remain",
        lambda old, new: old is Verdict.FAIL and new in _SOFT,
    ),
    (
        "was undecided before and passes now",
        "were undecided before and pass now",
        lambda old, new: old is not None and not _decided(old) and new is Verdict.PASS,
    ),
    (
        "is new in this run and passes",
        "are new in this run and pass",
        lambda old, new: old is None and new is Verdict.PASS,
    ),
    ("is no longer part of the run", "are no longer part of the run", lambda old, new: old is not None and new is None),
)


def changes(report: Report) -> list[str]:
    """Sentences on what differs between the newest check run and the check run before it; empty without one before.

    Compares the verdicts of checks by their permanent ids, from `Result.run`. A different mode, selection or set of
    packs is said first, because it explains differences that are none of the twin's doing.
    """
    pair = _last_two(report)
    if pair is None:
        return []
    before, now = pair
    old = _verdicts(report.results, before)
    new = _verdicts(report.results, now)
    sentences = _circumstances(before, now)
    for one, many, applies in _KINDS:
        checks = sorted(check for check in old.keys() | new.keys() if applies(old.get(check), new.get(check)))
        if checks:
            sentences.append(_sentence(checks, one, many))
    if not sentences:
        shared = len(old.keys() & new.keys())
        sentences.append(
            f"Nothing changed since {day(before.started)}: {plural(shared, 'check')} with the same verdict."
        )
    return sentences


def _last_two(report: Report) -> tuple[Run, Run] | None:
    if report.rollup is None:
        return None
    checks = sorted((run for run in report.runs if run.kind == "check"), key=lambda run: (run.started, run.id))
    with_results = {result.run for result in report.results}
    position = next((index for index, run in enumerate(checks) if run.id == report.rollup.run), None)
    if position is None:
        return None
    earlier = [run for run in checks[:position] if run.id in with_results]
    return (earlier[-1], checks[position]) if earlier else None


def _verdicts(results: Sequence[Result], run: Run) -> Mapping[str, Verdict]:
    return {result.check: result.verdict for result in results if result.run == run.id}


def _circumstances(before: Run, now: Run) -> list[str]:
    differing = []
    if before.mode is not now.mode:
        differing.append(f"the mode was {before.mode} and is now {now.mode}")
    if sorted(before.packs) != sorted(now.packs):
        packs = (joined(sorted(run.packs)) or "none named" for run in (before, now))
        differing.append("the packs were {} and are now {}".format(*packs))
    if before.selection != now.selection:
        differing.append("another selection of checks was run")
    if not differing:
        return []
    return [f"The run of {day(before.started)} is comparable in part only: {joined(differing)}."]


def _sentence(checks: Sequence[str], one: str, many: str) -> str:
    named = list(checks[:NAMED])
    if len(checks) > NAMED:
        named.append(f"{len(checks) - NAMED} more")
    return f"{plural(len(checks), 'check')} {one if len(checks) == 1 else many}: {joined(named)}."


def _decided(verdict: Verdict | None) -> bool:
    return verdict in DECIDED
