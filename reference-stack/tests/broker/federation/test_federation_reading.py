"""Reading from Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.7.1.4, 5.7.2.4, 5.12, 6.3.17 and 6.3.18."""

from __future__ import annotations

import pytest

from ..api import API, create
from ..outbound.network import Network, Node
from .federation import CAR, OTHER, car, ids, prop
from .registrations import register, registration

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("mode", ["inclusive", "redirect", "auxiliary"])
async def test_an_entity_elsewhere_is_retrieved_and_found(pair: list[Node], mode: str) -> None:
    """5.7.1.4, 5.7.2.4, in every mode."""
    a, b = pair
    await create(b.client, CAR, speed=prop(1))
    await a.register("b", mode=mode, operations=["retrieveOps"])
    assert await a.retrieve(CAR) == car(speed=1)
    assert (await a.query("type=Car&options=concise")).json() == [car(speed=1)]
    answer = await a.client.post(f"{API}/entityOperations/query", json={"type": "Query", "entities": [{"type": "Car"}]})
    assert ids(answer) == [CAR]


async def test_a_query_by_post_is_forwarded_as_its_table_has_it(pair: list[Node], network: Network) -> None:
    """Table 5.2.23-1: expandValues and jsonKeys are strings."""
    a, b = pair
    await create(b.client, CAR, category={"type": "VocabProperty", "vocab": "Fast"})
    await a.register("b", operations=["queryBatch"])
    values = {"q": "category==Fast", "expandValues": "category,kind", "jsonKeys": "ticket"}
    query = {"type": "Query", "entities": [{"type": "Car"}], **values}
    assert ids(await a.client.post(f"{API}/entityOperations/query", json=query)) == [CAR]
    assert values.items() <= network.sent[-1].body.items()


async def test_local_leaves_registrations_aside(pair: list[Node], network: Network) -> None:
    """6.3.18."""
    a, b = pair
    await create(b.client, CAR)
    await a.register("b")
    assert (await a.client.get(f"{API}/entities/{CAR}?local=true")).status_code == 404
    assert (await a.query("type=Car&local=true")).json() == []
    assert (await a.query("type=Car")).json() != []
    assert len(network.sent) == 1


async def test_versions_are_merged(pair: list[Node]) -> None:
    """4.5.5.3: the most recent observedAt wins; instances differ by datasetId; auxiliary data never overrides."""
    a, b = pair
    old, new = "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"
    await create(a.client, CAR, speed=prop(1, observedAt=old), brand=prop("here", observedAt=new))
    theirs = {"speed": prop(2, observedAt=new), "brand": prop("there", observedAt=old)}
    await create(b.client, CAR, **theirs, colour=[prop("red"), prop("blue", datasetId="urn:d:1")])
    await a.register("b")
    found = await a.retrieve(CAR)
    assert (found["speed"]["value"], found["brand"]["value"]) == (2, "here")
    assert found["colour"] == [{"value": "red"}, {"value": "blue", "datasetId": "urn:d:1"}]
    assert (await a.query("type=Car&options=concise")).json() == [found]

    await a.client.patch(
        f"{API}/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b",
        json={"mode": "auxiliary", "operations": ["retrieveOps"]},
    )
    found = await a.retrieve(CAR)
    assert (found["speed"]["value"], found["brand"]["value"], len(found["colour"])) == (1, "here", 2)


async def test_an_exclusive_attribute_comes_from_its_source(pair: list[Node], network: Network) -> None:
    """4.3.6.3; only what is registered is asked for (4.3.6.1)."""
    a, b = pair
    await create(b.client, CAR, speed=prop(1), brand=prop("not offered"))
    await a.register("b", [{"type": "Car", "id": CAR}], properties=["speed"], mode="exclusive")
    await create(a.client, CAR, colour=prop("red"))
    assert await a.retrieve(CAR) == car(colour="red", speed=1)
    assert network.sent[-1].parameters["attrs"] == "speed"


