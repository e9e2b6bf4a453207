"""Child processes that end when we end, however we end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

SHIM = Path(__file__).with_name("shim.py")
STOP_SECONDS = 8.0
LOG_TAIL_LINES = 12

Watch = Literal["die-with", "watch"]


def default_watch() -> Watch:
    """Linux can tie a process to its parent; elsewhere a pipe has to do."""
    return "die-with" if sys.platform == "linux" else "watch"


class Child:
    """One part of the twin as a process in our own process group.

    Args:
        name: For people and for the log file.
        command: Program and arguments.
        environment: Added to ours.
        log: Where its output goes.
        watch: How it learns that we are gone.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, watch: Watch | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = tuple(command)
        self._environment = dict(environment)
        self._watch = watch or default_watch()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it.

        Raises:
            OSError: The program cannot be run.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 — commands are ours, no shell is involved
                [sys.executable, "-I", str(SHIM), self._watch, str(os.getpid()), "--", *self._command],
                stdin=subprocess.PIPE if self._watch == "watch" else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment},
            )

    @property
    def pid(self) -> int | None:
        """Process id of the shim, which on Linux is the part itself."""
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """None while it runs (or was never started)."""
        return self._process.poll() if self._process else None

    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Let it end in order; `wait_until_stopped` makes sure that it does."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        elif self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once; for a part whose data is thrown away anyhow. Off Linux it is asked, through its shim."""
        if self._process is not None and self._process.stdin is None and self._process.poll() is None:
            self._process.kill()
        else:
            self.ask_to_stop()

    def wait_until_stopped(self, seconds: float = STOP_SECONDS) -> None:
        """Wait for its end, and kill it if that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """The last lines it wrote, for an error message."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])


def stop_all(children: Sequence[Child], *, seconds: float = STOP_SECONDS) -> None:
    """Stop the given children, last started first, and return when none of them runs."""
    deadline = time.monotonic() + seconds
    for child in reversed(children):
        child.ask_to_stop()
    for child in reversed(children):
        child.wait_until_stopped(max(0.1, deadline - time.monotonic()))
