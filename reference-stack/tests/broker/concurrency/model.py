"""What Entities are after operations, in a few lines: current state, history and changes, as the clauses have them.

ETSI GS CIM 009 V1.9.1, clauses 5.5.8, 5.5.12 and 5.6.1 to 5.6.21, for Properties with integer values (`a`, `b` and `c`,
the last of which may have a second instance with a datasetId) and a `location`. Nothing here is changed in place: an
operation makes a new `State`, and an `Instance` that was left alone is the very same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

NULL: Final = "urn:ngsi-ld:null"
DATASET: Final = "urn:ngsi-ld:Dataset:1"
TYPE: Final = "Thing"
LOCATION: Final = "location"

Key = tuple[str, str | None]
"""Name of an Attribute, and datasetId of an instance."""
Shown = dict[str, Any]
"""An Entity as `canonical` makes it of an answer or a notification."""


@dataclass(frozen=True)
class Given:
    """An instance of an Attribute in a request; `inner` is the value of its sub-Attribute."""

    value: Any
    observed_at: str | None = None
    inner: int | None = None


Fragment = Mapping[Key, Given]


@dataclass(frozen=True, eq=False)
class Instance:
    """An instance of an Attribute as it is kept."""

    value: Any
    observed_at: str | None
    inner: int | None
    created_at: str
    modified_at: str

    @property
    def content(self) -> tuple[Any, ...]:
        """All but what the broker generates."""
        return (self.value, self.observed_at, self.inner)

    def shown(self, *, times: bool) -> Shown:
        """As `canonical` has it."""
        found = {"value": self.value, "observedAt": self.observed_at, "inner": self.inner}
        if times:
            found |= {"createdAt": self.created_at, "modifiedAt": self.modified_at}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Entity:
    """An Entity as it is kept."""

    id: str
    types: frozenset[str]
    created_at: str
    modified_at: str
    attributes: Mapping[Key, Instance]

    def shown(self, *, times: bool = True) -> Shown:
        """As `canonical` has it."""
        found: Shown = {key: instance.shown(times=times) for key, instance in self.attributes.items()}
        found |= {"id": self.id, "type": sorted(self.types)}
        return found | ({"createdAt": self.created_at, "modifiedAt": self.modified_at} if times else {})

    def value(self, name: str) -> Any:
        """Of the default instance of an Attribute; None: there is none."""
        instance = self.attributes.get((name, None))
        return None if instance is None else instance.value


@dataclass(frozen=True)
class Change:
    """An Entity that was created, changed or deleted, at an instant."""

    at: str
    before: Entity | None
    after: Entity | None

    @property
    def id(self) -> str:
        """Of the Entity."""
        present = self.after or self.before
        assert present is not None
        return present.id

    @property
    def old(self) -> Mapping[Key, Instance]:
        """Instances before."""
        return {} if self.before is None else self.before.attributes

    @property
    def new(self) -> Mapping[Key, Instance]:
        """Instances after."""
        return {} if self.after is None else self.after.attributes

    @property
    def written(self) -> dict[Key, Instance]:
        """Instances that were written, also with an equal value."""
        return {key: one for key, one in self.new.items() if self.old.get(key) is not one}

    @property
    def differing(self) -> set[Key]:
        """Instances that came, or have a member with "a value different than the existing one" (5.8.6)."""
        return {key for key, one in self.written.items() if key not in self.old or self.old[key].content != one.content}

    @property
    def removed(self) -> dict[Key, Instance]:
        """Instances that are gone."""
        return {key: one for key, one in self.old.items() if key not in self.new}


@dataclass(frozen=True)
class State:
    """Everything that is there: Entities, and by Entity the instances of its history, as `canonical_history` has them.

    An evolution that is there may be empty; one that was deleted is not there.
    """

    entities: Mapping[str, Entity] = field(default_factory=dict)
    history: Mapping[str, tuple[tuple[Key, Shown], ...]] = field(default_factory=dict)

    def with_change(self, change: Change) -> State:
        """After a change, which the history follows (4.3.1): an instance of what was written or deleted (4.5.7)."""
        entities = {name: entity for name, entity in self.entities.items() if name != change.id}
        if change.after is not None:
            entities[change.id] = change.after
        rows = [(key, one.shown(times=True)) for key, one in change.written.items()]
        for key, one in change.removed.items():
            times = {"createdAt": one.created_at, "modifiedAt": change.at, "deletedAt": change.at}
            rows.append((key, {"value": NULL, **times}))
        return State(entities, {**self.history, change.id: (*self.history.get(change.id, ()), *rows)})

    def without_history(self, entity_id: str) -> State:
        """After the deletion of an evolution (5.6.16)."""
        return replace(self, history={name: rows for name, rows in self.history.items() if name != entity_id})


class RefusedError(Exception):
    """An operation is answered by an error: its status, and the type of problem."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem


NOT_FOUND: Final = (404, "ResourceNotFound")
EXISTS: Final = (409, "AlreadyExists")
Step = Callable[[Entity | None, str], Entity | None]
"""One Entity before, and the instant -> after. Raises `RefusedError`; the same object: nothing was changed."""


def _written(given: Given, at: str, old: Instance | None) -> Instance:
    """createdAt "shall remain unchanged" where an instance is replaced (5.6.2.4, 5.6.3.4, 5.6.19.4)."""
    return Instance(given.value, given.observed_at, given.inner, old.created_at if old else at, at)


