"""What the kinds of Attributes have and never have: ETSI GS CIM 009 V1.9.1, clauses 4.5.2 to 4.5.24, 4.7.1 and 5.2.

A ListRelationship, valueType, and what no Entity may be created with: a member of another kind, an NGSI-LD Null where
only a URI or a value can be, a location that is no place.
"""

from collections.abc import Sequence
from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import LISBON, PARKING, VOCABULARY, read_back
from ldt_conformance.clients import NGSI_LD_NULL, relationship
from ldt_conformance.comparators import instances
from ldt_conformance.engine.verdicts import fail

WRITE = Mode.SANDBOX_WRITE
BAD_REQUEST = cim009("5.5.4", "the API data type definitions, then an error of type BadRequestData shall be raised.")
NULL_ELSEWHERE = cim009("5.2.1", "raise an error of type BadRequestData if an NGSI-LD Null value is encountered.")
STOPS = ["urn:ngsi-ld:BusStop:9912", "urn:ngsi-ld:BusStop:0101", "urn:ngsi-ld:BusStop:9912"]
# Each with a member that its kind never has (4.5.2.2, 4.5.3.2, 4.5.18.2, 4.5.20.2, 4.5.21.2, 4.5.22.2, 4.5.24.2).
FOREIGN: Sequence[dict[str, Any]] = (
    {"type": "Property", "value": 1, "object": PARKING},
    {"type": "Property", "value": 1, "languageMap": {"en": "one"}},
    {"type": "Property", "value": 1, "vocab": "one"},
    {"type": "Relationship", "object": PARKING, "value": 1},
    {"type": "Relationship", "object": PARKING, "unitCode": "KMH"},
    {"type": "LanguageProperty", "languageMap": {"en": "one"}, "value": "one"},
    {"type": "LanguageProperty", "languageMap": {"en": "one"}, "unitCode": "KMH"},
    {"type": "VocabProperty", "vocab": "one", "value": "one"},
    {"type": "ListProperty", "valueList": [1], "value": 1},
    {"type": "ListRelationship", "objectList": [{"object": PARKING}], "object": PARKING},
    {"type": "JsonProperty", "json": {"one": 1}, "value": 1},
)


def each_refused(broker: Broker, entities: Sequence[Entity]) -> None:
    """Fail unless the creation of each of these is BadRequestData."""
    for entity in entities:
        expect_problem(broker.create_entity(entity), status=400, error_type="BadRequestData")


def objects_of(found: dict[str, Any], name: str) -> list[Any]:
    """The URIs of a normalized ListRelationship, in order."""
    instance = instances(found, name).get(None)
    listed = instance.get("objectList") if isinstance(instance, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) and set(item) == {"object"} for item in listed):
        fail(f'{name} with an objectList of JSON objects that have "object" alone', f"{instance!r}")
    return [item["object"] for item in listed]


@check(
    id="create-entity/list-relationship",
    title="A ListRelationship keeps its objects in their order",
    level=Level.MUST,
    clause=cim009("4.5.22.2", '"objectList": a JSON representation of an ordered array of Relationship Objects each'),
    requirements=["ngsi-ld/4.5.22"],
    since="1.8.1",
    mode=WRITE,
)
def test_list_relationship(broker: Broker) -> None:
    route = {"type": "ListRelationship", "objectList": [{"object": stop} for stop in STOPS]}
    entity = broker.new_entity().with_attribute("route", route)

    expect_status(broker.create_entity(entity), 201)

    found = read_back(broker, entity.id)
    if objects_of(found, "route") != STOPS:
        fail(f"route to {STOPS}", f"route to {objects_of(found, 'route')}")


@check(
    id="create-entity/list-relationship-concise",
    title="A concise ListRelationship of URIs is stored like its normalized form",
    level=Level.MUST,
    clause=cim009(
        "4.5.22.3", "Strings representing URIs only, where expansion to Relationship objects can be inferred"
    ),
    requirements=["ngsi-ld/4.5.22"],
    since="1.8.1",
    mode=WRITE,
)
def test_list_relationship_concise(broker: Broker) -> None:
    entity = broker.new_entity().with_attribute("route", {"objectList": STOPS})

    expect_status(broker.create_entity(entity), 201)

    found = read_back(broker, entity.id)
    if objects_of(found, "route") != STOPS:
        fail(f"route to {STOPS}", f"route to {objects_of(found, 'route')}")


