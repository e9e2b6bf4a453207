"""Batches that go to registered Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.6.7 to 5.6.9 and 5.6.20."""

from collections.abc import Callable
from typing import Any

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    NEVER_HERE,
    RESPECTED,
    Vehicle,
    awaiting,
    expect_no_write,
    expect_sent,
    failures,
    here,
    in_effect,
    new_vehicle,
    remote,
    sent,
)
from ldt_conformance.checks.ngsi_ld.distributed.source import Source
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import Entity
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import ERRORS, describe, expect_equal, expect_ids, expect_status
from ldt_conformance.receiver import Receiver

CREATE = "entityOperations/create"


def batch(broker: Broker) -> tuple[Vehicle, Vehicle]:
    """Two Entities to be created together; of the first a Context Source is to have a part."""
    return new_vehicle(broker), new_vehicle(broker)


def created(broker: Broker, vehicles: tuple[Vehicle, ...]) -> Response:
    """The answer to the creation of both parts of all."""
    return broker.batch_create([vehicle.whole() for vehicle in vehicles])


def expect_all_created(response: Response, vehicles: tuple[Vehicle, ...]) -> None:
    """Fail unless the answer lists the ids of all (6.14.3.1); one that was created in two places may stand twice."""
    expect_status(response, 201)
    listed = response.json()
    found = set(map(str, listed)) if isinstance(listed, list) else set()
    expect_equal(found, {vehicle.id for vehicle in vehicles}, "the ids of the Entities created")


def expect_divided(
    broker: Broker, source: Source, vehicle: Vehicle, sent_there: Any, near: int = 55, far: int = 90
) -> None:
    """Fail unless the source was sent its Attribute of the Entity alone, and the other one alone is held here."""
    expect_equal(vehicle.values(sent_there), (None, far), "what the source is sent of both Attributes")
    expect_equal(vehicle.values(here(broker, vehicle, source)), (near, None), "what is held here of both Attributes")


@check(
    id="distributed-batch/create",
    title="Of a batch an exclusive Context Source gets its part, as a batch",
    clause=[
        cim009("5.6.7.4", "Forward the Batch Entity Creation request with IN as input Array."),
        cim009("5.6.7.4", "Remove from IN all Entities not matched by CSR and remove non-matching Attributes from the"),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_create(broker: Broker, context_server: Receiver) -> None:
    vehicles = batch(broker)
    source = awaiting(broker, context_server, vehicles[0], "createBatch", mode="exclusive")

    response = created(broker, vehicles)

    expect_all_created(response, vehicles)
    expect_divided(broker, source, vehicles[0], expect_batch_sent(source, CREATE, vehicles[0]))


def expect_batch_sent(source: Source, path: str, vehicle: Vehicle) -> Any:
    """Fail unless a batch of this one Entity reached the source; returns what it is sent of it."""
    expect_sent(source, "POST", path)
    body = sent(source, "POST", path)[0].json()
    items = body if isinstance(body, list) else [body]
    expect_ids(items, [vehicle.id])
    return items[0]


@check(
    id="distributed-batch/create-singly",
    title="Of a batch a Context Source that takes no batches gets its part Entity by Entity",
    clause=[
        cim009("5.6.7.4", "Otherwise, if the Create Entity operation (clause 5.6.1) is supported by CSR:"),
        cim009("5.6.7.4", "Forward a Create Entity request for Entity EN."),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_create_singly(broker: Broker, context_server: Receiver) -> None:
    vehicles = batch(broker)
    source = awaiting(broker, context_server, vehicles[0], "createEntity", mode="exclusive")

    response = created(broker, vehicles)

    expect_all_created(response, vehicles)
    expect_divided(broker, source, vehicles[0], expect_sent(source, "POST", "entities"))
    if sent(source, "POST", CREATE):
        fail("no batch at a Context Source that does not offer to take any", "POST entityOperations/create")


@check(
    id="distributed-batch/create-not-offered",
    title="What an exclusive Context Source has, and does not offer to create, is a Conflict in a batch",
    clause=[
        RESPECTED,
        cim009("5.6.7.4", "In case CSR is an exclusive or redirect Context Source Registration, add an Error of"),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_create_not_offered(broker: Broker, context_server: Receiver) -> None:
    vehicles = batch(broker)
    source = awaiting(broker, context_server, vehicles[0], mode="exclusive")
    in_effect(source)

    response = created(broker, vehicles)

    expect_no_write(source)
    expect_equal(vehicles[0].values(here(broker, vehicles[0], source))[1], None, "what is held here of the Attribute")
    errors = {str(one.get("entityId")): one.get("error") for one in failures(response) if isinstance(one, dict)}
    kinds = {found: str(error.get("type")) for found, error in errors.items() if isinstance(error, dict)}
    if kinds != {vehicles[0].id: f"{ERRORS}Conflict"}:
        fail(f"an error of type Conflict for {vehicles[0].id} alone", describe(response))


def expect_change_divided(
    broker: Broker, receiver: Receiver, operation: str, path: str, change: Callable[[list[Entity]], Response]
) -> None:
    """Fail unless a batch that changes an Entity here and at an exclusive source is divided between them.

    Args:
        broker: The broker.
        receiver: Where the source is.
        operation: What the source offers, by its name in clause 4.20.
        path: Where it is to be asked for it.
        change: Sends the batch.
    """
    vehicle, other = batch(broker)
    for entity in (vehicle, other):
        stored(broker, entity.here())
    source = remote(broker, receiver, vehicle, operation, mode="exclusive")

    response = change([vehicle.whole(near=56, far=91), other.here(56)])

    expect_status(response, 201, 204)
    expect_divided(broker, source, vehicle, expect_batch_sent(source, path, vehicle), near=56, far=91)


@check(
    id="distributed-batch/upsert",
    title="Of a batch that is created or updated an exclusive Context Source gets its part",
    clause=[
        cim009("5.6.8.4", "Forward the Batch Entity Creation or Update (Upsert) request with IN as input Array."),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_upsert(broker: Broker, context_server: Receiver) -> None:
    expect_change_divided(broker, context_server, "upsertBatch", "entityOperations/upsert", broker.batch_upsert)


@check(
    id="distributed-batch/update",
    title="Of a batch that is updated an exclusive Context Source gets its part",
    clause=[cim009("5.6.9.4", "Forward the Batch Entity Update request with IN as input Array."), NEVER_HERE],
    **DISTRIBUTED,
)
def test_update(broker: Broker, context_server: Receiver) -> None:
    expect_change_divided(broker, context_server, "updateBatch", "entityOperations/update", broker.batch_update)


@check(
    id="distributed-batch/merge",
    title="Of a batch that is merged an exclusive Context Source gets its part",
    clause=[cim009("5.6.20.4", "Forward the Batch Entity Merge request with IN as input Array."), NEVER_HERE],
    **DISTRIBUTED,
)
def test_merge(broker: Broker, context_server: Receiver) -> None:
    expect_change_divided(broker, context_server, "mergeBatch", "entityOperations/merge", broker.batch_merge)
