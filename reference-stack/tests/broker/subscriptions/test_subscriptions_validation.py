"""What is a Subscription, by table: ETSI GS CIM 009 V1.9.1, clauses 5.2.12 to 5.2.15, 5.2.22 and 5.2.33."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.notifications.compiling import compile_subscription
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.notifications.validation import check_subscription, expand_members

VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
CONTEXT = core_context()


def subscription(**members: Any) -> dict[str, Any]:
    payload = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Car"}],
        "notification": {"endpoint": {"uri": "http://receiver.example/notify"}},
        **members,
    }
    return {name: value for name, value in payload.items() if value is not ...}


def notification(**members: Any) -> dict[str, Any]:
    payload = {"endpoint": {"uri": "http://receiver.example/notify"}, **members}
    return {"notification": {name: value for name, value in payload.items() if value is not ...}}


def endpoint(**members: Any) -> dict[str, Any]:
    return {"notification": {"endpoint": {"uri": "http://receiver.example/notify", **members}}}


def compiled(**members: Any) -> Subscription:
    expanded = expand_members(subscription(**members), CONTEXT)
    check_subscription(expanded)
    return compile_subscription(expanded, CONTEXT, CONTEXT)


WRONG: list[dict[str, Any]] = [
    {"type": ...},
    {"type": "Notification"},
    {"id": ""},
    {"id": "no uri"},
    {"entities": ...},
    {"entities": []},
    {"entities": {"type": "Car"}},
    {"entities": [{"id": "urn:ngsi-ld:Car:1"}]},
    {"entities": [{"type": "Car", "id": "no uri"}]},
    {"entities": [{"type": "Car", "id": []}]},
    {"entities": [{"type": "Car", "idPattern": ""}]},
    {"entities": [{"type": "Car", "idPattern": "["}]},
    {"entities": [{"type": "Car|"}]},
    {"entities": [{"type": "*"}], "localOnly": False},
    {"watchedAttributes": []},
    {"watchedAttributes": "speed"},
    {"watchedAttributes": [1]},
    {"watchedAttributes": ["my speed"]},
    {"notification": {"attributes": ["my speed"], "endpoint": {"uri": "http://a.example/"}}},
    {"notificationTrigger": ["entityMoved"]},
    {"notificationTrigger": []},
    {"notificationTrigger": "entityCreated"},
    {"timeInterval": 0},
    {"timeInterval": -1},
    {"timeInterval": True},
    {"timeInterval": 10, "watchedAttributes": ["speed"]},
    {"timeInterval": 10, "throttling": 5},
    {"timeInterval": 10, "entities": ...},
    {"throttling": 0},
    {"throttling": -1},
    {"throttling": "5"},
    {"q": ""},
    {"q": "speed>>"},
    {"q": 5},
    {"geoQ": "near"},
    {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point"}},
    {"geoQ": {"georel": "nearby", "geometry": "Point", "coordinates": [0, 0]}},
    {"geoQ": {"georel": "within", "geometry": "Polygon", "coordinates": [[0, 0], [1, 1]]}},
    {"geoQ": {"georel": "within", "geometry": 5, "coordinates": [0, 0]}},
    {"scopeQ": "/Madrid//x"},
    {"csf": "a>>"},
    {"datasetId": []},
    {"datasetId": ["no uri"]},
    {"expiresAt": "tomorrow"},
    {"expiresAt": "2030-01-01"},
    {"expiresAt": "2030-01-01T00:00:00+01:00"},
    {"isActive": "true"},
    {"jsonldContext": "no uri"},
    {"lang": "??"},
    {"ngsildConformance": "one"},
    {"notification": ...},
    {"notification": []},
    {"notification": {}},
    notification(endpoint=...),
    notification(endpoint={}),
    notification(attributes=[]),
    notification(attributes="speed"),
    notification(attributes=["id"]),
    notification(pick=[]),
    notification(pick=["sp eed"]),
    notification(omit=[]),
    notification(format="short"),
    notification(format="keyValues", showChanges=True),
    notification(format="simplified", showChanges=True),
    notification(showChanges="yes"),
    notification(sysAttrs=1),
    notification(join="outline"),
    notification(joinLevel=0),
    notification(joinLevel=11),
    notification(pick=["owner{name}"]),
    notification(omit=["owner{name{x}}"], join="inline"),
    endpoint(uri="no uri"),
    endpoint(uri="ftp://receiver.example/notify"),
    endpoint(uri="http:///notify"),
    endpoint(uri="http://receiver.example:99999/notify"),
    endpoint(accept="text/plain"),
    endpoint(timeout=0),
    endpoint(cooldown=-5),
    endpoint(receiverInfo={"key": "a", "value": "b"}),
    endpoint(receiverInfo=[{"key": "a"}]),
    endpoint(receiverInfo=[{"key": "a b", "value": "c"}]),
    endpoint(receiverInfo=[{"key": "a", "value": "c\r\nHost: x"}]),
    endpoint(receiverInfo=[{"key": "Content-Length", "value": "0"}]),
    endpoint(notifierInfo="x"),
    endpoint(uri="mqtt://broker.example"),
    endpoint(uri="mqtt://broker.example/"),
    endpoint(uri="mqtt:///topic"),
    endpoint(uri="mqtt://broker.example:0x1/topic"),
    endpoint(uri="mqtt://broker.example/a/+/b"),
    endpoint(uri="mqtt://broker.example/a/%23"),
    endpoint(uri="mqtt://broker.example/topic?qos=1"),
    endpoint(uri="mqtt://broker.example/topic#1"),
    endpoint(uri="mqtt://broker.example/topic", accept="application/geo+json"),
    endpoint(uri="mqtt://broker.example/topic", notifierInfo=[{"key": "MQTT-QoS", "value": "3"}]),
    endpoint(uri="mqtt://broker.example/topic", notifierInfo=[{"key": "MQTT-QoS", "value": 1}]),
    endpoint(uri="mqtt://broker.example/topic", notifierInfo=[{"key": "MQTT-Version", "value": "5"}]),
]


@pytest.mark.parametrize("members", WRONG, ids=lambda members: str(members)[:70])
def test_what_the_tables_rule_out_is_bad_request_data(members: dict[str, Any]) -> None:
    """A member of a wrong type or value, a missing mandatory one, or two that exclude each other: BadRequestData."""
    with pytest.raises(BadRequestData):
        compiled(**members)


RIGHT: list[dict[str, Any]] = [
    {},
    {"entities": ..., "watchedAttributes": ["speed"]},
    {"entities": ..., "localOnly": True},
    {"entities": ..., "localOnly": True, "timeInterval": 5},
    {"entities": [{"type": "*"}]},
    {"entities": [{"type": "Car", "id": "urn:ngsi-ld:Car:1"}, {"type": "Bus", "idPattern": "^urn:.*$"}]},
    {"entities": [{"type": "(Car;Electric),Bus", "id": ["urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2"]}]},
    {"timeInterval": 0.5},
    {"throttling": 0.5},
    {"q": "speed"},  # a bare name is an existence test (4.9)
    {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}},
    {"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[1,2]"}},
    {"scopeQ": "/Madrid/#"},
    {"datasetId": ["@none", "urn:ngsi-ld:Dataset:1"]},
    {"notificationTrigger": ["entityCreated", "entityDeleted"]},
    {"status": "paused", "lang": "en", "description": "", "subscriptionName": "x", "ngsildConformance": "1.8"},
    notification(format="keyValues", attributes=["speed"], sysAttrs=True, timesSent=-3),
    notification(join="flat"),
    notification(join="@none", joinLevel=3),
    notification(join="inline", joinLevel=2, pick=["owner{address{city}}"]),
    notification(pick=["id", "speed"], omit=["type"], showChanges=True),
    endpoint(accept="application/geo+json", timeout=100, cooldown=5, receiverInfo=[{"key": "X-A", "value": ""}]),
    endpoint(uri="mqtt://broker.example/topic", receiverInfo=[{"key": "any thing", "value": "\u00e9"}]),
    endpoint(uri="mqtts://user:pass%40word@broker.example:8884/a/b%20c", accept="application/ld+json"),
]


@pytest.mark.parametrize("members", RIGHT, ids=lambda members: str(members)[:70])
def test_what_the_tables_allow_is_accepted(members: dict[str, Any]) -> None:
    """Every member of the tables has values that are accepted."""
    assert compiled(**members).id == "urn:ngsi-ld:Subscription:1"


@pytest.mark.parametrize("payload", [[], "x", 5, None])
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    """A Subscription is a JSON object."""
    with pytest.raises(BadRequestData):
        expand_members(payload, CONTEXT)


def test_names_are_expanded() -> None:
    """Attribute and type names become IRIs (5.5.7); id, type and scope of a projection stay."""
    members = expand_members(
        subscription(
            entities=[{"type": "(Car;Electric),Bus"}],
            watchedAttributes=["speed"],
            geoQ={"geoproperty": "place"},
            **notification(attributes=["speed"], pick=["id", "speed,colour"], omit=["scope"]),
        ),
        CONTEXT,
    )

    assert members["entities"] == [{"type": f"({VOCABULARY}Car;{VOCABULARY}Electric),{VOCABULARY}Bus"}]
    assert members["watchedAttributes"] == [VOCABULARY + "speed"]
    assert members["geoQ"]["geoproperty"] == VOCABULARY + "place"
    assert members["notification"]["pick"] == ["id", f"{VOCABULARY}speed,{VOCABULARY}colour"]
    assert members["notification"]["omit"] == ["scope"]


def test_output_only_members_are_ignored() -> None:
    """ "In the event that they are provided … implementations shall ignore them" (5.2.12, 5.2.14.2)."""
    payload = subscription(status="expired", createdAt="x", **notification(timesSent=5, status="failed", lastFailure=1))

    members = expand_members(payload, CONTEXT)

    assert members.keys() == {"id", "type", "entities", "notification"}
    assert members["notification"].keys() == {"endpoint"}


def test_milliseconds_become_seconds() -> None:
    """timeout and cooldown are given in milliseconds (5.2.15), throttling and timeInterval in seconds (5.2.12)."""
    one = compiled(throttling=2, **endpoint(timeout=1500, cooldown=250))

    assert (one.throttling_seconds, one.endpoint.timeout_seconds, one.endpoint.cooldown_seconds) == (2, 1.5, 0.25)
