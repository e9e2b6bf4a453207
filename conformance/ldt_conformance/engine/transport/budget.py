"""Politeness: how many requests a run may send, and how fast, over all its processes together."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from ldt_conformance.engine.errors import WorkFolderError
from ldt_conformance.engine.verdicts import CheckNotRun, Reason


class Budget:
    """Counts requests and spaces them out; the state lies in a file that all processes of a run share.

    Args:
        folder: The run's own working folder.
        max_requests: None is unlimited.
        rate: Requests per second, None is unlimited.
    """

    def __init__(self, folder: Path, max_requests: int | None, rate: float | None) -> None:
        self.max_requests = max_requests
        self.rate = rate
        self._file = folder / "budget.json"
        self._lock = FileLock(str(folder / "budget.lock"))

    def take(self, *, reserve: int = 0, exempt: bool = False) -> None:
        """Wait for the next slot and take it.

        Args:
            reserve: Requests that this one will make necessary later (the removal of what it creates).
            exempt: A request whose cost was reserved before: it is counted, but never refused.

        Raises:
            CheckNotRun: `max_requests` is spent (reason BUDGET).
            WorkFolderError: The count could not be put on disk.
        """
        with self._locked():
            state = self._read()
            if self.max_requests is not None and not exempt and state["taken"] + 1 + reserve > self.max_requests:
                raise CheckNotRun(
                    expected=f"at most {self.max_requests} requests in this run (safety.max_requests)",
                    observed=f"{state['sent']} were sent and the rest is kept to remove what was created",
                    reason=Reason.BUDGET,
                )
            state["taken"] += 0 if exempt else 1 + reserve
            state["sent"] += 1
            now = time.time()
            slot = max(now, state["next"]) if self.rate else now
            state["next"] = slot + 1 / self.rate if self.rate else now
            self._write(state)
        if slot > now:
            time.sleep(slot - now)

    def received(self, size: int, *, refused: bool, credentialed: bool) -> None:
        """Note an answer: its bytes, and whether it was 401 or 403 to a request that carried our credentials."""
        with self._locked():
            state = self._read()
            state["bytes"] += size
            state["credentialed"] += int(credentialed)
            state["refused"] += int(refused and credentialed)
            self._write(state)

    def state(self) -> dict[str, float]:
        """Totals so far: sent, bytes, credentialed, refused."""
        with self._locked():
            return self._read()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """An interrupt in between would leave the lock to nobody, and the clean-up would wait for it for ever."""
        with _interrupt_later(), self._lock:
            yield

    def _read(self) -> dict[str, float]:
        empty: dict[str, float] = dict.fromkeys(("taken", "sent", "bytes", "credentialed", "refused", "next"), 0)
        try:
            stored: dict[str, float] = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return empty
        return empty | stored

    def _write(self, state: dict[str, float]) -> None:
        """Whole or not at all: an interrupted run still counts the requests of its own clean-up."""
        partial = self._file.with_suffix(".partial")
        try:
            partial.write_text(json.dumps(state), encoding="utf-8")
            partial.replace(self._file)
        except OSError as error:
            raise WorkFolderError(self._file, error) from error


@contextmanager
def _interrupt_later() -> Iterator[None]:
    """Ctrl-C takes effect at the end. Only the main thread is ever interrupted."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is None:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            signal.raise_signal(signal.SIGINT)
