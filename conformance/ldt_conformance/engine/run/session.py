"""One check run from its settings to its target: made once by the run's main process, and again in each worker."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.run.cleanup import Cleaner
from ldt_conformance.engine.run_context import RunSettings, new_run_id
from ldt_conformance.engine.site.model import NGSI_LD_VERSIONS, Site
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.site.site_file import load_site, site_for_url
from ldt_conformance.engine.transport.budget import Budget
from ldt_conformance.engine.transport.client import Services
from ldt_conformance.engine.transport.evidence import Recorder
from ldt_conformance.engine.transport.journal import Journal
from ldt_conformance.engine.transport.masking import Masker
from ldt_conformance.engine.transport.plan import Plan
from ldt_conformance.engine.transport.target import Target, is_loopback
from ldt_conformance.engine.verdicts import Mode

WORK_FOLDER = ".running"
CLEAN_UP = "clean-up"  # stands for the check in the evidence
REMOTE_RATE = 10.0  # requests per second to a target that is not this machine, unless the site file says otherwise
REMOTE_MAX_REQUESTS = 5000


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for; plain data, so that it can be handed to worker processes.

    Attributes:
        site: Path of a site file, or URL of a broker.
        mode: None: the site file's.
        packs: Empty: all that apply.
        started: This process started the target, and so may write to it.
    """

    site: str
    mode: str | None = None
    packs: tuple[str, ...] = ()
    claims: str | None = None
    public_host: str | None = None
    out: str = "ldt-report"
    plan: bool = False
    started: bool = False


@dataclass
class Session:
    """One process's part of a run."""

    options: Options
    site: Site
    settings: RunSettings
    target: Target
    services: Services
    secrets: Secrets

    @classmethod
    def open(cls, options: Options, *, run: str | None = None, worker: str = "main") -> Session:
        """Read the site file and make the target's clients; nothing is sent.

        Args:
            options: What the user asked for.
            run: The run's id; None starts a new run.
            worker: Name of this process within the run.

        Raises:
            SiteError: Site file, option or secret are not usable.
        """
        site, directory = read_site(options.site)
        site = _with_claims(site, options.claims)
        mode = _mode(options, site)
        out = Path(options.out).absolute()
        identifier = run or new_run_id()
        settings = RunSettings(
            id=identifier, mode=mode, out=out, work=out / WORK_FOLDER / identifier, public_host=options.public_host,
            plan=options.plan,
        )  # fmt: skip
        secrets = Secrets(environ=os.environ, directory=directory)
        services = _services(settings, site, secrets, options, worker)
        target = Target(site, directory, services, secrets)
        try:
            target.connect_all()
        except SiteError:
            target.close()
            raise
        return cls(options, site, settings, target, services, secrets)

    def clean_up(self) -> None:
        """Remove what this process created; what resists stays in the journal for the end of the run."""
        entries = list(self.services.journal.left.values())
        if not entries or self.services.plan is not None:
            return
        self.services.recorder.begin(CLEAN_UP)
        removals = Cleaner(self.target).remove_all(entries)
        self.services.journal.removed_all([removal.entry.number for removal in removals if removal.removed])
        self.services.journal.left.clear()

    def close(self) -> None:
        """Let go of connections and files."""
        self.target.close()
        self.services.recorder.close()
        self.services.journal.close()

    def remove_work(self) -> None:
        """Remove the run's working folder, when all its processes have ended."""
        remove_work(self.settings.work)


def remove_work(work: Path) -> None:
    """Remove a run's working folder, and the folder around it with the last one."""
    shutil.rmtree(work, ignore_errors=True)
    with suppress(OSError):  # another run is still using it
        work.parent.rmdir()


def read_site(argument: str) -> tuple[Site, Path]:
    """The site of a command's argument, and the folder that its relative paths start from."""
    if "://" in argument:
        return site_for_url(argument), Path.cwd()
    path = Path(argument).absolute()
    return load_site(path), path.parent


def _mode(options: Options, site: Site) -> Mode:
    if options.mode is None:
        return Mode.SANDBOX_WRITE if options.started and site.safety.mode is Mode.PROBE else site.safety.mode
    try:
        return Mode(options.mode)
    except ValueError as error:
        known = ", ".join(Mode)
        raise SiteError([f"--mode {options.mode}: unknown mode; known: {known}"]) from error


def _with_claims(site: Site, version: str | None) -> Site:
    if version is None:
        return site
    full = version if version in NGSI_LD_VERSIONS else f"{version}.1"
    if full not in NGSI_LD_VERSIONS:
        raise SiteError([f"--claims {version}: unknown NGSI-LD version; known: {', '.join(NGSI_LD_VERSIONS)}"])
    return site.model_copy(update={"claims": site.claims.model_copy(update={"ngsi_ld": full})})


def _services(settings: RunSettings, site: Site, secrets: Secrets, options: Options, worker: str) -> Services:
    try:
        settings.work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SiteError([f"--out {options.out}: the folder cannot be written ({error.strerror})"]) from error
    header: dict[str, Any] = {"site": _absolute(options.site), "started": options.started}
    max_requests, rate = polite(site)
    return Services(
        settings=settings,
        journal=Journal(settings.out, settings.id, worker, header),
        budget=Budget(settings.work, max_requests, rate),
        recorder=Recorder(settings.work, settings.id, worker),
        masker=Masker(secrets.values),
        plan=Plan() if options.plan else None,
    )


def polite(site: Site) -> tuple[int | None, float | None]:
    """Requests a run may send, and a second: the site's own limits, else what its address calls for."""
    remote = any(endpoint.url is not None and not is_loopback(endpoint.url) for endpoint in site.endpoints.values())
    max_requests = site.safety.max_requests or (REMOTE_MAX_REQUESTS if remote else None)
    return max_requests, site.safety.rate or (REMOTE_RATE if remote else None)


def _absolute(argument: str) -> str:
    return argument if argument.startswith(("http://", "https://")) else str(Path(argument).absolute())
