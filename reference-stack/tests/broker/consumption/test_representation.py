"""Representations of Entities, by clause: ETSI GS CIM 009 V1.9.1, clauses 4.5, 4.15, 4.21 and annex C.2."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.ld_context.context import build_context
from ldt_stack.broker.model.attributes import AttributeReader
from ldt_stack.broker.model.names import LOCATION
from ldt_stack.broker.query import parse_lang, parse_projection
from ldt_stack.broker.representation import (
    Allowance,
    Links,
    RenderOptions,
    render_entity,
    render_feature,
    render_feature_collection,
)

VOCABULARY = "https://vehicles.example/"
NAMES = [
    "Vehicle",
    "OffStreetParking",
    "Person",
    "City",
    "brandName",
    "street",
    "isParked",
    "category",
    "tyreTreadDepths",
    "passengers",
    "route",
    "providedBy",
    "ticket",
    "speed",
    "name",
    "Bob",
    "source",
]
CONTEXT = build_context(
    "https://vehicles.example/context.jsonld",
    "https://vehicles.example/context.jsonld",
    [({name: VOCABULARY + name for name in NAMES}, False)],
)
AT = "2026-01-01T00:00:00.000000Z"
TIMES = {"createdAt": AT, "modifiedAt": AT, "instanceId": "urn:ngsi-ld:instance:1"}


def iri(name: str) -> str:
    return CONTEXT.expand_term(name)


POSITION = {"type": "Point", "coordinates": [-8.5, 41.2]}
VEHICLE: dict[str, Any] = {
    "id": "urn:ngsi-ld:Vehicle:A4567",
    "type": [iri("Vehicle")],
    "scope": ["/Madrid"],
    "createdAt": AT,
    "modifiedAt": AT,
    "expiresAt": "2030-01-01T00:00:00Z",
    iri("brandName"): [{"type": "Property", "value": "Mercedes", **TIMES}],
    iri("street"): [{"type": "LanguageProperty", "languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}, **TIMES}],
    iri("isParked"): [
        {
            "type": "Relationship",
            "objectType": iri("OffStreetParking"),
            "object": "urn:ngsi-ld:OffStreetParking:Downtown1",
            "observedAt": "2017-07-29T12:00:04Z",
            **TIMES,
            iri("providedBy"): [{"type": "Relationship", "object": "urn:ngsi-ld:Person:Bob", **TIMES}],
        }
    ],
    iri("category"): [{"type": "VocabProperty", "vocab": "https://vehicles.example/Bob", **TIMES}],
    iri("tyreTreadDepths"): [{"type": "ListProperty", "valueList": [300, 300, 120, 6], "unitCode": "MMT", **TIMES}],
    iri("passengers"): [{"type": "Relationship", "object": ["urn:ngsi-ld:P:Alice", "urn:ngsi-ld:P:Bob"], **TIMES}],
    iri("route"): [{"type": "ListRelationship", "objectList": ["urn:ngsi-ld:C:1", "urn:ngsi-ld:C:2"], **TIMES}],
    iri("ticket"): [{"type": "JsonProperty", "json": {"id": "85a6", "value": 1}, **TIMES}],
    iri("speed"): [
        {"type": "Property", "value": 40, "unitCode": "KMH", **TIMES},
        {"type": "Property", "value": 41, "unitCode": "KMH", "datasetId": "urn:d:gps", **TIMES},
    ],
    LOCATION: [{"type": "GeoProperty", "value": POSITION, **TIMES}],
}


def render(**options: Any) -> dict[str, Any]:
    return render_entity(VEHICLE, CONTEXT, RenderOptions(**options))


def test_normalized() -> None:
    """4.5.2.2 and its siblings: every Attribute with its type, names compacted, no system Attributes unless asked."""
    assert render() == {
        "id": "urn:ngsi-ld:Vehicle:A4567",
        "type": "Vehicle",
        "scope": "/Madrid",
        "brandName": {"type": "Property", "value": "Mercedes"},
        "street": {"type": "LanguageProperty", "languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}},
        "isParked": {
            "type": "Relationship",
            "objectType": "OffStreetParking",
            "object": "urn:ngsi-ld:OffStreetParking:Downtown1",
            "observedAt": "2017-07-29T12:00:04Z",
            "providedBy": {"type": "Relationship", "object": "urn:ngsi-ld:Person:Bob"},
        },
        "category": {"type": "VocabProperty", "vocab": "Bob"},
        "tyreTreadDepths": {"type": "ListProperty", "valueList": [300, 300, 120, 6], "unitCode": "MMT"},
        "passengers": {"type": "Relationship", "object": ["urn:ngsi-ld:P:Alice", "urn:ngsi-ld:P:Bob"]},
        "route": {
            "type": "ListRelationship",
            "objectList": [{"object": "urn:ngsi-ld:C:1"}, {"object": "urn:ngsi-ld:C:2"}],
        },
        "ticket": {"type": "JsonProperty", "json": {"id": "85a6", "value": 1}},
        "speed": [
            {"type": "Property", "value": 40, "unitCode": "KMH"},
            {"type": "Property", "value": 41, "unitCode": "KMH", "datasetId": "urn:d:gps"},
        ],
        "location": {"type": "GeoProperty", "value": POSITION},
    }


def test_concise() -> None:
    """4.5.2.3 and annex C.2.2: no types, bare values where nothing but a value is there."""
    shown = render(format="concise")
    assert shown["brandName"] == "Mercedes"
    assert shown["street"] == {"languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}}
    assert shown["isParked"]["providedBy"] == {"object": "urn:ngsi-ld:Person:Bob"}
    assert "type" not in shown["isParked"]
    assert shown["category"] == {"vocab": "Bob"}
    assert shown["tyreTreadDepths"] == {"valueList": [300, 300, 120, 6], "unitCode": "MMT"}
    assert shown["route"] == {"objectList": ["urn:ngsi-ld:C:1", "urn:ngsi-ld:C:2"]}
    assert shown["ticket"] == {"json": {"id": "85a6", "value": 1}}
    assert shown["speed"] == [
        {"value": 40, "unitCode": "KMH"},
        {"value": 41, "unitCode": "KMH", "datasetId": "urn:d:gps"},
    ]
    assert shown["location"] == POSITION


def test_simplified() -> None:
    """4.5.4: values and objects alone; several instances below "dataset"."""
    assert render(format="simplified") == {
        "id": "urn:ngsi-ld:Vehicle:A4567",
        "type": "Vehicle",
        "scope": "/Madrid",
        "brandName": "Mercedes",
        "street": {"languageMap": {"fr": "Grand Place", "nl": "Grote Markt"}},
        "isParked": "urn:ngsi-ld:OffStreetParking:Downtown1",
        "category": {"vocab": "Bob"},
        "tyreTreadDepths": [300, 300, 120, 6],
        "passengers": ["urn:ngsi-ld:P:Alice", "urn:ngsi-ld:P:Bob"],
        "route": ["urn:ngsi-ld:C:1", "urn:ngsi-ld:C:2"],
        "ticket": {"json": {"id": "85a6", "value": 1}},
        "speed": {"dataset": {"@none": 40, "urn:d:gps": 41}},
        "location": POSITION,
    }


def test_system_attributes() -> None:
    """6.3.11: with sysAttrs createdAt, modifiedAt and expiresAt are there, at every level."""
    shown = render(sys_attrs=True)
    assert (shown["createdAt"], shown["modifiedAt"], shown["expiresAt"]) == (AT, AT, "2030-01-01T00:00:00Z")
    assert shown["brandName"] == {"type": "Property", "value": "Mercedes", "createdAt": AT, "modifiedAt": AT}
    assert shown["isParked"]["providedBy"]["modifiedAt"] == AT
    assert render(sys_attrs=True, instance_ids=True)["brandName"]["instanceId"] == "urn:ngsi-ld:instance:1"


@pytest.mark.parametrize(
    ("options", "members"),
    [
        ({"pick": "id,speed"}, {"id", "speed"}),
        ({"pick": "scope|type"}, {"scope", "type"}),
        ({"pick": "nothing"}, set()),
        ({"pick": "id,speed,street", "omit": "street"}, {"id", "speed"}),
    ],
)
def test_pick_and_omit(options: dict[str, str], members: set[str]) -> None:
    """4.21: an Entity is reduced to the picked members, less the omitted ones."""
    projections = {name: parse_projection(text, CONTEXT) for name, text in options.items()}
    assert render(**projections).keys() == members
    assert render(omit=parse_projection("id,type", CONTEXT)).keys() == render().keys() - {"id", "type"}


def test_attrs_keeps_what_identifies() -> None:
    """6.4.3.2: attrs chooses Attributes; id, type and scope stay."""
    assert render(attributes=frozenset({iri("speed")})).keys() == {"id", "type", "scope", "speed"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"urn:d:gps"}, {"type": "Property", "value": 41, "unitCode": "KMH", "datasetId": "urn:d:gps"}),
        ({"@none"}, {"type": "Property", "value": 40, "unitCode": "KMH"}),
        ({"urn:d:none"}, None),
    ],
)
def test_dataset_ids(wanted: set[str], expected: Any) -> None:
    """4.5.5: only instances of the wanted datasetIds are shown; an Attribute without any is not."""
    assert render(dataset_ids=frozenset(wanted)).get("speed") == expected


def test_language_filter() -> None:
    """4.15: a LanguageProperty becomes a Property in one language, with `lang`."""
    french = parse_lang("fr")
    assert render(language=french)["street"] == {"type": "Property", "value": "Grand Place", "lang": "fr"}
    assert render(language=french, format="concise")["street"] == {"value": "Grand Place", "lang": "fr"}
    assert render(language=french, format="simplified")["street"] == "Grand Place"
    assert render(language=parse_lang("it"))["street"]["lang"] in {"fr", "nl"}


def test_names_without_a_term_are_spelled_out() -> None:
    """5.5.7: what the caller's @context has no term for is shown with its fully qualified name (ruling M16)."""
    shown = render_entity(VEHICLE, core_context(), RenderOptions())
    assert shown["type"] == VOCABULARY + "Vehicle"
    assert VOCABULARY + "speed" in shown
    assert "location" in shown
    assert shown[VOCABULARY + "category"]["vocab"] == "https://vehicles.example/Bob"


