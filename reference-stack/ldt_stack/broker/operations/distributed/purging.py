"""Which Entities a purge is about: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.7 and 5.6.21.4.

The clause runs "a Query Entities operation … to retrieve a list of ids", whose Entities are then deleted here. Where
Entities may be split, filters hold for the whole of an Entity: sources are asked to purge by id what was found so,
since none of them can decide by its own part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ldt_stack.broker.call import Call
from ldt_stack.broker.federation.filters import Filters
from ldt_stack.broker.federation.matching import EntitySpecification
from ldt_stack.broker.federation.querying import FederatedQuery, query_versions
from ldt_stack.broker.federation.reading import Versions
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.distributed.query import assembled_page
from ldt_stack.broker.query import TypeSelection
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import EntitySelector
from ldt_stack.broker.store.interface import Snapshot


async def begin_purge(broker: Broker, call: Call, query: FederatedQuery) -> DistributedPurge:
    """Ask Context Sources what they have of the Entities that are to go.

    Raises:
        TooManyResults: They have more than the settings allow.
    """
    remote = await query_versions(broker, call, query)
    return DistributedPurge(query, remote, broker.settings.federation_max_entities)


@dataclass(slots=True)
class DistributedPurge:
    """A purge that Context Sources take part in.

    Args:
        query: Which Entities.
        remote: What sources have of them.
        most: How many Entities are put together at most.
    """

    query: FederatedQuery
    remote: Mapping[str, Versions]
    most: int
    _whole: dict[str, frozenset[str]] = field(default_factory=dict)  # what was found, split: types by id

    def held(self, snapshot: Snapshot, now: str) -> Iterable[JsonObject]:
        """What is held here of the Entities that were found, here or elsewhere.

        Raises:
            TooManyResults: More Entities than allowed would have to be put together.
        """
        local = self.query.local
        if self.query.split:
            page = assembled_page(snapshot, replace(local, offset=0, limit=self.most), self.remote, now, self.most)
            self._whole = {one["id"]: frozenset(one["type"]) for one in page.entities}
            return _present(snapshot, self._whole)
        matching = {one["id"]: one for one in snapshot.iterate_entities(local)}
        elsewhere = (one for one, versions in self.remote.items() if versions.equal and one not in matching)
        return [*matching.values(), *_present(snapshot, elsewhere)]

    def rest(self) -> FederatedQuery | None:
        """What sources are asked to purge, once it is known what is held here; None: nothing."""
        return _by_id(self.query, self._whole) if self.query.split else self.query


def _by_id(query: FederatedQuery, found: Mapping[str, frozenset[str]]) -> FederatedQuery | None:
    """The query for what was found, without filters; None if that is nothing: no selector would be any Entity."""
    ids: dict[frozenset[str], list[str]] = {}
    for identifier, types in found.items():
        ids.setdefault(types, []).append(identifier)
    selectors = [  # a source may have a part with some of the types alone
        EntitySelector(tuple(few), None, TypeSelection(tuple(frozenset({name}) for name in sorted(types))))
        for types, few in ids.items()
    ]
    if not selectors:
        return None
    wanted = tuple(EntitySpecification(None, one.ids) for one in selectors)
    return replace(
        query,
        local=replace(query.local, selectors=tuple(selectors), attributes=(), conditions=()),
        registrations=replace(query.registrations, entities=wanted, attributes=None),
        filters=Filters(),
        filtered=frozenset(),
        wanted=None,
    )


def _present(snapshot: Snapshot, ids: Iterable[str]) -> list[JsonObject]:
    return [entity for one in ids if (entity := snapshot.get_entity(one)) is not None]
