"""Create EntityMap for a query, and for a temporal one: ETSI GS CIM 009 V1.9.1, clauses 5.14.4, 5.14.5, 6.34 and 6.35.

The optional parameter splitEntities is set where it decides whether filters apply at once (5.14.4.4).
"""

from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.entity_maps import mapping as maps
from ldt_conformance.checks.ngsi_ld.given import OBSERVED
from ldt_conformance.clients import Entity, TemporalEntity
from ldt_conformance.engine.verdicts import Reason, not_applicable
from ldt_conformance.expectations import describe, expect_equal, expect_object, require

SHARED: dict[str, Any] = {
    "capability": maps.ENTITY_MAPS,
    "since": maps.SINCE,
    "level": Level.MUST,
    "mode": Mode.SANDBOX_WRITE,
}
CREATE = {**SHARED, "requirements": ["ngsi-ld/5.14.4"]}
TEMPORAL = {**SHARED, "requirements": ["ngsi-ld/5.14.5"], "roles": ["broker", "history"]}
OUTPUT = cim009("5.14.4.5", "The location of the local EntityMap shall be returned in a specific field in the response")
BEFORE = {"timerel": "before", "timeAt": "2090-01-01T00:00:00Z"}
NOT_OFFERED = frozenset({404, 405, 501})


@check(
    id="entity-maps-created/by-get",
    title="An EntityMap is created for a query, answered, and kept where the answer says",
    clause=[OUTPUT, cim009("6.34.3.1", 'The HTTP response shall include an "NGSILD-EntityMap" HTTP header')],
    **CREATE,
)
def test_by_get(broker: Broker) -> None:
    entities = maps.fleet(broker)

    response = maps.create_map(broker, {"type": entities[0].type})

    found = expect_object(response, 201)
    maps.expect_entities(found, entities)
    expect_equal(found.get("type"), "EntityMap", "type")
    map_id = maps.id_in(maps.location_of(response))
    expect_equal(found.get("id"), map_id, "id")
    maps.expect_entities(maps.shown(broker, map_id), entities)


@check(
    id="entity-maps-created/by-post",
    title="An EntityMap is created for a query by POST",
    clause=[
        OUTPUT,
        cim009("6.34.3.2", "containing the entityMap with the identifiers of the Entities matching the query."),
    ],
    **CREATE,
)
def test_by_post(broker: Broker) -> None:
    entities = maps.fleet(broker)

    response = maps.create_map_post(broker, {"entities": [{"type": entities[0].type}]})

    found = expect_object(response, 201)
    maps.expect_entities(found, entities)
    maps.expect_entities(maps.shown(broker, maps.id_in(maps.location_of(response))), entities)


@check(
    id="entity-maps-created/filtered",
    title="Without split Entities, an EntityMap lists the Entities that meet the filter",
    clause=cim009("5.14.4.4", "the filter conditions specified by the query are met (as mandated by clause 4.9);"),
    **CREATE,
)
def test_filtered(broker: Broker) -> None:
    slow, fast = maps.fleet(broker)

    response = maps.create_map(broker, {"type": slow.type, "q": "speed>15", "splitEntities": False})

    maps.expect_entities(expect_object(response, 201), [fast])


@check(
    id="entity-maps-created/limit-ignored",
    title="A limit does not narrow an EntityMap",
    clause=cim009("5.14.4.3", "A limit to the number of Entities to be retrieved. See clause 5.5.9 (ignored)."),
    **CREATE,
)
def test_limit_ignored(broker: Broker) -> None:
    entities = maps.fleet(broker)

    response = maps.create_map(broker, {"type": entities[0].type, "limit": 1})

    maps.expect_entities(expect_object(response, 201), entities)


@check(
    id="entity-maps-created/too-wide",
    title="An EntityMap for a query that selects by nothing is BadRequestData",
    clause=cim009("5.14.4.4", "If none of the above is provided, then an error of type BadRequestData shall be raised"),
    **CREATE,
)
def test_too_wide(broker: Broker) -> None:
    expect_problem(maps.create_map(broker, {}), status=400, error_type="BadRequestData")


