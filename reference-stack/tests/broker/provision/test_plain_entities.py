"""Entities that are nothing but plain take a shorter way: it leads to the same place as the long one."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.entities import read_entity
from ldt_stack.broker.model.plain import plain_entity, read_plain

from ..conftest import API, Clock, running_broker
from ..store.database_dump import assert_forms_hold, dump

INSTANTS = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-02T00:00:00.123456Z"])
TEXTS = st.sampled_from(["", "a", 'quoted "GeoProperty"', "GeoProperty", "Größe", "urn:ngsi-ld:null", "\n", "%b"])
SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), TEXTS, st.floats(-10, 10))
POINTS = st.sampled_from(
    [
        {"type": "Point", "coordinates": [8, 49]},
        {"type": "Point", "coordinates": [9.5, -49, 100]},
        {"type": "LineString", "coordinates": [[8, 49], [9, 50]]},
        {"type": "Point", "coordinates": [8, 149]},
    ]
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.sampled_from("ab"), SCALARS), POINTS)


def members(**fixed: Any) -> Any:
    """Attributes with members that may be there, in any order."""
    optional = {
        "observedAt": st.one_of(INSTANTS, INSTANTS, st.sampled_from(["2026-01-01T00:00:00,5Z", "no instant"])),
        "unitCode": st.sampled_from(["CEL", "CEL", "KMH", ""]),
        "datasetId": st.sampled_from(["urn:a:b", "@none"]),
        "accuracy": st.just({"type": "Property", "value": 1}),
    }
    rare = {name: st.one_of(st.none(), st.none(), values) for name, values in optional.items()}
    rare["observedAt"] = st.one_of(st.none(), optional["observedAt"])
    whole = st.fixed_dictionaries(fixed | rare)
    kept = whole.map(lambda found: {name: value for name, value in found.items() if value is not None})
    return kept.flatmap(lambda found: st.permutations(list(found.items())).map(dict))


PLAIN = st.one_of(
    st.builds(lambda value: {"type": "Property", "value": value}, SCALARS),
    st.builds(lambda value, at: {"type": "Property", "value": value, "observedAt": at}, SCALARS, INSTANTS),
    st.builds(lambda value: {"type": "GeoProperty", "value": value}, POINTS),
    st.just({"type": "Relationship", "object": "urn:ngsi-ld:Car:2"}),
)
ATTRIBUTES = st.one_of(
    PLAIN,
    PLAIN,
    PLAIN,
    members(type=st.just("Property"), value=VALUES),
    members(type=st.just("GeoProperty"), value=POINTS),
    members(type=st.just("Relationship"), object=st.sampled_from(["urn:a:b", "no uri"])),
    members(value=VALUES),
    st.just({"type": "LanguageProperty", "languageMap": {"en": "x"}}),
    SCALARS,
)
NAMES = st.sampled_from(["speed", "name", "location", "https://example.org/100%25", "observationSpace", "speed "])
IDS = st.sampled_from(["urn:ngsi-ld:Car:1", "urn:ngsi-ld:Car:2", 'urn:ngsi-ld:Car:"3"', "no uri"])
TYPES = st.sampled_from(["Car", "Car", "Bus", ["Car"], ["Car", "Bus"], "https://example.org/Car"])


def entities(ids: Any, attributes: Any) -> Any:
    """Payloads of Entities; few have a scope or expire."""
    extra = st.sampled_from([{}, {}, {}, {}, {"scope": "/a"}, {"expiresAt": "2999-01-01T00:00:00Z"}])
    return st.builds(
        lambda identifier, types, found, more: {"id": identifier, "type": types, **found, **more},
        ids,
        TYPES,
        st.dictionaries(NAMES, attributes, max_size=4),
        extra,
    )


KEPT_IDS = st.sampled_from(["urn:ngsi-ld:Car:1"] * 3 + ["urn:ngsi-ld:Car:%b"])
LINES = [{"type": "LineString", "coordinates": [[x + step / 8, 49] for step in range(40)]} for x in (8, 9)]
PLACES = st.sampled_from([{"type": "Point", "coordinates": [x, 49]} for x in (8, 9)] + LINES)
VALID = st.one_of(
    st.builds(lambda value: {"type": "Property", "value": value}, st.sampled_from([1, 2, True, "GeoProperty", "%b"])),
    st.builds(lambda value, at: {"type": "Property", "value": value, "observedAt": at}, st.integers(1, 2), INSTANTS),
    st.builds(lambda value: {"type": "GeoProperty", "value": value}, PLACES),
    st.just({"type": "Relationship", "object": "urn:ngsi-ld:Car:2"}),
)
UNUSUAL = st.sampled_from(
    [
        {"type": "Property", "value": 1, "datasetId": "urn:a:b"},
        [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:a:b"}],
        {"type": "Property", "value": 1, "accuracy": {"type": "Property", "value": 2}},
        {"type": "Property", "value": [{"type": "GeoProperty"}]},
        {"type": "LanguageProperty", "languageMap": {"en": "x"}},
        {"type": "Property", "value": 1, "expiresAt": "2999-01-01T00:00:00Z"},
        {"value": 3},
    ]
)


SHAPE = ["speed", "https://example.org/100%25", "place"]
EXPIRED = {"expiresAt": "2020-01-01T00:00:00Z"}
EXTRA = st.sampled_from([{"scope": "/a"}, {"expiresAt": "2999-01-01T00:00:00Z"}, EXPIRED])


ANY_ENTITY = st.builds(
    lambda identifier, types, found, more: {"id": identifier, "type": types, **found, **more},
    KEPT_IDS,
    st.sampled_from(["Car", ["Car", "Bus"]]),
    st.dictionaries(st.sampled_from(SHAPE), st.one_of(VALID, UNUSUAL), min_size=1),
    st.one_of(st.just({}), EXTRA),
)


def cars(names: list[str], attributes: Any) -> Any:
    """Entities that have just these Attributes."""
    return st.builds(
        lambda identifier, found: {"id": identifier, "type": "Car", **found},
        KEPT_IDS,
        st.fixed_dictionaries(dict.fromkeys(names, attributes)),
    )


@st.composite
def several_requests(draw: st.DrawFn) -> list[Any]:
    """Most of them about Entities with the same Attributes, as the short way needs them."""
    names = SHAPE[: draw(st.integers(1, len(SHAPE)))]
    alike, unusual = cars(names, VALID), st.one_of(cars(names, UNUSUAL), ANY_ENTITY)
    entity = st.integers(0, 15).flatmap(lambda number: unusual if number == 15 else alike)
    batch = st.builds(
        lambda name, some: ("POST", f"/entityOperations/{name}", some),
        st.sampled_from(["upsert"] * 12 + ["create", "upsert?options=update", "update", "merge"]),
        st.lists(entity, min_size=1, max_size=3),
    )
    single = st.one_of(
        st.builds(lambda one: ("POST", "/entities", one), entity),
        st.builds(lambda one: ("PUT", f"/entities/{quote(one['id'])}", one), entity),
        st.builds(lambda one: ("POST", "/entityOperations/delete", [one]), KEPT_IDS),
    )
    request = st.integers(0, 3).flatmap(lambda number: single if number == 3 else batch)
    return draw(st.lists(request, min_size=4, max_size=12))


MANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class _Steps(Clock):
    """A clock that shows another microsecond each time, and the same ones to everybody."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __call__(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=next(self._numbers))


