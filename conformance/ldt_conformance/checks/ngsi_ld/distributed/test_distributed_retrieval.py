"""Retrieval of an Entity from registered Context Sources: ETSI GS CIM 009 V1.9.1, clauses 4.3.6, 5.7.1, 6.3.17, 6.3.18.

The receiver stands for a Context Source that holds one Entity of ours. Its Registration offers to have that very id
retrieved and nothing else, so that nobody else's request is ever forwarded.
"""

import re
from typing import Any

from ldt_conformance import Broker, Entity, Level, check, expect_members, expect_problem
from ldt_conformance.checks.ngsi_ld.context_sources.registering import source as new_registration
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.distributed.distributing import DISTRIBUTED, LIMITED, PARTIAL, RETRIEVAL, until
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source
from ldt_conformance.checks.ngsi_ld.given import registered, stored
from ldt_conformance.clients import Registration
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import describe, expect_equal, expect_object, require
from ldt_conformance.receiver import Receiver

FORWARDED = cim009("5.7.1.4", "forwarded for remote retrieval by matching endpoints, and remote Attribute data for the")
WARNING = "NGSILD-Warning"


def remote(broker: Broker, receiver: Receiver, entity: Entity, **members: Any) -> Source:
    """A registered Context Source that holds an Entity; `members` are further ones of the Entity as it has it."""
    source = context_source(receiver, {**entity.to_json(), **members})
    registered(broker, offering(broker, source, entity))
    return source


def offering(broker: Broker, source: Source, entity: Entity) -> Registration:
    """A Registration that offers to have one Entity retrieved from a source."""
    template = new_registration(broker)
    return (
        Registration(template.id, source.url)
        .offering(str(entity.type), id=entity.id)
        .with_members(operations=[RETRIEVAL])
    )


def asked(broker: Broker, source: Source) -> Response:
    """The answer to a retrieval of the Entity of a source, as soon as that is distributed."""
    return until(lambda: broker.retrieve_entity(source.entity["id"]), source.retrievals, source)


def elsewhere(broker: Broker) -> Entity:
    """An Entity with a heading that is not stored here."""
    return broker.new_entity("Vehicle").with_property("heading", 90)


def shared(broker: Broker, receiver: Receiver) -> Source:
    """The Context Source that has the heading of an Entity whose speed is stored here."""
    here = stored(broker, broker.new_entity("Vehicle").with_property("speed", 55))
    return remote(broker, receiver, here.without("speed").with_property("heading", 90))


def warnings(response: Response) -> str:
    """What the headers NGSILD-Warning say, all together."""
    return ", ".join(response.headers.get_list(WARNING))


@check(
    id="distributed-retrieval/from-source",
    title="An Entity that only a registered Context Source holds is retrieved from it",
    clause=[
        FORWARDED,
        cim009("4.3.6.2", "available directly within the Context Broker itself (in which case, all results"),
    ],
    **DISTRIBUTED,
)
def test_from_source(broker: Broker, context_server: Receiver) -> None:
    entity = elsewhere(broker)
    source = remote(broker, context_server, entity)

    found = expect_object(asked(broker, source))

    expect_equal((found.get("id"), attribute_value(found, "heading")), (entity.id, 90), "id and heading")


@check(
    id="distributed-retrieval/merged",
    title="Attributes held here and at a registered Context Source are shown together",
    clause=[
        FORWARDED,
        cim009("5.7.1.4", "shall be discarded, otherwise the Attribute data is then merged together according to"),
    ],
    **DISTRIBUTED,
)
def test_merged(broker: Broker, context_server: Receiver) -> None:
    source = shared(broker, context_server)

    found = expect_object(asked(broker, source))

    seen = attribute_value(found, "speed"), attribute_value(found, "heading")
    expect_equal(seen, (55, 90), "speed and heading")


