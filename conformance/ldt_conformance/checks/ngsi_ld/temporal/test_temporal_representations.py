"""Other temporal representations: ETSI GS CIM 009 V1.9.1, clauses 4.5.7, 4.5.9, 4.5.18, 4.5.19 and 6.3.12."""

from collections.abc import Mapping, Sequence
from typing import Any

from ldt_conformance import Broker, TemporalEntity, check
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import (
    AT,
    DECLARED,
    WHOLE_DAY,
    half_past,
    instances,
    series_of,
    shown,
    temporal_list,
    temporal_object,
)
from ldt_conformance.comparators import members_of, parse_instant, same_instant
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal

RETRIEVE = ["PICS_TemEvoEntRet"]
QUERY = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos"]
AGGREGATED = ["PICS_AGGRTEMPORAL", *RETRIEVE]
LANGUAGE = [
    "PICS_LANG",
    "PICS_P_TEMPORAL_REP",
    "PICS_P_SIMPTEMPORAL_REP_AND_R_SIMPTEMPORAL_REP",
    *RETRIEVE,
]
PAIRS = cim009("4.5.9", "Each array element shall be another Array containing exactly two array elements")
PERIODS = cim009("4.5.19.0", "The value of each member shall be a JSON-LD Array that shall contain as many")
TRIPLES = cim009("4.5.19.0", "Array containing exactly three array elements in the following order:")
SIMPLIFIED = {"options": "temporalValues"}
MORNING = {"timerel": "between", "timeAt": AT[1], "endTimeAt": AT[3]}  # 10 to 12 o'clock
HOURS = [(AT[1], AT[2]), (AT[2], AT[3])]
NAMES = ({"en": "first", "fr": "premier"}, {"en": "second", "fr": "deuxième"})


def expect_pairs(entity: Mapping[str, Any], name: str, expected: Sequence[tuple[Any, str]]) -> None:
    """Fail unless the simplified form of a Property has exactly these pairs of value and time."""
    speed = shown(entity, name)
    pairs = sorted(speed.get("values") or [], key=lambda pair: str(pair[-1]))
    wanted = ("Property", [value for value, _ in expected])
    expect_equal((speed.get("type"), [pair[0] for pair in pairs]), wanted, f"type and values of {name}")
    if not all(len(pair) == 2 and same_instant(pair[1], at) for pair, (_, at) in zip(pairs, expected, strict=True)):
        fail(f"pairs of value and observedAt {[at for _, at in expected]}", f"values {pairs}")


