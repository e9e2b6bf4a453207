"""Several brokers and other Context Sources in one process: what a broker sends goes to them, not to a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from ldt_stack.broker.assembly import create_broker
from ldt_stack.broker.http.app import BrokerApp
from ldt_stack.broker.outbound import Answer, OutboundError
from ldt_stack.broker.settings import BrokerSettings

from ..api import API
from ..federation.registrations import registration


@dataclass
class Sent:
    """One request that a broker sent to a source."""

    host: str
    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: Any


Source = Callable[[Sent], Any]
"""From a request to status, body (JSON or bytes) and perhaps headers; may be asynchronous."""


@dataclass
class Network:
    """Stands in for `Outbound`: hosts are brokers, or other sources."""

    hosts: dict[str, BrokerApp | Source] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def to(self, host: str) -> list[Sent]:
        """What was sent to a host."""
        return [one for one in self.sent if one.host == host]

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_seconds: float,
        max_bytes: int | None,
        max_redirects: int = 0,
        repeatable: bool = False,
    ) -> Answer:
        """As `Outbound.request`."""
        parts = urlsplit(url)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        body = json.loads(content) if content else None
        sent = Sent(
            parts.hostname or "", method, parts.path.removeprefix(API), dict(parse_qsl(parts.query)), given, body
        )
        self.sent.append(sent)
        source = self.hosts.get(sent.host)
        if source is None:
            raise OutboundError("unreachable", f"{url} cannot be reached: connection refused")
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await _answer(source, sent, url, dict(headers or {}), content)
        except TimeoutError:
            raise OutboundError("timeout", f"{url} did not answer within {timeout_seconds:g} s") from None
        if max_bytes is not None and len(answer.body) > max_bytes:
            raise OutboundError("size", f"The answer of {url} has more than {max_bytes} bytes")
        return answer

    async def close(self) -> None:
        """Nothing to close."""


async def _answer(source: Any, sent: Sent, url: str, headers: dict[str, str], content: bytes) -> Answer:
    if isinstance(source, BrokerApp):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(source)) as client:
            response = await client.request(sent.method, url, headers=headers, content=content)
        return Answer(response.status_code, dict(response.headers), response.content, url)
    result = source(sent)
    status, body, *more = await result if isinstance(result, Awaitable) else result
    given_headers = {name.lower(): value for name, value in (more[0] if more else {}).items()}
    return Answer(status, given_headers, body if isinstance(body, bytes) else json.dumps(body).encode(), url)


@dataclass
class Node:
    """A broker in the network."""

    name: str
    app: BrokerApp
    client: httpx.AsyncClient

    @property
    def broker(self) -> Any:
        return self.app.broker

    async def register(self, other: str, *arguments: Any, own_tenant: str | None = None, **members: Any) -> str:
        """Register another host of the network as a Context Source; returns the Registration's id."""
        identifier = members.pop("id", f"urn:ngsi-ld:ContextSourceRegistration:{other}")
        document = registration(*arguments, id=identifier, endpoint=f"http://{other}", **members)
        headers = {} if own_tenant is None else {"NGSILD-Tenant": own_tenant}
        answer = await self.client.post(f"{API}/csourceRegistrations", json=document, headers=headers)
        assert answer.status_code == 201, answer.text
        return identifier

    async def retrieve(self, entity_id: str, query: str = "") -> dict[str, Any]:
        """An Entity, concise."""
        answer = await self.client.get(f"{API}/entities/{entity_id}?options=concise{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def query(self, query: str) -> httpx.Response:
        """Query Entities."""
        answer = await self.client.get(f"{API}/entities?{query}")
        assert answer.status_code == 200, answer.text
        return answer


@asynccontextmanager
async def nodes(network: Network, *names: str, **settings: Any) -> AsyncIterator[list[Node]]:
    """Brokers in the network, each a host, with its name for an alias."""
    async with AsyncExitStack() as stack:
        found = []
        for name in names:
            app = BrokerApp(BrokerSettings(alias=name, **settings))
            app.broker = create_broker(app.settings)
            app.broker.outbound = network  # type: ignore[assignment]  # stands in for it
            network.hosts[name] = app
            await app.broker.start()
            stack.push_async_callback(app.shutdown)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{name}")
            found.append(Node(name, app, await stack.enter_async_context(client)))
        yield found