@check(
    id="distributed-retrieval/auxiliary",
    title="An auxiliary Context Source adds Attributes and overrides none",
    clause=[
        cim009(
            "5.7.1.4",
            "to the payload only when an Attribute is not present in any of the Attribute data received elsewhere.",
        ),
        cim009(
            "4.3.6.2",
            "An auxiliary Context Source Registration never overrides data held directly within a Context Broker.",
        ),
    ],
    **DISTRIBUTED,
)
def test_auxiliary(broker: Broker, context_server: Receiver) -> None:
    here = stored(broker, broker.new_entity("Vehicle").with_property("speed", 55))
    source = context_source(context_server, here.with_property("speed", 99).with_property("heading", 90).to_json())
    registered(broker, offering(broker, source, here).with_members(operations=[RETRIEVAL], mode="auxiliary"))

    found = expect_object(asked(broker, source))

    seen = attribute_value(found, "speed"), attribute_value(found, "heading")
    expect_equal(seen, (55, 90), "speed and heading")


@check(
    id="distributed-retrieval/other-operations",
    title="A Context Source is not asked for an operation that its Registration does not offer",
    clause=cim009(
        "4.3.6.1", "API operations. Context Brokers shall respect this, to avoid unnecessarily sending distributed"
    ),
    **DISTRIBUTED,
)
def test_other_operations(broker: Broker, context_server: Receiver) -> None:
    """A second Registration shows that the first one, which came before it, has taken effect."""
    entity = elsewhere(broker)
    source = context_source(context_server, entity.to_json())
    registered(broker, offering(broker, source, entity).with_members(operations=["createEntity"]))
    later = remote(broker, context_server, elsewhere(broker))
    expect_retrievable(broker, later)

    response = broker.retrieve_entity(entity.id)

    expect_not_asked(response, source, 0)


def expect_not_asked(response: Response, source: Source, before: int) -> None:
    """Fail unless an Entity is not found, and its source was asked for it no more often than before."""
    expect_problem(response, status=404, error_type="ResourceNotFound")
    expect_equal(len(source.retrievals()) - before, 0, "the number of retrievals at the source")


def expect_retrievable(broker: Broker, source: Source) -> None:
    """Make sure that an Entity is retrieved from its source, or that it is not would prove nothing."""
    require(asked(broker, source), 200, step="retrieving the Entity from the source")
    precondition(source.retrievals(), "the source was not asked for the Entity, which is shown all the same")


@check(
    id="distributed-retrieval/expired",
    title="An Entity whose expiresAt lies in the past at the Context Source is discarded",
    clause=cim009(
        "5.7.1.4", "received. If an expiresAt DateTime is present on the Entity and the date lies in the past, the"
    ),
    **{**DISTRIBUTED, "since": "1.9.1"},
)
def test_expired(broker: Broker, context_server: Receiver) -> None:
    lasting = remote(broker, context_server, elsewhere(broker), expiresAt="2099-01-01T00:00:00Z")
    expired = remote(broker, context_server, elsewhere(broker), expiresAt="2020-01-01T00:00:00Z")
    expect_retrievable(broker, lasting)

    response = asked(broker, expired)

    precondition(expired.retrievals() and response.status in (200, 404), f"retrieving it: {describe(response)}")
    if response.status == 200 and attribute_value(response.json(), "heading") is not None:
        fail("nothing of the Attributes of an Entity that has expired", describe(response))


@check(
    id="distributed-retrieval/error-warned",
    title="Where a Context Source answers with an error, what is held here is shown with the warning 299",
    clause=[
        cim009(
            "6.3.17", '"NGSILD-Warning" HTTP headers shall also be used to indicate instances of abnormal behaviour for'
        ),
        cim009("6.3.17", "An error response (such as 403 - Forbidden) was received from the registration"),
    ],
    **PARTIAL,
)
def test_error_warned(broker: Broker, context_server: Receiver) -> None:
    source = shared(broker, context_server)
    source.respond(403)

    response = asked(broker, source)

    expect_warned(response, source, "299")


