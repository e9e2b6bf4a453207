"""After a crash: the journals of a run set, and the removal of everything that they still name."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ldt_conformance.engine.errors import SiteError
from ldt_conformance.engine.run.cleanup import Cleaner, Removal
from ldt_conformance.engine.run.session import WORK_FOLDER, polite, read_site, remove_work
from ldt_conformance.engine.run_context import RunSettings
from ldt_conformance.engine.site.secret_refs import Secrets
from ldt_conformance.engine.transport.budget import Budget
from ldt_conformance.engine.transport.client import Services
from ldt_conformance.engine.transport.evidence import Recorder
from ldt_conformance.engine.transport.journal import Journal, JournalFile, journal_files, read_journal, remove_journal
from ldt_conformance.engine.transport.masking import Masker
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import Mode


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a clean-up did.

    Attributes:
        removed: How many things are gone.
        left_behind: What is still there, one sentence each; its journal stays.
        journals: The journals that were worked on.
    """

    removed: int
    left_behind: list[str]
    journals: list[str]


def recover(place: Path, site: str | None = None) -> Recovery:
    """Remove what the journals in a run set's folder (or one journal file) still name.

    Args:
        place: The folder or the file.
        site: Site file or URL; None: the one that the run was started with.

    Raises:
        SiteError: There is no such place, or the site file is not usable any more.
        JournalError: A file is no journal.
    """
    if not place.exists():
        raise SiteError([f"{place}: there is no such file or folder; expected a run's folder. Try: --out DIR"])
    journals = [read_journal(path) for path in journal_files(place)]
    removed, left = 0, []
    for journal in journals:
        removals = _remove(journal, site) if journal.left else []
        remaining = [removal.said for removal in removals if not removal.removed]
        removed += len(removals) - len(remaining)
        left += remaining
        if not remaining:
            remove_journal(journal.path)
            remove_work(journal.path.parent.parent / WORK_FOLDER / journal.header["run"])
    return Recovery(removed, left, [str(journal.path) for journal in journals])


def _remove(journal: JournalFile, site: str | None) -> list[Removal]:
    argument = site or journal.header.get("site")
    if not isinstance(argument, str):
        raise SiteError([f"{journal.path} does not say which site it concerns. Try: --site ldt.yaml"])
    model, directory = read_site(argument)
    secrets = Secrets(environ=os.environ, directory=directory)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        settings = RunSettings(id=journal.header["run"], mode=Mode.SANDBOX_WRITE, out=work, work=work)
        recorder = Recorder(work, settings.id, "cleanup")
        services = Services(
            settings=settings,
            journal=Journal(work, settings.id, "cleanup", {}),
            budget=Budget(work, None, polite(model)[1]),
            recorder=recorder,
            masker=Masker(secrets.values),
        )
        try:
            with Target(model, directory, services, secrets) as target:
                target.connect_all()
                return Cleaner(target).remove_all(journal.left)
        finally:
            recorder.close()
