"""Refusals around Attributes of a Temporal Evolution: CIM 009 V1.9.1, clauses 5.6.12 to 5.6.16."""

from collections.abc import Callable
from typing import Any

from ldt_conformance import Broker, check, expect_problem
from ldt_conformance.checks.ngsi_ld.declared import cim009, purposes
from ldt_conformance.checks.ngsi_ld.given import stored_history
from ldt_conformance.checks.ngsi_ld.temporal.histories import AT, DECLARED, series_of
from ldt_conformance.clients import property_
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.expectations import expect_not_allowed

NO_NAME = "()"
INVALID_ID = "If the target Entity ID is not a valid URI or it is not present"
INVALID_NAME = "If the target Attribute name is not a valid name"
INVALID_INSTANCE = "If the target instanceId is not a valid URI or it is not present"
UNKNOWN_ID = "an error of type ResourceNotFound"
UNKNOWN_ATTRIBUTE = "does not contain the target Attribute then an"
MODIFY: dict[str, Any] = {**DECLARED, "requirements": ["ngsi-ld/5.6.14"], "pics": ["PICS_AttInsTemEvoEntMod"]}
DELETE: dict[str, Any] = {**DECLARED, "requirements": ["ngsi-ld/5.6.15"], "pics": ["PICS_AttInsTemEvoEntDel"]}
# Ruling M9: no resource has an empty segment, and HTTP stacks may fold it: 404 and 405 warn.
EMPTY_SEGMENT = [(404, ""), (405, "")]
Change = Callable[[str, str, str], Response]


def modify(broker: Broker) -> Change:
    """Modify an instance of an Attribute (5.6.14)."""

    def change(entity_id: str, name: str, instance_id: str) -> Response:
        fragment = {name: [property_(1, observed_at=AT[1])]}
        return broker.modify_temporal_instance(entity_id, name, instance_id, fragment, expects_refusal=True)

    return change


def delete(broker: Broker) -> Change:
    """Delete an instance of an Attribute (5.6.15)."""
    return lambda entity_id, name, instance_id: broker.delete_temporal_instance(
        entity_id, name, instance_id, expects_refusal=True
    )


def refused(response: Response) -> None:
    """BadRequestData."""
    expect_problem(response, status=400, error_type="BadRequestData")


def refused_without_segment(broker: Broker, method: str, path: str) -> None:
    """BadRequestData for a path in which an id or a name is missing; ruling M9.

    Never with DELETE: whoever folds the empty segment may read another deletion than was meant.
    """
    body = {"speed": [property_(1, observed_at=AT[1])]}
    response = broker.send(method, path, body=body, expects_refusal=True)
    expect_problem(response, status=400, error_type="BadRequestData", tolerated=EMPTY_SEGMENT)


def instance_of(broker: Broker) -> str:
    """An instance identifier that nothing has."""
    return broker.new_id("Instance")


