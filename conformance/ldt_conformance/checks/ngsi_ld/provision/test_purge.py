"""Purge Entities: ETSI GS CIM 009 V1.9.1, clauses 5.6.21 and 6.4.3.3.

Each check has Entities that are to be purged and others of the same type or the same shape that are to stay.
"""

from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_members, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import LISBON, read_back, simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.purging import Purging
from ldt_conformance.clients import point

PURGE: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/5.6.21"],
    "since": "1.9.1",
    "mode": Mode.DISRUPTIVE,
}
DELETED = cim009(
    "5.6.21.4", "when no restrictive list of Entity member names is present, the implementation shall delete"
)
TOO_WIDE = cim009(
    "5.6.21.4",
    "If none of the above is provided, then an error of type BadRequestData shall be raised (too wide query).",
)
SYNTAX = cim009("5.6.21.4", "filter are not syntactically valid (as per the referred clauses 4.9 and 4.10) an error of")
PORTO = point(-8.503, 41.202)


def vehicles(broker: Broker, count: int = 2) -> dict[str, Entity]:
    """Vehicles A, B, … of one type, the speed of each ten higher; not stored yet."""
    kind = broker.new_type("Vehicle")
    made = {}
    for place in range(count):
        entity = broker.new_entity("Vehicle").with_type(kind).with_property("speed", 50 + 10 * place)
        made[chr(ord("A") + place)] = entity
    return made


def purged(purging: Purging, entities: dict[str, Entity], params: dict[str, Any], left: str) -> None:
    """Store Entities, purge with these parameters, and fail unless those of the labels are left."""
    for entity in entities.values():
        stored(purging.broker, entity)

    purging.purge({"type": str(entities["A"].type), **params}, *entities.values())

    purging.expect_left(entities, left)


@check(
    id="purge/by-type",
    title="A purge by type deletes the Entities of that type and no others",
    clause=[cim009("5.6.21.4", "the Entity Type names match the selector of Entity Types (expanded) that is"), DELETED],
    **PURGE,
)
def test_by_type(broker: Broker, purging: Purging) -> None:
    other = simple_vehicle(broker)

    purged(purging, {**vehicles(broker), "C": other}, {}, "C")


@check(
    id="purge/by-types",
    title="A purge by a selection of types deletes the Entities of either",
    clause=cim009("5.6.21.3", "A selector of Entity types as specified by clause 4.17 (optional)."),
    **PURGE,
)
def test_by_types(broker: Broker, purging: Purging) -> None:
    entities = {label: simple_vehicle(broker) for label in "ABC"}

    purged(purging, entities, {"type": f"{entities['A'].type}|{entities['B'].type}"}, "C")


@check(
    id="purge/by-ids",
    title="A purge by type and ids deletes the Entities named and no others of the type",
    clause=[cim009("5.6.21.4", "id is equal to any of the id(s) passed as a parameter;"), DELETED],
    **PURGE,
)
def test_by_ids(broker: Broker, purging: Purging) -> None:
    entities = vehicles(broker, 3)

    purged(purging, entities, {"id": f"{entities['A'].id},{entities['C'].id}"}, "B")


@check(
    id="purge/by-id-pattern",
    title="A purge by type and id pattern deletes the Entities whose id matches",
    clause=[cim009("5.6.21.4", "id matches the id pattern passed as a parameter;"), DELETED],
    **PURGE,
)
def test_by_id_pattern(broker: Broker, purging: Purging) -> None:
    entities = vehicles(broker)
    entities["A"] = entities["A"].with_id(f"{entities['A'].id}:downtown")

    purged(purging, entities, {"idPattern": ".*:downtown$"}, "B")


@check(
    id="purge/by-q",
    title="A purge by type and q deletes the Entities that meet it",
    clause=[cim009("5.6.21.4", "the filter conditions specified by the query are met (as mandated by"), DELETED],
    **PURGE,
)
def test_by_q(broker: Broker, purging: Purging) -> None:
    purged(purging, vehicles(broker, 3), {"q": "speed>55"}, "A")


@check(
    id="purge/by-geoquery",
    title="A purge by type and geoquery deletes the Entities of that place",
    clause=[cim009("5.6.21.4", "the geospatial restrictions imposed by the geoquery are met (as mandated by"), DELETED],
    **PURGE,
)
def test_by_geoquery(broker: Broker, purging: Purging) -> None:
    made = vehicles(broker)
    places = {"A": LISBON, "B": PORTO}
    entities = {label: entity.with_geo_property("location", places[label]) for label, entity in made.items()}

    coordinates = "[-9.1393,38.7223]"
    near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": coordinates}
    purged(purging, entities, near, "B")


