"""Wrong brokers that purge what they should not, or do not purge what they should; as those of `mutants.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ldt_stack.broker.http import purge as http_purge
from ldt_stack.broker.operations.provision import purge
from ldt_stack.broker.operations.snapshots import management as snapshots

from .faults import Mutant, function


def _selecting(change: Callable[[Any], Any]) -> Any:
    """The selection is read as it should be, and then once more as `change` makes it, however wide that is."""

    def make(original: Any) -> Any:
        def parse_query(source: Any, view: Any, call: Any, settings: Any) -> Any:
            original(source, view, call, settings)
            return original(change(source), view, replace(call, local=True), settings)

        return parse_query

    return make


def _each_selector(**members: Any) -> Callable[[Any], Any]:
    return lambda source: replace(source, selectors=tuple(replace(one, **members) for one in source.selectors))


def _never_too_wide(original: Any) -> Any:
    return lambda source, view, call, settings: original(source, view, replace(call, local=True), settings)


def _whole_entities(original: Any) -> Any:
    async def purge_entities(broker: Any, call: Any, source: Any, **named: Any) -> Any:
        return await original(broker, call, source)

    return purge_entities


def _nothing(_: Any) -> Any:
    async def purge_entities(broker: Any, call: Any, source: Any, **named: Any) -> tuple[()]:
        return ()

    return purge_entities


MUTANTS: dict[str, Mutant] = {
    "purge-ignores-types": Mutant(
        "5.6.21.4",
        "a purge takes Entities of any type",
        function(purge, "parse_query", _selecting(_each_selector(types=None))),
    ),
    "purge-ignores-ids": Mutant(
        "5.6.21.4",
        "a purge takes Entities whatever their ids",
        function(purge, "parse_query", _selecting(_each_selector(ids=(), id_pattern=None))),
    ),
    "purge-ignores-filters": Mutant(
        "5.6.21.4",
        "a purge takes Entities that meet neither q nor geoquery nor Scope query",
        function(purge, "parse_query", _selecting(lambda source: replace(source, q=None, geo=None, scope_q=None))),
    ),
    "purge-never-too-wide": Mutant(
        "5.6.21.4", "a purge needs no selector", function(purge, "parse_query", _never_too_wide)
    ),
    "purge-takes-whole-entities": Mutant(
        "5.6.21.4", "drop and keep are ignored: the Entities go", function(http_purge, "purge", _whole_entities)
    ),
    "purge-does-nothing": Mutant(
        "5.6.21.4", "a purge is answered and deletes nothing", function(http_purge, "purge", _nothing)
    ),
    "snapshots-purged-at-will": Mutant(
        "5.16.7.4",
        "a purge of Snapshots takes all of them",
        function(snapshots, "matches_q", lambda _: lambda node, entity: True),
    ),
}
