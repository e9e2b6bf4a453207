"""Which changes concern a Subscription, and what a notification says: ETSI GS CIM 009 V1.9.1, clauses 5.2.12, 5.8.6."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.changes import EntityChange
from ldt_stack.broker.notifications.compiling import compile_subscription
from ldt_stack.broker.notifications.content import entity_after_change
from ldt_stack.broker.notifications.matching import concerns
from ldt_stack.broker.notifications.rendering import render_notification, shown_as
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.notifications.validation import check_subscription, expand_members

CONTEXT = core_context()
IRI = CONTEXT.expand_term
NULL = "urn:ngsi-ld:null"
OLD, NOW = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"
CAR = "urn:ngsi-ld:Car:1"
DATASET = "urn:ngsi-ld:Dataset:1"


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "createdAt": OLD, "modifiedAt": OLD, **members}


def entity(_types: tuple[str, ...] = ("Car",), **attributes: Any) -> dict[str, Any]:
    """Expanded; an Attribute is an instance or a list of them."""
    expanded = {IRI(name): held if isinstance(held, list) else [held] for name, held in attributes.items()}
    return {"id": CAR, "type": [IRI(one) for one in _types], "createdAt": OLD, "modifiedAt": OLD, **expanded}


def subscription(**members: Any) -> Subscription:
    endpoint = {"uri": "http://receiver.example/", **members.pop("endpoint", {})}
    notification = {"endpoint": endpoint, **members.pop("notification", {})}
    payload = {"id": "urn:ngsi-ld:Subscription:1", "type": "Subscription", "entities": [{"type": "Car"}]}
    merged = {**payload, "notification": notification, **members}
    expanded = expand_members({name: value for name, value in merged.items() if value is not ...}, CONTEXT)
    check_subscription(expanded)
    return compile_subscription(expanded, CONTEXT, CONTEXT)


def change(before: dict[str, Any] | None, after: dict[str, Any] | None) -> EntityChange:
    return EntityChange(CAR, NOW, before, after)


def fires(one: Subscription, before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    return bool(concerns(one, change(before, after), NOW))


def notified(one: Subscription, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    """The only Entity of the notification that a change owes."""
    happened = change(before, after)
    fired = concerns(one, happened, NOW)
    assert fired, "no notification is owed"
    body = {"id": "urn:ngsi-ld:Notification:1", "notifiedAt": NOW, "data": [entity_after_change(one, happened, fired)]}
    notification, _ = render_notification(one, body, shown_as(one, body["data"]), None)
    (shown,) = orjson.loads(orjson.dumps(notification))["data"]
    assert isinstance(shown, dict)
    return shown


CREATED = (None, entity(speed=prop(1)))
UPDATED = (entity(speed=prop(1)), entity(speed=prop(2)))
SAME = (entity(speed=prop(1)), entity(speed=prop(1, modifiedAt=NOW)))
APPENDED = (UPDATED[0], {**UPDATED[0], IRI("colour"): [prop("red")]})
REMOVED = (APPENDED[1], UPDATED[0])
DELETED = (entity(speed=prop(1)), None)
EVENTS = {
    "created": CREATED,
    "updated": UPDATED,
    "same": SAME,
    "appended": APPENDED,
    "removed": REMOVED,
    "deleted": DELETED,
}


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        (..., {"created", "updated", "appended"}),
        (["entityCreated"], {"created"}),
        (["entityDeleted"], {"deleted"}),
        (["entityUpdated"], {"created", "updated", "appended", "removed", "deleted"}),
        (["attributeCreated"], {"created", "appended"}),
        (["attributeUpdated"], {"updated"}),
        (["attributeDeleted"], {"removed", "deleted"}),
        (["attributeDeleted", "entityCreated"], {"removed", "deleted", "created"}),
    ],
)
def test_triggers_decide_which_kinds_of_change_notify(triggers: Any, expected: set[str]) -> None:
    """By default attributeCreated and attributeUpdated; entityUpdated is the three Attribute triggers (5.2.12)."""
    one = subscription(notificationTrigger=triggers)

    assert {name for name, event in EVENTS.items() if fires(one, *event)} == expected


@pytest.mark.parametrize(
    ("watched", "expected"), [(["speed"], {"created", "updated"}), (["colour"], {"appended"}), (["size"], set())]
)
def test_only_watched_attributes_notify(watched: list[str], expected: set[str]) -> None:
    """ "Watched Attributes are those that trigger a new notification when they are changed" (5.8.1.4)."""
    one = subscription(watchedAttributes=watched)

    assert {name for name, event in EVENTS.items() if fires(one, *event)} == expected


@pytest.mark.parametrize(
    ("watched", "event", "expected"),
    [(["speed"], CREATED, True), (["size"], CREATED, False), (["speed"], DELETED, True), (["size"], DELETED, False)],
)
def test_entity_triggers_heed_watched_attributes(watched: list[str], event: Any, expected: bool) -> None:
    """An Entity that comes or goes without any watched Attribute notifies nobody."""
    one = subscription(watchedAttributes=watched, notificationTrigger=["entityCreated", "entityDeleted"])

    assert fires(one, *event) is expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, "a", ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(before=VALUES, after=VALUES, observed=st.sampled_from([OLD, NOW]))
def test_an_attribute_changes_when_any_member_has_another_value(before: Any, after: Any, observed: str) -> None:
    """Written again with equal members is no change, any other value is one (5.8.6); true is not 1."""
    old = entity(speed=prop(before, observedAt=OLD))
    new = entity(speed=prop(after, observedAt=observed, modifiedAt=NOW, instanceId="urn:ngsi-ld:instance:2"))

    def plain(value: Any) -> Any:  # JSON numbers have no kinds: 1 and 1.0 are equal
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    differs = json.dumps(plain(before), sort_keys=True) != json.dumps(plain(after), sort_keys=True)
    assert fires(subscription(), old, new) is (differs or observed != OLD)


def test_a_changed_sub_attribute_is_a_change() -> None:
    """ "Any of the members (including children)" (5.8.6)."""
    old, new = (entity(speed=prop(1, **{IRI("source"): [prop(name)]})) for name in "ab")

    assert fires(subscription(), old, new)
    assert not fires(subscription(), old, json.loads(json.dumps(old)))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"q": "speed>1"}, True),
        ({"q": "speed>2"}, False),
        ({"scopeQ": "/Madrid/#"}, True),
        ({"scopeQ": "/Lyon"}, False),
        ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2]}}, True),
        ({"geoQ": {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [5, 5]}}, False),
        ({"entities": [{"type": "Bus"}]}, False),
        ({"entities": [{"type": "Bus|Car"}]}, True),
        ({"entities": [{"type": "(Car;Electric)"}]}, False),
        ({"entities": [{"type": "Bus"}, {"type": "Car"}]}, True),
        ({"entities": [{"type": "Car", "id": CAR}]}, True),
        ({"entities": [{"type": "Car", "id": ["urn:ngsi-ld:Car:2"]}]}, False),
        ({"entities": [{"type": "Car", "idPattern": ":Car:1$"}]}, True),
        ({"entities": [{"type": "Car", "idPattern": ":Bus:"}]}, False),
        ({"entities": [{"type": "Car", "id": CAR, "idPattern": ":Bus:"}]}, True),
        ({"entities": ..., "watchedAttributes": ["speed"]}, True),
        ({"entities": [{"type": "*"}]}, True),
        ({"isActive": False}, False),
        ({"expiresAt": "2026-01-31T00:00:00Z"}, False),
        ({"expiresAt": "2026-02-02T00:00:00Z"}, True),
        ({"timeInterval": 5}, False),
    ],
)
def test_entities_and_conditions_decide(members: dict[str, Any], expected: bool) -> None:
    """Selectors, q, geoQ, scopeQ and status must all hold for the Entity as it is after the change (5.8.6)."""
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    before = {**entity(speed=prop(1)), IRI("location"): [place], "scope": ["/Madrid/Centro"]}
    after = {**before, IRI("speed"): [prop(2)]}

    assert fires(subscription(**members), before, after) is expected


def test_a_normalized_notification_shows_the_whole_entity() -> None:
    """ "The absence of the notification.attributes member … means that all Attributes shall be included" (5.8.6)."""
    before = entity(speed=prop(1), colour=prop("red", unitCode="X"))
    after = {**before, IRI("speed"): [prop(2)]}

    assert notified(subscription(), before, after) == {
        "id": CAR,
        "type": "Car",
        "speed": {"type": "Property", "value": 2},
        "colour": {"type": "Property", "value": "red", "unitCode": "X"},
    }


@pytest.mark.parametrize(
    ("wanted_format", "speed"),
    [
        ("normalized", {"type": "Property", "value": 2, "unitCode": "KMH"}),
        ("concise", {"value": 2, "unitCode": "KMH"}),
        ("keyValues", 2),
        ("simplified", 2),
    ],
)
def test_formats(wanted_format: str, speed: Any) -> None:
    """normalized, concise, simplified and its synonym keyValues (5.2.14.1)."""
    one = subscription(notification={"format": wanted_format})

    assert notified(one, UPDATED[0], entity(speed=prop(2, unitCode="KMH")))["speed"] == speed


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ({"attributes": ["speed"]}, {"id", "type", "scope", "speed"}),
        ({"attributes": ["size"]}, {"id", "type", "scope"}),
        ({"pick": ["id", "speed"]}, {"id", "speed"}),
        ({"omit": ["type", "speed"]}, {"id", "scope", "colour"}),
        ({"sysAttrs": True, "attributes": ["speed"]}, {"id", "type", "scope", "speed", "createdAt", "modifiedAt"}),
    ],
)
def test_projection(members: dict[str, Any], shown: set[str]) -> None:
    """attributes, pick, omit and sysAttrs choose the members that are shown (5.2.14.1)."""
    before = {**entity(speed=prop(1), colour=prop("red")), "scope": ["/A"]}
    after = {**before, IRI("speed"): [prop(2)]}

    assert notified(subscription(notification=members), before, after).keys() == shown


def test_only_instances_of_the_wanted_datasets_are_shown() -> None:
    """ "Only the Attribute instances are to be included that match the datasetId member" (5.8.6)."""
    after = entity(speed=[prop(2), prop(3, datasetId=DATASET)], colour=prop("red"))

    shown = notified(subscription(datasetId=[DATASET]), UPDATED[0], after)

    assert shown == {"id": CAR, "type": "Car", "speed": {"type": "Property", "value": 3, "datasetId": DATASET}}


LANGUAGE = {"type": "LanguageProperty", "languageMap": {"en": "x"}, "createdAt": OLD, "modifiedAt": OLD}
ROUTE = {"type": "ListRelationship", "objectList": ["urn:a:1"], "createdAt": OLD, "modifiedAt": OLD}
RELATION = {"type": "Relationship", "object": "urn:ngsi-ld:Bus:1", "createdAt": OLD, "modifiedAt": OLD}


@pytest.mark.parametrize(
    ("instance", "wanted_format", "marker"),
    [
        (prop(1), "normalized", {"type": "Property", "value": NULL}),
        (prop(1), "concise", NULL),
        (prop(1), "keyValues", NULL),
        (RELATION, "normalized", {"type": "Relationship", "object": NULL}),
        (RELATION, "keyValues", NULL),
        (ROUTE, "normalized", {"type": "ListRelationship", "objectList": [NULL]}),
        (LANGUAGE, "normalized", {"type": "LanguageProperty", "languageMap": {"@none": NULL}}),
        (LANGUAGE, "keyValues", NULL),
        (prop(1, datasetId=DATASET), "normalized", {"type": "Property", "value": NULL, "datasetId": DATASET}),
        (prop(1, datasetId=DATASET), "concise", {"value": NULL, "datasetId": DATASET}),
    ],
)
def test_a_deleted_attribute_is_the_ngsi_ld_null(instance: dict[str, Any], wanted_format: str, marker: Any) -> None:
    """The name with the NGSI-LD Null, an object where a datasetId is to be shown (5.8.6, 4.5.0)."""
    one = subscription(notificationTrigger=["attributeDeleted"], notification={"format": wanted_format})

    shown = notified(one, entity(gone=instance, speed=prop(1)), entity(speed=prop(1)))

    assert shown["gone"] == marker


def test_a_deleted_attribute_with_system_times() -> None:
    """With sysAttrs, a deletion has its system generated sub-attributes (5.8.6)."""
    one = subscription(notificationTrigger=["attributeDeleted"], notification={"sysAttrs": True, "format": "concise"})

    shown = notified(one, entity(gone=prop(1), speed=prop(1)), entity(speed=prop(1)))

    assert shown["gone"] == {"value": NULL, "createdAt": OLD, "modifiedAt": OLD, "deletedAt": NOW}


def test_a_deletion_beside_instances_that_stay() -> None:
    """One instance of several is deleted: the others are shown as they are, no value of the deleted one."""
    one = subscription(notificationTrigger=["attributeDeleted"])

    shown = notified(one, entity(speed=[prop(1), prop(2, datasetId=DATASET)]), entity(speed=prop(1)))

    assert shown["speed"] == [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": NULL, "datasetId": DATASET},
    ]


@pytest.mark.parametrize(
    ("instance", "changed", "expected"),
    [
        (prop(1), {"value": 2}, {"type": "Property", "value": 2, "previousValue": 1}),
        (
            RELATION,
            {"object": "urn:a:b"},
            {"type": "Relationship", "object": "urn:a:b", "previousObject": "urn:ngsi-ld:Bus:1"},
        ),
        (
            LANGUAGE,
            {"languageMap": {"en": "y"}},
            {"type": "LanguageProperty", "languageMap": {"en": "y"}, "previousLanguageMap": {"en": "x"}},
        ),
    ],
)
def test_show_changes_gives_the_previous_value(instance: Any, changed: Any, expected: Any) -> None:
    """previousValue, previousObject, previousLanguageMap of what was modified; nothing of what was not (5.2.14.1)."""
    before = entity(speed=instance, colour=prop("red"))
    after = {**before, IRI("speed"): [{**instance, **changed}]}

    shown = notified(subscription(notification={"showChanges": True}), before, after)

    assert shown["speed"] == expected
    assert shown["colour"] == {"type": "Property", "value": "red"}


def test_show_changes_of_creations_and_deletions() -> None:
    """A creation has no previous value, a deletion has one (5.2.14.1)."""
    one = subscription(notification={"showChanges": True}, notificationTrigger=["entityUpdated"])

    assert notified(one, *APPENDED)["colour"] == {"type": "Property", "value": "red"}
    assert notified(one, *REMOVED)["colour"] == {"type": "Property", "value": NULL, "previousValue": "red"}


def test_a_deleted_entity_shows_when() -> None:
    """ "Only the deletedAt system property shall be provided"; with sysAttrs also createdAt and modifiedAt (5.8.6)."""
    one = subscription(notificationTrigger=["entityDeleted"])
    full = subscription(notificationTrigger=["entityDeleted"], notification={"sysAttrs": True})

    assert notified(one, *DELETED) == {"id": CAR, "type": "Car", "deletedAt": NOW}
    assert notified(full, *DELETED) == {"id": CAR, "type": "Car", "deletedAt": NOW, "createdAt": OLD, "modifiedAt": OLD}


def test_a_deleted_entity_seen_by_attribute_deleted() -> None:
    """Id, type, deletedAt and the Null of the watched Attributes: no live value."""
    one = subscription(notificationTrigger=["attributeDeleted"], watchedAttributes=["speed"])

    shown = notified(one, entity(speed=prop(1), colour=prop("red")), None)

    assert shown == {"id": CAR, "type": "Car", "deletedAt": NOW, "speed": {"type": "Property", "value": NULL}}


def sent(one: Subscription, tenant: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    shown = {**entity(speed=prop(1)), IRI("location"): [place]}
    body = {"id": "urn:ngsi-ld:Notification:1", "notifiedAt": NOW, "data": [shown]}
    notification, headers = render_notification(one, body, shown_as(one, body["data"]), tenant)
    return orjson.loads(orjson.dumps(notification)), headers


def test_json_has_the_context_in_a_link_header() -> None:
    """application/json by default, its @context in a Link header (6.3.8), the structure of 5.3.1."""
    body, headers = sent(subscription(jsonldContext="https://context.example/c.jsonld"))

    assert headers["Content-Type"] == "application/json"
    assert headers["Link"].startswith('<https://context.example/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"')
    assert body.keys() == {"id", "type", "subscriptionId", "notifiedAt", "data"}
    assert (body["type"], body["subscriptionId"]) == ("Notification", "urn:ngsi-ld:Subscription:1")


def test_json_ld_has_the_context_in_the_body() -> None:
    """application/ld+json carries its @context, and no Link header (6.3.8)."""
    body, headers = sent(subscription(endpoint={"accept": "application/ld+json"}))

    assert "Link" not in headers
    assert body["@context"] == CONTEXT.rendered


def test_geojson_is_a_feature_collection() -> None:
    """data is a FeatureCollection with @context, or with a Link header for Prefer: body=json (5.3.1, 6.3.8)."""
    body, headers = sent(subscription(endpoint={"accept": "application/geo+json"}))
    prefer = {"accept": "application/geo+json", "receiverInfo": [{"key": "Prefer", "value": "body=json"}]}
    plain, plain_headers = sent(subscription(endpoint=prefer))

    assert body["data"]["type"] == "FeatureCollection"
    assert body["data"]["features"][0]["geometry"] == {"type": "Point", "coordinates": [1, 2]}
    assert "@context" in body["data"]
    assert "Link" not in headers
    assert "@context" not in plain["data"]
    assert "Link" in plain_headers


def test_receiver_info_and_tenant_become_headers() -> None:
    """A header for each receiverInfo pair (6.3.8), and the tenant's (6.3.14)."""
    info = [{"key": "Authorization", "value": "Bearer x"}, {"key": "content-type", "value": "application/json;a=b"}]

    _, headers = sent(subscription(endpoint={"receiverInfo": info}), "city")

    assert headers["Authorization"] == "Bearer x"
    assert headers["NGSILD-Tenant"] == "city"
    assert [value for name, value in headers.items() if name.lower() == "content-type"] == ["application/json;a=b"]
