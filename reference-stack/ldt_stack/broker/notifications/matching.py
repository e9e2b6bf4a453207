"""Does a change concern a Subscription? ETSI GS CIM 009 V1.9.1, clauses 5.2.12 and 5.8.6. Pure functions."""

from __future__ import annotations

import logging
from typing import Final

from ldt_stack.broker.errors import TooComplexQuery
from ldt_stack.broker.model.changes import AttributeChange, EntityChange
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.query.links import EntityLookup

_log = logging.getLogger(__name__)
_UNCOMPARED: Final = frozenset({"createdAt", "modifiedAt", "instanceId"})
_ATTRIBUTE_TRIGGER: Final = {
    "created": "attributeCreated",
    "updated": "attributeUpdated",
    "deleted": "attributeDeleted",
}


def content_of(instance: JsonObject) -> JsonObject:
    """An expanded Attribute instance without what the broker generates, at every level."""
    return {
        name: [content_of(sub) for sub in value] if is_attribute_key(name) else value
        for name, value in instance.items()
        if name not in _UNCOMPARED
    }


def has_changed(change: AttributeChange) -> bool:
    """Whether any member of an Attribute's node has another value than before.

    "An Attribute is considered to change when any of the members (including children) in its corresponding JSON-LD
    node is updated with a value different than the existing one" (5.8.6).
    """
    if change.before is None or change.after is None:
        return True
    return not _equal(content_of(change.before), content_of(change.after))


def _equal(left: object, right: object) -> bool:
    """JSON equality: True is not 1, though Python says so."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def triggering(subscription: Subscription, change: EntityChange) -> frozenset[str]:
    """Which of the Subscription's notificationTriggers an Entity's change sets off; empty: it is not concerned.

    All triggers need a watched Attribute among what changed: "the notification shall be sent whenever there is a
    change in the watched Attributes" (5.8.6). An Entity without Attributes that is created or deleted sets off
    entityCreated or entityDeleted if nothing particular is watched.
    """
    fired = {
        _ATTRIBUTE_TRIGGER[item.kind]
        for item in change.attributes
        if subscription.watches(item.attribute) and has_changed(item)
    }
    if change.kind == "created" and (fired or subscription.watched is None):
        fired.add("entityCreated")
    elif change.kind == "deleted" and (fired or subscription.watched is None):
        fired.add("entityDeleted")
    elif fired:
        # "entityUpdated" is equivalent to the three Attribute triggers together (table 5.2.12-1).
        fired.add("entityUpdated")
    return frozenset(fired) & _wanted(subscription.triggers)


def _wanted(triggers: frozenset[str]) -> frozenset[str]:
    """Spell "entityUpdated" out."""
    return triggers | set(_ATTRIBUTE_TRIGGER.values()) if "entityUpdated" in triggers else triggers


def concerns(
    subscription: Subscription, change: EntityChange, now: str, lookup: EntityLookup | None = None
) -> frozenset[str]:
    """Which triggers make a notification due for this change at this instant; empty: none is due.

    Conditions hold for the Entity as it is after the change; for a deleted Entity, as it was before. One that is too
    complex for the Entity does not hold: whoever writes is not refused for somebody else's regular expression. Linked
    Entities that `q` goes into are those of the lookup: what is held here, in this transaction.
    """
    if subscription.time_interval_seconds is not None or subscription.status(now) != "active":
        return frozenset()
    entity = change.after if change.after is not None else change.before
    if entity is None:
        return frozenset()
    try:
        if not subscription.selects(entity):
            return frozenset()
        fired = triggering(subscription, change)
        return fired if fired and subscription.meets_conditions(entity, lookup) else frozenset()
    except TooComplexQuery as error:
        _log.warning("Subscription %s does not see %s: %s", subscription.id, entity["id"], error.detail)
        return frozenset()
