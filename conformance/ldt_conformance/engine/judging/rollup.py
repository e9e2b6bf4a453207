"""From checks to requirements, layers, badge state and exit code. Pure: data in, data out.

Rules (design section 5): a requirement with any failed check is not met; else one pass makes it met (with findings,
where something was also warned about); else it is not tested; a skip never counts as anything else. In scope are the
applicable MUST requirements that packs, mode and selection can decide; the exit code speaks of them alone. A badge
speaks of all applicable MUST requirements: what mode or selection left out is missing there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import LayerCount, RequirementState, Result, Rollup, Run, Waiver
from ldt_conformance.engine.site.model import SiteWaiver
from ldt_conformance.engine.verdicts import Layer, Level, Reason, Verdict

OK, FAILED, INCOMPLETE, OUR_ERROR, STALE = 0, 1, 3, 4, 5

# Left out by the user's own choice: printed in the headline, never in the exit code.
BY_CHOICE = frozenset({
    Reason.MODE, Reason.DISRUPTIVE, Reason.NOT_SELECTED, Reason.QUESTIONNAIRE, Reason.NO_CHECK
})  # fmt: skip
ENOUGH_SHARE = 0.5  # of the applicable MUST requirements must be decided


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement, what it asks, and what its checks came to."""

    id: str
    layer: Layer
    level: Level
    results: tuple[Result, ...]
    unchecked: str | None = None
    questionnaire: bool = False
    applies: bool = True  # its profile is one of the site's


@dataclass(frozen=True)
class Facts:
    """What the roll-up needs to know beside results."""

    run: Run
    catalogue: Mapping[str, Requirement]
    profiles: frozenset[str]
    waivers: Sequence[Waiver] = ()
    aborted: bool = False  # our own error ended the run
    interrupted: bool = False  # the user did
    has_target: bool = True  # the site file names at least one URL


def apply_waivers(
    results: Iterable[Result], waivers: Iterable[SiteWaiver], today: date
) -> tuple[list[Result], list[Waiver]]:
    """Failures that the site accepted become `waived`; a waiver whose check passes is stale.

    An expired waiver accepts nothing any more. A waiver for a check that did not decide is left as it is.
    """
    by_check = {waiver.check: waiver for waiver in waivers}
    passed: set[str] = set()
    waived = []
    for result in results:
        waiver = by_check.get(result.check)
        if waiver is not None and result.verdict is Verdict.PASS:
            passed.add(result.check)
        if waiver is not None and result.verdict is Verdict.FAIL and waiver.until >= today:
            note = f"waived until {waiver.until}: {waiver.reason}"
            result = result.model_copy(update={"verdict": Verdict.WAIVED, "reason": Reason.REVIEW, "note": note})
        waived.append(result)
    listed = [
        Waiver(check=waiver.check, until=str(waiver.until), reason=waiver.reason, stale=waiver.check in passed)
        for waiver in by_check.values()
    ]
    return waived, listed


def roll_up(results: Sequence[Result], facts: Facts) -> Rollup:
    """Everything that one check run comes to; headline, next steps and changes are left to the gap analysis."""
    judged = _judge(results, facts)
    states = [state_of(one) for one in judged]
    in_scope = [one for one in judged if is_in_scope(one)]
    in_scope_ids = {one.id for one in in_scope}
    must = [state for state in states if state.level is Level.MUST and state.state != "not-applicable"]
    decided = [state for state in must if state.state != "not-tested"]
    return Rollup(
        run=facts.run.id,
        exit_code=exit_code(results, judged, facts),
        headline="",
        verdicts=dict(Counter(str(result.verdict) for result in results)),
        in_scope=len(in_scope),
        met=sum(1 for state in states if state.id in in_scope_ids and is_met(state)),
        not_met=sum(1 for state in states if state.id in in_scope_ids and state.state == "not-met"),
        undecided=sum(1 for state in states if state.id in in_scope_ids and state.state == "not-tested"),
        enough_evidence=bool(must) and len(decided) >= ENOUGH_SHARE * len(must),
        badge=badge_state(results, must, facts),
        layers=[_count(layer, states) for layer in Layer],
        requirements=states,
    )


def _judge(results: Sequence[Result], facts: Facts) -> list[Judged]:
    by_requirement: dict[str, list[Result]] = {}
    for result in results:
        for requirement in result.requirements:
            by_requirement.setdefault(requirement, []).append(result)
    judged = [
        Judged(
            id=requirement.id,
            layer=requirement.layer,
            level=requirement.level,
            results=tuple(by_requirement.pop(requirement.id, ())),
            unchecked=requirement.unchecked,
            questionnaire=requirement.questionnaire,
            applies=requirement.profile in facts.profiles,
        )
        for requirement in facts.catalogue.values()
    ]
    strongest = list(Level)
    for name, named_by in by_requirement.items():  # named by a check, but in no catalogue: judged all the same
        level = min((result.level for result in named_by), key=strongest.index)
        judged.append(Judged(name, named_by[0].layer, level, tuple(named_by)))
    return judged


