"""Retrieve Temporal Evolution of an Entity: ETSI GS CIM 009 V1.9.1, clauses 5.7.3, 4.11 and 6.19.3.1."""

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
    expect_problem,
)
from ldt_conformance.checks.ngsi_ld.declared import TEMPORAL, cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored, stored_history
from ldt_conformance.checks.ngsi_ld.histories import (
    AT,
    BROKER_AND_HISTORY,
    DECLARED,
    LAST_N,
    READ,
    WHOLE_DAY,
    half_past,
    series_of,
    temporal_object,
    values,
)
from ldt_conformance.clients import property_
from ldt_conformance.comparators import members_of, same_instant, type_names
from ldt_conformance.engine.verdicts import fail, not_applicable, warn
from ldt_conformance.expectations import expect_equal, require

RETRIEVE = ["PICS_TemEvoEntRet"]
MIRROR_SECONDS = 5.0
PAUSE_SECONDS = 0.25  # between two looks, so that waiting is no load
SERIES_STEPS = (0, 120, 1400)  # how far a series is grown until an answer is cut


def shown(history: dict[str, Any], name: str) -> dict[str, Any]:
    """An Attribute of a simplified or aggregated history; empty where it is no object."""
    found = history.get(name)
    return found if isinstance(found, dict) else {}


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

    expect_equal((found.get("id"), type_names(found)), (history.id, type_names({"type": history.type})), "id and type")
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

    speed = shown(found, "speed")
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

    speed = shown(found, "speed")
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
            time.sleep(PAUSE_SECONDS)
    if found != [10, 20]:
        warn(Reason.SHOULD_VIOLATED, "speed 10 and 20 in the Temporal Evolution", f"{found}")
