"""The NGSI-LD Query Language, by clause: ETSI GS CIM 009 V1.9.1, clause 4.9."""

from __future__ import annotations

from typing import Any

import pytest

from ldt_stack.broker.errors import BadRequestData, TooComplexQuery
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.query import attributes_of, bind_links, link_depth, names_attribute, parse_q
from ldt_stack.broker.query.paths import Link

CONTEXT = core_context()
IRI = CONTEXT.expand_term


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


def entity(**attributes: Any) -> dict[str, Any]:
    expanded = {IRI(name): held if isinstance(held, list) else [held] for name, held in attributes.items()}
    return {"id": "urn:ngsi-ld:T:1", "type": [IRI("T")], "createdAt": "2026-01-01T00:00:00.000000Z", **expanded}


def matches(q: str, **attributes: Any) -> bool:
    return parse_q(q, CONTEXT).matches(entity(**attributes))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("speed", True),
        ("colour", False),
        ("speed==40", True),
        ("speed==40.0", True),
        ("speed==4e1", True),
        ("speed==41", False),
        ('speed=="40"', False),
        ("speed==true", False),
        ("speed!=40", False),
        ("speed!=41", True),
        ('speed!="40"', True),
        ("colour!=1", False),
        ("speed>39.9", True),
        ("speed>40", False),
        ("speed>=40", True),
        ("speed<40", False),
        ("speed<=40", True),
        ('speed>"3"', False),
        ("speed==10..40", True),
        ("speed==-10..39.5", False),
        ("speed!=10..40", False),
        ("speed!=10..39", True),
        ("speed==1,2,40", True),
        ("speed!=1,2,40", False),
        ("speed!=1,2", True),
    ],
)
def test_numbers(q: str, expected: bool) -> None:
    """A number is compared with numbers alone; a bare name asks for existence; != needs the target to exist."""
    assert matches(q, speed=prop(40)) is expected


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('name=="Eiffel Tower"', True),
        ('name=="Pisa","Eiffel Tower"', True),
        ('name=="Pisa", "Eiffel Tower"', True),
        ('name=="A".."F"', True),
        ('name>"Eiffel"', True),
        ('name<"Eiffel"', False),
        ("name~=Eiffel.*", True),
        ("name~=Eiffel", False),
        ('name~="Eif{2}el Tower"', True),
        ("name~=(Eiffel|Pisa) Tower", True),
        ("name!~=Pisa.*", True),
        ("name!~=Eiffel.*", False),
        ("name~=[^;|]*;name", True),
        ('name=="Eiffel\\u0020Tower"', True),
    ],
)
def test_strings(q: str, expected: bool) -> None:
    """Strings are equal by characters, ordered by code point, and match a pattern as a whole (L(R))."""
    assert matches(q, name=prop("Eiffel Tower")) is expected


@pytest.mark.parametrize("q", ["speed~=4.*", "speed!~=4.*", "list~=a", "list!~=a", "rel~=urn.*", "none!~=a"])
def test_pattern_needs_a_string(q: str) -> None:
    """Where the target value is no String, neither a pattern nor its negation matches."""
    held = {"type": "Relationship", "object": "urn:x:1"}
    assert not matches(q, speed=prop(40), list=prop(["a"]), rel=held)


@pytest.mark.parametrize(
    "number", [2**63, 2**64 - 1, 12345678901234567890, -(2**63), -(2**63) + 1, -1234567890123456789, 2**53 + 1]
)
def test_large_integers_are_compared_to_the_last_digit(number: int) -> None:
    """A value is identical to what was stored, whatever a float would make of it."""
    near = number - 1 if number > 0 else number + 1
    assert matches(f"n=={number};n>={number};n<={number};n!={near}", n=prop(number))
    assert not any(matches(q, n=prop(number)) for q in (f"n!={number}", f"n>{number}", f"n<{number}", f"n=={near}"))


def test_booleans() -> None:
    """true and false equal Booleans alone, not 1 and 0."""
    assert matches("open==true", open=prop(True))
    assert not matches("open==true", open=prop(1))
    assert not matches("open==1", open=prop(True))
    assert matches("open!=false", open=prop(True))


