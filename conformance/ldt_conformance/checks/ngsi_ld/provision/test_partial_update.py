"""Partial Attribute Update: ETSI GS CIM 009 V1.9.1, clauses 5.6.4 and 6.7.3.1."""

import time

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import (
    DATASET,
    LATER,
    OBSERVED,
    OTHER_DATASET,
    PARKING,
    nulls_supported,
    read_back,
    stored,
)
from ldt_conformance.clients import NGSI_LD_NULL, property_
from ldt_conformance.comparators import instances, parse_instant, same_instant
from ldt_conformance.engine.verdicts import fail, precondition

WRITE = Mode.SANDBOX_WRITE
WHOLE_SECOND = 1.1


@check(
    id="partial-update/keeps-the-rest",
    title="A partial update changes what it names and keeps unit and sub-Attributes",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.4.1",
            "partial update only changes the elements provided in an Entity Fragment, leaving the rest as they are.",
        ),
        cim009("5.5.8", "Results in an overwrite of the value and observedAt sub-Attributes, leaving the unitCode"),
    ],
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/5.5.8"],
    test_purposes=purposes("CI/Prov/EA/012_01_01"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_keeps_the_rest(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property(
        "speed", 55, unit_code="KMH", observed_at=OBSERVED, accuracy=property_(0.9)
    )
    stored(broker, entity)

    fragment = {"type": "Property", "value": 60, "observedAt": LATER}
    response = broker.partial_update_attribute(entity.id, "speed", fragment)

    expect_status(response, 204)
    expected = entity.with_property("speed", 60, unit_code="KMH", observed_at=LATER, accuracy=property_(0.9))
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="partial-update/without-type",
    title="The fragment needs no type",
    level=Level.MUST,
    clause=cim009(
        "5.6.4.4", "If present in the provided NGSI-LD Entity Fragment, the type of the Attribute has to be the same"
    ),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_01_01"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_without_type(broker: Broker, stored_entity: Entity) -> None:
    response = broker.partial_update_attribute(stored_entity.id, "speed", {"value": 61})

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 61, unit_code="KMH", observed_at=OBSERVED)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="partial-update/dataset",
    title="A partial update with a datasetId changes that instance alone",
    level=Level.MUST,
    clause=cim009("5.5.8", "including a datasetId, such member is only replaced if the datasetId is the same"),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/012_01_02"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_dataset(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 50)
    stored(broker, entity.with_property("speed", 54, dataset_id=DATASET, unit_code="KMH"))

    fragment = {"type": "Property", "value": 70, "datasetId": DATASET}
    response = broker.partial_update_attribute(entity.id, "speed", fragment)

    expect_status(response, 204)
    expected = entity.with_property("speed", 70, dataset_id=DATASET, unit_code="KMH")
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="partial-update/language-property",
    title="A partial update can give a LanguageProperty a new language map",
    level=Level.MUST,
    clause=cim009("5.5.8", "the target member value is replaced by the value given in the Fragment."),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.18"],
    test_purposes=purposes("CI/Prov/EA/012_04_01"),
    pics=["PICS_LANG", "PICS_ParAttUpd"],
    since="1.4.1",
    mode=WRITE,
)
def test_language_property(broker: Broker) -> None:
    entity = broker.new_entity("Building").with_language_property("street", {"fr": "Grand Place"}, observedAt=OBSERVED)
    stored(broker, entity)
    changed = {"fr": "Place Royale", "nl": "Koningsplein"}

    fragment = {"type": "LanguageProperty", "languageMap": changed}
    response = broker.partial_update_attribute(entity.id, "street", fragment)

    expect_status(response, 204)
    expected = entity.with_language_property("street", changed, observedAt=OBSERVED)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="partial-update/null-deletes-sub-attribute",
    title="An NGSI-LD Null deletes a sub-Attribute and nothing else",
    level=Level.MUST,
    clause=cim009(
        "5.5.8",
        "of the Fragment, whose value is an NGSI-LD Null, contained by the target, the target member is deleted.",
    ),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.0"],
    since="1.8.1",
    mode=WRITE,
)
def test_null_deletes_sub_attribute(broker: Broker) -> None:
    entity = broker.new_entity("Vehicle").with_property("speed", 55, accuracy=property_(0.9), note=property_("kept"))
    stored(broker, entity)

    response = broker.partial_update_attribute(entity.id, "speed", {"accuracy": NGSI_LD_NULL})

    nulls_supported(response)
    expect_status(response, 204)
    speed = instances(read_back(broker, entity.id), "speed").get(None)
    if not isinstance(speed, dict) or "accuracy" in speed or speed.get("value") != 55 or "note" not in speed:
        fail("speed with value 55 and note, without accuracy", f"speed {speed!r}")