@check(
    id="temporal-modify-instance/invalid",
    title="Modifying an instance with an invalid Entity id, Attribute name or instance id is BadRequestData",
    clause=[cim009("5.6.14.4", one) for one in (INVALID_ID, INVALID_NAME, INVALID_INSTANCE)],
    test_purposes=purposes("CI/Prov/TEA/016_02_01", "CI/Prov/TEA/016_02_03", "CI/Prov/TEA/016_02_05"),
    **MODIFY,
)
def test_modify_invalid(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    change = modify(broker)

    refused(change(broker.not_a_uri(), "speed", instance_of(broker)))
    refused(change(history.id, "speed", broker.not_a_uri()))
    refused(change(history.id, NO_NAME, instance_of(broker)))


@check(
    id="temporal-modify-instance/unknown",
    title="Modifying an instance of an Entity or an Attribute that is not there is ResourceNotFound",
    clause=[cim009("5.6.14.4", one) for one in (UNKNOWN_ID, UNKNOWN_ATTRIBUTE)],
    test_purposes=purposes("CI/Prov/TEA/016_03_01", "CI/Prov/TEA/016_03_02"),
    **MODIFY,
)
def test_modify_unknown(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    change = modify(broker)

    for response in (
        change(broker.new_id(), "speed", instance_of(broker)),
        change(history.id, "missing", instance_of(broker)),
    ):
        expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-modify-instance/not-present",
    title="Modifying an instance without an Entity id or an Attribute name is refused",
    clause=[cim009("5.6.14.4", one) for one in (INVALID_ID, INVALID_NAME)],
    test_purposes=purposes("CI/Prov/TEA/016_02_02", "CI/Prov/TEA/016_02_06"),
    **MODIFY,
)
def test_modify_not_present(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    refused_without_segment(broker, "PATCH", f"/temporal/entities//attrs/speed/{instance_of(broker)}")
    refused_without_segment(broker, "PATCH", f"/temporal/entities/{history.id}/attrs//{instance_of(broker)}")


@check(
    id="temporal-modify-instance/no-instance-id",
    title="A PATCH of an Attribute of a Temporal Evolution without an instance id is 405 with the methods there are",
    clause=cim009("6.3.2", "which shall be raised when a client invokes a wrong HTTP verb over a resource."),
    test_purposes=purposes("CI/Prov/TEA/016_02_04"),
    **MODIFY,
)
def test_modify_no_instance_id(broker: Broker) -> None:
    """The resource is there, that verb is not (rulings M9 and W23)."""
    history = stored_history(broker, series_of(broker))
    fragment = {"speed": [property_(1, observed_at=AT[1])]}

    path = f"/temporal/entities/{history.id}/attrs/speed"
    response = broker.send("PATCH", path, body=fragment, expects_refusal=True)

    expect_not_allowed(response, "DELETE")


@check(
    id="temporal-delete-instance/invalid",
    title="Deleting an instance with an invalid Entity id or Attribute name is BadRequestData",
    clause=[cim009("5.6.15.4", one) for one in (INVALID_ID, INVALID_NAME)],
    test_purposes=purposes("CI/Prov/TEA/017_02_01", "CI/Prov/TEA/017_02_04"),
    **DELETE,
)
def test_delete_invalid(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    change = delete(broker)

    refused(change(broker.not_a_uri(), "speed", instance_of(broker)))
    refused(change(history.id, NO_NAME, instance_of(broker)))


@check(
    id="temporal-delete-instance/unknown",
    title="Deleting an instance of an Entity or an Attribute that is not there is ResourceNotFound",
    clause=[cim009("5.6.15.4", one) for one in (UNKNOWN_ID, "does not contain the target Attribute then an error")],
    test_purposes=purposes("CI/Prov/TEA/017_03_01", "CI/Prov/TEA/017_03_02"),
    **DELETE,
)
def test_delete_unknown(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))
    change = delete(broker)

    for response in (
        change(broker.new_id(), "speed", instance_of(broker)),
        change(history.id, "missing", instance_of(broker)),
    ):
        expect_problem(response, status=404, error_type="ResourceNotFound")


@check(
    id="temporal-delete-attribute/invalid",
    title="Deleting an Attribute of a Temporal Evolution with an invalid Entity id or name is BadRequestData",
    clause=[cim009("5.6.13.4", one) for one in (INVALID_ID, INVALID_NAME)],
    requirements=["ngsi-ld/5.6.13"],
    test_purposes=purposes("CI/Prov/TEA/015_02_02", "CI/Prov/TEA/015_02_03"),
    pics=["PICS_AttTemEvoEntDel"],
    **DECLARED,
)
def test_delete_attribute_invalid(broker: Broker) -> None:
    history = stored_history(broker, series_of(broker))

    refused(broker.delete_temporal_attribute(broker.not_a_uri(), "speed", expects_refusal=True))
    refused(broker.delete_temporal_attribute(history.id, NO_NAME))


@check(
    id="temporal-append/not-present",
    title="Adding Attributes to a Temporal Evolution without an Entity id is refused",
    clause=cim009("5.6.12.4", "If the Entity ID is not present or it is not a valid URI then an error"),
    requirements=["ngsi-ld/5.6.12"],
    test_purposes=purposes("CI/Prov/TEA/014_02_01"),
    **DECLARED,
)
def test_append_not_present(broker: Broker) -> None:
    refused_without_segment(broker, "POST", "/temporal/entities//attrs")
