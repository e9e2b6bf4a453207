"""Temporal evolutions, types and Attributes across Context Sources: ETSI GS CIM 009 V1.9.1, 5.6.11 to 5.6.16, 5.7.3 to
5.7.11.
"""

from __future__ import annotations

from typing import Any

import pytest

from ..api import create
from ..outbound.network import Network, Node
from .federation import CAR, OTHER, send

pytestmark = pytest.mark.anyio
TEMPORAL = {
    "operations": [
        "retrieveTemporal",
        "queryTemporal",
        "upsertTemporal",
        "appendAttrsTemporal",
        "deleteAttrsTemporal",
        "updateAttrInstanceTemporal",
        "deleteAttrInstanceTemporal",
        "deleteTemporal",
    ],
    "observationInterval": {"startAt": "2020-01-01T00:00:00Z", "endAt": "2022-01-01T00:00:00Z"},
}
SINCE = "timerel=after&timeAt=2020-01-01T00:00:00Z"


def at(day: int) -> str:
    return f"2021-01-{day:02}T00:00:00Z"


def series(*points: tuple[int, Any], **members: Any) -> list[dict[str, Any]]:
    return [{"type": "Property", "value": value, "observedAt": at(day), **members} for day, value in points]


def evolution(entity_id: str = CAR, **attributes: Any) -> dict[str, Any]:
    return {"id": entity_id, "type": "Car", **attributes}


def values(entity: dict[str, Any], name: str) -> list[tuple[Any, str]]:
    return [(one["value"], one["observedAt"]) for one in entity.get(name, [])]


async def test_evolutions_are_merged_by_instant(pair: list[Node]) -> None:
    """5.7.3.4, 5.7.4.4, 4.5.5.3: every instant once; of those that both have, the one that was modified last."""
    a, b = pair
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1), (3, 3))), 201)
    await send(b, "POST", "/temporal/entities", evolution(speed=series((2, 2), (3, 33)), brand=series((1, "VW"))), 201)
    await send(b, "POST", "/temporal/entities", evolution(OTHER, speed=series((5, 5))), 201)
    await a.register("b", **TEMPORAL)
    found = (await send(a, "GET", f"/temporal/entities/{CAR}", None, 200)).json()
    assert values(found, "speed") == [(1, at(1)), (2, at(2)), (33, at(3))]
    assert values(found, "brand") == [("VW", at(1))]
    page = await send(a, "GET", f"/temporal/entities?type=Car&{SINCE}&count=true", None, 200)
    assert [one["id"] for one in page.json()] == [CAR, OTHER]
    assert page.headers["ngsild-results-count"] == "2"
    assert values(page.json()[0], "speed") == values(found, "speed")
    seen = []
    for offset in range(2):
        part = await send(a, "GET", f"/temporal/entities?type=Car&{SINCE}&limit=1&offset={offset}", None, 200)
        seen += part.json()
        assert ("next" in part.links) is (offset == 0)
    assert seen == page.json()
    newest = (await send(a, "GET", f"/temporal/entities/{CAR}?lastN=1", None, 200)).json()
    assert values(newest, "speed") == [(33, at(3))]
    local = (await send(a, "GET", f"/temporal/entities/{CAR}?local=true", None, 200)).json()
    assert values(local, "speed") == [(1, at(1)), (3, at(3))]


async def test_auxiliary_sources_fill_gaps_alone(pair: list[Node]) -> None:
    """5.7.3.4: an instance is added "only when … not present in any of the Attribute instances … from elsewhere"."""
    a, b = pair
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1))), 201)
    await send(b, "POST", "/temporal/entities", evolution(speed=series((1, 9), (2, 2))), 201)
    identifier = await a.register("b", **TEMPORAL)
    # "operations" of an auxiliary Registration are limited to current state (5.9.2.4): set it behind the door's back.
    members = (await a.broker.registrations.registrations(None, a.broker.now))[0]
    object.__setattr__(members, "mode", "auxiliary")
    found = (await send(a, "GET", f"/temporal/entities/{CAR}", None, 200)).json()
    assert values(found, "speed") == [(1, at(1)), (2, at(2))]
    assert identifier


