"""Create Context Source Registration Subscription: ETSI GS CIM 009 V1.9.1, clauses 5.11.2, 5.2.12 and 6.12.3.1.

The checks of 5.8.1.4 hold (5.11.2.4), so these are like those of Subscriptions to Entities.
"""

from typing import Any
from urllib.parse import unquote

from ldt_conformance import Broker, Level, Mode, Subscription, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATION_SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import subscribed_to_registrations
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import (
    ENDPOINT,
    FUTURE,
    PAST,
    expect_state,
    expect_subscription,
    quiet,
)
from ldt_conformance.checks.ngsi_ld.subscriptions.test_subscription_create import TYPES_MET
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, expect_location, expect_object

CREATES: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/5.11.2"],
    "pics": ["PICS_CreSubCsoReg"],
    "capability": REGISTRATION_SUBSCRIPTIONS,
    "mode": Mode.SANDBOX_WRITE,
}
AS_SUBSCRIPTIONS = cim009(
    "5.11.2.4", "The behaviour shall be as described in clause 5.8.1.4, restricted to the local case"
)


def shown(broker: Broker, subscription_id: str) -> dict[str, Any]:
    """The Registration Subscription as the broker shows it."""
    return expect_object(broker.retrieve_registration_subscription(subscription_id))


def refused(broker: Broker, subscription: Subscription | dict[str, Any]) -> None:
    """Fail unless the creation is BadRequestData."""
    response = broker.create_registration_subscription(subscription)
    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-subscription-create/echo",
    title="A Registration Subscription is created, with a Location header, and shows what was sent",
    clause=[
        cim009(
            "5.11.2.4", "If all checks described in clause 5.8.1.4 pass, implementations shall add a new Context Source"
        ),
        cim009("6.12.3.1", "header that contains the relative path of the created"),
    ],
    test_purposes=purposes("CS/REGSUB/038_01_01"),
    **CREATES,
)
def test_create_echo(broker: Broker) -> None:
    """Ruling M11: every posted member comes back with an equal value; defaults and W29's statistics may be added."""
    subscription = quiet(broker).watching("speed").with_members(subscriptionName="check", expiresAt=FUTURE)

    response = broker.create_registration_subscription(subscription)

    expect_status(response, 201)
    expect_location(response, f"/csourceSubscriptions/{subscription.id}")
    expect_subscription(subscription, shown(broker, str(subscription.id)))


@check(
    id="registration-subscription-create/generated-id",
    title="A Registration Subscription without an id gets one, told by the Location header",
    clause=cim009(
        "5.8.1.4",
        "If the subscription document does not include a Subscription identifier, a new locally unique identifier",
    ),
    test_purposes=purposes("CS/REGSUB/038_02_01"),
    **CREATES,
)
def test_create_generated_id(broker: Broker) -> None:
    """Ruling R4: the id comes in Location; no body is required."""
    name = broker.unique("Subscription")
    subscription = Subscription(None, ENDPOINT).on_type(broker.new_type()).with_members(subscriptionName=name)

    response = broker.create_registration_subscription(subscription)

    expect_status(response, 201)
    subscription_id = unquote(response.headers.get("location", "").rstrip("/").rsplit("/", 1)[-1])
    if ":" not in subscription_id:
        fail("a Location header that ends in the new id, a URI", f"Location: {response.headers.get('location')}")
    expect_equal(shown(broker, subscription_id).get("subscriptionName"), name, "subscriptionName")


@check(
    id="registration-subscription-create/active",
    title="A Registration Subscription without isActive and expiresAt is active",
    clause=[
        AS_SUBSCRIPTIONS,
        cim009(
            "5.8.1.4", "If the value of the isActive field is not included or is true then the initial status of the"
        ),
    ],
    test_purposes=purposes("CS/REGSUB/038_03_01", "CS/REGSUB/038_06_01"),
    **CREATES,
)
def test_create_active(broker: Broker) -> None:
    subscription_id = subscribed_to_registrations(broker, quiet(broker))

    expect_state(shown(broker, subscription_id), "active")


