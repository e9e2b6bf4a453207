"""The conformance suite: checks, engine, reports, badges and the `ldt` command.

What a check needs is re-exported here: `from ldt_conformance import Broker, Entity, Level, check, expect_problem`.
"""

from ldt_conformance.clients import Broker, Entity, Registration, Subscription, TemporalEntity
from ldt_conformance.engine.declare import Clause, check
from ldt_conformance.engine.verdicts import Layer, Level, Mode, Reason
from ldt_conformance.expectations import (
    expect_entity,
    expect_ids,
    expect_list,
    expect_members,
    expect_object,
    expect_problem,
    expect_status,
    require,
)

__all__ = [
    "Broker",
    "Clause",
    "Entity",
    "Layer",
    "Level",
    "Mode",
    "Reason",
    "Registration",
    "Subscription",
    "TemporalEntity",
    "check",
    "expect_entity",
    "expect_ids",
    "expect_list",
    "expect_members",
    "expect_object",
    "expect_problem",
    "expect_status",
    "require",
]
