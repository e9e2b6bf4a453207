"""What the broker asks of a store. One operation is one transaction: state, history and outbox are written together.

Asynchronous outside, plain functions inside: `Store.write(tenant, work)` runs `work(transaction)` where the store
says (SQLite: a writer thread that groups commits), and returns what `work` returned after the commit is on disk. If
`work` raises, nothing of it is kept, and the exception reaches the caller.

Everything that goes in and comes out is the expanded form (see `broker.model`) as JSON values. What a read returns
belongs to the caller: it may be changed. What any store must do say `store_contract.py` and `history_contract.py` in
`tests/broker/store/`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Final, Protocol, TypeVar

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.plain import PlainEntity
from ldt_stack.broker.store.data import (
    Delivery,
    DocumentKind,
    EntityQuery,
    HistoryRow,
    Page,
    TemporalEntity,
    TemporalPage,
    TemporalQuery,
)

T = TypeVar("T")


HOUSEKEEPING: Final = ContextVar("housekeeping", default=False)
"""True in what looks at every open tenant of its own accord: that is no use which keeps a tenant open."""


class Snapshot(Protocol):
    """A consistent state of one tenant, to read from."""

    def get_entity(self, entity_id: str, *, instance_times: bool = True) -> JsonObject | None:
        """The current state of an Entity, or None. An Entity whose expiresAt has passed is not there (4.22).

        For `instance_times` see `EntityQuery`.
        """
        ...

    def get_text(self, entity_id: str) -> str | None:
        """The same as it is kept (`model.entity_text`), without times of instances."""
        ...

    def query_entities(self, query: EntityQuery) -> Page:
        """Entities that match, in the query's order."""
        ...

    def iterate_entities(self, query: EntityQuery) -> Iterator[JsonObject]:
        """All that match, without limit and offset, one by one."""
        ...

    def get_temporal(self, entity_id: str, query: TemporalQuery) -> TemporalEntity | None:
        """The temporal evolution of one Entity; None if there is none."""
        ...

    def query_temporal(self, query: EntityQuery, interval: TemporalQuery) -> TemporalPage:
        """Temporal evolutions of the Entities that match, by id (5.7.4.4).

        A selector selects them, the interval has an instance of an Attribute asked for, and the conditions hold for the
        instances of the interval.
        """
        ...

    def get_history_row(self, entity_id: str, attribute: str, instance_id: str) -> JsonObject | None:
        """One Attribute instance of the history, expanded, or None."""
        ...

    def expired_entities(self, now: str, limit: int) -> list[JsonObject]:
        """Entities, as stored, that expired at an instant, in whole or with an Attribute: to be removed (4.22)."""
        ...

    def count_types(self) -> dict[str, int]:
        """Entity Type IRI -> number of Entities that have it now."""
        ...

    def types_of_attributes(self) -> dict[str, dict[str, int]]:
        """Attribute IRI -> {Entity Type IRI -> number of Entities of that type with the Attribute}."""
        ...

    def get_document(self, kind: DocumentKind, identifier: str) -> JsonObject | None:
        """A document, or None."""
        ...

    def get_documents(self, kind: DocumentKind, identifiers: Collection[str]) -> dict[str, JsonObject]:
        """Those of the named documents that there are, by id."""
        ...

    def existing_documents(self, kind: DocumentKind, identifiers: Collection[str]) -> set[str]:
        """Ids of those of the named documents that there are."""
        ...

    def list_documents(self, kind: DocumentKind, *, offset: int = 0, limit: int | None = None) -> list[JsonObject]:
        """Documents of a kind in the order they were first put."""
        ...

    def count_documents(self, kind: DocumentKind) -> int:
        """How many there are."""
        ...

    def documents_version(self, kind: DocumentKind) -> int:
        """Grows with every put and delete of a document of this kind, while the store is open: to keep a cache by."""
        ...

    def owed_deliveries(self, limit: int, after: int = 0) -> list[Delivery]:
        """The oldest deliveries with numbers above `after`, in the order of commits."""
        ...

    def last_delivery(self, subscription_id: str) -> Delivery | None:
        """The newest delivery that is owed to a subscription."""
        ...


class KeptEntity(Protocol):
    """An Entity as a store keeps it: read when somebody asks."""

    @property
    def entity(self) -> JsonObject:
        """Expanded, as `Snapshot.get_entity` returns it; to be asked for before anything else is put in its place."""
        ...

    def created_alike(self, types: tuple[str, ...], names: tuple[str, ...]) -> str | None:
        """When it was created, if all that it has was: these types and plain Attributes (`PlainEntity`), no other.

        None also where the store does not care to find out.
        """
        ...


