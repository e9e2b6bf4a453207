"""Targets that need a moment until what was written is read: seen once, then waited for.

No clause of CIM 009 says how soon an accepted change shows in answers. A store behind a queue or a search index that
shows it within a second is no less conformant than one that shows it at once. So the first Entity, the first
Subscription and the first Registration that a process creates are looked for until they are found; where that was not
at once, every request that follows a write waits. A target that answers at once is never waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LOOKS = 12
PAUSE_SECONDS = 0.25  # between two looks: three seconds in all
MIN_SECONDS = 1.0
FACTOR = 2.0


@dataclass
class Settling:
    """How long to wait after a write, and when the last one was.

    Attributes:
        seconds: None before it was measured; 0 where nothing is waited for.
    """

    seconds: float | None = None
    _written: float | None = None
    _measured: set[str] = field(default_factory=set)

    def wrote(self) -> None:
        """A change was accepted just now."""
        self._written = time.monotonic()

    def wait(self) -> None:
        """Wait until the last change shows."""
        if self.seconds and self._written is not None:
            time.sleep(max(0.0, self._written + self.seconds - time.monotonic()))
            self._written = None

    def needs(self, kind: str) -> bool:
        """Whether nothing of this kind has been looked for yet."""
        return kind not in self._measured

    def measure(self, kind: str, found: Callable[[], bool]) -> None:
        """Look for what was just created; what is never found is for the checks to judge, not for a wait.

        Args:
            kind: What it is; each kind is measured once, and the longest wait holds.
            found: Whether it is shown now.
        """
        self._measured.add(kind)
        self.seconds = self.seconds or 0.0
        started = time.monotonic()
        for look in range(LOOKS):
            if found():
                if look:
                    self.seconds = max(self.seconds, MIN_SECONDS, FACTOR * (time.monotonic() - started))
                return
            time.sleep(PAUSE_SECONDS)
