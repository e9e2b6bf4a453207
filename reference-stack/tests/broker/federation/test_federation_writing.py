"""Writing to Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.6, 6.3.17; table 4.3.6.8."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.federation.payloads import fallback

from ..api import API, ERRORS, create
from ..outbound.network import Network, Node, nodes
from .federation import ALL, CAR, OTHER, car, exclusive, held, prop, send

pytestmark = pytest.mark.anyio


# --- creation ---


async def test_creation_is_divided_by_mode(network: Network, anyio_backend: str) -> None:
    """5.6.1.4: exclusive and redirect Attributes go away, inclusive ones go along, the rest stays."""
    async with nodes(network, "a", "b", "c", "d") as (a, b, c, d):
        await exclusive(a, "b", "speed")
        await a.register("c", properties=["brand"], mode="redirect", operations=ALL)
        await a.register("d", properties=["colour", "brand"], operations=ALL)
        entity = car(speed=prop(1), brand=prop("VW"), colour=prop("red"), wheels=prop(4))

        answer = await send(a, "POST", "/entities", entity, 201)

        assert answer.headers["location"] == f"/ngsi-ld/v1/entities/{CAR}"
        assert await held(b) == car(speed=1)
        assert await held(c) == car(brand="VW")
        assert await held(d) == car(colour="red")
        assert await held(a) == car(colour="red", wheels=4)
        assert await a.retrieve(CAR) == car(colour="red", wheels=4, speed=1, brand="VW")


async def test_nothing_is_created_here_of_what_is_held_elsewhere(pair: list[Node]) -> None:
    """4.3.6.3: whole Entities by a redirect Registration; all Attributes by an exclusive one."""
    a, b = pair
    identifier = await a.register("b", mode="redirect", operations=ALL)
    await send(a, "POST", "/entities", car(speed=prop(1)), 201)
    assert (await held(a), await held(b)) == (None, car(speed=1))
    await send(a, "DELETE", f"/entities/{CAR}", None, 204)
    assert await held(b) is None
    await send(a, "DELETE", f"/csourceRegistrations/{identifier}", None, 204)
    await exclusive(a, "b", "speed")
    await send(a, "POST", "/entities", car(speed=prop(1)), 201)
    assert (await held(a), await held(b)) == (None, car(speed=1))
    await send(a, "POST", "/entities", {"id": OTHER, "type": "Car", "speed": prop(1)}, 201)
    assert await held(a, OTHER) is not None


async def test_an_operation_that_is_not_offered_is_a_conflict_or_left_aside(pair: list[Node]) -> None:
    """5.6.1.4: Conflict for proxied Registrations, "in case … supported" for inclusive ones."""
    a, b = pair
    await exclusive(a, "b", "speed", operations=["retrieveOps"])
    await a.register("b", properties=["colour"], operations=["retrieveOps"], id="urn:ngsi-ld:CSR:2")
    answer = await send(a, "POST", "/entities", car(speed=prop(1)), 409)
    assert answer.json()["type"] == ERRORS + "Conflict"
    answer = await send(a, "POST", "/entities", car(speed=prop(1), colour=prop("red")), 207)
    assert answer.headers["location"] == f"/ngsi-ld/v1/entities/{CAR}"
    body = answer.json()
    assert body["success"] == [CAR]
    assert [(one["entityId"], one["error"]["type"], one["registrationId"]) for one in body["errors"]] == [
        (CAR, ERRORS + "Conflict", "urn:ngsi-ld:ContextSourceRegistration:b")
    ]
    assert (await held(a), await held(b)) == (car(colour="red"), None)


async def test_an_invalid_payload_goes_nowhere(pair: list[Node], network: Network) -> None:
    """Validation comes first."""
    a, _ = pair
    await a.register("b", mode="redirect", operations=ALL)
    await send(a, "POST", "/entities", car(speed={"type": "Property"}), 400)
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": {"type": "Property"}}, 400)
    await send(a, "DELETE", "/entities/nouri", None, 400)
    assert not network.sent


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((404, {}), 404),
        ((403, {}), 502),
        ((409, {}), 502),
        ((500, b"<html>"), 502),
        ((508, b""), 508),
        ((504, b""), 504),
        ((302, b""), 502),
        (None, 502),
    ],
)
@pytest.mark.parametrize("mode", ["exclusive", "redirect"])
async def test_the_failure_of_a_single_source_has_its_status(
    pair: list[Node], network: Network, mode: str, answer: Any, status: int
) -> None:
    """6.3.17: 404, 502, 504 and 508 where all of the data is held in a single source."""
    a, _ = pair
    if answer is not None:
        network.hosts["bad"] = lambda sent: answer
    if mode == "exclusive":
        await exclusive(a, "bad", "speed")
    else:
        await a.register("bad", mode="redirect", operations=ALL)
    requests = [
        ("POST", "/entities", car(speed=prop(1))),
        ("PATCH", f"/entities/{CAR}", {"speed": prop(1)}),
        ("PUT", f"/entities/{CAR}", car(speed=prop(1))),
        ("DELETE", f"/entities/{CAR}", None),
        ("POST", f"/entities/{CAR}/attrs", {"speed": prop(1)}),
        ("PATCH", f"/entities/{CAR}/attrs", {"speed": prop(1)}),
        ("PATCH", f"/entities/{CAR}/attrs/speed", {"value": 1}),
        ("PUT", f"/entities/{CAR}/attrs/speed", prop(1)),
        ("DELETE", f"/entities/{CAR}/attrs/speed", None),
    ]
    for method, path, body in requests:
        found = await send(a, method, path, body, status)
        assert found.json()["title"]
        assert found.json()["detail"]
    assert len(network.sent) == len(requests)


async def test_a_slow_source_is_a_gateway_timeout_and_holds_up_nobody(pair: list[Node], network: Network) -> None:
    """6.3.17: 504; other writes go on meanwhile."""
    a, _ = pair
    never = asyncio.Event()

    async def slow(sent: Any) -> tuple[int, Any]:
        await never.wait()
        return 204, b""

    network.hosts["slow"] = slow
    await exclusive(a, "slow", "speed", management={"timeout": 300})
    waiting = asyncio.create_task(send(a, "POST", "/entities", car(speed=prop(1)), 504))
    await create(a.client, OTHER, speed=prop(1))
    assert not waiting.done()
    await waiting


async def test_a_loop_of_proxies_is_detected(pair: list[Node], network: Network) -> None:
    """6.3.17: 508; an inclusive source that loops is left aside (5.12)."""
    a, b = pair
    await a.register("b", mode="redirect", operations=ALL)
    await b.register("a", mode="redirect", operations=ALL)
    await send(a, "POST", "/entities", car(speed=prop(1)), 508)
    assert len(network.sent) == 2
    await send(a, "PATCH", "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:b", {"mode": "inclusive"}, 204)
    known = {"mode": "inclusive", "contextSourceAlias": "a"}
    await send(b, "PATCH", "/csourceRegistrations/urn:ngsi-ld:ContextSourceRegistration:a", known, 204)
    await send(a, "POST", "/entities", car(speed=prop(1)), 201)
    assert (await held(a), await held(b)) == (car(speed=1), car(speed=1))
    answer = await a.client.delete(f"{API}/entities/{CAR}", headers={"Via": "1.1 a"})
    assert (answer.status_code, await held(a), await held(b)) == (204, None, car(speed=1))


# --- changes ---


async def test_changes_are_divided(pair: list[Node]) -> None:
    """5.6.2 to 5.6.5 and 5.6.17 to 5.6.19: each Attribute where it is held."""
    a, b = pair
    await exclusive(a, "b", "speed", "brand")
    await send(a, "POST", "/entities", car(speed=prop(1), colour=prop("red")), 201)
    attrs = f"/entities/{CAR}/attrs"

    await send(a, "PATCH", attrs, {"speed": prop(2), "colour": prop("blue")}, 204)
    assert (await held(a), await held(b)) == (car(colour="blue"), car(speed=2))
    await send(a, "POST", attrs, {"brand": prop("VW"), "wheels": prop(4)}, 204)
    assert (await held(a), await held(b)) == (car(colour="blue", wheels=4), car(speed=2, brand="VW"))
    await send(a, "PATCH", f"{attrs}/speed", {"value": 3}, 204)
    await send(a, "PUT", f"{attrs}/brand", prop("BMW"), 204)
    assert await held(b) == car(speed=3, brand="BMW")
    await send(a, "DELETE", f"{attrs}/brand", None, 204)
    await send(a, "DELETE", f"{attrs}/wheels", None, 204)
    assert (await held(a), await held(b)) == (car(colour="blue"), car(speed=3))
    await send(a, "PATCH", f"/entities/{CAR}", {"speed": prop(4), "colour": prop("green")}, 204)
    assert (await held(a), await held(b)) == (car(colour="green"), car(speed=4))
    await send(a, "PUT", f"/entities/{CAR}", car(speed=prop(5), wheels=prop(3)), 204)
    assert (await held(a), await held(b)) == (car(wheels=3), car(speed=5))
    await send(a, "DELETE", f"/entities/{CAR}", None, 204)
    assert (await held(a), await held(b)) == (None, None)
    await send(a, "DELETE", f"/entities/{CAR}", None, 404)


@pytest.mark.parametrize("where", ["a", "b", "ab", ""])
async def test_an_inclusive_source_and_this_broker_need_not_both_have_it(pair: list[Node], where: str) -> None:
    """5.6.6.4 and siblings: not found is only what neither has."""
    a, b = pair
    await a.register("b", operations=ALL)
    for method, path, body in (
        ("PATCH", "/attrs", {"speed": prop(2)}),
        ("POST", "/attrs", {"speed": prop(3)}),
        ("PATCH", "/attrs/speed", {"value": 4}),
        ("PATCH", "", {"speed": prop(5)}),
        ("DELETE", "/attrs/speed", None),
        ("DELETE", "", None),
    ):
        for node in (a, b):
            await node.client.delete(f"{API}/entities/{CAR}?local=true")
            if node.name in where:
                path_here = f"{API}/entities?local=true"
                await node.client.post(path_here, json=car(speed=prop(1), brand=prop("x")))
        await send(a, method, f"/entities/{CAR}{path}", body, 204 if where else 404)


async def test_a_failing_inclusive_source_makes_it_partial(pair: list[Node], network: Network) -> None:
    """6.3.17: 207, as BatchOperationResult or UpdateResult with the Registration's id (5.2.16 to 5.2.19)."""
    a, _ = pair
    identifier = await a.register("dead", operations=ALL, properties=["speed"])
    answer = await send(a, "POST", "/entities", car(speed=prop(1), brand=prop("x")), 207)
    assert answer.json()["errors"][0]["registrationId"] == identifier
    assert await held(a) == car(speed=1, brand="x")
    answer = await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2), "brand": prop("y")}, 207)
    speed, brand = (f"https://uri.etsi.org/ngsi-ld/default-context/{name}" for name in ("speed", "brand"))
    body = answer.json()
    assert body["updated"] == [brand]
    assert [(one["attributeName"], one["registrationId"]) for one in body["notUpdated"]] == [(speed, identifier)]
    assert await held(a) == car(speed=2, brand="y")
    for method in ("PATCH", "PUT", "DELETE"):
        answer = await send(a, method, f"/entities/{CAR}/attrs/speed", None if method == "DELETE" else prop(3), 207)
        assert answer.json()["notUpdated"][0]["registrationId"] == identifier
    assert (await send(a, "DELETE", f"/entities/{CAR}", None, 207)).json()["success"] == [CAR]
    assert await held(a) is None


