"""`Keeper`: fills Snapshots, notifies, and removes what has expired. ETSI GS CIM 009 V1.9.1, clauses 5.5.15 and 5.16.

What an earlier process was preparing when it ended is prepared again; a space whose Snapshot is gone is removed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.snapshots.content import execute_queries, read_content, write_content
from ldt_stack.broker.operations.snapshots.management import PREPARING
from ldt_stack.broker.service import Broker
from ldt_stack.broker.spaces import space_of, split_space
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import HOUSEKEEPING, Transaction

_LOG: Final = logging.getLogger("ldt_stack.broker.snapshots")
_KIND: Final = DocumentKind.SNAPSHOT


class Keeper:
    """Implements `service.SnapshotKeeper` and `service.Background`."""

    def __init__(self) -> None:
        self._broker: Broker | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._used: dict[str, str] = {}  # space -> lastUsedAt that is not stored yet
        self._expires: dict[str, str] = {}  # space -> expiresAt, so that a sweep looks at no store in vain
        self._sweeper: asyncio.Task[None] | None = None
        # Space -> held while its content is made or removed: the next Snapshot may have the same id.
        self._filling: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # --- life ------------------------------------------------------------------------------------------------------

    async def start(self, broker: Broker) -> None:
        """Go on where an earlier process ended."""
        self._broker = broker
        tenants = await broker.store.tenants()
        known: set[str] = set()
        for tenant in [one for one in tenants if split_space(one)[1] is None]:
            for document in await broker.store.read(tenant, lambda snapshot: snapshot.list_documents(_KIND)):
                known.add(space_of(tenant, document["id"]))
                self._expires[space_of(tenant, document["id"])] = document["expiresAt"]
                if document["snapshotStatus"] == PREPARING:
                    self.prepare(tenant, document["id"])
        for space in tenants:
            tenant, snapshot_id = split_space(space)
            if snapshot_id is not None and space not in known:
                await self._remove_space(broker, tenant, snapshot_id)
        self._sweeper = asyncio.create_task(self._sweep_often(broker))

    async def close(self) -> None:
        """Stop; what is being prepared is prepared again by the next process."""
        running = [*self._tasks, *([self._sweeper] if self._sweeper is not None else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._broker is not None:
            await self._store_uses(self._broker)

    def _started(self) -> Broker:
        if self._broker is None:
            raise RuntimeError("The keeper was not started: call Broker.start() before any operation")
        return self._broker

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("work on a Snapshot failed", exc_info=task.exception())

    # --- preparation -----------------------------------------------------------------------------------------------

    def prepare(self, tenant: str | None, snapshot_id: str) -> None:
        """See `service.SnapshotKeeper.prepare`."""
        self._run(self._prepare(tenant, snapshot_id))

    async def _prepare(self, tenant: str | None, snapshot_id: str) -> None:
        async with self._filling.setdefault(space_of(tenant, snapshot_id), asyncio.Lock()):
            await self._prepare_alone(self._started(), tenant, snapshot_id)

    async def _prepare_alone(self, broker: Broker, tenant: str | None, snapshot_id: str) -> None:
        document = await broker.store.read(tenant, lambda snapshot: snapshot.get_document(_KIND, snapshot_id))
        if document is None:
            return
        self._expires[space_of(tenant, snapshot_id)] = document["expiresAt"]
        try:
            result = await self._fill(broker, tenant, document)
        except NgsiLdError as error:
            _LOG.warning("Snapshot %s cannot be filled: %s", snapshot_id, error.detail)
            result = {"snapshotStatus": "failure"}
        except Exception:
            _LOG.exception("Snapshot %s cannot be filled", snapshot_id)
            result = {"snapshotStatus": "failure"}  # 5.16.1.4: "and to failure otherwise"

        def work(transaction: Transaction) -> JsonObject | None:
            present = transaction.get_document(_KIND, snapshot_id)
            if present is None or present["createdAt"] != document["createdAt"]:
                return None
            present |= {**result, "modifiedAt": broker.now()}
            transaction.put_document(_KIND, snapshot_id, present)
            self.tell(transaction, tenant, present)
            return present

        finished = await broker.store.write(tenant, work)
        if finished is None:  # deleted in the meantime
            await self._remove_space(broker, tenant, snapshot_id)
        else:
            self.changed(tenant, finished)

    async def _fill(self, broker: Broker, tenant: str | None, document: JsonObject) -> JsonObject:
        """Store what the Snapshot is to hold; the members that say how that ended."""
        await self._remove_space(broker, tenant, document["id"])  # what an earlier process may have begun
        space = space_of(tenant, document["id"])
        await broker.store.add(space)  # it is there also where nothing is found, or all fails
        if "cloneOf" in document:
            await write_content(broker, space, await read_content(broker, space_of(tenant, document["cloneOf"])))
            return {"snapshotStatus": "success"}
        ld_context = await broker.contexts.resolve(document["ldContext"])
        content = await execute_queries(broker, tenant, ld_context, document)
        await write_content(broker, space, content)
        result: JsonObject = {"snapshotStatus": content.status}
        if content.details:
            result["snapshotQueriesDetails"] = content.details
        if content.temporal_details:
            result["snapshotTemporalQueriesDetails"] = content.temporal_details
        return result

    # --- notifications ---------------------------------------------------------------------------------------------

    def tell(
        self, transaction: Transaction, tenant: str | None, snapshot: JsonObject, gone_at: str | None = None
    ) -> None:
        """See `service.SnapshotKeeper.tell`."""
        if "endpoint" not in snapshot:
            return
        if gone_at is not None:
            # "if expiresAt is before notifiedAt, the notification indicates that the snapshot has been deleted" (5.3.4)
            snapshot = {**snapshot, "expiresAt": min(snapshot["expiresAt"], gone_at)}
        self._started().notifier.snapshot_changed(transaction, tenant, snapshot)

    def changed(self, tenant: str | None, snapshot: JsonObject) -> None:
        """See `service.SnapshotKeeper.changed`."""
        self._expires[space_of(tenant, snapshot["id"])] = snapshot["expiresAt"]

    # --- use and end -----------------------------------------------------------------------------------------------

    def used(self, tenant: str | None, snapshot_id: str) -> None:
        """See `service.SnapshotKeeper.used`. Stored with the next sweep: reading shall not wait for the disk."""
        self._used[space_of(tenant, snapshot_id)] = self._started().now()

    def last_used(self, tenant: str | None, snapshot_id: str) -> str | None:
        """See `service.SnapshotKeeper.last_used`."""
        return self._used.get(space_of(tenant, snapshot_id))

    async def removed(self, tenant: str | None, snapshot: JsonObject) -> None:
        """See `service.SnapshotKeeper.removed`."""
        broker = self._started()
        space = space_of(tenant, snapshot["id"])
        self._expires.pop(space, None)
        filling = self._filling.get(space)
        removal = self._remove_left(broker, tenant, snapshot["id"])
        if filling is not None and filling.locked():
            self._run(removal)  # nobody waits for a Snapshot that is being filled in vain
        else:
            await removal

    async def _remove_left(self, broker: Broker, tenant: str | None, snapshot_id: str) -> None:
        """Remove the space of a Snapshot that is gone, unless there is a new one with its id, which sees to it."""
        async with self._filling.setdefault(space_of(tenant, snapshot_id), asyncio.Lock()):
            if await broker.store.read(tenant, lambda snapshot: snapshot.get_document(_KIND, snapshot_id)) is None:
                await self._remove_space(broker, tenant, snapshot_id)

    async def _remove_space(self, broker: Broker, tenant: str | None, snapshot_id: str) -> None:
        space = space_of(tenant, snapshot_id)
        self._used.pop(space, None)
        if space not in await broker.store.tenants():
            return
        subscriptions = await broker.store.read(
            space, lambda snapshot: snapshot.list_documents(DocumentKind.SUBSCRIPTION)
        )
        for subscription in subscriptions:
            broker.notifier.unsubscribed(space, subscription["id"])
        await broker.store.remove(space)

    async def _sweep_often(self, broker: Broker) -> None:
        HOUSEKEEPING.set(True)  # in this task alone
        while True:
            await asyncio.sleep(broker.settings.expiry_sweep_seconds)
            try:
                await self.sweep(broker)
            except NgsiLdError as error:
                _LOG.warning("Snapshots that have expired could not be removed: %s", error.detail)

    async def sweep(self, broker: Broker) -> None:
        """Store when Snapshots were used, and remove those that have expired."""
        await self._store_uses(broker)
        now = broker.now()
        due = [space for space, at in self._expires.items() if at <= now]
        for tenant in {split_space(space)[0] for space in due}:
            for one in await broker.store.write(tenant, partial(self._drop_expired, tenant=tenant, now=now)):
                await self.removed(tenant, one)

    def _drop_expired(self, transaction: Transaction, tenant: str | None, now: str) -> list[JsonObject]:
        found = [one for one in transaction.list_documents(_KIND) if one["expiresAt"] <= now]
        for one in found:
            transaction.delete_document(_KIND, one["id"])
            self.tell(transaction, tenant, one, now)
        return found

    async def _store_uses(self, broker: Broker) -> None:
        while self._used:
            space, at = self._used.popitem()
            tenant, snapshot_id = split_space(space)
            await broker.store.write(tenant, partial(_note_use, snapshot_id=str(snapshot_id), at=at))


def _note_use(transaction: Transaction, snapshot_id: str, at: str) -> None:
    document = transaction.get_document(_KIND, snapshot_id)
    if document is not None:
        transaction.put_document(_KIND, snapshot_id, {**document, "lastUsedAt": at})
