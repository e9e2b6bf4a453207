"""One attempt at a notification, over HTTP (ETSI GS CIM 009 V1.9.1, clause 6.3.8) or MQTT (clause 7.2).

Knows nothing of Subscriptions' state.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.mqtt import MqttError, MqttPublisher, MqttTarget
from ldt_stack.broker.notifications.subscription import Endpoint
from ldt_stack.broker.outbound import Outbound, OutboundError
from ldt_stack.broker.settings import BrokerSettings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Args:
        delivered: Whether "the response to the notification request is 200 OK" (5.8.6): any other answer is a failure;
            over MQTT, whether the quality of service kept its promise.
        answered: Whether the receiver (or the MQTT server) has seen it: then it is not sent again.
        problem: What went wrong, for the log; "" if nothing did.
    """

    delivered: bool
    answered: bool
    problem: str = ""


class Sender:
    """Sends notifications; so many at once as the settings say."""

    def __init__(self, settings: BrokerSettings, outbound: Outbound) -> None:
        self._settings = settings
        self._outbound = outbound
        self._mqtt = MqttPublisher(outbound)
        self._slots = asyncio.Semaphore(settings.notification_workers)

    async def send(self, endpoint: Endpoint, notification: JsonObject, headers: dict[str, str]) -> Outcome:
        """One attempt, however it ends: errors are outcomes, none is raised.

        Args:
            endpoint: Where to. Its own timeout is kept to where it is shorter than ours (5.2.15: "can override").
            notification: The body (5.3.1).
            headers: Content-Type, Link and the receiverInfo among them; over MQTT they are the metadata.
        """
        allowed = self._settings.notification_timeout_seconds
        limit = min(endpoint.timeout_seconds or allowed, allowed)
        async with self._slots:
            if endpoint.mqtt is None:
                return await self._post(endpoint.uri, orjson.dumps(notification), headers, limit)
            # The Subscription's timeout "only applies if the binding protocol always returns a response" (5.2.15).
            limit = limit if endpoint.mqtt.qos else allowed
            return await self._publish(endpoint.mqtt, {"metadata": headers, "body": notification}, limit)

    async def close(self) -> None:
        """Close MQTT connections; those of HTTP belong to `Outbound`."""
        await self._mqtt.close()

    async def _post(self, uri: str, content: bytes, headers: dict[str, str], timeout_seconds: float) -> Outcome:
        """Redirects are not followed, so that a receiver cannot point us elsewhere."""
        try:
            answer = await self._outbound.request(
                "POST",
                uri,
                headers=headers,
                content=content,
                timeout_seconds=timeout_seconds,
                max_bytes=None,
                repeatable=True,  # at least once
            )
        except OutboundError as error:
            return Outcome(delivered=False, answered=False, problem=error.detail)
        delivered = answer.status == 200
        return Outcome(delivered, answered=True, problem="" if delivered else f"{answer.url} answered {answer.status}")

    async def _publish(self, target: MqttTarget, message: JsonObject, timeout_seconds: float) -> Outcome:
        try:
            await self._mqtt.publish(target, orjson.dumps(message), timeout_seconds)
        except MqttError as error:
            return Outcome(delivered=False, answered=error.answered, problem=str(error))
        return Outcome(delivered=True, answered=True)
