"""Properties of reading payloads: concise input means what its normalized form means; answers can be sent back."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model import patch
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.changes import with_times
from ldt_stack.broker.model.entities import Fragment, read_entity, read_fragment
from ldt_stack.broker.model.names import NULL, VALUE_MEMBER
from ldt_stack.broker.model.values import Nulls
from ldt_stack.broker.representation import RenderOptions, render_entity

AT = "2026-01-01T00:00:00.000000Z"
NAMES = st.sampled_from(["speed", "name", "Größe", "a1", "b_2"])
URIS = st.sampled_from(["urn:ngsi-ld:Car:1", "https://example.org/x", "urn:a:b"])
TEXT = st.text(max_size=8).filter(lambda text: text != "urn:ngsi-ld:null")
SCALARS = st.one_of(TEXT, st.integers(-(2**53), 2**53), st.booleans(), st.floats(-1e9, 1e9))
KEYS = st.sampled_from(["street", "city", "k"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)
NUMBERS = st.integers(-90, 90)
POINTS = st.builds(lambda x, y: {"type": "Point", "coordinates": [x, y]}, NUMBERS, NUMBERS)
BARE: dict[str, Any] = {
    "Property": VALUES,
    "GeoProperty": POINTS,
    "Relationship": st.one_of(URIS, st.lists(URIS, min_size=1, max_size=2)),
    "LanguageProperty": st.dictionaries(st.sampled_from(["en", "de-AT", "@none"]), TEXT, min_size=1),
    "VocabProperty": st.one_of(NAMES, st.lists(NAMES, min_size=1, max_size=2)),
    "ListProperty": st.lists(VALUES, max_size=3),
    "ListRelationship": st.lists(URIS.map(lambda uri: {"object": uri}), max_size=3),
    "JsonProperty": st.dictionaries(KEYS, st.one_of(SCALARS, st.none()), max_size=3),
}


def attribute(kind: str, sub: Any) -> Any:
    """Normalized Attributes of a kind, with or without sub-Attributes and an instant."""
    return st.builds(
        lambda value, subs, seen: {"type": kind, VALUE_MEMBER[kind]: value, **seen, **subs},
        BARE[kind],
        sub,
        st.sampled_from([{}, {"observedAt": "2026-01-01T00:00:00Z"}]),
    )


LEAVES = st.one_of(*(attribute(kind, st.just({})) for kind in BARE))
ATTRIBUTES = st.one_of(*(attribute(kind, st.dictionaries(NAMES, LEAVES, max_size=2)) for kind in BARE))
ENTITIES = st.dictionaries(NAMES, ATTRIBUTES, max_size=4).map(
    lambda attributes: {"id": "urn:ngsi-ld:Car:1", "type": "Car", **attributes}
)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def concise(normalized: Any) -> Any:
    """The most concise form of a normalized Attribute (4.5.2.3 and its likes)."""
    kind = normalized["type"]
    value = normalized[VALUE_MEMBER[kind]]
    subs = {
        name: concise(one) for name, one in normalized.items() if isinstance(one, dict) and name != VALUE_MEMBER[kind]
    }
    rest = {**normalized, **subs}
    del rest["type"]
    if kind == "ListRelationship":
        rest["objectList"] = [one["object"] for one in value]
    bare = len(rest) == 1 and kind in {"Property", "GeoProperty"}
    return value if bare else rest


def stored(entity: dict[str, Any]) -> dict[str, Any]:
    """The expanded Entity as it is read back: system times that are those of the Entity may have been left out."""
    return with_times(patch.create(read_entity(entity, AttributeReader(core_context())), AT))


@MANY
@given(ENTITIES)
def test_concise_means_normalized(entity: dict[str, Any]) -> None:
    """The concise form of an Entity is stored exactly as its normalized form."""
    short = {name: concise(one) if isinstance(one, dict) else one for name, one in entity.items()}
    assert stored(short) == stored(entity)


@MANY
@given(ENTITIES)
def test_what_was_stored_is_returned(entity: dict[str, Any]) -> None:
    """The normalized answer is what was sent; sent again, in either representation, it is stored as the same."""
    kept = stored(entity)
    normalized = render_entity(kept, core_context(), RenderOptions())
    assert normalized == entity
    short = render_entity(kept, core_context(), RenderOptions(format="concise"))
    assert stored(normalized) == stored(short) == kept


@MANY
@given(ENTITIES)
def test_the_payload_is_left_alone(entity: dict[str, Any]) -> None:
    """Reading and creating change nothing of what was sent."""
    before = copy.deepcopy(entity)
    stored(entity)
    assert entity == before


@MANY
@given(ENTITIES, ENTITIES)
def test_an_update_leaves_the_rest_alone(one: dict[str, Any], other: dict[str, Any]) -> None:
    """After Update Attributes with another Entity's the rest is kept, and the Entity before is not modified."""
    before = stored(one)
    snapshot = copy.deepcopy(before)
    fragment = read_entity(other, AttributeReader(core_context()))
    after = patch.update(before, fragment, AT).entity
    assert before == snapshot
    for name in set(before) | set(fragment.attributes):
        if name in fragment.attributes:
            assert [i["type"] for i in after[name]] == [i["type"] for i in fragment.attributes[name]]
        elif ":" in name:
            assert after[name] is before[name]


