"""A query finds the same, whether one broker holds everything or several: ETSI GS CIM 009 V1.9.1, 4.3.6.7, 5.7.2.4."""

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

pytestmark = pytest.mark.anyio
COUNT = 20
TYPES = ["Car", "Bus", ["Car", "Taxi"]]
REGISTERED = [{"type": "Car"}, {"type": "Bus"}, {"type": "Taxi"}, {"type": ["Car", "Taxi"]}]
QUERIES = [
    "speed>4",
    "speed!=3",
    'brand~=[xy];name[*]=="s"',
    'addr[city]=="L"|addr.sub>1',
    "(speed<3|speed>7);location",
    'speed.unitCode=="KMH"',
    "owner",
]
LINKED = ['owner{brand}=="x"', "owner{Car:speed}|speed>8", "owner{owner{speed}}>2"]
AREA = "[[[-1,-1],[1.5,-1],[1.5,1.5],[-1,1.5],[-1,-1]]]"
CHOICES: list[dict[str, list[str]]] = [
    {"type": ["Car", "Bus", "Car,Bus", "Taxi", "(Car;Taxi)", "Bus|Taxi"]},
    {"q": QUERIES},
    {"scopeQ": ["/a", "/a/#", "/c", "/+/b", "/a;/c"]},
    {"attrs": ["speed", "brand,name", "owner,speed"]},
    {"pick": ["id,speed", "id,type,brand", "id,owner"]},
    {"omit": ["speed", "brand,scope"]},
    {"idPattern": ["1$", "Thing:[0-9]$"]},
    {"datasetId": ["@none", "urn:d:1", "urn:d:1,@none"]},
    {"lang": ["de"]},
    {"options": ["keyValues", "concise"]},
]


def thing(number: int) -> str:
    return f"urn:ngsi-ld:Thing:{number}"


def entity(choose: random.Random, number: int) -> dict[str, Any]:
    """An Entity with some of these members."""
    point = {"type": "Point", "coordinates": [choose.randint(0, 3), choose.randint(0, 3)]}
    several = [prop(choose.randint(0, 9)), prop(choose.randint(0, 9), datasetId="urn:d:1", unitCode="KMH")]
    words = {"en": choose.choice("pqr"), "de": choose.choice("stu")}
    members: dict[str, Any] = {
        "speed": choose.choice([prop(choose.randint(0, 9)), several]),
        "brand": prop(choose.choice("xyz")),
        "location": {"type": "GeoProperty", "value": point},
        "scope": choose.choice(["/a", "/a/b", ["/c", "/a/b/c"]]),
        "name": {"type": "LanguageProperty", "languageMap": words},
        "owner": {"type": "Relationship", "object": thing(choose.randrange(COUNT)), "objectType": "Car"},
        "addr": prop({"city": choose.choice("LM")}, sub=prop(choose.randint(0, 3))),
    }
    kept = {name: value for name, value in members.items() if choose.random() < 0.55}
    return {"id": thing(number), "type": choose.choice(TYPES), **kept}


def query(choose: random.Random) -> dict[str, str]:
    """Parameters of a query."""
    found: dict[str, str] = {}
    for parameters in CHOICES:
        for name, values in parameters.items():
            if choose.random() < (0.7 if name == "type" else 0.25):
                found[name] = choose.choice(values)
    if choose.random() < 0.25:
        found |= {"q": choose.choice(LINKED), "join": "inline", "joinLevel": "2"}
    elif choose.random() < 0.2:
        found |= {"join": choose.choice(["inline", "flat"]), "joinLevel": choose.choice("12")}
    if choose.random() < 0.2:
        found |= {"georel": choose.choice(["within", "disjoint"]), "geometry": "Polygon", "coordinates": AREA}
    elif choose.random() < 0.2:
        found |= {"georel": "near;maxDistance==120000", "geometry": "Point", "coordinates": "[1,1]"}
    return found


