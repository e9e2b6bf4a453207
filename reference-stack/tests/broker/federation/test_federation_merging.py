"""One Entity out of several versions: ETSI GS CIM 009 V1.9.1, clauses 4.5.5.2, 4.5.5.3 and 5.7.1.4."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.model.names import is_attribute_key

NOW = "2026-01-01T00:00:00.000000Z"
INSTANT = st.sampled_from(
    ["2020-01-01T00:00:00Z", "2021-01-01T00:00:00.5Z", "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"]
)
INSTANCE = st.fixed_dictionaries(
    {"type": st.just("Property"), "value": st.integers(0, 5)},
    optional={"observedAt": INSTANT, "modifiedAt": INSTANT, "expiresAt": INSTANT, "datasetId": st.just("urn:d:1")},
)
INSTANCES = st.lists(INSTANCE, min_size=1, max_size=2, unique_by=lambda one: one.get("datasetId"))
VERSION = st.fixed_dictionaries(
    {"id": st.just("urn:a:b"), "type": st.lists(st.sampled_from(["x:A", "x:B"]), min_size=1, max_size=2, unique=True)},
    optional={"x:speed": INSTANCES, "x:brand": INSTANCES, "expiresAt": INSTANT, "scope": st.just(["/a"])},
)
VERSIONS = st.lists(VERSION, min_size=1, max_size=4)


def recency(instance: dict[str, Any]) -> tuple[str, str]:
    return tuple(instance.get(member, "").ljust(27, " ") for member in ("observedAt", "modifiedAt"))  # type: ignore[return-value]


def shape(entity: dict[str, Any] | None) -> Any:
    """What of a merged Entity does not depend on chance: not which of equally recent instances was taken."""
    if entity is None:
        return None
    attributes = {
        (name, one.get("datasetId"), recency(one))
        for name, instances in entity.items()
        if is_attribute_key(name)
        for one in instances
    }
    return sorted(entity["type"]), entity.get("expiresAt"), attributes


@given(VERSIONS)
def test_the_order_of_sources_does_not_matter(versions: list[dict[str, Any]]) -> None:
    """But for what the clause leaves to chance."""
    assert shape(merge_entities(versions, [], NOW)) == shape(merge_entities(versions[::-1], [], NOW))


@given(VERSION)
def test_one_version_merged_with_itself_is_itself(version: dict[str, Any]) -> None:
    """Nothing is invented, and nothing lost but what has expired."""
    assert merge_entities([version, version], [], NOW) == merge_entities([version], [], NOW)


@given(VERSIONS)
def test_every_instance_comes_from_a_version_and_is_the_most_recent(versions: list[dict[str, Any]]) -> None:
    """4.5.5.3: by observedAt, "if present, and otherwise" by modifiedAt; none that has expired."""
    merged = merge_entities(versions, [], NOW)
    living = [one for one in versions if one.get("expiresAt", "9") > NOW]
    if merged is None:
        assert not living
        return
    for name in ("x:speed", "x:brand"):
        for instance in merged.get(name, []):
            same = [
                one
                for version in living
                for one in version.get(name, [])
                if one.get("datasetId") == instance.get("datasetId") and one.get("expiresAt", "9") > NOW
            ]
            assert recency(instance) == max(recency(one) for one in same)
            assert instance.get("expiresAt", "9") > NOW
        keys = [one.get("datasetId") for one in merged.get(name, [])]
        assert len(keys) == len(set(keys))


@given(VERSIONS, VERSIONS)
def test_auxiliary_versions_never_override(versions: list[dict[str, Any]], auxiliary: list[dict[str, Any]]) -> None:
    """5.7.1.4: "only when an Attribute is not present in any of the Attribute data received elsewhere"."""
    without, merged = merge_entities(versions, [], NOW), merge_entities(versions, auxiliary, NOW)
    if without is not None:
        assert merged is not None
        assert {name: merged[name] for name in without} == without


@given(VERSIONS)
def test_versions_are_left_as_they_were(versions: list[dict[str, Any]]) -> None:
    """Merging is pure."""
    before = repr(versions)
    merge_entities(versions, versions, NOW)
    assert repr(versions) == before


def test_the_expiry_of_an_entity() -> None:
    """4.5.5.2, 4.5.5.3: carried over to Attributes where versions differ; removed where one has none; else the last."""
    early, late = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"
    one = {"id": "urn:a:b", "type": ["x:A"], "x:speed": [{"type": "Property", "value": 1}], "expiresAt": early}
    other = {"id": "urn:a:b", "type": ["x:A"], "x:brand": [{"type": "Property", "value": 1, "expiresAt": early}]}
    merged = merge_entities([one, other], [], NOW)
    assert merged is not None
    assert "expiresAt" not in merged
    assert merged["x:speed"][0]["expiresAt"] == early
    merged = merge_entities([one, {**other, "expiresAt": late}], [], NOW)
    assert merged is not None
    assert (merged["expiresAt"], merged["x:brand"][0]["expiresAt"]) == (late, early)


def version(**members: Any) -> dict[str, Any]:
    return {"id": "urn:a:b", "type": ["x:A"], **members}


def test_what_an_auxiliary_source_knows_of_expiry_goes_along() -> None:
    """4.5.5.2, 4.5.5.3: onto its Attributes where others know of none; of the Entity where there are no others."""
    late = "2030-01-01T00:00:00Z"
    brand = {"type": "Property", "value": 1}
    helping = version(**{"x:brand": [brand], "expiresAt": late})
    assert merge_entities([], [helping], NOW) == helping
    merged = merge_entities([version(**{"x:speed": [brand]})], [helping], NOW)
    assert merged == version(**{"x:speed": [brand], "x:brand": [{**brand, "expiresAt": late}]})
