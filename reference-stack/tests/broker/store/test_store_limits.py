"""What SQLite decides alone is limited, too: ETSI GS CIM 009 V1.9.1, clause 5.5.6 (TooComplexQuery)."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ldt_stack.broker.errors import TooComplexQuery
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, Page
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore

from ..api import refused, send
from ..conftest import BrokerFactory
from .store_contract import entity, put

pytestmark = pytest.mark.anyio
MANY = 2500
EVERYTHING = EntityQuery(limit=1, count=True)


def fill(transaction: Transaction) -> None:
    for number in range(MANY):
        transaction.put_entity(entity(number))


@pytest.fixture
async def store(anyio_backend: str) -> AsyncIterator[SqliteStore]:
    """Many Entities, and hardly any time for a statement: only what SQLite does within its first steps is done."""
    one = SqliteStore(BrokerSettings(query_timeout_seconds=1e-9))
    await one.write(None, fill)
    yield one
    await one.close()


async def test_a_query_that_sqlite_decides_alone_is_stopped(store: SqliteStore) -> None:
    with pytest.raises(TooComplexQuery, match="stopped"):
        await store.read(None, lambda snapshot: snapshot.query_entities(EVERYTHING))


async def test_the_connection_is_good_for_the_next_read(store: SqliteStore) -> None:
    for dear in (True, False, True):
        with pytest.raises(TooComplexQuery):
            await store.read(None, lambda snapshot: snapshot.query_entities(EVERYTHING), dear=True)
        found = await store.read(None, lambda snapshot: snapshot.get_entity(entity(7)["id"]), dear=dear)
        assert found == entity(7)
    await put(store, entity(MANY))
    assert await store.read(None, lambda snapshot: snapshot.get_entity(entity(MANY)["id"])) == entity(MANY)


async def test_many_steps_leave_the_event_loop(anyio_backend: str) -> None:
    """Also those of a read that looks at few Entities itself."""
    one = SqliteStore(BrokerSettings())
    await one.write(None, fill)
    places: list[str] = []

    def work(snapshot: Any) -> Page:
        places.append(threading.current_thread().name)
        for _ in range(200):
            snapshot.session.execute("SELECT count(*) FROM entities WHERE body LIKE '%x%'").fetchone()
        page: Page = snapshot.query_entities(EntityQuery(limit=1))
        return page

    assert (await one.read(None, work)).more
    await one.close()
    assert [name.startswith("store-read") for name in places] == [False, True]


async def test_a_query_over_http_that_takes_too_long_is_too_complex(start_broker: BrokerFactory) -> None:
    async with start_broker(query_timeout_seconds=1e-9) as running:
        body = [{"id": f"urn:ngsi-ld:Car:{number}", "type": "Car"} for number in range(MANY)]
        await send(running.client, "POST", "/entityOperations/create", body, 201)
        await refused(running.client, "GET", "/entities?type=Car&count=true", None, 403, "TooComplexQuery")
        await send(running.client, "GET", "/entities/urn:ngsi-ld:Car:1", None, 200)
