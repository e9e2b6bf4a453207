"""Rows that wait: jobs that are committed together leave behind what they would have left one after the other."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.model.plain import PlainEntity
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import Delivery, DocumentKind, EntityQuery, HistoryRow, TemporalQuery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore

from .database_dump import dump
from .store_contract import AT, CAR, SPEED, entity, instance

LOCATION = "https://uri.etsi.org/ngsi-ld/location"
IDS = [f"urn:e:{number}" for number in range(3)]
LATER = "2026-01-01T00:00:01.000000Z"
Step = Callable[[Transaction], Any]


def _point(x: int) -> JsonObject:
    value = {"type": "Point", "coordinates": [x, 49]}
    return {"type": "GeoProperty", "value": value, "createdAt": AT, "modifiedAt": AT}


def put(identifier: str, number: int, located: bool) -> Step:
    """An Entity with values that are indexed, and places."""
    more = {LOCATION: [_point(number)]} if located else {"https://example.org/other": entity(number)[SPEED]}
    whole = {**entity(number, **more), "id": identifier, "type": [CAR, f"https://example.org/Kind{int(located)}"]}
    return lambda transaction: transaction.put_entity(whole)


def put_plain(identifier: str, number: int, located: bool) -> Step:
    """The same on the short way."""

    def step(transaction: Transaction) -> None:
        geo: dict[str, list[JsonObject]] = {}
        instances: dict[str, JsonObject] = {SPEED: {"type": "Property", "value": number}}
        if located:
            instances[LOCATION] = {"type": "GeoProperty", "value": _point(number)["value"]}
            geo = {LOCATION: [instances[LOCATION]]}
        body = orjson.dumps(list(instances.values()))
        one = PlainEntity(identifier, (CAR,), tuple(instances), body, frozenset({None}), geo)
        before = transaction.find_entity(identifier)
        created = AT if before is None else before.created_alike(one.types, one.names)
        if created is not None:
            transaction.put_plain(one, created, LATER, before)

    return step


def delete(identifier: str, _number: int, _flag: bool) -> Step:
    """An Entity goes; its history stays."""
    return lambda transaction: transaction.delete_entity(identifier)


def append(identifier: str, number: int, new_head: bool) -> Step:
    """Rows of the history."""

    def step(transaction: Transaction) -> None:
        head = {"id": identifier, "type": [f"https://example.org/Kind{number}"], "createdAt": AT, "modifiedAt": AT}
        if new_head or transaction.get_temporal(identifier, TemporalQuery()) is None:
            transaction.put_temporal_head(head)
        rows = [{**instance(number), "instanceId": f"urn:i:{identifier}:{number}"}]
        transaction.append_history([HistoryRow(identifier, SPEED, one) for one in rows])

    return step


def forget(identifier: str, _number: int, _flag: bool) -> Step:
    """An evolution goes."""
    return lambda transaction: transaction.delete_history(identifier)


def note(identifier: str, number: int, _flag: bool) -> Step:
    """A document, and a notification that is owed."""

    def step(transaction: Transaction) -> None:
        transaction.put_document(DocumentKind.CONTEXT, identifier, {"number": number})
        transaction.enqueue([Delivery(identifier, {"number": number})])

    return step


def look(identifier: str, _number: int, _flag: bool) -> Step:
    """Whatever was written so far is seen."""

    def step(transaction: Transaction) -> Any:
        everything = transaction.query_entities(EntityQuery(limit=100)).entities
        one, kept = transaction.get_entity(identifier), transaction.find_entity(identifier)
        assert one == (None if kept is None else kept.entity)
        assert [found for found in everything if found["id"] == identifier] == ([] if one is None else [one])
        return everything

    return step


def look_ahead(_identifier: str, _number: int, _flag: bool) -> Step:
    """Read at once what may be asked for."""
    return lambda transaction: transaction.look_ahead([*IDS, "urn:e:none", 'urn:e:"%'])


class JobFailedError(Exception):
    """What a job raises of its own accord."""


def fail(_identifier: str, _number: int, _flag: bool) -> Step:
    """Nothing of the job is kept."""

    def step(_: Transaction) -> None:
        raise JobFailedError

    return step


KINDS = [put, put_plain, put_plain, delete, append, forget, note, look, look_ahead]
STEPS = st.builds(
    lambda kind, identifier, number, flag: kind(identifier, number, flag),
    st.sampled_from(KINDS),
    st.sampled_from(IDS),
    st.integers(0, 2),
    st.booleans(),
)
ENDS = st.sampled_from([[], [], [], [fail("", 0, False)]])
JOBS = st.lists(st.builds(lambda steps, end: [*steps, *end], st.lists(STEPS, min_size=1, max_size=4), ENDS), max_size=8)


def _job(steps: list[Step]) -> Step:
    return lambda transaction: [step(transaction) for step in steps]


# Names and shapes are written when they come first, and whatever waits before them: later jobs should let rows wait.
ALL_NAMES = [
    kind("urn:e:names", number, flag)
    for kind in (put, put_plain, append, delete)
    for number in range(3)
    for flag in (False, True)
]


async def _run(directory: Path, jobs: list[list[Step]], *, together: bool) -> tuple[list[Any], Any]:
    """What the jobs returned or raised, and what is kept in the end."""
    counter = itertools.count()
    store = SqliteStore(
        BrokerSettings(data_dir=directory),
        lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=next(counter)),
    )
    try:
        await store.index_values(None, [SPEED])
        await store.write(None, _job(ALL_NAMES))
        held, begun = threading.Event(), threading.Event()

        def hold(_: Transaction) -> None:
            begun.set()
            held.wait(10)

        first = asyncio.ensure_future(store.write(None, hold))
        await asyncio.to_thread(begun.wait, 10)
        results: list[Any] = []
        if together:  # all wait while the writer is busy: then they are one group
            waiting = [asyncio.ensure_future(store.write(None, _job(steps))) for steps in jobs]
            await asyncio.sleep(0)
            held.set()
            results = await asyncio.gather(*waiting, return_exceptions=True)
        else:
            held.set()
            for steps in jobs:
                results += await asyncio.gather(store.write(None, _job(steps)), return_exceptions=True)
        await first
    finally:
        await store.close()
    shown = [repr(one) if isinstance(one, BaseException) else one for one in results]
    return shown, dump(directory / "default.sqlite")


@pytest.mark.parametrize(("many", "remembered"), [(1024, 10_000), (1024, 1), (1, 10_000)])
@given(jobs=JOBS)
@example([[put_plain(IDS[0], 1, False), put_plain(IDS[1], 1, False)], [put_plain(IDS[0], 2, False)]])
@example([[put_plain(IDS[0], 0, True)], [put_plain(IDS[0], 1, True), put_plain(IDS[0], 2, True)]])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_together_is_as_one_after_the_other(many: int, remembered: int, jobs: list[list[Step]]) -> None:
    """Results, errors and tables are equal, whatever fails, and however much is kept waiting."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        limits = {"pending._MANY": many, "session._MAX_REMEMBERED": remembered}
        with ExitStack() as stack:
            for name, limit in limits.items():
                stack.enter_context(patch(f"ldt_stack.broker.store.sqlite.{name}", limit))
            found = asyncio.run(_run(Path(one), jobs, together=True))
        expected = asyncio.run(_run(Path(other), jobs, together=False))
    assert found == expected