@check(
    id="temporal-retrieve/simplified",
    title="temporalValues shows pairs of value and time",
    clause=PAIRS,
    requirements=["ngsi-ld/4.5.9", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/020_10_01"),
    pics=RETRIEVE,
    **DECLARED,
)
def test_simplified(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    found = temporal_object(broker.retrieve_temporal(history.id, params=SIMPLIFIED))

    expect_pairs(found, "speed", list(zip([120, 80, 100], AT[1:4], strict=True)))


@check(
    id="temporal-query/simplified",
    title="A temporal query with temporalValues shows pairs of value and time, of the interval alone",
    clause=PAIRS,
    requirements=["ngsi-ld/4.5.9", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/021_14_01", "CI/Cons/TE/021_14_02", "CI/Cons/TE/021_14_02#2"),
    pics=QUERY,
    **DECLARED,
)
def test_query_simplified(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    cases: list[tuple[dict[str, str], list[tuple[int, str]]]] = [
        ({"timerel": "after", "timeAt": half_past(10)}, [(80, AT[2]), (100, AT[3])]),
        ({"timerel": "before", "timeAt": half_past(11)}, [(120, AT[1]), (80, AT[2])]),
        ({"timerel": "between", "timeAt": half_past(10), "endTimeAt": half_past(11)}, [(80, AT[2])]),
    ]
    for interval, expected in cases:
        found = temporal_list(broker.query_temporal({"type": history.type, **interval, **SIMPLIFIED}))

        expect_equal([item.get("id") for item in found], [history.id], f"the ids {interval['timerel']}")
        expect_pairs(found[0], "speed", expected)


def named(broker: Broker) -> TemporalEntity:
    """A stored history with a LanguageProperty: two names, at 10 and at 11 o'clock."""
    entity = broker.new_entity("Vehicle")
    series = tuple(
        {"type": "LanguageProperty", "languageMap": names, "observedAt": at}
        for names, at in zip(NAMES, AT[1:3], strict=True)
    )
    return stored_history(broker, TemporalEntity(entity.id, str(entity.type), {"name": series}))


@check(
    id="temporal-retrieve/language-property",
    title="The instances of a LanguageProperty have a languageMap each",
    clause=[
        cim009("4.5.7", "each one representing an instance of the Property (as mandated by clause 4.5.2) at a"),
        cim009("4.5.18.2", '"languageMap": a JSON object consisting of a set of a non-empty language tags'),
    ],
    requirements=["ngsi-ld/5.7.3", "ngsi-ld/4.5.18"],
    test_purposes=purposes("CI/Cons/TE/020_12_01"),
    pics=LANGUAGE,
    since="1.4.1",
    **DECLARED,
)
def test_language_property(broker: Broker) -> None:
    history = named(broker)

    rows = instances(temporal_object(broker.retrieve_temporal(history.id)), "name")

    expect_equal([row.get("type") for row in rows], ["LanguageProperty"] * 2, "types of the instances")
    expect_equal([row.get("languageMap") for row in rows], list(NAMES), "languageMap of the instances")
    expect_equal(
        [same_instant(row.get("observedAt"), at) for row, at in zip(rows, AT[1:3], strict=True)],
        [True] * 2,
        "whether observedAt is as sent",
    )


@check(
    id="temporal-retrieve/language-property-simplified",
    title="The simplified form of a LanguageProperty has languageMaps: pairs of languageMap and time",
    clause=cim009("4.5.9", "the first element shall be a JSON Object containing a single Attribute"),
    requirements=["ngsi-ld/4.5.9"],
    test_purposes=purposes("CI/Cons/TE/020_12_02"),
    pics=LANGUAGE,
    since="1.4.1",
    **DECLARED,
)
def test_language_property_simplified(broker: Broker) -> None:
    history = named(broker)

    found = shown(temporal_object(broker.retrieve_temporal(history.id, params=SIMPLIFIED)), "name")

    pairs = sorted(found.get("languageMaps") or [], key=lambda pair: str(pair[-1]))
    wanted = ("LanguageProperty", [{"languageMap": names} for names in NAMES])
    expect_equal((found.get("type"), [pair[0] for pair in pairs]), wanted, "type and languageMaps of name")
    expect_equal(
        [same_instant(pair[-1], at) for pair, at in zip(pairs, AT[1:3], strict=True)],
        [True] * 2,
        "whether the times are as sent",
    )


@check(
    id="temporal-retrieve/aggregated",
    title="aggregatedValues gives each method's value over each period",
    clause=PERIODS,
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/020_11_04"),
    pics=AGGREGATED,
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


def twice_an_hour(broker: Broker) -> TemporalEntity:
    """A stored history with two values an hour from 10 to 12 o'clock: speed 10, 30, 50, 90 and fuel 60, 50, 40, 20."""
    entity = broker.new_entity("Vehicle")
    times = [AT[1], half_past(10), AT[2], half_past(11)]
    history = TemporalEntity(entity.id, str(entity.type))
    history = history.with_series("speed", list(zip([10, 30, 50, 90], times, strict=True)))
    return stored_history(broker, history.with_series("fuel", list(zip([60, 50, 40, 20], times, strict=True))))


def aggregates(methods: str, period: str = "PT1H") -> dict[str, str]:
    """The parameters of an aggregation over the morning."""
    return {"options": "aggregatedValues", "aggrMethods": methods, "aggrPeriodDuration": period, **MORNING}


def expect_periods(entity: Mapping[str, Any], name: str, expected: Mapping[str, Sequence[float]]) -> None:
    """Fail unless each method has these values, hour after hour, and each with the bounds of its period."""
    found = shown(entity, name)
    expect_equal(found.get("type"), "Property", f"type of {name}")
    for method, values in expected.items():
        rows = found.get(method)
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 3 for row in rows):
            fail(f"{name}.{method} is an array of triples", f"{rows!r}")
        rows = sorted(rows, key=lambda row: parse_instant(str(row[1])))
        expect_equal([row[0] for row in rows], list(values), f"{name}.{method}")
        bounds = [
            same_instant(row[1], start) and same_instant(row[2], end)
            for row, (start, end) in zip(rows, HOURS, strict=False)
        ]
        if not all(bounds):
            fail(f"the periods {HOURS}", f"{[row[1:] for row in rows]}")


@check(
    id="temporal-retrieve/aggregated-hours",
    title="An aggregation by the hour gives a value and its bounds for each hour of the interval",
    clause=[PERIODS, TRIPLES],
    requirements=["ngsi-ld/4.5.19"],
    test_purposes=purposes("CI/Cons/TE/020_11_01"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_aggregated_hours(broker: Broker) -> None:
    """The test purpose names no end; without one the number of periods is not defined."""
    history = twice_an_hour(broker)

    found = temporal_object(broker.retrieve_temporal(history.id, params=aggregates("avg")))

    expect_periods(found, "speed", {"avg": [20, 70]})
    expect_periods(found, "fuel", {"avg": [55, 30]})


@check(
    id="temporal-retrieve/aggregated-attrs",
    title="An aggregation of one Attribute leaves the others out",
    clause=[PERIODS, cim009("6.19.3.1", "List of Attributes to be retrieved.")],
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_11_02"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_aggregated_attrs(broker: Broker) -> None:
    history = twice_an_hour(broker)

    found = temporal_object(broker.retrieve_temporal(history.id, params={**aggregates("avg"), "attrs": "fuel"}))

    expect_equal(members_of(found), members_of({"fuel": 1}), "the Attributes of the answer")
    expect_periods(found, "fuel", {"avg": [55, 30]})


@check(
    id="temporal-retrieve/aggregated-methods",
    title="An aggregation by several methods has a member for each",
    clause=[PERIODS, cim009("4.5.19.0", "per aggregation method requested by the Context Consumer.")],
    requirements=["ngsi-ld/4.5.19"],
    test_purposes=purposes("CI/Cons/TE/020_11_03"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_aggregated_methods(broker: Broker) -> None:
    history = twice_an_hour(broker)

    found = temporal_object(broker.retrieve_temporal(history.id, params=aggregates("avg,max,min,sum")))

    expect_periods(found, "speed", {"avg": [20, 70], "max": [30, 90], "min": [10, 50], "sum": [40, 140]})


def queried(broker: Broker, history: TemporalEntity, params: Mapping[str, str]) -> dict[str, Any]:
    """The one Entity that a temporal query by its type finds."""
    found = temporal_list(broker.query_temporal({"type": history.type, **params}))
    expect_equal([item.get("id") for item in found], [history.id], "the ids found by type")
    return found[0]


@check(
    id="temporal-query/aggregated-hours",
    title="A temporal query aggregates by the hour, by one method and by several",
    clause=[PERIODS, TRIPLES],
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/021_17_01", "CI/Cons/TE/021_17_03"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_query_aggregated_hours(broker: Broker) -> None:
    history = twice_an_hour(broker)

    expect_periods(queried(broker, history, aggregates("avg")), "speed", {"avg": [20, 70]})
    expect_periods(queried(broker, history, aggregates("avg,max")), "fuel", {"avg": [55, 30], "max": [60, 40]})


@check(
    id="temporal-query/aggregated-attrs",
    title="A temporal query aggregates the Attributes named and leaves the others out",
    clause=[PERIODS, cim009("5.7.4.4", "corresponding to the query's projection Attributes")],
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_17_02"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_query_aggregated_attrs(broker: Broker) -> None:
    history = twice_an_hour(broker)

    found = queried(broker, history, {**aggregates("avg"), "attrs": "fuel"})

    expect_equal(members_of(found), members_of({"fuel": 1}), "the Attributes of the answer")
    expect_periods(found, "fuel", {"avg": [55, 30]})


@check(
    id="temporal-query/aggregated-day",
    title="A temporal query aggregates by the day",
    clause=PERIODS,
    requirements=["ngsi-ld/4.5.19", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/021_17_04"),
    pics=AGGREGATED,
    since="1.4.1",
    **DECLARED,
)
def test_query_aggregated_day(broker: Broker) -> None:
    history = twice_an_hour(broker)

    found = shown(queried(broker, history, {**aggregates("min,max", "P1D"), **WHOLE_DAY}), "speed")

    rows = {method: [row[0] for row in found.get(method) or []] for method in ("min", "max")}
    expect_equal((found.get("type"), rows), ("Property", {"min": [10], "max": [90]}), "speed")
