"""What the page shows, worked out from the raw report: plain data for the templates, no HTML in here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ldt_conformance.engine.catalogue import Effort, Requirement
from ldt_conformance.engine.report import (
    LayerCount,
    NextStep,
    Report,
    RequirementState,
    Result,
    Run,
    check_run,
    run_results,
)
from ldt_conformance.engine.verdicts import Layer, Level, Reason, Verdict
from ldt_conformance.gap.headline import headline, totals
from ldt_conformance.wording.text import duration, instant, one_line, shown, slug
from ldt_conformance.wording.words import (
    CITCOM_LEVELS,
    EDIC_PROFILES,
    EFFORTS,
    IN_PART,
    LAYERS,
    MODES,
    SOURCES,
    STATES,
    VERDICTS,
    Word,
    joined,
    owner_text,
    plural,
    reason_text,
)

OPEN_GROUPS = {Verdict.FAIL, Verdict.HARNESS_ERROR}  # groups of verdicts that are unfolded at first
_SENTENCE_END = re.compile(r"(?<!e\.g\.)(?<!i\.e\.)(?<=[.!?])\s+(?=[A-Z`])")
_LEVEL_RANK = {Level.MUST: 0, Level.SHOULD: 1, Level.MAY: 2}


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder (level or profile) and whether it was reached, claimed or wished for."""

    name: str
    meaning: str
    reached: bool
    claimed: bool
    wanted: bool


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer of the strip; the widths are per cent of its bar."""

    name: str
    slug: str
    count: LayerCount

    @property
    def applicable(self) -> int:
        """MUST requirements that apply."""
        return self.count.in_place + self.count.missing + self.count.not_looked_at

    def width(self, part: int) -> float:
        """Share of the bar in per cent, two decimals."""
        return round(100 * part / self.applicable, 2) if self.applicable else 0.0


@dataclass(frozen=True, slots=True)
class StepView:
    """A next step in words."""

    title: str  # what to do
    text: str
    closes: str  # the requirement's own title; empty for an act that decides several
    owner: str
    effort: str
    requirement: str
    anchor: str
    after: list[str]
    unlocks: list[str]


@dataclass(frozen=True, slots=True)
class ResultView:
    """One verdict with everything the engineer wants to see of it."""

    result: Result
    anchor: str
    word: Word
    reason: str
    clause: str
    clauses: list[tuple[str, str]]  # as people cite it, quote
    expected: str
    observed: str
    curl: str
    waiver: str


@dataclass(frozen=True, slots=True)
class Group:
    """All results with the same verdict."""

    verdict: Verdict
    word: Word
    results: list[ResultView]
    unfolded: bool


@dataclass(frozen=True, slots=True)
class RequirementView:
    """One requirement after the roll-up."""

    state: RequirementState
    anchor: str
    title: str
    word: Word
    reason: str
    source: str
    checks: list[tuple[str, str]]  # id, anchor
    remedy: str
    owner: str
    effort: str


def sentence(report: Report) -> str:
    """The headline of the roll-up, or the same sentence worked out where the roll-up has none."""
    return (report.rollup.headline if report.rollup else "") or headline(report)


def level_ladder(report: Report) -> list[Rung]:
    """CitCom.ai levels 0 to 2."""
    rollup = report.rollup
    reached = rollup.citcom_level if rollup and rollup.enough_evidence else None
    claimed = rollup.citcom_level_claimed if rollup else None
    return [
        Rung(f"Level {level}", meaning, reached is not None and level <= reached, level == claimed,
             level == report.target.target_level)
        for level, meaning in CITCOM_LEVELS.items()
    ]  # fmt: skip


def profile_ladder(report: Report) -> list[Rung]:
    """EDIC profiles, descriptive to autonomous."""
    rollup = report.rollup
    reached = rollup.edic_profile.lower() if rollup and rollup.edic_profile else ""
    claimed = rollup.edic_profile_claimed.lower() if rollup and rollup.edic_profile_claimed else ""
    height = EDIC_PROFILES.index(reached) if reached in EDIC_PROFILES else -1
    return [
        Rung(name.capitalize(), "", index <= height, name == claimed, wanted=False)
        for index, name in enumerate(EDIC_PROFILES)
    ]


def strip(report: Report) -> list[LayerView]:
    """All seven layers, from data sources to visualisation; a layer without a count shows zeros."""
    counts = {count.layer: count for count in report.rollup.layers} if report.rollup else {}
    return [LayerView(name, layer.value, counts.get(layer, LayerCount(layer=layer))) for layer, name in LAYERS.items()]


def overall(report: Report) -> LayerView:
    """The same counts over all layers."""
    in_place, missing, unseen = totals(report.rollup.layers) if report.rollup else (0, 0, 0)
    count = LayerCount(layer=Layer.INTEROPERABILITY, in_place=in_place, missing=missing, not_looked_at=unseen)
    return LayerView("All layers", "all", count)


def steps(report: Report, catalogue: Mapping[str, Requirement]) -> list[StepView]:
    """The roll-up's next steps, in words; requirement ids get their titles beside them."""
    found = report.rollup.next_steps if report.rollup else []
    return [step_view(step, catalogue) for step in found]


