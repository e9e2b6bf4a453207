"""The words that people read: verdicts, reasons, layers, modes, owners, efforts.

One place, so that the page, the summary and the gap analysis say the same thing in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass

from ldt_conformance.engine.catalogue import Effort, Owner, SourceStatus
from ldt_conformance.engine.verdicts import Layer, Mode, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Word:
    """A term with its mark (never colour alone), short name and one plain sentence."""

    mark: str
    name: str
    meaning: str


VERDICTS: dict[Verdict, Word] = {  # in the order in which a reader needs them
    Verdict.FAIL: Word("✕", "fail", "The clause was exercised and not met."),
    Verdict.HARNESS_ERROR: Word("‼", "harness error", "Our own fault: it says nothing about the twin."),
    Verdict.INCONCLUSIVE: Word("?", "inconclusive", "It applies, but could not be decided."),
    Verdict.WARN: Word("!", "warning", "A recommendation is not followed, or only part of a requirement is there."),
    Verdict.WAIVED: Word("≈", "waived", "It fails; the site accepted that for now, in writing."),
    Verdict.INFO: Word("i", "information", "Measured or observed, without judgement."),
    Verdict.NOT_RUN: Word("○", "not run", "Mode, budget or selection kept the check from running."),
    Verdict.NOT_APPLICABLE: Word("\u2013", "not applicable", "Its condition does not hold at this twin."),
    Verdict.PASS: Word("✓", "pass", "The clause was exercised and met."),
}

STATES: dict[str, Word] = {
    "not-met": Word("✕", "missing", "At least one check of this requirement fails."),
    "met-with-findings": Word("!", "in place, with findings", "Met in part, or with a recommendation not followed."),
    "not-tested": Word("○", "not looked at", "Nothing was seen that decides it either way."),
    "not-applicable": Word("\u2013", "not applicable", "Its condition does not hold at this twin."),
    "met": Word("✓", "in place", "At least one check passes and none fails."),
}

IN_PART = Word("✕", "there in part", "Only part of what is asked for is there; that is not enough for a level.")

LAYERS: dict[Layer, str] = {
    Layer.DATA_SOURCES: "Data sources",
    Layer.DATA_ACQUISITION: "Data acquisition",
    Layer.INTEROPERABILITY: "Interoperability",
    Layer.KNOWLEDGE: "Knowledge",
    Layer.ORCHESTRATION: "Orchestration",
    Layer.SERVICES: "Services",
    Layer.VISUALIZATION: "Visualization",
}

MODES: dict[Mode, str] = {
    Mode.PROBE: "probe: reads only, nothing on the twin was changed",
    Mode.SANDBOX_WRITE: "sandbox-write: wrote test data under its own name and removed it again",
    Mode.LOAD: "load: as sandbox-write, and sent many requests",
    Mode.DISRUPTIVE: "disruptive: was allowed to disturb the twin",
}

OWNERS: dict[Owner, str] = {
    Owner.CONFIGURATION: "the operator (configuration)",
    Owner.DATA: "the data team",
    Owner.PRODUCT: "the product's maker",
    Owner.ORGANISATION: "the organisation",
}

EFFORTS: dict[Effort, str] = {
    Effort.HOURS: "hours",
    Effort.DAYS: "days",
    Effort.WEEKS: "weeks",
    Effort.MONTHS: "months",
}

SOURCES: dict[SourceStatus, str] = {
    SourceStatus.OFFICIAL: "official text",
    SourceStatus.SECOND_HAND: "second-hand text",
    SourceStatus.OURS: "our own proposal",
}

REASONS: dict[Reason, str] = {
    Reason.PRECONDITION_UNMET: "the stage could not be set, so the clause was never reached",
    Reason.TIMEOUT: "no answer in time",
    Reason.INSUFFICIENT_EVIDENCE: "too little data to look at: an empty answer proves nothing",
    Reason.RECEIVER_UNREACHABLE: "the twin cannot call us back",
    Reason.NOT_DECLARED: "the site file says nothing about it",
    Reason.REVIEW: "a person must look at it",
    Reason.UNREACHABLE: "the endpoint could not be reached",
    Reason.AUTH: "the endpoint refused our credentials",
    Reason.PARTIAL: "only part of it is there",
    Reason.SHOULD_VIOLATED: "a recommendation is not followed",
    Reason.TOLERATED: "another outcome was expected, but this one is accepted too",
    Reason.MEASURED: "a measurement, not a judgement",
    Reason.OBSERVED: "an option, looked at",
    Reason.UNCLAIMED: "an option that is neither claimed nor found",
    Reason.SINCE: "the version claimed has no such rule",
    Reason.LOOPBACK: "transport and exposure cannot be judged on this machine's own address",
    Reason.NO_ENDPOINT: "the twin has no such part",
    Reason.MODE: "the safety mode of this run does not allow it",
    Reason.DISRUPTIVE: "only a run that may disturb the twin looks at it",
    Reason.BUDGET: "the agreed number of requests was used up",
    Reason.NOT_SELECTED: "left out by the selection of this run",
    Reason.QUESTIONNAIRE: "only the site can answer this, and has not yet",
    Reason.NO_CHECK: "the suite has no check for it yet",
    Reason.INTERRUPTED: "the run was interrupted",
    Reason.HARNESS: "our own fault",
}

EDIC_PROFILES = ("descriptive", "diagnostic", "predictive", "prospective", "prescriptive", "autonomous")

CITCOM_LEVELS: dict[int, str] = {
    0: "any API",
    1: "NGSI-LD with Smart Data Models",
    2: "data-space connector",
}


def reason_text(reason: Reason | None) -> str:
    """One plain clause for a reason code; empty for none."""
    return REASONS.get(reason, reason.value) if reason else ""


def owner_text(owner: str) -> str:
    """Who acts, in words; an unknown owner as it stands."""
    return OWNERS[Owner(owner)] if owner in set(Owner) else owner


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 request`, `2 requests`, `1,234 requests`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(words: list[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
