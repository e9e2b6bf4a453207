"""Which Entities a distributed query finds, and what is asked for them: ETSI GS CIM 009 V1.9.1, 4.3.6.1, 5.7.2.4."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ..api import API, create
from ..outbound.network import Network, Node, nodes
from .federation import CAR, OTHER, car, ids, prop, send

pytestmark = pytest.mark.anyio


async def own_context(node: Node, **terms: str) -> list[dict[str, str]]:
    """contextSourceInfo with a @context of the source's own, kept at a broker."""
    path = (await send(node, "POST", "/jsonldContexts", {"@context": terms}, 201)).headers["location"]
    return [{"key": "jsonldContext", "value": f"http://{node.name}{path}"}]


@pytest.mark.parametrize("own", [False, True], ids=["context of the request", "context of the source"])
async def test_an_entity_without_any_of_the_attrs_is_not_found(pair: list[Node], network: Network, own: bool) -> None:
    """5.7.2.4: "it shall contain at least one of the Attributes in the projection Attribute list"."""
    a, _ = pair
    every = [
        {"id": CAR, "type": "Car", "speed": prop(5)},
        {"id": OTHER, "type": "Car", "speed": prop(5), "brand": prop(1)},
    ]
    network.hosts["lavish"] = lambda sent: (200, every)
    info = await own_context(a, dummy="https://x.test/") if own else []
    await a.register("lavish", contextSourceInfo=info or None)
    assert ids(await a.query("type=Car&attrs=brand&q=speed>1")) == [OTHER]
    assert ids(await a.query("type=Car&attrs=brand&q=speed>1&count=true&limit=0")) == []
    answer = await a.query("type=Car&attrs=brand&q=speed>1&count=true")
    assert answer.headers["ngsild-results-count"] == "1"


async def test_a_source_that_cannot_have_what_is_wanted_is_not_asked(pair: list[Node], network: Network) -> None:
    """It has speed, which the filter looks at, and not brand, without which nothing is found."""
    a, b = pair
    await create(b.client, CAR, speed=prop(5))
    await a.register("b", properties=["speed"])
    assert (await a.query("type=Car&attrs=brand&q=speed>1")).json() == []
    assert not network.sent
    assert ids(await a.query("type=Car&attrs=brand,speed&q=speed>1")) == [CAR]


@pytest.mark.parametrize(
    ("asked", "sent", "values"),
    [
        ("", "@none,urn:d:1", [1, 2]),
        ("urn:d:1,urn:d:2", "urn:d:1", [2]),
        ("@none", "@none", [1]),
        ("urn:d:2", None, []),
    ],
)
async def test_only_datasets_that_are_registered_are_asked_for(
    pair: list[Node], network: Network, asked: str, sent: str | None, values: Any
) -> None:
    """4.3.6.1, 5.2.9: datasetId of the Registration, 5.12: no match without one in common."""
    a, b = pair
    instances = [prop(1), prop(2, datasetId="urn:d:1"), prop(3, datasetId="urn:d:2")]
    await create(b.client, CAR, speed=instances)
    await a.register("b", datasetId=["@none", "urn:d:1"])
    parameter = f"&datasetId={asked}" if asked else ""
    for path in (f"/entities/{CAR}?", "/entities?type=Car&"):
        network.sent.clear()
        answer = await send(a, "GET", f"{path}options=concise{parameter}")
        assert [one.parameters["datasetId"] for one in network.sent] == ([] if sent is None else [sent])
        found = answer.json() if isinstance(answer.json(), list) else [answer.json()]
        shown = [one["speed"] for one in found if "speed" in one]
        flat = shown[0] if shown and isinstance(shown[0], list) else shown
        assert [one["value"] if isinstance(one, dict) else one for one in flat] == values


