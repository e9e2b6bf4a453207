"""Where a running twin keeps its files, and what is tidied up of twins that were killed.

DIR/broker  DIR/objects           data of the parts
DIR/logs/NAME.log                 what they wrote
DIR/run/                          site file, ready files, secrets (mode 0600); made anew with each start
DIR/owner.json                    who uses it: process, start time, files elsewhere
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from ldt_stack.listening import UsageError
from ldt_stack.objects.s3 import Credentials
from ldt_stack.objects.seaweed import new_credentials

TEMPORARY_PREFIX = "ldt-up-"
OWNER_FILE = "owner.json"
LEFTOVER_PREFIX = "seaweedfs-"


@dataclass(frozen=True)
class Workspace:
    """The files of one running twin; `release` when it has stopped.

    Attributes:
        temporary: Removed at the end.
    """

    directory: Path
    temporary: bool
    lock: FileLock

    @property
    def run(self) -> Path:
        """Ready files, secrets, site file."""
        return self.directory / "run"

    def log(self, name: str) -> Path:
        """Where a part writes."""
        return self.directory / "logs" / f"{name}.log"

    def note_owner(self, leftovers: Iterable[Path]) -> None:
        """Write down who we are, and what must be removed elsewhere if we cannot do it ourselves."""
        me = psutil.Process()
        facts = {"pid": me.pid, "started": me.create_time(), "leftovers": [str(path) for path in leftovers]}
        (self.directory / OWNER_FILE).write_text(json.dumps(facts), encoding="utf-8")

    def release(self, leftovers: Iterable[Path]) -> None:
        """Remove what is temporary."""
        for path in leftovers:
            path.unlink(missing_ok=True)
        self.lock.release()
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            (self.directory / OWNER_FILE).unlink(missing_ok=True)


def open_workspace(data: Path | None) -> Workspace:
    """The workspace in `data`, or a temporary one.

    Raises:
        UsageError: The directory cannot be written, or another twin uses it.
    """
    remove_stale()
    directory = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX)) if data is None else data.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / "lock", timeout=0)
        lock.acquire()
        shutil.rmtree(directory / "run", ignore_errors=True)
        (directory / "run").mkdir(mode=0o700)
    except Timeout as error:
        raise UsageError(f"{directory} is used by another twin; stop it, or choose another --data directory") from error
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}. Choose another --data directory") from error
    workspace = Workspace(directory, data is None, lock)
    workspace.note_owner(())
    return workspace


def remove_stale() -> None:
    """Remove temporary workspaces of ours whose supervisor was killed."""
    for directory in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        try:
            facts = json.loads((directory / OWNER_FILE).read_text(encoding="utf-8"))
            if _is_ours(directory) and not _alive(int(facts["pid"]), float(facts["started"])):
                for name in facts["leftovers"]:
                    if Path(name).name.startswith(LEFTOVER_PREFIX):
                        Path(name).unlink(missing_ok=True)
                shutil.rmtree(directory, ignore_errors=True)
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not readable or not ours to judge: better left than wrongly removed


def _is_ours(directory: Path) -> bool:
    return not hasattr(os, "getuid") or directory.stat().st_uid == os.getuid()


def _alive(pid: int, started: float) -> bool:
    """Whether this very process still runs; a later one may have got its number."""
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.Error:
        return False


def write_secrets(run: Path) -> Credentials:
    """Make credentials and put them into files that only we can read."""
    credentials = new_credentials()
    keep_credentials(run, credentials)
    return credentials


def keep_credentials(run: Path, credentials: Credentials) -> None:
    """Put credentials into files that only we can read; the site file names them."""
    write_private(run / "s3-access-key", credentials.access_key + "\n")
    write_private(run / "s3-secret-key", credentials.secret_key + "\n")
    write_private(
        run / "credentials.env",
        f"LDT_S3_ACCESS_KEY={credentials.access_key}\nLDT_S3_SECRET_KEY={credentials.secret_key}\n",
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by others, mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
