"""Wrong brokers, each wrong in one clause, made from the embedded broker from outside.

A mutant replaces one named function of the broker in this process, or rewrites answers at the ASGI edge. The broker's
own code knows nothing of it. A function that has been renamed makes its mutant fail to install, which is told.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ldt_stack.broker.errors import ResourceNotFound
from ldt_stack.broker.http import headers as http_headers
from ldt_stack.broker.http import queries
from ldt_stack.broker.ld_context.context import LdContext
from ldt_stack.broker.model import patch
from ldt_stack.broker.notifications import content, notifier
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.operations.entity_maps import creation as entity_map_creation
from ldt_stack.broker.operations.entity_maps import management as entity_maps
from ldt_stack.broker.operations.entity_maps import queries as entity_map_queries
from ldt_stack.broker.operations.provision import entities
from ldt_stack.broker.operations.snapshots import content as snapshot_content
from ldt_stack.broker.operations.snapshots import data as snapshot_data
from ldt_stack.broker.operations.snapshots import keeper as snapshot_keeper
from ldt_stack.broker.operations.snapshots import management as snapshots
from ldt_stack.broker.operations.temporal import ranges as temporal_range
from ldt_stack.broker.query import geometry, q, values
from ldt_stack.broker.representation import aggregation
from ldt_stack.broker.store.sqlite import queries as sqlite_queries
from ldt_stack.broker.store.sqlite import translation

from .faults import Headers, Install, Mutant, edge, function, item, without_header, without_link


def evaluated(install: Install) -> Install:
    """As `install`, for a fault in the evaluation of queries: the store's index decides nothing before it."""

    def both() -> None:
        sqlite_queries.translate = lambda session, predicate: translation.UNKNOWN
        install()

    return both


