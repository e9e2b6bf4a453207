"""Discovery of types and Attributes: ETSI GS CIM 009 V1.9.1, clauses 5.7.5 to 5.7.10 and 6.25 to 6.28."""

from typing import Any

from ldt_conformance import (
    Broker,
    Entity,
    Level,
    Mode,
    check,
    expect_list,
    expect_members,
    expect_object,
    expect_problem,
    require,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.checks.ngsi_ld.sample import Sample
from ldt_conformance.comparators import DEFAULT_VOCABULARY, expand_name
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import expect_equal

WRITE = Mode.SANDBOX_WRITE
DETAILS = {"details": True}
TYPES_PICS = ["PICS_RetAvaEntTyp"]


def tagged(broker: Broker) -> Entity:
    """An Entity whose type and whose Attribute no other Entity has."""
    return broker.new_entity("Tagged").with_property(broker.unique("attribute"), 1)


def as_list(value: Any) -> list[Any]:
    """An array as it is; anything else as an array of one, which means the same in JSON-LD."""
    return value if isinstance(value, list) else [value]


def names(value: Any) -> set[str]:
    """Names by meaning: short, compact or in full, in any order."""
    return {expand_name(name) for name in as_list(value) if isinstance(name, str)}


@check(
    id="discovery/types",
    title="The list of types is an EntityTypeList that names the types of Entities that exist",
    level=Level.MUST,
    clause=[
        cim009(
            "5.7.5.4", "Return a JSON-LD object representing the list of entity types, as mandated by clause 5.2.24"
        ),
        cim009("5.2.24", '"EntityTypeList"'),
    ],
    requirements=["ngsi-ld/5.7.5"],
    test_purposes=purposes("CI/Cons/DISC/022_01_01"),
    pics=TYPES_PICS,
)
def test_types(broker: Broker, sample: Sample) -> None:
    found = expect_object(broker.retrieve_types())

    expect_members(found, present=["id", "type", "typeList"])
    expect_equal(found["type"], "EntityTypeList", "type")
    if not names(found["typeList"]) & names(sample.type):
        listed = as_list(found["typeList"])
        fail(f"a typeList with {sample.type}", f"typeList of {len(listed)}: {listed[:20]}")


@check(
    id="discovery/types-new",
    title="A new type is in the list while an Entity of it exists, and gone with it",
    level=Level.MUST,
    clause=cim009("5.7.5.4", "for which entity instances exist within the NGSI-LD system."),
    requirements=["ngsi-ld/5.7.5"],
    test_purposes=purposes("CI/Cons/DISC/022_01_01"),
    pics=TYPES_PICS,
    mode=WRITE,
)
def test_types_new(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))

    while_there = names(expect_object(broker.retrieve_types()).get("typeList"))
    require(broker.delete_entity(entity.id), 204, step="deleting the one Entity of the type")
    afterwards = names(expect_object(broker.retrieve_types()).get("typeList"))

    seen = tuple(expand_name(str(entity.type)) in listed for listed in (while_there, afterwards))
    expect_equal(seen, (True, False), f"whether {entity.type} is listed with, and without, an Entity of it")


@check(
    id="discovery/types-details",
    title="With details=true the types come with the names of their Attributes",
    level=Level.MUST,
    clause=cim009("4.5.11", "including the names of attributes that instances of each entity type can have."),
    requirements=["ngsi-ld/5.7.6"],
    test_purposes=purposes("CI/Cons/DISC/023_01_01"),
    pics=TYPES_PICS,
    mode=WRITE,
)
def test_types_details(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))

    found = expect_list(broker.retrieve_types(params=DETAILS))

    mine = next((item for item in found if item.get("id") == f"{DEFAULT_VOCABULARY}{entity.type}"), None)
    if mine is None:
        fail(f"an element with the id {DEFAULT_VOCABULARY}{entity.type}", f"{len(found)} elements, none with it")
    expect_equal(mine.get("type"), "EntityType", "type of the element")
    expect_equal(names(mine.get("typeName")), names(entity.type), "typeName")
    expect_equal(names(mine.get("attributeNames")), names(list(entity.attributes)), "attributeNames")


