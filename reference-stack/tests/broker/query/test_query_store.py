"""The store answers a query as evaluation in memory does: SQL translation, R*Tree, paging and counting."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import matches_id_pattern, parse_geo, parse_ordering, parse_q, parse_scope, parse_types
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, EntitySelector
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index, fill_index

CONTEXT = core_context()
IRI = CONTEXT.expand_term
AT = "2026-01-01T00:00:00.000000Z"
TYPES = ("Car", "Bus", "Room")
VALUES = st.one_of(
    st.integers(-3, 3),
    st.floats(-3, 3).map(lambda number: round(number, 1)),
    st.sampled_from(["a", "b", "", "2026-01-01T00:00:00Z", "2026-01-01"]),
    st.sampled_from(["x" * 64, "x" * 65, "urn:x:1", "URN:x:1", "urn:x:%31", "x" * 64 + ":"]),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2.0**63, 1e300]),
    st.booleans(),
    st.lists(st.sampled_from([1, 2, "a"]), max_size=3),
    st.fixed_dictionaries({"b": st.integers(0, 2)}),
    st.just({"@type": "DateTime", "@value": "2026-01-01T00:00:00.5Z"}),
)
LONGITUDES = st.sampled_from([-179.999, -8.5, 0.0, 8.0, 8.001, 8.01, 179.999])
LATITUDES = st.sampled_from([-89.5, -1.0, 0.0, 40.0, 40.001, 41.0, 89.9])
POINTS = st.tuples(LONGITUDES, LATITUDES).map(list)
GEOMETRIES = st.one_of(
    POINTS.map(lambda point: {"type": "Point", "coordinates": point}),
    st.tuples(POINTS, POINTS).map(lambda ends: {"type": "LineString", "coordinates": list(ends)}),
    st.tuples(st.sampled_from([-9.0, 0.0, 7.0]), st.sampled_from([0.5, 3.0])).map(
        lambda box: {
            "type": "Polygon",
            "coordinates": [
                [[box[0], 39.0], [box[0] + box[1], 39.0], [box[0] + box[1], 41.0], [box[0], 41.0], [box[0], 39.0]]
            ],
        }
    ),
)
ATTRIBUTES = st.one_of(
    VALUES.map(lambda value: {"type": "Property", "value": value}),
    st.sampled_from(["urn:x:0", "urn:x:1", "URN:X:%31"]).map(lambda uri: {"type": "Relationship", "object": uri}),
    st.just({"type": "LanguageProperty", "languageMap": {"en": "a", "fr": ["b", "c"]}}),
    st.just({"type": "Property", "value": "2026-01-01T00:00:00Z", "valueType": "DateTime"}),
    st.just({"type": "VocabProperty", "vocab": IRI("a")}),
    st.just({"type": "ListProperty", "valueList": [1, 2]}),
    GEOMETRIES.map(lambda value: {"type": "GeoProperty", "value": value}),
)
ENTITIES = st.lists(
    st.fixed_dictionaries(
        {"type": st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True)},
        optional={
            "scope": st.lists(st.sampled_from(["/Madrid", "/Madrid/Gardens", "Porto"]), min_size=1, max_size=2),
            "a": st.lists(ATTRIBUTES, min_size=1, max_size=2),
            "b": st.lists(ATTRIBUTES, min_size=1, max_size=1),
            "location": st.lists(
                GEOMETRIES.map(lambda value: {"type": "GeoProperty", "value": value}), min_size=1, max_size=2
            ),
        },
    ),
    min_size=1,
    max_size=8,
)
TERMS = st.one_of(
    st.sampled_from(
        [
            "a",
            "b",
            "c",
            "a[b]",
            "a.c",
            "createdAt",
            "modifiedAt>2027-01-01T00:00:00Z",
            "a~=a.*",
            "a!~=a",
            "b[en]",
            "a==true",
            "a!=true",
            "a==urn:x:1",
            'a=="a","b"',
            "a==1..2",
            'a=="a".."b"',
            "a==URN:x:1",
            "a.modifiedAt>2025-01-01T00:00:00Z",
            "a.createdAt",
            "a!=1..2",
            "a>=2026-01-01T00:00:00Z",
            "b{a}==1",
        ]
    ),
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


def expand(number: int, drawn: dict[str, Any]) -> dict[str, Any]:
    entity: dict[str, Any] = {"id": f"urn:x:{number}", "type": [IRI(name) for name in drawn["type"]]}
    if "scope" in drawn:
        entity["scope"] = drawn["scope"]
    entity |= {"createdAt": AT, "modifiedAt": AT}
    for name in ("a", "b", "location"):
        if name in drawn:
            entity[IRI(name)] = [
                {**instance, "createdAt": AT, "modifiedAt": AT, **({"datasetId": f"urn:d:{index}"} if index else {})}
                for index, instance in enumerate(drawn[name])
            ]
    return entity


def evaluate(entities: list[dict[str, Any]], query: EntityQuery) -> list[dict[str, Any]]:
    """What the clauses say, in memory and without the store."""

    def selected(entity: dict[str, Any]) -> bool:
        return not query.selectors or any(
            (not one.ids or entity["id"] in one.ids)
            and (one.id_pattern is None or matches_id_pattern(one.id_pattern, entity["id"]))
            and (one.types is None or one.types.matches(entity))
            for one in query.selectors
        )

    return [
        entity
        for entity in entities
        if selected(entity)
        and (not query.attributes or any(name in entity for name in query.attributes))
        and all(condition.matches(entity) for condition in query.conditions)
    ]


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
            page = replace(page, entities=[_timed(entity) for entity in page.entities])
            everything = [_timed(entity) for entity in everything]
        assert everything == expected
        assert page.entities == expected[offset : offset + limit]
        assert page.count == (len(expected) if query.count else None)
        assert page.more == (len(expected) > offset + limit)
        assert (texts.more, texts.count) == (page.more, page.count)
        if texts.texts is not None:
            assert [_timed(json.loads(text)) for text in texts.texts] == [_timed(entity) for entity in page.entities]

    asyncio.run(run())


async def index(store: SqliteStore, reached: dict[str, int | None] | None = None, *, once: bool = False) -> Any:
    """Put values into the index, slice by slice or one slice only; goes on where it stopped."""
    reached = reached or {}

    def fill(transaction: Transaction, name: str) -> None:
        assert isinstance(transaction, SqliteTransaction)
        if name not in reached:
            begin_index(transaction.session, IRI(name))
        reached[name] = fill_index(transaction.session, IRI(name), reached.get(name) or 0)

    for name in ("a", "b"):
        while reached.get(name, 0) is not None:
            await store.write(None, partial(fill, name=name))
            if once:
                break
    return reached


def _timed(entity: dict[str, Any]) -> dict[str, Any]:
    """With the system times that all instances of this module have."""
    return {
        name: [{**one, "createdAt": AT, "modifiedAt": AT} for one in value] if ":" in name else value
        for name, value in entity.items()
    }
