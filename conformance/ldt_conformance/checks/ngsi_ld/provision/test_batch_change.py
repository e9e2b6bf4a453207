"""Batch update, delete and merge: ETSI GS CIM 009 V1.9.1, clauses 5.6.9, 5.6.10, 5.6.20, 6.16, 6.17 and 6.31."""

from ldt_conformance import Broker, Entity, Level, Mode, Reason, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import OBSERVED, read_back, seen, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.provision.batches import EMPTY, expect_result, ids, vehicles
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.verdicts import warn
from ldt_conformance.expectations import describe, expect_equal

WRITE = Mode.SANDBOX_WRITE


@check(
    id="batch-update/all",
    title="Updating a batch overwrites Attributes, appends new ones and answers 204",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.9.4",
            "For each of the NGSI-LD Entities included in the input Array execute the behaviour defined by clause",
        ),
        cim009("6.16.3.1", "If all entities have been successfully updated, there is no payload body in the response."),
    ],
    requirements=["ngsi-ld/5.6.9"],
    test_purposes=purposes("CI/Prov/BE/005_01_01", "CI/Prov/BE/005_01_02", "CI/Prov/BE/005_01_03"),
    pics=["PICS_BatEntUpd"],
    mode=WRITE,
)
def test_update_all(broker: Broker) -> None:
    batch = [stored(broker, entity) for entity in vehicles(broker, 2)]
    changes = [
        Entity(entity.id, entity.type).with_property("speed", 70).with_property("colour", "red") for entity in batch
    ]

    response = broker.batch_update(changes)

    expect_status(response, 204)
    for entity in batch:
        expected = entity.with_property("speed", 70).with_property("colour", "red")
        expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="batch-update/no-overwrite",
    title="With noOverwrite a batch update leaves existing Attributes and appends new ones",
    level=Level.MUST,
    clause=cim009("6.16.3.1", '"noOverwrite". Indicates that no attribute overwrite shall be performed.'),
    requirements=["ngsi-ld/5.6.9"],
    test_purposes=purposes("CI/Prov/BE/005_02_01", "CI/Prov/BE/005_02_02", "CI/Prov/BE/005_02_03"),
    pics=["PICS_BatEntUpd"],
    mode=WRITE,
)
def test_update_no_overwrite(broker: Broker, stored_entity: Entity) -> None:
    """Ruling M31: values are strict; 207 for the untouched Attribute is expected, 204 is a warning."""
    change = Entity(stored_entity.id, stored_entity.type).with_property("speed", 70).with_property("colour", "red")

    response = broker.batch_update([change], params={"options": "noOverwrite"})

    expect_status(response, 204, 207)
    expected = stored_entity.with_property("colour", "red")
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)
    if response.status == 204:
        warn(Reason.TOLERATED, "207, because an Attribute was left untouched", describe(response))


@check(
    id="batch-update/some-missing",
    title="Of a batch update with an unknown id, the others are updated and that one is reported",
    level=Level.MUST,
    clause=cim009(
        "5.6.9.4",
        "If the Entity update failed, then a new BatchEntityError shall be added to E containing the failed Entity ID",
    ),
    requirements=["ngsi-ld/5.6.9", "ngsi-ld/5.2.16"],
    test_purposes=purposes("CI/Prov/BE/005_03_01"),
    pics=["PICS_BatEntUpd"],
    mode=WRITE,
)
def test_update_some_missing(broker: Broker, stored_entity: Entity) -> None:
    missing = simple_vehicle(broker)

    response = broker.batch_update([missing, Entity(stored_entity.id, stored_entity.type).with_property("speed", 70)])

    expect_result(response, success=[stored_entity.id], errors={missing.id: "ResourceNotFound"})
    expect_equal(attribute_value(read_back(broker, stored_entity.id), "speed"), 70, "speed of the Entity that exists")


@check(
    id="batch-update/types-added",
    title="A batch update adds Entity Types",
    level=Level.MUST,
    clause=cim009("4.16", "Entity Types can be implicitly added by all operations that update or append attributes."),
    requirements=["ngsi-ld/5.6.9", "ngsi-ld/4.16"],
    test_purposes=purposes("CI/Prov/BE/005_05_01"),
    pics=["PICS_MULTITYPING", "PICS_BatEntUpd"],
    since="1.5.1",
    mode=WRITE,
)
def test_update_types_added(broker: Broker, stored_entity: Entity) -> None:
    more = broker.new_type("Taxi")

    response = broker.batch_update([Entity(stored_entity.id, more).with_property("speed", 70)])

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 70).with_type(str(stored_entity.type), more)
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="batch-update/invalid-json",
    title="A batch update that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.9", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/BE/005_04_01"),
    pics=["PICS_BatEntUpd"],
    mode=WRITE,
)
def test_update_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/entityOperations/update", content=b"[{]", content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="batch-delete/all",
    title="Deleting a batch of ids removes the Entities and answers 204",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.10.4",
            "If the Entity corresponding to an Entity ID was successfully deleted, then add such Entity ID to the S",
        ),
        cim009(
            "6.17.3.1",
            "If all entities existed and have been successfully deleted, there is no payload body in the response.",
        ),
    ],
    requirements=["ngsi-ld/5.6.10"],
    test_purposes=purposes("CI/Prov/BE/006_01_01"),
    pics=["PICS_BatEntDel"],
    mode=WRITE,
)
def test_delete_all(broker: Broker) -> None:
    batch = [stored(broker, entity) for entity in vehicles(broker, 2)]
    for entity in batch:
        seen(broker, entity.id)

    response = broker.batch_delete(ids(batch))

    expect_status(response, 204)
    for entity in batch:
        expect_status(broker.retrieve_entity(entity.id), 404)


