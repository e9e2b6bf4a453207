"""The benchmarks can be run, and measure what they say; how fast anything is, no test asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.slow
def test_a_subject_is_measured_and_printed_as_json() -> None:
    """One round of the reads: two ratios, each with its bar and how it came about; every answer was a 2xx."""
    done = run("reads", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    assert [row["bar"] for row in rows] == [">= 0.5", ">= 0.10"]
    assert all(row["figure"] > 0 and row["unit"] == "x bare" and "broker" in row["detail"] for row in rows)


@pytest.mark.slow
def test_every_notification_that_was_owed_is_received_while_they_are_measured() -> None:
    """The subject ends with an error otherwise."""
    done = run("subscriptions", "--rounds", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert [row["unit"] for row in json.loads(done.stdout)] == ["x p50", "x CPU"]


def test_an_unknown_subject_is_a_usage_error() -> None:
    """The error names what is wrong."""
    done = run("nothing")
    assert done.returncode == 2
    assert "there is no subject nothing" in done.stderr
