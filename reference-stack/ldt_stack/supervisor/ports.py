"""Ports for the parts of a twin."""

from __future__ import annotations

import random
import socket
import sys

from ldt_stack.listening import UsageError, bind

HIGHEST_PORT = 65535
LOWEST_FREE_PORT = 20_000
LOWEST_EPHEMERAL_PORT = 32_768  # Linux; other systems begin higher (RFC 6335: 49152)
TRIES = 1000

_handed_out: set[int] = set()
_held: list[socket.socket] = []  # while this process lives, no other twin is given these ports


def require_free(host: str, port: int) -> int:
    """The port itself, or a free one for 0.

    Raises:
        UsageError: Something listens there already, or we may not.
    """
    if port == 0:
        return free_ports(1, host)[0]
    if not 0 < port <= HIGHEST_PORT:
        raise UsageError(f"--port {port} is no port; expected 0 to {HIGHEST_PORT}")
    with bind(host, port) as listener:
        try:
            listener.listen(1)  # on Linux a bind alone succeeds beside a listener with SO_REUSEADDR on another address
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}. Choose another --port") from error
        return int(listener.getsockname()[1])


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """So many different ports that nobody listens on now, and that this process has not handed out before.

    They lie below the range from which systems take ports for outgoing connections: such a one could be taken by any
    connection between now and the moment when the part listens.

    Raises:
        UsageError: There are not so many.
    """
    found: list[int] = []
    candidates = random.SystemRandom().sample(range(LOWEST_FREE_PORT, LOWEST_EPHEMERAL_PORT), k=TRIES)
    for port in candidates:
        if len(found) == count:
            break
        if port not in _handed_out and _is_free(host, port) and _hold(host, port):
            found.append(port)
            _handed_out.add(port)
    if len(found) < count:
        raise UsageError(f"cannot listen on {host}: no free port found there. Is it an address of this machine?")
    return found


def _is_free(host: str, port: int) -> bool:
    try:
        require_free(host, port)
    except UsageError:
        return False
    return True


def _hold(host: str, port: int) -> bool:
    """Keep a port from other twins until its part listens there; False where somebody else keeps it.

    On Linux a socket that is bound and does not listen leaves the port to whoever binds with SO_REUSEADDR, as our parts
    and SeaweedFS do, and to nobody who binds without. Elsewhere that option means something else: nothing is kept.
    """
    if sys.platform != "linux":
        return True
    holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        holder.bind((host, port))
    except OSError:
        holder.close()
        return False
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _held.append(holder)
    return True


def next_free(host: str, wanted: int, taken: set[int]) -> int:
    """The wanted port or one of the next that is free and not in `taken`; any free one if that fails."""
    for port in range(wanted, min(wanted + 50, HIGHEST_PORT)):
        if port in taken:
            continue
        if _is_free(host, port):
            return port
    return free_ports(1)[0]
