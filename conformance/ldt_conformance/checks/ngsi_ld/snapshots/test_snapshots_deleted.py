"""Delete and Purge Snapshots: ETSI GS CIM 009 V1.9.1, clauses 5.16.5, 5.16.7, 6.36.3.2 and 6.37.3.3.

Snapshots cannot be listed, so that none of others is there cannot be shown; those that are purged are named by their
id, the one member of a Snapshot that is nobody else's: a purge that is to be refused, with a faulty query or none, is
not asked for, as a broker that does not refuse it may delete all of them. What a purge that finds nothing answers is
not judged: 6.36.3.2 has two answers for it.
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.purging import Purging
from ldt_conformance.checks.ngsi_ld.snapshots import snapshotting as snapshots
from ldt_conformance.checks.ngsi_ld.snapshots.snapshotting import of_types

SHARED: dict[str, Any] = {"capability": snapshots.SNAPSHOTS, "since": snapshots.SINCE, "level": Level.MUST}
DELETE = {**SHARED, "mode": Mode.SANDBOX_WRITE, "requirements": ["ngsi-ld/5.16.5"]}
PURGE = {**SHARED, "mode": Mode.DISRUPTIVE, "requirements": ["ngsi-ld/5.16.7"]}
NO_URI = "not present or it is not a valid URI, then an error of type BadRequestData shall be raised."


@check(
    id="snapshots/delete",
    title="A deleted Snapshot is gone",
    clause=cim009("5.16.5.4", "Otherwise implementations shall delete the Snapshot."),
    **DELETE,
)
def test_delete(broker: Broker) -> None:
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()))

    expect_status(snapshots.delete(broker, snapshot_id), 204)

    expect_problem(snapshots.retrieve(broker, snapshot_id), status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/delete-unknown",
    title="Deleting a Snapshot that does not exist is ResourceNotFound",
    clause=cim009("5.16.5.4", "any existing Snapshot in the system, then an error of type ResourceNotFound shall be"),
    **DELETE,
)
def test_delete_unknown(broker: Broker) -> None:
    response = snapshots.delete(broker, broker.new_id("Snapshot"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/delete-not-a-uri",
    title="Deleting a Snapshot by an id that is no URI is BadRequestData",
    clause=cim009("5.16.5.4", NO_URI),
    **DELETE,
)
def test_delete_not_a_uri(broker: Broker) -> None:
    expect_problem(snapshots.delete(broker, broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="snapshots-purged/by-id",
    title="A purge by id deletes that Snapshot and no other",
    clause=[
        cim009("5.16.7.4", "Implementations shall purge the Snapshots fitting the NGSI-LD Query."),
        cim009(
            "4.9", "filter out Snapshots by the values of the Snapshot data type members, i.e. when filtering Snapshots"
        ),
    ],
    **PURGE,
)
def test_by_id(broker: Broker, purging: Purging) -> None:
    gone, kept = (snapshots.filled(broker, **of_types(broker.new_type())) for _ in range(2))
    purging.made_sure()

    response = snapshots.purge(broker, {"q": f'id=="{gone}"'}, gone)

    expect_status(response, 204)
    expect_problem(snapshots.retrieve(broker, gone), status=404, error_type="ResourceNotFound")
    expect_status(snapshots.retrieve(broker, kept), 200)
