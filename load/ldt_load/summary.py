"""From what the generator counted to what the report says: figures, validity, completeness, objectives. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ldt_load.latency import Latencies, merged
from ldt_load.plan import OperationOutcome, Plan, Write

LATENESS_LIMIT_MS = 5.0  # p99 of (sent - due) while a user was waiting for the moment
CPU_LIMIT_PERCENT = 80.0  # of one core
QUEUED_LIMIT_SHARE = 0.01  # requests for which no user was free at their moment


@dataclass(frozen=True, slots=True)
class Completeness:
    """Entities and updates: sent, acknowledged, and found again afterwards."""

    sent: int
    acknowledged: int
    readable: int
    lost: tuple[str, ...]  # at most ten ids that were acknowledged and cannot be read as written

    def as_json(self) -> dict[str, Any]:
        """For the report; the note names what was lost."""
        note = f"not readable as acknowledged: {', '.join(self.lost)}" if self.lost else None
        return {"sent": self.sent, "acknowledged": self.acknowledged, "readable": self.readable, "note": note}


def completeness(writes: Sequence[Write], found: Mapping[str, int | None]) -> Completeness:
    """Whether what was acknowledged can be read.

    A created entity is readable if it is found. An update is readable if the number that is found is its own, or if a
    later update replaced it: one that was sent after this one was answered. Updates that overlapped in time may have
    been applied in either order, so any of the last ones may be the one that is found.

    Args:
        found: Entity id -> sequence number read afterwards; absent where the entity was not found.
    """
    sent = acknowledged = readable = 0
    lost: list[str] = []
    updates: dict[str, list[Write]] = {}
    for write in writes:
        if write.sequence is None:
            sent += len(write.ids)
            if write.acknowledged:
                acknowledged += len(write.ids)
                missing = [entity_id for entity_id in write.ids if entity_id not in found]
                readable += len(write.ids) - len(missing)
                lost += missing
        else:
            updates.setdefault(write.ids[0], []).append(write)
    for entity_id, group in updates.items():
        sent += len(group)
        done = [write for write in group if write.acknowledged]
        acknowledged += len(done)
        unreadable = _lost_updates(group, done, found.get(entity_id))
        readable += len(done) - unreadable
        lost += [entity_id] if unreadable else []
    return Completeness(sent, acknowledged, readable, tuple(lost[:10]))


def _lost_updates(group: Sequence[Write], done: Sequence[Write], value: int | None) -> int:
    """How many acknowledged updates of one entity cannot be explained by the value that was found."""
    last_sent = max((write.sent for write in done), default=0.0)
    open_ended = [write for write in done if write.answered >= last_sent]  # nothing was sent after their answer
    unanswered = {write.sequence for write in group if not write.acknowledged}
    if not done or value in unanswered or value in {write.sequence for write in open_ended}:
        return 0
    return len(open_ended)


def invalid_reasons(
    lateness: Latencies, cpu_percent: float, queued: int, sent: int, unanswered: int, plan: Plan
) -> list[str]:
    """Why the figures must not be used, each with what to try; empty for a valid run."""
    reasons = []
    late = lateness.percentile_ms(99)
    if late > LATENESS_LIMIT_MS:
        reasons.append(
            f"the generator sent late: p99 of its lateness was {late:.1f} ms, more than {LATENESS_LIMIT_MS:g} ms; "
            "run it on another machine than the target, or try a lower --rate"
        )
    if cpu_percent > CPU_LIMIT_PERCENT:
        reasons.append(
            f"the generator used {cpu_percent:.0f} % of a core, more than {CPU_LIMIT_PERCENT:g} %; try a lower --rate"
        )
    if sent and queued / sent > QUEUED_LIMIT_SHARE:
        reasons.append(
            f"{queued} of {sent} requests found none of the {plan.users} users free at their moment; "
            "the target was slower than the schedule for long. Try more --users or a lower --rate"
        )
    if unanswered:
        reasons.append(f"{unanswered} requests were still unanswered when the run was given up")
    if not sent:
        reasons.append("no request was sent after the warm-up; try a longer --duration")
    return reasons


def _figures(outcome: OperationOutcome, measured_seconds: float) -> dict[str, Any]:
    return {
        "due": outcome.due,
        "sent": outcome.sent,
        "acknowledged": outcome.acknowledged,
        "errors": outcome.errors,
        "wrong_answers": outcome.wrong_answers,
        "rate_per_second": round(outcome.acknowledged / measured_seconds, 2),
        "from_due_ms": _rounded(outcome.from_due.summary_ms()),
        "service_ms": _rounded(outcome.service.summary_ms()),
        "locust_ms": _rounded(outcome.locust_ms),
        "histogram": outcome.from_due.encode(),
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def _total(
    outcomes: Mapping[str, OperationOutcome], locust_ms: Mapping[str, float], measured_seconds: float
) -> dict[str, Any]:
    whole = OperationOutcome()
    for name in ("due", "sent", "acknowledged", "errors", "wrong_answers"):
        setattr(whole, name, sum(getattr(outcome, name) for outcome in outcomes.values()))
    whole.from_due = merged({name: outcome.from_due for name, outcome in outcomes.items()})
    whole.service = merged({name: outcome.service for name, outcome in outcomes.items()})
    whole.locust_ms = dict(locust_ms)
    return {"name": "all", **_figures(whole, measured_seconds)}


def objectives(declared: Mapping[str, float | None], total: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The site's own objectives beside what was observed; `met` is None where the site declares none.

    Args:
        declared: `p50_milliseconds`, `p95_milliseconds`, `p99_milliseconds`, `error_share`; None is not declared.
    """
    rows = []
    for percentile in ("p50", "p95", "p99"):
        limit = declared.get(f"{percentile}_milliseconds")
        observed = total["from_due_ms"].get(percentile)
        met = None if limit is None or observed is None else observed <= limit
        rows.append({"name": f"{percentile} from due", "limit": limit, "observed": observed, "unit": "ms", "met": met})
    limit = declared.get("error_share")
    share = total["errors"] / total["sent"] if total["sent"] else None
    met = None if limit is None or share is None else share <= limit
    return [*rows, {"name": "share of errors", "limit": limit, "observed": share, "unit": "share", "met": met}]


