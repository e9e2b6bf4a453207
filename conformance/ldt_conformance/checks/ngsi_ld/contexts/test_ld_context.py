"""@context resolution, expansion and compaction: ETSI GS CIM 009 V1.9.1, clauses 5.5.5 to 5.5.7 and 6.3.5.

The documents come from our own receiver, or stand in the payload: no outside fetch is ever needed.
"""

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    Reason,
    check,
    expect_list,
    expect_members,
    expect_status,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import VOCABULARY, read_back, stored, terms
from ldt_conformance.clients import JSON, LD_JSON, Entity, property_
from ldt_conformance.comparators import DEFAULT_VOCABULARY, attribute_value
from ldt_conformance.engine.verdicts import fail, warn
from ldt_conformance.expectations import expect_equal, expect_object, require
from ldt_conformance.receiver import Receiver

WRITE = Mode.SANDBOX_WRITE
PICS = ["PICS_HTTP_CONTEXT_RESOLV"]
FROM_LINK = cim009("6.3.5", "the @context shall be obtained from a Link Header as mandated by JSON-LD")
FROM_BODY = cim009("6.3.5", "then the associated @context shall be obtained from the request payload body itself.")
DEFAULT = cim009("6.3.5", "then the @context shall be the default @context.")
FULL_NAMES = cim009(
    "5.5.7", "in the event that no matching term is found in the current @context, implementations shall render Fully"
)


@check(
    id="ld-context/default",
    title="Without an @context names fall under the default vocabulary and come back short",
    level=Level.MUST,
    clause=[
        DEFAULT,
        cim009("5.5.5", "then the implementation shall at minimum assign the Core @context to such an input."),
    ],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.5.5"],
    test_purposes=purposes("CI/Prov/E/001_05_01"),
    pics=PICS,
    mode=WRITE,
)
def test_default(broker: Broker) -> None:
    entity = broker.new_entity().with_property("speed", 1)

    require(broker.create_entity(entity, content_type=JSON), 201, step="creating an Entity without @context")

    found = read_back(broker, entity.id)
    kinds = found.get("type") if isinstance(found.get("type"), list) else [found.get("type")]
    expect_equal((kinds, "speed" in found), ([entity.type], True), "types, and whether speed is there by name")


@check(
    id="ld-context/default-is-iri",
    title="A name without an @context is the same as its full name in the default vocabulary",
    level=Level.MUST,
    clause=cim009("4.4", "A fallback @vocab rule to expand or compact user-defined terms to a default URI"),
    requirements=["ngsi-ld/4.4", "ngsi-ld/5.5.7"],
    mode=WRITE,
)
def test_default_is_iri(broker: Broker) -> None:
    entity = stored(broker, broker.new_entity().with_property("speed", 1))

    found = expect_list(broker.query_entities({"type": f"{DEFAULT_VOCABULARY}{entity.type}"}))

    expect_equal([item.get("id") for item in found], [entity.id], "ids found by the full name of the type")


@check(
    id="ld-context/payload",
    title="The @context of an application/ld+json body expands its names",
    level=Level.MUST,
    clause=[FROM_BODY, FULL_NAMES],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/E/001_07_02"),
    pics=PICS,
    mode=WRITE,
)
def test_payload(broker: Broker) -> None:
    context = terms(broker)
    entity = stored(broker, broker.new_entity().with_property("speed", 1).with_ld_context(context))

    found = read_back(broker, entity.id)

    expect_members(found, present=[context["speed"]], absent=["speed"])