@check(
    id="discovery/types-details-sample",
    title="With details=true every type has id, type, typeName and attributeNames",
    level=Level.MUST,
    clause=cim009("4.5.11", '"attributeNames": JSON-LD array containing the names of attributes'),
    requirements=["ngsi-ld/5.7.6"],
    test_purposes=purposes("CI/Cons/DISC/023_01_01"),
    pics=TYPES_PICS,
)
def test_types_details_sample(broker: Broker, sample: Sample) -> None:
    found = expect_list(broker.retrieve_types(params=DETAILS))

    if not found:
        fail(f"at least the type {sample.type}", "an empty array")
    for item in found:
        expect_members(item, present=["id", "type", "typeName", "attributeNames"])
        expect_equal(item["type"], "EntityType", "type")


@check(
    id="discovery/type",
    title="The details of a type are an EntityTypeInfo with its Attributes and its number of Entities",
    level=Level.MUST,
    clause=[
        cim009(
            "5.7.7.4",
            "Return a JSON-LD object representing the details of the specified entity type as mandated by clause",
        ),
        cim009("5.2.26", "Number of entity instances of this entity type."),
    ],
    requirements=["ngsi-ld/5.7.7"],
    test_purposes=purposes("CI/Cons/DISC/024_01_01", "CI/Cons/DISC/024_02_01"),
    pics=["PICS_DetAvaEntTyp"],
    mode=WRITE,
)
def test_type(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))
    stored(broker, entity.with_id(broker.new_id("Tagged")))

    found = expect_object(broker.retrieve_type(str(entity.type)))

    expected = {"id": f"{DEFAULT_VOCABULARY}{entity.type}", "type": "EntityTypeInfo", "entityCount": 2}
    expect_equal({name: found.get(name) for name in expected}, expected, "the details of the type")
    expect_equal(names(found.get("typeName")), names(entity.type), "typeName")
    details = as_list(found.get("attributeDetails"))
    shown = names([item.get("attributeName") for item in details if isinstance(item, dict)])
    expect_equal(shown, names(list(entity.attributes)), "the Attributes in attributeDetails")


@check(
    id="discovery/type-by-iri",
    title="The details of a type are also found by its full name",
    level=Level.MUST,
    clause=cim009("5.7.7.3", "Entity type name for which detailed information is to be retrieved."),
    requirements=["ngsi-ld/5.7.7"],
    test_purposes=purposes("CI/Cons/DISC/024_02_02"),
    pics=["PICS_DetAvaEntTyp"],
    mode=WRITE,
)
def test_type_by_iri(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))
    iri = f"{DEFAULT_VOCABULARY}{entity.type}"

    found = expect_object(broker.retrieve_type(iri))

    expect_equal(found.get("id"), iri, "id")


@check(
    id="discovery/type-unknown",
    title="The details of a type of which there is no Entity are ResourceNotFound",
    level=Level.MUST,
    clause=cim009("6.26.3.1", "It is used when a client provided an entity type not known to the system"),
    requirements=["ngsi-ld/5.7.7"],
    pics=["PICS_DetAvaEntTyp"],
)
def test_type_unknown(broker: Broker) -> None:
    expect_problem(broker.retrieve_type(broker.new_type()), status=404, error_type="ResourceNotFound")


@check(
    id="discovery/attributes",
    title="The list of Attributes is an AttributeList that names the Attributes of Entities that exist",
    level=Level.MUST,
    clause=[
        cim009("5.7.8.4", "Return a JSON-LD object representing the list of attributes as mandated by clause 5.2.27"),
        cim009("5.2.27", '"AttributeList"'),
    ],
    requirements=["ngsi-ld/5.7.8"],
    test_purposes=purposes("CI/Cons/DISC/025_01_01"),
    pics=["PICS_AvaAtt"],
)
def test_attributes(broker: Broker, sample: Sample) -> None:
    name = sample.attribute_name()

    found = expect_object(broker.retrieve_attributes())

    expect_members(found, present=["id", "type", "attributeList"])
    expect_equal(found["type"], "AttributeList", "type")
    if not names(found["attributeList"]) & names(name):
        listed = as_list(found["attributeList"])
        fail(f"an attributeList with {name}", f"attributeList of {len(listed)}: {listed[:20]}")


