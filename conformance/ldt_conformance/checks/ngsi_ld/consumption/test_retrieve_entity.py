"""Retrieve Entity: ETSI GS CIM 009 V1.9.1, clauses 5.7.1 and 6.5.3.1. What sample data can tell is only read."""

from typing import Any

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_entity,
    expect_ids,
    expect_members,
    expect_object,
    expect_problem,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, read_back, stored
from ldt_conformance.checks.ngsi_ld.sample import Sample
from ldt_conformance.comparators import attribute_value, instances, members_of, same_value, type_names
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_date_time, expect_equal

WRITE = Mode.SANDBOX_WRITE
RETURNED = cim009("5.7.1.5", "A JSON-LD object representing the target Entity as mandated by clause 5.2.4")
SIMPLIFIED = {"options": "keyValues"}


def json_kinds(entity: dict[str, Any]) -> dict[str, str]:
    """The members of an Entity with the kind of their values; 20 and 20.5 are both numbers."""
    kinds = {name: "number" if type(value) in (int, float) else type(value).__name__ for name, value in entity.items()}
    return {name: kind for name, kind in kinds.items() if name != "@context"}


@check(
    id="retrieve-entity/by-id",
    title="An Entity is retrieved by its id, with id and type",
    level=Level.MUST,
    clause=RETURNED,
    requirements=["ngsi-ld/5.7.1"],
    test_purposes=purposes("CI/Cons/E/018_01_01"),
    pics=["PICS_EntRet"],
)
def test_by_id(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.retrieve_entity(sample.id))

    expect_equal(found.get("id"), sample.id, "id")
    expect_equal(type_names(found), type_names(sample.first), "type")


@check(
    id="retrieve-entity/whole",
    title="An Entity is retrieved with every Attribute that was stored",
    level=Level.MUST,
    clause=RETURNED,
    requirements=["ngsi-ld/5.7.1"],
    test_purposes=purposes("CI/Cons/E/018_01_01", "CI/Cons/E/018_06_01"),
    pics=["PICS_EntRet"],
    mode=WRITE,
)
def test_whole(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id))

    expect_entity(stored_entity.to_json(), found, exact_attributes=True)


@check(
    id="retrieve-entity/unknown-id",
    title="Retrieving an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.4",
        "locally whose id (URI), and where specified type, is equivalent, and no matching registrations apply, then an",
    ),
    requirements=["ngsi-ld/5.7.1"],
    test_purposes=purposes("CI/Cons/E/018_03_01"),
    pics=["PICS_EntRet"],
)
def test_unknown_id(broker: Broker) -> None:
    expect_problem(broker.retrieve_entity(broker.new_id()), status=404, error_type="ResourceNotFound")


@check(
    id="retrieve-entity/id-no-uri",
    title="Retrieving under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.4",
        "Entity ID is not present or it is not a valid URI, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.7.1"],
    test_purposes=purposes("CI/Cons/E/018_02_01"),
    pics=["PICS_EntRet"],
)
def test_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.retrieve_entity(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="retrieve-entity/attrs",
    title="attrs reduces the Entity to the Attributes named, beside id and type",
    level=Level.MUST,
    clause=cim009("6.5.3.1", "List of Attributes to be matched by the Entity and included in the response."),
    requirements=["ngsi-ld/5.7.1", "ngsi-ld/4.21"],
    test_purposes=purposes("CI/Cons/E/018_01_02"),
    pics=["PICS_EntRet"],
)
def test_attrs(broker: Broker, sample: Sample) -> None:
    name = sample.attribute_name()

    found = expect_object(broker.retrieve_entity(sample.id, params={"attrs": name}))

    expect_members(found, present=["id", "type"])
    expect_equal(members_of(found), members_of({name: 1}), "the Attributes of the answer")


@check(
    id="retrieve-entity/attrs-unknown",
    title="attrs with a name that the Entity does not have is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.4",
        "Entity ID, but this Entity does not have any of the Attributes in the Attribute list, then an error of type",
    ),
    requirements=["ngsi-ld/5.7.1"],
    test_purposes=purposes("CI/Cons/E/018_03_02"),
    pics=["PICS_EntRet"],
)
def test_attrs_unknown(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, params={"attrs": broker.unique("absent")})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="retrieve-entity/pick",
    title="pick reduces the Entity to the members named and to nothing else",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.5",
        "If a restrictive list of Entity member names is present, the Entity is reduced down to only contain the",
    ),
    requirements=["ngsi-ld/5.7.1", "ngsi-ld/4.21"],
    since="1.8.1",
    mode=WRITE,
)
def test_pick(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, params={"pick": "id,speed"}))

    expect_equal(sorted(set(found) - {"@context"}), ["id", "speed"], "the members of the answer")


