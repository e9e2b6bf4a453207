"""Query Entities by POST: ETSI GS CIM 009 V1.9.1, clauses 5.7.2, 5.2.23 and 6.23.3.1."""

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_ids, expect_list, expect_object, expect_problem
from ldt_conformance.checks.ngsi_ld.consumption.queries import page
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.checks.ngsi_ld.sample import Sample, has_type
from ldt_conformance.clients import GEO_JSON, LD_JSON
from ldt_conformance.comparators import members_of
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal

WRITE = Mode.SANDBOX_WRITE
POST = ["ngsi-ld/6.23.3.1"]
PICS = ["PICS_QueEnt_AND_QueEntPos"]
BOUND = cim009(
    "6.23.3.1",
    'This method is associated to the operation "Query Entities" and shall exhibit the behaviour defined by clause',
)


@check(
    id="query-post/by-type",
    title="A POST query by type gives Entities of that type alone",
    level=Level.MUST,
    clause=BOUND,
    requirements=POST,
    test_purposes=purposes("CI/Cons/E/019_02_02"),
    pics=PICS,
)
def test_by_type(broker: Broker, sample: Sample) -> None:
    found = expect_list(broker.query_entities_post({"entities": [{"type": sample.type}]}, params=page(broker)))

    if not found:
        fail(f"Entities of type {sample.type}, which were there a moment ago", "an empty array")
    expect_equal([item for item in found if not has_type(item, sample.type)][:3], [], "elements of another type")


@check(
    id="query-post/by-id",
    title="A POST query by id gives that Entity alone",
    level=Level.MUST,
    clause=[BOUND, cim009("5.2.33", "Entities can be specified by their id, Entity Types or group of Entity IDs")],
    requirements=POST,
    test_purposes=purposes("CI/Cons/E/019_02_01"),
    pics=PICS,
)
def test_by_id(broker: Broker, sample: Sample) -> None:
    found = expect_list(broker.query_entities_post({"entities": [{"type": sample.type, "id": sample.id}]}))

    expect_ids(found, [sample.id])


@check(
    id="query-post/by-ids",
    title="A POST query with two selectors gives the Entities of either",
    level=Level.MUST,
    clause=[BOUND, cim009("5.2.33", "Entities can be specified by their id, Entity Types or group of Entity IDs")],
    requirements=POST,
    test_purposes=purposes("CI/Cons/E/019_02_06"),
    pics=PICS,
    mode=WRITE,
)
def test_by_ids(broker: Broker, stored_entity: Entity) -> None:
    kind = str(stored_entity.type)
    others = [stored(broker, stored_entity.with_id(broker.new_id("Vehicle"))) for _ in range(2)]

    selectors = [{"type": kind, "id": stored_entity.id}, {"type": kind, "id": others[0].id}]
    found = expect_list(broker.query_entities_post({"entities": selectors}))

    expect_ids(found, [stored_entity.id, others[0].id])


@check(
    id="query-post/by-id-pattern",
    title="A POST query by id pattern gives the Entities whose id matches",
    level=Level.MUST,
    clause=cim009(
        "5.2.33",
        "A regular expression which denotes a pattern that shall be matched by the provided or subscribed Entities.",
    ),
    requirements=POST,
    test_purposes=purposes("CI/Cons/E/019_02_03"),
    pics=PICS,
    mode=WRITE,
)
def test_by_id_pattern(broker: Broker, stored_entity: Entity) -> None:
    stored(broker, stored_entity.with_id(broker.new_id("Truck")))

    selector = {"type": str(stored_entity.type), "idPattern": "urn:ngsi-ld:.*Vehicle:.*"}
    found = expect_list(broker.query_entities_post({"entities": [selector]}))

    expect_ids(found, [stored_entity.id])


