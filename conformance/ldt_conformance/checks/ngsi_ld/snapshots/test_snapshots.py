"""Create, Clone, Retrieve and Update Snapshot: ETSI GS CIM 009 V1.9.1, clauses 5.16.1 to 5.16.4, 6.36 to 6.38."""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.snapshots import snapshotting as snapshots
from ldt_conformance.checks.ngsi_ld.snapshots.snapshotting import of_types
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import (
    describe,
    expect_date_time,
    expect_equal,
    expect_location,
    expect_object,
    require,
)

SHARED: dict[str, Any] = {
    "capability": snapshots.SNAPSHOTS,
    "since": snapshots.SINCE,
    "level": Level.MUST,
    "mode": Mode.SANDBOX_WRITE,
}
CREATE = {**SHARED, "requirements": ["ngsi-ld/5.16.1"]}
CLONE = {**SHARED, "requirements": ["ngsi-ld/5.16.2"]}
RETRIEVE = {**SHARED, "requirements": ["ngsi-ld/5.16.3"]}
UPDATE = {**SHARED, "requirements": ["ngsi-ld/5.16.4"]}
LOCATION = cim009("6.36.3.1", "header that contains the relative path of the created snapshot.")
RESTRICTIONS = "If the data types, cardinalities and restrictions expressed by clause 5.2.41 are not met"
EXISTING = "existing Snapshot whose id (URI) is equivalent, an error of type AlreadyExists shall be raised."
NO_URI = "not present or it is not a valid URI, then an error of type BadRequestData shall be raised."
ENDED = "if all queries and temporal queries were executed successfully and yielded at least one result"


@check(
    id="snapshots/create",
    title="A Snapshot is created under the id that was given, and its status can be retrieved",
    clause=[cim009("5.16.1.4", "providing the Snapshot identifier."), LOCATION],
    **CREATE,
)
def test_create(broker: Broker) -> None:
    snapshot_id = broker.new_id("Snapshot")

    response = snapshots.create(broker, snapshot_id, **of_types(broker.new_type()))

    expect_status(response, 201)
    expect_location(response, f"/snapshots/{snapshot_id}")
    found = snapshots.status_of(broker, snapshot_id)
    expect_equal((found.get("id"), found.get("type")), (snapshot_id, "Snapshot"), "id and type")


@check(
    id="snapshots/create-without-id",
    title="A Snapshot without id gets one",
    clause=cim009("5.16.1.4", "a new locally unique identifier (URI) shall be automatically generated"),
    **CREATE,
)
def test_create_without_id(broker: Broker) -> None:
    response = snapshots.create(broker, None, **of_types(broker.new_type()))

    expect_status(response, 201)
    location = response.headers.get("location", "")
    if not location:
        fail("a Location header with the path of the Snapshot", describe(response))
    found = expect_object(broker.send("GET", f"/snapshots/{location.rstrip('/').rpartition('/')[2]}"))
    if ":" not in str(found.get("id")):
        fail("the id of the Snapshot is a URI", f"id: {found.get('id')!r}")


@check(
    id="snapshots/create-existing-id",
    title="Creating a Snapshot whose id is in use is refused",
    clause=cim009("5.16.1.4", "an error of type AlreadyExists shall be raised."),
    **CREATE,
)
def test_create_existing_id(broker: Broker) -> None:
    queries = of_types(broker.new_type())
    snapshot_id = snapshots.filled(broker, **queries)

    expect_problem(snapshots.create(broker, snapshot_id, **queries), status=409, error_type="AlreadyExists")


@check(
    id="snapshots/create-without-queries",
    title="A Snapshot without any Query is BadRequestData",
    clause=[
        cim009("5.16.1.4", RESTRICTIONS),
        cim009("5.2.41", '"snapshotTemporalQueries" shall be present when creating the snapshot'),
    ],
    **CREATE,
)
def test_create_without_queries(broker: Broker) -> None:
    expect_problem(snapshots.create(broker, broker.new_id("Snapshot")), status=400, error_type="BadRequestData")