def test_geojson() -> None:
    """4.5.16: a Feature with the geometry, and the Attributes below "properties" together with the type."""
    feature = render_feature(VEHICLE, CONTEXT, RenderOptions(attributes=frozenset({iri("brandName")})))
    assert feature == {
        "id": "urn:ngsi-ld:Vehicle:A4567",
        "type": "Feature",
        "geometry": POSITION,
        "properties": {
            "type": "Vehicle",
            "scope": "/Madrid",
            "brandName": {"type": "Property", "value": "Mercedes"},
        },
    }
    simplified = render_feature(VEHICLE, CONTEXT, RenderOptions(format="simplified"))
    assert simplified["properties"]["location"] == POSITION
    assert "id" not in simplified["properties"]
    collection = render_feature_collection([VEHICLE], CONTEXT, RenderOptions())
    assert collection["type"] == "FeatureCollection"
    assert [one["id"] for one in collection["features"]] == ["urn:ngsi-ld:Vehicle:A4567"]


def test_geometry_selection() -> None:
    """4.5.16.1: the default instance, or the one that datasetId names; null where there is no valid geometry."""
    other = {"type": "Point", "coordinates": [1, 2]}
    entity = {
        **VEHICLE,
        LOCATION: [{"type": "GeoProperty", "value": other, "datasetId": "urn:d:x"}, *VEHICLE[LOCATION]],
    }
    assert render_feature(entity, CONTEXT, RenderOptions())["geometry"] == POSITION
    chosen = RenderOptions(dataset_ids=frozenset({"urn:d:x"}))
    assert render_feature(entity, CONTEXT, chosen)["geometry"] == other
    assert render_feature(VEHICLE, CONTEXT, RenderOptions(), iri("speed"))["geometry"] is None
    assert render_feature(VEHICLE, CONTEXT, RenderOptions(), iri("nothing"))["geometry"] is None


