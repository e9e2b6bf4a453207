"""How connections are made: a name is resolved once, each address judged, and an allowed one connected to.

No second look-up comes between judgement and connection, so that a name server that changes its answer (DNS rebinding)
gains nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import httpcore

from ldt_stack.broker.outbound.addresses import AddressPolicy, Resolve
from ldt_stack.broker.outbound.errors import forbidden

_NEXT_ADDRESS_SECONDS: Final = 1.0  # an address that does not answer gives way to the next one


class PolicedBackend(httpcore.AsyncNetworkBackend):
    """A network backend of httpcore that connects to allowed addresses alone."""

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address that answers.

        Raises:
            OutboundError: No address of the host is allowed.
            ConnectError: It has none, or none answers.
        """
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from None
        allowed = [address for address in found if self._policy.allows(address)]
        if not allowed:
            raise forbidden(host)
        problem: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError(f"{host} has no address")
        for number, address in enumerate(allowed, 1):
            patience = timeout if number == len(allowed) else _NEXT_ADDRESS_SECONDS
            try:
                return await self._inner.connect_tcp(address, port, patience, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def sleep(self, seconds: float) -> None:
        """As the interface says."""
        await asyncio.sleep(seconds)
