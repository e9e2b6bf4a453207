"""Notifications over MQTT: ETSI GS CIM 009 V1.9.1, clause 7.2.

An endpoint is `mqtt[s]://[user][:password]@host[:port]/topic[/subtopic]…`; notifierInfo says which version of MQTT and
which quality of service. A connection is kept while it is used, and shared by the Subscriptions that name its broker.

paho-mqtt, the client of the Eclipse project: it knows both versions and all three qualities of service, and hands over
the reason codes of acknowledgements, which the asyncio wrappers around it drop. It runs a thread a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.outbound import Outbound, OutboundError

SCHEMES: Final = frozenset({"mqtt", "mqtts"})
QOS_KEY: Final = "MQTT-QoS"
VERSION_KEY: Final = "MQTT-Version"
VERSIONS: Final = ("mqtt3.1.1", "mqtt5.0")
# Table 7.2-1; the default of the quality of service is not in its text, 0 is what MQTT calls the default.
DEFAULT_QOS: Final = "0"
DEFAULT_VERSION: Final = "mqtt5.0"
DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS: Final = 60
IDLE_SECONDS: Final = 60.0
_CONNECTING_AT_ONCE: Final = 8
_FAILURE: Final = 128  # reason codes from here on are refusals (MQTT 5.0, 2.4)


@dataclass(frozen=True, slots=True)
class MqttServer:
    """What one connection is to; `version` as in table 7.2-1."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None
    version: str

    def __str__(self) -> str:
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"  # for logs: no credentials


@dataclass(frozen=True, slots=True)
class MqttTarget:
    """Where a notification is published, and how."""

    server: MqttServer
    topic: str
    qos: int


