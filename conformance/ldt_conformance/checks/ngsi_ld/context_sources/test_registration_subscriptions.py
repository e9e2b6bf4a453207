"""Registration Subscriptions: retrieve, list, update, delete. ETSI GS CIM 009 V1.9.1, clauses 5.11.3 to 5.11.6."""

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
from ldt_conformance.checks.ngsi_ld.consumption.paging import MAX_PAGES, elements, follow, link
from ldt_conformance.checks.ngsi_ld.context_sources.registering import NO_JSON
from ldt_conformance.checks.ngsi_ld.context_sources.test_registration_subscription_create import shown
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATION_SUBSCRIPTIONS, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import subscribed_to_registrations
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import expect_subscription, quiet
from ldt_conformance.clients import JSON
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, precondition
from ldt_conformance.expectations import expect_equal

READ: dict[str, Any] = {"level": Level.MUST, "capability": REGISTRATION_SUBSCRIPTIONS}
WRITE: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
RETRIEVE: dict[str, Any] = {"requirements": ["ngsi-ld/5.11.4"], "pics": ["PICS_CsoRegSubRet"]}
QUERY: dict[str, Any] = {"requirements": ["ngsi-ld/5.11.5"], "pics": ["PICS_RetLisSubCsoReg"]}
UPDATE: dict[str, Any] = {"requirements": ["ngsi-ld/5.11.3"], "pics": ["PICS_CsoRegSubUpd"], **WRITE}
DELETE: dict[str, Any] = {"requirements": ["ngsi-ld/5.11.6"], "pics": ["PICS_CsoRegSubDel"], **WRITE}
ALL_LISTED = cim009(
    "5.11.5.4", "The NGSI-LD System shall list all the existing Context Source Registration Subscriptions."
)
PAGINATION = cim009("5.11.5.4", "Pagination logic shall be in place as mandated by clause 5.5.9.")
FRAGMENT_MET = cim009(
    "5.11.3.4", "If the data types and restrictions expressed by clause 5.2.12 are not met by the Subscription Fragment"
)


@check(
    id="registration-subscription-retrieve/whole",
    title="A Registration Subscription is retrieved as it was created",
    clause=cim009("5.11.4.5", "A JSON-LD object representing the subscription details as mandated by clause 5.2.12."),
    test_purposes=purposes("CS/REGSUB/040_01_01"),
    **RETRIEVE,
    **WRITE,
)
def test_retrieve_whole(broker: Broker) -> None:
    """Ruling M11; paused, so that no statistics of notifications move."""
    members = {"description": "for a check", "isActive": False, "watchedAttributes": ["speed"]}
    subscription = quiet(broker).with_members(**members)
    subscribed_to_registrations(broker, subscription)

    expect_subscription(subscription, shown(broker, str(subscription.id)))


@check(
    id="registration-subscription-retrieve/unknown-id",
    title="Retrieving a Registration Subscription that does not exist is ResourceNotFound",
    clause=cim009(
        "5.11.4.4", "If the identifier provided does not correspond to any existing subscription in the system"
    ),
    test_purposes=purposes("CS/REGSUB/040_03_01"),
    **RETRIEVE,
    **READ,
)
def test_retrieve_unknown_id(broker: Broker) -> None:
    response = broker.retrieve_registration_subscription(broker.new_id("Subscription"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-subscription-retrieve/id-no-uri",
    title="Retrieving a Registration Subscription under an id that is no URI is BadRequestData",
    clause=cim009("5.11.4.4", "If the subscription Id is not present or it is not a valid URI, then an error of type"),
    test_purposes=purposes("CS/REGSUB/040_02_01"),
    **RETRIEVE,
    **READ,
)
def test_retrieve_id_no_uri(broker: Broker) -> None:
    response = broker.retrieve_registration_subscription(broker.not_a_uri())

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-subscription-query/list",
    title="The list of Registration Subscriptions is an array",
    clause=cim009(
        "5.11.5.5", "A list (represented as a JSON array) of JSON-LD objects each one representing subscription"
    ),
    test_purposes=purposes("CS/REGSUB/041_01_01"),
    **QUERY,
    **READ,
)
def test_query_list(broker: Broker) -> None:
    for item in expect_list(broker.query_registration_subscriptions({"limit": 5})):
        expect_members(item, present=["id", "type", "notification"])


@check(
    id="registration-subscription-query/contains",
    title="The list of Registration Subscriptions contains the ones that were created",
    clause=ALL_LISTED,
    test_purposes=purposes("CS/REGSUB/041_01_01", "CS/REGSUB/041_02_03", "CS/REGSUB/041_03_03"),
    **QUERY,
    **WRITE,
)
def test_query_contains(broker: Broker) -> None:
    wanted = three(broker)

    found = elements(broker, broker.query_registration_subscriptions({"limit": 100}))

    seen = {str(item.get("id")) for item in found}
    if not wanted <= seen and len(found) >= 100 * MAX_PAGES:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"{len(found)} Registration Subscriptions, and there are more")
    if not wanted <= seen:
        fail(f"a list with {sorted(wanted)}", f"{len(seen)} elements without {sorted(wanted - seen)}")