async def test_auxiliary_data_does_not_make_an_entity_match_in_place_of_our_own(pair: list[Node]) -> None:
    """4.3.6.2: it "never overrides data held directly within a Context Broker", in filters neither."""
    a, b = pair
    await create(a.client, CAR, speed=prop(1))
    await create(b.client, CAR, speed=prop(9), brand=prop("VW"))
    await create(b.client, OTHER, speed=prop(9))
    await a.register("b", mode="auxiliary", operations=["retrieveOps"])
    answer = await a.query("type=Car&q=speed>5&count=true")
    assert (ids(answer), answer.headers["ngsild-results-count"]) == ([OTHER], "1")
    answer = await a.query("type=Car&q=brand==%22VW%22&options=concise&count=true")  # it may add to what is held here
    assert (answer.json(), answer.headers["ngsild-results-count"]) == ([car(speed=1, brand="VW")], "1")


async def test_what_has_expired_elsewhere_is_not_counted(pair: list[Node], network: Network) -> None:
    """5.7.2.4: Entities whose expiresAt "lies in the past shall be discarded"."""
    a, _ = pair
    every = [{"id": f"urn:a:{n}", "type": "Car", "expiresAt": f"20{n}-01-01T00:00:00Z"} for n in (10, 90, 11, 91, 92)]
    network.hosts["old"] = lambda sent: (200, every)
    await a.register("old")
    pages = [await a.query(f"type=Car&count=true&limit=2&offset={offset}") for offset in (0, 2)]
    assert [ids(one) for one in pages] == [["urn:a:90", "urn:a:91"], ["urn:a:92"]]
    assert {one.headers["ngsild-results-count"] for one in pages} == {"3"}


async def test_a_source_that_hands_out_its_pages_drop_by_drop_is_left_behind(
    network: Network, anyio_backend: str
) -> None:
    """6.3.17, 5.2.34: each page in time, but there is no end of them."""

    async def trickle(sent: Any) -> Any:
        await asyncio.sleep(0.01)
        number = sent.parameters.get("offset", "0")
        entity = {"id": f"urn:a:{number}", "type": "Car"}
        return 200, [entity], {"Link": "</x>; rel=next"}

    network.hosts["trickle"] = trickle
    async with nodes(network, "a", query_timeout_seconds=0.3) as (a,):
        await a.register("trickle")
        answer = await a.client.get(f"{API}/entities?type=Car")
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer.headers["ngsild-warning"].startswith("199 ")


@pytest.mark.parametrize("projection", ["", "&attrs=speed", "&pick=id,speed"])
@pytest.mark.parametrize("name", ["location", "spot"])
async def test_features_have_their_geometry_wherever_they_are(pair: list[Node], projection: str, name: str) -> None:
    """4.5.16: a projection does not take away what becomes the geometry; what it selects stays as it is."""
    a, b = pair
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    await create(a.client, CAR, speed=prop(1), **{name: place})
    await create(b.client, OTHER, speed=prop(1), **{name: place})
    await create(b.client, "urn:a:3", **{name: place})
    await a.register("b")
    geo = {"Accept": "application/geo+json"}
    parameters = f"geometryProperty={name}{projection}"
    features = (await a.client.get(f"{API}/entities?type=Car&{parameters}", headers=geo)).json()["features"]
    assert [one["id"] for one in features] == [CAR, OTHER, *([] if "attrs" in projection else ["urn:a:3"])]
    one = (await a.client.get(f"{API}/entities/{OTHER}?{parameters}", headers=geo)).json()
    for feature in (*features, one):
        assert feature["geometry"] == place["value"], feature
        assert (name in feature["properties"]) is not bool(projection)


async def test_a_part_without_what_the_filters_look_at_belongs_to_a_split_entity(pair: list[Node]) -> None:
    """5.7.2.4, 5.12: filters are no Attribute list: they "have to be applied after the Entity information … has been
    aggregated".
    """
    a, b = pair
    await create(a.client, CAR, speed=prop(1))
    await create(b.client, CAR, brand=prop("x"))
    await a.register("b", properties=["brand"])
    found = (await a.query("type=Car&q=speed==1&splitEntities=true&options=concise")).json()
    assert found == [{"id": CAR, "type": "Car", "speed": 1, "brand": "x"}]
