"""No input costs more than in proportion to its size, or it is refused: ETSI GS CIM 009 V1.9.1, clause 5.5.2."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import pytest

from ldt_stack.broker.model.changes import differences
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore

from ..api import API, CAR, create, refused, send
from ..conftest import RunningBroker
from ..snapshots.snapshots import CARS
from ..store.store_contract import entity

pytestmark = pytest.mark.anyio
NAME = "https://e.org/a"


def test_what_was_written_is_found_in_one_pass() -> None:
    count = 2000
    kept = [{"type": "Property", "value": number, "datasetId": f"urn:d:{number}"} for number in range(count)]
    new = [dict(one) for one in kept]  # equal, but written
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(note)
    try:
        found, _ = differences({NAME: kept}, {NAME: [*kept[1:], *new]})
    finally:
        sys.setprofile(None)
    assert [instance for _, instance in found] == new
    assert calls < 50 * count  # comparing each with each takes count * count


async def test_the_types_of_attributes_are_counted_without_comparing_each_with_each(anyio_backend: str) -> None:
    store, count, looks = SqliteStore(BrokerSettings()), 1500, 0

    def fill(transaction: Transaction) -> None:
        for number in range(count):
            transaction.put_entity(entity(number))

    def work(snapshot: Any) -> dict[str, dict[str, int]]:
        def look() -> int:
            nonlocal looks
            looks += 1
            return 0

        snapshot.session.connection.set_progress_handler(look, 1000)
        found: dict[str, dict[str, int]] = snapshot.types_of_attributes()
        return found

    await store.write(None, fill)
    found = await store.read(None, work, dear=True)
    await store.close()
    assert {number for types in found.values() for number in types.values()} == {count}
    assert looks < count  # thousands of steps: fewer than a thousand an Entity


async def test_too_many_selectors_are_too_complex(running: RunningBroker) -> None:
    query = {"type": "Query", "entities": [{"type": f"T{number}"} for number in range(201)]}
    for path in ("/entityOperations/query", "/entityMaps"):
        await refused(running.client, "POST", path, query, 403, "TooComplexQuery")
    temporal = {**query, "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}
    await refused(running.client, "POST", "/temporal/entityOperations/query", temporal, 403, "TooComplexQuery")
    query["entities"] = query["entities"][:200]
    await send(running.client, "POST", "/entityOperations/query", query, 200)


async def test_too_many_queries_of_a_snapshot_are_too_complex(running: RunningBroker) -> None:
    payload = {"type": "Snapshot", "snapshotQueries": [CARS] * 201}
    await refused(running.client, "POST", "/snapshots", payload, 403, "TooComplexQuery")


async def with_context(client: httpx.AsyncClient, length: int) -> httpx.Response:
    """An Entity whose @context defines each term by way of the next one."""
    terms = {f"t{number}": f"t{number + 1}:x" for number in range(length)}
    body = json.dumps({"id": CAR, "type": "Car", "@context": {**terms, f"t{length}": "https://e.org/"}})
    return await client.post(f"{API}/entities", content=body, headers={"Content-Type": "application/ld+json"})


async def test_terms_are_defined_by_way_of_few_others(running: RunningBroker) -> None:
    assert (await with_context(running.client, 40)).status_code == 201
    for length in (100, 5000):
        answer = await with_context(running.client, length)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "BadRequestData")


HUGE = ["1e999999", "-1e999999", "9" * 5000, "0." + "1" * 5000, "1e-999999", "99999999999999999999999", "1e3", "-1"]


@pytest.mark.parametrize("number", HUGE, ids=range(len(HUGE)))
async def test_no_number_is_too_much(running: RunningBroker, number: str) -> None:
    await create(running.client, speed={"type": "Property", "value": 1})
    history = "/temporal/entities?type=Car&timerel=after&timeAt=2020-01-01T00:00:00Z"
    for path in (
        *(f"/entities?type=Car&{name}={number}" for name in ("limit", "offset", "count=true&offset", "q=speed=")),
        f"/entities?type=Car&local=true&orderBy=speed&offset={number}",
        f"/entities?type=Car&join=flat&joinLevel={number}",
        f"/entities?type=Car&georel=near;maxDistance=={number}&geometry=Point&coordinates=[0,0]",
        f"/entities?type=Car&georel=near;maxDistance==1&geometry=Point&coordinates=[{number},0]",
        f"/entities?type=Car&local=true&orderBy=location;dist-asc&orderFrom=[{number},0]",
        f"/entityMaps?type=Car&local=true&orderBy=location;dist-asc&orderFrom=[{number},0]",
        f"/entities?type=Car&entityMap=true&entityMapLifetime=P{number}D",
        f"{history}&offset={number}",
        f"{history}&lastN={number}",
        f"{history}&options=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=PT{number}S",
        f"/subscriptions?offset={number}",
        f"/csourceRegistrations?type=Car&offset={number}",
    ):
        answer = await send(running.client, "GET", path)
        assert answer.status_code in (200, 201, 400, 403), f"{path[:80]}: {answer.text}"
    body = b'{"id":"urn:x:1","type":"Car","speed":{"type":"Property","value":%s}}' % number.encode()
    answer = await running.client.post(f"{API}/entities", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (201, 400)
