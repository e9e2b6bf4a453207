"""Linked Entities in an answer: ETSI GS CIM 009 V1.9.1, clauses 4.5.23, 4.9, 4.21, 5.7.1 and 5.7.2.

A chain of three Entities of types of their own, car -> street -> city, and back from the city to the car. Every
Relationship has an objectType and its target is stored here, so that each is retrievable (4.5.23.1).
"""

from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_ids, expect_list, expect_object, expect_problem
from ldt_conformance.checks.ngsi_ld.consumption.queries import LIMIT
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.comparators import attribute_value, instances
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal

DECLARED: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/4.5.23"],
    "since": "1.8.1",
    "mode": Mode.SANDBOX_WRITE,
}
RETRIEVE = ["PICS_EntRet"]
QUERY = ["PICS_QueEnt_AND_QueEntPos"]
INLINE = cim009("5.7.1.5", "to an annotated Relationship, then unless a URI has been previously encountered, an entity")
FLAT = cim009("5.7.1.5", "the response shall be an array of JSON-LD objects representing the target entity itself and")
DEPTH = cim009("6.5.3.1", "Depth of Linked Entity retrieval to apply. Default is")


def chain(broker: Broker) -> tuple[Entity, Entity, Entity]:
    """Car, street and city, stored, each with the next as `next` and a `size` of 1, 2 and 3."""
    car, street, city = (broker.new_entity(kind) for kind in ("Car", "Street", "City"))
    linked = [
        one.with_property("size", size).with_relationship("next", target.id, objectType=str(target.type))
        for size, (one, target) in enumerate(((car, street), (street, city), (city, car)), start=1)
    ]
    first, second, third = (stored(broker, one) for one in linked)
    return first, second, third


def inlined(holder: Any, name: str = "next") -> Any:
    """The Entity below a Relationship, None if there is none."""
    instance = instances(holder, name).get(None) if isinstance(holder, dict) else None
    return instance.get("entity") if isinstance(instance, dict) else None


def expect_inlined(holder: Any, target: Entity) -> dict[str, Any]:
    """Fail unless the Relationship `next` holds this Entity, with its Attributes."""
    found = inlined(holder)
    if not isinstance(found, dict) or found.get("id") != target.id:
        fail(f"next with an entity {target.id}", f"{found!r}")
    expect_equal(attribute_value(found, "size"), attribute_value(target.to_json(), "size"), f"size of {target.id}")
    return found


