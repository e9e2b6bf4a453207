"""How a broker is made wrong from outside: one function replaced, or its answers rewritten at the ASGI edge."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from ldt_stack.broker.http import app as http_app

Headers = list[tuple[bytes, bytes]]
Message = MutableMapping[str, Any]
Install = Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    """What is wrong, with which clause, and how to make it so."""

    clause: str
    wrong: str
    install: Install


def function(owner: Any, name: str, make: Callable[[Any], Any]) -> Install:
    """Replace `owner.name` by what `make` builds from it."""

    def install() -> None:
        setattr(owner, name, make(getattr(owner, name)))

    return install


def item(table: dict[str, Any], key: str, value: Any) -> Install:
    """Replace a function in a table of functions."""
    return lambda: table.update({key: value})


def exchange(rewrite: Callable[[Any, int, Headers, bytes], tuple[int, Headers, bytes]]) -> Install:
    """Rewrite every answer (status, headers, body) on its way out, knowing the ASGI scope of its request."""

    def make(original: Any) -> Any:
        async def call(self: Any, scope: Any, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
            if scope["type"] != "http":
                await original(self, scope, receive, send)
                return
            start: Message = {}
            parts: list[bytes] = []

            async def collect(message: Message) -> None:
                if message["type"] == "http.response.start":
                    start.update(message)
                    return
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
                    status, headers, body = rewrite(scope, start["status"], headers, b"".join(parts))
                    if status != 204:
                        headers = [*headers, (b"content-length", str(len(body)).encode())]
                    await send({"type": "http.response.start", "status": status, "headers": headers})
                    await send({"type": "http.response.body", "body": body})

            await original(self, scope, receive, collect)

        return call

    return function(http_app.BrokerApp, "__call__", make)


def edge(rewrite: Callable[[int, Headers, bytes], tuple[int, Headers, bytes]]) -> Install:
    """As `exchange`, whatever was asked."""
    return exchange(lambda _, *answer: rewrite(*answer))


def without_header(name: bytes) -> Install:
    """Drop a header from every answer."""

    def rewrite(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        return status, [pair for pair in headers if pair[0].lower() != name], body

    return edge(rewrite)


def without_link(part: bytes) -> Install:
    """Drop every link that has this part from the Link headers."""

    def rewrite(status: int, headers: Headers, body: bytes) -> tuple[int, Headers, bytes]:
        left: Headers = []
        for name, value in headers:
            if name.lower() == b"link":
                links = [link for link in re.split(rb",\s*(?=<)", value) if part not in link]
                left += [(name, b", ".join(links))] if links else []
            else:
                left.append((name, value))
        return status, left, body

    return edge(rewrite)