@contextmanager
def long_way() -> Iterator[None]:
    """Nothing counts as plain."""
    with ExitStack() as stack:
        for name in ("recording.plain_entity", "provision.batch.read_plain", "provision.entities.read_plain"):
            stack.enter_context(patch(f"ldt_stack.broker.operations.{name}", lambda *_: None))
        yield


async def _answers(directory: Path, requests: list[Any]) -> tuple[list[Any], Any]:
    """What the requests are answered with, and what is kept in the end."""
    async with running_broker(_Steps(), data_dir=directory, expiry_sweep_seconds=3600.0) as running:
        answers = [await running.client.request(method, API + path, json=body) for method, path, body in requests]
        found = [(one.status_code, one.text) for one in answers]
        stored = await running.client.get(f"{API}/entities?local=true&options=sysAttrs")
    return found, (stored.json(), dump(directory / "default.sqlite"))


def _one_by_one(*attributes: Any) -> list[Any]:
    """An Entity with one Attribute, replaced by others."""
    return [("POST", "/entityOperations/upsert", [_car(x=one)]) for one in attributes]


def _car(**members: Any) -> Any:
    return {"id": "urn:a:b", "type": "Car", **members}


@given(requests=several_requests(), indexed=st.booleans())
@example(
    _one_by_one(
        {"type": "Property", "value": 1}, {"type": "Property", "value": 1, "datasetId": "urn:a:b"}, 2, {"value": 3}
    ),
    False,
)
@example(
    _one_by_one(
        {"type": "Property", "value": 1, "datasetId": "urn:a:b"},
        {"type": "Property", "value": 1},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [8, 49]}},
        {"type": "Property", "value": 1},
    ),
    True,
)
@example([("POST", "/entities", one) for one in (_car(x=1, **EXPIRED), _car(x={"type": "Property", "value": 1}))], True)
@MANY
def test_both_ways_lead_to_the_same_database(requests: list[Any], indexed: bool) -> None:
    """Answers, current state, indexes and history are equal, row by row."""

    def run(directory: str) -> Any:
        path = Path(directory)
        if indexed:
            asyncio.run(_index(path))
        return asyncio.run(_answers(path, requests))

    with TemporaryDirectory() as short, TemporaryDirectory() as long:
        found = run(short)
        assert_forms_hold(Path(short) / "default.sqlite")
        with long_way():
            expected = run(long)
    assert found == expected


