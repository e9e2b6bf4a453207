"""What `ldt check` does: find the target, run pytest over the checks, say what was found on one screen."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest
from _pytest.mark.expression import Expression  # what -k is parsed with; pytest has no public name for it
from rich.console import Console

from ldt_conformance.commands.embedded import embedded_ldt
from ldt_conformance.commands.progress import Progress
from ldt_conformance.commands.summary import as_json, print_summary
from ldt_conformance.engine.errors import EngineError, SiteError
from ldt_conformance.engine.run.main_run import MainRun
from ldt_conformance.engine.run.session import Options, read_site
from ldt_conformance.engine.site.site_file import DEFAULT_NAME
from ldt_conformance.engine.transport.plan import LIMIT, Plan, print_plan
from ldt_conformance.engine.transport.target import is_loopback

CHECKS = "ldt_conformance.checks"
LOOPBACK_JOBS = 4
CHECK_TIMEOUT_SECONDS = 120
PLUGINS = ("ldt_conformance.pytest_options", "xdist.plugin", "pytest_timeout")  # all of pytest's that a run needs


@dataclass(frozen=True, slots=True)
class Request:
    """The command line, as given."""

    target: str | None = None
    packs: tuple[str, ...] = ()
    mode: str | None = None
    claims: str | None = None
    jobs: int | None = None
    select: str | None = None
    public_host: str | None = None
    plan: bool = False
    out: Path = Path("ldt-report")
    json: bool = False


@dataclass(eq=False)  # pytest keeps plugins in sets
class Observer:
    """Told by the plugin what became of the run."""

    error: EngineError | None = None
    main: MainRun | None = None
    progress: Progress | None = field(default=None, repr=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One more result."""
        said = getattr(report, "ldt_result", None)  # hung on by the plugin
        if self.progress is not None and said is not None:
            self.progress.advance(json.loads(said))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many there will be."""
        self._expect(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """As above, told by a worker."""
        self._expect(len(ids))

    def _expect(self, count: int) -> None:
        if self.progress is not None and count:
            self.progress.expect(count)


def run_check(request: Request) -> int:
    """Run the suite; returns the exit code.

    Raises:
        EngineError: Before anything was sent (usage), or our own.
    """
    _judge_selection(request.select)
    with _target(request) as (site, started):
        options = Options(
            site=site, mode=request.mode, packs=request.packs, claims=request.claims,
            public_host=request.public_host, out=str(request.out), plan=request.plan, started=started,
        )  # fmt: skip
        observer = Observer()
        code = _pytest(request, options, observer)
    if observer.error is not None:
        raise observer.error
    if observer.main is None:
        raise EngineError(f"pytest ended with {code} before the run was done; this is a mistake of ours")
    _say(request, observer.main)
    return code


def _judge_selection(select: str | None) -> None:
    if select is None:
        return
    try:
        Expression.compile(select)
    except Exception as error:  # pytest has changed its class between versions
        raise SiteError(
            [f"--select {select}: {error}; expected names joined by and, or, not, as pytest's -k has them"]
        ) from error


@contextmanager
def _target(request: Request) -> Iterator[tuple[str, bool]]:
    """The site to check, and whether it was started for this run."""
    if request.target is not None:
        yield request.target, False
    elif Path(DEFAULT_NAME).exists():
        yield DEFAULT_NAME, False
    else:
        _stderr().print("no ldt.yaml here: starting the embedded LDT", style="dim", highlight=False)
        with embedded_ldt() as ready:
            yield ready["site_file"], True


def _pytest(request: Request, options: Options, observer: Observer) -> int:
    arguments = [*_fixed_arguments(), *_option_arguments(options)]
    if request.select:
        arguments += ["-k", request.select]
    jobs = 1 if request.plan else request.jobs or _default_jobs(options.site)
    if jobs > 1:
        arguments += ["-n", str(jobs)]
    _without_habits()
    if not request.json and not request.plan:
        observer.progress = Progress(_stderr())
    try:
        return int(pytest.main(arguments, plugins=[_Named(observer)]))
    finally:
        if observer.progress is not None:
            observer.progress.close()


def _without_habits() -> None:
    """The user's own habits with pytest, and plugins that happen to be installed, are not for this run."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


class _Named:
    """Registers the observer under the name by which the plugin looks for it."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._observer, "ldt-observer")


def _fixed_arguments() -> list[str]:
    """The settings that the suite needs, whatever lies around where the user stands."""
    spec = importlib.util.find_spec(CHECKS)
    if spec is None or spec.origin is None:
        raise EngineError("the checks are not installed; is the installation whole?")
    folder = Path(spec.origin).parent
    fixed = ["-c", str(folder / "pytest.ini"), "--rootdir", str(folder), str(folder)]
    fixed += [part for name in (*PLUGINS, "no:cacheprovider", "no:terminal") for part in ("-p", name)]
    fixed += ["--import-mode=importlib"]
    if os.name == "posix":
        fixed += ["--timeout", str(CHECK_TIMEOUT_SECONDS), "--timeout-method", "signal"]
    return fixed


def _option_arguments(options: Options) -> list[str]:
    pairs = {
        "--ldt-site": options.site,
        "--ldt-mode": options.mode,
        "--ldt-claims": options.claims,
        "--ldt-public-host": options.public_host,
        "--ldt-out": options.out,
    }
    arguments = [f"{name}={value}" for name, value in pairs.items() if value is not None]
    arguments += [f"--ldt-pack={pack}" for pack in options.packs]
    arguments += ["--ldt-plan"] if options.plan else []
    return arguments + (["--ldt-started"] if options.started else [])


def _default_jobs(site: str) -> int:
    """Several at once on this machine; one after the other elsewhere, where the rate limit decides anyway."""
    endpoints = read_site(site)[0].endpoints.values()
    local = all(is_loopback(endpoint.url) for endpoint in endpoints if endpoint.url is not None)
    return LOOPBACK_JOBS if local else 1


def _say(request: Request, main: MainRun) -> None:
    plan: Plan | None = main.session.services.plan
    if plan is not None:
        _say_plan(request, plan, sys.stdout)
    elif request.json:
        sys.stdout.write(json.dumps(as_json(main)) + "\n")
    else:
        print_summary(main, Console(highlight=False, soft_wrap=True))


def _say_plan(request: Request, plan: Plan, stream: TextIO) -> None:
    if request.json:
        listed = [
            {
                "check": one.check, "role": one.role, "method": one.method, "path": one.path, "mode": one.mode,
                "only_with": plan.only_with.get(one.check),
            }
            for one in plan.requests
        ]  # fmt: skip
        stream.write(json.dumps({"requests": listed, "limit": LIMIT}) + "\n")
    else:
        print_plan(plan, stream)


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)
