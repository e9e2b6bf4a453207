"""Comparing by meaning."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ldt_conformance.comparators import (
    DEFAULT_VOCABULARY,
    JSONLD_CONTEXT,
    attribute_value,
    date_time_fault,
    entity_differences,
    expand_name,
    find_link,
    instances,
    parse_instant,
    parse_links,
    same_instant,
    same_name,
    same_value,
)

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 — made UTC below
VALUES = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,8}", fullmatch=True)


@given(INSTANTS)
def test_every_written_form_of_an_instant_is_the_same_instant(naive: datetime):
    """Z, an offset, a comma and dropped trailing zeros change nothing about an instant."""
    moment = naive.replace(tzinfo=UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    shifted = moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="microseconds")
    for other in (f"{text}Z", f"{text.replace('.', ',')}Z", shifted):
        assert parse_instant(other) == moment
        assert same_instant(f"{text}Z", other)
    assert date_time_fault(f"{text}Z") is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-05T10:00:00",
        "2026-03-05T10:00:00+02:00",
        "2026-03-05T10:00:00.1234567Z",
        "2026-03-05T10:00:00,5Z",
        "2026-03-05",
        "2026-13-05T10:00:00Z",
        "10 o'clock",
        None,
        5,
    ],
)
def test_a_wrong_form_is_named(text: object):
    """Missing Z, offsets, seven digits, commas, reduced forms and impossible dates are faults in a response."""
    assert date_time_fault(text) is not None


def test_different_instants_differ():
    """A microsecond is a difference; what is no DateTime equals nothing."""
    assert not same_instant("2026-03-05T10:00:00Z", "2026-03-05T10:00:00.000001Z")
    assert not same_instant("now", "now")


@given(VALUES)
def test_a_value_is_the_same_as_itself(value: Any):
    """Comparison is reflexive for every JSON value."""
    assert same_value(value, value)


@given(st.lists(st.integers(), min_size=2, max_size=6, unique=True))
def test_arrays_are_sets_unless_the_standard_orders_them(numbers: list[int]):
    """The order of a value array does not count; that of coordinates and value lists does."""
    turned = numbers[::-1]
    assert same_value(numbers, turned)
    assert not same_value(numbers, turned, "coordinates")
    assert not same_value(numbers, turned, "valueList")
    assert not same_value(numbers, turned[1:])


def test_elements_of_arrays_are_told_apart_as_values_are():
    """False is not 0, whichever comes first."""
    assert not same_value([False, False, 1], [0, False, 1])
    assert not same_value([0, False, 1], [False, False, 1])
    assert same_value([0, False], [False, 0])


def test_instances_are_compared_by_dataset_in_any_order():
    """The default instance is not the one with a datasetId, though both say the same."""
    default = {"type": "Property", "value": 1}
    other = {**default, "datasetId": "urn:ngsi-ld:Dataset:1"}
    entity = {"id": "urn:ngsi-ld:Own:1", "type": "Own"}
    assert not entity_differences({**entity, "speed": [default, other]}, {**entity, "speed": [other, default]})
    assert entity_differences({**entity, "speed": [default, default]}, {**entity, "speed": [other, default]})


@given(VALUES, VALUES)
@example([False, False, 1.0], [0, False, 1.0])
def test_comparison_of_values_is_symmetric(one: Any, other: Any):
    """What differs one way differs the other way."""
    assert same_value(one, other) == same_value(other, one)


def test_numbers_compare_as_numbers_and_booleans_do_not():
    """1 and 1.0 are one value; true is not 1; text is not a number."""
    assert same_value(1, 1.0)
    assert same_value(0.1 + 0.2, 0.3)
    assert not same_value(True, 1)
    assert not same_value("1", 1)
    assert not same_value(1, 1.001)


ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Vehicle:1",
    "type": "Vehicle",
    "speed": {"type": "Property", "value": 55, "unitCode": "KMH", "observedAt": "2026-03-05T10:00:00Z"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
}


def test_an_echo_may_add_generated_members_and_spell_names_in_full():
    """createdAt, a type array, full names, other digits and another spelling of a time are no differences."""
    echoed = {
        "@context": ["https://example.org/c.jsonld"],
        "id": ENTITY["id"],
        "type": [f"{DEFAULT_VOCABULARY}Vehicle"],
        "createdAt": "2026-03-05T10:00:00Z",
        f"{DEFAULT_VOCABULARY}speed": {**ENTITY["speed"], "value": 55.0, "observedAt": "2026-03-05T10:00:00.000Z"},
        "location": ENTITY["location"],
    }
    assert entity_differences(ENTITY, echoed, exact_attributes=True) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"speed": {**ENTITY["speed"], "value": 56}}, "speed.value"),
        ({"speed": {"type": "Property", "value": 55, "observedAt": "2026-03-05T10:00:00Z"}}, "speed.unitCode"),
        ({"speed": {**ENTITY["speed"], "type": "Relationship"}}, "speed.type"),
        ({"location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [2, 1]}}}, "coordinates"),
        ({"type": "Car"}, "type"),
        ({"id": "urn:ngsi-ld:Vehicle:2"}, "id"),
        ({"stowaway": {"type": "Property", "value": 1}}, "stowaway"),
    ],
)
def test_every_kind_of_difference_is_named(change: dict[str, Any], named: str):
    """A wrong value, a lost member, another type, turned coordinates, another id, an extra Attribute: each is told."""
    found = entity_differences(ENTITY, {**ENTITY, **change}, exact_attributes=True)
    assert any(named in line for line in found), found


def test_what_is_no_object_differs():
    """An array, or nothing, is not the Entity."""
    assert entity_differences(ENTITY, [ENTITY])
    assert entity_differences(ENTITY, None)


def test_instances_are_told_apart_by_dataset():
    """A list of instances is compared by what each says, in any order; single and array of one are alike."""
    speeds = [{"type": "Property", "value": 1}, {"type": "Property", "value": 2, "datasetId": "urn:d"}]
    entity = {"id": "urn:a:b", "type": "T", "speed": speeds}
    assert instances(entity, "speed") == {None: speeds[0], "urn:d": speeds[1]}
    assert attribute_value(entity, "speed", "urn:d") == 2
    assert entity_differences(entity, {**entity, "speed": speeds[::-1]}) == []
    assert entity_differences(entity, {**entity, "speed": speeds[:1]})
    assert entity_differences({**entity, "speed": speeds[0]}, {**entity, "speed": speeds[:1]}) == []


@given(NAMES, NAMES)
def test_names_expand_to_one_full_name(name: str, prefix: str):
    """A short name, its compact form and its IRI are one name; a user term moves it elsewhere."""
    full = expand_name(name)
    assert expand_name(full) == full
    if full == f"{DEFAULT_VOCABULARY}{name}":
        assert same_name(name, f"ngsi-ld:default-context/{name}")
        assert expand_name(name, {name: "https://example.org/x"}) == "https://example.org/x"
        assert expand_name(f"{prefix}:{name}", {prefix: "https://example.org/"}) == f"https://example.org/{name}"


def test_core_terms_cannot_be_moved():
    """A user @context has no say over core terms."""
    assert expand_name("location", {"location": "https://example.org/x"}) == "https://uri.etsi.org/ngsi-ld/location"


def test_links_are_found_by_relation_however_they_are_written():
    """Commas in targets, quoted parameters, several relations, white space and several headers do not matter."""
    header = (
        '</ngsi-ld/v1/entities?type=A,B&limit=1&offset=1>; rel=next ; type="application/json", '
        f'<https://example.org/c;v=1.jsonld>;type="application/ld+json"; rel="other {JSONLD_CONTEXT}"; '
        'title="a \\"b\\", c"'
    )
    links = parse_links([header, "<x>; rel=prev", "no link at all"])
    following, context = find_link(links, "NEXT"), find_link(links, JSONLD_CONTEXT)
    assert following is not None
    assert context is not None
    assert following.query() == {"type": "A,B", "limit": "1", "offset": "1"}
    assert (
        following.resolved("http://h:1/ngsi-ld/v1/entities/")
        == "http://h:1/ngsi-ld/v1/entities?type=A,B&limit=1&offset=1"
    )
    assert (context.target, context.parameters["title"]) == ("https://example.org/c;v=1.jsonld", 'a "b", c')
    assert find_link(links, "last") is None


@given(st.text(max_size=60))
def test_any_link_header_can_be_read(text: str):
    """Whatever a target sends, the parser answers with a list."""
    assert isinstance(parse_links(text), list)
