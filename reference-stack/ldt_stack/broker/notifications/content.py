"""What a notification says about one Entity, in expanded form: ETSI GS CIM 009 V1.9.1, clause 5.8.6. Pure functions.

The result is an expanded Entity as any other, plus, where the clause asks for them, instances whose value is the
NGSI-LD Null, `previousValue` and its siblings, and `deletedAt`. `rendering` turns it into what is sent.
"""

from __future__ import annotations

from typing import Any, Final

from ldt_stack.broker.model.changes import AttributeChange, EntityChange
from ldt_stack.broker.model.names import LOCATION, NONE_LANGUAGE, NULL, VALUE_MEMBER, JsonObject, is_attribute_key
from ldt_stack.broker.notifications.matching import has_changed
from ldt_stack.broker.notifications.subscription import GEO_JSON, Subscription

# Value member -> the member with its value before the change (5.2.5 to 5.2.7, 5.2.32, 5.2.35 to 5.2.38).
PREVIOUS_MEMBER: Final = {
    "value": "previousValue",
    "object": "previousObject",
    "languageMap": "previousLanguageMap",
    "vocab": "previousVocab",
    "valueList": "previousValueList",
    "objectList": "previousObjectList",
    "json": "previousJson",
}


def null_value(attribute_type: str) -> Any:
    """The NGSI-LD Null as the value of an Attribute type (4.5.0).

    A language map is "the JSON object {"@none": "urn:ngsi-ld:null"}", a list "an array with one single NGSI-LD Null".
    """
    member = VALUE_MEMBER.get(attribute_type, "value")
    if member == "languageMap":
        return {NONE_LANGUAGE: NULL}
    return [NULL] if member in ("valueList", "objectList") else NULL


def deleted_instance(change: AttributeChange, at: str, *, show_changes: bool) -> JsonObject:
    """The expanded instance that says an Attribute instance is gone."""
    before = change.before or {"type": "Property"}
    kind = before["type"]
    member = VALUE_MEMBER.get(kind, "value")
    marker: JsonObject = {"type": kind, member: null_value(kind)}
    if change.dataset_id is not None:
        marker["datasetId"] = change.dataset_id
    if show_changes and member in before:
        marker[PREVIOUS_MEMBER[member]] = before[member]
    marker |= {name: before[name] for name in ("createdAt", "modifiedAt") if name in before}
    marker["deletedAt"] = at
    return marker


def _with_previous(change: AttributeChange) -> JsonObject:
    """The instance as it is now, with its value before; "in case of modifications" (table 5.2.14.1-1)."""
    after, before = change.after or {}, change.before or {}
    old = VALUE_MEMBER.get(before.get("type", ""), "value")
    # The member is named after the present type; after a change of type there is no previous value to put under it.
    if VALUE_MEMBER.get(after.get("type", "")) != old or old not in before:
        return after
    return after | {PREVIOUS_MEMBER[old]: before[old]}


def _is_wanted_dataset(subscription: Subscription, dataset_id: str | None) -> bool:
    """Whether the datasetId member of the Subscription lets an instance through (4.5.5.1); "@none" is the default."""
    return subscription.dataset_ids is None or (dataset_id or "@none") in subscription.dataset_ids


def project(entity: JsonObject, subscription: Subscription) -> JsonObject:
    """Keep only the shown members and Attribute instances; an Attribute without instances goes.

    id and type stay, and for GeoJSON where the Entity is: linked Entities are found by the one (4.5.23), and a Feature
    has all of them, whatever is picked (4.5.16). What is not to be seen of them is left out where it is rendered.
    """
    result: JsonObject = {}
    for name, value in entity.items():
        if not is_attribute_key(name):
            if name != "scope" or subscription.projection.shows(name):
                result[name] = value
            continue
        kept = [item for item in value if _is_wanted_dataset(subscription, item.get("datasetId"))]
        if not subscription.projection.shows(name):
            is_place = name == LOCATION and subscription.endpoint.accept == GEO_JSON
            kept = [item for item in kept if is_place and "deletedAt" not in item]
        if kept:
            result[name] = kept
    return result


def entity_after_change(subscription: Subscription, change: EntityChange, fired: frozenset[str]) -> JsonObject:
    """The expanded Entity that a notification shows for a change (5.8.6).

    Args:
        subscription: For which the change is notified.
        change: What happened to the Entity.
        fired: Triggers that the change set off (`matching.concerns`).
    """
    if change.after is None:
        return _deleted_entity(subscription, change, fired)
    entity = dict(change.after)
    for item in change.attributes:
        if item.kind == "deleted":
            marker = deleted_instance(item, change.at, show_changes=subscription.show_changes)
            entity[item.attribute] = [*entity.get(item.attribute, []), marker]
        elif item.kind == "updated" and subscription.show_changes and has_changed(item):
            entity[item.attribute] = [
                _with_previous(item)
                if instance.get("datasetId") == item.dataset_id and "deletedAt" not in instance
                else instance
                for instance in entity[item.attribute]
            ]
    return project(entity, subscription)


def _deleted_entity(subscription: Subscription, change: EntityChange, fired: frozenset[str]) -> JsonObject:
    """A deleted Entity.

    "Only the deletedAt system property shall be provided. In case notification.sysAttrs is set to true, also createdAt
    and modifiedAt" (5.8.6), unless showChanges asks for the previous values.

    Where it was the deletion of its Attributes that triggered the notification, those are marked as deleted, too.
    """
    before = change.before or {}
    entity: JsonObject = {name: before[name] for name in ("id", "type", "createdAt", "modifiedAt") if name in before}
    entity["deletedAt"] = change.at
    for item in change.attributes:
        marked = subscription.show_changes or ("attributeDeleted" in fired and "entityDeleted" not in fired)
        if marked and subscription.watches(item.attribute) and _is_wanted_dataset(subscription, item.dataset_id):
            marker = deleted_instance(item, change.at, show_changes=subscription.show_changes)
            entity.setdefault(item.attribute, []).append(marker)
    return project(entity, subscription)
