"""Notifications over MQTT, with real MQTT servers: ETSI GS CIM 009 V1.9.1, clause 7.2.

aMQTT knows MQTT 3.1.1 alone and is always there; Mosquitto knows both versions and TLS.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from ldt_stack.broker.notifications.mqtt import MqttServer, MqttTarget, parse_target

from .certificates import certificate
from .delivery import counters, eventually

pytestmark = pytest.mark.anyio

CAR = "urn:ngsi-ld:Car:1"
DEADLINE_SECONDS = 20.0
USER, PASSWORD = "city", "p@ss/word"
MOSQUITTO = pytest.param("mosquitto", marks=pytest.mark.mosquitto)
OLD = {"key": "MQTT-Version", "value": "mqtt3.1.1"}


def test_the_form_of_an_endpoint() -> None:
    """User, password, port and topics are read as clause 7.2 writes them, with its defaults."""
    assert parse_target("mqtt://b.example/a/b", {}) == MqttTarget(
        MqttServer("b.example", 1883, False, None, None, "mqtt5.0"), "a/b", 0
    )
    info = {"MQTT-QoS": "2", "MQTT-Version": "mqtt3.1.1", "other": "x"}
    assert parse_target("mqtts://u:p%40w@b.example:99/a%20b", info) == MqttTarget(
        MqttServer("b.example", 99, True, "u", "p@w", "mqtt3.1.1"), "a b", 2
    )
    assert parse_target("MQTTS://u@[::1]/t", {}).server == MqttServer("::1", 8883, True, "u", None, "mqtt5.0")


@dataclass
class Subscriber:
    """Receives what is published below `#`."""

    port: int
    ca: Path | None = None
    messages: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)

    def start(self) -> None:
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.username_pw_set(USER, PASSWORD)
        ready = []
        self.client.on_message = lambda _c, _d, one: self.messages.append((one.topic, one.qos, json.loads(one.payload)))
        self.client.on_subscribe = lambda *_: ready.append(True)
        if self.ca is not None:
            self.client.tls_set(str(self.ca))
        self.client.connect("localhost" if self.ca else "127.0.0.1", self.port)
        self.client.subscribe("#", 2)
        self.client.loop_start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not ready:
            assert time.monotonic() < deadline, "no subscription"
            time.sleep(0.01)

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    async def wait(self, count: int) -> list[tuple[str, int, dict[str, Any]]]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(self.messages) < count:
            assert time.monotonic() < deadline, f"{len(self.messages)} messages came, not {count}"
            await asyncio.sleep(0.01)
        return self.messages


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def answering(port: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < deadline, "the MQTT server does not listen"
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return


def mosquitto_program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None
    return found


def start_mosquitto(port: int, directory: Path, *options: str) -> subprocess.Popen[bytes]:
    passwords, access, configuration = (directory / name for name in ("passwords", "access", "mosquitto.conf"))
    if not passwords.exists():
        command = [mosquitto_program("mosquitto_passwd"), "-c", "-b", str(passwords), USER, PASSWORD]
        subprocess.run(command, check=True, capture_output=True)
    access.write_text(f"user {USER}\ntopic readwrite #\ntopic deny forbidden/#\n")
    lines = [f"listener {port} 127.0.0.1", f"password_file {passwords}", f"acl_file {access}", "user root", *options]
    configuration.write_text("\n".join(lines) + "\n")
    with (directory / "log").open("ab") as log:
        return subprocess.Popen([mosquitto_program("mosquitto"), "-c", str(configuration)], stdout=log, stderr=log)


def start_amqtt(port: int, directory: Path) -> subprocess.Popen[bytes]:
    """A process of its own: it leaves sockets unclosed when it ends."""
    configuration = directory / "amqtt.yaml"
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    configuration.write_text(json.dumps({"listeners": listeners, "plugins": anonymous}))  # JSON is YAML
    program = Path(sys.executable).with_name("amqtt")
    with (directory / "log").open("ab") as log:
        return subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log)


@asynccontextmanager
async def ended(start: Callable[[], subprocess.Popen[bytes]], port: int) -> AsyncIterator[None]:
    """A server, once it listens, until it has ended."""
    process = await asyncio.to_thread(start)
    try:
        await answering(port)
        yield
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, DEADLINE_SECONDS)


@asynccontextmanager
async def mqtt_server(kind: str, directory: Path, port: int | None = None) -> AsyncIterator[Subscriber]:
    port = port or free_port()
    start = partial(start_amqtt, port, directory) if kind == "amqtt" else partial(start_mosquitto, port, directory)
    async with ended(start, port):
        subscriber = Subscriber(port)
        await asyncio.to_thread(subscriber.start)
        try:
            yield subscriber
        finally:
            await asyncio.to_thread(subscriber.stop)


def uri(port: int, topic: str = "city/cars") -> str:
    return f"mqtt://{USER}:p%40ss%2Fword@127.0.0.1:{port}/{topic}"


@pytest.fixture(params=["amqtt", MOSQUITTO])
def kind(request: pytest.FixtureRequest) -> str:
    """Which MQTT server."""
    name: str = request.param
    return name


@pytest.mark.parametrize("qos", [None, "0", "1", "2"])
async def test_a_change_is_published(running: Any, kind: str, tmp_path: Path, qos: str | None) -> None:
    """The message has "metadata" and "body" (7.2), at the quality of service that notifierInfo says; 0 by default."""
    info = [OLD] if kind == "amqtt" else []
    info += [] if qos is None else [{"key": "MQTT-QoS", "value": qos}]
    async with mqtt_server(kind, tmp_path) as subscriber:
        location = await running.subscribe(
            uri(subscriber.port),
            endpoint_members={"notifierInfo": info, "receiverInfo": [{"key": "My Note", "value": "x:y"}]},
            jsonldContext="https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld",
        )
        for value in (1, 2):
            await running.change(CAR, speed=value)
        messages = await subscriber.wait(2)
        found = await eventually(lambda: counters(running, location), lambda found: found.get("timesSent") == 2)

    assert [topic for topic, _, _ in messages] == ["city/cars"] * 2
    if kind == "mosquitto":  # aMQTT delivers with the quality that the receiver asked for
        assert [quality for _, quality, _ in messages] == [int(qos or 0)] * 2
    assert [message["body"]["data"][0]["speed"]["value"] for _, _, message in messages] == [1, 2]
    message = messages[0][2]
    assert message.keys() == {"metadata", "body"}
    assert message["body"].keys() == {"id", "type", "subscriptionId", "notifiedAt", "data"}
    assert (
        message["metadata"]
        .pop("Link")
        .startswith("<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>;")
    )
    assert message["metadata"] == {"Content-Type": "application/json", "My Note": "x:y"}
    assert (found["status"], found.get("timesFailed")) == ("ok", None)


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", [None, "mqtt5.0", "mqtt3.1.1"])
async def test_the_version_of_mqtt_is_as_asked_for(running: Any, tmp_path: Path, version: str | None) -> None:
    """MQTT-Version in notifierInfo; 5.0 by default (table 7.2-1). The server's log says what came."""
    info = [] if version is None else [{"key": "MQTT-Version", "value": version}]
    async with mqtt_server("mosquitto", tmp_path) as subscriber:
        await running.subscribe(uri(subscriber.port), endpoint_members={"notifierInfo": info})
        await running.change(CAR, speed=1)
        await subscriber.wait(1)
        log = (tmp_path / "log").read_text()
    (line,) = [line for line in log.splitlines() if "as ldt-broker-" in line]
    assert ("p2," if version == "mqtt3.1.1" else "p5,") in line  # Mosquitto's name for 3.1.1 is 2


