"""Entities that are deleted at Context Sources, and loops: ETSI GS CIM 009 V1.9.1, clauses 5.6.6, 6.3.17 and 6.3.18.

What an inclusive source that does not find the Entity makes of a deletion is not judged: by clause 6.5.3.2 its error is
told in a 207, by clause 6.3.17 a 404 "should not be considered as abnormal behaviour".
"""

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    LIMITED,
    awaiting,
    expect_no_write,
    expect_sent,
    here,
    in_effect,
    new_vehicle,
    remote,
    sent,
)
from ldt_conformance.checks.ngsi_ld.given import seen, stored
from ldt_conformance.clients import property_
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import describe, expect_equal, expect_status
from ldt_conformance.receiver import Receiver

FORWARDED = cim009(
    "5.6.6.4",
    "input data is also forwarded in the case the Delete Entity operation is supported for remote processing by",
)
LISTED = cim009("5.12", "Sources is supplied with the request, no registration shall match if the CSourceRegistration")


@check(
    id="distributed-delete/inclusive",
    title="An Entity is deleted here and at an inclusive Context Source",
    clause=[FORWARDED, cim009("5.6.6.4", "The input data shall be used to remove the entity locally if it exists.")],
    **DISTRIBUTED,
)
def test_inclusive(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    seen(broker, vehicle.id, vehicle.near)
    source = remote(broker, context_server, vehicle, "deleteEntity")

    response = broker.delete_entity(vehicle.id)

    expect_status(response, 204)
    expect_sent(source, "DELETE", f"entities/{vehicle.id}")
    expect_equal(here(broker, vehicle, source), {}, "what is held here")


@check(
    id="distributed-delete/only-there",
    title="An Entity that only a registered Context Source holds is deleted there",
    clause=[
        FORWARDED,
        cim009(
            "5.6.6.4",
            "(URI), and where specified type, is equivalent held locally, and no matching registrations apply",
        ),
    ],
    **DISTRIBUTED,
)
def test_only_there(broker: Broker, context_server: Receiver) -> None:
    """Ruling W6."""
    vehicle = new_vehicle(broker)
    source = remote(broker, context_server, vehicle, "deleteEntity")

    response = broker.delete_entity(vehicle.id)

    expect_status(response, 204)
    expect_sent(source, "DELETE", f"entities/{vehicle.id}")


@check(
    id="distributed-write/via",
    title="A write that is distributed names the broker in its Via header, beside those who had it before",
    clause=[
        cim009(
            "6.3.18",
            "implementation passing a distributed operation request onward to another Context Source shall send an",
        ),
        cim009(
            "4.3.6.4",
            "operation, a specific field listing all previously encountered Context Sources (e.g. a Via header",
        ),
    ],
    **LIMITED,
)
def test_via(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    before = broker.unique("before")
    source = awaiting(broker, context_server, vehicle, "createEntity", mode="exclusive")

    broker.create_entity(vehicle.whole(), headers={"Via": f"1.1 {before}"})

    expect_sent(source, "POST", "entities")
    for request in sent(source, "POST", "entities"):
        said = ", ".join(request.headers.get_list("via"))
        # "1.1 pseudonym", maybe with a comment, for each (IETF RFC 7230, 5.7.1)
        named = [words[1] for one in said.split(",") if len(words := one.split()) >= 2]
        if before not in named or len(named) < 2:
            fail(f"a Via header with {before} and the broker's own pseudonym", f"Via: {said or '(none)'}")


@check(
    id="distributed-write/loop",
    title="An inclusive Context Source that the Via header lists gets no write, which is done here",
    clause=[LISTED, cim009("6.3.18", "If present, the listing of previously encountered")],
    **LIMITED,
)
def test_loop(broker: Broker, context_server: Receiver) -> None:
    """Ruling W2."""
    vehicle = new_vehicle(broker)
    alias = broker.unique("source")
    source = awaiting(broker, context_server, vehicle, "createEntity", contextSourceAlias=alias)
    in_effect(source)

    response = broker.create_entity(vehicle.whole(), headers={"Via": f"1.1 another, 1.1 {alias}"})

    expect_no_write(source)
    expect_status(response, 201)
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, 90), "what is held here of both Attributes")


@check(
    id="distributed-write/loop-exclusive",
    title="A write for an exclusive Context Source that the Via header lists is done nowhere: 508",
    clause=[
        LISTED,
        cim009(
            "6.3.17",
            "508 Loop Detected - if the single registered source and tenant is registered to redirect back on",
        ),
    ],
    **LIMITED,
)
def test_loop_exclusive(broker: Broker, context_server: Receiver) -> None:
    """Ruling W2. By clause 5.12 alone nothing is registered then: an error for what is not found is a warning."""
    vehicle = new_vehicle(broker)
    alias = broker.unique("source")
    source = remote(broker, context_server, vehicle, "updateEntity", mode="exclusive", contextSourceAlias=alias)
    in_effect(source)

    response = broker.update_attributes(vehicle.id, {vehicle.far: property_(91)}, headers={"Via": f"1.1 {alias}"})

    expect_no_write(source)
    expect_equal(vehicle.values(here(broker, vehicle, source)), (None, None), "what is held here of both Attributes")
    if response.status == 207 or (response.status >= 400 and response.status != 508):
        warn(Reason.TOLERATED, "508", describe(response))
    expect_status(response, 508)
