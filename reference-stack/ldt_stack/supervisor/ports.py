"""Ports for the parts of a twin."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from ldt_stack.listening import UsageError, bind

HIGHEST_PORT = 65535


def require_free(host: str, port: int) -> int:
    """The port itself, or a free one for 0.

    Raises:
        UsageError: Something listens there already, or we may not.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise UsageError(f"--port {port} is no port; expected 0 to {HIGHEST_PORT}")
    with bind(host, port) as listener:
        try:
            listener.listen(1)  # on Linux a bind alone succeeds beside a listener with SO_REUSEADDR on another address
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}. Choose another --port") from error
        return int(listener.getsockname()[1])


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """So many different ports that nobody listens on now."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind((host, 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def next_free(host: str, wanted: int, taken: set[int]) -> int:
    """The wanted port or one of the next that is free and not in `taken`; any free one if that fails."""
    for port in range(wanted, min(wanted + 50, HIGHEST_PORT)):
        if port in taken:
            continue
        try:
            return require_free(host, port)
        except UsageError:
            continue
    return free_ports(1)[0]