async def _index(directory: Path) -> None:
    """Have the values of an Attribute indexed."""
    async with running_broker(_Steps(), data_dir=directory) as running:
        await running.broker.store.index_values(None, ["https://uri.etsi.org/ngsi-ld/default-context/speed"])


@given(payload=st.one_of(entities(IDS, ATTRIBUTES), entities(IDS, PLAIN), cars(SHAPE, VALID)))
@settings(max_examples=500, deadline=None)
def test_what_is_read_at_once_is_what_reading_in_full_says(payload: Any) -> None:
    """Where the short look says that an Entity is plain, it is valid, and this one."""
    context = core_context()
    try:
        expected = plain_entity(read_entity(payload, AttributeReader(context)))
    except BadRequestData:
        expected = None
    found = read_plain(payload, context)
    event("plain" if found else "not plain")
    assert found == expected or (found is None and expected is not None and _is_unusual(payload))


def _is_unusual(payload: Any) -> bool:
    """What the short look leaves to the long one, though it is plain."""
    return isinstance(payload["type"], list)


def test_a_plain_entity_is_seen_as_such() -> None:
    """Else every test here would compare the long way with itself."""
    payload = {"id": "urn:ngsi-ld:Car:1", "type": "Car", "speed": {"type": "Property", "value": 1}}
    context = core_context()
    expected = plain_entity(read_entity(payload, AttributeReader(context)))
    assert expected is not None
    assert read_plain(payload, context) == expected
    assert expected.fragment == read_entity(payload, AttributeReader(context))
    assert read_entity(expected.payload, AttributeReader(context)) == expected.fragment


@pytest.mark.anyio
async def test_what_was_there_is_told_though_rows_are_written_at_once(running: Any, receiver: Any) -> None:
    """A notification tells the value before, which nobody had to read for the replacement itself."""
    subscription = {
        "type": "Subscription",
        "entities": [{"type": "Car"}],
        "notification": {"endpoint": {"uri": receiver.url()}, "showChanges": True},
    }
    assert (await running.client.post(f"{API}/subscriptions", json=subscription)).status_code == 201
    with patch("ldt_stack.broker.store.sqlite.pending._MANY", 0):
        for value in (1, 2):
            batch = [_car(speed={"type": "Property", "value": value})]
            await running.client.post(f"{API}/entityOperations/upsert", json=batch)
    told = await receiver.wait(2)
    assert told[1].body["data"][0]["speed"] == {"type": "Property", "value": 2, "previousValue": 1}