def test_arrays() -> None:
    """A value is equal to an array that includes it, and unequal to one that does not."""
    colours = prop(["blue", "red", "green"])
    assert matches('colour=="red"', colour=colours)
    assert matches('colour=="black","red"', colour=colours)
    assert not matches('colour!="red"', colour=colours)
    assert matches('colour!="black","white"', colour=colours)
    assert not matches('colour>"a"', colour=colours)


@pytest.mark.parametrize(
    "value",
    [
        "2018-12-04T12:00:00Z",
        "2018-12-04T12:00:00.0Z",
        {"@type": "DateTime", "@value": "2018-12-04T12:00:00Z"},
        {"@type": "https://uri.etsi.org/ngsi-ld/DateTime", "@value": "2018-12-04T12:00:00.000Z"},
    ],
)
def test_instants_are_compared_in_time(value: Any) -> None:
    """DateTimes are equal and ordered as instants, whatever their fraction and however they are typed."""
    assert matches("testedAt==2018-12-04T12:00:00Z", testedAt=prop(value))
    assert matches("testedAt==2018-12-04T12:00:00.000000Z", testedAt=prop(value))
    assert matches("testedAt<2018-12-04T12:00:00.000001Z", testedAt=prop(value))
    assert matches("testedAt==2018-12-04T11:59:59Z..2018-12-04T12:00:00Z", testedAt=prop(value))
    assert not matches("testedAt>2018-12-04T12:00:00Z", testedAt=prop(value))


def test_dates_and_times() -> None:
    """Dates and times have their own literals."""
    assert matches("on>=2018-12-04", on=prop("2018-12-04"))
    assert not matches("on>=2018-12-04", on=prop("2018-12-04T12:00:00Z"))
    assert matches("at<12:00:00.5Z", at=prop("12:00:00Z"))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("temperature.observedAt>=2017-12-24T12:00:00Z", True),
        ("temperature.observedAt>2017-12-24T12:00:00Z", False),
        ('temperature.observedAt=="2017-12-24T12:00:00.000Z"', True),
        ('temperature.unitCode=="CEL"', True),
        ('temperature.unitCode!="FAR"', True),
        ("temperature.accuracy<0.2", True),
        ("temperature.accuracy.source", True),
        ("temperature.accuracy.unitCode", False),
        ("temperature.observedAt.x", False),
        ("createdAt<2026-01-01T00:00:01Z", True),
        ("modifiedAt", False),
    ],
)
def test_sub_attributes_and_members(q: str, expected: bool) -> None:
    """Each further name of a dotted path is a sub-Attribute or a non-reified member of the one before."""
    accuracy = prop(0.1, **{IRI("source"): [prop("lab")]})
    temperature = prop(20, unitCode="CEL", observedAt="2017-12-24T12:00:00Z", **{IRI("accuracy"): [accuracy]})
    assert matches(q, temperature=temperature) is expected


def test_any_instance_counts() -> None:
    """Of several instances any may hold the target value."""
    speeds = [prop(40), prop(55, datasetId="urn:x:gps")]
    assert matches("speed==55", speed=speeds)
    assert matches("speed!=55", speed=speeds)
    assert not matches("speed>55", speed=speeds)


def test_trailing_path() -> None:
    """Names in square brackets address a member of a compound value; what is undefined does not exist."""
    address = prop({"city": "Berlin", "geo": {"zone": 3}, "none": None})
    assert matches('address[city]=="Berlin"', address=address)
    assert matches("address[geo.zone]==3", address=address)
    assert matches("address[none]", address=address)
    assert not matches("address[street]", address=address)
    assert not matches('address[street]!="x"', address=address)
    assert not matches("address[city.length]", address=address)


def test_trailing_path_behind_a_sub_attribute() -> None:
    """Example 10 of the clause: a sub-Attribute, then a path in its value."""
    raw = prop({"airquality": {"particulate": 40, "PM20": 85}})
    assert matches("sensor.rawdata[airquality.particulate]==40", sensor=prop(40, **{IRI("rawdata"): [raw]}))


