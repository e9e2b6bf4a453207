"""What a notification says: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 5.3.1, 5.2.14 and 6.3.8."""

from typing import Any

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    Subscription,
    check,
    expect_entity,
    expect_members,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import PARKING, stored, terms
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import (
    about,
    change,
    notified,
    on,
    settled,
    watch,
)
from ldt_conformance.clients import JSON, LD_JSON, property_
from ldt_conformance.comparators import JSONLD_CONTEXT, find_link, members_of, parse_links
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import expect_date_time, expect_equal, require
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS, "mode": Mode.SANDBOX_WRITE}
BASE = ["ngsi-ld/5.8.6"]
PICS = ["PICS_NOTIFICATIONS_SUB"]


@check(
    id="notification/structure",
    title="A notification has id, type, subscriptionId, notifiedAt and data",
    clause=[
        cim009("5.8.6", "The structure of the notification message shall be as mandated by clause 5.3.1."),
        cim009("5.3.1", '"Notification"'),
    ],
    requirements=[*BASE, "ngsi-ld/5.3.1"],
    test_purposes=purposes("CI/SUB/046_07_01"),
    pics=PICS,
    **DECLARED,
)
def test_structure(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    watching, request = notified(broker, receiver, stored_entity, on(stored_entity))

    body = request.json()
    expect_members(body, present=["id", "type", "subscriptionId", "notifiedAt", "data"])
    expect_equal((body["type"], body["subscriptionId"]), ("Notification", watching.id), "type and subscriptionId")
    expect_date_time(body["notifiedAt"], "notifiedAt")
    expect_equal(isinstance(body["data"], list), True, "whether data is an array")


@check(
    id="notification/whole-entity",
    title="Without notification.attributes the whole Entity is notified",
    clause=cim009("5.8.6", "that all Attributes shall be included."),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_08_01"),
    pics=PICS,
    **DECLARED,
)
def test_whole_entity(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    _, request = notified(broker, receiver, stored_entity, on(stored_entity))

    expected = stored_entity.with_property("speed", 77)
    expect_entity(expected.to_json(), about(request, stored_entity), exact_attributes=True)


@check(
    id="notification/attributes",
    title="notification.attributes bounds what is notified",
    clause=cim009("5.8.6", "The Attributes included (Properties or Relationships) shall be those specified by the"),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_07_02"),
    pics=PICS,
    **DECLARED,
)
def test_attributes(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    def only_brand(template: Subscription) -> Subscription:
        return template.on_type(str(stored_entity.type)).with_notification(attributes=["brandName"])

    _, request = notified(broker, receiver, stored_entity, only_brand)

    expect_equal(members_of(about(request, stored_entity)), members_of({"brandName": 1}), "the Attributes notified")


@check(
    id="notification/full-names",
    title="A name that the Subscription's @context has no term for is notified in full",
    clause=[
        cim009("5.8.6", "The @context to be used is the one specified in the jsonldContext field of the corresponding"),
        cim009("5.5.7", "in the event that no matching term is found in the current @context"),
    ],
    requirements=[*BASE, "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/SUB/046_07_03"),
    pics=PICS,
    **DECLARED,
)
def test_full_names(broker: Broker, receiver: Receiver) -> None:
    """The Subscription has no @context, so the default one is its own; the Entity's Attribute has a name of its own."""
    full_name = terms(broker)["speed"]
    entity = stored(
        broker, broker.new_entity("Vehicle").with_property(full_name, 55).with_property("brandName", "Opel")
    )
    watching = watch(broker, receiver, lambda one: on(entity)(one).with_notification(attributes=[full_name]))

    require(broker.update_attributes(entity.id, {full_name: property_(77)}), 204, step="updating the Attribute")

    found = about(watching.notification("after the update of the Attribute", about=entity.id), entity)
    expect_members(found, present=[full_name], absent=["speed", "brandName"])


@check(
    id="notification/simplified",
    title="format keyValues notifies values alone",
    clause=cim009("5.8.6", 'If the notification.format is set to "simplified" (or "keyValues" as a synonym), then a'),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_08_02"),
    pics=PICS,
    **DECLARED,
)
def test_simplified(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    def simplified(template: Subscription) -> Subscription:
        return template.on_type(str(stored_entity.type)).with_notification(format="keyValues")

    _, request = notified(broker, receiver, stored_entity, simplified)

    found = about(request, stored_entity)
    shown = {name: found.get(name) for name in ("speed", "brandName", "isParked")}
    expect_equal(shown, {"speed": 77, "brandName": "Mercedes", "isParked": PARKING}, "values of the Attributes")


@check(
    id="notification/json",
    title="A notification is application/json with a Link to its @context",
    clause=[
        cim009("6.3.8", 'associated to the POST request shall be "application/json" by default.'),
        cim009(
            "6.3.8",
            'If the target MIME type is "application/json" then the HTTP notification request shall include a Link',
        ),
    ],
    requirements=["ngsi-ld/6.3.8"],
    test_purposes=purposes("CI/SUB/046_10_01"),
    pics=PICS,
    **DECLARED,
)
def test_json(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    _, request = notified(broker, receiver, stored_entity, on(stored_entity))

    expect_equal(request.media_type, JSON, "media type of the notification")
    if find_link(parse_links(request.headers.get_list("link")), JSONLD_CONTEXT) is None:
        fail(f'a Link header with rel="{JSONLD_CONTEXT}"', f"Link: {request.headers.get('link') or '(none)'}")


@check(
    id="notification/ld-json",
    title="endpoint.accept application/ld+json notifies JSON-LD with its @context",
    clause=cim009("5.8.6", "this can be changed to JSON-LD or GeoJSON by means of the endpoint.accept member."),
    requirements=["ngsi-ld/6.3.8"],
    test_purposes=purposes("CI/SUB/046_14_01"),
    pics=PICS,
    **DECLARED,
)
def test_ld_json(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    def linked(template: Subscription) -> Subscription:
        return template.on_type(str(stored_entity.type)).with_endpoint(accept=LD_JSON)

    _, request = notified(broker, receiver, stored_entity, linked)

    expect_equal(request.media_type, LD_JSON, "media type of the notification")
    shown = [request.json().get("@context"), about(request, stored_entity).get("@context")]
    if not any(shown):
        fail("an @context in the body", f"members {sorted(request.json())}")


@check(
    id="notification/receiver-info",
    title="receiverInfo becomes headers of the notification",
    clause=cim009("6.3.8", "make up the array shall be generated and included in the HTTP POST's list of headers."),
    requirements=["ngsi-ld/6.3.8"],
    pics=PICS,
    **DECLARED,
)
def test_receiver_info(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    def informed(template: Subscription) -> Subscription:
        info = [{"key": "X-Ldt-Check", "value": "seen"}]
        return template.on_type(str(stored_entity.type)).with_endpoint(receiverInfo=info)

    _, request = notified(broker, receiver, stored_entity, informed)

    expect_equal(request.headers.get("x-ldt-check"), "seen", "the header X-Ldt-Check")


@check(
    id="notification/system-attributes",
    title="notification.sysAttrs adds createdAt and modifiedAt",
    clause=cim009("5.2.14.1", "are included in the response payload body, in the case of a deletion also deletedAt."),
    requirements=[*BASE, "ngsi-ld/5.2.14"],
    test_purposes=purposes("CI/SUB/046_17_01"),
    pics=PICS,
    since="1.6.1",
    **DECLARED,
)
def test_system_attributes(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    def with_system(template: Subscription) -> Subscription:
        return template.on_type(str(stored_entity.type)).with_notification(sysAttrs=True)

    _, request = notified(broker, receiver, stored_entity, with_system)

    found = about(request, stored_entity)
    expect_members(found, present=["createdAt", "modifiedAt"])
    expect_members(found["speed"], present=["createdAt", "modifiedAt"])


@check(
    id="notification/no-system-attributes",
    title="Without sysAttrs a notification shows no system timestamps",
    clause=cim009("5.2.14.1", "If true, the system generated attributes createdAt and modifiedAt"),
    requirements=[*BASE, "ngsi-ld/5.2.14"],
    test_purposes=purposes("CI/SUB/046_18_01"),
    pics=PICS,
    since="1.6.1",
    **DECLARED,
)
def test_no_system_attributes(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    _, request = notified(broker, receiver, stored_entity, on(stored_entity))

    expect_members(about(request, stored_entity), absent=["createdAt", "modifiedAt"])


@check(
    id="notification/status-ok",
    title="After a delivery the Subscription counts it and shows when",
    clause=[
        cim009("5.8.6", "The notification.timesSent member shall be incremented by one."),
        cim009(
            "5.8.6",
            "The notification.lastNotification member shall be updated with a timestamp representing the current date",
        ),
    ],
    requirements=[*BASE, "ngsi-ld/5.2.14"],
    test_purposes=purposes("CI/SUB/046_11_01", "CI/SUB/046_12_01"),
    pics=PICS,
    **DECLARED,
)
def test_status_ok(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    watching, _ = notified(broker, receiver, stored_entity, on(stored_entity))

    found = settled(watching, broker.retrieve_subscription, "lastSuccess").get("notification") or {}

    expect_equal(
        (found.get("status"), (found.get("timesSent") or 0) >= 1), ("ok", True), "status, and timesSent of at least 1"
    )
    for name in ("lastNotification", "lastSuccess"):
        expect_date_time(found.get(name), f"notification.{name}")


@check(
    id="notification/status-failed",
    title="After a failed delivery the Subscription shows the failure",
    clause=cim009("5.8.6", "Update notification.lastFailure with a timestamp representing the current date and time."),
    requirements=[*BASE, "ngsi-ld/5.2.14"],
    test_purposes=purposes("CI/SUB/046_13_01"),
    pics=PICS,
    **DECLARED,
)
def test_status_failed(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """Ruling M12: failed in `notification.status`; in the Subscription's own `status` it is tolerated."""
    watching = watch(broker, receiver, on(stored_entity))
    watching.inbox.respond(500)

    change(broker, stored_entity, speed=77)
    watching.notification("after the update of speed", about=stored_entity.id)

    subscription = settled(watching, broker.retrieve_subscription, "lastFailure")
    found = subscription.get("notification") or {}
    expect_date_time(found.get("lastFailure"), "notification.lastFailure")
    if found.get("status") != "failed" and subscription.get("status") == "failed":
        warn(Reason.TOLERATED, "failed in notification.status", "failed in the status of the Subscription")
    expect_equal(found.get("status"), "failed", "notification.status")
