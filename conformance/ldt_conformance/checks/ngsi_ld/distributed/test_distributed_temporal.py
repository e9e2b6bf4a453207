"""Temporal Evolutions at registered Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.6.11, 5.7.3, 5.7.4."""

from typing import Any

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    NEVER_HERE,
    Vehicle,
    expect_sent,
    new_vehicle,
    offering,
    until,
)
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source, means
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.temporal.histories import AT, WHOLE_DAY, temporal_list, temporal_object, values
from ldt_conformance.clients import TemporalEntity
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, not_applicable
from ldt_conformance.expectations import describe, expect_equal, expect_ids, expect_status, require
from ldt_conformance.receiver import Receiver

INTERVAL = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2027-01-01T00:00:00Z"}
NOT_OFFERED = frozenset({404, 405, 501})


def offered(broker: Broker) -> None:
    """End the check as not applicable where the history is not at the endpoint that has the Registrations."""
    if broker.history is not None and broker.history.base_url != broker.client.base_url:
        not_applicable(Reason.UNCLAIMED, "the history is at another endpoint than the Registrations")


def stored_here(response: Response) -> None:
    """Make sure that an Evolution was stored; not applicable where the optional temporal API is missing."""
    if response.status in NOT_OFFERED:
        not_applicable(Reason.UNCLAIMED, describe(response), expected="the optional temporal API")
    require(response, 201, 204, step="creating a part of a Temporal Evolution")


def near_part(vehicle: Vehicle) -> TemporalEntity:
    """What is held here."""
    return TemporalEntity(vehicle.id, vehicle.type).with_series(vehicle.near, [(55, AT[1])])


def far_series(evolution: TemporalEntity, vehicle: Vehicle) -> TemporalEntity:
    """An Evolution with what the source holds."""
    return evolution.with_series(vehicle.far, [(90, AT[1]), (95, AT[2])])


def remote(broker: Broker, receiver: Receiver, vehicle: Vehicle, *operations: str, **members: Any) -> Source:
    """A Context Source that has a part of a Temporal Evolution, registered for the time in which it lies."""
    evolution = far_series(TemporalEntity(vehicle.id, vehicle.type), vehicle)
    source = context_source(receiver, evolution.to_json())
    registration = offering(broker, source, vehicle, *operations, properties=[vehicle.far])
    registered(broker, registration.with_members(observationInterval=INTERVAL, **members))
    return source


def shared(broker: Broker, receiver: Receiver, operation: str) -> tuple[Vehicle, Source]:
    """A Temporal Evolution of which a part is stored here, and the Context Source that has the other part."""
    offered(broker)
    vehicle = new_vehicle(broker)
    stored_here(broker.create_temporal(near_part(vehicle)))
    return vehicle, remote(broker, receiver, vehicle, operation)


@check(
    id="distributed-temporal/retrieve",
    title="A retrieved Temporal Evolution has what is held here and at a registered Context Source",
    clause=cim009(
        "5.7.3.4", "For any exclusive, redirect and inclusive Context Source, the request is forwarded for remote"
    ),
    **DISTRIBUTED,
)
def test_retrieve(broker: Broker, context_server: Receiver) -> None:
    vehicle, source = shared(broker, context_server, "retrieveTemporal")

    response = until(lambda: broker.retrieve_temporal(vehicle.id, params=WHOLE_DAY), source.retrievals, source)

    found = temporal_object(response)
    expect_equal(
        (values(found, vehicle.near), values(found, vehicle.far)), ([55], [90, 95]), "the values of both parts"
    )


@check(
    id="distributed-temporal/query",
    title="A temporal query lists an Evolution with what is held here and at a registered Context Source",
    clause=cim009(
        "5.7.4.4", "query is an Entity Array. The returned result is then merged into S4 according to the algorithm"
    ),
    **DISTRIBUTED,
)
def test_query(broker: Broker, context_server: Receiver) -> None:
    vehicle, source = shared(broker, context_server, "queryTemporal")
    asked = {"type": vehicle.type, **WHOLE_DAY}

    response = until(lambda: broker.query_temporal(asked), source.queries, source)

    listed = temporal_list(response)
    expect_ids(listed, [vehicle.id])
    parts = values(listed[0], vehicle.near), values(listed[0], vehicle.far)
    expect_equal(parts, ([55], [90, 95]), "the values of both parts")


@check(
    id="distributed-temporal/create",
    title="Of a new Temporal Evolution an exclusive Context Source gets its Attribute, and the broker keeps the other",
    clause=[
        cim009(
            "5.6.11.4",
            "operation is supported, the operation is forwarded to the registration endpoint. If the endpoint then",
        ),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_create(broker: Broker, context_server: Receiver) -> None:
    """Another one, which is stored first, shows whether there is a temporal API at all."""
    offered(broker)
    stored_here(broker.create_temporal(near_part(new_vehicle(broker))))
    vehicle = new_vehicle(broker)
    source = remote(broker, context_server, vehicle, "retrieveTemporal", "upsertTemporal", mode="exclusive")
    until(lambda: broker.retrieve_temporal(vehicle.id, params=WHOLE_DAY), source.retrievals, source)

    response = broker.create_temporal(far_series(near_part(vehicle), vehicle))

    expect_status(response, 201, 204)
    body = expect_sent(source, "POST", "temporal/entities")
    there = [named for named in body if means(named, vehicle.near) or means(named, vehicle.far)]
    expect_equal(
        [means(named, vehicle.far) for named in there], [True], "that its Attribute alone is sent to the source"
    )
    source.holds = False
    found = broker.retrieve_temporal(vehicle.id, params={**WHOLE_DAY, "local": True})
    kept = temporal_object(found)
    expect_equal((values(kept, vehicle.near), values(kept, vehicle.far)), ([55], []), "what is held here of both parts")
