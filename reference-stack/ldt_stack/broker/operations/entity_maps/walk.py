"""One page of an EntityMap: ETSI GS CIM 009 V1.9.1, clause 5.5.9.3. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ldt_stack.broker.operations.entity_maps.management import StoredMap
from ldt_stack.broker.operations.paging import page_start

T = TypeVar("T")


@dataclass(slots=True)
class Walk(Generic[T]):
    """Fills one page from an EntityMap: "Pages shall always be filled to the maximum".

    Offsets count the places of the map, also those whose Entity was removed. `asked` says what to look up next,
    `answer` takes what was found, until nothing more is asked.

    Args:
        entity_map: The map.
        asked_for: Ids that the request is narrowed to; None: all of the map.
        offset: Where the page starts.
        limit: Its size.
        at_most: Where many Entities are gone, more and more are looked up at once, up to so many; 0: no more than fit.
    """

    entity_map: StoredMap
    asked_for: Collection[str] | None
    offset: int
    limit: int
    at_most: int = 0
    found: list[T] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    places: list[str] = field(init=False)
    start: int = field(init=False)
    end: int = field(init=False)
    _begun: int = field(init=False)

    def __post_init__(self) -> None:
        asked_for = self.asked_for
        self.places = [one for one in self.entity_map.entries if asked_for is None or one in asked_for]
        self.start = page_start(self.offset, len(self.places))
        self.end = self._begun = self.start

    def asked(self) -> Iterator[list[str]]:
        """Ids to look up, again and again until the page is full; each is answered before the next."""
        size = 0
        while len(self.found) < self.limit and self.end < len(self.places):
            size = max(self.limit - len(self.found), min(2 * size, self.at_most))
            taken = self.places[self.end : self.end + size]
            self._begun = self.end
            self.end += len(taken)
            held = [identifier for identifier in taken if self._is_held(identifier)]
            if held:
                yield held

    def answer(self, ids: Sequence[str], found: Mapping[str, T]) -> None:
        """What was found of the ids asked for; of the others, the Entity is gone or no longer fits the query.

        What no longer fits on the page is asked for again on the next one.
        """
        for identifier in ids:
            if len(self.found) == self.limit:
                self.end = self.places.index(identifier, self._begun)
                return
            if identifier in found:
                self.found.append(found[identifier])
            else:
                self.gone.append(identifier)

    @property
    def more(self) -> bool:
        """Whether Entities follow this page."""
        return any(self._is_held(identifier) for identifier in self.places[self.end :])

    @property
    def before(self) -> int:
        """Where a page that ends before this one begins."""
        at, wanted = self.start, self.limit
        while at and wanted:
            at -= 1
            wanted -= self._is_held(self.places[at])
        return at

    @property
    def held(self) -> int:
        """How many of the Entities asked for the map has, those of `gone` included."""
        return sum(self._is_held(identifier) for identifier in self.places)

    def _is_held(self, identifier: str) -> bool:
        return bool(self.entity_map.entries[identifier])
