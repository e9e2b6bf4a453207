"""A target that stands still for a second is seen in the percentiles; plain locust does not see it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldt_load.payloads import Population
from ldt_load.plan import OperationOutcome, Plan

HERE = Path(__file__).parent
RATE, DURATION, STALL = 200.0, 10.0, 1.0

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stall")]


@pytest.fixture
def stalling_url() -> Iterator[str]:
    command = [sys.executable, str(HERE / "stalling_server.py"), str(DURATION), str(STALL)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()
        server.wait(timeout=10)


def test_our_percentiles_show_a_stall(stalling_url: str, tmp_path: Path) -> None:
    """One second's stall in ten puts p95 near 500 ms and p99 near 900 ms when latency counts from the due moment."""
    plan = Plan(
        site_file=None, url=stalling_url, scenario="query-mix", rate=RATE, duration=DURATION, warmup=0.0, seed=7,
        users=600, timeout=10.0, mix={"retrieve": 1.0}, population=Population("urn:x", "T", 100),
    )  # fmt: skip
    plan.write(tmp_path / "plan.json")
    command = [sys.executable, "-m", "ldt_load.generator", str(tmp_path / "plan.json"), str(tmp_path / "result.json")]

    subprocess.run(command, check=True, capture_output=True, timeout=90)

    result = json.loads((tmp_path / "result.json").read_text())
    outcome = OperationOutcome.from_json(result["operations"]["retrieve"])
    expected = RATE * DURATION
    assert outcome.acknowledged == outcome.sent == outcome.from_due.count
    assert expected * 0.9 < outcome.sent < expected * 1.1
    assert 250 < outcome.from_due.percentile_ms(95) < 1000
    assert 700 < outcome.from_due.percentile_ms(99) < 1500


def test_plain_locust_misses_the_same_stall(stalling_url: str, tmp_path: Path) -> None:
    """Ten closed-loop users at the same rate take ten slow samples in two thousand: their p95 knows of no stall."""
    command = [
        sys.executable, "-m", "locust", "-f", str(HERE / "plain_locustfile.py"), "--host", stalling_url, "--headless",
        "-u", "10", "-r", "10", "-t", f"{DURATION:.0f}s", "--json", "--loglevel", "ERROR", "--skip-log-setup",
    ]  # fmt: skip

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90, cwd=tmp_path)

    row = json.loads(done.stdout[done.stdout.index("[") :])[0]
    assert row["num_requests"] > RATE * DURATION * 0.5
    assert row["max_response_time"] > 700, "the stall was there"
    assert _percentile(row["response_times"], 0.95) < 250


def _percentile(counts: dict[str, int], share: float) -> float:
    seen = 0
    for milliseconds, count in sorted((float(key), count) for key, count in counts.items()):
        seen += count
        if seen >= share * sum(counts.values()):
            return milliseconds
    raise AssertionError("no response times")
