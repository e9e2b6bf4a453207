"""What an operation changed: written to the history, and handed to the notifier, in the same transaction.

ETSI GS CIM 009 V1.9.1, clauses 4.3.1 (history follows the current state) and 5.8.6 (notification behaviour).
"""

from __future__ import annotations

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


Instances = list[tuple[str, JsonObject]]
"""Attribute instances, each with the IRI of its Attribute."""


def differences(before: JsonObject | None, after: JsonObject | None) -> tuple[Instances, Instances]:
    """The Attribute instances that an operation wrote, also with an equal value, and those that it removed.

    An instance counts as written if it is a different object than before: operations build a new dict for every
    instance they write, and keep the very same dict for what they leave alone.
    """
    was, now = before or {}, after or {}
    written: Instances = []
    removed: Instances = []
    for name, instances in now.items():
        if ":" not in name:  # no Attribute
            continue
        old = was.get(name)
        if not old:
            written += [(name, instance) for instance in instances]
            continue
        if len(old) == len(instances) == 1 and "datasetId" not in instances[0] and "datasetId" not in old[0]:
            if instances[0] is not old[0]:  # what comes most
                written.append((name, instances[0]))
            continue
        known = {id(one) for one in old}
        written += [(name, instance) for instance in instances if id(instance) not in known]
        left = {instance.get("datasetId") for instance in instances}
        removed.extend((name, instance) for instance in old if instance.get("datasetId") not in left)
    for name in was.keys() - now.keys():
        if ":" in name:
            removed.extend((name, instance) for instance in was[name])
    return written, removed


class EntityChange:
    """One Entity that an operation created, changed or deleted.

    What is costly to know is found out when it is asked for: most changes concern no Subscription.

    Attributes:
        entity_id: Its id.
        at: The instant of the operation, six digits, UTC; the new createdAt/modifiedAt/deletedAt.
        types: IRIs of the types that it has; if deleted, had.
        before: The expanded Entity as it was; None if created.
    """

    __slots__ = ("_after", "_attributes", "_removed", "_whole", "_written", "at", "before", "entity_id", "types")

    def __init__(
        self,
        entity_id: str,
        at: str,
        before: JsonObject | None,
        after: JsonObject | None,
        *,
        known: tuple[Instances, Instances] | None = None,
    ) -> None:
        """From the states before and after; `known` are their `differences`, where somebody knows."""
        self.entity_id = entity_id
        self.at = at
        self.before = before
        self.types: list[str] = (after or before or {"type": []})["type"]
        self._after = after
        self._written, self._removed = known or differences(before, after)
        self._whole: JsonObject | None = None
        self._attributes: tuple[AttributeChange, ...] | None = None

    @property
    def after(self) -> JsonObject | None:
        """The expanded Entity as it is, all system times set; None if deleted."""
        if self._whole is None and self._after is not None:
            self._whole = with_times(self._after)
        return self._whole

    @property
    def kind(self) -> ChangeKind:
        """Whether the Entity itself was created, updated or deleted."""
        if self.before is None:
            return "created"
        return "updated" if self._after is not None else "deleted"

    @property
    def attributes(self) -> tuple[AttributeChange, ...]:
        """Attribute instances written or removed; all of them where the Entity is created or deleted."""
        if self._attributes is None:
            old = self.before or {}
            times = _times(self._after or {})
            changes: list[AttributeChange] = []
            for name, instance in self._written:
                dataset_id = instance.get("datasetId")
                previous = next((one for one in old.get(name, ()) if one.get("datasetId") == dataset_id), None)
                kind: ChangeKind = "created" if previous is None else "updated"
                changes.append(AttributeChange(name, dataset_id, kind, previous, _timed(instance, times)))
            for name, instance in self._removed:
                changes.append(AttributeChange(name, instance.get("datasetId"), "deleted", instance, None))
            self._attributes = tuple(changes)
        return self._attributes


def with_times(entity: JsonObject) -> JsonObject:
    """An Entity whose instances all have system times: those that have none have those of the Entity."""
    times = _times(entity)
    return {name: [_timed(one, times) for one in value] if ":" in name else value for name, value in entity.items()}


def _times(entity: JsonObject) -> JsonObject:
    return {name: entity[name] for name in ("createdAt", "modifiedAt") if name in entity}


def _timed(instance: JsonObject, times: JsonObject) -> JsonObject:
    return instance if "modifiedAt" in instance else {**times, **instance}
