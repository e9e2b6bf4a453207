"""Update Subscription: ETSI GS CIM 009 V1.9.1, clauses 5.8.2, 5.2.12 and 6.11.3.2."""

import time
from typing import Any

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    check,
    expect_problem,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.expiring import soon
from ldt_conformance.checks.ngsi_ld.given import VOCABULARY, subscribed
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import FUTURE, PAST, quiet, shown
from ldt_conformance.clients import NGSI_LD_NULL
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable, precondition
from ldt_conformance.expectations import expect_equal, expect_not_allowed, expect_object
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS, "mode": Mode.SANDBOX_WRITE}
UPDATE: dict[str, Any] = {**DECLARED, "requirements": ["ngsi-ld/5.8.2"], "pics": ["PICS_SubUpd"]}
EXPIRY_SECONDS = 10.0
PAUSE_SECONDS = 0.25


@check(
    id="subscription-update/members",
    title="An update changes the members it names and keeps the others",
    clause=cim009("5.8.2.4", "Then, implementations shall modify the target Subscription as mandated by clause 5.5.8."),
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_06_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_members(broker: Broker) -> None:
    subscription = quiet(broker).with_members(q="speed>50", subscriptionName="before")
    subscription_id = subscribed(broker, subscription)

    response = broker.update_subscription(subscription_id, {"subscriptionName": "after"})

    expect_status(response, 204)
    found = shown(broker, subscription_id)
    expect_equal((found.get("subscriptionName"), found.get("q")), ("after", "speed>50"), "subscriptionName and q")


@check(
    id="subscription-update/pause-and-resume",
    title="isActive false pauses a Subscription and true makes it active again",
    clause=[
        cim009(
            "5.8.2.4", "If isActive is equal to false and expiresAt is not present, then status shall be updated to"
        ),
        cim009("5.8.2.4", "If isActive is equal to true and expiresAt is not present, then status shall be updated to"),
    ],
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_07_01", "CI/SUB/029_09_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_pause(broker: Broker) -> None:
    subscription_id = subscribed(broker, quiet(broker))
    states = []

    for active in (False, True):
        expect_status(broker.update_subscription(subscription_id, {"isActive": active}), 204)
        states.append(shown(broker, subscription_id).get("status"))

    expect_equal(states, ["paused", "active"], "status after isActive false and true")


@check(
    id="subscription-update/active-until",
    title="isActive true with an expiresAt in the future makes a Subscription active",
    clause=cim009(
        "5.8.2.4",
        "If isActive is equal to true and expiresAt corresponds to a DateTime in the future, then status shall be",
    ),
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_08_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_active_until(broker: Broker) -> None:
    subscription_id = subscribed(broker, quiet(broker).with_members(isActive=False))

    response = broker.update_subscription(subscription_id, {"isActive": True, "expiresAt": FUTURE})

    expect_status(response, 204)
    expect_equal(shown(broker, subscription_id).get("status"), "active", "status")


@check(
    id="subscription-update/expired",
    title="An update to an expiresAt in the past is BadRequestData",
    clause=cim009(
        "5.8.2.4",
        "If expiresAt is included but referring to a DateTime in the past, then a BadRequestData error shall be",
    ),
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_11_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_expired(broker: Broker) -> None:
    subscription_id = subscribed(broker, quiet(broker))

    response = broker.update_subscription(subscription_id, {"expiresAt": PAST})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-update/invalid",
    title="An update that breaks the data type is BadRequestData",
    clause=cim009(
        "5.8.2.4",
        "If the data types and restrictions expressed by clause 5.2.12 are not met by the Subscription Fragment",
    ),
    requirements=["ngsi-ld/5.8.2", "ngsi-ld/5.2.12"],
    test_purposes=purposes("CI/SUB/029_03_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_invalid(broker: Broker) -> None:
    subscription_id = subscribed(broker, quiet(broker))

    response = broker.update_subscription(subscription_id, {"watchedAttributes": []})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-update/unknown-id",
    title="Updating a Subscription that does not exist is ResourceNotFound",
    clause=cim009("5.8.2.4", "whose id (URI) is equivalent, an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_02_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_unknown_id(broker: Broker) -> None:
    response = broker.update_subscription(broker.new_id("Subscription"), {"subscriptionName": "after"})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="subscription-update/id-no-uri",
    title="Updating a Subscription under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.8.2.4",
        "If the Subscription id is not present or it is not a valid URI, then an error of type BadRequestData shall be",
    ),
    requirements=["ngsi-ld/5.8.2"],
    test_purposes=purposes("CI/SUB/029_01_02"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_id_no_uri(broker: Broker) -> None:
    response = broker.update_subscription(broker.not_a_uri(), {"subscriptionName": "after"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="subscription-update/ld-context",
    title="The terms of an update are expanded by its @context, and shown by that of the retrieval",
    clause=cim009("5.8.2.4", "Term to URI expansion of Attribute names shall be observed as mandated by clause 5.5.7."),
    test_purposes=purposes("CI/SUB/029_05_01", "CI/SUB/029_05_02"),
    **UPDATE,
)
def test_update_ld_context(broker: Broker, context_server: Receiver) -> None:
    """Without the @context the full names come back, with it the short ones."""
    kind = broker.new_type("Vehicle")
    names = {kind: f"{VOCABULARY}{kind}", "speed": f"{VOCABULARY}{broker.unique('speed')}"}
    served = context_server.serve_context(names).url
    subscription_id = subscribed(broker, quiet(broker).watching("brandName"))

    fragment = {"entities": [{"type": kind}], "watchedAttributes": ["speed"]}
    expect_status(broker.update_subscription(subscription_id, fragment, ld_context=served), 204)

    short = expect_object(broker.retrieve_subscription(subscription_id, ld_context=served))
    expect_equal(selected(short), ([kind], ["speed"]), "types and watchedAttributes under that @context")
    full = shown(broker, subscription_id)
    expect_equal(selected(full), ([names[kind]], [names["speed"]]), "types and watchedAttributes without it")


def selected(subscription: dict[str, Any]) -> tuple[list[Any], Any]:
    """The types that a Subscription selects, and its watched Attributes."""
    return [item.get("type") for item in subscription.get("entities") or []], subscription.get("watchedAttributes")


@check(
    id="subscription-update/mandatory-removed",
    title="An update that would remove a mandatory member is BadRequestData, and removes nothing",
    clause=cim009(
        "5.8.2.4",
        "If the data types and restrictions expressed by clause 5.2.12 are not met by the Subscription Fragment",
    ),
    test_purposes=purposes("CI/SUB/029_04_01"),
    **UPDATE,
)
def test_update_mandatory_removed(broker: Broker) -> None:
    """An NGSI-LD Null removes (5.5.8); the test purpose has the JSON null, which is no value at all (ruling W13)."""
    subscription_id = subscribed(broker, quiet(broker))

    response = broker.update_subscription(subscription_id, {"notification": NGSI_LD_NULL})

    expect_problem(response, status=400, error_type="BadRequestData")
    if "endpoint" not in shown(broker, subscription_id).get("notification", {}):
        fail("the Subscription with its notification", "it is gone")


@check(
    id="subscription-update/revive",
    title="An expiresAt in the future makes an expired Subscription active",
    clause=cim009(
        "5.8.2.4",
        "If only expiresAt is included and refers to a DateTime in the future, then status shall be updated to",
    ),
    test_purposes=purposes("CI/SUB/029_10_01"),
    **UPDATE,
)
def test_update_revive(broker: Broker) -> None:
    """An expired Subscription may be deleted (4.8); then there is nothing to revive."""
    subscription = quiet(broker)
    due = soon(broker, broker.retrieve_subscription(str(subscription.id)))  # which is not known yet
    subscription_id = subscribed(broker, subscription.with_members(expiresAt=due))
    wait_for_expiry(broker, subscription_id)

    response = broker.update_subscription(subscription_id, {"expiresAt": FUTURE})

    expect_status(response, 204)
    expect_equal(shown(broker, subscription_id).get("status"), "active", "status")


def wait_for_expiry(broker: Broker, subscription_id: str) -> None:
    """Wait until a Subscription shows that it has expired; not applicable where it is deleted then."""
    deadline = time.monotonic() + EXPIRY_SECONDS
    status = None
    while status != "expired" and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        response = broker.retrieve_subscription(subscription_id)
        if response.status == 404:
            not_applicable(Reason.UNCLAIMED, "expired Subscriptions are deleted", expected="an expired Subscription")
        status = expect_object(response).get("status")
    precondition(status == "expired", f"after {EXPIRY_SECONDS:g} s the Subscription is {status!r}, not expired")


@check(
    id="subscription-update/not-present",
    title="An update without a Subscription id is 405 with the methods that are allowed",
    clause=cim009(
        "6.3.2",
        '"Method Not Allowed" (405) which shall be raised when a client invokes a wrong HTTP verb over a resource.',
    ),
    requirements=["ngsi-ld/6.3.2"],
    test_purposes=purposes("CI/SUB/029_01_01"),
    pics=["PICS_SubUpd"],
    **DECLARED,
)
def test_update_not_present(broker: Broker) -> None:
    """Ruling W23, and as W22: clause 5.8.2.4 says BadRequestData where no id is present, which is tolerated."""
    response = broker.send("PATCH", "/subscriptions/", body={"subscriptionName": "after"}, expects_refusal=True)

    expect_not_allowed(response, "GET", "POST", tolerates_bad_request=True)
