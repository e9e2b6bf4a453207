"""A copy of a data directory while a broker works on it: SQLite's online backup, tenant by tenant.

Each tenant's copy is its state at one instant, in one piece: what was acknowledged before is in it. Tenants are copied
one after the other. To restore, start a broker on the copy.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from ldt_stack.broker.errors import InternalError
from ldt_stack.broker.store.sqlite.files import tenant_files
from ldt_stack.broker.store.sqlite.schema import connect


def back_up(source: Path, target: Path) -> list[Path]:
    """Copy every tenant's file.

    Args:
        source: A data directory; the broker on it may be running.
        target: Where to; made if it is not there, must have no database in it.

    Returns:
        The files that were written.

    Raises:
        InternalError: There is nothing to copy, the target has databases already, or a file cannot be read or written.
    """
    files = tenant_files(source)
    if not files:
        raise InternalError(f"{source} is no data directory of a broker: it has no database; name another one")
    try:
        target.mkdir(parents=True, exist_ok=True)
        if tenant_files(target):
            raise InternalError(f"{target} has databases already; a backup goes into a directory of its own")
        return [copy for file in files if (copy := _copy(file, target / file.name)) is not None]
    except (OSError, sqlite3.Error) as error:
        raise InternalError(f"The backup of {source} to {target} failed: {error}") from error


def _copy(source: Path, target: Path) -> Path | None:
    """One file; None if its tenant was removed meanwhile. A half-written copy never has the name of a whole one."""
    try:
        origin = connect(source, durable=True, create=False)
    except InternalError:
        if source.exists():
            raise
        return None
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    with closing(origin), closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        origin.backup(copy)  # in one step: one instant
        damage = copy.execute("PRAGMA quick_check").fetchone()[0]
        if damage != "ok":
            raise InternalError(f"The copy of {source} is damaged: {damage}")
    _sync(partial)
    partial.replace(target)
    _sync(target.parent)
    return target


def _sync(path: Path) -> None:
    """What was written survives a power cut; Windows cannot open a directory for it."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
