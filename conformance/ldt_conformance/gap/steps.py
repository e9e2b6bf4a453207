"""The next steps that would move the result most.

A step is an open requirement with its remedy, or one act that decides many requirements at once (answer the open
questions, allow the sandbox mode, give the suite access). Order: what keeps everything else from being seen; then by
what the step unlocks for the target level, by level (MUST before SHOULD), by how many others wait for it, by effort;
and never a step before one that it depends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ldt_conformance.engine.catalogue import Effort, Owner, Requirement
from ldt_conformance.engine.report import NextStep, RequirementState, Rollup
from ldt_conformance.engine.verdicts import Level, Reason
from ldt_conformance.gap.ladder import wanted_requirements
from ldt_conformance.wording.words import plural

SHOWN_STEPS = 5
_EFFORT_RANK = {effort: rank for rank, effort in enumerate(Effort)}
_HIDES_MUCH = 0.25  # share of the MUST requirements
_LEVEL_RANK = {Level.MUST: 0, Level.SHOULD: 1, Level.MAY: 2}


@dataclass(frozen=True, slots=True)
class _Act:
    """One act that decides every undecided requirement with a certain reason."""

    title: str
    text: str
    owner: Owner
    effort: Effort
    rank: int  # 0: first of all where it hides much (see `_HIDES_MUCH`); 1: otherwise


_ACTS: dict[Reason, _Act] = {
    Reason.UNREACHABLE: _Act(
        "Make the endpoint answer",
        "The suite could not reach it. Check the URL in the site file, DNS, firewall and certificate, then run again.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        0,
    ),
    Reason.AUTH: _Act(
        "Give the suite valid credentials",
        "The endpoint refused them. Put a client or token with read rights into the site file (by ${ENV} or file).",
        Owner.CONFIGURATION,
        Effort.HOURS,
        0,
    ),
    Reason.NOT_DECLARED: _Act(
        "Declare in the site file what the twin has",
        "The site file is silent where a declaration is needed: fill in data sources, pipelines, services and claims.",
        Owner.ORGANISATION,
        Effort.HOURS,
        1,
    ),
    Reason.QUESTIONNAIRE: _Act(
        "Answer the open questions",
        "Only the site can answer them. Put the answers under `answers:` in the site file; a sentence each is enough.",
        Owner.ORGANISATION,
        Effort.HOURS,
        1,
    ),
    Reason.MODE: _Act(
        "Let the suite write in a sandbox",
        "These requirements can only be seen by writing test data: allow `safety: {mode: sandbox-write}`, best on a "
        "staging twin. Only what the suite created is removed again.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
    Reason.BUDGET: _Act(
        "Allow more requests",
        "The agreed number of requests was used up. Raise `safety: {max_requests: …}` in the site file and run again.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
    Reason.NOT_SELECTED: _Act(
        "Run the whole suite once",
        "Part of it was left out. Run `ldt check` with this site file, without `--select` and with all packs.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
    Reason.INTERRUPTED: _Act(
        "Run the check again to its end",
        "The run was interrupted before it was finished.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
    Reason.RECEIVER_UNREACHABLE: _Act(
        "Let the twin call the suite back",
        "Notifications could not reach us. Run where the twin can reach this machine, and name it by `--public-host`.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
    Reason.INSUFFICIENT_EVIDENCE: _Act(
        "Show the suite some real data",
        "There was too little to look at. Name sample ids or types in the site file, or point it at a twin with data.",
        Owner.DATA,
        Effort.HOURS,
        1,
    ),
    Reason.REVIEW: _Act(
        "Have a person look at what was found",
        "A program cannot decide it. Read the findings marked REVIEW and record the outcome among the answers.",
        Owner.ORGANISATION,
        Effort.HOURS,
        1,
    ),
    Reason.TIMEOUT: _Act(
        "Find out why the twin answers late",
        "Checks ended without an answer in time. Look at the twin's load and at the network, then run again.",
        Owner.CONFIGURATION,
        Effort.DAYS,
        1,
    ),
    Reason.PRECONDITION_UNMET: _Act(
        "Remove what kept checks from starting",
        "A step before the one under test failed. Read what these checks observed: often a right or sample is missing.",
        Owner.CONFIGURATION,
        Effort.HOURS,
        1,
    ),
}


_FIRST_LOOK = _Act(
    "Let the suite look at the twin",
    "Nothing has been probed yet. Name addresses, or files of exports, under `endpoints:` in the site file and run "
    "`ldt check`: it only reads, unless you allow more.",
    Owner.CONFIGURATION,
    Effort.HOURS,
    1,
)


@dataclass(slots=True, eq=False)
class _Candidate:
    step: NextStep
    rank: tuple[int, ...]
    needs: set[str] = field(default_factory=set)  # requirement ids that come before
    covers: set[str] = field(default_factory=set)  # requirement ids this step closes or decides


def next_steps(
    rollup: Rollup,
    catalogue: Mapping[str, Requirement],
    *,
    target_level: int | None = None,
    limit: int = SHOWN_STEPS,
    probed: bool = True,
) -> list[NextStep]:
    """The steps in the order in which they should be taken; pure.

    Args:
        rollup: Requirement states and the levels reached and claimed.
        catalogue: Titles and remedies; a state whose requirement is unknown is left out.
        target_level: The CitCom.ai level that the site wants; see `ladder.wanted_requirements`.
        limit: At most so many.
        probed: False where the states come from declarations alone.
    """
    states = {state.id: state for state in rollup.requirements if state.id in catalogue}
    wanted = wanted_requirements(rollup, states, target_level)
    candidates = _remedies(states, catalogue, wanted) + _acts(
        states, wanted, _ACTS if probed else _ACTS | {Reason.NOT_SELECTED: _FIRST_LOOK}
    )
    return [candidate.step for candidate in _in_order(candidates)[:limit]]


def _remedies(
    states: Mapping[str, RequirementState], catalogue: Mapping[str, Requirement], wanted: Mapping[str, str]
) -> list[_Candidate]:
    """One candidate for each requirement that is open because the twin lacks something."""
    still_open = {id_ for id_, state in states.items() if _is_gap(state, wanted)}
    waiting: dict[str, list[str]] = {id_: [] for id_ in still_open}
    for id_ in still_open:
        for before in catalogue[id_].remedy.after:
            waiting.get(before, []).append(id_)
    candidates = []
    for id_ in sorted(still_open):
        requirement, state = catalogue[id_], states[id_]
        after = sorted(before for before in requirement.remedy.after if before in still_open)
        unlocks = ([wanted[id_]] if id_ in wanted else []) + sorted(waiting[id_])
        step = NextStep(
            requirement=id_,
            title=requirement.title,
            text=requirement.remedy.text,
            owner=requirement.remedy.owner.value,
            effort=requirement.remedy.effort.value,
            after=after,
            unlocks=unlocks,
        )
        rank = (
            1,
            id_ not in wanted,
            _LEVEL_RANK[state.level],
            -len(waiting[id_]),
            _EFFORT_RANK[requirement.remedy.effort],
        )
        candidates.append(_Candidate(step, tuple(int(part) for part in rank), set(after), {id_}))
    return candidates


def _is_gap(state: RequirementState, wanted: Mapping[str, str]) -> bool:
    if state.state == "not-met":
        return state.level is not Level.MAY
    if state.state == "not-applicable":  # an option that the wanted level needs: not offering it is the gap
        return state.id in wanted and state.reason in {Reason.UNCLAIMED, Reason.NO_ENDPOINT}
    return False


def _acts(
    states: Mapping[str, RequirementState], wanted: Mapping[str, str], acts: Mapping[Reason, _Act]
) -> list[_Candidate]:
    """One candidate for each reason that keeps MUST or wanted requirements undecided."""
    undecided: dict[Reason, list[str]] = {}
    for state in states.values():
        counts = state.level is Level.MUST or state.id in wanted
        if state.state == "not-tested" and counts:
            reason = state.reason or Reason.INSUFFICIENT_EVIDENCE
            # NO_CHECK and HARNESS are open because of us, and nobody need put a twin at risk: no steps for the site
            if reason in acts:
                undecided.setdefault(reason, []).append(state.id)
    much = _HIDES_MUCH * sum(state.level is Level.MUST for state in states.values())
    candidates = []
    for reason, ids in sorted(undecided.items(), key=lambda item: item[0].value):
        act = acts[reason]
        ids.sort()
        step = NextStep(
            requirement=ids[0],
            title=act.title,
            text=f"{act.text} {plural(len(ids), 'requirement')} {'waits' if len(ids) == 1 else 'wait'} for this.",
            owner=act.owner.value,
            effort=act.effort.value,
            unlocks=ids,
        )
        first = act.rank if len(ids) >= much else 1
        rank = (first, not any(id_ in wanted for id_ in ids), 0, -len(ids), _EFFORT_RANK[act.effort])
        candidates.append(_Candidate(step, tuple(int(part) for part in rank), set(), set(ids)))
    return candidates


def _in_order(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """By rank, but a step that others depend on is as urgent as the most urgent of them, and comes before them."""
    provider = {id_: candidate for candidate in candidates for id_ in candidate.covers}
    urgency = {id(candidate): candidate.rank for candidate in candidates}
    for _ in candidates:  # ranks travel at most one dependency a round
        for candidate in candidates:
            for before in _providers(candidate, provider):
                urgency[id(before)] = min(urgency[id(before)], urgency[id(candidate)])
    ordered: list[_Candidate] = []
    left = list(candidates)
    while left:
        free = [
            c for c in left if not any(before in left for before in _providers(c, provider))
        ] or left  # or: a circle
        chosen = min(free, key=lambda c: (urgency[id(c)], c.rank, c.step.requirement, c.step.title))
        left.remove(chosen)
        ordered.append(chosen)
    return ordered


def _providers(candidate: _Candidate, provider: Mapping[str, _Candidate]) -> Iterable[_Candidate]:
    for id_ in sorted(candidate.needs):
        if id_ in provider and provider[id_] is not candidate:
            yield provider[id_]
