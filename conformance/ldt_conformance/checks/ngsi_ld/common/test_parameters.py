"""Parameters that do not fit the operation: ETSI GS CIM 009 V1.9.1, clause 6.3.20, a recommendation (ruling M19)."""

from typing import Any

from ldt_conformance import Broker, Level, check, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009

ADVISED: dict[str, Any] = {
    "level": Level.SHOULD,
    "clause": cim009(
        "6.3.20", "of the options parameter that are not supported by the operation, an HTTP error response of"
    ),
    "requirements": ["ngsi-ld/6.3.20"],
    "since": "1.8.1",
}


@check(
    id="parameters/unknown",
    title="A query with a parameter that no operation has is an InvalidRequest",
    **ADVISED,
)
def test_unknown(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "noSuchParameter": "1"})

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="parameters/of-another-operation",
    title="A retrieval with a parameter of queries is an InvalidRequest",
    **ADVISED,
)
def test_of_another_operation(broker: Broker) -> None:
    response = broker.retrieve_entity(broker.new_id(), params={"scopeQ": "/Madrid"})

    expect_problem(response, status=400, error_type="InvalidRequest")


@check(
    id="parameters/unknown-option",
    title="A query with a value of options that no operation has is an InvalidRequest",
    **ADVISED,
)
def test_unknown_option(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type(), "options": "noSuchOption"})

    expect_problem(response, status=400, error_type="InvalidRequest")
