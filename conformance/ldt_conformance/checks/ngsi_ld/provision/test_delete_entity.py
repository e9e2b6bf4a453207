"""Delete Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.6 and 6.5.3.2."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import seen, simple_vehicle, stored
from ldt_conformance.expectations import require

WRITE = Mode.SANDBOX_WRITE
REMOVED = cim009("5.6.6.4", "The input data shall be used to remove the entity locally if it exists.")


@check(
    id="delete-entity/gone",
    title="A deleted Entity answers 204 and is gone",
    level=Level.MUST,
    clause=REMOVED,
    requirements=["ngsi-ld/5.6.6"],
    test_purposes=purposes("CI/Prov/E/002_01_01"),
    pics=["PICS_EntDel"],
    mode=WRITE,
)
def test_gone(broker: Broker, stored_entity: Entity) -> None:
    seen(broker, stored_entity.id)

    response = broker.delete_entity(stored_entity.id)

    expect_status(response, 204)
    expect_problem(broker.retrieve_entity(stored_entity.id), status=404, error_type="ResourceNotFound")


@check(
    id="delete-entity/others-stay",
    title="Deleting one Entity leaves another of the same type alone",
    level=Level.MUST,
    clause=REMOVED,
    requirements=["ngsi-ld/5.6.6"],
    test_purposes=purposes("CI/Prov/E/002_01_01"),
    pics=["PICS_EntDel"],
    mode=WRITE,
)
def test_others_stay(broker: Broker, stored_entity: Entity) -> None:
    other = stored(broker, simple_vehicle(broker).with_type(str(stored_entity.type)))

    require(broker.delete_entity(stored_entity.id), 204, step="deleting the first of two Entities")

    expect_status(broker.retrieve_entity(other.id), 200)


@check(
    id="delete-entity/unknown-id",
    title="Deleting an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.6.4", "then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.6"],
    test_purposes=purposes("CI/Prov/E/002_03_01"),
    pics=["PICS_EntDel"],
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    expect_problem(broker.delete_entity(broker.new_id()), status=404, error_type="ResourceNotFound")


@check(
    id="delete-entity/id-no-uri",
    title="Deleting under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.6.4",
        "If the target Entity ID is not present or it is not a valid URI, then an error of type BadRequestData",
    ),
    requirements=["ngsi-ld/5.6.6"],
    test_purposes=purposes("CI/Prov/E/002_02_02"),
    pics=["PICS_EntDel"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.delete_entity(broker.not_a_uri()), status=400, error_type="BadRequestData")
