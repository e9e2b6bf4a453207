"""The query language: ETSI GS CIM 009 V1.9.1, clause 4.9, through Query Entities (5.7.2)."""

from collections.abc import Mapping

from ldt_conformance import Broker, Entity
from ldt_conformance.checks.ngsi_ld.consumption.queries import query_check
from ldt_conformance.checks.ngsi_ld.given import LATER, OBSERVED
from ldt_conformance.clients import property_

Q = ["ngsi-ld/4.9"]


def towers(broker: Broker) -> Mapping[str, Entity]:
    """A Eiffel Tower, B Pisa Tower, C London Eye, D a hut without most Attributes."""
    base = broker.new_entity("Building")
    return {
        "A": base.with_property("label", "Eiffel Tower")
        .with_property("almostFull", False)
        .with_property("airQuality", 4, observed_at=OBSERVED)
        .with_property("postal", {"city": "Paris", "place": {"floor": 2}})
        .with_property("colours", ["brown", "gold"])
        .with_relationship("locatedIn", "urn:ngsi-ld:City:Paris"),
        "B": base.with_id(broker.new_id("Building"))
        .with_property("label", "Pisa Tower")
        .with_property("almostFull", True)
        .with_property("airQuality", 6, observed_at=LATER, precision=property_(2))
        .with_property("postal", {"city": "Pisa"})
        .with_property("colours", ["white"])
        .with_relationship("locatedIn", "urn:ngsi-ld:City:Pisa"),
        "C": base.with_id(broker.new_id("Building"))
        .with_property("label", "London Eye")
        .with_property("almostFull", False)
        .with_property("airQuality", 7.5)
        .with_property("colours", "white")
        .with_relationship("locatedIn", "urn:ngsi-ld:City:London"),
        "D": base.with_id(broker.new_id("Building")).with_property("hut", True).with_property("airQuality", "six"),
    }


def words(broker: Broker) -> Mapping[str, Entity]:
    """A and B differ in a LanguageProperty."""
    base = broker.new_entity("Sign")
    return {
        "A": base.with_language_property("colour", {"en": "red", "fr": "rouge"}),
        "B": base.with_id(broker.new_id("Sign")).with_language_property("colour", {"en": "black", "de": "red"}),
        "C": base.with_id(broker.new_id("Sign")).with_language_property("colour", {"en": "white"}),
    }


