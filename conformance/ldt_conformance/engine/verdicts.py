"""Verdicts and their reason codes, and how a check says anything but "pass".

A check that returns passes. Every other outcome is raised as an `Outcome`, so that a verdict can be reached from any
depth of a helper, and so that expected and observed always travel with it. The pytest plugin turns the exception into
the verdict of a `ldt_conformance.engine.report.Result`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn


class Verdict(StrEnum):
    """What a check found. Only `pass` is green; a skip never is."""

    PASS = "pass"  # noqa: S105 — a verdict, not a password
    FAIL = "fail"
    WARN = "warn"
    INFO = "info"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    NOT_RUN = "not-run"
    WAIVED = "waived"
    HARNESS_ERROR = "harness-error"


class Level(StrEnum):
    """How strongly the source asks for it (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Mode(StrEnum):
    """Safety modes, from harmless to harmful; each allows what the ones before it allow."""

    PROBE = "probe"
    SANDBOX_WRITE = "sandbox-write"
    LOAD = "load"
    DISRUPTIVE = "disruptive"

    @property
    def rank(self) -> int:
        """0 for probe up to 3 for disruptive."""
        return list(Mode).index(self)

    def allows(self, needed: Mode) -> bool:
        """Whether a run in this mode may do what `needed` asks for."""
        return self.rank >= needed.rank


class Layer(StrEnum):
    """The seven layers of the EU LDT Toolbox picture, from the bottom up."""

    DATA_SOURCES = "data-sources"
    DATA_ACQUISITION = "data-acquisition"
    INTEROPERABILITY = "interoperability"
    KNOWLEDGE = "knowledge"
    ORCHESTRATION = "orchestration"
    SERVICES = "services"
    VISUALIZATION = "visualization"


class Reason(StrEnum):
    """Why a verdict is neither pass nor a plain fail. Mandatory for every such verdict."""

    # inconclusive
    PRECONDITION_UNMET = "PRECONDITION_UNMET"  # the stage could not be set; the clause under test was never reached
    TIMEOUT = "TIMEOUT"
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"  # e.g. no entity to look at: an empty answer proves nothing
    RECEIVER_UNREACHABLE = "RECEIVER_UNREACHABLE"  # the target cannot call us back
    NOT_DECLARED = "NOT_DECLARED"  # the site file is silent where a declaration is needed
    REVIEW = "REVIEW"  # a human must look
    UNREACHABLE = "UNREACHABLE"  # the endpoint could not be reached at all: see the root cause
    AUTH = "AUTH"  # the endpoint answered 401 or 403 to our credentials: see the root cause
    # warn
    PARTIAL = "PARTIAL"  # part of what is asked for; never enough for a level
    SHOULD_VIOLATED = "SHOULD_VIOLATED"
    TOLERATED = "TOLERATED"  # a ruling accepts this outcome, but another was expected
    # info
    MEASURED = "MEASURED"
    OBSERVED = "OBSERVED"  # a MAY, looked at
    # not applicable
    UNCLAIMED = "UNCLAIMED"  # optional capability neither claimed nor found
    SINCE = "SINCE"  # the claimed version of the standard is older than the rule (or newer than its end)
    LOOPBACK = "LOOPBACK"  # transport and exposure cannot be judged on a loopback target
    NO_ENDPOINT = "NO_ENDPOINT"  # the role this looks at is not part of this twin
    # not run
    MODE = "MODE"  # the safety mode does not allow it
    DISRUPTIVE = "DISRUPTIVE"  # likewise, and only who may do without the target's data should allow it
    BUDGET = "BUDGET"  # max_requests was spent
    NOT_SELECTED = "NOT_SELECTED"
    QUESTIONNAIRE = "QUESTIONNAIRE"  # only a human can answer; the questionnaire is silent
    NO_CHECK = "NO_CHECK"  # the suite has no check for this requirement yet; the catalogue says why
    INTERRUPTED = "INTERRUPTED"
    # harness-error
    HARNESS = "HARNESS"


class Outcome(Exception):  # noqa: N818 — an outcome is not an error
    """A verdict on its way up. Raise one by `fail`, `warn`, `info`, `inconclusive` or `not_applicable`."""

    verdict: Verdict

    def __init__(self, *, expected: str, observed: str, reason: Reason | None = None) -> None:
        super().__init__(f"expected {expected}\nobserved {observed}")
        self.expected = expected
        self.observed = observed
        self.reason = reason


class CheckFailed(Outcome, AssertionError):  # noqa: N818 — an outcome is not an error
    """The clause was exercised and not met. The level decides what it becomes: MUST fail, SHOULD warn, MAY info."""

    verdict = Verdict.FAIL


class CheckWarned(Outcome):
    """Something worth saying that is no failure; the reason says what kind."""

    verdict = Verdict.WARN


class CheckInformed(Outcome):
    """A measurement or observation without judgement."""

    verdict = Verdict.INFO


class CheckInconclusive(Outcome):
    """It applies, but could not be decided."""

    verdict = Verdict.INCONCLUSIVE


class CheckNotApplicable(Outcome):
    """The condition for it does not hold at this target."""

    verdict = Verdict.NOT_APPLICABLE


class CheckNotRun(Outcome):
    """Mode, budget or selection kept it from running. Raised by the engine, not by checks."""

    verdict = Verdict.NOT_RUN


def fail(expected: str, observed: str) -> NoReturn:
    """End the check: the clause was exercised and not met."""
    raise CheckFailed(expected=expected, observed=observed)


def warn(reason: Reason, expected: str, observed: str) -> NoReturn:
    """End the check with a finding that is no failure, e.g. `Reason.PARTIAL` or `Reason.TOLERATED`."""
    raise CheckWarned(expected=expected, observed=observed, reason=reason)


def info(observed: str, *, expected: str = "no judgement", reason: Reason = Reason.MEASURED) -> NoReturn:
    """End the check with a measurement or observation."""
    raise CheckInformed(expected=expected, observed=observed, reason=reason)


def inconclusive(reason: Reason, observed: str, *, expected: str = "evidence that decides") -> NoReturn:
    """End the check undecided; `observed` says what kept it from deciding and what would help."""
    raise CheckInconclusive(expected=expected, observed=observed, reason=reason)


def not_applicable(reason: Reason, observed: str, *, expected: str = "the condition of the requirement") -> NoReturn:
    """End the check: its condition does not hold here; `observed` is the justification."""
    raise CheckNotApplicable(expected=expected, observed=observed, reason=reason)


def precondition(condition: object, observed: str) -> None:
    """End the check as inconclusive unless the stage is set; never blames the clause under test."""
    if not condition:
        inconclusive(Reason.PRECONDITION_UNMET, observed, expected="the precondition of this check")
