"""Makes indexes of values beside the requests, for queries that would be dear without (`value_index`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from ldt_stack.broker.errors import InternalError
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index, fill_index
from ldt_stack.broker.store.sqlite.writer import Writer

_WAIT_SECONDS: Final = 10.0  # a hundred thousand Entities take one or two
_log = logging.getLogger(__name__)


class Indexing:
    """One task a path, which its name tells (`value_index`). Used on the event loop alone.

    Args:
        writer: Whose jobs the slices are.
        exists: Whether there is (still) such a tenant.
    """

    def __init__(self, writer: Writer, exists: Callable[[str | None], bool]) -> None:
        self._writer = writer
        self._exists = exists
        self._under_way: dict[tuple[str | None, str], asyncio.Task[None]] = {}
        self._closed = False

    def begin(self, tenant: str | None, names: Iterable[str]) -> list[asyncio.Task[None]]:
        """Begin to make the indexes of some paths, or go on with it; nothing once it is closed."""
        return [] if self._closed else [self._task(tenant, name) for name in names]

    async def make(self, tenant: str | None, names: Iterable[str]) -> None:
        """The same, and wait until they are complete; but not for long: a query can do without."""
        tasks = self.begin(tenant, names)
        if tasks:
            await asyncio.wait(tasks, timeout=_WAIT_SECONDS)

    async def close(self) -> None:
        """Leave what is under way; the next query that wants it goes on."""
        self._closed = True
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, tenant: str | None, name: str) -> asyncio.Task[None]:
        key = tenant, name
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._make(tenant, name))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return task

    async def _make(self, tenant: str | None, name: str) -> None:
        after: int | None = 0
        try:
            if not self._exists(tenant) or not await self._writer.submit(tenant, partial(_begin, name=name)):
                return
            while after is not None and self._exists(tenant):
                after = await self._writer.submit(tenant, partial(_fill, name=name, after=after))
        except InternalError as error:
            _log.warning("store: no index of %s could be made: %s", name, error.detail)


def _begin(transaction: Transaction, name: str) -> bool:
    return begin_index(_session(transaction), name)


def _fill(transaction: Transaction, name: str, after: int) -> int | None:
    return fill_index(_session(transaction), name, after)


def _session(transaction: Transaction) -> Session:
    if not isinstance(transaction, SqliteTransaction):
        raise TypeError(f"The transaction is a {type(transaction).__name__}; expected one of SQLite")
    return transaction.session
