"""Temporal queries that are refused: ETSI GS CIM 009 V1.9.1, clauses 5.7.4 and 4.11."""

from ldt_conformance import Broker, check, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.temporal.histories import AT, READ, WHOLE_DAY

QUERY = ["PICS_QueTemEvoEnt_AND_QueTemEvoEntPos"]


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
    id="temporal-query/context-source-filter-malformed",
    title="A temporal query with a Context Source filter that is none is BadRequestData",
    clause=cim009(
        "5.7.4.4", "filter are not syntactically valid (as per the referred clauses 4.9 and 4.10) an error of type"
    ),
    requirements=["ngsi-ld/5.7.4", "ngsi-ld/4.9"],
    pics=QUERY,
    **READ,
)
def test_query_context_source_filter_malformed(broker: Broker) -> None:
    response = broker.query_temporal({"type": broker.new_type(), "csf": "endpoint==;(", **WHOLE_DAY})

    expect_problem(response, status=400, error_type="BadRequestData")
