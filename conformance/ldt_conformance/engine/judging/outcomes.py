"""From what a check did to a `Result`: how an exception becomes a verdict."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence

from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.judging.standing import Ruling
from ldt_conformance.engine.report import ClauseRef, Result
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.evidence import Exchange
from ldt_conformance.engine.verdicts import Level, Outcome, Reason, Verdict

AUTH_REFUSED = frozenset({401, 403})
TOO_MANY_REQUESTS = 429  # RFC 6585: a limit on how often we may ask, which no clause of a standard is about

# What a failed clause comes to, by how strongly it is asked for.
BY_LEVEL = {
    Level.MUST: (Verdict.FAIL, None),
    Level.SHOULD: (Verdict.WARN, Reason.SHOULD_VIOLATED),
    Level.MAY: (Verdict.INFO, Reason.OBSERVED),
}

# The order in which one of several verdicts on the same check stands for all of them.
WORST_FIRST = (
    Verdict.FAIL,
    Verdict.HARNESS_ERROR,
    Verdict.INCONCLUSIVE,
    Verdict.WARN,
    Verdict.WAIVED,
    Verdict.NOT_RUN,
    Verdict.INFO,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
)


def result_of(
    check: CheckDeclaration,
    *,
    run: str,
    error: BaseException | None,
    exchanges: Sequence[Exchange] = (),
    context: RunContext | None = None,
    seconds: float = 0.0,
) -> Result:
    """The result of a check that ran.

    Args:
        check: Its declaration.
        run: The run's id.
        error: What it raised; None: it returned, and so passed.
        exchanges: What it sent, in order.
        context: Its notes and measurements.
        seconds: How long it took.
    """
    verdict, reason, expected, observed = _verdict(check, error, exchanges)
    decisive = exchanges[-1] if exchanges and verdict is not Verdict.PASS else None
    return _base(check, run).model_copy(
        update={
            "verdict": verdict,
            "reason": reason,
            "expected": expected,
            "observed": observed,
            "note": "; ".join(context.notes) or None if context is not None else None,
            "measurements": dict(context.measurements) if context is not None else {},
            "curl": decisive.curl if decisive is not None else None,
            "seconds": round(seconds, 3),
            "exchanges": [exchange.id for exchange in exchanges],
        }
    )


def result_of_ruling(check: CheckDeclaration, run: str, ruling: Ruling) -> Result:
    """The result of a check that did not run."""
    return _base(check, run).model_copy(
        update={
            "verdict": ruling.verdict,
            "reason": ruling.reason,
            "expected": ruling.expected,
            "observed": ruling.observed,
        }
    )


def merge(results: Iterable[Result]) -> Result:
    """One result for the several cases of one check: the worst verdict, everything that was sent."""
    cases = list(results)
    worst = min(cases, key=lambda result: WORST_FIRST.index(result.verdict))
    if len(cases) == 1:
        return worst
    return worst.model_copy(
        update={
            "seconds": round(sum(result.seconds for result in cases), 3),
            "exchanges": list(dict.fromkeys(exchange for result in cases for exchange in result.exchanges)),
            "measurements": {name: value for result in cases for name, value in result.measurements.items()},
        }
    )


def _base(check: CheckDeclaration, run: str) -> Result:
    return Result(
        run=run,
        check=check.id,
        title=check.title,
        pack=check.pack,
        level=check.level,
        layer=check.layer,
        clauses=[
            ClauseRef(document=clause.document, edition=clause.edition, number=clause.number, quote=clause.quote)
            for clause in check.clauses
        ],
        test_purposes=list(check.test_purposes),
        requirements=list(check.requirements),
        verdict=Verdict.PASS,
    )


def _verdict(
    check: CheckDeclaration, error: BaseException | None, exchanges: Sequence[Exchange]
) -> tuple[Verdict, Reason | None, str, str]:
    if error is None:
        return Verdict.PASS, None, "", ""
    if not isinstance(error, Outcome):
        return Verdict.HARNESS_ERROR, Reason.HARNESS, "a check that decides", _ours(error)
    if error.verdict is not Verdict.FAIL:
        return error.verdict, error.reason or Reason.REVIEW, error.expected, error.observed
    if exchanges and exchanges[-1].credentialed and exchanges[-1].status in AUTH_REFUSED:
        # The target did not let us do it; that says nothing about how it does it.
        observed = (
            f"{error.observed} (the endpoint answered {exchanges[-1].status} to the credentials of the site file)"
        )
        return Verdict.INCONCLUSIVE, Reason.AUTH, error.expected, observed
    if exchanges and exchanges[-1].status == TOO_MANY_REQUESTS:
        observed = f"{error.observed} (the endpoint limits how often it may be asked; try a lower safety.rate)"
        return Verdict.INCONCLUSIVE, Reason.INSUFFICIENT_EVIDENCE, error.expected, observed
    verdict, reason = BY_LEVEL[check.level]
    return verdict, reason, error.expected, error.observed


def _ours(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{error.__class__.__name__}: {error}{where}"