async def test_json_ld_carries_its_context_in_the_body(running: Any, tmp_path: Path) -> None:
    """accept application/ld+json: Content-Type says so, @context is in the body, no Link (table 7.2-2)."""
    async with mqtt_server("amqtt", tmp_path) as subscriber:
        await running.subscribe(
            uri(subscriber.port),
            endpoint_members={"notifierInfo": [OLD], "accept": "application/ld+json"},
            headers={"NGSILD-Tenant": "city"},
        )
        await running.change(CAR, tenant="city", speed=1)
        ((_, _, message),) = await subscriber.wait(1)
    assert message["metadata"] == {"Content-Type": "application/ld+json", "NGSILD-Tenant": "city"}
    assert "@context" in message["body"]


async def test_a_server_that_comes_back_gets_what_was_owed(running: Any, kind: str, tmp_path: Path) -> None:
    """No connection is a failure, and the message is tried again; a lost connection is made anew."""
    info = [*([OLD] if kind == "amqtt" else []), {"key": "MQTT-QoS", "value": "1"}]
    port = free_port()
    location = await running.subscribe(uri(port), endpoint_members={"notifierInfo": info})
    await running.change(CAR, speed=1)
    found = await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed", 0) >= 1)
    assert (found["status"], found["lastFailure"]) == ("failed", found["lastNotification"])

    async with mqtt_server(kind, tmp_path, port):
        await running.change(CAR, speed=2)
        await eventually(lambda: counters(running, location), lambda found: found["status"] == "ok")
    async with mqtt_server(kind, tmp_path, port) as subscriber:
        await running.change(CAR, speed=3)
        messages = await subscriber.wait(1)
        assert messages[-1][2]["body"]["data"][0]["speed"]["value"] == 3