async def test_only_sources_with_the_time_asked_for_are_asked(pair: list[Node], network: Network) -> None:
    """5.9.1, 5.10.2.4: the interval of the Registration and the temporal query."""
    a, b = pair
    await send(b, "POST", "/temporal/entities", evolution(speed=series((1, 1))), 201)
    await a.register("b", **TEMPORAL)
    for query in (
        "timerel=after&timeAt=2023-01-01T00:00:00Z",
        "timerel=before&timeAt=2019-01-01T00:00:00Z",
        "timerel=between&timeAt=2023-01-01T00:00:00Z&endTimeAt=2024-01-01T00:00:00Z",
        "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=createdAt",
    ):
        assert (await send(a, "GET", f"/temporal/entities?type=Car&{query}", None, 200)).json() == []
    assert not network.sent
    for query in ("timerel=after&timeAt=2010-01-01T00:00:00Z", "timerel=before&timeAt=2030-01-01T00:00:00Z"):
        assert (await send(a, "GET", f"/temporal/entities?type=Car&{query}", None, 200)).json() != []
    assert len(network.sent) == 2


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, [1]), (200, {"id": CAR}), (500, b"")])
async def test_a_source_that_answers_rubbish_costs_its_part_alone(
    pair: list[Node], network: Network, answer: Any
) -> None:
    """As of current state (6.3.17)."""
    a, _ = pair
    network.hosts["bad"] = lambda sent: answer
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1))), 201)
    await a.register("bad", **TEMPORAL)
    for path in (f"/temporal/entities/{CAR}", f"/temporal/entities?type=Car&{SINCE}"):
        found = await send(a, "GET", path, None, 200)
        assert found.headers["ngsild-warning"]


async def test_evolutions_are_written_where_they_are_held(pair: list[Node]) -> None:
    """5.6.11 to 5.6.16."""
    a, b = pair
    entities = [{"type": "Car", "id": CAR}]
    await a.register("b", entities, properties=["speed"], mode="exclusive", **TEMPORAL)
    path = f"/temporal/entities/{CAR}"
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1)), brand=series((1, "x"))), 201)
    await send(a, "POST", f"{path}/attrs", {"speed": series((2, 2)), "brand": series((2, "y"))}, 204)

    async def held(node: Node) -> dict[str, Any]:
        answer = await send(node, "GET", f"{path}?local=true")
        return answer.json() if answer.status_code == 200 else {}

    assert (values(await held(b), "speed"), values(await held(b), "brand")) == ([(1, at(1)), (2, at(2))], [])
    assert (values(await held(a), "brand"), "speed" in await held(a)) == ([("x", at(1)), ("y", at(2))], False)
    instance = (await held(b))["speed"][0]["instanceId"]
    await send(a, "PATCH", f"{path}/attrs/speed/{instance}", {"speed": series((1, 7))}, 204)
    assert values(await held(b), "speed")[0] == (7, at(1))
    await send(a, "DELETE", f"{path}/attrs/speed/{instance}", None, 204)
    assert values(await held(b), "speed") == [(2, at(2))]
    await send(a, "DELETE", f"{path}/attrs/speed?deleteAll=true", None, 204)
    await send(a, "DELETE", path, None, 204)
    assert (await held(a), await held(b)) == ({}, {})
    await send(a, "DELETE", path, None, 404)


async def test_a_dead_source_of_evolutions(pair: list[Node]) -> None:
    """6.3.17: 502 where it has all of it, 207 where it has a part."""
    a, _ = pair
    identifier = await a.register("dead", properties=["speed"], mode="redirect", **TEMPORAL)
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1))), 502)
    answer = await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1)), brand=series((1, "x"))), 207)
    assert answer.json()["errors"][0]["registrationId"] == identifier
    assert answer.headers["location"]


