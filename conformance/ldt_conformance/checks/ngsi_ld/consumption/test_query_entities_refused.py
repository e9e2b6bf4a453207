"""Query Entities, what is refused: ETSI GS CIM 009 V1.9.1, clauses 5.7.2 and 6.4.3.2."""

from ldt_conformance import (
    Broker,
    Level,
    check,
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes

QUERY = ["ngsi-ld/5.7.2"]
PICS = ["PICS_QueEnt_AND_QueEntPos"]
TOO_WIDE = cim009(
    "5.7.2.4",
    "If none of the above is provided, then an error of type BadRequestData shall be raised (too wide query).",
)


@check(
    id="query-entities/too-wide",
    title="A query with no selector at all is BadRequestData",
    level=Level.MUST,
    clause=TOO_WIDE,
    requirements=QUERY,
    pics=PICS,
)
def test_too_wide(broker: Broker) -> None:
    expect_problem(broker.query_entities(), status=400, error_type="BadRequestData")


@check(
    id="query-entities/id-only",
    title="A query by id alone is too wide: BadRequestData",
    level=Level.MUST,
    clause=[
        TOO_WIDE,
        cim009(
            "5.7.2.3",
            "In the general case, it is not possible to retrieve a set of entities by only specifying desired Entity",
        ),
    ],
    requirements=QUERY,
    pics=PICS,
    since="1.8.1",
)
def test_id_only(broker: Broker) -> None:
    """Ruling W8: strict without `local=true`."""
    expect_problem(broker.query_entities({"id": broker.new_id()}), status=400, error_type="BadRequestData")


@check(
    id="query-entities/id-no-uri",
    title="A query with an id that is no URI is BadRequestData",
    level=Level.MUST,
    clause=cim009("5.7.2.4", "If the list of Entity identifiers includes a URI which it is not valid"),
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_03_01"),
    pics=PICS,
)
def test_id_no_uri(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "id": broker.not_a_uri()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-q",
    title="A query string that does not follow the grammar is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.4",
        "source filter are not syntactically valid (as per the referred clauses 4.9 and 4.10) an error of type",
    ),
    requirements=[*QUERY, "ngsi-ld/4.9"],
    pics=PICS,
)
def test_invalid_q(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "q": "speed==;(("})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-georel",
    title="A geoquery with an unknown relation is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.4",
        "source filter are not syntactically valid (as per the referred clauses 4.9 and 4.10) an error of type",
    ),
    requirements=[*QUERY, "ngsi-ld/4.10"],
    test_purposes=purposes("CI/Cons/E/019_03_05"),
    pics=PICS,
)
def test_invalid_georel(broker: Broker) -> None:
    params = {"type": broker.new_type(), "georel": "invalid", "geometry": "Point", "coordinates": "[8,40]"}

    expect_problem(broker.query_entities(params), status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-polygon",
    title="A geoquery with a polygon that is not closed is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "4.10", "element which shall represent the coordinates of the reference geometry as mandated by IETF RFC 7946"
    ),
    requirements=["ngsi-ld/4.10"],
    pics=PICS,
)
def test_invalid_polygon(broker: Broker) -> None:
    """Ruling W25: a polygon is a closed three-level ring."""
    params = {
        "type": broker.new_type(),
        "georel": "within",
        "geometry": "Polygon",
        "coordinates": "[[8,40],[9,40],[9,41]]",
    }

    expect_problem(broker.query_entities(params), status=400, error_type="BadRequestData")


@check(
    id="query-entities/ordering-needs-local",
    title="Ordering without local scope is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.4",
        "If the ordering parameter is present and the execution of the operation is not limited to the local scope",
    ),
    requirements=["ngsi-ld/4.23"],
    since="1.9.1",
)
def test_ordering_needs_local(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "orderBy": "speed"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-names",
    title="A query for a type or an Attribute under a name that is none is BadRequestData",
    level=Level.SHOULD,
    clause=cim009("4.6.2", "expressed above, implementations should raise an error of type BadRequestData."),
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_03_02", "CI/Cons/E/019_03_04"),
    pics=PICS,
)
def test_invalid_names(broker: Broker) -> None:
    """The clause speaks of payloads; the test purposes ask the same of parameters."""
    for params in ({"type": "()"}, {"type": broker.new_type(), "attrs": "()"}):
        expect_problem(broker.query_entities(params), status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-id-pattern",
    title="A query with an id pattern that is no regular expression is BadRequestData",
    level=Level.MUST,
    clause=[
        cim009("5.5.2", "The request includes input data which does not meet the"),
        cim009("5.2.8", "group of Entity IDs (as a regular expression pattern mandated by"),
    ],
    requirements=QUERY,
    test_purposes=purposes("CI/Cons/E/019_03_03"),
    pics=PICS,
)
def test_invalid_id_pattern(broker: Broker) -> None:
    """A bracket that is never closed is wrong in every kind of regular expression, unlike the test purpose's `**`.

    Clause 5.7.2.4 does not name the case: an answer that finds nothing warns.
    """
    response = broker.query_entities({"type": broker.new_type(), "idPattern": "urn:[a-"})

    expect_problem(response, status=400, error_type="BadRequestData", tolerated=[(200, "")])
