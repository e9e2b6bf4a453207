"""Types, Scopes, temporal queries, projections, languages, orders and patterns, by clause."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.errors import BadRequestData, OperationNotSupported, TooComplexQuery
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import (
    compile_pattern,
    matches_id_pattern,
    parse_lang,
    parse_ordering,
    parse_projection,
    parse_scope,
    parse_temporal,
    parse_types,
)

CONTEXT = core_context()
IRI = CONTEXT.expand_term


@pytest.mark.parametrize(
    ("text", "types", "expected"),
    [
        ("Building|House", ["House"], True),
        ("Building,House", ["House", "Other"], True),
        ("Building|House", ["Home"], False),
        ("(Home;Vehicle)", ["Vehicle", "Home", "Other"], True),
        ("(Home;Vehicle)", ["Vehicle"], False),
        ("(Home;Vehicle)|Motorhome", ["Motorhome"], True),
        ("(Home;Vehicle),Motorhome", ["Home"], False),
        ("https://e.org/A", ["https://e.org/A"], True),
        ("*", ["Anything"], True),
    ],
)
def test_types(text: str, types: list[str], expected: bool) -> None:
    """4.17: alternatives with | or a comma, conjunctions in parentheses, names or URIs; "*" is every type (5.2.33)."""
    entity = {"type": [IRI(name) for name in types]}
    assert parse_types(text, CONTEXT).matches(entity) is expected


@pytest.mark.parametrize("text", ["", "A;B", "(A", "A)", "A||B", "(A|B)", "1A", "A B", "<x>", ",A", "(A;)", "*,A"])
def test_malformed_types(text: str) -> None:
    """4.17: what is not in the language is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_types(text, CONTEXT)


@pytest.mark.parametrize(
    ("text", "scopes", "expected"),
    [
        ("/Madrid", ["/Madrid"], True),
        ("/Madrid", ["Madrid"], True),
        ("/Madrid", ["/Madrid/Gardens"], False),
        ("/Madrid/Gardens/#", ["/Madrid/Gardens"], True),
        ("/Madrid/Gardens/#", ["/Madrid/Gardens/ParqueNorte/Parterre1"], True),
        ("/Madrid/Gardens/#", ["/Madrid"], False),
        ("/Madrid/Gardens/#", ["/Madrid/GardensOfNone"], False),
        ("/Madrid/+/ParqueNorte", ["/Madrid/Sights/ParqueNorte"], True),
        ("/Madrid/+/ParqueNorte", ["/Madrid/ParqueNorte"], False),
        ("/+/Gardens/#", ["/Porto/Gardens/A"], True),
        ("(/Madrid/Districts;/CompanyA)", ["/CompanyA", "/Madrid/Districts"], True),
        ("(/Madrid/Districts;/CompanyA)", ["/CompanyA"], False),
        ("(/Madrid/Districts;/CompanyA)|CompanyB", ["/CompanyB"], True),
        ("(/Madrid/Districts;/CompanyA),/CompanyB", ["/CompanyC"], False),
        ("/#", ["/Anything/At/All"], True),
        ("/#", [], False),
    ],
)
def test_scopes(text: str, scopes: list[str], expected: bool) -> None:
    """4.19: the examples of the clause, and their opposites."""
    entity = {"scope": scopes} if scopes else {}
    assert parse_scope(text).matches(entity) is expected


@pytest.mark.parametrize("text", ["", "/", "//A", "/A/", "/A;/B", "(/A", "/#/A", "/A/#/B", "/1", "/A B", "#", "+A"])
def test_malformed_scopes(text: str) -> None:
    """4.19: what is not in the language is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_scope(text)


def test_temporal_relations() -> None:
    """4.11: before excludes its bound, after includes it, between includes the start alone; instants, not texts."""
    at, later = "2017-12-13T14:20:00.000000Z", "2017-12-13T14:40:00.000000Z"
    before = parse_temporal("before", "2017-12-13T14:20:00Z")
    after = parse_temporal("after", "2017-12-13T14:20:00.0Z", timeproperty="modifiedAt")
    between = parse_temporal("between", "2017-12-13T14:20:00,0Z", "2017-12-13T14:40:00Z")
    assert [condition.holds(at) for condition in (before, after, between)] == [False, True, True]
    assert [condition.holds(later) for condition in (before, after, between)] == [False, True, False]
    assert before.holds("2017-12-13T14:19:59.999999Z")
    assert (before.timeproperty, after.timeproperty) == ("observedAt", "modifiedAt")


@pytest.mark.parametrize(
    "parts",
    [
        (None, "2017-12-13T14:20:00Z"), ("during", "2017-12-13T14:20:00Z"), ("before", None), ("before", "2017-12-13"),
        ("before", "2017-12-13T14:20:00+01:00"), ("between", "2017-12-13T14:20:00Z"),
        ("between", "2017-12-13T14:20:00Z", "2017-12-13T14:20:00Z"),
        ("after", "2017-12-13T14:20:00Z", "2018-12-13T14:20:00Z"), ("after", "2017-12-13T14:20:00Z", None, "expiresAt"),
    ],
)  # fmt: skip
def test_malformed_temporal_queries(parts: tuple[str | None, ...]) -> None:
    """4.11: a missing, unknown or contradictory part is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_temporal(*parts)


