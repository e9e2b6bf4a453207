"""What `ldt up` can be told. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PARTS = ("broker", "objects", "forecaster", "city", "ui")


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `ldt up` can be told.

    Attributes:
        port: The broker's; 0 takes a free one (and free ones for the other parts).
        only: Parts to start; empty: all.
        data: Kept; None: a temporary directory, removed at the end.
        ready_file: Written, with all URLs as JSON, once everything answers.
        sites: Number of twins.
        speed: Seconds of the city in a second.
    """

    host: str = "127.0.0.1"
    port: int = 9090
    only: tuple[str, ...] = ()
    data: Path | None = None
    ready_file: Path | None = None
    sites: int = 1
    speed: float = 1.0
