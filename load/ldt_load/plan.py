"""What the parent process tells the generator, and what the generator tells back: two JSON documents.

The generator is a process of its own because locust patches the whole interpreter (gevent) when it is imported.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ldt_load.latency import Latencies
from ldt_load.payloads import Population


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the generator needs; no secret is in it (those it resolves itself, from the site file's references).

    Attributes:
        site_file: The site file; None where the target was given as a URL.
        url: The broker's API root, e.g. `http://127.0.0.1:9090/ngsi-ld/v1`.
        users: How many requests may be outstanding at once.
        warmup: Seconds at the beginning that no figure counts.
        timeout: Seconds after which an answer is an error.
        mix: Operation -> weight; the scenario's own, less what the target does not offer.
    """

    site_file: str | None
    url: str
    scenario: str
    rate: float
    duration: float
    warmup: float
    seed: int
    users: int
    timeout: float
    mix: dict[str, float]
    population: Population

    def write(self, path: Path) -> None:
        """Put it into a file."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Take it from a file that `write` made."""
        row = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**row, "population": Population(**row["population"])})


class OperationOutcome:
    """Counts and latencies of one operation, after the warm-up."""

    def __init__(self) -> None:
        self.due = 0
        self.sent = 0
        self.acknowledged = 0
        self.errors = 0
        self.wrong_answers = 0
        self.from_due = Latencies()
        self.service = Latencies()
        self.locust_ms: dict[str, float] = {}

    def as_json(self) -> dict[str, Any]:
        """Counts, and the histograms in their own encoding."""
        return {
            "due": self.due, "sent": self.sent, "acknowledged": self.acknowledged, "errors": self.errors,
            "wrong_answers": self.wrong_answers, "from_due": self.from_due.encode(), "service": self.service.encode(),
            "locust_ms": self.locust_ms,
        }  # fmt: skip

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> OperationOutcome:
        """What `as_json` made, again."""
        made = cls()
        for name in ("due", "sent", "acknowledged", "errors", "wrong_answers"):
            setattr(made, name, int(row[name]))
        made.from_due, made.service = Latencies.decode(row["from_due"]), Latencies.decode(row["service"])
        made.locust_ms = dict(row["locust_ms"])
        return made


@dataclass(frozen=True, slots=True)
class Write:
    """One write that was sent: what it wrote, and whether it was acknowledged.

    Attributes:
        ids: The entities it created or changed.
        sequence: The number it left behind, where it was an update; else None.
        sent, answered: Seconds after the start of the run.
    """

    ids: tuple[str, ...]
    sequence: int | None
    sent: float
    answered: float
    acknowledged: bool
