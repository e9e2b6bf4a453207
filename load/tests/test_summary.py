"""From counts to verdicts: latencies, validity, completeness, objectives, exit code."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_load.generation import Generation
from ldt_load.latency import Latencies
from ldt_load.payloads import Population
from ldt_load.plan import Plan, Write
from ldt_load.run import exit_code_of
from ldt_load.scenarios import Answer
from ldt_load.summary import completeness, invalid_reasons, objectives, summarise

PLAN = Plan(
    site_file=None, url="http://127.0.0.1:1/ngsi-ld/v1", scenario="ingest", rate=50, duration=4, warmup=1, seed=1,
    users=50, timeout=5, mix={"create": 1.0, "update": 1.0}, population=Population("urn:p", "T", 20),
)  # fmt: skip


@given(st.lists(st.floats(1e-6, 500), min_size=1, max_size=200))
@settings(deadline=None)
def test_percentiles_are_within_a_thousandth(values: list[float]) -> None:
    """Three significant digits: a percentile lies within 0.1 % (or 1 µs) of the values on both sides of its rank."""
    latencies = Latencies()
    for value in values:
        latencies.record(value)
    ordered = [1000 * value for value in sorted(values)]
    for percentile in (50, 95, 99):
        rank = max(1, -(-len(ordered) * percentile // 100))
        low, high = ordered[max(0, rank - 2)], ordered[rank - 1]
        assert low * 0.9989 - 0.0011 <= latencies.percentile_ms(percentile) <= high * 1.0011 + 0.0011


def test_histograms_survive_the_way_to_the_parent_process() -> None:
    """Encode and decode keep count and percentiles."""
    latencies = Latencies()
    for millisecond in range(1, 1001):
        latencies.record(millisecond / 1000)

    again = Latencies.decode(latencies.encode())

    assert again.count == 1000
    assert again.summary_ms() == latencies.summary_ms()


def test_nothing_recorded_is_no_latency() -> None:
    """An empty histogram has no percentiles, not percentiles of zero."""
    assert Latencies().summary_ms() == {}


def write(ids: str, sequence: int | None, sent: float, answered: float, *, acknowledged: bool = True) -> Write:
    return Write((ids,), sequence, sent, answered, acknowledged)


CASES: list[tuple[str, list[Write], dict[str, int | None], tuple[int, int, int]]] = [
    ("created and found", [write("a", None, 0, 1)], {"a": 0}, (1, 1, 1)),
    ("created and lost", [write("a", None, 0, 1)], {}, (1, 1, 0)),
    ("refused and absent", [write("a", None, 0, 1, acknowledged=False)], {}, (1, 0, 0)),
    ("last update found", [write("a", 1, 0, 1), write("a", 2, 2, 3)], {"a": 2}, (2, 2, 2)),
    ("last update lost", [write("a", 1, 0, 1), write("a", 2, 2, 3)], {"a": 1}, (2, 2, 1)),
    ("overlapping, either order", [write("a", 1, 0, 3), write("a", 2, 1, 2)], {"a": 1}, (2, 2, 2)),
    ("overlapping, other order", [write("a", 1, 0, 3), write("a", 2, 1, 2)], {"a": 2}, (2, 2, 2)),
    ("unanswered may have won", [write("a", 1, 0, 1), write("a", 2, 2, 3, acknowledged=False)], {"a": 2}, (2, 1, 1)),
    ("nothing is left", [write("a", 1, 0, 1)], {"a": 0}, (1, 1, 0)),
]


@pytest.mark.parametrize(("name", "writes", "found", "counts"), CASES, ids=[case[0] for case in CASES])
def test_completeness(
    name: str, writes: list[Write], found: dict[str, int | None], counts: tuple[int, int, int]
) -> None:
    """Acknowledged writes are counted as readable only where what was found can be explained by them."""
    complete = completeness(writes, found)

    assert (complete.sent, complete.acknowledged, complete.readable) == counts
    assert bool(complete.lost) == (counts[1] > counts[2]), name


def test_a_late_generator_is_invalid_a_slow_target_is_not() -> None:
    """Lateness of the generator, its processor and missing users invalidate; the target's slowness does not."""
    on_time, late = Latencies(), Latencies()
    for _ in range(100):
        on_time.record(0.0005)
        late.record(0.02)

    assert invalid_reasons(on_time, 30, 0, 100, 0, PLAN) == []
    assert "sent late" in invalid_reasons(late, 30, 0, 100, 0, PLAN)[0]
    assert "of a core" in invalid_reasons(on_time, 95, 0, 100, 0, PLAN)[0]
    assert "--users" in invalid_reasons(on_time, 30, 50, 100, 0, PLAN)[0]
    assert "unanswered" in invalid_reasons(on_time, 30, 0, 100, 3, PLAN)[0]
    assert "no request" in invalid_reasons(on_time, 30, 0, 0, 0, PLAN)[0]


