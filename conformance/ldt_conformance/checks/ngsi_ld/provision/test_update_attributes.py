"""Update Attributes: ETSI GS CIM 009 V1.9.1, clauses 5.6.2 and 6.6.3.2."""

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
from ldt_conformance.checks.ngsi_ld.given import (
    DATASET,
    LATER,
    LISBON,
    OTHER_DATASET,
    PARKING,
    nulls_supported,
    read_back,
    seen,
    stored,
)
from ldt_conformance.clients import LANGUAGE_NULL, NGSI_LD_NULL, attribute, property_, relationship
from ldt_conformance.comparators import instances, same_instant
from ldt_conformance.engine.verdicts import fail, precondition

WRITE = Mode.SANDBOX_WRITE
REPLACED = cim009(
    "5.6.2.4", "If the default Attribute instance is present and the Attribute value is not NGSI-LD Null, then"
)
TYPES_ADDED = cim009(
    "5.6.2.4",
    "If type is included in the Fragment and it includes Entity Type names that are not yet in the target Entity",
)


@check(
    id="update-attributes/replaces-default-instance",
    title="Updating an Attribute replaces it as a whole, sub-Attributes included",
    level=Level.MUST,
    clause=[REPLACED, cim009("5.5.8", "Results in an overwrite of the whole temperature Attribute")],
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/5.5.8"],
    test_purposes=purposes("CI/Prov/EA/011_01_01"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_replaces_default_instance(broker: Broker, stored_entity: Entity) -> None:
    response = broker.update_attributes(stored_entity.id, {"speed": property_(100, observed_at=LATER)})

    expect_status(response, 204)
    speed = instances(read_back(broker, stored_entity.id), "speed").get(None)
    if not isinstance(speed, dict) or speed.get("value") != 100 or "unitCode" in speed:
        fail("speed with the value 100 and without the former unitCode", f"speed {speed!r}")


@check(
    id="update-attributes/others-stay",
    title="Updating one Attribute leaves the others as they were",
    level=Level.MUST,
    clause=cim009("5.5.8", "other Attributes would remain untouched."),
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_01_01"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_others_stay(broker: Broker, stored_entity: Entity) -> None:
    response = broker.update_attributes(stored_entity.id, {"speed": property_(100)})

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 100)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="update-attributes/dataset",
    title="Updating with a datasetId changes that instance alone",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4",
        "If an Attribute instance in the target Entity has the same datasetId and the Attribute value is not NGSI-LD",
    ),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/011_01_02"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity.with_property("speed", 56, dataset_id=OTHER_DATASET))

    response = broker.update_attributes(entity.id, {"speed": property_(70, dataset_id=DATASET)})

    expect_status(response, 204)
    expected = entity.with_property("speed", 70, dataset_id=DATASET).with_property(
        "speed", 56, dataset_id=OTHER_DATASET
    )
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="update-attributes/appends",
    title="An Attribute that is not there yet is appended by an update",
    level=Level.MUST,
    clause=cim009("5.6.2.4", "by clause 5.5.7) then such Attribute shall be appended to the target Entity."),
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_01_03"),
    pics=["PICS_UpdAttEnt"],
    since="1.8.1",
    mode=WRITE,
)
def test_appends(broker: Broker, stored_entity: Entity) -> None:
    """Not asked of claims before V1.8.1: earlier editions had such Attributes reported as not updated (207)."""
    fragment = {"speed": property_(100), "batteryLevel": property_(0.4)}

    response = broker.update_attributes(stored_entity.id, fragment)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **fragment}, read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="update-attributes/changes-type",
    title="An update may turn a Property into a Relationship",
    level=Level.MUST,
    clause=[
        REPLACED,
        cim009("5.6.2.4", "the existing Attribute in the target Entity shall be replaced by the new one supplied."),
    ],
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_01_04"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_changes_type(broker: Broker, stored_entity: Entity) -> None:
    fragment = {"brandName": relationship("urn:ngsi-ld:Brand:Mercedes")}

    response = broker.update_attributes(stored_entity.id, fragment)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **fragment}, read_back(broker, stored_entity.id))


