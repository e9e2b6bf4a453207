"""kill -9 during mixed writes: every acknowledged write is there, the history is complete, every notification comes."""

from __future__ import annotations

import http.client
import random
import threading
from pathlib import Path

import pytest

from .kill_workload import GONE, Life, Sink, Writer, history, states, subscribe
from .test_durability import end, start

pytestmark = pytest.mark.posix

TENANTS = ("", "", "", "other")
DEADLINE_SECONDS = 60.0
SEED = 20261123
# A receiver that does not listen for a while: on a slow machine longer than the default number of attempts lasts.
PATIENT = ("--set", "notification_max_attempts=100")


def write_until_killed(port: int, number: int, choice: random.Random, kill: threading.Event) -> list[Writer]:
    """Writers, which set `kill` once some of their writes were acknowledged."""
    left = choice.randint(1, 60)
    lock = threading.Lock()

    def acknowledged() -> None:
        nonlocal left
        with lock:
            left -= 1
            if left <= 0:
                kill.set()

    names = [(tenant, f"Mixed:{number}:{index}") for index, tenant in enumerate(TENANTS)]
    writers = [Writer(port, tenant, name, choice.getrandbits(32), acknowledged) for tenant, name in names]
    for writer in writers:
        writer.thread.start()
    return writers


def check(connection: http.client.HTTPConnection, number: int, lives: list[Life]) -> None:
    """State and history of a round's Entities; a doubtful write that turns out to be there counts from now on."""
    prefix = f"urn:ngsi-ld:Mixed:{number}:"
    present = {tenant: states(connection, tenant, prefix) for tenant in set(TENANTS)}
    for life in lives:
        expected = life.values[-1] if life.values else GONE
        found = present[life.tenant].pop(life.id, GONE)
        assert found in (expected, *life.doubtful), f"{life.id} is {found}, not {expected} (or {life.doubtful})"
        if life.doubtful and found == life.doubtful[0] and found != expected:
            life.values.append(found)
        life.doubtful.clear()
        assert history(connection, life) == life.values, f"the history of {life.id} is not what was written"
    assert not any(present.values()), f"nobody wrote {present}"


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, marks=pytest.mark.timeout(600)),
        pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
    ids=["20", "1000"],
)
def test_kill_9_during_mixed_writes_loses_nothing(tmp_path: Path, kills: int) -> None:
    """Creations, updates, merges, batches and deletions by four writers in two tenants, with Subscriptions to all.

    The broker is killed after some acknowledgements, again and again; in every third round nobody listens for
    notifications until it runs again. After each start, what was acknowledged is there, and nothing else but what was
    under way; so is its history; and every change that is there has been notified, and none that is not.
    """
    choice = random.Random(SEED)  # noqa: S311 — choices, not secrets
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    sink = Sink()
    rounds: list[list[Life]] = []
    process, connection = start(data, ready, *PATIENT)
    for tenant in set(TENANTS):
        subscribe(connection, tenant, sink)
    try:
        for number in range(kills):
            if number % 3 == 2:
                sink.close()
            kill = threading.Event()
            writers = write_until_killed(connection.port, number, choice, kill)
            assert kill.wait(DEADLINE_SECONDS), [writer.problem for writer in writers]
            end(process, connection, kill=True)
            for writer in writers:
                writer.thread.join(DEADLINE_SECONDS)
            assert not any(writer.problem for writer in writers), [writer.problem for writer in writers]
            sink.open()
            process, connection = start(data, ready, *PATIENT)
            touched = [life for writer in writers for life in writer.lives]
            check(connection, number, touched)
            missing = sink.wait_for(set().union(*(life.notices() for life in touched)), DEADLINE_SECONDS)
            assert not missing, f"{len(missing)} notifications were never sent: {sorted(missing, key=str)[:5]}"
            rounds.append(touched)
        for number, lives in enumerate(rounds):
            check(connection, number, lives)
    finally:
        end(process, connection, kill=True)
        sink.end()
    written = [life for lives in rounds for life in lives]
    assert sum(len(life.values) for life in written) > 20 * kills
    assert sink.notices == set().union(*(life.notices() for life in written)), "something was notified that never was"