@check(
    id="snapshots/create-temporal-among-queries",
    title="A Query with temporalQ among the plain ones is BadRequestData",
    clause=[cim009("5.16.1.4", RESTRICTIONS), cim009("5.2.41", 'Query no "temporalQ" element.')],
    **CREATE,
)
def test_create_temporal_among_queries(broker: Broker) -> None:
    query = snapshots.query_for(broker.new_type())
    query["temporalQ"] = {"timerel": "before", "timeAt": "2030-01-01T00:00:00Z"}

    response = snapshots.create(broker, broker.new_id("Snapshot"), snapshotQueries=[query])

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="snapshots/create-priority-out-of-range",
    title="A snapshotPriority above 10 is BadRequestData",
    clause=[cim009("5.16.1.4", RESTRICTIONS), cim009("5.2.41", "Positive Integer between 1 and 10")],
    **CREATE,
)
def test_create_priority_out_of_range(broker: Broker) -> None:
    members = {**of_types(broker.new_type()), "snapshotPriority": 11}

    response = snapshots.create(broker, broker.new_id("Snapshot"), **members)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="snapshots/create-wrong-type",
    title='A Snapshot whose type is not "Snapshot" is BadRequestData',
    clause=[cim009("5.16.1.4", RESTRICTIONS), cim009("5.2.41", 'It shall be equal to "Snapshot"')],
    **CREATE,
)
def test_create_wrong_type(broker: Broker) -> None:
    members = {**of_types(broker.new_type()), "type": "Photograph"}

    response = snapshots.create(broker, broker.new_id("Snapshot"), **members)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="snapshots/create-members",
    title="A new Snapshot has createdAt, modifiedAt and expiresAt, and the priority 5 where none was given",
    clause=[
        cim009("5.16.1.4", "The createdAt and modifiedAt timestamps are set"),
        cim009("5.16.1.4", "The expiresAt member shall be set"),
        cim009("5.16.1.4", "the snapshotPriority shall be set to 5."),
    ],
    **CREATE,
)
def test_create_members(broker: Broker) -> None:
    """All are set; that they are shown, table 5.2.41 asks of expiresAt alone: another that is not shown warns."""
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()))

    found = snapshots.status_of(broker, snapshot_id)

    expect_members(found, present=["expiresAt"])
    for name in found.keys() & {"createdAt", "modifiedAt", "expiresAt"}:
        expect_date_time(found[name], name)
    expect_equal(found.get("snapshotPriority", 5), 5, "snapshotPriority")
    missing = [name for name in ("createdAt", "modifiedAt", "snapshotPriority") if name not in found]
    if missing:
        warn(Reason.TOLERATED, f"{', '.join(missing)} shown", f"members {sorted(found)}")


@check(
    id="snapshots/status-success",
    title='A Snapshot whose Queries all found something ends as "success"',
    clause=cim009("5.16.1.4", ENDED),
    **CREATE,
)
def test_status_success(broker: Broker) -> None:
    one, two = (stored(broker, simple_vehicle(broker)) for _ in range(2))
    snapshot_id = snapshots.filled(broker, **of_types(str(one.type), str(two.type)))

    expect_equal(snapshots.ready(broker, snapshot_id).get("snapshotStatus"), "success", "snapshotStatus")


@check(
    id="snapshots/status-empty",
    title='A Snapshot whose Query found nothing ends as "empty"',
    clause=cim009("5.16.1.4", "executed successfully, but without yielding a result"),
    **CREATE,
)
def test_status_empty(broker: Broker) -> None:
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()))

    expect_equal(snapshots.ready(broker, snapshot_id).get("snapshotStatus"), "empty", "snapshotStatus")


@check(
    id="snapshots/status-partial",
    title='A Snapshot of which one Query found something and one nothing ends as "partial", and says so in order',
    clause=[
        cim009("5.16.1.4", "to partial, if at least one query or temporal"),
        cim009("5.16.1.4", "at the same position as the query in snapshotQueries."),
    ],
    **CREATE,
)
def test_status_partial(broker: Broker) -> None:
    entity = stored(broker, simple_vehicle(broker))
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type(), str(entity.type)))

    found = snapshots.ready(broker, snapshot_id)

    expect_equal(found.get("snapshotStatus"), "partial", "snapshotStatus")
    ended = [one.get("resultStatus") if isinstance(one, dict) else one for one in snapshots.details_of(found)]
    expect_equal(ended, ["empty", "success"], "resultStatus of the Queries")


@check(
    id="snapshots/clone",
    title="A clone is created under the id that was given, with what the Snapshot holds",
    clause=[
        cim009("5.16.2.4", "that is part of the Snapshot to be cloned is copied to the clone Snapshot."),
        cim009("5.16.2.4", "the snapshotStatus member is set to success, if cloning was successful"),
        cim009("6.38.3.1", "header that contains the relative path of the cloned snapshot."),
    ],
    **CLONE,
)
def test_clone(broker: Broker) -> None:
    entity, source = snapshots.frozen(broker)
    snapshot_id = broker.new_id("Snapshot")

    response = snapshots.clone(broker, source, snapshot_id)

    expect_status(response, 201)
    expect_location(response, f"/snapshots/{snapshot_id}")
    expect_equal(snapshots.ready(broker, snapshot_id).get("snapshotStatus"), "success", "snapshotStatus")
    expect_equal(expect_object(snapshots.within(broker, snapshot_id, entity.id)).get("id"), entity.id, "id")