def test_json_property() -> None:
    """Example 11: members of a JsonProperty are addressed by the names they have."""
    tickets = {"type": "JsonProperty", "json": {"id": "85a6", "value": "Overstay 60 minutes"}}
    assert matches('parkingTickets[value]=="Overstay 60 minutes"', parkingTickets=tickets)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('color=="red"', True),
        ('color[*]=="red"', True),
        ('color[en]=="red"', True),
        ('color[EN]=="red"', True),
        ('color[fr]=="red"', False),
        ('color[it]!="red"', False),
        ('color[fr]=="chat"', True),
        ('color[fr]!="red"', True),
        ('color!="red"', False),
        ('color!="blue"', True),
        ("color~=ro.*", True),
        ("color!~=ro.*", False),
        ("color[de]", True),
        ("color[it]", False),
    ],
)
def test_language_property(q: str, expected: bool) -> None:
    """Without a language any value of the map is the target (ruling X4); != wants none of them equal."""
    held = {"type": "LanguageProperty", "languageMap": {"fr": ["chat", "rouge"], "en": "red", "de": "rot"}}
    assert matches(q, color=held) is expected


def test_vocab_property() -> None:
    """Example 12: a VocabProperty is compared as the IRI it stands for, terms of the query by way of expandValues."""
    gender = {"type": "VocabProperty", "vocab": IRI("Male")}
    assert matches(f'gender=="{IRI("Male")}"', gender=gender)
    assert matches(f"gender=={IRI('Male')}", gender=gender)
    for q in ("gender==Male", 'gender=="Male"', "gender==Female,Male"):
        assert parse_q(q, CONTEXT, expand_values=["gender"]).matches(entity(gender=gender))
    assert not parse_q("gender!=Male", CONTEXT, expand_values=["gender"]).matches(entity(gender=gender))
    assert not matches('gender=="Male"', gender=gender)


@pytest.mark.parametrize("named", ["gender", "person"])
def test_values_of_a_sub_attribute_are_expanded(named: str) -> None:
    """The list may name the target element itself, or the Attribute that it is below."""
    person = prop("x", **{IRI("gender"): [{"type": "VocabProperty", "vocab": IRI("Male")}]})
    for q in ("person.gender==Male", 'person.gender=="Male"'):
        assert parse_q(q, CONTEXT, expand_values=[named]).matches(entity(person=person))
    with pytest.raises(BadRequestData):
        parse_q("person.gender==Male", CONTEXT, expand_values=["other"])


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('isParked=="urn:ngsi-ld:P:1"', True),
        ("isParked==urn:ngsi-ld:P:1", True),
        ("isParked==URN:ngsi-ld:P:1", True),
        ("isParked==urn:ngsi-ld:P:2,urn:ngsi-ld:P:1", True),
        ("isParked!=urn:ngsi-ld:P:2", True),
        ("isParked!=urn:ngsi-ld:P:1", False),
        ("isParked>urn:ngsi-ld:P:0", None),
        ('isParked>"urn:ngsi-ld:P:0"', False),
        ("passengers==urn:b", True),
        ("passengers!=urn:b", False),
        ("route==urn:c2", True),
        ("isParked", True),
    ],
)
def test_relationships(q: str, expected: bool | None) -> None:
    """Objects are compared as URIs, lists by inclusion; any operator but == and != does not match."""
    attributes = {
        "isParked": {"type": "Relationship", "object": "urn:ngsi-ld:P:1"},
        "passengers": {"type": "Relationship", "object": ["urn:a", "urn:b"]},
        "route": {"type": "ListRelationship", "objectList": [{"object": "urn:c1"}, {"object": "urn:c2"}]},
    }
    if expected is None:
        with pytest.raises(BadRequestData):
            matches(q, **attributes)
    else:
        assert matches(q, **attributes) is expected


def test_list_property() -> None:
    """A ListProperty is its array."""
    depths = {"type": "ListProperty", "valueList": [300, 120, 6]}
    assert matches("depths==120", depths=depths)
    assert not matches("depths!=120", depths=depths)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a==1|b==9;c==9", True),
        ("(a==1|b==9);c==9", False),
        ("a==9;b==9|c==3", True),
        ("((a==1|b==9);(c==3))", True),
        ("(a>=1;a<=2)|b<=0", True),
    ],
)
def test_and_before_or(q: str, expected: bool) -> None:
    """AND binds stronger than OR, parentheses strongest, and they nest (example 6)."""
    assert matches(q, a=prop(1), b=prop(2), c=prop(3)) is expected


