"""`SqliteStore`: reads beside one writer thread that groups commits.

What `write` returned is on disk: the writer runs the transactions that wait, each in a savepoint, commits them
together (WAL, synchronous=FULL: the commit ends with a sync) and only then answers. Reads run inline on the event loop,
on a connection of their own, as long as they look at few Entities; dear ones in a few threads. A read that is dear for
want of an index of values waits until there is one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from ldt_stack.broker.errors import InternalError, NonexistentTenant
from ldt_stack.broker.model.instants import format_instant
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.spaces import split_space
from ldt_stack.broker.store.data import Delivery
from ldt_stack.broker.store.interface import HOUSEKEEPING, Snapshot, Transaction
from ldt_stack.broker.store.sqlite.files import TenantFiles
from ldt_stack.broker.store.sqlite.indexing import Indexing
from ldt_stack.broker.store.sqlite.schema import connect
from ldt_stack.broker.store.sqlite.session import Names, Session, TooDear
from ldt_stack.broker.store.sqlite.transaction import SqliteSnapshot
from ldt_stack.broker.store.sqlite.writer import Writer

T = TypeVar("T")
_INLINE_ENTITIES = 200  # a few milliseconds
_STEPS = 10_000  # of SQLite's virtual machine, from one look at the clock to the next: well below a millisecond
_INLINE_LOOKS = 20


class _Reader:
    """A connection that only reads, one snapshot after the other."""

    def __init__(
        self, connection: sqlite3.Connection, now: Callable[[], str], versions: dict[str, int], timeout_seconds: float
    ) -> None:
        self.connection = connection
        self._kept = (connection, now, Names(), versions, timeout_seconds)  # what a snapshot knows goes with it
        self._session: Session | None = None
        self._looks_left = 0
        self.wanted: frozenset[str] = frozenset()  # paths of which an index would have made the last run cheaper
        connection.set_progress_handler(self._is_over, _STEPS)

    def _is_over(self) -> bool:
        """Whether SQLite is to stop: what it decides alone may take many rows that nobody here sees."""
        session = self._session
        if session is None:
            return False
        if session.budget is None:
            return time.monotonic() > session.begun + session.timeout_seconds
        self._looks_left -= 1
        return self._looks_left < 0

    def run(self, work: Callable[[Snapshot], T], budget: int | None = None) -> T:
        """Read, on the event loop within a budget of Entities.

        Raises:
            TooDear: The budget does not suffice, or SQLite takes too many steps for the event loop.
            TooComplexQuery: There is no budget, and a statement takes too long (5.5.6).
        """
        session, dear = Session(*self._kept, budget), False
        self.connection.execute("BEGIN")
        self._session, self._looks_left = session, _INLINE_LOOKS
        try:
            return work(SqliteSnapshot(session))
        except TooDear:
            dear = True
            raise
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            dear = True
            if budget is not None:
                raise TooDear from error
            raise session.too_complex() from error
        finally:
            self._session = None
            self.wanted = frozenset(session.unindexed if dear or session.looked_at > _INLINE_ENTITIES else ())
            self.connection.execute("ROLLBACK")


class SqliteStore:
    """See `Store`. Opens (and where needed makes) the default tenant's file at once."""

    def __init__(self, settings: BrokerSettings, clock: Callable[[], datetime] | None = None) -> None:
        self.on_enqueued: Callable[[str | None, list[Delivery]], None] | None = None
        self._settings = settings
        self._clock = clock or (lambda: datetime.now(UTC))
        self._files = TenantFiles(settings.data_dir)
        self._versions: dict[str | None, dict[str, int]] = {}
        self._inline: OrderedDict[str | None, _Reader] = OrderedDict()
        self._idle: dict[str | None, list[_Reader]] = {}
        self._used: dict[str | None, float] = {}
        self._removals: dict[str | None, int] = {}  # how often a tenant was removed: its old readers are not kept
        self._pool = ThreadPoolExecutor(settings.read_threads, thread_name_prefix="store-read")
        self._writer = Writer(settings, self._files, self._now, self.versions, self._notify)
        self._indexing = Indexing(self._writer, self._files.exists)
        try:
            connect(self._files.path(None), durable=not self._files.temporary, create=True).close()
        except BaseException:
            self._files.close()
            raise
        self._writer.start()

    def _now(self) -> str:
        return format_instant(self._clock())

    def _notify(self, tenant: str | None, deliveries: list[Delivery]) -> None:
        if self.on_enqueued is not None:
            self.on_enqueued(tenant, deliveries)

    def versions(self, tenant: str | None) -> dict[str, int]:
        """Document kind -> version of a tenant; changed by the writer, after a commit."""
        return self._versions.setdefault(tenant, {})

    async def write(self, tenant: str | None, work: Callable[[Transaction], T], *, create: bool = False) -> T:
        """See `Store.write`."""
        if not self._files.exists(tenant) and not (create and split_space(tenant)[1] is None):
            raise _no_such(tenant)
        result = await self._writer.submit(tenant, work)
        self._use(tenant)
        return result

    async def add(self, space: str) -> None:
        """See `Store.add`."""
        await self._writer.submit(space, lambda transaction: None)
        self._use(space)

    async def read(self, tenant: str | None, work: Callable[[Snapshot], T], *, dear: bool = False) -> T:
        """See `Store.read`."""
        if not self._files.exists(tenant):
            raise _no_such(tenant)
        self._use(tenant)
        try:
            if not dear:
                reader = self._reader(tenant)
                try:
                    return reader.run(work, _INLINE_ENTITIES)
                except TooDear:
                    wanted = reader.wanted
                if wanted:
                    await self._indexing.make(tenant, wanted)
                    return await self._read_indexed(tenant, work)
            return await self._read_in_thread(tenant, work)
        except (sqlite3.Error, InternalError) as error:
            if not self._files.exists(tenant):  # removed while the read waited for a thread
                raise _no_such(tenant) from error
            if isinstance(error, InternalError):
                raise
            raise InternalError(f"The store failed to read: {error}") from error

    async def index_values(self, tenant: str | None, names: Iterable[str]) -> None:
        """Make the indexes of the values of some paths, as the first dear query that compares them would.

        Args:
            tenant: Whose.
            names: Of the paths (`value_index.index_name`); of an Attribute itself, its IRI.
        """
        await self._indexing.make(tenant, names)

    async def _read_indexed(self, tenant: str | None, work: Callable[[Snapshot], T]) -> T:
        """Begin again, now that indexes were made."""
        if not self._files.exists(tenant):
            raise _no_such(tenant)
        try:
            return self._reader(tenant).run(work, _INLINE_ENTITIES)
        except TooDear:
            return await self._read_in_thread(tenant, work)

    async def _read_in_thread(self, tenant: str | None, work: Callable[[Snapshot], T]) -> T:
        wanted: set[str] = set()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, self._read_dear, tenant, work, wanted)
        finally:
            self._indexing.begin(tenant, wanted)

    def _reader(self, tenant: str | None) -> _Reader:
        reader = self._inline.get(tenant)
        if reader is None:
            reader = self._inline[tenant] = self._connect(tenant)
            self._close_surplus()
        self._inline.move_to_end(tenant)
        return reader

    def _use(self, tenant: str | None) -> None:
        if tenant is not None and not HOUSEKEEPING.get():  # the default tenant's files stay open
            self._used[tenant] = time.monotonic()

    def _close_surplus(self) -> None:
        """Never more files than the settings allow: those unused for longest are closed."""
        while len(self._inline) > self._settings.max_open_tenants:
            self._close_readers(next(iter(self._inline)))

    def _close_readers(self, tenant: str | None) -> None:
        inline = self._inline.pop(tenant, None)
        for reader in [*([] if inline is None else [inline]), *self._idle.pop(tenant, [])]:
            reader.connection.close()

    def _close_unused(self) -> set[str | None]:
        horizon = time.monotonic() - self._settings.tenant_idle_seconds
        unused: set[str | None] = {
            tenant
            for tenant in {*self._inline, *self._idle, *self._writer.open_tenants()}
            if tenant is not None and self._used.get(tenant, 0.0) < horizon
        }
        for tenant in unused:
            self._close_readers(tenant)
            self._used.pop(tenant, None)
        if unused:
            self._writer.close_unused(unused)
        return unused

    def _connect(self, tenant: str | None) -> _Reader:
        connection = connect(self._files.path(tenant), durable=not self._files.temporary, create=False)
        return _Reader(connection, self._now, self.versions(tenant), self._settings.query_timeout_seconds)

    def _read_dear(self, tenant: str | None, work: Callable[[Snapshot], T], wanted: set[str]) -> T:
        """Runs on a thread of the pool; adds to `wanted` of which paths there should be an index."""
        removals = self._removals.get(tenant, 0)
        idle = self._idle.setdefault(tenant, [])
        try:
            reader = idle.pop()
        except IndexError:
            reader = self._connect(tenant)
        try:
            return reader.run(work)
        finally:
            wanted |= reader.wanted
            if self._removals.get(tenant, 0) == removals:
                self._idle.setdefault(tenant, []).append(reader)
            else:
                reader.connection.close()

    async def tenants(self) -> list[str | None]:
        """See `Store.tenants`."""
        return self._files.tenants()

    async def open_tenants(self) -> list[str | None]:
        """See `Store.open_tenants`."""
        unused = self._close_unused()
        return list({*self._inline, *self._writer.open_tenants()} - unused)

    async def remove(self, tenant: str) -> None:
        """See `Store.remove`. Reads that have begun see the tenant to their end."""
        if not self._files.exists(tenant):
            raise _no_such(tenant)
        self._files.forget(tenant)
        self._removals[tenant] = self._removals.get(tenant, 0) + 1
        self._close_readers(tenant)
        self._used.pop(tenant, None)
        await self._writer.remove(tenant)

    async def close(self) -> None:
        """See `Store.close`."""
        await self._indexing.close()
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._pool.shutdown)
        for reader in [*self._inline.values(), *(r for readers in self._idle.values() for r in readers)]:
            reader.connection.close()
        self._inline.clear()
        self._idle.clear()
        self._files.close()


def _no_such(tenant: str | None) -> NonexistentTenant:
    owner, snapshot_id = split_space(tenant)
    if snapshot_id is not None:
        return NonexistentTenant(f"There is no Snapshot {snapshot_id} of {owner or 'the default tenant'} any more")
    return NonexistentTenant(
        f'There is no tenant "{tenant}"; a tenant comes into being when something is created in it'
    )
