"""Entities as the store keeps them: nothing is lost, and what is handed on unread says what is rendered otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.ld_context.context import build_context
from ldt_stack.broker.model.entity_text import split_plain, write_text
from ldt_stack.broker.representation import NORMALIZED, render_entity, render_text
from ldt_stack.broker.store.sqlite.stored import decode_entity, encode_entity

from ..api import API, create
from ..conftest import RunningBroker

AT, LATER = "2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z"
VOCABULARY = "https://vehicles.example/"
CONTEXTS = [
    core_context(),
    build_context({}, None, [({"speed": VOCABULARY + "speed", "veh": VOCABULARY, "tempo": VOCABULARY + "a"}, False)]),
]
# IRIs as @contexts may make them: what JSON writes with a backslash, and what looks like the end of something.
NAMES = st.sampled_from(
    [VOCABULARY + name for name in ("speed", "a", 'q"uote', 'x":[', "back\\slash", "line\nbreak", "größe", "]},")]
    + ["https://uri.etsi.org/ngsi-ld/default-context/" + name for name in ("speed", "type")]
)
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(['"}],"urn:a:b":[{"', "\n", "]}", '\\"', "\u2028", "\x7f"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.one_of(TEXTS, NAMES), inner, max_size=2)),
    max_leaves=4,
)
TIMES = st.sampled_from([{}, {"createdAt": AT, "modifiedAt": AT}, {"createdAt": AT, "modifiedAt": LATER}])
PLAIN = st.one_of(
    VALUES.map(lambda value: {"type": "Property", "value": value}),
    VALUES.map(lambda value: {"type": "JsonProperty", "json": value}),
    TEXTS.map(lambda uri: {"type": "Relationship", "object": uri}),
)
OTHER = st.one_of(
    NAMES.map(lambda name: {"type": "VocabProperty", "vocab": name}),
    NAMES.map(lambda name: {"type": "Relationship", "object": "urn:a:b", "objectType": name}),
    st.just({"type": "ListRelationship", "objectList": ["urn:a:b", "urn:a:c"]}),
    st.just({"type": "LanguageProperty", "languageMap": {"fi": "ä"}}),
    st.just({"type": "Property", "value": 1, "expiresAt": LATER}),
    st.builds(lambda name, sub: {"type": "Property", "value": 1, name: [sub]}, NAMES, PLAIN),
)
MEMBERS = st.sampled_from([{}, {"unitCode": "CEL"}, {"observedAt": AT}, {"datasetId": "urn:d:1"}])
INSTANCES = st.builds(
    lambda instance, members, times: {**instance, **members, **times}, st.one_of(PLAIN, PLAIN, OTHER), MEMBERS, TIMES
)
ENTITIES = st.builds(
    lambda types, more, attributes: {
        "id": "urn:ngsi-ld:Car:1",
        "type": types,
        **more,
        "createdAt": AT,
        "modifiedAt": LATER,
        **attributes,
    },
    st.lists(NAMES, min_size=1, max_size=2, unique=True),
    st.sampled_from([{}, {"scope": ["/a"]}, {"scope": ["/a", "/b"]}, {"expiresAt": LATER}]),
    st.dictionaries(NAMES, st.lists(INSTANCES, min_size=1, max_size=2), max_size=5),
)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BARE = {"id": "urn:a:b", "type": [VOCABULARY + "T"]}


def _without_times(entity: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(json.dumps(entity))
    for name, instances in kept.items():
        for instance in instances if ":" in name else []:
            for time in ("createdAt", "modifiedAt"):
                instance.pop(time, None)
    return kept


@MANY
@given(ENTITIES)
def test_what_is_kept_is_the_entity(entity: dict[str, Any]) -> None:
    """All of it, with the times of each instance; one without times has those of the Entity."""
    decoded = decode_entity(*encode_entity(entity))
    for name, instances in entity.items():
        for instance in instances if ":" in name else []:
            instance.setdefault("createdAt", AT)
            instance.setdefault("modifiedAt", LATER)
    assert decoded == entity


@MANY
@given(ENTITIES, st.sampled_from(CONTEXTS))
@example(BARE, core_context())
@example({**BARE, "createdAt": AT}, core_context())
def test_the_text_is_rendered_as_the_entity_is(entity: dict[str, Any], ld_context: Any) -> None:
    """Normalized, without system times, in any @context; and the text is JSON of the Entity."""
    kept = _without_times(entity)
    text = write_text(*split_plain(kept))
    assert json.loads(text) == kept
    rendered = render_text(text, ld_context)
    assert json.loads(rendered) == render_entity(kept, ld_context, NORMALIZED)
    assert "\n" not in rendered


@pytest.mark.anyio
async def test_answers_from_text_are_those_from_the_entity(running: RunningBroker) -> None:
    """Retrieval and query, in plain JSON, say what they say in JSON-LD; the @context is in the Link header."""
    sub = {"type": "Property", "value": 1, "accuracy": {"type": "Property", "value": 2}}
    two = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d:1"}]
    await create(running.client, speed=sub, name={"type": "Property", "value": 'a"b\n'}, many=two, scope="/a")
    await create(running.client, "urn:ngsi-ld:Car:2")
    for path in ("/entities/urn:ngsi-ld:Car:1", "/entities/urn:ngsi-ld:Car:2", "/entities?type=Car&limit=1&offset=1"):
        plain = await running.client.get(API + path)
        linked = (await running.client.get(API + path, headers={"Accept": "application/ld+json"})).json()
        assert "json-ld#context" in plain.headers["link"]
        for one in linked if isinstance(linked, list) else [linked]:
            del one["@context"]
        assert plain.json() == linked