@check(
    id="retrieve-entity/omit",
    title="omit removes the members named and nothing else",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.5",
        "If an exclusionary list of Entity member names is present, the defined Entity members listed are removed",
    ),
    requirements=["ngsi-ld/5.7.1", "ngsi-ld/4.21"],
    since="1.8.1",
    mode=WRITE,
)
def test_omit(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, params={"omit": "type,speed,location"}))

    expect_equal(sorted(set(found) - {"@context"}), ["brandName", "id", "isParked"], "the members of the answer")


@check(
    id="retrieve-entity/type-matches",
    title="type on a retrieval finds the Entity only where it has that type",
    level=Level.MUST,
    clause=cim009("5.7.1.4", "whose id (URI), and where specified type, is equivalent"),
    requirements=["ngsi-ld/5.7.1"],
    since="1.8.1",
    mode=WRITE,
)
def test_type_matches(broker: Broker, stored_entity: Entity) -> None:
    right = broker.retrieve_entity(stored_entity.id, params={"type": str(stored_entity.type)})
    wrong = broker.retrieve_entity(stored_entity.id, params={"type": broker.new_type()})

    expect_status(right, 200)
    expect_problem(wrong, status=404, error_type="ResourceNotFound")


@check(
    id="retrieve-entity/simplified",
    title="The simplified representation shows values and objects alone",
    level=Level.MUST,
    clause=cim009(
        "4.5.4",
        "For each Property a member whose key is the Property name (a term) and whose value is the Property Value.",
    ),
    requirements=["ngsi-ld/4.5.4", "ngsi-ld/6.3.7"],
    test_purposes=purposes("CI/Cons/E/018_04_01"),
    pics=["PICS_HTTP_SIMP_REPR"],
    mode=WRITE,
)
def test_simplified(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, params=SIMPLIFIED))

    expected = {
        "id": stored_entity.id,
        "type": stored_entity.type,
        **{name: attribute_value(stored_entity.to_json(), name) for name in stored_entity.attributes},
    }
    shown = {key: value for key, value in found.items() if key != "@context"}
    if not same_value(expected, shown):
        fail(f"{expected}", f"{shown}")


@check(
    id="retrieve-entity/simplified-sample",
    title="In simplified representation no Attribute shows its type and value members",
    level=Level.MUST,
    clause=cim009("6.3.7", "simplified representation of Entities shall be provided as defined by clause 4.5.4."),
    requirements=["ngsi-ld/4.5.4", "ngsi-ld/6.3.7"],
    test_purposes=purposes("CI/Cons/E/018_04_01"),
    pics=["PICS_HTTP_SIMP_REPR"],
)
def test_simplified_sample(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.retrieve_entity(sample.id, params=SIMPLIFIED))

    reified = [
        name
        for name, value in found.items()
        if isinstance(value, dict)
        and value.get("type") in {"Property", "Relationship", "GeoProperty", "LanguageProperty"}
    ]
    expect_members(found, present=["id", "type"])
    expect_equal(reified, [], "Attributes that are still objects with a type")


@check(
    id="retrieve-entity/simplified-dataset",
    title="The simplified representation of several instances lists them by datasetId",
    level=Level.MUST,
    clause=cim009("4.5.4", "The default datasetId (where present) is represented by the JSON-LD keyword"),
    requirements=["ngsi-ld/4.5.4", "ngsi-ld/4.5.5"],
    since="1.8.1",
    mode=WRITE,
)
def test_simplified_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)

    found = expect_object(broker.retrieve_entity(entity.id, params=SIMPLIFIED))

    expected = {"dataset": {"@none": 50, DATASET: 54}}
    if not same_value(expected, found.get("speed")):
        fail(f"speed {expected}", f"speed {found.get('speed')}")


@check(
    id="retrieve-entity/concise",
    title="The concise representation leaves out Attribute types and loses nothing",
    level=Level.MUST,
    clause=cim009("6.3.7", "representation possible, for example removing all Attribute type members."),
    requirements=["ngsi-ld/4.5.2", "ngsi-ld/6.3.7"],
    since="1.6.1",
    mode=WRITE,
)
def test_concise(broker: Broker, stored_entity: Entity) -> None:
    found = expect_object(broker.retrieve_entity(stored_entity.id, params={"options": "concise"}))

    typed = [
        name
        for name in ("speed", "brandName", "isParked")
        if isinstance(found.get(name), dict) and "type" in found[name]
    ]
    expect_equal(typed, [], "Attributes that still show their type")
    for name in stored_entity.attributes:
        wanted, seen = attribute_value(stored_entity.to_json(), name), attribute_value(found, name)
        if name != "location" and not same_value(wanted, seen):
            fail(f"{name} {wanted!r}", f"{name} {found.get(name)!r}")
    speed = found["speed"] if isinstance(found["speed"], dict) else {}
    expect_equal(speed.get("unitCode"), "KMH", "speed.unitCode")


