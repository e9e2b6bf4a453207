"""How answers are written to the connection."""

from __future__ import annotations

import asyncio

import pytest

from ldt_stack.broker.http.protocol import JoinedWrites

pytestmark = pytest.mark.anyio


class _Transport:
    """Remembers what was written, and in how many pieces."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> str:
        return name.upper()


def _joined() -> tuple[_Transport, JoinedWrites]:
    transport = _Transport()
    return transport, JoinedWrites(transport, asyncio.get_running_loop())  # type: ignore[arg-type]  # a stand-in


async def test_what_is_written_in_one_turn_is_written_at_once() -> None:
    """Head and body; the next answer is a piece of its own."""
    transport, joined = _joined()
    joined.write(b"head")
    joined.write(b"body")
    assert transport.written == []
    await asyncio.sleep(0)
    joined.write(b"next")
    await asyncio.sleep(0)
    assert transport.written == [b"headbody", b"next"]


async def test_a_connection_is_closed_after_what_was_written() -> None:
    """Nothing is lost, and nothing comes after the end."""
    transport, joined = _joined()
    joined.write(b"last")
    joined.close()
    assert transport.written == [b"last"]
    assert transport.closed
    await asyncio.sleep(0)
    assert transport.written == [b"last"]


async def test_a_connection_that_the_client_closed_is_not_written_to() -> None:
    """What was to be written is dropped."""
    transport, joined = _joined()
    joined.write(b"late")
    transport.close()
    await asyncio.sleep(0)
    assert transport.written == []
    assert joined.is_closing()


async def test_everything_else_is_the_transport_s_own() -> None:
    """Addresses, flow control."""
    assert _joined()[1].get_extra_info("peername") == "PEERNAME"