def run_through(answer_of: Any) -> dict[str, Any]:
    """Drive a generation by hand on a perfect clock; returns its summary."""
    generation = Generation(PLAN)
    while (due := generation.take()) is not None:
        generation.sending(due, now=due.arrival.due, waited=True)
        answer = answer_of(due)
        error = None if answer is not None else "TimeoutError"
        generation.received(due, sent=due.arrival.due, now=due.arrival.due + 0.01, answer=answer, error=error)
    found = {entity_id: None for write in generation.writes for entity_id in write.ids}
    found |= {write.ids[0]: write.sequence for write in generation.writes if write.sequence is not None}
    result = generation.as_json() | {"cpu_percent": 10.0, "locust": "test", "locust_all_ms": {"p99": 11.0}}
    return summarise(PLAN, result, completeness(generation.writes, found), {"p95_milliseconds": 50.0})


def right(due: Any) -> Answer:
    """What a conforming broker answers."""
    if due.request.method == "PATCH":
        return Answer(204, {}, b"")
    return Answer(201, {"location": f"/ngsi-ld/v1/entities/{due.request.writes[0]}"}, b"")


def test_a_right_run_is_valid_complete_and_met() -> None:
    """All right answers: exit 0, latencies from due, every request after the warm-up counted."""
    summary = run_through(right)

    assert exit_code_of(summary) == 0
    assert summary["valid"]
    assert summary["total"]["due"] == summary["total"]["acknowledged"] > 100
    assert 9.9 < summary["total"]["from_due_ms"]["p99"] < 10.1
    assert summary["total"]["locust_ms"] == {"p99": 11.0}
    complete = summary["completeness"]
    assert complete["sent"] == complete["acknowledged"] == complete["readable"] > summary["total"]["sent"]
    assert [row["met"] for row in summary["objectives"]] == [None, True, None, None]


def test_wrong_bodies_and_refusals_are_told_apart() -> None:
    """A 201 that names another entity is a wrong answer and fails the run; a 503 is an error."""
    wrong = run_through(
        lambda due: Answer(201, {"location": "/entities/other"}, b"") if due.request.method == "POST" else right(due)
    )
    refused = run_through(lambda _due: Answer(503, {}, b""))
    silent = run_through(lambda _due: None)

    assert wrong["total"]["wrong_answers"] > 0
    assert exit_code_of(wrong) == 1
    assert refused["total"]["wrong_answers"] == 0
    assert refused["total"]["errors"] == refused["total"]["sent"]
    assert exit_code_of(refused) == 1
    assert {row["kind"] for row in silent["errors"]} == {"no answer"}


def test_objectives_are_only_judged_where_declared() -> None:
    """No source sets a number, so without a declaration nothing is met or missed."""
    total = {"from_due_ms": {"p50": 5.0, "p95": 20.0, "p99": 60.0}, "sent": 100, "errors": 2}

    rows = objectives({"p99_milliseconds": 50.0, "error_share": 0.05}, total)

    assert [(row["name"], row["met"]) for row in rows] == [
        ("p50 from due", None), ("p95 from due", None), ("p99 from due", False), ("share of errors", True),
    ]  # fmt: skip
