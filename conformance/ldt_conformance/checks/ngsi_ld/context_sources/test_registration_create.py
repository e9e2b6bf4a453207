"""Register Context Source: ETSI GS CIM 009 V1.9.1, clauses 5.9.2, 5.2.9, 5.2.10, 4.3.6.3 and 6.8.3.1."""

from typing import Any
from urllib.parse import unquote

from ldt_conformance import Broker, Registration, check, expect_members, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.context_sources.registering import (
    DECLARED,
    NO_JSON,
    REGISTRATION_MET,
    expect_echo,
    offer,
    offered_types,
    shown_registration,
    source,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.expiring import expect_gone, soon
from ldt_conformance.checks.ngsi_ld.given import registered, stored
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import ENDPOINT, FUTURE, PAST
from ldt_conformance.clients import JSON
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, expect_location, require

BASE: dict[str, Any] = {"requirements": ["ngsi-ld/5.9.2"], **DECLARED}
CREATES: dict[str, Any] = {**BASE, "pics": ["PICS_CsoRegCre"]}


@check(
    id="registration-create/echo",
    title="A Context Source is registered, with a Location header, and its Registration shows what was sent",
    clause=[
        cim009("5.9.2.4", "Implementations shall add the concerned Context Source Registration and return an 'ok'"),
        cim009("6.8.3.1", "header that contains the relative path of the created"),
    ],
    test_purposes=purposes("CS/CSR/033_01_01"),
    **CREATES,
)
def test_create_echo(broker: Broker) -> None:
    registration = (
        source(broker)
        .offering(broker.new_type(), properties=["speed"], relationships=["isParked"])
        .with_members(expiresAt=FUTURE, registrationName="check")
    )

    response = broker.register_context_source(registration)

    expect_status(response, 201)
    expect_location(response, f"/csourceRegistrations/{registration.id}")
    expect_echo(registration, shown_registration(broker, str(registration.id)))


@check(
    id="registration-create/lasts",
    title="A Registration without expiresAt is given no end",
    clause=cim009(
        "5.9.2.4", "If the property expiresAt is not defined then the Context Source Registration shall last forever"
    ),
    test_purposes=purposes("CS/CSR/033_01_02"),
    **CREATES,
)
def test_create_lasts(broker: Broker) -> None:
    """Ruling W4: with a plain inclusive Registration."""
    registration = offer(broker)

    response = broker.register_context_source(registration)

    expect_status(response, 201)
    found = shown_registration(broker, str(registration.id))
    expect_echo(registration, found)
    expect_members(found, absent=["expiresAt"])


@check(
    id="registration-create/generated-id",
    title="A Registration without an id gets one, told by the Location header",
    clause=cim009("5.9.2.4", "If the subscription document does not include a Context Source Registration identifier"),
    test_purposes=purposes("CS/CSR/033_01_03"),
    **CREATES,
)
def test_create_generated_id(broker: Broker) -> None:
    kind = broker.new_type()

    response = broker.register_context_source(Registration(None, ENDPOINT).offering(kind))

    expect_status(response, 201)
    registration_id = unquote(response.headers.get("location", "").rstrip("/").rsplit("/", 1)[-1])
    if ":" not in registration_id:
        fail("a Location header that ends in the new id, a URI", f"Location: {response.headers.get('location')}")
    found = shown_registration(broker, registration_id)
    expect_equal((found.get("id"), offered_types(found)), (registration_id, {kind}), "id, and the types offered")


@check(
    id="registration-create/existing-id",
    title="Registering a Context Source under an id that is in use is refused",
    clause=cim009("5.9.2.4", "existing Context Source Registration whose id (URI) is equivalent, an error of type"),
    test_purposes=purposes("CS/CSR/033_03_01"),
    **CREATES,
)
def test_create_existing_id(broker: Broker) -> None:
    registration = offer(broker)
    registered(broker, registration)

    response = broker.register_context_source(registration)

    expect_problem(response, status=409, error_type="AlreadyExists")


@check(
    id="registration-create/no-json",
    title="A Registration that is no JSON is InvalidRequest",
    clause=[
        cim009("5.9.2.4", "Implementations shall generally exhibit the behaviour described in clause 5.6.1.4"),
        NO_JSON,
    ],
    test_purposes=purposes("CS/CSR/033_02_01"),
    **CREATES,
)
def test_create_no_json(broker: Broker) -> None:
    """The test purpose says BadRequestData; by 5.5.4 a body that is no JSON is InvalidRequest (as ruling W14)."""
    content = b'{"type": "ContextSourceRegistration",'
    response = broker.send("POST", "/csourceRegistrations/", content=content, content_type=JSON, expects_refusal=True)

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="registration-create/wrong-type",
    title="What is no ContextSourceRegistration is BadRequestData",
    clause=[REGISTRATION_MET, cim009("5.2.9", "Use reserved type for identifying Context Source Registration.")],
    test_purposes=purposes("CS/CSR/033_10_01"),
    **CREATES,
)
def test_create_wrong_type(broker: Broker) -> None:
    response = broker.register_context_source({**offer(broker).to_json(), "type": broker.new_type()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-create/no-endpoint",
    title="A Registration without an endpoint is BadRequestData",
    clause=[REGISTRATION_MET, cim009("5.2.9", "It shall be a dereferenceable URI")],
    test_purposes=purposes("CS/CSR/033_10_01"),
    **CREATES,
)
def test_create_no_endpoint(broker: Broker) -> None:
    document = offer(broker).to_json()
    del document["endpoint"]

    expect_problem(broker.register_context_source(document), status=400, error_type="BadRequestData")


@check(
    id="registration-create/empty-information",
    title="A Registration with an empty information array is BadRequestData",
    clause=[REGISTRATION_MET, cim009("5.2.9", "5.2.10. Empty array (0 length) is not allowed")],
    test_purposes=purposes("CS/CSR/033_10_01"),
    **CREATES,
)
def test_create_empty_information(broker: Broker) -> None:
    expect_problem(broker.register_context_source(source(broker)), status=400, error_type="BadRequestData")


@check(
    id="registration-create/id-no-uri",
    title="A Registration whose id is no URI is BadRequestData",
    clause=[REGISTRATION_MET, cim009("5.2.9", "Valid URI.")],
    **CREATES,
)
def test_create_id_no_uri(broker: Broker) -> None:
    registration = Registration(broker.not_a_uri(), ENDPOINT).offering(broker.new_type())

    expect_problem(broker.register_context_source(registration), status=400, error_type="BadRequestData")


@check(
    id="registration-create/expires",
    title="A Registration is deleted when its expiresAt is reached",
    clause=cim009("5.9.2.4", "implementations shall delete the Registration when this point in time is reached."),
    **CREATES,
)
def test_create_expires(broker: Broker) -> None:
    registration = offer(broker)
    due = soon(broker, broker.retrieve_registration(str(registration.id)))  # which knows nothing of it yet
    registered(broker, registration.with_members(expiresAt=due))
    require(broker.retrieve_registration(str(registration.id)), 200, step="retrieving the Registration before its end")

    expect_gone(lambda: broker.retrieve_registration(str(registration.id)), due)


@check(
    id="registration-create/expired",
    title="A Registration that has expired already is BadRequestData",
    clause=cim009("5.9.2.4", "If expiresAt is a date and time in the past, an error of type BadRequestData shall be"),
    test_purposes=purposes("CS/CSR/033_10_02"),
    **CREATES,
)
def test_create_expired(broker: Broker) -> None:
    response = broker.register_context_source(offer(broker).with_members(expiresAt=PAST))

    expect_problem(response, status=400, error_type="BadRequestData")


# --- the modes of 4.3.6, since V1.6.1: of our own Entities and Attributes alone ---------------------------------------


@check(
    id="registration-create/exclusive-without-attributes",
    title="An exclusive Registration that names no Attributes is BadRequestData",
    clause=[
        cim009("4.3.6.3", "An exclusive registration shall always relate to specific Attributes found on a single"),
        REGISTRATION_MET,
    ],
    since="1.6.1",
    **CREATES,
)
def test_create_exclusive_without_attributes(broker: Broker) -> None:
    """Ruling W3: a success fails; 4.3.6.3 names no error, so another refusal than BadRequestData is tolerated."""
    kind, entity_id = broker.new_type(), broker.new_id()
    registration = source(broker).offering(kind, id=entity_id).with_members(mode="exclusive")

    expect_refused(broker, registration)


@check(
    id="registration-create/exclusive-pattern",
    title="An exclusive Registration of a group of Entities is BadRequestData",
    clause=[
        cim009("4.3.6.3", "id pattern or Entity type defining a group of entities is not supported for exclusive"),
        REGISTRATION_MET,
    ],
    since="1.6.1",
    **CREATES,
)
def test_create_exclusive_pattern(broker: Broker) -> None:
    """Ruling W4, as W3."""
    name = broker.unique("speed")
    pattern = source(broker).offering(broker.new_type(), idPattern=f"{broker.new_id()}.*", properties=[name])

    expect_refused(broker, pattern.with_members(mode="exclusive"))


def expect_refused(broker: Broker, registration: Registration) -> None:
    """Fail unless a Registration is refused, warn where by another client error than BadRequestData."""
    tolerated = [(status, "") for status in (400, 403, 409, 422)]
    response = broker.register_context_source(registration)
    expect_problem(response, status=400, error_type="BadRequestData", tolerated=tolerated)


@check(
    id="registration-create/exclusive-twice",
    title="A second exclusive Registration of an Attribute of an Entity is a Conflict",
    clause=cim009(
        "5.9.2.4", "If an exclusive or redirect Context Source Registration already matches against the Entity"
    ),
    since="1.6.1",
    **CREATES,
)
def test_create_exclusive_twice(broker: Broker) -> None:
    kind, entity_id, name = broker.new_type(), broker.new_id(), broker.unique("speed")
    first, second = (
        source(broker).offering(kind, id=entity_id, properties=[name]).with_members(mode="exclusive") for _ in range(2)
    )
    registered(broker, first)

    expect_problem(broker.register_context_source(second), status=409, error_type="Conflict")


@check(
    id="registration-create/exclusive-of-existing",
    title="An exclusive Registration of an Attribute that is stored is a Conflict",
    clause=cim009(
        "5.9.2.4", "If an Entity already exists for the supplied Entity ID (URI) and the existing Entity contains any"
    ),
    since="1.8.1",
    **CREATES,
)
def test_create_exclusive_of_existing(broker: Broker) -> None:
    """Ruling W5; the version that introduced the rule was not traced, so older claims are not judged by it."""
    name = broker.unique("speed")
    entity = stored(broker, broker.new_entity().with_property(name, 1))
    registration = source(broker).offering(str(entity.type), id=entity.id, properties=[name])

    response = broker.register_context_source(registration.with_members(mode="exclusive"))

    expect_problem(response, status=409, error_type="Conflict")


@check(
    id="registration-create/redirect-of-existing",
    title="A redirect Registration that matches a stored Entity is a Conflict",
    clause=cim009("5.9.2.4", "If an existing Entity already matches the Context Source Registration, an error of type"),
    since="1.8.1",
    **CREATES,
)
def test_create_redirect_of_existing(broker: Broker) -> None:
    """Ruling W5; as for an exclusive one."""
    entity = stored(broker, broker.new_entity().with_property("speed", 1))
    registration = source(broker).offering(str(entity.type)).with_members(mode="redirect")

    expect_problem(broker.register_context_source(registration), status=409, error_type="Conflict")


@check(
    id="registration-create/auxiliary-write",
    title="An auxiliary Registration that offers more than retrieval and query is BadRequestData",
    clause=cim009("5.9.2.4", 'If the operations property is not defined as one of: "retrieveOps", "retrieveEntity" or'),
    since="1.8.1",
    **CREATES,
)
def test_create_auxiliary_write(broker: Broker) -> None:
    registration = offer(broker).with_members(mode="auxiliary", operations=["createEntity"])

    expect_problem(broker.register_context_source(registration), status=400, error_type="BadRequestData")
