"""Progress of a check run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

LINES = 10  # plain lines a run is told in, about
SHOWN_FAILURES = 25


class Progress:
    """Shows how far the run is, and failures as they come."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._done = 0
        self._failed = 0
        self._bar: Bar | None = None
        self._task: Any = None

    def expect(self, total: int) -> None:
        """Say how many there will be."""
        if total == self._total:
            return
        self._total = total
        if not self._console.is_terminal:
            self._console.print(f"checks: {total}")
            return
        if self._bar is None:
            columns = (TextColumn("checks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("checks", total=total)
        self._bar.update(self._task, total=total)

    def advance(self, result: dict[str, Any]) -> None:
        """One result more."""
        self._done += 1
        if result["verdict"] in {"fail", "harness-error"}:
            self._failed += 1
            if self._failed <= SHOWN_FAILURES:
                self._console.print(f"{result['verdict']}: {result['check']}: {result['title']}", markup=False)
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self._done % max(LINES, self._total // LINES) == 0:
            self._console.print(f"{self._done} of {self._total} checks done, {self._failed} failed")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
