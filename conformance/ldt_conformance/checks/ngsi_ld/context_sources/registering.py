"""Context Source Registrations for checks of the Context Registry, and finding them (clauses 5.9 and 5.10).

Nothing is ever forwarded by them (see `Registration`), so nobody needs to listen at their endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ldt_conformance.checks.ngsi_ld.consumption.paging import elements
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATIONS, cim009
from ldt_conformance.checks.ngsi_ld.given import registered
from ldt_conformance.checks.ngsi_ld.subscriptions.subscribing import ENDPOINT
from ldt_conformance.clients import Broker, Registration, point
from ldt_conformance.comparators import expand_name, same_instant, same_value
from ldt_conformance.engine.verdicts import Level, Mode, fail
from ldt_conformance.expectations import expect_equal, expect_object

READ: dict[str, Any] = {"level": Level.MUST, "capability": REGISTRATIONS}
DECLARED: dict[str, Any] = {**READ, "mode": Mode.SANDBOX_WRITE}
REGISTRATION_MET = cim009(
    "5.9.2.4", "If the data types and restrictions expressed by clause 5.2.9 are not met by the Context Source"
)
NO_JSON = cim009(
    "5.5.4", "If the request payload body is not a valid JSON document then an error of type InvalidRequest shall be"
)
PORTO, FARO = point(-8.503, 41.202), point(-7.93, 37.02)
NORTH = [[[-9.5, 40.5], [-6.5, 40.5], [-6.5, 42.5], [-9.5, 42.5], [-9.5, 40.5]]]  # Porto lies in it, Faro does not
EARLIER = {"startAt": "2021-01-01T00:00:00Z", "endAt": "2021-12-31T00:00:00Z"}
LATER = {"startAt": "2022-01-01T00:00:00Z", "endAt": "2022-12-31T00:00:00Z"}
LIMIT = 20  # more than any check registers, and less than any broker is known to allow


def source(broker: Broker) -> Registration:
    """A Registration that offers nothing yet."""
    return Registration(broker.new_id("ContextSourceRegistration"), ENDPOINT)


def offer(broker: Broker) -> Registration:
    """A Registration of Entities of a type that nobody has."""
    return source(broker).offering(broker.new_type())


def shown_registration(broker: Broker, registration_id: str, **options: Any) -> dict[str, Any]:
    """The Registration as the broker shows it."""
    return expect_object(broker.retrieve_registration(registration_id, **options))


def offered(registration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The RegistrationInfo elements of a Registration as it was received."""
    information = registration.get("information")
    listed = information if isinstance(information, list) else [information]
    return [info for info in listed if isinstance(info, dict)]


def offered_types(registration: Mapping[str, Any]) -> set[str]:
    """The Entity Types that a Registration offers, as they were received."""
    entities = [info.get("entities") for info in offered(registration)]
    infos = [one for listed in entities for one in (listed if isinstance(listed, list) else [listed])]
    return {name for info in infos if isinstance(info, dict) for name in _listed(info.get("type"))}


def offered_attributes(registration: Mapping[str, Any]) -> set[str]:
    """The Properties and Relationships that a Registration offers, as they were received."""
    members = ("propertyNames", "relationshipNames")
    return {name for info in offered(registration) for member in members for name in _listed(info.get(member))}


def _listed(value: Any) -> list[str]:
    """An array of one may be shown as its element (5.2.8; ruling M23)."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def expect_found(
    broker: Broker, registrations: Mapping[str, Registration], params: Mapping[str, Any], expected: str
) -> list[dict[str, Any]]:
    """Register Context Sources, query, and fail unless exactly those of the labels are found; returns them.

    Registrations of others are passed over: one that names no Entities answers every query (5.12).
    """
    for registration in registrations.values():
        registered(broker, registration)

    listed = elements(broker, broker.query_registrations({"limit": LIMIT, **params}))

    return only(listed, registrations, expected)


def only(listed: Iterable[Any], registrations: Mapping[str, Registration], expected: str) -> list[dict[str, Any]]:
    """Fail unless of these Registrations exactly those of the labels are in a list, each once."""
    label_of = {registration.id: label for label, registration in registrations.items()}
    ours = [item for item in listed if isinstance(item, dict) and item.get("id") in label_of]
    found = sorted(label_of[item["id"]] for item in ours)
    if found != sorted(expected):
        fail(f"of the Registrations {sorted(registrations)} exactly {sorted(expected)}", f"Registrations {found}")
    return ours


def expect_echo(sent: Registration, found: Mapping[str, Any]) -> None:
    """Fail unless a Registration shows what was sent; members may be added (lesson 3), arrays of one unwrapped."""
    document = sent.to_json()
    expect_equal(found.get("type"), document["type"], "type")
    for what, read in (("types", offered_types), ("Attributes", offered_attributes)):
        expect_equal(_expanded(read(found)), _expanded(read(document)), f"the {what} that are offered")
    for name in document.keys() - {"type", "information"}:
        value, shown = document[name], found.get(name)
        if not (same_instant(value, shown) if name == "expiresAt" else same_value(value, shown)):
            fail(f"{name} {value!r}", f"{name} {shown!r}")


def _expanded(names: Iterable[str]) -> list[str]:
    return sorted(expand_name(name) for name in names)