async def test_types_and_attributes_of_all_sources(pair: list[Node], network: Network) -> None:
    """5.7.5 to 5.7.11; what is not registered is not shown."""
    a, b = pair
    await create(a.client, CAR, speed={"type": "Property", "value": 1})
    await create(b.client, OTHER, speed={"type": "Property", "value": 2}, brand={"type": "Property", "value": "x"})
    await create(b.client, "urn:a:bus", type="Bus", seats={"type": "Property", "value": 9})
    await create(b.client, "urn:a:tram", type="Tram", secret={"type": "Property", "value": 9})
    document = [{"type": "Car"}, {"type": "Bus"}]
    await a.register("b", document, properties=["speed", "brand", "seats"])
    network.hosts["bad"] = lambda sent: (200, {"typeList": 7, "attributeList": [1]})
    await a.register("bad")

    async def get(path: str) -> Any:
        answer = await send(a, "GET", path, None, 200)
        assert answer.headers["ngsild-warning"].startswith("111 ") or "Bus" in path or "seats" in path
        return answer.json()

    assert (await get("/types"))["typeList"] == ["Bus", "Car"]
    details = {one["typeName"]: one["attributeNames"] for one in await get("/types?details=true")}
    assert details == {"Bus": ["seats"], "Car": ["brand", "speed"]}
    assert (await get("/attributes"))["attributeList"] == ["brand", "seats", "speed"]
    details = {one["attributeName"]: one["typeNames"] for one in await get("/attributes?details=true")}
    assert details == {"brand": ["Car"], "seats": ["Bus"], "speed": ["Car"]}
    network.hosts["bad"] = lambda sent: (404, {})
    info = (await send(a, "GET", "/types/Car", None, 200)).json()
    assert (info["entityCount"], [one["attributeName"] for one in info["attributeDetails"]]) == (2, ["brand", "speed"])
    info = (await send(a, "GET", "/attributes/speed", None, 200)).json()
    assert (info["attributeCount"], info["typeNames"], info["attributeTypes"]) == (2, ["Car"], ["Property"])
    await send(a, "GET", "/types/Tram", None, 404)
    assert (await send(a, "GET", "/types?local=true", None, 200)).json()["typeList"] == ["Car"]


async def test_a_source_of_several_registrations_is_asked_for_types_once(pair: list[Node], network: Network) -> None:
    """5.7.11: what it has is counted once, and what any of the Registrations offers is shown."""
    a, b = pair
    for number in range(3):
        speed = {"type": "Property", "value": number}
        await create(b.client, f"urn:ngsi-ld:Car:{number}", speed=speed, brand=speed, hidden=speed)
    for number, names in enumerate((["speed"], ["brand"], ["speed"])):
        await a.register("b", [{"type": "Car"}], properties=names, id=f"urn:ngsi-ld:ContextSourceRegistration:{number}")
    await a.register("b", [{"type": "Car"}], properties=["speed"], tenant="other", operations=["retrieveEntityTypes"])
    network.sent.clear()
    found = (await send(a, "GET", "/types/Car", None, 200)).json()
    assert [one["attributeName"] for one in found["attributeDetails"]] == ["brand", "speed"]
    assert (found["entityCount"], len(network.sent)) == (3, 1)
    assert (await send(a, "GET", "/attributes", None, 200)).json()["attributeList"] == ["brand", "speed"]
    assert len(network.sent) == 2
    assert (await send(a, "GET", "/types", None, 200)).json()["typeList"] == ["Car"]
    assert len(network.sent) == 4


async def test_instances_of_one_source_are_not_one_because_they_came_together(pair: list[Node]) -> None:
    """4.5.5.3 is about sources that contradict each other; what one request brought has one createdAt (4.8)."""
    a, b = pair
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1), (2, 2), (3, 3))), 201)
    await send(b, "POST", "/temporal/entities", evolution(speed=series((4, 4), (5, 5)), brand=series((1, "VW"))), 201)
    await a.register("b", **{**TEMPORAL, "managementInterval": {"startAt": "2020-01-01T00:00:00Z"}})
    query = f"type=Car&{SINCE}&timeproperty=createdAt"
    (found,) = (await send(a, "GET", f"/temporal/entities?{query}", None, 200)).json()
    assert sorted(value for value, _ in values(found, "speed")) == [1, 2, 3, 4, 5]


async def test_datasets_that_are_not_registered_are_left_out(pair: list[Node], network: Network) -> None:
    """4.3.6.1, 5.2.9."""
    a, b = pair
    both = [*series((1, 1)), *series((2, 2), datasetId="urn:d:1")]
    await send(b, "POST", "/temporal/entities", evolution(speed=both), 201)
    await a.register("b", **TEMPORAL, datasetId=["urn:d:1"])
    found = (await send(a, "GET", f"/temporal/entities/{CAR}", None, 200)).json()
    assert [one["value"] for one in found["speed"]] == [2]
    assert network.sent[-1].parameters["datasetId"] == "urn:d:1"
    network.hosts["b"] = lambda sent: (200, [evolution(speed=both)])
    (found,) = (await send(a, "GET", f"/temporal/entities?type=Car&{SINCE}", None, 200)).json()
    assert [one["value"] for one in found["speed"]] == [2]


