"""Create Subscription: ETSI GS CIM 009 V1.9.1, clauses 5.8.1, 5.2.12 and 6.10.3.1."""

from typing import Any
from urllib.parse import unquote

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    Subscription,
    check,
    expect_problem,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import subscribed
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import (
    ENDPOINT,
    FUTURE,
    PAST,
    expect_subscription,
    quiet,
    shown,
)
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, expect_location

READ: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
TYPES_MET = cim009(
    "5.8.1.4",
    "If the data types, cardinalities and restrictions expressed by clause 5.2.12 are not met, then an error of type",
)


@check(
    id="subscription-create/echo",
    title="A Subscription is created, with a Location header, and shows what was sent",
    clause=[
        cim009("5.8.1.4", "Then, implementations shall add a new Subscription."),
        cim009("6.10.3.1", "header that contains the relative path of the created"),
    ],
    requirements=["ngsi-ld/5.8.1"],
    test_purposes=purposes("CI/SUB/028_01_01", "CI/SUB/030_03_01"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_echo(broker: Broker) -> None:
    """Ruling M11: every posted member comes back with an equal value; defaults may be added."""
    members = {"subscriptionName": "check", "q": "speed>50", "throttling": 5, "expiresAt": FUTURE}
    subscription = quiet(broker).watching("speed").with_members(**members).with_notification(attributes=["speed"])

    response = broker.create_subscription(subscription)

    expect_status(response, 201)
    expect_location(response, f"/subscriptions/{subscription.id}")
    expect_subscription(subscription, shown(broker, str(subscription.id)))


@check(
    id="subscription-create/generated-id",
    title="A Subscription without an id gets one, told by the Location header",
    clause=cim009(
        "5.8.1.4",
        "If the subscription document does not include a Subscription identifier, a new locally unique identifier",
    ),
    requirements=["ngsi-ld/5.8.1"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_generated_id(broker: Broker) -> None:
    subscription = Subscription(None, ENDPOINT).on_type(broker.new_type())
    named = subscription.with_members(subscriptionName=broker.unique("Subscription"))

    response = broker.create_subscription(named)

    expect_status(response, 201)
    subscription_id = response.headers.get("location", "").rstrip("/").rsplit("/", 1)[-1]
    if ":" not in unquote(subscription_id):
        fail("a Location header that ends in the new id, a URI", f"Location: {response.headers.get('location')}")
    expect_status(broker.send("GET", f"/subscriptions/{subscription_id}"), 200)


@check(
    id="subscription-create/active",
    title="A new Subscription is active",
    clause=cim009(
        "5.8.1.4",
        "If the value of the isActive field is not included or is true then the initial status of the Subscription",
    ),
    requirements=["ngsi-ld/5.8.1"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_active(broker: Broker) -> None:
    found = shown(broker, subscribed(broker, quiet(broker)))

    expect_equal(found.get("status"), "active", "status")


@check(
    id="subscription-create/paused",
    title="A new Subscription with isActive false is paused",
    clause=cim009(
        "5.8.1.4",
        "If the value of the isActive field is false, then the initial status of the Subscription shall be set to",
    ),
    requirements=["ngsi-ld/5.8.1"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_paused(broker: Broker) -> None:
    found = shown(broker, subscribed(broker, quiet(broker).with_members(isActive=False)))

    expect_equal(found.get("status"), "paused", "status")


@check(
    id="subscription-create/existing-id",
    title="Creating a Subscription whose id is in use is refused",
    clause=cim009("5.8.1.4", "(URI) is equivalent, an error of type AlreadyExists shall be raised."),
    requirements=["ngsi-ld/5.8.1"],
    test_purposes=purposes("CI/SUB/028_04_01"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_existing_id(broker: Broker) -> None:
    subscription = quiet(broker)
    subscribed(broker, subscription)

    expect_problem(broker.create_subscription(subscription), status=409, error_type="AlreadyExists")


@check(
    id="subscription-create/invalid-json",
    title="A Subscription that is no JSON is an InvalidRequest",
    clause=cim009("5.5.4", "body is not a valid JSON document then an error of type InvalidRequest shall be raised."),
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.5.4"],
    test_purposes=purposes("CI/SUB/028_02_01"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_invalid_json(broker: Broker) -> None:
    response = broker.send(
        "POST", "/subscriptions/", content=b'{"type": ', content_type="application/json", expects_refusal=True
    )

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="subscription-create/empty",
    title="An empty object is no Subscription: BadRequestData",
    clause=TYPES_MET,
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/028_02_02"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_empty(broker: Broker) -> None:
    expect_problem(broker.create_subscription({}, expects_refusal=True), status=400, error_type="BadRequestData")


@check(
    id="subscription-create/id-no-uri",
    title="A Subscription whose id is no URI is BadRequestData",
    clause=TYPES_MET,
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/028_03_01"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_id_no_uri(broker: Broker) -> None:
    subscription = Subscription(broker.not_a_uri(), ENDPOINT).on_type(broker.new_type())

    expect_problem(broker.create_subscription(subscription), status=400, error_type="BadRequestData")


@check(
    id="subscription-create/throttling-and-interval",
    title="Throttling together with timeInterval is BadRequestData",
    clause=cim009("5.2.12", "Fractional values are allowed. If timeInterval is present it shall not appear"),
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/028_05_01"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_throttling_and_interval(broker: Broker) -> None:
    response = broker.create_subscription(quiet(broker).with_members(throttling=5, timeInterval=5))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-create/negative-throttling",
    title="A negative throttling is BadRequestData",
    clause=[TYPES_MET, cim009("5.2.12", "Greater than 0. Fractional values are allowed.")],
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/028_05_02"),
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_negative_throttling(broker: Broker) -> None:
    response = broker.create_subscription(quiet(broker).with_members(throttling=-5))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-create/expired",
    title="A Subscription that has expired already is BadRequestData",
    clause=cim009(
        "5.8.1.4", "timestamp provided represents a moment before the current date and time, then an error of type"
    ),
    requirements=["ngsi-ld/5.8.1"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_expired(broker: Broker) -> None:
    response = broker.create_subscription(quiet(broker).with_members(expiresAt=PAST))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-create/invalid-q",
    title="A Subscription with a q that does not follow the grammar is BadRequestData",
    clause=[TYPES_MET, cim009("5.2.12", "A valid query string as per clause 4.9")],
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_invalid_q(broker: Broker) -> None:
    response = broker.create_subscription(quiet(broker).with_members(q="speed==;(("))

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-create/no-selector",
    title="A Subscription with neither entities nor watchedAttributes is BadRequestData",
    clause=cim009("5.2.12", "At least one of (a) entities or (b) watchedAttributes shall be present"),
    requirements=["ngsi-ld/5.8.1", "ngsi-ld/5.2.12"],
    pics=["PICS_CreSub"],
    **DECLARED,
)
def test_create_no_selector(broker: Broker) -> None:
    response = broker.create_subscription(Subscription(broker.new_id("Subscription"), ENDPOINT))

    expect_problem(response, status=400, error_type="BadRequestData")
