"""Append Attributes: ETSI GS CIM 009 V1.9.1, clauses 5.6.3 and 6.6.3.1."""

from ldt_conformance import Broker, Entity, Level, Mode, Reason, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, OTHER_DATASET, read_back, stored
from ldt_conformance.clients import attribute, point, property_
from ldt_conformance.comparators import DEFAULT_VOCABULARY, attribute_value, instances
from ldt_conformance.engine.verdicts import fail, warn
from ldt_conformance.expectations import describe, expect_equal, expect_object

WRITE = Mode.SANDBOX_WRITE
UNTOUCHED = cim009(
    "5.6.3.4",
    "If overwrite is not allowed the existing default Attribute in the target Entity shall be left untouched.",
)


@check(
    id="append-attributes/new",
    title="New Attributes are appended and the others stay",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4", "If no default Attribute instance of the same target Entity exists, then such Attribute shall be"
    ),
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_01_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_new(broker: Broker, stored_entity: Entity) -> None:
    added = {"batteryLevel": property_(0.8), "fuelType": property_("diesel")}

    response = broker.append_attributes(stored_entity.id, added)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **added}, read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="append-attributes/dataset",
    title="An instance with a new datasetId is appended beside the ones there",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4", "If no Attribute instance of the same target Entity exists that has the same datasetId, then such"
    ),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/010_01_02"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_dataset(broker: Broker, stored_entity: Entity) -> None:
    response = broker.append_attributes(stored_entity.id, {"speed": property_(60, dataset_id=DATASET)})

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 60, dataset_id=DATASET)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="append-attributes/overwrites",
    title="By default an appended Attribute replaces the one there as a whole",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4",
        "then the existing default Attribute in the target Entity shall be replaced by the new one supplied.",
    ),
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_01_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_overwrites(broker: Broker, stored_entity: Entity) -> None:
    response = broker.append_attributes(stored_entity.id, {"speed": property_(80)})

    expect_status(response, 204)
    speed = instances(read_back(broker, stored_entity.id), "speed").get(None)
    if not isinstance(speed, dict) or speed.get("value") != 80 or "unitCode" in speed:
        fail("speed with the value 80 and without the former unitCode", f"speed {speed!r}")


