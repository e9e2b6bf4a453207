"""Retrieve, query and delete Subscriptions: ETSI GS CIM 009 V1.9.1, clauses 5.8.3 to 5.8.5, 6.10 and 6.11."""

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
from ldt_conformance.checks.ngsi_ld.consumption.paging import MAX_PAGES, follow, link
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import subscribed
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import quiet
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive
from ldt_conformance.expectations import expect_equal

READ: dict[str, Any] = {"level": Level.MUST, "capability": SUBSCRIPTIONS}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
ONE_PAGE = 100


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

    response = broker.query_subscriptions({"limit": ONE_PAGE})
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
    id="subscription-query/last-page",
    title="The last page of Subscriptions has a previous link and no next one, the first one no previous one",
    clause=cim009(
        "5.5.9.1",
        "When the last page of NGSI-LD Elements is reached, only the pointer to the previous page shall be provided",
    ),
    requirements=["ngsi-ld/5.8.4", "ngsi-ld/5.5.9"],
    test_purposes=purposes("CI/SUB/031_02_02"),
    pics=["PICS_RetLisSub"],
    **DECLARED,
)
def test_query_last_page(broker: Broker) -> None:
    """Foreign Subscriptions stand in the list, too, so the last page is reached by its links (ruling W11)."""
    for _ in range(3):
        subscribed(broker, quiet(broker))

    response = broker.query_subscriptions({"limit": 2})
    expect_equal(link(response, "prev") is not None, False, "whether the first page has a prev link")
    for _ in range(MAX_PAGES):
        following = link(response, "next")
        if following is None:
            break
        response = follow(broker, response, following)
        expect_list(response)
    else:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"after {MAX_PAGES} pages there are more Subscriptions")

    expect_equal(link(response, "prev") is not None, True, "whether the last page has a prev link")


@check(
    id="subscription-query/one-page",
    title="Where all Subscriptions are on one page there is neither a next nor a previous link",
    clause=cim009(
        "5.5.9.1",
        "check whether there are pending NGSI-LD Elements to be retrieved in the context of the current query.",
    ),
    requirements=["ngsi-ld/5.8.4", "ngsi-ld/5.5.9"],
    test_purposes=purposes("CI/SUB/031_02_03"),
    pics=["PICS_RetLisSub"],
    **DECLARED,
)
def test_query_one_page(broker: Broker) -> None:
    """Where the site has more Subscriptions than that, or the broker gives fewer, there is nothing to judge."""
    wanted = {subscribed(broker, quiet(broker)) for _ in range(2)}

    response = broker.query_subscriptions({"limit": ONE_PAGE})

    found = {str(item.get("id")) for item in expect_list(response)}
    if not wanted <= found or len(found) >= ONE_PAGE:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"{len(found)} Subscriptions on one page, and there are more")
    links = [relation for relation in ("next", "prev") if link(response, relation) is not None]
    expect_equal(links, [], "the paging links")


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
