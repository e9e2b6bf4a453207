"""An index of values leaves out nothing that a term of `q` matches, whatever path it goes and when it was made."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.query import parse_q
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index, index_name

from .drawn import ATTRIBUTES, CONTEXT, INDEXES, IRI, TEXTS, evaluate, expand, index

ENTITIES = st.lists(
    st.fixed_dictionaries(
        {"type": st.just(["Car"])},
        optional={"a": st.lists(ATTRIBUTES, min_size=1, max_size=2), "b": st.lists(ATTRIBUTES, min_size=1, max_size=1)},
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(ENTITIES, ENTITIES, st.sampled_from(["before", "amid", "after"]))
def test_an_index_leaves_out_nothing(before: list[Any], after: list[Any], made: str) -> None:
    """Every term finds what it finds in memory, also of Entities that were replaced, and of those that went."""
    entities = [expand(number, one) for number, one in enumerate(after)]

    async def run() -> dict[str, list[str]]:
        store = SqliteStore(BrokerSettings())

        def begin(transaction: Transaction) -> None:
            for number, one in enumerate(before):
                transaction.put_entity(expand(number, one))

        def write(transaction: Transaction) -> None:
            for entity in entities:
                transaction.put_entity(entity)
            for number in range(len(entities), len(before)):
                transaction.delete_entity(f"urn:x:{number}")

        try:
            with patch("ldt_stack.broker.store.sqlite.value_index._SLICE", 2):
                reached = await index(store) if made == "before" else {}
                await store.write(None, begin)
                reached = await index(store, once=True) if made == "amid" else reached
                await store.write(None, write)
                await index(store, reached)
            return {text: await _found(store, text) for text in TEXTS}
        finally:
            await store.close()

    found = asyncio.run(run())
    expected = {text: evaluate(entities, EntityQuery(conditions=(parse_q(text, CONTEXT),))) for text in TEXTS}
    assert found == {text: [entity["id"] for entity in some] for text, some in expected.items()}


async def _found(store: SqliteStore, text: str) -> list[str]:
    query = EntityQuery(conditions=(parse_q(text, CONTEXT),))
    return [entity["id"] for entity in (await store.read(None, lambda s: s.query_entities(query))).entities]


def _speed(value: object, **members: object) -> dict[str, object]:
    return {"type": "Property", "value": value, **members}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("term", "attribute"),
    [
        ("speed[unit.name]==7", lambda number: _speed({"unit": {"name": number}})),
        ("speed.accuracy==7", lambda number: _speed(1, **{IRI("accuracy"): [_speed(number)]})),
        ('speed.unitCode=="U7"', lambda number: _speed(1, unitCode=f"U{number}")),
        (
            "speed.observedAt==2026-01-01T00:00:07Z",
            lambda number: _speed(1, observedAt=f"2026-01-01T00:00:{number:02d}Z"),
        ),
    ],
)
async def test_a_path_has_an_index_once_it_was_dear(monkeypatch: pytest.MonkeyPatch, term: str, attribute: Any) -> None:
    """A member of a value, a sub-Attribute, a unit, an instant: the first query has it made, the next looks at few."""
    store = SqliteStore(BrokerSettings())

    def write(transaction: Transaction) -> None:
        for number in range(600):
            times = {"createdAt": "2026-01-01T00:00:00.000000Z", "modifiedAt": "2026-01-01T00:00:00.000000Z"}
            transaction.put_entity(
                {"id": f"urn:x:{number}", "type": [IRI("Car")], **times, IRI("speed"): [attribute(number % 60)]}
            )

    try:
        await store.write(None, write)
        expected = [f"urn:x:{number}" for number in range(7, 600, 60)]
        assert await _found(store, term) == expected
        looked_at = []
        condition = type(parse_q(term, CONTEXT))
        matches = condition.matches
        monkeypatch.setattr(condition, "matches", lambda self, one: looked_at.append(one) or matches(self, one))
        assert await _found(store, term) == expected
        assert len(looked_at) <= len(expected)
    finally:
        await store.close()


@pytest.mark.anyio
async def test_there_are_not_more_indexes_than_writes_can_bear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query of one more path is answered all the same."""
    store = SqliteStore(BrokerSettings())
    monkeypatch.setattr("ldt_stack.broker.store.sqlite.value_index._MOST", len(INDEXES))

    def write(transaction: Transaction) -> None:
        for number in range(300):
            transaction.put_entity(expand(number, {"type": ["Car"], "a": [_speed({"x": number})]}))

    def begin(transaction: Transaction) -> bool:
        assert isinstance(transaction, SqliteTransaction)
        return begin_index(transaction.session, str(index_name(parse_q("a[x]", CONTEXT).path)))

    try:
        await store.write(None, write)
        await index(store)
        assert await _found(store, "a[x]==299") == ["urn:x:299"]
        assert await store.write(None, begin) is False
    finally:
        await store.close()
