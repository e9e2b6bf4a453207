"""Snapshots for checks of CIM 009 V1.9.1, clauses 5.5.15 and 5.16, which came with draft 1.8.21 and V1.9.1.

Each Snapshot has an id of ours and Queries for a type of the check's own. The clauses spell some words in two ways;
either is taken: snapshotStatus is "preparing" (5.2.41) or "preparation" (5.16.1.4) until it is ready, and the results
are in snapshotQueriesDetails (5.2.41) or snapshotQueryDetails (5.16.1.4).
"""

from __future__ import annotations

import time
from typing import Any

from ldt_conformance.checks.ngsi_ld.given import simple_vehicle, stored
from ldt_conformance.clients import Broker, Entity, segment
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import precondition
from ldt_conformance.expectations import describe, expect_object, require

PATH = "/snapshots"
SNAPSHOTS = "snapshots"  # capability of the site file
SINCE = "1.9.1"
UNREADY = frozenset({"preparing", "preparation"})
READY_SECONDS = 15.0
PAUSE_SECONDS = 0.1


def query_for(entity_type: str) -> dict[str, Any]:
    """A Query for all Entities of a type."""
    return {"type": "Query", "entities": [{"type": entity_type}]}


def of_types(*entity_types: str) -> dict[str, Any]:
    """The Queries of a Snapshot, one a type."""
    return {"snapshotQueries": [query_for(one) for one in entity_types]}


def path_of(snapshot_id: str, rest: str = "") -> str:
    """Where a Snapshot is."""
    return f"{PATH}/{segment(snapshot_id)}{rest}"


def resource(snapshot_id: str) -> Resource:
    """How the journal names a Snapshot."""
    return Resource("snapshot", snapshot_id, path_of(snapshot_id))


def create(broker: Broker, snapshot_id: str | None, **members: Any) -> Response:
    """Create Snapshot (5.16.1); without id the broker chooses one.

    Whether writes show late is measured on Entities, so one is stored where that was not measured yet.
    """
    if broker.settling is not None and broker.settling.seconds is None:
        stored(broker, simple_vehicle(broker))
    own = {} if snapshot_id is None else {"id": snapshot_id}
    creates = [Resource("snapshot", None, PATH) if snapshot_id is None else resource(snapshot_id)]
    return broker.send("POST", PATH, body={"type": "Snapshot", **own, **members}, creates=creates)


def clone(broker: Broker, source: str, snapshot_id: str, **members: Any) -> Response:
    """Clone Snapshot (5.16.2)."""
    body = {"type": "Snapshot", "id": snapshot_id, **members}
    return broker.send("POST", path_of(source, "/clone"), body=body, creates=[resource(snapshot_id)])


def update(broker: Broker, snapshot_id: str, **members: Any) -> Response:
    """Update Snapshot Status (5.16.4)."""
    return broker.send(
        "PATCH", path_of(snapshot_id), body={"type": "Snapshot", **members}, touches=[resource(snapshot_id)]
    )


def delete(broker: Broker, snapshot_id: str) -> Response:
    """Delete Snapshot (5.16.5)."""
    return broker.send("DELETE", path_of(snapshot_id), touches=[resource(snapshot_id)])


def purge(broker: Broker, params: dict[str, Any], *snapshot_ids: str) -> Response:
    """Purge Snapshots (5.16.7), which is to concern these."""
    touches = [resource(snapshot_id) for snapshot_id in snapshot_ids]
    return broker.send("DELETE", PATH, params=params, touches=touches)


def retrieve(broker: Broker, snapshot_id: str) -> Response:
    """Retrieve Snapshot Status (5.16.3)."""
    return broker.send("GET", path_of(snapshot_id))


def status_of(broker: Broker, snapshot_id: str) -> dict[str, Any]:
    """The status of a Snapshot that must be there."""
    return expect_object(retrieve(broker, snapshot_id))


def ready(broker: Broker, snapshot_id: str) -> dict[str, Any]:
    """The status of a Snapshot as soon as it is filled; inconclusive where that takes too long."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        response = require(retrieve(broker, snapshot_id), 200, step=f"retrieving the status of {snapshot_id}")
        found = response.json()
        precondition(isinstance(found, dict), f"the status of {snapshot_id}: {describe(response)}")
        if found.get("snapshotStatus") not in UNREADY:
            return dict(found)
        precondition(time.monotonic() < deadline, f"{snapshot_id} is not filled after {READY_SECONDS:g} s")
        time.sleep(PAUSE_SECONDS)


def filled(broker: Broker, **members: Any) -> str:
    """A Snapshot that the check needs, filled; returns its id."""
    snapshot_id = broker.new_id("Snapshot")
    require(create(broker, snapshot_id, **members), 201, step=f"creating the Snapshot {snapshot_id}")
    ready(broker, snapshot_id)
    return snapshot_id


def frozen(broker: Broker) -> tuple[Entity, str]:
    """An Entity, and a filled Snapshot of its type, in which it was seen."""
    entity = stored(broker, simple_vehicle(broker))
    snapshot_id = filled(broker, **of_types(str(entity.type)))
    inside = require(within(broker, snapshot_id, entity.id), 200, step=f"retrieving {entity.id} in the Snapshot")
    precondition(isinstance(inside.json(), dict), f"{entity.id} in the Snapshot: {describe(inside)}")
    return entity, snapshot_id


def named(snapshot_id: str) -> dict[str, str]:
    """The header by which an operation is executed on a Snapshot (6.3.22)."""
    return {"NGSILD-Snapshot": snapshot_id}


def within(broker: Broker, snapshot_id: str, entity_id: str) -> Response:
    """Retrieve an Entity in a Snapshot."""
    return broker.retrieve_entity(entity_id, headers=named(snapshot_id))


def details_of(found: dict[str, Any]) -> list[Any]:
    """How the Queries of a Snapshot ended; empty where it does not say."""
    details = found.get("snapshotQueriesDetails", found.get("snapshotQueryDetails"))
    return details if isinstance(details, list) else []
