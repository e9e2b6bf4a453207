"""Create Entity, what is refused: ETSI GS CIM 009 V1.9.1, clauses 5.5.4, 5.6.1 and 6.4.3.1."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_entity, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import (
    read_back,
    simple_vehicle,
    stored,
)
from ldt_conformance.clients import NGSI_LD_NULL, property_
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import describe

BAD_REQUEST = cim009("5.5.4", "the API data type definitions, then an error of type BadRequestData shall be raised.")
WRITE = Mode.SANDBOX_WRITE


@check(
    id="create-entity/existing-id",
    title="Creating an Entity whose id is in use is refused",
    level=Level.MUST,
    clause=cim009(
        "5.6.1.4", "If the Entity already exists locally this shall result in an error of type AlreadyExists"
    ),
    requirements=["ngsi-ld/5.6.1"],
    test_purposes=purposes("CI/Prov/E/001_03_01"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_existing_id(broker: Broker, stored_entity: Entity) -> None:
    duplicate = stored_entity.with_property("speed", 40, unit_code="KMH")

    response = broker.create_entity(duplicate)

    expect_problem(response, status=409, error_type="AlreadyExists")


@check(
    id="create-entity/existing-id-untouched",
    title="A refused second creation leaves the Entity as it was",
    level=Level.MUST,
    clause=cim009(
        "5.6.1.4", "If the Entity already exists locally this shall result in an error of type AlreadyExists"
    ),
    requirements=["ngsi-ld/5.6.1"],
    test_purposes=purposes("CI/Prov/E/001_03_01"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_existing_id_untouched(broker: Broker) -> None:
    entity = stored(broker, simple_vehicle(broker))

    response = broker.create_entity(entity.with_property("speed", 40).with_property("stowaway", 1))

    if response.status < 400:
        fail("an error, because the id is in use", describe(response))
    expect_entity(entity.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="create-entity/invalid-json",
    title="A body that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009(
        "5.5.4",
        "request payload body is not a valid JSON document then an error of type InvalidRequest shall be raised.",
    ),
    requirements=["ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/E/001_02_01"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_invalid_json(broker: Broker) -> None:
    broken = f'{{"id": "{broker.new_id()}", "type": "{broker.new_type()}", "speed": '.encode()

    response = broker.send("POST", "/entities/", content=broken, content_type="application/json", expects_refusal=True)

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="create-entity/empty-array",
    title="A body that is JSON but no Entity is refused",
    level=Level.MUST,
    clause=BAD_REQUEST,
    requirements=["ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/E/001_02_02"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_empty_array(broker: Broker) -> None:
    """Ruling W15: `[]` is valid JSON of the wrong shape, so BadRequestData; InvalidRequest is tolerated."""
    response = broker.send("POST", "/entities/", content=b"[]", content_type="application/json", expects_refusal=True)

    expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])


@check(
    id="create-entity/no-type",
    title="An Entity without a type is refused",
    level=Level.MUST,
    clause=[
        cim009("4.5.1", '"type" whose value shall be equal to the Entity Type name'),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.1"],
    mode=WRITE,
)
def test_no_type(broker: Broker) -> None:
    response = broker.create_entity({"id": broker.new_id(), "speed": property_(1)})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="create-entity/id-no-uri",
    title="An Entity whose id is no URI is refused",
    level=Level.MUST,
    clause=[
        cim009("4.5.1", '"id" whose value shall be a URI that identifies the Entity.'),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.1"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.create_entity({"id": broker.not_a_uri(), "type": broker.new_type()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="create-entity/property-without-value",
    title="A normalized Property without a value is refused",
    level=Level.MUST,
    clause=[
        cim009("4.5.2.2", '"value": the Property Value'),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.2"],
    mode=WRITE,
)
def test_property_without_value(broker: Broker) -> None:
    response = broker.create_entity(broker.new_entity().with_attribute("speed", {"type": "Property"}))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="create-entity/null-value",
    title="NGSI-LD Null as the value of a Property is refused on creation",
    level=Level.MUST,
    clause=cim009("5.5.4", 'Any attempt to use "urn:ngsi-ld:null" as the right-hand side of value in a Property'),
    requirements=["ngsi-ld/5.5.4"],
    since="1.8.1",
    mode=WRITE,
)
def test_null_value(broker: Broker) -> None:
    response = broker.create_entity(broker.new_entity().with_property("speed", NGSI_LD_NULL))

    expect_problem(response, status=400, error_type="BadRequestData")
