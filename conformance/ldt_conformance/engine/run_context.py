"""What one run knows about itself: its names, its mode, its folders; and what a check may say beside its verdict."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ldt_conformance.engine.verdicts import Mode

MARKER = "LdtCheck"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The same in every process of a run.

    Attributes:
        id: Unique in the run set, e.g. `check-20261123T101500Z-7f3a9c21`.
        out: The run set's folder.
        work: This run's working folder, removed when it ends; shared state of its processes.
        public_host: Host name or address at which the target can reach us; None: not known.
    """

    id: str
    mode: Mode
    out: Path
    work: Path
    public_host: str | None = None
    plan: bool = False

    @property
    def prefix(self) -> str:
        """The marker in every id and type of this run; its random part is in no id that anybody else chose."""
        return f"{MARKER}{self.id.rsplit('-', 1)[-1]}"

    def owns(self, identifier: str) -> bool:
        """Whether an id bears this run's marker."""
        return self.prefix.lower() in identifier.lower()


def new_run_id(kind: str = "check") -> str:
    """A name for a run that starts now."""
    return f"{kind}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(5)}"


@dataclass
class RunContext:
    """One check's own view of the run: the `run` fixture."""

    settings: RunSettings
    notes: list[str] = field(default_factory=list)
    measurements: dict[str, float] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.settings.id

    @property
    def mode(self) -> Mode:
        """What this run may do."""
        return self.settings.mode

    @property
    def prefix(self) -> str:
        """The marker that every id, type and description of this run bears."""
        return self.settings.prefix

    @property
    def public_host(self) -> str | None:
        """Where the target can reach us, e.g. for notifications; None: not known."""
        return self.settings.public_host

    def unique(self, name: str) -> str:
        """A name that only this run uses, and only once: a type, an attribute, a description."""
        return f"{self.prefix}{name}{secrets.token_hex(4)}"

    def note(self, text: str) -> None:
        """Say something beside a pass, e.g. which of two accepted outcomes was seen."""
        self.notes.append(text)

    def measure(self, name: str, value: float) -> None:
        """Keep a number, its unit in the name: `newest_age_seconds`."""
        self.measurements[name] = float(value)