@check(
    id="batch-delete/some-missing",
    title="Of a batch delete with an unknown id, the others are removed and that one is reported",
    level=Level.MUST,
    clause=cim009(
        "5.6.10.4",
        "If the Entity deletion failed, then a new BatchEntityError shall be added to E containing the failed Entity",
    ),
    requirements=["ngsi-ld/5.6.10", "ngsi-ld/5.2.16"],
    test_purposes=purposes("CI/Prov/BE/006_02_01"),
    pics=["PICS_BatEntDel"],
    mode=WRITE,
)
def test_delete_some_missing(broker: Broker, stored_entity: Entity) -> None:
    missing = broker.new_id()
    seen(broker, stored_entity.id)

    response = broker.batch_delete([missing, stored_entity.id])

    expect_result(response, success=[stored_entity.id], errors={missing: "ResourceNotFound"})
    expect_status(broker.retrieve_entity(stored_entity.id), 404)


@check(
    id="batch-delete/same-id-twice",
    title="An id that stands twice in a batch delete is deleted once and reported once",
    level=Level.MUST,
    clause=cim009(
        "5.5.11.4",
        "the first occurrence will delete the entity, while subsequent occurrences of the same Entity ID will",
    ),
    requirements=["ngsi-ld/5.5.11", "ngsi-ld/5.6.10"],
    test_purposes=purposes("CI/Prov/BE/006_04_01"),
    pics=["PICS_SAME_ENTITY_IN_ARRAY", "PICS_BatEntDel"],
    since="1.5.1",
    mode=WRITE,
)
def test_delete_same_id_twice(broker: Broker, stored_entity: Entity) -> None:
    response = broker.batch_delete([stored_entity.id, stored_entity.id])

    expect_result(response, success=[stored_entity.id], errors={stored_entity.id: "ResourceNotFound"})


@check(
    id="batch-delete/empty",
    title="An empty batch delete is BadRequestData",
    level=Level.MUST,
    clause=cim009("5.6.10.4", EMPTY),
    requirements=["ngsi-ld/5.6.10"],
    test_purposes=purposes("CI/Prov/BE/006_03_02"),
    pics=["PICS_BatEntDel"],
    mode=WRITE,
)
def test_delete_empty(broker: Broker) -> None:
    expect_problem(broker.batch_delete([], expects_refusal=True), status=400, error_type="BadRequestData")


@check(
    id="batch-delete/invalid-json",
    title="A batch delete that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.10", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/BE/006_03_01"),
    pics=["PICS_BatEntDel"],
    mode=WRITE,
)
def test_delete_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/entityOperations/delete", content=b"[", content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="batch-merge/all",
    title="Merging a batch changes what it names and keeps units and other Attributes",
    level=Level.MUST,
    clause=cim009(
        "5.6.20.4", "If the Entity was successfully merged (Attributes updated, appended or deleted), then add the"
    ),
    requirements=["ngsi-ld/5.6.20"],
    test_purposes=purposes("CI/Prov/BE/057_01_02", "CI/Prov/BE/057_01_03", "CI/Prov/BE/057_01_04"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_merge_all(broker: Broker) -> None:
    batch = [stored(broker, entity) for entity in vehicles(broker, 2)]

    response = broker.batch_merge([Entity(entity.id, entity.type).with_property("speed", 70) for entity in batch])

    expect_status(response, 204)
    for entity in batch:
        expected = entity.with_property("speed", 70, unit_code="KMH", observed_at=OBSERVED)
        expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="batch-merge/some-missing",
    title="Of a batch merge with an unknown id, the others are merged and that one is reported",
    level=Level.MUST,
    clause=cim009(
        "5.6.20.4",
        "If the Entity merge failed, then a new BatchEntityError shall be added to E containing the failed Entity ID",
    ),
    requirements=["ngsi-ld/5.6.20", "ngsi-ld/5.2.16"],
    test_purposes=purposes("CI/Prov/BE/057_02_01"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_merge_some_missing(broker: Broker, stored_entity: Entity) -> None:
    missing = broker.new_entity().with_property("speed", 1)

    response = broker.batch_merge([Entity(stored_entity.id, stored_entity.type).with_property("speed", 70), missing])

    expect_result(response, success=[stored_entity.id], errors={missing.id: "ResourceNotFound"})


@check(
    id="batch-merge/invalid-json",
    title="A batch merge that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.20", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/BE/057_03_01"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_merge_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/entityOperations/merge", content=b"[{]", content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")
