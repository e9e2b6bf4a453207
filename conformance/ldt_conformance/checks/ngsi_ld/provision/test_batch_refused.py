"""Batches that are wrong as a whole or in one item: CIM 009 V1.9.1, clauses 5.6.7 to 5.6.9, 5.6.20 and 6.3.5."""

from collections.abc import Callable
from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, Reason, check, expect_entity, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import read_back, simple_vehicle, stored, terms
from ldt_conformance.checks.ngsi_ld.provision.batches import expect_result, ids, vehicles
from ldt_conformance.clients import LD_JSON
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, warn
from ldt_conformance.expectations import describe, expect_equal, expect_object, expect_status
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {"level": Level.MUST, "mode": Mode.SANDBOX_WRITE}
NOT_CORRECT = cim009(
    "5.5.4", "If the data included by the JSON-LD document is not syntactically correct, according to the"
)
CREATION: dict[str, Any] = {
    "requirements": ["ngsi-ld/6.3.5", "ngsi-ld/5.6.7"],
    "pics": ["PICS_HTTP_CONTEXT_RESOLV"],
    **DECLARED,
}


def refused_as_a_whole(response: Response) -> None:
    """400 BadRequestData; a 207 in which every item failed for that reason is tolerated, 201 never (ruling M8)."""
    if response.status == 207:
        result = expect_object(response, 207)
        expect_equal(result.get("success"), [], "success")
        if "BadRequestData" not in response.text:
            fail("errors of type BadRequestData", describe(response))
        warn(Reason.TOLERATED, "400 BadRequestData for the request", describe(response))
    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="ld-context/batch-ld-json-without-context",
    title="An application/ld+json batch whose items have no @context creates nothing",
    clause=cim009("6.3.5", "If no @context can be obtained from the request payload body, then an HTTP error response"),
    test_purposes=purposes("CI/Prov/BE/003_08_01"),
    **CREATION,
)
def test_ld_json_without_context(broker: Broker) -> None:
    """The test purpose has the 207."""
    refused_as_a_whole(broker.batch_create([broker.new_entity()], content_type=LD_JSON))


@check(
    id="ld-context/batch-ld-json-with-link",
    title="An application/ld+json batch together with a Link header creates nothing",
    clause=cim009("6.3.5", '"application/ld+json" shall result in an HTTP error response of type BadRequestData.'),
    test_purposes=purposes("CI/Prov/BE/003_09_01"),
    **CREATION,
)
def test_ld_json_with_link(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    served = context_server.serve_context(context).url

    refused_as_a_whole(broker.batch_create([broker.new_entity().with_ld_context(context)], ld_context=served))


def invalid(entity: Entity) -> Entity:
    """The same Entity with an observedAt that is no DateTime."""
    return Entity(entity.id, entity.type).with_property("speed", 1, observed_at="yesterday")


def one_invalid(broker: Broker, response: Response, valid: list[Entity], wrong: Entity) -> None:
    """Fail unless the valid items were treated and the other one is reported; refusing the whole batch warns (M8)."""
    if response.status == 400:
        expect_problem(response, status=400, error_type="BadRequestData")
        warn(Reason.TOLERATED, f"207 with the valid items treated and {wrong.id} under errors", describe(response))
    expect_result(response, success=ids(valid), errors={wrong.id: "BadRequestData"})
    for entity in valid:
        expect_equal(attribute_value(read_back(broker, entity.id), "speed"), 70, "speed of a valid Entity")


def invalid_item_check(
    *,
    id: str,  # noqa: A002 — the word of the design for a check's permanent name
    title: str,
    operation: str,
    requirement: str,
    test_purposes: list[str],
    pics: str,
    since: str = "1.3.1",
) -> Callable[[Broker], None]:
    """Make a check: in a batch of stored Entities the invalid one is reported and the others are treated.

    Args:
        operation: The method of `Broker`.
        id, title, requirement, test_purposes, pics, since: As in `check`.
    """

    @check(
        id=id,
        title=title,
        clause=[
            NOT_CORRECT,
            cim009("5.2.17", "This datatype represents an error raised (associated to a particular Entity)"),
        ],
        requirements=[requirement, "ngsi-ld/5.5.4"],
        test_purposes=purposes(*test_purposes),
        pics=[pics],
        since=since,
        **DECLARED,
    )
    def test_one_invalid(broker: Broker) -> None:
        first, second, wrong = (stored(broker, entity) for entity in vehicles(broker, 3))
        changed = [Entity(one.id, one.type).with_property("speed", 70) for one in (first, second)]

        response = getattr(broker, operation)([changed[0], invalid(wrong), changed[1]])

        one_invalid(broker, response, [first, second], wrong)
        expect_entity(wrong.to_json(), read_back(broker, wrong.id), exact_attributes=True)

    return test_one_invalid


test_upsert_one_invalid = invalid_item_check(
    id="batch-upsert/one-invalid",
    title="Of an upsert with an invalid Entity the others are done and that one is reported",
    operation="batch_upsert",
    requirement="ngsi-ld/5.6.8",
    test_purposes=["CI/Prov/BE/004_05_01", "CI/Prov/BE/004_06_02"],
    pics="PICS_BatEntCreUpdUps",
)
test_update_one_invalid = invalid_item_check(
    id="batch-update/one-invalid",
    title="Of a batch update with an invalid Entity the others are done and that one is reported",
    operation="batch_update",
    requirement="ngsi-ld/5.6.9",
    test_purposes=["CI/Prov/BE/005_04_02"],
    pics="PICS_BatEntUpd",
)
test_merge_one_invalid = invalid_item_check(
    id="batch-merge/one-invalid",
    title="Of a batch merge with an invalid Entity the others are done and that one is reported",
    operation="batch_merge",
    requirement="ngsi-ld/5.6.20",
    test_purposes=["CI/Prov/BE/057_03_02"],
    pics="PICS_EntMer",
    since="1.6.1",
)


@check(
    id="batch-merge/empty-entity",
    title="Merging an Entity that names no Attribute changes nothing",
    clause=cim009(
        "5.6.20.4", "If the Entity was successfully merged (Attributes updated, appended or deleted), then add"
    ),
    requirements=["ngsi-ld/5.6.20"],
    test_purposes=purposes("CI/Prov/BE/057_01_01"),
    pics=["PICS_EntMer"],
    since="1.6.1",
    **DECLARED,
)
def test_merge_empty_entity(broker: Broker) -> None:
    """Ruling M25: no clause has a least number of members; the test purpose has 204, an error warns."""
    entity = stored(broker, simple_vehicle(broker))

    response = broker.batch_merge([Entity(entity.id, entity.type)])

    expect_entity(entity.to_json(), read_back(broker, entity.id), exact_attributes=True)
    if response.status in (207, 400):
        warn(Reason.TOLERATED, "204", describe(response))
    expect_status(response, 204)
