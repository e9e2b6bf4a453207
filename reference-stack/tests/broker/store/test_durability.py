"""What was answered 2xx is on disk: the broker as a process, killed again and again."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest

from ldt_stack.broker.__main__ import main as serve
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import TemporalEntity, TemporalQuery
from ldt_stack.broker.store.interface import Snapshot
from ldt_stack.broker.store.sqlite import SqliteStore

API = "/ngsi-ld/v1"
KILLS = 50
DEADLINE_SECONDS = 20.0
PACKAGE_ROOT = Path(__file__).parents[3]


class Process(Protocol):
    """What the tests need of a broker process."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs."""
        ...

    def kill(self) -> None:
        """SIGKILL."""
        ...

    def terminate(self) -> None:
        """SIGTERM."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...


def start(data: Path, ready: Path, *options: str) -> tuple[Process, http.client.HTTPConnection]:
    """A broker on a data directory, in a process of its own, answering; and a connection to it.

    It is forked from a process that has the modules loaded already: fifty starts take seconds, not half a minute.
    """
    ready.unlink(missing_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ldt_stack.broker.__main__", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"])
    command = ["--port", "0", "--data", str(data), "--ready-file", str(ready), *options]
    process = context.Process(target=serve, args=(command,))
    process.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not ready.exists():
        assert process.exitcode is None, f"the broker ended with {process.exitcode}"
        assert time.monotonic() < deadline, "the broker did not start"
        time.sleep(0.005)
    address = urlsplit(json.loads(ready.read_text())["broker"])
    return process, http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_SECONDS)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """One request; status and body."""
    content = None if body is None else json.dumps(body)
    connection.request(method, API + path, content, {"Content-Type": "application/json"} if content else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def end(process: Process, connection: http.client.HTTPConnection, *, kill: bool) -> None:
    """End a broker, and wait until it is gone."""
    (process.kill if kill else process.terminate)()
    process.join(DEADLINE_SECONDS)
    assert process.exitcode is not None, "the broker did not end"
    connection.close()


@contextmanager
def broker(data: Path, ready: Path) -> Iterator[http.client.HTTPConnection]:
    """A broker that is killed at the end."""
    process, connection = start(data, ready)
    try:
        yield connection
    finally:
        end(process, connection, kill=True)


def evolution_of(entity_id: str, snapshot: Snapshot) -> TemporalEntity | None:
    """The whole history of an Entity, as the store has it."""
    return snapshot.get_temporal(entity_id, TemporalQuery(timeproperty="modifiedAt"))


@pytest.mark.posix
def test_kill_9_after_a_201_loses_nothing(tmp_path: Path) -> None:
    """Fifty times an Entity is created and the process killed at once; every Entity and its history is there after."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    for number in range(KILLS):
        with broker(data, ready) as connection:
            entity = {"id": f"urn:ngsi-ld:Kill:{number}", "type": "Kill", "number": number}
            status, answer = ask(connection, "POST", "/entities", entity)
            assert status == 201, answer
    with broker(data, ready) as connection:
        for number in range(KILLS):
            status, answer = ask(connection, "GET", f"/entities/urn:ngsi-ld:Kill:{number}?options=keyValues")
            assert status == 200, f"Entity {number} is lost"
            assert json.loads(answer)["number"] == number
    store = SqliteStore(BrokerSettings(data_dir=data))
    try:
        for number in range(KILLS):
            evolution = asyncio.run(store.read(None, partial(evolution_of, f"urn:ngsi-ld:Kill:{number}")))
            assert evolution is not None, f"the history of Entity {number} is lost"
            assert [len(instances) for instances in evolution.attributes.values()] == [1]
    finally:
        asyncio.run(store.close())


@pytest.mark.posix
def test_sigterm_ends_the_broker_cleanly(tmp_path: Path) -> None:
    """SIGTERM: the process ends by itself with code 0, and the next one finds what was written."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    process, connection = start(data, ready)
    assert ask(connection, "POST", "/entities", {"id": "urn:a", "type": "T"})[0] == 201
    end(process, connection, kill=False)
    assert process.exitcode == 0
    with broker(data, ready) as connection:
        assert ask(connection, "GET", "/entities/urn:a")[0] == 200


def test_a_data_directory_that_cannot_be_used(tmp_path: Path) -> None:
    """A file in the place of the data directory: exit code 4, a clear message, no traceback."""
    (tmp_path / "file").write_text("x")
    command = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--data", str(tmp_path / "file")]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4
    assert "data directory" in done.stderr
    assert "Traceback" not in done.stderr
