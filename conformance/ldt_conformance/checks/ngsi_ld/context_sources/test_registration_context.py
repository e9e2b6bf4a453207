"""@context and Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.5.7 and 6.3.5.

A short name that only this run uses is mapped to a full one, so that the Registration offers nothing else either way.
"""

from dataclasses import dataclass
from typing import Any

from ldt_conformance import Broker, Registration, check, expect_problem, expect_status, require
from ldt_conformance.checks.ngsi_ld.context_sources.registering import (
    DECLARED,
    offer,
    offered_types,
    shown_registration,
    source,
)
from ldt_conformance.checks.ngsi_ld.contexts.test_ld_context import DEFAULT, FROM_BODY, FROM_LINK, FULL_NAMES
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import VOCABULARY, registered
from ldt_conformance.clients import JSON, LD_JSON
from ldt_conformance.comparators import expand_name
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal
from ldt_conformance.receiver import Receiver

BASE: dict[str, Any] = {**DECLARED, "pics": ["PICS_HTTP_CONTEXT_RESOLV"]}
RESOLVED: dict[str, Any] = {**BASE, "requirements": ["ngsi-ld/6.3.5", "ngsi-ld/5.9.2"]}
RETRIEVED: dict[str, Any] = {**BASE, "requirements": ["ngsi-ld/5.5.7", "ngsi-ld/5.10.1"]}
SAME_CONTEXT = cim009(
    "5.5.7", "the @context used to perform compaction or expansion of terms shall be the one provided by each API call"
)
NO_CONTEXT = cim009("6.3.5", "In the absence of such Link header, then the associated @context shall be the default")


@dataclass(frozen=True)
class Named:
    """A Registration with an Entity Type that an @context maps to a full name.

    Attributes:
        short: The type as the Registration has it.
        full: What it means.
        url: Where the @context is served.
    """

    registration: Registration
    short: str
    full: str
    url: str

    @property
    def ld_context(self) -> dict[str, str]:
        """The @context itself."""
        return {self.short: self.full}

    @property
    def id(self) -> str:
        """Of the Registration."""
        return str(self.registration.id)


def named(broker: Broker, server: Receiver) -> Named:
    """A Registration that is not sent yet, with its served @context."""
    short, full = broker.new_type("Building"), f"{VOCABULARY}{broker.unique('Building')}"
    return Named(source(broker).offering(short), short, full, server.serve_context({short: full}).url)


def register_by_link(broker: Broker, one: Named) -> None:
    """As application/json, with a Link header."""
    response = broker.register_context_source(one.registration, ld_context=one.url)
    require(response, 201, step="registering a Context Source with a Link header")


def register_by_body(broker: Broker, one: Named) -> None:
    """As application/ld+json, with the @context in the body."""
    registered(broker, one.registration.with_members(**{"@context": one.ld_context}))


def types_of(broker: Broker, one: Named, ld_context: str | None) -> set[str]:
    """The types that the Registration shows under an @context."""
    return offered_types(shown_registration(broker, one.id, ld_context=ld_context))