@check(
    id="create-entity/value-type",
    title="Properties of each kind keep their valueType",
    level=Level.MUST,
    clause=[
        cim009(number, "The supported JSON members shall follow the requirements provided in Table")
        for number in ("5.2.5", "5.2.7", "5.2.35", "5.2.36", "5.2.38")
    ],
    requirements=["ngsi-ld/4.5.2", "ngsi-ld/4.5.20", "ngsi-ld/4.5.21", "ngsi-ld/4.5.24"],
    since="1.9.1",
    mode=WRITE,
)
def test_value_type(broker: Broker) -> None:
    value_type = f"{VOCABULARY}Kind"
    entity = (
        broker.new_entity()
        .with_property("age", 3, valueType=value_type)
        .with_geo_property("place", LISBON, valueType=value_type)
        .with_vocab_property("category", f"{VOCABULARY}one", valueType=value_type)
        .with_list_property("periods", [1, 2], valueType=value_type)
        .with_json_property("raw", {"one": 1}, valueType=value_type)
    )

    expect_status(broker.create_entity(entity), 201)

    expect_entity(entity.to_json(), read_back(broker, entity.id))


@check(
    id="create-entity/member-of-another-kind",
    title="An Attribute with a member that its kind never has is refused",
    level=Level.MUST,
    clause=[
        cim009("4.5.2.2", '"object" and "previousObject": shall never be present'),
        cim009("4.5.3.2", '"unitCode": shall never be present, as Relationships are unitless.'),
        cim009("4.5.18.2", '"value" and "previousValue": shall never be present'),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.2", "ngsi-ld/4.5.3"],
    since="1.8.1",
    mode=WRITE,
)
def test_member_of_another_kind(broker: Broker) -> None:
    each_refused(broker, [broker.new_entity().with_attribute("thing", instance) for instance in FOREIGN])


@check(
    id="create-entity/null-for-a-uri",
    title="NGSI-LD Null as a datasetId, or among the objects of an Attribute, is refused on creation",
    level=Level.MUST,
    clause=NULL_ELSEWHERE,
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.0"],
    since="1.9.1",
    mode=WRITE,
)
def test_null_for_a_uri(broker: Broker) -> None:
    objects = {"type": "ListRelationship", "objectList": [{"object": NGSI_LD_NULL}]}
    each_refused(
        broker,
        [
            broker.new_entity().with_property("speed", 1, dataset_id=NGSI_LD_NULL),
            broker.new_entity().with_attribute("isParked", relationship(PARKING, dataset_id=NGSI_LD_NULL)),
            broker.new_entity().with_relationship("passengers", [PARKING, NGSI_LD_NULL]),
            broker.new_entity().with_attribute("route", objects),
        ],
    )


@check(
    id="merge-entity/null-dataset-id",
    title="NGSI-LD Null as a datasetId is refused in a merge",
    level=Level.MUST,
    clause=[cim009("5.5.12", "A datasetId cannot be deleted by setting it to the value"), NULL_ELSEWHERE],
    requirements=["ngsi-ld/5.5.12", "ngsi-ld/4.5.5"],
    pics=["PICS_EntMer"],
    since="1.9.1",
    mode=WRITE,
)
def test_null_dataset_id(broker: Broker, stored_entity: Entity) -> None:
    fragment = {"speed": {"type": "Property", "value": 1, "datasetId": NGSI_LD_NULL}}

    response = broker.merge_entity(stored_entity.id, fragment)

    expect_problem(response, status=400, error_type="BadRequestData")
    left = instances(read_back(broker, stored_entity.id), "speed")
    if list(left) != [None]:
        fail("speed with its default instance alone", f"instances by datasetId: {sorted(map(str, left))}")


@check(
    id="create-entity/location-no-geo-property",
    title="A location, observationSpace or operationSpace that is no GeoProperty is refused",
    level=Level.MUST,
    clause=[
        cim009("5.2.4", "The supported JSON members shall follow the requirements provided in Table 5.2.4-1."),
        cim009("4.7.1", "NGSI-LD defines the following Properties of type GeoProperty."),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.7"],
    since="1.8.1",
    mode=WRITE,
)
def test_location_no_geo_property(broker: Broker) -> None:
    each_refused(
        broker,
        [
            broker.new_entity().with_property("location", "Lisbon"),
            broker.new_entity().with_relationship("observationSpace", PARKING),
            broker.new_entity().with_property("operationSpace", 1),
        ],
    )


@check(
    id="create-entity/core-term-as-name",
    title="An Attribute that has the name of a non-reified member of the core @context is refused",
    level=Level.MUST,
    clause=[
        cim009(
            "4.5.1",
            'Terms defined in the Core Context as non-reified Properties (such as "datasetId", "instanceId", etc.)',
        ),
        BAD_REQUEST,
    ],
    requirements=["ngsi-ld/5.5.4", "ngsi-ld/4.5.1"],
    mode=WRITE,
)
def test_core_term_as_name(broker: Broker) -> None:
    each_refused(broker, [broker.new_entity().with_property(name, 1) for name in ("datasetId", "instanceId")])
