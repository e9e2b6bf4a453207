"""Bound sockets, their URLs, ready files, exit codes, and the kind of error that is the user's to mend.

Standard library only.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

EXIT_USAGE = 2  # the user asked for something that cannot be done
EXIT_FAILED = 4  # we failed


class UsageError(Exception):
    """Something the user asked for cannot be done; the message says what to try."""


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket.

    Raises:
        UsageError: The port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # on Windows this option would let two processes share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"cannot listen on {host}:{port}: {reason}. Choose another --port; 0 takes a free one"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """How to reach a bound socket from this machine."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 — compared, not bound
    return f"http://{reachable}:{port}"


def write_atomically(path: Path, content: dict[str, object]) -> None:
    """Write JSON so that a reader sees either nothing or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
