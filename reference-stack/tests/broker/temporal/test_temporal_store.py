"""What the store answers about the past is what a plain filter over all that was written answers (4.11, 5.7.4.4)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.operations.temporal.ranges import cut
from ldt_stack.broker.query import parse_q, parse_types
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, EntitySelector, HistoryRow, TemporalEntity, TemporalQuery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.instances import decode_row, encode_instance, encode_together, microseconds

CONTEXT = core_context()
IRI = CONTEXT.expand_term
ATTRIBUTES = [IRI("speed"), IRI("colour")]
DATASETS = [None, "urn:ngsi-ld:Dataset:1"]
# The same instant in several spellings, neighbours a microsecond apart: compared as instants, never as text.
INSTANTS = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0Z",
    "2026-01-01T00:00:00.000001Z",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T00:00:01Z",
    "2026-01-01T00:00:01.000Z",
    "2025-12-31T23:59:59.999999Z",
]
CREATED = "2026-01-01T00:00:00.000000Z"
numbers = itertools.count()


class Opened:
    """A store with a loop of its own."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.store = self.runner.run(self._open())

    async def _open(self) -> SqliteStore:
        return SqliteStore(BrokerSettings())

    def write(self, work: Any) -> Any:
        return self.runner.run(self.store.write(None, work))

    def read(self, work: Any) -> Any:
        return self.runner.run(self.store.read(None, work))


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    one = Opened()
    yield one
    one.runner.run(one.store.close())
    one.runner.close()


INSTANCE = st.fixed_dictionaries(
    {
        "entity": st.integers(0, 2),
        "attribute": st.sampled_from(ATTRIBUTES),
        "dataset": st.sampled_from(DATASETS),
        "value": st.integers(0, 5),
        "observedAt": st.none() | st.sampled_from(INSTANTS),
        "modifiedAt": st.sampled_from(INSTANTS),
    }
)
QUERY = st.builds(
    lambda timerel, first, second, **rest: TemporalQuery(
        timerel=timerel,
        time_at=None if timerel is None else min(first, second),
        end_time_at=max(first, second) if timerel == "between" else None,
        **rest,
    ),
    timerel=st.sampled_from([None, "before", "after", "between"]),
    first=st.sampled_from([normalize(one) for one in INSTANTS]),
    second=st.sampled_from([normalize(one) for one in INSTANTS]),
    timeproperty=st.sampled_from(["observedAt", "modifiedAt"]),
    last_n=st.none() | st.integers(1, 4),
    attributes=st.sampled_from([(), (ATTRIBUTES[0],), (ATTRIBUTES[1],), tuple(ATTRIBUTES), (IRI("none"),)]),
    dataset_ids=st.sampled_from([None, ("@none",), ("urn:ngsi-ld:Dataset:1",), ("@none", "urn:ngsi-ld:Dataset:1")]),
)


def runs(rows: list[HistoryRow]) -> Iterator[list[HistoryRow]]:
    """Neighbours of one Entity, each of another Attribute: what one operation may have written."""
    run: list[HistoryRow] = []
    for row in rows:
        if run and (row.entity_id != run[0].entity_id or row.attribute in {one.attribute for one in run}):
            yield run
            run = []
        run.append(row)
    yield run


def put(opened: Opened, written: list[dict[str, Any]], *, together: bool = False) -> tuple[str, list[dict[str, Any]]]:
    """Write instances, each alone or together; returns the Entity Type they are found by, and what was written."""
    number = next(numbers)
    entity_type = IRI(f"T{number}")
    rows = []
    for position, one in enumerate(written):
        instance = {
            "type": "Property",
            "value": one["value"],
            "createdAt": CREATED,
            "modifiedAt": normalize(one["modifiedAt"]),
            "instanceId": f"urn:ngsi-ld:instance:{number}-{position}",
            "unitCode": f"{number}-{position}",  # known by this: those that are written together get other ids
        }
        if one["observedAt"] is not None:
            instance["observedAt"] = one["observedAt"]
        if one["dataset"] is not None:
            instance["datasetId"] = one["dataset"]
        rows.append(HistoryRow(f"urn:ngsi-ld:T:{number}:{one['entity']}", one["attribute"], instance))

    def work(transaction: Transaction) -> None:
        for entity_id in sorted({row.entity_id for row in rows}):
            transaction.put_temporal_head({"id": entity_id, "type": [entity_type], "createdAt": "", "modifiedAt": ""})
        if not together:
            transaction.append_history(rows)
            return
        for run in runs(rows):
            entity = {"id": run[0].entity_id, "type": [entity_type], "createdAt": CREATED, "modifiedAt": CREATED}
            given = [{key: value for key, value in row.instance.items() if key != "instanceId"} for row in run]
            transaction.append_instances(entity, [(row.attribute, one) for row, one in zip(run, given, strict=True)])

    opened.write(work)
    return entity_type, [{"entity": row.entity_id, "attribute": row.attribute, **row.instance} for row in rows]