def expect_warned(response: Response, source: Source, code: str) -> None:
    """Fail unless what is held here is shown, what the source said is not, and a warning tells why."""
    found = expect_object(response)
    precondition(source.retrievals(), "the source was not asked; that it is is judged by another check")
    expect_members(found, present=["speed"], absent=["heading"])
    if not re.search(rf"(^|, *){code}\b", warnings(response)):
        fail(f"a header {WARNING} with {code}", f"{WARNING}: {warnings(response) or '(none)'}")


@check(
    id="distributed-retrieval/invalid-warned",
    title="What a Context Source sends that is no NGSI-LD is left out, with the warning 111",
    clause=[
        cim009(
            "6.3.17",
            "payload. The Context Broker shall successfully parse this data and invalid non-NGSI-LD payloads shall be",
        ),
        cim009("6.3.17", "timeout period, the payload of the response was invalid. This could occur if the"),
    ],
    **PARTIAL,
)
def test_invalid_warned(broker: Broker, context_server: Receiver) -> None:
    source = shared(broker, context_server)
    source.say(b'{"heading": ', "application/json")

    response = asked(broker, source)

    expect_warned(response, source, "111")


@check(
    id="distributed-retrieval/not-found-is-normal",
    title="That a Context Source does not find the Entity is no warning",
    clause=cim009(
        "6.3.17", "no data and the HTTP status code 404 - Not Found should not be considered as abnormal behaviour"
    ),
    **{**PARTIAL, "level": Level.SHOULD},
)
def test_not_found_is_normal(broker: Broker, context_server: Receiver) -> None:
    source = shared(broker, context_server)
    source.respond(404)

    response = asked(broker, source)

    expect_members(expect_object(response), present=["speed"])
    precondition(source.retrievals(), "the source was not asked; that it is is judged by another check")
    expect_equal(warnings(response), "", f"the header {WARNING}")


@check(
    id="distributed-retrieval/local-scope",
    title="With local=true no Context Source is asked",
    clause=cim009("6.3.18", "If local=true then no Context Source Registrations shall be considered as matching to"),
    **LIMITED,
)
def test_local_scope(broker: Broker, context_server: Receiver) -> None:
    entity = elsewhere(broker)
    source = remote(broker, context_server, entity)
    expect_retrievable(broker, source)
    before = len(source.retrievals())

    response = broker.retrieve_entity(entity.id, params={"local": True})

    expect_not_asked(response, source, before)


@check(
    id="distributed-retrieval/via",
    title="A distributed request names the broker in its Via header",
    clause=cim009(
        "6.3.18",
        "implementation passing a distributed operation request onward to another Context Source shall send an",
    ),
    **LIMITED,
)
def test_via(broker: Broker, context_server: Receiver) -> None:
    entity = elsewhere(broker)
    source = remote(broker, context_server, entity)

    expect_retrievable(broker, source)

    via = source.retrievals()[-1].headers.get("via", "")
    if len(via.split()) < 2:  # "1.1 pseudonym" (IETF RFC 7230, 5.7.1)
        fail("a Via header with a protocol version and a pseudonym", f"Via: {via or '(none)'}")


@check(
    id="distributed-retrieval/loop",
    title="A Context Source that the Via header lists is not asked again",
    clause=[
        cim009(
            "5.12",
            "Sources is supplied with the request, no registration shall match if the CSourceRegistration",
        ),
        cim009("6.3.18", "If present, the listing of previously encountered"),
    ],
    **LIMITED,
)
def test_loop(broker: Broker, context_server: Receiver) -> None:
    entity = elsewhere(broker)
    source = context_source(context_server, entity.to_json())
    alias = broker.unique("source")
    registered(broker, offering(broker, source, entity).with_members(operations=[RETRIEVAL], contextSourceAlias=alias))
    expect_retrievable(broker, source)
    before = len(source.retrievals())

    response = broker.retrieve_entity(entity.id, headers={"Via": f"1.1 another, 1.1 {alias}"})

    expect_not_asked(response, source, before)