def three(broker: Broker) -> set[str]:
    """Three paused Registration Subscriptions; returns their ids."""
    return {subscribed_to_registrations(broker, quiet(broker).with_members(isActive=False)) for _ in range(3)}


@check(
    id="registration-subscription-query/limit",
    title="limit bounds the list of Registration Subscriptions",
    clause=cim009("6.12.3.2", "Maximum number of subscriptions to be retrieved"),
    test_purposes=purposes("CS/REGSUB/041_02_01", "CS/REGSUB/041_02_02"),
    **QUERY,
    **WRITE,
)
def test_query_limit(broker: Broker) -> None:
    three(broker)

    for limit in (1, 2):
        found = expect_list(broker.query_registration_subscriptions({"limit": limit}))
        if not 1 <= len(found) <= limit:  # a page may be shorter than the limit (5.5.9.1)
            fail(f"one to {limit} Registration Subscriptions with limit={limit}", f"{len(found)}")


@check(
    id="registration-subscription-query/pages",
    title="The second page of Registration Subscriptions is another one, with a link back",
    clause=[PAGINATION, cim009("5.5.9.1", "shall be included for all pagination iterations excepting the first one")],
    test_purposes=purposes("CS/REGSUB/041_03_01"),
    **{**QUERY, "requirements": ["ngsi-ld/5.11.5", "ngsi-ld/6.3.10"]},
    **WRITE,
)
def test_query_pages(broker: Broker) -> None:
    """Rulings W10 and W11: there is no parameter `page`; the next link leads on, whatever it is made of."""
    three(broker)

    first = broker.query_registration_subscriptions({"limit": 1})
    listed = expect_list(first)
    second = next_page(broker, first)

    expect_equal([len(listed), len(expect_list(second))], [1, 1], "the numbers of elements on two pages with limit=1")
    if link(first, "prev") is not None or link(second, "prev") is None:
        seen = [page.headers.get("link") or "(none)" for page in (first, second)]
        fail("no prev link on the first page, and one on the second", f"Link: {seen[0]}; then: {seen[1]}")


def next_page(broker: Broker, response: Response) -> Response:
    """The page that the next link leads to; fails where there is no such link."""
    following = link(response, "next")
    if following is None:
        fail('a Link header with rel="next"', f"Link: {response.headers.get('link') or '(none)'}")
    return follow(broker, response, following)


@check(
    id="registration-subscription-query/last-page",
    title="The last page of Registration Subscriptions has a link back and none further on",
    clause=[
        PAGINATION,
        cim009(
            "5.5.9.1",
            "When the last page of NGSI-LD Elements is reached, only the pointer to the previous page shall be",
        ),
    ],
    test_purposes=purposes("CS/REGSUB/041_03_02"),
    **{**QUERY, "requirements": ["ngsi-ld/5.11.5", "ngsi-ld/6.3.10"]},
    **WRITE,
)
def test_query_last_page(broker: Broker) -> None:
    """Rulings W10 and W11, as for the second page."""
    three(broker)

    page = next_page(broker, broker.query_registration_subscriptions({"limit": 2}))
    for _ in range(MAX_PAGES):
        following = link(page, "next")
        if following is None:
            break
        page = follow(broker, page, following)

    precondition(link(page, "next") is None, f"there are more than {MAX_PAGES} pages of two")
    expect_equal(link(page, "prev") is not None, True, "whether the last page has a prev link")


@check(
    id="registration-subscription-query/invalid-limit",
    title="A negative limit, a negative offset and a limit of zero are refused",
    clause=[cim009("6.3.10", "Only values greater or equal to 0."), cim009("6.3.10", "The value 0 is only allowed in")],
    test_purposes=purposes("CS/REGSUB/041_04_01", "CS/REGSUB/041_04_02", "CS/REGSUB/041_04_03"),
    **{**QUERY, "requirements": ["ngsi-ld/5.11.5", "ngsi-ld/6.3.10"]},
    **READ,
)
def test_query_invalid_limit(broker: Broker) -> None:
    """Ruling W10: offset in place of `page`; BadRequestData is expected, InvalidRequest tolerated."""
    for params in ({"limit": -5}, {"limit": 2, "offset": -3}, {"limit": 0}):
        response = broker.query_registration_subscriptions(params)
        expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(400, "InvalidRequest")])


