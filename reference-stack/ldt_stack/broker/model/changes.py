"""What an operation changed: handed to the notifier and written to the history, in the same transaction.

ETSI GS CIM 009 V1.9.1, clauses 4.3.1 (history follows the current state) and 5.8.6 (notification behaviour).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from ldt_stack.broker.model.names import JsonObject

ChangeKind = Literal["created", "updated", "deleted"]


class AttributeChange(NamedTuple):
    """One Attribute instance that was written or removed.

    Args:
        attribute: Its IRI.
        dataset_id: Its datasetId; None is the default instance.
        kind: "updated" says that it was written again, also with an equal value: compare `before` and `after`.
        before: The expanded instance as it was; None if created.
        after: The expanded instance as it is; None if deleted.
    """

    attribute: str
    dataset_id: str | None
    kind: ChangeKind
    before: JsonObject | None
    after: JsonObject | None


@dataclass(frozen=True, slots=True)
class EntityChange:
    """One Entity that an operation created, changed or deleted.

    Args:
        entity_id: Its id.
        at: The instant of the operation, six digits, UTC; the new createdAt/modifiedAt/deletedAt.
        before: The expanded Entity as it was; None if created.
        after: The expanded Entity as it is; None if deleted.
        attributes: Attribute instances written or removed; all of them where the Entity is created or deleted.
    """

    entity_id: str
    at: str
    before: JsonObject | None
    after: JsonObject | None
    attributes: tuple[AttributeChange, ...]

    @property
    def kind(self) -> ChangeKind:
        """Whether the Entity itself was created, updated or deleted."""
        if self.before is None:
            return "created"
        return "updated" if self.after is not None else "deleted"


def _instances(entity: JsonObject | None) -> dict[tuple[str, str | None], JsonObject]:
    if entity is None:
        return {}
    return {
        (name, instance.get("datasetId")): instance
        for name, instances in entity.items()
        if ":" in name  # an Attribute
        for instance in instances
    }


def compare(entity_id: str, before: JsonObject | None, after: JsonObject | None, at: str) -> EntityChange:
    """Derive what was written from the state before and after.

    An instance counts as written if it is a different object than before: operations build a new dict for every
    instance they write, and keep the very same dict for what they leave alone.
    """
    old, new = _instances(before), _instances(after)
    changes: list[AttributeChange] = []
    for key, instance in new.items():
        previous = old.get(key)
        if previous is not instance:
            kind: ChangeKind = "created" if previous is None else "updated"
            changes.append(AttributeChange(key[0], key[1], kind, previous, instance))
    changes.extend(AttributeChange(key[0], key[1], "deleted", old[key], None) for key in old.keys() - new.keys())
    return EntityChange(entity_id, at, before, after, tuple(changes))
