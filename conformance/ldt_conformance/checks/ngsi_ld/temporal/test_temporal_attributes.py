"""Attributes and instances of a Temporal Evolution: ETSI GS CIM 009 V1.9.1, clauses 5.6.13 to 5.6.15, 6.21 and 6.22."""

from ldt_conformance import Broker, TemporalEntity, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import DATASET, read_back_history, stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import (
    AT,
    DECLARED,
    instances,
    series_of,
    values,
)
from ldt_conformance.clients import property_
from ldt_conformance.engine.verdicts import precondition
from ldt_conformance.expectations import expect_equal

NO_URI = "then an error of type BadRequestData shall be"
UNKNOWN_INSTANCE = (
    "If for the target Attribute no instance with the specified instanceId exists, an error of type ResourceNotFound"
)


def first_instance_id(broker: Broker, history: TemporalEntity) -> str:
    """The instanceId of the oldest speed; inconclusive where the broker keeps none (it only should, 4.5.7)."""
    found = instances(read_back_history(broker, history.id), "speed")
    instance_id = found[0].get("instanceId") if found else None
    precondition(isinstance(instance_id, str), f"instances carry no instanceId: {found[:1]}")
    return str(instance_id)


def with_dataset(broker: Broker) -> TemporalEntity:
    """A stored history of speed with and without a datasetId, and of fuel."""
    history = series_of(broker).with_series("speed", [(54, AT[1]), (56, AT[2])], dataset_id=DATASET)
    stored_history(broker, history)
    there = values(read_back_history(broker, history.id), "speed")
    precondition(len(there) == 5, f"of five instances of speed {len(there)} are shown before any is deleted: {there}")
    return history