@check(
    id="append-attributes/no-overwrite",
    title="With noOverwrite an existing Attribute keeps its value and new ones are added",
    level=Level.MUST,
    clause=UNTOUCHED,
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_04_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_no_overwrite(broker: Broker, stored_entity: Entity) -> None:
    fragment = {"speed": property_(99), "fuelType": property_("diesel")}

    response = broker.append_attributes(stored_entity.id, fragment, params={"options": "noOverwrite"})

    expect_status(response, 204, 207)
    found = read_back(broker, stored_entity.id)
    expect_equal(
        (attribute_value(found, "speed"), attribute_value(found, "fuelType")), (55, "diesel"), "speed, fuelType"
    )


@check(
    id="append-attributes/no-overwrite-result",
    title="With noOverwrite the answer says by full name what was appended and what was not",
    level=Level.MUST,
    clause=[
        cim009("6.6.3.1", "Only the Attributes included in the response payload body were successfully appended."),
        cim009(
            "6.3.6",
            "Only Fully Qualified Names shall be used in the payload body of error or partial success responses",
        ),
    ],
    requirements=["ngsi-ld/6.6.3.1"],
    test_purposes=purposes("CI/Prov/EA/010_04_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_no_overwrite_result(broker: Broker, stored_entity: Entity) -> None:
    """Ruling W30: full names from V1.9.1, a warning for brokers that claim an older version."""
    fragment = {"speed": property_(99), "fuelType": property_("diesel")}

    response = broker.append_attributes(stored_entity.id, fragment, params={"options": "noOverwrite"})

    result = expect_object(response, 207)
    updated = result.get("updated")
    skipped = [item.get("attributeName") for item in result.get("notUpdated") or [] if isinstance(item, dict)]
    names = {"updated": [f"{DEFAULT_VOCABULARY}fuelType"], "notUpdated": [f"{DEFAULT_VOCABULARY}speed"]}
    if (updated, skipped) == (names["updated"], names["notUpdated"]):
        return
    short = {str(name).removeprefix("ngsi-ld:default-context/") for name in [*(updated or []), *skipped]}
    if not broker.at_least("1.9.1") and short == {"fuelType", "speed"}:
        warn(Reason.TOLERATED, f"an UpdateResult with full names: {names}", describe(response))
    fail(f"an UpdateResult with full names: {names}", describe(response))


@check(
    id="append-attributes/no-overwrite-new-dataset",
    title="With noOverwrite an instance with a new datasetId is appended",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4", "If no Attribute instance of the same target Entity exists that has the same datasetId, then such"
    ),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/010_04_02"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_no_overwrite_new_dataset(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity("Vehicle").with_property("speed", 50, dataset_id=DATASET))

    fragment = {"speed": property_(60, dataset_id=OTHER_DATASET)}
    response = broker.append_attributes(entity.id, fragment, params={"options": "noOverwrite"})

    expect_status(response, 204)
    expected = entity.with_property("speed", 60, dataset_id=OTHER_DATASET)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="append-attributes/language-property",
    title="A LanguageProperty can be appended",
    level=Level.MUST,
    clause=cim009("5.6.3.1", "This operation allows modifying an NGSI-LD Entity by adding new attributes"),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.5.18"],
    test_purposes=purposes("CI/Prov/EA/010_06_01"),
    pics=["PICS_LANG", "PICS_AppAttEnt"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_property(broker: Broker, stored_entity: Entity) -> None:
    added = {"street": attribute("LanguageProperty", "languageMap", {"fr": "Grand Place", "nl": "Grote Markt"}, {})}

    response = broker.append_attributes(stored_entity.id, added)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **added}, read_back(broker, stored_entity.id))


@check(
    id="append-attributes/spaces",
    title="The GeoProperties observationSpace and operationSpace can be appended",
    level=Level.MUST,
    clause=cim009("5.6.3.1", "This operation allows modifying an NGSI-LD Entity by adding new attributes"),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.7"],
    test_purposes=purposes("CI/Prov/EA/010_08", "CI/Prov/EA/010_09"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_spaces(broker: Broker, stored_entity: Entity) -> None:
    added = {
        "observationSpace": attribute("GeoProperty", "value", point(-9.2, 38.7), {}),
        "operationSpace": attribute("GeoProperty", "value", point(-9.3, 38.8), {}),
    }

    response = broker.append_attributes(stored_entity.id, added)

    expect_status(response, 204)
    expect_entity({**stored_entity.to_json(), **added}, read_back(broker, stored_entity.id))


@check(
    id="append-attributes/scope-replaced",
    title="An appended Scope replaces the one there when overwriting is allowed",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4",
        "If scope is included in the Fragment and overwrite is allowed, the scope of the target Entity will become",
    ),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/010_07_01"),
    pics=["PICS_SCOPES", "PICS_AppAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_scope_replaced(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens"))

    response = broker.append_attributes(entity.id, {"scope": "/Paris/Parcs"})

    expect_status(response, 204)
    expect_entity(entity.with_scope("/Paris/Parcs").to_json(), read_back(broker, entity.id))


@check(
    id="append-attributes/scope-added",
    title="An appended Scope is added to the one there when overwriting is not allowed",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4",
        "Otherwise, the Scopes in the Fragment that are not part of the value of scope of the target Entity will be",
    ),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/EA/010_07_01#2"),
    pics=["PICS_SCOPES", "PICS_AppAttEnt"],
    since="1.5.1",
    mode=WRITE,
)
def test_scope_added(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens"))

    response = broker.append_attributes(entity.id, {"scope": ["/Paris/Parcs"]}, params={"options": "noOverwrite"})

    expect_status(response, 204)
    expect_entity(entity.with_scope("/Madrid/Gardens", "/Paris/Parcs").to_json(), read_back(broker, entity.id))


@check(
    id="append-attributes/unknown-id",
    title="Appending to an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4", "registrations apply (see clause 5.12), an error of type ResourceNotFound shall be raised."
    ),
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_03_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    response = broker.append_attributes(broker.new_id(), {"speed": property_(1)})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="append-attributes/id-no-uri",
    title="Appending under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.3.4",
        "the Entity ID is not present or it is not a valid URI then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.3"],
    test_purposes=purposes("CI/Prov/EA/010_02_02"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.append_attributes(broker.not_a_uri(), {"speed": property_(1)})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="append-attributes/invalid-json",
    title="A fragment that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.3", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/EA/010_05_01"),
    pics=["PICS_AppAttEnt"],
    mode=WRITE,
)
def test_invalid_json(broker: Broker, stored_entity: Entity) -> None:
    response = broker.append_attributes(
        stored_entity.id, None, content=b'{"speed": {"type": ', content_type="application/json"
    )

    expect_problem(response, status=400, error_type="InvalidRequest")
