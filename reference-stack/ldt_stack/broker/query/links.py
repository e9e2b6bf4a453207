"""Where links lead that a query goes into, or an answer shows: ETSI GS CIM 009 V1.9.1, clauses 4.5.23 and 4.9."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.paths import Link
from ldt_stack.broker.query.q import bind_links, is_q


class EntityLookup(Protocol):
    """Where linked Entities that are held here are looked up: a snapshot of the store."""

    def get_entity(self, entity_id: str) -> JsonObject | None:
        """The current state of an Entity, expanded, or None."""
        ...


class Elsewhere(Protocol):
    """Linked Entities, or parts of them, that are not held here, as far as they are known.

    Only "Relationships annotated with an objectType" lead there (4.5.23.1).
    """

    def find(self, entity_id: str, held: JsonObject | None, *, needed: bool = False) -> JsonObject | None:
        """An Entity, expanded, with what is held of it here; None: it is not known. What may be missing is noted.

        `needed`: the result would be wrong without it, not just show less.
        """
        ...


class Condition(Protocol):
    """A condition of a query or Subscription."""

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets it."""
        ...


def bind_conditions(
    conditions: Sequence[Condition], lookup: EntityLookup, elsewhere: Elsewhere | None = None
) -> tuple[Condition, ...]:
    """Conditions whose linked terms (`sensor{humidity}`) find their Entities; to be used while the lookup holds.

    Args:
        conditions: Of a query or Subscription.
        lookup: Where linked Entities are looked up.
        elsewhere: Likewise, what is not held here; None: nobody asks for it.
    """

    def resolve(links: Sequence[Link]) -> Iterator[JsonObject]:
        for identifier, annotated in links:
            entity = lookup.get_entity(identifier)
            if annotated and elsewhere is not None:
                entity = elsewhere.find(identifier, entity, needed=True)
            if entity is not None:
                yield entity

    return tuple(bind_links(one, resolve) if is_q(one) else one for one in conditions)
