"""One load run, from the site file to its summary: seed, generate, read back, remove. The parent's side.

Everything that is created is journalled before it is created: the schedule is known beforehand, so its ids are too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ldt_conformance.engine.errors import EngineError, SiteError
from ldt_conformance.engine.judging.standing import standing_of
from ldt_conformance.engine.run.cleanup import GONE
from ldt_conformance.engine.run.preflight import PREFLIGHT, preflight
from ldt_conformance.engine.run.session import Session
from ldt_conformance.engine.site.model import ObjectiveValues, Site
from ldt_conformance.engine.transport.client import Client
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.verdicts import Mode, Outcome
from ldt_load.access import open_access
from ldt_load.payloads import Population
from ldt_load.plan import Plan, Write
from ldt_load.scenarios import BATCH, SCENARIOS, Scenario
from ldt_load.schedule import arrivals
from ldt_load.summary import completeness, summarise

CHUNK = 50  # entities a request of seeding, reading back and removing
Progress = Callable[[str, float, str], None]  # stage, share of it that is done, what to say


class LoadError(EngineError):
    """The load could not be run; says what happened and what to try."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the user asked for; None: the scenario's own value."""

    scenario: str
    rate: float | None = None
    users: int | None = None
    duration: float = 30.0
    seed: int = 1
    timeout: float = 10.0


def plan_of(options: LoadOptions, session: Session) -> Plan:
    """The plan of a run, checked against what the site allows.

    Raises:
        SiteError: The mode is not `load`, or the run would exceed the site's own limits. Nothing was sent.
    """
    scenario = SCENARIOS.get(options.scenario)
    if scenario is None:
        raise SiteError([f"--scenario {options.scenario}: unknown; known: {', '.join(SCENARIOS)}"])
    if options.duration <= 0 or (options.rate is not None and options.rate <= 0):
        raise SiteError(["--rate and --duration must be above 0"])
    if not session.settings.mode.allows(Mode.LOAD):
        raise SiteError(
            [f"the safety mode is {session.settings.mode}; a load run writes and presses, and needs the mode load. "
             "If you may load this twin, say safety: {mode: load} in the site file, or --mode load"]
        )  # fmt: skip
    rate = options.rate or scenario.rate
    client = session.target.client("broker")
    prefix = f"urn:ngsi-ld:{session.settings.prefix}Load"
    plan = Plan(
        site_file=None if session.options.site.startswith(("http://", "https://")) else session.options.site,
        url=client.base_url,
        scenario=scenario.name,
        rate=rate,
        duration=options.duration,
        warmup=min(5.0, options.duration / 10),
        seed=options.seed,
        users=options.users or max(50, min(1000, int(2 * rate))),
        timeout=options.timeout,
        mix=dict(scenario.mix),
        population=Population(prefix, f"{session.settings.prefix}Load", scenario.population),
    )
    _within_limits(plan, session.site)
    open_access(plan)  # the generator's own client: what it cannot use is told now
    return plan


def _within_limits(plan: Plan, site: Site) -> None:
    if site.safety.rate is not None and plan.rate > site.safety.rate:
        raise SiteError([f"--rate {plan.rate:g}: the site file allows {site.safety.rate:g} requests per second"])
    limit = site.safety.max_requests
    if limit is not None and limit < (due := sum(1 for _ in _schedule(plan))):
        raise SiteError([f"{due} requests would be sent; the site file allows max_requests: {limit}"])


def _schedule(plan: Plan) -> Iterator[tuple[int, str]]:
    curve = SCENARIOS[plan.scenario].curve
    for arrival in arrivals(rate=plan.rate, duration=plan.duration, mix=plan.mix, seed=plan.seed, curve=curve):
        yield arrival.number, arrival.operation


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), CHUNK):
        yield list(ids[start : start + CHUNK])


def _created_ids(plan: Plan) -> list[str]:
    """Every id that the schedule will create."""
    population = plan.population
    created: list[str] = []
    for number, operation in _schedule(plan):
        if operation == "create":
            created.append(population.created_id(number))
        elif operation == "batch":
            created += [population.batch_id(number, place) for place in range(BATCH)]
    return created


