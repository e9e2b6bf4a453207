"""Entities that are nothing but plain, written as a whole: what comes most, in one go.

It does what `entities.put_entity`, `history.append_instances` and `history.put_temporal_head` do one after the other,
but makes each instance's JSON once, and reads of the Entity before no more than its lines.
"""

from __future__ import annotations

from typing import Final

from ldt_stack.broker.model.entity_text import (
    created_at_of,
    geo_properties_of,
    places_of,
    split_array,
    write_plain,
)
from ldt_stack.broker.model.instance_ids import TOGETHER, new_instance_key
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.plain import PlainEntity
from ldt_stack.broker.store.sqlite import entities, history
from ldt_stack.broker.store.sqlite.instances import instant_of, shorten_together, system_time
from ldt_stack.broker.store.sqlite.pending import EntityRow
from ldt_stack.broker.store.sqlite.places import index_places
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_entity
from ldt_stack.broker.store.sqlite.value_index import index_values, is_any_indexed

_NOTHING: Final[JsonObject] = {}


class SqliteEntity:
    """Implements `KeptEntity`."""

    __slots__ = ("_entity", "_session", "row")

    def __init__(self, session: Session, row: EntityRow) -> None:
        self._session = session
        self.row = row
        self._entity: JsonObject | None = None

    @property
    def body(self) -> str:
        """Its text, before anything else of it is put."""
        return entities.body_of(self._session, self.row)

    @property
    def entity(self) -> JsonObject:
        """See `KeptEntity.entity`."""
        if self._entity is None:
            self._entity = decode_entity(self.body, self.row.times)
        return self._entity

    def created_alike(self, types: tuple[str, ...], names: tuple[str, ...]) -> str | None:
        """See `KeptEntity.created_alike`."""
        if self.row.form is None or self.row.created is None:
            return None if self.row.times is not None else created_at_of(self.body, types, names)
        return instant_of(self.row.created) if self.row.form == self._session.form_of(types, names) else None


def find_entity(session: Session, entity_id: str) -> SqliteEntity | None:
    """See `Transaction.find_entity`."""
    row = entities.find_row(session, entity_id)
    return None if row is None else SqliteEntity(session, row)


def put_plain(
    session: Session, entity: PlainEntity, created_at: str, modified_at: str, before: SqliteEntity | None
) -> None:
    """See `Transaction.put_plain`."""
    instances = split_array(entity.instances, len(entity.names))
    text = write_plain(entity, instances, created_at, modified_at)
    number = session.next_entity() if before is None else before.row.number
    shape = session.shape_of(entity.names)
    created, places = system_time(created_at), places_of(entity, instances)
    form = None if created is None else session.form_of(entity.types, entity.names)
    writes = session.writes
    if before is None:
        writes.types += [(session.name(iri), number) for iri in entity.types]
        writes.attributes += [(attribute, number) for attribute in session.attributes_of(shape)]
        times = {"createdAt": created_at, "modifiedAt": modified_at}
        history.put_temporal_head(session, {"id": entity.id, "type": list(entity.types), **times})
    if is_any_indexed(session):
        index_values(session, number, _NOTHING if before is None else before.entity, entity.attributes)
    if before is None or before.row.form is None or before.row.places != places:
        old = {} if before is None else geo_properties_of(before.body)
        index_places(session, number, old, entity.geo_properties)
    writes.rows_of_entities.append((number, entity.id, form, created, places, None, None, None, text))
    writes.entities[entity.id] = EntityRow(number, text, None, None, form, created, places)
    _append_instances(session, entity, shape, created_at, modified_at)


def _append_instances(session: Session, entity: PlainEntity, shape: int, created_at: str, modified_at: str) -> None:
    """In one row of the history, if they have one observedAt."""
    created, modified = system_time(created_at), system_time(modified_at)
    evolution = history.find_evolution(session, entity.id)
    if len(entity.observed_at) > 1 or len(entity.names) > TOGETHER or None in {created, modified, evolution}:
        written = [(name, one) for name, (one,) in entity.attributes.items()]
        history.append_instances(session, entity.expanded(created_at, modified_at), written)
        return
    (observed_at,) = entity.observed_at
    body, observed = shorten_together(entity.instances, len(entity.names), observed_at)
    number = session.next_instance(len(entity.names))
    row = (number, evolution, shape, new_instance_key(), body, observed, created, modified, None)
    session.writes.history.append(row)
    session.writes.settle_if_many()
