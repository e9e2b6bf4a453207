"""Retrieve, update and delete Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.10.1, 5.9.3, 5.9.4 and 6.9."""

from typing import Any

from ldt_conformance import Broker, Mode, check, expect_members, expect_problem, expect_status, require
from ldt_conformance.checks.ngsi_ld.context_sources.registering import (
    DECLARED,
    NO_JSON,
    READ,
    expect_echo,
    offer,
    offered_types,
    shown_registration,
    source,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import FUTURE
from ldt_conformance.clients import JSON, NGSI_LD_NULL
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, precondition, warn
from ldt_conformance.expectations import describe, error_type, expect_equal

ANOTHER = "http://127.0.0.1:9/another"
RETRIEVE: dict[str, Any] = {"requirements": ["ngsi-ld/5.10.1"], "pics": ["PICS_CsoRegRet"]}
UPDATE: dict[str, Any] = {"requirements": ["ngsi-ld/5.9.3"], "pics": ["PICS_CsoRegUpd"], **DECLARED}
DELETE: dict[str, Any] = {"requirements": ["ngsi-ld/5.9.4"], "pics": ["PICS_CsoRegDel"], **READ}
FRAGMENT_MET = cim009(
    "5.9.3.4", "If the data types and restrictions expressed by clause 5.2.9 are not met by the Context Source"
)
WRONG_VERB = cim009(
    "6.3.2", '"Method Not Allowed" (405) which shall be raised when a client invokes a wrong HTTP verb over a resource.'
)


@check(
    id="registration-retrieve/whole",
    title="A Registration is retrieved as it was registered",
    clause=cim009("5.10.1.4", "Otherwise return a JSON-LD object representing the Context Source Registration as"),
    test_purposes=purposes("CS/DISC/036_04_01"),
    **RETRIEVE,
    **DECLARED,
)
def test_retrieve_whole(broker: Broker) -> None:
    registration = (
        source(broker)
        .offering(broker.new_type(), id=broker.new_id(), properties=["speed", "brandName"])
        .offering(broker.new_type(), relationships=["isParked"])
        .with_members(description="for a check", datasetId=["urn:ngsi-ld:dataset:gps"])
    )
    registered(broker, registration)

    expect_echo(registration, shown_registration(broker, str(registration.id)))


@check(
    id="registration-retrieve/unknown-id",
    title="Retrieving a Registration that does not exist is ResourceNotFound",
    clause=cim009("5.10.1.4", "If the NGSI-LD endpoint does not know about the target context source registration"),
    test_purposes=purposes("CS/DISC/036_02_01"),
    **RETRIEVE,
    **READ,
)
def test_retrieve_unknown_id(broker: Broker) -> None:
    response = broker.retrieve_registration(broker.new_id("ContextSourceRegistration"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-retrieve/id-no-uri",
    title="Retrieving a Registration under an id that is no URI is BadRequestData",
    clause=cim009("5.10.1.4", "If the context source registration id (id) is not present or it is not a valid URI"),
    test_purposes=purposes("CS/DISC/036_01_01"),
    **RETRIEVE,
    **READ,
)
def test_retrieve_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.retrieve_registration(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="registration-update/members",
    title="An update changes the members it names and keeps the others",
    clause=cim009(
        "5.9.3.4", "Then, implementations shall modify the target Context Source Registration as mandated by"
    ),
    test_purposes=purposes("CS/REG/034_01_01"),
    **UPDATE,
)
def test_update_members(broker: Broker) -> None:
    kind = broker.new_type()
    registration_id = registered(broker, source(broker).offering(kind).with_members(registrationName="check"))

    response = broker.update_registration(registration_id, {"endpoint": ANOTHER})

    expect_status(response, 204)
    found = shown_registration(broker, registration_id)
    seen = (found.get("endpoint"), found.get("registrationName"), offered_types(found))
    expect_equal(seen, (ANOTHER, "check", {kind}), "endpoint, registrationName and the types offered")


@check(
    id="registration-update/information",
    title="An update of information changes what is offered",
    clause=[
        cim009("5.9.3.4", "Then, implementations shall modify the target Context Source Registration as mandated by"),
        cim009(
            "5.5.8", "For each member of the Fragment contained by the target, the target member value is replaced by"
        ),
    ],
    **UPDATE,
)
def test_update_information(broker: Broker) -> None:
    registration_id = registered(broker, offer(broker))
    other = broker.new_type()

    response = broker.update_registration(registration_id, {"information": [{"entities": [{"type": other}]}]})

    expect_status(response, 204)
    expect_equal(offered_types(shown_registration(broker, registration_id)), {other}, "the types offered")


@check(
    id="registration-update/null-expires-at",
    title="An update of expiresAt to NGSI-LD Null removes it",
    clause=cim009("5.4", "Null shall cause for the member to be removed from the target NGSI-LD element."),
    test_purposes=purposes("CS/REG/034_05_01"),
    since="1.6.1",
    **UPDATE,
)
def test_update_null_expires_at(broker: Broker) -> None:
    """Ruling W13: by the NGSI-LD Null, not by the JSON null of the test purpose."""
    registration_id = registered(broker, offer(broker).with_members(expiresAt=FUTURE))
    require(broker.retrieve_registration(registration_id), 200, step="retrieving the Registration before its update")

    response = broker.update_registration(registration_id, {"expiresAt": NGSI_LD_NULL})

    expect_status(response, 204)
    expect_members(shown_registration(broker, registration_id), absent=["expiresAt"])


@check(
    id="registration-update/unknown-id",
    title="Updating a Registration that does not exist is ResourceNotFound",
    clause=cim009(
        "5.9.3.4", "If the NGSI-LD System does not know about the target Context Source Registration, because"
    ),
    test_purposes=purposes("CS/REG/034_03_01"),
    **UPDATE,
)
def test_update_unknown_id(broker: Broker) -> None:
    response = broker.update_registration(broker.new_id("ContextSourceRegistration"), {"endpoint": ANOTHER})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-update/id-no-uri",
    title="Updating a Registration under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.9.3.4", "If the target Context Source Registration id (id) is not present or it is not a valid URI"
    ),
    test_purposes=purposes("CS/REG/034_02_01"),
    **UPDATE,
)
def test_update_id_no_uri(broker: Broker) -> None:
    response = broker.update_registration(broker.not_a_uri(), {"endpoint": ANOTHER})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-update/other-type",
    title="An update by something that is no Registration is BadRequestData",
    clause=[FRAGMENT_MET, cim009("5.2.9", "Use reserved type for identifying Context Source Registration.")],
    test_purposes=purposes("CS/REG/034_02_02"),
    **UPDATE,
)
def test_update_other_type(broker: Broker) -> None:
    registration_id = registered(broker, offer(broker))

    response = broker.update_registration(registration_id, {"type": "Subscription", "endpoint": ANOTHER})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-update/empty-information",
    title="An update to an empty information array is BadRequestData",
    clause=[FRAGMENT_MET, cim009("5.2.9", "5.2.10. Empty array (0 length) is not allowed")],
    test_purposes=purposes("CS/REG/034_02_02"),
    **UPDATE,
)
def test_update_empty_information(broker: Broker) -> None:
    registration_id = registered(broker, offer(broker))

    response = broker.update_registration(registration_id, {"information": []})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-update/null-endpoint",
    title="An update that would remove a mandatory member is BadRequestData",
    clause=[FRAGMENT_MET, cim009("5.2.9", "It shall be a dereferenceable URI")],
    test_purposes=purposes("CS/REG/034_02_03"),
    since="1.6.1",
    **UPDATE,
)
def test_update_null_endpoint(broker: Broker) -> None:
    registration_id = registered(broker, offer(broker))

    response = broker.update_registration(registration_id, {"endpoint": NGSI_LD_NULL})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-update/no-json",
    title="An update that is no JSON is InvalidRequest",
    clause=[cim009("5.9.3.4", "Execute the behaviour defined in clause 5.5.4 on JSON-LD validation."), NO_JSON],
    test_purposes=purposes("CS/REG/034_04_01"),
    **UPDATE,
)
def test_update_no_json(broker: Broker) -> None:
    """The test purpose says BadRequestData; by 5.5.4 a body that is no JSON is InvalidRequest (as ruling W14)."""
    registration_id = registered(broker, offer(broker))

    response = broker.update_registration(registration_id, None, content=b'{"endpoint": ', content_type=JSON)

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="registration-update/no-id",
    title="An update without an id is 405 with the methods that the list has",
    clause=WRONG_VERB,
    test_purposes=purposes("CS/REG/034_06_01"),
    **UPDATE,
)
def test_update_no_id(broker: Broker) -> None:
    """Ruling W23: 405 with Allow, its body is not judged; by 5.9.3.4 alone it would be 400, which is tolerated."""
    response = broker.send("PATCH", "/csourceRegistrations/", body={"endpoint": ANOTHER}, expects_refusal=True)

    if response.status == 400 and error_type(response) == "BadRequestData":
        warn(Reason.TOLERATED, "405 with an Allow header", describe(response))
    expect_status(response, 405)
    if not {"GET", "POST"} <= allowed_methods(response):
        fail("an Allow header with GET and POST", f"Allow: {response.headers.get('allow') or '(none)'}")


