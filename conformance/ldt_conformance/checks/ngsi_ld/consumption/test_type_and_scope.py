"""Type selection and Scope queries: ETSI GS CIM 009 V1.9.1, clauses 4.17 and 4.19, through Query Entities (5.7.2)."""

from collections.abc import Mapping

from ldt_conformance import Broker, Entity
from ldt_conformance.checks.ngsi_ld.consumption.queries import query_check

TYPES = ["ngsi-ld/4.17"]
SCOPES = ["ngsi-ld/4.19"]
TYPE_PICS = ["PICS_TYPESELECTLANG", "PICS_QueEnt_AND_QueEntPos"]
SCOPE_PICS = ["PICS_SCOPESELECTLANG"]


def homes(broker: Broker) -> Mapping[str, Entity]:
    """A is a Home, B a Home and a Vehicle, C a Motorhome."""
    home, vehicle, motorhome = (broker.new_type(name) for name in ("Home", "Vehicle", "Motorhome"))
    return {
        "A": Entity(broker.new_id("Home"), home),
        "B": Entity(broker.new_id("Home"), (home, vehicle)),
        "C": Entity(broker.new_id("Home"), motorhome),
    }


def parks(broker: Broker) -> Mapping[str, Entity]:
    """Entities in Scopes of different depth; D is in none."""
    base = broker.new_entity("Park")
    return {
        "A": base.with_scope("/Madrid/Gardens/ParqueNorte"),
        "B": base.with_id(broker.new_id("Park")).with_scope("/Madrid/Gardens"),
        "C": base.with_id(broker.new_id("Park")).with_scope("/CompanyA/OrganizationB", "/Madrid/Districts"),
        "D": base.with_id(broker.new_id("Park")),
    }


test_one_type = query_check(
    id="type-selection/one",
    title="One type selects the Entities that have it, possibly among others",
    population=homes,
    params={"type": "{type_A_0}"},
    expected="AB",
    clause=("4.17", "Entities that have the specified Entity Type(s), possibly among others."),
    requirements=TYPES,
    test_purposes=["CI/Cons/E/019_08_01"],
    pics=TYPE_PICS,
    since="1.5.1",
)
test_and = query_check(
    id="type-selection/and",
    title="(A;B) selects the Entities that have both types",
    population=homes,
    params={"type": "({type_B_0};{type_B_1})"},
    expected="B",
    clause=("4.17", "each element can either directly be an Entity Type or a conjunction of multiple Entity Types."),
    requirements=TYPES,
    test_purposes=["CI/Cons/E/019_08_02"],
    pics=TYPE_PICS,
    since="1.5.1",
)
test_or = query_check(
    id="type-selection/or",
    title="A|B selects the Entities that have either type",
    population=homes,
    params={"type": "{type_B_1}|{type_C_0}"},
    expected="BC",
    clause=("4.17", "Entity Types are specified as a disjunction of elements"),
    requirements=TYPES,
    test_purposes=["CI/Cons/E/019_08_03"],
    pics=TYPE_PICS,
    since="1.5.1",
)
test_comma = query_check(
    id="type-selection/comma",
    title="A,B means the same as A|B",
    population=homes,
    params={"type": "{type_B_1},{type_C_0}"},
    expected="BC",
    clause=("4.17", "a comma can be used as an alternative representation of the or operator."),
    requirements=TYPES,
    test_purposes=["CI/Cons/E/019_08_04"],
    pics=TYPE_PICS,
)
test_both = query_check(
    id="type-selection/and-or",
    title="(A;B)|C combines both",
    population=homes,
    params={"type": "({type_B_0};{type_B_1})|{type_C_0}"},
    expected="BC",
    clause=("4.17", "For logical and grouping parenthesis are needed."),
    requirements=TYPES,
    test_purposes=["CI/Cons/E/019_08_05"],
    pics=TYPE_PICS,
    since="1.5.1",
)
test_full_scope = query_check(
    id="scope-query/full",
    title="A Scope selects the Entities in that very Scope",
    population=parks,
    params={"scopeQ": "/Madrid/Gardens"},
    expected="B",
    clause=("4.19", "It is intended to select only those Entities that are within the specified Scope(s)."),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
test_plus = query_check(
    id="scope-query/plus",
    title="+ stands for any one level",
    population=parks,
    params={"scopeQ": "/Madrid/+/ParqueNorte"},
    expected="A",
    clause=("4.19", 'The "+" can be used as a wildcard to match a single scope level within a Scope.'),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06#2"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
test_hash = query_check(
    id="scope-query/hash",
    title="/# at the end matches the Scope and everything below",
    population=parks,
    params={"scopeQ": "/Madrid/Gardens/#"},
    expected="AB",
    clause=("4.19", "matches the given scope and the whole hierarchy of scopes below."),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06#3"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
test_non_empty = query_check(
    id="scope-query/non-empty",
    title="/# alone matches every Entity that is in some Scope",
    population=parks,
    params={"scopeQ": "/#"},
    expected="ABC",
    clause=("4.19", 'The "/#" matches any non-empty scope'),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06#4"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
test_and_scope = query_check(
    id="scope-query/and",
    title="(A;B) selects the Entities in both Scopes",
    population=parks,
    params={"scopeQ": "(/Madrid/Districts;/CompanyA/OrganizationB)"},
    expected="C",
    clause=("4.19", "each element can either directly be a Scope or a conjunction of multiple Scopes."),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06#5"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
test_or_scope = query_check(
    id="scope-query/or",
    title="A comma selects the Entities in either Scope",
    population=parks,
    params={"scopeQ": "/Madrid/Gardens,/CompanyA/OrganizationB"},
    expected="BC",
    clause=("4.19", "a comma can be used as an alternative representation of the or operator."),
    requirements=SCOPES,
    test_purposes=["CI/Cons/E/019_01_06#6"],
    pics=SCOPE_PICS,
    since="1.5.1",
)
