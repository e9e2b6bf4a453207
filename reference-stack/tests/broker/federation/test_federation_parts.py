"""Temporal evolutions of which a Context Source shows a part: ETSI GS CIM 009 V1.9.1, clauses 6.3.10 and 5.7.3.4."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import API, prepared
from ..outbound.network import Network, Node, nodes
from .federation import CAR, prop, send

pytestmark = pytest.mark.anyio
INTERVAL = {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}}
OPERATIONS = ["retrieveTemporal", "queryTemporal"]
QUERY = f"/temporal/entities/{CAR}"


def at(day: int) -> str:
    return f"2021-01-{day:02}T00:00:00Z"


async def begun(a: Node, b: Node, here: range, there: range, **members: Any) -> None:
    for node, days in ((a, here), (b, there)):
        speed = [prop(day, observedAt=at(day)) for day in days]
        await send(node, "POST", "/temporal/entities", {"id": CAR, "type": "Car", "speed": speed}, 201)
    await a.register("b", operations=OPERATIONS, **INTERVAL, **members)


def days(entity: dict[str, Any]) -> list[int]:
    speed = entity.get("speed", [])
    return [one["value"] for one in (speed if isinstance(speed, list) else [speed])]


async def paged(node: Node, path: str, entity: Any) -> list[int]:
    """All instances, as a client gets them that goes on where each answer ends."""
    seen: list[int] = []
    start = at(1)
    for _ in range(20):
        answer = await node.client.get(f"{API}{path}timerel=after&timeAt={start}")
        seen += [one for one in days(entity(answer.json())) if one not in seen]
        if answer.status_code == 200:
            return seen
        assert answer.status_code == 206, answer.text
        start = answer.headers["content-range"].removesuffix("/*")[-len(start) :]
    raise AssertionError(f"no end: {seen}")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("small", ["b", "a", "both"])
async def test_no_instance_is_missing_within_the_range_that_is_announced(
    network: Network, anyio_backend: str, small: str, split: bool
) -> None:
    """A source that shows a part ends the range of the answer, though others know of later instances; and so do we."""
    async with nodes(network, "a", "b") as (a, b):
        for node in (a, b):
            if small in (node.name, "both"):
                node.broker.settings = node.broker.settings.model_copy(update={"temporal_page_instances": 3})
        await begun(a, b, range(5, 12), range(1, 9))
        everything = list(range(1, 12))
        assert await paged(a, f"{QUERY}?", lambda body: body) == everything
        parameters = f"type=Car{'&splitEntities=true' if split else ''}&"
        assert await paged(a, f"/temporal/entities?{parameters}", lambda body: body[0]) == everything


async def test_the_last_instances_are_announced_backwards(network: Network, anyio_backend: str) -> None:
    """With lastN pagination goes backwards: what lies before the part of a source is not announced."""
    async with nodes(network, "a", "b") as (a, b):
        b.broker.settings = b.broker.settings.model_copy(update={"temporal_page_instances": 3})
        await begun(a, b, range(1, 7), range(4, 10))
        answer = await send(a, "GET", f"{QUERY}?lastN=20", None, 206)
        assert days(answer.json()) == [7, 8, 9]
        assert answer.headers["content-range"] == f"DateTime {at(9)}-{at(7)}/20"
        answer = await send(a, "GET", f"{QUERY}?lastN=2", None, 200)
        assert days(answer.json()) == [8, 9]


@pytest.mark.parametrize("path", [f"{QUERY}?", "/temporal/entities?type=Car&"])
async def test_nothing_is_calculated_of_a_part(network: Network, anyio_backend: str, path: str) -> None:
    """4.5.19: an aggregated value of some instances would be wrong without a word; now there is a warning."""
    async with nodes(network, "a", "b") as (a, b):
        await begun(a, b, range(1, 3), range(4, 10))
        path += f"options=aggregatedValues&aggrMethods=max&timerel=after&timeAt={at(1)}"
        answer = await send(a, "GET", path, None, 200)
        assert ("9" in str(answer.json()), "ngsild-warning" in answer.headers) == (True, False)
        b.broker.settings = b.broker.settings.model_copy(update={"temporal_page_instances": 3})
        answer = await send(a, "GET", path, None, 200)
        assert answer.headers["ngsild-warning"].startswith("111 ")
        assert "[[2, " in str(answer.json())


@pytest.mark.parametrize("timerel", ["after", "before", "between"])
async def test_a_snapshot_has_all_parts(network: Network, anyio_backend: str, timerel: str) -> None:
    """5.16.1.4: "all pages are to be retrieved completely", also where a source has no ids of instances."""
    async with nodes(network, "a", "b") as (a, b):
        b.broker.settings = b.broker.settings.model_copy(update={"temporal_page_instances": 3})
        await begun(a, b, range(5, 12), range(1, 9))
        times = {"after": {"timeAt": at(1)}, "before": {"timeAt": at(20)}}
        interval = times.get(timerel, {"timeAt": at(1), "endTimeAt": at(20)})
        query = {"type": "Query", "entities": [{"type": "Car"}], "temporalQ": {"timerel": timerel, **interval}}
        body = {"type": "Snapshot", "snapshotTemporalQueries": [query]}
        path = (await send(a, "POST", "/snapshots", body, 201)).headers["location"].removeprefix(API)
        assert (await prepared(a.client, path))["snapshotStatus"] == "success"
        header = {"NGSILD-Snapshot": path.rpartition("/")[2]}
        found = (await a.client.get(f"{API}{QUERY}", headers=header)).json()
        assert sorted(days(found)) == list(range(1, 12))
