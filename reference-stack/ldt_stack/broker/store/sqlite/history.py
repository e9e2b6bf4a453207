"""The temporal evolution of Entities: a head and rows of Attribute instances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.interface import EntityQuery, HistoryRow, TemporalEntity, TemporalPage, TemporalQuery
from ldt_stack.broker.store.sqlite.session import Session

_TIME_COLUMN = {
    "observedAt": "observed_at",
    "createdAt": "created_at",
    "modifiedAt": "modified_at",
    "deletedAt": "deleted_at",
}


def append_history(session: Session, rows: Sequence[HistoryRow]) -> None:
    """See `Transaction.append_history`."""
    for row in rows:
        entity = _number(session, row.entity_id)
        session.execute(
            "INSERT INTO history (entity, attribute, dataset, instance_id, body,"
            " observed_at, created_at, modified_at, deleted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (entity, session.name(row.attribute), *_columns(row)),
        )


def replace_history(session: Session, row: HistoryRow) -> bool:
    """See `Transaction.replace_history`."""
    entity = session.execute("SELECT number FROM temporal_entities WHERE id = ?", (row.entity_id,)).fetchone()
    if entity is None:
        return False
    changed = session.execute(
        "UPDATE history SET dataset = ?, instance_id = ?, body = ?, observed_at = ?, created_at = ?,"
        " modified_at = ?, deleted_at = ? WHERE entity = ? AND attribute = ? AND instance_id = ?",
        (*_columns(row), entity[0], session.find_name(row.attribute), row.instance_id),
    )
    return changed.rowcount > 0


def _columns(row: HistoryRow) -> tuple[Any, ...]:
    instance = row.instance
    return (
        instance.get("datasetId"),
        row.instance_id,
        orjson.dumps(instance).decode(),
        *(normalize(instance.get(name)) for name in _TIME_COLUMN),
    )


def _number(session: Session, entity_id: str) -> int:
    row = session.execute("SELECT number FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        raise LookupError(f"put_temporal_head of {entity_id} must come before its rows")
    return int(row[0])


def put_temporal_head(session: Session, head: JsonObject) -> None:
    """See `Transaction.put_temporal_head`."""
    known = session.execute("SELECT head FROM temporal_entities WHERE id = ?", (head["id"],)).fetchone()
    if known is not None:
        head = {**head, "type": list(dict.fromkeys((*orjson.loads(known[0])["type"], *head["type"])))}
    session.execute(
        "INSERT INTO temporal_entities (id, head) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET head = excluded.head",
        (head["id"], orjson.dumps(head).decode()),
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
    conditions, parameters = ["entity = ?"], [row[0]]
    if attribute is not None:
        conditions.append("attribute = ?")
        parameters.append(session.find_name(attribute))
    if instance_id is not None:
        conditions.append("instance_id = ?")
        parameters.append(instance_id)
    if not any_dataset:
        conditions.append("dataset IS ?")
        parameters.append(dataset_id)
    gone = session.execute(f"DELETE FROM history WHERE {' AND '.join(conditions)}", tuple(parameters)).rowcount  # noqa: S608 — own
    if attribute is None:
        session.execute("DELETE FROM temporal_entities WHERE number = ?", (row[0],))
    return gone


def get_history_row(session: Session, entity_id: str, attribute: str, instance_id: str) -> JsonObject | None:
    """See `Snapshot.get_history_row`."""
    row = session.execute(
        "SELECT history.body FROM history JOIN temporal_entities ON temporal_entities.number = entity"
        " WHERE id = ? AND attribute = ? AND instance_id = ?",
        (entity_id, session.find_name(attribute), instance_id),
    ).fetchone()
    if row is None:
        return None
    instance: JsonObject = orjson.loads(row[0])
    return instance


def get_temporal(session: Session, entity_id: str, query: TemporalQuery) -> TemporalEntity | None:
    """See `Snapshot.get_temporal`."""
    row = session.execute("SELECT number, head FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        return None
    return TemporalEntity(orjson.loads(row[1]), _instances(session, row[0], query))


def _instances(session: Session, entity: int, query: TemporalQuery) -> dict[str, list[JsonObject]]:
    column = _TIME_COLUMN[query.timeproperty]
    conditions, parameters = ["entity = ?", f"{column} IS NOT NULL"], list[Any]([entity])
    if query.timerel == "before":
        conditions.append(f"{column} < ?")
        parameters.append(query.time_at)
    elif query.timerel == "after":
        conditions.append(f"{column} > ?")
        parameters.append(query.time_at)
    elif query.timerel == "between":
        conditions.append(f"{column} >= ? AND {column} < ?")
        parameters += [query.time_at, query.end_time_at]
    if query.attributes:
        conditions.append(f"attribute IN ({','.join('?' * len(query.attributes))})")
        parameters += [session.find_name(attribute) for attribute in query.attributes]
    found: dict[str, list[JsonObject]] = {}
    statement = (
        f"SELECT attribute, dataset, body FROM history WHERE {' AND '.join(conditions)}"  # noqa: S608 — own constants
        f" ORDER BY {column} DESC, number DESC"
    )
    for attribute, dataset, body in session.execute(statement, tuple(parameters)):
        if query.dataset_ids is not None and (dataset or "@none") not in query.dataset_ids:
            continue
        instances = found.setdefault(session.iri(attribute), [])
        if query.last_n is None or len(instances) < query.last_n:
            instances.append(orjson.loads(body))
    return found


def query_temporal(session: Session, query: EntityQuery, temporal: TemporalQuery) -> TemporalPage:
    """See `Snapshot.query_temporal`: by id; conditions of the query other than ids and types are the caller's."""
    found: list[TemporalEntity] = []
    seen = 0
    for number, text in session.execute("SELECT number, head FROM temporal_entities ORDER BY id").fetchall():
        head = orjson.loads(text)
        if query.selectors and not any(
            (not s.ids or head["id"] in s.ids)
            and (s.id_pattern is None or re.search(s.id_pattern, head["id"]))
            and (s.types is None or s.types.matches(head))
            for s in query.selectors
        ):
            continue
        seen += 1
        if query.offset < seen <= query.offset + query.limit:
            found.append(TemporalEntity(head, _instances(session, number, temporal)))
    return TemporalPage(found, seen > query.offset + query.limit, seen if query.count else None)
