"""Query Temporal Evolutions of Entities: ETSI GS CIM 009 V1.9.1, clauses 5.7.4, 4.11 and 6.18.3.2."""

from collections.abc import Mapping

from ldt_conformance import (
    Broker,
    TemporalEntity,
    check,
    expect_ids,
    expect_members,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import (
    AT,
    DECLARED,
    LAST_N,
    READ,
    WHOLE_DAY,
    half_past,
    series_of,
    stored_in_terms,
    temporal_list,
    values,
)
from ldt_conformance.clients import attribute, point
from ldt_conformance.clients.elements import JsonObject
from ldt_conformance.comparators import members_of
from ldt_conformance.expectations import expect_equal, require
from ldt_conformance.receiver import Receiver

NEXT_DAY = "2026-03-06T10:00:00Z"  # after WHOLE_DAY
QUERY = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos"]


def located(broker: Broker, kind: str, places: Mapping[str, tuple[JsonObject, str]]) -> None:
    """Store where Entities of a type were, and when: id to place and time."""
    for entity_id, (place, at) in places.items():
        body = {
            "id": entity_id,
            "type": kind,
            "location": [attribute("GeoProperty", "value", place, {"observedAt": at})],
        }
        require(broker.create_temporal(body), 201, 204, step="creating a Temporal Evolution with a location")


@check(
    id="temporal-query/after",
    title="A temporal query by type gives the instances in the interval",
    clause=cim009("5.7.4.5", "A JSON-LD array representing the matching entities as defined by clause 5.2.21"),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_01_01", "CI/Cons/TE/021_05_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_after(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_list(broker.query_temporal({"type": history.type, "timerel": "after", "timeAt": half_past(10)}))

    expect_ids(found, [history.id])
    expect_equal(values(found[0], "speed"), [80, 100], "speed after 10:30")


@check(
    id="temporal-query/outside",
    title="An Entity without instances in the interval is not in the answer",
    clause=cim009("5.7.4.4", "shall be removed from S, thus it shall not appear in the final result set."),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_01_02"),
    pics=QUERY,
    **DECLARED,
)
def test_query_outside(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    early = TemporalEntity(broker.new_id("Vehicle"), history.type).with_series("speed", [(1, AT[0])])
    stored_history(broker, early)

    found = temporal_list(broker.query_temporal({"type": history.type, "timerel": "before", "timeAt": half_past(9)}))

    expect_ids(found, [early.id])


@check(
    id="temporal-query/between",
    title="A temporal query with timerel=between gives the instances between two times",
    clause=cim009("4.11", "between relationship (production rule named betweenRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_01_03"),
    pics=QUERY,
    **DECLARED,
)
def test_query_between(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    params = {"type": history.type, "timerel": "between", "timeAt": half_past(10), "endTimeAt": half_past(11)}
    found = temporal_list(broker.query_temporal(params))

    expect_ids(found, [history.id])
    expect_equal(values(found[0], "fuel"), [55], "fuel between 10:30 and 11:30")


@check(
    id="temporal-query/attrs",
    title="attrs selects and reduces the Entities of a temporal query",
    clause=cim009("5.7.4.4", "corresponding to the query's projection Attributes"),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_02_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_attrs(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_list(broker.query_temporal({"type": history.type, "attrs": "fuel", **WHOLE_DAY}))

    expect_ids(found, [history.id])
    expect_equal(members_of(found[0]), members_of({"fuel": 1}), "the Attributes of the answer")


@check(
    id="temporal-query/last-n",
    title="lastN in a temporal query gives the newest n instances of each Attribute",
    clause=cim009("5.7.4.4", LAST_N),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_03_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_last_n(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_list(broker.query_temporal({"type": history.type, "lastN": 2, **WHOLE_DAY}))

    expect_ids(found, [history.id])
    expect_equal(values(found[0], "speed"), [80, 100], "speed with lastN=2")


@check(
    id="temporal-query/ids",
    title="A temporal query by type and id gives those Entities alone",
    clause=cim009("5.7.4.4", "keep in S only those Entities whose id is equivalent to any of the id(s) passed as"),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_06_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_ids(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    other = TemporalEntity(broker.new_id("Vehicle"), history.type).with_series("speed", [(1, AT[2])])
    stored_history(broker, other)

    found = temporal_list(broker.query_temporal({"type": history.type, "id": other.id, **WHOLE_DAY}))

    expect_ids(found, [other.id])


@check(
    id="temporal-query/id-pattern",
    title="A temporal query by id pattern gives the Entities whose id matches",
    clause=cim009(
        "5.7.4.4", "If an id pattern is provided, keep in S only those Entities whose id matches the id pattern."
    ),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_07_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_id_pattern(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    truck = TemporalEntity(broker.new_id("Truck"), history.type).with_series("speed", [(1, AT[2])])
    stored_history(broker, truck)

    found = temporal_list(
        broker.query_temporal({"type": history.type, "idPattern": "urn:ngsi-ld:.*Truck:.*", **WHOLE_DAY})
    )

    expect_ids(found, [truck.id])


@check(
    id="temporal-query/q",
    title="q in a temporal query looks at the instances of the interval",
    clause=cim009("5.7.4.4", "the values filter query shall be checked against all the Attribute instances"),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/4.9"],
    test_purposes=purposes("CI/Cons/TE/021_08_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_q(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    slow = TemporalEntity(broker.new_id("Vehicle"), history.type).with_series("speed", [(10, AT[1]), (20, AT[2])])
    stored_history(broker, slow)

    found = temporal_list(broker.query_temporal({"type": history.type, "q": "speed>90", **WHOLE_DAY}))

    expect_ids(found, [history.id])


@check(
    id="temporal-query/near",
    title="A geoquery in a temporal query looks at the places of the interval",
    clause=cim009("5.7.4.4", "geospatial restrictions imposed by the geoquery (as mandated by clause 4.10)"),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/4.10"],
    test_purposes=purposes("CI/Cons/TE/021_09_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_near(broker: Broker) -> None:
    kind = broker.new_type("Vehicle")
    near, far = broker.new_id("Near"), broker.new_id("Far")
    located(broker, kind, {near: (point(10.001, 50.0), AT[1]), far: (point(12.0, 51.0), AT[1])})

    geo = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[10.0,50.0]"}
    found = temporal_list(broker.query_temporal({"type": kind, **geo, **WHOLE_DAY}))

    expect_ids(found, [near])


@check(
    id="temporal-query/within",
    title="A temporal query within a polygon gives the Entities that were in it during the interval",
    clause=cim009(
        "5.7.4.4", "restrictions shall be checked against the GeoProperty instances that are within the interval"
    ),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/4.10"],
    test_purposes=purposes("CI/Cons/TE/021_09_02"),
    pics=QUERY,
    **DECLARED,
)
def test_query_within(broker: Broker) -> None:
    kind = broker.new_type("Vehicle")
    inside, outside, too_late = (broker.new_id(name) for name in ("Inside", "Outside", "Late"))
    located(broker, kind, {inside: (point(10.5, 50.5), AT[1]), outside: (point(20.5, 50.5), AT[1])})
    located(broker, kind, {too_late: (point(10.5, 50.5), NEXT_DAY)})
    located(broker, kind, {too_late: (point(20.5, 50.5), AT[1])})

    square = "[[[10,50],[11,50],[11,51],[10,51],[10,50]]]"
    geo = {"georel": "within", "geometry": "Polygon", "coordinates": square, "geoproperty": "location"}
    found = temporal_list(broker.query_temporal({"type": kind, **geo, **WHOLE_DAY}))

    expect_ids(found, [inside])


@check(
    id="temporal-query/limit",
    title="limit bounds the number of Entities in the answer to a temporal query",
    clause=cim009("5.5.9.1", "the maximum page size per iteration shall not overpass L."),
    requirements=["ngsi-ld/5.5.9", "ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_11_01", "CI/Cons/TE/021_11_02"),
    pics=QUERY,
    **DECLARED,
)
def test_query_limit(broker: Broker) -> None:
    kind = broker.new_type("Vehicle")
    ids = [
        stored_history(broker, TemporalEntity(broker.new_id(), kind).with_series("speed", [(1, AT[1])])).id
        for _ in range(3)
    ]

    some = temporal_list(broker.query_temporal({"type": kind, "limit": 2, **WHOLE_DAY}))
    every = temporal_list(broker.query_temporal({"type": kind, "limit": 3, **WHOLE_DAY}))

    expect_equal(len(some), 2, "the number of Entities with limit=2 of 3")
    expect_ids(every, ids)


@check(
    id="temporal-query/context-source-filter",
    title="A temporal query takes a Context Source filter and still gives what is held here",
    clause=cim009("6.18.3.2", "Context Source filter as per clause"),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_10_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_context_source_filter(broker: Broker) -> None:
    """The test purpose has a Context Source and asks for 200; the filter concerns discovery alone (5.7.4.4)."""
    history = stored_history(broker, series_of(broker))

    found = temporal_list(broker.query_temporal({"type": history.type, "csf": "endpoint", **WHOLE_DAY}))

    expect_ids(found, [history.id])


@check(
    id="temporal-query/ld-context",
    title="A temporal query is read and answered in the terms of the @context that comes along",
    clause=cim009(
        "5.7.4.4", "Term to URI expansion of type and Attribute names shall be observed mandated by clause 5.5.7."
    ),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/TE/021_04_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_ld_context(broker: Broker, context_server: Receiver) -> None:
    """The type is no term of the @context, so both requests find the Entity."""
    history, served, full_name = stored_in_terms(broker, context_server)

    params = {"type": history.type, "attrs": "speed", **WHOLE_DAY}
    found = temporal_list(broker.query_temporal(params, ld_context=served))
    without = temporal_list(broker.query_temporal({"type": history.type, **WHOLE_DAY}))

    expect_ids(found, [history.id])
    expect_members(found[0], present=["speed"])
    expect_ids(without, [history.id])
    expect_members(without[0], present=[full_name], absent=["speed"])


@check(
    id="temporal-query/post",
    title="A temporal query by POST gives the same as by GET",
    clause=cim009("6.24.3.1", 'This method is associated to the operation "Query Temporal Evolution of Entities"'),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_16_01", "CI/Cons/TE/021_13_01"),
    pics=QUERY,
    **DECLARED,
)
def test_query_post(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    temporal = {"timerel": "after", "timeAt": half_past(10)}
    found = temporal_list(broker.query_temporal_post({"entities": [{"type": history.type}], "temporalQ": temporal}))

    expect_ids(found, [history.id])
    expect_equal(values(found[0], "speed"), [80, 100], "speed after 10:30")


@check(
    id="temporal-query/post-intervals",
    title="A temporal query by POST takes every temporal relation",
    clause=cim009("6.24.3.1", 'This method is associated to the operation "Query Temporal Evolution of Entities"'),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/4.11"],
    test_purposes=purposes("CI/Cons/TE/021_13_02", "CI/Cons/TE/021_13_03"),
    pics=QUERY,
    **DECLARED,
)
def test_query_post_intervals(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    cases: list[tuple[dict[str, str], list[int]]] = [
        ({"timerel": "before", "timeAt": half_past(11)}, [120, 80]),
        ({"timerel": "between", "timeAt": half_past(10), "endTimeAt": half_past(11)}, [80]),
    ]
    for temporal, expected in cases:
        query = {"entities": [{"type": history.type}], "temporalQ": temporal}
        found = temporal_list(broker.query_temporal_post(query))

        expect_ids(found, [history.id])
        expect_equal(values(found[0], "speed"), expected, f"speed {temporal['timerel']}")


@check(
    id="temporal-query/post-two-types",
    title="A temporal query by POST for two Entity Types gives the Entities of both",
    clause=cim009(
        "5.7.4.4", "If a selector of Entity Types is provided, keep in S only those Entities whose Entity Type names"
    ),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_13_04"),
    pics=QUERY,
    **DECLARED,
)
def test_query_post_two_types(broker: Broker) -> None:
    vehicle, bus, _ = (stored_history(broker, series_of(broker)) for _ in range(3))

    query = {
        "entities": [{"type": vehicle.type}, {"type": bus.type}],
        "temporalQ": {"timerel": "after", "timeAt": half_past(10)},
    }
    found = temporal_list(broker.query_temporal_post(query))

    expect_ids(found, [vehicle.id, bus.id])
    expect_equal([values(item, "speed") for item in found], [[80, 100]] * 2, "speed after 10:30")


@check(
    id="temporal-query/nothing-found",
    title="A temporal query that nothing matches gives an empty array",
    clause=cim009("5.7.4.5", "A JSON-LD array representing the matching entities as defined by clause 5.2.21"),
    requirements=["ngsi-ld/5.7.4"],
    pics=QUERY,
    **READ,
)
def test_query_nothing(broker: Broker) -> None:
    found = temporal_list(broker.query_temporal({"type": broker.new_type(), **WHOLE_DAY}))

    expect_equal(found, [], "the answer")