test_equal_string = query_check(
    id="query-language/equal-string",
    title="q: equality with a string",
    population=towers,
    params={"q": 'label=="Eiffel Tower"'},
    expected="A",
    clause=("4.9", "Is identical or equivalent to the target value"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_01"],
)
test_equal_number = query_check(
    id="query-language/equal-number",
    title="q: equality with a number",
    population=towers,
    params={"q": "airQuality==4"},
    expected="A",
    clause=("4.9", "Is identical or equivalent to the target value"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_06"],
)
test_equal_boolean = query_check(
    id="query-language/and",
    title="q: a semicolon is a logical AND",
    population=towers,
    params={"q": "airQuality>=6;almostFull==true"},
    expected="B",
    clause=("4.9", "The production rule andOp defines a logical AND operator"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_02", "CI/Cons/E/019_09_03"],
)
test_and_none = query_check(
    id="query-language/and-none",
    title="q: an AND whose terms no Entity meets together gives nothing",
    population=towers,
    params={"q": 'label=="Pisa Tower";almostFull==false'},
    expected="",
    clause=(
        "4.9",
        "those which meet at the same time the conditions posed by all the Query Terms affected by such an operator.",
    ),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_02"],
)
test_or = query_check(
    id="query-language/or",
    title="q: a vertical bar is a logical OR",
    population=towers,
    params={"q": 'label=="Pisa Tower"|almostFull==false'},
    expected="ABC",
    clause=("4.9", "The production rule orOp defines a logical OR operator"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_04"],
)
test_group = query_check(
    id="query-language/group",
    title="q: parentheses are evaluated first",
    population=towers,
    params={"q": '(label=="Pisa Tower"|label=="Eiffel Tower");almostFull==false'},
    expected="A",
    clause=("4.9", "Query Terms shall always take precedence over individual, non-associated Query Terms."),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_05"],
)
test_precedence = query_check(
    id="query-language/precedence",
    title="q: without parentheses AND is evaluated before OR",
    population=towers,
    params={"q": 'label=="Eiffel Tower"|almostFull==true;airQuality==7.5'},
    expected="A",
    clause=("4.9", "logical AND operator shall take precedence over the logical OR operator."),
    requirements=Q,
)
test_interval = query_check(
    id="query-language/greater-equal-less",
    title="q: greater-or-equal and less bound an interval; a string is never in it",
    population=towers,
    params={"q": "airQuality>=4;airQuality<7"},
    expected="AB",
    clause=("4.9", "the target value shall be strictly less than the value"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_07"],
)
test_greater = query_check(
    id="query-language/greater-less-equal",
    title="q: greater is strict and less-or-equal is not",
    population=towers,
    params={"q": "airQuality>4;airQuality<=7.5"},
    expected="BC",
    clause=("4.9", "the target value has to be strictly greater than the Query Term value"),
    requirements=Q,
)
test_range = query_check(
    id="query-language/range",
    title="q: a range matches the values between its ends, both included",
    population=towers,
    params={"q": "airQuality==4..6"},
    expected="AB",
    clause=("4.9", "The target value is in the interval between the minimum and maximum of the range (both included)"),
    requirements=Q,
)
test_value_list = query_check(
    id="query-language/value-list",
    title="q: equality with a list of values matches any of them",
    population=towers,
    params={"q": 'label=="Pisa Tower","London Eye"'},
    expected="BC",
    clause=("4.9", "The target value is identical or equivalent to any of the list values"),
    requirements=Q,
)
test_unequal = query_check(
    id="query-language/unequal",
    title="q: inequality matches other values, and not Entities without the Attribute",
    population=towers,
    params={"q": 'label!="Eiffel Tower"'},
    expected="BC",
    clause=(
        "4.9",
        "Unequal operator (production rule named unequal). A matching entity shall contain the target element",
    ),
    requirements=Q,
)
test_array = query_check(
    id="query-language/array",
    title="q: equality with a string matches an array that includes it",
    population=towers,
    params={"q": 'colours=="white"'},
    expected="BC",
    clause=("4.9", "Is included in the target value, if the latter is an array"),
    requirements=Q,
)
test_existence = query_check(
    id="query-language/existence",
    title="q: a bare name matches the Entities that have the Attribute",
    population=towers,
    params={"q": "postal"},
    expected="AB",
    clause=(
        "4.9",
        "When a Query Term only defines an attribute path (production rule named Attribute), the matching Entities",
    ),
    requirements=Q,
)
test_relationship = query_check(
    id="query-language/relationship",
    title="q: equality with a URI matches the object of a Relationship",
    population=towers,
    params={"q": "locatedIn==urn:ngsi-ld:City:Pisa"},
    expected="B",
    clause=("4.9", "If the target element is a Relationship, the target object is defined as the object associated"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_08"],
)
test_relationship_none = query_check(
    id="query-language/relationship-none",
    title="q: equality with a URI that no Relationship points to gives nothing",
    population=towers,
    params={"q": "locatedIn==urn:ngsi-ld:City:Rome"},
    expected="",
    clause=("4.9", "If the target element is a Relationship, the target object is defined as the object associated"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_09"],
)
test_relationship_two = query_check(
    id="query-language/relationship-or",
    title="q: two Relationship terms joined by OR match the objects of either",
    population=towers,
    params={"q": "locatedIn==urn:ngsi-ld:City:Pisa|locatedIn==urn:ngsi-ld:City:Paris"},
    expected="AB",
    clause=("4.9", "The production rule orOp defines a logical OR operator"),
    requirements=Q,
    test_purposes=["CI/Cons/E/019_09_10"],
)
test_compound = query_check(
    id="query-language/compound-value",
    title="q: a path in square brackets leads into a compound value",
    population=towers,
    params={"q": 'postal[city]=="Pisa"'},
    expected="B",
    clause=(
        "4.9",
        "implementations shall support queries involving specific data subitems belonging to a Property Value",
    ),
    requirements=Q,
)
test_sub_attribute_time = query_check(
    id="query-language/observed-at",
    title="q: a dotted path leads to the observation time, and times compare as times",
    population=towers,
    params={"q": "airQuality.observedAt>=2026-03-05T10:30:00Z"},
    expected="B",
    clause=("4.9", "When comparing dates or times, the order relation considered shall be a temporal one."),
    requirements=Q,
)
test_sub_attribute = query_check(
    id="query-language/sub-attribute",
    title="q: a dotted path leads to a Property of a Property",
    population=towers,
    params={"q": "airQuality.precision==2"},
    expected="B",
    clause=("4.9", "Each other name (if present) represents a (sub)Property or (sub)Relationship"),
    requirements=Q,
)
test_pattern = query_check(
    id="query-language/pattern",
    title="q: a pattern matches strings",
    population=towers,
    params={"q": "label~=.*Tower.*"},
    expected="AB",
    clause=(
        "4.9",
        "Match pattern (production rule named patternOp). A matching entity shall contain the target element",
    ),
    requirements=Q,
)
test_not_pattern = query_check(
    id="query-language/not-pattern",
    title="q: a negated pattern matches the other strings, and not Entities without the Attribute",
    population=towers,
    params={"q": "label!~=.*Tower.*"},
    expected="C",
    clause=(
        "4.9",
        "Do not match pattern (production rule named notPatternOp). A matching entity shall contain the target element",
    ),
    requirements=Q,
)
test_language_any = query_check(
    id="query-language/language-any",
    title="q: without a language any value of a language map may match",
    population=words,
    params={"q": 'colour=="red"'},
    expected="AB",
    clause=(
        "4.9",
        "no target language is specified, the target value is defined as a value from any of the key-value pairs",
    ),
    requirements=[*Q, "ngsi-ld/4.5.18"],
    since="1.8.1",
)
test_language_one = query_check(
    id="query-language/language-one",
    title="q: with a language that language's value must match",
    population=words,
    params={"q": 'colour[en]=="red"'},
    expected="A",
    clause=(
        "4.9",
        "If the target element is a LanguageProperty and a target language is specified, the target value is defined",
    ),
    requirements=[*Q, "ngsi-ld/4.5.18"],
    since="1.8.1",
)
