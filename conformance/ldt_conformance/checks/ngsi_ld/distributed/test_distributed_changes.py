"""Attributes that are changed here and at registered Context Sources: ETSI GS CIM 009 V1.9.1, 4.3.6, 5.6 and 6.3.17.

An exclusive source has one Attribute of an Entity. Where a change is to be divided the other one is stored here; where
the errors of clause 6.3.17 are looked at nothing is, as "all of the data is held outside of the Context Broker".
"""

from collections.abc import Callable

from ldt_conformance import Broker, check
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import (
    DISTRIBUTED,
    NEVER_HERE,
    PARTIAL,
    RESPECTED,
    Vehicle,
    expect_error,
    expect_no_write,
    expect_sent,
    here,
    in_effect,
    new_vehicle,
    remote,
)
from ldt_conformance.checks.ngsi_ld.distributed.source import Source
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import property_
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.expectations import expect_equal, expect_status
from ldt_conformance.receiver import Receiver

FORWARDED = "Attributes from matching input data are forwarded for remote processing. For each matching registration:"
MERGED = "from matching input data are forwarded. For each matching registration:"
DONE = "No further processing is required."
ATTRIBUTES = "/attrs"


def shared(broker: Broker, receiver: Receiver, *operations: str) -> tuple[Vehicle, Source]:
    """An Entity of which an Attribute is stored here, and the Context Source that has the other one for itself."""
    vehicle = new_vehicle(broker)
    stored(broker, vehicle.here())
    return vehicle, remote(broker, receiver, vehicle, *operations, mode="exclusive")


def expect_divided(
    broker: Broker, receiver: Receiver, operation: str, method: str, path: str, change: Callable[[Vehicle], Response]
) -> None:
    """Fail unless of a change of both Attributes the source is sent its own alone, and the other one is changed here.

    Args:
        broker: The broker.
        receiver: Where the source is.
        operation: What the source offers, by its name in clause 4.20.
        method: How it is to be asked for it.
        path: Likewise, below the Entity.
        change: Changes them to 56 (here) and 91 (there).
    """
    vehicle, source = shared(broker, receiver, operation)

    response = change(vehicle)

    expect_status(response, 204)
    body = expect_sent(source, method, f"entities/{vehicle.id}{path}")
    expect_equal(vehicle.values(body), (None, 91), "what the source is sent of both Attributes")
    expect_equal(vehicle.values(here(broker, vehicle, source)), (56, None), "what is held here of both Attributes")


def fragment(vehicle: Vehicle) -> dict[str, object]:
    """Both Attributes with other values than before."""
    return {vehicle.near: property_(56), vehicle.far: property_(91)}


@check(
    id="distributed-update/exclusive",
    title="Of an update an exclusive Context Source gets its Attribute, and the broker updates the other",
    clause=[cim009("5.6.2.4", "If the Update Attributes operation is supported by the registration"), NEVER_HERE],
    **DISTRIBUTED,
)
def test_update(broker: Broker, context_server: Receiver) -> None:
    expect_divided(
        broker, context_server, "updateEntity", "PATCH", ATTRIBUTES,
        lambda vehicle: broker.update_attributes(vehicle.id, fragment(vehicle)),
    )  # fmt: skip


@check(
    id="distributed-append/exclusive",
    title="Of Attributes that are appended an exclusive Context Source gets its own, and the broker keeps the others",
    clause=[cim009("5.6.3.4", "If the Append Attributes operation is supported by the registration"), NEVER_HERE],
    **DISTRIBUTED,
)
def test_append(broker: Broker, context_server: Receiver) -> None:
    expect_divided(
        broker, context_server, "appendAttrs", "POST", ATTRIBUTES,
        lambda vehicle: broker.append_attributes(vehicle.id, fragment(vehicle)),
    )  # fmt: skip


@check(
    id="distributed-merge/exclusive",
    title="Of a merge an exclusive Context Source gets its Attribute, and the broker merges the other",
    clause=[cim009("5.6.17.4", "If the Merge Entity operation is supported by the matched registration"), NEVER_HERE],
    **DISTRIBUTED,
)
def test_merge(broker: Broker, context_server: Receiver) -> None:
    expect_divided(
        broker, context_server, "mergeEntity", "PATCH", "",
        lambda vehicle: broker.merge_entity(vehicle.id, fragment(vehicle)),
    )  # fmt: skip


@check(
    id="distributed-replace/exclusive",
    title="Of a replacement an exclusive Context Source gets its Attribute, and the broker keeps the other",
    clause=[cim009("5.6.18.4", "If the Replace Entity operation is supported by the registration"), NEVER_HERE],
    **DISTRIBUTED,
)
def test_replace(broker: Broker, context_server: Receiver) -> None:
    expect_divided(
        broker, context_server, "replaceEntity", "PUT", "",
        lambda vehicle: broker.replace_entity(vehicle.id, vehicle.whole(near=56, far=91)),
    )  # fmt: skip


