"""What a badge says: one state out of eight, in words that carry profile, version and date.

A badge is never better than its evidence: without a passing check, or with too little decided, `verified` becomes
`unknown`, whatever the roll-up says.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_conformance.engine.report import Report, check_run
from ldt_conformance.engine.verdicts import Verdict
from ldt_conformance.gap.headline import totals
from ldt_conformance.wording.text import day, one_line
from ldt_conformance.wording.words import plural

PROFILE = "EU LDT Toolbox"  # what is looked at; the requirement set is the suite's own reading of it
STATES = (
    "verified",
    "verified, with findings",
    "partial",
    "not verified",
    "incomplete run",
    "degraded",
    "expired",
    "unknown",
)
_NEEDS_EVIDENCE = {"verified", "verified, with findings"}


@dataclass(frozen=True, slots=True)
class BadgeText:
    """A badge in words.

    Attributes:
        state: One of `STATES`.
        label: Left half: profile and version of the suite that judged.
        message: Right half: state, level, date; never empty.
        title: One sentence for a screen reader.
        description: What the state rests on.
    """

    state: str
    label: str
    message: str
    title: str
    description: str


def badge_text(report: Report) -> BadgeText:
    """What the badge of this report says; pure. Names neither hosts nor anything else that the twin answered."""
    rollup, run = report.rollup, check_run(report)
    state = _state(report)
    parts = [state]
    told = "No check run is part of this report."
    if rollup and run:
        in_place, missing, unseen = totals(rollup.layers)
        applicable = in_place + missing + unseen
        if state == "partial":
            parts[0] = f"partial {in_place} of {applicable}"
        if rollup.citcom_level is not None and rollup.enough_evidence and state not in {"unknown", "expired"}:
            parts.append(f"level {rollup.citcom_level}")
        parts.append(day(run.started))
        told = (
            f"Of {plural(applicable, 'MUST requirement')}, {in_place} in place, {missing} missing, "
            f"{unseen} not looked at; mode {run.mode}. Measured by the site itself, not certified."
        )
    label = f"{PROFILE} ({report.suite.version})"
    message = " · ".join(parts)
    return BadgeText(state, label, message, f"{one_line(report.target.name, 80)}: {label}: {message}", told)


def _state(report: Report) -> str:
    rollup = report.rollup
    state = rollup.badge if rollup and rollup.badge in STATES else "unknown"
    if state in _NEEDS_EVIDENCE and rollup is not None:
        proven = rollup.verdicts.get(Verdict.PASS.value, 0) > 0 and rollup.enough_evidence
        return state if proven else "unknown"
    return state
