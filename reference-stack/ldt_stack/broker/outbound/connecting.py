"""How connections are made: a name is resolved once, each address judged, and an allowed one connected to.

No second look-up comes between judgement and connection, so that a name server that changes its answer (DNS rebinding)
gains nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from ldt_stack.broker.outbound.addresses import AddressPolicy, Resolve
from ldt_stack.broker.outbound.connection import Connection
from ldt_stack.broker.outbound.errors import forbidden

_NEXT_ADDRESS_SECONDS: Final = 1.0  # an address that does not answer gives way to the next one


async def connect(
    host: str, port: int, policy: AddressPolicy, resolve: Resolve, tls: ssl.SSLContext | None
) -> Connection:
    """Connect to the first allowed address that answers; with TLS, the certificate must be for the host.

    Raises:
        OutboundError: No address of the host is allowed.
        OSError: It has none, none answers, or TLS fails.
    """
    try:
        found = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise OSError(f"{host} has no address: {error}") from None
    allowed = [address for address in found if policy.allows(address)]
    if not allowed:
        raise forbidden(host)
    transport, connection = await _first(allowed, port)
    if tls is not None:
        secured = await asyncio.get_running_loop().start_tls(transport, connection, tls, server_hostname=host)
        if secured is None:
            raise OSError("the connection was closed while TLS began")
        connection.secured(secured)
    return connection


async def _first(addresses: list[str], port: int) -> tuple[asyncio.Transport, Connection]:
    loop = asyncio.get_running_loop()
    problem = OSError("it has no address")
    for number, address in enumerate(addresses, 1):
        patience = None if number == len(addresses) else _NEXT_ADDRESS_SECONDS
        try:
            async with asyncio.timeout(patience):
                return await loop.create_connection(Connection, address, port)
        except OSError as error:  # TimeoutError is one
            problem = error
    raise problem
