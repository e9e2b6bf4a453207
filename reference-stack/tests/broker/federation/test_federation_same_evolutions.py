"""A temporal query finds the same, whether one broker holds everything or several: ETSI GS CIM 009 V1.9.1, 5.7.4.4."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from ..api import API
from ..outbound.network import Network, Node, nodes
from .federation import prop, send
from .test_federation_same import REGISTERED, TYPES, thing

pytestmark = pytest.mark.anyio
COUNT = 8
OFFERED = {
    "operations": ["retrieveTemporal", "queryTemporal"],
    "observationInterval": {"startAt": "2020-01-01T00:00:00Z"},
}
NEAR = {"georel": "near;maxDistance==120000", "geometry": "Point", "coordinates": "[1,1]"}
AGGREGATED = {"options": "aggregatedValues", "aggrMethods": "totalCount,distinctCount"}
CHOICES: list[tuple[float, list[dict[str, str]]]] = [
    (1, [{"type": one} for one in ("Car", "Bus", "Car,Bus", "Taxi")]),
    (0.4, [{"q": one} for one in ("speed>4", 'brand=="x"', 'speed<3|brand=="y"', 'name[en]=="p"', "speed!=3")]),
    (0.2, [NEAR]),
    (0.4, [{"attrs": "speed"}, {"attrs": "brand,name"}, {"pick": "id,speed"}]),
    (0.3, [{"datasetId": "@none"}, {"datasetId": "urn:d:1"}]),
    (0.3, [{"lastN": str(number)} for number in range(1, 5)]),
    (0.6, [{"options": "temporalValues"}, {**AGGREGATED, "aggrPeriodDuration": "P7D"}]),
    (0.2, [{"id": f"{thing(1)},{thing(3)}"}]),
]


def at(day: int) -> str:
    return f"2021-01-{day:02}T00:00:00Z"


def instances(choose: random.Random, name: str) -> list[dict[str, Any]]:
    """Of an Attribute, at some days of a month."""
    words = {"en": choose.choice("pq"), "de": choose.choice("st")}
    found = []
    for day in sorted(choose.sample(range(1, 28), choose.randint(1, 8))):
        point = {"type": "Point", "coordinates": [choose.randint(0, 3), choose.randint(0, 3)]}
        kinds = {
            "speed": prop(choose.randint(0, 9)),
            "brand": prop(choose.choice("xyz")),
            "location": {"type": "GeoProperty", "value": point},
            "name": {"type": "LanguageProperty", "languageMap": words},
        }
        dataset = {"datasetId": "urn:d:1"} if choose.random() < 0.3 else {}
        found.append({**kinds[name], "observedAt": at(day), **dataset})
    return found


async def spread(choose: random.Random, one: Node, whole: list[Node], parts: list[Node]) -> None:
    """The same evolutions in one broker, each as a whole in one of some, and each instance in any of some."""
    for number in range(COUNT):
        head = {"id": thing(number), "type": choose.choice(TYPES)}
        names = [name for name in ("brand", "location", "name") if choose.random() < 0.6]
        attributes = {name: instances(choose, name) for name in ("speed", *names)}
        for node in (one, choose.choice(whole)):
            await send(node, "POST", "/temporal/entities", head | attributes, 201)
        split: dict[str, dict[str, list[Any]]] = {part.name: {} for part in parts}
        for name, found in attributes.items():
            for instance in found:
                split[choose.choice(parts).name].setdefault(name, []).append(instance)
        for part in parts:
            if split[part.name]:
                await send(part, "POST", "/temporal/entities", head | split[part.name], 201)


def query(choose: random.Random) -> dict[str, str]:
    """Parameters of a temporal query."""
    day = choose.randint(1, 20)
    found = {"timerel": choose.choice(["after", "before", "between"]), "timeAt": at(day)}
    if found["timerel"] == "between":
        found["endTimeAt"] = at(choose.randint(day + 1, 28))
    for likely, choices in CHOICES:
        if choose.random() < likely:
            found |= choose.choice(choices)
    return found


def shown(answer: httpx.Response) -> tuple[int, list[str]]:
    """Status, and the evolutions in the order of the answer, without any order inside."""
    if answer.status_code != 200:
        return answer.status_code, []
    assert "ngsild-warning" not in answer.headers
    return 200, [_unordered(one) for one in answer.json()]


def _unordered(value: Any) -> str:
    if isinstance(value, dict):
        own = {name: value[name] for name in sorted(value) if name != "instanceId"}
        return json.dumps({name: _single(name, held) for name, held in own.items()})
    return json.dumps(sorted(map(_unordered, value)) if isinstance(value, list) else value)


def _single(name: str, held: Any) -> str:
    """One instance stands alone, several in an array."""
    alone = isinstance(held, dict) and name not in ("value", "languageMap")
    return _unordered([held] if alone else held)


@pytest.mark.parametrize("seed", range(4))
async def test_a_temporal_query_finds_the_same(network: Network, anyio_backend: str, seed: int) -> None:
    """Whole evolutions at several sources, and instances of one in several places, as in a single broker."""
    choose = random.Random(seed)  # noqa: S311 — the same choices each time
    async with (
        nodes(network, "one", "a", "b", "c", "y", "z") as (one, a, b, c, y, z),
        nodes(network, "s", split_entities=True) as (s,),
    ):
        await spread(choose, one, [a, b, c], [s, y, z])
        for node, others in ((a, "bc"), (s, "yz")):
            for other in others:
                await node.register(other, REGISTERED, **OFFERED)
        for _ in range(60):
            asked = query(choose)
            path = f"{API}/temporal/entities?{urlencode({**asked, 'limit': 100})}"
            expected = shown(await one.client.get(path))
            for node in (a, s):
                assert shown(await node.client.get(path)) == expected, (node.name, asked)
