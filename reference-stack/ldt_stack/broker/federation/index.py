"""The Context Source Registrations of all tenants in memory, compiled, so that a request finds them without a read.

Used on the event loop, but for what says so. A tenant's are read with its first request, and again after each change:
whoever changes a Registration does so within `changing` (no other process writes to the store).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ldt_stack.broker.errors import NonexistentTenant
from ldt_stack.broker.federation.registration import Registration, compile_registration
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Store


class RegistrationIndex:
    """Compiled Registrations by tenant, in the order of their creation.

    Args:
        store: Where they are kept.

    Attributes:
        on_change: Told when a Registration of a tenant has changed.
    """

    def __init__(self, store: Store) -> None:
        self.on_change: Callable[[str | None], None] | None = None
        self._store = store
        self._known: dict[str | None, tuple[Registration, ...]] = {}
        self._generation: dict[str | None, int] = {}
        self._changes: dict[str | None, set[object]] = {}

    @contextmanager
    def changing(self, tenant: str | None) -> Iterator[Callable[[], None]]:
        """A Registration of a tenant is put or deleted.

        What it gives is called in the transaction that does it: from then on, until the end, `unchanged` is false.
        """
        change, changes = object(), self._changes.setdefault(tenant, set())
        try:
            yield lambda: changes.add(change)
        finally:
            self._generation[tenant] = self.generation(tenant) + 1
            self._known.pop(tenant, None)
            changes.discard(change)
            if self.on_change is not None:
                self.on_change(tenant)

    def generation(self, tenant: str | None) -> int:
        """Grows with each change."""
        return self._generation.get(tenant, 0)

    def unchanged(self, tenant: str | None, generation: int) -> bool:
        """Whether a transaction comes before all changes that are not of a generation; called inside it."""
        return not self._changes.get(tenant) and self.generation(tenant) == generation

    async def registrations(self, tenant: str | None, now: Callable[[], str]) -> tuple[Registration, ...]:
        """All that have not expired; none for a tenant that does not exist. `now` is asked only if any may expire."""
        known = self._known.get(tenant)
        if known is None:
            known = await self._load(tenant)
        if known and any(one.expires_at is not None for one in known):
            present = now()
            return tuple(one for one in known if not one.expired(present))
        return known

    async def _load(self, tenant: str | None) -> tuple[Registration, ...]:
        while True:
            generation = self.generation(tenant)
            try:
                found = await self._store.read(tenant, _read)
            except NonexistentTenant:
                return ()
            if generation == self.generation(tenant):
                self._known[tenant] = found
                return found


def _read(snapshot: Snapshot) -> tuple[Registration, ...]:
    documents = snapshot.list_documents(DocumentKind.REGISTRATION)
    return tuple(compile_registration(document["members"]) for document in documents)