@check(
    id="retrieve-entity/format-parameter",
    title="format=simplified means the same as options=keyValues",
    level=Level.MUST,
    clause=cim009("6.3.7", 'When its value is "simplified" (or its synonym'),
    requirements=["ngsi-ld/6.3.7"],
    since="1.8.1",
)
def test_format_parameter(broker: Broker, sample: Sample) -> None:
    by_format = expect_object(broker.retrieve_entity(sample.id, params={"format": "simplified"}))
    by_option = expect_object(broker.retrieve_entity(sample.id, params=SIMPLIFIED))
    if json_kinds(by_format) != json_kinds(by_option):  # the site lives: something may have come between the two
        by_format = expect_object(broker.retrieve_entity(sample.id, params={"format": "simplified"}))

    expect_equal(json_kinds(by_format), json_kinds(by_option), "members and their JSON types")


@check(
    id="retrieve-entity/system-attributes",
    title="With options=sysAttrs Entity and Attributes show createdAt and modifiedAt as DateTimes",
    level=Level.MUST,
    clause=[
        cim009(
            "6.3.11",
            "that the system generated temporal attributes createdAt, modifiedAt and the system temporal attribute",
        ),
        cim009("4.6.3", "Therefore, all timestamps shall be expressed in UTC."),
    ],
    requirements=["ngsi-ld/6.3.11", "ngsi-ld/4.8", "ngsi-ld/4.6.3"],
    mode=WRITE,
)
def test_system_attributes(broker: Broker, stored_entity: Entity) -> None:
    found = read_back(broker, stored_entity.id, params={"options": "sysAttrs"})

    speed = instances(found, "speed").get(None) or {}
    for name in ("createdAt", "modifiedAt"):
        expect_date_time(found.get(name), name)
        expect_date_time(speed.get(name), f"speed.{name}")


@check(
    id="retrieve-entity/system-attributes-form",
    title="The system timestamps of the site's own Entities are DateTimes in UTC",
    level=Level.MUST,
    clause=cim009(
        "4.8",
        "Temporal Properties in NGSI-LD shall be represented based on the DateTime data type as mandated by clause",
    ),
    requirements=["ngsi-ld/4.6.3", "ngsi-ld/4.8"],
)
def test_system_attributes_form(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.retrieve_entity(sample.id, params={"options": "sysAttrs"}))

    for name in ("createdAt", "modifiedAt"):
        if name in found:  # 6.3.11: "where known"
            expect_date_time(found[name], name)


@check(
    id="retrieve-entity/no-system-attributes",
    title="Without options=sysAttrs the system timestamps are not shown",
    level=Level.MUST,
    clause=cim009("6.3.11", 'When its value includes the keyword "sysAttrs", a'),
    requirements=["ngsi-ld/6.3.11"],
)
def test_no_system_attributes(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.retrieve_entity(sample.id))

    expect_members(found, absent=["createdAt", "modifiedAt"])


@check(
    id="retrieve-entity/dataset",
    title="datasetId keeps the instances named and drops Attributes that have none of them",
    level=Level.MUST,
    clause=cim009(
        "5.7.1.4",
        "Filter the Attribute instances based on the datasetId parameter, i.e. keep only the Attribute instances",
    ),
    requirements=["ngsi-ld/4.5.5", "ngsi-ld/5.7.1"],
    since="1.8.1",
    mode=WRITE,
)
def test_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity.with_property("brandName", "Mercedes"))

    found = expect_object(broker.retrieve_entity(entity.id, params={"datasetId": DATASET}))

    expect_members(found, present=["speed"], absent=["brandName"])
    expect_equal(list(instances(found, "speed")), [DATASET], "the instances of speed")


@check(
    id="retrieve-entity/vehicles-apart",
    title="Two Entities of one type are retrieved each under its own id",
    level=Level.MUST,
    clause=cim009("4.5.1", '"id" whose value shall be a URI that identifies the Entity.'),
    requirements=["ngsi-ld/4.5.1"],
    mode=WRITE,
)
def test_apart(broker: Broker, stored_entity: Entity) -> None:
    other = stored(broker, stored_entity.with_id(broker.new_id("Vehicle")).with_property("speed", 1))

    found = [expect_object(broker.retrieve_entity(entity.id)) for entity in (stored_entity, other)]

    expect_ids(found, [stored_entity.id, other.id])
    expect_equal([attribute_value(entity, "speed") for entity in found], [55, 1], "speed of the two Entities")