async def spread(choose: random.Random, one: Node, whole: list[Node], parts: list[Node]) -> None:
    """The same Entities in one broker, each as a whole in one of some, and each split over some."""
    for number in range(COUNT):
        everything = entity(choose, number)
        await send(one, "POST", "/entities", everything, 201)
        await send(choose.choice(whole), "POST", "/entities", everything, 201)
        head = {name: everything[name] for name in ("id", "type")}
        part_of = {name: parts[0] if name == "scope" else choose.choice(parts) for name in everything}
        for part in parts:
            own = {name: everything[name] for name in everything if name not in head and part_of[name] is part}
            if own or part is parts[0]:
                await send(part, "POST", "/entities", head | own, 201)


def shown(answer: httpx.Response) -> tuple[int, list[str]]:
    """Status, and the Entities without any order."""
    if answer.status_code != 200:
        return answer.status_code, []
    assert "ngsild-warning" not in answer.headers
    return 200, sorted(map(_unordered, answer.json()))


def _unordered(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps({name: _unordered(value[name]) for name in sorted(value)})
    return json.dumps(sorted(map(_unordered, value)) if isinstance(value, list) else value)


@pytest.mark.parametrize("seed", range(4))
async def test_a_query_finds_the_same_wherever_things_are(network: Network, anyio_backend: str, seed: int) -> None:
    """Whole Entities at several sources, and split ones, as in a single broker; also page by page."""
    choose = random.Random(seed)  # noqa: S311 — the same choices each time
    async with (
        nodes(network, "one", "a", "b", "c", "y", "z") as (one, a, b, c, y, z),
        nodes(network, "s", split_entities=True) as (s,),
    ):
        await spread(choose, one, [a, b, c], [s, y, z])
        for node, others in ((a, "bc"), (s, "yz")):
            for other in others:
                await node.register(other, REGISTERED)
        for _ in range(60):
            asked = query(choose)
            expected = shown(await one.client.get(f"{API}/entities?{urlencode({**asked, 'limit': 100})}"))
            for node in (a, s):
                found = shown(await node.client.get(f"{API}/entities?{urlencode({**asked, 'limit': 100})}"))
                assert found == expected, (node.name, asked)
                if expected[0] == 200 and "join" not in asked:
                    assert await paged(node, asked, choose.randint(1, 7)) == expected[1], (node.name, asked)


async def paged(node: Node, asked: dict[str, str], size: int) -> list[str]:
    found: list[str] = []
    while True:
        paging = {"limit": size, "offset": len(found), "count": "true"}
        answer = await node.client.get(f"{API}/entities?{urlencode({**asked, **paging})}")
        found += shown(answer)[1]
        if "next" not in answer.links:
            assert len(found) == int(answer.headers["ngsild-results-count"])
            return sorted(found)


SHOWN: list[dict[str, list[str]]] = [
    {"attrs": ["speed", "brand,name", "nope"]},
    {"pick": ["id,speed", "type,brand", "owner"]},
    {"datasetId": ["@none", "urn:d:1"]},
    {"type": ["Car", "Bus", "Taxi"]},
    {"join": ["inline", "flat"]},
    {"options": ["keyValues", "concise"]},
]


@pytest.mark.parametrize("seed", range(3))
async def test_an_entity_is_shown_the_same_wherever_it_is(network: Network, anyio_backend: str, seed: int) -> None:
    """5.7.1.4: pick takes members away, never the Entity; attrs looks at all instances, datasetId at what is shown."""
    choose = random.Random(seed)  # noqa: S311 — the same choices each time
    async with (
        nodes(network, "one", "a", "b", "c", "y", "z") as (one, a, b, c, y, z),
        nodes(network, "s", split_entities=True) as (s,),
    ):
        await spread(choose, one, [a, b, c], [s, y, z])
        for node, others in ((a, "bc"), (s, "yz")):
            for other in others:
                await node.register(other, REGISTERED)
        for _ in range(60):
            asked = {
                name: choose.choice(values)
                for parameters in SHOWN
                for name, values in parameters.items()
                if choose.random() < 0.3
            }
            path = f"{API}/entities/{thing(choose.randint(0, COUNT))}?{urlencode(asked)}"
            expected = await one.client.get(path)
            for node in (a, s):
                found = await node.client.get(path)
                assert found.status_code == expected.status_code, (node.name, path)
                if found.status_code == 200:
                    assert _unordered(found.json()) == _unordered(expected.json()), (node.name, path)