def summarise(
    plan: Plan, result: Mapping[str, Any], complete: Completeness, declared: Mapping[str, float | None]
) -> dict[str, Any]:
    """The load run as the report keeps it (shape: `ldt_conformance.reports.load_summary`)."""
    outcomes = {name: OperationOutcome.from_json(row) for name, row in result["operations"].items()}
    seconds = plan.duration - plan.warmup
    lateness = Latencies.decode(result["lateness"])
    total = _total(outcomes, result["locust_all_ms"], seconds)
    reasons = invalid_reasons(
        lateness, result["cpu_percent"], result["queued"], total["sent"], result["unanswered"], plan
    )
    return {
        "scenario": plan.scenario,
        "duration_seconds": plan.duration,
        "warmup_seconds": plan.warmup,
        "seed": plan.seed,
        "model": "open",
        "users": plan.users,
        "top_rate_per_second": plan.rate,
        "offered_per_second": round(total["due"] / seconds, 2),
        "achieved_per_second": total["rate_per_second"],
        "valid": not reasons,
        "invalid_reasons": reasons,
        "operations": [
            {"name": name, **_figures(outcome, seconds)} for name, outcome in outcomes.items() if outcome.due
        ],
        "total": total,
        "errors": result["errors"],
        "completeness": complete.as_json(),
        "generator": {
            "lateness_p99_ms": round(lateness.percentile_ms(99), 3),
            "cpu_percent": result["cpu_percent"],
            "queued": result["queued"],
            "processes": 1,
            "locust": result["locust"],
        },
        "objectives": objectives(declared, total),
        "series": result["series"],
    }
