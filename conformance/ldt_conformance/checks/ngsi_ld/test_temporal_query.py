"""Query Temporal Evolutions of Entities: ETSI GS CIM 009 V1.9.1, clauses 5.7.4, 4.11 and 6.18.3.2."""

from ldt_conformance import (
    Broker,
    TemporalEntity,
    check,
    expect_ids,
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored_history
from ldt_conformance.checks.ngsi_ld.histories import (
    AT,
    DECLARED,
    LAST_N,
    READ,
    WHOLE_DAY,
    half_past,
    series_of,
    temporal_list,
    values,
)
from ldt_conformance.clients import point
from ldt_conformance.comparators import members_of
from ldt_conformance.expectations import expect_equal, require

QUERY = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos"]


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
    places = {broker.new_id("Near"): point(10.001, 50.0), broker.new_id("Far"): point(12.0, 51.0)}
    for entity_id, place in places.items():
        location = {"type": "GeoProperty", "value": place, "observedAt": AT[1]}
        body = {"id": entity_id, "type": kind, "location": [location]}
        require(broker.create_temporal(body), 201, 204, step="creating a Temporal Evolution with a location")

    geo = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": "[10.0,50.0]"}
    found = temporal_list(broker.query_temporal({"type": kind, **geo, **WHOLE_DAY}))

    expect_ids(found, [next(iter(places))])


@check(
    id="temporal-query/post",
    title="A temporal query by POST gives the same as by GET",
    clause=cim009("6.24.3.1", 'This method is associated to the operation "Query Temporal Evolution of Entities"'),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_16_01"),
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
    id="temporal-query/too-wide",
    title="A temporal query with no selector is BadRequestData",
    clause=cim009(
        "5.7.4.4",
        "If none of the above is provided, then an error of type BadRequestData shall be raised (too wide query).",
    ),
    requirements=["ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_12_01"),
    pics=QUERY,
    **READ,
)
def test_query_too_wide(broker: Broker) -> None:
    response = broker.query_temporal({"timerel": "after", "timeAt": AT[1]})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-query/no-temporal-query",
    title="A temporal query without a temporal part is BadRequestData",
    clause=cim009(
        "5.7.4.4", "If a temporal query is not provided then an error of type BadRequestData shall be raised."
    ),
    requirements=["ngsi-ld/5.7.4"],
    pics=QUERY,
    **READ,
)
def test_query_no_temporal(broker: Broker) -> None:
    response = broker.query_temporal({"type": broker.new_type()})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-query/invalid-time",
    title="A temporal query with a timeAt that is no DateTime is BadRequestData",
    clause=cim009("4.11", "It shall be represented as DateTime (mandated by clause 4.6.3)."),
    requirements=["ngsi-ld/4.11"],
    pics=QUERY,
    **READ,
)
def test_query_invalid_time(broker: Broker) -> None:
    response = broker.query_temporal({"type": broker.new_type(), "timerel": "after", "timeAt": "yesterday"})

    expect_problem(response, status=400, error_type="BadRequestData")


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
