"""The pytest side of the suite: what may run, how an outcome becomes a verdict, and where results go.

In the main process `MainRun` prepares the run, collects results and ends it; in each pytest-xdist worker (and in the
main process, where there are none) `CheckRunner` runs checks and hangs a `Result` on every report.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Literal

import pytest

from ldt_conformance.ending import ending
from ldt_conformance.engine.declare import CheckDeclaration, declaration_of
from ldt_conformance.engine.errors import EngineError, JournalError, SiteError, WorkFolderError
from ldt_conformance.engine.judging.outcomes import result_of, result_of_ruling
from ldt_conformance.engine.judging.standing import Standing, decide, nothing_answers
from ldt_conformance.engine.report import Result
from ldt_conformance.engine.run.main_run import MainRun
from ldt_conformance.engine.run.session import Options, Session
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.transport.plan import print_plan
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import CheckInconclusive, CheckNotRun, Reason, Verdict
from ldt_conformance.register import declared_checks

OBSERVER = "ldt-observer"  # the command that runs pytest, where one does: it is told errors and the run
RUNNER = pytest.StashKey["CheckRunner"]()
MAIN = pytest.StashKey[MainRun]()
CONTEXT = pytest.StashKey[RunContext]()

# verdict -> what pytest calls it, the letter and the word it prints
STATUS = {
    Verdict.PASS: ("passed", ".", "PASS"),
    Verdict.FAIL: ("failed", "F", "FAIL"),
    Verdict.WARN: ("passed", "w", "WARN"),
    Verdict.INFO: ("passed", "i", "INFO"),
    Verdict.INCONCLUSIVE: ("skipped", "?", "INCONCLUSIVE"),
    Verdict.NOT_APPLICABLE: ("skipped", "n", "NOT-APPLICABLE"),
    Verdict.NOT_RUN: ("skipped", "-", "NOT-RUN"),
    Verdict.WAIVED: ("skipped", "W", "WAIVED"),
    Verdict.HARNESS_ERROR: ("failed", "E", "HARNESS-ERROR"),
}


class CheckRunner:
    """Runs checks in one process."""

    def __init__(self, session: Session, standing: Standing) -> None:
        self.session = session
        self.standing = standing
        self.selected: list[str] = []

    def begin(self, item: pytest.Item, check: CheckDeclaration) -> None:
        """Set up for one check; raises the reason why it does not run."""
        item.stash[CONTEXT] = RunContext(self.session.settings)
        self.session.services.recorder.begin(check.id)
        ruling = decide(check, self.standing)
        if ruling is not None:
            raise NotToRun(result_of_ruling(check, self.session.settings.id, ruling))

    def end(self, item: pytest.Item, check: CheckDeclaration, call: pytest.CallInfo[None]) -> Result:
        """The result of one phase of a check."""
        error: BaseException | None = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, NotToRun):
            return error.result
        if isinstance(error, pytest.fail.Exception) and str(error).startswith("Timeout"):  # pytest-timeout's way
            error = CheckInconclusive(expected="the check's end", observed=str(error), reason=Reason.TIMEOUT)
        result = result_of(
            check,
            run=self.session.settings.id,
            error=error,
            exchanges=self.session.services.recorder.current,
            context=item.stash.get(CONTEXT, None),
            seconds=call.duration,
        )
        nothing = nothing_answers(self.session.site, self.standing)
        if nothing is not None and (
            result.verdict is Verdict.FAIL or (result.verdict is Verdict.WARN and result.exchanges)
        ):  # an advice that rests on the site file alone stays
            undecided = {"verdict": Verdict.INCONCLUSIVE, "reason": nothing.reason, "observed": nothing.sentence}
            result = result.model_copy(update=undecided)
        # What a target sent back is quoted in results; a token of this process is known to this process alone.
        return Result.model_validate_json(self.session.services.masker.text(result.model_dump_json()))


class NotToRun(CheckNotRun):
    """A check that the standing of the run rules out, with its result."""

    def __init__(self, result: Result) -> None:
        super().__init__(expected=result.expected, observed=result.observed, reason=result.reason)
        self.result = result


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the run, or this worker's part of it."""
    workerinput = getattr(config, "workerinput", None)
    try:
        if workerinput is not None:
            shared = json.loads(workerinput["ldt"])
            options = Options(**shared["options"] | {"packs": tuple(shared["options"]["packs"])})
            session = Session.open(options, run=shared["run"], worker=workerinput["workerid"])
            config.stash[RUNNER] = CheckRunner(session, Standing.from_json(shared["standing"]))
        else:
            if config.getoption("--ldt-plan") and _jobs(config) > 1:
                raise SiteError(["--ldt-plan lists the requests of one process; leave out -n"])
            main = MainRun.prepare(
                _options(config), declared_checks(), jobs=_jobs(config), selection=_selection(config)
            )
            config.stash[MAIN] = main
            if "broker" in main.standing.causes:  # nothing to do for workers, and their start takes its time
                config.option.dist = "no"
            config.stash[RUNNER] = CheckRunner(main.session, main.standing)
    except EngineError as error:
        observer = config.pluginmanager.get_plugin(OBSERVER)
        if observer is None:
            raise pytest.UsageError(str(error)) from error
        observer.error = error
        raise pytest.UsageError from error


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of connections and files."""
    runner = config.stash.get(RUNNER, None)
    if runner is not None:
        runner.session.close()


def _options(config: pytest.Config) -> Options:
    get = config.getoption
    return Options(
        site=get("--ldt-site"),
        mode=get("--ldt-mode"),
        packs=tuple(get("--ldt-pack")),
        claims=get("--ldt-claims"),
        public_host=get("--ldt-public-host"),
        out=get("--ldt-out"),
        plan=get("--ldt-plan"),
        started=get("--ldt-started"),
    )


def _jobs(config: pytest.Config) -> int:
    count = config.getoption("numprocesses", default=None)
    return count if isinstance(count, int) and count > 0 else 1


def _selection(config: pytest.Config) -> str | None:
    return config.getoption("-k", default="") or None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist, main process: hand the run to a worker."""
    node.workerinput["ldt"] = json.dumps(node.config.stash[MAIN].shared())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """pytest-xdist, main process: a worker has ended; which checks had it selected?"""
    node.config.stash[MAIN].selected.update(getattr(node, "workeroutput", {}).get("ldt_selected", []))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note what was selected."""
    runner = session.config.stash[RUNNER]
    runner.selected = [check.id for item in session.items if (check := _declared(item)) is not None]
    main = session.config.stash.get(MAIN, None)
    if main is not None:
        main.selected.update(runner.selected)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: may this check run?"""
    check = _declared(item)
    if check is not None:
        item.config.stash[RUNNER].begin(item, check)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
    """Turn what a phase came to into a result, and hang it on the report.

    The report is made here and not by pytest, which would take longer over the source of each traceback than most
    checks take to run; only our own mistakes keep theirs.
    """
    check = _declared(item)
    if check is None or call.when == "collect" or (call.excinfo is None and call.when != "call"):
        return None
    if call.excinfo is not None and call.excinfo.errisinstance((KeyboardInterrupt, pytest.exit.Exception)):
        return None
    result = item.config.stash[RUNNER].end(item, check, call)
    if result.verdict is Verdict.HARNESS_ERROR:
        report = pytest.TestReport.from_item_and_call(item, call)
        report.longrepr = item.config.stash[RUNNER].session.services.masker.text(str(report.longrepr))
    else:
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome=_OUTCOMES[STATUS[result.verdict][0]],
            longrepr=_longrepr(item, result),
            when=call.when,
            duration=call.duration,
            start=call.start,
            stop=call.stop,
            user_properties=item.user_properties,
        )
    report.ldt_result = result.model_dump_json()  # type: ignore[attr-defined]  # pytest-xdist carries it along
    report.ldt_fatal = isinstance(call.excinfo.value, JournalError | WorkFolderError) if call.excinfo else False  # type: ignore[attr-defined]  # as above
    return report


