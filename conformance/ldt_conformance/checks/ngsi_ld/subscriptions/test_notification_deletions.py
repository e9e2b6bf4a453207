"""How notifications tell that Attributes were deleted: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 4.5.0 and 4.5.18.

Ruling M13: in a normalized notification the bare URI and the object with an NGSI-LD Null both pass; where a datasetId
or system attributes have to be shown it is the object, and in the simplified representation the bare URI.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, Reason, Subscription, check, expect_members
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, PARKING, nulls_supported, stored
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import about, make_sentinel, on, watch
from ldt_conformance.clients import LANGUAGE_NULL, NGSI_LD_NULL
from ldt_conformance.clients.elements import JsonObject
from ldt_conformance.comparators import same_name
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, warn
from ldt_conformance.expectations import expect_equal, require
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {
    "level": Level.MUST,
    "capability": SUBSCRIPTIONS,
    "mode": Mode.SANDBOX_WRITE,
    "since": "1.6.1",
}
BASE = ["ngsi-ld/5.8.6"]
PICS = ["PICS_NOTIFICATIONS_SUB"]
DATASETS = ["PICS_P_DATASETID_AND_R_DATASETID", *PICS]
TRIGGER = {"notificationTrigger": ["attributeDeleted"]}
DELETED = cim009("5.8.6", "If an Attribute has been deleted, only the name of the attribute as key and the URI")
WITH_MORE = cim009("5.8.6", "In all such cases, a JSON object with all the required information is provided")
ENTITY_DELETED = cim009(
    "5.8.6", "notification.showChanges member is not set to true, only the deletedAt system property"
)
VALUES = {"Property": "value", "Relationship": "object", "LanguageProperty": "languageMap"}


@dataclass(frozen=True, slots=True)
class Kind:
    """An Attribute that a fragment deletes by an NGSI-LD Null."""

    name: str
    instance: JsonObject
    null: JsonObject


PROPERTY = Kind("speed", {"type": "Property", "value": 55}, {"type": "Property", "value": NGSI_LD_NULL})
RELATIONSHIP = Kind(
    "isParked", {"type": "Relationship", "object": PARKING}, {"type": "Relationship", "object": NGSI_LD_NULL}
)
LANGUAGE_PROPERTY = Kind(
    "street",
    {"type": "LanguageProperty", "languageMap": {"en": "Grand Place", "fr": "Grand-Place"}},
    {"type": "LanguageProperty", "languageMap": LANGUAGE_NULL},
)
Deletion = Callable[[Broker, str, Kind], Response]


def by_merge(broker: Broker, entity_id: str, kind: Kind) -> Response:
    """Merge Entity (5.6.17)."""
    return broker.merge_entity(entity_id, {kind.name: kind.null})


def by_update(broker: Broker, entity_id: str, kind: Kind) -> Response:
    """Update Attributes (5.6.2)."""
    return broker.update_attributes(entity_id, {kind.name: kind.null})


def by_partial_update(broker: Broker, entity_id: str, kind: Kind) -> Response:
    """Partial Attribute Update (5.6.4)."""
    return broker.partial_update_attribute(entity_id, kind.name, kind.null)


def triggered(entity: Entity, *watched: str, **notification: Any) -> Callable[[Subscription], Subscription]:
    """Prepares a Subscription on deleted Attributes of an Entity's type: those watched, or any."""
    members = {"watchedAttributes": list(watched)} if watched else {}
    return lambda template: on(entity, **TRIGGER, **members)(template).with_notification(**notification)


def listed(entity: JsonObject, name: str) -> list[Any]:
    """The instances of an Attribute; a single one stands for an array of one."""
    found: Any = next((value for key, value in entity.items() if same_name(key, name)), [])
    return found if isinstance(found, list) else [found]


def is_null(item: Any) -> bool:
    """Whether this says that something was deleted: the bare URI, or an object with the Null where its value was."""
    if not isinstance(item, dict):
        return bool(item == NGSI_LD_NULL)
    nulls = {"value": NGSI_LD_NULL, "object": NGSI_LD_NULL, "languageMap": LANGUAGE_NULL}
    said = {member: item[member] for member in nulls if member in item}
    kind = VALUES.get(str(item.get("type")))
    return bool(said) and all(value == nulls[member] for member, value in said.items()) and kind in (None, *said)


