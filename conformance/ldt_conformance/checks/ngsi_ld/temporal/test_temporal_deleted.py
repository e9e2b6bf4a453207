"""What a Temporal Evolution says of deleted Attributes: ETSI GS CIM 009 V1.9.1, clauses 4.5.7, 4.5.8, 4.5.18 and 4.18.

That changes of the current state are recorded at all is a recommendation (4.3.1, ruling M27): where nothing of the
deletion is found there is a warning. What is found must be an NGSI-LD Null of the Attribute's own kind, with deletedAt.
The Entity is created by the core API (the test purposes create its history alone and then delete from the core).
"""

from collections.abc import Callable, Mapping
from typing import Any

from ldt_conformance import Broker, Entity, Reason, check
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import PARKING, stored
from ldt_conformance.checks.ngsi_ld.temporal.histories import DECLARED, eventually, instances, shown
from ldt_conformance.clients import LANGUAGE_NULL, NGSI_LD_NULL
from ldt_conformance.comparators import date_time_fault
from ldt_conformance.engine.verdicts import fail, warn
from ldt_conformance.expectations import expect_equal, require

RETRIEVE = ["PICS_TemEvoEntRet"]
DELETED = {"timeproperty": "deletedAt", "timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
PROPERTY = cim009(
    "4.5.7", "In case the Property is deleted, an instance of the Property is recorded with its value set"
)
RELATIONSHIP = cim009("4.5.8", "an instance of the Relationship")
LANGUAGE_PROPERTY = cim009(
    "4.5.18.2", "to indicate a deletion in notifications and in temporal evolutions for encoding"
)
SCOPE = cim009("4.18", "shall be only used and only appear in case of deleted scopes.")
PAIRS = cim009("4.5.9", "the second element shall correspond to the associated Temporal Property (for")
SINCE: dict[str, Any] = {**DECLARED, "since": "1.6.1"}


def vehicle(broker: Broker) -> Entity:
    """A stored Entity with a Property, a Relationship, a LanguageProperty and a Scope."""
    entity = broker.new_entity("Vehicle").with_property("speed", 55).with_relationship("isParked", PARKING)
    return stored(
        broker, entity.with_language_property("name", {"en": "yes", "fr": "oui"}).with_scope("/Madrid/Centro")
    )


def after_deletion(
    broker: Broker, name: str, look: Callable[[Mapping[str, Any]], list[Any]], **params: str
) -> list[Any]:
    """Delete an Attribute of an Entity whose history is there; what the history says of deletions, once it says it.

    Args:
        broker: The target.
        name: What to delete.
        look: Picks what is looked for from the Entity in the answer; empty is asked again until a deadline.
        params: Further query parameters.
    """
    entity = vehicle(broker)
    known = eventually(broker, entity.id, lambda found: instances(found, name))
    if not known:
        warn(Reason.SHOULD_VIOLATED, f"{name} in the Temporal Evolution", "it is not recorded")
    require(broker.delete_attribute(entity.id, name), 204, step=f"deleting {name}")
    found = eventually(broker, entity.id, look, **DELETED, **params)
    if not found:
        warn(Reason.SHOULD_VIOLATED, f"the deletion of {name} in the Temporal Evolution", "it is not recorded")
    return found


def expect_null(broker: Broker, name: str, kind: str, member: str, null: Any) -> None:
    """Fail unless the deletion is recorded as one instance with this NGSI-LD Null and a deletedAt."""
    rows = after_deletion(broker, name, lambda found: instances(found, name))

    expect_equal([(row.get("type"), row.get(member)) for row in rows], [(kind, null)], f"type and {member} of {name}")
    fault = date_time_fault(rows[0].get("deletedAt"))
    if fault is not None:
        fail(f"deletedAt of {name} is a DateTime", fault)


def expect_null_pair(broker: Broker, name: str, kind: str, member: str, null: Any) -> None:
    """The same in the simplified representation: one pair of the NGSI-LD Null and the time of the deletion."""
    forms = after_deletion(
        broker, name, lambda found: [shown(found, name)] if shown(found, name) else [], options="temporalValues"
    )

    pairs = forms[0].get(member)
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        fail(f"{name}.{member} is an array of pairs", f"{pairs!r}")
    expect_equal((forms[0].get("type"), [pair[0] for pair in pairs]), (kind, [null]), f"type and {member} of {name}")
    fault = date_time_fault(pairs[0][1])
    if fault is not None:
        fail(f"the time of {name} is a DateTime", fault)


@check(
    id="temporal-deleted/property",
    title="A deleted Property is recorded with an NGSI-LD Null and deletedAt",
    clause=PROPERTY,
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_17_01"),
    pics=RETRIEVE,
    **SINCE,
)
def test_property(broker: Broker) -> None:
    expect_null(broker, "speed", "Property", "value", NGSI_LD_NULL)


@check(
    id="temporal-deleted/relationship",
    title="A deleted Relationship is recorded with an NGSI-LD Null as its object and deletedAt",
    clause=RELATIONSHIP,
    requirements=["ngsi-ld/5.7.3"],
    test_purposes=purposes("CI/Cons/TE/020_17_02"),
    pics=RETRIEVE,
    **SINCE,
)
def test_relationship(broker: Broker) -> None:
    expect_null(broker, "isParked", "Relationship", "object", NGSI_LD_NULL)


@check(
    id="temporal-deleted/language-property",
    title="A deleted LanguageProperty is recorded with an NGSI-LD Null as a languageMap and deletedAt",
    clause=LANGUAGE_PROPERTY,
    requirements=["ngsi-ld/4.5.18"],
    test_purposes=purposes("CI/Cons/TE/020_17_03"),
    pics=["PICS_LANG", *RETRIEVE],
    **SINCE,
)
def test_language_property(broker: Broker) -> None:
    expect_null(broker, "name", "LanguageProperty", "languageMap", LANGUAGE_NULL)


@check(
    id="temporal-deleted/scope",
    title="A deleted Scope is recorded with an NGSI-LD Null and deletedAt",
    clause=[SCOPE, PROPERTY],
    requirements=["ngsi-ld/4.18"],
    test_purposes=purposes("CI/Cons/TE/020_19_01"),
    pics=["PICS_SCOPES", *RETRIEVE],
    **SINCE,
)
def test_scope(broker: Broker) -> None:
    expect_null(broker, "scope", "Property", "value", NGSI_LD_NULL)


@check(
    id="temporal-deleted/property-simplified",
    title="The simplified form of a deleted Property pairs the NGSI-LD Null with the time of its deletion",
    clause=[PROPERTY, PAIRS],
    requirements=["ngsi-ld/4.5.9"],
    test_purposes=purposes("CI/Cons/TE/020_18_01"),
    pics=RETRIEVE,
    **SINCE,
)
def test_property_simplified(broker: Broker) -> None:
    expect_null_pair(broker, "speed", "Property", "values", NGSI_LD_NULL)


@check(
    id="temporal-deleted/relationship-simplified",
    title="The simplified form of a deleted Relationship pairs the NGSI-LD Null with the time of its deletion",
    clause=[RELATIONSHIP, PAIRS],
    requirements=["ngsi-ld/4.5.9"],
    test_purposes=purposes("CI/Cons/TE/020_18_02"),
    pics=RETRIEVE,
    **SINCE,
)
def test_relationship_simplified(broker: Broker) -> None:
    expect_null_pair(broker, "isParked", "Relationship", "objects", NGSI_LD_NULL)


@check(
    id="temporal-deleted/language-property-simplified",
    title="The simplified form of a deleted LanguageProperty pairs a languageMap of Null with the time of its deletion",
    clause=[LANGUAGE_PROPERTY, PAIRS],
    requirements=["ngsi-ld/4.5.18", "ngsi-ld/4.5.9"],
    test_purposes=purposes("CI/Cons/TE/020_18_03"),
    pics=["PICS_LANG", *RETRIEVE],
    **SINCE,
)
def test_language_property_simplified(broker: Broker) -> None:
    expect_null_pair(broker, "name", "LanguageProperty", "languageMaps", {"languageMap": LANGUAGE_NULL})


@check(
    id="temporal-deleted/scope-simplified",
    title="The simplified form of a deleted Scope pairs the NGSI-LD Null with the time of its deletion",
    clause=[SCOPE, PAIRS],
    requirements=["ngsi-ld/4.18", "ngsi-ld/4.5.9"],
    test_purposes=purposes("CI/Cons/TE/020_20_01"),
    pics=["PICS_SCOPES", *RETRIEVE],
    **SINCE,
)
def test_scope_simplified(broker: Broker) -> None:
    expect_null_pair(broker, "scope", "Property", "values", NGSI_LD_NULL)
