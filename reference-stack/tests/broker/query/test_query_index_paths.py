"""An index of values leaves out nothing that a term of `q` matches, whatever path it goes and when it was made."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.query import parse_q, parse_scope
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index, index_name

from .drawn import AT, ATTRIBUTES, CONTEXT, INDEXES, IRI, PLAIN, TEXTS, evaluate, expand, index

LONG = "x" * 40
ENTITY_SCOPES = ["/Madrid", "Madrid/Gardens", "/Madrid/Gardens/Retiro", "/Madrid2", "/Madr", f"/{LONG}/{LONG}/{LONG}"]
SCOPE_QUERIES = ["/Madrid", "Madrid", "/Madrid/#", "/#", "/+", "/+/Gardens", "/Madrid/+", "/Madrid/+/Retiro", "/+/#"]
SCOPE_QUERIES += ["(/Madrid;/Madrid2)", "(/Madrid/#;/Madr)", "/Lyon|/Madrid/Gardens", "/Madrid/Gardens/#,/Madr"]
SCOPE_QUERIES += [f"/{LONG}/#", f"/{LONG}/{LONG}/#", f"/{LONG}/{LONG}/{LONG}", f"/{LONG}/+/{LONG}", f"/{LONG}/{LONG}/y"]
CONDITIONS = {text: parse_q(text, CONTEXT) for text in TEXTS} | {text: parse_scope(text) for text in SCOPE_QUERIES}
ENTITIES = st.lists(
    st.fixed_dictionaries(
        {"type": st.just(["Car"])},
        optional={
            "a": st.lists(ATTRIBUTES, min_size=1, max_size=2),
            "b": st.lists(ATTRIBUTES, min_size=1, max_size=1),
            "scope": st.lists(st.sampled_from(ENTITY_SCOPES), min_size=1, max_size=2, unique=True),
        },
    ),
    min_size=1,
    max_size=5,
)


def _speed(value: object, **members: object) -> dict[str, object]:
    return {IRI("speed"): [{"type": "Property", "value": value, **members}]}


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
            return {text: await _found(store, condition) for text, condition in CONDITIONS.items()}
        finally:
            await store.close()

    found = asyncio.run(run())
    expected = {text: evaluate(entities, EntityQuery(conditions=(one,))) for text, one in CONDITIONS.items()}
    assert found == {text: [entity["id"] for entity in some] for text, some in expected.items()}


async def _found(store: SqliteStore, condition: Any) -> list[str]:
    query = EntityQuery(conditions=(condition,))
    return [entity["id"] for entity in (await store.read(None, lambda s: s.query_entities(query))).entities]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("condition", "members"),
    [
        (parse_q("speed[unit.name]==7", CONTEXT), lambda n: _speed({"unit": {"name": n}})),
        (parse_q("speed.accuracy==7", CONTEXT), lambda n: _speed(1, **{IRI("accuracy"): [PLAIN | {"value": n}]})),
        (parse_q('speed.unitCode=="U7"', CONTEXT), lambda n: _speed(1, unitCode=f"U{n}")),
        (
            parse_q("speed.observedAt==2026-01-01T00:00:07Z", CONTEXT),
            lambda n: _speed(1, observedAt=f"2026-01-01T00:00:{n:02d}Z"),
        ),
        (parse_scope("/Madrid/S7/#"), lambda n: {"scope": [f"/Madrid/S{n}/A"]}),
    ],
)
async def test_what_was_dear_has_an_index(monkeypatch: pytest.MonkeyPatch, condition: Any, members: Any) -> None:
    """A member of a value, a sub-Attribute, a unit, an instant, a Scope: the first query has it made, the next one
    looks at few."""
    store = SqliteStore(BrokerSettings())

    def write(transaction: Transaction) -> None:
        for number in range(600):
            times = {"createdAt": AT, "modifiedAt": AT}
            transaction.put_entity({"id": f"urn:x:{number}", "type": [IRI("Car")], **times, **members(number % 60)})

    try:
        await store.write(None, write)
        expected = [f"urn:x:{number}" for number in range(7, 600, 60)]
        assert await _found(store, condition) == expected
        looked_at = []
        kind = type(condition)
        matches = kind.matches
        monkeypatch.setattr(kind, "matches", lambda self, one: looked_at.append(one) or matches(self, one))
        assert await _found(store, condition) == expected
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
            transaction.put_entity(
                expand(number, {"type": ["Car"], "a": [{"type": "Property", "value": {"x": number}}]})
            )

    def begin(transaction: Transaction) -> bool:
        assert isinstance(transaction, SqliteTransaction)
        return begin_index(transaction.session, str(index_name(parse_q("a[x]", CONTEXT).path)))

    try:
        await store.write(None, write)
        await index(store)
        assert await _found(store, parse_q("a[x]==299", CONTEXT)) == ["urn:x:299"]
        assert await store.write(None, begin) is False
    finally:
        await store.close()
