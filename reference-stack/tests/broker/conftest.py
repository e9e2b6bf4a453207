"""Fixtures of the broker's tests: an application in this process, and a receiver of notifications."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from ldt_stack.broker.call import Call
from ldt_stack.broker.http.app import BrokerApp
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.changes import EntityChange
from ldt_stack.broker.service import Broker
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.interface import Transaction

from .contexts.server import ContextServer
from .outbound.network import Network, Node, nodes

API = "/ngsi-ld/v1"
VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
DEADLINE_SECONDS = 20.0


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@dataclass
class Received:
    """One request that the receiver got."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Receiver:
    """An HTTP endpoint for notifications, listening on a free port of the loopback address.

    `status` is what a path answers (200 if it is not there); `delay_seconds` how long it takes.
    """

    port: int
    received: list[Received] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    delay_seconds: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/notify") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str = "/notify") -> list[Received]:
        with self.lock:
            return [one for one in self.received if one.path == path]

    async def wait(self, count: int = 1, path: str = "/notify") -> list[Received]:
        """So many requests to a path, or an AssertionError after the deadline."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(self.at(path)) < count:
            assert time.monotonic() < deadline, f"{len(self.at(path))} requests to {path} came, not {count}"
            await asyncio.sleep(0.01)
        return self.at(path)


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with receiver.lock:
                receiver.received.append(Received(self.path, headers, body))
            pause = receiver.delay_seconds.get(self.path, 0.0)
            if pause:
                threading.Event().wait(pause)
            self.send_response(receiver.status.get(self.path, 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    return Handler


@dataclass
class ReceiverServer:
    """Starts and stops receivers, also on a port that one had before."""

    servers: list[ThreadingHTTPServer] = field(default_factory=list)

    def start(self, port: int = 0) -> Receiver:
        receiver = Receiver(port)
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(receiver))
        server.daemon_threads = True
        server.block_on_close = False
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.servers.append(server)
        return receiver

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.servers.clear()


@pytest.fixture
def receivers() -> Iterator[ReceiverServer]:
    """Makes receivers."""
    servers = ReceiverServer()
    yield servers
    servers.stop()


@pytest.fixture
def receiver(receivers: ReceiverServer) -> Receiver:
    """A receiver that answers 200."""
    return receivers.start()


@pytest.fixture
def contexts() -> Iterator[ContextServer]:
    """A server of @contexts on the loopback address."""
    server = ContextServer()
    yield server
    server.server.shutdown()
    server.server.server_close()


@dataclass
class Clock:
    """The real time, shifted by hand."""

    shift: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def advance(self, seconds: float) -> None:
        self.shift += timedelta(seconds=seconds)


@dataclass
class RunningBroker:
    """A broker in this process: over HTTP (`client`), and changes of Entities as an operation makes them."""

    app: BrokerApp
    client: httpx.AsyncClient
    clock: Clock

    @property
    def broker(self) -> Broker:
        assert self.app.broker is not None
        return self.app.broker

    async def change(self, entity_id: str, *, tenant: str | None = None, **attributes: Any) -> None:
        """Replace an Entity of type Car by one with these Attributes: plain values, expanded instances, or a list.

        None for all of it (`deleted=True`) deletes the Entity.
        """
        broker = self.broker
        deleted = attributes.pop("deleted", False)
        types = [VOCABULARY + name for name in attributes.pop("types", ["Car"])]
        scope = attributes.pop("scope", None)

        def work(transaction: Transaction) -> None:
            before, at = transaction.get_entity(entity_id), broker.now()
            after: dict[str, Any] | None = None
            if deleted:
                transaction.delete_entity(entity_id)
            else:
                created = before["createdAt"] if before else at
                after = {"id": entity_id, "type": types, "createdAt": created, "modifiedAt": at}
                if scope:
                    after["scope"] = scope
                for name, value in attributes.items():
                    after[VOCABULARY + name] = _instances(value, at)
                transaction.put_entity(after)
            change = EntityChange(entity_id, at, before, after)
            broker.notifier.changes(transaction, Call(tenant, core_context()), [change])

        await broker.store.write(tenant, work, create=True)

    async def subscribe(self, endpoint: str, **members: Any) -> str:
        """Create a Subscription to type Car; returns its path. `notification` and `endpoint_members` are merged in."""
        notification = {"endpoint": {"uri": endpoint, **members.pop("endpoint_members", {})}}
        notification |= members.pop("notification", {})
        headers = members.pop("headers", {})
        payload = {"type": "Subscription", "entities": [{"type": "Car"}], "notification": notification, **members}
        payload = {name: value for name, value in payload.items() if value is not None}
        response = await self.client.post(f"{API}/subscriptions", json=payload, headers=headers)
        assert response.status_code == 201, response.text
        return response.headers["location"]


def _instances(value: Any, at: str) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [one for item in value for one in _instances(item, at)]
    instance = dict(value) if isinstance(value, dict) else {"type": "Property", "value": value}
    return [{"createdAt": at, "modifiedAt": at, **instance}]


@pytest.fixture
def clock() -> Clock:
    """Time that a test can advance."""
    return Clock()


BrokerFactory = Callable[..., Any]


@asynccontextmanager
async def running_broker(clock: Clock, **settings: Any) -> AsyncIterator[RunningBroker]:
    """Start a broker with settings, stop it at the end."""
    app = BrokerApp(BrokerSettings(**{"notification_retry_seconds": 0.05, "notification_max_attempts": 3, **settings}))
    await app.startup()
    assert app.broker is not None
    app.broker.clock = clock
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://broker.test") as client:
            yield RunningBroker(app, client, clock)
    finally:
        await app.shutdown()


@pytest.fixture
def start_broker(clock: Clock) -> BrokerFactory:
    """`async with start_broker(setting=…) as running`."""
    return lambda **settings: running_broker(clock, **settings)


@pytest.fixture
async def running(clock: Clock, anyio_backend: str) -> AsyncIterator[RunningBroker]:
    """A broker with default settings and a temporary store."""
    async with running_broker(clock) as one:
        yield one


@pytest.fixture
def network() -> Network:
    """Stands in for the network between Context Sources."""
    return Network()


@pytest.fixture
async def pair(network: Network, anyio_backend: str) -> AsyncIterator[list[Node]]:
    """Two brokers: a, and b that a may register."""
    async with nodes(network, "a", "b") as found:
        yield found