_OUTCOMES: dict[str, Literal["passed", "failed", "skipped"]] = {
    "passed": "passed",
    "failed": "failed",
    "skipped": "skipped",
}


def _longrepr(item: pytest.Item, result: Result) -> str | tuple[str, int, str] | None:
    outcome = STATUS[result.verdict][0]
    if outcome == "skipped":
        said = f"{result.verdict}{f' ({result.reason})' if result.reason else ''}: {result.observed}"
        return str(item.path), item.location[1] or 0, said
    return failure_text(result) if outcome == "failed" else None


def failure_text(result: Result) -> str:
    """A failure as people read it on a terminal."""
    cited = "".join(f", {clause.document} V{clause.edition} clause {clause.number}" for clause in result.clauses[:1])
    lines = [
        f"{result.verdict.upper()} {result.check}  ({result.level}{cited})",
        f"  expected  {result.expected}",
        f"  observed  {result.observed}",
    ]
    if result.exchanges:
        lines.append(f"  evidence  exchange {result.exchanges[-1]}")
    if result.curl:
        lines.append(f"  again     {result.curl}")
    return "\n".join(lines)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count by verdict."""
    said = getattr(report, "ldt_result", None)
    if said is None:
        return None
    verdict = Verdict(json.loads(said)["verdict"])
    outcome, letter, word = STATUS[verdict]
    return outcome if outcome == "failed" else str(verdict), letter, word  # pytest shows what is "failed" at the end


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """After the check's fixtures: remove what it created."""
    if _declared(item) is not None:
        item.config.stash[RUNNER].session.clean_up()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Main process: take a result in."""
    said = getattr(report, "ldt_result", None)
    main = _MAIN_RUN.get("main")
    if said is not None and main is not None:
        main.take(Result.model_validate_json(said), fatal=getattr(report, "ldt_fatal", False))


def pytest_runtest_logfinish() -> None:
    """Main process: our own fatal error ends the run; nothing more is sent."""
    main = _MAIN_RUN.get("main")
    session = _MAIN_SESSION.get("session")
    if main is not None and session is not None and main.fatal is not None:
        session.shouldstop = main.fatal


_MAIN_RUN: dict[str, MainRun] = {}  # pytest gives these hooks no config
_MAIN_SESSION: dict[str, pytest.Session] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Main process: from now on results are taken in."""
    main = session.config.stash.get(MAIN, None)
    if main is not None:
        _MAIN_RUN["main"] = main
        _MAIN_SESSION["session"] = session


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Worker: say what was selected. Main process: clean up, roll up, write; the exit status is the run's."""
    workeroutput = getattr(session.config, "workeroutput", None)
    if workeroutput is not None:
        workeroutput["ldt_selected"] = session.config.stash[RUNNER].selected
        return
    main = _MAIN_RUN.pop("main", None)
    _MAIN_SESSION.clear()
    if main is not None and exitstatus != pytest.ExitCode.USAGE_ERROR:
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and main.run.selection:
            _refuse_selection(session, main)
        else:
            _finish(session, main, interrupted=exitstatus == pytest.ExitCode.INTERRUPTED)