async def test_a_registration_of_another_type_does_not_take_away_writes(pair: list[Node]) -> None:
    """An Entity that is held here is not of the type that is registered, whatever its id would allow."""
    a, b = pair
    await create(a.client, CAR, speed=prop(1))
    await a.register("b", [{"type": "Bus"}], mode="redirect", operations=ALL)
    await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(2)}, 204)
    await send(a, "PATCH", f"/entities/{CAR}", {"speed": prop(3)}, 204)
    assert (await held(a), await held(b)) == (car(speed=3), None)


async def test_what_is_forwarded_keeps_to_the_registration(pair: list[Node], network: Network) -> None:
    """4.3.6.1: Attributes and types; options of the request go along; local=true stays here."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (204, b"")
    await a.register("s", properties=["speed"], operations=ALL, management={"localOnly": True})
    await create(a.client, CAR)
    network.sent.clear()
    await send(a, "POST", f"/entities/{CAR}/attrs?options=noOverwrite", {"speed": prop(1), "brand": prop("x")}, 204)
    sent = network.sent[-1]
    assert (sent.method, sent.path, sent.body) == ("POST", f"/entities/{CAR}/attrs", {"speed": prop(1)})
    assert sent.parameters == {"options": "noOverwrite", "type": "Car", "local": "true"}
    await send(a, "PATCH", f"/entities/{CAR}?options=keyValues&lang=en", {"speed": 1, "brand": "x"}, 204)
    assert network.sent[-1].body == {"speed": 1}
    assert network.sent[-1].parameters["lang"] == "en"
    await send(a, "DELETE", f"/entities/{CAR}/attrs/speed?datasetId=urn:d:1", None, 204)
    assert network.sent[-1].parameters == {"datasetId": "urn:d:1", "type": "Car", "local": "true"}
    count = len(network.sent)
    await send(a, "POST", "/entities?local=true", {**car(speed=prop(1)), "id": OTHER}, 201)
    assert len(network.sent) == count


async def test_payloads_are_written_as_the_source_wants_them(pair: list[Node], network: Network) -> None:
    """4.3.6.6: jsonldContext, ngsildConformance; an inline @context goes along inline."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (201, b"")
    context = {
        "Auto": "https://cars.test/Car",
        "tempo": "https://cars.test/speed",
        "quelle": "https://cars.test/source",
    }
    theirs = {"Car": "https://cars.test/Car", "speed": "https://cars.test/speed", "source": "https://cars.test/source"}
    hosted = (await send(a, "POST", "/jsonldContexts", {"@context": theirs}, 201)).headers["location"]
    entity = {
        "id": CAR,
        "type": "Auto",
        "scope": "/x",
        "tempo": prop(1, quelle=prop("x"), observedAt="2020-01-01T00:00:00Z"),
        "name": {"type": "LanguageProperty", "languageMap": {"en": "x"}},
        "@context": context,
    }
    identifier = await a.register("s", [{"type": "https://cars.test/Car"}], mode="redirect", operations=ALL)
    headers = {"Content-Type": "application/ld+json"}
    answer = await a.client.post(f"{API}/entities", json=entity, headers=headers)
    assert answer.status_code == 201
    assert network.sent[-1].body == entity
    assert network.sent[-1].headers["content-type"] == "application/ld+json"

    info = {"jsonldContext": f"http://a{hosted}", "ngsildConformance": "1.3"}
    pairs = [{"key": key, "value": value} for key, value in info.items()]
    await send(a, "PATCH", f"/csourceRegistrations/{identifier}", {"contextSourceInfo": pairs}, 204)
    assert (await a.client.post(f"{API}/entities", json=entity, headers=headers)).status_code == 201
    sent = network.sent[-1]
    assert sent.headers["content-type"] == "application/json"
    assert f"http://a{hosted}" in sent.headers["link"]
    assert sent.body == {
        "id": CAR,
        "type": "Car",
        "speed": prop(1, source=prop("x"), observedAt="2020-01-01T00:00:00Z"),
        "name": {"type": "Property", "value": {"en": "x"}},
    }


