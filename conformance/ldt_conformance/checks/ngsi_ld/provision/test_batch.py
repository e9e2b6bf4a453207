"""Batch creation and upsert: ETSI GS CIM 009 V1.9.1, clauses 5.6.7, 5.6.8, 6.14 and 6.15."""

from ldt_conformance import Broker, Entity, Level, Mode, Reason, check, expect_entity, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import LATER, read_back, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.provision.batches import EMPTY, expect_result, ids, vehicles
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.verdicts import warn
from ldt_conformance.expectations import describe, expect_equal

WRITE = Mode.SANDBOX_WRITE


@check(
    id="batch-create/all",
    title="A batch of new Entities is created and answered by the list of their ids",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.7.4", "If the Entity was successfully created, then add the corresponding Entity ID to the S array."
        ),
        cim009(
            "6.14.3.1",
            "If all entities have been successfully created, an array of Strings containing URIs is returned",
        ),
    ],
    requirements=["ngsi-ld/5.6.7"],
    test_purposes=purposes(
        "CI/Prov/BE/003_01_01", "CI/Prov/BE/003_01_02", "CI/Prov/BE/003_01_03", "CI/Prov/BE/003_01_04"
    ),
    pics=["PICS_BatEntCre"],
    mode=WRITE,
)
def test_create_all(broker: Broker) -> None:
    batch = [*vehicles(broker, 2), broker.new_entity()]

    response = broker.batch_create(batch)

    expect_status(response, 201)
    expect_equal(sorted(response.json()), ids(batch), "the list of created ids, sorted")
    for entity in batch:
        expect_entity(entity.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="batch-create/some-exist",
    title="Of a batch with an id that is in use, the others are created and that one is reported",
    level=Level.MUST,
    clause=[
        cim009("5.6.7.4", "If the Entity creation failed, then a new BatchEntityError shall be added to E"),
        cim009("6.14.3.1", "If only some or none of the entities have been successfully created, a response body"),
    ],
    requirements=["ngsi-ld/5.6.7", "ngsi-ld/5.2.16"],
    test_purposes=purposes("CI/Prov/BE/003_02_01"),
    pics=["PICS_BatEntCre"],
    mode=WRITE,
)
def test_create_some_exist(broker: Broker, stored_entity: Entity) -> None:
    new = vehicles(broker, 2)

    response = broker.batch_create([new[0], stored_entity, new[1]])

    expect_result(response, success=ids(new), errors={stored_entity.id: "AlreadyExists"})
    expect_entity(new[1].to_json(), read_back(broker, new[1].id))


@check(
    id="batch-create/same-id-twice",
    title="Of two instances of one Entity in a batch the first is created and the second is reported",
    level=Level.MUST,
    clause=cim009(
        "5.5.11.1",
        "The first occurrence of an entity in the input array (the oldest one) is used for the creation of the entity.",
    ),
    requirements=["ngsi-ld/5.5.11", "ngsi-ld/5.6.7"],
    test_purposes=purposes("CI/Prov/BE/003_10_01"),
    pics=["PICS_SAME_ENTITY_IN_ARRAY", "PICS_BatEntCre"],
    since="1.5.1",
    mode=WRITE,
)
def test_create_same_id_twice(broker: Broker) -> None:
    first, other = vehicles(broker, 2)
    second = first.with_property("speed", 99)

    response = broker.batch_create([first, second, other])

    expect_result(response, success=ids([first, other]), errors={first.id: "AlreadyExists"})
    expect_equal(attribute_value(read_back(broker, first.id), "speed"), 55, "speed of the first occurrence")


@check(
    id="batch-create/empty",
    title="An empty batch is BadRequestData",
    level=Level.MUST,
    clause=cim009("5.6.7.4", EMPTY),
    requirements=["ngsi-ld/5.6.7"],
    test_purposes=purposes("CI/Prov/BE/003_03_02"),
    pics=["PICS_BatEntCre"],
    mode=WRITE,
)
def test_create_empty(broker: Broker) -> None:
    expect_problem(broker.batch_create([], expects_refusal=True), status=400, error_type="BadRequestData")