def test_projection() -> None:
    """4.21: names with commas or pipes, entity members by their own names, linked projections in braces."""
    projection = parse_projection("id|temperature,observation{humidity,device{name}}", CONTEXT)
    assert projection.members == {"id", IRI("temperature"), IRI("observation")}
    assert projection.depth == 2
    observation = projection.of_linked(IRI("observation"))
    assert observation is not None
    assert observation.members == {IRI("humidity"), IRI("device")}
    assert projection.of_linked(IRI("temperature")) is None
    assert parse_projection(["temperature", "a{b}"], CONTEXT).depth == 1


def test_terms_of_one_relationship_add_up() -> None:
    """4.21: the elements of a list may name a Relationship twice."""
    assert parse_projection("a{b},a{c{d}},a{c{e}}", CONTEXT) == parse_projection("a{b,c{d,e}}", CONTEXT)


@pytest.mark.parametrize("text", ["", ",", "a,", "a{", "a{}", "a}", "a b", "1a", "a{b}c"])
def test_malformed_projection(text: str) -> None:
    """4.21: what is not in the language is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_projection(text, CONTEXT)


@pytest.mark.parametrize("text", ["id", "a,scope", "a{b}"])
def test_attrs_has_attributes_alone(text: str) -> None:
    """Table 6.5.3.1-1: attrs is pick, "except that id, type, scope are not allowed"."""
    with pytest.raises(BadRequestData):
        parse_projection(text, CONTEXT, parameter="attrs")


@pytest.mark.parametrize(
    ("text", "available", "chosen"),
    [
        ("en", ["fr", "en"], "en"),
        ("fr-CH,fr", ["en", "fr"], "fr"),
        ("EN", ["en"], "en"),
        ("fr-CH", ["en", "fr"], "fr"),
        ("en", ["fr", "en-GB"], "en-GB"),
        ("it", ["fr", "@none"], "@none"),
        ("it", ["fr", "de"], "fr"),
        ("*", ["fr"], "fr"),
        ("de;q=0.1,fr;q=0.9", ["de", "fr"], "fr"),
        ("fr-CH,fr;q=0.9,en;q=0.8,*;q=0.5", ["de", "en"], "en"),
        ("fr;q=0,de", ["fr", "de"], "de"),
        ("fr;q=0,*", ["fr", "de"], "de"),
        ("fr;q=0,*", ["fr-CH", "de"], "de"),
        ("fr;q=0,it", ["fr", "de"], "de"),
        ("fr;q=0,fr-CH", ["fr", "fr-CH"], "fr-CH"),
        ("fr,fr-CA;q=0", ["fr-CA", "fr-CH"], "fr-CH"),
        ("fr;q=0,*", ["fr"], "fr"),
        ("fr;q=0,de;q=0", ["fr", "@none", "it"], "@none"),
        ("fr,*;q=0", ["de"], "de"),
        ("en", [], None),
    ],
)
def test_language_filter(text: str, available: list[str], chosen: str | None) -> None:
    """4.15: the best match by weight; without one, the default language, else any."""
    assert parse_lang(text).choose(available) == chosen


@pytest.mark.parametrize("text", ["", "en;", "en;q=2", "e n", "en,,de", "toolonglanguage"])
def test_malformed_language_filter(text: str) -> None:
    """4.15: what is no list of language ranges is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_lang(text)


def _entities(values: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"urn:x:{n}",
            "type": ["A"],
            **({} if value is ... else {IRI("v"): [{"type": "Property", "value": value}]}),
        }
        for n, value in enumerate(values)
    ]


def _order(order_by: str, values: list[Any], **parameters: Any) -> list[int]:
    entities = parse_ordering(order_by, CONTEXT, **parameters).sort(_entities(values))
    return [int(entity["id"].rpartition(":")[2]) for entity in entities]


