"""2xx means on disk: system calls of the broker, traced while it answers."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

POSTS = 50
DEADLINE_SECONDS = 60.0
PACKAGE_ROOT = Path(__file__).parents[3]
CALLS = "read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync"
SYNCED = re.compile(r"(?:fsync|fdatasync)\(\d+<([^>]*)>\) += 0|<\.\.\. (?:fsync|fdatasync) resumed>\) += 0")
BEGUN = re.compile(r"(?:fsync|fdatasync)\(\d+<([^>]*)> <unfinished")

pytestmark = pytest.mark.strace


@contextmanager
def traced_broker(directory: Path, *options: str) -> Iterator[http.client.HTTPConnection]:
    """A broker under strace, answering, and a connection to it; the trace is in `directory / "trace"`."""
    ready = directory / "ready.json"
    broker = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--ready-file", str(ready), *options]
    trace = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-e", "signal=none"]
    process = subprocess.Popen([*trace, "-o", str(directory / "trace"), *broker], cwd=PACKAGE_ROOT)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not ready.exists():
            assert process.poll() is None, "the broker ended"
            assert time.monotonic() < deadline, "the broker did not start"
            time.sleep(0.02)
        address = urlsplit(json.loads(ready.read_text())["broker"])
        yield http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_SECONDS)
    finally:
        for traced in psutil.Process(process.pid).children():  # strace itself ends with what it traces
            traced.terminate()
        process.wait(DEADLINE_SECONDS)


def post_entities(connection: http.client.HTTPConnection) -> None:
    """Create Entities, each when the one before was answered."""
    for number in range(POSTS):
        entity = {"id": f"urn:ngsi-ld:Sync:{number}", "type": "Sync", "number": number}
        connection.request("POST", "/ngsi-ld/v1/entities", json.dumps(entity), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
    connection.close()


def answers(trace: str) -> list[bool]:
    """For each 201 that left the broker: whether, since its request came, a write-ahead log was synced to its end."""
    found: list[bool] = []
    synced, begun = False, ""
    for line in trace.splitlines():
        start = BEGUN.search(line)
        done = SYNCED.search(line)
        if start is not None:
            begun = start[1]
        elif done is not None and (done[1] or begun).endswith(".sqlite-wal"):
            synced = True
        elif '"POST /ngsi-ld/v1/entities' in line:
            synced = False
        elif '"HTTP/1.1 201' in line:
            found.append(synced)
    return found


def test_every_201_is_preceded_by_a_sync_of_its_own(tmp_path: Path) -> None:
    """Fifty Entities are created one after the other: no answer leaves before the log was synced for it."""
    with traced_broker(tmp_path, "--data", str(tmp_path / "data")) as connection:
        post_entities(connection)
    assert answers((tmp_path / "trace").read_text()) == [True] * POSTS


def test_the_trace_tells_a_broker_that_does_not_sync(tmp_path: Path) -> None:
    """A temporary store promises nothing and does not sync: the same trace shows it."""
    with traced_broker(tmp_path) as connection:
        post_entities(connection)
    assert answers((tmp_path / "trace").read_text()) == [False] * POSTS