@check(
    id="batch-create/invalid-json",
    title="A batch that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.7", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/BE/003_03_01"),
    pics=["PICS_BatEntCre"],
    mode=WRITE,
)
def test_create_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/entityOperations/create", content=b"[{]", content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="batch-upsert/creates",
    title="Upserting new Entities creates them and lists their ids",
    level=Level.MUST,
    clause=[
        cim009("5.6.8.4", "Create the Entity locally if it does not exist"),
        cim009(
            "6.15.3.1", "an array of String (with the URIs representing the Entity IDs of the created entities only)"
        ),
    ],
    requirements=["ngsi-ld/5.6.8"],
    test_purposes=purposes("CI/Prov/BE/004_01_01", "CI/Prov/BE/004_01_02", "CI/Prov/BE/004_01_03"),
    pics=["PICS_BatEntCreUpdUps"],
    mode=WRITE,
)
def test_upsert_creates(broker: Broker) -> None:
    batch = vehicles(broker, 2)

    response = broker.batch_upsert(batch)

    expect_status(response, 201)
    expect_equal(sorted(response.json()), ids(batch), "the list of created ids, sorted")
    expect_entity(batch[1].to_json(), read_back(broker, batch[1].id), exact_attributes=True)


@check(
    id="batch-upsert/replaces",
    title="Upserting an existing Entity replaces its whole content and answers 204",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.8.4",
            "it shall be completely replaced by the new Entity content provided, if the requested update mode is",
        ),
        cim009("5.6.8.3", "All the existing Entity content shall be replaced (default mode)."),
    ],
    requirements=["ngsi-ld/5.6.8"],
    test_purposes=purposes("CI/Prov/BE/004_02_01", "CI/Prov/BE/004_02_02", "CI/Prov/BE/004_02_03"),
    pics=["PICS_BatEntCreUpdUps"],
    mode=WRITE,
)
def test_upsert_replaces(broker: Broker, stored_entity: Entity) -> None:
    replacement = Entity(stored_entity.id, stored_entity.type).with_property("colour", "red")

    response = broker.batch_upsert([replacement])

    expect_status(response, 204)
    expect_entity(replacement.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="batch-upsert/updates",
    title="Upserting with options=update keeps what the batch does not name",
    level=Level.MUST,
    clause=cim009("5.6.8.4", 'but limited to a local operation, if the requested update mode is "update".'),
    requirements=["ngsi-ld/5.6.8"],
    test_purposes=purposes("CI/Prov/BE/004_03_01", "CI/Prov/BE/004_03_02", "CI/Prov/BE/004_03_03"),
    pics=["PICS_BatEntCreUpdUps"],
    mode=WRITE,
)
def test_upsert_updates(broker: Broker, stored_entity: Entity) -> None:
    change = Entity(stored_entity.id, stored_entity.type).with_property("speed", 70).with_property("colour", "red")

    response = broker.batch_upsert([change], params={"options": "update"})

    expect_status(response, 204)
    expected = stored_entity.with_property("speed", 70).with_property("colour", "red")
    expect_entity(expected.to_json(), read_back(broker, stored_entity.id), exact_attributes=True)


@check(
    id="batch-upsert/updates-scope-and-types",
    title="Upserting with options=update replaces the Scope and adds Entity Types",
    level=Level.MUST,
    clause=[
        cim009(
            "5.6.8.4",
            "If there were an existing Entity with the same Entity ID, the behaviour defined by clause 5.6.2 shall",
        ),
        cim009("4.16", "Entity Types can be implicitly added by all operations that update or append attributes."),
    ],
    requirements=["ngsi-ld/5.6.8", "ngsi-ld/4.16", "ngsi-ld/4.18"],
    test_purposes=purposes("CI/Prov/BE/004_03_04", "CI/Prov/BE/004_03_05", "CI/Prov/BE/004_08_01"),
    pics=["PICS_MULTITYPING", "PICS_SCOPES", "PICS_BatEntCreUpdUps"],
    since="1.5.1",
    mode=WRITE,
)
def test_upsert_updates_scope(broker: Broker) -> None:
    entity = stored(broker, simple_vehicle(broker).with_scope("/Madrid"))
    more = broker.new_type("Taxi")

    response = broker.batch_upsert([Entity(entity.id, more).with_scope("/Paris")], params={"options": "update"})

    expect_status(response, 204)
    expected = entity.with_scope("/Paris").with_type(str(entity.type), more)
    expect_entity(expected.to_json(), read_back(broker, entity.id), exact_attributes=True)


