"""Context Sources for checks of distributed operations: how they are registered, and what is expected to reach them.

What is registered is one Entity of the run by type and id, for queries also by names of Attributes, so that no request
of anybody else is about it. By the letter of clause 5.12 a query that names none of them (a condition on values or
places alone) may still be forwarded for as long as a source is registered; `Source` answers it with an empty list. What
a run that was killed leaves behind ends by itself within the hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ldt_conformance.checks.ngsi_ld.context_sources.registering import source as new_registration
from ldt_conformance.checks.ngsi_ld.declared import REGISTRATIONS, cim009
from ldt_conformance.checks.ngsi_ld.distributed.source import Source, context_source, means, resource
from ldt_conformance.checks.ngsi_ld.given import registered, stored
from ldt_conformance.clients import Broker, Entity, Registration
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.transport.response import Response
from ldt_conformance.engine.verdicts import Level, Mode, Reason, fail, precondition, warn
from ldt_conformance.expectations import describe, error_type, expect_object
from ldt_conformance.receiver import Received, Receiver

BASE: dict[str, Any] = {
    "level": Level.MUST,
    "capability": REGISTRATIONS,
    "since": "1.8.1",
    "mode": Mode.SANDBOX_WRITE,
}
DISTRIBUTED: dict[str, Any] = {**BASE, "requirements": ["ngsi-ld/4.3.6"]}
PARTIAL: dict[str, Any] = {**BASE, "requirements": ["ngsi-ld/6.3.17"]}
LIMITED: dict[str, Any] = {**BASE, "requirements": ["ngsi-ld/6.3.18"]}
RESPECTED = cim009(
    "4.3.6.1", "API operations. Context Brokers shall respect this, to avoid unnecessarily sending distributed"
)
NEVER_HERE = cim009(
    "4.3.6.3", "registered Attributes are distributed on to the registered sources and never serviced directly by the"
)
RETRIEVAL = "retrieveEntity"
LIFE = timedelta(hours=1)  # of a Registration, should nobody remove it; longer than clocks differ
EFFECT_SECONDS = 3.0
ARRIVAL_SECONDS = 1.0  # of what a broker may forward beside its answer
PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class Vehicle:
    """An Entity with an Attribute that is held here (`near`) and one that a Context Source holds (`far`).

    Their names are those of the run alone: whatever terms a broker has by default (clause 5.5.5), these are none.
    """

    entity: Entity
    near: str
    far: str

    @property
    def id(self) -> str:
        """Of the Entity."""
        return self.entity.id

    @property
    def type(self) -> str:
        """Of the Entity."""
        return str(self.entity.type)

    def here(self, value: int = 55) -> Entity:
        """The Entity with what is held here."""
        return self.entity.with_property(self.near, value)

    def there(self, value: int = 90) -> Entity:
        """The Entity with what the source holds."""
        return self.entity.with_property(self.far, value)

    def whole(self, near: int = 55, far: int = 90) -> Entity:
        """The Entity with both."""
        return self.here(near).with_property(self.far, far)

    def values(self, entity: Mapping[str, Any]) -> tuple[Any, Any]:
        """What a received Entity (Fragment) says of both; None where it does not say."""
        return value_of(entity, self.near), value_of(entity, self.far)


def new_vehicle(broker: Broker) -> Vehicle:
    """One that is stored nowhere yet."""
    return Vehicle(broker.new_entity("Vehicle"), broker.unique("speed"), broker.unique("heading"))


def value_of(entity: Mapping[str, Any], name: str) -> Any:
    """The value of an Attribute whose name only this run uses, in whatever form it was received; None without it."""
    return next((attribute_value({name: value}, name) for key, value in entity.items() if means(key, name)), None)


def offering(
    broker: Broker, source: Source, vehicle: Vehicle, *operations: str, properties: Sequence[str] = (), **members: Any
) -> Registration:
    """A Registration that offers operations on one Entity, or on some of its Attributes."""
    template = Registration(new_registration(broker).id, source.url)
    offered = template.offering(vehicle.type, id=vehicle.id, properties=properties)
    ends = f"{datetime.now(UTC) + LIFE:%Y-%m-%dT%H:%M:%SZ}"
    return offered.with_members(operations=list(operations), expiresAt=ends, **members)


def remote(broker: Broker, receiver: Receiver, vehicle: Vehicle, *operations: str, **members: Any) -> Source:
    """A Context Source that is registered for operations and for retrieval, and was given a moment to be asked for it.

    An exclusive one has the Attribute `far` alone (clause 4.3.6.3), any other the whole Entity. How soon a Registration
    takes effect is said nowhere. A broker that asks for nothing is judged all the same: it may distribute the operation
    under test.
    """
    source = context_source(receiver, vehicle.there().to_json())
    if broker.settling is not None and broker.settling.needs("entity"):
        stored(broker, broker.new_entity("Witness"))  # one that is here alone: how soon it shows is measured by it
    properties = [vehicle.far] if members.get("mode") == "exclusive" else []
    registered(broker, offering(broker, source, vehicle, RETRIEVAL, *operations, properties=properties, **members))
    until(lambda: broker.retrieve_entity(vehicle.id), source.retrievals, source)
    return source


def awaiting(broker: Broker, receiver: Receiver, vehicle: Vehicle, *operations: str, **members: Any) -> Source:
    """As `remote`, a source that has not got the Entity by the time that it is created."""
    source = remote(broker, receiver, vehicle, *operations, **members)
    source.holds = False
    return source


def until(ask: Callable[[], Response], seen: Callable[[], object], *sources: Source) -> Response:
    """The answer to a request, as soon as something has been seen at the sources: asked again for a moment."""
    deadline = time.monotonic() + (EFFECT_SECONDS if all(source.waits for source in sources) else 0.0)
    while True:
        response = ask()
        if seen() or time.monotonic() >= deadline:
            return response
        time.sleep(PAUSE_SECONDS)


def in_effect(source: Source) -> None:
    """Make sure that a Registration is in force, or that its source is not asked would prove nothing."""
    precondition(source.retrievals(), "the source was not even asked for the Entity; that it is is judged elsewhere")


def here(broker: Broker, vehicle: Vehicle, *sources: Source) -> dict[str, Any]:
    """What is held of an Entity here, without its sources; empty: nothing."""
    for source in sources:
        source.holds = False
    response = broker.retrieve_entity(vehicle.id, params={"local": True})
    precondition(response.status in (200, 404), f"reading back {vehicle.id}: observed {describe(response)}")
    return {} if response.status == 404 else expect_object(response)


def sent(source: Source, method: str, path: str) -> list[Received]:
    """The writes that reached a source with this method, at this path below the root of the API."""
    return [one for one in source.writes() if _is(source, one, method, path)]


def _is(source: Source, one: Received, method: str, path: str) -> bool:
    return one.method == method and _at(resource(source, one), path)


def _at(found: str, path: str) -> bool:
    """Whether a path is meant; the name of an Attribute at its end may be whole."""
    if found == path:
        return True
    entity, _, name = path.partition("/attrs/")
    return bool(name) and found.startswith(f"{entity}/attrs/") and means(found, name)


def expect_sent(source: Source, method: str, path: str) -> dict[str, Any]:
    """Fail unless a write reached a source; returns what it said, taken together where it came in several requests."""
    source.wait_for(lambda one: _is(source, one, method, path), ARRIVAL_SECONDS)
    found = sent(source, method, path)
    if not found:
        fail(f"a {method} of {path} at the Context Source", f"there arrived {arrived(source)}")
    return {key: value for one in found for key, value in members(one).items()}


def members(request: Received) -> dict[str, Any]:
    """The members of an Entity (Fragment) that a request carries."""
    body = request.json()
    return body if isinstance(body, dict) else {}


def arrived(source: Source) -> str:
    """The requests that reached a source, in a line."""
    return ", ".join(f"{one.method} {resource(source, one)}" for one in source.received()) or "nothing"


def expect_no_write(source: Source) -> None:
    """Fail if anything that changes Entities reached a source."""
    if source.writes():
        fail("no write at the Context Source", f"there arrived {arrived(source)}")


def expect_error(response: Response, status: int, *, error: str = "") -> None:
    """Fail unless the answer is this error; a 207 that says what failed is a warning.

    The tables of clauses 6.5 to 6.7 answer an error of any distributed operation with 207, where clauses 5.6 and 6.3.17
    have an error of its own for what failed as a whole.
    """
    if response.status == status and error in ("", error_type(response)):
        return
    expected = f"{status}{f', type {error}' if error else ''}"
    if response.status == 207 and failures(response):
        warn(Reason.TOLERATED, expected, describe(response))
    fail(expected, describe(response))


def failures(response: Response) -> list[Any]:
    """What a 207 says was not done: of a BatchOperationResult (5.2.16), or of an UpdateResult (5.2.18; ruling M26)."""
    body = expect_object(response, 207)
    listed = [body.get(name) for name in ("errors", "notUpdated")]
    return [one for found in listed if isinstance(found, list) for one in found]


def expect_partial(response: Response) -> None:
    """Fail unless the answer is a 207 that says what was not done."""
    if not failures(response):
        fail("a 207 that names what failed", describe(response))
