"""Transient Entities and Attributes: ETSI GS CIM 009 V1.9.1, clauses 4.22, 4.5, 5.2.4 and 6.3.11.

Whether anything is shown after its expiresAt is not judged, because "final deletion will always lag the expiresAt
timestamp to a certain extent" (4.22), and nobody says how far. Here all lie far in the future.
"""

from collections.abc import Mapping
from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import (
    DATASET,
    LISBON,
    PARKING,
    nulls_supported,
    read_back,
    simple_vehicle,
)
from ldt_conformance.clients import NGSI_LD_NULL, property_
from ldt_conformance.comparators import instances, same_instant
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import expect_members, require

BASE: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/4.22"],
    "since": "1.9.1",
    "mode": Mode.SANDBOX_WRITE,
}
SUPPORTED = cim009("4.22", "In this regard NGSI-LD defines the following system Property of type TemporalProperty")
SHOWN = cim009("6.3.11", "modifiedAt and the system temporal attribute expiresAt are")
MET = cim009("5.5.4", "the API data type definitions, then an error of type BadRequestData shall be raised.")
SOONER, LATER = "2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def shown(broker: Broker, entity_id: str) -> dict[str, Any]:
    """The Entity with its system Attributes (6.3.11)."""
    return read_back(broker, entity_id, params={"options": "sysAttrs"})


def expect_expiry(holder: Mapping[str, Any], expected: str, what: str) -> None:
    """Fail unless an Entity or an Attribute instance expires at this instant."""
    if not same_instant(holder.get("expiresAt"), expected):
        fail(f"{what} with expiresAt {expected}", f"expiresAt {holder.get('expiresAt')!r}")


