"""How a part is served: it ends when its work fails, and says in words why it cannot start."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ldt_stack.listening import UsageError, bind, url_of, write_atomically

FAILING = """
import logging, sys
from starlette.applications import Starlette
from ldt_stack.serving import bind, in_background, run_part, serve

async def work():
    raise RuntimeError("the work has failed")

async def never():
    import asyncio
    await asyncio.Event().wait()

async def start():
    def lifespan(app):
        return in_background(work(), logging.getLogger("part"))
    await serve(Starlette(lifespan=lifespan), bind("127.0.0.1", 0), never, None)

sys.exit(run_part("part", start))
"""


def test_failed_work_ends_the_part() -> None:
    """A part whose work in the background fails does not go on answering as if it were healthy."""
    done = subprocess.run([sys.executable, "-c", FAILING], capture_output=True, text=True, timeout=30, check=False)
    assert "stopped working: the work has failed" in done.stderr


@pytest.mark.parametrize("part", ["city", "forecaster"])
def test_busy_port_of_a_part(part: str) -> None:
    """A part that is started alone on a taken port says so and ends with code 2."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        command = [sys.executable, "-m", f"ldt_stack.{part}", "--port", port, "--broker", "http://127.0.0.1:1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_url_of_every_address() -> None:
    """A socket that listens on all addresses is reached through loopback."""
    with bind("0.0.0.0", 0) as listener:  # noqa: S104 — bound for a moment, nothing is served
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_bind_refuses_in_words() -> None:
    """An impossible port is the user's error, not a traceback."""
    with pytest.raises(UsageError, match="cannot listen"):
        bind("127.0.0.1", 70000)


def test_atomic_write(tmp_path: Path) -> None:
    """A written file is whole, and nothing else lies beside it."""
    write_atomically(tmp_path / "new" / "ready.json", {"broker": "http://x"})
    assert json.loads((tmp_path / "new" / "ready.json").read_text()) == {"broker": "http://x"}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["ready.json"]