def test_order_of_types() -> None:
    """4.23.2: numbers, strings, objects, arrays, Booleans, times, dates, DateTimes, then what does not exist."""
    moment = {"@type": "DateTime", "@value": "2020-01-01T00:00:00Z"}
    day, hour = {"@type": "Date", "@value": "2020-01-01"}, {"@type": "Time", "@value": "10:00:00Z"}
    assert _order("v", [..., moment, day, hour, True, [1], {"a": 1}, "x", 3]) == [8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_moments_are_told_by_their_form() -> None:
    """4.6.3, 4.23.1: a string that is a DateTime, Date or Time sorts as one, in the order of time."""
    assert _order("v", ["2020-01-01T00:00:00.5Z", "2020-01-01", "10:00:00Z", "10", "2020-01-01T00:00:00Z", True]) == [
        3,
        5,
        2,
        1,
        4,
        0,
    ]


def test_ascending_and_descending() -> None:
    """4.23.3: values ascend unless it says desc; what does not exist comes last in both; equal ones by id."""
    assert _order("v", [2, 1, ..., 3, 1]) == [1, 4, 0, 3, 2]
    assert _order("v;desc", [2, 1, ..., 3, 1]) == [3, 0, 1, 4, 2]
    assert _order("id;desc", [1, 1, 1]) == [2, 1, 0]


def test_collation() -> None:
    """4.23.1: letters before accents before case, as the ICU root collation has it; weaker by the collation's tag."""
    assert _order("v", ["b", "a", "Z", "é", "e", "f", "A", "1", "_"]) == [8, 7, 1, 6, 0, 4, 3, 5, 2]
    assert _order("v", ["B", "a", "b"], collation="und-u-ks-level2") == [1, 0, 2]
    with pytest.raises(BadRequestData):
        parse_ordering("v", CONTEXT, collation="no collation!")


def test_letters_of_other_languages_come_where_the_root_collation_has_them() -> None:
    """4.23.1, "a reasonable language-agnostic sort order": ø is an o, ł an l; Latin, then Greek, then Cyrillic."""
    words = ["Zürich", "Москва", "Łódź", "Oslo", "Ørsted", "Ελλάδα", "Aarhus", "Århus", "10", "London", "€", "_"]
    ranked = [words[index] for index in _order("v", words)]
    latin = ["Aarhus", "Århus", "Łódź", "London", "Ørsted", "Oslo", "Zürich"]
    assert ranked == ["_", "€", "10", *latin, "Ελλάδα", "Москва"]


def test_the_german_phone_book_has_its_order() -> None:
    """4.23.3, example 7."""
    names = ["Af", "Äf", "Ad", "Az", "Aeb"]
    assert [names[index] for index in _order("v", names, collation="de-u-co-phonebk")] == [
        "Ad",
        "Aeb",
        "Äf",
        "Af",
        "Az",
    ]
    assert [names[index] for index in _order("v", names, collation="de-DE")] == ["Ad", "Aeb", "Af", "Äf", "Az"]


@pytest.mark.parametrize(
    ("collation", "order"),
    [
        ("und-u-ks-level1", [0, 1, 2, 3]),
        ("und-u-ks-level2", [0, 1, 3, 2]),
        ("und-u-ks-identic", [0, 1, 3, 2]),
        ("und-x-icu", [3, 1, 0, 2]),
        ("en-GB-u-ks-level3-co-standard", [3, 1, 0, 2]),
    ],
)
def test_the_strength_says_what_is_minded(collation: str, order: list[int]) -> None:
    """RFC 6067: level 1 minds letters, level 2 accents too, level 3 case too; what is equal comes by id."""
    words = ["AB", "Ab", "áb", "ab"]
    assert _order("v", words, collation=collation) == order


@pytest.mark.parametrize(
    "collation",
    ["sv", "fr-CA", "en-u-co-phonebk", "de-u-co-eor", "de-u-kn-true", "de-u-kn", "und-u-ks-level4-ka-shifted"],
)
def test_a_collation_that_cannot_be_had_is_refused(collation: str) -> None:
    with pytest.raises(OperationNotSupported, match="cannot sort by"):
        parse_ordering("v", CONTEXT, collation=collation)


@pytest.mark.parametrize(
    "collation",
    ["", "d", "de_DE", "de-", "%", "de-u", "a b", "invalid", "und-u-ks-high", "de-u-co-telefon", "de-u-kn-maybe"],
)
def test_what_is_no_collation_is_refused(collation: str) -> None:
    """5.7.2.4: BadRequestData; also names and values that no collation has."""
    with pytest.raises(BadRequestData):
        parse_ordering("v", CONTEXT, collation=collation)


def test_only_geo_properties_have_a_distance() -> None:
    """4.23.1 and 4.23.2: a geometry that is the value of another Property is a value like others."""
    point = {"type": "Point", "coordinates": [8, 40]}
    held: dict[str, list[dict[str, Any]]] = {
        "geo": [{"type": "GeoProperty", "value": {**point, "coordinates": [9, 40]}}],
        "object": [{"type": "Property", "value": point}],
        "number": [{"type": "Property", "value": 5}],
    }
    entities = [{"id": f"urn:x:{name}", "type": ["A"], IRI("v"): instances} for name, instances in held.items()]
    order = parse_ordering("v;dist-asc", CONTEXT, order_from="[8,40]")
    assert [one["id"] for one in order.sort(entities)] == ["urn:x:geo", "urn:x:number", "urn:x:object"]


def test_order_by_distance() -> None:
    """4.23.3, examples 8 to 10: by Haversine distance; what is no GeoProperty comes after."""

    def place(longitude: float) -> dict[str, Any]:
        held = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [longitude, 40]}}
        return {"id": f"urn:x:{longitude}", "type": ["A"], IRI("location"): [held]}

    entities = [place(9), place(8.1), {"id": "urn:x:none", "type": ["A"]}, place(8.5)]
    near = parse_ordering("location;dist-asc", CONTEXT, order_from="[8,40]").sort(entities)
    far = parse_ordering("location;dist-desc", CONTEXT, order_from=[8, 40]).sort(entities)
    assert [entity["id"] for entity in near] == ["urn:x:8.1", "urn:x:8.5", "urn:x:9", "urn:x:none"]
    assert [entity["id"] for entity in far] == ["urn:x:9", "urn:x:8.5", "urn:x:8.1", "urn:x:none"]
    line = parse_ordering(
        "location;dist-asc", CONTEXT, order_from="[[8.5,40],[8.6,40]]", order_geometry="LineString"
    ).sort(entities)
    assert line[0]["id"] == "urn:x:8.5"
    with pytest.raises(BadRequestData):
        parse_ordering("location;dist-asc", CONTEXT)