def _without_detail(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, headers, re.sub(rb'"detail":"(?:[^"\\]|\\.)*",?', b"", body) if status >= 400 else body


def _conflict_as_bad_request(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return 400 if status == 409 else status, headers, body


def _problem_media_type(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    other = [(b"content-type", b"application/problem+json")]
    return status, [pair for pair in headers if pair[0] != b"content-type"] + other if status >= 400 else headers, body


def _times_without_zone(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, headers, re.sub(rb'("(?:createdAt|modifiedAt)":"[^"]+)Z"', rb'\1"', body)


def _partial_update_replaces(original: Any) -> Any:
    def partial_update(before: Any, fragment: Any, at: str, name: str) -> Any:
        kept = {"type", "createdAt", "modifiedAt", "datasetId", "value", "object", "languageMap"}
        return original({key: value for key, value in before.items() if key in kept}, fragment, at, name)

    return partial_update


def _ignores_user_terms(original: Any) -> Any:
    def expand_term(self: LdContext, term: str) -> Any:
        vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"
        found = original(self, term)
        return f"{vocabulary}{term}" if found.startswith("https://example.org/") else found

    return expand_term


def _nothing_is_far() -> None:
    """For `near` alone: what orders by distance has the function of its own module."""
    for name in ("farthest_metres", "distance_metres"):
        function(geometry, name, lambda _: lambda one, other: 0.0)()


def _limit_plus_one(original: Any) -> Any:
    def read_paging(request: Any) -> Any:
        paging = original(request)
        return replace(paging, limit=paging.limit + 1) if paging.limit else paging

    return read_paging


def _deletes_nothing_gladly(original: Any) -> Any:
    async def delete_entity(*args: Any, **named: Any) -> None:
        with suppress(ResourceNotFound):
            await original(*args, **named)

    return delete_entity


def _announces_more(original: Any) -> Any:
    def range_of(query: Any, oldest: str, newest: str, *times: str | None) -> Any:
        part = original(query, oldest, newest, *times)
        return replace(part, end="2026-03-01T00:00:00Z" if query.last_n is not None else "2026-03-09T00:00:00Z")

    return range_of


def _without_deletion_times(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
    return status, headers, re.sub(rb'"deletedAt":"[^"]+",?', b"", body)


def _keeps_value(original: Any) -> Any:
    def deleted_instance(change: Any, at: str, *, show_changes: bool) -> Any:
        return {**original(change, at, show_changes=show_changes), **(change.before or {})}

    return deleted_instance


def _any_term(self: q.And, entity: Any) -> bool:
    return any(term.matches(entity) for term in self.terms)


def _strictly_within(target: Any, interval: Any) -> bool:
    above, below = values.order(target, interval.low), values.order(target, interval.high)
    return above is not None and below is not None and above > 0 and below < 0


def _does_nothing(_: Any) -> Any:
    async def nothing(*args: Any, **named: Any) -> None:
        pass

    return nothing


def _unchecked(original: Any) -> Any:
    return lambda payload: {name: value for name, value in payload.items() if name not in snapshot_data.OUTPUT_ONLY}


def _clone_of_nothing(_: Any) -> Any:
    async def read_content(broker: Any, space: str) -> snapshot_content.Content:
        return snapshot_content.Content()

    return read_content


def _finds_no_map(original: Any) -> Any:
    async def find(broker: Any, call: Any, wanted: Any, identity: Any) -> None:
        return None

    return find


def _without_conditions(original: Any) -> Any:
    return lambda found, ids: original(replace(found, conditions=()), ids)


def _takes_over_entities(original: Any) -> Any:
    async def update_entity_map(broker: Any, call: Any, map_id: str, fragment: Any) -> None:
        await original(broker, call, map_id, fragment)
        if "entityMap" in fragment:
            listed = list((await entity_maps.retrieve_entity_map(broker, call, map_id))["entityMap"])
            await entity_maps.remove_entries(broker, call, map_id, listed)

    return update_entity_map


MUTANTS: dict[str, Mutant] = {
    "append-overwrites": Mutant(
        "5.6.3.4",
        "noOverwrite is ignored",
        function(patch, "append", lambda original: lambda *args, overwrite: original(*args, overwrite=True)),
    ),
    "update-merges": Mutant(
        "5.6.2.4",
        "Update Attributes merges an Attribute instead of replacing it",
        function(patch, "update", lambda _: patch.merge),
    ),
    "partial-update-replaces": Mutant(
        "5.6.4.4",
        "a partial update drops what it does not name",
        function(patch, "partial_update", _partial_update_replaces),
    ),
    "merge-is-shallow": Mutant(
        "5.5.12",
        "Merge Entity replaces a JSON value as a whole",
        function(patch, "merge_json", lambda _: lambda target, change: change),
    ),
    "delete-takes-all-instances": Mutant(
        "5.6.5.4",
        "deleting one instance of an Attribute deletes all of them",
        function(
            patch, "remove_attribute", lambda original: lambda entity, name, at, _: original(entity, name, at, None)
        ),
    ),
    "deleting-nothing-succeeds": Mutant(
        "5.6.6.4",
        "deleting an Entity that does not exist is answered by 204",
        function(entities, "delete_entity", _deletes_nothing_gladly),
    ),
    "created-at-moves": Mutant(
        "5.6.2.4",
        "createdAt of an Attribute is reset whenever it is changed",
        function(patch, "stamp", lambda original: lambda instance, at, before=None: original(instance, at, None)),
    ),
    "and-means-or": Mutant(
        "4.9", "q: a semicolon is taken for an OR", evaluated(function(q.And, "matches", lambda _: _any_term))
    ),
    "range-without-ends": Mutant(
        "4.9", "q: the ends of a range are excluded", evaluated(function(q, "within", lambda _: _strictly_within))
    ),
    "near-ignores-distance": Mutant(
        "4.10",
        "every place is near every other",
        _nothing_is_far,
    ),
    "context-ignored": Mutant(
        "5.5.7", "the terms of a user @context are not applied", function(LdContext, "expand_term", _ignores_user_terms)
    ),
    "average-is-maximum": Mutant(
        "4.5.19.1", "the method avg gives the maximum", item(aggregation._CALCULATE, "avg", max)
    ),
    "part-announces-more": Mutant(
        "6.3.10",
        "the range that a partial answer announces is longer than what it holds",
        function(temporal_range, "_range", _announces_more),
    ),
    "deletions-without-time": Mutant("4.5.7", "a recorded deletion has no deletedAt", edge(_without_deletion_times)),
    "deleted-shows-value": Mutant(
        "5.8.6",
        "a deleted Attribute is notified with the value that it had",
        function(content, "deleted_instance", _keeps_value),
    ),
    "no-prev": Mutant("5.5.9.1", "no page has a link to the one before it", without_link(b'rel="prev"')),
    "paused-notifies": Mutant(
        "5.8.6",
        "a paused Subscription notifies",
        function(Subscription, "status", lambda _: lambda self, now: "active"),
    ),
    "everything-is-watched": Mutant(
        "5.8.1.4",
        "watchedAttributes are ignored",
        function(Subscription, "watches", lambda _: lambda self, name: True),
    ),
    "never-throttled": Mutant(
        "5.2.12", "throttling is ignored", function(notifier, "_has_passed", lambda _: lambda since, seconds, now: True)
    ),
    "limit-plus-one": Mutant(
        "6.3.10", "a page has one Entity more than asked for", function(queries, "read_paging", _limit_plus_one)
    ),
    "no-location": Mutant("6.4.3.1", "a creation answers without Location", without_header(b"location")),
    "no-context-link": Mutant(
        "6.3.6", "an answer as JSON does not say where its @context is", without_link(b"json-ld#context")
    ),
    "no-count": Mutant("6.3.13", "the number of results is not told", without_header(b"ngsild-results-count")),
    "no-detail": Mutant("5.5.3", "an error has no detail", edge(_without_detail)),
    "conflict-is-bad-request": Mutant("6.3.2", "AlreadyExists is answered by 400", edge(_conflict_as_bad_request)),
    "problem-media-type": Mutant("6.3.3", "an error is application/problem+json", edge(_problem_media_type)),
    "times-without-zone": Mutant("4.6.3", "system timestamps do not end in Z", edge(_times_without_zone)),
    "snapshot-shows-present": Mutant(
        "5.5.15",
        "operations on a Snapshot are executed on the current state",
        function(http_headers, "space_of", lambda _: lambda tenant, snapshot_id: tenant),
    ),
    "snapshot-always-succeeds": Mutant(
        "5.16.1.4",
        "the status of a Snapshot is success, whatever its Queries found",
        function(snapshot_content.Content, "status", lambda _: property(lambda self: "success")),
    ),
    "snapshot-takes-anything": Mutant(
        "5.16.1.4", "a Snapshot is created from any members", function(snapshots, "check_new", _unchecked)
    ),
    "snapshot-any-id": Mutant(
        "5.16.3.4",
        "the id of a Snapshot need not be a URI",
        function(snapshots, "is_uri", lambda _: lambda text: True),
    ),
    "snapshot-clone-is-empty": Mutant(
        "5.16.2.4", "a clone holds nothing", function(snapshot_keeper, "read_content", _clone_of_nothing)
    ),
    "snapshot-update-forgets": Mutant(
        "5.16.4.4",
        "an update of a Snapshot is answered and changes nothing",
        function(snapshots, "check_fragment", lambda _: lambda snapshot_id, fragment: {}),
    ),
    "snapshot-stays": Mutant(
        "5.16.5.4", "a Snapshot cannot be deleted", function(snapshots, "delete_snapshot", _does_nothing)
    ),
    "snapshot-is-silent": Mutant(
        "5.16.6",
        "nobody is notified of a Snapshot",
        function(snapshot_keeper.Keeper, "tell", lambda _: lambda *arguments: None),
    ),
    "snapshot-header-lost": Mutant(
        "6.3.22", "an answer does not name the Snapshot", without_header(b"ngsild-snapshot")
    ),
    "map-is-forgotten": Mutant(
        "5.5.14",
        "a query that names an EntityMap makes a new one",
        function(entity_map_queries, "_find", _finds_no_map),
    ),
    "map-filters-once": Mutant(
        "5.5.9.3",
        "an EntityMap's Entities are not filtered again",
        function(entity_map_queries, "_narrowed", _without_conditions),
    ),
    "map-of-candidates": Mutant(
        "5.14.4.4",
        "an EntityMap lists what does not meet the filter, though Entities are not split",
        function(entity_map_creation, "_is_split", lambda _: lambda broker, call, source: True),
    ),
    "map-any-id": Mutant(
        "5.14.1.4",
        "the id of an EntityMap need not be a URI",
        function(entity_maps, "is_uri", lambda _: lambda text: True),
    ),
    "map-expiry-stays": Mutant(
        "5.14.2.4",
        "an update of an EntityMap is answered and changes nothing",
        function(entity_maps, "_check_fragment", lambda _: lambda map_id, fragment: None),
    ),
    "map-takes-over-entities": Mutant(
        "5.14.2.4",
        "an update of an EntityMap changes which Entities it lists",
        function(entity_maps, "update_entity_map", _takes_over_entities),
    ),
    "map-stays": Mutant(
        "5.14.3.4", "an EntityMap cannot be deleted", function(entity_maps, "delete_entity_map", _does_nothing)
    ),
    "map-is-nameless": Mutant(
        "6.4.3.2", "an answer does not say which EntityMap was used", without_header(b"ngsild-entitymap")
    ),
}
