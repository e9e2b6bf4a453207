"""Consumption of Temporal Evolutions: ETSI GS CIM 009 V1.9.1, clauses 5.7.3, 5.7.4, 4.11, 6.18.3.2 and 6.19.3.1."""

import time
from itertools import pairwise
from typing import Any

from ldt_conformance import (
    Broker,
    Level,
    Mode,
    Reason,
    TemporalEntity,
    check,
    expect_ids,
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import TEMPORAL, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored, stored_history
from ldt_conformance.checks.ngsi_ld.histories import (
    AT,
    BROKER_AND_HISTORY,
    series_of,
    temporal_list,
    temporal_object,
    values,
)
from ldt_conformance.clients import point, property_
from ldt_conformance.comparators import members_of, same_instant
from ldt_conformance.engine.verdicts import fail, not_applicable, warn
from ldt_conformance.expectations import expect_equal, require

READ: dict[str, Any] = {"level": Level.MUST, "capability": TEMPORAL, "roles": BROKER_AND_HISTORY}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
RETRIEVE = ["PICS_TemEvoEntRet"]
QUERY = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos"]
WHOLE_DAY = {"timerel": "between", "timeAt": "2026-03-05T00:00:00Z", "endTimeAt": "2026-03-06T00:00:00Z"}
LAST_N = "timestamps (in descending ordering) of the temporal property (by default observedAt) within the concerned"
MIRROR_SECONDS = 5.0
SERIES_STEPS = (0, 120, 1400)  # how far a series is grown until an answer is cut


def half_past(hour: int) -> str:
    """Half past an hour on the day of the fixtures."""
    return f"2026-03-05T{hour:02}:30:00Z"


@check(
    id="temporal-retrieve/whole",
    title="A Temporal Evolution is retrieved with id, type and every instance",
    clause=cim009(
        "5.7.3.5", "A JSON-LD object representing the Temporal Evolution of the target Entity as mandated by clause"
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_01_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_whole(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id))

    expect_equal((found.get("id"), found.get("type")), (history.id, history.type), "id and type")
    expect_equal((values(found, "speed"), values(found, "fuel")), ([120, 80, 100], [60, 55, 50]), "speed and fuel")


@check(
    id="temporal-retrieve/attrs",
    title="attrs reduces a Temporal Evolution to the Attributes named",
    clause=cim009("6.19.3.1", "List of Attributes to be retrieved."),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_03_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_attrs(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"attrs": "fuel"}))

    expect_equal(members_of(found), members_of({"fuel": 1}), "the Attributes of the answer")
    expect_equal(values(found, "fuel"), [60, 55, 50], "fuel")


@check(
    id="temporal-retrieve/after",
    title="timerel=after gives the instances observed after a time",
    clause=cim009("4.11", "after relationship (production rule named afterRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_after(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"timerel": "after", "timeAt": half_past(10)}))

    expect_equal(values(found, "speed"), [80, 100], "speed after 10:30")


@check(
    id="temporal-retrieve/before",
    title="timerel=before gives the instances observed before a time",
    clause=cim009("4.11", "before relationship (production rule named beforeRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_before(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"timerel": "before", "timeAt": half_past(11)}))

    expect_equal(values(found, "speed"), [120, 80], "speed before 11:30")


@check(
    id="temporal-retrieve/between",
    title="timerel=between gives the instances observed between two times",
    clause=cim009("4.11", "between relationship (production rule named betweenRel)."),
    requirements=["ngsi-ld/4.11", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_04_03"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_between(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    params = {"timerel": "between", "timeAt": half_past(10), "endTimeAt": half_past(11)}
    found = temporal_object(broker.retrieve_temporal(history.id, params=params))

    expect_equal(values(found, "speed"), [80], "speed between 10:30 and 11:30")


@check(
    id="temporal-retrieve/bounds",
    title="The lower bound of between is included and the upper one is not",
    clause=cim009("4.11", "is inclusive and the value specified for the upper bound of the range is exclusive."),
    requirements=["ngsi-ld/4.11"],
    since="1.9.1",
    **DECLARED,
)
def test_bounds(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    params = {"timerel": "between", "timeAt": AT[1], "endTimeAt": AT[3]}
    found = temporal_object(broker.retrieve_temporal(history.id, params=params))

    expect_equal(values(found, "speed"), [120, 80], "speed from 10:00 (included) to 12:00 (excluded)")


@check(
    id="temporal-retrieve/last-n",
    title="lastN gives the newest n instances of each Attribute",
    clause=cim009("5.7.3.4", LAST_N),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_05_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_last_n(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"lastN": 2}))

    expect_equal((values(found, "speed"), values(found, "fuel")), ([80, 100], [55, 50]), "speed and fuel with lastN=2")


@check(
    id="temporal-retrieve/last-n-all",
    title="lastN greater than the number of instances gives all of them",
    clause=cim009("5.7.3.4", LAST_N),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_05_02"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_last_n_all(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"lastN": 10}))

    expect_equal(values(found, "speed"), [120, 80, 100], "speed with lastN=10")


@check(
    id="temporal-retrieve/simplified",
    title="temporalValues shows pairs of value and time",
    clause=cim009("4.5.9", "Each array element shall be another Array containing exactly two array elements"),
    requirements=["ngsi-ld/4.5.9", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/020_10_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_simplified(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params={"options": "temporalValues"}))

    speed = found.get("speed") if isinstance(found.get("speed"), dict) else {}
    pairs = sorted(speed.get("values") or [], key=lambda pair: str(pair[-1]))
    expect_equal(
        (speed.get("type"), [pair[0] for pair in pairs]), ("Property", [120, 80, 100]), "type and values of speed"
    )
    if not all(len(pair) == 2 and same_instant(pair[1], at) for pair, at in zip(pairs, AT[1:4], strict=True)):
        fail(f"pairs of value and observedAt {AT[1:4]}", f"values {pairs}")


@check(
    id="temporal-retrieve/aggregated",
    title="aggregatedValues gives each method's value over each period",
    clause=cim009("4.5.19.0", "The value of each member shall be a JSON-LD Array that shall contain as many"),
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/020_11_03", "CI/Cons/TE/020_11_04"),
    pics=["PICS_AGGRTEMPORAL", *RETRIEVE],
    since="1.4.1",
    **DECLARED,
)
def test_aggregated(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    params = {
        "options": "aggregatedValues",
        "aggrMethods": "max,avg,totalCount",
        "aggrPeriodDuration": "P1D",
        **WHOLE_DAY,
    }

    found = temporal_object(broker.retrieve_temporal(history.id, params=params))

    speed = found.get("speed") if isinstance(found.get("speed"), dict) else {}
    rows = {method: [row[0] for row in speed.get(method) or []] for method in ("max", "avg", "totalCount")}
    expect_equal((speed.get("type"), rows), ("Property", {"max": [120], "avg": [100], "totalCount": [3]}), "speed")


@check(
    id="temporal-retrieve/unknown-id",
    title="Retrieving a Temporal Evolution that does not exist is ResourceNotFound",
    clause=cim009(
        "5.7.3.4", "(URI) is equivalent held locally, and no matching registrations apply, then an error of type"
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_07_01"),
    pics=RETRIEVE,
    **READ,
)
def test_unknown_id(broker: Broker) -> None:
    expect_problem(broker.retrieve_temporal(broker.new_id()), status=404, error_type="ResourceNotFound")


@check(
    id="temporal-retrieve/id-no-uri",
    title="Retrieving a Temporal Evolution under an id that is no URI is BadRequestData",
    clause=cim009(
        "5.7.3.4",
        "Entity ID is not present or it is not a valid URI, then an error of type BadRequestData shall be raised.",
    ),
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_06_01"),
    pics=RETRIEVE,
    **READ,
)
def test_id_no_uri(broker: Broker) -> None:
    expect_problem(broker.retrieve_temporal(broker.not_a_uri()), status=400, error_type="BadRequestData")


@check(
    id="temporal-retrieve/between-without-end",
    title="timerel=between without endTimeAt is BadRequestData",
    clause=cim009("4.11", "which is only used for the between relation and shall represent the end point for"),
    requirements=["ngsi-ld/4.11"],
    test_purposes=purposes("CI/Cons/TE/020_09_03"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_between_without_end(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    response = broker.retrieve_temporal(history.id, params={"timerel": "between", "timeAt": AT[1]})

    expect_problem(response, status=400, error_type="BadRequestData")


@check(
    id="temporal-retrieve/content-range",
    title="A partial answer (206) names its range in the unit DateTime",
    clause=cim009("6.3.10", '"unit" shall be equal to "DateTime";'),
    requirements=["ngsi-ld/6.3.10"],
    since="1.5.1",
    **DECLARED,
)
def test_content_range(broker: Broker) -> None:
    """Rulings W19 and M1: 206 is the implementation's choice; where it never comes there is nothing to judge."""
    entity = broker.new_entity("Vehicle")
    history = TemporalEntity(entity.id, str(entity.type))
    for first, last in pairwise(SERIES_STEPS):
        points = [(number, f"2026-03-05T{number // 60:02}:{number % 60:02}:00Z") for number in range(first, last)]
        stored_history(broker, history.with_series("speed", points))
        response = broker.retrieve_temporal(history.id)
        if response.status == 206:
            unit = response.headers.get("content-range", "").split(" ")[0]
            expect_equal(unit, "DateTime", "unit of Content-Range")
            return
        seen = len(values(temporal_object(response), "speed"))
        expect_equal(seen, last, "the number of instances in a whole answer (200)")
    not_applicable(
        Reason.UNCLAIMED, f"{last} instances came in one answer; nothing was cut", expected="an answer with 206"
    )


@check(
    id="temporal-history/mirrors-updates",
    title="What is written through the core API is found in the Temporal Evolution",
    level=Level.SHOULD,
    clause=cim009("4.3.1", "should consider updating the Temporal Evolution of an Entity whenever"),
    requirements=["ngsi-ld/4.3.1"],
    mode=Mode.SANDBOX_WRITE,
    capability=TEMPORAL,
    roles=BROKER_AND_HISTORY,
)
def test_mirrors_updates(broker: Broker) -> None:
    """Ruling M27: mirrored updates are expected, their absence is a warning."""
    entity = stored(broker, broker.new_entity("Vehicle").with_property("speed", 10, observed_at=AT[1]))
    update = {"speed": property_(20, observed_at=AT[2])}
    require(broker.update_attributes(entity.id, update), 204, step="updating the Entity")

    deadline = time.monotonic() + MIRROR_SECONDS
    found: list[Any] = []
    while found != [10, 20] and time.monotonic() < deadline:
        response = broker.retrieve_temporal(entity.id)
        found = values(temporal_object(response), "speed") if response.status in (200, 206) else [response.status]
    if found != [10, 20]:
        warn(Reason.SHOULD_VIOLATED, "speed 10 and 20 in the Temporal Evolution", f"{found}")


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