def allowed_methods(response: Response) -> set[str]:
    """The methods of the Allow header."""
    return {name.strip().upper() for value in response.headers.get_list("allow") for name in value.split(",")} - {""}


@check(
    id="registration-delete/gone",
    title="A deleted Registration answers 204 and is gone",
    clause=cim009("5.9.4.4", "Otherwise the context source registration shall be removed."),
    test_purposes=purposes("CS/REG/035_01_01"),
    mode=Mode.SANDBOX_WRITE,
    **DELETE,
)
def test_delete_gone(broker: Broker) -> None:
    registration_id = registered(broker, offer(broker))
    require(broker.retrieve_registration(registration_id), 200, step="retrieving the Registration before its deletion")

    response = broker.delete_registration(registration_id)

    expect_status(response, 204)
    expect_status(broker.retrieve_registration(registration_id), 404)


@check(
    id="registration-delete/unknown-id",
    title="Deleting a Registration that does not exist is ResourceNotFound",
    clause=cim009("5.9.4.4", "If the NGSI-LD endpoint does not know about the target context source registration"),
    test_purposes=purposes("CS/REG/035_03_01"),
    mode=Mode.SANDBOX_WRITE,
    **DELETE,
)
def test_delete_unknown_id(broker: Broker) -> None:
    response = broker.delete_registration(broker.new_id("ContextSourceRegistration"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-delete/id-no-uri",
    title="Deleting a Registration under an id that is no URI is BadRequestData",
    clause=cim009("5.9.4.4", "If the target context source registration id is not present or it is not a valid URI"),
    test_purposes=purposes("CS/REG/035_02_02"),
    mode=Mode.SANDBOX_WRITE,
    **DELETE,
)
def test_delete_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.delete_registration(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="registration-delete/no-id",
    title="The list of Registrations as a whole is not offered for deletion",
    clause=WRONG_VERB,
    test_purposes=purposes("CS/REG/035_02_01"),
    mode=Mode.SANDBOX_WRITE,
    **DELETE,
)
def test_delete_no_id(broker: Broker) -> None:
    """Ruling W23. The test purpose sends the DELETE, by which a wrong broker may lose every Registration (lesson 18).

    Which methods there are stands in the Allow header that another wrong verb is answered with.
    """
    response = broker.send("PATCH", "/csourceRegistrations/", body={"endpoint": ANOTHER}, expects_refusal=True)

    allowed = allowed_methods(response)
    precondition(bool(allowed), f"no Allow header says which methods there are: {describe(response)}")
    expect_equal("DELETE" in allowed, False, f"whether DELETE is among {sorted(allowed)}")