def test_linked_entities() -> None:
    """Examples 13 and 14: the term is evaluated on what the Relationship leads to, with or without a type hint."""
    device = entity(humidity=prop(40)) | {"id": "urn:d:1", "type": [IRI("Device")]}
    station = entity(sensor={"type": "Relationship", "object": "urn:d:1"})

    def resolve(links: list[Link]) -> list[dict[str, Any]]:
        return [device] if Link("urn:d:1", annotated=False) in links else []

    for q, expected in (
        ("sensor{humidity}==40", True),
        ("sensor{Device:humidity}>39", True),
        ("sensor{Room,Device:humidity}", True),
        ("sensor{Room:humidity}==40", False),
        ("sensor{humidity}==41", False),
        ("speed|sensor{humidity}~=4.*", False),
    ):
        node = parse_q(q, CONTEXT)
        assert link_depth(node) == 1
        assert bind_links(node, resolve).matches(station) is expected, q
        assert not node.matches(station), "unbound, a linked term matches nothing"
    assert link_depth(parse_q("a{b{c}}==1;d", CONTEXT)) == 2


def test_each_link_of_a_dense_graph_is_followed_once() -> None:
    """At each depth of the path, that is: otherwise a dozen Entities that link to each other would take hours."""
    count, depth = 12, 9
    names = [f"urn:e:{number}" for number in range(count)]
    everybody = {name: entity(to={"type": "Relationship", "object": names}, v=prop(name)) for name in names}
    followed: list[str] = []

    def resolve(links: list[Link]) -> list[dict[str, Any]]:
        followed.extend(link.entity_id for link in links)
        return [everybody[link.entity_id] for link in links]

    node = bind_links(parse_q("to{" * depth + "v" + "}" * depth + '=="none"', CONTEXT), resolve)
    assert not any(node.matches(one) for one in everybody.values())
    assert len(followed) == count * depth


def test_values_of_linked_entities_are_expanded() -> None:
    """expandValues names Attributes; they may be those of a linked Entity."""
    device = entity(category={"type": "VocabProperty", "vocab": IRI("Sensor")}) | {"id": "urn:d:1"}
    station = entity(sensor={"type": "Relationship", "object": "urn:d:1"})
    for q in ("sensor{category}==Sensor", 'sensor{category}=="Meter","Sensor"'):
        node = parse_q(q, CONTEXT, expand_values=["category"])
        assert bind_links(node, lambda links: [device]).matches(station), q


@pytest.mark.parametrize(
    "q",
    [
        "", "(invalidQuery", "speed=40", "speed==", "speed>", "==40", "speed==40;", "speed==40||b", "speed==foo",
        "speed==40)", "speed>true", 'speed=="open', "speed==01", "speed==+1", "speed==2017-13-24T12:00:00Z",
        "speed==1..", "speed==true..false", "speed~=", "speed~=(", "speed~=a**", "1speed", "speed.", "speed[",
        "speed[]", "speed[a", "speed[a][b]", "a{b", "a{}", "a b", "speed>urn:x", "speed==1,", "@id==1", "a==urn:",
    ],
)  # fmt: skip
def test_malformed_is_bad_request(q: str) -> None:
    """What is not in the language is BadRequestData."""
    with pytest.raises(BadRequestData):
        parse_q(q, CONTEXT)


def test_limits() -> None:
    """Too many terms, or too deep, is TooComplexQuery, never a crash."""
    with pytest.raises(TooComplexQuery):
        parse_q(";".join(["a"] * 300), CONTEXT)
    with pytest.raises(TooComplexQuery):
        parse_q("(" * 5000 + "a" + ")" * 5000, CONTEXT)
    with pytest.raises(TooComplexQuery):
        parse_q("a{" * 5000, CONTEXT)


def test_which_attributes_a_query_names() -> None:
    """5.7.2.4 asks for at least one non-system Attribute in a query."""
    node = parse_q("speed>1|createdAt;sensor{x}", CONTEXT)
    assert attributes_of(node) == {IRI("speed"), "createdAt", IRI("sensor")}
    assert names_attribute(node)
    assert not names_attribute(parse_q("createdAt>2020-01-01T00:00:00Z;modifiedAt", CONTEXT))