@check(
    id="entity-maps-created/malformed-query",
    title="An EntityMap for a query that is malformed is BadRequestData",
    clause=cim009(
        "5.14.4.4", "are not syntactically valid (as per the referred clauses 4.9 and 4.10) an error of type"
    ),
    **CREATE,
)
def test_malformed_query(broker: Broker) -> None:
    response = maps.create_map(broker, {"type": broker.new_type(), "q": "speed>>15"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="entity-maps-created/by-query",
    title="A query with entityMap=true answers its Entities, and where its EntityMap is",
    clause=[
        cim009("5.5.14", "the Context Broker shall create and cache an EntityMap for future use"),
        cim009("6.4.3.2", "If an EntityMap has been requested, the HTTP response shall include an"),
    ],
    **CREATE,
)
def test_by_query(broker: Broker) -> None:
    entities = maps.fleet(broker)

    response = maps.query(broker, {"type": entities[0].type})

    expect_equal(sorted(maps.ids_of(response)), sorted(one.id for one in entities), "the Entities found")
    maps.expect_entities(maps.shown(broker, maps.id_in(maps.location_of(response))), entities)


def _with_history(broker: Broker) -> Entity:
    """An Entity with a history; where the optional temporal API is missing, the check is not applicable."""
    entity = Entity(broker.new_id("Vehicle"), broker.new_type("Vehicle"))
    evolution = TemporalEntity(entity.id, str(entity.type)).with_series("speed", [(10, OBSERVED)])
    response = broker.create_temporal(evolution)
    if response.status in NOT_OFFERED:
        not_applicable(Reason.UNCLAIMED, describe(response), expected="the optional temporal API")
    require(response, 201, 204, step=f"creating the Temporal Evolution of {entity.id}")
    return entity


@check(
    id="entity-maps-created/temporal-by-get",
    title="An EntityMap is created for a temporal query, answered, and kept where the answer says",
    clause=cim009(
        "5.14.5.5", "The location of the local EntityMap shall be returned in a specific field in the response"
    ),
    **TEMPORAL,
)
def test_temporal_by_get(broker: Broker) -> None:
    entity = _with_history(broker)

    response = maps.create_map(broker, {"type": entity.type, **BEFORE}, maps.TEMPORAL_PATH)

    maps.expect_entities(expect_object(response, 201), [entity])
    maps.expect_entities(maps.shown(broker, maps.id_in(maps.location_of(response))), [entity])


@check(
    id="entity-maps-created/temporal-by-post",
    title="An EntityMap is created for a temporal query by POST",
    clause=cim009("6.35.3.2", "A response body containing the entityMap with the identifiers of the Entities matching"),
    **TEMPORAL,
)
def test_temporal_by_post(broker: Broker) -> None:
    entity = _with_history(broker)
    query = {"entities": [{"type": entity.type}], "temporalQ": BEFORE}

    response = maps.create_map_post(broker, query, maps.TEMPORAL_PATH)

    maps.expect_entities(expect_object(response, 201), [entity])


@check(
    id="entity-maps-created/temporal-without-interval",
    title="An EntityMap for a temporal query without a temporal query is BadRequestData",
    clause=cim009(
        "5.14.5.4", "If a temporal query is not provided then an error of type BadRequestData shall be raised."
    ),
    **TEMPORAL,
)
def test_temporal_without_interval(broker: Broker) -> None:
    entity = _with_history(broker)
    offered = maps.create_map(broker, {"type": entity.type, **BEFORE}, maps.TEMPORAL_PATH)
    expect_status(offered, 201)

    response = maps.create_map(broker, {"type": entity.type}, maps.TEMPORAL_PATH)

    expect_problem(response, status=400, error_type="BadRequestData")