@check(
    id="snapshots/clone-goes-its-own-way",
    title="A change in a clone leaves the Snapshot that was cloned alone",
    clause=cim009("5.5.15", "the operation shall only be applied to information related to the specific Snapshot."),
    **CLONE,
)
def test_clone_goes_its_own_way(broker: Broker) -> None:
    entity, source = snapshots.frozen(broker)
    copy = broker.new_id("Snapshot")
    require(snapshots.clone(broker, source, copy), 201, step="cloning the Snapshot")
    snapshots.ready(broker, copy)
    require(snapshots.within(broker, copy, entity.id), 200, step="retrieving the Entity in the clone")

    response = broker.delete_entity(entity.id, headers=snapshots.named(copy))

    expect_status(response, 204)
    expect_status(snapshots.within(broker, source, entity.id), 200)
    expect_problem(snapshots.within(broker, copy, entity.id), status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/clone-unknown",
    title="Cloning a Snapshot that does not exist is ResourceNotFound",
    clause=cim009("5.16.2.4", "to be cloned is not found, an error of type ResourceNotFound shall be raised."),
    **CLONE,
)
def test_clone_unknown(broker: Broker) -> None:
    response = snapshots.clone(broker, broker.new_id("Snapshot"), broker.new_id("Snapshot"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/clone-existing-id",
    title="Cloning to an id that is in use is refused",
    clause=cim009("5.16.2.4", "equivalent, an error of type AlreadyExists shall be raised."),
    **CLONE,
)
def test_clone_existing_id(broker: Broker) -> None:
    source, other = (snapshots.filled(broker, **of_types(broker.new_type())) for _ in range(2))

    expect_problem(snapshots.clone(broker, source, other), status=409, error_type="AlreadyExists")


@check(
    id="snapshots/clone-with-queries",
    title="Cloning with Queries is BadRequestData",
    clause=[
        cim009("5.16.2.4", RESTRICTIONS),
        cim009("5.2.41", "both shall be omitted when updating the Snapshot status or cloning the Snapshot."),
    ],
    **CLONE,
)
def test_clone_with_queries(broker: Broker) -> None:
    queries = of_types(broker.new_type())
    source = snapshots.filled(broker, **queries)

    response = snapshots.clone(broker, source, broker.new_id("Snapshot"), **queries)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="snapshots/retrieve-unknown",
    title="Retrieving the status of a Snapshot that does not exist is ResourceNotFound",
    clause=cim009("5.16.3.4", "any existing Snapshot in the system, then an error of type ResourceNotFound shall be"),
    **{**RETRIEVE, "mode": Mode.PROBE},
)
def test_retrieve_unknown(broker: Broker) -> None:
    response = snapshots.retrieve(broker, broker.new_id("Snapshot"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/retrieve-not-a-uri",
    title="Retrieving the status of a Snapshot by an id that is no URI is BadRequestData",
    clause=cim009("5.16.3.4", NO_URI),
    **{**RETRIEVE, "mode": Mode.PROBE},
)
def test_retrieve_not_a_uri(broker: Broker) -> None:
    expect_problem(snapshots.retrieve(broker, broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="snapshots/update",
    title="The priority of a Snapshot can be changed; the answer is the updated status",
    clause=[
        cim009("5.16.4.4", "implementations shall modify the target Snapshot as mandated by clause 5.5.8."),
        cim009("5.16.4.5", "A JSON-LD object representing the Snapshot status"),
    ],
    **UPDATE,
)
def test_update(broker: Broker) -> None:
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()), snapshotPriority=3)
    before = snapshots.status_of(broker, snapshot_id).get("snapshotPriority")

    answer = expect_object(snapshots.update(broker, snapshot_id, snapshotPriority=7))

    after = snapshots.status_of(broker, snapshot_id).get("snapshotPriority")
    expect_equal((before, answer.get("snapshotPriority"), after), (3, 7, 7), "snapshotPriority before, answered, after")


@check(
    id="snapshots/update-queries",
    title="An update that brings Queries is BadRequestData",
    clause=cim009("5.16.4.4", "in particular whether elements can be updated - then an error of type BadRequestData"),
    **UPDATE,
)
def test_update_queries(broker: Broker) -> None:
    snapshot_id = snapshots.filled(broker, **of_types(broker.new_type()))

    response = snapshots.update(broker, snapshot_id, **of_types(broker.new_type()))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="snapshots/update-unknown",
    title="Updating a Snapshot that does not exist is ResourceNotFound",
    clause=cim009("5.16.4.4", "id (URI) is equivalent, an error of type ResourceNotFound shall be raised."),
    **UPDATE,
)
def test_update_unknown(broker: Broker) -> None:
    response = snapshots.update(broker, broker.new_id("Snapshot"), snapshotPriority=7)

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="snapshots/update-not-a-uri",
    title="Updating a Snapshot by an id that is no URI is BadRequestData",
    clause=cim009("5.16.4.4", NO_URI),
    **UPDATE,
)
def test_update_not_a_uri(broker: Broker) -> None:
    response = snapshots.update(broker, broker.not_a_uri(), snapshotPriority=7)

    expect_problem(response, status=400, error_type="BadRequestData")
