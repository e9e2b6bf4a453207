"""Which tests this machine can run: what is left out is deselected, counted and said at the end, never in silence."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@functools.cache
def docker_is_there() -> bool:
    """Whether a Docker Engine answers."""
    if shutil.which("docker") is None:
        return False
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20)  # noqa: S607 — the user's own docker
    return answer.returncode == 0


@functools.cache
def browser_is_there() -> bool:
    """Whether a headless chromium can be started."""
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


@functools.cache
def mosquitto_is_there() -> bool:
    """Whether the MQTT server Mosquitto is installed."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


@functools.cache
def spec_is_there() -> bool:
    """Whether the text of the standard lies where LDT_SPEC_DIR says."""
    return bool(os.environ.get("LDT_SPEC_DIR")) and Path(os.environ["LDT_SPEC_DIR"]).is_dir()


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "docker": (docker_is_there, "need a running Docker Engine"),
    "browser": (browser_is_there, "need a headless chromium (Debian: apt-get install chromium)"),
    "mosquitto": (mosquitto_is_there, "need the MQTT server Mosquitto (Debian: apt-get install mosquitto)"),
    "spec": (spec_is_there, "need the text of the standard (set LDT_SPEC_DIR)"),
}

LEFT_OUT = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak` runs what is too long for CI."""
    parser.addoption("--soak", action="store_true", default=False, help="run the tests that are too long for CI")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what cannot run here, and count it by reason."""
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    counts: dict[str, int] = {}
    for item in items:
        lacking = next(
            (mark for mark, (there, _) in NEEDS.items() if item.get_closest_marker(mark) and not there()), None
        )
        if lacking is None and item.get_closest_marker("soak") and not config.getoption("--soak"):
            lacking = "soak"
        if lacking is None:
            kept.append(item)
        else:
            dropped.append(item)
            counts[lacking] = counts.get(lacking, 0) + 1
    if dropped:
        items[:] = kept
        config.hook.pytest_deselected(items=dropped)
    config.stash[LEFT_OUT] = counts
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output["left_out"] = counts


class _FromWorkers:
    """Takes the counts over from pytest-xdist's workers; each of them collects everything."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


def pytest_configure(config: pytest.Config) -> None:
    """Listen to workers where there are any."""
    config.pluginmanager.register(_FromWorkers(config))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out, and what would bring it back."""
    for mark, count in sorted(config.stash.get(LEFT_OUT, {}).items()):
        reason = NEEDS[mark][1] if mark in NEEDS else "are too long for CI (make soak)"
        terminalreporter.write_line(f"left out: {count} tests marked {mark!r}; they {reason}", yellow=True)
