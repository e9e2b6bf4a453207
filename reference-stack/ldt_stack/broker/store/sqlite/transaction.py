"""`SqliteSnapshot` and `SqliteTransaction`: the interface, each method a function of a sibling module."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

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
from ldt_stack.broker.store.interface import KeptEntity
from ldt_stack.broker.store.sqlite import documents, entities, history, outbox, plain, queries, temporal
from ldt_stack.broker.store.sqlite.plain import SqliteEntity
from ldt_stack.broker.store.sqlite.session import Session


class SqliteSnapshot:
    """Reads of one tenant at one instant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def get_entity(self, entity_id: str, *, instance_times: bool = True) -> JsonObject | None:
        """See `Snapshot.get_entity`."""
        return entities.get_entity(self.session, entity_id, instance_times=instance_times)

    def get_text(self, entity_id: str) -> str | None:
        """See `Snapshot.get_text`."""
        return entities.get_text(self.session, entity_id)

    def query_entities(self, query: EntityQuery) -> Page:
        """See `Snapshot.query_entities`."""
        return queries.query_entities(self.session, query)

    def iterate_entities(self, query: EntityQuery) -> Iterator[JsonObject]:
        """See `Snapshot.iterate_entities`."""
        return queries.iterate_entities(self.session, query)

    def get_temporal(self, entity_id: str, query: TemporalQuery) -> TemporalEntity | None:
        """See `Snapshot.get_temporal`."""
        return temporal.get_temporal(self.session, entity_id, query)

    def query_temporal(self, query: EntityQuery, interval: TemporalQuery) -> TemporalPage:
        """See `Snapshot.query_temporal`."""
        return temporal.query_temporal(self.session, query, interval)

    def get_history_row(self, entity_id: str, attribute: str, instance_id: str) -> JsonObject | None:
        """See `Snapshot.get_history_row`."""
        return history.get_history_row(self.session, entity_id, attribute, instance_id)

    def expired_entities(self, now: str, limit: int) -> list[JsonObject]:
        """See `Snapshot.expired_entities`."""
        return entities.expired_entities(self.session, now, limit)

    def count_types(self) -> dict[str, int]:
        """See `Snapshot.count_types`."""
        return queries.count_types(self.session)

    def types_of_attributes(self) -> dict[str, dict[str, int]]:
        """See `Snapshot.types_of_attributes`."""
        return queries.types_of_attributes(self.session)

    def get_document(self, kind: DocumentKind, identifier: str) -> JsonObject | None:
        """See `Snapshot.get_document`."""
        return documents.get_document(self.session, kind, identifier)

    def get_documents(self, kind: DocumentKind, identifiers: Collection[str]) -> dict[str, JsonObject]:
        """See `Snapshot.get_documents`."""
        return documents.get_documents(self.session, kind, identifiers)

    def existing_documents(self, kind: DocumentKind, identifiers: Collection[str]) -> set[str]:
        """See `Snapshot.existing_documents`."""
        return documents.existing_documents(self.session, kind, identifiers)

    def list_documents(self, kind: DocumentKind, *, offset: int = 0, limit: int | None = None) -> list[JsonObject]:
        """See `Snapshot.list_documents`."""
        return documents.list_documents(self.session, kind, offset=offset, limit=limit)

    def count_documents(self, kind: DocumentKind) -> int:
        """See `Snapshot.count_documents`."""
        return documents.count_documents(self.session, kind)

    def documents_version(self, kind: DocumentKind) -> int:
        """See `Snapshot.documents_version`."""
        return documents.documents_version(self.session, kind)

    def owed_deliveries(self, limit: int, after: int = 0) -> list[Delivery]:
        """See `Snapshot.owed_deliveries`."""
        return outbox.owed_deliveries(self.session, limit, after)

    def last_delivery(self, subscription_id: str) -> Delivery | None:
        """See `Snapshot.last_delivery`."""
        return outbox.last_delivery(self.session, subscription_id)


class SqliteTransaction(SqliteSnapshot):
    """Reads and writes of one tenant, all or nothing."""

    def look_ahead(self, entity_ids: Collection[str], *, bodies: bool = True) -> None:
        """See `Transaction.look_ahead`."""
        entities.look_ahead(self.session, entity_ids, bodies=bodies)
        history.look_ahead(self.session, entity_ids)

    def find_entity(self, entity_id: str) -> SqliteEntity | None:
        """See `Transaction.find_entity`."""
        return plain.find_entity(self.session, entity_id)

    def find_expired(self, entity_id: str) -> JsonObject | None:
        """See `Transaction.find_expired`."""
        return entities.find_expired(self.session, entity_id)

    def put_plain(self, entity: PlainEntity, created_at: str, modified_at: str, before: KeptEntity | None) -> None:
        """See `Transaction.put_plain`."""
        if before is not None and not isinstance(before, SqliteEntity):
            raise TypeError(f"before is a {type(before).__name__}; expected what find_entity returned")
        plain.put_plain(self.session, entity, created_at, modified_at, before)

    def put_entity(self, entity: JsonObject, before: JsonObject | None = None) -> None:
        """See `Transaction.put_entity`."""
        entities.put_entity(self.session, entity, before)

    def delete_entity(self, entity_id: str) -> bool:
        """See `Transaction.delete_entity`."""
        return entities.delete_entity(self.session, entity_id)

    def append_history(self, rows: Sequence[HistoryRow]) -> None:
        """See `Transaction.append_history`."""
        history.append_history(self.session, rows)

    def append_instances(self, entity: JsonObject, written: Sequence[tuple[str, JsonObject]]) -> None:
        """See `Transaction.append_instances`."""
        history.append_instances(self.session, entity, written)

    def replace_history(self, row: HistoryRow) -> bool:
        """See `Transaction.replace_history`."""
        return history.replace_history(self.session, row)

    def put_temporal_head(self, head: JsonObject) -> None:
        """See `Transaction.put_temporal_head`."""
        history.put_temporal_head(self.session, head)

    def delete_history(
        self,
        entity_id: str,
        attribute: str | None = None,
        instance_id: str | None = None,
        dataset_id: str | None = None,
        *,
        any_dataset: bool = True,
    ) -> int:
        """See `Transaction.delete_history`."""
        return history.delete_history(
            self.session, entity_id, attribute, instance_id, dataset_id, any_dataset=any_dataset
        )

    def put_document(self, kind: DocumentKind, identifier: str, document: JsonObject) -> None:
        """See `Transaction.put_document`."""
        documents.put_document(self.session, kind, identifier, document)

    def put_documents(self, kind: DocumentKind, found: Mapping[str, JsonObject]) -> None:
        """See `Transaction.put_documents`."""
        documents.put_documents(self.session, kind, found)

    def delete_document(self, kind: DocumentKind, identifier: str) -> bool:
        """See `Transaction.delete_document`."""
        return documents.delete_document(self.session, kind, identifier)

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Transaction.enqueue`."""
        outbox.enqueue(self.session, deliveries)

    def drop_deliveries(self, numbers: Collection[int]) -> None:
        """See `Transaction.drop_deliveries`."""
        outbox.drop_deliveries(self.session, numbers)

    def drop_deliveries_of(self, subscription_id: str) -> None:
        """See `Transaction.drop_deliveries_of`."""
        outbox.drop_deliveries_of(self.session, subscription_id)