def expect_marker(entity: JsonObject, name: str) -> None:
    """Fail unless an Attribute is there, and every instance of it says that it was deleted."""
    items = listed(entity, name)
    if not items or not all(map(is_null, items)):
        fail(f"{name} as {NGSI_LD_NULL}, bare or where its value was", f"{name} {items!r}")


@check(
    id="notification/attribute-deleted",
    title="The trigger attributeDeleted notifies the deleted Attribute as NGSI-LD Null",
    clause=DELETED,
    requirements=[*BASE, "ngsi-ld/4.5.0"],
    test_purposes=purposes("CI/SUB/046_22_04"),
    pics=PICS,
    **DECLARED,
)
def test_attribute_deleted(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """Ruling M13: in a normalized notification the bare URI and the object form both pass."""
    watching = watch(broker, receiver, triggered(stored_entity))

    require(broker.delete_attribute(stored_entity.id, "speed"), 204, step="deleting speed")

    found = about(watching.notification("after the deletion of speed", about=stored_entity.id), stored_entity)
    expect_marker(found, "speed")


@check(
    id="notification/attribute-deleted-dataset",
    title="A deleted instance is notified as an object with its datasetId and NGSI-LD Null",
    clause=cim009(
        "5.8.6",
        "In all such cases, a JSON object with all the required information is provided, where the value or the",
    ),
    requirements=[*BASE, "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/SUB/046_22_06"),
    pics=DATASETS,
    **DECLARED,
)
def test_attribute_deleted_dataset(broker: Broker, receiver: Receiver) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)
    watching = watch(broker, receiver, triggered(entity))

    response = broker.delete_attribute(entity.id, "speed", params={"datasetId": DATASET})
    require(response, 204, step="deleting the instance of speed")

    found = about(watching.notification("after the deletion of the instance", about=entity.id), entity)
    gone = [item for item in listed(found, "speed") if isinstance(item, dict) and item.get("datasetId") == DATASET]
    expect_equal([item.get("value") for item in gone], [NGSI_LD_NULL], f"value of the instances with {DATASET}")


@check(
    id="notification/attribute-deleted-simplified",
    title="In the simplified representation a deleted Attribute is notified as the bare NGSI-LD Null",
    clause=DELETED,
    requirements=[*BASE, "ngsi-ld/4.5.0"],
    test_purposes=purposes("CI/SUB/046_22_01", "CI/SUB/046_22_02"),
    pics=PICS,
    **DECLARED,
)
def test_attribute_deleted_simplified(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    """With any Attribute watched, and with this one alone."""
    for watched in ([], ["speed"]):
        entity = stored(broker, stored_entity.with_id(broker.new_id("Vehicle")))
        watching = watch(broker, receiver, triggered(entity, *watched, format="keyValues"))

        require(broker.delete_attribute(entity.id, "speed"), 204, step="deleting speed")

        found = about(watching.notification("after the deletion of speed", about=entity.id), entity)
        expect_equal(found.get("speed"), NGSI_LD_NULL, "speed")


@check(
    id="notification/attribute-deleted-system-attributes",
    title="With sysAttrs a deleted Attribute is notified as an object with createdAt, modifiedAt and deletedAt",
    clause=[WITH_MORE, cim009("5.2.14.1", "attributes createdAt and modifiedAt")],
    requirements=[*BASE, "ngsi-ld/5.2.14"],
    test_purposes=purposes("CI/SUB/046_22_05"),
    pics=PICS,
    **DECLARED,
)
def test_attribute_deleted_system_attributes(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    watching = watch(broker, receiver, triggered(stored_entity, sysAttrs=True))

    require(broker.delete_attribute(stored_entity.id, "speed"), 204, step="deleting speed")

    found = about(watching.notification("after the deletion of speed", about=stored_entity.id), stored_entity)
    expect_marker(found, "speed")
    (item, *more) = listed(found, "speed")
    if more or not isinstance(item, dict):
        fail("one object for speed", f"speed {found.get('speed')!r}")
    expect_members(item, present=["createdAt", "modifiedAt", "deletedAt"])


@check(
    id="notification/attribute-deleted-dataset-simplified",
    title="In the simplified representation a deleted instance is notified with its datasetId and the NGSI-LD Null",
    clause=WITH_MORE,
    requirements=[*BASE, "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/SUB/046_22_07"),
    pics=DATASETS,
    **DECLARED,
)
def test_attribute_deleted_dataset_simplified(broker: Broker, receiver: Receiver) -> None:
    """The object of clause 5.8.6 and the simplified form of several instances (4.5.4) both tell which one it was."""
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)
    watching = watch(broker, receiver, triggered(entity, format="keyValues"))

    response = broker.delete_attribute(entity.id, "speed", params={"datasetId": DATASET})
    require(response, 204, step="deleting the instance of speed")

    found = about(watching.notification("after the deletion of the instance", about=entity.id), entity)
    told = [
        item.get("value") if item.get("datasetId") == DATASET else (item.get("dataset") or {}).get(DATASET)
        for item in listed(found, "speed")
        if isinstance(item, dict)
    ]
    if NGSI_LD_NULL not in told:
        fail(f"{NGSI_LD_NULL} for {DATASET}", f"speed {found.get('speed')!r}")


@check(
    id="notification/attribute-deleted-all",
    title="When all instances of an Attribute are deleted the notification shows no live one",
    clause=[DELETED, WITH_MORE],
    requirements=[*BASE, "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/SUB/046_22_08"),
    pics=DATASETS,
    **DECLARED,
)
def test_attribute_deleted_all(broker: Broker, receiver: Receiver) -> None:
    """Ruling M15: one marker, or one for each deleted instance."""
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)
    watching = watch(broker, receiver, triggered(entity))

    response = broker.delete_attribute(entity.id, "speed", params={"deleteAll": True})
    require(response, 204, step="deleting all instances of speed")

    found = about(watching.notification("after the deletion of all instances", about=entity.id), entity)
    expect_marker(found, "speed")