def holds(one: dict[str, Any], query: TemporalQuery) -> bool:
    """4.11, as it is written there."""
    instant = normalize(one.get(query.timeproperty))
    if query.timerel is None:
        return True
    if instant is None or query.time_at is None:
        return False
    if query.timerel == "before":
        return instant < query.time_at
    if query.timerel == "after":
        return instant >= query.time_at
    return query.end_time_at is not None and query.time_at <= instant < query.end_time_at


def expected(
    written: list[dict[str, Any]], query: TemporalQuery, q_above: int | None
) -> dict[str, dict[str, set[str]]]:
    """Entity -> Attribute -> unitCodes, by a plain filter."""
    answer: dict[str, dict[str, set[str]]] = {}
    for entity in sorted({one["entity"] for one in written}):
        own = [one for one in written if one["entity"] == entity]
        inside = [one for one in own if holds(one, query)]
        wanted = [one for one in inside if not query.attributes or one["attribute"] in query.attributes]
        if not wanted:
            continue
        if q_above is not None:
            considered = [one for one in inside if one["attribute"] == ATTRIBUTES[0]]
            ever = [one for one in own if one["attribute"] == ATTRIBUTES[0]]
            if not considered and ever and not any(query.timeproperty in one for one in ever):
                considered = ever[-1:]
            if not any(one["value"] > q_above for one in considered):
                continue
            wanted = [one for one in wanted if one["attribute"] != ATTRIBUTES[0] or one["value"] > q_above]
        answer[entity] = {}
        for attribute in ATTRIBUTES:
            series = [one for one in wanted if one["attribute"] == attribute]
            if query.dataset_ids is not None:
                series = [one for one in series if one.get("datasetId", "@none") in query.dataset_ids]
            series = [one for _, one in sorted(enumerate(series), key=lambda pair: (when(pair[1], query), pair[0]))]
            series = series[-query.last_n :] if query.last_n else series
            if series:
                answer[entity][attribute] = {one["unitCode"] for one in series}
    return answer


def when(one: dict[str, Any], query: TemporalQuery) -> str:
    return normalize(one.get(query.timeproperty)) or ""


def of_type(entity_type: str, **members: Any) -> EntityQuery:
    return EntityQuery(selectors=(EntitySelector(types=parse_types(entity_type, CONTEXT)),), **members)


def ids(entities: list[TemporalEntity]) -> dict[str, dict[str, set[str]]]:
    return {
        one.head["id"]: {name: {i["unitCode"] for i in held} for name, held in one.attributes.items()}
        for one in entities
    }


@settings(max_examples=150, deadline=None)
@given(
    written=st.lists(INSTANCE, min_size=1, max_size=14),
    query=QUERY,
    q_above=st.none() | st.integers(0, 5),
    together=st.booleans(),
)
def test_a_query_is_a_filter_over_what_was_written(
    opened: Opened, written: list[dict[str, Any]], query: TemporalQuery, q_above: int | None, together: bool
) -> None:
    """Same Entities, same instances, in the order of time; counted and paged alike."""
    entity_type, rows = put(opened, written, together=together)
    conditions = () if q_above is None else (parse_q(f"speed>{q_above}", CONTEXT),)
    entities = of_type(entity_type, conditions=conditions, limit=10, count=True)

    page = opened.read(lambda snapshot: snapshot.query_temporal(entities, query))

    wanted = expected(rows, query, q_above)
    assert ids(page.entities) == wanted
    assert page.count == len(wanted)
    assert [one.head["id"] for one in page.entities] == sorted(wanted)
    for one in page.entities:
        for held in one.attributes.values():
            assert [when(i, query) for i in held] == sorted(when(i, query) for i in held)
    second = opened.read(
        lambda s: s.query_temporal(of_type(entity_type, conditions=conditions, offset=1, limit=1), query)
    )
    assert [one.head["id"] for one in second.entities] == sorted(wanted)[1:2]
    assert second.more is (len(wanted) > 2)