@check(
    id="registration-subscription-update/members",
    title="An update changes the members it names and keeps the others",
    clause=cim009(
        "5.11.3.4", "Then, implementations shall modify the target subscription as mandated by clause 5.5.8."
    ),
    test_purposes=purposes("CS/REGSUB/039_01_01"),
    **UPDATE,
)
def test_update_members(broker: Broker) -> None:
    subscription = quiet(broker).with_members(description="kept", subscriptionName="before", isActive=False)
    subscription_id = subscribed_to_registrations(broker, subscription)

    response = broker.update_registration_subscription(subscription_id, {"subscriptionName": "after"})

    expect_status(response, 204)
    expect_subscription(subscription.with_members(subscriptionName="after"), shown(broker, subscription_id))


@check(
    id="registration-subscription-update/unknown-id",
    title="Updating a Registration Subscription that does not exist is ResourceNotFound",
    clause=cim009("6.13.3.2", "subscription identifier (URI) not known to the system, see clause 6.3.2."),
    test_purposes=purposes("CS/REGSUB/039_03_01"),
    **UPDATE,
)
def test_update_unknown_id(broker: Broker) -> None:
    response = broker.update_registration_subscription(broker.new_id("Subscription"), {"subscriptionName": "after"})

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-subscription-update/id-no-uri",
    title="Updating a Registration Subscription under an id that is no URI is BadRequestData",
    clause=cim009("5.11.3.4", "If the Subscription Id is not present or it is not a valid URI, then an error of type"),
    test_purposes=purposes("CS/REGSUB/039_02_01"),
    **UPDATE,
)
def test_update_id_no_uri(broker: Broker) -> None:
    response = broker.update_registration_subscription(broker.not_a_uri(), {"subscriptionName": "after"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-subscription-update/other-type",
    title="An update by something that is no Subscription is BadRequestData",
    clause=[FRAGMENT_MET, cim009("5.2.12", 'It shall be equal to "Subscription"')],
    test_purposes=purposes("CS/REGSUB/039_04_01"),
    **UPDATE,
)
def test_update_other_type(broker: Broker) -> None:
    subscription_id = subscribed_to_registrations(broker, quiet(broker))

    response = broker.update_registration_subscription(subscription_id, {"type": broker.new_type()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-subscription-update/invalid-notification",
    title="An update to a notification that is none is BadRequestData",
    clause=[FRAGMENT_MET, cim009("5.2.12", "Notification details.")],
    test_purposes=purposes("CS/REGSUB/039_04_02"),
    **UPDATE,
)
def test_update_invalid_notification(broker: Broker) -> None:
    subscription_id = subscribed_to_registrations(broker, quiet(broker))

    response = broker.update_registration_subscription(subscription_id, {"notification": "none"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-subscription-update/no-json",
    title="An update that is no JSON is InvalidRequest",
    clause=NO_JSON,
    test_purposes=purposes("CS/REGSUB/039_05_01"),
    **UPDATE,
)
def test_update_no_json(broker: Broker) -> None:
    """Ruling W14: the test purpose says BadRequestData."""
    subscription_id = subscribed_to_registrations(broker, quiet(broker))

    content = b'{"subscriptionName": '
    response = broker.update_registration_subscription(subscription_id, None, content=content, content_type=JSON)

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="registration-subscription-delete/gone",
    title="A deleted Registration Subscription answers 204 and is gone",
    clause=cim009(
        "5.11.6.4", "Otherwise implementations shall delete the Context Source Registration Subscription and no"
    ),
    test_purposes=purposes("CS/REGSUB/042_01_01"),
    **DELETE,
)
def test_delete_gone(broker: Broker) -> None:
    subscription_id = subscribed_to_registrations(broker, quiet(broker))
    before = broker.retrieve_registration_subscription(subscription_id)
    require(before, 200, step="retrieving the Registration Subscription before its deletion")

    response = broker.delete_registration_subscription(subscription_id)

    expect_status(response, 204)
    expect_status(broker.retrieve_registration_subscription(subscription_id), 404)


@check(
    id="registration-subscription-delete/unknown-id",
    title="Deleting a Registration Subscription that does not exist is ResourceNotFound",
    clause=cim009(
        "5.11.6.4", "If the subscription id provided does not correspond to any existing subscription in the"
    ),
    test_purposes=purposes("CS/REGSUB/042_03_01"),
    **DELETE,
)
def test_delete_unknown_id(broker: Broker) -> None:
    response = broker.delete_registration_subscription(broker.new_id("Subscription"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="registration-subscription-delete/id-no-uri",
    title="Deleting a Registration Subscription under an id that is no URI is BadRequestData",
    clause=cim009("5.11.6.4", "If the subscription Id is not present or it is not a valid URI, then an error of type"),
    test_purposes=purposes("CS/REGSUB/042_02_01"),
    **DELETE,
)
def test_delete_id_no_uri(broker: Broker) -> None:
    response = broker.delete_registration_subscription(broker.not_a_uri())

    expect_problem(response, status=400, error_type="BadRequestData")
