"""Removes what has expired: ETSI GS CIM 009 V1.9.1, clause 4.22.

"Clean-up processes will only run periodically": an expired Entity is not shown any more at once (the store sees to
that); an expired Attribute, and what both leave behind in the store, goes with the next sweep. A sweep looks at
tenants whose files are open: nobody can see anything of the others.
"""

from __future__ import annotations

import asyncio
import logging
from operator import is_

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.operations.entity_maps.management import remove_expired_maps
from ldt_stack.broker.operations.recording import record
from ldt_stack.broker.operations.registrations.management import remove_in
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import HOUSEKEEPING, Snapshot, Transaction

_log = logging.getLogger(__name__)
_AT_ONCE = 500


async def remove_expired(broker: Broker, tenant: str | None) -> int:
    """Remove Entities and Attributes that have expired, as their deletion would; how many Entities changed or went."""
    now = broker.now()
    if not await broker.store.read(tenant, lambda snapshot: snapshot.expired_entities(now, 1)):
        return 0
    call = Call(tenant, core_context(), local=True)

    def work(transaction: Transaction) -> int:
        at = broker.now()  # others may have written meanwhile: what is removed now was there until now
        expired = transaction.expired_entities(at, _AT_ONCE)
        for entity in expired:
            record(broker, transaction, call, at, entity, _remains(entity, at))
        return len(expired)

    return await broker.store.write(tenant, work)


async def remove_expired_registrations(broker: Broker, tenant: str | None) -> int:
    """Delete Context Source Registrations "when this point in time is reached" (5.9.2.4); how many went."""
    now = broker.now()
    kind = DocumentKind.REGISTRATION

    def expired(snapshot: Snapshot) -> list[JsonObject]:
        return [d for d in snapshot.list_documents(kind) if _expired(d["members"], now)]

    if not await broker.store.read(tenant, expired):
        return 0

    def work(transaction: Transaction) -> int:
        begun()
        found = expired(transaction)
        for document in found:
            remove_in(broker, transaction, tenant, document)
        return len(found)

    with broker.registrations.changing(tenant) as begun:
        return await broker.store.write(tenant, work)


def _remains(entity: JsonObject, now: str) -> JsonObject | None:
    """The Entity without Attribute instances that have expired; None if all of it has."""
    return None if _expired(entity, now) else _without_expired(entity, now)


def _without_expired(holder: JsonObject, now: str) -> JsonObject:
    """An Entity or Attribute instance without the (sub-)Attributes that have expired; the same one if none has."""
    kept = {
        name: [_without_expired(instance, now) for instance in instances if not _expired(instance, now)]
        for name, instances in holder.items()
        if is_attribute_key(name)
    }
    if all(len(left) == len(holder[name]) and all(map(is_, left, holder[name])) for name, left in kept.items()):
        return holder
    others = {name: value for name, value in holder.items() if not is_attribute_key(name)}
    return {**others, "modifiedAt": now, **{name: left for name, left in kept.items() if left}}


def _expired(holder: JsonObject, now: str) -> bool:
    instant = normalize(holder.get("expiresAt"))
    return instant is not None and instant <= now


class Sweeper:
    """Sweeps every so often, until it is closed."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def start(self, broker: Broker) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(broker))

    async def close(self) -> None:
        """Stop; a sweep that has begun is finished or has changed nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, broker: Broker) -> None:
        HOUSEKEEPING.set(True)  # in this task alone
        while True:
            await asyncio.sleep(broker.settings.expiry_sweep_seconds)
            for tenant in await broker.store.open_tenants():
                try:
                    swept = _AT_ONCE
                    while swept == _AT_ONCE:
                        swept = await remove_expired(broker, tenant)
                    await remove_expired_maps(broker, tenant)
                    await remove_expired_registrations(broker, tenant)
                except NgsiLdError as error:
                    _log.warning("what has expired in tenant %s could not be removed: %s", tenant, error.detail)
