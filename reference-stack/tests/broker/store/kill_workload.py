"""Mixed writes against a broker that is killed, with a memory of what was acknowledged; and a sink of notifications.

Each writer has Entities of its own and writes one request at a time, so that of each Entity is known: what it must be,
and at most one value that it may have besides, because no answer came to the last request.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

API = "/ngsi-ld/v1"
# Not of those that the system hands out: nobody takes the port while the sink is closed.
_OWN_PORTS = (15_000, 30_000)
GONE = None  # as a value: the Entity is deleted
Notice = tuple[str, str, str, int | None]
"""Path at the sink, tenant, Entity and its value (None: deleted)."""


@dataclass
class Life:
    """One Entity: the values that were acknowledged, in order, and one that may have been written."""

    tenant: str
    id: str
    values: list[int | None] = field(default_factory=list)
    doubtful: list[int | None] = field(default_factory=list)

    @property
    def is_there(self) -> bool:
        return bool(self.values) and self.values[-1] is not GONE

    def notices(self) -> set[Notice]:
        """Every notification that is owed for it."""
        written: set[Notice] = {("/all", self.tenant, self.id, value) for value in self.values if value is not GONE}
        return written | {("/deleted", self.tenant, self.id, GONE) for value in self.values if value is GONE}


def headers_of(tenant: str) -> dict[str, str]:
    return {"NGSILD-Tenant": tenant} if tenant else {}


class Writer:
    """Writes until the connection breaks.

    Args:
        port: Of the broker, at 127.0.0.1.
        tenant: "" for the default one.
        name: Begins the ids of its Entities.
        seed: Of its choices.
        acknowledged: Called after each write that was answered.
    """

    def __init__(self, port: int, tenant: str, name: str, seed: int, acknowledged: Callable[[], None]) -> None:
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.lives: list[Life] = []
        self.problem = ""
        self._port = port
        self._tenant = tenant
        self._prefix = name
        self._random = random.Random(seed)  # noqa: S311 — choices, not secrets
        self._acknowledged = acknowledged
        self._value = 0

    def _write(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        operations = [self._create, self._update, self._merge, self._upsert, self._batch_update, self._delete]
        try:
            while not self.problem:
                self._random.choice([*operations, self._batch_delete])(connection)
        except (OSError, http.client.HTTPException):
            return  # killed: what was asked for last is doubtful
        finally:
            connection.close()

    def _new(self) -> Life:
        life = Life(self._tenant, f"urn:ngsi-ld:{self._prefix}:{len(self.lives)}")
        self.lives.append(life)
        return life

    def _next(self) -> int:
        self._value += 1
        return self._value

    def _some(self, most: int) -> list[Life]:
        there = [life for life in self.lives if life.is_there]
        return self._random.sample(there, min(most, len(there)))

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any, writes: list[tuple[Life, Any]]
    ) -> None:
        for life, value in writes:
            life.doubtful = [value]
        content = None if body is None else json.dumps(body)
        connection.request(
            method, API + path, content, {"Content-Type": "application/json", **headers_of(self._tenant)}
        )
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (201, 204):
            self.problem = f"{method} {path} answered {answer.status}: {text.decode()}"
            return
        for life, value in writes:
            life.values.append(value)
            life.doubtful.clear()
        self._acknowledged()

    def _create(self, connection: http.client.HTTPConnection) -> None:
        life, value = self._new(), self._next()
        self._send(connection, "POST", "/entities", _entity(life, value), [(life, value)])

    def _update(self, connection: http.client.HTTPConnection) -> None:
        for life in self._some(1):
            value = self._next()
            self._send(connection, "PATCH", f"/entities/{life.id}/attrs", {"n": value}, [(life, value)])

    def _merge(self, connection: http.client.HTTPConnection) -> None:
        for life in self._some(1):
            value = self._next()
            self._send(connection, "PATCH", f"/entities/{life.id}", {"n": value}, [(life, value)])

    def _upsert(self, connection: http.client.HTTPConnection) -> None:
        writes = [(life, self._next()) for life in (*self._some(3), self._new(), self._new())]
        self._send(connection, "POST", "/entityOperations/upsert", [_entity(*one) for one in writes], writes)

    def _batch_update(self, connection: http.client.HTTPConnection) -> None:
        writes = [(life, self._next()) for life in self._some(5)]
        if writes:
            self._send(connection, "POST", "/entityOperations/update", [_entity(*one) for one in writes], writes)

    def _delete(self, connection: http.client.HTTPConnection) -> None:
        for life in self._some(1):
            self._send(connection, "DELETE", f"/entities/{life.id}", None, [(life, GONE)])

    def _batch_delete(self, connection: http.client.HTTPConnection) -> None:
        writes = [(life, GONE) for life in self._some(2)]
        if writes:
            identifiers = [life.id for life, _ in writes]
            self._send(connection, "POST", "/entityOperations/delete", identifiers, writes)


def _entity(life: Life, value: int) -> dict[str, Any]:
    return {"id": life.id, "type": "Mixed", "n": value}


class Sink:
    """Receives notifications, while it is open; what came is kept as `Notice`s. Runs an event loop of its own."""

    def __init__(self) -> None:
        self.notices: set[Notice] = set()
        self.port = 0
        self._changed = threading.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.open()

    def open(self) -> None:
        """Listen, at the same port as before."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)

    def close(self) -> None:
        """Listen no more, and end connections."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(20)

    def end(self) -> None:
        """Close for good."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def wait_for(self, owed: set[Notice], seconds: float) -> set[Notice]:
        """What of these has not come by the deadline."""
        with self._changed:
            self._changed.wait_for(lambda: owed <= self.notices, seconds)
            return owed - self.notices

    async def _listen(self) -> None:
        while self._server is None:
            port = self.port or random.randrange(*_OWN_PORTS)  # noqa: S311 — any will do
            try:
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
            except OSError:
                if self.port:
                    raise
            else:
                self.port = port

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                headers = {name.lower(): value for name, value in re.findall(r"^([^:\r\n]+): *(.*?)\r$", head, re.M)}
                body = await reader.readexactly(int(headers["content-length"]))
                self._take(head.split(" ")[1], headers.get("ngsild-tenant", ""), json.loads(body))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the broker was killed, or we hung up
        finally:
            writer.close()
            self._open.discard(writer)

    def _take(self, path: str, tenant: str, body: dict[str, Any]) -> None:
        with self._changed:
            for entity in body["data"]:
                value = GONE if "deletedAt" in entity else entity["n"]["value"]
                self.notices.add((path, tenant, entity["id"], value))
            self._changed.notify_all()