# --- older versions ---


VERSIONS = st.tuples(st.just(1), st.integers(0, 9))
ATTRIBUTE = st.fixed_dictionaries(
    {"type": st.sampled_from(["Property", "LanguageProperty", "JsonProperty", "VocabProperty", "ListProperty"])},
    optional={"datasetId": st.just("urn:d:1"), "unitCode": st.just("CEL"), "expiresAt": st.just("x")},
)
ENTITY = st.dictionaries(st.sampled_from(["speed", "brand"]), ATTRIBUTE | st.lists(ATTRIBUTE, min_size=1, max_size=3))


@given(ENTITY, VERSIONS, VERSIONS)
def test_a_fallback_to_an_older_version_includes_those_to_newer_ones(entity: Any, one: Any, other: Any) -> None:
    """4.3.6.8: falling back step by step comes to the same; the current version changes nothing."""
    newer, older = max(one, other), min(one, other)
    assert fallback(fallback(entity, newer), older) == fallback(entity, older)
    assert fallback(entity, (1, 9)) == entity


async def test_the_types_asked_for_limit_writes_at_sources_too(pair: list[Node], network: Network) -> None:
    """5.6.2.4 and siblings: "where specified type"; nothing of another type is written, here or there."""
    a, b = pair
    await create(b.client, CAR, type="Bus", speed=prop(1))
    await a.register("b", (), properties=["speed"], operations=ALL)
    for method, path, body in (
        ("PATCH", "/attrs", {"speed": prop(2)}),
        ("PATCH", "/attrs/speed", {"value": 2}),
        ("PATCH", "", {"speed": prop(2)}),
        ("DELETE", "/attrs/speed", None),
        ("DELETE", "", None),
    ):
        await send(a, method, f"/entities/{CAR}{path}?type=Car", body, 404)
        assert network.sent[-1].parameters["type"] == "Car"
    assert await held(b) == {"id": CAR, "type": "Bus", "speed": 1}
    await send(a, "PATCH", f"/entities/{CAR}/attrs?type=Bus", {"speed": prop(2)}, 204)
    assert await held(b) == {"id": CAR, "type": "Bus", "speed": 2}


