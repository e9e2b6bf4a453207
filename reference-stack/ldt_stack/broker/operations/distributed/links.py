"""Linked Entities that are not held here: ETSI GS CIM 009 V1.9.1, clauses 4.5.23 and 5.7.1.4.

Links are followed in a snapshot of what is held here. What they lead to and is not here is asked of Context Sources
afterwards, level by level, and the links are followed again.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.federation.matching import EntitySpecification
from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.federation.reading import retrieve_versions
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.operations.consumption.query_input import View
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker

_MOST: Final = 500  # linked Entities that are asked for in one request


class LinkedElsewhere:
    """What links of one request lead to, as far as Context Sources have it.

    Args:
        broker: Whose Registrations.
        call: The request.
        view: Whether links are followed, and how far.
    """

    def __init__(self, broker: Broker, call: Call, view: View) -> None:
        self._broker = broker
        self._call = replace(call, sources=None, source_maps={})  # an EntityMap is about what was queried alone
        self._rounds = 0 if view.join is None or call.local else view.join_level
        self._found: dict[str, JsonObject] = {}
        self._asked: set[str] = set()
        self._missing: dict[str, None] = {}

    def again(self) -> LinkedElsewhere:
        """Itself, for links that are followed from the beginning: a read may run twice."""
        self._missing.clear()
        return self

    def find(self, entity_id: str) -> JsonObject | None:
        """See `linked.Elsewhere.find`."""
        found = self._found.get(entity_id)
        if found is None:
            self._missing[entity_id] = None
        return found

    async def fetch(self) -> bool:
        """Ask for what was missing; whether something of it was found, so that links are to be followed again."""
        wanted = [one for one in self._missing if one not in self._asked and is_uri(one)]
        if not wanted or self._rounds == 0 or len(self._asked) + len(wanted) > _MOST:
            return False
        self._rounds -= 1
        self._asked.update(wanted)
        results = await asyncio.gather(*(self._retrieve(identifier) for identifier in wanted))
        found = {one["id"]: one for one in results if one is not None}
        self._found |= found
        return bool(found)

    async def _retrieve(self, identifier: str) -> JsonObject | None:
        versions = await retrieve_versions(
            self._broker,
            self._call,
            identifier,
            EntitySpecification(None, (identifier,)),
            attributes=None,
            dataset_ids=None,
        )
        return None if versions is None else merge_entities(versions.equal, versions.auxiliary, self._broker.now())
