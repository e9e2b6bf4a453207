"""Entities before and after a change, a Subscription, and what its notification says: all without a broker."""

from __future__ import annotations

from typing import Any

import orjson

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
