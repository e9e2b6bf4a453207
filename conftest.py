"""Which tests this machine can run: what is left out is deselected, counted and said at the end, never in silence."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine is no mistake of the code's
settings.load_profile("untimed")


@functools.cache
def docker_is_there() -> bool:
    """Whether a Docker Engine answers."""
    if shutil.which("docker") is None:
        return False
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20)  # noqa: S607 — the user's own docker
    return answer.returncode == 0


@functools.cache
def image_can_be_built() -> bool:
    """Whether there is a way to a base image: it is here, Debian's archive as root, or a registry."""
    if not docker_is_there():
        return False
    known = ["docker", "image", "inspect", "ldt-base:bookworm"]
    if subprocess.run(known, capture_output=True, check=False, timeout=20).returncode == 0:  # noqa: S603 — constant
        return True
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        return True
    try:
        with urllib.request.urlopen("https://registry-1.docker.io/v2/", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True  # it answers; that it wants a token is as it should be
    except OSError:
        return False


@functools.cache
def browser_is_there() -> bool:
    """Whether a headless chromium can be started."""
    from headless_chromium import find_chromium  # not on the path where the checks run from another folder

    return find_chromium() is not None


@functools.cache
def mosquitto_is_there() -> bool:
    """Whether the MQTT server Mosquitto is installed."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


@functools.cache
def spec_is_there() -> bool:
    """Whether the text of the standard lies where LDT_SPEC_DIR says."""
    return bool(os.environ.get("LDT_SPEC_DIR")) and Path(os.environ["LDT_SPEC_DIR"]).is_dir()


@functools.cache
def reference_is_there() -> bool:
    """Whether a copy of the pages that we quote lies where LDT_REFERENCE_DIR says."""
    return bool(os.environ.get("LDT_REFERENCE_DIR")) and Path(os.environ["LDT_REFERENCE_DIR"]).is_dir()


@functools.cache
def seaweedfs_is_there() -> bool:
    """Whether the program of the SeaweedFS wheel is beside this Python, or on the PATH."""
    name = "weed.exe" if os.name == "nt" else "weed"
    return (Path(sys.executable).parent / name).is_file() or shutil.which(name) is not None


@functools.cache
def strace_is_there() -> bool:
    """Whether system calls can be traced: strace, and the right to use it."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-o", os.devnull, "true"]  # the user's own strace
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 — own constants


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "docker": (docker_is_there, "need a running Docker Engine"),
    "image": (image_can_be_built, "need a base image: a registry, or root and apt-get (docs/containers.md)"),
    "browser": (
        browser_is_there,
        "need a headless chromium (Debian: apt-get install chromium) or LDT_CHROMIUM",
    ),
    "mosquitto": (mosquitto_is_there, "need the MQTT server Mosquitto (Debian: apt-get install mosquitto)"),
    "strace": (strace_is_there, "need strace, and the right to trace a process (Debian: apt-get install strace)"),
    "spec": (spec_is_there, "need the text of the standard (set LDT_SPEC_DIR)"),
    "reference": (reference_is_there, "need a copy of the pages that are quoted (set LDT_REFERENCE_DIR)"),
    "seaweedfs": (seaweedfs_is_there, "need SeaweedFS, which has no wheel for this machine"),
    "posix": (lambda: os.name == "posix", "need signals, limits and forked processes as POSIX has them"),
    "linux": (lambda: sys.platform == "linux", "need Linux (a child that ends with its parent: PR_SET_PDEATHSIG)"),
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
    """Listen to workers where there are any; keep tests of a folder together, in whichever order they were named.

    pytest 9.1 forgets the fixtures of a folder's conftest where a test beside the folder is named between two of its
    own (pytest issue 14964).
    """
    config.pluginmanager.register(_FromWorkers(config))
    config.args.sort()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out, and what would bring it back."""
    for mark, count in sorted(config.stash.get(LEFT_OUT, {}).items()):
        reason = NEEDS[mark][1] if mark in NEEDS else "are too long for CI (make soak)"
        terminalreporter.write_line(f"left out: {count} tests marked {mark!r}; they {reason}", yellow=True)
