"""EntityMaps for checks of CIM 009 V1.9.1, clauses 5.5.14 and 5.14.

EntityMaps came with draft 1.7.6 (V1.8.1); their creation came with draft 1.8.12 and V1.9.1, which also calls their
resource `entityMaps/` (before: `entityMap/`). The checks therefore ask from V1.9.1 on. The broker names a map; the
header of its answer says how, which the journal keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import Broker, Entity, segment
from ldt_conformance.engine.transport.journal import Resource
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, precondition
from ldt_conformance.expectations import describe, expect_object, require

PATH = "/entityMaps"
TEMPORAL_PATH = "/temporal/entityMaps"
ENTITY_MAPS = "entity-maps"  # capability of the site file
SINCE = "1.9.1"
HEADER = "NGSILD-EntityMap"
CREATES = (Resource("entity-map", None, PATH),)


def fleet(broker: Broker, count: int = 2) -> list[Entity]:
    """Entities of one type of the check's own, stored; their speeds are 10, 20 and so on."""
    entity_type = broker.new_type("Vehicle")
    entities = [Entity(broker.new_id("Vehicle"), entity_type) for _ in range(count)]
    return [stored(broker, one.with_property("speed", 10 * place)) for place, one in enumerate(entities, start=1)]


def create_map(broker: Broker, params: Mapping[str, Any], path: str = PATH) -> Response:
    """Create EntityMap for a query (5.14.4, 5.14.5), by GET."""
    return broker.send("GET", path, params=params, creates=CREATES)


def create_map_post(broker: Broker, query: Mapping[str, Any], path: str = PATH) -> Response:
    """Create EntityMap for a query (5.14.4, 5.14.5), by POST."""
    return broker.send("POST", path, body={"type": "Query", **query}, creates=CREATES)


def query(broker: Broker, params: Mapping[str, Any], used: str | None = None) -> Response:
    """Query Entities with an EntityMap: the one named, or a new one; both "use the same parameters" (5.5.14)."""
    headers = {} if used is None else {HEADER: used}
    return broker.send("GET", "/entities/", params={**params, "entityMap": True}, headers=headers, creates=CREATES)


def path_of(map_id: str) -> str:
    """Where an EntityMap is."""
    return f"{PATH}/{segment(map_id)}"


def id_in(uri: str) -> str:
    """The id of an EntityMap in its resource URI."""
    return unquote(urlsplit(uri).path.rstrip("/").rpartition("/")[2])


def location_of(response: Response) -> str:
    """The resource URI of the EntityMap that an operation used; fails where the answer does not name it."""
    found: str = response.headers.get(HEADER, "")
    if not found:
        fail(f"the header {HEADER} with the resource URI of the EntityMap", describe(response))
    return found


def made(broker: Broker, params: Mapping[str, Any]) -> str:
    """An EntityMap that the check needs; returns its resource URI."""
    response = require(query(broker, params), 200, 201, step="querying with entityMap=true")
    found: str = response.headers.get(HEADER, "")
    precondition(bool(found), f"querying with entityMap=true: no header {HEADER}, observed {describe(response)}")
    return found


def retrieve(broker: Broker, map_id: str) -> Response:
    """Retrieve EntityMap (5.14.1)."""
    return broker.send("GET", path_of(map_id))


def update(broker: Broker, map_id: str, **members: Any) -> Response:
    """Update EntityMap (5.14.2)."""
    touches = [Resource("entity-map", map_id, path_of(map_id))]
    return broker.send("PATCH", path_of(map_id), body={"type": "EntityMap", **members}, touches=touches)


def delete(broker: Broker, map_id: str) -> Response:
    """Delete EntityMap (5.14.3)."""
    return broker.send("DELETE", path_of(map_id), touches=[Resource("entity-map", map_id, path_of(map_id))])


def shown(broker: Broker, map_id: str) -> dict[str, Any]:
    """An EntityMap that must be there."""
    return expect_object(retrieve(broker, map_id))


def expect_entities(found: Mapping[str, Any], entities: Sequence[Entity]) -> None:
    """Fail unless an EntityMap lists exactly these Entities (5.2.39: its keys are their ids)."""
    listed = found.get("entityMap")
    wanted = sorted(entity.id for entity in entities)
    if not isinstance(listed, dict) or sorted(listed) != wanted:
        fail(f'"entityMap" with exactly the keys {wanted}', f'"entityMap": {str(listed)[:300]}')


def ids_of(response: Response) -> list[str]:
    """The ids of the Entities of a page."""
    body = response.json() if response.status in (200, 201) else None
    if not isinstance(body, list):
        fail("200 (or 201) and a JSON array of Entities", describe(response))
    return [str(one.get("id")) if isinstance(one, dict) else repr(one) for one in body]
