"""What notifies and what does not: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 5.2.12 and 5.8.1."""

from typing import Any

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_members,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.expiring import expect_expired, soon
from ldt_conformance.checks.ngsi_ld.given import PARKING, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import (
    about,
    change,
    make_sentinel,
    notified,
    on,
    watch,
)
from ldt_conformance.clients import NGSI_LD_NULL
from ldt_conformance.comparators import attribute_value
from ldt_conformance.expectations import expect_equal, require
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS, "mode": Mode.SANDBOX_WRITE}
BASE = ["ngsi-ld/5.8.6"]
PICS = ["PICS_NOTIFICATIONS_SUB"]
CHANGE = cim009("5.8.6", "the notification shall be sent whenever there is a change in the watched Attributes.")


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
    id="notification/list-deleted",
    title="Deleted lists are notified as arrays of a single NGSI-LD Null",
    clause=[
        cim009(
            "4.5.22.2", "An array consisting of a single NGSI-LD Null (explained in 4.5.0 and defined in clause 3.1)"
        ),
        cim009("4.5.21.2", "5.5.12) to indicate a deletion of the ListProperty, as well as in notifications"),
    ],
    requirements=[*BASE, "ngsi-ld/4.5.21", "ngsi-ld/4.5.22"],
    pics=PICS,
    since="1.8.1",
    **DECLARED,
)
def test_list_deleted(broker: Broker, receiver: Receiver) -> None:
    """With sysAttrs a deletion is a JSON object (5.8.6), so that the form of the list can be seen."""
    route = {"type": "ListRelationship", "objectList": [{"object": PARKING}]}
    entity = broker.new_entity("Vehicle").with_list_property("periods", [1, 2]).with_attribute("route", route)
    stored(broker, entity)
    wanted = on(entity, notificationTrigger=["attributeDeleted"])
    watching = watch(broker, receiver, lambda template: wanted(template).with_notification(sysAttrs=True))

    for name, member in (("periods", "valueList"), ("route", "objectList")):
        require(broker.delete_attribute(entity.id, name), 204, step=f"deleting {name}")

        found = about(watching.notification(f"after the deletion of {name}", about=entity.id), entity).get(name)
        shown = found.get(member) if isinstance(found, dict) else None
        expect_equal(shown, [NGSI_LD_NULL], f"{member} of {name}")


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
    id="notification/expired",
    title="A Subscription that expires says so, and notifies no more",
    clause=[
        cim009("5.8.1.4", 'changes automatically to "expired", so that notifications will no longer be sent.'),
        cim009("5.8.6", 'is "active", i.e. not "paused" nor "expired".'),
    ],
    requirements=["ngsi-ld/5.8.1", *BASE],
    pics=PICS,
    **DECLARED,
)
def test_expired(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """It may also be deleted then (4.8)."""
    sentinel = make_sentinel(broker, receiver)
    watching, _ = notified(broker, receiver, stored_entity, on(stored_entity))
    due = soon(broker, broker.retrieve_subscription(watching.id))
    require(broker.update_subscription(watching.id, {"expiresAt": due}), 204, step=f"updating expiresAt to {due}")

    expect_expired(lambda: broker.retrieve_subscription(watching.id), due)

    watching.forget()
    change(broker, stored_entity, speed=88)
    watching.silence("after the Subscription has expired", sentinel, about=stored_entity.id)


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
