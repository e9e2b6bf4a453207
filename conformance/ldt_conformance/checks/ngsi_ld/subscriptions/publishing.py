"""Notifications over MQTT: subscribing at the target, listening at the MQTT server (clause 7.2).

The MQTT server is named by the site file (`mqtt`), which says that the target reaches it, too. Where nothing of the
target has ever arrived there and the Subscription itself tells of failures, that is doubted before silence is held
against the target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ldt_conformance.checks.ngsi_ld.given import stored
from ldt_conformance.checks.ngsi_ld.subscriptions.watching import POSITIVE_SECONDS, change
from ldt_conformance.clients import Broker, Entity, Subscription
from ldt_conformance.clients.mqtt import MqttAccess, MqttInbox, MqttMessage, MqttUnreachableError
from ldt_conformance.comparators import attribute_value
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive, not_applicable
from ldt_conformance.expectations import expect_object, expect_status

SPEED = 77
Prepare = Callable[[Subscription], Subscription]


@dataclass
class MqttServers:
    """The MQTT servers of the site file, and what has been seen of the target at them.

    Attributes:
        heard: Something of the target has come through one of them.
        unreached: Servers at which the target has failed to publish, by its own word.
    """

    servers: tuple[MqttAccess, ...]
    heard: bool = False
    unreached: dict[MqttAccess, str] = field(default_factory=dict)

    def first(self) -> MqttAccess:
        """Any of them."""
        return self.servers[0]

    def which(self, what: str, fits: Callable[[MqttAccess], bool]) -> MqttAccess:
        """One that a check can use; not applicable where the site names none of the kind."""
        found = next((access for access in self.servers if fits(access)), None)
        if found is None:
            not_applicable(Reason.NO_ENDPOINT, f"the site file names no MQTT server {what}")
        return found


@dataclass(frozen=True, slots=True)
class Published:
    """One notification over MQTT.

    Attributes:
        content: The payload: an object with `metadata` and `body`.
        entity: The Entity that was changed.
    """

    message: MqttMessage
    content: dict[str, Any]
    entity: Entity

    @property
    def metadata(self) -> dict[str, Any]:
        """What HTTP would send as headers; empty where it is no object."""
        found = self.content.get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def body(self) -> dict[str, Any]:
        """The notification; empty where it is no object."""
        found = self.content.get("body")
        return found if isinstance(found, dict) else {}

    @property
    def shown(self) -> dict[str, Any]:
        """The Entity as the body shows it; empty where it does not."""
        return next((item for item in _items(self.body.get("data")) if item.get("id") == self.entity.id), {})


def notifier_info(**pairs: str) -> Prepare:
    """Prepares a Subscription with MQTT parameters (table 7.2-1): `MQTT_QoS="1"` stands for MQTT-QoS."""
    listed = [{"key": name.replace("_", "-"), "value": value} for name, value in pairs.items()]
    return lambda template: template.with_endpoint(notifierInfo=listed)


def unchanged(template: Subscription) -> Subscription:
    """Prepares nothing."""
    return template


def published(broker: Broker, servers: MqttServers, access: MqttAccess, prepare: Prepare = unchanged) -> Published:
    """Subscribe with an MQTT endpoint, change an Entity, and take the notification that the target publishes.

    The Subscription must be accepted and the notification must come: both are what clause 7.2 is about.
    """
    if access in servers.unreached:
        _not_reached(servers.unreached[access])
    topic = f"ldt-check/{broker.unique('topic')}"
    entity = stored(broker, broker.new_entity("Vehicle").with_property("speed", 55))
    template = Subscription(broker.new_id("Subscription"), access.uri(topic)).on_type(str(entity.type))
    subscription = prepare(template)
    try:
        with MqttInbox(access, topic) as inbox:
            expect_status(broker.create_subscription(subscription), 201)
            change(broker, entity, speed=SPEED)
            message = inbox.wait_for(lambda one: _tells(one, entity), POSITIVE_SECONDS)
            arrived = len(inbox)
    except MqttUnreachableError as error:
        inconclusive(Reason.RECEIVER_UNREACHABLE, str(error), expected="an MQTT server that this run can listen at")
    servers.heard = servers.heard or arrived > 0
    if message is None:
        _silent(broker, servers, access, str(subscription.id), arrived)
    return Published(message, message.json(), entity)


def _tells(message: MqttMessage, entity: Entity) -> bool:
    """Whether the new speed of the Entity stands in a message, wherever the notification stands in it."""
    content = message.json()
    if not isinstance(content, dict):
        return False
    bodies = [content, *(value for value in content.values() if isinstance(value, dict))]
    listed = [item for body in bodies for item in _items(body.get("data"))]
    return any(item.get("id") == entity.id and attribute_value(item, "speed") == SPEED for item in listed)


def _items(data: Any) -> list[dict[str, Any]]:
    return [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]


def _silent(broker: Broker, servers: MqttServers, access: MqttAccess, subscription_id: str, arrived: int) -> NoReturn:
    shown = expect_object(broker.retrieve_subscription(subscription_id)).get("notification")
    told = {name: shown[name] for name in ("status", "timesFailed", "lastFailure") if name in shown} if shown else {}
    observed = f"{arrived} message(s), none that fits, in {POSITIVE_SECONDS:g} s; the Subscription says {told}"
    if not servers.heard and ("lastFailure" in told or told.get("timesFailed")):
        servers.unreached[access] = observed
        _not_reached(observed)
    fail("the notification as a message under the Subscription's topic", observed)


def _not_reached(observed: str) -> NoReturn:
    inconclusive(
        Reason.RECEIVER_UNREACHABLE,
        f"{observed}. Does the target reach the MQTT server under that name? Try: target_host in the site file",
        expected="an MQTT server that the target reaches",
    )