class Transaction(Snapshot, Protocol):
    """A snapshot that can be written to; sees its own writes."""

    def look_ahead(self, entity_ids: Collection[str], *, bodies: bool = True) -> None:
        """These Entities are going to be asked for: a store that can read them at once may do so now.

        Args:
            entity_ids: Whose.
            bodies: Whether all of each will be looked at; otherwise most are going to be replaced.
        """
        ...

    def find_entity(self, entity_id: str) -> KeptEntity | None:
        """As `get_entity`, for who may not have to look at all of it."""
        ...

    def find_expired(self, entity_id: str) -> JsonObject | None:
        """An Entity, as stored, that has expired as a whole, but was not removed yet (4.22)."""
        ...

    def put_plain(self, entity: PlainEntity, created_at: str, modified_at: str, before: KeptEntity | None) -> None:
        """Insert or replace an Entity that is nothing but plain, and add all its instances to its evolution.

        The same as `put_entity`, `append_instances`, and `put_temporal_head` of one that was not there.

        Args:
            entity: What is to be.
            created_at: Of the Entity and its Attributes, normalized.
            modified_at: Likewise.
            before: What `find_entity` said; if not None, `created_alike` said `created_at`. If None, there is none, not
                even one that has expired (`find_expired`).
        """
        ...

    def put_entity(self, entity: JsonObject, before: JsonObject | None = None) -> None:
        """Insert or replace the current state of an Entity. Instance ids belong to the history and are not kept.

        Attribute instances that have no createdAt or modifiedAt get those of the Entity.

        Args:
            entity: Expanded.
            before: What `get_entity` said of it in this transaction, unchanged: the store need not look again.
        """
        ...

    def delete_entity(self, entity_id: str) -> bool:
        """Remove the current state; the history stays. False if there was none."""
        ...

    def append_history(self, rows: Sequence[HistoryRow]) -> None:
        """Add Attribute instances, with new instanceIds, to the temporal evolution; `put_temporal_head` comes first."""
        ...

    def append_instances(self, entity: JsonObject, written: Sequence[tuple[str, JsonObject]]) -> None:
        """Add Attribute instances (IRI, instance) of an Entity, as it is put, to its temporal evolution.

        The store gives them instanceIds. Where an instance has no createdAt or modifiedAt, those of the Entity count.
        An evolution that is not there yet, or was deleted, begins with the Entity's head.
        """
        ...

    def replace_history(self, row: HistoryRow) -> bool:
        """Replace the instance with the row's instanceId; False if there is none."""
        ...

    def put_temporal_head(self, head: JsonObject) -> None:
        """Insert or replace the head (see `TemporalEntity`) of an Entity's temporal evolution.

        While the Entity exists, the later modifiedAt of both counts: it need not be put for that alone.
        Entity Types that it had before stay (4.16: "an Entity always had all Entity Types").
        """
        ...

    def delete_history(
        self,
        entity_id: str,
        attribute: str | None = None,
        instance_id: str | None = None,
        dataset_id: str | None = None,
        *,
        any_dataset: bool = True,
    ) -> int:
        """Remove the whole evolution (with its head), one Attribute of it, or one instance; how many rows went.

        With `any_dataset=False` only instances with `dataset_id` (None: the default instance) go.
        """
        ...

    def put_document(self, kind: DocumentKind, identifier: str, document: JsonObject) -> None:
        """Insert or replace a document."""
        ...

    def put_documents(self, kind: DocumentKind, documents: Mapping[str, JsonObject]) -> None:
        """Insert or replace documents, by id."""
        ...

    def delete_document(self, kind: DocumentKind, identifier: str) -> bool:
        """Remove a document; False if there was none."""
        ...

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Add to the outbox. `Store.on_enqueued` is told on the event loop, after the commit and in that order."""
        ...

    def drop_deliveries(self, numbers: Collection[int]) -> None:
        """Delivered or given up."""
        ...

    def drop_deliveries_of(self, subscription_id: str) -> None:
        """The subscription is gone."""
        ...


class Store(Protocol):
    """One set of tenants. The default tenant (None) always exists."""

    on_enqueued: Callable[[str | None, list[Delivery]], None] | None
    """Told of each tenant's new deliveries, with their numbers."""

    async def write(self, tenant: str | None, work: Callable[[Transaction], T], *, create: bool = False) -> T:
        """Run `work` in a transaction; returns when it is on disk.

        Args:
            tenant: Whose data; None is the default tenant.
            work: Runs on the store's thread, must not block on anything but the transaction, may run only once.
            create: Whether a tenant that does not exist comes into being (5.5.10: creating operations only). The
                space of a Snapshot never does so: its Snapshot may have been deleted in the meantime.

        Raises:
            NonexistentTenant: There is no such tenant and `create` is false.
            InternalError: The store failed (disk full, file damaged …); nothing was kept.
        """
        ...

    async def add(self, space: str) -> None:
        """Make the space of a Snapshot (`broker.spaces`); returns when it is on disk.

        Raises:
            BadRequestData: Its name is too long.
            InternalError: The store failed.
        """
        ...

    async def read(self, tenant: str | None, work: Callable[[Snapshot], T], *, dear: bool = False) -> T:
        """Run `work` on a consistent snapshot.

        Args:
            tenant: Whose data; None is the default tenant.
            work: Reads and computes, nothing else: it may run several times.
            dear: Whether it leaves the event loop at once. Others begin there, and leave it, to begin again, when it
                turns out that many Entities must be looked at: no read blocks the others.

        Raises:
            NonexistentTenant: There is no such tenant.
            InternalError: The store failed.
        """
        ...

    async def tenants(self) -> list[str | None]:
        """Every tenant that exists, the default one first."""
        ...

    async def open_tenants(self) -> list[str | None]:
        """Tenants that were used lately: whose files are open. Those that nobody uses any more are closed."""
        ...

    async def remove(self, tenant: str) -> None:
        """Remove a tenant with everything in it; returns when it is gone. Work on it that waits is done before.

        Raises:
            NonexistentTenant: There is no such tenant.
            InternalError: The store failed; the tenant is not there any more, but some of its files may be.
        """
        ...

    async def close(self) -> None:
        """Finish what was begun, then close every file."""
        ...
