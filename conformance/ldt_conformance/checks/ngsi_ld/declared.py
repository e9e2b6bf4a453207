"""Shorthands for declarations: clauses of CIM 009 V1.9.1 and test purposes of CIM 013 V3.1.1."""

from __future__ import annotations

from ldt_conformance.engine.declare import Clause

SUBSCRIPTIONS = "subscriptions"  # capability names of the site file
TEMPORAL = "temporal"
REGISTRATIONS = "registrations"
REGISTRATION_SUBSCRIPTIONS = "registration-subscriptions"


def cim009(number: str, quote: str) -> Clause:
    """A clause of ETSI GS CIM 009 V1.9.1 with the words that the check rests on."""
    return Clause("CIM 009", "1.9.1", number, quote=quote)


def purposes(*keys: str) -> list[str]:
    """Official test purposes by key, e.g. `CI/Prov/E/001_01_01`."""
    return [f"TP/NGSI-LD/{key}" for key in keys]
