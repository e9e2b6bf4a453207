"""`kill -9` of a check run in the middle of its work, then `ldt cleanup`: the target's database is as before."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from .process import assert_clear, ldt

DEADLINE_SECONDS = 60.0
# Counters, dictionaries, and indexes: the R*Tree of `places`, and of which Attributes values are kept.
BOOKKEEPING = {"sqlite_sequence", "sqlite_stat1", "meta", "names", "shapes", "indexed", "entity_values"}
ORPHANS = "SELECT * FROM entity_values WHERE entity NOT IN (SELECT number FROM entities)"

pytestmark = pytest.mark.posix  # SIGKILL


@dataclass(frozen=True)
class RealBroker:
    """The embedded broker as a process, and the folder of its databases."""

    url: str
    data: Path

    def dump(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of every table of every tenant."""
        rows: dict[str, list[tuple[object, ...]]] = {}
        for file in sorted(self.data.glob("*.sqlite")):
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
                tables = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
                for (table,) in tables:
                    if table not in BOOKKEEPING and not table.startswith("places_"):
                        found = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 — its own names
                        rows[f"{file.name} {table}"] = sorted(found, key=repr)
                rows[f"{file.name} orphans"] = database.execute(ORPHANS).fetchall()
        return rows


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS:g} s: {what}"
        time.sleep(0.01)


@pytest.fixture
def real_broker(tmp_path: Path) -> Iterator[RealBroker]:
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    command = [sys.executable, "-m", "ldt_stack.broker", "--port", "0", "--data", str(data), "--ready-file", str(ready)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: ready.exists() or process.poll() is not None, "the broker")
        yield RealBroker(json.loads(ready.read_text())["broker"], data)
    finally:
        process.terminate()
        process.wait(20)


def journalled(out: Path) -> int:
    """How many things the run's processes have announced so far."""
    return sum(path.read_bytes().count(b'"op": "create"') for path in (out / "journal").glob("*.jsonl"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("announced", [3, 60])
def test_cleanup_after_kill_9(real_broker: RealBroker, tmp_path: Path, announced: int) -> None:
    """Early and in the middle: no process of the run goes on, and afterwards no row is left and none is missing."""
    theirs = {"id": "urn:ngsi-ld:Theirs:1", "type": "Theirs", "speed": {"type": "Property", "value": 1}}
    context = {"@context": {"speed": "https://example.org/speed"}}
    subscription = {"type": "Subscription", "entities": [{"type": "Theirs"}]}
    subscription |= {"notification": {"endpoint": {"uri": "http://127.0.0.1:1/nobody"}}}
    root = f"{real_broker.url}/ngsi-ld/v1"
    for path, body in (("entities", theirs), ("jsonldContexts", context), ("subscriptions", subscription)):
        assert httpx.post(f"{root}/{path}", json=body, trust_env=False).status_code == 201
    before = real_broker.dump()
    out = tmp_path / "out"
    command = ["check", real_broker.url, "--mode", "sandbox-write", "--pack", "ngsi-ld", "-n", "2", "--out", str(out)]
    run = subprocess.Popen(
        [sys.executable, "-m", "ldt_conformance", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: journalled(out) >= announced or run.poll() is not None, f"{announced} things announced")
    family = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL
    wait_for(lambda: not [child for child in family if child.is_running()], "the workers' end")
    assert journalled(out) >= announced

    done = ldt("cleanup", "--out", str(out), "--json", cwd=tmp_path)
    assert_clear(done)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["left_behind"] == []
    assert real_broker.dump() == before
    assert not (out / "journal").exists()
    assert not (out / ".running").exists()
