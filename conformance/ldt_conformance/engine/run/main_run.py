"""One check run as its main process sees it: prepared before the checks, fed with results, ended with the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ldt_conformance.engine.catalogue import Requirement
from ldt_conformance.engine.declare import CheckDeclaration
from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.judging.levels import DERIVED, derived_results, with_levels
from ldt_conformance.engine.judging.outcomes import AUTH_REFUSED, merge, result_of_ruling
from ldt_conformance.engine.judging.profiles import profiles_of
from ldt_conformance.engine.judging.rollup import Facts, apply_waivers, roll_up
from ldt_conformance.engine.judging.standing import Ruling, Standing, decide, nothing_answers, standing_of
from ldt_conformance.engine.report import Budget, Report, Result, Rollup, Run
from ldt_conformance.engine.run import run_set
from ldt_conformance.engine.run.assembly import assemble, suite_of
from ldt_conformance.engine.run.cleanup import Cleaner
from ldt_conformance.engine.run.preflight import PREFLIGHT, planned_preflight, preflight
from ldt_conformance.engine.run.session import CLEAN_UP, Options, Session
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.site.site_file import nearest
from ldt_conformance.engine.transport.journal import journal_files, read_journal, remove_journal
from ldt_conformance.engine.verdicts import Reason, Verdict

REFUSED_SHARE = 0.5  # of the answers to our credentials; more than this is one fault, not many
REFUSED_MINIMUM = 5


@dataclass(frozen=True)
class Ending:
    """What the rest of the suite adds when a run ends; handed in, because the engine knows neither reports nor gap.

    Attributes:
        catalogue: Every requirement by id.
        complete: Fills headline, next steps and changes.
        render: Writes the default renderings into a folder; returns their paths.
    """

    catalogue: Mapping[str, Requirement]
    complete: Callable[[Report], Report]
    render: Callable[[Report, Path], Iterable[Path]]


@dataclass
class MainRun:
    """The run."""

    session: Session
    standing: Standing
    register: Mapping[str, CheckDeclaration]
    run: Run
    selected: set[str] = field(default_factory=set)
    cases: dict[str, list[Result]] = field(default_factory=dict)
    fatal: str | None = None  # our own error that ends the run
    written: list[Path] = field(default_factory=list)
    report: Report | None = None

    @classmethod
    def prepare(
        cls,
        options: Options,
        register: Mapping[str, CheckDeclaration],
        *,
        jobs: int = 1,
        selection: str | None = None,
    ) -> MainRun:
        """Read the site file, look at the endpoints once.

        Raises:
            EngineError: Site file, options, secrets or the run set's folder are not usable; no target was touched.
        """
        session = Session.open(options)
        try:
            _check_options(session, register)
            run_set.read_report(session.settings.out)
            standing = standing_of(session.site, session.settings.mode, options.packs)
            session.services.recorder.begin(PREFLIGHT)
            if session.services.plan is None:
                standing = preflight(session.target, standing)
            else:
                standing = planned_preflight(session.target, standing)
                session.services.plan.only_with = _unclaimed(session.site, register)
        except BaseException:
            session.close()
            session.remove_work()
            raise
        run = Run(
            id=session.settings.id,
            kind="check",
            started=datetime.now(UTC),
            mode=session.settings.mode,
            packs=list(options.packs) or sorted({check.pack for check in register.values()}),
            selection=selection,
            jobs=jobs,
        )
        return cls(session, standing, register, run)

    def shared(self) -> dict[str, Any]:
        """What a worker process needs, as builtin types."""
        return {
            "run": self.session.settings.id,
            "options": asdict(self.session.options),
            "standing": self.standing.to_json(),
        }

    def take(self, result: Result, *, fatal: bool = False) -> None:
        """Take the result of one case of a check."""
        self.cases.setdefault(result.check, []).append(result)
        if fatal and self.fatal is None:
            self.fatal = result.observed

    def finish(self, ending: Ending, *, interrupted: bool = False) -> int:
        """Clean up, roll up, write the run set; returns the exit code.

        Raises:
            EngineError: The run set could not be written.
        """
        left_behind = self._clean_up()
        session = self.session
        session.services.recorder.close()
        raw = self._results(interrupted)
        results, waivers = apply_waivers(raw, session.site.waivers, date.today())  # noqa: DTZ011 — a waiver ends with the site's own day
        evidence = run_set.evidence_member(session.settings.work, session.services.masker)
        run = self.run.model_copy(
            update={
                "finished": datetime.now(UTC),
                "budget": self._budget(),
                "root_cause": self._root_cause(),
                "evidence_digest": run_set.digest(evidence) if evidence else None,
                "left_behind": left_behind,
            }
        )
        facts = Facts(
            run,
            ending.catalogue,
            profiles_of(session.site),
            waivers,
            aborted=self.fatal is not None,
            interrupted=interrupted,
            has_target=any(endpoint.url is not None for endpoint in session.site.endpoints.values()),
        )
        results, rollup = self._roll_up(results, facts)
        added_to = partial(
            assemble,
            suite=suite_of(ending.catalogue, self.register),
            site=session.site,
            run=run.model_copy(update={"exit_code": rollup.exit_code}),
            results=results,
            rollup=rollup,
            waivers=waivers,
            inventory={"capabilities": list(self.standing.capabilities)},
        )
        self._write(added_to, evidence, ending)
        session.remove_work()
        return rollup.exit_code

    def _write(self, added_to: Callable[[Report | None], Report], evidence: bytes, ending: Ending) -> None:
        """Add the run to what its run set holds, and write that; nobody else writes there meanwhile."""
        settings = self.session.settings
        with run_set.locked(settings.out):
            self.report = ending.complete(added_to(run_set.read_report(settings.out)))
            self.written = run_set.write(
                settings.out, settings.work, self.report, evidence, self.session.services.masker, ending.render
            )

    def _roll_up(self, results: list[Result], facts: Facts) -> tuple[list[Result], Rollup]:
        """The roll-up; level and capability class follow from a first one, and are results themselves."""
        claims = self.session.site.claims
        if all(name in facts.catalogue for name in DERIVED):
            first = roll_up(results, facts)
            results = [*results, *derived_results(facts.run.id, first.requirements, claims, facts.catalogue)]
        return results, with_levels(roll_up(results, facts), claims)

    def _clean_up(self) -> list[str]:
        """Remove what the checks' own clean-up could not; journals of what is left stay."""
        left: list[str] = []
        self.session.services.journal.close()
        self.session.services.recorder.begin(CLEAN_UP)
        for path in journal_files(self.session.settings.out):
            if not path.name.startswith(f"{self.session.settings.id}."):
                continue
            removals = Cleaner(self.session.target).remove_all(read_journal(path).left)
            remaining = [removal.said for removal in removals if not removal.removed]
            left += remaining
            if not remaining:
                remove_journal(path)
        return left

    def _missing(self, interrupted: bool) -> list[Result]:
        """Checks without a result: not selected, ruled out, cut short, or lost with their process."""
        run = self.session.settings.id
        missing = []
        for name, check in self.register.items():
            if name in self.cases:
                continue
            ruling = decide(check, self.standing)
            if ruling is None or name in self.selected:
                ruling = self._why_missing(name, interrupted)
            missing.append(result_of_ruling(check, run, ruling))
        return missing

    def _why_missing(self, name: str, interrupted: bool) -> Ruling:
        if self.fatal is not None:
            return Ruling(Verdict.NOT_RUN, Reason.INTERRUPTED, "the run's end", "the run was given up before")
        if name not in self.selected and not (interrupted and not self.selected):
            chosen = self.run.selection or "the checks that were named"
            return Ruling(Verdict.NOT_RUN, Reason.NOT_SELECTED, "to be selected", f"selected: {chosen}")
        if interrupted:
            return Ruling(Verdict.NOT_RUN, Reason.INTERRUPTED, "the run's end", "the run was interrupted before")
        return Ruling(Verdict.HARNESS_ERROR, Reason.HARNESS, "a verdict", "the process that ran this check ended")

    def _results(self, interrupted: bool) -> list[Result]:
        """One result a check."""
        results = [merge(cases) for cases in self.cases.values()] + self._missing(interrupted)
        return sorted(results, key=lambda one: one.check)

    def _budget(self) -> Budget:
        state = self.session.services.budget.state()
        budget = self.session.services.budget
        return Budget(
            max_requests=budget.max_requests,
            rate=budget.rate,
            requests_sent=int(state["sent"]),
            bytes_received=int(state["bytes"]),
        )

    def _root_cause(self) -> str | None:
        """One sentence where one fault explains most of what was not decided."""
        if self.fatal is not None:
            return self.fatal
        causes = self.standing.causes
        if "broker" in causes:
            return causes["broker"].sentence
        nothing = nothing_answers(self.session.site, self.standing)
        if nothing is not None:
            return nothing.sentence
        state = self.session.services.budget.state()
        asked, refused = int(state["credentialed"]), int(state["refused"])
        if refused >= REFUSED_MINIMUM and refused > REFUSED_SHARE * asked:
            codes = " or ".join(map(str, sorted(AUTH_REFUSED)))
            return (
                f"{refused} of {asked} requests with the site's credentials were answered {codes}: "
                "the token ended during the run, or it does not give the rights that this mode needs"
            )
        return None


def _unclaimed(site: Site, register: Mapping[str, CheckDeclaration]) -> dict[str, str]:
    """Checks that run only where the preflight finds their capability: check id -> capability."""
    return {
        name: check.capability
        for name, check in register.items()
        if check.capability is not None and check.capability not in site.claims.capabilities
    }


def _check_options(session: Session, register: Mapping[str, CheckDeclaration]) -> None:
    """Options that only the register can judge."""
    packs = sorted({check.pack for check in register.values()})
    problems = [
        f"--pack {pack}: unknown pack{nearest(pack, packs)}" for pack in session.options.packs if pack not in packs
    ]
    problems += [
        f"waivers: {waiver.check}: no check has this id{nearest(waiver.check, sorted(register))}"
        for waiver in session.site.waivers
        if waiver.check not in register
    ]
    if problems:
        raise SiteError(problems)
