"""The one raw report: `report.json`, from which every other output is rendered.

The pydantic models here are its published JSON Schema. A folder (`--out DIR`) is one run set: each command adds a run
and overwrites nothing. Bodies of exchanges are not in here; they lie in `evidence.jsonl.gz`, bound by its digest.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ldt_conformance.engine.verdicts import Layer, Level, Mode, Reason, Verdict

SCHEMA = "https://ldt-harness.eu/schema/report/1"


class Model(BaseModel):
    """Closed and immutable, like every part of the report."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Suite(Model):
    """Which suite judged, and against which frozen set of requirements."""

    version: str
    requirement_set: str  # digest of the catalogues and of the register of checks, "sha256:…"


class TargetInfo(Model):
    """What was pointed at. Hosts are here; the public edition drops them."""

    name: str
    owner: str | None = None
    country: str | None = None
    endpoints: dict[str, str] = Field(default_factory=dict)  # role -> URL (or file) without credentials
    detected: dict[str, str] = Field(default_factory=dict)  # role -> what answers there, e.g. "ngsi-ld 1.6"
    claims: dict[str, Any] = Field(default_factory=dict)
    target_level: int | None = None  # the CitCom.ai level the site wants to reach
    target_by: str | None = None
    loopback: bool = False


class Environment(Model):
    """Where the suite ran."""

    python: str
    platform: str
    packages: dict[str, str] = Field(default_factory=dict)


class Budget(Model):
    """What the run was allowed and what it spent."""

    max_requests: int | None = None
    rate: float | None = None  # requests per second, None is unlimited
    requests_sent: int = 0
    bytes_received: int = 0


class Run(Model):
    """One command's part of the run set."""

    id: str  # unique in the set, e.g. "check-20261123T101500Z-7f3a"
    kind: Literal["check", "load", "gap"]
    started: datetime
    finished: datetime | None = None
    mode: Mode = Mode.PROBE
    packs: list[str] = Field(default_factory=list)
    selection: str | None = None
    jobs: int = 1
    budget: Budget = Field(default_factory=Budget)
    exit_code: int | None = None
    root_cause: str | None = None  # one sentence, where one fault explains most of what was not decided
    evidence_digest: str | None = None  # "sha256:…" of this run's evidence file
    left_behind: list[str] = Field(default_factory=list)  # what clean-up could not remove, or what cannot be undone


class ClauseRef(Model):
    """A clause as cited by a result."""

    document: str
    edition: str
    number: str
    quote: str = ""


class Result(Model):
    """One check, one verdict."""

    run: str
    check: str
    title: str
    pack: str
    level: Level
    layer: Layer
    clauses: list[ClauseRef] = Field(default_factory=list)
    test_purposes: list[str] = Field(default_factory=list)
    requirements: list[str] = Field(default_factory=list)
    verdict: Verdict
    reason: Reason | None = None
    note: str | None = None  # said beside a pass, e.g. which of two outcomes a ruling accepts was seen
    expected: str = ""
    observed: str = ""
    curl: str | None = None  # reproduces the decisive exchange, secrets as ${ENV}
    seconds: float = 0.0
    exchanges: list[str] = Field(default_factory=list)  # ids in evidence.jsonl.gz
    measurements: dict[str, float] = Field(default_factory=dict)  # numbers with the unit in the name


class RequirementState(Model):
    """A requirement after the roll-up."""

    id: str
    layer: Layer
    level: Level
    state: Literal["met", "met-with-findings", "not-met", "not-tested", "not-applicable"]
    reason: Reason | None = None
    checks: list[str] = Field(default_factory=list)


class LayerCount(Model):
    """The strip of the first screen: MUST requirements of one layer."""

    layer: Layer
    in_place: int = 0
    missing: int = 0
    not_looked_at: int = 0
    not_applicable: int = 0


class NextStep(Model):
    """One of the steps that would move the result most."""

    requirement: str
    title: str
    text: str
    owner: str
    effort: str
    after: list[str] = Field(default_factory=list)
    unlocks: list[str] = Field(default_factory=list)  # levels, profiles or requirements that wait for it


class Rollup(Model):
    """What the latest check run comes to."""

    run: str
    exit_code: int
    headline: str  # one sentence for the city manager
    verdicts: dict[str, int] = Field(default_factory=dict)  # verdict -> number of checks
    in_scope: int = 0  # applicable MUST requirements that packs, mode and selection can decide
    met: int = 0
    not_met: int = 0
    undecided: int = 0
    enough_evidence: bool = False  # at least half of the applicable MUST requirements were decided
    citcom_level: int | None = None  # proven level; None: not enough evidence
    citcom_level_claimed: int | None = None
    edic_profile: str | None = None  # proven class; None: not enough evidence
    edic_profile_claimed: str | None = None
    ngsi_ld_version_claimed: str | None = None
    badge: str = "unknown"
    layers: list[LayerCount] = Field(default_factory=list)
    requirements: list[RequirementState] = Field(default_factory=list)
    next_steps: list[NextStep] = Field(default_factory=list)
    changes: list[str] = Field(default_factory=list)  # since the previous check run of the set, one sentence each


class Waiver(Model):
    """A failure that was accepted, by whom and until when."""

    check: str
    until: str
    reason: str
    stale: bool = False


class Report(Model):
    """The whole run set."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    suite: Suite
    target: TargetInfo
    environment: Environment
    runs: list[Run] = Field(default_factory=list)
    results: list[Result] = Field(default_factory=list)
    load: list[dict[str, Any]] = Field(default_factory=list)  # one summary a load run; see ldt_load's own schema
    answers: dict[str, str] = Field(default_factory=dict)  # questionnaire, by layer
    rollup: Rollup | None = None
    waivers: list[Waiver] = Field(default_factory=list)
    inventory: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def check_run(report: Report) -> Run | None:
    """The run that the roll-up is about, a check or a gap analysis without probes; else the latest check; else None."""
    wanted = report.rollup.run if report.rollup else None
    checks = [run for run in report.runs if run.kind == "check"]
    chosen = [run for run in report.runs if run.id == wanted] or sorted(checks, key=lambda run: run.started)
    return chosen[-1] if chosen else None


def run_results(report: Report) -> list[Result]:
    """The results of that run alone; older runs' results are there for comparison."""
    run = check_run(report)
    return [result for result in report.results if run is None or result.run == run.id]