async def test_only_what_is_registered_is_asked_for_and_taken(network: Network, pair: list[Node]) -> None:
    """4.3.6.1: ids, types, patterns and Attributes of the Registration; what a source answers beyond is left out."""
    a, _ = pair
    everything = [
        {"id": CAR, "type": "Car", "speed": prop(1), "brand": prop("x")},
        {"id": OTHER, "type": "Car", "speed": prop(2)},
        {"id": "urn:ngsi-ld:Bus:1", "type": "Bus", "speed": prop(3)},
    ]
    network.hosts["lavish"] = lambda sent: (200, everything)
    await a.register("lavish", [{"type": "Car", "idPattern": ":1$"}], properties=["speed"])
    assert (await a.query("type=Car,Bus&options=concise")).json() == [car(speed=1)]
    asked = network.sent[-1].parameters
    assert (asked["type"], asked["idPattern"], asked["attrs"]) == ("Car", ":1$", "speed")
    assert (await a.query("type=Car&attrs=brand")).json() == []
    assert (await a.query("type=Bus")).json() == []
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=Car&q=speed>1", [OTHER]),
        ("type=Car&q=speed==1|speed==2", [CAR, OTHER]),
        ("q=speed<2", [CAR]),
        (f"type=Car&id={OTHER}", [OTHER]),
        ("type=Car&idPattern=1$", [CAR]),
        ("attrs=brand", [CAR]),
        ("type=Car&scopeQ=/Madrid/%23", [OTHER]),
        ("georel=near;maxDistance==5000&geometry=Point&coordinates=[1,1]", [CAR]),
        ("type=Car&georel=near;maxDistance==5000&geometry=Point&coordinates=[1,1]&geoproperty=location", [CAR]),
        ("type=Bus", []),
    ],
)
@pytest.mark.parametrize("split", ["", "&splitEntities=true"])
async def test_filters_hold_everywhere(pair: list[Node], query: str, expected: list[str], split: str) -> None:
    """5.7.2.4: forwarded, or applied to what was put together."""
    a, b = pair
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 1]}}
    await create(a.client, CAR, speed=prop(1), brand=prop("x"), location=place)
    await create(b.client, OTHER, speed=prop(2), scope="/Madrid/Centro")
    await a.register("b")
    assert ids(await a.query(query + split)) == expected


async def test_a_split_entity_is_put_together_before_it_is_filtered(pair: list[Node], network: Network) -> None:
    """5.7.2.4: with splitEntities the filters are removed from what is forwarded."""
    a, b = pair
    await create(a.client, CAR, speed=prop(1))
    await create(b.client, CAR, brand=prop("VW"))
    await a.register("b")
    query = "type=Car&q=speed==1;brand==%22VW%22"
    assert (await a.query(query)).json() == []
    assert "q" in network.sent[-1].parameters
    assert ids(await a.query(query + "&splitEntities=true")) == [CAR]
    assert "q" not in network.sent[-1].parameters


async def test_pages_fit_together(pair: list[Node]) -> None:
    """5.5.9: every Entity once, in a fixed order, whatever the page size; the count is of all."""
    a, b = pair
    for number in range(12):
        for holder in (a, b) if number % 3 == 0 else (a,) if number % 3 == 1 else (b,):
            await create(holder.client, f"urn:ngsi-ld:Car:{number:02}", **{holder.name: prop(number)})
    a.broker.settings = a.broker.settings.model_copy(update={"federation_page_entities": 3})
    await a.register("b")
    whole = await a.query("type=Car&count=true&options=concise&limit=100")
    assert whole.headers["ngsild-results-count"] == "12"
    assert sorted(ids(whole)) == [f"urn:ngsi-ld:Car:{number:02}" for number in range(12)]
    for size in (1, 5, 12):
        for split in ("false", "true"):
            answer = await a.query(f"type=Car&limit={size}&options=concise&splitEntities={split}")
            seen = answer.json()
            while "next" in answer.links:
                answer = await a.client.get(answer.links["next"]["url"])
                seen += answer.json()
            assert seen == whole.json()
    assert {"a": 0, "b": 0}.items() <= next(one for one in whole.json() if one["id"].endswith("00")).items()
    assert ids(await a.query("type=Car&offset=99")) == ids(whole)[-1:]