@check(
    id="discovery/attributes-details",
    title="With details=true the Attributes come with the types that have them",
    level=Level.MUST,
    clause=cim009("5.7.9.4", "(restricted to the elements id, type, attributeName and typeNames)"),
    requirements=["ngsi-ld/5.7.9"],
    test_purposes=purposes("CI/Cons/DISC/026_01_01"),
    pics=["PICS_AvaAtt"],
    mode=WRITE,
)
def test_attributes_details(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))
    (name,) = entity.attributes

    found = expect_list(broker.retrieve_attributes(params=DETAILS))

    mine = next((item for item in found if item.get("id") == f"{DEFAULT_VOCABULARY}{name}"), None)
    if mine is None:
        fail(f"an element with the id {DEFAULT_VOCABULARY}{name}", f"{len(found)} elements, none with it")
    expect_equal(mine.get("type"), "Attribute", "type of the element")
    expect_equal(names(mine.get("attributeName")), names(name), "attributeName")
    if names(mine.get("typeNames")) != names(entity.type):
        wanted = f"typeNames ['{entity.type}'] (optional in 4.5.14)"
        if "typeNames" in mine:
            fail(wanted, f"typeNames {mine['typeNames']}")
        warn(Reason.TOLERATED, wanted, "no typeNames")


@check(
    id="discovery/attribute",
    title="The details of an Attribute are an Attribute element with count, kinds and types",
    level=Level.MUST,
    clause=cim009(
        "5.7.10.4",
        "Return a JSON-LD object representing the details of available attributes as mandated by clause 5.2.28",
    ),
    requirements=["ngsi-ld/5.7.10"],
    test_purposes=purposes("CI/Cons/DISC/027_01_01", "CI/Cons/DISC/027_02_01"),
    pics=["PICS_DetAvaAtt"],
    mode=WRITE,
)
def test_attribute(broker: Broker) -> None:
    entity = stored(broker, tagged(broker))
    (name,) = entity.attributes

    found = expect_object(broker.retrieve_attribute(name))

    expected = {"id": f"{DEFAULT_VOCABULARY}{name}", "type": "Attribute"}
    expect_equal({key: found.get(key) for key in expected}, expected, "the details of the Attribute")
    expect_equal(names(found.get("attributeName")), names(name), "attributeName")
    optional = {"attributeCount": [1], "attributeTypes": names("Property"), "typeNames": names(entity.type)}
    shown = {
        key: as_list(found[key]) if key == "attributeCount" else names(found[key]) for key in optional if key in found
    }
    wrong = {key: value for key, value in shown.items() if value != optional[key]}
    expect_equal(wrong, {}, f"optional members that differ from {optional}")


@check(
    id="discovery/attribute-by-iri",
    title="The details of an Attribute are also found by its full name",
    level=Level.MUST,
    clause=cim009("5.7.10.3", "Name of the attribute for which detailed information is to be retrieved."),
    requirements=["ngsi-ld/5.7.10"],
    test_purposes=purposes("CI/Cons/DISC/027_02_02"),
    pics=["PICS_DetAvaAtt"],
    mode=WRITE,
)
def test_attribute_by_iri(broker: Broker) -> None:
    (name,) = stored(broker, tagged(broker)).attributes

    found = expect_object(broker.retrieve_attribute(f"{DEFAULT_VOCABULARY}{name}"))

    expect_equal(found.get("id"), f"{DEFAULT_VOCABULARY}{name}", "id")


@check(
    id="discovery/attribute-unknown",
    title="The details of an Attribute that no Entity has are ResourceNotFound",
    level=Level.MUST,
    clause=cim009("6.28.3.1", "It is used when a client provided an attribute name not known to the system"),
    requirements=["ngsi-ld/5.7.10"],
    pics=["PICS_DetAvaAtt"],
)
def test_attribute_unknown(broker: Broker) -> None:
    response = broker.retrieve_attribute(broker.unique("attribute"))

    expect_problem(response, status=404, error_type="ResourceNotFound")
