"""Partial temporal answers: ETSI GS CIM 009 V1.9.1, clause 6.3.10 (206 and Content-Range).

The test purposes expect 206 for 40 instances; how many one answer holds is the implementation's choice (ruling M1), so
a series is grown until an answer is cut, and where none is there is nothing to judge.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ldt_conformance import Broker, Reason, TemporalEntity, check
from ldt_conformance.checks.ngsi_ld.consumption.cutting import (
    EARLY,
    LATE,
    SERIES,
    Cut,
    announced,
    expect_backwards,
    expect_forwards,
    long_history,
    times,
)
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.temporal.histories import DECLARED, temporal_list, temporal_object
from ldt_conformance.comparators import parse_instant
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail, inconclusive, not_applicable, precondition
from ldt_conformance.expectations import expect_equal

PAGED = ["PICS_TemEvoEntRet", "PICS_HTTP_PAGINATION_LIMIT"]
QUERIED = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos", "PICS_HTTP_PAGINATION_LIMIT"]
SINCE: dict[str, Any] = {**DECLARED, "since": "1.5.1"}
AFTER = {"timerel": "after", "timeAt": EARLY}
BEFORE = {"timerel": "before", "timeAt": LATE}
BETWEEN = {"timerel": "between", "timeAt": EARLY, "endTimeAt": LATE}
SIMPLIFIED = {"options": "temporalValues"}
FORWARDS = cim009(
    "6.3.10",
    '"range-start" shall be equal to timeAt for requests with timerel=after or timerel=between, or',
)
BACKWARDS = cim009("6.3.10", '"range-start" shall be equal to "timeAt" for requests with timerel=before,')
PARTIAL = cim009("6.3.10", "if the implementation is not able to respond with the full representation at once.")
MAX_PARTS = 60
Params = Mapping[str, Any]
Ask = Callable[[Broker, TemporalEntity, Params], tuple[Response, Mapping[str, Any]]]


def retrieved(broker: Broker, history: TemporalEntity, params: Params) -> tuple[Response, Mapping[str, Any]]:
    """Retrieve one history; the answer and the Entity in it."""
    response = broker.retrieve_temporal(history.id, params=params)
    return response, temporal_object(response)


def queried(broker: Broker, history: TemporalEntity, params: Params) -> tuple[Response, Mapping[str, Any]]:
    """Query it by its type, which is its own."""
    response = broker.query_temporal({"type": history.type, **params})
    found = temporal_list(response)
    expect_equal([item.get("id") for item in found], [history.id], "the ids found by type")
    return response, found[0]


def judge(broker: Broker, history: TemporalEntity, ask: Ask, *requests: Params) -> None:
    """Judge the answer to each request; where none was cut, there was nothing to judge."""
    statuses = []
    for params in requests:
        response, found = ask(broker, history, params)
        expect = expect_backwards if "lastN" in params else expect_forwards
        expect(response, found, history, params)
        statuses.append(response.status)
    if 206 not in statuses:
        not_applicable(Reason.UNCLAIMED, "these answers were not cut", expected="an answer with 206")


def last_n(history: TemporalEntity) -> dict[str, Any]:
    """As many instances as each series has."""
    return {"lastN": len(history.attributes["speed"])}


@check(
    id="temporal-retrieve/content-range",
    title="A partial answer (206) names its range in the unit DateTime",
    clause=cim009("6.3.10", '"unit" shall be equal to "DateTime";'),
    requirements=["ngsi-ld/6.3.10"],
    pics=PAGED,
    **SINCE,
)
def test_content_range(broker: Broker, cut: Cut) -> None:
    """Ruling W19: the test purposes have the unit date-time."""
    history = long_history(broker, cut)

    response, _ = retrieved(broker, history, {})

    precondition(response.status == 206, f"the same request was answered 206 before and {response.status} now")
    expect_equal(announced(response).unit, "DateTime", "unit of Content-Range")


@check(
    id="temporal-retrieve/part-forwards",
    title="A partial answer without lastN begins at the oldest instant and holds all of the range it announces",
    clause=[PARTIAL, FORWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.7.3"],
    test_purposes=purposes(
        "CI/Cons/TE/020_13_01", "CI/Cons/TE/020_13_06", "CI/Cons/TE/020_13_07", "CI/Cons/TE/020_13_08"
    ),
    pics=PAGED,
    **SINCE,
)
def test_part_forwards(broker: Broker, cut: Cut) -> None:
    """Without timerel the clause does not say where the range starts; that is not judged."""
    judge(broker, long_history(broker, cut), retrieved, {}, BEFORE, BETWEEN, AFTER)


@check(
    id="temporal-retrieve/part-backwards",
    title="A partial answer with lastN begins at the newest instant and holds all of the range it announces",
    clause=[PARTIAL, BACKWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.7.3"],
    test_purposes=purposes(
        "CI/Cons/TE/020_13_02", "CI/Cons/TE/020_13_03", "CI/Cons/TE/020_13_04", "CI/Cons/TE/020_13_05"
    ),
    pics=PAGED,
    **SINCE,
)
def test_part_backwards(broker: Broker, cut: Cut) -> None:
    """Ruling M3: an answer that lastN alone limits is whole or partial; so lastN is as large as the series."""
    history = long_history(broker, cut)

    n = last_n(history)
    judge(broker, history, retrieved, n, {**BEFORE, **n}, {**BETWEEN, **n}, {**AFTER, **n})


@check(
    id="temporal-retrieve/part-simplified",
    title="A partial answer in the simplified representation announces its range likewise",
    clause=[PARTIAL, FORWARDS, BACKWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/020_13_09", "CI/Cons/TE/020_13_10"),
    pics=PAGED,
    **SINCE,
)
def test_part_simplified(broker: Broker, cut: Cut) -> None:
    history = long_history(broker, cut)

    judge(broker, history, retrieved, {**AFTER, **SIMPLIFIED}, {**BETWEEN, **SIMPLIFIED, **last_n(history)})


@check(
    id="temporal-query/part-forwards",
    title="A partial answer to a temporal query without lastN announces the range that it holds",
    clause=[PARTIAL, FORWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_15_04", "CI/Cons/TE/021_15_05", "CI/Cons/TE/021_15_06"),
    pics=QUERIED,
    **SINCE,
)
def test_query_part_forwards(broker: Broker, cut: Cut) -> None:
    judge(broker, long_history(broker, cut), queried, BEFORE, BETWEEN, AFTER)


@check(
    id="temporal-query/part-backwards",
    title="A partial answer to a temporal query with lastN announces the range that it holds",
    clause=[PARTIAL, BACKWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/5.7.4"],
    test_purposes=purposes("CI/Cons/TE/021_15_01", "CI/Cons/TE/021_15_02", "CI/Cons/TE/021_15_03"),
    pics=QUERIED,
    **SINCE,
)
def test_query_part_backwards(broker: Broker, cut: Cut) -> None:
    history = long_history(broker, cut)

    n = last_n(history)
    judge(broker, history, queried, {**BEFORE, **n}, {**BETWEEN, **n}, {**AFTER, **n})


@check(
    id="temporal-query/part-simplified",
    title="A partial answer to a temporal query in the simplified representation announces its range likewise",
    clause=[PARTIAL, FORWARDS, BACKWARDS],
    requirements=["ngsi-ld/6.3.10", "ngsi-ld/6.3.12"],
    test_purposes=purposes("CI/Cons/TE/021_15_07", "CI/Cons/TE/021_15_08"),
    pics=QUERIED,
    **SINCE,
)
def test_query_part_simplified(broker: Broker, cut: Cut) -> None:
    history = long_history(broker, cut)

    judge(broker, history, queried, {**AFTER, **SIMPLIFIED}, {**BETWEEN, **SIMPLIFIED, **last_n(history)})


@check(
    id="temporal-retrieve/parts-to-the-end",
    title="Going on from the end of each partial answer gives every instance of Attributes that do not overlap in time",
    clause=[
        PARTIAL,
        cim009("6.3.10", '"range-end" shall be equal to the most recent timestamp in the range of the response;'),
    ],
    requirements=["ngsi-ld/6.3.10"],
    test_purposes=purposes("CI/Cons/TE/020_14_01"),
    pics=PAGED,
    **SINCE,
)
def test_parts_to_the_end(broker: Broker, cut: Cut) -> None:
    """Ruling M2: which Attribute a cut falls on is free; the test purpose wants the later one to be empty."""
    history = long_history(broker, cut, apart=True)

    expect_all(history, walked(broker, history, AFTER, "after"))


@check(
    id="temporal-retrieve/parts-to-the-beginning",
    title="Going back from the end of each partial answer with lastN gives every instance",
    clause=[
        PARTIAL,
        cim009("6.3.10", '"range-end" shall be equal to the least recent timestamp in the range of the response;'),
    ],
    requirements=["ngsi-ld/6.3.10"],
    test_purposes=purposes("CI/Cons/TE/020_14_02"),
    pics=PAGED,
    **SINCE,
)
def test_parts_to_the_beginning(broker: Broker, cut: Cut) -> None:
    """Ruling M2, as above."""
    history = long_history(broker, cut, apart=True)

    expect_all(history, walked(broker, history, {**BEFORE, **last_n(history)}, "before"))


def walked(broker: Broker, history: TemporalEntity, params: Params, timerel: str) -> dict[str, set[Any]]:
    """The times of all parts, from the first request on, each next one asking from the end of the former."""
    seen: dict[str, set[Any]] = {name: set() for name in SERIES}
    for _ in range(MAX_PARTS):
        response = broker.retrieve_temporal(history.id, params=params)
        if response.status == 404:  # the former part was the last one
            return seen
        found = temporal_object(response)
        new = {name: {parse_instant(text) for text in times(found, name)} - seen[name] for name in SERIES}
        for name in SERIES:
            seen[name] |= new[name]
        if response.status == 200:
            return seen
        if not any(new.values()):
            fail("a part with further instances", f"nothing new from {params['timeAt']} on")
        params = {**params, "timerel": timerel, "timeAt": announced(response).end}
    return inconclusive(Reason.INSUFFICIENT_EVIDENCE, f"after {MAX_PARTS} parts the series is not at its end")


def expect_all(history: TemporalEntity, seen: Mapping[str, set[Any]]) -> None:
    """Fail unless the parts together hold every instance."""
    for name in SERIES:
        stored = {parse_instant(row["observedAt"]) for row in history.attributes[name]}
        expect_equal(len(stored - seen[name]), 0, f"the number of instances of {name} in no part")