@check(
    id="ld-context/payload-compacted",
    title="A retrieval with the @context of the creation gives the short names back",
    level=Level.MUST,
    clause=[
        FROM_BODY,
        cim009(
            "5.5.7",
            "the @context used to perform compaction or expansion of terms shall be the one provided by each API call",
        ),
    ],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/E/001_07_01", "CI/Cons/E/018_06_02"),
    pics=PICS,
    mode=WRITE,
)
def test_payload_compacted(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    entity = stored(broker, broker.new_entity().with_property("speed", 1).with_ld_context(context))

    found = read_back(broker, entity.id, ld_context=context_server.serve_context(context).url)

    expect_equal(attribute_value(found, "speed"), 1, "speed, by its short name")


@check(
    id="ld-context/link-header",
    title="The @context of a Link header expands the names of an application/json body",
    level=Level.MUST,
    clause=[FROM_LINK, FULL_NAMES],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/E/001_04_01", "CI/Prov/E/001_04_02"),
    pics=PICS,
    mode=WRITE,
)
def test_link_header(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    served = context_server.serve_context(context)
    entity = broker.new_entity().with_property("speed", 1)

    require(broker.create_entity(entity, ld_context=served.url), 201, step="creating an Entity with a Link header")

    expect_members(read_back(broker, entity.id), present=[context["speed"]], absent=["speed"])
    expect_members(read_back(broker, entity.id, ld_context=served.url), present=["speed"], absent=[context["speed"]])


@check(
    id="ld-context/other-context",
    title="A default name read with an @context that maps it elsewhere comes back in full",
    level=Level.MUST,
    clause=FULL_NAMES,
    requirements=["ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/E/001_05_02"),
    pics=PICS,
    mode=WRITE,
)
def test_other_context(broker: Broker, context_server: Receiver) -> None:
    """Ruling M16: the full IRI, or the compact one by the core prefix `ngsi-ld`; never the bare name."""
    entity = stored(broker, broker.new_entity().with_property("speed", 1))

    found = read_back(broker, entity.id, ld_context=context_server.serve_context(terms(broker)).url)

    names = {f"{DEFAULT_VOCABULARY}speed", "ngsi-ld:default-context/speed"} & set(found)
    if not names or "speed" in found:
        fail(f"the name {DEFAULT_VOCABULARY}speed (or ngsi-ld:default-context/speed)", f"members {sorted(found)}")


@check(
    id="ld-context/query-context",
    title="A query finds a type by a short name only under an @context that maps it alike",
    level=Level.MUST,
    clause=cim009("5.5.7", '"Vehicle" type if and only if the supplied query @context, Q, maps the term'),
    requirements=["ngsi-ld/5.5.7"],
    mode=WRITE,
)
def test_query_context(broker: Broker, context_server: Receiver) -> None:
    short = broker.new_type("Vehicle")
    context = {short: f"{VOCABULARY}{short}"}
    entity = stored(broker, Entity(broker.new_id("Vehicle"), short, ld_context=context))

    served = context_server.serve_context(context).url
    alike = expect_list(broker.query_entities({"type": short}, ld_context=served))
    other = expect_list(broker.query_entities({"type": short}))

    expect_equal([item.get("id") for item in alike], [entity.id], "ids found with the @context of the creation")
    expect_equal(other, [], "Entities found without it")


@check(
    id="ld-context/core-precedence",
    title="A user @context cannot redefine a core term",
    level=Level.MUST,
    clause=cim009("5.5.7", "implementations shall always consider the Core @context as having absolute precedence"),
    requirements=["ngsi-ld/5.5.7", "ngsi-ld/4.4"],
    mode=WRITE,
)
def test_core_precedence(broker: Broker) -> None:
    hijack = {"location": f"{VOCABULARY}elsewhere"}
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}
    entity = broker.new_entity().with_attribute("location", place).with_ld_context(hijack)

    response = broker.create_entity(entity)

    if response.status == 400:
        return  # refusing an attempt to redefine a protected term keeps its meaning as well
    expect_status(response, 201)
    expect_members(read_back(broker, entity.id), present=["location"], absent=[hijack["location"]])


@check(
    id="ld-context/ld-json-answer",
    title="An answer as application/ld+json names the @context of the request",
    level=Level.MUST,
    clause=cim009("6.3.6", "provided by the HTTP response shall include a JSON-LD @context."),
    requirements=["ngsi-ld/6.3.6"],
    mode=WRITE,
)
def test_ld_json_answer(broker: Broker, context_server: Receiver) -> None:
    """Ruling M17: the user @context alone, or with the core one last."""
    served = context_server.serve_context(terms(broker)).url
    entity = stored(broker, broker.new_entity().with_property("speed", 1))

    found = expect_object(broker.retrieve_entity(entity.id, ld_context=served, accept=LD_JSON))

    shown = found.get("@context")
    listed = shown if isinstance(shown, list) else [shown]
    if served not in listed:
        fail(f"an @context with {served}", f"@context {shown!r}")
    if listed.index(served) != 0:
        warn(Reason.TOLERATED, "the core @context, if shown, in last position", f"@context {shown!r}")


@check(
    id="ld-context/batch-payload",
    title="In a batch every Entity's own @context expands its names",
    level=Level.MUST,
    clause=FROM_BODY,
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.6.7"],
    test_purposes=purposes("CI/Prov/BE/003_07_02"),
    pics=PICS,
    mode=WRITE,
)
def test_batch_payload(broker: Broker) -> None:
    first, second = terms(broker), terms(broker)
    one = broker.new_entity().with_property("speed", 1).with_ld_context(first)
    two = broker.new_entity().with_property("speed", 2).with_ld_context(second)

    require(broker.batch_create([one, two]), 201, step="creating a batch with @contexts")

    expect_members(read_back(broker, one.id), present=[first["speed"]], absent=["speed"])
    expect_members(read_back(broker, two.id), present=[second["speed"]], absent=["speed", first["speed"]])


@check(
    id="ld-context/batch-payload-compacted",
    title="A retrieval with the @context of a batch's item gives its short names back",
    level=Level.MUST,
    clause=[
        FROM_BODY,
        cim009(
            "5.5.7",
            "the @context used to perform compaction or expansion of terms shall be the one provided by each API call",
        ),
    ],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/BE/003_07_01"),
    pics=PICS,
    mode=WRITE,
)
def test_batch_payload_compacted(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    entity = broker.new_entity().with_property("speed", 1).with_ld_context(context)
    require(broker.batch_create([entity]), 201, step="creating a batch with an @context")

    found = read_back(broker, entity.id, ld_context=context_server.serve_context(context).url)

    expect_members(found, present=["speed"], absent=[context["speed"]])


@check(
    id="ld-context/batch-default",
    title="Without an @context the names of a batch fall under the default vocabulary, whatever others call them",
    level=Level.MUST,
    clause=[DEFAULT, FULL_NAMES],
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.6.7", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Prov/BE/003_05_01", "CI/Prov/BE/003_05_02"),
    pics=PICS,
    mode=WRITE,
)
def test_batch_default(broker: Broker, context_server: Receiver) -> None:
    """Ruling M16: under an @context that maps the term elsewhere it is the full or the compact IRI, not the term."""
    entity = broker.new_entity().with_property("speed", 1)
    require(broker.batch_create([entity], content_type=JSON), 201, step="creating a batch without @context")

    plain = read_back(broker, entity.id)
    elsewhere = read_back(broker, entity.id, ld_context=context_server.serve_context(terms(broker)).url)

    expect_members(plain, present=["speed"])
    expect_members(elsewhere, absent=["speed"])
    if not {f"{DEFAULT_VOCABULARY}speed", "ngsi-ld:default-context/speed"} & set(elsewhere):
        fail(f"{DEFAULT_VOCABULARY}speed", f"members {sorted(elsewhere)}")


@check(
    id="ld-context/batch-link",
    title="In a batch as application/json the Link header's @context expands the names",
    level=Level.MUST,
    clause=FROM_LINK,
    requirements=["ngsi-ld/6.3.5", "ngsi-ld/5.6.7"],
    test_purposes=purposes("CI/Prov/BE/003_04_01", "CI/Prov/BE/003_04_02"),
    pics=PICS,
    mode=WRITE,
)
def test_batch_link(broker: Broker, context_server: Receiver) -> None:
    context = terms(broker)
    served = context_server.serve_context(context).url
    entity = broker.new_entity().with_property("speed", 1)

    require(broker.batch_create([entity], ld_context=served), 201, step="creating a batch with a Link header")

    expect_members(read_back(broker, entity.id), present=[context["speed"]], absent=["speed"])


@check(
    id="ld-context/fragment-context",
    title="An appended Attribute is expanded by the @context of its own request",
    level=Level.MUST,
    clause=cim009("5.5.7", "and not any other @context which might have been supplied previously."),
    requirements=["ngsi-ld/5.5.7", "ngsi-ld/5.6.3"],
    mode=WRITE,
)
def test_fragment_context(broker: Broker) -> None:
    context = terms(broker)
    entity = stored(broker, broker.new_entity().with_property("speed", 1).with_ld_context(context))

    response = broker.append_attributes(entity.id, {"speed": property_(2)})

    expect_status(response, 204)
    expect_members(read_back(broker, entity.id), present=[context["speed"], "speed"])
