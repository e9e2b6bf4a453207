"""Create Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.1 and 6.4.3.1."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_entity, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import (
    DATASET,
    LATER,
    LISBON,
    OBSERVED,
    OTHER_DATASET,
    PARKING,
    read_back,
    simple_vehicle,
    stored,
)
from ldt_conformance.clients import point, property_, relationship
from ldt_conformance.comparators import instances
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_location

CREATED = cim009("5.6.1.4", "Any remaining input data shall be used to create the Entity locally.")
WRITE = Mode.SANDBOX_WRITE


def create_and_compare(broker: Broker, entity: Entity) -> None:
    """Create an Entity, expect 201, and expect it back as it was sent and with no Attribute more."""
    response = broker.create_entity(entity)

    expect_status(response, 201)
    expect_entity(entity.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="create-entity/minimal",
    title="An Entity with nothing but id and type is created and can be retrieved",
    level=Level.MUST,
    clause=CREATED,
    requirements=["ngsi-ld/5.6.1"],
    test_purposes=purposes("CI/Prov/E/001_01_01"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_minimal(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity())


@check(
    id="create-entity/location-header",
    title="The answer to a creation carries a Location header that leads to the Entity",
    level=Level.MUST,
    clause=cim009("6.4.3.1", '"Location" HTTP header that contains the relative path of the created entity.'),
    requirements=["ngsi-ld/6.4.3.1"],
    test_purposes=purposes("CI/Prov/E/001_01_01", "CI/Prov/E/001_01_02"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_location_header(broker: Broker) -> None:
    entity = broker.new_entity()

    response = broker.create_entity(entity)

    expect_status(response, 201)
    expect_location(response, f"/entities/{entity.id}")


@check(
    id="create-entity/properties",
    title="Properties keep value, unit and observation time",
    level=Level.MUST,
    clause=[CREATED, cim009("4.5.2.2", '"value": the Property Value')],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.5.2"],
    test_purposes=purposes("CI/Prov/E/001_01_02"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_properties(broker: Broker) -> None:
    create_and_compare(
        broker,
        broker.new_entity("Building")
        .with_property("almostFull", False)
        .with_property("floors", 12)
        .with_property("temperature", 20.5, unit_code="CEL", observed_at=OBSERVED)
        .with_property("label", "Torre de Belém")
        .with_property("address", {"street": "Avenida Brasília", "city": "Lisboa", "numbers": [1, 2]})
        .with_property("keywords", ["tower", "river"]),
    )


@check(
    id="create-entity/sub-attributes",
    title="Properties of Relationships and Relationships of Properties are kept",
    level=Level.MUST,
    clause=[
        CREATED,
        cim009(
            "4.5.2.2",
            "For each of the Relationships this Property is associated with, a member whose key (a term) is the",
        ),
    ],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.5.2", "ngsi-ld/4.5.3"],
    test_purposes=purposes("CI/Prov/E/001_01_03"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_sub_attributes(broker: Broker) -> None:
    sensor = relationship("urn:ngsi-ld:Device:31415", accuracy=property_(0.9))
    create_and_compare(
        broker,
        broker.new_entity("Building")
        .with_property("temperature", 20, providedBy=sensor, precision=property_(0.1, unit_code="CEL"))
        .with_relationship("locatedIn", "urn:ngsi-ld:City:Lisboa", since=property_("1521")),
    )


@check(
    id="create-entity/location",
    title="The default GeoProperty location is kept",
    level=Level.MUST,
    clause=[CREATED, cim009("4.7.1", "Geospatial Properties in NGSI-LD shall be represented using GeoJSON Geometries")],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/E/001_01_04"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_location(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity("Building").with_geo_property("location", LISBON))


@check(
    id="create-entity/other-geo-property",
    title="A GeoProperty that is no core term is kept",
    level=Level.MUST,
    clause=[CREATED, cim009("4.7.1", "additional Properties of type GeoProperty can be defined by Context Producers")],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/E/001_01_05"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_other_geo_property(broker: Broker) -> None:
    route = {"type": "LineString", "coordinates": [[-9.14, 38.72], [-9.15, 38.73], [-9.16, 38.71]]}
    create_and_compare(broker, broker.new_entity("Building").with_geo_property("accessRoute", route))


@check(
    id="create-entity/observation-space",
    title="The GeoProperty observationSpace is kept",
    level=Level.MUST,
    clause=[
        CREATED,
        cim009("4.7.1", "observationSpace is defined as the geospatial Property representing the geographic location"),
    ],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/E/001_12"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_observation_space(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity("Camera").with_geo_property("observationSpace", point(-9.2, 38.7)))


@check(
    id="create-entity/operation-space",
    title="The GeoProperty operationSpace is kept",
    level=Level.MUST,
    clause=[
        CREATED,
        cim009("4.7.1", "operationSpace is defined as the geospatial Property representing the geographic location"),
    ],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/E/001_13"),
    pics=["PICS_EntCre"],
    mode=WRITE,
)
def test_operation_space(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity("Crane").with_geo_property("operationSpace", point(-9.2, 38.7)))


@check(
    id="create-entity/language-property",
    title="A LanguageProperty keeps its whole language map",
    level=Level.MUST,
    clause=[
        CREATED,
        cim009("4.5.18.2", '"languageMap": a JSON object consisting of a set of a non-empty language tags'),
    ],
    requirements=["ngsi-ld/5.6.1", "ngsi-ld/4.5.18"],
    test_purposes=purposes("CI/Prov/E/001_10_01"),
    pics=["PICS_LANG", "PICS_EntCre"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_property(broker: Broker) -> None:
    streets = {"fr": "Grand Place", "nl": "Grote Markt", "@none": "Main square"}
    create_and_compare(broker, broker.new_entity("Building").with_language_property("street", streets))


@check(
    id="create-entity/vocab-property",
    title="A VocabProperty keeps its vocabulary term",
    level=Level.MUST,
    clause=cim009("4.5.20.2", '"type": the fixed value "VocabProperty".'),
    requirements=["ngsi-ld/4.5.20"],
    since="1.8.1",
    mode=WRITE,
)
def test_vocab_property(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity().with_vocab_property("category", "nonCommercial"))


@check(
    id="create-entity/json-property",
    title="A JsonProperty keeps raw JSON, whose keys are never expanded",
    level=Level.MUST,
    clause=cim009("4.5.24.2", '"type": the fixed value "JsonProperty".'),
    requirements=["ngsi-ld/4.5.24"],
    since="1.8.1",
    mode=WRITE,
)
def test_json_property(broker: Broker) -> None:
    ticket = {"id": "85a6cc52-0589-45f9", "value": "Overstay 60 minutes"}
    create_and_compare(broker, broker.new_entity().with_json_property("parkingTicket", ticket))


@check(
    id="create-entity/list-property",
    title="A ListProperty keeps its values in their order",
    level=Level.MUST,
    clause=cim009("4.5.21.2", '"valueList": a JSON representation ordered array of Property Values'),
    requirements=["ngsi-ld/4.5.21"],
    since="1.8.1",
    mode=WRITE,
)
def test_list_property(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity().with_list_property("periods", ["third", "first", "second", "first"]))


@check(
    id="create-entity/multi-attribute",
    title="Instances of one Attribute that differ by datasetId are all kept",
    level=Level.MUST,
    clause=cim009(
        "4.5.5.1", "if there are multiple instances of matching Attributes these are returned as arrays of Attributes"
    ),
    requirements=["ngsi-ld/4.5.5", "ngsi-ld/5.6.1"],
    mode=WRITE,
)
def test_multi_attribute(broker: Broker) -> None:
    create_and_compare(
        broker,
        broker.new_entity("Vehicle")
        .with_property("speed", 50, observed_at=OBSERVED)
        .with_property("speed", 54, dataset_id=DATASET, observed_at=LATER)
        .with_property("speed", 56, dataset_id=OTHER_DATASET)
        .with_relationship("isParked", PARKING, dataset_id=DATASET),
    )


@check(
    id="create-entity/one-scope",
    title="An Entity keeps its Scope",
    level=Level.MUST,
    clause=cim009(
        "4.18", "The use of Scopes is optional and an Entity can be assigned to one or more Scopes at the same time."
    ),
    requirements=["ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/E/001_11_01"),
    pics=["PICS_SCOPES"],
    since="1.5.1",
    mode=WRITE,
)
def test_one_scope(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity().with_scope("/Madrid/Gardens/ParqueNorte"))


@check(
    id="create-entity/many-scopes",
    title="An Entity keeps all of its Scopes",
    level=Level.MUST,
    clause=cim009("4.18", "The value of scope is represented as a JSON array in case there is more than one Scope."),
    requirements=["ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/E/001_11_02"),
    pics=["PICS_SCOPES"],
    since="1.5.1",
    mode=WRITE,
)
def test_many_scopes(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity().with_scope("/Madrid/Gardens", "/CompanyA/OrganizationB/UnitC"))


@check(
    id="create-entity/many-types",
    title="An Entity keeps all of its Entity Types",
    level=Level.MUST,
    clause=cim009(
        "4.5.1",
        "an unordered JSON array with multiple Entity Type names in case of an Entity that has multiple Entity Types",
    ),
    requirements=["ngsi-ld/4.16"],
    since="1.5.1",
    mode=WRITE,
)
def test_many_types(broker: Broker) -> None:
    create_and_compare(broker, broker.new_entity().with_type(broker.new_type("Home"), broker.new_type("Vehicle")))


@check(
    id="create-entity/concise",
    title="An Entity sent in concise representation is stored like its normalized form",
    level=Level.MUST,
    clause=cim009(
        "4.5.2.1", "Both normalized and concise representation of Properties shall be supported by implementations"
    ),
    requirements=["ngsi-ld/4.5.2"],
    since="1.6.1",
    mode=WRITE,
)
def test_concise(broker: Broker) -> None:
    entity = simple_vehicle(broker)
    concise = {
        "id": entity.id,
        "type": entity.type,
        "speed": {"value": 55, "unitCode": "KMH", "observedAt": OBSERVED},
        "brandName": "Mercedes",
        "isParked": {"object": PARKING, "observedAt": OBSERVED},
        "location": LISBON,
    }

    response = broker.create_entity(concise)

    expect_status(response, 201)
    expect_entity(entity.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="create-entity/default-instance-has-no-dataset-id",
    title="The default instance of an Attribute is returned without a datasetId",
    level=Level.MUST,
    clause=cim009(
        "4.5.5.1", "The datasetId of the default Attribute instance is never explicitly included in responses"
    ),
    requirements=["ngsi-ld/4.5.5"],
    since="1.9.1",
    mode=WRITE,
)
def test_default_instance(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_property("speed", 10, dataset_id="@none"))

    found = instances(read_back(broker, entity.id), "speed").get(None)

    if not isinstance(found, dict) or "datasetId" in found:
        fail("a default instance of speed without a datasetId", f"{found!r}")