def parse_target(uri: str, notifier_info: Mapping[str, str]) -> MqttTarget:
    """An MQTT endpoint (clause 7.2).

    Raises:
        ValueError: The URI is none of the form above, or notifierInfo has a value that is not in table 7.2-1.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES or not parts.hostname:
        raise ValueError("expected mqtt[s]://[user][:password]@host[:port]/topic")
    topic = unquote(parts.path.removeprefix("/"), errors="strict")
    if not topic or parts.query or parts.fragment or "?" in uri or "#" in uri:
        raise ValueError("expected mqtt[s]://[user][:password]@host[:port]/topic[/subtopic], nothing after the topic")
    if set(topic) & set("+#\0") or len(topic.encode()) > 0xFFFF:
        raise ValueError("a topic to publish to has no wildcard (+, #) and at most 65,535 bytes")
    qos = notifier_info.get(QOS_KEY, DEFAULT_QOS)
    version = notifier_info.get(VERSION_KEY, DEFAULT_VERSION)
    if qos not in ("0", "1", "2"):
        raise ValueError(f'{QOS_KEY} in notifierInfo is "{qos}"; expected "0", "1" or "2"')
    if version not in VERSIONS:
        raise ValueError(f'{VERSION_KEY} in notifierInfo is "{version}"; expected one of {", ".join(VERSIONS)}')
    server = MqttServer(
        host=parts.hostname,
        port=parts.port or DEFAULT_PORTS[scheme],
        tls=scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        version=version,
    )
    return MqttTarget(server, topic, int(qos))


def is_mqtt(uri: str) -> bool:
    """Whether a notification endpoint is one of MQTT (6.3.8: mqtt or mqtts)."""
    return uri.partition(":")[0].lower() in SCHEMES


def mqtt_target(endpoint: JsonObject) -> MqttTarget:
    """As `parse_target`, from an Endpoint (5.2.15)."""
    return parse_target(endpoint["uri"], {pair["key"]: pair["value"] for pair in endpoint.get("notifierInfo", ())})


class MqttError(Exception):
    """A message was not delivered.

    Attributes:
        answered: Whether the MQTT broker refused it: then sending it again makes no difference.
    """

    def __init__(self, detail: str, *, answered: bool = False) -> None:
        super().__init__(detail)
        self.answered = answered


class MqttPublisher:
    """Publishes; keeps connections. Used on the event loop alone."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._connections: dict[MqttServer, asyncio.Task[_Connection]] = {}
        self._idle: dict[MqttServer, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()
        # Connections are made by blocking calls: in threads of their own, so that a dead server delays nothing else.
        self._threads = ThreadPoolExecutor(_CONNECTING_AT_ONCE, "mqtt")

    async def publish(self, target: MqttTarget, payload: bytes, timeout_seconds: float) -> None:
        """Publish, and wait for what the quality of service promises (0: sent; 1, 2: acknowledged).

        Raises:
            MqttError: There is no connection, no acknowledgement in time, or a refusal.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await self._connection(target.server, timeout_seconds)
                await connection.publish(target.topic, payload, target.qos)
        except TimeoutError:
            self._drop(target.server)
            raise MqttError(f"{target.server} did not acknowledge within {timeout_seconds:g} s") from None
        except MqttError as error:
            if not error.answered:
                self._drop(target.server)
            raise
        self._keep(target.server)

    async def close(self) -> None:
        """Disconnect from all."""
        for server in list(self._connections):
            self._drop(server)
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._threads.shutdown()

    async def _connection(self, server: MqttServer, timeout_seconds: float) -> _Connection:
        """The connection to a server, made once for all who wait for it."""
        known = self._connections.get(server)
        if known is not None and known.done() and (known.exception() is not None or not known.result().is_open):
            self._drop(server)
            known = None
        if known is None:
            known = asyncio.create_task(self._connect(server, timeout_seconds))
            self._connections[server] = known
        return await asyncio.shield(known)

    async def _connect(self, server: MqttServer, timeout_seconds: float) -> _Connection:
        try:
            addresses = await self._outbound.addresses(server.host, server.port)
        except OutboundError as error:
            raise MqttError(error.detail) from None
        problem = MqttError(f"{server} has no address")
        for address in addresses:
            connection = _Connection(server, address, self._threads, timeout_seconds)
            try:
                await connection.open()
            except MqttError as error:
                await connection.close()
                problem = error
            except asyncio.CancelledError:
                await connection.close()
                raise
            else:
                return connection
        raise problem

    def _keep(self, server: MqttServer) -> None:
        """Start to count idle time anew."""
        idle = self._idle.pop(server, None)
        if idle is not None:
            idle.cancel()
        self._idle[server] = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._drop, server)

    def _drop(self, server: MqttServer) -> None:
        """Close a connection, also one that is still being made."""
        idle = self._idle.pop(server, None)
        if idle is not None:
            idle.cancel()
        made = self._connections.pop(server, None)
        if made is not None:
            task = asyncio.create_task(_close(made))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


async def _close(made: asyncio.Task[_Connection]) -> None:
    made.cancel()
    with contextlib.suppress(asyncio.CancelledError, MqttError):
        await (await made).close()


class _NamedContext(ssl.SSLContext):
    """TLS to an address that was looked up before: the certificate is checked against the name all the same.

    `made` is closed by whoever made the connection: paho leaves it open where the handshake fails.
    """

    server_name: str
    made: ssl.SSLSocket | None = None

    def wrap_socket(self, sock: Any, **options: Any) -> ssl.SSLSocket:  # type: ignore[override]  # paho names options
        """As of the base class, with the name in place of the address."""
        self.made = super().wrap_socket(sock, **{**options, "server_hostname": self.server_name})
        return self.made


def _tls_context(server_name: str) -> _NamedContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = server_name
    context.load_default_certs()  # the system's; SSL_CERT_FILE names others
    return context


class _Connection:
    """One connected client. Callbacks come from paho's thread; everything else happens on the event loop."""

    def __init__(self, server: MqttServer, address: str, threads: Executor, timeout_seconds: float) -> None:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self._server = server
        self._address = address
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Future[Any] | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self.is_open = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"ldt-broker-{secrets.token_hex(6)}",  # 23 characters: any server takes it (3.1.3.1)
            protocol=paho.MQTTv5 if server.version == "mqtt5.0" else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.connect_timeout = timeout_seconds
        if server.username is not None:
            self._client.username_pw_set(server.username, server.password)
        self._tls = _tls_context(server.host) if server.tls else None
        if self._tls is not None:
            self._client.tls_set_context(self._tls)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish

    async def open(self) -> None:
        """Connect. Raises MqttError."""
        self._connecting = self._loop.run_in_executor(
            self._threads, self._client.connect, self._address, self._server.port, KEEPALIVE_SECONDS
        )
        try:
            await asyncio.shield(self._connecting)
        except (OSError, ValueError) as error:
            raise MqttError(f"{self._server} cannot be reached: {error}") from None
        self._client.loop_start()
        await self._opened
        self.is_open = True

    async def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Publish and wait for the acknowledgement. Raises MqttError."""
        info = self._client.publish(topic, payload, qos)
        if info.rc != 0:
            raise MqttError(f"{self._server} is not connected any more")
        # The acknowledgement comes through the event loop, that is after this.
        done = self._waiting[info.mid] = self._loop.create_future()
        try:
            await done
        finally:
            del self._waiting[info.mid]

    async def close(self) -> None:
        """Disconnect, and wait for the thread."""
        self.is_open = False
        if self._connecting is not None:
            await asyncio.gather(self._connecting, return_exceptions=True)
        self._client.disconnect()
        await self._loop.run_in_executor(self._threads, self._client.loop_stop)
        if self._tls is not None and self._tls.made is not None:
            self._tls.made.close()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        problem = MqttError(f"{self._server} refused the connection: {reason}") if reason.is_failure else None
        self._hand_over(_tell, self._opened, problem)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._hand_over(self._disconnected, MqttError(f"{self._server} ended the connection: {reason}"))

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        refused = reason.value >= _FAILURE
        problem = MqttError(f"{self._server} refused the message: {reason}", answered=True) if refused else None
        self._hand_over(self._acknowledged, mid, problem)

    def _hand_over(self, function: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended: nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)

    def _disconnected(self, problem: MqttError) -> None:
        self.is_open = False
        for waiting in (self._opened, *self._waiting.values()):
            _tell(waiting, problem)

    def _acknowledged(self, mid: int, problem: MqttError | None) -> None:
        if mid in self._waiting:
            _tell(self._waiting[mid], problem)


def _tell(future: asyncio.Future[None], problem: MqttError | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(None)
    else:
        future.set_exception(problem)
        future.exception()  # seen: nobody may be waiting any more