def _refuse_selection(session: pytest.Session, main: MainRun) -> None:
    """A selection that no check matches is a mistake of the command line, not an incomplete run."""
    error = SiteError([
        f"--select {main.run.selection}: no check matches; expected words of a check's file and function names, "
        "e.g. create_entity. Try: ldt check --plan"
    ])  # fmt: skip
    session.exitstatus = error.exit_code
    main.session.remove_work()
    observer = session.config.pluginmanager.get_plugin(OBSERVER)
    if observer is None:
        sys.stderr.write(f"ldt: {error}\n")
    else:
        observer.error = error


def _finish(session: pytest.Session, main: MainRun, *, interrupted: bool) -> None:
    observer = session.config.pluginmanager.get_plugin(OBSERVER)
    if main.session.services.plan is not None:
        session.exitstatus = 0
        main.session.remove_work()
        if observer is None:
            print_plan(main.session.services.plan, sys.stdout)
    else:
        try:
            session.exitstatus = main.finish(ending(), interrupted=interrupted)
        except EngineError as error:
            session.exitstatus = error.exit_code
            if observer is None:
                sys.stderr.write(f"ldt: {error}\n")
            else:
                observer.error = error
    if observer is not None:
        observer.main = main


def _declared(item: pytest.Item) -> CheckDeclaration | None:
    return declaration_of(getattr(item, "function", None))


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The twin under test: `target.client(role)`, `target.has(role)`."""
    return request.config.stash[RUNNER].session.target


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Site:
    """The site file."""
    return request.config.stash[RUNNER].session.site


@pytest.fixture
def run(request: pytest.FixtureRequest) -> RunContext:
    """The run: id, mode, prefix, public_host; `run.note(text)`, `run.measure(name, value)`."""
    item: pytest.Item = request.node
    return item.stash[CONTEXT]
