"""Tenants: ETSI GS CIM 009 V1.9.1, clauses 4.14, 5.5.10 and 6.3.14.

Nothing is ever created in a tenant but the one that the site file names. The other tenant of these checks is one that
nobody has: it is read, and once asked to delete an Entity of ours.
"""

from typing import Any

from ldt_conformance import Broker, Entity, Level, Mode, check, expect_problem, expect_status
from ldt_conformance.checks.ngsi_ld.declared import cim009
from ldt_conformance.checks.ngsi_ld.given import simple_vehicle, stored
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, not_applicable, precondition
from ldt_conformance.expectations import describe, expect_equal, require

HEADER = "NGSILD-Tenant"
ELSEWHERE = {HEADER: "ldtchecknosuchtenant"}
DEFAULT = {HEADER: ""}  # the header is left out
READ: dict[str, Any] = {"level": Level.MUST, "requirements": ["ngsi-ld/4.14"], "capability": "tenants"}
TENANTS: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
APART = cim009("5.5.10", "If a Tenant is specified for an NGSI-LD operation, the operation shall only be applied to")


def expect_not_shown(response: Response, entity: Entity, where: str) -> None:
    """Fail where an Entity is shown; that nothing is known there, no such tenant, or no access to it, is right."""
    if response.status < 300 and entity.id in response.text:
        fail(f"nothing of {entity.id} {where}", describe(response))
    precondition(response.status < 500, f"asking {where}: {describe(response)}")


def own_tenant(broker: Broker) -> str:
    """The tenant that the site file names."""
    if broker.client.tenant is None:
        not_applicable(Reason.UNCLAIMED, "the site file names no tenant; try: endpoints.broker.tenant")
    return broker.client.tenant


@check(
    id="tenants/not-retrieved-elsewhere",
    title="An Entity cannot be retrieved in another tenant",
    clause=APART,
    **TENANTS,
)
def test_not_retrieved_elsewhere(broker: Broker, stored_entity: Entity) -> None:
    require(broker.retrieve_entity(stored_entity.id), 200, step="retrieving the Entity in its tenant")

    response = broker.retrieve_entity(stored_entity.id, headers=ELSEWHERE)

    expect_not_shown(response, stored_entity, "in another tenant")


@check(
    id="tenants/not-found-elsewhere",
    title="A query in another tenant does not find an Entity",
    clause=APART,
    **TENANTS,
)
def test_not_found_elsewhere(broker: Broker, stored_entity: Entity) -> None:
    kind = str(stored_entity.type)
    here = require(broker.query_entities({"type": kind}), 200, step="querying the type in its tenant")
    precondition(stored_entity.id in here.text, f"the Entity is not found in its tenant: {describe(here)}")

    response = broker.query_entities({"type": kind}, headers=ELSEWHERE)

    expect_not_shown(response, stored_entity, "in another tenant")


@check(
    id="tenants/not-deleted-elsewhere",
    title="A deletion in another tenant leaves an Entity alone",
    clause=[
        APART,
        cim009("4.14", "Tenant in isolation and never have any effect on the information of other Tenants."),
    ],
    **TENANTS,
)
def test_not_deleted_elsewhere(broker: Broker, stored_entity: Entity) -> None:
    require(broker.retrieve_entity(stored_entity.id), 200, step="retrieving the Entity in its tenant")

    broker.delete_entity(stored_entity.id, headers=ELSEWHERE)

    expect_status(broker.retrieve_entity(stored_entity.id), 200)


@check(
    id="tenants/not-in-default",
    title="An Entity of the tenant that the site file names is not in the default tenant",
    clause=[
        APART,
        cim009("5.5.10", "specified Tenant. If no Tenant is specified, the operation shall apply to the implicitly"),
    ],
    **TENANTS,
)
def test_not_in_default(broker: Broker) -> None:
    own_tenant(broker)
    entity = stored(broker, simple_vehicle(broker))
    require(broker.retrieve_entity(entity.id), 200, step="retrieving the Entity in its tenant")

    response = broker.retrieve_entity(entity.id, headers=DEFAULT)

    expect_not_shown(response, entity, "in the default tenant")


@check(
    id="tenants/header-in-answer",
    title="The header NGSILD-Tenant of a request is in the answer",
    clause=cim009(
        "6.3.14", 'is omitted. If the HTTP header "NGSILD-Tenant" is present in the HTTP request, it shall also be'
    ),
    **READ,
)
def test_header_in_answer(broker: Broker) -> None:
    tenant = own_tenant(broker)

    response = broker.query_entities({"type": broker.new_type()})

    precondition(response.status == 200, f"querying a type in the tenant {tenant}: {describe(response)}")
    expect_equal(response.headers.get(HEADER), tenant, f"the header {HEADER}")


@check(
    id="tenants/nonexistent",
    title="A query in a tenant that does not exist is NonexistentTenant",
    clause=cim009("5.5.10", "Tenant should raise an error of type NonexistentTenant."),
    **{**READ, "level": Level.SHOULD},
)
def test_nonexistent(broker: Broker) -> None:
    response = broker.query_entities({"type": broker.new_type()}, headers=ELSEWHERE)

    expect_problem(response, status=404, error_type="NonexistentTenant")
