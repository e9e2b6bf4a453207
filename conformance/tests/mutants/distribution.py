"""Wrong brokers that distribute operations wrongly, or not at all; as those of `mutants.py`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ldt_stack.broker.federation import (
    batches,
    client,
    dividing,
    index,
    merging,
    querying,
    reading,
    registration,
    writing,
)
from ldt_stack.broker.federation.querying import Part
from ldt_stack.broker.model.names import is_attribute_key
from ldt_stack.broker.operations.consumption import entities
from ldt_stack.broker.operations.distributed import query
from ldt_stack.broker.operations.temporal import consumption as temporal

from .attributes import all_of
from .faults import Mutant, function, without_header


def _asks_nobody(_: Any) -> Any:
    async def retrieve_versions(*args: Any, **named: Any) -> None:
        return None

    return retrieve_versions


def _finds_nothing(_: Any) -> Any:
    async def query_versions(*args: Any) -> dict[str, Any]:
        return {}

    return query_versions


def _never_local(original: Any) -> Any:
    async def consume(broker: Any, call: Any, *args: Any, **named: Any) -> Any:
        return await original(broker, replace(call, local=False), *args, **named)

    return consume


def _for_any_operation(original: Any) -> Any:
    def compile_registration(members: Any) -> Any:
        return replace(original(members), operations=_EVERY)

    return compile_registration


class _Everything(frozenset[str]):
    """A set of operations that has every operation."""

    def __contains__(self, _: object) -> bool:
        return True

    def isdisjoint(self, _: object) -> bool:
        return False


_EVERY = _Everything()


def _nobody_has_a_share(_: Any) -> Any:
    return lambda registrations, target, *args: dividing.Division((), target.attributes, elsewhere=False)


def _keeps_what_it_forwards(original: Any) -> Any:
    def divide(registrations: Any, target: Any, *args: Any) -> Any:
        found = original(registrations, target, *args)
        return replace(found, remaining=target.attributes, elsewhere=False, whole=False)

    return divide


def _whole(_: Any) -> Any:
    return lambda payload, attributes, ld_context: payload


def _takes_for_done(original: Any) -> Any:
    async def forward(*args: Any) -> Any:
        await original(*args)
        return True, None

    return forward


def _as_asked(_: Any) -> Any:
    def parts_of(selectors: Any, info: Any) -> list[Part]:
        return [Part(frozenset(one.types.alternatives if one.types else ()), tuple(one.ids)) for one in selectors]

    return parts_of


def _never_split(original: Any) -> Any:
    return lambda *args: replace(original(*args), split=False)


def _settings_unread(original: Any) -> Any:
    return lambda self, key: None if key == "jsonldContext" else original(self, key)


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
    "sources-not-queried": Mutant(
        "5.7.2.4", "no query is forwarded", function(entities, "query_versions", _finds_nothing)
    ),
    "sources-without-history": Mutant(
        "5.7.3.4",
        "Temporal Evolutions are read here alone",
        all_of(
            function(temporal, "retrieve_evolutions", _asks_nobody),
            function(temporal, "query_evolutions", _finds_nothing),
        ),
    ),
    "sources-not-written": Mutant(
        "5.6.1.4",
        "all writes are done here alone",
        function(writing, "divide", _nobody_has_a_share),
    ),
    "proxied-kept-here": Mutant(
        "4.3.6.3",
        "what is forwarded to the only source that may have it is written here as well",
        function(writing, "divide", _keeps_what_it_forwards),
    ),
    "shares-uncut": Mutant(
        "5.6.1.4",
        "a source is sent all Attributes",
        all_of(function(writing, "part_of", _whole), function(batches, "part_of", _whole)),
    ),
    "refusals-unsaid": Mutant(
        "6.3.17", "what a source refuses counts as done", function(writing, "_forward", _takes_for_done)
    ),
    "queries-unnarrowed": Mutant(
        "4.3.6.1", "a source is queried for all that is asked for", function(querying, "parts_of", _as_asked)
    ),
    "filters-before-merging": Mutant(
        "5.7.2.4", "conditions are met by each part alone", function(entities, "federated", _never_split)
    ),
    "source-info-unsaid": Mutant(
        "4.3.6.5", "what is to be conveyed is not", function(client, "extra_headers", lambda _: lambda *of: {})
    ),
    "source-context-unread": Mutant(
        "4.3.6.6",
        "the @context that a source wants is none that it gets",
        function(registration.Registration, "setting", _settings_unread),
    ),
    "local-scope-ignored": Mutant(
        "6.3.18",
        "sources are asked although local is true",
        all_of(
            *(function(entities, name, _never_local) for name in ("retrieve_entity", "query_versions")),
            function(entities, "is_local", lambda _: lambda *of: False),
        ),
    ),
    "operations-ignored": Mutant(
        "4.3.6.1",
        "a source is sent whatever there is",
        function(index, "compile_registration", _for_any_operation),
    ),
    "auxiliary-overrides": Mutant(
        "4.3.6.2",
        "what an auxiliary source says takes the place of what is held here",
        all_of(*(function(owner, "merge_entities", _auxiliary_last) for owner in (entities, query))),
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
        all_of(*(function(owner, "loops", lambda _: lambda *of: False) for owner in (client, dividing))),
    ),
}
