"""Delete Attribute: ETSI GS CIM 009 V1.9.1, clauses 5.6.5 and 6.7.3.2."""

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_entity,
    expect_members,
    expect_problem,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, OTHER_DATASET, read_back, seen, stored
from ldt_conformance.clients import point

WRITE = Mode.SANDBOX_WRITE


def three_speeds(broker: Broker) -> Entity:
    """A stored Entity with a default instance of speed and two with a datasetId."""
    return stored(
        broker,
        broker.new_entity("Vehicle")
        .with_property("speed", 50)
        .with_property("speed", 54, dataset_id=DATASET)
        .with_property("speed", 56, dataset_id=OTHER_DATASET)
        .with_property("brandName", "Mercedes"),
    )


@check(
    id="delete-attribute/default-instance",
    title="Without parameters the default instance is deleted and instances with a datasetId stay",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "if no datasetId parameter is provided, remove the default target Attribute instance from the target Entity.",
    ),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/013_01_01"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_default_instance(broker: Broker) -> None:
    entity = three_speeds(broker)

    response = broker.delete_attribute(entity.id, "speed")

    expect_status(response, 204)
    expected = entity.without("speed").with_property("speed", 54, dataset_id=DATASET)
    expected = expected.with_property("speed", 56, dataset_id=OTHER_DATASET)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="delete-attribute/dataset",
    title="With a datasetId that instance alone is deleted",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "if a datasetId parameter is provided, remove only the target Attribute instance from the given dataset",
    ),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/013_01_02"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_dataset(broker: Broker) -> None:
    entity = three_speeds(broker)

    response = broker.delete_attribute(entity.id, "speed", params={"datasetId": DATASET})

    expect_status(response, 204)
    expected = entity.without("speed").with_property("speed", 50).with_property("speed", 56, dataset_id=OTHER_DATASET)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="delete-attribute/all-instances",
    title="With deleteAll every instance is deleted",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4", "If the deleteAll flag is set, remove all target Attribute instances from the target Entity."
    ),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/013_01_03"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_all_instances(broker: Broker) -> None:
    entity = three_speeds(broker)

    response = broker.delete_attribute(entity.id, "speed", params={"deleteAll": True})

    expect_status(response, 204)
    expect_entity(entity.without("speed").to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="delete-attribute/scope",
    title="Deleting scope removes the Scope from the Entity",
    level=Level.MUST,
    clause=cim009("5.6.5.4", "If the target Attribute is scope, remove the scope Attribute from the target Entity."),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/013_04"),
    pics=["PICS_SCOPES", "PICS_AttDel"],
    since="1.5.1",
    mode=WRITE,
)
def test_scope(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens").with_property("kept", 1))
    seen(broker, entity.id, "scope")

    response = broker.delete_attribute(entity.id, "scope")

    expect_status(response, 204)
    expect_members(read_back(broker, entity.id), present=["kept"], absent=["scope"])


@check(
    id="delete-attribute/spaces",
    title="The GeoProperties observationSpace and operationSpace can be deleted",
    level=Level.MUST,
    clause=cim009("5.6.5.1", "This operation allows deleting an NGSI-LD Attribute"),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/EA/013_05", "CI/Prov/EA/013_06"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_spaces(broker: Broker) -> None:
    entity = broker.new_entity().with_geo_property("observationSpace", point(1, 2)).with_property("kept", 1)
    stored(broker, entity.with_geo_property("operationSpace", point(3, 4)))
    seen(broker, entity.id, "observationSpace", "operationSpace")

    observation = broker.delete_attribute(entity.id, "observationSpace")
    operation = broker.delete_attribute(entity.id, "operationSpace")

    expect_status(observation, 204)
    expect_status(operation, 204)
    expect_members(read_back(broker, entity.id), present=["kept"], absent=["observationSpace", "operationSpace"])


@check(
    id="delete-attribute/unknown-id",
    title="Deleting an Attribute of an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "held locally, and no matching registrations apply, then an error of type ResourceNotFound shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.5"],
    test_purposes=purposes("CI/Prov/EA/013_03_01"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    expect_problem(broker.delete_attribute(broker.new_id(), "speed"), status=404, error_type="ResourceNotFound")


@check(
    id="delete-attribute/unknown-attribute",
    title="Deleting an Attribute that the Entity does not have is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "target Entity does not contain the target Attribute then an error of type ResourceNotFound shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.5"],
    test_purposes=purposes("CI/Prov/EA/013_03_02"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_unknown_attribute(broker: Broker, stored_entity: Entity) -> None:
    response = broker.delete_attribute(stored_entity.id, "absentAttribute")

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="delete-attribute/unknown-dataset",
    title="Deleting an instance with a datasetId that is not there is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "target Entity does not contain the target Attribute then an error of type ResourceNotFound shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.5", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/013_03_03"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_unknown_dataset(broker: Broker, stored_entity: Entity) -> None:
    response = broker.delete_attribute(stored_entity.id, "speed", params={"datasetId": OTHER_DATASET})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="delete-attribute/id-no-uri",
    title="Deleting an Attribute under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.5.4",
        "Entity ID is not a valid URI or it is not present, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.5"],
    test_purposes=purposes("CI/Prov/EA/013_02_02"),
    pics=["PICS_AttDel"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.delete_attribute(broker.not_a_uri(), "speed"), status=400, error_type="BadRequestData")
