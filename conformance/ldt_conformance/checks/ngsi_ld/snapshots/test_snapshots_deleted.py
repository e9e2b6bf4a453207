"""Delete and Purge Snapshots: ETSI GS CIM 009 V1.9.1, clauses 5.16.5, 5.16.7, 6.36.3.2 and 6.37.3.3.

Snapshots cannot be listed, so that none of others is there cannot be shown; those that are purged are named by their
id, the one member of a Snapshot that is nobody else's. What a purge that finds nothing answers is not judged: 6.36.3.2
has two answers for it.
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.purging import Purging
from ldt_conformance.checks.ngsi_ld.snapshots import snapshotting as snapshots
from ldt_conformance.checks.ngsi_ld.snapshots.snapshotting import of_types
from ldt_conformance.expectations import require

SHARED: dict[str, Any] = {"capability": snapshots.SNAPSHOTS, "since": snapshots.SINCE, "level": Level.MUST}
DELETE = {**SHARED, "mode": Mode.SANDBOX_WRITE, "requirements": ["ngsi-ld/5.16.5"]}
PURGE = {**SHARED, "mode": Mode.DISRUPTIVE, "requirements": ["ngsi-ld/5.16.7"]}
NO_URI = "not present or it is not a valid URI, then an error of type BadRequestData shall be raised."
REFUSED = cim009(
    "5.16.7.4", "If the NGSI-LD Query is not present or it is not a valid as per clause 4.9, restricted to"
)


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


@check(
    id="snapshots-purged/no-query",
    title="A purge of Snapshots without a query is BadRequestData",
    clause=REFUSED,
    **PURGE,
)
def test_no_query(broker: Broker, purging: Purging) -> None:
    expect_refused(broker, purging, {})


@check(
    id="snapshots-purged/invalid-query",
    title="A purge of Snapshots with a query that does not follow the grammar is BadRequestData",
    clause=REFUSED,
    **PURGE,
)
def test_invalid_query(broker: Broker, purging: Purging) -> None:
    expect_refused(broker, purging, {"q": "(invalidQuery"})


@check(
    id="snapshots-purged/no-member",
    title="A purge of Snapshots by what is no member of a Snapshot is BadRequestData",
    clause=[
        REFUSED,
        cim009(
            "4.9", "the names of the members defined for Snapshot in Table 5.2.43-1 are allowed values for AttrName."
        ),
    ],
    **PURGE,
)
def test_no_member(broker: Broker, purging: Purging) -> None:
    expect_refused(broker, purging, {"q": f"{broker.unique('speed')}>50"})


def expect_refused(broker: Broker, purging: Purging, params: dict[str, Any]) -> None:
    """Fail unless a purge with these parameters is BadRequestData; a Snapshot is there for it to take."""
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()))
    require(snapshots.retrieve(broker, snapshot_id), 200, step="retrieving the status of the Snapshot before the purge")
    purging.made_sure()

    response = snapshots.purge(broker, params, expects_refusal=True)

    expect_problem(response, status=400, error_type="BadRequestData")
