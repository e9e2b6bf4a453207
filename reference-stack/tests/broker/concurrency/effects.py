"""What requests do, by the model: their answers, and the state after them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..api import ERRORS
from . import model
from .model import Change, Entity, Fragment, RefusedError, State, Step

Answer = tuple[int, Any]
"""Status, and what of the body the model can foretell."""


@dataclass(frozen=True)
class Outcome:
    """What a request comes to: its answer, the state after it, and the changes.

    `ordered` says that the changes come in this order.
    """

    answer: Answer
    state: State
    changes: tuple[Change, ...] = ()
    ordered: bool = True


Effect = Callable[[State, str], Outcome]
"""What a request does to a state at an instant."""


@dataclass(frozen=True)
class Request:
    """A request; `read` makes of a successful answer's body what the model foretells.

    `looks` says that it changes nothing of Entities and histories.
    """

    method: str
    path: str
    body: Any
    effect: Effect
    read: Callable[[Any], Any] = lambda body: None
    looks: bool = False

    def answer(self, status: int, body: Any) -> Answer:
        """What there is to compare of an answer."""
        if status >= 400:
            return status, str(body["type"]).removeprefix(ERRORS)
        return status, None if body is None else self.read(body)


def on_one(entity_id: str, step: Step, status: int = 204) -> Effect:
    """Of a request about one Entity: its answer is the status, or the error."""

    def effect(state: State, at: str) -> Outcome:
        before = state.entities.get(entity_id)
        try:
            change = Change(at, before, step(before, at))
        except RefusedError as refused:
            return Outcome((refused.status, refused.problem), state)
        return Outcome((status, None), state.with_change(change), (change,))

    return effect


def append_new(entity_id: str, fragment: Fragment) -> Effect:
    """5.6.3 without overwrite, of one Entity: told is of which Attributes an instance was written, or left (5.2.18)."""
    step = model.append_new(fragment)

    def effect(state: State, at: str) -> Outcome:
        before = state.entities.get(entity_id)
        if before is None:
            return Outcome(model.NOT_FOUND, state)
        kept = {key[0] for key in fragment if key in before.attributes}
        new = {key[0] for key in fragment if key not in before.attributes}
        answer: Answer = (207, (sorted(new), sorted(kept))) if kept else (204, None)
        after = step(before, at)
        if after is before:
            return Outcome(answer, state)
        change = Change(at, before, after)
        return Outcome(answer, state.with_change(change), (change,))

    return effect


def on_each(elements: Sequence[tuple[str, Step]], fragments: Sequence[Fragment] = ()) -> Effect:
    """Elements one after the other (5.5.11), each as a request of its own would have it.

    `fragments` are those of a Batch Entity Update without overwrite, which tells of each Entity of which it left
    something untouched (5.6.9).
    """

    def effect(state: State, at: str) -> Outcome:
        changes: list[Change] = []
        success, created = [], []
        errors: list[tuple[str, str]] = []
        for (entity_id, step), fragment in itertools.zip_longest(elements, fragments):
            before = state.entities.get(entity_id)
            try:
                after = step(before, at)
            except RefusedError as refused:
                errors.append((entity_id, refused.problem))
                continue
            if after is not before:
                changes.append(Change(at, before, after))
                state = state.with_change(changes[-1])
            if before is not None and any(key in before.attributes for key in fragment or ()):
                errors.append((entity_id, "AlreadyExists"))
                continue
            success.append(entity_id)
            created += [entity_id] if before is None else []
        answer: Answer = (204, None)
        if errors:
            answer = (207, (sorted(success), sorted(errors)))
        elif created:
            answer = (201, sorted(created))
        return Outcome(answer, state, tuple(changes))

    return effect


@dataclass(frozen=True)
class Selection:
    """Parameters of a query, and which Entities they find."""

    parameters: Mapping[str, str]
    finds: Callable[[Entity], bool]


def purge(selection: Selection, after: Callable[[Entity, str], Entity | None]) -> Effect:
    """5.6.21: each Entity that the query finds goes, or some of its Attributes do."""

    def effect(state: State, at: str) -> Outcome:
        changes: list[Change] = []
        for entity in [one for one in state.entities.values() if selection.finds(one)]:
            left = after(entity, at)
            if left is not entity:
                changes.append(Change(at, entity, left))
                state = state.with_change(changes[-1])
        return Outcome((204, None), state, tuple(changes), ordered=False)

    return effect


def without(names: Iterable[str]) -> Callable[[Entity, str], Entity]:
    """For a purge: Entities without these Attributes."""
    gone = set(names)

    def after(entity: Entity, at: str) -> Entity:
        left = {key: one for key, one in entity.attributes.items() if key[0] not in gone}
        return entity if len(left) == len(entity.attributes) else replace(entity, modified_at=at, attributes=left)

    return after


def forget(entity_id: str) -> Effect:
    """5.6.16: the evolution goes, the Entity stays as it is."""

    def effect(state: State, _: str) -> Outcome:
        if entity_id not in state.history:
            return Outcome(model.NOT_FOUND, state)
        return Outcome((204, None), state.without_history(entity_id))

    return effect


def forget_attribute(entity_id: str, name: str, dataset: str | None, *, everything: bool = False) -> Effect:
    """5.6.13: instances of an Attribute go from the evolution, of one dataset or of all."""

    def effect(state: State, _: str) -> Outcome:
        rows = state.history.get(entity_id, ())
        left = tuple(row for row in rows if row[0][0] != name or not (everything or row[0][1] == dataset))
        if len(left) == len(rows):
            return Outcome(model.NOT_FOUND, state)
        return Outcome((204, None), replace(state, history={**state.history, entity_id: left}))

    return effect


def look(find: Callable[[State], Answer]) -> Effect:
    """Of a request that changes nothing."""
    return lambda state, _: Outcome(find(state), state)
