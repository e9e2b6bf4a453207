"""Replace Entity and Replace Attribute: ETSI GS CIM 009 V1.9.1, clauses 5.6.18, 5.6.19, 6.5.3.3 and 6.7.3.3."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, OTHER_DATASET, PARKING, read_back, simple_vehicle, stored
from ldt_conformance.clients import property_, relationship
from ldt_conformance.comparators import same_instant
from ldt_conformance.engine.verdicts import fail, precondition

WRITE = Mode.SANDBOX_WRITE
ENTITY_REPLACED = cim009(
    "5.6.18.4", "completely replace the existing Entity with the same Entity ID with the new Entity content provided."
)
ATTRIBUTE_REPLACED = cim009(
    "5.6.19.4", "Completely replace the existing Attribute instance with the new Attribute content provided."
)


@check(
    id="replace-entity/whole",
    title="A replaced Entity consists of the new content alone",
    level=Level.MUST,
    clause=ENTITY_REPLACED,
    requirements=["ngsi-ld/5.6.18"],
    test_purposes=purposes("CI/Prov/E/054_01_01"),
    pics=["PICS_EntRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_whole(broker: Broker, stored_entity: Entity) -> None:
    replacement = Entity(stored_entity.id, stored_entity.type).with_property("colour", "red")

    response = broker.replace_entity(stored_entity.id, replacement)

    expect_status(response, 204)
    expect_entity(replacement.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="replace-entity/scopes",
    title="Replacing an Entity replaces its Scopes",
    level=Level.MUST,
    clause=ENTITY_REPLACED,
    requirements=["ngsi-ld/5.6.18", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/E/054_03_01"),
    pics=["PICS_SCOPES", "PICS_EntRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_scopes(broker: Broker) -> None:
    entity = stored(broker, simple_vehicle(broker).with_scope("/Madrid/Gardens", "/CompanyA"))
    replacement = entity.with_scope("/Paris/Parcs")

    response = broker.replace_entity(entity.id, replacement)

    expect_status(response, 204)
    expect_entity(replacement.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="replace-entity/created-at-stays",
    title="Replacing an Entity leaves its createdAt as it was",
    level=Level.MUST,
    clause=cim009(
        "5.6.18.4",
        "The system generated createdAt Temporal Property of the Entity as defined in clause 4.8 remain unchanged.",
    ),
    requirements=["ngsi-ld/5.6.18", "ngsi-ld/4.8"],
    since="1.6.1",
    mode=WRITE,
)
def test_created_at_stays(broker: Broker, stored_entity: Entity) -> None:
    system = {"options": "sysAttrs"}
    before = read_back(broker, stored_entity.id, params=system)
    precondition("createdAt" in before, "the Entity carries no createdAt with options=sysAttrs")

    response = broker.replace_entity(stored_entity.id, stored_entity.with_property("speed", 1))

    expect_status(response, 204)
    after = read_back(broker, stored_entity.id, params=system)
    if not same_instant(before["createdAt"], after.get("createdAt")):
        fail(f"createdAt {before['createdAt']}", f"createdAt {after.get('createdAt')}")


@check(
    id="replace-entity/unknown-id",
    title="Replacing an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.18.4", "clause 5.12), then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.18"],
    test_purposes=purposes("CI/Prov/E/054_02_03"),
    pics=["PICS_EntRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    entity = simple_vehicle(broker)

    response = broker.replace_entity(entity.id, entity)

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="replace-entity/id-no-uri",
    title="Replacing under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.18.4",
        "Entity ID is not a valid URI or it is not present, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.18"],
    test_purposes=purposes("CI/Prov/E/054_02_01"),
    pics=["PICS_EntRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.replace_entity(broker.not_a_uri(), {"type": broker.new_type(), "speed": property_(1)})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="replace-attribute/whole",
    title="A replaced Attribute consists of the new content alone, and the others stay",
    level=Level.MUST,
    clause=ATTRIBUTE_REPLACED,
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_01_01"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_whole(broker: Broker, stored_entity: Entity) -> None:
    response = broker.replace_attribute(stored_entity.id, "speed", property_(80))

    expect_status(response, 204)
    found = read_back(broker, stored_entity.id)
    expect_entity(stored_entity.with_property("speed", 80).to_json(), found, exact_attributes=True)
    left = [name for name in ("unitCode", "observedAt") if name in found["speed"]]
    if left:
        fail("speed without the members of before", f"speed still has {left}")


@check(
    id="replace-attribute/other-type",
    title="Replacing may give an Attribute another Attribute type",
    level=Level.MUST,
    clause=ATTRIBUTE_REPLACED,
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_01_02"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_other_type(broker: Broker, stored_entity: Entity) -> None:
    response = broker.replace_attribute(stored_entity.id, "brandName", relationship("urn:ngsi-ld:Brand:Mercedes"))

    expect_status(response, 204)
    expected = stored_entity.without("brandName").with_relationship("brandName", "urn:ngsi-ld:Brand:Mercedes")
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="replace-attribute/default-instance",
    title="Replacing without a datasetId changes the default instance alone",
    level=Level.MUST,
    clause=[ATTRIBUTE_REPLACED, cim009("4.5.5.1", "If no datasetId is provided, or")],
    requirements=["ngsi-ld/5.6.19", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/055_02_01"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_default_instance(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)

    response = broker.replace_attribute(entity.id, "speed", property_(70))

    expect_status(response, 204)
    expect_entity(entity.with_property("speed", 70).to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="replace-attribute/dataset",
    title="Replacing with a datasetId changes that instance alone",
    level=Level.MUST,
    clause=[ATTRIBUTE_REPLACED, cim009("4.5.5.1", "only instances with the same datasetId are affected")],
    requirements=["ngsi-ld/5.6.19", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/055_02_02"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)

    response = broker.replace_attribute(entity.id, "speed", property_(70, dataset_id=DATASET))

    expect_status(response, 204)
    expected = entity.with_property("speed", 70, dataset_id=DATASET)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="replace-attribute/unknown-attribute",
    title="Replacing an Attribute that the Entity does not have is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.6.19.4",
        "then this shall result in an error of type ResourceNotFound in case the complete Replace Attribute",
    ),
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_03_04"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_unknown(broker: Broker, stored_entity: Entity) -> None:
    response = broker.replace_attribute(stored_entity.id, "absentAttribute", property_(1))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="replace-attribute/unknown-id",
    title="Replacing an Attribute of an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.19.4", "clause 5.12), then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_03_02"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_unknown_id(broker: Broker) -> None:
    response = broker.replace_attribute(broker.new_id(), "speed", property_(1))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="replace-attribute/id-no-uri",
    title="Replacing an Attribute under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.19.4", "If the target Entity ID is not a valid URI, then an error of type BadRequestData shall be raised."
    ),
    requirements=["ngsi-ld/5.6.19"],
    test_purposes=purposes("CI/Prov/EA/055_03_01"),
    pics=["PICS_AttRep"],
    since="1.6.1",
    mode=WRITE,
)
def test_attribute_id_no_uri(broker: Broker) -> None:
    response = broker.replace_attribute(broker.not_a_uri(), "isParked", relationship(PARKING, dataset_id=OTHER_DATASET))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="replace-attribute/scope",
    title="Replacing the Attribute scope is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.19.4", "If the target Attribute is scope, then an error of type BadRequestData shall be raised."
    ),
    requirements=["ngsi-ld/5.6.19", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/055_03_05"),
    pics=["PICS_AttRep"],
    since="1.8.1",
    mode=WRITE,
)
def test_attribute_scope(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens"))

    response = broker.replace_attribute(entity.id, "scope", property_("/Paris"))

    expect_problem(response, status=400, error_type="BadRequestData")