async def test_a_source_that_did_a_part_makes_it_partial(pair: list[Node], network: Network) -> None:
    """6.3.17: what the source says (5.2.18, 5.2.16) is neither a whole success nor a whole failure."""
    a, _ = pair
    attribute = "https://uri.etsi.org/ngsi-ld/default-context/"
    result = {"updated": [attribute + "brand"], "notUpdated": [{"attributeName": "speed", "reason": "too fast"}]}
    network.hosts["s"] = lambda sent: (207, result)
    identifier = await a.register("s", mode="redirect", operations=ALL)
    answer = await send(a, "PATCH", f"/entities/{CAR}/attrs", {"speed": prop(1), "brand": prop("x")}, 207)
    assert answer.json()["updated"] == [attribute + "brand"]
    (failed,) = answer.json()["notUpdated"]
    assert (failed["attributeName"], failed["registrationId"]) == (attribute + "speed", identifier)
    assert "too fast" in failed["reason"]
    network.hosts["s"] = lambda sent: (207, {"success": [CAR], "errors": [{"error": {"detail": "half"}}]})
    for method, body in (("PATCH", {"speed": prop(1)}), ("PUT", car(speed=prop(1))), ("DELETE", None)):
        answer = await send(a, method, f"/entities/{CAR}", body, 207)
        assert answer.json()["success"] == [CAR]
        assert "half" in answer.json()["errors"][0]["error"]["detail"]
    network.hosts["s"] = lambda sent: (207, b"<html>")
    await send(a, "PATCH", f"/entities/{CAR}", {"speed": prop(1)}, 502)
    network.hosts["s"] = lambda sent: (207, [7])
    await send(a, "PATCH", f"/entities/{CAR}", {"speed": prop(1)}, 207)


async def test_plain_json_needs_a_context_that_can_be_linked_to(pair: list[Node], network: Network) -> None:
    """4.3.6.6 contentType: a @context that came inline cannot go along with application/json; names are IRIs then."""
    a, _ = pair
    network.hosts["s"] = lambda sent: (201, b"")
    info = [{"key": "contentType", "value": "application/json"}]
    await a.register("s", [{"type": "https://cars.test/Car"}], mode="redirect", operations=ALL, contextSourceInfo=info)
    context = {"Auto": "https://cars.test/Car", "tempo": "https://cars.test/speed"}
    entity = {"id": CAR, "type": "Auto", "tempo": prop(1), "@context": context}
    headers = {"Content-Type": "application/ld+json"}
    assert (await a.client.post(f"{API}/entities", json=entity, headers=headers)).status_code == 201
    answer = await a.client.post(f"{API}/entityOperations/create", json=[entity], headers=headers)
    assert answer.status_code == 201, answer.text
    one, batch = network.sent
    assert one.headers["content-type"] == batch.headers["content-type"] == "application/json"
    assert "link" not in one.headers
    assert [one.body] == batch.body
    assert one.body == {"id": CAR, "type": "https://cars.test/Car", "https://cars.test/speed": prop(1)}
