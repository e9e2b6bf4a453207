"""The notification of a Snapshot's status: ETSI GS CIM 009 V1.9.1, clauses 5.3.4, 5.16.6 and 6.3.8. Pure.

It is owed like others, in the outbox of the Snapshot's tenant, under a key of its own: a Snapshot is no Subscription,
and nobody counts its notifications.
"""

from __future__ import annotations

import uuid
from typing import Final

from ldt_stack.broker.ld_context import CORE_CONTEXT_URL
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.mqtt import is_mqtt, parse_target
from ldt_stack.broker.notifications.rendering import CONTEXT_RELATION, with_receiver_info
from ldt_stack.broker.notifications.subscription import JSON, JSON_LD, Endpoint
from ldt_stack.broker.store.data import Delivery

_PREFIX: Final = "snapshot "  # no URI has a blank

# Member of the notification (table 5.3.4-1) -> member of the Snapshot (table 5.2.41-2).
_DETAILS: Final = {
    "snapshotQueriesDetails": "snapshotQueriesDetails",
    "temporalSnapshotQueriesDetails": "snapshotTemporalQueriesDetails",
}


def is_snapshot_key(key: str) -> bool:
    """Whether the outbox knows a Snapshot under a key."""
    return key.startswith(_PREFIX)


def snapshot_delivery(snapshot: JsonObject, tenant: str | None, now: str) -> Delivery:
    """The notification of a Snapshot's status, as the outbox keeps it; arguments as `render_snapshot_notification`."""
    notification, headers = render_snapshot_notification(snapshot, tenant, now)
    body = {"notifiedAt": now, "uri": snapshot["endpoint"], "notification": notification, "headers": headers}
    return Delivery(_PREFIX + str(snapshot["id"]), body)


def endpoint_of(delivery: Delivery) -> Endpoint:
    """Where the notification of a Snapshot goes."""
    uri = delivery.body["uri"]
    return Endpoint(uri, mqtt=parse_target(uri, {}) if is_mqtt(uri) else None)


def render_snapshot_notification(
    snapshot: JsonObject, tenant: str | None, now: str
) -> tuple[JsonObject, dict[str, str]]:
    """The body and headers of a SnapshotNotification.

    Args:
        snapshot: As it is now; where it is gone, its expiresAt is not after `now`.
        tenant: Whose it is; named in a header (6.3.14).
        now: The instant of the notification.
    """
    notification: JsonObject = {
        "id": f"urn:ngsi-ld:SnapshotNotification:{uuid.uuid4()}",
        "type": "SnapshotNotification",
        "snapshotId": snapshot["id"],
        "snapshotStatus": snapshot["snapshotStatus"],
        "snapshotPriority": snapshot["snapshotPriority"],
        "notifiedAt": now,
        "expiresAt": snapshot["expiresAt"],
    }
    notification |= {name: snapshot[member] for name, member in _DETAILS.items() if member in snapshot}
    headers = {"Content-Type": JSON, "Link": f'<{CORE_CONTEXT_URL}>; rel="{CONTEXT_RELATION}"; type="{JSON_LD}"'}
    if tenant is not None:
        headers["NGSILD-Tenant"] = tenant
    headers["NGSILD-Snapshot"] = snapshot["id"]
    info = [(pair["key"], pair["value"]) for pair in snapshot.get("receiverInfo", ())]
    return notification, with_receiver_info(headers, info)