def expect_there_alone(
    broker: Broker, receiver: Receiver, operation: str, method: str, change: Callable[[Vehicle], Response]
) -> object:
    """Fail unless a change of the source's Attribute is sent there and nothing is done here; returns the value sent."""
    vehicle, source = shared(broker, receiver, operation)

    response = change(vehicle)

    expect_status(response, 204)
    body = expect_sent(source, method, f"entities/{vehicle.id}/attrs/{vehicle.far}")
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, None), "what is held here of both Attributes")
    return attribute_value({vehicle.far: body}, vehicle.far)


@check(
    id="distributed-attribute/partial-update",
    title="A partial update of an Attribute that an exclusive Context Source has goes there",
    clause=[
        cim009("5.6.4.4", "If the Partial Attribute update operation is supported by the registration"),
        cim009("5.6.4.4", DONE),
    ],
    **DISTRIBUTED,
)
def test_partial_update(broker: Broker, context_server: Receiver) -> None:
    value = expect_there_alone(
        broker, context_server, "updateAttrs", "PATCH",
        lambda vehicle: broker.partial_update_attribute(vehicle.id, vehicle.far, property_(91)),
    )  # fmt: skip

    expect_equal(value, 91, "the value that the source is sent")


@check(
    id="distributed-attribute/replace",
    title="A replacement of an Attribute that an exclusive Context Source has goes there",
    clause=[
        cim009("5.6.19.4", "If the Replace Attribute operation is supported by the registration"),
        cim009("5.6.19.4", DONE),
    ],
    **DISTRIBUTED,
)
def test_replace_attribute(broker: Broker, context_server: Receiver) -> None:
    value = expect_there_alone(
        broker, context_server, "replaceAttrs", "PUT",
        lambda vehicle: broker.replace_attribute(vehicle.id, vehicle.far, property_(91)),
    )  # fmt: skip

    expect_equal(value, 91, "the value that the source is sent")


@check(
    id="distributed-attribute/delete",
    title="A deletion of an Attribute that an exclusive Context Source has goes there",
    clause=[
        cim009("5.6.5.4", "If the Delete Attribute operation is supported by the registration"),
        cim009("5.6.5.4", DONE),
    ],
    **DISTRIBUTED,
)
def test_delete_attribute(broker: Broker, context_server: Receiver) -> None:
    expect_there_alone(
        broker,
        context_server,
        "deleteAttrs",
        "DELETE",
        lambda vehicle: broker.delete_attribute(vehicle.id, vehicle.far),
    )


@check(
    id="distributed-append/not-offered",
    title="An Attribute that an exclusive Context Source has, and does not offer to append, is a Conflict",
    clause=[
        RESPECTED,
        cim009(
            "5.6.3.4",
            "If the Append Attributes operation is not supported by the registration, this shall result in an error of",
        ),
        NEVER_HERE,
    ],
    **DISTRIBUTED,
)
def test_not_offered(broker: Broker, context_server: Receiver) -> None:
    vehicle, source = shared(broker, context_server)
    in_effect(source)

    response = broker.append_attributes(vehicle.id, {vehicle.far: property_(91)})

    expect_no_write(source)
    expect_equal(vehicle.values(here(broker, vehicle, source)), (55, None), "what is held here of both Attributes")
    expect_error(response, 409, error="Conflict")


@check(
    id="distributed-update/refused",
    title="Where the single exclusive Context Source refuses an update, the answer is 502",
    clause=cim009(
        "6.3.17",
        "502 Bad Gateway - if the single forwarded request fails for any other reason such as the Context Broker",
    ),
    **PARTIAL,
)
def test_refused(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = remote(broker, context_server, vehicle, "updateEntity", mode="exclusive")
    source.refuse(403, "OperationNotSupported")

    response = broker.update_attributes(vehicle.id, {vehicle.far: property_(91)})

    expect_sent(source, "PATCH", f"entities/{vehicle.id}/attrs")
    expect_error(response, 502)


@check(
    id="distributed-update/not-found",
    title="Where the single exclusive Context Source does not find what is to be updated, the answer is 404",
    clause=cim009("6.3.17", "404 Not Found - if resources not found within the single registered source."),
    **PARTIAL,
)
def test_not_found(broker: Broker, context_server: Receiver) -> None:
    vehicle = new_vehicle(broker)
    source = remote(broker, context_server, vehicle, "updateEntity", mode="exclusive")
    source.refuse(404, "ResourceNotFound")

    response = broker.update_attributes(vehicle.id, {vehicle.far: property_(91)})

    expect_sent(source, "PATCH", f"entities/{vehicle.id}/attrs")
    expect_error(response, 404)
