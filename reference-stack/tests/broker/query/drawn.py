"""Entities and conditions to draw from, what the clauses say of them in memory, and how values come into the index."""

from __future__ import annotations

from functools import partial
from typing import Any

from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import matches_id_pattern, parse_q
from ldt_stack.broker.store.data import EntityQuery
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.transaction import SqliteTransaction
from ldt_stack.broker.store.sqlite.value_index import begin_index, fill_index, index_name

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
INSTANTS = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-02T00:00:00Z"]
PLAIN = {"type": "Property", "createdAt": AT, "modifiedAt": AT}
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
    st.sampled_from(INSTANTS).map(lambda at: {"type": "Property", "value": 1, "observedAt": at}),
    st.builds(
        lambda value, unit: {"type": "Property", "value": 1, "unitCode": unit, IRI("c"): [{**PLAIN, "value": value}]},
        VALUES,
        st.sampled_from(["CEL", "KMH"]),
    ),
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
TEXTS = [
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
    "a[b]==1",
    "a[b]>=1",
    "a[b]!=1",
    'b[en]=="a"',
    'b[*]=="b"',
    'b[fr]>"b"',
    "a.c",
    "a.c==1",
    "a.c>0",
    "a.c[b]<2",
    'a.c=="a",true',
    'a.unitCode=="CEL"',
    "a.observedAt>2026-01-01T00:00:00Z",
    "a.observedAt<=2026-01-01T00:00:00.500000Z",
    "a.observedAt==2026-01-01T00:00:00Z,2026-01-02T00:00:00Z",
    "a.observedAt==2026-01-01T00:00:00Z..2026-01-01T23:00:00Z",
    "a.observedAt==2026-01-01",
    "a.observedAt==1",
]


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


PATHS = ("a", "b", "a[b]", "a.c", "a.c[b]", "b[en]", "b[*]", "b[fr]", "a.unitCode", "a.observedAt")
INDEXES = ["scope", *(str(index_name(parse_q(path, CONTEXT).path)) for path in PATHS)]


async def index(store: SqliteStore, reached: dict[str, int | None] | None = None, *, once: bool = False) -> Any:
    """Put values into the index, slice by slice or one slice only; goes on where it stopped."""
    reached = reached or {}

    def fill(transaction: Transaction, name: str) -> None:
        assert isinstance(transaction, SqliteTransaction)
        if name not in reached:
            begin_index(transaction.session, name)
        reached[name] = fill_index(transaction.session, name, reached.get(name) or 0)

    for name in INDEXES:
        while reached.get(name, 0) is not None:
            await store.write(None, partial(fill, name=name))
            if once:
                break
    return reached


def timed(entity: dict[str, Any]) -> dict[str, Any]:
    """With the system times that all instances drawn here have."""
    return {
        name: [{**one, "createdAt": AT, "modifiedAt": AT} for one in value] if ":" in name else value
        for name, value in entity.items()
    }