@check(
    id="batch-upsert/mixed",
    title="Upserting new and existing Entities lists the created ones alone",
    level=Level.MUST,
    clause=cim009("6.15.3.1", "The merely updated entities do not take part in the response"),
    requirements=["ngsi-ld/5.6.8", "ngsi-ld/6.15.3.1"],
    test_purposes=purposes("CI/Prov/BE/004_04_01", "CI/Prov/BE/004_04_02", "CI/Prov/BE/004_04_03"),
    pics=["PICS_BatEntCreUpdUps"],
    mode=WRITE,
)
def test_upsert_mixed(broker: Broker, stored_entity: Entity) -> None:
    new = simple_vehicle(broker)

    response = broker.batch_upsert([stored_entity.with_property("speed", 70), new])

    expect_status(response, 201)
    expect_equal(response.json(), [new.id], "the list of created ids")
    expect_equal(attribute_value(read_back(broker, stored_entity.id), "speed"), 70, "speed of the existing Entity")


@check(
    id="batch-upsert/same-id-twice",
    title="Of two instances of one Entity in an upsert the later one decides",
    level=Level.MUST,
    clause=cim009("5.5.11.2", "These replace or update operations shall be done in chronological order."),
    requirements=["ngsi-ld/5.5.11", "ngsi-ld/5.6.8"],
    test_purposes=purposes("CI/Prov/BE/004_07_01"),
    pics=["PICS_SAME_ENTITY_IN_ARRAY", "PICS_BatEntCreUpdUps"],
    since="1.5.1",
    mode=WRITE,
)
def test_upsert_same_id_twice(broker: Broker) -> None:
    first = simple_vehicle(broker)
    later = Entity(first.id, first.type).with_property("speed", 99, observed_at=LATER)

    response = broker.batch_upsert([first, later])

    expect_status(response, 201)
    expect_entity(later.to_json(), read_back(broker, first.id), exact_attributes=True)


@check(
    id="batch-upsert/invalid-json",
    title="An upsert that is no JSON is an InvalidRequest",
    level=Level.MUST,
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.6.8", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/Prov/BE/004_06_01"),
    pics=["PICS_BatEntCreUpdUps"],
    mode=WRITE,
)
def test_upsert_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/entityOperations/upsert", content=b"[{]", content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="batch-create/one-invalid",
    title="An item that is no valid Entity does not keep the others of the batch from being created",
    level=Level.MUST,
    clause=cim009(
        "6.14.3.1",
        "contains the URIs of the successfully created entities, while the second array (errors) contains",
    ),
    requirements=["ngsi-ld/5.6.7", "ngsi-ld/5.2.16"],
    test_purposes=purposes("CI/Prov/BE/003_02_01"),
    pics=["PICS_BatEntCre"],
    mode=WRITE,
)
def test_create_one_invalid(broker: Broker) -> None:
    """A request-level 400 is tolerated: clause 5.6.7.4 also runs the validation of 5.5.4 on the whole document."""
    valid = simple_vehicle(broker)
    invalid = broker.new_entity().with_attribute("speed", {"type": "Property"})

    response = broker.batch_create([valid, invalid])

    if response.status == 400:
        warn(Reason.TOLERATED, "207 with one success and one error", describe(response))
    expect_result(response, success=[valid.id], errors={invalid.id: "BadRequestData"})
