"""Listening at an MQTT server that target and run both reach: ETSI GS CIM 009 V1.9.1, clause 7.

Only reads: the run publishes nothing. paho-mqtt comes with the extra `mqtt` (and `stack`); without it there is nothing
that could listen, which `can_listen` tells.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from ldt_conformance.engine.site.endpoints import MqttServer

DEFAULT_PORT, DEFAULT_TLS_PORT = 1883, 8883  # clause 7.2
CONNECT_SECONDS = 10.0
SUBSCRIBER_QOS = 2  # the highest, so that a message comes with the quality of service it was published with


class MqttUnreachableError(Exception):
    """The server could not be listened at; the sentence says why."""


def can_listen() -> bool:
    """Whether paho-mqtt is installed."""
    return importlib.util.find_spec("paho") is not None


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """One message that arrived."""

    topic: str
    qos: int
    payload: bytes

    def json(self) -> Any:
        """The payload as JSON; None where it is none."""
        try:
            return json.loads(self.payload)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class MqttAccess:
    """A server of the site file with what it takes to get in.

    Attributes:
        directory: What the path of `server.ca` starts from.
    """

    server: MqttServer
    password: str | None
    directory: Path

    @property
    def port(self) -> int:
        """The one named, else the default of the scheme."""
        return self.server.port or (DEFAULT_TLS_PORT if self.server.tls else DEFAULT_PORT)

    @property
    def has_default_port(self) -> bool:
        """Whether a URI need not name the port."""
        return self.port == (DEFAULT_TLS_PORT if self.server.tls else DEFAULT_PORT)

    def uri(self, topic: str) -> str:
        """The endpoint of a Subscription, as the target is to use it; the port only where it is not the default."""
        user = self.server.username
        login = ""
        if user is not None:
            secret = "" if self.password is None else f":{quote(self.password, safe='')}"
            login = f"{quote(user, safe='')}{secret}@"
        host = self.server.target_host or self.server.host
        port = "" if self.has_default_port else f":{self.port}"
        return f"mqtt{'s' if self.server.tls else ''}://{login}{host}{port}/{topic}"


class MqttInbox:
    """Subscribed to one topic from `with` on, so that nothing published after that is missed.

    Raises:
        MqttUnreachableError: No connection, or no subscription, in time.
    """

    def __init__(self, access: MqttAccess, topic: str) -> None:
        self.access = access
        self.topic = topic
        self._messages: list[MqttMessage] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()

    def __enter__(self) -> Self:
        from paho.mqtt import client as paho  # not part of the plain install
        from paho.mqtt.enums import CallbackAPIVersion

        server = self.access.server
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        if server.username is not None:
            self._client.username_pw_set(server.username, self.access.password)
        if server.tls:
            self._client.tls_set(str(self.access.directory / server.ca) if server.ca else None)
        self._client.on_connect = lambda client, *_: client.subscribe(self.topic, SUBSCRIBER_QOS)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect_timeout = CONNECT_SECONDS
        where = f"{server.host}:{self.access.port}"
        try:
            self._client.connect(server.host, self.access.port)
        except (OSError, ValueError) as error:
            raise MqttUnreachableError(f"no connection to the MQTT server {where}: {error}") from error
        self._client.loop_start()
        if not self._subscribed.wait(CONNECT_SECONDS):
            self._end()
            raise MqttUnreachableError(f"the MQTT server {where} lets nobody subscribe; is the account right?")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def wait_for(self, matches: Callable[[MqttMessage], bool], timeout_seconds: float) -> MqttMessage | None:
        """The first message that matches, as soon as it is there; None where none comes in time."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while True:
                found = next((message for message in self._messages if matches(message)), None)
                left = deadline - time.monotonic()
                if found is not None or left <= 0:
                    return found
                self._changed.wait(left)

    def __len__(self) -> int:
        """How many messages have come."""
        with self._changed:
            return len(self._messages)

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        with self._changed:
            self._messages.append(MqttMessage(message.topic, message.qos, bytes(message.payload)))
            self._changed.notify_all()

    def _end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