class LoadRun:
    """A run in progress; `execute` leaves the target as it was."""

    def __init__(self, session: Session, plan: Plan, progress: Progress) -> None:
        self.session = session
        self.plan = plan
        self.progress = progress
        self.client: Client = session.target.client("broker")
        self.scenario: Scenario = SCENARIOS[plan.scenario]
        self.notes: list[str] = []
        self.left_behind: list[str] = []
        self._numbers: dict[str, str] = {}
        self._records = False  # whether the broker keeps a history of what is written

    def execute(self) -> dict[str, Any]:
        """Seed, generate, read back, remove; returns the summary of the run.

        Raises:
            LoadError: The twin does not answer, could not be seeded, or the generator failed.
        """
        self._look()
        try:
            self._seed()
            self._drop_what_is_not_offered()
            result = self._generate()
            found = self._read_back(result)
        except Outcome as outcome:
            said = f"expected {outcome.expected}, observed {outcome.observed}"
            raise LoadError(f"{self.client.base_url} stopped answering as a broker does: {said}") from outcome
        finally:
            self._remove()
        writes = [Write(tuple(row[0]), *row[1:]) for row in result["writes"]]
        summary = summarise(self.plan, result, completeness(writes, found), self._objectives())
        return summary | {"notes": self.notes}

    def _look(self) -> None:
        """One look at the broker before anything is journalled or written."""
        session = self.session
        session.services.recorder.begin(PREFLIGHT)
        standing = preflight(session.target, standing_of(session.site, session.settings.mode, ()))
        cause = standing.causes.get("broker")
        if cause is not None:
            raise LoadError(cause.sentence)
        self._records = "temporal" in standing.capabilities and session.target.has("history")

    def _objectives(self) -> dict[str, float | None]:
        declared = self.session.site.objectives
        if declared is None:
            return {}
        own = declared.scenarios.get(self.plan.scenario, ObjectiveValues())
        general = declared.model_dump(include=set(ObjectiveValues.model_fields))
        return {name: value if (value := getattr(own, name)) is not None else general[name] for name in general}

    def _journal(self, ids: Sequence[str]) -> None:
        """Put every id on disk before anything with that name is created."""
        marker = self.session.settings.prefix
        resources = [Resource("entity", entity_id, f"/entities/{entity_id}") for entity_id in ids]
        numbers = self.session.services.journal.create_all("broker", resources, marker, self.client.tenant)
        self._numbers.update(zip(ids, numbers, strict=True))

    def _seed(self) -> None:
        population = self.plan.population
        seeded = [population.id(number) for number in range(population.size)]
        self._journal([*seeded, *_created_ids(self.plan)])
        for start in range(0, population.size, CHUNK):
            numbers = range(start, min(start + CHUNK, population.size))
            body = [population.entity(population.id(number), number) for number in numbers]
            touches = [Resource("entity", entity["id"], f"/entities/{entity['id']}") for entity in body]
            answer = self.client.request("POST", "/entityOperations/create", json=body, touches=touches)
            if answer.status != 201:
                raise LoadError(
                    f"{self.client.base_url} answered {answer.status} to a batch create of {len(body)} entities; "
                    f"expected 201. Does the broker take batch operations? It said: {answer.text[:200]}"
                )
            self.progress("seed", (start + len(body)) / population.size, f"{start + len(body)} entities")

    def _drop_what_is_not_offered(self) -> None:
        if not self.scenario.temporal:
            return
        path = f"/temporal/entities/{self.plan.population.id(0)}"
        answer = self.client.request("GET", path, params={"attrs": "sequence", "lastN": "1"})
        if answer.status not in (200, 206):
            del self.plan.mix["temporal"]
            self.notes.append(f"no temporal reads in the mix: the temporal API answered {answer.status}")

    def _generate(self) -> dict[str, Any]:
        work = self.session.settings.work
        plan_file, result_file = work / "load-plan.json", work / "load-result.json"
        self.plan.write(plan_file)
        command = [sys.executable, "-m", "ldt_load.generator", str(plan_file), str(result_file)]
        errors = work / "load-errors.txt"
        with errors.open("wb") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:  # noqa: S603 — our own module
            try:
                self._follow(process)
                code = process.wait(timeout=60)
            finally:
                if process.poll() is None:
                    process.kill()
        if code != 0 or not result_file.exists():
            tail = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise LoadError(f"the load generator ended with {code}: {' / '.join(tail) or 'without a word'}")
        result: dict[str, Any] = json.loads(result_file.read_text(encoding="utf-8"))
        return result

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        stream = process.stdout
        for raw in stream if stream is not None else ():
            try:
                line = json.loads(raw)
            except ValueError:
                continue  # something else than progress was printed, e.g. a warning of a library
            share = min(1.0, max(0.0, line["second"] / self.plan.duration))
            self.progress("load", share, f"{line['answered']} answers, {line['errors']} errors")

    def _read_back(self, result: dict[str, Any]) -> dict[str, int | None]:
        """Sequence numbers of everything that was written, by entity id."""
        ids = sorted({entity_id for row in result["writes"] for entity_id in row[0]})
        found: dict[str, int | None] = {}
        done = 0
        for chunk in _chunks(ids):
            parameters = {"type": self.plan.population.type, "id": ",".join(chunk), "attrs": "sequence", "limit": CHUNK}
            answer = self.client.request("GET", "/entities", params=parameters)
            if answer.status != 200:
                raise LoadError(
                    f"{self.client.base_url} answered {answer.status} when the written entities were read back; "
                    "expected 200, so whether anything was lost is not known"
                )
            for entity in answer.json():
                found[entity["id"]] = entity.get("sequence", {}).get("value")
            done += len(chunk)
            self.progress("read back", done / len(ids), f"{done} of {len(ids)} entities")
        return found

    def _remove(self) -> None:
        """Remove what this run journalled, by id, and see that it is gone; what cannot be removed stays journalled."""
        ids = list(self._numbers)
        try:
            for done, chunk in enumerate(_chunks(ids)):
                touches = [Resource("entity", entity_id, f"/entities/{entity_id}") for entity_id in chunk]
                self.client.request("POST", "/entityOperations/delete", json=chunk, touches=touches)
                self.progress("remove", min(1.0, (done + 1) * CHUNK / len(ids)), f"{len(ids)} entities")
            remaining = self._remaining(ids) | (self._remove_histories(ids) if self._records else set())
        except Outcome:  # why the target does not answer is told by what failed before, or by the clean-up
            remaining = set(ids)
        self.session.services.journal.removed_all(
            [number for entity_id, number in self._numbers.items() if entity_id not in remaining]
        )
        self.left_behind = sorted(remaining)

    def _remove_histories(self, ids: Sequence[str]) -> set[str]:
        """What was recorded outlives the Entity (CIM 009 clause 5.6.6); returns the ids that remain."""
        history = self.session.target.client("history")
        kept: set[str] = set()
        for done, entity_id in enumerate(ids, start=1):
            path = f"/temporal/entities/{entity_id}"
            answer = history.request("DELETE", path, touches=[Resource("temporal-entity", entity_id, path)])
            if answer.status >= 300 and answer.status not in GONE:
                kept.add(entity_id)
            if done % CHUNK == 0 or done == len(ids):
                self.progress("remove history", done / len(ids), f"{done} of {len(ids)} entities")
        return kept

    def _remaining(self, ids: Sequence[str]) -> set[str]:
        left: set[str] = set()
        for chunk in _chunks(ids):
            parameters = {"type": self.plan.population.type, "id": ",".join(chunk), "limit": CHUNK}
            answer = self.client.request("GET", "/entities", params=parameters)
            left |= {entity["id"] for entity in answer.json()} if answer.status == 200 else set(chunk)
        return left


def exit_code_of(summary: dict[str, Any]) -> int:
    """0: valid, complete, right, every declared objective met; 1: one of these is not so; 3: the run is invalid.

    Lost data counts even in an invalid run: it does not depend on the generator's clock.
    """
    complete = summary["completeness"]
    lost = complete["readable"] < complete["acknowledged"]
    total = summary["total"]
    objectives = summary["objectives"]
    missed = any(row["met"] is False for row in objectives)
    declared_errors = any(
        row["name"] == "share of errors" and row["limit"] is not None for row in summary["objectives"]
    )
    too_many = not declared_errors and total["sent"] > 0 and total["errors"] / total["sent"] > DEFAULT_ERROR_SHARE
    if lost or total["wrong_answers"]:
        return 1
    if not summary["valid"]:
        return 3
    return 1 if missed or too_many else 0


DEFAULT_ERROR_SHARE = 0.01  # where the site declares none (LDT-OR-42)
