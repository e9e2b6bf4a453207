"""EntityMaps, retrieved, updated, deleted and used: ETSI GS CIM 009 V1.9.1, clauses 5.5.9.3, 5.5.14, 5.14.1 to 5.14.3.

Their creation is in `test_entity_maps_created.py`.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.consumption.paging import MAX_PAGES, follow, link
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.entity_maps import mapping as maps
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import Entity, property_
from ldt_conformance.comparators.instants import parse_instant
from ldt_conformance.engine.verdicts import precondition
from ldt_conformance.expectations import expect_date_time, expect_equal, require

SHARED: dict[str, Any] = {
    "capability": maps.ENTITY_MAPS,
    "since": maps.SINCE,
    "level": Level.MUST,
    "mode": Mode.SANDBOX_WRITE,
}
RETRIEVE = {**SHARED, "requirements": ["ngsi-ld/5.14.1"]}
UPDATE = {**SHARED, "requirements": ["ngsi-ld/5.14.2"]}
DELETE = {**SHARED, "requirements": ["ngsi-ld/5.14.3"]}
USE = {**SHARED, "requirements": ["ngsi-ld/5.14.4"]}
NO_URI = "not present or it is not a valid URI, then an error of type BadRequestData shall be"
UNKNOWN = "does not know about a matching EntityMap for the EntityMap ID, then an error of"
LISTED = cim009("5.5.14", "queries shall be filtered to only consider the Entities listed.")


def _of_type(entities: list[Entity]) -> dict[str, Any]:
    return {"type": entities[0].type}


@check(
    id="entity-maps/retrieve",
    title="The EntityMap of a query can be retrieved, and lists the Entities that were found",
    clause=cim009("5.14.1.4", "Otherwise, return a JSON-LD object representing the EntityMap"),
    **RETRIEVE,
)
def test_retrieve(broker: Broker) -> None:
    entities = maps.fleet(broker)
    map_id = maps.id_in(maps.made(broker, _of_type(entities)))

    found = maps.shown(broker, map_id)

    expect_equal((found.get("id"), found.get("type")), (map_id, "EntityMap"), "id and type")
    expect_date_time(found.get("expiresAt"), "expiresAt")
    maps.expect_entities(found, entities)


@check(
    id="entity-maps/retrieve-unknown",
    title="Retrieving an EntityMap that does not exist is ResourceNotFound",
    clause=cim009("5.14.1.4", UNKNOWN),
    **{**RETRIEVE, "mode": Mode.PROBE},
)
def test_retrieve_unknown(broker: Broker) -> None:
    response = maps.retrieve(broker, broker.new_id("EntityMap"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="entity-maps/retrieve-not-a-uri",
    title="Retrieving an EntityMap by an id that is no URI is BadRequestData",
    clause=cim009("5.14.1.4", NO_URI),
    **{**RETRIEVE, "mode": Mode.PROBE},
)
def test_retrieve_not_a_uri(broker: Broker) -> None:
    expect_problem(maps.retrieve(broker, broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="entity-maps/update-expiry",
    title="The expiry of an EntityMap can be brought forward, and the rest stays",
    clause=[
        cim009("5.14.2.4", "Perform an update operation on the target EntityMap using the fields specified"),
        cim009("5.14.2.1", "elements provided in the EntityMap Fragment, leaving the rest as they are."),
    ],
    **UPDATE,
)
def test_update_expiry(broker: Broker) -> None:
    entities = maps.fleet(broker)
    map_id = maps.id_in(maps.made(broker, _of_type(entities)))
    expiry = maps.shown(broker, map_id).get("expiresAt")
    precondition(isinstance(expiry, str), f"the EntityMap has no expiresAt: {expiry!r}")
    left = parse_instant(str(expiry)) - datetime.now(UTC)
    precondition(left > timedelta(seconds=20), f"the EntityMap lives for only {left}")
    sooner = (parse_instant(str(expiry)) - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")

    expect_status(maps.update(broker, map_id, expiresAt=sooner), 204)

    found = maps.shown(broker, map_id)
    expect_date_time(found.get("expiresAt"), "expiresAt")
    expect_equal(parse_instant(str(found["expiresAt"])), parse_instant(sooner), "expiresAt")
    maps.expect_entities(found, entities)


@check(
    id="entity-maps/update-output-only",
    title="What an update says of the Entities of an EntityMap is ignored",
    clause=cim009("5.14.2.4", "Any provided output-only fields shall be ignored."),
    **UPDATE,
)
def test_update_output_only(broker: Broker) -> None:
    entities = maps.fleet(broker)
    map_id = maps.id_in(maps.made(broker, _of_type(entities)))

    expect_status(maps.update(broker, map_id, entityMap={}, linkedMaps={}), 204)

    maps.expect_entities(maps.shown(broker, map_id), entities)


@check(
    id="entity-maps/update-unknown",
    title="Updating an EntityMap that does not exist is ResourceNotFound",
    clause=cim009("5.14.2.4", UNKNOWN),
    **UPDATE,
)
def test_update_unknown(broker: Broker) -> None:
    response = maps.update(broker, broker.new_id("EntityMap"), expiresAt="2099-01-01T00:00:00Z")

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="entity-maps/update-not-a-uri",
    title="Updating an EntityMap by an id that is no URI is BadRequestData",
    clause=cim009("5.14.2.4", NO_URI),
    **UPDATE,
)
def test_update_not_a_uri(broker: Broker) -> None:
    response = maps.update(broker, broker.not_a_uri(), expiresAt="2099-01-01T00:00:00Z")

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="entity-maps/delete",
    title="A deleted EntityMap is gone",
    clause=cim009("5.14.3.4", "The EntityMap shall be removed from the broker's internal storage, or memory."),
    **DELETE,
)
def test_delete(broker: Broker) -> None:
    map_id = maps.id_in(maps.made(broker, _of_type(maps.fleet(broker))))
    require(maps.retrieve(broker, map_id), 200, step="retrieving the EntityMap before its removal")

    expect_status(maps.delete(broker, map_id), 204)

    expect_problem(maps.retrieve(broker, map_id), status=404, error_type="ResourceNotFound")


@check(
    id="entity-maps/delete-unknown",
    title="Deleting an EntityMap that does not exist is ResourceNotFound",
    clause=cim009("5.14.3.4", UNKNOWN),
    **DELETE,
)
def test_delete_unknown(broker: Broker) -> None:
    response = maps.delete(broker, broker.new_id("EntityMap"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="entity-maps/delete-not-a-uri",
    title="Deleting an EntityMap by an id that is no URI is BadRequestData",
    clause=cim009("5.14.3.4", NO_URI),
    **DELETE,
)
def test_delete_not_a_uri(broker: Broker) -> None:
    expect_problem(maps.delete(broker, broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="entity-maps/fixes-entities",
    title="A query with an EntityMap does not find what was created afterwards",
    clause=LISTED,
    **USE,
)
def test_fixes_entities(broker: Broker) -> None:
    entities = maps.fleet(broker)
    used = maps.made(broker, _of_type(entities))
    later = stored(broker, Entity(broker.new_id("Vehicle"), entities[0].type))

    found = maps.ids_of(maps.query(broker, _of_type(entities), used))

    expect_equal(sorted(found), sorted(one.id for one in entities), "the Entities found with the EntityMap")
    without = maps.ids_of(broker.query_entities(_of_type(entities)))
    expect_equal(later.id in without, True, "whether a query without the EntityMap finds the new Entity")


@check(
    id="entity-maps/filters-again",
    title="An Entity that no longer meets the query is left out of a page, and of the EntityMap",
    clause=[
        cim009("5.5.9.3", "filters shall be rechecked before returning results."),
        cim009("5.5.14", "shall remove Entities from the EntityMap that do not match the filters"),
    ],
    **USE,
)
def test_filters_again(broker: Broker) -> None:
    slow, fast = entities = maps.fleet(broker)
    wanted = {**_of_type(entities), "q": "speed<100", "splitEntities": False}
    used = maps.made(broker, wanted)
    before = maps.shown(broker, maps.id_in(used)).get("entityMap")
    precondition(isinstance(before, dict) and fast.id in before, f"the EntityMap does not list {fast.id}: {before}")
    require(broker.update_attributes(fast.id, {"speed": property_(150)}), 204, step="making one Entity faster")

    found = maps.ids_of(maps.query(broker, wanted, used))

    expect_equal(found, [slow.id], "the Entities found with the EntityMap")
    maps.expect_entities(maps.shown(broker, maps.id_in(used)), [slow])


@check(
    id="entity-maps/pages",
    title="The pages of an EntityMap have each of its Entities once, though one is created in between",
    clause=[LISTED, cim009("5.5.14", "An EntityMap fixes the Entities to be considered for subsequent")],
    **USE,
)
def test_pages(broker: Broker) -> None:
    entities = maps.fleet(broker, 3)
    used = maps.made(broker, {**_of_type(entities), "limit": 1})
    stored(broker, Entity(broker.new_id("Vehicle"), entities[0].type))

    page = maps.query(broker, {**_of_type(entities), "limit": 1}, used)
    seen = maps.ids_of(page)
    for _ in range(MAX_PAGES):
        onward = link(page, "next")
        if onward is None:
            break
        page = follow(broker, page, onward, headers={maps.HEADER: used})
        seen += maps.ids_of(page)

    expect_equal(sorted(seen), sorted(one.id for one in entities), "the Entities of all pages")


@check(
    id="entity-maps/names-the-map",
    title="A query that names an EntityMap says that it was used",
    clause=cim009("6.4.3.2", "the query operation is returned in the response."),
    **USE,
)
def test_names_the_map(broker: Broker) -> None:
    entities = maps.fleet(broker)
    used = maps.made(broker, _of_type(entities))

    response = maps.query(broker, _of_type(entities), used)

    expect_equal(maps.id_in(maps.location_of(response)), maps.id_in(used), "the EntityMap used")


@check(
    id="entity-maps/gone-is-renewed",
    title="A query that names an EntityMap which is gone makes a new one",
    clause=cim009("5.7.2.4", "the data has expired, a new EntityMap shall be created."),
    **USE,
)
def test_gone_is_renewed(broker: Broker) -> None:
    """Whether the new one has another id is not said."""
    entities = maps.fleet(broker)
    gone = maps.made(broker, _of_type(entities))
    require(maps.delete(broker, maps.id_in(gone)), 204, step="deleting the EntityMap")
    require(maps.retrieve(broker, maps.id_in(gone)), 404, step="retrieving the EntityMap that is gone")

    response = maps.query(broker, _of_type(entities), gone)

    found = maps.id_in(maps.location_of(response))
    maps.expect_entities(maps.shown(broker, found), entities)
