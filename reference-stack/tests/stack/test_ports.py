"""Ports of twins that start at the same time."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ldt_stack.listening import bind
from ldt_stack.supervisor.ports import free_ports

OTHER = "from ldt_stack.supervisor.ports import _hold; import sys; sys.exit(0 if _hold('127.0.0.1', {port}) else 3)"


@pytest.mark.linux
def test_two_twins_are_never_given_the_same_port() -> None:
    """What one process was given, another does not get, although nothing listens there yet."""
    (port,) = free_ports(1)
    other = subprocess.run([sys.executable, "-c", OTHER.format(port=port)], check=False)
    assert other.returncode == 3


def test_a_part_can_listen_on_the_port_it_was_given() -> None:
    """Keeping the port from others does not keep it from the part, nor from its restart."""
    (port,) = free_ports(1)
    for _ in range(2):
        with bind("127.0.0.1", port) as listener:
            listener.listen(1)