async def test_an_evolution_in_parts_is_put_together_before_it_is_filtered(pair: list[Node], network: Network) -> None:
    """5.7.4.4: with splitEntities filters are removed from what is forwarded, and applied to the whole."""
    a, b = pair
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1), (2, 8), (3, 9))), 201)
    await send(b, "POST", "/temporal/entities", evolution(brand=series((1, "VW")), speed=series((4, 3))), 201)
    await send(b, "POST", "/temporal/entities", evolution(OTHER, brand=series((1, "VW"))), 201)
    await a.register("b", **TEMPORAL)
    query = f"type=Car&{SINCE}&q=speed>5;brand==%22VW%22&attrs=speed&count=true"
    assert (await send(a, "GET", f"/temporal/entities?{query}", None, 200)).json() == [], "neither has all of it"
    assert "q" in network.sent[-1].parameters
    answer = await send(a, "GET", f"/temporal/entities?{query}&splitEntities=true", None, 200)
    (found,) = answer.json()
    assert (found["id"], values(found, "speed")) == (CAR, [(8, at(2)), (9, at(3))])
    assert "brand" not in found
    assert answer.headers["ngsild-results-count"] == "1"
    assert not {"q", "lastN"} & network.sent[-1].parameters.keys()
    newest = await send(a, "GET", f"/temporal/entities?{query}&splitEntities=true&lastN=1", None, 200)
    assert values(newest.json()[0], "speed") == [(9, at(3))]


@pytest.mark.parametrize("q", ["speed>5", "tempo>5"])
async def test_filters_go_along_in_the_names_of_the_source(pair: list[Node], network: Network, q: str) -> None:
    """4.3.6.6: "over both payload and query parameters"; what its @context cannot say is filtered here."""
    a, b = pair
    theirs = {"tempo": "https://uri.etsi.org/ngsi-ld/default-context/speed"}
    path = (await send(a, "POST", "/jsonldContexts", {"@context": theirs}, 201)).headers["location"]
    await send(b, "POST", "/temporal/entities", evolution(speed=series((1, 1), (2, 9))), 201)
    b.broker.contexts.hosted = a.broker.contexts.hosted  # as if b had downloaded it
    info = [{"key": "jsonldContext", "value": f"http://a{path}"}]
    await a.register("b", **TEMPORAL, contextSourceInfo=info)
    found = (await send(a, "GET", f"/temporal/entities?type=Car&{SINCE}&q={q}", None, 200)).json()
    # "tempo" is another name here than there; of such Attributes nothing is known.
    assert [values(one, "speed") for one in found] == ([[(9, at(2))]] if q == "speed>5" else [])
    assert network.sent[-1].parameters.get("q") == ("tempo>5" if q == "speed>5" else None)


@pytest.mark.parametrize(
    "members",
    [
        {"type": {"a": 1}, "deletedAt": at(2)},
        {"type": "Property", "deletedAt": at(2), "datasetId": [1]},
        {"deletedAt": {}},
        {"value": 1, "instanceId": {}},
        {},
    ],
)
async def test_an_instance_that_is_none_costs_its_source_alone(
    pair: list[Node], network: Network, members: dict[str, Any]
) -> None:
    """6.3.17: whatever a source answers, what is held here is shown."""
    a, _ = pair
    await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1))), 201)
    odd = evolution(speed=[{**members, "observedAt": at(3)}])
    network.hosts["odd"] = lambda sent: (200, odd if CAR in sent.path else [odd])
    await a.register("odd", **TEMPORAL)
    for path in (f"/temporal/entities/{CAR}", f"/temporal/entities?type=Car&{SINCE}"):
        found = (await send(a, "GET", path, None, 200)).json()
        assert 1 in [one["value"] for one in (found[0] if isinstance(found, list) else found)["speed"]]


async def test_an_evolution_that_is_known_is_updated_wherever_it_is(pair: list[Node]) -> None:
    """Table 6.18.3.1-1: 201 upon creation, 204 upon update, also where all of it goes to a source."""
    a, b = pair
    entities = [{"type": "Car", "id": CAR}]
    await a.register("b", entities, properties=["speed"], mode="exclusive", **TEMPORAL)
    for status in (201, 204):
        await send(a, "POST", "/temporal/entities", evolution(speed=series((1, 1))), status)
    await send(a, "POST", "/temporal/entities", evolution(brand=series((1, "VW"))), 201)
    await send(b, "DELETE", f"/temporal/entities/{CAR}", None, 204)
    await send(a, "POST", "/temporal/entities", evolution(speed=series((2, 2))), 204)