def state_of(one: Judged) -> RequirementState:
    """What the checks of one requirement come to together."""
    state, reason = _state(one)
    return RequirementState.model_validate(
        {
            "id": one.id,
            "layer": one.layer,
            "level": one.level,
            "state": state,
            "reason": reason,
            "checks": sorted({result.check for result in one.results}),
        }
    )


def _state(one: Judged) -> tuple[str, Reason | None]:
    if not one.results:
        return _state_without_results(one)
    verdicts = {result.verdict for result in one.results}
    warned = {result.reason for result in one.results if result.verdict is Verdict.WARN}
    if Verdict.FAIL in verdicts or Verdict.WAIVED in verdicts:
        return "not-met", None
    if Reason.PARTIAL in warned:
        return "not-met", Reason.PARTIAL
    if Reason.SHOULD_VIOLATED in warned and one.level is not Level.MUST:
        return "not-met", Reason.SHOULD_VIOLATED
    if Verdict.PASS in verdicts:
        return ("met-with-findings" if warned else "met"), None
    if Reason.TOLERATED in warned:
        return "met-with-findings", None
    for verdict in (Verdict.HARNESS_ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.WARN, Verdict.INFO):
        for result in one.results:
            if result.verdict is verdict:
                return "not-tested", result.reason
    return "not-applicable", one.results[0].reason


def _state_without_results(one: Judged) -> tuple[str, Reason | None]:
    if not one.applies:
        return "not-applicable", Reason.UNCLAIMED
    return "not-tested", Reason.QUESTIONNAIRE if one.questionnaire else Reason.NO_CHECK


def is_met(state: RequirementState) -> bool:
    """Whether the requirement is in place."""
    return state.state in {"met", "met-with-findings"}


def is_in_scope(one: Judged) -> bool:
    """Whether this is a MUST that packs, mode and selection let the run decide."""
    return one.level is Level.MUST and any(
        result.verdict is not Verdict.NOT_APPLICABLE
        and not (result.verdict is Verdict.NOT_RUN and result.reason in BY_CHOICE)
        for result in one.results
    )


def exit_code(results: Sequence[Result], judged: Sequence[Judged], facts: Facts) -> int:
    """0 verified, 1 a requirement failed, 3 incomplete or inconclusive, 4 our own error, 5 a waiver is stale."""
    if facts.aborted:
        return OUR_ERROR
    if any(result.verdict is Verdict.FAIL for result in results):
        return FAILED
    if any(result.verdict is Verdict.HARNESS_ERROR for result in results):
        return OUR_ERROR
    if any(waiver.stale for waiver in facts.waivers):
        return STALE
    in_scope = [one for one in judged if is_in_scope(one)]
    decisive = [result for one in in_scope for result in one.results if result.level is Level.MUST]
    nothing_to_say = facts.run.root_cause is not None or facts.interrupted or not facts.has_target or not in_scope
    if nothing_to_say or any(_leaves_open(result) for result in decisive):
        return INCOMPLETE
    settled = all(is_met(state_of(one)) or _only_waived(one) for one in in_scope)
    anything = any(is_met(state_of(one)) for one in in_scope)
    return OK if settled and anything else INCOMPLETE


def _leaves_open(result: Result) -> bool:
    if result.verdict is Verdict.NOT_RUN:
        return result.reason not in BY_CHOICE
    return result.verdict in {Verdict.INCONCLUSIVE, Verdict.HARNESS_ERROR} or result.reason is Reason.PARTIAL


def _only_waived(one: Judged) -> bool:
    return any(result.verdict is Verdict.WAIVED for result in one.results) and not any(
        result.verdict is Verdict.FAIL for result in one.results
    )


def badge_state(results: Sequence[Result], must: Sequence[RequirementState], facts: Facts) -> str:
    """What the badge may say.

    Args:
        results: All results of the run.
        must: The applicable MUST requirements, whether in scope or not.
        facts: As for the roll-up.
    """
    if not results:
        return "unknown"
    verdicts = {result.verdict for result in results}
    if Verdict.FAIL in verdicts:
        return "not verified"
    if facts.aborted or facts.interrupted or facts.run.root_cause is not None or Verdict.HARNESS_ERROR in verdicts:
        return "incomplete run"
    met = [state for state in must if is_met(state)]
    if not met or Verdict.PASS not in verdicts:
        return "incomplete run"
    open_ = any(result.level is Level.MUST and result.verdict in _OPEN for result in results)
    if len(met) < len(must) or open_:
        return "partial"
    return "verified, with findings" if Verdict.WARN in verdicts else "verified"


_OPEN = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.WAIVED})


def _count(layer: Layer, states: Sequence[RequirementState]) -> LayerCount:
    counted = Counter(state.state for state in states if state.layer is layer and state.level is Level.MUST)
    return LayerCount(
        layer=layer,
        in_place=counted["met"] + counted["met-with-findings"],
        missing=counted["not-met"],
        not_looked_at=counted["not-tested"],
        not_applicable=counted["not-applicable"],
    )
