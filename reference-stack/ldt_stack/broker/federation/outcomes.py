"""Counters and times of distributed operations: ETSI GS CIM 009 V1.9.1, table 5.2.9-2.

Kept in memory as they happen and written a little later, many at once: a request that was forwarded does not wait for
the disk, and one that reads does not become a write.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Final

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Store, Transaction

_LOG: Final = logging.getLogger("ldt_stack.broker.federation")
_WRITE_AFTER_SECONDS: Final = 1.0

Key = tuple[str | None, str]


def after_attempt(status: JsonObject, at: str, *, succeeded: bool) -> JsonObject:
    """The output-only members of a Registration after one more distributed operation.

    Args:
        status: As they were; empty before the first one. Not modified.
        at: The instant, six digits, UTC.
        succeeded: Whether it succeeded.
    """
    result = {**status, "timesSent": status.get("timesSent", 0) + 1}
    if succeeded:
        return {**result, "lastSuccess": at, "status": "ok"}
    return {**result, "lastFailure": at, "status": "failed", "timesFailed": status.get("timesFailed", 0) + 1}


class Outcomes:
    """What came of distributed operations, by Registration. Used on the event loop alone.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: dict[Key, list[tuple[str, bool]]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def note(self, tenant: str | None, registration_id: str, at: str, *, succeeded: bool) -> None:
        """One distributed operation has ended."""
        self._unwritten.setdefault((tenant, registration_id), []).append((at, succeeded))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_later())

    async def flush(self) -> None:
        """Write what has not been written; before counters are read."""
        noted, self._unwritten = self._unwritten, {}
        for tenant in {key[0] for key in noted}:
            own = {key[1]: attempts for key, attempts in noted.items() if key[0] == tenant}
            try:
                await self._store.write(tenant, partial(_record, noted=own))
            except NgsiLdError as error:
                _LOG.warning("Outcomes of distributed operations cannot be written: %s", error.detail)

    async def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        if self._writer is not None:
            await self._writer
        await self.flush()

    async def _write_later(self) -> None:
        while self._unwritten:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _WRITE_AFTER_SECONDS)
            await self.flush()


def _record(transaction: Transaction, noted: dict[str, list[tuple[str, bool]]]) -> None:
    for registration_id, attempts in noted.items():
        if transaction.get_document(DocumentKind.REGISTRATION, registration_id) is None:
            continue
        status = transaction.get_document(DocumentKind.REGISTRATION_STATUS, registration_id) or {}
        for at, succeeded in attempts:
            status = after_attempt(status, at, succeeded=succeeded)
        transaction.put_document(DocumentKind.REGISTRATION_STATUS, registration_id, status)
