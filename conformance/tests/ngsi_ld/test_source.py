"""The Context Source that checks of distributed operations stand in for."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ldt_conformance.checks.ngsi_ld.distributed.distributing import sent
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source
from ldt_conformance.receiver import Receiver

CAR = "urn:ngsi-ld:Vehicle:1"
ENTITY = {"id": CAR, "type": "Vehicle", "speed": {"type": "Property", "value": 1}}
TYPE_IRI = "https://uri.etsi.org/ngsi-ld/default-context/Vehicle"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def source(receiver: Receiver) -> Source:
    return context_source(receiver, dict(ENTITY))


@pytest.mark.parametrize("root", ["", "/ngsi-ld/v1"])
def test_a_source_has_one_entity(receiver: Receiver, root: str):
    """It is shown as the asker accepts it, or answered as the source is told to; others are 404 and no retrieval."""
    source = context_source(receiver, dict(ENTITY))
    url = f"{source.url}{root}/entities/urn%3Angsi-ld%3AVehicle%3A1"
    plain = httpx.get(url, headers={"accept": "application/json"})
    assert plain.json() == ENTITY
    assert 'rel="http://www.w3.org/ns/json-ld#context"' in plain.headers["link"]
    linked = httpx.get(url, headers={"accept": "application/ld+json"})
    assert linked.headers["content-type"] == "application/ld+json"
    assert linked.json().items() > ENTITY.items()
    assert httpx.get(f"{source.url}{root}/entities/urn:ngsi-ld:Vehicle:2").status_code == 404
    source.say(b"{", "application/json")
    assert httpx.get(url).text == "{"
    source.respond(403)
    assert httpx.get(url).status_code == 403
    assert (len(source.retrievals()), len(source.received()), receiver.strays) == (4, 5, [])
    source.respond(200)
    source.holds = False
    assert httpx.get(url).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=Vehicle", True),
        (f"type={TYPE_IRI}&limit=1000&offset=0", True),
        ("type=Bus,Vehicle", True),
        ("type=(Bus%7CVehicle)%3BVehicle", True),
        (f"id={CAR},urn:x", True),
        (f"type=Bus&id={CAR}", False),
        ("type=Bus", False),
        ("type=Vehicle&id=urn:x", False),
        ("q=speed==1", False),
        ("attrs=speed", False),
    ],
)
def test_a_query_finds_it_by_type_or_id(source: Source, query: str, found: bool):
    """In whatever spelling; a query that names neither is told nothing, and is none of ours."""
    listed = httpx.get(f"{source.url}/ngsi-ld/v1/entities/?{query}", headers={"accept": "application/json"}).json()
    assert listed == ([ENTITY] if found else [])
    assert len(source.queries()) == found


def test_a_query_may_come_as_a_batch(source: Source):
    """With the @context of the body, which the answer is in, too."""
    body = {"type": "Query", "entities": [{"type": "Bus"}, {"type": TYPE_IRI, "id": CAR}], "@context": "http://x"}
    content = json.dumps(body)
    headers = {"content-type": "application/ld+json", "accept": "application/ld+json"}
    answer = httpx.post(f"{source.url}/entityOperations/query", content=content, headers=headers)
    assert answer.json() == [{**ENTITY, "@context": "http://x"}]
    assert (len(source.queries()), source.writes()) == (1, [])


def test_pages_end(source: Source):
    """The second page is empty, a limit of 0 shows nothing, and the count is of all."""
    url = f"{source.url}/entities?type=Vehicle"
    for rest, number in (("&limit=1", 1), ("&limit=1&offset=1", 0), ("&limit=0", 0)):
        answer = httpx.get(url + rest)
        assert (len(answer.json()), answer.headers["ngsild-results-count"]) == (number, "1")


def test_what_a_query_would_find_of_others(source: Source):
    """By its word: other types beside, but not where a conjunction or an id narrows it."""
    asked = f"{source.url}/entities"
    for query in ("type=Vehicle", "type=(Vehicle,Bus)%3BVehicle", f"type=Vehicle,Bus&id={CAR}", "q=speed==1"):
        httpx.get(f"{asked}?{query}")
    assert source.queries_for("urn:bus", "Bus") == []
    httpx.get(f"{asked}?type=Vehicle,Bus")
    httpx.get(f"{asked}?type=Vehicle,Bus&id={CAR},urn:bus")
    assert len(source.queries_for("urn:bus", "Bus")) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "answer"),
    [
        ("POST", "/entities/", ENTITY, 201, None),
        ("POST", "/entityOperations/create", [ENTITY], 201, [CAR]),
        ("POST", "/entityOperations/merge", [ENTITY], 204, None),
        ("PATCH", f"/entities/{CAR}/attrs/", {}, 204, None),
        ("DELETE", f"/entities/{CAR}", None, 204, None),
        ("DELETE", "/entities/urn:another", None, 404, None),
    ],
)
def test_writes_are_answered_and_kept(
    source: Source, method: str, path: str, body: Any, status: int, answer: list[str] | None
):
    """As if they had been done, also where the source is told that it does not hold the Entity; or as it is told."""
    source.holds = False
    found = httpx.request(method, f"{source.url}/ngsi-ld/v1{path}", json=body)
    assert found.status_code == status
    assert answer is None or found.json() == answer
    assert len(sent(source, method, path.strip("/"))) == 1
    source.refuse(403, "OperationNotSupported")
    refused = httpx.request(method, f"{source.url}/ngsi-ld/v1{path}", json=body)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "OperationNotSupported")


def test_what_changes_no_entity_is_no_write(source: Source):
    """Looks at what is there, and operations that no check offers: unknown here."""
    for method, path in (("OPTIONS", "/entities"), ("HEAD", f"/entities/{CAR}"), ("POST", "/subscriptions")):
        assert httpx.request(method, f"{source.url}{path}").status_code in {404, 501}
    assert source.writes() == []


def test_the_name_of_an_attribute_may_be_whole(source: Source):
    """Short or as an IRI, its slashes encoded or not, and no other name."""
    path = f"{source.url}/entities/{CAR}/attrs"
    for name in ("speed", "https%3A%2F%2Fexample.org%2Fspeed", "https://example.org/speed", "topspeed"):
        httpx.delete(f"{path}/{name}")
    assert len(sent(source, "DELETE", f"entities/{CAR}/attrs/speed")) == 3