# Parts of Attributes, which a fragment may or may not have: of the right type for some, of the wrong one for others.
PARTS: dict[str, Any] = {
    "type": st.sampled_from(sorted(BARE)),
    "value": st.one_of(VALUES, POINTS, st.just(NULL), st.dictionaries(KEYS, st.just(NULL)), st.just([NULL])),
    "object": st.one_of(URIS, st.just(NULL), st.just([NULL])),
    "languageMap": st.dictionaries(st.sampled_from(["en", "@none"]), st.one_of(TEXT, st.just(NULL), st.just([NULL]))),
    "unitCode": st.sampled_from(["KMH", NULL]),
    "valueType": st.sampled_from(["langString", "speed", NULL]),
    "objectType": st.sampled_from(["Car", NULL]),
    "observedAt": st.sampled_from([AT, NULL]),
    "datasetId": st.sampled_from(["urn:d:1", "@none"]),
}
PART = st.lists(st.sampled_from(sorted(PARTS)), max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: PARTS[name] for name in names})
)
SUBS = st.dictionaries(NAMES, st.one_of(PART, st.just(NULL)), max_size=1)
FRAGMENTS = st.dictionaries(NAMES, st.builds(lambda part, subs: {**part, **subs}, PART, SUBS), min_size=1, max_size=2)


@MANY
@given(ENTITIES, FRAGMENTS, st.booleans())
def test_fragments_leave_entities_that_could_have_been_sent(
    entity: dict[str, Any], payload: dict[str, Any], simplified: bool
) -> None:
    """Whatever is not refused of a merge, or of a partial update, makes an Entity that Create Entity takes."""
    before = stored(entity)
    results = []
    with suppress(BadRequestData):
        reader = AttributeReader(core_context(), Nulls.ANYWHERE, partial=True, simplified=simplified)
        results.append(patch.merge(before, read_fragment(payload, reader), AT, simplified=simplified).entity)
    for name, part in payload.items():
        with suppress(BadRequestData):
            own = AttributeReader(core_context(), Nulls.MEMBER).fragment(name, part)
            iri = core_context().expand_term(name)
            old = [one for one in before.get(iri, ()) if one.get("datasetId") == own.get("datasetId")]
            if old and "@null" not in own:
                changed = patch.partial_update(old[0], own, AT, iri)
                results.append(patch.replace_instance(before, iri, changed, AT))
    for result in results:
        shown = render_entity(result, core_context(), RenderOptions())
        assert render_entity(stored(shown), core_context(), RenderOptions()) == shown


class Counted(dict[str, Any]):
    """An instance that counts how often it is looked at."""

    looks = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.looks += 1
        return super().get(key, default)


def test_a_merge_of_many_instances_looks_at_each_a_few_times() -> None:
    """What it takes grows with the number of instances, not with its square."""
    many = [Counted(type="Property", value=1, datasetId=f"urn:d:{number}") for number in range(300)]
    entity = {"id": "urn:a:1", "type": ["urn:t:1"], "createdAt": AT, "modifiedAt": AT, "urn:a:p": many}
    fragment = Fragment(attributes={"urn:a:p": [{"value": 2, "datasetId": one["datasetId"]} for one in many]})
    Counted.looks = 0
    merged = patch.merge(entity, fragment, AT).entity["urn:a:p"]
    assert [one["value"] for one in merged] == [2] * len(many)
    assert Counted.looks <= 10 * len(many)


@MANY
@given(VALUES, VALUES)
def test_merge_json_is_rfc_7396(target: Any, change: Any) -> None:
    """A merge with itself changes nothing; what is no object replaces; members of objects are united."""
    assert patch.merge_json(target, target) == target
    merged = patch.merge_json(target, change)
    if not isinstance(change, dict):
        assert merged == change
    elif isinstance(target, dict):
        assert set(merged) == set(target) | set(change)
    else:
        assert merged == change