def subscribe(connection: http.client.HTTPConnection, tenant: str, sink: Sink) -> None:
    """Be notified of every change at /all, of every deletion at /deleted."""
    for path, more in (("/all", {}), ("/deleted", {"notificationTrigger": ["entityDeleted"]})):
        endpoint = {"uri": f"http://127.0.0.1:{sink.port}{path}"}
        body = {"type": "Subscription", "entities": [{"type": "Mixed"}], "notification": {"endpoint": endpoint}, **more}
        headers = {"Content-Type": "application/json", **headers_of(tenant)}
        connection.request("POST", f"{API}/subscriptions", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 201, text


def states(connection: http.client.HTTPConnection, tenant: str, prefix: str) -> dict[str, int]:
    """The present values of the Entities whose ids begin so."""
    query = urlencode({"type": "Mixed", "idPattern": f"^{prefix}", "limit": 1000, "format": "simplified"})
    connection.request("GET", f"{API}/entities?{query}", headers=headers_of(tenant))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    assert answer.status == 200, body
    assert len(body) < 1000, "there is more than one page"
    return {entity["id"]: entity["n"] for entity in body}


def history(connection: http.client.HTTPConnection, life: Life) -> list[int | None]:
    """All values that an Entity ever had; GONE for its deletion."""
    query = "timeproperty=modifiedAt&format=temporalValues"
    connection.request("GET", f"{API}/temporal/entities/{life.id}?{query}", headers=headers_of(life.tenant))
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status == 404:
        return []
    assert answer.status == 200, body
    return [GONE if value == "urn:ngsi-ld:null" else value for value, _ in body["n"]["values"]]