async def test_names_are_written_in_the_context_of_the_request(pair: list[Node], network: Network) -> None:
    """5.5.7: the @context goes along; with "jsonldContext" the source's own is used (4.3.6.6)."""
    a, b = pair
    mine, theirs = (
        {"Auto": "https://cars.test/Car", "tempo": "https://cars.test/speed"},
        {"Car": "https://cars.test/Car", "speed": "https://cars.test/speed"},
    )
    hosted = []
    for context in (mine, theirs):
        answer = await a.client.post(f"{API}/jsonldContexts", json={"@context": context})
        hosted.append("http://a" + answer.headers["location"])
    entity = {"id": CAR, "type": "Car", "speed": prop(1), "@context": theirs}
    await b.client.post(f"{API}/entities", json=entity, headers={"Content-Type": "application/ld+json"})
    b.broker.contexts.hosted = a.broker.contexts.hosted  # as if b had downloaded them
    link = {"Link": f'<{hosted[0]}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'}
    await a.register("b", [{"type": "https://cars.test/Car"}])
    for source_info in ([], [{"key": "jsonldContext", "value": hosted[1]}]):
        change = {"contextSourceInfo": source_info} if source_info else {"description": "none"}
        await a.client.patch(f"{API}/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b", json=change)
        for query in ("type=Auto&q=tempo==1", "q=tempo==1", "attrs=tempo"):
            answer = await a.client.get(f"{API}/entities?{query}&options=concise", headers=link)
            assert answer.json() == [{"id": CAR, "type": "Auto", "tempo": 1}], (query, network.sent[-1])
        assert (hosted[1] if source_info else hosted[0]) in network.sent[-1].headers["link"]
    assert network.sent[-1].parameters["attrs"] == "speed"


async def test_extra_information_goes_along(pair: list[Node], network: Network) -> None:
    """4.3.6.5, 6.3.14, 6.3.19; what belongs to the message or the Registration cannot be overridden."""
    a, b = pair
    await b.client.post(f"{API}/entities", json=car(speed=prop(1)), headers={"NGSILD-Tenant": "theirs"})
    info = {
        "Authorization": "Bearer x",
        "X-User": "urn:ngsi-ld:request",
        "X-Missing": "urn:ngsi-ld:request",
        "Host": "elsewhere",
        "NGSILD-Tenant": "wrong",
        "Content-Length": "9",
        "Accept-Encoding": "gzip",
        "Expect": "100-continue",
        "accept": "application/ld+json",
    }
    pairs = [{"key": key, "value": value} for key, value in info.items()]
    await a.register("b", tenant="theirs", contextSourceInfo=pairs, management={"localOnly": True})
    answer = await a.client.get(f"{API}/entities/{CAR}?options=concise", headers={"X-User": "abcd"})
    assert answer.json() == car(speed=1), (answer.headers, network.sent)
    sent = network.sent[-1]
    assert (sent.headers["authorization"], sent.headers["x-user"]) == ("Bearer x", "abcd")
    assert (sent.headers["ngsild-tenant"], sent.headers["accept"]) == ("theirs", "application/ld+json")
    assert not {"x-missing", "host", "content-length", "accept-encoding", "expect"} & sent.headers.keys()
    assert sent.headers["via"] == "1.1 a"
    assert sent.parameters["local"] == "true"


async def test_registrations_of_another_tenant_are_not_used(pair: list[Node], network: Network) -> None:
    """4.14."""
    a, b = pair
    await create(b.client, CAR)
    await a.register("b", own_tenant="city")
    assert (await a.client.get(f"{API}/entities/{CAR}")).status_code == 404
    assert not network.sent
    assert (await a.client.get(f"{API}/entities/{CAR}", headers={"NGSILD-Tenant": "city"})).status_code == 200
    assert network.sent[-1].headers["via"] == "1.1 a.city"


async def test_temporal_registrations_do_not_serve_current_state(pair: list[Node], network: Network) -> None:
    """5.9.1: "either … latest information or … temporal information, but not both"."""
    a, _ = pair
    await a.register("b", observationInterval={"startAt": "2020-01-01T00:00:00Z"})
    assert (await a.query("type=Car")).json() == []
    assert not network.sent


