"""Wrong brokers that sort wrongly, or are wrong about linked Entities; as those of `mutants.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ldt_stack.broker.operations.consumption import linked, query_input
from ldt_stack.broker.query import ordering

from .faults import Mutant, function, item


def _second_name_ascends(original: Any) -> Any:
    def parse(order_by: Any, *args: Any, **named: Any) -> Any:
        parsed = original(order_by, *args, **named)
        first, *others = parsed.terms
        return replace(parsed, terms=(first, *(replace(term, direction="asc") for term in others)))

    return parse


def _by_code_points(original: Any) -> Any:
    def rank(value: Any, collation: Any) -> Any:
        found = original(value, collation)
        return (found[0], value) if isinstance(value, str) and found[0] == ordering._TYPE_ORDER["string"] else found

    return rank


def _from_null_island(original: Any) -> Any:
    def parse(order_by: Any, *args: Any, order_from: Any = None, **named: Any) -> Any:
        return original(order_by, *args, order_from=order_from or "[0,0]", **named)

    return parse


def _join(change: Any) -> Any:
    """Wraps what reads join and joinLevel: `change` takes and gives both."""
    return lambda original: lambda source: change(*original(source))


def _contained_by_none(original: Any) -> Any:
    def view(options: Any, join: Any, level: int, contained_by: Any, *others: Any) -> Any:
        return original(options, join, level, frozenset(), *others)

    return view


MUTANTS: dict[str, Mutant] = {
    "order-reversed": Mutant(
        "4.23.1",
        "answers are sorted the other way round",
        function(ordering.Ordering, "_compare", lambda original: lambda self, one, other: -original(self, one, other)),
    ),
    "second-name-ascends": Mutant(
        "4.23.3",
        "the direction of the second name of orderBy is ignored",
        function(query_input, "parse_ordering", _second_name_ascends),
    ),
    "order-by-code-points": Mutant(
        "4.23.1", "strings are sorted by code points", function(ordering, "_rank", _by_code_points)
    ),
    "objects-before-strings": Mutant(
        "4.23.2", "objects are sorted before strings", item(ordering._TYPE_ORDER, "object", 0.5)
    ),
    "missing-first": Mutant("4.23.2", "who has no value comes first", lambda: setattr(ordering, "_MISSING", -2)),
    "distance-from-null-island": Mutant(
        "5.7.2.4",
        "distances without a place are measured from 0, 0",
        function(query_input, "parse_ordering", _from_null_island),
    ),
    "any-collation": Mutant(
        "5.7.2.4",
        "whatever collation is asked for, the root collation is taken",
        function(ordering, "parse_collation", lambda _: lambda text: ordering.ROOT),
    ),
    "join-ignored": Mutant(
        "4.5.23",
        "linked Entities are never shown",
        function(query_input, "_join", _join(lambda join, level: (None, level))),
    ),
    "join-never-deep": Mutant(
        "6.5.3.1", "joinLevel is ignored", function(query_input, "_join", _join(lambda join, level: (join, 1)))
    ),
    "join-always-deep": Mutant(
        "6.5.3.1",
        "two links are followed where nothing is said",
        function(query_input, "_join", _join(lambda join, level: (join, max(level, 2)))),
    ),
    "loops-go-on": Mutant(
        "5.7.1.5",
        "an Entity that was met before is shown again",
        function(linked, "_encountered", lambda _: lambda root, view: view.contained_by),
    ),
    "contained-by-ignored": Mutant(
        "6.5.3.1", "containedBy is ignored", function(query_input, "View", _contained_by_none)
    ),
    "linked-q-unbound": Mutant(
        "5.7.2.4",
        "q may ask for linked Entities without a join",
        function(query_input, "link_depth", lambda _: lambda q: 0),
    ),
}