@check(
    id="registration-context/link-header",
    title="A Registration with a Link header is read with the same @context by its short names",
    clause=[FROM_LINK, SAME_CONTEXT],
    test_purposes=purposes("CS/CSR/033_04_01"),
    **RESOLVED,
)
def test_link_header(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    register_by_link(broker, one)

    expect_equal(types_of(broker, one, one.url), {one.short}, "the types offered")


@check(
    id="registration-context/link-header-expanded",
    title="A Registration with a Link header is read without an @context by its full names",
    clause=[FROM_LINK, FULL_NAMES],
    test_purposes=purposes("CS/CSR/033_04_02"),
    **RESOLVED,
)
def test_link_header_expanded(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    register_by_link(broker, one)

    expect_equal(types_of(broker, one, None), {one.full}, "the types offered")


@check(
    id="registration-context/payload",
    title="A Registration with its @context in the body is read with the same @context by its short names",
    clause=[FROM_BODY, SAME_CONTEXT],
    test_purposes=purposes("CS/CSR/033_07_01"),
    **RESOLVED,
)
def test_payload(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    register_by_body(broker, one)

    expect_equal(types_of(broker, one, one.url), {one.short}, "the types offered")


@check(
    id="registration-context/payload-expanded",
    title="A Registration with its @context in the body is read without an @context by its full names",
    clause=[FROM_BODY, FULL_NAMES],
    test_purposes=purposes("CS/CSR/033_07_02"),
    **RESOLVED,
)
def test_payload_expanded(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    register_by_body(broker, one)

    expect_equal(types_of(broker, one, None), {one.full}, "the types offered")


@check(
    id="registration-context/default",
    title="Without an @context the names of a Registration fall under the default vocabulary and come back short",
    clause=DEFAULT,
    test_purposes=purposes("CS/CSR/033_05_02"),
    **RESOLVED,
)
def test_default(broker: Broker) -> None:
    kind = broker.new_type()
    registration = source(broker).offering(kind)
    response = broker.register_context_source(registration, content_type=JSON)
    require(response, 201, step="registering a Context Source without an @context")

    expect_equal(offered_types(shown_registration(broker, str(registration.id))), {kind}, "the types offered")


@check(
    id="registration-context/other-context",
    title="A default name read with an @context that maps it elsewhere comes back in full",
    clause=[DEFAULT, FULL_NAMES],
    test_purposes=purposes("CS/CSR/033_05_01"),
    **RESOLVED,
)
def test_other_context(broker: Broker, context_server: Receiver) -> None:
    """Ruling M16: the full IRI, or the compact one by the core prefix `ngsi-ld`; never the bare name."""
    one = named(broker, context_server)
    registered(broker, one.registration)

    found = types_of(broker, one, one.url)

    if one.short in found or {expand_name(name) for name in found} != {expand_name(one.short)}:
        fail(f"the type {expand_name(one.short)}", f"types {sorted(found)}")


@check(
    id="registration-context/json-with-context",
    title="A Registration as application/json with an @context in it is BadRequestData",
    clause=cim009(
        "6.3.5",
        "(as JSON) contains a @context term, then an HTTP error response of type BadRequestData shall be raised.",
    ),
    test_purposes=purposes("CS/CSR/033_06_01"),
    **RESOLVED,
)
def test_json_with_context(broker: Broker) -> None:
    document = offer(broker).with_members(**{"@context": {"speed": f"{VOCABULARY}speed"}})

    response = broker.register_context_source(document, content_type=JSON)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-context/ld-json-without-context",
    title="A Registration as application/ld+json without an @context is BadRequestData",
    clause=cim009(
        "6.3.5", "If no @context can be obtained from the request payload body, then an HTTP error response of type"
    ),
    test_purposes=purposes("CS/CSR/033_08_01"),
    **RESOLVED,
)
def test_ld_json_without_context(broker: Broker) -> None:
    response = broker.register_context_source(offer(broker), content_type=LD_JSON)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-context/ld-json-with-link",
    title="A Registration as application/ld+json together with a Link header is BadRequestData",
    clause=cim009("6.3.5", '"application/ld+json" shall result in an HTTP error response of type BadRequestData.'),
    test_purposes=purposes("CS/CSR/033_09_01"),
    **RESOLVED,
)
def test_ld_json_with_link(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    document = one.registration.with_members(**{"@context": one.ld_context})

    response = broker.register_context_source(document, ld_context=one.url)

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-context/retrieve-default",
    title="A retrieval without a Link header has the default @context: full names, where no term of it matches",
    clause=[NO_CONTEXT, FULL_NAMES],
    test_purposes=purposes("CS/DISC/036_03_01", "CS/DISC/036_05_01"),
    **RETRIEVED,
)
def test_retrieve_default(broker: Broker, context_server: Receiver) -> None:
    """Ruling M29: without the header; a Link header with an empty target is not judged."""
    one = named(broker, context_server)
    register_by_link(broker, one)

    response = broker.retrieve_registration(one.id)

    expect_status(response, 200)
    expect_equal(offered_types(response.json()), {one.full}, "the types offered")


@check(
    id="registration-context/retrieve-creation-time",
    title="A retrieval with the @context of the creation gives the short names back",
    clause=[
        cim009("5.10.1.4", "Term to URI expansion of Attribute names shall be observed as mandated by"),
        SAME_CONTEXT,
    ],
    test_purposes=purposes("CS/DISC/036_05_02"),
    **RETRIEVED,
)
def test_retrieve_creation_time(broker: Broker, context_server: Receiver) -> None:
    one = named(broker, context_server)
    register_by_link(broker, one)

    response = broker.retrieve_registration(one.id, ld_context=one.url)

    expect_status(response, 200)
    expect_equal(offered_types(response.json()), {one.short}, "the types offered")