@check(
    id="query-post/attrs",
    title="attrs in a POST query selects and reduces the Entities",
    level=Level.MUST,
    clause=cim009("5.2.23", "List of Attributes that shall be matched by Entities in order to be retrieved."),
    requirements=POST,
    test_purposes=purposes("CI/Cons/E/019_02_04"),
    pics=PICS,
    mode=WRITE,
)
def test_attrs(broker: Broker, stored_entity: Entity) -> None:
    stored(broker, stored_entity.with_id(broker.new_id("Vehicle")).without("speed"))

    query = {"entities": [{"type": str(stored_entity.type)}], "attrs": ["speed"]}
    found = expect_list(broker.query_entities_post(query))

    expect_ids(found, [stored_entity.id])
    expect_equal(members_of(found[0]), members_of({"speed": 1}), "the Attributes of the answer")


@check(
    id="query-post/q",
    title="q in a POST query filters by Attribute values",
    level=Level.MUST,
    clause=[BOUND, cim009("4.9", "The NGSI-LD Query Language shall be supported by implementations.")],
    requirements=[*POST, "ngsi-ld/4.9"],
    mode=WRITE,
)
def test_q(broker: Broker, stored_entity: Entity) -> None:
    stored(broker, stored_entity.with_id(broker.new_id("Vehicle")).with_property("speed", 120))

    query = {"entities": [{"type": str(stored_entity.type)}], "q": "speed<100"}
    found = expect_list(broker.query_entities_post(query))

    expect_ids(found, [stored_entity.id])


@check(
    id="query-post/geoq",
    title="geoQ in a POST query filters by place",
    level=Level.MUST,
    clause=[
        BOUND,
        cim009("5.2.13", "The supported JSON members shall follow the requirements provided in Table 5.2.13-1."),
    ],
    requirements=[*POST, "ngsi-ld/4.10"],
    mode=WRITE,
)
def test_geoq(broker: Broker, stored_entity: Entity) -> None:
    stored(broker, stored_entity.with_id(broker.new_id("Vehicle")).without("location"))

    near = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [-9.1393, 38.7223]}
    found = expect_list(broker.query_entities_post({"entities": [{"type": str(stored_entity.type)}], "geoQ": near}))

    expect_ids(found, [stored_entity.id])


@check(
    id="query-post/geojson",
    title="A POST query as GeoJSON gives a FeatureCollection",
    level=Level.MUST,
    clause=cim009("6.23.3.1", "If the Accept Header indicates that the Entities are to be rendered as GeoJSON,"),
    requirements=[*POST, "ngsi-ld/6.3.15"],
    test_purposes=purposes("CI/Cons/E/019_02_05"),
    pics=PICS,
)
def test_geojson(broker: Broker, sample: Sample) -> None:
    query = {"entities": [{"type": sample.type}]}

    found = expect_object(broker.query_entities_post(query, accept=GEO_JSON, params=page(broker)))

    expect_equal(found.get("type"), "FeatureCollection", "type")
    if not isinstance(found.get("features"), list) or not found["features"]:
        fail("at least one Feature", f"features {str(found.get('features'))[:200]}")


@check(
    id="query-post/too-wide",
    title="A POST query with no selector at all is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "5.7.2.4",
        "If none of the above is provided, then an error of type BadRequestData shall be raised (too wide query).",
    ),
    requirements=[*POST, "ngsi-ld/5.7.2"],
    pics=PICS,
)
def test_too_wide(broker: Broker) -> None:
    expect_problem(broker.query_entities_post({}), status=400, error_type="BadRequestData")


@check(
    id="query-post/ld-json-without-context",
    title="A POST query as application/ld+json without an @context is BadRequestData",
    level=Level.MUST,
    clause=cim009(
        "6.3.5",
        "If no @context can be obtained from the request payload body, then an HTTP error response of type",
    ),
    requirements=["ngsi-ld/6.3.5"],
)
def test_ld_json_without_context(broker: Broker) -> None:
    """Ruling W7: strict."""
    response = broker.query_entities_post({"entities": [{"type": broker.new_type()}]}, content_type=LD_JSON)

    expect_problem(response, status=400, error_type="BadRequestData")
