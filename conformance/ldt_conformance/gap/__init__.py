"""The gap analysis: what is missing, layer by layer, who can act, and what comes first."""

from __future__ import annotations

from ldt_conformance.engine.catalogue import load_catalogue
from ldt_conformance.engine.report import Report
from ldt_conformance.gap.changes import changes
from ldt_conformance.gap.headline import headline
from ldt_conformance.gap.steps import next_steps

__all__ = ["complete"]


def complete(report: Report) -> Report:
    """The same report with headline, next steps and changes filled into its roll-up; unchanged where there is none."""
    rollup = report.rollup
    if rollup is None:
        return report
    steps = next_steps(rollup, load_catalogue(), target_level=report.target.target_level)
    filled = {"headline": headline(report), "next_steps": steps, "changes": changes(report)}
    return report.model_copy(update={"rollup": rollup.model_copy(update=filled)})
