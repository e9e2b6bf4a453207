"""Retrieve, query, update and delete Subscriptions: ETSI GS CIM 009 V1.9.1, clauses 5.8.2 to 5.8.5, 6.10 and 6.11."""

from typing import Any

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    check,
    expect_list,
    expect_members,
    expect_problem,
    expect_status,
    require,
)
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import subscribed
from ldt_conformance.checks.ngsi_ld.paging import MAX_PAGES, follow, link
from ldt_conformance.checks.ngsi_ld.subscribing import FUTURE, PAST, quiet, shown
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive
from ldt_conformance.expectations import expect_equal

READ: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}


@check(
    id="subscription-retrieve/unknown-id",
    title="Retrieving a Subscription that does not exist is ResourceNotFound",
    clause=cim009(
        "5.8.3.4",
        "If the identifier provided does not correspond to any existing subscription in the system then an error of",
    ),
    requirements=["ngsi-ld/5.8.3"],
    test_purposes=purposes("CI/SUB/030_02_01"),
    pics=["PICS_SubRet"],
    **READ,
)
def test_retrieve_unknown_id(broker: Broker) -> None:
    response = broker.retrieve_subscription(broker.new_id("Subscription"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="subscription-retrieve/id-no-uri",
    title="Retrieving a Subscription under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.8.3.4",
        "If the subscription Id is not present or it is not a valid URI, then an error of type BadRequestData shall be",
    ),
    requirements=["ngsi-ld/5.8.3"],
    test_purposes=purposes("CI/SUB/030_01_01"),
    pics=["PICS_SubRet"],
    **READ,
)
def test_retrieve_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.retrieve_subscription(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="subscription-query/list",
    title="The list of Subscriptions is an array",
    clause=cim009(
        "5.8.4.5", "A list (represented as a JSON array) of JSON-LD objects each one representing subscription details"
    ),
    requirements=["ngsi-ld/5.8.4"],
    test_purposes=purposes("CI/SUB/031_01_01"),
    pics=["PICS_RetLisSub"],
    **READ,
)
def test_query_list(broker: Broker) -> None:
    for item in expect_list(broker.query_subscriptions({"limit": 5})):
        expect_members(item, present=["id", "type", "notification"])


@check(
    id="subscription-query/contains",
    title="The list of Subscriptions contains the ones that were created",
    clause=cim009(
        "5.8.4.4",
        "The NGSI-LD system shall list all the existing subscriptions up to the limit specified as input data.",
    ),
    requirements=["ngsi-ld/5.8.4"],
    test_purposes=purposes("CI/SUB/031_01_01"),
    pics=["PICS_RetLisSub"],
    **DECLARED,
)
def test_query_contains(broker: Broker) -> None:
    wanted = {subscribed(broker, quiet(broker)) for _ in range(2)}
    seen: set[str] = set()

    response = broker.query_subscriptions({"limit": 100})
    for _ in range(MAX_PAGES):
        seen |= {str(item.get("id")) for item in expect_list(response)}
        following = link(response, "next")
        if wanted <= seen or following is None:
            break
        response = follow(broker, response, following)
    else:
        inconclusive(
            Reason.INSUFFICIENT_EVIDENCE, f"{len(seen)} Subscriptions on {MAX_PAGES} pages, and there are more"
        )

    if not wanted <= seen:
        fail(f"a list with {sorted(wanted)}", f"{len(seen)} Subscriptions without {sorted(wanted - seen)}")


@check(
    id="subscription-query/paging",
    title="limit bounds the list of Subscriptions, and a next link leads on",
    clause=cim009("5.8.4.4", "Pagination logic shall be in place as mandated by clause 5.5.9."),
    requirements=["ngsi-ld/5.8.4", "ngsi-ld/6.3.10"],
    test_purposes=purposes("CI/SUB/031_02_01"),
    pics=["PICS_RetLisSub"],
    **DECLARED,
)
def test_query_paging(broker: Broker) -> None:
    for _ in range(2):
        subscribed(broker, quiet(broker))

    response = broker.query_subscriptions({"limit": 1})

    expect_equal(len(expect_list(response)), 1, "the number of Subscriptions with limit=1")
    if link(response, "next") is None:
        fail('a Link header with rel="next"', f"Link: {response.headers.get('link') or '(none)'}")


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
    id="subscription-delete/gone",
    title="A deleted Subscription answers 204 and is gone",
    clause=cim009("5.8.5.4", "Otherwise, implementations shall delete the Subscription"),
    requirements=["ngsi-ld/5.8.5"],
    test_purposes=purposes("CI/SUB/032_03_01"),
    pics=["PICS_SubDel"],
    **DECLARED,
)
def test_delete_gone(broker: Broker) -> None:
    subscription_id = subscribed(broker, quiet(broker))
    require(broker.retrieve_subscription(subscription_id), 200, step="retrieving the Subscription before its deletion")

    response = broker.delete_subscription(subscription_id)

    expect_status(response, 204)
    expect_status(broker.retrieve_subscription(subscription_id), 404)


@check(
    id="subscription-delete/unknown-id",
    title="Deleting a Subscription that does not exist is ResourceNotFound",
    clause=cim009(
        "5.8.5.4",
        "If the subscription id provided does not correspond to any existing subscription in the system, then an",
    ),
    requirements=["ngsi-ld/5.8.5"],
    test_purposes=purposes("CI/SUB/032_02_01"),
    pics=["PICS_SubDel"],
    **DECLARED,
)
def test_delete_unknown_id(broker: Broker) -> None:
    response = broker.delete_subscription(broker.new_id("Subscription"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="subscription-delete/id-no-uri",
    title="Deleting a Subscription under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.8.5.4",
        "If the subscription Id is not present or it is not a valid URI, then an error of type BadRequestData shall be",
    ),
    requirements=["ngsi-ld/5.8.5"],
    test_purposes=purposes("CI/SUB/032_01_02"),
    pics=["PICS_SubDel"],
    **DECLARED,
)
def test_delete_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.delete_subscription(broker.not_a_uri()), status=400, error_type="BadRequestData")