@check(
    id="partial-update/modified-at",
    title="A partial update moves modifiedAt and not createdAt of the Attribute",
    level=Level.MUST,
    clause=cim009(
        "4.8",
        "modifiedAt is defined as the temporal Property at which the Entity, Property or Relationship was last",
    ),
    requirements=["ngsi-ld/4.8", "ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_01_01"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_modified_at(broker: Broker, stored_entity: Entity) -> None:
    system = {"options": "sysAttrs"}
    before = instances(read_back(broker, stored_entity.id, params=system), "speed").get(None) or {}
    missing = [name for name in ("createdAt", "modifiedAt") if not same_instant(before.get(name), before.get(name))]
    precondition(not missing, f"speed shows no {' and no '.join(missing)} with options=sysAttrs: {before!r}")
    if parse_instant(before["modifiedAt"]).microsecond == 0:
        time.sleep(WHOLE_SECOND)  # timestamps may be as coarse as that (4.6.3), and then two could be equal

    response = broker.partial_update_attribute(stored_entity.id, "speed", {"value": 61})

    expect_status(response, 204)
    after = instances(read_back(broker, stored_entity.id, params=system), "speed").get(None) or {}
    if not same_instant(before.get("createdAt"), after.get("createdAt")):
        fail(f"speed.createdAt {before.get('createdAt')}", f"speed.createdAt {after.get('createdAt')}")
    if same_instant(before.get("modifiedAt"), after.get("modifiedAt")) or "modifiedAt" not in after:
        fail(f"speed.modifiedAt later than {before.get('modifiedAt')}", f"speed.modifiedAt {after.get('modifiedAt')}")


@check(
    id="partial-update/other-type",
    title="A fragment of another Attribute type is refused",
    level=Level.MUST,
    clause=cim009(
        "5.6.4.4",
        "as the type of the targeted Attribute fragment, i.e. it is not allowed to change the type of an Attribute.",
    ),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_02_03"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_other_type(broker: Broker, stored_entity: Entity) -> None:
    fragment = {"type": "Relationship", "object": PARKING}

    response = broker.partial_update_attribute(stored_entity.id, "speed", fragment)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="partial-update/unknown-attribute",
    title="A partial update of an Attribute that the Entity does not have is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.4.4", "If the target Entity does not contain the target Attribute:"),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_03_04"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_unknown_attribute(broker: Broker, stored_entity: Entity) -> None:
    response = broker.partial_update_attribute(stored_entity.id, "absentAttribute", {"value": 1})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="partial-update/unknown-dataset",
    title="A partial update of an instance that is not there is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.4.4", "as an instance with the specified datasetId if present;"),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/012_03_03"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_unknown_dataset(broker: Broker, stored_entity: Entity) -> None:
    response = broker.partial_update_attribute(stored_entity.id, "speed", {"value": 1, "datasetId": OTHER_DATASET})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="partial-update/no-default-instance",
    title="A partial update without datasetId where only datasets are there is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.4.4", "as a default instance in case no datasetId is present;"),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.5"],
    test_purposes=purposes("CI/Prov/EA/012_03_02"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_no_default_instance(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity("Vehicle").with_property("speed", 54, dataset_id=DATASET))

    response = broker.partial_update_attribute(entity.id, "speed", {"value": 1})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="partial-update/unknown-id",
    title="A partial update of an Entity that does not exist is ResourceNotFound",
    level=Level.MUST,
    clause=cim009("5.6.4.4", "5.12), then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_03_01"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_unknown_id(broker: Broker) -> None:
    response = broker.partial_update_attribute(broker.new_id(), "speed", {"value": 1})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="partial-update/id-no-uri",
    title="A partial update under an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.6.4.4",
        "Entity ID is not a valid URI or it is not present, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.6.4"],
    test_purposes=purposes("CI/Prov/EA/012_02_02"),
    pics=["PICS_ParAttUpd"],
    mode=WRITE,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.partial_update_attribute(broker.not_a_uri(), "speed", {"value": 1})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="partial-update/scope",
    title="A partial update of scope is BadRequestData",
    level=Level.MUST,
    clause=cim009("5.6.4.4", "If the target Attribute is scope, then an error of type BadRequestData shall be raised."),
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.18"],
    since="1.8.1",
    mode=WRITE,
)
def test_scope(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_scope("/Madrid/Gardens"))

    response = broker.partial_update_attribute(entity.id, "scope", {"type": "Property", "value": "/Paris"})

    expect_problem(response, status=400, error_type="BadRequestData")