@pytest.mark.parametrize("text", ["", "v;up", "v;", "v,,w", "v w", "a{b}"])
def test_malformed_order(text: str) -> None:
    """4.23.3: what is not in the language is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_ordering(text, CONTEXT)


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "(a|b)", "(ab)"])
PATTERNS = st.recursive(
    st.tuples(ATOMS, st.sampled_from(["", "*", "+", "?", "{0,2}", "{2}", "{1,}"])).map("".join),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        inner.map(lambda one: f"({one})*"),
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text("abc", max_size=8), st.sampled_from(["", "^"]), st.sampled_from(["", "$"]))
def test_patterns_agree_with_a_backtracking_engine(pattern: str, text: str, start: str, end: str) -> None:
    """Where both dialects mean the same, the automaton decides as Python's engine does."""
    pattern = f"{start}{pattern}{end}"
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(text) == (re.fullmatch(pattern, text) is not None)
    assert compiled.search(text) == (re.search(pattern, text) is not None)


def test_no_pattern_is_catastrophic() -> None:
    """A pattern that takes a backtracking engine exponential time is decided like any other."""
    text = "a" * 5000
    assert not compile_pattern("(a*)*b").fullmatch(text)
    assert not compile_pattern("(a|a)*(a|a)*b$").search(text)
    with pytest.raises(TooComplexQuery):
        compile_pattern("(a{1000}){1000}")
    with pytest.raises(TooComplexQuery):
        compile_pattern("a" * 600)


def test_posix_classes_and_id_patterns() -> None:
    """IEEE 1003.2 character classes are known; an idPattern may match any part of an id."""
    assert compile_pattern("[[:alpha:]_]+[[:digit:]]{2}").fullmatch("Bus_42")
    assert compile_pattern(r"\d+\.\w").fullmatch("12.x")
    assert matches_id_pattern(".*downtown$", "urn:x:downtown")
    assert matches_id_pattern("Vehicle", "urn:ngsi-ld:Vehicle:1")
    assert not matches_id_pattern("^Vehicle", "urn:ngsi-ld:Vehicle:1")


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("co", ["standard", "phonebk"])
@given(st.lists(st.text(alphabet="aäßZ\u0301\u0000 \U0001f600", max_size=3), max_size=5))
def test_any_texts_can_be_sorted(level: int, co: str, words: list[str]) -> None:
    """Also those that are empty, or have nothing at some level; nothing comes before something."""
    order = _order("v", [*words, ""], collation=f"de-u-co-{co}-ks-level{level}")
    assert sorted(order) == list(range(len(words) + 1))
    assert not any([*words, ""][index].strip("\u0301\u0000") for index in order[: order.index(len(words))])
