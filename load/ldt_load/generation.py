"""The state of a running load: hands out what is due, takes what came back. Knows neither locust nor HTTP.

Lateness and latency are two things. A request that is sent late because nobody was free is *queued* (the target, or too
few users); one that is sent late although somebody was waiting for its moment is the generator's own lateness, and
enough of that makes a run invalid. Latency counts from the due moment in both cases.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ldt_load.latency import Latencies
from ldt_load.plan import OperationOutcome, Plan, Write
from ldt_load.scenarios import OPERATIONS, SCENARIOS, Answer, Request
from ldt_load.schedule import Arrival, arrivals


@dataclass(frozen=True, slots=True)
class Due:
    """A request and the moment it is due, in seconds after the start."""

    arrival: Arrival
    request: Request


class Generation:
    """One run of one scenario."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._arrivals: Iterator[Arrival] = arrivals(
            rate=plan.rate, duration=plan.duration, mix=plan.mix, seed=plan.seed, curve=SCENARIOS[plan.scenario].curve
        )
        self.operations: dict[str, OperationOutcome] = {name: OperationOutcome() for name in plan.mix}
        self.errors: Counter[tuple[str, str, str]] = Counter()
        self.writes: list[Write] = []
        self.lateness = Latencies()
        self.queued = 0
        self.outstanding = 0
        self.answered = 0
        self.exhausted = False
        self._seconds: defaultdict[int, tuple[Latencies, Counter[str]]] = defaultdict(lambda: (Latencies(), Counter()))

    def take(self) -> Due | None:
        """The next request of the schedule, or None at its end."""
        arrival = next(self._arrivals, None)
        if arrival is None:
            self.exhausted = True
            return None
        self.outstanding += 1
        return Due(arrival, OPERATIONS[arrival.operation](self.plan.population, arrival))

    def measured(self, due: Due) -> bool:
        """Whether its figures count: those of the warm-up do not."""
        return due.arrival.due >= self.plan.warmup

    def sending(self, due: Due, *, now: float, waited: bool) -> None:
        """Note that a request is about to leave; `waited` says that somebody was waiting for its moment."""
        if not self.measured(due):
            return
        outcome = self.operations[due.arrival.operation]
        outcome.due += 1
        outcome.sent += 1
        if waited:
            self.lateness.record(max(0.0, now - due.arrival.due))
        else:
            self.queued += 1

    def received(self, due: Due, *, sent: float, now: float, answer: Answer | None, error: str | None) -> str | None:
        """Take an answer (or the error that came instead of one); returns what is wrong with it, or None.

        Args:
            sent: When the request left, seconds after the start.
            now: When its answer was whole.
            answer: None where there was none.
            error: What the client said where there was no answer.
        """
        self.outstanding -= 1
        self.answered += 1
        wrong = due.request.check(answer) if answer is not None else None
        problem = error if answer is None else wrong
        if due.request.writes:
            self.writes.append(Write(due.request.writes, due.request.sequence, sent, now, problem is None))
        if self.measured(due):
            self._count(due, sent=sent, now=now, answer=answer, problem=problem)
        return problem

    def _count(self, due: Due, *, sent: float, now: float, answer: Answer | None, problem: str | None) -> None:
        outcome = self.operations[due.arrival.operation]
        latencies, counts = self._seconds[int(due.arrival.due)]
        outcome.from_due.record(now - due.arrival.due)
        outcome.service.record(now - sent)
        latencies.record(now - due.arrival.due)
        counts["requests"] += 1
        if problem is None:
            outcome.acknowledged += 1
            return
        counts["errors"] += 1
        outcome.errors += 1
        success = answer is not None and 200 <= answer.status < 300
        outcome.wrong_answers += success
        kind = "wrong answer" if success else "no answer" if answer is None else "refused"
        self.errors[(due.arrival.operation, kind, problem)] += 1

    def as_json(self) -> dict[str, Any]:
        """All that was counted, for the parent process."""
        return {
            "operations": {name: outcome.as_json() for name, outcome in self.operations.items()},
            "errors": [
                {"operation": operation, "kind": kind, "message": message, "count": count}
                for (operation, kind, message), count in self.errors.most_common(20)
            ],
            "writes": [
                [write.ids, write.sequence, write.sent, write.answered, write.acknowledged] for write in self.writes
            ],
            "lateness": self.lateness.encode(),
            "queued": self.queued,
            "unanswered": self.outstanding,
            "series": [
                {"second": second, "achieved_per_second": float(counts["requests"]), "errors": counts["errors"],
                 "p95_ms": latencies.percentile_ms(95)}
                for second, (latencies, counts) in sorted(self._seconds.items())
            ],
        }  # fmt: skip
