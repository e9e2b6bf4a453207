"""What a caller asked to see of an Entity: ETSI GS CIM 009 V1.9.1, clauses 4.5.4, 4.15, 4.21, 6.3.7 and 6.3.11."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ldt_stack.broker.errors import TooManyResults
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.query.language import LanguageFilter
from ldt_stack.broker.query.projection import Projection

Format = Literal["normalized", "concise", "simplified"]


@dataclass(slots=True)
class Allowance:
    """How many linked Entities may still be shown in one answer: in a dense graph, each is shown in many places."""

    left: int

    def take(self) -> None:
        """One more.

        Raises:
            TooManyResults: There may not be one more.
        """
        self.left -= 1
        if self.left < 0:
            raise TooManyResults("Linked Entities are shown in too many places; use join=flat or a lower joinLevel.")


@dataclass(frozen=True, slots=True)
class Links:
    """Linked Entities to be shown inside Relationships (inline Linked Entity retrieval, 4.5.23.2).

    Args:
        entities: Expanded Entities by id.
        depth: How many links may still be followed.
        encountered: Ids that are not shown again, because they led here.
        allowance: Shared by all of one answer.
    """

    entities: Mapping[str, JsonObject]
    depth: int
    encountered: frozenset[str]
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How an Entity is rendered.

    Args:
        format: Representation of the Attributes.
        sys_attrs: Whether createdAt, modifiedAt and expiresAt are shown (6.3.11).
        attributes: IRIs: of the Attributes, only these are shown (`attrs`); None: all.
        pick: Only these members are shown; None: all.
        omit: These members are not shown.
        language: Reduces LanguageProperties to one language (4.15).
        dataset_ids: Only these Attribute instances are shown, "@none" is the default one; None: all (4.5.5).
        instance_ids: Whether instanceId is shown, as temporal representations do (4.5.7).
        links: Linked Entities to be shown inline.
    """

    format: Format = "normalized"
    sys_attrs: bool = False
    attributes: frozenset[str] | None = None
    pick: Projection | None = None
    omit: Projection | None = None
    language: LanguageFilter | None = None
    dataset_ids: frozenset[str] | None = None
    instance_ids: bool = False
    links: Links | None = field(default=None)

    def shows(self, member: str) -> bool:
        """Whether the projection lets a member of the Entity (short name or IRI) through."""
        if self.pick is not None and member not in self.pick.members:
            return False
        # `omit=observation{humidity}` takes something away from the linked Entity, not the link itself.
        return self.omit is None or member not in self.omit.members or self.omit.of_linked(member) is not None

    def of_linked(self, relation: str) -> RenderOptions:
        """Options for the Entities a Relationship leads to: its own projection, else the same (5.7.1.5)."""
        pick = self.pick and (self.pick.of_linked(relation) or self.pick)
        omit = self.omit and (self.omit.of_linked(relation) or self.omit)
        return replace(self, pick=pick, omit=omit)


NORMALIZED = RenderOptions()
