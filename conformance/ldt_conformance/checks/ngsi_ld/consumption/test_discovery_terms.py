"""Types and Attributes in the terms of an @context: CIM 009 V1.9.1, clauses 5.7.5, 5.7.6, 5.7.8, 5.7.9 and 5.5.7."""

from dataclasses import dataclass
from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_list, expect_object
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import VOCABULARY
from ldt_conformance.engine.verdicts import fail
from ldt_conformance.expectations import expect_equal, require
from ldt_conformance.receiver import Receiver

DECLARED: dict[str, Any] = {
    "level": Level.MUST,
    "mode": Mode.SANDBOX_WRITE,
    "clause": cim009(
        "5.5.7",
        "the @context used to perform compaction or expansion of terms shall be the one provided by each API call",
    ),
}
DETAILS = {"details": True}


@dataclass(frozen=True, slots=True)
class Terms:
    """A type and an Attribute that a stored Entity has, as terms and in full, and where their @context is served."""

    type: str
    attribute: str
    url: str

    @property
    def full_type(self) -> str:
        """The IRI of the type."""
        return f"{VOCABULARY}{self.type}"

    @property
    def full_attribute(self) -> str:
        """The IRI of the Attribute."""
        return f"{VOCABULARY}{self.attribute}"


def in_terms(broker: Broker, receiver: Receiver) -> Terms:
    """Store an Entity whose type and Attribute are terms of an @context of its own."""
    kind, name = broker.new_type("Vehicle"), broker.unique("speed")
    served = receiver.serve_context({kind: f"{VOCABULARY}{kind}", name: f"{VOCABULARY}{name}"})
    entity = broker.new_entity().with_type(kind).with_property(name, 1)
    require(broker.create_entity(entity, ld_context=served.url), 201, step="creating an Entity with a Link header")
    return Terms(kind, name, served.url)


def listed(found: Any) -> list[Any]:
    """An array, or the one element that may stand for it."""
    return found if isinstance(found, list) else [found]


def element(elements: list[Any], full_name: str) -> dict[str, Any]:
    """The element of a list with details that is about a name; its id is the full name."""
    mine = [item for item in elements if isinstance(item, dict) and item.get("id") == full_name]
    if not mine:
        fail(f"an element with the id {full_name}", f"{len(elements)} elements, none with it")
    return mine[0]


def expect_listed(names: Any, short: str, full: str) -> None:
    """Fail unless a list of names has the short name, and so not the full one."""
    seen = tuple(name in listed(names) for name in (short, full))
    expect_equal(seen, (True, False), f"whether {short} and {full} are listed")


@check(
    id="discovery/types-terms",
    title="The list of types names them by the terms of the request's @context",
    requirements=["ngsi-ld/5.7.5", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/DISC/022_01_02"),
    pics=["PICS_RetAvaEntTyp"],
    **DECLARED,
)
def test_types_terms(broker: Broker, context_server: Receiver) -> None:
    terms = in_terms(broker, context_server)

    found = expect_object(broker.retrieve_types(ld_context=terms.url))

    expect_listed(found.get("typeList"), terms.type, terms.full_type)


@check(
    id="discovery/types-details-terms",
    title="Types with details are named by the terms of the request's @context; their id is the full name",
    requirements=["ngsi-ld/5.7.6", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/DISC/023_01_02"),
    pics=["PICS_RetAvaEntTyp"],
    **DECLARED,
)
def test_types_details_terms(broker: Broker, context_server: Receiver) -> None:
    terms = in_terms(broker, context_server)

    mine = element(expect_list(broker.retrieve_types(params=DETAILS, ld_context=terms.url)), terms.full_type)

    expect_equal(mine.get("typeName"), terms.type, "typeName")
    expect_equal(listed(mine.get("attributeNames")), [terms.attribute], "attributeNames")


@check(
    id="discovery/attributes-terms",
    title="The list of Attributes names them by the terms of the request's @context",
    requirements=["ngsi-ld/5.7.8", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/DISC/025_01_02"),
    pics=["PICS_AvaAtt"],
    **DECLARED,
)
def test_attributes_terms(broker: Broker, context_server: Receiver) -> None:
    terms = in_terms(broker, context_server)

    found = expect_object(broker.retrieve_attributes(ld_context=terms.url))

    expect_listed(found.get("attributeList"), terms.attribute, terms.full_attribute)


@check(
    id="discovery/attributes-details-terms",
    title="Attributes with details are named by the terms of the request's @context; their id is the full name",
    requirements=["ngsi-ld/5.7.9", "ngsi-ld/5.5.7"],
    test_purposes=purposes("CI/Cons/DISC/026_01_02"),
    pics=["PICS_AvaAtt"],
    **DECLARED,
)
def test_attributes_details_terms(broker: Broker, context_server: Receiver) -> None:
    """TypeNames is optional (4.5.14)."""
    terms = in_terms(broker, context_server)

    found = expect_list(broker.retrieve_attributes(params=DETAILS, ld_context=terms.url))

    mine = element(found, terms.full_attribute)
    expect_equal(mine.get("attributeName"), terms.attribute, "attributeName")
    if "typeNames" in mine:
        expect_equal(listed(mine["typeNames"]), [terms.type], "typeNames")
