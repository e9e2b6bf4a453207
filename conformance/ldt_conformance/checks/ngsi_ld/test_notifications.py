"""Notifications: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 5.3.1, 5.2.14 and 6.3.8."""

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
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, PARKING, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.watching import POSITIVE_SECONDS, Watch, entities_in, make_sentinel, watch
from ldt_conformance.clients import JSON, LD_JSON, NGSI_LD_NULL, property_
from ldt_conformance.comparators import JSONLD_CONTEXT, attribute_value, find_link, members_of, parse_links
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_date_time, expect_equal, expect_object, require
from ldt_conformance.receiver import Received, Receiver

DECLARED: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS, "mode": Mode.SANDBOX_WRITE}
BASE = ["ngsi-ld/5.8.6"]
PICS = ["PICS_NOTIFICATIONS_SUB"]
CHANGE = cim009("5.8.6", "the notification shall be sent whenever there is a change in the watched Attributes.")
DELETED = cim009("5.8.6", "If an Attribute has been deleted, only the name of the attribute as key and the URI")


def on(entity: Entity, **members: Any) -> Any:
    """Prepares a Subscription on the type of an Entity."""
    return lambda template: template.on_type(str(entity.type)).with_members(**members)


def change(broker: Broker, entity: Entity, **values: Any) -> None:
    """Give Properties new values: the stimulus."""
    fragment = {name: property_(value) for name, value in values.items()}
    require(broker.update_attributes(entity.id, fragment), 204, step=f"updating {', '.join(values)}")


def about(request: Received, entity: Entity) -> dict[str, Any]:
    """The Entity as a notification shows it."""
    return next(item for item in entities_in(request) if item.get("id") == entity.id)


def notified(broker: Broker, receiver: Receiver, entity: Entity, prepare: Any) -> tuple[Watch, Received]:
    """Subscribe, change the speed of a stored Entity, and take the notification."""
    watching = watch(broker, receiver, prepare)
    change(broker, entity, speed=77)
    return watching, watching.notification("after the update of speed", about=entity.id)


@check(
    id="notification/on-update",
    title="Updating an Attribute of a subscribed Entity notifies, with the new value",
    clause=CHANGE,
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_05_01", "CI/SUB/046_09_01"),
    pics=PICS,
    **DECLARED,
)
def test_on_update(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    _, request = notified(broker, receiver, stored_entity, on(stored_entity))

    expect_equal(request.method, "POST", "the method of the notification")
    expect_equal(attribute_value(about(request, stored_entity), "speed"), 77, "speed in the notification")


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
    id="notification/on-create",
    title="The trigger entityCreated notifies a new Entity",
    clause=cim009(
        "5.2.12", "The notification triggers listed indicate what kind of changes shall trigger a notification."
    ),
    requirements=[*BASE, "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/046_16_01"),
    pics=PICS,
    since="1.6.1",
    **DECLARED,
)
def test_on_create(broker: Broker, receiver: Receiver) -> None:
    entity = simple_vehicle(broker)
    watching = watch(broker, receiver, on(entity, notificationTrigger=["entityCreated"]))

    stored(broker, entity)

    request = watching.notification("after the creation of the Entity", about=entity.id)
    expect_equal(attribute_value(about(request, entity), "speed"), 55, "speed in the notification")


