"""Writes of the temporal evolution of Entities: a head and rows of Attribute instances. Reads are in `temporal`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.interface import HistoryRow
from ldt_stack.broker.store.sqlite.session import Session
from ldt_stack.broker.store.sqlite.stored import decode_instance, encode_instance, encode_instance_id

TIME_COLUMN = {
    "observedAt": "observed_at",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
}
INSTANCE_COLUMNS = "dataset, instance_id, body, observed_at, created_at, modified_at, deleted_at"


def append_history(session: Session, rows: Sequence[HistoryRow]) -> None:
    """See `Transaction.append_history`."""
    numbers = {entity_id: _number(session, entity_id) for entity_id in {row.entity_id for row in rows}}
    session.connection.executemany(
        "INSERT INTO history (entity, attribute, dataset, instance_id, body,"
        " observed_at, created_at, modified_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(numbers[row.entity_id], session.name(row.attribute), *encode_instance(row.instance)) for row in rows],
    )


def replace_history(session: Session, row: HistoryRow) -> bool:
    """See `Transaction.replace_history`."""
    entity = session.execute("SELECT number FROM temporal_entities WHERE id = ?", (row.entity_id,)).fetchone()
    if entity is None:
        return False
    kept = encode_instance(row.instance)
    changed = session.execute(
        "UPDATE history SET dataset = ?, instance_id = ?, body = ?, observed_at = ?, created_at = ?,"
        " modified_at = ?, deleted_at = ? WHERE entity = ? AND attribute = ? AND instance_id = ?",
        (*kept, entity[0], session.find_name(row.attribute), kept[1]),
    )
    return changed.rowcount > 0


def _number(session: Session, entity_id: str) -> int:
    known = session.heads.get(entity_id)
    if known is not None:
        return known
    row = session.execute("SELECT number FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        raise LookupError(f"put_temporal_head of {entity_id} must come before its rows")
    return int(row[0])


def put_temporal_head(session: Session, head: JsonObject) -> None:
    """See `Transaction.put_temporal_head`."""
    known = session.execute("SELECT number, head FROM temporal_entities WHERE id = ?", (head["id"],)).fetchone()
    before = [] if known is None else orjson.loads(known[1])["type"]
    head = {**head, "type": list(dict.fromkeys((*before, *head["type"])))}
    body = orjson.dumps(head).decode()
    if known is None:
        number = session.execute(
            "INSERT INTO temporal_entities (id, head) VALUES (?, ?) RETURNING number", (head["id"], body)
        ).fetchone()[0]
    else:
        number = known[0]
        session.execute("UPDATE temporal_entities SET head = ? WHERE number = ?", (body, number))
    session.heads[head["id"]] = number
    if len(head["type"]) > len(before):
        session.connection.executemany(
            "INSERT OR IGNORE INTO temporal_types (type, entity) VALUES (?, ?)",
            [(session.name(name), number) for name in head["type"]],
        )


def delete_history(
    session: Session,
    entity_id: str,
    attribute: str | None = None,
    instance_id: str | None = None,
    dataset_id: str | None = None,
    *,
    any_dataset: bool = True,
) -> int:
    """See `Transaction.delete_history`."""
    row = session.execute("SELECT number FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        return 0
    conditions: list[str] = ["entity = ?"]
    parameters: list[Any] = [row[0]]
    if attribute is not None:
        conditions.append("attribute = ?")
        parameters.append(session.find_name(attribute))
    if instance_id is not None:
        conditions.append("instance_id = ?")
        parameters.append(encode_instance_id(instance_id))
    if not any_dataset:
        conditions.append("dataset IS ?")
        parameters.append(dataset_id)
    gone = session.execute(f"DELETE FROM history WHERE {' AND '.join(conditions)}", tuple(parameters)).rowcount  # noqa: S608 — own
    if attribute is None:
        session.heads.pop(entity_id, None)
        session.execute("DELETE FROM temporal_entities WHERE number = ?", (row[0],))
        session.execute("DELETE FROM temporal_types WHERE entity = ?", (row[0],))
    return gone


def get_history_row(session: Session, entity_id: str, attribute: str, instance_id: str) -> JsonObject | None:
    """See `Snapshot.get_history_row`."""
    row = session.execute(
        f"SELECT {INSTANCE_COLUMNS} FROM history JOIN temporal_entities ON temporal_entities.number = entity"  # noqa: S608 — own
        " WHERE id = ? AND attribute = ? AND instance_id = ?",
        (entity_id, session.find_name(attribute), encode_instance_id(instance_id)),
    ).fetchone()
    return None if row is None else decode_instance(row)
