"""What a notification says: ETSI GS CIM 009 V1.9.1, clauses 5.2.14, 5.3.1, 5.8.6 and 6.3.8."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ldt_stack.broker.notifications.rendering import render_notification, shown_as
from ldt_stack.broker.notifications.subscription import Subscription

from .changes import (
    APPENDED,
    CAR,
    CONTEXT,
    DATASET,
    DELETED,
    IRI,
    NOW,
    NULL,
    OLD,
    REMOVED,
    UPDATED,
    entity,
    notified,
    prop,
    subscription,
)  # fmt: skip


def sent(one: Subscription, tenant: str | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    shown = {**entity(speed=prop(1)), IRI("location"): [place]}
    body = {"id": "urn:ngsi-ld:Notification:1", "notifiedAt": NOW, "data": [shown]}
    notification, headers = render_notification(one, body, shown_as(one, body["data"]), tenant)
    return orjson.loads(orjson.dumps(notification)), headers


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


def test_pairs_of_one_key_are_one_header_with_all_values() -> None:
    """None is lost: fields of one name may be sent as one, the values joined by commas (RFC 9110, section 5.3)."""
    info = [{"key": "X-Way", "value": "a"}, {"key": "Prefer", "value": "b"}, {"key": "X-Way", "value": "c;d=1"}]

    _, headers = sent(subscription(endpoint={"receiverInfo": info}))

    assert headers["X-Way"] == "a, c;d=1"
    assert headers["Prefer"] == "b"
