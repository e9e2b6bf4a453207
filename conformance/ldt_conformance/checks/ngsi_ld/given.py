"""Setting the stage, and reading back what an operation did.

A step that fails here never blames the clause under test: it ends the check as inconclusive (lesson 11).
"""

from __future__ import annotations

from typing import Any

from ldt_conformance.clients import Broker, Entity, Registration, Subscription, TemporalEntity, point
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, precondition, warn
from ldt_conformance.expectations import describe, error_type, require

OBSERVED = "2026-03-05T10:00:00Z"
LATER = "2026-03-05T11:00:00Z"
LISBON = point(-9.1393, 38.7223)
DATASET = "urn:ngsi-ld:dataset:gps"
OTHER_DATASET = "urn:ngsi-ld:dataset:radar"
PARKING = "urn:ngsi-ld:OffStreetParking:Downtown1"
VOCABULARY = "https://example.org/ldt-check/"


def simple_vehicle(broker: Broker) -> Entity:
    """An Entity of a type of its own, not stored yet: two Properties, a Relationship and a location."""
    return (
        broker.new_entity("Vehicle")
        .with_property("speed", 55, unit_code="KMH", observed_at=OBSERVED)
        .with_property("brandName", "Mercedes")
        .with_relationship("isParked", PARKING, observed_at=OBSERVED)
        .with_geo_property("location", LISBON)
    )


def terms(broker: Broker) -> dict[str, str]:
    """A user @context that maps one short name to a fresh IRI."""
    return {"speed": f"{VOCABULARY}{broker.unique('speed')}"}


def stored(broker: Broker, entity: Entity) -> Entity:
    """Create an Entity that the check needs."""
    require(broker.create_entity(entity), 201, step=f"creating the Entity {entity.id}")
    return entity


def stored_history(broker: Broker, entity: TemporalEntity) -> TemporalEntity:
    """Create a Temporal Evolution that the check needs."""
    require(broker.create_temporal(entity), 201, 204, step=f"creating the Temporal Evolution of {entity.id}")
    return entity


def subscribed(broker: Broker, subscription: Subscription) -> str:
    """Create a Subscription that the check needs; returns its id."""
    assert subscription.id is not None
    require(broker.create_subscription(subscription), 201, step=f"creating the Subscription {subscription.id}")
    return subscription.id


def registered(broker: Broker, registration: Registration) -> str:
    """Register a Context Source that the check needs; returns the id of the Registration."""
    assert registration.id is not None
    response = broker.register_context_source(registration)
    require(response, 201, step=f"registering the Context Source {registration.id}")
    return registration.id


def subscribed_to_registrations(broker: Broker, subscription: Subscription) -> str:
    """Create a Context Source Registration Subscription that the check needs; returns its id."""
    assert subscription.id is not None
    response = broker.create_registration_subscription(subscription)
    require(response, 201, step=f"creating the Registration Subscription {subscription.id}")
    return subscription.id


def read_back(broker: Broker, entity_id: str, **options: Any) -> dict[str, Any]:
    """The current state of an Entity that must be there: 404 fails, any other trouble leaves the check undecided."""
    response = broker.retrieve_entity(entity_id, **options)
    if response.status == 404:
        fail(f"the Entity {entity_id} exists", describe(response))
    precondition(response.status == 200, f"reading back {entity_id}: expected 200, observed {describe(response)}")
    body = response.json()
    precondition(
        isinstance(body, dict), f"reading back {entity_id}: expected a JSON object, observed {describe(response)}"
    )
    return dict(body)


def seen(broker: Broker, entity_id: str, *names: str) -> None:
    """Make sure that an Entity has these members before they are taken away, or their absence would prove nothing."""
    response = require(broker.retrieve_entity(entity_id), 200, step=f"retrieving {entity_id} before its removal")
    missing = [name for name in names if name not in response.json()]
    precondition(not missing, f"{entity_id} is stored without {', '.join(missing)}: {describe(response)}")


def read_back_history(broker: Broker, entity_id: str, **options: Any) -> dict[str, Any]:
    """The Temporal Evolution of an Entity that must be there; as `read_back`, whole or partial (200 or 206)."""
    response = broker.retrieve_temporal(entity_id, **options)
    if response.status == 404:
        fail(f"a Temporal Evolution of {entity_id} exists", describe(response))
    precondition(response.status in (200, 206), f"reading back {entity_id}: observed {describe(response)}")
    body = response.json()
    precondition(
        isinstance(body, dict), f"reading back {entity_id}: expected a JSON object, observed {describe(response)}"
    )
    return dict(body)


def nulls_supported(response: Response) -> None:
    """NGSI-LD Nulls only *should* be supported; OperationNotSupported says they are not (5.6.2.4, 5.6.17.4)."""
    if response.status == 422 and error_type(response) == "OperationNotSupported":
        warn(Reason.SHOULD_VIOLATED, "support for NGSI-LD Nulls", describe(response))