def _present(before: Entity | None) -> Entity:
    if before is None:
        raise RefusedError(*NOT_FOUND)
    return before


def _changed(before: Entity, at: str, attributes: Mapping[Key, Instance], types: Iterable[str] = ()) -> Entity:
    return replace(before, modified_at=at, attributes=attributes, types=before.types | set(types))


def create(entity_id: str, types: frozenset[str], fragment: Fragment) -> Step:
    """5.6.1."""

    def step(before: Entity | None, at: str) -> Entity:
        if before is not None:
            raise RefusedError(*EXISTS)
        return Entity(entity_id, types, at, at, {key: _written(one, at, None) for key, one in fragment.items()})

    return step


def replace_entity(types: frozenset[str], fragment: Fragment) -> Step:
    """5.6.18: createdAt of the Entity stays; so does that of an Attribute that it has before and after."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        attributes = {key: _written(one, at, old.attributes.get(key)) for key, one in fragment.items()}
        return Entity(old.id, types, old.created_at, at, attributes)

    return step


def merge(fragment: Fragment, types: Iterable[str] = ()) -> Step:
    """5.6.17: members that the fragment does not have stay (5.5.12)."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        attributes = dict(old.attributes)
        for key, given in fragment.items():
            known = attributes.get(key)
            if given.value == NULL:
                attributes.pop(key, None)
            elif known is None:
                attributes[key] = _written(given, at, None)
            else:
                attributes[key] = _merged(known, given, at)
        return _changed(old, at, attributes, types)

    return step


def _merged(known: Instance, given: Given, at: str) -> Instance:
    inner = known.inner if given.inner is None else given.inner
    return Instance(given.value, given.observed_at or known.observed_at, inner, known.created_at, at)


def update(fragment: Fragment, types: Iterable[str] = ()) -> Step:
    """5.6.2: instances are replaced, appended, or with an NGSI-LD Null deleted."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        attributes = dict(old.attributes)
        for key, given in fragment.items():
            known = attributes.pop(key, None)
            if given.value != NULL:
                attributes[key] = _written(given, at, known)
        return _changed(old, at, attributes, types)

    return step


def append(fragment: Fragment, types: Iterable[str] = ()) -> Step:
    """5.6.3, with overwrite."""
    return update(fragment, types)


def append_new(fragment: Fragment) -> Step:
    """5.6.3, without overwrite: what exists is "left untouched"."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        new = {key: _written(one, at, None) for key, one in fragment.items() if key not in old.attributes}
        return _changed(old, at, {**old.attributes, **new}) if new else old

    return step


def update_attribute(key: Key, given: Given) -> Step:
    """5.6.4: members of the instance that the fragment does not have stay (5.5.8)."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        if key not in old.attributes:
            raise RefusedError(*NOT_FOUND)
        return _changed(old, at, {**old.attributes, key: _merged(old.attributes[key], given, at)})

    return step


def replace_attribute(key: Key, given: Given) -> Step:
    """5.6.19."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        if key not in old.attributes:
            raise RefusedError(*NOT_FOUND)
        return _changed(old, at, {**old.attributes, key: _written(given, at, old.attributes[key])})

    return step


def delete_attribute(name: str, dataset: str | None, *, everything: bool = False) -> Step:
    """5.6.5: one instance, or all of them."""

    def step(before: Entity | None, at: str) -> Entity:
        old = _present(before)
        own = {key for key in old.attributes if key[0] == name and (everything or key[1] == dataset)}
        if not own:
            raise RefusedError(*NOT_FOUND)
        return _changed(old, at, {key: one for key, one in old.attributes.items() if key not in own})

    return step


def delete(before: Entity | None, at: str) -> None:
    """5.6.6."""
    del at
    _present(before)


def upsert(entity_id: str, types: frozenset[str], fragment: Fragment, *, updates: bool) -> Step:
    """5.6.8: an Entity that exists is replaced, or with `updates` updated."""
    existing = update(fragment, types) if updates else replace_entity(types, fragment)
    created = create(entity_id, types, fragment)
    return lambda before, at: created(before, at) if before is None else existing(before, at)


def canonical(entity: Mapping[str, Any]) -> Shown:
    """An Entity of an answer or a notification, in a form in which two that say the same are equal."""
    found: Shown = {}
    for name, value in entity.items():
        if name == "type":
            found["type"] = sorted([value] if isinstance(value, str) else value)
        elif name in {"id", "createdAt", "modifiedAt", "deletedAt"}:
            found[name] = value
        else:
            for key, one in _instances(name, value):
                assert key not in found, f"two instances of one datasetId: {entity}"
                found[key] = one
    return found


def canonical_history(entity: Mapping[str, Any]) -> dict[Key, list[Shown]]:
    """Of each Attribute in an answer about an evolution, the instances, in the order of the answer."""
    found: dict[Key, list[Shown]] = {}
    for name, value in entity.items():
        if name not in {"id", "type", "createdAt", "modifiedAt", "deletedAt"}:
            for key, one in _instances(name, value):
                found.setdefault(key, []).append(one)
    return found


def _instances(name: str, value: Any) -> Iterable[tuple[Key, Shown]]:
    for one in value if isinstance(value, list) else [value]:
        left = {member: own for member, own in one.items() if member not in {"type", "datasetId", "instanceId"}}
        if "inner" in left:
            left["inner"] = left["inner"]["value"]
        yield (name, one.get("datasetId")), left
