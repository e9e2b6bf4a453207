"""Fixtures of the NGSI-LD checks."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ldt_conformance.checks.ngsi_ld.consumption.cutting import Cut
from ldt_conformance.checks.ngsi_ld.given import simple_vehicle, stored
from ldt_conformance.checks.ngsi_ld.purging import Purging
from ldt_conformance.checks.ngsi_ld.reaching import cannot_be_reached, require_reached
from ldt_conformance.checks.ngsi_ld.sample import Choice, Sample, find_sample
from ldt_conformance.checks.ngsi_ld.subscriptions.publishing import MqttServers
from ldt_conformance.clients import Broker, Entity
from ldt_conformance.clients.mqtt import MqttAccess, can_listen
from ldt_conformance.clients.settling import Settling
from ldt_conformance.engine.run_context import RunContext, RunSettings
from ldt_conformance.engine.site.model import Site
from ldt_conformance.engine.transport.target import Target
from ldt_conformance.engine.verdicts import Reason, inconclusive
from ldt_conformance.receiver import Receiver


@pytest.fixture(scope="session")
def settling() -> Settling:
    """What this process has seen of the time until a write shows."""
    return Settling()


@pytest.fixture
def broker(target: Target, run: RunContext, site: Site, settling: Settling) -> Broker:
    """The NGSI-LD endpoint under test; what it creates is removed when the check ends."""
    history = target.client("history") if "history" in site.endpoints else None
    if settling.seconds:
        run.note(f"what is written shows after a while: each write was followed by a wait of {settling.seconds:.1f} s")
    return Broker(
        target.client("broker"),
        unique=run.unique,
        version=site.ngsi_ld_version,
        history=history,
        settling=None if run.settings.plan else settling,  # a plan's stand-in shows nothing by type
    )


@pytest.fixture
def purging(broker: Broker, run: RunContext) -> Purging:
    """Purges what is ours, where there is nothing else."""
    return Purging(broker, run)


@pytest.fixture
def stored_entity(broker: Broker) -> Entity:
    """A stored Entity of a type of its own: speed, brandName, isParked, location."""
    return stored(broker, simple_vehicle(broker))


@pytest.fixture(scope="session")
def cut() -> Cut:
    """At which length temporal answers are cut, once a check has seen it."""
    return Cut()


@pytest.fixture(scope="session")
def sample_choice() -> Choice:
    """What the first check that looked found at the site, so that the others need not look again."""
    return Choice()


@pytest.fixture
def sample(broker: Broker, run: RunContext, site: Site, sample_choice: Choice) -> Sample:
    """Entities that are there to be read: the site's own, or, where writing is allowed, some of ours."""
    return find_sample(broker, run.mode, site.samples, sample_choice)


@pytest.fixture(scope="session")
def receivers() -> Iterator[Callable[[str | None, RunSettings], Receiver]]:
    """Starts the receiver of this process when it is first asked for; it listens until the run ends."""
    made: dict[str | None, Receiver] = {}
    with ExitStack() as stack:

        def receiver_for(public_host: str | None, settings: RunSettings) -> Receiver:
            if public_host not in made:
                receiver = Receiver(public_host, settings.prefix, is_planned=settings.plan)
                made[public_host] = stack.enter_context(receiver)
            return made[public_host]

        yield receiver_for


@pytest.fixture
def receiver(target: Target, run: RunContext, receivers: Callable[[str | None, RunSettings], Receiver]) -> Receiver:
    """Where the target calls us back; the check is inconclusive where it cannot, or cannot know our address."""
    if run.public_host is None and not target.client("broker").loopback:
        inconclusive(
            Reason.RECEIVER_UNREACHABLE,
            "the target is not on this machine and no address was given under which it can reach us; try --public-host",
            expected="an address that the target can call",
        )
    found = receivers(run.public_host, run.settings)
    if found.reached is False:
        cannot_be_reached(found)
    return found


@pytest.fixture(scope="session")
def mqtt_known() -> list[MqttServers]:
    """The MQTT servers of the site file once a check has asked for them, so that they are told from silent ones."""
    return []


@pytest.fixture
def mqtt_servers(target: Target, run: RunContext, mqtt_known: list[MqttServers]) -> MqttServers:
    """Where the target publishes and we listen; inconclusive where no server is named, or nobody can listen."""
    if not target.site.mqtt:
        inconclusive(
            Reason.NOT_DECLARED,
            "the site file names no MQTT server that the target and this run both reach; try: mqtt: [{host: …}]",
            expected="an MQTT server",
        )
    if not can_listen():
        inconclusive(Reason.PRECONDITION_UNMET, "paho-mqtt is not installed; try: pip install 'ldt-harness[mqtt]'")
    if run.settings.plan:
        inconclusive(Reason.PRECONDITION_UNMET, "a plan sends nothing, so nothing is published")
    if not mqtt_known:
        access = zip(target.site.mqtt, target.mqtt_passwords(), strict=True)
        mqtt_known.append(MqttServers(tuple(MqttAccess(server, word, target.directory) for server, word in access)))
    return mqtt_known[0]


@pytest.fixture
def context_server(broker: Broker, receiver: Receiver) -> Receiver:
    """Serves @contexts to a target that is known to reach us."""
    require_reached(broker, receiver)
    return receiver
