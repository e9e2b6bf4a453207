"""Requests at random about a few Entities, each with what the model says it does."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from ..api import ERRORS
from . import effects, model
from .effects import Answer, Request, Selection
from .model import DATASET, LOCATION, NULL, TYPE, Entity, Fragment, Given, Key, State, Step

KEYS: Final[list[Key]] = [("a", None), ("b", None), ("c", None), ("c", DATASET), (LOCATION, None)]
NAMES: Final = ("a", "b", "c", LOCATION)
GREAT: Final = 0.03  # of all batches
INSTANTS: Final = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z")
TYPES: Final = [frozenset({TYPE}), frozenset({TYPE}), frozenset({TYPE, "Other"})]


class Maker:
    """Makes requests; no value is written twice, so that each write can be told.

    Args:
        seed: Of its choices.
        ids: Of the Entities.
        more_ids: Of Entities that great batches are about, too.
        values: To be written.
        subscription: Makes Subscriptions to everything.
        compares: Whether queries and purges compare values: an index is made of those that are (4.9).
    """

    def __init__(
        self,
        seed: int,
        ids: Sequence[str],
        more_ids: Sequence[str],
        values: itertools.count[int],
        subscription: Callable[[], dict[str, Any]],
        *,
        compares: bool,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 — choices, not secrets
        self._ids = ids
        self._more_ids = more_ids
        self._values = values
        self._subscription = subscription
        self._compares = compares
        self._last = 0

    def request(self) -> Request:
        """Any."""
        one = (self._create, self._replace, self._merge, self._update, self._append, self._append_new, self._delete)
        attribute = (self._update_attribute, self._replace_attribute, self._delete_attribute)
        batch = (self._batch_create, self._batch_upsert, self._batch_update, self._batch_append, self._batch_merge)
        rare = (self._batch_delete, self._purge, self._forget, self._forget_attribute, self._subscribe)
        reads = (self._retrieve, self._query, self.evolution, self.evolutions)
        kinds = [one, attribute, batch, rare, reads]
        (kind,) = self._random.choices(kinds, [8, 3, 5, 2, 4])
        return self._random.choice(kind)()

    # One Entity

    def _create(self) -> Request:
        entity_id, types, fragment = self._id(), self._types(), self._fragment()
        return self.creation(entity_id, types, fragment)

    def creation(self, entity_id: str, types: frozenset[str], fragment: Fragment) -> Request:
        """Of one Entity."""
        effect = effects.on_one(entity_id, model.create(entity_id, types, fragment), 201)
        return Request("POST", "/entities", self._entity(entity_id, types, fragment), effect)

    def _replace(self) -> Request:
        entity_id, types, fragment = self._id(), self._types(), self._fragment()
        effect = effects.on_one(entity_id, model.replace_entity(types, fragment))
        return Request("PUT", f"/entities/{entity_id}", self._entity(entity_id, types, fragment), effect)

    def _merge(self) -> Request:
        entity_id, fragment = self._id(), self._with_nulls()
        return Request(
            "PATCH", f"/entities/{entity_id}", self._members(fragment), effects.on_one(entity_id, model.merge(fragment))
        )

    def _update(self) -> Request:
        entity_id, fragment = self._id(), self._with_nulls()
        effect = effects.on_one(entity_id, model.update(fragment))
        return Request("PATCH", f"/entities/{entity_id}/attrs", self._members(fragment), effect)

    def _append(self) -> Request:
        entity_id, fragment = self._id(), self._fragment()
        effect = effects.on_one(entity_id, model.append(fragment))
        return Request("POST", f"/entities/{entity_id}/attrs", self._members(fragment), effect)

    def _append_new(self) -> Request:
        entity_id, fragment = self._id(), self._fragment()
        path = f"/entities/{entity_id}/attrs?options=noOverwrite"

        def read(body: Any) -> tuple[list[str], list[str]]:
            kept = {_term(one["attributeName"]) for one in body["notUpdated"]}
            return sorted(map(_term, body["updated"])), sorted(kept)

        return Request("POST", path, self._members(fragment), effects.append_new(entity_id, fragment), read)

    def _delete(self) -> Request:
        return self.deletion(self._id())

    def deletion(self, entity_id: str) -> Request:
        """Of one Entity."""
        return Request("DELETE", f"/entities/{entity_id}", None, effects.on_one(entity_id, model.delete))

    # One Attribute

    def _update_attribute(self) -> Request:
        entity_id, key = self._id(), self._random.choice(KEYS[:-1])
        given = self._given(key)
        effect = effects.on_one(entity_id, model.update_attribute(key, given))
        return Request("PATCH", f"/entities/{entity_id}/attrs/{key[0]}", _instance(key, given), effect)

    def _replace_attribute(self) -> Request:
        entity_id, key = self._id(), self._random.choice(KEYS[:-1])
        given = self._given(key)
        effect = effects.on_one(entity_id, model.replace_attribute(key, given))
        return Request("PUT", f"/entities/{entity_id}/attrs/{key[0]}", _instance(key, given), effect)

    def _delete_attribute(self) -> Request:
        entity_id, (name, dataset) = self._id(), self._random.choice(KEYS)
        given, everything = self._instances(dataset)
        effect = effects.on_one(entity_id, model.delete_attribute(name, dataset, everything=everything))
        return Request("DELETE", f"/entities/{entity_id}/attrs/{name}?{urlencode(given)}", None, effect)

    # Many Entities

    def _batch_create(self) -> Request:
        return self._batch("create", lambda i, types, fragment: model.create(i, types, fragment))

    def _batch_upsert(self) -> Request:
        updates = self._random.random() < 0.5
        path = "upsert?options=update" if updates else "upsert"
        return self._batch(path, lambda i, types, fragment: model.upsert(i, types, fragment, updates=updates))

    def _batch_update(self) -> Request:
        return self._batch("update", lambda i, types, fragment: model.append(fragment, types))

    def _batch_merge(self) -> Request:
        return self._batch("merge", lambda i, types, fragment: model.merge(fragment, types))

    def _batch(self, path: str, step: Callable[[str, frozenset[str], Fragment], Step]) -> Request:
        great = self._random.random() < GREAT
        ids = [*self._ids, *self._more_ids] if great else self._ids
        size = self._random.randint(30, 70) if great else self._random.randint(1, 5)
        given = [(self._random.choice(ids), self._types(), self._fragment()) for _ in range(size)]
        effect = effects.on_each([(one[0], step(*one)) for one in given])
        return Request(
            "POST", f"/entityOperations/{path}", [self._entity(*one) for one in given], effect, _batch_result
        )

    def _batch_append(self) -> Request:
        """Batch Entity Update without overwrite."""
        given = [(self._id(), self._fragment()) for _ in range(self._random.randint(1, 5))]
        effect = effects.on_each([(i, model.append_new(one)) for i, one in given], [one for _, one in given])
        body = [{"id": i, **self._members(one)} for i, one in given]
        return Request("POST", "/entityOperations/update?options=noOverwrite", body, effect, _batch_result)

    def _batch_delete(self) -> Request:
        ids = [self._id() for _ in range(self._random.randint(1, 3))]
        effect = effects.on_each([(one, model.delete) for one in ids])
        return Request("POST", "/entityOperations/delete", ids, effect, _batch_result)

    def _purge(self) -> Request:
        selection = self._selection()
        names = self._random.sample(NAMES, 1)
        kind = self._random.choice(["", "drop", "drop", "keep"])
        given = dict(selection.parameters) | ({kind: ",".join(names)} if kind else {})
        after: Callable[[Entity, str], Entity | None] = lambda entity, at: None  # noqa: E731
        if kind:
            after = effects.without(names if kind == "drop" else set(NAMES) - set(names))
        return Request("DELETE", f"/entities?{urlencode(given)}", None, effects.purge(selection, after))

    def _forget(self) -> Request:
        entity_id = self._id()
        return Request("DELETE", f"/temporal/entities/{entity_id}", None, effects.forget(entity_id))

    def _forget_attribute(self) -> Request:
        entity_id, (name, dataset) = self._id(), self._random.choice(KEYS)
        given, everything = self._instances(dataset)
        effect = effects.forget_attribute(entity_id, name, dataset, everything=everything)
        return Request("DELETE", f"/temporal/entities/{entity_id}/attrs/{name}?{urlencode(given)}", None, effect)

    def _subscribe(self) -> Request:
        return Request("POST", "/subscriptions", self._subscription(), effects.look(lambda _: (201, None)), looks=True)

    # What is there

    def _retrieve(self) -> Request:
        entity_id, times = self._id(), self._random.random() < 0.5

        def find(state: State) -> Answer:
            entity = state.entities.get(entity_id)
            return model.NOT_FOUND if entity is None else (200, entity.shown(times=times))

        path = f"/entities/{entity_id}{'?options=sysAttrs' if times else ''}"
        return Request("GET", path, None, effects.look(find), model.canonical, looks=True)

    def _query(self) -> Request:
        return self.query(self._selection())

    def query(self, selection: Selection) -> Request:
        """What a selection finds."""

        def find(state: State) -> Answer:
            return 200, {one.id: one.shown() for one in state.entities.values() if selection.finds(one)}

        def read(body: Any) -> Any:
            assert len({one["id"] for one in body}) == len(body), f"an Entity comes twice: {body}"
            return {one["id"]: model.canonical(one) for one in body}

        given = {**selection.parameters, "options": "sysAttrs", "limit": "1000"}
        return Request("GET", f"/entities?{urlencode(given)}", None, effects.look(find), read, looks=True)

    def evolution(self, entity_id: str = "") -> Request:
        """All of an evolution."""
        own = entity_id or self._id()

        def find(state: State) -> Answer:
            if own not in state.history:
                return model.NOT_FOUND
            return 200, _by_key(state.history[own])

        path = f"/temporal/entities/{own}?timeproperty=modifiedAt&options=sysAttrs"
        return Request("GET", path, None, effects.look(find), model.canonical_history, looks=True)

    def evolutions(self) -> Request:
        """All evolutions that have anything in them (5.7.4.4)."""
        ids = {*self._ids, *self._more_ids}

        def find(state: State) -> Answer:
            return 200, {name: _by_key(rows) for name, rows in state.history.items() if rows and name in ids}

        def read(body: Any) -> Any:
            return {one["id"]: model.canonical_history(one) for one in body}

        whole = {"timeproperty": "modifiedAt", "timerel": "before", "timeAt": "2999-01-01T00:00:00Z"}
        given = {"type": TYPE, "id": ",".join(ids), "options": "sysAttrs", "limit": "100", **whole}
        return Request("GET", f"/temporal/entities?{urlencode(given)}", None, effects.look(find), read, looks=True)

    # Parts

    def _id(self) -> str:
        return self._random.choice(self._ids)

    def _instances(self, dataset: str | None) -> tuple[dict[str, str], bool]:
        """Parameters that say which instances are deleted, and whether all are."""
        if dataset is not None and self._random.random() < 0.5:
            return {"deleteAll": "true"}, True
        return {} if dataset is None else {"datasetId": dataset}, False

    def _types(self) -> frozenset[str]:
        return self._random.choice(TYPES)

    def _given(self, key: Key) -> Given:
        if key[0] == LOCATION:
            return Given({"type": "Point", "coordinates": [self._random.randrange(4), 0]})
        self._last = next(self._values)
        observed_at = self._random.choice(INSTANTS) if self._random.random() < 0.2 else None
        return Given(self._last, observed_at, self._random.randrange(9) if self._random.random() < 0.1 else None)

    def _fragment(self) -> dict[Key, Given]:
        """Some Attributes, one of which at least has a value that nobody else writes."""
        keys = {self._random.choice(KEYS[:-1]), *self._random.sample(KEYS, self._random.randint(0, 3))}
        return {key: self._given(key) for key in sorted(keys, key=str)}

    def _with_nulls(self) -> dict[Key, Given]:
        fragment = self._fragment()
        key = self._random.choice(KEYS)
        return {key: Given(NULL), **fragment} if self._random.random() < 0.3 else fragment

    def _members(self, fragment: Fragment) -> dict[str, Any]:
        members: dict[str, list[Any]] = {}
        for key, given in fragment.items():
            members.setdefault(key[0], []).append(_instance(key, given))
        return {name: found[0] if len(found) == 1 else found for name, found in members.items()}

    def _entity(self, entity_id: str, types: frozenset[str], fragment: Fragment) -> dict[str, Any]:
        own = sorted(types)
        return {"id": entity_id, "type": own[0] if len(own) == 1 else own, **self._members(fragment)}

    def removal(self) -> Request:
        """Of all Entities."""
        chosen = everything()
        path = f"/entities?{urlencode(chosen.parameters)}"
        return Request("DELETE", path, None, effects.purge(chosen, lambda entity, at: None))

    def _selection(self) -> Selection:
        """By type and values, or the place."""
        last = self._last
        number = max(0, last - self._random.randrange(50))
        place = self._random.randrange(4)
        near = {"georel": "near;maxDistance==1", "geometry": "Point", "coordinates": f"[{place},0]"}
        some = self._random.sample(self._ids, 2)
        compared: list[tuple[Mapping[str, str], Callable[[Entity], bool]]] = [
            ({"q": f"a>={number}"}, lambda one: (one.value("a") or -1) >= number),
            ({"q": f"b=={last}"}, lambda one: one.value("b") == last),
            ({"q": f"a<{number}|b>{number}"}, lambda one: _below(one, "a", number) or (one.value("b") or -1) > number),
            ({"q": "a;b"}, lambda one: one.value("a") is not None and one.value("b") is not None),
            ({"q": "c"}, lambda one: any(key[0] == "c" for key in one.attributes)),
        ]
        others: list[tuple[Mapping[str, str], Callable[[Entity], bool]]] = [
            ({"id": ",".join(some)}, lambda one: one.id in some),
            (near, lambda one: (one.value(LOCATION) or {}).get("coordinates") == [place, 0]),
        ]
        parameters, finds = self._random.choice([*compared, *others] if self._compares else others)
        return Selection({"type": TYPE, **parameters}, finds)


def _by_key(rows: Sequence[tuple[Key, model.Shown]]) -> dict[Key, list[model.Shown]]:
    found: dict[Key, list[model.Shown]] = {}
    for key, one in rows:
        found.setdefault(key, []).append(one)
    return found


def everything() -> Selection:
    """All Entities."""
    return Selection({"type": TYPE}, lambda one: True)


def _below(entity: Entity, name: str, number: int) -> bool:
    value = entity.value(name)
    return value is not None and value < number


def _instance(key: Key, given: Given) -> dict[str, Any]:
    """In normalized form."""
    members = {
        "type": "GeoProperty" if key[0] == LOCATION and given.value != NULL else "Property",
        "value": given.value,
        "observedAt": given.observed_at,
        "datasetId": key[1],
        "inner": None if given.inner is None else {"type": "Property", "value": given.inner},
    }
    return {name: value for name, value in members.items() if value is not None}


def _term(iri: str) -> str:
    return iri.rsplit("/", 1)[1]


def _batch_result(body: Any) -> Any:
    if isinstance(body, list):
        return sorted(body)
    errors = [(one["entityId"], one["error"]["type"].removeprefix(ERRORS)) for one in body["errors"]]
    return sorted(body["success"]), sorted(errors)