def entity_deleted(broker: Broker, receiver: Receiver, entity: Entity, **notification: Any) -> JsonObject:
    """Delete an Entity of which a deleted Attribute is watched; the Entity as the notification shows it.

    That the deletion of an Entity is one of its Attributes, too, is the test purposes' reading: no notification warns.
    """
    sentinel = make_sentinel(broker, receiver)
    watching = watch(broker, receiver, triggered(entity, "speed", **notification))

    require(broker.delete_entity(entity.id), 204, step="deleting the Entity")

    request = watching.by_now(sentinel.trip(), about=entity.id)
    if request is None:
        warn(Reason.TOLERATED, "a notification of the deletion, which took speed with it", "no notification")
    return about(request, entity)


def expect_nothing_alive(entity: JsonObject, present: list[str]) -> None:
    """Fail unless these members are there, and of the Attributes markers of their deletion at most (ruling M14)."""
    expect_members(entity, present=["id", "type", *present])
    for name in ("speed", "brandName", "isParked", "location"):
        if listed(entity, name):
            expect_marker(entity, name)


@check(
    id="notification/attribute-deleted-with-entity",
    title="The deletion of an Entity, seen by attributeDeleted, is notified by deletedAt and without live values",
    clause=ENTITY_DELETED,
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_22_12"),
    pics=PICS,
    **DECLARED,
)
def test_attribute_deleted_with_entity(broker: Broker, receiver: Receiver, stored_entity: Entity) -> None:
    expect_nothing_alive(entity_deleted(broker, receiver, stored_entity), ["deletedAt"])


@check(
    id="notification/attribute-deleted-with-entity-system-attributes",
    title="The same with sysAttrs has createdAt and modifiedAt, too",
    clause=[
        ENTITY_DELETED,
        cim009("5.8.6", "In case notification.sysAttrs is set to true, also createdAt and modifiedAt"),
    ],
    requirements=BASE,
    test_purposes=purposes("CI/SUB/046_22_13"),
    pics=PICS,
    **DECLARED,
)
def test_attribute_deleted_with_entity_system_attributes(
    broker: Broker, receiver: Receiver, stored_entity: Entity
) -> None:
    found = entity_deleted(broker, receiver, stored_entity, sysAttrs=True)

    expect_nothing_alive(found, ["deletedAt", "createdAt", "modifiedAt"])


