"""@context, what is refused: ETSI GS CIM 009 V1.9.1, clauses 5.5.6 and 6.3.5.

Where an @context must not stand, and what follows where it cannot be had.
"""

import socket
from contextlib import closing

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    Reason,
    check,
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import terms
from ldt_conformance.clients import JSON, LD_JSON
from ldt_conformance.engine.verdicts import warn
from ldt_conformance.expectations import describe, expect_equal, expect_object
from ldt_conformance.receiver import Receiver

WRITE = Mode.SANDBOX_WRITE
PICS = ["PICS_HTTP_CONTEXT_RESOLV"]


def refused_url() -> str:
    """A URL on the loopback interface where nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}/nothing.jsonld"


@check(
    id="ld-context/json-with-context",
    title="An application/json body with an @context is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "6.3.5",
        "(as JSON) contains a @context term, then an HTTP error response of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/6.3.5"],
    test_purposes=purposes("CI/Prov/E/001_06_01"),
    pics=PICS,
    mode=WRITE,
)
def test_json_with_context(broker: Broker) -> None:
    entity = broker.new_entity().with_ld_context(terms(broker))

    expect_problem(broker.create_entity(entity, content_type=JSON), status=400, error_type="BadRequestData")


@check(
    id="ld-context/ld-json-without-context",
    title="An application/ld+json body without an @context is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "6.3.5",
        "If no @context can be obtained from the request payload body, then an HTTP error response of type",
    ),
    requirements=["ngsi-ld/6.3.5"],
    test_purposes=purposes("CI/Prov/E/001_08_01", "CI/Prov/E/001_02_03"),
    pics=PICS,
    mode=WRITE,
)
def test_ld_json_without_context(broker: Broker) -> None:
    entity = broker.new_entity()

    expect_problem(broker.create_entity(entity, content_type=LD_JSON), status=400, error_type="BadRequestData")


@check(
    id="ld-context/ld-json-with-link",
    title="An application/ld+json body together with a Link header is BadRequestData",
    level=Level.MUST,
    clause=cim009("6.3.5", '"application/ld+json" shall result in an HTTP error response of type BadRequestData.'),
    requirements=["ngsi-ld/6.3.5"],
    test_purposes=purposes("CI/Prov/E/001_09_01"),
    pics=PICS,
    mode=WRITE,
)
def test_ld_json_with_link(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    entity = broker.new_entity().with_ld_context(context)

    response = broker.create_entity(entity, ld_context=context_server.serve_context(context).url)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="ld-context/batch-misplaced",
    title="An @context inside the items of an application/json batch creates nothing",
    level=Level.MUST,
    clause=cim009(
        "6.3.5",
        "(as JSON) contains a @context term, then an HTTP error response of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.6.7"],
    test_purposes=purposes("CI/Prov/BE/003_06_01"),
    pics=PICS,
    mode=WRITE,
)
def test_batch_misplaced(broker: Broker) -> None:
    """Ruling M8: 400 BadRequestData; 207 with every item failed is tolerated, 201 never."""
    entity = broker.new_entity().with_ld_context(terms(broker))

    response = broker.batch_create([entity], content_type=JSON)

    if response.status == 207:
        expect_equal(expect_object(response, 207).get("success"), [], "success")
        warn(Reason.TOLERATED, "400 BadRequestData for the request", describe(response))
    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="ld-context/unreachable",
    title="An @context that cannot be fetched is LdContextNotAvailable, 504",
    level=Level.MUST,
    clause=cim009(
        "5.5.6",
        "When a remote JSON-LD @context referenced by an incoming request is not available, implementations shall",
    ),
    requirements=["ngsi-ld/5.5.6"],
    test_purposes=purposes("CB/HTTP/043_01_01"),
    since="1.8.1",
    mode=WRITE,
)
def test_unreachable(broker: Broker) -> None:
    """Ruling W1: 504 from V1.8.1, where 503 is a warning; the error type is strict."""
    response = broker.create_entity(broker.new_entity(), ld_context=refused_url())

    tolerated = [] if broker.at_least("1.9.1") else [(503, "LdContextNotAvailable")]
    expect_problem(response, status=504, error_type="LdContextNotAvailable", tolerated=tolerated)


@check(
    id="ld-context/unreachable-until-1-7",
    title="An @context that cannot be fetched is LdContextNotAvailable, 503",
    level=Level.MUST,
    clause=cim009(
        "5.5.6",
        "When a remote JSON-LD @context referenced by an incoming request is not available, implementations shall",
    ),
    requirements=["ngsi-ld/5.5.6"],
    test_purposes=purposes("CB/HTTP/043_01_01"),
    until="1.7.1",
    mode=WRITE,
)
def test_unreachable_old(broker: Broker) -> None:
    """Ruling W1: 503 up to V1.7.1."""
    response = broker.create_entity(broker.new_entity(), ld_context=refused_url())

    expect_problem(response, status=503, error_type="LdContextNotAvailable")


@check(
    id="ld-context/not-found",
    title="An @context whose server answers 404 is LdContextNotAvailable",
    level=Level.MUST,
    clause=cim009(
        "5.5.2", "A remote JSON-LD @context referenced in a request cannot be retrieved by the NGSI-LD Broker"
    ),
    requirements=["ngsi-ld/5.5.6"],
    since="1.8.1",
    mode=WRITE,
)
def test_not_found(broker: Broker, context_server: Receiver) -> None:
    missing = context_server.serve_context({}, status=404)

    response = broker.create_entity(broker.new_entity(), ld_context=missing.url)

    tolerated = [] if broker.at_least("1.9.1") else [(503, "LdContextNotAvailable")]
    expect_problem(response, status=504, error_type="LdContextNotAvailable", tolerated=tolerated)