def test_inline_links() -> None:
    """4.5.23.2: `entity` and `entityList` hold linked Entities; simplified they stand in place of the URI; no loops."""

    def linked(identifier: str, **attributes: Any) -> dict[str, Any]:
        return {
            "id": identifier,
            "type": [iri("Person")],
            iri("name"): [{"type": "Property", "value": "n"}],
            **attributes,
        }

    back = {iri("passengers"): [{"type": "Relationship", "object": VEHICLE["id"]}]}
    found = {one["id"]: one for one in (linked("urn:ngsi-ld:P:Alice", **back), linked("urn:ngsi-ld:C:2"), VEHICLE)}
    links = Links(found, 2, frozenset({VEHICLE["id"]}), Allowance(10))
    name = {"type": "Property", "value": "n"}
    shown = render(links=links)
    alice = shown["passengers"]["entity"][0]
    assert alice["name"] == name
    assert alice["passengers"] == {"type": "Relationship", "object": VEHICLE["id"]}
    assert shown["route"]["entityList"] == [{"id": "urn:ngsi-ld:C:2", "type": "Person", "name": name}]
    assert "entity" not in shown["isParked"]
    simplified = render(links=links, format="simplified", pick=parse_projection("route{name}", CONTEXT))
    assert simplified == {"route": ["urn:ngsi-ld:C:1", {"name": "n"}]}


