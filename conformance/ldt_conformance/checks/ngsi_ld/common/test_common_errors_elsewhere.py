"""Media types and unavailable @contexts beyond Entities: CIM 009 V1.9.1, clauses 5.5.6, 6.3.4 and 6.3.6.

What `test_common_errors.py` and `test_ld_context_refused.py` check of Entities, for Subscriptions, Temporal Evolutions,
batches and Context Source Registrations.
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.common.test_common_errors import GEO_ELSEWHERE, NOT_ACCEPTABLE, UNSUPPORTED, XML
from ldt_conformance.checks.ngsi_ld.declared import (
    REGISTRATION_SUBSCRIPTIONS,
    REGISTRATIONS,
    SUBSCRIPTIONS,
    TEMPORAL,
    cim009,
    purposes,
)
from ldt_conformance.checks.ngsi_ld.given import stored_history, subscribed
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import ENDPOINT, quiet, shown
from ldt_conformance.checks.ngsi_ld.temporal.histories import WHOLE_DAY, series_of
from ldt_conformance.clients import GEO_JSON, JSON, Registration
from ldt_conformance.comparators import JSONLD_CONTEXT, find_link, parse_links
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import describe, expect_equal
from ldt_conformance.receiver import Receiver

SHARED: dict[str, Any] = {"level": Level.MUST, "requirements": ["ngsi-ld/6.3.4"], "pics": ["PICS_HTTP_PRECOND"]}
WRITE: dict[str, Any] = {**SHARED, "mode": Mode.SANDBOX_WRITE}
ANY = [
    cim009("6.3.4", "If the Accept header can be expanded to more than one of the options of the list, the first one"),
    cim009("6.3.6", 'If the target response\'s MIME type is "application/json" such response shall include a Link to'),
]
UNAVAILABLE: dict[str, Any] = {
    "level": Level.MUST,
    "clause": cim009("5.5.6", "When a remote JSON-LD @context referenced by an incoming request is not available"),
    "requirements": ["ngsi-ld/5.5.6"],
    "since": "1.8.1",
    "mode": Mode.SANDBOX_WRITE,
}


def json_with_link(response: Response) -> None:
    """Fail unless the answer is application/json with a Link to its @context."""
    expect_status(response, 200)
    expect_equal(response.media_type, JSON, "media type")
    if find_link(parse_links(response.headers.get_list("link")), JSONLD_CONTEXT) is None:
        fail(f'a Link header with rel="{JSONLD_CONTEXT}"', f"Link: {response.headers.get('link') or '(none)'}")


def unavailable(broker: Broker, response: Response) -> None:
    """Fail unless it is LdContextNotAvailable; ruling W1."""
    tolerated = [] if broker.at_least("1.9.1") else [(503, "LdContextNotAvailable")]
    expect_problem(response, status=504, error_type="LdContextNotAvailable", tolerated=tolerated)


def missing_context(receiver: Receiver) -> str:
    """The URL of an @context that its server does not have."""
    return receiver.serve_context({}, status=404).url


@check(
    id="accept/any-subscription",
    title="With Accept: */* a Subscription comes as application/json with a Link to its @context",
    clause=ANY,
    test_purposes=purposes("CB/HTTP/045_01_02"),
    capability=SUBSCRIPTIONS,
    **WRITE,
)
def test_any_subscription(broker: Broker) -> None:
    identifier = subscribed(broker, quiet(broker))

    json_with_link(broker.retrieve_subscription(identifier, accept="*/*"))


@check(
    id="accept/any-temporal",
    title="With Accept: */* a temporal query is answered as application/json with a Link to its @context",
    clause=ANY,
    test_purposes=purposes("CB/HTTP/045_01_04"),
    capability=TEMPORAL,
    **WRITE,
)
def test_any_temporal(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    json_with_link(broker.query_temporal({"type": history.type, **WHOLE_DAY}, accept="*/*"))


@check(
    id="accept/any-registrations",
    title="With Accept: */* a query of Registrations is answered as application/json with a Link to its @context",
    clause=ANY,
    test_purposes=purposes("CB/HTTP/045_01_03"),
    capability=REGISTRATIONS,
    **SHARED,
)
def test_any_registrations(broker: Broker) -> None:
    params = {"type": broker.new_type()}

    json_with_link(broker.query_registrations(params, accept="*/*"))


@check(
    id="accept/unacceptable-subscription",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (Subscription)",
    clause=NOT_ACCEPTABLE,
    test_purposes=purposes("CB/HTTP/049_01_02"),
    capability=SUBSCRIPTIONS,
    **WRITE,
)
def test_unacceptable_subscription(broker: Broker) -> None:
    identifier = subscribed(broker, quiet(broker))

    expect_status(broker.retrieve_subscription(identifier, accept=XML), 406)


@check(
    id="accept/unacceptable-registrations",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (Registrations)",
    clause=NOT_ACCEPTABLE,
    test_purposes=purposes("CB/HTTP/049_01_03"),
    capability=REGISTRATIONS,
    **SHARED,
)
def test_unacceptable_registrations(broker: Broker) -> None:
    expect_status(broker.query_registrations({"type": broker.new_type()}, accept=XML), 406)


@check(
    id="accept/unacceptable-registration-subscriptions",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (Registration Subscriptions)",
    clause=NOT_ACCEPTABLE,
    test_purposes=purposes("CB/HTTP/049_01_04"),
    capability=REGISTRATION_SUBSCRIPTIONS,
    **SHARED,
)
def test_unacceptable_registration_subscriptions(broker: Broker) -> None:
    expect_status(broker.query_registration_subscriptions({"limit": 1}, accept=XML), 406)


@check(
    id="accept/geojson-registrations",
    title="GeoJSON is 406 where Registrations are queried",
    clause=GEO_ELSEWHERE,
    test_purposes=purposes("CB/HTTP/049_02_03"),
    capability=REGISTRATIONS,
    **SHARED,
)
def test_geojson_registrations(broker: Broker) -> None:
    params = {"type": broker.new_type()}

    expect_status(broker.query_registrations(params, accept=GEO_JSON), 406)


@check(
    id="content-type/unsupported-subscription",
    title="A Subscription, or its update, that is neither JSON nor JSON-LD is 415",
    clause=UNSUPPORTED,
    test_purposes=purposes("CB/HTTP/048_01_02", "CB/HTTP/048_01_04"),
    capability=SUBSCRIPTIONS,
    **WRITE,
)
def test_unsupported_subscription(broker: Broker) -> None:
    identifier = subscribed(broker, quiet(broker))

    expect_status(broker.create_subscription(quiet(broker), content_type=XML), 415)
    expect_status(broker.update_subscription(identifier, {"description": "x"}, content_type=XML), 415)


@check(
    id="content-type/unsupported-temporal",
    title="A Temporal Evolution that is neither JSON nor JSON-LD is 415",
    clause=UNSUPPORTED,
    test_purposes=purposes("CB/HTTP/048_01_06"),
    capability=TEMPORAL,
    roles=("broker", "history"),
    **WRITE,
)
def test_unsupported_temporal(broker: Broker) -> None:
    expect_status(broker.create_temporal(series_of(broker), content_type=XML), 415)


@check(
    id="content-type/merge-patch-subscription",
    title="An update of a Subscription may be application/merge-patch+json",
    clause=cim009("6.3.4", 'For HTTP PATCH requests "application/merge-patch+json" is allowed as Content-Type'),
    test_purposes=purposes("CB/HTTP/044_02_01"),
    capability=SUBSCRIPTIONS,
    **WRITE,
)
def test_merge_patch_subscription(broker: Broker) -> None:
    identifier = subscribed(broker, quiet(broker))

    fragment = {"description": "another"}
    response = broker.update_subscription(identifier, fragment, content_type="application/merge-patch+json")

    expect_status(response, 204)
    expect_equal(shown(broker, identifier).get("description"), "another", "description")


@check(
    id="ld-context/unavailable-subscription",
    title="A Subscription whose @context cannot be fetched is LdContextNotAvailable",
    test_purposes=purposes("CB/HTTP/043_01_02"),
    capability=SUBSCRIPTIONS,
    **UNAVAILABLE,
)
def test_unavailable_subscription(broker: Broker, receiver: Receiver) -> None:
    unavailable(broker, broker.create_subscription(quiet(broker), ld_context=missing_context(receiver)))


@check(
    id="ld-context/unavailable-temporal",
    title="A Temporal Evolution whose @context cannot be fetched is LdContextNotAvailable",
    test_purposes=purposes("CB/HTTP/043_01_03"),
    capability=TEMPORAL,
    roles=("broker", "history"),
    **UNAVAILABLE,
)
def test_unavailable_temporal(broker: Broker, receiver: Receiver) -> None:
    unavailable(broker, broker.create_temporal(series_of(broker), ld_context=missing_context(receiver)))


@check(
    id="ld-context/unavailable-batch",
    title="A batch whose items have an @context that cannot be fetched creates none of them",
    test_purposes=purposes("CB/HTTP/043_01_04"),
    **UNAVAILABLE,
)
def test_unavailable_batch(broker: Broker, receiver: Receiver) -> None:
    """Ruling M7: a 207 in which every item has LdContextNotAvailable, or that error for the whole request."""
    missing = missing_context(receiver)
    entities = [broker.new_entity().with_ld_context(missing) for _ in range(2)]

    response = broker.batch_create(entities)

    if response.status != 207:
        unavailable(broker, response)
        return
    body = response.json()
    errors = body.get("errors", []) if isinstance(body, dict) else []
    types = {str(one.get("error", {}).get("type")).rpartition("/")[2] for one in errors if isinstance(one, dict)}
    if len(errors) != len(entities) or types != {"LdContextNotAvailable"}:
        fail("an error LdContextNotAvailable for each item", describe(response))


@check(
    id="ld-context/unavailable-registration",
    title="A Context Source Registration whose @context cannot be fetched is LdContextNotAvailable",
    test_purposes=purposes("CB/HTTP/043_01_05"),
    capability=REGISTRATIONS,
    **UNAVAILABLE,
)
def test_unavailable_registration(broker: Broker, receiver: Receiver) -> None:
    registration = Registration(broker.new_id("ContextSourceRegistration"), ENDPOINT).offering(broker.new_type())

    unavailable(broker, broker.register_context_source(registration, ld_context=missing_context(receiver)))
