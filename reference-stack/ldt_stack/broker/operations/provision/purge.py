"""Purge Entities, here and at Context Sources: ETSI GS CIM 009 V1.9.1, clause 5.6.21."""

from __future__ import annotations

from collections.abc import Sequence

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.federation.purging import purge_at_sources
from ldt_stack.broker.federation.writing import Failure
from ldt_stack.broker.model import patch
from ldt_stack.broker.model.names import JsonObject, is_attribute_key
from ldt_stack.broker.operations.consumption.query_input import QueryInput, View, is_local, parse_query, parse_view
from ldt_stack.broker.operations.distributed.purging import begin_purge
from ldt_stack.broker.operations.distributed.query import federated
from ldt_stack.broker.operations.entity_maps.queries import parts_by_map
from ldt_stack.broker.operations.recording import SCOPE, record
from ldt_stack.broker.operations.targets import attribute_or_scope
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntityQuery
from ldt_stack.broker.store.interface import Transaction


async def purge_entities(
    broker: Broker,
    call: Call,
    source: QueryInput,
    *,
    keep: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    entity_map: str | None = None,
) -> tuple[Failure, ...]:
    """Delete what a query finds, or Attributes of it; returns which Context Sources did not.

    What "Query Entities" finds anywhere is deleted here, as far as it is here; then Context Sources are asked to. A
    Registration narrows what its source is asked to purge (4.3.6.1).

    Args:
        broker: The broker.
        call: Its @context expands names.
        source: Which Entities; paging and view are not looked at.
        keep: Names of Attributes that stay: all others go, the Entities stay.
        drop: Names of Attributes that go: the Entities stay.
        entity_map: Id of an EntityMap: no Entity that is not in it is considered (table 6.4.3.3-2).

    Raises:
        BadRequestData: The query is too wide or not valid, both `keep` and `drop` are given, or there is no such
            EntityMap for this query.
        NgsiLdError: Nothing was purged here, and the only Context Source that is concerned failed.
    """
    if keep is not None and drop is not None:
        raise BadRequestData("Both keep and drop are given; expected one of them")
    view = parse_view(source.view, call, broker.settings)
    query = parse_query(source, view, call, broker.settings)
    members = _members(call, keep), _members(call, drop)
    parts = [(call, query)]
    if entity_map is not None:
        parts = await parts_by_map(broker, call, source, query, entity_map)
    results = [await _purge(broker, own, source, view, part, *members) for own, part in parts]
    failures = tuple(failure for failed, _ in results for failure in failed)
    if failures and not any(done for _, done in results):
        raise failures[0].error
    return failures


async def _purge(
    broker: Broker,
    call: Call,
    source: QueryInput,
    view: View,
    query: EntityQuery,
    kept: frozenset[str] | None,
    dropped: frozenset[str] | None,
) -> tuple[tuple[Failure, ...], bool]:
    """What failed at Context Sources, and whether anything was purged anywhere."""
    purge = None
    if not is_local(source, call) and await broker.registrations.registrations(call.tenant, broker.now):
        purge = await begin_purge(broker, call, federated(broker, call, source, view, query))

    def work(transaction: Transaction) -> int:
        at = broker.now()
        changed = 0
        found = transaction.iterate_entities(query) if purge is None else purge.held(transaction, at)
        for entity in list(found):
            after = _after(entity, at, kept, dropped)
            if after is None or after.keys() != entity.keys():
                record(broker, transaction, call, at, entity, after)
                changed += 1
        return changed

    changed = await broker.store.write(call.tenant, work)
    rest = None if purge is None else purge.rest()
    if rest is None:
        return (), changed > 0
    failures, done = await purge_at_sources(broker, call, rest, keep=kept, drop=dropped)
    return failures, done or changed > 0


def _members(call: Call, names: Sequence[str] | None) -> frozenset[str] | None:
    if names is None:
        return None
    return frozenset(attribute_or_scope(call, name) for name in names)


def _after(
    entity: JsonObject, at: str, kept: frozenset[str] | None, dropped: frozenset[str] | None
) -> JsonObject | None:
    """The Entity after a purge; None if it goes as a whole."""
    if kept is None and dropped is None:
        return None
    after = entity
    for name in entity:
        if not (is_attribute_key(name) or name == SCOPE):
            continue
        if (dropped is not None and name in dropped) or (kept is not None and name not in kept):
            after = patch.remove_attribute(after, name, at, None)
    return after
