"""Entities that are created here and at registered Context Sources: ETSI GS CIM 009 V1.9.1, 4.3.6, 5.6.1, 6.3.17."""

from typing import Any

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    NEVER_HERE,
    PARTIAL,
    RESPECTED,
    Vehicle,
    awaiting,
    expect_no_write,
    expect_partial,
    expect_sent,
    here,
    in_effect,
    members,
    new_vehicle,
    sent,
)
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, means
from ldt_conformance.checks.ngsi_ld.given import seen, stored
from ldt_conformance.clients import JSON
from ldt_conformance.comparators import JSONLD_CONTEXT, find_link, parse_links
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import describe, error_type, expect_equal, expect_status
from ldt_conformance.receiver import Receiver

CREATED = "For matching Registrations where the Create Entity operation is supported, the operation is forwarded to"
REMAINING = cim009("5.6.1.4", "Any remaining input data shall be used to create the Entity locally.")
REMOVED = cim009("5.6.1.4", "The matching Attributes are then removed from the Fragment and not processed further.")


def created(broker: Broker, vehicle: Vehicle) -> Response:
    """The answer to the creation of both parts of an Entity."""
    return broker.create_entity(vehicle.whole())


def expect_created_at(source: Source, vehicle: Vehicle, near: int | None, far: int | None) -> None:
    """Fail unless a source was sent the Entity, with these values of both Attributes."""
    body = expect_sent(source, "POST", "entities")
    types = body.get("type", body.get("@type"))
    if body.get("id", body.get("@id")) != vehicle.id or not any(
        means(str(name), vehicle.type) for name in _listed(types)
    ):
        fail(f"an Entity {vehicle.id} of type {vehicle.type} at the Context Source", f"{body}")
    expect_equal(vehicle.values(body), (near, far), "what the source is sent of both Attributes")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@check(
    id="distributed-create/exclusive",
    title="Of a new Entity an exclusive Context Source gets its Attributes, and the broker keeps the others",
    clause=[cim009("5.6.1.4", CREATED), REMAINING, NEVER_HERE],
    **DISTRIBUTED,
)
def test_exclusive(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = awaiting(broker, context_server, vehicle, "createEntity", mode="exclusive")

    response = created(broker, vehicle)

    expect_status(response, 201)
    expect_created_at(source, vehicle, None, 90)
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, None), "what is held here of both Attributes")