def null_check(*, id: str, title: str, kind: Kind, delete: Deletion, test_purpose: str) -> Callable[..., None]:  # noqa: A002
    """Make a check: an NGSI-LD Null in a fragment deletes an Attribute, and the notification says so.

    Args:
        kind: What is deleted.
        delete: By which operation.
        id, title, test_purpose: As in `check`.
    """

    @check(
        id=id,
        title=title,
        clause=[DELETED, WITH_MORE] if kind is LANGUAGE_PROPERTY else DELETED,
        requirements=[*BASE, "ngsi-ld/4.5.0"],
        test_purposes=purposes(test_purpose),
        pics=[*(["PICS_LANG"] if kind is LANGUAGE_PROPERTY else []), *PICS],
        **DECLARED,
    )
    def test_null(broker: Broker, receiver: Receiver) -> None:
        entity = stored(
            broker, broker.new_entity("Vehicle").with_property("kept", 1).with_instance(kind.name, kind.instance)
        )
        watching = watch(broker, receiver, triggered(entity, kind.name))

        response = delete(broker, entity.id, kind)
        nulls_supported(response)
        require(response, 204, step=f"deleting {kind.name} by an NGSI-LD Null")

        found = about(watching.notification(f"after the deletion of {kind.name}", about=entity.id), entity)
        expect_marker(found, kind.name)

    return test_null


test_property_by_merge = null_check(
    id="notification/property-deleted-by-merge",
    title="A Property that Merge Entity deletes by an NGSI-LD Null is notified as deleted",
    kind=PROPERTY,
    delete=by_merge,
    test_purpose="CI/SUB/046_22_09_01",
)
test_property_by_update = null_check(
    id="notification/property-deleted-by-update",
    title="A Property that Update Attributes deletes by an NGSI-LD Null is notified as deleted",
    kind=PROPERTY,
    delete=by_update,
    test_purpose="CI/SUB/046_22_09_02",
)
test_property_by_partial_update = null_check(
    id="notification/property-deleted-by-partial-update",
    title="A Property that a Partial Attribute Update deletes by an NGSI-LD Null is notified as deleted",
    kind=PROPERTY,
    delete=by_partial_update,
    test_purpose="CI/SUB/046_22_09_03",
)
test_relationship_by_merge = null_check(
    id="notification/relationship-deleted-by-merge",
    title="A Relationship that Merge Entity deletes by an NGSI-LD Null is notified as deleted",
    kind=RELATIONSHIP,
    delete=by_merge,
    test_purpose="CI/SUB/046_22_10_01",
)
test_relationship_by_update = null_check(
    id="notification/relationship-deleted-by-update",
    title="A Relationship that Update Attributes deletes by an NGSI-LD Null is notified as deleted",
    kind=RELATIONSHIP,
    delete=by_update,
    test_purpose="CI/SUB/046_22_10_02",
)
test_relationship_by_partial_update = null_check(
    id="notification/relationship-deleted-by-partial-update",
    title="A Relationship that a Partial Attribute Update deletes by an NGSI-LD Null is notified as deleted",
    kind=RELATIONSHIP,
    delete=by_partial_update,
    test_purpose="CI/SUB/046_22_10_03",
)
test_language_property_by_merge = null_check(
    id="notification/language-property-deleted-by-merge",
    title="A LanguageProperty that Merge Entity deletes by an NGSI-LD Null is notified as deleted",
    kind=LANGUAGE_PROPERTY,
    delete=by_merge,
    test_purpose="CI/SUB/046_22_11_01",
)
test_language_property_by_update = null_check(
    id="notification/language-property-deleted-by-update",
    title="A LanguageProperty that Update Attributes deletes by an NGSI-LD Null is notified as deleted",
    kind=LANGUAGE_PROPERTY,
    delete=by_update,
    test_purpose="CI/SUB/046_22_11_02",
)
test_language_property_by_partial_update = null_check(
    id="notification/language-property-deleted-by-partial-update",
    title="A LanguageProperty that a Partial Attribute Update deletes by an NGSI-LD Null is notified as deleted",
    kind=LANGUAGE_PROPERTY,
    delete=by_partial_update,
    test_purpose="CI/SUB/046_22_11_03",
)
