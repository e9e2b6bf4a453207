"""A broker that is killed owes its notifications still: the outbox is on disk with the change (5.8.6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .test_durability import ask, start

pytestmark = [pytest.mark.anyio, pytest.mark.posix]  # SIGKILL, a fork server
ROUNDS = 5


async def test_what_was_answered_is_notified_after_a_kill(receivers: Any, tmp_path: Path) -> None:
    """kill -9 right after a 201, again and again, while nobody listens: each of the changes is notified in the end."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    receiver = receivers.start()
    receivers.stop()
    subscription = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Car"}],
        "notification": {"endpoint": {"uri": receiver.url()}},
    }
    for number in range(ROUNDS):
        process, connection = start(data, ready)
        try:
            if number == 0:
                assert ask(connection, "POST", "/subscriptions", subscription)[0] == 201
            body = {"id": f"urn:ngsi-ld:Car:{number}", "type": "Car", "speed": number}
            assert ask(connection, "POST", "/entities", body)[0] == 201
        finally:
            process.kill()
            process.join(20)
            connection.close()

    again = receivers.start(receiver.port)
    process, connection = start(data, ready)
    try:
        received = await again.wait(ROUNDS)
    finally:
        process.kill()
        process.join(20)
        connection.close()

    assert {one.body["data"][0]["id"] for one in received} == {f"urn:ngsi-ld:Car:{n}" for n in range(ROUNDS)}