@check(
    id="distributed-create/redirect",
    title="A new Entity goes to every redirect Context Source that has it registered, and stays nowhere else",
    clause=[
        cim009("4.3.6.3", "operations are distributed to all registered Context Sources."),
        cim009("5.6.1.4", "data is forwarded for remote processing by one or more matching endpoints:"),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_redirect(broker: Broker, context_server: Receiver) -> None:
    vehicle, control = new_vehicle(broker), new_vehicle(broker)
    stored(broker, control.here())
    seen(broker, control.id, control.near)
    sources = [awaiting(broker, context_server, vehicle, "createEntity", mode="redirect") for _ in range(2)]

    response = created(broker, vehicle)

    expect_status(response, 201)
    for source in sources:
        expect_created_at(source, vehicle, 55, 90)
    expect_equal(vehicle.values(here(broker, vehicle, *sources)), (None, None), "what is held here of both Attributes")


@check(
    id="distributed-create/inclusive",
    title="A new Entity is created here and at an inclusive Context Source that has it registered",
    clause=[
        cim009(
            "4.3.6.2",
            "locally itself, and also obtain data from external sources. Context provisioning operations are serviced",
        ),
        cim009(
            "5.6.1.4",
            "input data is also forwarded for remote processing by matching endpoints in case the Create Entity",
        ),
        REMAINING,
    ],
    **DISTRIBUTED,
)
def test_inclusive(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = awaiting(broker, context_server, vehicle, "createEntity")

    response = created(broker, vehicle)

    expect_status(response, 201)
    expect_created_at(source, vehicle, 55, 90)
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, 90), "what is held here of both Attributes")


@check(
    id="distributed-create/exclusive-first",
    title="What an exclusive Context Source has is kept from an inclusive one",
    clause=[
        REMOVED,
        cim009("5.6.1.4", "For any inclusive Context Source Registrations that match against the remaining input data"),
    ],
    **DISTRIBUTED,
)
def test_exclusive_first(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    exclusive = awaiting(broker, context_server, vehicle, "createEntity", mode="exclusive")
    inclusive = awaiting(broker, context_server, vehicle, "createEntity")

    response = created(broker, vehicle)

    expect_status(response, 201)
    expect_created_at(exclusive, vehicle, None, 90)
    expect_created_at(inclusive, vehicle, 55, None)


@check(
    id="distributed-create/not-offered",
    title="What an exclusive Context Source has, and does not offer to create, is created nowhere; the answer says so",
    clause=[
        RESPECTED,
        cim009(
            "5.6.1.4",
            "For matching Registrations where the Create Entity operation is not supported, this shall result in an",
        ),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_not_offered(broker: Broker, context_server: Receiver) -> None:
    """Whether a part that can be created is, is left open: Conflict for the whole is as good as a partial success."""
    vehicle = new_vehicle(broker)
    source = awaiting(broker, context_server, vehicle, mode="exclusive")
    in_effect(source)

    response = created(broker, vehicle)

    expect_no_write(source)
    expect_equal(vehicle.values(here(broker, vehicle, source))[1], None, f"what is held here of {vehicle.far}")
    if response.status != 409 or error_type(response) != "Conflict":
        expect_partial(response)


@check(
    id="distributed-create/partial",
    title="Where an exclusive Context Source refuses its part of a new Entity, the answer says so",
    clause=[
        cim009(
            "5.6.1.4",
            "the registration endpoint. If the endpoint then raises an error, this shall result in an error in case",
        ),
        cim009("6.4.3.1", "body containing the result returned from each"),
    ],
    **PARTIAL,
)
def test_partial(broker: Broker, context_server: Receiver) -> None:
    """A broker that keeps nothing when a part fails has failed as a whole: an error then, and a warning here."""
    vehicle = new_vehicle(broker)
    source = awaiting(broker, context_server, vehicle, "createEntity", mode="exclusive")
    source.refuse(403, "OperationNotSupported")

    response = created(broker, vehicle)

    expect_sent(source, "POST", "entities")
    near, far = vehicle.values(here(broker, vehicle, source))
    expect_equal(far, None, f"what is held here of {vehicle.far}")
    if response.status >= 400 and near is None:
        warn(Reason.TOLERATED, "207, with the part that succeeded", describe(response))
    expect_partial(response)
    expect_equal(near, 55, f"what is held here of {vehicle.near}")


@check(
    id="distributed-create/inclusive-refused",
    title="Where an inclusive Context Source refuses a new Entity, it is created here, and the answer is 207",
    clause=[
        cim009(
            "6.3.17",
            "In the case of an inclusive or redirect registration, where an entity is distributed over multiple",
        ),
        REMAINING,
    ],
    **PARTIAL,
)
def test_inclusive_refused(broker: Broker, context_server: Receiver) -> None:
    """Ruling M6: 201 is a warning."""
    vehicle = new_vehicle(broker)
    source = awaiting(broker, context_server, vehicle, "createEntity")
    source.refuse(403, "OperationNotSupported")

    response = created(broker, vehicle)

    expect_sent(source, "POST", "entities")
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, 90), "what is held here of both Attributes")
    if response.status == 201:
        warn(Reason.TOLERATED, "207, with what the Context Source refused", describe(response))
    expect_partial(response)


@check(
    id="distributed-create/redirect-refused",
    title="Where one of several redirect Context Sources refuses a new Entity, the answer is 207",
    clause=[
        cim009(
            "6.3.17",
            "In the case of an inclusive or redirect registration, where an entity is distributed over multiple",
        ),
        cim009("4.3.6.3", "operations are distributed to all registered Context Sources."),
    ],
    **PARTIAL,
)
def test_redirect_refused(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    sources = [awaiting(broker, context_server, vehicle, "createEntity", mode="redirect") for _ in range(2)]
    sources[0].refuse(403, "OperationNotSupported")

    response = created(broker, vehicle)

    for source in sources:
        expect_created_at(source, vehicle, 55, 90)
    expect_partial(response)


@check(
    id="distributed-create/source-context",
    title="A Context Source with an @context of its own gets names of that, as application/json with a Link header",
    clause=[
        cim009(
            "4.3.6.6", 'initial request to the Context Broker, the "Content-Type" of the forwarded request shall be'
        ),
        cim009(
            "6.3.19",
            'In the HTTP binding, if the "jsonldContext" key is present, the URL value is placed in an HTTP Link',
        ),
    ],
    **DISTRIBUTED,
)
def test_source_context(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    term, iri = broker.unique("term"), f"https://example.org/ldt-check/{vehicle.far}"
    served = context_server.serve_context({term: iri}).url
    info = [{"key": "jsonldContext", "value": served}]
    source = awaiting(broker, context_server, vehicle, "createEntity", contextSourceInfo=info)

    response = broker.create_entity(vehicle.here().with_property(iri, 90))

    expect_status(response, 201)
    expect_sent(source, "POST", "entities")
    for request in sent(source, "POST", "entities"):
        link = find_link(parse_links(request.headers.get_list("link")), JSONLD_CONTEXT)
        body = members(request)
        found = request.media_type, link and link.target, term in body, "@context" in body
        wanted = JSON, served, True, False
        expect_equal(found, wanted, f"media type, linked @context, whether {term} and @context are members")
