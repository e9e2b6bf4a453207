"""Query Context Source Registrations: ETSI GS CIM 009 V1.9.1, clauses 5.10.2, 5.12 and 6.8.3.2.

Each check registers a few Context Sources under labels, asks for what one or the other offers, and says which it finds.
Whether a Registration comes whole or filtered to what matches is not judged (5.10.2.5 recommends that; ruling M10).
"""

from typing import Any

from ldt_conformance import Broker, Mode, check, expect_problem
from ldt_conformance.checks.ngsi_ld.context_sources.registering import (
    LIMIT,
    READ,
    expect_found,
    offered_attributes,
    offered_types,
    only,
    source,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import VOCABULARY, registered
from ldt_conformance.clients import LD_JSON
from ldt_conformance.comparators import same_name
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, expect_list
from ldt_conformance.receiver import Receiver

ASKED: dict[str, Any] = {"requirements": ["ngsi-ld/5.10.2"], "pics": ["PICS_DisCsoReg"], **READ}
FOUND: dict[str, Any] = {**ASKED, "mode": Mode.SANDBOX_WRITE}
ENTITIES = cim009("5.10.2.4", "entity id/entity id pattern (optional) matches an EntityInfo specified in a")
ATTRIBUTES = cim009(
    "5.10.2.4", "If present, at least one Attribute name specified in the query matches one Property or"
)
TOO_WIDE = cim009(
    "5.10.2.4", "If none of them is provided, then an error of type BadRequestData shall be raised (too wide"
)
SYNTAX = cim009(
    "5.10.2.4", "are not syntactically valid (as per clauses 4.9, 4.10 and 4.11) an error of type BadRequestData"
)


@check(
    id="registration-query/by-type",
    title="A query by Entity Type finds the Registrations that offer it",
    clause=ENTITIES,
    test_purposes=purposes("CS/DISC/037_01_01"),
    **FOUND,
)
def test_by_type(broker: Broker) -> None:
    kind, other = broker.new_type(), broker.new_type()
    registrations = {
        "A": source(broker).offering(kind),
        "B": source(broker).offering(other),
        "C": source(broker).offering(other).offering(kind, properties=["speed"]),
    }

    found = expect_found(broker, registrations, {"type": kind}, "AC")

    for registration in found:
        if kind not in offered_types(registration):
            fail(f"the RegistrationInfo that offers {kind}", f"{registration.get('information')}")


@check(
    id="registration-query/by-attribute",
    title="A query by Attribute names finds the Registrations that offer one of them",
    clause=ATTRIBUTES,
    test_purposes=purposes("CS/DISC/037_01_02"),
    **FOUND,
)
def test_by_attribute(broker: Broker) -> None:
    kind, wanted, other = broker.new_type(), broker.unique("speed"), broker.unique("heading")
    registrations = {
        "A": source(broker).offering(kind, properties=[wanted]),
        "B": source(broker).offering(kind, properties=[other]),
        "C": source(broker).offering(kind, properties=[other], relationships=[wanted]),
    }

    expect_found(broker, registrations, {"attrs": wanted}, "AC")


@check(
    id="registration-query/type-and-attributes",
    title="A query by type and Attributes finds what matches both in one RegistrationInfo",
    clause=[
        ATTRIBUTES,
        cim009("5.12", "An Entity specification matches a RegistrationInfo if the following conditions"),
    ],
    test_purposes=purposes("CS/DISC/037_06_01"),
    **FOUND,
)
def test_type_and_attributes(broker: Broker) -> None:
    kind, other = broker.new_type(), broker.new_type()
    registrations = {
        "A": source(broker).offering(kind, properties=["name"]),
        "B": source(broker).offering(kind, relationships=["locatedAt"]),
        "C": source(broker).offering(kind, properties=["speed"]),
        "D": source(broker).offering(kind, properties=["speed"]).offering(other, properties=["name"]),
    }

    found = expect_found(broker, registrations, {"type": kind, "attrs": "name,locatedAt"}, "AB")

    offered = {name for registration in found for name in offered_attributes(registration)}
    for name in ("name", "locatedAt"):
        expect_equal(any(same_name(name, seen) for seen in offered), True, f"whether {name} is among those offered")


@check(
    id="registration-query/no-attributes-registered",
    title="A Registration that names no Attributes is found by any of them",
    clause=cim009(
        "5.10.2.4", "Relationships are specified in the RegistrationInfo, the Attribute names are considered"
    ),
    test_purposes=purposes("CS/DISC/037_06_02"),
    **FOUND,
)
def test_no_attributes_registered(broker: Broker) -> None:
    kind = broker.new_type()
    registrations = {"A": source(broker).offering(kind), "B": source(broker).offering(kind, properties=["speed"])}

    expect_found(broker, registrations, {"type": kind, "attrs": "name"}, "A")


@check(
    id="registration-query/no-attributes-asked",
    title="A query that names no Attributes finds what offers any",
    clause=cim009("5.12", "No Attribute names have been specified (as this means all Attributes are requested)."),
    test_purposes=purposes("CS/DISC/037_06_02"),
    **FOUND,
)
def test_no_attributes_asked(broker: Broker) -> None:
    kind = broker.new_type()
    registrations = {"A": source(broker).offering(kind), "B": source(broker).offering(kind, properties=["speed"])}

    expect_found(broker, registrations, {"type": kind}, "AB")


@check(
    id="registration-query/id-pattern",
    title="A query by type and id pattern finds the Registrations whose Entities may match it",
    clause=[ENTITIES, cim009("5.12", "The specified id pattern matches the id in the EntityInfo.")],
    test_purposes=purposes("CS/DISC/037_05_01"),
    **FOUND,
)
def test_id_pattern(broker: Broker) -> None:
    kind, one = broker.new_type("OffStreetParking"), broker.new_id("OffStreetParking")
    registrations = {
        "A": source(broker).offering(kind, id=f"{one}:downtown"),
        "B": source(broker).offering(kind, id=f"{one}:uptown"),
        "C": source(broker).offering(kind),
        "D": source(broker).offering(kind, idPattern=f"{one}.*"),
    }

    expect_found(broker, registrations, {"type": kind, "idPattern": ".*downtown$"}, "ACD")


@check(
    id="registration-query/no-entities-registered",
    title="A Registration that names no Entities is found by any of them",
    clause=cim009(
        "5.10.2.4", "RegistrationInfo, the entity specification is considered matching. This matching is further"
    ),
    test_purposes=purposes("CS/DISC/037_05_02"),
    **FOUND,
)
def test_no_entities_registered(broker: Broker) -> None:
    kind, wanted = broker.new_type("OffStreetParking"), broker.unique("availableSpotNumber")
    registrations = {
        "A": source(broker).offering(properties=[wanted]),
        "B": source(broker).offering(broker.new_type(), properties=[wanted]),
    }

    expect_found(broker, registrations, {"type": kind, "idPattern": ".*downtown$", "attrs": wanted}, "A")


@check(
    id="registration-query/ids",
    title="A query by type and ids finds the Registrations of these Entities",
    clause=cim009("5.12", "One of the specified Entity identifiers matches the id in the EntityInfo."),
    test_purposes=purposes("CS/DISC/037_10_01"),
    **FOUND,
)
def test_ids(broker: Broker) -> None:
    """Ruling W9: ids of Entities, and with a type; ids alone are refused (`registration-query/ids-alone`)."""
    kind, ids = broker.new_type(), [broker.new_id() for _ in range(3)]
    registrations = {
        "A": source(broker).offering(kind, id=ids[0]),
        "B": source(broker).offering(kind, id=ids[1]),
        "C": source(broker).offering(kind, idPattern=f"{ids[2]}$"),
    }

    expect_found(broker, registrations, {"type": kind, "id": f"{ids[0]},{ids[2]}"}, "AC")


@check(
    id="registration-query/full-name",
    title="A query by the full name of a type finds what an @context mapped to it",
    clause=[
        cim009(
            "5.10.2.4", "Term to URI expansion of type and Attribute names shall be performed, as mandated by clause"
        ),
        cim009("6.3.5", "In the absence of such Link header, then the associated @context shall be the default"),
    ],
    test_purposes=purposes("CS/DISC/037_04_01"),
    **FOUND,
)
def test_full_name(broker: Broker) -> None:
    short, full, entity_id = broker.new_type(), f"{VOCABULARY}{broker.unique('Building')}", broker.new_id()
    mapped = source(broker).offering(short, id=entity_id).with_members(**{"@context": {short: full}})
    registrations = {"A": mapped, "B": source(broker).offering(short, id=entity_id)}

    found = expect_found(broker, registrations, {"type": full, "id": entity_id}, "A")

    expect_equal(offered_types(found[0]), {full}, "the types offered")


@check(
    id="registration-query/short-name",
    title="A query with an @context finds, by a short name, what means the same",
    clause=cim009(
        "5.10.2.4", "Term to URI expansion of type and Attribute names shall be performed, as mandated by clause"
    ),
    **FOUND,
)
def test_short_name(broker: Broker, context_server: Receiver) -> None:
    full, short = f"{VOCABULARY}{broker.unique('Building')}", broker.new_type()
    served = context_server.serve_context({short: full})
    registrations = {"A": source(broker).offering(full), "B": source(broker).offering(short)}
    for registration in registrations.values():
        registered(broker, registration)

    response = broker.query_registrations({"type": short, "limit": LIMIT}, ld_context=served.url, accept=LD_JSON)

    only(expect_list(response), registrations, "A")


@check(
    id="registration-query/q-attributes",
    title="The Attributes of a q select Registrations as a list of Attribute names does",
    clause=cim009(
        "5.10.2.4", "specified in NGSI-LD Query or NGSI-LD GeoQuery shall be used for matching RegistrationInfo"
    ),
    test_purposes=purposes("CS/DISC/037_10_02"),
    since="1.8.1",
    **FOUND,
)
def test_q_attributes(broker: Broker) -> None:
    """The test purpose asks by q for a member of the Registration itself, which is what csf is for (4.9)."""
    kind, wanted = broker.new_type(), broker.unique("speed")
    registrations = {
        "A": source(broker).offering(kind, properties=[wanted]),
        "B": source(broker).offering(kind, properties=[broker.unique("heading")]),
    }

    expect_found(broker, registrations, {"q": f"{wanted}>50"}, "A")


@check(
    id="registration-query/too-wide",
    title="A query of Registrations without a selector is BadRequestData",
    clause=TOO_WIDE,
    test_purposes=purposes("CS/DISC/037_02_01"),
    **ASKED,
)
def test_too_wide(broker: Broker) -> None:
    expect_problem(broker.query_registrations(), status=400, error_type="BadRequestData")


@check(
    id="registration-query/ids-alone",
    title="A query of Registrations by nothing but ids is BadRequestData",
    clause=[
        TOO_WIDE,
        cim009(
            "5.10.2.3", "It is not possible to retrieve a set of context source registrations related to entities by"
        ),
    ],
    test_purposes=purposes("CS/DISC/037_10_01"),
    **ASKED,
)
def test_ids_alone(broker: Broker) -> None:
    """Ruling W9."""
    response = broker.query_registrations({"id": f"{broker.new_id()},{broker.new_id()}"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-query/id-no-uri",
    title="A query of Registrations with an id that is no URI is BadRequestData",
    clause=cim009(
        "5.10.2.4", "If the list of Entity identifiers includes a URI which it is not valid, or the query, geoquery"
    ),
    test_purposes=purposes("CS/DISC/037_03_01"),
    **ASKED,
)
def test_id_no_uri(broker: Broker) -> None:
    """With a type, so that the id alone is at fault."""
    response = broker.query_registrations({"type": broker.new_type(), "id": broker.not_a_uri()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-query/invalid-q",
    title="A query of Registrations with a q that does not follow the grammar is BadRequestData",
    clause=SYNTAX,
    test_purposes=purposes("CS/DISC/037_03_02"),
    **ASKED,
)
def test_invalid_q(broker: Broker) -> None:
    response = broker.query_registrations({"type": broker.new_type(), "q": "(invalidQuery"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-query/invalid-geoquery",
    title="A query of Registrations with a georel and no geometry is BadRequestData",
    clause=SYNTAX,
    test_purposes=purposes("CS/DISC/037_03_03"),
    **ASKED,
)
def test_invalid_geoquery(broker: Broker) -> None:
    response = broker.query_registrations({"type": broker.new_type(), "georel": "within"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="registration-query/invalid-temporal-query",
    title="A query of Registrations with a timerel and no time is BadRequestData",
    clause=SYNTAX,
    test_purposes=purposes("CS/DISC/037_03_04"),
    **ASKED,
)
def test_invalid_temporal_query(broker: Broker) -> None:
    response = broker.query_registrations({"type": broker.new_type(), "timerel": "before"})

    expect_problem(response, status=400, error_type="BadRequestData")
