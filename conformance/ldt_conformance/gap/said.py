"""A gap analysis without probes: what the site file alone says, as a roll-up that is shown but never kept.

The engine judges the declarations (`inventory["declarations"]`, one a requirement); nothing here is evidence, so the
roll-up made from it stays out of report.json, out of levels and out of badges. It lets one page serve both cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.report import LayerCount, Report, RequirementState, Rollup
from ldt_conformance.engine.verdicts import Layer, Level, Reason
from ldt_conformance.gap.headline import headline
from ldt_conformance.gap.ladder import wanted_requirements
from ldt_conformance.gap.steps import next_steps
from ldt_conformance.wording.words import Word

DECLARED, PARTLY, OTHERWISE = "declared", "declared-partly", "declared-otherwise"
SILENT, PROBE = "not-declared", "only-a-probe-tells"
_STATE = {DECLARED: "met", PARTLY: "not-met", OTHERWISE: "not-met", SILENT: "not-met", PROBE: "not-tested"}
WORDS: dict[str, Word] = {  # how a requirement stands by what is said alone
    DECLARED: Word("✓", "declared", "The site file says that it is there."),
    PARTLY: Word("◐", "declared in part", "The site file says that part of it is there."),
    OTHERWISE: Word("≠", "solved another way", "The site file names something else in its place."),
    SILENT: Word("✕", "missing or not told", "The site file could say so and is silent."),
    PROBE: Word("○", "to be seen", "No declaration can show it."),
}
_REASON = {PARTLY: Reason.PARTIAL, SILENT: Reason.NOT_DECLARED, PROBE: Reason.NOT_SELECTED}


class Declaration(BaseModel):
    """What the site file says of one requirement; the engine's `Declared` as the report keeps it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    requirement: str
    standing: str
    sentence: str = ""


def declarations(report: Report) -> dict[str, Declaration]:
    """By requirement id; empty where the report holds none, an entry that is none left out."""
    found = {}
    for raw in _list(report.inventory.get("declarations")):
        try:
            one = Declaration.model_validate(raw)
        except ValidationError:  # written by a newer suite: the page does without it
            continue
        if one.standing in _STATE:
            found[one.requirement] = one
    return found


def outlook(report: Report) -> list[str]:
    """Which level and profile are in reach, by what is said; sentences of the engine."""
    return [str(line) for line in _list(report.inventory.get("outlook"))]


def with_declared_rollup(report: Report, catalogue: Mapping[str, Requirement]) -> Report:
    """For showing only: the same report with a roll-up made from declarations; unchanged where none can be made."""
    said = declarations(report)
    run = next((run.id for run in reversed(report.runs) if run.kind == "gap"), None)
    if not said or run is None:
        return report
    profiles = set(map(str, _list(report.inventory.get("profiles"))))
    empty = _rollup(report, run, [])
    states = [_state(catalogue[id_], one) for id_, one in said.items() if id_ in catalogue]
    wanted = wanted_requirements(empty, {state.id: state for state in states}, report.target.target_level)
    mine = profiles | {"core"}
    applying = [
        state if not profiles or catalogue[state.id].profile in mine else _set_aside(state, state.id in wanted)
        for state in states
    ]
    rollup = _rollup(report, run, applying)
    steps = next_steps(rollup, catalogue, target_level=report.target.target_level, probed=False)
    sentence = headline(report.model_copy(update={"rollup": rollup}))
    told = rollup.model_copy(update={"next_steps": steps, "headline": sentence})
    return report.model_copy(update={"rollup": told})


def _state(requirement: Requirement, said: Declaration) -> RequirementState:
    return RequirementState.model_validate(
        {
            "id": requirement.id,
            "layer": requirement.layer,
            "level": requirement.level,
            "state": _STATE[said.standing],
            "reason": _REASON.get(said.standing),
        }
    )


def _set_aside(state: RequirementState, wanted: bool) -> RequirementState:
    """Of a profile that is not the site's: it does not apply, and is a gap only where the wanted level needs it."""
    if wanted and state.state == "not-met":
        return state
    return state.model_copy(update={"state": "not-applicable", "reason": Reason.UNCLAIMED})


def _rollup(report: Report, run: str, states: list[RequirementState]) -> Rollup:
    must = [state for state in states if state.level is Level.MUST]
    return Rollup(
        run=run,
        exit_code=0,
        headline="",
        citcom_level_claimed=_number(report.target.claims.get("citcom_level")),
        edic_profile_claimed=_text(report.target.claims.get("edic_profile")),
        layers=[
            LayerCount(
                layer=layer,
                in_place=_count(must, layer, "met"),
                missing=_count(must, layer, "not-met"),
                not_looked_at=_count(must, layer, "not-tested"),
                not_applicable=_count(must, layer, "not-applicable"),
            )
            for layer in Layer
        ],
        requirements=states,
    )


def _count(states: list[RequirementState], layer: Layer, wanted: str) -> int:
    return sum(state.layer is layer and state.state == wanted for state in states)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
