"""Copies of the @contexts that Subscriptions were made with: ETSI GS CIM 009 V1.9.1, clauses 5.8.1.4 and 5.8.6.

A Subscription has its @context for life: `q` means what it meant, and its notifications are written with it. Where the
origin of that @context cannot be reached, or has nothing there any more, it goes on as before, also after a restart; a
request that names the same @context is refused then (5.5.6).
"""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Transaction

_KIND: Final = DocumentKind.CONTEXT_COPY


class StoredCopies:
    """Implements `ContextCopies` with documents of the default tenant's store: URLs know no tenant."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._copies: dict[str, JsonObject] = {}
        self._needed: set[str] = set()

    async def load(self) -> None:
        """Read what an earlier process has left."""

        def work(snapshot: Snapshot) -> dict[str, JsonObject]:
            return {one["id"]: one["document"] for one in snapshot.list_documents(_KIND)}

        self._copies = await self._broker.store.read(None, work)

    def get(self, url: str) -> JsonObject | None:
        """See `ContextCopies.get`."""
        return self._copies.get(url)

    async def keep(self, *contexts: LdContext) -> None:
        """See `ContextCopies.keep`."""
        documents = {url: document for one in contexts for url, document in one.documents.items()}
        self._needed.update(documents)
        fresh = {url: document for url, document in documents.items() if self._copies.get(url) != document}
        if not fresh:
            return

        def work(transaction: Transaction) -> None:
            for url, document in fresh.items():
                transaction.put_document(_KIND, url, {"id": url, "document": document})

        await self._broker.store.write(None, work)
        self._copies.update(fresh)

    async def drop_unneeded(self) -> None:
        """Forget what nothing has needed since `load`: call it when all that is stored here was read."""
        unneeded = self._copies.keys() - self._needed
        if not unneeded:
            return

        def work(transaction: Transaction) -> None:
            for url in unneeded:
                transaction.delete_document(_KIND, url)

        await self._broker.store.write(None, work)
        for url in unneeded:
            del self._copies[url]
