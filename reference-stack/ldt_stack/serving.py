"""How a part of the twin is served: a bound socket first, then uvicorn, then a ready file; errors in words.

Used by the forecaster and the city; a part is a Starlette application and something to wait for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ldt_stack.listening import EXIT_USAGE, UsageError, bind, url_of, write_atomically

__all__ = ["bind", "clock_arguments", "common_arguments", "in_background", "run_part", "serve"]


def common_arguments(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Options that every part has."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=default_port, help="port; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="written, with the URL as JSON, once the part does its work")


def clock_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that say which moment of the recorded series is now; all parts of a twin are given the same."""
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of the city in a second (default 1)")
    parser.add_argument("--epoch", type=instant, help="instant at which city and wall clock agree (default: now)")


def instant(text: str) -> datetime:
    """An RFC 3339 instant from the command line."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} has no zone; write 2026-01-31T12:00:00Z")
    return moment.astimezone(UTC)


async def serve(
    app: Starlette,
    listener: socket.socket,
    ready: Callable[[], Awaitable[dict[str, object] | None]],
    ready_file: Path | None,
) -> None:
    """Serve until told to stop (SIGINT, SIGTERM); write the ready file once `ready` returns, with what it returns."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)

    async def announce() -> None:
        facts = await ready() or {}
        if ready_file is not None:
            write_atomically(ready_file, {"url": url_of(listener), "pid": os.getpid(), **facts})

    announcement = asyncio.create_task(announce())
    try:
        await server.serve(sockets=[listener])
    finally:
        announcement.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await announcement


@contextlib.asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None], log: logging.Logger) -> AsyncIterator[None]:
    """Do some work while an application lives.

    If it fails, the process ends: a part that answers but no longer does its work would look healthy, and whoever
    supervises it can only start it again if it is gone.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("stopped working: %s", error, exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    yield
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def quiet_interrupt() -> Iterator[None]:
    """Ctrl-C and SIGTERM end a part without a traceback: uvicorn raises the signal again once it has stopped."""
    previous = {number: signal.signal(number, _leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def run_part(name: str, start: Callable[[], Awaitable[None]]) -> int:
    """Run a part to its end and turn what happened into an exit code: 0 stopped, 2 usage, 4 failed."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s {name}: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        with quiet_interrupt():
            asyncio.run(_main(start))
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 — the command line's own answer
        return EXIT_USAGE
    except (KeyboardInterrupt, SystemExit):
        return 0
    return 0


async def _main(start: Callable[[], Awaitable[None]]) -> None:
    await start()