async def test_a_deletion_hides_nothing_of_the_scope_that_a_source_has(pair: list[Node]) -> None:
    """4.5.6, 4.5.7: the record of a deletion is one more instance of the scope, and takes no other's place."""
    a, b = pair
    await create(b.client, CAR, speed=1, scope="/Madrid")
    await send(b, "DELETE", f"/entities/{CAR}", None, 204)
    await a.register("b", **TEMPORAL)
    path = f"/temporal/entities/{CAR}?options=sysAttrs"
    held = (await send(b, "GET", path, None, 200)).json()
    assert [one["value"] for one in held["scope"]] == ["/Madrid", "urn:ngsi-ld:null"]
    assert (await send(a, "GET", path, None, 200)).json() == held


@pytest.mark.parametrize("wanted", ["scope", "speed,scope", "id,scope"])
@pytest.mark.parametrize("split", ["", "&splitEntities=true", "&scopeQ=/Madrid"])
async def test_sources_are_asked_for_the_scope(pair: list[Node], wanted: str, split: str) -> None:
    """ "scope" can be picked (tables 6.18.3.2-1 and 6.19.3.1-1), but is none of attrs: sources had refused that."""
    a, b = pair
    scope = [{"type": "Property", "value": "/Madrid", "observedAt": at(1)}]
    await send(
        b, "POST", "/temporal/entities", evolution(speed=series((1, 1)), brand=series((1, "VW")), scope=scope), 201
    )
    await a.register("b", **TEMPORAL)
    for path in (
        f"/temporal/entities/{CAR}?pick={wanted}",
        f"/temporal/entities?type=Car&{SINCE}&pick={wanted}{split}",
    ):
        held = await send(b, "GET", path, None, 200)
        assert held.json()
        found = await send(a, "GET", path, None, 200)
        assert (found.json(), found.headers.get("ngsild-warning")) == (held.json(), None)


@pytest.mark.parametrize("holder", [0, 1])
async def test_a_scope_query_finds_what_may_be_split_whatever_is_shown(pair: list[Node], holder: int) -> None:
    """5.7.4.4: "the Scope query … [is] applied after the Entity information … has been aggregated", so it is needed."""
    a, b = pair
    scope = [{"type": "Property", "value": "/Madrid", "observedAt": at(1)}]
    await send(pair[holder], "POST", "/temporal/entities", evolution(speed=series((1, 1)), scope=scope), 201)
    await send(b, "POST", "/temporal/entities", evolution(OTHER, speed=series((1, 1))), 201)
    await a.register("b", **TEMPORAL)
    for wanted in ("attrs=speed", "pick=id,speed"):
        path = f"/temporal/entities?type=Car&{SINCE}&{wanted}&splitEntities=true&scopeQ=/Madrid"
        (found,) = (await send(a, "GET", path, None, 200)).json()
        assert found["id"] == CAR
        assert "scope" not in found


async def test_system_times_of_sub_attributes_come_along(pair: list[Node]) -> None:
    """6.3.11: they "are included in the response payload body where known", at any depth."""
    a, b = pair
    accuracy = {"type": "Property", "value": 1, "by": {"type": "Relationship", "object": OTHER}}
    await create(b.client, CAR, speed={"type": "Property", "value": 1, "accuracy": accuracy})
    await a.register("b", id="urn:ngsi-ld:ContextSourceRegistration:current", operations=["federationOps"])
    await a.register("b", **TEMPORAL)
    for path in (f"/entities/{CAR}", f"/entities/{CAR}?options=sysAttrs", f"/temporal/entities/{CAR}?options=sysAttrs"):
        held = await send(b, "GET", path, None, 200)
        assert held.text.count("createdAt") == (4 if "sysAttrs" in path else 0)
        assert (await send(a, "GET", path, None, 200)).json() == held.json()


async def test_an_entity_of_which_no_instance_is_shown_is_in_the_result(pair: list[Node]) -> None:
    """5.7.4.4: each condition is met by an instance, and no instance meets both; the same wherever it is filtered."""
    a, b = pair
    await send(b, "POST", "/temporal/entities", evolution(speed=series((1, 1), (2, 9))), 201)
    await a.register("b", **TEMPORAL)
    path = f"/temporal/entities?type=Car&{SINCE}&q=speed>8;speed<2"
    held = (await send(b, "GET", path, None, 200)).json()
    assert [sorted(one) for one in held] == [["id", "type"]]
    for split in ("", "&splitEntities=true"):
        assert (await send(a, "GET", path + split, None, 200)).json() == held
