"""The store answers a query as evaluation in memory does: SQL translation, R*Tree, paging and counting."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.query import parse_geo, parse_ordering, parse_q, parse_scope, parse_types
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore

from .drawn import CONTEXT, ENTITIES, GEOMETRIES, IRI, TEXTS, evaluate, expand, index, timed

TERMS = st.one_of(
    st.sampled_from(TEXTS),
    st.builds(
        lambda name, operator, value: f"{name}{operator}{value}",
        st.sampled_from(["a", "b"]),
        st.sampled_from(["==", "!=", ">", ">=", "<", "<="]),
        st.sampled_from(["1", "-2", "0.5", '"a"', '""', "2026-01-01T00:00:00Z", "9223372036854775808", "9.3e18"])
        | st.sampled_from(['"' + "x" * 64 + '"', '"' + "x" * 65 + '"', '"2026-01-01T00:00:00Z"', '"urn:x:1"']),
    ),
)
QUERIES = st.recursive(
    TERMS,
    lambda inner: st.tuples(st.lists(inner, min_size=2, max_size=3), st.sampled_from(";|")).map(
        lambda parts: f"({parts[1].join(parts[0])})"
    ),
    max_leaves=4,
)
RELATIONS = st.one_of(
    st.sampled_from(["within", "contains", "overlaps", "intersects", "equals", "disjoint"]),
    st.builds(
        lambda kind, metres: f"near;{kind}=={metres}",
        st.sampled_from(["maxDistance", "minDistance"]),
        st.sampled_from([1, 150, 2000, 100_000, 9_000_000]),
    ),
)
CONDITIONS = st.lists(
    st.one_of(
        QUERIES.map(lambda text: parse_q(text, CONTEXT)),
        st.sampled_from(["/Madrid", "/Madrid/#", "/#", "/+/Gardens", "(/Madrid;/Porto)", "/Lyon|Porto"]).map(
            parse_scope
        ),
        st.builds(
            lambda relation, geometry, name: parse_geo(
                relation, geometry["type"], geometry["coordinates"], name, ld_context=CONTEXT
            ),
            RELATIONS,
            GEOMETRIES,
            st.sampled_from([None, "a"]),
        ),
    ),
    max_size=2,
)
# What a plan calls few, or the first: some of all Entities, so that each way to begin is taken.
SIZES = st.fixed_dictionaries(
    {
        "_FEW": st.sampled_from([0, 1, 2000]),
        "_MORE": st.sampled_from([0, 2, 2000]),
        "_VERY_FEW": st.sampled_from([0, 1, 100]),
        "_FIRST": st.sampled_from([1, 4, 1000]),
        "_FIRST_CHECKED": st.sampled_from([1, 4, 1000]),
    }
)
SELECTORS = st.lists(
    st.builds(
        EntitySelector,
        st.lists(st.sampled_from([f"urn:x:{n}" for n in range(9)]), max_size=3).map(tuple),
        st.sampled_from([None, "x:[1-4]$", "^urn:x:", "7|2"]),
        st.sampled_from([None, "Car", "Bus|Room", "(Car;Bus)", "*", "Plane", "Car,(Bus;Room)"]).map(
            lambda text: None if text is None else parse_types(text, CONTEXT)
        ),
    ),
    max_size=2,
).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    ENTITIES,
    SELECTORS,
    st.lists(st.sampled_from(["a", "b", "c"]).map(IRI), max_size=2).map(tuple),
    CONDITIONS,
    st.integers(0, 4),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from([None, "a;desc", "b,a", "location;dist-asc"]),
    SIZES,
    st.booleans(),
    st.sampled_from(["never", "before", "amid", "after"]),
)
def test_store_agrees_with_memory(
    drawn: list[dict[str, Any]],
    selectors: tuple[EntitySelector, ...],
    attributes: tuple[str, ...],
    conditions: list[Any],
    offset: int,
    limit: int,
    count: bool,
    order: str | None,
    sizes: dict[str, int],
    instance_times: bool,
    indexed: str,
) -> None:
    """Entities, their order, the page, whether more follow and the count are those of evaluation in memory.

    Wherever a plan begins, and also where system times of instances are not asked for;
    whenever the values came into the index.
    """
    entities = [expand(number, one) for number, one in enumerate(drawn)]
    ordering = () if order is None else (parse_ordering(order, CONTEXT, order_from=[8, 40]),)
    query = EntityQuery(
        selectors, attributes, tuple(conditions), ordering, offset, limit, count or not limit, instance_times
    )
    expected = evaluate(entities, query)
    for one in ordering:
        expected = one.sort(expected)

    async def run() -> None:
        store = SqliteStore(BrokerSettings())
        try:

            def begin(transaction: Transaction) -> None:
                for entity in entities:  # to be replaced: by itself, and by what its neighbour was
                    transaction.put_entity({**entity, IRI("location"): [], "type": [IRI("Other")]})

            def write(transaction: Transaction) -> None:
                for entity, neighbour in zip(entities, (*entities[1:], *entities[:1]), strict=True):
                    transaction.put_entity({**neighbour, "id": entity["id"]})
                    transaction.put_entity({**entity, "id": "urn:x:gone"})
                transaction.delete_entity("urn:x:gone")
                for entity in entities:
                    transaction.put_entity(entity)

            with patch("ldt_stack.broker.store.sqlite.value_index._SLICE", 2):
                reached = await index(store) if indexed == "before" else {}
                await store.write(None, begin)
                reached = await index(store, once=True) if indexed == "amid" else reached
                await store.write(None, write)
                if indexed != "never":
                    await index(store, reached)
            with patch.multiple("ldt_stack.broker.store.sqlite.planning", **sizes):
                page, everything = await store.read(
                    None, lambda s: (s.query_entities(query), list(s.iterate_entities(query)))
                )
                texts = await store.read(None, lambda s: s.query_entities(replace(query, as_text=True)))
        finally:
            await store.close()
        if not instance_times:  # may be left out; then it is nothing but them
            page = replace(page, entities=[timed(entity) for entity in page.entities])
            everything = [timed(entity) for entity in everything]
        assert everything == expected
        assert page.entities == expected[offset : offset + limit]
        assert page.count == (len(expected) if query.count else None)
        assert page.more == (len(expected) > offset + limit)
        assert (texts.more, texts.count) == (page.more, page.count)
        if texts.texts is not None:
            assert [timed(json.loads(text)) for text in texts.texts] == [timed(entity) for entity in page.entities]

    asyncio.run(run())
