"""Subscriptions to what concurrent requests change, and what each must be notified of, in order."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..store.kill_workload import Sink
from .model import NULL, TYPE, Change, Shown, canonical

WITNESS: Final = "/witness"


@dataclass(frozen=True)
class Watch:
    """A Subscription: the path at which it is notified, its members, and how a notification is compared.

    `owes` says what of a change is notified (None: nothing); `reads` makes the same of an Entity in a notification.
    """

    path: str
    members: dict[str, Any]
    notification: dict[str, Any]
    owes: Callable[[Change], Any]
    reads: Callable[[dict[str, Any]], Any]


def _owed_of_a(change: Change) -> Any:
    """Created and updated, but not deleted: the value as it is then."""
    if change.after is None or ("a", None) not in change.differing:
        return None
    return change.id, change.after.value("a")


def _owed_of_pairs(change: Change) -> Any:
    """`b` changes where the Entity has `a` beside it."""
    if change.after is None or ("b", None) not in change.differing or change.after.value("a") is None:
        return None
    return change.id, {"value": change.after.value("b")}


def _owed_of_deletions(change: Change) -> Any:
    return (change.id, change.at) if change.after is None else None


def _owed_of_b_gone(change: Change) -> Any:
    return change.id if ("b", None) in change.removed else None


WATCHES: Final = (
    Watch(
        "/a",
        {"watchedAttributes": ["a"], "notificationTrigger": ["attributeCreated", "attributeUpdated"]},
        {"format": "simplified", "attributes": ["a"]},
        _owed_of_a,
        lambda entity: (entity["id"], entity["a"]),
    ),
    Watch(
        "/pairs",
        {"q": "a", "watchedAttributes": ["b"], "notificationTrigger": ["attributeCreated", "attributeUpdated"]},
        {"attributes": ["b"]},
        _owed_of_pairs,
        lambda entity: (entity["id"], {"value": entity["b"]["value"]}),
    ),
    Watch(
        "/gone",
        {"notificationTrigger": ["entityDeleted"]},
        {},
        _owed_of_deletions,
        lambda entity: (entity["id"], entity["deletedAt"]),
    ),
    Watch(
        "/b-gone",
        {"watchedAttributes": ["b"], "notificationTrigger": ["attributeDeleted"]},
        {},
        _owed_of_b_gone,
        lambda entity: entity["id"] if "deletedAt" in entity or _is_null(entity["b"]) else entity,
    ),
)


def _is_null(value: Any) -> bool:
    return value == NULL or (isinstance(value, dict) and value["value"] == NULL)


class Ledger(Sink):
    """Keeps what was notified, by tenant and path, in the order in which it came."""

    def __init__(self) -> None:
        self._told: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._more = threading.Condition()
        super().__init__()

    def _take(self, path: str, tenant: str, body: dict[str, Any]) -> None:
        with self._more:
            self._told[tenant, path] += body["data"]
            self._more.notify_all()

    def take_until(self, tenant: str, path: str, last: Callable[[dict[str, Any]], bool], seconds: float) -> list[Shown]:
        """What was told at a path, up to what must come last."""
        told = self._told[tenant, path]
        with self._more:
            came = self._more.wait_for(lambda: any(map(last, told)), seconds)
            found = list(told)
            told.clear()
        assert came, f"{path} was not told of the last change, only of {found[-3:]}"
        assert last(found[-1]), f"something was notified after the last change: {found[-3:]}"
        return [canonical(one) for one in found]

    def take(self, tenant: str, path: str, count: int, seconds: float) -> list[dict[str, Any]]:
        """So many Entities that were told of at a path, or as many as come in time."""
        told = self._told[tenant, path]
        with self._more:
            self._more.wait_for(lambda: len(told) >= count, seconds)
            found = list(told)
            told.clear()
        return found


def subscriptions(port: int) -> list[dict[str, Any]]:
    """The witness, which is told everything, and those that are told a part."""
    notified = [_subscription(port, watch.path, watch.members, watch.notification) for watch in WATCHES]
    return [to_everything(port, WITNESS), *notified]


def to_everything(port: int, path: str) -> dict[str, Any]:
    """A Subscription that is told everything; `path` is also the end of its id."""
    triggers = {"notificationTrigger": ["entityCreated", "entityUpdated", "entityDeleted"]}
    whole = {"showChanges": True, "sysAttrs": True}
    return {"id": f"urn:ngsi-ld:Subscription:{path[1:]}", **_subscription(port, path, triggers, whole)}


def _subscription(port: int, path: str, members: dict[str, Any], notification: dict[str, Any]) -> dict[str, Any]:
    endpoint = {"uri": f"http://127.0.0.1:{port}{path}"}
    watched = {"type": "Subscription", "entities": [{"type": TYPE}], **members}
    return {**watched, "notification": {**notification, "endpoint": endpoint}}
