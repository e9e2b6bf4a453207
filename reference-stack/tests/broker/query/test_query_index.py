"""What the store's indexes hold, when they are made, and that queries look at few Entities because of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import parse_geo, parse_q, parse_types
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Snapshot, Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index

CONTEXT = core_context()
IRI = CONTEXT.expand_term
AT = "2026-01-01T00:00:00.000000Z"


def _ids(snapshot: Snapshot, query: EntityQuery) -> list[str]:
    return [entity["id"] for entity in snapshot.query_entities(query).entities]


@pytest.mark.anyio
async def test_index_follows_changes() -> None:
    """An Entity that moved, changed its types or was deleted is found where it is now, and not where it was."""
    store = SqliteStore(BrokerSettings())
    near = EntityQuery(conditions=(parse_geo("near;maxDistance==100", "Point", [8, 40], ld_context=CONTEXT),))
    cars = EntityQuery(selectors=(EntitySelector(types=parse_types("Car", CONTEXT)),))

    def at(longitude: float, name: str) -> dict[str, Any]:
        point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 40]}}
        return {"id": "urn:x:1", "type": [IRI(name)], "createdAt": AT, "modifiedAt": AT, IRI("location"): [point]}

    try:
        await store.write(None, lambda transaction: transaction.put_entity(at(8, "Car")))
        assert await store.read(None, lambda s: (_ids(s, near), _ids(s, cars))) == (["urn:x:1"], ["urn:x:1"])
        await store.write(None, lambda transaction: transaction.put_entity(at(9, "Bus")))
        assert await store.read(None, lambda s: (_ids(s, near), _ids(s, cars))) == ([], [])
        await store.write(None, lambda transaction: transaction.put_entity(at(8, "Car")))
        await store.write(None, lambda transaction: transaction.delete_entity("urn:x:1"))
        assert await store.read(None, lambda s: (_ids(s, near), _ids(s, cars))) == ([], [])
    finally:
        await store.close()


def cars(count: int) -> Any:
    """Work that puts so many Entities, of which one in a hundred has a certain speed."""

    def write(transaction: Transaction) -> None:
        for number in range(count):
            speed = {"type": "Property", "value": number % 100}
            names = {"id": f"urn:x:{number}", "type": [IRI("Car")], "createdAt": AT, "modifiedAt": AT}
            transaction.put_entity({**names, IRI("speed"): [speed], IRI("other"): [speed]})

    return write


def index_of(transaction: Transaction) -> list[tuple[str, int, int]]:
    """Names of the Attributes in the index, whether all of it is there, and how many rows."""
    assert isinstance(transaction, SqliteTransaction)
    session = transaction.session
    rows = session.execute(
        "SELECT attribute, complete, (SELECT count(*) FROM entity_values AS v WHERE v.attribute = indexed.attribute)"
        " FROM indexed"
    )
    return [(session.iri(attribute), complete, count) for attribute, complete, count in rows.fetchall()]


@pytest.mark.anyio
@pytest.mark.parametrize("dear", [False, True])
async def test_the_first_dear_comparison_makes_an_index(monkeypatch: pytest.MonkeyPatch, dear: bool) -> None:
    """Of the Attribute that is compared and no other; from then on it follows what is written, and saves looking."""
    store = SqliteStore(BrokerSettings())
    query = EntityQuery(conditions=(parse_q("speed==7", CONTEXT),))
    try:
        await store.write(None, cars(1000))
        assert await store.write(None, index_of) == []
        assert len(await store.read(None, lambda s: _ids(s, query), dear=dear)) == 10
        for _ in range(500):
            if found := await store.write(None, index_of):
                break
            await anyio.sleep(0.01)
        assert [name for name, _, _ in found] == [IRI("speed")]
        await store.index_values(None, [IRI("speed")])  # until it is complete: who asked dearly did not wait for it
        found = await store.write(None, index_of)
        assert found == [(IRI("speed"), 1, 1000)]
        await store.write(None, lambda t: t.delete_entity("urn:x:107"))
        await store.write(None, cars(100))
        monkeypatch.setattr(SqliteStore, "_read_in_thread", None)  # none is needed any more
        left = ["urn:x:7", *(f"urn:x:{n}07" for n in range(2, 10))]
        assert await store.read(None, lambda s: _ids(s, query)) == left
        assert await store.write(None, index_of) == [(IRI("speed"), 1, 999)]
    finally:
        await store.close()


@pytest.mark.anyio
async def test_few_entities_need_no_index() -> None:
    """What is looked at in a moment is worth none."""
    store = SqliteStore(BrokerSettings())
    try:
        await store.write(None, cars(150))
        query = EntityQuery(conditions=(parse_q("speed==7", CONTEXT),))
        assert await store.read(None, lambda s: _ids(s, query)) == ["urn:x:7", "urn:x:107"]
        assert await store.write(None, index_of) == []
    finally:
        await store.close()


def begin_speed(transaction: Transaction) -> None:
    assert isinstance(transaction, SqliteTransaction)
    begin_index(transaction.session, IRI("speed"))


@pytest.mark.anyio
async def test_an_index_that_is_not_complete_is_not_looked_at() -> None:
    """It was begun, then the process ended: a query finds all the same, and has it completed."""
    store = SqliteStore(BrokerSettings())
    query = EntityQuery(conditions=(parse_q("speed==7", CONTEXT),))
    try:
        await store.write(None, cars(1000))
        await store.write(None, begin_speed)
        await store.write(None, cars(50))
        assert len(await store.read(None, lambda s: _ids(s, query), dear=True)) == 10
        assert len(await store.read(None, lambda s: _ids(s, query))) == 10
        assert await store.write(None, index_of) == [(IRI("speed"), 1, 1000)]
    finally:
        await store.close()


@pytest.mark.anyio
async def test_a_geo_query_looks_at_few_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The R*Tree leaves only neighbours to be measured."""
    store = SqliteStore(BrokerSettings())
    query = parse_geo("near;maxDistance==50", "Point", [8, 40], ld_context=CONTEXT)

    def write(transaction: Transaction) -> None:
        for number in range(300):
            point = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [8 + number / 1000, 40]}}
            transaction.put_entity(
                {
                    "id": f"urn:x:{number}",
                    "type": [IRI("Car")],
                    "createdAt": AT,
                    "modifiedAt": AT,
                    IRI("location"): [point],
                }
            )

    looked_at = []
    holds = type(query).holds
    monkeypatch.setattr(type(query), "holds", lambda self, target: looked_at.append(target) or holds(self, target))
    try:
        await store.write(None, write)
        assert await store.read(None, lambda s: _ids(s, EntityQuery(conditions=(query,)))) == ["urn:x:0"]
    finally:
        await store.close()
    assert len(looked_at) <= 2


