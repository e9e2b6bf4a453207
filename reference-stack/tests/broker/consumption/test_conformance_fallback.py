"""Notifications as an earlier version of the specification knew them: clause 4.3.6.8."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.representation import RenderOptions, render_entity
from ldt_stack.broker.representation.conformance import amend_entity, parse_version

IRI = "https://uri.etsi.org/ngsi-ld/default-context/"
ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Car:1",
    "type": [IRI + "Car", IRI + "Vehicle"],
    "scope": ["/a"],
    "expiresAt": "2030-01-01T00:00:00Z",
    IRI + "speed": [
        {"type": "Property", "value": 2, "datasetId": "urn:d"},
        {
            "type": "Property", "value": 1, "unitCode": "KMH", "observedAt": "2026-01-01T00:00:00Z",
            "expiresAt": "2030-01-01T00:00:00Z", "valueType": "xsd:integer",
            IRI + "note": [{"type": "JsonProperty", "json": {"a": 1}}],
        },
    ],
    IRI + "name": [{"type": "LanguageProperty", "languageMap": {"en": "x"}, "previousLanguageMap": {"en": "y"}}],
    IRI + "kind": [{"type": "VocabProperty", "vocab": [IRI + "fast", IRI + "red"], "previousVocab": IRI + "slow"}],
    IRI + "list": [{"type": "ListProperty", "valueList": [1, 2]}],
    IRI + "wheels": [{"type": "ListRelationship", "objectList": ["urn:w:1", "urn:w:2"], "objectType": [IRI + "W"]}],
}  # fmt: skip


def shown(version: str) -> dict[str, Any]:
    """The Entity as a receiver of that version sees it, normalized."""
    amended = amend_entity(ENTITY, parse_version(version), core_context())
    return render_entity(amended, core_context(), RenderOptions(sys_attrs=True))


def test_the_present_version_needs_no_change() -> None:
    """1.9 is what we speak; nothing is taken away."""
    assert amend_entity(ENTITY, (1, 9), core_context()) == ENTITY


def test_before_1_9_nothing_expires() -> None:
    """expiresAt and valueType came with 1.9."""
    entity = shown("1.8.1")
    assert "expiresAt" not in entity
    assert not {"expiresAt", "valueType"} & entity["speed"][1].keys()
    assert entity["kind"]["type"] == "VocabProperty"


def test_before_1_8_newer_attribute_types_are_properties_and_relationships() -> None:
    """JsonProperty, VocabProperty, ListProperty, ListRelationship are reformatted, at every level."""
    entity = shown("1.7")
    assert entity["kind"] == {"type": "Property", "value": ["fast", "red"], "previousValue": "slow"}
    assert entity["list"] == {"type": "Property", "value": [1, 2]}
    assert entity["wheels"] == {"type": "Relationship", "object": ["urn:w:1", "urn:w:2"]}
    assert entity["speed"][1]["note"] == {"type": "Property", "value": {"a": 1}}
    assert entity["name"]["type"] == "LanguageProperty"
    assert entity["scope"] == "/a"


def test_before_1_4_there_are_neither_scopes_nor_languages() -> None:
    """A LanguageProperty is a Property whose value is the language map."""
    entity = shown("1.3")
    assert "scope" not in entity
    assert entity["name"] == {"type": "Property", "value": {"en": "x"}, "previousValue": {"en": "y"}}
    assert len(entity["speed"]) == 2


def test_before_1_3_there_is_one_of_everything() -> None:
    """One type, one instance (the default one), no datasetId, unitCode, observedAt."""
    entity = shown("1.0")
    assert entity["type"] == "Car"
    assert entity["speed"] == {"type": "Property", "value": 1, "note": {"type": "Property", "value": {"a": 1}}}


@pytest.mark.parametrize("version", ["1.0", "1.2", "1.3", "1.6.1", "1.8", "1.9"])
def test_amending_twice_changes_nothing_more(version: str) -> None:
    """What fits a version stays."""
    once = amend_entity(ENTITY, parse_version(version), core_context())
    assert amend_entity(once, parse_version(version), core_context()) == once
