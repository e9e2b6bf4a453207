"""Batches of Entities and their results (clauses 5.2.16 and 5.2.17)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ldt_conformance.checks.ngsi_ld.given import simple_vehicle
from ldt_conformance.clients import Broker, Entity
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import ERRORS, describe, expect_object

EMPTY = "If the input Array is empty or contains a null value in any of its items"


def vehicles(broker: Broker, number: int) -> list[Entity]:
    """Entities that are not stored yet."""
    return [simple_vehicle(broker) for _ in range(number)]


def ids(entities: Iterable[Entity]) -> list[str]:
    """Their ids, sorted."""
    return sorted(entity.id for entity in entities)


def expect_result(response: Response, *, success: Iterable[str], errors: dict[str, str]) -> None:
    """A 207 whose BatchOperationResult names exactly these Entities (5.2.16, 5.2.17).

    Args:
        response: The answer.
        success: Ids of the Entities that were treated.
        errors: Id to error type of those that were not.
    """
    result = expect_object(response, 207)
    found = result.get("errors")
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    seen = {str(row.get("entityId")): _type(row.get("error")) for row in rows}
    done = result.get("success")
    if sorted(done if isinstance(done, list) else ["no array"]) != sorted(success) or seen != errors:
        fail(f"success {sorted(success)}, errors {errors}", describe(response))


def _type(problem: Any) -> str:
    return str(problem.get("type")).removeprefix(ERRORS) if isinstance(problem, dict) else ""