@settings(max_examples=150, deadline=None)
@given(
    written=st.lists(INSTANCE, min_size=1, max_size=14),
    limit=st.integers(1, 5),
    last_n=st.none() | st.integers(1, 20),
    timeproperty=st.sampled_from(["observedAt", "modifiedAt"]),
    together=st.booleans(),
)
def test_a_cut_leaves_no_gap_and_leads_to_the_end(
    opened: Opened, written: list[dict[str, Any]], limit: int, last_n: int | None, timeproperty: Any, together: bool
) -> None:
    """Nothing within the announced range is missing, and who goes on from its end sees everything (6.3.10)."""
    entity_type, rows = put(opened, written, together=together)
    everything = TemporalQuery(timeproperty=timeproperty, timerel="after", time_at="2000-01-01T00:00:00.000000Z")
    dated = [one for one in rows if holds(one, everything)]
    seen: set[str] = set()
    begin, end = "2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"
    for _ in range(len(rows) + 2):
        query = TemporalQuery(
            timeproperty=timeproperty,
            timerel="between",
            time_at=begin,
            end_time_at=end,
            last_n=20 if last_n else None,
            max_instances=limit,
        )
        page = opened.read(lambda s, q=query: s.query_temporal(of_type(entity_type, limit=10), q))
        kept, part = cut(page.entities, query, begin, end)
        shown = {i["unitCode"] for one in kept for held in one.attributes.values() for i in held}
        if part is not None:
            low, high = sorted((normalize(part.start), normalize(part.end)))
            inside = {one["unitCode"] for one in dated if low <= when(one, query) <= high}
            assert shown == {name for name in inside if begin <= when(by_id(dated, name), query) < end}
        seen |= shown
        if part is None:
            break
        if last_n:  # backwards: everything before (and at) the oldest instant; between excludes its end
            end = just_after(normalize(part.end))
        else:
            begin = str(normalize(part.end))
    assert seen == {one["unitCode"] for one in dated}


def by_id(rows: list[dict[str, Any]], identifier: str) -> dict[str, Any]:
    return next(one for one in rows if one["unitCode"] == identifier)


def just_after(instant: str | None) -> str:
    """The next microsecond."""
    assert instant is not None
    digits = int(instant[20:26]) + 1
    return f"{instant[:20]}{digits:06d}Z"


def test_a_long_history_is_not_read_for_its_last_instances(opened: Opened) -> None:
    """lastN reads from the newest on: 5,000 instances, 3 wanted."""
    written = [
        {
            "entity": 0,
            "attribute": ATTRIBUTES[0],
            "dataset": None,
            "value": n,
            "modifiedAt": INSTANTS[0],
            "observedAt": f"2026-01-01T{n // 3600:02d}:{n % 3600 // 60:02d}:{n % 60:02d}Z",
        }
        for n in range(5000)
    ]
    entity_type, _ = put(opened, written)

    page = opened.read(lambda s: s.query_temporal(of_type(entity_type), TemporalQuery(last_n=3)))

    (found,) = page.entities
    assert [one["value"] for one in found.attributes[ATTRIBUTES[0]]] == [4997, 4998, 4999]
    assert found.complete


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    | st.datetimes(timezones=st.just(UTC)).map(lambda at: at.isoformat(timespec="seconds").replace("+00:00", "Z"))
    | st.sampled_from(
        [*INSTANTS, "2016-12-31T23:59:60Z", "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00.000+01Z", "none"]
    )
)
def test_the_text_of_an_instant_is_kept(text: str) -> None:
    """Whatever it looks like: a row of the history leaves out only what can be told from its columns."""
    instance = {"type": "Property", "value": 1, "observedAt": text, "createdAt": text, "instanceId": "urn:i:1"}
    identifier, body, *times = encode_instance(instance)
    (kept,) = decode_row((7, 3, identifier, body, *times), (5,))
    assert (kept.number, kept.attribute, kept.instance) == (7, 5, instance)
    assert times[0] == microseconds(text)
    together, number = encode_together([{"type": "Property", "value": 1, "observedAt": text}] * 2, text)
    first, second = decode_row((7, 3, bytes(16), together, number, None, None, None), (5, 6))
    assert [first.instance["observedAt"], second.instance["observedAt"]] == [text, text]