@check(
    id="update-attributes/created-at-stays",
    title="Updating an Attribute leaves its createdAt as it was",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4", "The system generated createdAt Temporal Property as defined in clause 4.8 shall remain unchanged."
    ),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.8"],
    test_purposes=purposes("CI/Prov/EA/011_01_01"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_created_at_stays(broker: Broker, stored_entity: Entity) -> None:
    system = {"options": "sysAttrs"}
    before = instances(read_back(broker, stored_entity.id, params=system), "speed").get(None) or {}
    precondition("createdAt" in before, f"speed carries no createdAt with options=sysAttrs: {before!r}")

    response = broker.update_attributes(stored_entity.id, {"speed": property_(100)})

    expect_status(response, 204)
    after = instances(read_back(broker, stored_entity.id, params=system), "speed").get(None) or {}
    if not same_instant(before["createdAt"], after.get("createdAt")):
        fail(f"speed.createdAt {before['createdAt']}", f"speed.createdAt {after.get('createdAt')}")


@check(
    id="update-attributes/types-added",
    title="Entity Types in the fragment are added to those of the Entity",
    level=Level.MUST,
    clause=TYPES_ADDED,
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.16"],
    test_purposes=purposes("CI/Prov/EA/011_06_01", "CI/Prov/EA/011_06_02"),
    pics=["PICS_MULTITYPING", "PICS_UpdAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_types_added(broker: Broker, stored_entity: Entity) -> None:
    more = [broker.new_type("Car"), broker.new_type("Taxi")]

    response = broker.update_attributes(stored_entity.id, {"type": more})

    expect_status(response, 204)
    expected = stored_entity.with_type(str(stored_entity.type), *more)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="update-attributes/types-once",
    title="An Entity Type that the Entity has already is not added again",
    level=Level.MUST,
    clause=TYPES_ADDED,
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.16"],
    test_purposes=purposes("CI/Prov/EA/011_06_03", "CI/Prov/EA/011_06_04"),
    pics=["PICS_MULTITYPING", "PICS_UpdAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_types_once(broker: Broker, stored_entity: Entity) -> None:
    there, more = str(stored_entity.type), broker.new_type("Car")

    response = broker.update_attributes(stored_entity.id, {"type": [there, more]})

    expect_status(response, 204)
    expect_entity(stored_entity.with_type(there, more).to_json(), read_back(broker, stored_entity.id))


@check(
    id="update-attributes/scope-replaced",
    title="A Scope in the fragment replaces the one of the Entity",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4",
        "If scope is included in the Fragment and the target entity includes scope, replace the scope by the one",
    ),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/011_05_01"),
    pics=["PICS_SCOPES", "PICS_UpdAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_scope_replaced(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens"))

    response = broker.update_attributes(entity.id, {"scope": ["/Paris/Parcs", "/CompanyA"]})

    expect_status(response, 204)
    expect_entity(entity.with_scope("/Paris/Parcs", "/CompanyA").to_json(), read_back(broker, entity.id))


@check(
    id="update-attributes/scope-ignored",
    title="A Scope in the fragment is ignored where the Entity has none",
    level=Level.MUST,
    clause=cim009("5.6.2.4", "in the Fragment, otherwise ignore it."),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/011_05_02"),
    pics=["PICS_SCOPES", "PICS_UpdAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_scope_ignored(broker: Broker, stored_entity: Entity) -> None:
    """Ruling M30: 204 and 207 both pass, the Entity must have no Scope afterwards."""
    response = broker.update_attributes(stored_entity.id, {"scope": "/Paris/Parcs"})

    expect_status(response, 204, 207)
    expect_members(read_back(broker, stored_entity.id), absent=["scope"])


@check(
    id="update-attributes/null-deletes",
    title="An NGSI-LD Null deletes the Attribute, whatever its type",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4",
        "and the Attribute value is NGSI-LD Null, then the existing Attribute in the target Entity shall be deleted.",
    ),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.5.0"],
    test_purposes=purposes(
        "CI/Prov/EA/011_07_01", "CI/Prov/EA/011_07_02", "CI/Prov/EA/011_07_03", "CI/Prov/EA/011_07_04"
    ),
    pics=["PICS_LANG", "PICS_UpdAttEnt"],
    since="1.6.1",
    mode=WRITE,
)
def test_null_deletes(broker: Broker) -> None:
    entity = broker.new_entity().with_property("doomedProperty", 1).with_property("kept", 1)
    entity = entity.with_relationship("doomedRelationship", PARKING).with_geo_property("doomedPlace", LISBON)
    stored(broker, entity.with_language_property("doomedWords", {"en": "yes"}))
    fragment = {
        "doomedProperty": property_(NGSI_LD_NULL),
        "doomedRelationship": relationship(NGSI_LD_NULL),
        "doomedPlace": attribute("GeoProperty", "value", NGSI_LD_NULL, {}),
        "doomedWords": attribute("LanguageProperty", "languageMap", LANGUAGE_NULL, {}),
    }
    seen(broker, entity.id, *fragment)

    response = broker.update_attributes(entity.id, fragment)

    nulls_supported(response)
    expect_status(response, 204)
    expect_members(read_back(broker, entity.id), present=["kept"], absent=fragment)


@check(
    id="update-attributes/null-deletes-dataset",
    title="An NGSI-LD Null with a datasetId deletes that instance alone",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4",
        "then the existing Attribute instance with the specified datasetId in the target Entity shall be deleted.",
    ),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/011_08_01"),
    pics=["PICS_LANG", "PICS_UpdAttEnt"],
    since="1.6.1",
    mode=WRITE,
)
def test_null_deletes_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50)
    stored(broker, entity.with_property("speed", 54, dataset_id=DATASET))

    response = broker.update_attributes(entity.id, {"speed": property_(NGSI_LD_NULL, dataset_id=DATASET)})

    nulls_supported(response)
    expect_status(response, 204)
    found = sorted(str(dataset) for dataset in instances(read_back(broker, entity.id), "speed"))
    if found != ["None"]:
        fail("the default instance of speed and no other", f"instances by datasetId: {found}")


@check(
    id="update-attributes/unknown-id",
    title="Updating an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.2.4", "apply (see clause 5.12), an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_03_01"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    response = broker.update_attributes(broker.new_id(), {"speed": property_(1)})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="update-attributes/id-no-uri",
    title="Updating under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.2.4",
        "the Entity ID is not present or it is not a valid URI then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.2"],
    test_purposes=purposes("CI/Prov/EA/011_02_02"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.update_attributes(broker.not_a_uri(), {"speed": property_(1)})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="update-attributes/invalid-json",
    title="A fragment that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/EA/011_04_01"),
    pics=["PICS_UpdAttEnt"],
    mode=WRITE,
)
def test_invalid_json(broker: Broker, stored_entity: Entity) -> None:
    response = broker.update_attributes(stored_entity.id, None, content=b"{,}", content_type="application/json")

    expect_problem(response, status=400, error_type="InvalidRequest")
