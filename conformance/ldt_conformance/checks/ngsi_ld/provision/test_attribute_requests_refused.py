"""Requests on Attributes that are incomplete or name nothing valid: CIM 009 V1.9.1, clauses 5.6.2 to 5.6.5, 5.6.19.

Never a deletion without an Entity id: whoever folds the empty segment may read another one than was meant.
"""

from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, Reason, check, expect_entity, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import read_back
from ldt_conformance.checks.ngsi_ld.temporal.test_temporal_attributes_refused import EMPTY_SEGMENT, NO_NAME
from ldt_conformance.clients import entity_resource, property_, segment
from ldt_conformance.engine.verdicts import warn
from ldt_conformance.expectations import describe, expect_not_allowed

DECLARED: dict[str, Any] = {"level": Level.MUST, "mode": Mode.SANDBOX_WRITE}


def refused_without_id(broker: Broker, method: str, path: str, body: dict[str, Any]) -> None:
    """BadRequestData for a path in which the Entity id is missing; ruling M9."""
    response = broker.send(method, path, body=body, expects_refusal=True)

    expect_problem(response, status=400, error_type="BadRequestData", tolerated=EMPTY_SEGMENT)


@check(
    id="append-attributes/not-present",
    title="Appending Attributes without an Entity id is BadRequestData",
    clause=cim009("5.6.3.4", "If the Entity ID is not present or it is not a valid URI"),
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_02_01"),
    pics=["PICS_AppAttEnt"],
    **DECLARED,
)
def test_append_not_present(broker: Broker) -> None:
    refused_without_id(broker, "POST", "/entities//attrs/", {"speed": property_(1)})


@check(
    id="update-attributes/not-present",
    title="Updating Attributes without an Entity id is BadRequestData",
    clause=cim009("5.6.2.4", "If the Entity ID is not present or it is not a valid URI"),
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_02_01"),
    pics=["PICS_UpdAttEnt"],
    **DECLARED,
)
def test_update_not_present(broker: Broker) -> None:
    refused_without_id(broker, "PATCH", "/entities//attrs/", {"speed": property_(1)})


@check(
    id="partial-update/not-present",
    title="A partial update without an Entity id is BadRequestData",
    clause=cim009("5.6.4.4", "If the target Entity ID is not a valid URI or it is not present"),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_02_01"),
    pics=["PICS_ParAttUpd"],
    **DECLARED,
)
def test_partial_update_not_present(broker: Broker) -> None:
    refused_without_id(broker, "PATCH", "/entities//attrs/speed", {"value": 1})


@check(
    id="partial-update/empty",
    title="A partial update by an empty fragment changes nothing",
    clause=cim009("5.6.4.4", "The behaviour defined in clause 5.5.4 on JSON-LD validation."),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_02_04"),
    pics=["PICS_ParAttUpd"],
    **DECLARED,
)
def test_partial_update_empty(broker: Broker, stored_entity: Entity) -> None:
    """Ruling M25: no clause has a least number of members, so 400 and 204 both pass."""
    response = broker.partial_update_attribute(stored_entity.id, "speed", {})

    if response.status != 204:
        expect_problem(response, status=400, error_type="BadRequestData")
    expect_entity(stored_entity.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="delete-attribute/no-name",
    title="A deletion of an Attribute without its name is 405 with the methods that are allowed, and deletes nothing",
    clause=cim009("6.3.2", "which shall be raised when a client invokes a wrong HTTP verb over a resource."),
    requirements=["ngsi-ld/6.3.2"],
    test_purposes=purposes("CI/Prov/EA/013_02_03"),
    pics=["PICS_AttDel"],
    **DECLARED,
)
def test_delete_no_name(broker: Broker, stored_entity: Entity) -> None:
    """The resource is there, that verb is not (rulings M9 and W23)."""
    path = f"/entities/{segment(stored_entity.id)}/attrs/"
    response = broker.send("DELETE", path, touches=[entity_resource(stored_entity.id)], expects_refusal=True)

    expect_entity(stored_entity.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)
    expect_not_allowed(response, "POST", "PATCH")


@check(
    id="replace-attribute/invalid-name",
    title="Replacing an Attribute under a name that is none is BadRequestData",
    clause=cim009(
        "5.6.19.4", "If the target Attribute name is not valid, then an error of type BadRequestData shall be"
    ),
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_03_03"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    **DECLARED,
)
def test_replace_invalid_name(broker: Broker, stored_entity: Entity) -> None:
    """What a name may be is in 4.6.2, where the error is a recommendation: that no such Attribute is found warns."""
    response = broker.replace_attribute(stored_entity.id, NO_NAME, property_(1), expects_refusal=True)

    if response.status == 404:
        warn(Reason.TOLERATED, "400 BadRequestData", describe(response))
    expect_problem(response, status=400, error_type="BadRequestData")
