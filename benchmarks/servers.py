"""The programs that are measured, each a process of its own on a free port."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil

from benchmarks.entities import API, side, upsert
from benchmarks.generator import Generator

_ROOT = Path(__file__).parents[1]
_DEADLINE_SECONDS = 60.0
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Server:
    """A running program.

    Attributes:
        port: Of the loopback address.
        process: For its CPU time and memory.
        started_seconds: From its start to its first answer.
    """

    port: int
    process: psutil.Process
    started_seconds: float

    @property
    def cpu_seconds(self) -> float:
        """What it has used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def resident_bytes(self) -> int:
        """What of it is in memory now."""
        return int(self.process.memory_info().rss)

    def ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """One request; the body of the answer.

        Raises:
            RuntimeError: The answer was no 2xx.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_DEADLINE_SECONDS)
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, API + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        return content


@contextmanager
def broker(directory: Path | None = None) -> Iterator[Server]:
    """The broker on a data directory; on a new one, on disk, if none is given."""
    with TemporaryDirectory(prefix="bench-") as temporary:
        ready = Path(temporary) / "ready.json"
        data = directory or Path(temporary) / "data"
        command = ["-m", "ldt_stack.broker", "--port", "0", "--data", str(data), "--ready-file", str(ready)]
        with _running(command, ready) as server:
            yield server


@contextmanager
def bare(answers: Mapping[str, bytes]) -> Iterator[Server]:
    """The bare program; `answers` is path -> body of a GET."""
    with TemporaryDirectory(prefix="bench-") as temporary:
        directory = Path(temporary)
        (directory / "answers.json").write_text(json.dumps({path: body.decode() for path, body in answers.items()}))
        command = ["-m", "benchmarks.bare", temporary, str(directory / "answers.json")]
        with _running(command, directory / "ready.json") as server:
            yield server


@contextmanager
def _running(command: list[str], ready: Path) -> Iterator[Server]:
    begun = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "reference-stack")])}
    process = subprocess.Popen([sys.executable, *command], env=environment)
    try:
        while not ready.exists() or not ready.read_text().endswith("}\n" if "ldt_stack.broker" in command else "}"):
            if process.poll() is not None or time.perf_counter() - begun > _DEADLINE_SECONDS:
                raise RuntimeError(f"{' '.join(command)} did not start")
            time.sleep(0.002)
        port = urlsplit(json.loads(ready.read_text())["broker"]).port or 0
        _first_answer(port)
        yield Server(port, psutil.Process(process.pid), time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(_DEADLINE_SECONDS)


def _first_answer(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_SECONDS)
    connection.request("GET", f"{API}/entities?type=Nothing")
    connection.getresponse().read()
    connection.close()


def fill(server: Server, generator: Generator, count: int) -> None:
    """Store so many Entities."""
    for start in range(0, count, 20 * _BATCH):
        firsts = range(start, min(start + 20 * _BATCH, count), _BATCH)
        batches = [upsert(first, min(_BATCH, count - first), 0, side(count)) for first in firsts]
        generator.send(server.port, batches, connections=2)