@check(
    id="temporal-delete-attribute/default-instance",
    title="Without parameters the instances of the default dataset are deleted and others stay",
    clause=cim009(
        "5.6.13.4", "if no datasetId parameter is provided, remove only the default target Attribute instance"
    ),
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_01_01"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_default(broker: Broker) -> None:
    history = with_dataset(broker)

    response = broker.delete_temporal_attribute(history.id, "speed")

    expect_status(response, 204)
    found = instances(read_back_history(broker, history.id), "speed")
    live = [(row.get("datasetId"), row.get("value")) for row in found if "deletedAt" not in row]
    expect_equal(live, [(DATASET, 54), (DATASET, 56)], "datasetId and value of the instances of speed that are left")


@check(
    id="temporal-delete-attribute/dataset",
    title="With a datasetId the instances of that dataset are deleted and others stay",
    clause=cim009(
        "5.6.13.4",
        "if a datasetId parameter is provided, remove only any target Attribute instance from the given dataset;",
    ),
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_01_02"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_dataset(broker: Broker) -> None:
    history = with_dataset(broker)

    response = broker.delete_temporal_attribute(history.id, "speed", params={"datasetId": DATASET})

    expect_status(response, 204)
    found = instances(read_back_history(broker, history.id), "speed")
    live = [(row.get("datasetId"), row.get("value")) for row in found if "deletedAt" not in row]
    expect_equal(
        live, [(None, 120), (None, 80), (None, 100)], "datasetId and value of the instances of speed that are left"
    )


@check(
    id="temporal-delete-attribute/all-instances",
    title="With deleteAll every instance is deleted and other Attributes stay",
    clause=cim009(
        "5.6.13.4", "If the deleteAll flag is set, remove all target Attribute instances from the target Entity."
    ),
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_01_03"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_all(broker: Broker) -> None:
    history = with_dataset(broker)

    response = broker.delete_temporal_attribute(history.id, "speed", params={"deleteAll": True})

    expect_status(response, 204)
    found = read_back_history(broker, history.id)
    live = [row for row in instances(found, "speed") if "deletedAt" not in row]
    expect_equal((live, values(found, "fuel")), ([], [60, 55, 50]), "live instances of speed, and fuel")


@check(
    id="temporal-delete-attribute/unknown",
    title="Deleting an Attribute that the history does not have is ResourceNotFound",
    clause=cim009(
        "5.6.13.4", "If the target Temporal Evolution of an Entity does not contain the target Attribute then an"
    ),
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_03_02"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_unknown(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    response = broker.delete_temporal_attribute(history.id, "absentAttribute")

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-delete-attribute/unknown-id",
    title="Deleting an Attribute of a history that does not exist is ResourceNotFound",
    clause=cim009("5.6.13.4", "apply, then an error of type ResourceNotFound shall be raised."),
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_03_01"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_unknown_id(broker: Broker) -> None:
    response = broker.delete_temporal_attribute(broker.new_id(), "speed")

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-instance/modified",
    title="A modified instance has the new value and the others stay",
    clause=cim009(
        "5.6.14.4",
        "Replace the target Attribute instance identified by the instanceId with the Attribute instance in the",
    ),
    requirements=["ngsi-ld/5.6.14"],
    test_purposes=purposes("CI/Prov/TEA/016_01_01"),
    pics=["PICS_AttInsTemEvoEnt"],
    **DECLARED,
)
def test_instance_modified(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    instance_id = first_instance_id(broker, history)

    fragment = {"speed": [property_(121, observed_at=AT[1])]}
    response = broker.modify_temporal_instance(history.id, "speed", instance_id, fragment)

    expect_status(response, 204)
    expect_equal(values(read_back_history(broker, history.id), "speed"), [121, 80, 100], "speed")


@check(
    id="temporal-instance/modify-unknown",
    title="Modifying an instance that is not there is ResourceNotFound",
    clause=cim009("5.6.14.4", UNKNOWN_INSTANCE),
    requirements=["ngsi-ld/5.6.14"],
    test_purposes=purposes("CI/Prov/TEA/016_03_03"),
    pics=["PICS_AttInsTemEvoEnt"],
    **DECLARED,
)
def test_instance_modify_unknown(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    fragment = {"speed": [property_(121, observed_at=AT[1])]}
    response = broker.modify_temporal_instance(history.id, "speed", broker.new_id("Instance"), fragment)

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-instance/deleted",
    title="A deleted instance is gone and the others stay",
    clause=cim009(
        "5.6.15.4",
        "Remove the instance, with the specified instanceId, of the target Attribute from the target Entity.",
    ),
    requirements=["ngsi-ld/5.6.15"],
    test_purposes=purposes("CI/Prov/TEA/017_01_01"),
    pics=["PICS_AttInsTemEvoEnt"],
    **DECLARED,
)
def test_instance_deleted(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    instance_id = first_instance_id(broker, history)

    response = broker.delete_temporal_instance(history.id, "speed", instance_id)

    expect_status(response, 204)
    expect_equal(values(read_back_history(broker, history.id), "speed"), [80, 100], "speed")


@check(
    id="temporal-instance/delete-unknown",
    title="Deleting an instance that is not there is ResourceNotFound",
    clause=cim009("5.6.15.4", UNKNOWN_INSTANCE),
    requirements=["ngsi-ld/5.6.15"],
    test_purposes=purposes("CI/Prov/TEA/017_03_03"),
    pics=["PICS_AttInsTemEvoEnt"],
    **DECLARED,
)
def test_instance_delete_unknown(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    response = broker.delete_temporal_instance(history.id, "speed", broker.new_id("Instance"))

    expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-instance/delete-no-uri",
    title="Deleting under an instanceId that is no URI is BadRequestData",
    clause=cim009("5.6.15.4", f"If the target instanceId is not a valid URI or it is not present, {NO_URI}"),
    requirements=["ngsi-ld/5.6.15"],
    test_purposes=purposes("CI/Prov/TEA/017_02_03"),
    pics=["PICS_AttInsTemEvoEnt"],
    **DECLARED,
)
def test_instance_delete_no_uri(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    response = broker.delete_temporal_instance(history.id, "speed", broker.not_a_uri())

    expect_problem(response, status=400, error_type="BadRequestData")
