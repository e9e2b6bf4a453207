"""NGSI-LD Nulls that delete one instance of an Attribute of any type: CIM 009 V1.9.1, clauses 5.5.8, 5.6.2 and 5.6.17.

Each check looks at a Property, a Relationship, a GeoProperty and a LanguageProperty, each with a default instance and
one with a datasetId, of which one is deleted.
"""

from collections.abc import Callable
from typing import Any

from ldt_conformance import Broker, Level, Mode, check, expect_members, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, LISBON, PARKING, nulls_supported, read_back, stored
from ldt_conformance.clients import LANGUAGE_NULL, NGSI_LD_NULL, Entity
from ldt_conformance.comparators import instances
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import fail

WRITE = Mode.SANDBOX_WRITE
INSTANCES: dict[str, dict[str, Any]] = {
    "speed": {"type": "Property", "value": 50},
    "isParked": {"type": "Relationship", "object": PARKING},
    "place": {"type": "GeoProperty", "value": LISBON},
    "street": {"type": "LanguageProperty", "languageMap": {"en": "Grand Place"}},
}
NULLS: dict[str, dict[str, Any]] = {
    "speed": {"type": "Property", "value": NGSI_LD_NULL},
    "isParked": {"type": "Relationship", "object": NGSI_LD_NULL},
    "place": {"type": "GeoProperty", "value": NGSI_LD_NULL},
    "street": {"type": "LanguageProperty", "languageMap": LANGUAGE_NULL},
}
IN_DATASET: dict[str, dict[str, Any]] = {name: {**null, "datasetId": DATASET} for name, null in NULLS.items()}
PATCHED = cim009("5.5.8", "whose value is an NGSI-LD Null, contained by the target, the target member is deleted.")


def with_instances(broker: Broker, *, dataset: bool = True) -> Entity:
    """A stored Entity whose four Attributes have a default instance and, if asked for, one with a datasetId."""
    entity = broker.new_entity("Vehicle").with_property("kept", 1)
    for wanted in (None, DATASET) if dataset else (None,):
        for name, instance in INSTANCES.items():
            entity = entity.with_instance(name, {**instance, **({"datasetId": wanted} if wanted else {})})
    return stored(broker, entity)


def only_left(broker: Broker, entity_id: str, dataset: str | None) -> None:
    """Fail unless each of the Attributes has this one instance."""
    found = read_back(broker, entity_id)
    left = {name: sorted(str(one) for one in instances(found, name)) for name in NULLS}
    if left != {name: [str(dataset)] for name in NULLS}:
        fail(f"of each Attribute the instance with datasetId {dataset} and no other", f"instances by datasetId: {left}")


def each(change: Callable[[str], Response]) -> None:
    """One request for each Attribute; all must be done."""
    for name in NULLS:
        response = change(name)
        nulls_supported(response)
        expect_status(response, 204)


@check(
    id="update-attributes/null-dataset-of-each-type",
    title="An update with NGSI-LD Null and a datasetId deletes that instance, whatever its type",
    level=Level.MUST,
    clause=cim009("5.6.2.4", "then the existing Attribute instance with the specified datasetId in the target"),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/EA/011_08_0{number}" for number in (2, 3, 4))),
    since="1.6.1",
    mode=WRITE,
)
def test_update_dataset(broker: Broker) -> None:
    entity = with_instances(broker)

    response = broker.update_attributes(entity.id, IN_DATASET)

    nulls_supported(response)
    expect_status(response, 204)
    only_left(broker, entity.id, None)


@check(
    id="update-attributes/null-default-of-each-type",
    title="An update with NGSI-LD Null and no datasetId deletes the default instance, whatever its type",
    level=Level.MUST,
    clause=cim009("5.6.2.4", "If the default Attribute instance is present and the Attribute value is NGSI-LD Null"),
    requirements=["ngsi-ld/5.6.2", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/EA/011_09_0{number}" for number in range(1, 5))),
    since="1.6.1",
    mode=WRITE,
)
def test_update_default(broker: Broker) -> None:
    entity = with_instances(broker)

    response = broker.update_attributes(entity.id, NULLS)

    nulls_supported(response)
    expect_status(response, 204)
    only_left(broker, entity.id, DATASET)


@check(
    id="merge-entity/null-dataset-of-each-type",
    title="A merge with NGSI-LD Null and a datasetId deletes that instance, whatever its type",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "If overwrite is allowed and the Attribute value is NGSI-LD Null, then the existing"),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/E/056_04_0{number}" for number in (2, 3, 4))),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_merge_dataset(broker: Broker) -> None:
    entity = with_instances(broker)

    response = broker.merge_entity(entity.id, IN_DATASET)

    nulls_supported(response)
    expect_status(response, 204)
    only_left(broker, entity.id, None)


@check(
    id="merge-entity/null-default-of-each-type",
    title="A merge with NGSI-LD Null and no datasetId deletes the default instance, whatever its type",
    level=Level.MUST,
    clause=cim009("5.6.17.4", "If overwrite is allowed and the Attribute value is NGSI-LD Null, then the existing"),
    requirements=["ngsi-ld/5.6.17", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/E/056_05_0{number}" for number in (2, 3, 4))),
    pics=["PICS_EntMer"],
    since="1.6.1",
    mode=WRITE,
)
def test_merge_default(broker: Broker) -> None:
    entity = with_instances(broker)

    response = broker.merge_entity(entity.id, NULLS)

    nulls_supported(response)
    expect_status(response, 204)
    only_left(broker, entity.id, DATASET)


@check(
    id="partial-update/null-of-each-type",
    title="A partial update with NGSI-LD Null as value deletes the Attribute, whatever its type",
    level=Level.MUST,
    clause=PATCHED,
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.0"],
    test_purposes=purposes(*(f"CI/Prov/EA/012_05_0{number}" for number in range(1, 5))),
    since="1.6.1",
    mode=WRITE,
)
def test_partial_update_whole(broker: Broker) -> None:
    entity = with_instances(broker, dataset=False)

    each(lambda name: broker.partial_update_attribute(entity.id, name, NULLS[name]))

    expect_members(read_back(broker, entity.id), present=["kept"], absent=NULLS)


@check(
    id="partial-update/null-dataset-of-each-type",
    title="A partial update with NGSI-LD Null and a datasetId deletes that instance, whatever its type",
    level=Level.MUST,
    clause=PATCHED,
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/EA/012_06_0{number}" for number in range(1, 5))),
    since="1.6.1",
    mode=WRITE,
)
def test_partial_update_dataset(broker: Broker) -> None:
    entity = with_instances(broker)

    each(lambda name: broker.partial_update_attribute(entity.id, name, IN_DATASET[name]))

    only_left(broker, entity.id, None)


@check(
    id="partial-update/null-default-of-each-type",
    title="A partial update with NGSI-LD Null and no datasetId deletes the default instance, whatever its type",
    level=Level.MUST,
    clause=PATCHED,
    requirements=["ngsi-ld/5.6.4", "ngsi-ld/4.5.5"],
    test_purposes=purposes(*(f"CI/Prov/EA/012_07_0{number}" for number in range(1, 5))),
    since="1.6.1",
    mode=WRITE,
)
def test_partial_update_default(broker: Broker) -> None:
    entity = with_instances(broker)

    each(lambda name: broker.partial_update_attribute(entity.id, name, NULLS[name]))

    only_left(broker, entity.id, DATASET)
