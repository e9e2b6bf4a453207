"""Purging what is ours, where nothing else is: ETSI GS CIM 009 V1.9.1, clauses 5.6.21 and 5.16.7.

A broker that misreads a selection may purge what is not ours. So purges are asked for only in the mode disruptive, by
types and ids of ours (the transport sees to both), and where the broker, or the tenant that the site file names, lists
no other Entity types than those of this run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.clients import Broker, Entity
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, precondition
from ldt_conformance.expectations import describe, expect_status, require

SHOWN_TYPES = 5


@dataclass(frozen=True)
class Purging:
    """The right to purge at a broker; the fixture of that name."""

    broker: Broker
    run: RunContext

    def made_sure(self) -> None:
        """End the check as inconclusive unless the broker shows that it holds nothing but what is ours."""
        if self.run.settings.plan:  # nothing is sent
            return
        witness = stored(self.broker, self.broker.new_entity("Witness"))
        response = require(self.broker.retrieve_types(params={"local": "true"}), 200, step="listing the Entity types")
        body = response.json()
        names = body.get("typeList") if isinstance(body, dict) else None
        listed = [str(name) for name in (names if isinstance(names, list) else [names])]
        precondition(
            any(str(witness.type) in name for name in listed),
            f"what the broker holds cannot be known: it does not list the type of {witness.id}: {describe(response)}",
        )
        others = [name for name in listed if not self.run.settings.owns(name)]
        if others:
            inconclusive(
                Reason.PRECONDITION_UNMET,
                f"there are Entities that are not ours, which a purge that is misread would take; of types "
                f"{', '.join(others[:SHOWN_TYPES])}. Try: endpoints.broker.tenant with the name of an empty tenant",
                expected="a broker or a tenant with no Entities but ours",
            )

    def purge(self, params: Mapping[str, Any], *entities: Entity) -> Response:
        """Purge Entities (5.6.21), which is to concern at most these: each was seen before."""
        for entity in entities:
            require(self.broker.retrieve_entity(entity.id), 200, step=f"retrieving {entity.id} before the purge")
        self.made_sure()
        response = self.broker.purge_entities(params, [entity.id for entity in entities])
        precondition(response.status != 207, f"a Context Source took part in the purge: {describe(response)}")
        expect_status(response, 204)
        return response

    def refused(self, params: Mapping[str, Any]) -> Response:
        """The answer to a purge that is to be refused."""
        self.made_sure()
        return self.broker.purge_entities(params, expects_refusal=True)

    def expect_left(self, entities: Mapping[str, Entity], expected: str) -> None:
        """Fail unless of these Entities exactly those of the labels can be retrieved, and the others are not found."""
        statuses = {label: self.broker.retrieve_entity(entity.id).status for label, entity in entities.items()}
        unclear = sorted({*statuses.values()} - {200, 404})
        precondition(not unclear, f"retrieving the Entities after the purge: {unclear}")
        left = [label for label, status in statuses.items() if status == 200]
        if left != sorted(expected):
            fail(f"of the Entities {sorted(entities)} exactly {sorted(expected)} left", f"left: {left}")