def step_view(step: NextStep, catalogue: Mapping[str, Requirement]) -> StepView:
    """One step in words."""

    def named(id_: str) -> str:
        return f"{id_} ({catalogue[id_].title})" if id_ in catalogue and id_ != step.requirement else id_

    closes = catalogue[step.requirement].title if step.requirement in catalogue else ""
    closes = closes if closes == step.title else ""
    todo, rest = _first_sentence(step.text) if closes else (step.title, step.text)
    waiting = step.unlocks if len(step.unlocks) <= 3 else [*step.unlocks[:3], f"{len(step.unlocks) - 3} more"]
    return StepView(
        title=todo,
        text=rest,
        closes=closes,
        owner=owner_text(step.owner),
        effort=EFFORTS[Effort(step.effort)] if step.effort in set(Effort) else step.effort,
        requirement=step.requirement,
        anchor=requirement_anchor(step.requirement),
        after=[named(id_) for id_ in step.after],
        unlocks=[named(id_) for id_ in waiting],
    )


def _first_sentence(text: str) -> tuple[str, str]:
    first, *rest = _SENTENCE_END.split(text.strip(), maxsplit=1)
    return first, rest[0] if rest else ""


def trust(report: Report) -> list[tuple[str, list[str]]]:
    """What was pointed at, when, with what, in which mode and at which cost: label and lines."""
    run = check_run(report)
    if run is None:
        return [("Suite", [f"ldt-harness {report.suite.version}"])]
    took = f", took {duration((run.finished - run.started).total_seconds())}" if run.finished else ", was not finished"
    facts = [
        ("Pointed at", endpoint_lines(report) or ["no endpoint is named"]),
        ("When", [instant(run.started) + took]),
        (
            "Suite",
            [f"ldt-harness {report.suite.version}", f"requirements {one_line(report.suite.requirement_set, 26)}"],
        ),
        ("Mode", [MODES[run.mode]]),
        ("Requests", [_requests(run)]),
    ]
    packs = f"packs {joined(run.packs)}" if run.packs else "all packs"
    facts.append(("Scope", [packs + (f"; only {run.selection}" if run.selection else "")]))
    if run.left_behind:
        facts.append(("Left behind", run.left_behind))
    return facts


def endpoint_lines(report: Report) -> list[str]:
    """`broker: https://… (NGSI-LD 1.6)` for each role."""
    target = report.target
    roles = sorted(target.endpoints.keys() | target.detected.keys())
    lines = []
    for role in roles:
        found = f" ({target.detected[role]})" if role in target.detected else ""
        lines.append(f"{role}: {target.endpoints.get(role, 'not published')}{found}")
    return lines