def expect_attribute_expiry(entity: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Fail unless the default instances of these Attributes expire at these instants."""
    for name, expected in names.items():
        expect_expiry(instances(entity, name).get(None, {}), expected, name)


@check(
    id="transient/entity",
    title="An Entity is stored with its expiresAt",
    clause=[SUPPORTED, SHOWN],
    **BASE,
)
def test_entity(broker: Broker) -> None:
    document = simple_vehicle(broker).to_json()

    response = broker.create_entity({**document, "expiresAt": LATER})

    expect_status(response, 201)
    expect_expiry(shown(broker, document["id"]), LATER, "the Entity")


@check(
    id="transient/property-and-relationship",
    title="A Property and a Relationship are stored with an expiresAt of their own",
    clause=[SUPPORTED, SHOWN],
    **BASE,
)
def test_property_and_relationship(broker: Broker) -> None:
    entity = (
        broker.new_entity("Vehicle")
        .with_property("speed", 55, expiresAt=SOONER)
        .with_relationship("isParked", PARKING, expiresAt=LATER)
    )

    expect_status(broker.create_entity(entity), 201)

    expect_attribute_expiry(shown(broker, entity.id), {"speed": SOONER, "isParked": LATER})


@check(
    id="transient/kinds-of-properties",
    title="A GeoProperty and a LanguageProperty are stored with an expiresAt of their own",
    clause=[
        cim009("5.2.7", "System temporal Property"),
        cim009("5.2.32", "System temporal Property"),
        SHOWN,
    ],
    **BASE,
)
def test_kinds_of_properties(broker: Broker) -> None:
    entity = (
        broker.new_entity("Vehicle")
        .with_geo_property("location", LISBON, expiresAt=SOONER)
        .with_language_property("colour", {"en": "red"}, expiresAt=LATER)
    )

    expect_status(broker.create_entity(entity), 201)

    expect_attribute_expiry(shown(broker, entity.id), {"location": SOONER, "colour": LATER})


@check(
    id="transient/instances",
    title="Of two instances of an Attribute each has its own expiresAt, or none",
    clause=[
        SUPPORTED,
        cim009(
            "4.5.5.1", "with the same datasetId are affected, leaving instances with another datasetId or an instance"
        ),
    ],
    **BASE,
)
def test_instances(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 54, dataset_id=DATASET, expiresAt=LATER)

    expect_status(broker.create_entity(entity.with_property("speed", 50)), 201)

    found = instances(shown(broker, entity.id), "speed")
    expect_expiry(found.get(DATASET, {}), LATER, f"the instance {DATASET}")
    expect_members(found.get(None, {}), present=["value"], absent=["expiresAt"])


@check(
    id="transient/entity-no-date-time",
    title="An expiresAt of an Entity that is no DateTime is BadRequestData",
    clause=[MET, cim009("5.2.4", "representing the expiration date")],
    **BASE,
)
def test_entity_no_date_time(broker: Broker) -> None:
    response = broker.create_entity({**simple_vehicle(broker).to_json(), "expiresAt": "tomorrow"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="transient/attribute-no-date-time",
    title="An expiresAt of an Attribute that is no DateTime is BadRequestData",
    clause=[MET, cim009("5.2.5", "the expiration date for")],
    **BASE,
)
def test_attribute_no_date_time(broker: Broker) -> None:
    response = broker.create_entity(broker.new_entity("Vehicle").with_property("speed", 55, expiresAt="tomorrow"))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="transient/update-replaces",
    title="An Attribute that is updated without expiresAt does not expire any more",
    clause=cim009("5.6.2.4", "existing Attribute in the target Entity shall be replaced by the new one supplied. The"),
    **{**BASE, "requirements": ["ngsi-ld/4.22", "ngsi-ld/5.6.2"]},
)
def test_update_replaces(broker: Broker) -> None:
    entity = expiring(broker)

    response = broker.update_attributes(entity.id, {"speed": property_(60)})

    expect_status(response, 204)
    found = instances(shown(broker, entity.id), "speed").get(None, {})
    expect_members(found, present=["value"], absent=["expiresAt"])


@check(
    id="transient/partial-update-keeps",
    title="A partial update that does not name expiresAt leaves it as it is",
    clause=cim009(
        "5.6.4.1",
        "partial update only changes the elements provided in an Entity Fragment, leaving the rest as they are.",
    ),
    **{**BASE, "requirements": ["ngsi-ld/4.22", "ngsi-ld/5.6.4"]},
)
def test_partial_update_keeps(broker: Broker) -> None:
    entity = expiring(broker)

    response = broker.partial_update_attribute(entity.id, "speed", {"type": "Property", "value": 60})

    expect_status(response, 204)
    expect_attribute_expiry(shown(broker, entity.id), {"speed": SOONER})


@check(
    id="transient/merge-keeps",
    title="A merge that does not name the expiresAt of an Attribute leaves it as it is",
    clause=cim009("5.5.12", "Results in the update of the value and observedAt sub-Attributes and leaves the unitCode"),
    **{**BASE, "requirements": ["ngsi-ld/4.22", "ngsi-ld/5.6.17"]},
)
def test_merge_keeps(broker: Broker) -> None:
    entity = expiring(broker)

    response = broker.merge_entity(entity.id, {"speed": property_(60)})

    expect_status(response, 204)
    expect_attribute_expiry(shown(broker, entity.id), {"speed": SOONER})


@check(
    id="transient/merge-null-removes",
    title="A merge of an Attribute's expiresAt with NGSI-LD Null removes it",
    clause=[
        cim009("5.5.12", "Fragment are given special meaning to indicate the removal"),
        cim009("5.4", "Null shall cause for the member to be removed from the target NGSI-LD element."),
    ],
    **{**BASE, "requirements": ["ngsi-ld/4.22", "ngsi-ld/5.6.17", "ngsi-ld/4.5.0"]},
)
def test_merge_null_removes(broker: Broker) -> None:
    entity = expiring(broker)

    response = broker.merge_entity(entity.id, {"speed": property_(60, expiresAt=NGSI_LD_NULL)})

    nulls_supported(response)
    expect_status(response, 204)
    found = instances(shown(broker, entity.id), "speed").get(None, {})
    expect_members(found, present=["value"], absent=["expiresAt"])


@check(
    id="transient/replace-entity",
    title="An Entity that is replaced without expiresAt does not expire any more",
    clause=cim009("5.6.18.4", "completely replace the existing Entity with the same Entity ID with the new"),
    **{**BASE, "requirements": ["ngsi-ld/4.22", "ngsi-ld/5.6.18"]},
)
def test_replace_entity(broker: Broker) -> None:
    entity = expiring(broker)

    response = broker.replace_entity(entity.id, entity)

    expect_status(response, 204)
    expect_members(shown(broker, entity.id), present=["id", "speed"], absent=["expiresAt"])


def expiring(broker: Broker) -> Entity:
    """A stored Entity that expires, and before it its speed; both have been seen."""
    entity = broker.new_entity("Vehicle").with_property("speed", 55, expiresAt=SOONER)
    document = {**entity.to_json(), "expiresAt": LATER}
    require(broker.create_entity(document), 201, step=f"creating the Entity {entity.id}")
    found = shown(broker, entity.id)
    seen = instances(found, "speed").get(None, {}).get("expiresAt"), found.get("expiresAt")
    stands = same_instant(seen[0], SOONER) and same_instant(seen[1], LATER)
    precondition(stands, f"the speed and the Entity expire at {seen}, expected {(SOONER, LATER)}")
    return entity