def _steps(query: EntityQuery) -> Callable[[Transaction], tuple[int, int]]:
    """Work that runs a query; says how many Entities it shows, and after how many hundred steps of SQLite's machine."""

    def run(transaction: Transaction) -> tuple[int, int]:
        assert isinstance(transaction, SqliteTransaction)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection = transaction.session.connection
        connection.set_progress_handler(count, 100)
        try:
            page = transaction.query_entities(query)
        finally:
            connection.set_progress_handler(None, 0)
        return len(page.texts or page.entities), steps

    return run


def _query(types: str, q: str, *, count: bool = False) -> EntityQuery:
    selectors = (EntitySelector(types=parse_types(types, CONTEXT)),)
    return EntityQuery(selectors, conditions=(parse_q(q, CONTEXT),), limit=20, count=count)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param(_query("Car", "speed>=0;place<20"), 20, id="a broad term before a narrow one"),
        pytest.param(_query("Car", "place<20;speed>=0"), 20, id="a narrow term before a broad one"),
        pytest.param(_query("Car", "speed>=50;speed<90"), 20, id="broad terms that many meet"),
        pytest.param(_query("Rare", "speed>=0"), 10, id="a type of few"),
        pytest.param(_query("Rare", "speed>=0", count=True), 10, id="a type of few, counted"),
    ],
)
async def test_a_broad_term_costs_no_look_through_the_index(query: EntityQuery, shown: int) -> None:
    """As many steps among 4,000 Entities as among 16,000, more or less."""
    steps = {}
    for size in (4000, 16_000):
        store = SqliteStore(BrokerSettings())

        def write(transaction: Transaction, size: int = size) -> None:
            for number in range(size):
                value = {"type": "Property", "value": number % 100}
                place = {"type": "Property", "value": number * 7919 % size}
                names = [IRI("Car"), *([IRI("Rare")] if number % (size // 10) == 0 else [])]
                times = {"createdAt": AT, "modifiedAt": AT}
                transaction.put_entity(
                    {"id": f"urn:x:{number}", "type": names, **times, IRI("speed"): [value], IRI("place"): [place]}
                )

        try:
            await store.write(None, write)
            await store.index_values(None, [IRI("speed"), IRI("place")])
            found, steps[size] = await store.write(None, _steps(query))
            assert found == shown
        finally:
            await store.close()
    assert steps[16_000] <= 1.5 * steps[4000]