async def test_what_was_owed_is_published_after_a_restart(start_broker: Any, tmp_path: Path) -> None:
    """MQTT notifications are in the same outbox: another process delivers what this one could not."""
    port = free_port()
    settings = {"data_dir": tmp_path / "data", "notification_retry_seconds": 3600}
    async with start_broker(**settings) as running:
        await running.subscribe(uri(port), endpoint_members={"notifierInfo": [OLD, {"key": "MQTT-QoS", "value": "1"}]})
        await running.change(CAR, speed=1)
    async with mqtt_server("amqtt", tmp_path, port) as subscriber, start_broker(**settings):
        ((_, _, message),) = await subscriber.wait(1)
    assert message["body"]["data"][0]["speed"]["value"] == 1


@pytest.mark.mosquitto
async def test_a_wrong_password_and_a_refused_topic_are_failures(running: Any, tmp_path: Path) -> None:
    """The server's refusal is a failed notification; what it refused as such is not sent again."""
    quality = [{"key": "MQTT-QoS", "value": "1"}]
    async with mqtt_server("mosquitto", tmp_path) as subscriber:
        wrong = f"mqtt://{USER}:guess@127.0.0.1:{subscriber.port}/t"
        stranger = await running.subscribe(wrong, endpoint_members={"notifierInfo": quality})
        forbidden = await running.subscribe(
            uri(subscriber.port, "forbidden/t"), endpoint_members={"notifierInfo": quality}
        )
        await running.change(CAR, speed=1)
        first = await eventually(lambda: counters(running, stranger), lambda found: found.get("timesFailed") == 3)
        second = await eventually(lambda: counters(running, forbidden), lambda found: found.get("timesFailed") == 1)
        await running.change(CAR, speed=2)
        after = await eventually(lambda: counters(running, forbidden), lambda found: found.get("timesSent") == 2)
    assert (first["status"], second["status"]) == ("failed", "failed")
    assert (second["timesSent"], after["timesFailed"]) == (1, 2)
    assert subscriber.messages == []


async def test_a_server_that_says_nothing_is_given_up(running: Any) -> None:
    """The Subscription's own timeout ends the attempt (5.2.15) where an acknowledgement is promised."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    quality = [{"key": "MQTT-QoS", "value": "1"}]
    location = await running.subscribe(uri(port), endpoint_members={"notifierInfo": quality, "timeout": 50})
    await running.change(CAR, speed=1)
    found = await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed") == 3)
    server.close()
    assert found["status"] == "failed"


async def test_the_address_policy_holds_for_mqtt(start_broker: Any, tmp_path: Path) -> None:
    """With "public", nothing is published to a loopback address."""
    async with mqtt_server("amqtt", tmp_path) as subscriber, start_broker(outbound_addresses=["public"]) as running:
        location = await running.subscribe(uri(subscriber.port), endpoint_members={"notifierInfo": [OLD]})
        await running.change(CAR, speed=1)
        await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed") == 3)
    assert subscriber.messages == []


@pytest.mark.mosquitto
@pytest.mark.parametrize(("name", "status"), [("localhost", "ok"), ("other.example", "failed")])
async def test_mqtts_checks_the_name(
    running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, status: str
) -> None:
    """mqtts is MQTT over TLS; a certificate for another name is a failure."""
    pem, key = certificate(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    port = free_port()
    async with ended(partial(start_mosquitto, port, tmp_path, f"certfile {pem}", f"keyfile {key}"), port):
        endpoint = f"mqtts://{USER}:p%40ss%2Fword@localhost:{port}/t"
        location = await running.subscribe(
            endpoint, endpoint_members={"notifierInfo": [{"key": "MQTT-QoS", "value": "1"}]}
        )
        await running.change(CAR, speed=1)
        found = await eventually(lambda: counters(running, location), lambda found: "status" in found)
    assert found["status"] == status