@check(
    id="notification/on-delete",
    title="The trigger entityDeleted notifies a deletion by id, type and deletedAt, without live values",
    clause=cim009(
        "5.8.6", "notification.showChanges member is not set to true, only the deletedAt system property shall be"
    ),
    requirements=[*BASE, "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/046_21_01", "CI/SUB/046_21_02"),
    pics=PICS,
    since="1.6.1",
    **DECLARED,
)
def test_on_delete(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    watching = watch(broker, receiver, on(stored_entity, notificationTrigger=["entityDeleted"]))

    require(broker.delete_entity(stored_entity.id), 204, step="deleting the Entity")

    found = about(watching.notification("after the deletion of the Entity", about=stored_entity.id), stored_entity)
    expect_members(found, present=["id", "type", "deletedAt"], absent=["speed", "brandName", "location"])


@check(
    id="notification/attribute-deleted",
    title="The trigger attributeDeleted notifies the deleted Attribute as NGSI-LD Null",
    clause=DELETED,
    requirements=[*BASE, "ngsi-ld/4.5.0"],
    test_purposes=purposes("CI/SUB/046_22_01", "CI/SUB/046_22_02", "CI/SUB/046_22_04"),
    pics=PICS,
    since="1.6.1",
    **DECLARED,
)
def test_attribute_deleted(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """Ruling M13: in a normalized notification the bare URI and the object form both pass."""
    watching = watch(broker, receiver, on(stored_entity, notificationTrigger=["attributeDeleted"]))

    require(broker.delete_attribute(stored_entity.id, "speed"), 204, step="deleting speed")

    found = about(watching.notification("after the deletion of speed", about=stored_entity.id), stored_entity)
    if attribute_value(found, "speed") != NGSI_LD_NULL:
        fail(f"speed as {NGSI_LD_NULL}", f"speed {found.get('speed')!r}")


@check(
    id="notification/attribute-deleted-dataset",
    title="A deleted instance is notified as an object with its datasetId and NGSI-LD Null",
    clause=cim009(
        "5.8.6",
        "In all such cases, a JSON object with all the required information is provided, where the value or the",
    ),
    requirements=[*BASE, "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/SUB/046_22_07"),
    pics=["PICS_P_DATASETID_AND_R_DATASETID", *PICS],
    since="1.6.1",
    **DECLARED,
)
def test_attribute_deleted_dataset(broker: Broker, receiver: Receiver) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)
    watching = watch(broker, receiver, on(entity, notificationTrigger=["attributeDeleted"]))

    response = broker.delete_attribute(entity.id, "speed", params={"datasetId": DATASET})
    require(response, 204, step="deleting the instance of speed")

    found = about(watching.notification("after the deletion of the instance", about=entity.id), entity)
    listed = found.get("speed") if isinstance(found.get("speed"), list) else [found.get("speed")]
    gone = [item for item in listed or [] if isinstance(item, dict) and item.get("datasetId") == DATASET]
    expect_equal([item.get("value") for item in gone], [NGSI_LD_NULL], f"value of the instances with {DATASET}")


@check(
    id="notification/watched-attributes",
    title="Only a change of a watched Attribute notifies",
    clause=[CHANGE, cim009("5.8.1.4", "Attributes are those that trigger a new notification when they are changed.")],
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_03_01", "CI/SUB/046_22_03"),
    pics=PICS,
    **DECLARED,
)
def test_watched_attributes(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    watching = watch(broker, receiver, on(stored_entity, watchedAttributes=["speed"]))

    change(broker, stored_entity, brandName="Opel")
    watching.silence("after the update of an Attribute that is not watched", sentinel, about=stored_entity.id)

    change(broker, stored_entity, speed=77)
    watching.notification("after the update of the watched Attribute", about=stored_entity.id)


@check(
    id="notification/q",
    title="Only Entities that meet q are notified",
    clause=cim009(
        "5.8.6",
        "message shall include all the subscribed Entities that changed and that match (as mandated by clauses 4.9,",
    ),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_06_01"),
    pics=PICS,
    **DECLARED,
)
def test_q(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    watching = watch(broker, receiver, on(stored_entity, q="speed>100"))

    change(broker, stored_entity, speed=60)
    watching.silence("while q is not met", sentinel, about=stored_entity.id)

    change(broker, stored_entity, speed=120)
    watching.notification("once q is met", about=stored_entity.id)


@check(
    id="notification/type-selection",
    title="Only Entities of the subscribed types are notified",
    clause=cim009(
        "5.8.1.4", "If present, the subscribed entities shall be those matching the conditions expressed under the"
    ),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_16_01", "CI/SUB/046_16_02"),
    pics=PICS,
    since="1.5.1",
    **DECLARED,
)
def test_type_selection(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    other = stored(broker, simple_vehicle(broker))
    selection = f"{stored_entity.type}|{broker.new_type()}"
    watching = watch(broker, receiver, lambda template: template.on_type(selection))

    change(broker, other, speed=60)
    watching.silence("about an Entity of another type", sentinel, about=other.id)

    change(broker, stored_entity, speed=60)
    watching.notification("about an Entity of a selected type", about=stored_entity.id)


@check(
    id="notification/paused",
    title="A paused Subscription does not notify, and does again once it is active",
    clause=cim009(
        "5.8.6", "Notifications shall only be sent if and only if the status of the corresponding subscription"
    ),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_01_01"),
    pics=PICS,
    **DECLARED,
)
def test_paused(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    watching = watch(broker, receiver, on(stored_entity, isActive=False))

    change(broker, stored_entity, speed=60)
    watching.silence("while the Subscription is paused", sentinel, about=stored_entity.id)

    require(broker.update_subscription(watching.id, {"isActive": True}), 204, step="activating the Subscription")
    change(broker, stored_entity, speed=70)
    watching.notification("once the Subscription is active", about=stored_entity.id)


@check(
    id="notification/deleted-subscription",
    title="A deleted Subscription notifies no more",
    clause=cim009("5.8.5.4", "and no longer perform notifications concerning such Subscription."),
    requirements=["ngsi-ld/5.8.5", *BASE],
    test_purposes=purposes("CI/SUB/032_03_01"),
    pics=PICS,
    **DECLARED,
)
def test_deleted_subscription(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    watching, _ = notified(broker, receiver, stored_entity, on(stored_entity))

    require(broker.delete_subscription(watching.id), 204, step="deleting the Subscription")
    watching.forget()
    change(broker, stored_entity, speed=88)

    watching.silence("after the Subscription was deleted", sentinel, about=stored_entity.id)


@check(
    id="notification/throttling",
    title="Within the throttling period there is no second notification",
    clause=cim009(
        "5.2.12", "Minimal period of time in seconds which shall elapse between two consecutive notifications."
    ),
    requirements=[*BASE, "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/046_15_01"),
    pics=PICS,
    **DECLARED,
)
def test_throttling(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """Ruling E20: each change gives another value, or it would change nothing."""
    sentinel = make_sentinel(broker, receiver)
    watching, _ = notified(broker, receiver, stored_entity, on(stored_entity, throttling=60))

    change(broker, stored_entity, speed=88)

    watching.silence("within the throttling period of 60 s", sentinel, about=stored_entity.id)


@check(
    id="notification/time-interval",
    title="With timeInterval notifications come without any change",
    clause=cim009(
        "5.8.6", "If a Subscription defines a timeInterval member, a Notification shall be sent periodically"
    ),
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_02_01", "CI/SUB/046_04_01"),
    pics=PICS,
    **DECLARED,
)
def test_time_interval(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    watching = watch(broker, receiver, on(stored_entity, timeInterval=1))

    watching.notification("when the interval is over", about=stored_entity.id)
    watching.notification("when the interval is over again", about=stored_entity.id)


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

    found = settled(broker, watching, "lastSuccess")

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
    watching = watch(broker, receiver, on(stored_entity))
    watching.inbox.respond(500)

    change(broker, stored_entity, speed=77)
    watching.notification("after the update of speed", about=stored_entity.id)

    found = settled(broker, watching, "lastFailure")
    expect_equal(found.get("status"), "failed", "notification.status")
    expect_date_time(found.get("lastFailure"), "notification.lastFailure")


def settled(broker: Broker, watching: Watch, member: str) -> dict[str, Any]:
    """The Subscription's `notification`, as soon as it shows a member that a delivery brings, or after the deadline."""
    deadline_rounds = int(POSITIVE_SECONDS * 20)
    found: dict[str, Any] = {}
    for _ in range(deadline_rounds):
        found = expect_object(broker.retrieve_subscription(watching.id)).get("notification") or {}
        if member in found:
            break
        watching.inbox.wait_for(lambda _: False, 0.05)  # a pause that a late request would not shorten
    return found


@check(
    id="notification/no-change-on-read",
    title="Reading an Entity notifies nothing",
    clause=cim009("5.8.6", "An Attribute is considered to change when any of the members (including children)"),
    requirements=BASE,
    pics=PICS,
    **DECLARED,
)
def test_no_change_on_read(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    sentinel = make_sentinel(broker, receiver)
    watching = watch(broker, receiver, on(stored_entity))

    expect_status(broker.retrieve_entity(stored_entity.id), 200)
    watching.silence("after a mere retrieval", sentinel, about=stored_entity.id)

    change(broker, stored_entity, speed=77)
    watching.notification("after the update of speed", about=stored_entity.id)
