"""One check a query: a fixed set of Entities of a type of its own, a query, and exactly the Entities it must give.

The Entities carry short labels; a check says `expected="AB"`. Exact sets are asserted: the type is the check's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import Broker, Entity
from ldt_conformance.engine.declare import check
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Level, Mode, fail, precondition
from ldt_conformance.expectations import describe, expect_list

Population = Callable[[Broker], Mapping[str, Entity]]
LIMIT = 20  # more than any population has, and less than any broker is known to allow


def expect_labels(population: Mapping[str, Entity], elements: Sequence[Any], expected: str) -> None:
    """Fail unless the answer consists of exactly these Entities, each once."""
    label_of = {entity.id: label for label, entity in population.items()}
    found = [label_of.get(str(item.get("id")), "?") if isinstance(item, dict) else "?" for item in elements]
    if sorted(found) != sorted(expected):
        fail(f"exactly the Entities {sorted(expected)} of {sorted(population)}", f"Entities {sorted(found)}")


def query_check(
    *,
    id: str,  # noqa: A002 — the word of the design for a check's permanent name
    title: str,
    population: Population,
    params: Mapping[str, Any],
    expected: str,
    clause: tuple[str, str],
    requirements: Sequence[str],
    test_purposes: Sequence[str] = (),
    pics: Sequence[str] = ("PICS_QueEnt_AND_QueEntPos",),
    since: str = "1.3.1",
) -> Callable[[Broker], None]:
    """Make a check of Query Entities (5.7.2) by GET.

    Args:
        population: Makes the Entities, not stored yet; all of one type.
        params: Query parameters beside `type`; a `type` among them replaces it, where
            `{type_A_0}` stands for the first type of Entity A.
        expected: Labels of the Entities that match.
        clause: Number and quote.
        id, title, requirements, test_purposes, pics, since: as in `check`.
    """

    @check(
        id=id,
        title=title,
        level=Level.MUST,
        clause=cim009(*clause),
        requirements=requirements,
        test_purposes=purposes(*test_purposes),
        pics=pics,
        since=since,
        mode=Mode.SANDBOX_WRITE,
    )
    def test_query(broker: Broker) -> None:
        entities = population(broker)
        for entity in entities.values():
            stored(broker, entity)

        by_type = {"type": _all_types(entities), "limit": LIMIT}
        response = broker.query_entities({**by_type, **_filled(params, entities)})

        expect_labels(entities, expect_list(response), expected)
        if not expected:
            _expect_found(entities, broker.query_entities(by_type))

    return test_query


def _expect_found(entities: Mapping[str, Entity], response: Response) -> None:
    """An empty answer says something only where the Entities are there to be found."""
    found = response.json() if response.status == 200 else None
    seen = {str(item.get("id")) for item in found if isinstance(item, dict)} if isinstance(found, list) else set()
    missing = [label for label, entity in entities.items() if entity.id not in seen]
    precondition(not missing, f"by their type alone the Entities {missing} are not found: {describe(response)}")


def page(broker: Broker) -> dict[str, Any]:
    """A bound for a POST query; its table has had the paging parameters since V1.7.1 (Annex I, draft 1.6.4)."""
    return {"limit": LIMIT} if broker.at_least("1.7.1") else {}


def _all_types(entities: Mapping[str, Entity]) -> str:
    names = [name for entity in entities.values() for name in _types(entity)]
    return ",".join(dict.fromkeys(names))


def _types(entity: Entity) -> tuple[str, ...]:
    return entity.type if isinstance(entity.type, tuple) else (entity.type,)


def _filled(params: Mapping[str, Any], entities: Mapping[str, Entity]) -> dict[str, Any]:
    """Put the Entities' own types and ids where a parameter refers to them."""
    if "type" not in params and "id" not in params:
        return dict(params)
    names = {
        f"type_{label}_{place}": name for label, entity in entities.items() for place, name in enumerate(_types(entity))
    }
    names |= {f"id_{label}": entity.id for label, entity in entities.items()}
    return {key: value.format(**names) if key in {"type", "id"} else value for key, value in params.items()}
