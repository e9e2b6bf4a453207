"""Temporal Evolutions from registered Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.7.3 and 5.7.4."""

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import DISTRIBUTED, Vehicle, new_vehicle, offering, until
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.temporal.histories import AT, WHOLE_DAY, temporal_list, temporal_object, values
from ldt_conformance.clients import TemporalEntity
from ldt_conformance.engine.verdicts import Reason, not_applicable
from ldt_conformance.expectations import describe, expect_equal, expect_ids, require
from ldt_conformance.receiver import Receiver

INTERVAL = {"startAt": "2026-01-01T00:00:00Z", "endAt": "2027-01-01T00:00:00Z"}
NOT_OFFERED = frozenset({404, 405, 501})


def shared(broker: Broker, receiver: Receiver) -> tuple[Vehicle, Source]:
    """A Temporal Evolution of which a part is stored here, and the Context Source that has the other part."""
    vehicle = new_vehicle(broker)
    elsewhere = broker.history is not None and broker.history.base_url != broker.client.base_url
    if elsewhere:
        not_applicable(Reason.UNCLAIMED, "the history is at another endpoint than the Registrations")
    evolution = TemporalEntity(vehicle.id, vehicle.type)
    response = broker.create_temporal(evolution.with_series(vehicle.near, [(55, AT[1])]))
    if response.status in NOT_OFFERED:
        not_applicable(Reason.UNCLAIMED, describe(response), expected="the optional temporal API")
    require(response, 201, 204, step="creating a part of a Temporal Evolution")
    source = context_source(receiver, evolution.with_series(vehicle.far, [(90, AT[1]), (95, AT[2])]).to_json())
    registration = offering(broker, source, vehicle, "retrieveTemporal", "queryTemporal")
    registered(broker, registration.with_members(observationInterval=INTERVAL))
    return vehicle, source


@check(
    id="distributed-temporal/retrieve",
    title="A retrieved Temporal Evolution has what is held here and at a registered Context Source",
    clause=cim009(
        "5.7.3.4", "For any exclusive, redirect and inclusive Context Source, the request is forwarded for remote"
    ),
    **DISTRIBUTED,
)
def test_retrieve(broker: Broker, context_server: Receiver) -> None:
    vehicle, source = shared(broker, context_server)

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
    vehicle, source = shared(broker, context_server)
    asked = {"type": vehicle.type, **WHOLE_DAY}

    response = until(lambda: broker.query_temporal(asked), source.queries, source)

    listed = temporal_list(response)
    expect_ids(listed, [vehicle.id])
    parts = values(listed[0], vehicle.near), values(listed[0], vehicle.far)
    expect_equal(parts, ([55], [90, 95]), "the values of both parts")
