"""CitCom.ai interoperability level (LDT-IO-17) and capability class of the EDIC architecture (LDT-KN-20). Pure.

Both are derived from requirement states, never asked of a twin directly, and only ever from requirements that are met:
what is partly there, or was not looked at, proves nothing. What was not looked at and what is missing are told apart,
because the first calls for a wider run and the second for work on the twin.

CitCom.ai levels: 0 any API; 1 NGSI-LD with Smart Data Models; 2 a data-space connector besides, and access by token.
Which requirement is evidence for which class of the EDIC architecture (draft v0.1.0) is our own reading; prescriptive
and autonomous are never inferred, because no probe shows recommendations being followed or actuation being governed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import RequirementState, Result, Rollup
from ldt_conformance.engine.site.model import EDIC_PROFILES, Claims
from ldt_conformance.engine.verdicts import Reason, Verdict

LEVEL_REQUIREMENT = "LDT-IO-17"
CLASS_REQUIREMENT = "LDT-KN-20"
DERIVED = {LEVEL_REQUIREMENT: "interoperability/citcom-level", CLASS_REQUIREMENT: "knowledge/capability-class"}

# A step needs all of its groups; a group is met by any one of its alternatives, an alternative by all its requirements.
Alternatives = tuple[tuple[str, ...], ...]
ANY_API = ("IO-01", "IO-02", "IO-16", "IO-20", "IO-50", "IO-70", "IO-80", "IO-87", "DA-01")
LEVELS: tuple[tuple[Alternatives, ...], ...] = (
    (tuple((name,) for name in ANY_API),),
    ((("IO-20",),), (("IO-61",),)),
    ((("DA-30",), ("DA-40",)), (("IO-94",),)),
)
CLASSES: dict[str, tuple[Alternatives, ...]] = {
    "descriptive": tuple(((name,),) for name in ("DS-01", "DS-06", "IO-16", "DA-01", "DA-09", "VI-01")),
    "diagnostic": ((("DA-02",),), (("KN-01",), ("VI-06",))),
    "predictive": ((("KN-02", "KN-03", "KN-04"), ("KN-08",)), (("KN-10",),), (("KN-12",),)),
    "prospective": ((("OR-09",),), (("OR-10",),)),
}


@dataclass(frozen=True, slots=True)
class Step:
    """How far a ladder was climbed.

    Attributes:
        reached: Index of the highest step that is proven, None where not even the first is.
        missing: Requirements that keep the next step from being proven because they are not met.
        unknown: Requirements that keep it from being proven because they were not decided.
    """

    reached: int | None
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def climb(ladder: Sequence[Sequence[Alternatives]], states: Mapping[str, RequirementState]) -> Step:
    """The highest step all of whose groups, and those of the steps below it, are met; and what the next one lacks."""
    reached: int | None = None
    for index, groups in enumerate(ladder):
        missing: list[str] = []
        unknown: list[str] = []
        for group in groups:
            lacking_missing, lacking_unknown = _lacking(group, states)
            missing += lacking_missing
            unknown += lacking_unknown
        if missing or unknown:
            return Step(reached, tuple(dict.fromkeys(missing)), tuple(dict.fromkeys(unknown)))
        reached = index
    return Step(reached)


def _lacking(group: Alternatives, states: Mapping[str, RequirementState]) -> tuple[list[str], list[str]]:
    """What a group lacks, by its most promising alternative: nothing, what is not met, and what is not known."""
    best: tuple[list[str], list[str]] | None = None
    for alternative in group:
        names = [f"LDT-{name}" for name in alternative]
        missing = [name for name in names if _stands(states.get(name)) == "no"]
        unknown = [name for name in names if _stands(states.get(name)) == "unknown"]
        if not missing and not unknown:
            return [], []
        if best is None or (len(missing), len(unknown)) < (len(best[0]), len(best[1])):
            best = missing, unknown
    return best or ([], [])


def _stands(state: RequirementState | None) -> str:
    """`yes`, `no` or `unknown`. What does not apply is not there, unless it merely could not be judged on loopback."""
    if state is None or state.state == "not-tested":
        return "unknown"
    if state.state == "not-applicable":
        return "unknown" if state.reason is Reason.LOOPBACK else "no"
    return "yes" if state.state in {"met", "met-with-findings"} and state.reason is not Reason.PARTIAL else "no"


def citcom_level(states: Iterable[RequirementState]) -> Step:
    """The CitCom.ai level that is proven: `reached` is 0, 1 or 2."""
    return climb(LEVELS, {state.id: state for state in states})


def capability_class(states: Iterable[RequirementState]) -> Step:
    """The class that is proven: `reached` indexes `EDIC_PROFILES`, never beyond prospective."""
    return climb(tuple(CLASSES.values()), {state.id: state for state in states})


def with_levels(rollup: Rollup, claims: Claims) -> Rollup:
    """The roll-up with the proven and the claimed level and class; nothing is proven without enough evidence."""
    level = citcom_level(rollup.requirements).reached if rollup.enough_evidence else None
    reached = capability_class(rollup.requirements).reached if rollup.enough_evidence else None
    return rollup.model_copy(
        update={
            "citcom_level": level,
            "citcom_level_claimed": claims.citcom_level,
            "edic_profile": EDIC_PROFILES[reached] if reached is not None else None,
            "edic_profile_claimed": claims.edic_profile,
            "ngsi_ld_version_claimed": claims.ngsi_ld,
        }
    )


def derived_results(
    run: str, states: Sequence[RequirementState], claims: Claims, catalogue: Mapping[str, Requirement]
) -> list[Result]:
    """LDT-IO-17 and LDT-KN-20 as results of a run.

    Args:
        run: The run's id.
        states: Of all requirements, after a first roll-up of the checks.
        claims: The site's, judged against what is proven.
        catalogue: For titles and levels.
    """
    level, claimed = citcom_level(states), claims.citcom_level
    names = [f"level {number}" for number in range(len(LEVELS))]
    results = [_result(run, catalogue[LEVEL_REQUIREMENT], level, names, claimed, "CitCom.ai level")]
    profile = claims.edic_profile
    wanted = EDIC_PROFILES.index(profile) if profile is not None else None
    reached = capability_class(states)
    return [*results, _result(run, catalogue[CLASS_REQUIREMENT], reached, list(EDIC_PROFILES), wanted, "class")]


def _result(run: str, row: Requirement, step: Step, names: list[str], claimed: int | None, word: str) -> Result:
    proven = names[step.reached] if step.reached is not None else f"no {word}"
    lacking = [
        f"missing: {', '.join(step.missing)}" if step.missing else "",
        f"not decided: {', '.join(step.unknown)}" if step.unknown else "",
    ]
    next_step = "; ".join(part for part in lacking if part)
    observed = f"proven: {proven}" + (f"; for the next step {next_step}" if next_step else "")
    verdict, reason = _verdict(step, claimed)
    return Result(
        run=run,
        check=DERIVED[row.id],
        title=row.title,
        pack=row.pack,
        level=row.level,
        layer=row.layer,
        requirements=[row.id],
        verdict=verdict,
        reason=reason,
        note=observed if verdict is Verdict.PASS else None,
        expected=f"claimed: {names[claimed]}" if claimed is not None else f"a claimed {word} to compare with",
        observed=observed,
    )


def _verdict(step: Step, claimed: int | None) -> tuple[Verdict, Reason | None]:
    """Pass where the claim is proven; a claim that is refuted and one that is merely not proven are told apart."""
    if claimed is None:
        return (
            (Verdict.INFO, Reason.MEASURED) if step.reached is not None else (Verdict.INCONCLUSIVE, Reason.NOT_DECLARED)
        )
    if step.reached is not None and step.reached >= claimed:
        return Verdict.PASS, None
    if step.missing:
        return Verdict.WARN, Reason.SHOULD_VIOLATED
    return Verdict.INCONCLUSIVE, Reason.INSUFFICIENT_EVIDENCE
