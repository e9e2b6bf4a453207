"""The embedded reference LDT as a child process of a command: started, waited for, stopped."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ldt_conformance.engine.errors import EngineError, SiteError

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class EmbeddedError(EngineError):
    """The embedded LDT did not come up."""


@contextmanager
def embedded_ldt() -> Iterator[dict[str, Any]]:
    """The ready file of an embedded LDT that runs as long as the block.

    Raises:
        SiteError: The extra is not installed.
        EmbeddedError: It ended, or was not ready in time; says what it printed last.
    """
    if importlib.util.find_spec("ldt_stack") is None or importlib.util.find_spec("starlette") is None:
        raise SiteError(
            [
                "there is no ldt.yaml here, and the embedded LDT is not installed. "
                "Try: ldt check URL, or: pip install 'ldt-harness[stack]'"
            ]
        )
    with tempfile.TemporaryDirectory(prefix="ldt-check-") as folder:
        ready = Path(folder) / "ready.json"
        log = Path(folder) / "ldt-up.log"
        command = [sys.executable, "-m", "ldt_stack", "up", "--port", "0", "--ready-file", str(ready)]
        with log.open("wb") as output:
            child = subprocess.Popen(_bound_to_us(command), stdout=output, stderr=output, stdin=subprocess.PIPE)  # noqa: S603 — our own module, by our own interpreter
        try:
            yield _wait(child, ready, log)
        finally:
            _stop(child)


def _bound_to_us(command: list[str]) -> list[str]:
    """The command in the stack's own shim, which ends it with this process however that ends."""
    spec = importlib.util.find_spec("ldt_stack")
    places = spec.submodule_search_locations if spec is not None else None
    shim = Path(next(iter(places or [""]))) / "supervisor" / "shim.py"
    how = "die-with" if sys.platform == "linux" else "watch"
    return [sys.executable, str(shim), how, str(os.getpid()), "--", *command]


def _wait(child: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists():
            found: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
            return found
        if child.poll() is not None:
            raise EmbeddedError(f"the embedded LDT ended with {child.returncode} while it started:\n{_tail(log)}")
        time.sleep(0.05)
    raise EmbeddedError(f"the embedded LDT was not ready within {START_SECONDS:g} s:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdin is not None:
        child.stdin.close()
