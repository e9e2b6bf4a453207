"""Connections that were used and are kept for the next request to the same origin."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Final

from ldt_stack.broker.outbound.connection import Connection

_MOST: Final = 100
_IDLE_SECONDS: Final = 15.0

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class IdleConnections:
    """Open connections that nobody uses, by origin: the one used last comes first, the oldest go."""

    def __init__(self) -> None:
        self._of: dict[Origin, list[Connection]] = {}
        self._since: OrderedDict[Connection, tuple[Origin, float]] = OrderedDict()  # oldest first
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, origin: Origin, *, looking: bool) -> Connection | None:
        """One that was not closed meanwhile, or None.

        Args:
            origin: Where to.
            looking: Whether to ask the system, too, if its end has come that the event loop has not seen yet.
        """
        while (kept := self._of.get(origin)) is not None:
            connection = kept[-1]
            self._remove(connection)
            if connection.is_open and not (looking and connection.is_stale()):
                return connection
            connection.close()
        return None

    def put(self, origin: Origin, connection: Connection) -> None:
        """Keep one that an answer was read from to its end."""
        if not connection.is_open:
            return
        self._of.setdefault(origin, []).append(connection)
        self._since[connection] = origin, time.monotonic()
        if len(self._since) > _MOST:
            self._close(next(iter(self._since)))
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._close_old)

    def close(self) -> None:
        """Close all."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in list(self._since):
            self._close(connection)

    def _close_old(self) -> None:
        self._sweep = None
        horizon = time.monotonic() - _IDLE_SECONDS
        for connection, (_, since) in list(self._since.items()):
            if since > horizon:
                self._sweep = asyncio.get_running_loop().call_later(since - horizon, self._close_old)
                return
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._remove(connection)
        connection.close()

    def _remove(self, connection: Connection) -> None:
        origin, _ = self._since.pop(connection)
        kept = self._of[origin]
        kept.remove(connection)
        if not kept:
            del self._of[origin]