@check(
    id="purge/by-scope",
    title="A purge by type and Scope query deletes the Entities in that Scope",
    clause=[
        cim009("5.6.21.4", "if the Scope query is present, it shall match a present Entity Scope (as mandated"),
        DELETED,
    ],
    **PURGE,
)
def test_by_scope(broker: Broker, purging: Purging) -> None:
    made = vehicles(broker)
    scopes = {"A": "/Madrid/Gardens", "B": "/Lisbon/Gardens"}
    entities = {label: entity.with_scope(scopes[label]) for label, entity in made.items()}

    purged(purging, entities, {"scopeQ": "/Madrid/#"}, "B")


@check(
    id="purge/local-ids",
    title="In the local scope ids are enough",
    clause=cim009("5.6.21.3", "the local scope (see clause 5.5.13), no further restrictions have to be provided."),
    **PURGE,
)
def test_local_ids(broker: Broker, purging: Purging) -> None:
    entities = {label: stored(broker, entity) for label, entity in vehicles(broker).items()}

    purging.purge({"id": entities["A"].id, "local": True}, *entities.values())

    purging.expect_left(entities, "B")


@check(
    id="purge/drop",
    title="A purge with drop deletes the Attributes named; the Entities stay, with the rest",
    clause=[
        cim009("5.6.21.3", "A restrictive list of Attribute names to be deleted as attributes (optional)."),
        cim009(
            "5.6.21.4", "when a restrictive list of Entity member names is present, the implementation shall delete"
        ),
    ],
    **PURGE,
)
def test_drop(broker: Broker, purging: Purging) -> None:
    entity = stored(broker, simple_vehicle(broker))

    purging.purge({"type": str(entity.type), "drop": "brandName,isParked"}, entity)

    found = read_back(broker, entity.id)
    expect_members(found, present=["speed", "location"], absent=["brandName", "isParked"])


@check(
    id="purge/keep",
    title="A purge with keep deletes all Attributes but those named; the Entities stay",
    clause=[
        cim009("5.6.21.3", "An exclusionary list Attribute names to be kept as attributes (optional)."),
        cim009(
            "5.6.21.4", "when an exclusionary list of Entity member names is present, the implementation shall delete"
        ),
    ],
    **PURGE,
)
def test_keep(broker: Broker, purging: Purging) -> None:
    entity = stored(broker, simple_vehicle(broker))

    purging.purge({"type": str(entity.type), "keep": "speed,location"}, entity)

    found = read_back(broker, entity.id)
    expect_members(found, present=["speed", "location"], absent=["brandName", "isParked"])


@check(
    id="purge/ids-alone",
    title="A purge by nothing but ids is BadRequestData, also where Attributes are to be kept",
    clause=[TOO_WIDE, cim009("5.6.21.3", "In the general case, it is not possible to purge a set of entities by only")],
    **PURGE,
)
def test_ids_alone(broker: Broker, purging: Purging) -> None:
    """Ruling R1: what is to be kept selects nothing."""
    entity = stored(broker, simple_vehicle(broker))

    response = purging.refused({"id": entity.id, "keep": "speed"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="purge/id-no-uri",
    title="A purge with an id that is no URI is BadRequestData",
    clause=cim009("5.6.21.4", "If the list of Entity identifiers includes a URI which it is not valid, or the query"),
    **PURGE,
)
def test_id_no_uri(broker: Broker, purging: Purging) -> None:
    """With a type, so that the id alone is at fault."""
    response = purging.refused({"type": broker.new_type(), "id": broker.not_a_uri()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="purge/invalid-q",
    title="A purge with a q that does not follow the grammar is BadRequestData",
    clause=SYNTAX,
    **PURGE,
)
def test_invalid_q(broker: Broker, purging: Purging) -> None:
    response = purging.refused({"type": broker.new_type(), "q": "(invalidQuery"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="purge/invalid-geoquery",
    title="A purge with a georel and no geometry is BadRequestData",
    clause=SYNTAX,
    **PURGE,
)
def test_invalid_geoquery(broker: Broker, purging: Purging) -> None:
    response = purging.refused({"type": broker.new_type(), "georel": "within"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="purge/linked-q",
    title="A purge with a q about linked Entities is BadRequestData",
    clause=cim009(
        "5.6.21.4", "If the filter conditions specified by the query includes Linked Entity attributes then an"
    ),
    **PURGE,
)
def test_linked_q(broker: Broker, purging: Purging) -> None:
    response = purging.refused({"type": broker.new_type(), "q": 'isParked{name}=="Downtown"'})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="purge/linked-drop",
    title="A purge of Attributes of linked Entities is BadRequestData",
    clause=cim009(
        "5.6.21.4", "If projection attributes are present and indicate the use of Linked Entity retrieval, then"
    ),
    **PURGE,
)
def test_linked_drop(broker: Broker, purging: Purging) -> None:
    response = purging.refused({"type": broker.new_type(), "drop": "isParked{name}"})

    expect_problem(response, status=400, error_type="BadRequestData")
