"""The writer thread: runs the transactions that wait, commits them together, and answers when they are on disk."""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ldt_stack.broker.errors import InternalError, TooManyResults
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.spaces import split_space
from ldt_stack.broker.store.data import Delivery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite.files import TenantFiles
from ldt_stack.broker.store.sqlite.pending import Pending
from ldt_stack.broker.store.sqlite.schema import connect
from ldt_stack.broker.store.sqlite.session import Names, Session
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MAX_GROUP = 128


@dataclass(slots=True)
class _Job:
    tenant: str | None
    work: Callable[[Transaction], Any] | None  # None: the tenant is to be removed
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    enqueued: Sequence[Delivery] = ()


@dataclass(frozen=True, slots=True)
class _Unused:
    """Tenants whose files are to be closed."""

    tenants: frozenset[str | None]


@dataclass(slots=True)
class _Open:
    connection: sqlite3.Connection
    names: Names


class Writer(threading.Thread):
    """The only thread that writes. Jobs of one tenant keep their order."""

    def __init__(
        self,
        settings: BrokerSettings,
        files: TenantFiles,
        now: Callable[[], str],
        versions: Callable[[str | None], dict[str, int]],
        enqueued: Callable[[str | None, list[Delivery]], None],
    ) -> None:
        super().__init__(name="store-write", daemon=True)
        self._settings = settings
        self._files = files
        self._now = now
        self._versions = versions
        self._enqueued = enqueued
        self._jobs: queue.SimpleQueue[_Job | _Unused | None] = queue.SimpleQueue()
        self._open: OrderedDict[str | None, _Open] = OrderedDict()
        self._stopped = False

    async def submit(self, tenant: str | None, work: Callable[[Transaction], T]) -> T:
        """Run `work`; returns after the commit. A caller that gives up waiting does not undo the write."""
        if self._stopped:
            raise InternalError("The broker is stopping; try again when it is back")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(tenant, work, loop, future))
        return await future

    async def remove(self, tenant: str) -> None:
        """Delete a tenant's files, after whatever waits for it.

        Raises:
            InternalError: The file system refuses.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._jobs.put(_Job(tenant, None, loop, future))
        await future

    def close_unused(self, tenants: Collection[str | None]) -> None:
        """Close the files of tenants, after what waits; whoever comes later opens them again."""
        self._jobs.put(_Unused(frozenset(tenants)))

    def open_tenants(self) -> list[str | None]:
        """Whose files the writer has open; from any thread."""
        return list(self._open)

    def stop(self) -> None:
        """Finish what waits, then end the thread."""
        self._stopped = True
        self._jobs.put(None)
        if self.ident is not None:
            self.join()

    def run(self) -> None:
        """Take what waits, up to a limit; commit a tenant's jobs together."""
        running = True
        while running:
            group: OrderedDict[str | None, list[_Job]] = OrderedDict()
            unused: set[str | None] = set()
            job = self._jobs.get()
            for waiting in range(_MAX_GROUP):
                if job is None:
                    running = False
                    break
                if isinstance(job, _Unused):
                    unused |= job.tenants
                else:
                    group.setdefault(job.tenant, []).append(job)
                if waiting == _MAX_GROUP - 1 or self._jobs.empty():
                    break
                job = self._jobs.get()  # this thread is the only one that takes: it does not wait
            for tenant, jobs in group.items():
                self._commit_or_fail(tenant, jobs)
                jobs[0].loop.call_soon_threadsafe(self._answer, tenant, jobs)
            for tenant in unused & self._open.keys() - group.keys():
                _close(self._open.pop(tenant))
        for opened in self._open.values():
            _close(opened)

    def _answer(self, tenant: str | None, jobs: Sequence[_Job]) -> None:
        """On the event loop."""
        for job in jobs:
            if job.future.cancelled():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        enqueued = [delivery for job in jobs if job.error is None for delivery in job.enqueued]
        if enqueued:
            self._enqueued(tenant, enqueued)

    def _commit_or_fail(self, tenant: str | None, jobs: Sequence[_Job]) -> None:
        """Every job has an outcome, and the thread lives: else each later write would wait for ever."""
        try:
            self._commit(tenant, jobs)
        except Exception as error:
            _log.exception("store: a group of writes failed in a way that nobody foresaw")
            for job in jobs:
                job.error = job.error or _failed(error)

    def _commit(self, tenant: str | None, jobs: Sequence[_Job]) -> None:
        """Together, but for what comes before and after a removal."""
        together: list[_Job] = []
        for job in jobs:
            if job.work is not None:
                together.append(job)
                continue
            if together:
                self._commit_together(tenant, together)
                together = []
            self._remove(job)
        if together:
            self._commit_together(tenant, together)

    def _remove(self, job: _Job) -> None:
        if job.tenant is None:
            job.error = ValueError("The default tenant always exists; it cannot be removed")
            return
        opened = self._open.pop(job.tenant, None)
        if opened is not None:
            opened.connection.close()
        self._files.forget(job.tenant)  # again: what waited may have made it anew
        try:
            self._files.delete(job.tenant)
        except OSError as error:
            job.error = _failed(error)

    def _commit_together(self, tenant: str | None, jobs: Sequence[_Job]) -> None:
        try:
            opened = self._opened(tenant)
        except Exception as error:
            for job in jobs:
                job.error = error
            return
        touched: set[str] = set()
        try:
            opened.connection.execute("BEGIN IMMEDIATE")
            pending = Pending(opened.connection)
            for job in jobs:
                if job.work is not None:
                    touched |= self._run_job(opened, pending, job, job.work, tenant)
            pending.flush()
            opened.connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(opened)
            for job in jobs:  # also those that had failed: what they saw of their neighbours is not there
                job.error = _failed(error)
            return
        versions = self._versions(tenant)
        for kind in touched:
            versions[kind] = versions.get(kind, 0) + 1

    def _run_job(
        self, opened: _Open, pending: Pending, job: _Job, work: Callable[[Transaction], Any], tenant: str | None
    ) -> set[str]:
        """One job: what it did is undone if it raises. Returns the document kinds that it touched."""
        timeout_seconds = self._settings.query_timeout_seconds
        session = Session(
            opened.connection, self._now, opened.names, self._versions(tenant), timeout_seconds, pending=pending
        )
        pending.begin()
        try:
            job.result = work(SqliteTransaction(session))
        except BaseException as error:
            job.error = _failed(error) if isinstance(error, sqlite3.Error) else error
            if not opened.connection.in_transaction:
                raise  # SQLite has undone everything, the neighbours too: the disk is full, or failed
            if pending.undo():
                opened.names.clear()
            return set()
        pending.keep()
        job.enqueued = session.enqueued
        return session.touched_kinds

    def _roll_back(self, opened: _Open) -> None:
        opened.names.clear()
        try:
            if opened.connection.in_transaction:
                opened.connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            _log.error("store: rollback failed: %s", error)

    def _opened(self, tenant: str | None) -> _Open:
        opened = self._open.get(tenant)
        if opened is None:
            own = split_space(tenant)[1] is None  # Snapshots have a limit of their own
            if own and not self._files.exists(tenant) and self._files.count_tenants() >= self._settings.max_tenants:
                raise TooManyResults(f"There are {self._settings.max_tenants} tenants, the limit of this broker")
            path = self._files.path(tenant)
            opened = _Open(connect(path, durable=not self._files.temporary, create=True), Names())
            self._files.add(tenant)
            self._open[tenant] = opened
            while len(self._open) > self._settings.max_open_tenants:
                self._open.popitem(last=False)[1].connection.close()
        self._open.move_to_end(tenant)
        return opened


def _close(opened: _Open) -> None:
    try:
        opened.connection.close()
    except sqlite3.Error as error:
        _log.error("store: a file could not be closed: %s", error)


def _failed(error: BaseException) -> InternalError:
    failure = InternalError(f"The store failed to write, nothing was kept: {error}")
    failure.__cause__ = error
    return failure
