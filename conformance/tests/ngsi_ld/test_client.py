"""The Broker client and the builders: what is sent, and what is said to the transport about it."""

from typing import Any

import httpx
import pytest

from ldt_conformance.clients import LD_JSON, Broker, Entity, Subscription, TemporalEntity, property_, segment
from ldt_conformance.engine.transport.response import Response


class FakeClient:
    """Records requests; answers 200 with an empty array."""

    loopback = True

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def owned_id(self, kind: str) -> str:
        return f"urn:ngsi-ld:Own{kind}:{len(self.sent)}"

    def request(self, method: str, path: str, **arguments: Any) -> Response:
        self.sent.append({"method": method, "path": path, **arguments})
        return Response(200, httpx.Headers(), b"[]", "x1", 0.0, f"http://h{path}")


@pytest.fixture
def fake() -> FakeClient:
    return FakeClient()


@pytest.fixture
def broker(fake: FakeClient) -> Broker:
    return Broker(fake, unique=lambda name: f"Own{name}")  # type: ignore[arg-type]  # it has what Broker uses


def test_a_creation_names_what_it_creates_and_a_change_what_it_touches(broker: Broker, fake: FakeClient):
    """The transport learns of every Entity that a request creates, changes or deletes, batches included."""
    one, two = Entity("urn:a:1", "T"), Entity("urn:a:2", "T")
    broker.create_entity(one)
    broker.batch_upsert([one, two])
    broker.delete_entity("urn:a:1")
    broker.batch_delete(["urn:a:1", "urn:a:1", "urn:a:2"])
    broker.create_temporal(TemporalEntity("urn:a:3", "T"))
    broker.create_subscription(Subscription(None, "http://h/x").on_type("T"))
    named = [[item.id for item in (*call["creates"], *call["touches"])] for call in fake.sent]
    assert named == [["urn:a:1"], ["urn:a:1", "urn:a:2"], ["urn:a:1"], ["urn:a:1", "urn:a:2"], ["urn:a:3"], [None]]


def test_reads_name_nothing(broker: Broker, fake: FakeClient):
    """A retrieval or a query, by POST too, neither creates nor touches."""
    broker.retrieve_entity("urn:a:1")
    broker.query_entities_post({"entities": [{"type": "T"}]})
    broker.query_temporal({"type": "T"})
    assert all(not call["creates"] and not call["touches"] for call in fake.sent)


def test_the_media_type_follows_the_context(broker: Broker, fake: FakeClient):
    """A body with an @context is JSON-LD, one without is JSON, and a check may say otherwise."""
    broker.create_entity(Entity("urn:a:1", "T"))
    broker.create_entity(Entity("urn:a:1", "T", ld_context={"a": "urn:b"}))
    broker.batch_create([Entity("urn:a:1", "T", ld_context={"a": "urn:b"})])
    broker.create_entity(Entity("urn:a:1", "T"), content_type="application/xml")
    kinds = [call["headers"]["Content-Type"] for call in fake.sent]
    assert kinds == ["application/json", LD_JSON, LD_JSON, "application/xml"]


def test_a_history_elsewhere_gets_the_temporal_requests(fake: FakeClient):
    """Where the site has its history at another endpoint, temporal paths go there and no others."""
    history = FakeClient()
    broker = Broker(fake, unique=str, history=history)  # type: ignore[arg-type]  # both have what Broker uses
    broker.retrieve_temporal("urn:a:1")
    broker.retrieve_entity("urn:a:1")
    assert [call["path"] for call in history.sent] == ["/temporal/entities/urn:a:1"]
    assert [call["path"] for call in fake.sent] == ["/entities/urn:a:1"]


def test_path_segments_are_encoded():
    """Slashes, spaces and question marks of an id or IRI stay inside their segment."""
    assert segment("https://example.org/a b?c#d") == "https:%2F%2Fexample.org%2Fa%20b%3Fc%23d"


def test_versions_compare_as_numbers(fake: FakeClient):
    """1.10.1 is later than 1.9.1."""
    broker = Broker(fake, unique=str, version="1.10.1")  # type: ignore[arg-type]  # it has what Broker uses
    assert broker.at_least("1.9.1")
    assert not broker.at_least("1.11.1")


def test_builders_leave_what_they_were_made_from():
    """Adding to an Entity gives another one; instances differ by datasetId; the same datasetId is replaced."""
    plain = Entity("urn:a:1", "T")
    built = plain.with_property("speed", 1).with_property("speed", 2, dataset_id="urn:d").with_property("speed", 3)
    assert plain.to_json() == {"id": "urn:a:1", "type": "T"}
    assert built.to_json()["speed"] == [property_(2, dataset_id="urn:d"), property_(3)]
    assert built.without("speed").to_json() == plain.to_json()
    assert plain.with_scope("/a", "/b").with_type("T", "U").to_json()["type"] == ["T", "U"]


def test_a_subscription_says_where_and_what():
    """Endpoint, members and notification parameters land where clause 5.2.12 has them."""
    built = Subscription("urn:s", "http://h/x").on_type("T").watching("a").with_notification(format="keyValues")
    assert built.with_endpoint(accept=LD_JSON).to_json() == {
        "id": "urn:s",
        "type": "Subscription",
        "entities": [{"type": "T"}],
        "watchedAttributes": ["a"],
        "notification": {"format": "keyValues", "endpoint": {"uri": "http://h/x", "accept": LD_JSON}},
    }
