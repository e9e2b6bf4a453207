"""Errors and preconditions of the binding: ETSI GS CIM 009 V1.9.1, clauses 5.5.3, 6.3.2 to 6.3.4 and 6.3.6."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_status
from ldt_conformance.checks.ngsi_ld.declared import SUBSCRIPTIONS, TEMPORAL, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import read_back
from ldt_conformance.checks.ngsi_ld.sample import Sample
from ldt_conformance.clients import GEO_JSON, JSON, LD_JSON, property_
from ldt_conformance.comparators import JSONLD_CONTEXT, attribute_value, find_link, parse_links
from ldt_conformance.engine.verdicts import Reason, fail, warn
from ldt_conformance.expectations import describe, expect_equal, expect_not_allowed, expect_object

WRITE = Mode.SANDBOX_WRITE
XML = "application/xml"
HTTP_PICS = ["PICS_HTTP_PRECOND"]
NOT_ACCEPTABLE = cim009(
    "6.3.4", 'Not Acceptable Media Type, i.e. "Accept" header does not imply "application/json" nor'
)
UNSUPPORTED = cim009(
    "6.3.4", '"application/ld+json", shall result in just a 415 HTTP status code (without any payload body).'
)
GEO_ELSEWHERE = cim009(
    "6.3.4",
    "For all other operations, the request will result in a Not Acceptable Media Type error, returning a 406 HTTP",
)


@check(
    id="errors/members",
    title="The body of an error has type, title and detail",
    level=Level.MUST,
    clause=cim009("5.5.3", "title: Error title which shall be a short string summarizing the error."),
    requirements=["ngsi-ld/5.5.3"],
)
def test_members(broker: Broker) -> None:
    """Ruling W32: three non-empty strings; that title and detail differ is not asked for."""
    response = broker.retrieve_entity(broker.new_id())

    body = expect_object(response, 404)
    missing = [name for name in ("type", "title", "detail") if not (isinstance(body.get(name), str) and body[name])]
    if missing:
        fail("type, title and detail as non-empty strings", f"{', '.join(missing)} not so: {describe(response)}")


@check(
    id="errors/media-type",
    title="An error is application/json, whatever the request accepts",
    level=Level.MUST,
    clause=[
        cim009("6.3.3", "Content-Type: application/json."),
        cim009("6.3.6", 'respond with MIME type "application/json", regardless of the Accept header.'),
    ],
    requirements=["ngsi-ld/6.3.3", "ngsi-ld/6.3.6"],
)
def test_media_type(broker: Broker) -> None:
    response = broker.retrieve_entity(broker.new_id(), accept=LD_JSON)

    expect_status(response, 404)
    expect_equal(response.media_type, JSON, "media type of the error")


@check(
    id="errors/no-link",
    title="An error carries no Link to an @context",
    level=Level.MUST,
    clause=cim009("6.3.6", "all error responses, do not include the Link header in the response."),
    requirements=["ngsi-ld/6.3.6"],
    since="1.8.1",
)
def test_no_link(broker: Broker) -> None:
    response = broker.retrieve_entity(broker.new_id())

    expect_status(response, 404)
    found = find_link(parse_links(response.headers.get_list("link")), JSONLD_CONTEXT)
    expect_equal(found, None, "Link to an @context")


@check(
    id="methods/not-allowed",
    title="A wrong verb on the Entity list is 405 with the methods that are allowed",
    level=Level.MUST,
    clause=cim009(
        "6.3.2",
        '"Method Not Allowed" (405) which shall be raised when a client invokes a wrong HTTP verb over a resource.',
    ),
    requirements=["ngsi-ld/6.3.2"],
    test_purposes=purposes("CI/Prov/E/054_02_02", "CI/Prov/E/056_02_02"),
    mode=WRITE,
)
def test_not_allowed(broker: Broker) -> None:
    """Rulings W22 and W23: 405 with Allow expected, 400 tolerated; the body is not judged."""
    body = {"id": broker.new_id(), "type": broker.new_type()}

    response = broker.send("PATCH", "/entities/", body=body, expects_refusal=True)

    expect_not_allowed(response, "GET", "POST", tolerates_bad_request=True)


@check(
    id="accept/json",
    title="With Accept: application/json the answer is application/json",
    level=Level.MUST,
    clause=cim009(
        "6.3.6", "Implementations shall honour the Accept header provided by HTTP requests as mandated by clause 6.3.4"
    ),
    requirements=["ngsi-ld/6.3.4"],
)
def test_accept_json(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, accept=JSON)

    expect_status(response, 200)
    expect_equal(response.media_type, JSON, "media type")


@check(
    id="accept/json-link",
    title="An answer as application/json carries a Link to its @context",
    level=Level.MUST,
    clause=cim009(
        "6.3.6",
        'If the target response\'s MIME type is "application/json" such response shall include a Link to the',
    ),
    requirements=["ngsi-ld/6.3.6"],
    test_purposes=purposes("CB/HTTP/045_01_01"),
    pics=HTTP_PICS,
)
def test_json_link(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, accept=JSON)

    expect_status(response, 200)
    if find_link(parse_links(response.headers.get_list("link")), JSONLD_CONTEXT) is None:
        fail(f'a Link header with rel="{JSONLD_CONTEXT}"', f"Link: {response.headers.get('link') or '(none)'}")


@check(
    id="accept/json-no-context",
    title="An answer as application/json has no @context in its body",
    level=Level.MUST,
    clause=cim009(
        "6.3.6",
        'If the target response\'s MIME type is "application/json" such response shall include a Link to the',
    ),
    requirements=["ngsi-ld/6.3.6"],
)
def test_json_no_context(broker: Broker, sample: Sample) -> None:
    """The clause asks for the Link and forbids nothing beside it, so one in the body too is a warning."""
    found = expect_object(broker.retrieve_entity(sample.id, accept=JSON))

    if "@context" in found:
        warn(Reason.TOLERATED, "the @context in the Link header alone", "an @context in the body as well")


@check(
    id="accept/ld-json",
    title="An answer as application/ld+json carries its @context in the body",
    level=Level.MUST,
    clause=cim009(
        "6.3.6", 'If the target response\'s MIME type is "application/ld+json", then the response payload body'
    ),
    requirements=["ngsi-ld/6.3.6"],
)
def test_ld_json(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, accept=LD_JSON)

    found = expect_object(response)
    expect_equal(response.media_type, LD_JSON, "media type")
    if not found.get("@context"):
        fail("an @context in the body", f"members {sorted(found)}")


@check(
    id="accept/absent",
    title="Without an Accept header the answer is application/json",
    level=Level.MUST,
    clause=cim009("6.3.4", 'If the Accept header is not present, "application/json" shall be assumed.'),
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/045_01_01"),
    pics=HTTP_PICS,
)
def test_accept_absent(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, headers={"Accept": ""})

    expect_status(response, 200)
    expect_equal(response.media_type, JSON, "media type")


@check(
    id="accept/any",
    title="With Accept: */* the answer is application/json, the first of the list",
    level=Level.MUST,
    clause=cim009(
        "6.3.4",
        "If the Accept header can be expanded to more than one of the options of the list, the first one of the list",
    ),
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/045_01_01"),
    pics=HTTP_PICS,
)
def test_accept_any(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, accept="*/*")

    expect_status(response, 200)
    expect_equal(response.media_type, JSON, "media type")


@check(
    id="accept/weights",
    title="Weights in the Accept header decide between JSON and JSON-LD",
    level=Level.MUST,
    clause=cim009("6.3.4", "unless amended by the HTTP Accept header processing rules"),
    requirements=["ngsi-ld/6.3.4"],
)
def test_accept_weights(broker: Broker, sample: Sample) -> None:
    response = broker.retrieve_entity(sample.id, accept="application/json;q=0.4, application/ld+json;q=0.9")

    expect_status(response, 200)
    expect_equal(response.media_type, LD_JSON, "media type")


@check(
    id="accept/unacceptable-entity",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (Entity)",
    level=Level.MUST,
    clause=NOT_ACCEPTABLE,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/049_01_01"),
    pics=HTTP_PICS,
)
def test_unacceptable_entity(broker: Broker, sample: Sample) -> None:
    expect_status(broker.retrieve_entity(sample.id, accept=XML), 406)


@check(
    id="accept/unacceptable-query",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (query)",
    level=Level.MUST,
    clause=NOT_ACCEPTABLE,
    requirements=["ngsi-ld/6.3.4"],
    pics=HTTP_PICS,
)
def test_unacceptable_query(broker: Broker, sample: Sample) -> None:
    expect_status(broker.query_entities({"type": sample.type}, accept=XML), 406)


@check(
    id="accept/unacceptable-temporal",
    title="An Accept header that allows neither JSON nor JSON-LD is 406 (temporal query)",
    level=Level.MUST,
    clause=NOT_ACCEPTABLE,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/049_01_05"),
    pics=HTTP_PICS,
    capability=TEMPORAL,
)
def test_unacceptable_temporal(broker: Broker) -> None:
    params = {"type": broker.new_type(), "timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}

    expect_status(broker.query_temporal(params, accept=XML), 406)


@check(
    id="accept/geojson-temporal",
    title="GeoJSON is not acceptable for a temporal query",
    level=Level.MUST,
    clause=GEO_ELSEWHERE,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/049_02_02"),
    pics=HTTP_PICS,
    capability=TEMPORAL,
)
def test_geojson_temporal(broker: Broker) -> None:
    params = {"type": broker.new_type(), "timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}

    expect_status(broker.query_temporal(params, accept=GEO_JSON), 406)


@check(
    id="accept/geojson-subscriptions",
    title="GeoJSON is not acceptable for the list of Subscriptions",
    level=Level.MUST,
    clause=GEO_ELSEWHERE,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/049_02_01"),
    pics=HTTP_PICS,
    capability=SUBSCRIPTIONS,
)
def test_geojson_subscriptions(broker: Broker) -> None:
    expect_status(broker.query_subscriptions(accept=GEO_JSON), 406)


@check(
    id="content-type/unsupported-create",
    title="A creation that is neither JSON nor JSON-LD is 415",
    level=Level.MUST,
    clause=UNSUPPORTED,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/048_01_03"),
    pics=HTTP_PICS,
    mode=WRITE,
)
def test_unsupported_create(broker: Broker) -> None:
    entity = broker.new_entity().with_property("speed", 1)

    expect_status(broker.create_entity(entity, content_type=XML), 415)


@check(
    id="content-type/unsupported-patch",
    title="A partial update that is neither JSON nor JSON-LD is 415",
    level=Level.MUST,
    clause=UNSUPPORTED,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/048_01_01"),
    pics=HTTP_PICS,
    mode=WRITE,
)
def test_unsupported_patch(broker: Broker, stored_entity: Entity) -> None:
    response = broker.partial_update_attribute(stored_entity.id, "speed", {"value": 1}, content_type=XML)

    expect_status(response, 415)


@check(
    id="content-type/unsupported-batch",
    title="A batch that is neither JSON nor JSON-LD is 415",
    level=Level.MUST,
    clause=UNSUPPORTED,
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/048_01_05"),
    pics=HTTP_PICS,
    mode=WRITE,
)
def test_unsupported_batch(broker: Broker) -> None:
    expect_status(broker.batch_create([broker.new_entity()], content_type=XML), 415)


@check(
    id="content-type/merge-patch",
    title="A PATCH may be application/merge-patch+json",
    level=Level.MUST,
    clause=cim009("6.3.4", 'For HTTP PATCH requests "application/merge-patch+json" is allowed as Content-Type'),
    requirements=["ngsi-ld/6.3.4"],
    test_purposes=purposes("CB/HTTP/044_01_01"),
    pics=HTTP_PICS,
    mode=WRITE,
)
def test_merge_patch(broker: Broker, stored_entity: Entity) -> None:
    fragment = property_(77)

    response = broker.partial_update_attribute(
        stored_entity.id, "speed", fragment, content_type="application/merge-patch+json"
    )

    expect_status(response, 204)
    expect_equal(attribute_value(read_back(broker, stored_entity.id), "speed"), 77, "speed")