@check(
    id="registration-subscription-create/paused",
    title="A Registration Subscription with isActive false is paused",
    clause=[
        AS_SUBSCRIPTIONS,
        cim009(
            "5.8.1.4", "If the value of the isActive field is false, then the initial status of the Subscription shall"
        ),
    ],
    test_purposes=purposes("CS/REGSUB/038_04_01"),
    **CREATES,
)
def test_create_paused(broker: Broker) -> None:
    subscription_id = subscribed_to_registrations(broker, quiet(broker).with_members(isActive=False))

    found = shown(broker, subscription_id)

    expect_equal((found.get("isActive"), found.get("status")), (False, "paused"), "isActive and status")


@check(
    id="registration-subscription-create/existing-id",
    title="Creating a Registration Subscription whose id is in use is refused",
    clause=[
        AS_SUBSCRIPTIONS,
        cim009("5.8.1.4", "If the NGSI-LD endpoint already knows about this Subscription, as there is an existing"),
    ],
    test_purposes=purposes("CS/REGSUB/038_07_01"),
    **CREATES,
)
def test_create_existing_id(broker: Broker) -> None:
    subscription = quiet(broker)
    subscribed_to_registrations(broker, subscription)

    response = broker.create_registration_subscription(subscription)

    expect_problem(response, status=409, error_type="AlreadyExists")


@check(
    id="registration-subscription-create/no-notification",
    title="A Registration Subscription without notification is BadRequestData",
    clause=[AS_SUBSCRIPTIONS, TYPES_MET, cim009("5.2.12", "Notification details.")],
    test_purposes=purposes("CS/REGSUB/038_08_01"),
    **CREATES,
)
def test_create_no_notification(broker: Broker) -> None:
    document = quiet(broker).to_json()
    del document["notification"]

    refused(broker, document)


@check(
    id="registration-subscription-create/wrong-type",
    title="What is no Subscription is BadRequestData",
    clause=[AS_SUBSCRIPTIONS, TYPES_MET, cim009("5.2.12", 'It shall be equal to "Subscription"')],
    test_purposes=purposes("CS/REGSUB/038_08_02"),
    **CREATES,
)
def test_create_wrong_type(broker: Broker) -> None:
    refused(broker, {**quiet(broker).to_json(), "type": broker.new_type()})


@check(
    id="registration-subscription-create/invalid-q",
    title="A Registration Subscription with a q that does not follow the grammar is BadRequestData",
    clause=[AS_SUBSCRIPTIONS, TYPES_MET, cim009("5.2.12", "A valid query string as per clause 4.9")],
    test_purposes=purposes("CS/REGSUB/038_08_03"),
    **CREATES,
)
def test_create_invalid_q(broker: Broker) -> None:
    """Ruling W12: the bare Attribute name of the test purpose is a valid q."""
    refused(broker, quiet(broker).with_members(q="speed==;(("))


@check(
    id="registration-subscription-create/bare-q",
    title="A Registration Subscription with a q that is an Attribute name is created",
    clause=[AS_SUBSCRIPTIONS, cim009("4.9", "QueryTerm = Attribute")],
    test_purposes=purposes("CS/REGSUB/038_08_03"),
    **CREATES,
)
def test_create_bare_q(broker: Broker) -> None:
    """Ruling W12: an existence test."""
    expect_status(broker.create_registration_subscription(quiet(broker).with_members(q="speed")), 201)


@check(
    id="registration-subscription-create/empty-watched-attributes",
    title="A Registration Subscription with an empty watchedAttributes array is BadRequestData",
    clause=[AS_SUBSCRIPTIONS, TYPES_MET, cim009("5.2.12", "array (0 length) is not allowed.")],
    test_purposes=purposes("CS/REGSUB/038_08_04"),
    **CREATES,
)
def test_create_empty_watched_attributes(broker: Broker) -> None:
    refused(broker, quiet(broker).with_members(watchedAttributes=[]))


@check(
    id="registration-subscription-create/expired",
    title="A Registration Subscription that has expired already is BadRequestData",
    clause=[
        AS_SUBSCRIPTIONS,
        cim009(
            "5.8.1.4", "timestamp provided represents a moment before the current date and time, then an error of type"
        ),
    ],
    test_purposes=purposes("CS/REGSUB/038_09_01"),
    **CREATES,
)
def test_create_expired(broker: Broker) -> None:
    refused(broker, quiet(broker).with_members(expiresAt=PAST))