def _requests(run: Run) -> str:
    budget = run.budget
    allowed = f" of {budget.max_requests:,} allowed" if budget.max_requests is not None else ", no limit set"
    rate = f", at most {budget.rate:g} a second" if budget.rate is not None else ""
    return f"{budget.requests_sent:,} sent{allowed}{rate}"


def not_looked_at(report: Report) -> list[str]:
    """Why MUST requirements were not decided, most frequent reason first, one line each; then what does not apply."""
    if report.rollup is None:
        return []
    must = [state for state in report.rollup.requirements if state.level is Level.MUST]
    lines = []
    for state, words in (("not-tested", ""), ("not-applicable", " (does not apply)")):
        reasons = Counter(reason_text(item.reason) or "no reason recorded" for item in must if item.state == state)
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"{plural(count, 'requirement')}{words}: {reason}")
    return lines


def groups(report: Report) -> list[Group]:
    """The results of the check run by verdict, worst first; MUST before SHOULD, then by id."""
    waivers = {waiver.check: waiver for waiver in report.waivers}
    texts = {id_: f"until {waiver.until}: {waiver.reason}" for id_, waiver in waivers.items()}
    found: dict[Verdict, list[Result]] = {verdict: [] for verdict in VERDICTS}
    for result in run_results(report):
        found[result.verdict].append(result)
    return [
        Group(verdict, VERDICTS[verdict], [_result(result, texts.get(result.check, "")) for result in in_order],
              verdict in OPEN_GROUPS)
        for verdict, results in found.items()
        if (in_order := sorted(results, key=lambda item: (_LEVEL_RANK[item.level], item.check)))
    ]  # fmt: skip


def _result(result: Result, waiver: str) -> ResultView:
    clauses = [(f"{c.document} V{c.edition} clause {c.number}", c.quote) for c in result.clauses]
    return ResultView(
        result=result,
        anchor=check_anchor(result.check),
        word=VERDICTS[result.verdict],
        reason=reason_text(result.reason),
        clause=clauses[0][0] if clauses else "",
        clauses=clauses,
        expected=shown(result.expected),
        observed=shown(result.observed),
        curl=shown(result.curl or ""),
        waiver=waiver,
    )


def requirements(
    report: Report, catalogue: Mapping[str, Requirement]
) -> list[tuple[str, str, Sequence[RequirementView]]]:
    """Layer name, slug and its requirements: missing first, then findings, not looked at, not applicable, in place."""
    states = report.rollup.requirements if report.rollup else []
    order = {state: rank for rank, state in enumerate(STATES)}
    known = {result.check for result in run_results(report)}
    found: list[tuple[str, str, Sequence[RequirementView]]] = []
    for layer, name in LAYERS.items():
        own = [state for state in states if state.layer is layer]
        own.sort(key=lambda state: (order[state.state], _LEVEL_RANK[state.level], state.id))
        if own:
            found.append((name, layer.value, [_requirement(state, catalogue, known) for state in own]))
    return found


def _requirement(state: RequirementState, catalogue: Mapping[str, Requirement], known: set[str]) -> RequirementView:
    entry = catalogue.get(state.id)
    return RequirementView(
        state=state,
        anchor=requirement_anchor(state.id),
        title=entry.title if entry else "",
        word=IN_PART if state.reason is Reason.PARTIAL else STATES[state.state],
        reason=reason_text(state.reason),
        source=f"{entry.source} ({SOURCES[entry.source_status]})" if entry else "",
        checks=[(check, check_anchor(check) if check in known else "") for check in state.checks],
        remedy=entry.remedy.text if entry else "",
        owner=owner_text(entry.remedy.owner) if entry else "",
        effort=EFFORTS[entry.remedy.effort] if entry else "",
    )


def check_anchor(check: str) -> str:
    """Id of a result within the page."""
    return f"check-{slug(check)}"


def requirement_anchor(requirement: str) -> str:
    """Id of a requirement within the page."""
    return f"req-{slug(requirement)}"