@pytest.mark.parametrize(
    ("endpoint", "own"),
    [
        ("http://s/?key=a%20b", {"key": "a b"}),
        ("http://s#api", {}),
        ("http://s/ngsi-ld/v1/?key=1#api", {"key": "1"}),
    ],
)
async def test_an_endpoint_may_have_a_query_of_its_own(
    pair: list[Node], network: Network, endpoint: str, own: dict[str, str]
) -> None:
    """5.2.9 asks for a dereferenceable URI: what follows its path does not hide the path of the operation."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (200, [{"id": CAR, "type": "Car"}])
    await register(a.client, registration(endpoint=endpoint))
    assert ids(await a.query("type=Car")) == [CAR]
    (sent,) = network.sent
    assert (sent.path, sent.parameters["type"]) == ("/entities", "Car")
    assert own.items() <= sent.parameters.items()


async def test_csf_selects_sources(pair: list[Node], network: Network) -> None:
    """5.7.2.3: "to filter out Context Sources by the values of properties that describe them"."""
    a, b = pair
    await create(b.client, CAR)
    await a.register("b", owner="City")
    assert (await a.query("type=Car&csf=owner==%22State%22")).json() == []
    assert ids(await a.query("type=Car&csf=owner==%22City%22")) == [CAR]


async def test_the_identity_is_the_pseudonym_of_the_tenant(pair: list[Node], network: Network) -> None:
    """5.2.40: what a Registration has as contextSourceAlias is what the Via header has."""
    a, b = pair
    await a.register("b", own_tenant="a/b")
    headers = {"NGSILD-Tenant": "a/b"}
    await a.client.get(f"{API}/entities?type=Car", headers=headers)
    identity = (await a.client.get(f"{API}/info/sourceIdentity", headers=headers)).json()
    assert network.sent[-1].headers["via"] == f"1.1 {identity['contextSourceAlias']}" == "1.1 a.a%2Fb"
    assert (await b.client.get(f"{API}/info/sourceIdentity")).json()["contextSourceAlias"] == "b"


async def test_the_types_asked_for_hold_at_sources_too(network: Network, pair: list[Node]) -> None:
    """5.7.1.4: "whose id (URI), and where specified type, is equivalent", whatever the source looks at."""
    a, b = pair
    await create(b.client, CAR, type="Bus", speed=prop(1))
    await a.register("b", (), properties=["speed"])
    assert (await a.client.get(f"{API}/entities/{CAR}?type=Car")).status_code == 404
    assert network.sent[-1].parameters["type"] == "Car"
    assert (await a.client.get(f"{API}/entities/{CAR}?type=Bus")).status_code == 200
    network.hosts["b"] = lambda sent: (200, {"id": CAR, "type": "Bus", "speed": prop(1)})
    assert (await a.client.get(f"{API}/entities/{CAR}?type=Car")).status_code == 404
    assert (await a.client.get(f"{API}/entities/{CAR}?type=Car,Bus")).status_code == 200


@pytest.mark.parametrize("path", [f"entities/{CAR}?", "entities?type=Car&"])
async def test_linked_entities_are_followed_to_sources(network: Network, pair: list[Node], path: str) -> None:
    """4.5.23: inline and flat, over as many links as were asked for; each source is asked once for each."""
    a, b = pair
    owner, city = "urn:ngsi-ld:Person:1", "urn:ngsi-ld:City:1"
    await create(a.client, CAR, owner={"type": "Relationship", "object": owner, "objectType": "Person"})
    await create(b.client, owner, type="Person", home={"type": "Relationship", "object": city, "objectType": "City"})
    await create(b.client, city, type="City", name=prop("Lux"))
    await a.register("b", [{"type": "Person"}, {"type": "City"}])
    answer = (await a.client.get(f"{API}/{path}join=inline&joinLevel=2")).json()
    found = answer[0] if isinstance(answer, list) else answer
    assert found["owner"]["entity"]["home"]["entity"]["name"]["value"] == "Lux"
    asked = [sent.path for sent in network.sent]
    assert asked.count(f"/entities/{owner}") == asked.count(f"/entities/{city}") == 1
    flat = (await a.client.get(f"{API}/{path}join=flat&joinLevel=1")).json()
    assert [one["id"] for one in flat] == [CAR, owner]
    local = (await a.client.get(f"{API}/{path}join=inline&local=true")).json()
    assert "entity" not in (local[0] if isinstance(local, list) else local)["owner"]


async def test_only_what_an_object_type_announces_is_looked_for_at_sources(network: Network, pair: list[Node]) -> None:
    """4.5.23.1: "Relationships targeting a locally stored Entity or Relationships annotated with an objectType"."""
    a, b = pair
    owner = "urn:ngsi-ld:Person:1"
    await create(a.client, CAR, owner={"type": "Relationship", "object": owner})
    await create(b.client, owner, type="Person")
    await a.register("b", [{"type": "Person"}])
    found = (await a.client.get(f"{API}/entities/{CAR}?join=inline")).json()
    assert "entity" not in found["owner"]
    assert owner not in str([sent.path for sent in network.sent])
    await create(a.client, owner, type="Person")
    found = (await a.client.get(f"{API}/entities/{CAR}?join=inline")).json()
    assert found["owner"]["entity"]["id"] == owner
