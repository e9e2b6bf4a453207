"""The one sentence for the city manager: level reached, level claimed, how much was tested and how much was not."""

from __future__ import annotations

from ldt_conformance.engine.report import LayerCount, Report, Rollup
from ldt_conformance.wording.text import one_line
from ldt_conformance.wording.words import plural


def headline(report: Report) -> str:
    """What was found, in one sentence of plain text; pure.

    The numbers are the MUST requirements that apply to this twin, over all layers: in place, missing, not looked at.
    A level is only named as reached where the roll-up proved it; a run that decided nothing says so first.
    """
    name = one_line(report.target.name, 80)
    rollup = report.rollup
    if rollup is None:
        return f"{name} has not been checked yet: this report holds no result of a check run."
    in_place, missing, unseen = totals(rollup.layers)
    applicable = in_place + missing + unseen
    if any(run.id == rollup.run and run.kind == "gap" for run in report.runs):
        return (
            f"By its own account, and before anything was probed, {name} has {in_place} of "
            f"{plural(applicable, 'MUST requirement')} that may apply in place; {missing} {_is(missing)} missing or "
            f"only there in part, and {unseen} cannot be told without looking."
        )
    if in_place + missing == 0:
        return f"Nothing can be said about {name} yet: {_nothing(report, rollup, applicable)}"
    counts = (
        f"of {plural(applicable, 'MUST requirement')} that {'applies' if applicable == 1 else 'apply'}, "
        f"{in_place} {_is(in_place)} in place, {missing} {_is(missing)} missing "
        f"and {unseen} {_was(unseen)} not looked at"
    )
    return f"{_level(name, rollup)}: {counts}."


def totals(layers: list[LayerCount]) -> tuple[int, int, int]:
    """MUST requirements over all layers: in place, missing, not looked at."""
    return (
        sum(layer.in_place for layer in layers),
        sum(layer.missing for layer in layers),
        sum(layer.not_looked_at for layer in layers),
    )


def _level(name: str, rollup: Rollup) -> str:
    reached, claimed = rollup.citcom_level, rollup.citcom_level_claimed
    if reached is None or not rollup.enough_evidence:
        claim = f", though {claimed} is claimed" if claimed is not None else ""
        return f"There is not enough evidence to give {name} a CitCom.ai level{claim}"
    if claimed is None:
        return f"{name} reaches CitCom.ai level {reached} and claims none"
    if reached == claimed:
        return f"{name} reaches CitCom.ai level {reached}, as it claims"
    relation = "more than the" if reached > claimed else "less than the"
    return f"{name} reaches CitCom.ai level {reached}, {relation} level {claimed} that it claims"


def _nothing(report: Report, rollup: Rollup, applicable: int) -> str:
    run = next((run for run in report.runs if run.id == rollup.run), None)
    if run and run.root_cause:
        sentence = one_line(run.root_cause, 200)
        return sentence if sentence.endswith((".", "?", "!", "…")) else f"{sentence}."
    return f"none of the {plural(applicable, 'MUST requirement')} that apply was decided."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
