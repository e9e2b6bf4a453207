"""Ordered queries: ETSI GS CIM 009 V1.9.1, clauses 4.23 and 5.7.2.

Each check stores Entities of a type of its own, in another order than the one that is expected, and looks at the order
in which a query with local scope gives them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_list, expect_problem
from ldt_conformance.checks.ngsi_ld.consumption.queries import LIMIT
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import point
from ldt_conformance.engine.verdicts import fail

DECLARED: dict[str, Any] = {
    "level": Level.MUST,
    "requirements": ["ngsi-ld/4.23"],
    "pics": ["PICS_QueEnt_AND_QueEntPos"],
    "since": "1.9.1",
    "mode": Mode.SANDBOX_WRITE,
}
SORTED = cim009("4.23.1", "implementations shall interpret such requests and return the array of Entities sorted")
ORDERED = cim009(
    "5.7.2.5", "array or FeatureCollection returned shall be ordered according to the list of member names"
)
MIXED = cim009("4.23.2", "last), shall be implicitly applied:")
PLACES = {"near": point(8.1, 40.0), "far": point(9.5, 40.0), "middle": point(8.0, 40.9)}
FROM = "[8,40]"


def expect_order(
    broker: Broker, members: Mapping[str, Mapping[str, Any]], params: Mapping[str, str], expected: Sequence[str]
) -> None:
    """Store Entities and fail unless a query gives them in this order.

    Args:
        broker: The target.
        members: Label -> the Attributes of an Entity, in the order in which they are stored.
        params: `orderBy` and what goes with it.
        expected: The labels in order.
    """
    kind = broker.new_type()
    label_of: dict[str, str] = {}
    for label, attributes in members.items():
        entity = broker.new_entity().with_type(kind)
        for name, instance in attributes.items():
            entity = entity.with_attribute(name, instance)
        label_of[stored(broker, entity).id] = label

    response = broker.query_entities({"type": kind, "local": "true", "limit": LIMIT, **params})

    elements = [item if isinstance(item, dict) else {} for item in expect_list(response)]
    found = [label_of.get(str(item.get("id")), "?") for item in elements]
    if found != list(expected):
        fail(f"the Entities in the order {', '.join(expected)}", ", ".join(found) or "no Entities")


def values(**of: Any) -> dict[str, dict[str, Any]]:
    """Label -> an Entity with this value of `size`."""
    return {label: {"size": {"type": "Property", "value": value}} for label, value in of.items()}


@check(
    id="query-entities/order-ascending",
    title="orderBy sorts by the values of an Attribute, ascending where nothing else is said",
    clause=[SORTED, cim009("4.23.3", "ascending shall be the default if not supplied")],
    **DECLARED,
)
def test_ascending(broker: Broker) -> None:
    expect_order(broker, values(b=20, c=100, a=3), {"orderBy": "size"}, "abc")


@check(
    id="query-entities/order-descending",
    title="orderBy sorts in descending order where it says desc",
    clause=[SORTED, ORDERED],
    **DECLARED,
)
def test_descending(broker: Broker) -> None:
    expect_order(broker, values(b=20, c=100, a=3), {"orderBy": "size;desc"}, "cba")


@check(
    id="query-entities/order-by-two",
    title="The second name of orderBy decides among Entities that are equal by the first",
    clause=cim009("4.23.3", "separate the elements to be used for ordering which shall be applied sequentially."),
    **DECLARED,
)
def test_by_two(broker: Broker) -> None:
    """As example 3: the first ascends, the second descends."""
    members = {
        label: {"size": {"type": "Property", "value": size}, "age": {"type": "Property", "value": age}}
        for label, size, age in (("c", 1, 5), ("a", 1, 9), ("d", 2, 7), ("b", 1, 7))
    }

    expect_order(broker, members, {"orderBy": "size,age;desc"}, "abcd")


@check(
    id="query-entities/order-of-strings",
    title="Strings are sorted in the ICU root collation order",
    clause=cim009("4.23.1", 'for strings the default collation order shall be defined as using ICU "root"'),
    **DECLARED,
)
def test_strings(broker: Broker) -> None:
    """Letters come before case and accents: neither the order of code points nor that of bytes."""
    expect_order(broker, values(d="Zebra", c="Éclair", a="apple", b="Dog"), {"orderBy": "size"}, "abcd")


@check(
    id="query-entities/order-of-data-types",
    title="Values of several data types are sorted by data type, and who has no value comes last",
    clause=MIXED,
    **DECLARED,
)
def test_data_types(broker: Broker) -> None:
    members = values(boolean=True, array=[1], number=7, object={"a": 1}, string="a")
    members["missing"] = {"age": {"type": "Property", "value": 1}}

    expect_order(
        broker,
        {"missing": members.pop("missing"), **members},
        {"orderBy": "size"},
        ["number", "string", "object", "array", "boolean", "missing"],
    )


@check(
    id="query-entities/order-missing-last",
    title="Who has no value of the Attribute comes last in descending order, too",
    clause=cim009("4.23.2", "the following comparison order (null values last), shall be implicitly applied:"),
    **DECLARED,
)
def test_missing_last(broker: Broker) -> None:
    missing = {"c": {"age": {"type": "Property", "value": 1}}}

    expect_order(broker, {**missing, **values(b=1, a=2)}, {"orderBy": "size;desc"}, "abc")


@check(
    id="query-entities/order-by-time",
    title="orderBy sorts by a time of an Attribute, in the order of time",
    clause=[SORTED, cim009("4.23.3", "applies sort ordering based on an attribute path that is")],
    **DECLARED,
)
def test_time(broker: Broker) -> None:
    """A fraction of a second is later than none, whatever the characters say."""
    times = {"b": "2026-03-05T10:00:00.5Z", "c": "2026-03-05T10:00:01Z", "a": "2026-03-05T10:00:00Z"}
    members = {label: {"size": {"type": "Property", "value": 1, "observedAt": time}} for label, time in times.items()}

    expect_order(broker, members, {"orderBy": "size.observedAt"}, "abc")


@check(
    id="query-entities/order-by-member",
    title="orderBy sorts by a member of a JSON value",
    clause=[SORTED, cim009("4.23.3", "applies sort ordering using a sub-item within a Property Value")],
    **DECLARED,
)
def test_member(broker: Broker) -> None:
    members = values(b={"city": "Madrid"}, c={"city": "Porto"}, a={"city": "Berlin"})

    expect_order(broker, members, {"orderBy": "size[city]"}, "abc")


@check(
    id="query-entities/order-by-distance",
    title="orderBy with dist-asc sorts by the distance from orderFrom",
    clause=[
        SORTED,
        cim009(
            "4.23.3", "For sort by distance, the coordinates element (parameter name orderFrom) shall represent the"
        ),
    ],
    **DECLARED,
)
def test_distance(broker: Broker) -> None:
    members = {label: {"location": {"type": "GeoProperty", "value": place}} for label, place in PLACES.items()}

    expect_order(broker, members, {"orderBy": "location;dist-asc", "orderFrom": FROM}, ["near", "middle", "far"])


@check(
    id="query-entities/order-by-distance-descending",
    title="orderBy with dist-desc gives the farthest first",
    clause=[SORTED, ORDERED],
    **DECLARED,
)
def test_distance_descending(broker: Broker) -> None:
    members = {label: {"location": {"type": "GeoProperty", "value": place}} for label, place in PLACES.items()}

    expect_order(broker, members, {"orderBy": "location;dist-desc", "orderFrom": FROM}, ["far", "middle", "near"])


@check(
    id="query-entities/order-by-distance-from-nowhere",
    title="Ordering by distance without a place is BadRequestData",
    clause=cim009(
        "5.7.2.4", "If the ordering parameter is present and refers to ordering by distance and no location is"
    ),
    **{**DECLARED, "mode": Mode.PROBE},
)
def test_distance_from_nowhere(broker: Broker) -> None:
    params = {"type": broker.new_type(), "local": "true", "orderBy": "location;dist-asc"}

    expect_problem(broker.query_entities(params), status=400, error_type="BadRequestData")


@check(
    id="query-entities/invalid-collation",
    title="A collation that is none is BadRequestData",
    clause=cim009(
        "5.7.2.4", "If a preferred collation setting is present and it does not conform to a valid ICU collation"
    ),
    **{**DECLARED, "mode": Mode.PROBE},
)
def test_invalid_collation(broker: Broker) -> None:
    params = {"type": broker.new_type(), "local": "true", "orderBy": "speed", "collation": "no collation!"}

    expect_problem(broker.query_entities(params), status=400, error_type="BadRequestData")


@check(
    id="query-post/ordering",
    title="A POST query sorts by its member ordering",
    clause=cim009("5.2.43", "The supported JSON members shall follow the requirements provided in Table 5.2.43-1."),
    **{**DECLARED, "requirements": ["ngsi-ld/4.23", "ngsi-ld/6.23.3.1"]},
)
def test_post(broker: Broker) -> None:
    kind = broker.new_type()
    stored_ones: list[Entity] = [
        stored(broker, broker.new_entity().with_type(kind).with_property("size", size)) for size in (20, 100, 3)
    ]
    expected = [stored_ones[place].id for place in (1, 0, 2)]

    query = {"entities": [{"type": kind}], "ordering": {"orderBy": ["size;desc"]}}
    response = broker.query_entities_post(query, params={"local": "true", "limit": LIMIT})

    found = [item.get("id") if isinstance(item, dict) else None for item in expect_list(response)]
    if found != expected:
        fail(f"the Entities in the order {', '.join(expected)}", f"{found}")
