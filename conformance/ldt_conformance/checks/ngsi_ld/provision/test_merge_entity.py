"""Merge Entity: ETSI GS CIM 009 V1.9.1, clauses 5.6.17, 5.5.12 and 6.5.3.4."""

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
    OBSERVED,
    PARKING,
    nulls_supported,
    read_back,
    seen,
    stored,
)
from ldt_conformance.clients import LANGUAGE_NULL, NGSI_LD_NULL, attribute, point, property_, relationship
from ldt_conformance.comparators import attribute_value, instances, same_value
from ldt_conformance.engine.verdicts import fail

WRITE = Mode.SANDBOX_WRITE
MERGED = cim009("5.6.17.4", "existing Attribute in the target Entity shall be merged with the new one supplied.")


@check(
    id="merge-entity/keeps-the-rest",
    title="Merging a Property changes value and time and keeps the unit",
    level=Level.MUST,
    clause=[
        MERGED,
        cim009("5.5.12", "Results in the update of the value and observedAt sub-Attributes and leaves the unitCode"),
    ],
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/5.5.12"],
    test_purposes=purposes("CI/Prov/E/056_01_02"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_keeps_the_rest(broker: Broker, stored_entity: Entity) -> None:
    response = broker.merge_entity(stored_entity.id, {"speed": property_(100, observed_at=LATER)})

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 100, unit_code="KMH", observed_at=LATER)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="merge-entity/deep-value",
    title="Merging goes into a JSON value: members are updated, added, removed by null and kept",
    level=Level.MUST,
    clause=cim009(
        "5.5.12",
        "merges the provided information with the existing information up to an arbitrary depth, e.g. including",
    ),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/5.5.12"],
    test_purposes=purposes("CI/Prov/E/056_01_04"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_deep_value(broker: Broker) -> None:
    address = {"street": "Straße des 17. Juni", "city": "Berlin", "country": "Germany"}
    entity = stored(broker, broker.new_entity("Building").with_property("postal", address))

    change = {"street": "Pariser Platz", "country": NGSI_LD_NULL, "number": 1}
    response = broker.merge_entity(entity.id, {"postal": property_(change)})

    nulls_supported(response)
    expect_status(response, 204)
    found = attribute_value(read_back(broker, entity.id), "postal")
    expected = {"street": "Pariser Platz", "city": "Berlin", "number": 1}
    if not same_value(expected, found):
        fail(f"postal.value {expected}", f"postal.value {found}")


@check(
    id="merge-entity/relationship",
    title="Merging a Relationship gives it a new object and keeps its time",
    level=Level.MUST,
    clause=MERGED,
    requirements=["ngsi-ld/5.6.17"],
    test_purposes=purposes("CI/Prov/E/056_01_03"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_relationship(broker: Broker, stored_entity: Entity) -> None:
    other = "urn:ngsi-ld:OffStreetParking:Downtown2"

    response = broker.merge_entity(stored_entity.id, {"isParked": relationship(other)})

    expect_status(response, 204)
    expected = stored_entity.with_relationship("isParked", other, observed_at=OBSERVED)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="merge-entity/appends",
    title="An Attribute that is not there yet is appended by a merge",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "by clause 5.5.7), then such Attribute shall be appended to the target Entity."),
    requirements=["ngsi-ld/5.6.17"],
    test_purposes=purposes("CI/Prov/E/056_01_02"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_appends(broker: Broker, stored_entity: Entity) -> None:
    fragment = {"batteryLevel": property_(0.4, observed_at=LATER)}

    response = broker.merge_entity(stored_entity.id, fragment)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **fragment}, read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="merge-entity/empty",
    title="Merging an empty fragment changes nothing",
    level=Level.MUST,
    clause=cim009("5.5.12", "applying the set of changes found in an NGSI-LD Fragment data to the target resource."),
    requirements=["ngsi-ld/5.6.17"],
    test_purposes=purposes("CI/Prov/E/056_01_01"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_empty(broker: Broker, stored_entity: Entity) -> None:
    """Ruling M25: 204 and 400 both pass, nothing may change."""
    response = broker.merge_entity(stored_entity.id, {})

    expect_status(response, 204, 400)
    expect_entity(stored_entity.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="merge-entity/null-deletes",
    title="An NGSI-LD Null deletes the Attribute, whatever its type",
    level=Level.MUST,
    clause=cim009(
        "5.5.12",
        "of the Fragment, whose value is an NGSI-LD Null, contained by the target, the target member is removed.",
    ),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.0"],
    test_purposes=purposes("CI/Prov/E/056_03_01", "CI/Prov/E/056_03_02", "CI/Prov/E/056_03_03", "CI/Prov/E/056_03_04"),
    pics=["PICS_LANG", "PICS_EntMer"],
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

    response = broker.merge_entity(entity.id, fragment)

    nulls_supported(response)
    expect_status(response, 204)
    expect_members(read_back(broker, entity.id), present=["kept"], absent=fragment)


@check(
    id="merge-entity/null-deletes-dataset",
    title="An NGSI-LD Null with a datasetId deletes that instance alone",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "existing Attribute with the specified datasetId in the target Entity shall be deleted."),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/E/056_04_01", "CI/Prov/E/056_05_01"),
    pics=["PICS_P_DATASETID_AND_R_DATASETID", "PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_null_deletes_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50).with_property("speed", 54, dataset_id=DATASET)
    stored(broker, entity)

    response = broker.merge_entity(entity.id, {"speed": property_(NGSI_LD_NULL, dataset_id=DATASET)})

    nulls_supported(response)
    expect_status(response, 204)
    found = sorted(str(dataset) for dataset in instances(read_back(broker, entity.id), "speed"))
    if found != ["None"]:
        fail("the default instance of speed and no other", f"instances by datasetId: {found}")


@check(
    id="merge-entity/simplified-keeps-kinds",
    title="A simplified merge keeps the kind of each Attribute",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "representation, the type of any pre-existing Attribute in the target entity shall be"),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.4"],
    pics=["PICS_EntMer"],
    since="1.8.1",
    mode=WRITE,
)
def test_simplified_keeps_kinds(broker: Broker) -> None:
    """What is sent is the simplified form of each kind (4.5.4): a URI, an array, an object with one member."""
    other = "urn:ngsi-ld:OffStreetParking:Downtown2"
    entity = (
        broker.new_entity("Vehicle")
        .with_property("speed", 55)
        .with_relationship("isParked", PARKING)
        .with_geo_property("place", LISBON)
        .with_list_property("periods", [1, 2])
        .with_attribute("route", {"type": "ListRelationship", "objectList": [{"object": PARKING}]})
        .with_language_property("name", {"en": "yes"})
    )
    stored(broker, entity)
    simplified = {
        "speed": 60,
        "isParked": other,
        "place": point(3.0, 4.0),
        "periods": [3],
        "route": [other, PARKING],
        "name": {"languageMap": {"en": "no"}},
    }

    response = broker.merge_entity(entity.id, simplified, params={"options": "keyValues"})

    expect_status(response, 204)
    wanted = {
        "speed": property_(60),
        "isParked": relationship(other),
        "place": {"type": "GeoProperty", "value": point(3.0, 4.0)},
        "periods": {"type": "ListProperty", "valueList": [3]},
        "route": {"type": "ListRelationship", "objectList": [{"object": other}, {"object": PARKING}]},
        "name": {"type": "LanguageProperty", "languageMap": {"en": "no"}},
    }
    expect_entity(wanted, read_back(broker, entity.id))


@check(
    id="merge-entity/observed-at",
    title="A common observedAt is given to merged Attributes that had one and bring none of their own",
    level=Level.MUST,
    clause=cim009(
        "5.6.17.4", "contained an observedAt sub-Attribute, the observedAt sub-Attribute is also updated using the"
    ),
    requirements=["ngsi-ld/5.6.17"],
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_observed_at(broker: Broker) -> None:
    own, common = "2026-03-05T12:00:00Z", "2026-03-05T13:00:00Z"
    entity = (
        broker.new_entity("Vehicle")
        .with_property("speed", 55, observed_at=OBSERVED)
        .with_property("height", 2, observed_at=OBSERVED)
        .with_property("brandName", "Mercedes")
    )
    stored(broker, entity)
    fragment = {"speed": property_(60), "height": property_(3, observed_at=own), "brandName": property_("Opel")}

    response = broker.merge_entity(entity.id, fragment, params={"observedAt": common})

    expect_status(response, 204)
    found = read_back(broker, entity.id)
    wanted = {"speed": property_(60, observed_at=common), "height": property_(3, observed_at=own)}
    expect_entity({**wanted, "brandName": property_("Opel")}, found)
    brand = instances(found, "brandName").get(None)
    if not isinstance(brand, dict) or "observedAt" in brand:
        fail("brandName without observedAt, as before", f"{brand!r}")


@check(
    id="merge-entity/language",
    title="With a common language, a string replaces the text of that language alone",
    level=Level.MUST,
    clause=cim009(
        "5.6.17.4", "only replace the value associated to the language tag key found within the languageMap."
    ),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.18"],
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_language(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity("Building").with_language_property("name", {"en": "yes", "fr": "oui"}))
    params = {"options": "keyValues", "lang": "fr"}

    response = broker.merge_entity(entity.id, {"name": "non"}, params=params)

    expect_status(response, 204)
    wanted = {"name": {"type": "LanguageProperty", "languageMap": {"en": "yes", "fr": "non"}}}
    expect_entity(wanted, read_back(broker, entity.id))


@check(
    id="merge-entity/unknown-id",
    title="Merging into an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "clause 5.12), then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.17"],
    test_purposes=purposes("CI/Prov/E/056_02_03"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    response = broker.merge_entity(broker.new_id(), {"speed": property_(1)})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="merge-entity/id-no-uri",
    title="Merging under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.17.4",
        "the Entity ID is not present or it is not a valid URI then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.17"],
    test_purposes=purposes("CI/Prov/E/056_02_01"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.merge_entity(broker.not_a_uri(), {"speed": property_(1)})

    expect_problem(response, status=400, error_type="BadRequestData")
