"""Wrong brokers that distribute retrievals wrongly, or not at all; as those of `mutants.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ldt_stack.broker.federation import client, merging, reading
from ldt_stack.broker.model.names import is_attribute_key
from ldt_stack.broker.operations.consumption import entities

from .attributes import all_of
from .faults import Mutant, function, without_header


def _asks_nobody(_: Any) -> Any:
    async def retrieve_versions(*args: Any, **named: Any) -> None:
        return None

    return retrieve_versions


def _never_local(original: Any) -> Any:
    async def retrieve_entity(broker: Any, call: Any, *args: Any, **named: Any) -> Any:
        return await original(broker, replace(call, local=False), *args, **named)

    return retrieve_entity


def _for_any_operation(original: Any) -> Any:
    async def matching(broker: Any, call: Any, query: Any, operations: Any) -> Any:
        return await original(broker, call, query, (*operations, "createEntity"))

    return matching


def _auxiliary_last(original: Any) -> Any:
    def merge_entities(versions: Any, auxiliary: Any, now: str) -> Any:
        merged = original(versions, auxiliary, now)
        for one in auxiliary:
            merged.update({name: value for name, value in one.items() if is_attribute_key(name)})
        return merged

    return merge_entities


def _without_via(original: Any) -> Any:
    def prepared(self: Any, *args: Any) -> Any:
        url, content, headers = original(self, *args)
        return url, content, {name: value for name, value in headers.items() if name != "Via"}

    return prepared


MUTANTS: dict[str, Mutant] = {
    "sources-not-asked": Mutant(
        "5.7.1.4", "an Entity is retrieved from nowhere else", function(entities, "retrieve_versions", _asks_nobody)
    ),
    "local-scope-ignored": Mutant(
        "6.3.18", "sources are asked although local is true", function(entities, "retrieve_entity", _never_local)
    ),
    "operations-ignored": Mutant(
        "4.3.6.1",
        "a source that offers creations is asked for Entities",
        function(reading, "matching", _for_any_operation),
    ),
    "auxiliary-overrides": Mutant(
        "4.3.6.2",
        "what an auxiliary source says takes the place of what is held here",
        function(entities, "merge_entities", _auxiliary_last),
    ),
    "sources-never-expire": Mutant(
        "5.7.1.4",
        "what has expired at a source is shown",
        all_of(*(function(merging, name, lambda _: lambda entity, now: entity) for name in ("alive", "_unexpired"))),
    ),
    "failures-unsaid": Mutant("6.3.17", "no answer has a warning", without_header(b"ngsild-warning")),
    "failures-alike": Mutant(
        "6.3.17",
        "whatever is wrong with a source, the warning is 199",
        function(
            reading, "warning", lambda original: lambda registration, code, text: original(registration, 199, text)
        ),
    ),
    "via-unsaid": Mutant(
        "6.3.18", "a distributed request has no Via header", function(client.SourceClient, "_prepared", _without_via)
    ),
    "loops-unseen": Mutant(
        "5.12",
        "a source that the Via header lists is asked again",
        function(client, "loops", lambda _: lambda *of: False),
    ),
}
