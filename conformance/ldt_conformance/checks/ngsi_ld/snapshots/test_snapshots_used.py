"""Operations on a Snapshot, and its notifications: ETSI GS CIM 009 V1.9.1, clauses 4.3.7, 5.5.15, 5.16.6 and 6.3.22.

Each check that something is not in a Snapshot looks first for something that is.
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_list, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import read_back
from ldt_conformance.checks.ngsi_ld.reaching import require_reached
from ldt_conformance.checks.ngsi_ld.snapshots import snapshotting as snapshots
from ldt_conformance.checks.ngsi_ld.snapshots.snapshotting import of_types
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import POSITIVE_SECONDS
from ldt_conformance.clients import property_
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, expect_ids, expect_object, require
from ldt_conformance.receiver import Inbox, Received, Receiver

SHARED: dict[str, Any] = {
    "capability": snapshots.SNAPSHOTS,
    "since": snapshots.SINCE,
    "level": Level.MUST,
    "mode": Mode.SANDBOX_WRITE,
}
CREATE = {**SHARED, "requirements": ["ngsi-ld/5.16.1"]}
NOTIFY = {**SHARED, "requirements": ["ngsi-ld/5.16.6"]}
APART = cim009("5.5.15", "the operation shall only be applied to information related to the specific Snapshot.")


@check(
    id="snapshots-used/keeps-what-was-found",
    title="A Snapshot keeps the values of the time when it was filled",
    clause=[cim009("5.16.1.4", "The retrieved Entity information shall be stored by the NGSI-LD system"), APART],
    **CREATE,
)
def test_keeps_what_was_found(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)
    require(broker.update_attributes(entity.id, {"speed": property_(99)}), 204, step="changing the Entity")

    inside = expect_object(snapshots.within(broker, snapshot_id, entity.id))

    expect_equal(attribute_value(inside, "speed"), 55, "speed in the Snapshot")
    expect_equal(attribute_value(read_back(broker, entity.id), "speed"), 99, "speed outside")


@check(
    id="snapshots-used/survives-deletion",
    title="An Entity that is deleted stays in a Snapshot",
    clause=APART,
    **CREATE,
)
def test_survives_deletion(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)
    require(broker.delete_entity(entity.id), 204, step="deleting the Entity")

    inside = expect_object(snapshots.within(broker, snapshot_id, entity.id))

    expect_equal(inside.get("id"), entity.id, "id")


@check(
    id="snapshots-used/knows-nothing-later",
    title="A query in a Snapshot does not find what was created afterwards",
    clause=APART,
    **CREATE,
)
def test_knows_nothing_later(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)
    later = {"id": broker.new_id("Vehicle"), "type": str(entity.type)}
    require(broker.create_entity(later), 201, step="creating another Entity")

    found = broker.query_entities({"type": entity.type}, headers=snapshots.named(snapshot_id))

    expect_ids(expect_list(found), [entity.id])
    expect_ids(expect_list(broker.query_entities({"type": entity.type})), [entity.id, later["id"]])


@check(
    id="snapshots-used/change-stays-inside",
    title="A change in a Snapshot shows there, and leaves the current state alone",
    clause=APART,
    **CREATE,
)
def test_change_stays_inside(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)

    response = broker.update_attributes(entity.id, {"speed": property_(99)}, headers=snapshots.named(snapshot_id))

    expect_status(response, 204)
    inside = expect_object(snapshots.within(broker, snapshot_id, entity.id))
    expect_equal(attribute_value(inside, "speed"), 99, "speed in the Snapshot")
    expect_equal(attribute_value(read_back(broker, entity.id), "speed"), 55, "speed outside")


@check(
    id="snapshots-used/deletion-stays-inside",
    title="An Entity that is deleted in a Snapshot is gone there, and stays in the current state",
    clause=APART,
    **CREATE,
)
def test_deletion_stays_inside(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)

    response = broker.delete_entity(entity.id, headers=snapshots.named(snapshot_id))

    expect_status(response, 204)
    expect_problem(snapshots.within(broker, snapshot_id, entity.id), status=404, error_type="ResourceNotFound")
    expect_equal(read_back(broker, entity.id).get("id"), entity.id, "id")


@check(
    id="snapshots-used/implicitly-local",
    title="A query in a Snapshot needs neither a type nor the local scope",
    clause=cim009("5.5.15", "there is no need to explicitly set the local scope as a request parameter."),
    **CREATE,
)
def test_implicitly_local(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)

    found = broker.query_entities({}, headers=snapshots.named(snapshot_id))

    expect_ids(expect_list(found), [entity.id])


@check(
    id="snapshots-used/header-in-answer",
    title="The header NGSILD-Snapshot of a request is in the answer",
    clause=cim009("6.3.22", "it shall also be present in HTTP response."),
    **CREATE,
)
def test_header_in_answer(broker: Broker) -> None:
    entity, snapshot_id = snapshots.frozen(broker)

    response = require(snapshots.within(broker, snapshot_id, entity.id), 200, step="retrieving in the Snapshot")

    expect_equal(response.headers.get("NGSILD-Snapshot"), snapshot_id, "the header NGSILD-Snapshot")


def _notified(broker: Broker, receiver: Receiver, inbox: Inbox, what: str, **members: Any) -> None:
    """Fail unless a notification with these members comes."""

    def fits(request: Received) -> bool:
        body = request.json()
        return isinstance(body, dict) and all(body.get(name) == value for name, value in members.items())

    if inbox.wait_for(fits, POSITIVE_SECONDS) is None:
        require_reached(broker, receiver)
        came = [request.body.decode(errors="replace")[:300] for request in inbox.received()]
        fail(f"a notification {what} with {members}", f"in {POSITIVE_SECONDS:g} s: {came or 'none'}")


@check(
    id="snapshots-used/notified-when-ready",
    title="The endpoint of a Snapshot is notified when it is filled",
    clause=[
        cim009("5.16.6", "shall be sent after all the specified Snapshot queries have been executed"),
        cim009("5.3.4", "Identifier of the snapshot whose status change triggered the notification."),
    ],
    **NOTIFY,
)
def test_notified_when_ready(broker: Broker, receiver: Receiver) -> None:
    inbox = receiver.inbox("snapshot")
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()), endpoint=inbox.url)

    said = {"type": "SnapshotNotification", "snapshotId": snapshot_id, "snapshotStatus": "empty"}
    _notified(broker, receiver, inbox, "that the Snapshot is filled", **said)


@check(
    id="snapshots-used/notified-of-updates",
    title="The endpoint of a Snapshot is notified of an update of its status",
    clause=cim009("5.16.6", "Snapshot status Notifications shall also be sent after any Snapshot status update"),
    **NOTIFY,
)
def test_notified_of_updates(broker: Broker, receiver: Receiver) -> None:
    inbox = receiver.inbox("snapshot")
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()), endpoint=inbox.url)

    require(snapshots.update(broker, snapshot_id, snapshotPriority=8), 200, step="updating the Snapshot")

    _notified(broker, receiver, inbox, "of the update", snapshotId=snapshot_id, snapshotPriority=8)