def test_rendering_changes_nothing() -> None:
    """What is stored is not modified by showing it."""
    before = copy.deepcopy(VEHICLE)
    for chosen in ("normalized", "concise", "simplified"):
        render_entity(VEHICLE, CONTEXT, RenderOptions(format=chosen, language=parse_lang("fr"), sys_attrs=True))  # type: ignore[arg-type]  # the loop's str
    assert before == VEHICLE


JSON_VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "type", "value", "object", "languageMap", "coordinates"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)
INSTANCES = st.one_of(
    st.builds(lambda value: {"type": "Property", "value": value}, JSON_VALUES),
    st.just({"type": "Property", "value": POSITION}),
    st.just({"type": "GeoProperty", "value": POSITION}),
    st.just({"type": "Relationship", "object": ["urn:a:1", "urn:a:2"]}),
    st.just({"type": "ListRelationship", "objectList": ["urn:a:1"]}),
    st.just({"type": "VocabProperty", "vocab": iri("Bob")}),
    st.builds(lambda value: {"type": "ListProperty", "valueList": value}, st.lists(JSON_VALUES, max_size=3)),
    st.builds(lambda value: {"type": "JsonProperty", "json": {"x": value}}, JSON_VALUES),
    st.just({"type": "LanguageProperty", "languageMap": {"en": ["a", "b"], "@none": "c"}}),
)


@given(INSTANCES, st.sampled_from([{}, {"observedAt": "2017-07-29T12:00:04Z"}, {"datasetId": "urn:d:1"}]))
def test_concise_and_normalized_lose_nothing(instance: dict[str, Any], extra: dict[str, Any]) -> None:
    """4.5.2.1: both are lossless: read back they give the instance that was shown."""
    whole = {**instance, **extra}
    for chosen in ("normalized", "concise"):
        options = RenderOptions(format=chosen)  # type: ignore[arg-type]  # the loop's str
        shown = render_entity({"id": "urn:x:1", "type": [iri("Vehicle")], iri("name"): [whole]}, CONTEXT, options)
        assert AttributeReader(CONTEXT).attribute("name", shown["name"]) == [whole], shown
