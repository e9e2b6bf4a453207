"""Writes of the temporal evolution of Entities: a head, and rows of instances. Reads are in `temporal`.

The head of an Entity that exists is written when it comes, goes, or changes its types or scope: its modifiedAt is
taken from the current state when the head is read (`HEAD`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from ldt_stack.broker.model.instance_ids import TOGETHER, encode_instance_id, new_instance_id, new_instance_key, shifted
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.data import HistoryRow
from ldt_stack.broker.store.sqlite.instances import (
    COLUMNS,
    Kept,
    decode_row,
    encode_instance,
    encode_together,
    system_time,
)
from ldt_stack.broker.store.sqlite.session import Session

_HEAD_MEMBERS: Final = ("id", "type", "scope", "createdAt", "modifiedAt")
_SYSTEM_TIMES: Final = frozenset({"createdAt", "modifiedAt"})
_Written = tuple[str, JsonObject]


def append_history(session: Session, rows: Sequence[HistoryRow]) -> None:
    """See `Transaction.append_history`."""
    numbers = {entity_id: _number(session, entity_id) for entity_id in {row.entity_id for row in rows}}
    for row in rows:
        shape = session.shape((session.name(row.attribute),))
        session.writes.history.append(
            (session.next_instance(1), numbers[row.entity_id], shape, *encode_instance(row.instance))
        )
    session.writes.settle_if_many()


def append_instances(session: Session, entity: JsonObject, written: Sequence[_Written]) -> None:
    """See `Transaction.append_instances`."""
    evolution = find_evolution(session, entity["id"])
    if evolution is None:
        put_temporal_head(session, {name: entity[name] for name in _HEAD_MEMBERS if name in entity})
        evolution = _number(session, entity["id"])
    own = entity["createdAt"], entity["modifiedAt"]
    for (observed_at, created_at, modified_at), members in _alike(written, *own):
        created, modified = system_time(created_at), system_time(modified_at)
        if created is None or modified is None:
            append_history(session, [_whole(entity, one, created_at, modified_at) for one in members])
            continue
        for begin in range(0, len(members), TOGETHER):
            some = members[begin : begin + TOGETHER]
            body, observed = encode_together([_bare(instance) for _, instance in some], observed_at)
            place = session.next_instance(len(some)), evolution, session.shape_of([name for name, _ in some])
            session.writes.history.append((*place, new_instance_key(), body, observed, created, modified, None))
    session.writes.settle_if_many()


def _alike(
    written: Sequence[_Written], created_at: str, modified_at: str
) -> Iterable[tuple[tuple[Any, str, str], Sequence[_Written]]]:
    """Instances with the same observedAt, createdAt and modifiedAt, by these."""
    first = written[0][1].get("observedAt") if written else None
    for _, instance in written:
        if "modifiedAt" in instance or "createdAt" in instance or instance.get("observedAt") != first:
            break
    else:
        return [((first, created_at, modified_at), written)] if written else []  # what comes most
    groups: dict[tuple[Any, str, str], list[_Written]] = {}
    for one in written:
        get = one[1].get
        times = get("observedAt"), get("createdAt", created_at), get("modifiedAt", modified_at)
        groups.setdefault(times, []).append(one)
    return groups.items()


def _bare(instance: JsonObject) -> JsonObject:
    if "modifiedAt" not in instance and "createdAt" not in instance:
        return instance
    return {key: instance[key] for key in instance if key not in _SYSTEM_TIMES}


def _whole(entity: JsonObject, one: _Written, created_at: str, modified_at: str) -> HistoryRow:
    times = {"createdAt": created_at, "modifiedAt": modified_at, "instanceId": new_instance_id()}
    return HistoryRow(entity["id"], one[0], {**one[1], **times})


def replace_history(session: Session, row: HistoryRow) -> bool:
    """See `Transaction.replace_history`."""
    entity = find_evolution(session, row.entity_id)
    found = None if entity is None else _row_of(session, entity, row.attribute, row.instance_id)
    if entity is None or found is None:
        return False
    instances = decode_row(found, session.attributes_of(found[1]))
    changed = [one._replace(instance=row.instance) if _is(one, row.instance_id) else one for one in instances]
    _rewrite(session, entity, found[0], changed)
    return True


def _is(one: Kept, instance_id: str) -> bool:
    return bool(one.instance["instanceId"] == instance_id)


def _rewrite(session: Session, entity: int, number: int, left: Sequence[Kept]) -> None:
    """Put what is left of a row in its place: each instance in a row of its own, under its own number."""
    session.execute("DELETE FROM history WHERE number = ?", (number,))
    rows = [(one.number, entity, session.shape((one.attribute,)), *encode_instance(one.instance)) for one in left]
    session.writes.history += rows


def find_evolution(session: Session, entity_id: str) -> int | None:
    """The number of a temporal evolution; None: there is none."""
    known = session.names.evolutions.get(entity_id)
    if known is None and session.pending is not None:
        known = session.pending.evolutions.get(entity_id)
    if known is None:
        row = session.look("SELECT number FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
        if row is None:
            return None
        known = int(row[0])
        session.know_evolution(entity_id, known)
    return known


def look_ahead(session: Session, entity_ids: Collection[str]) -> None:
    """See `Transaction.look_ahead`."""
    wanted = [one for one in entity_ids if one not in session.names.evolutions]
    for entity_id, number in session.look_at_all(("id", "number"), "temporal_entities", wanted):
        session.know_evolution(entity_id, int(number))


def _number(session: Session, entity_id: str) -> int:
    found = find_evolution(session, entity_id)
    if found is None:
        raise LookupError(f"put_temporal_head of {entity_id} must come before its rows")
    return found


def put_temporal_head(session: Session, head: JsonObject) -> None:
    """See `Transaction.put_temporal_head`."""
    head = {**head, "type": list(dict.fromkeys(head["type"]))}
    number, new = find_evolution(session, head["id"]), head["type"]
    if number is None:
        number = session.next_evolution()
        session.writes.evolutions[head["id"]] = number
        session.writes.evolution_rows.append((number, head["id"], orjson.dumps(head).decode()))
        session.know_evolution(head["id"], number)
    else:
        (text,) = session.execute("SELECT head FROM temporal_entities WHERE number = ?", (number,)).fetchone()
        before: list[str] = orjson.loads(text)["type"]
        new = [name for name in new if name not in before]
        body = orjson.dumps({**head, "type": [*before, *new]}).decode()
        session.execute("UPDATE temporal_entities SET head = ? WHERE number = ?", (body, number))
    session.writes.evolution_types += [(session.name(name), number) for name in new]


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
    row = session.execute("SELECT number, head FROM temporal_entities WHERE id = ?", (entity_id,)).fetchone()
    if row is None:
        return 0
    if attribute is None:
        return _delete_evolution(session, entity_id, *row)
    number = session.find_name(attribute)
    gone = 0
    for found in [*_rows_of(session, row[0], number, instance_id)]:
        instances = decode_row(found, session.attributes_of(found[1]))
        left = [
            one
            for one in instances
            if one.attribute != number
            or (instance_id is not None and not _is(one, instance_id))
            or (not any_dataset and one.instance.get("datasetId") != dataset_id)
        ]
        if len(left) < len(instances):
            gone += len(instances) - len(left)
            _rewrite(session, row[0], found[0], left)
    return gone


def _delete_evolution(session: Session, entity_id: str, number: int, head: str) -> int:
    shapes = session.execute(
        "SELECT shape, count(*) FROM history WHERE entity = ? GROUP BY shape", (number,)
    ).fetchall()
    session.execute("DELETE FROM history WHERE entity = ?", (number,))
    session.names.evolutions.pop(entity_id, None)
    session.execute("DELETE FROM temporal_entities WHERE number = ?", (number,))
    types = orjson.loads(head)["type"]
    session.executemany(
        "DELETE FROM temporal_types WHERE type = ? AND entity = ?", [(session.name(name), number) for name in types]
    )
    return sum(len(session.attributes_of(shape)) * rows for shape, rows in shapes)


def _rows_of(
    session: Session, entity: int, attribute: int | None, instance_id: str | None
) -> Iterator[tuple[Any, ...]]:
    """Rows that have an instance of an Attribute, or the one that has a certain instance of it."""
    if attribute is None:
        return
    for shape in session.shapes_of(entity):
        members = session.attributes_of(shape)
        places = [place for place, one in enumerate(members) if one == attribute]
        if not places:
            continue
        own = ""
        parameters: list[tuple[Any, ...]] = [(entity, shape)]
        if instance_id is not None:
            kept = encode_instance_id(instance_id)
            firsts = [kept] if isinstance(kept, str) else [shifted(kept, -place) for place in places]
            own, parameters = " AND instance_id = ?", [(entity, shape, first) for first in firsts]
        for given in parameters:
            yield from session.execute(f"SELECT {COLUMNS} FROM history WHERE entity = ? AND shape = ?{own}", given)  # noqa: S608 — own


def _row_of(session: Session, entity: int, attribute: str, instance_id: str) -> tuple[Any, ...] | None:
    return next(_rows_of(session, entity, session.find_name(attribute), instance_id), None)


def get_history_row(session: Session, entity_id: str, attribute: str, instance_id: str) -> JsonObject | None:
    """See `Snapshot.get_history_row`."""
    entity = find_evolution(session, entity_id)
    row = None if entity is None else _row_of(session, entity, attribute, instance_id)
    if row is None:
        return None
    instances = decode_row(row, session.attributes_of(row[1]))
    return next((one.instance for one in instances if _is(one, instance_id)), None)
