"""Linked Entities that are not held here, or in part: ETSI GS CIM 009 V1.9.1, clauses 4.5.23, 4.3.6.7 and 5.7.1.4.

Links are followed in a snapshot of what is held here. What they lead to and is not here is asked of Context Sources
afterwards, level by level, and the links are followed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.federation.matching import EntitySpecification
from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.federation.reading import Versions, retrieve_versions
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.query.links import Elsewhere
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.interface import Snapshot

T = TypeVar("T")
_MOST: Final = 500  # linked Entities that are asked for in one request


async def read_linked(
    broker: Broker,
    call: Call,
    rounds: int,
    work: Callable[[Snapshot, Elsewhere], T],
    *,
    split: bool | None = None,
    dear: bool = False,
) -> T:
    """Read; and again, as long as Context Sources have more of what links lead to (5.7.1.4).

    Args:
        broker: Whose store and Registrations.
        call: The request; in local scope no source is asked.
        rounds: How often sources are asked at most: once for each link that lies behind another one.
        work: Is given what is held here, and what Context Sources have of linked Entities.
        split: Whether what is held here may be a part of an Entity; None: as the settings say.
        dear: See `Store.read`.

    Raises:
        TooManyResults: A query looks into too many linked Entities that are not held here.
    """
    elsewhere = _LinkedElsewhere(broker, call, rounds, split=broker.settings.split_entities if split is None else split)
    result = await broker.store.read(call.tenant, lambda snapshot: work(snapshot, elsewhere.again()), dear=dear)
    while await elsewhere.fetch():
        result = await broker.store.read(call.tenant, lambda snapshot: work(snapshot, elsewhere.again()), dear=dear)
    return result


class _LinkedElsewhere:
    """What links of one request lead to, as far as Context Sources have it."""

    def __init__(self, broker: Broker, call: Call, rounds: int, *, split: bool) -> None:
        self._broker = broker
        self._call = replace(call, sources=None, source_maps={})  # an EntityMap is about what was queried alone
        self._rounds = 0 if call.local else rounds
        self._split = split and not call.local
        self._found: dict[str, Versions] = {}
        self._asked: set[str] = set()
        self._missing: dict[str, bool] = {}

    def again(self) -> _LinkedElsewhere:
        """Itself, for links that are followed from the beginning: a read may run twice."""
        self._missing.clear()
        return self

    def find(self, entity_id: str, held: JsonObject | None, *, needed: bool = False) -> JsonObject | None:
        """See `links.Elsewhere.find`."""
        if held is not None and not self._split:
            return held
        found = self._found.get(entity_id)
        if found is None:
            self._missing[entity_id] = needed or self._missing.get(entity_id, False)
            return held
        own = [] if held is None else [held]
        return merge_entities([*own, *found.equal], found.auxiliary, self._broker.now())

    async def fetch(self) -> bool:
        """Ask for what was missing; whether something of it was found, so that links are to be followed again."""
        if self._rounds == 0 or not await self._broker.registrations.registrations(self._call.tenant, self._broker.now):
            return False
        wanted = [one for one in self._missing if one not in self._asked and is_uri(one)]
        if len(self._asked) + len(wanted) > _MOST:
            wanted = [one for one in wanted if self._missing[one]]  # others are shown as links
            if len(self._asked) + len(wanted) > _MOST:
                raise TooManyResults(
                    f"The query looks into more than {_MOST} linked Entities of Context Sources; narrow it"
                )
        if not wanted:
            return False
        self._rounds -= 1
        self._asked.update(wanted)
        results = await asyncio.gather(*(self._retrieve(identifier) for identifier in wanted))
        found = {
            identifier: versions
            for identifier, versions in zip(wanted, results, strict=True)
            if versions is not None and (versions.equal or versions.auxiliary)
        }
        self._found |= found
        return bool(found)

    async def _retrieve(self, identifier: str) -> Versions | None:
        return await retrieve_versions(
            self._broker,
            self._call,
            identifier,
            EntitySpecification(None, (identifier,)),
            attributes=None,
            dataset_ids=None,
        )