@check(
    id="retrieve-entity/join-inline",
    title="With join=inline a Relationship holds the Entity that it links to",
    clause=INLINE,
    pics=RETRIEVE,
    **DECLARED,
)
def test_inline(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_object(broker.retrieve_entity(car.id, params={"join": "inline"}))

    expect_inlined(found, street)


@check(
    id="retrieve-entity/join-default-level",
    title="Without joinLevel only what the Entity itself links to is retrieved",
    clause=DEPTH,
    pics=RETRIEVE,
    **DECLARED,
)
def test_default_level(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_object(broker.retrieve_entity(car.id, params={"join": "inline"}))

    expect_equal(inlined(expect_inlined(found, street)), None, "the entity below the Relationship of the linked Entity")


@check(
    id="retrieve-entity/join-level",
    title="joinLevel says how deep the Entities of Relationships are retrieved",
    clause=[INLINE, DEPTH],
    pics=RETRIEVE,
    **DECLARED,
)
def test_level(broker: Broker) -> None:
    car, street, city = chain(broker)

    found = expect_object(broker.retrieve_entity(car.id, params={"join": "inline", "joinLevel": 2}))

    expect_inlined(expect_inlined(found, street), city)


@check(
    id="retrieve-entity/join-loop",
    title="An Entity that was met before is not retrieved again, so that a loop ends",
    clause=INLINE,
    pics=RETRIEVE,
    **DECLARED,
)
def test_loop(broker: Broker) -> None:
    car, street, city = chain(broker)

    found = expect_object(broker.retrieve_entity(car.id, params={"join": "inline", "joinLevel": 6}))

    last = expect_inlined(expect_inlined(found, street), city)
    expect_equal(inlined(last), None, f"the entity below the Relationship from {city.id} back to {car.id}")


@check(
    id="retrieve-entity/join-contained-by",
    title="An Entity named by containedBy is not retrieved",
    clause=[
        INLINE,
        cim009("6.5.3.1", "List of entity ids which have previously been encountered whilst retrieving the"),
    ],
    pics=RETRIEVE,
    **DECLARED,
)
def test_contained_by(broker: Broker) -> None:
    car, street, city = chain(broker)
    params = {"join": "inline", "joinLevel": 2, "containedBy": city.id}

    found = expect_object(broker.retrieve_entity(car.id, params=params))

    expect_equal(inlined(expect_inlined(found, street)), None, f"the entity below the Relationship to {city.id}")


@check(
    id="retrieve-entity/join-flat",
    title="With join=flat the answer is an array of the Entity and of those that it links to",
    clause=[FLAT, cim009("4.5.23.3", "the Context Broker response shall always consist of an array of Entities.")],
    pics=RETRIEVE,
    **DECLARED,
)
def test_flat(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_list(broker.retrieve_entity(car.id, params={"join": "flat"}))

    expect_ids(found, [car.id, street.id])
    shown = [inlined(item) for item in found]
    expect_equal(shown, [None, None], "entities below Relationships")


@check(
    id="retrieve-entity/join-list",
    title="With join=inline a ListRelationship holds its Entities in order",
    clause=cim009(
        "5.7.1.5", "subproperty shall be included in the response holding the ordered array of Linked Entities"
    ),
    pics=RETRIEVE,
    **DECLARED,
)
def test_list(broker: Broker) -> None:
    stops = [stored(broker, broker.new_entity("Stop").with_property("size", size)) for size in (1, 2, 3)]
    order = sorted((stop.id for stop in stops), reverse=True)
    route = {
        "type": "ListRelationship",
        "objectList": [{"object": stop} for stop in order],
        "objectType": list(dict.fromkeys(str(stop.type) for stop in stops)),
    }
    line = stored(broker, broker.new_entity("Line").with_attribute("route", route))

    found = expect_object(broker.retrieve_entity(line.id, params={"join": "inline"}))

    instance = instances(found, "route").get(None)
    listed = instance.get("entityList") if isinstance(instance, dict) else None
    shown = [item.get("id") if isinstance(item, dict) else item for item in listed] if listed else listed
    expect_equal(shown, order, "ids in entityList")


@check(
    id="retrieve-entity/join-simplified",
    title="Simplified and inline, a Relationship is the simplified Entity itself",
    clause=cim009(
        "4.5.4", "Attribute is returned as a JSON object holding key-value pairs corresponding to the data from"
    ),
    pics=RETRIEVE,
    **{**DECLARED, "requirements": ["ngsi-ld/4.5.23", "ngsi-ld/4.5.4"]},
)
def test_simplified(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_object(broker.retrieve_entity(car.id, params={"join": "inline", "options": "keyValues"}))

    linked = found.get("next")
    shown = (linked.get("id"), linked.get("size")) if isinstance(linked, dict) else linked
    expect_equal(shown, (street.id, 2), "id and size of next")


@check(
    id="query-entities/join-inline",
    title="A query with join=inline gives the matching Entities alone, with those that they link to inside",
    clause=[
        cim009("4.5.23.2", "the Context Broker response shall only consist of Linking Entities"),
        cim009("5.7.2.5", "then unless a URI has been previously encountered, an entity subproperty shall also be"),
    ],
    pics=QUERY,
    **DECLARED,
)
def test_query_inline(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_list(broker.query_entities({"type": str(car.type), "join": "inline", "limit": LIMIT}))

    expect_ids(found, [car.id])
    expect_inlined(found[0], street)


@check(
    id="query-entities/join-flat",
    title="A query with join=flat appends the Entities that the matching ones link to",
    clause=cim009("5.7.2.5", "objects representing the matching entities and the targets of their Relationships."),
    pics=QUERY,
    **DECLARED,
)
def test_query_flat(broker: Broker) -> None:
    car, street, _ = chain(broker)

    found = expect_list(broker.query_entities({"type": str(car.type), "join": "flat", "limit": LIMIT}))

    expect_ids(found, [car.id, street.id])


@check(
    id="query-entities/linked-q",
    title="q can ask for what a linked Entity has",
    clause=cim009("4.9", "The filter can also apply to a Property or Relationship of an NGSI-LD Entity targeted by a"),
    pics=QUERY,
    **{**DECLARED, "since": "1.9.1", "requirements": ["ngsi-ld/4.5.23", "ngsi-ld/4.9"]},
)
def test_linked_q(broker: Broker) -> None:
    car, _, city = chain(broker)
    params = {"type": f"{car.type},{city.type}", "join": "inline", "q": "next{size}==2", "limit": LIMIT}

    expect_ids(expect_list(broker.query_entities(params)), [car.id])


@check(
    id="query-entities/linked-q-needs-join",
    title="q on a linked Entity without join is BadRequestData",
    clause=cim009(
        "5.7.2.4", "If the filter conditions specified by the query includes Linked Entity attributes, and the use"
    ),
    pics=QUERY,
    **{**DECLARED, "since": "1.9.1", "mode": Mode.PROBE},
)
def test_linked_q_needs_join(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "q": "next{size}==2"})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="query-entities/linked-pick-needs-join",
    title="A projection of linked Entities without join is BadRequestData, and so is one that is deeper than joinLevel",
    clause=[
        cim009(
            "5.7.2.4", "If projection attributes are present and indicate the use of Linked Entity retrieval, and the"
        ),
        cim009("5.7.2.4", "or the projected attribute depth exceeds the Linked Entity"),
    ],
    pics=QUERY,
    **{**DECLARED, "since": "1.9.1", "mode": Mode.PROBE},
)
def test_linked_pick_needs_join(broker: Broker) -> None:
    kind = broker.new_type()
    for params in ({"pick": "next{size}"}, {"pick": "next{next{size}}", "join": "inline", "joinLevel": "1"}):
        expect_problem(broker.query_entities({"type": kind, **params}), status=400, error_type="BadRequestData")


@check(
    id="query-entities/linked-pick",
    title="pick can name members of linked Entities",
    clause=cim009(
        "4.21", "the case of Linked Entity Retrieval, a Relationship name followed by an Attribute name within"
    ),
    pics=QUERY,
    **{**DECLARED, "since": "1.9.1", "requirements": ["ngsi-ld/4.5.23", "ngsi-ld/4.21"]},
)
def test_linked_pick(broker: Broker) -> None:
    car, street, _ = chain(broker)
    params = {"type": str(car.type), "join": "inline", "pick": "id,next{id,size}", "limit": LIMIT}

    found = expect_list(broker.query_entities(params))

    expect_ids(found, [car.id])
    expect_equal("size" in found[0], False, "size of the Entity that matches")
    linked = expect_inlined(found[0], street)
    expect_equal("next" in linked, False, "next of the linked Entity")
