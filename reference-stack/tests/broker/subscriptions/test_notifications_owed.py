"""What is owed is sent, once, and nothing else (ETSI GS CIM 009 V1.9.1, clause 5.8.6)."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ldt_stack.broker.notifications.rendering import render_notification

from .delivery import CAR, SPEED, counters, eventually, speeds

pytestmark = pytest.mark.anyio


async def test_a_notification_that_cannot_be_made_holds_up_no_other(
    running: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one, it counts as failed and the next one is sent."""

    def render(subscription: Any, body: Any, *arguments: Any) -> Any:
        if body["data"][0][SPEED][0]["value"] == 1:
            raise KeyError("a fault of ours")
        return render_notification(subscription, body, *arguments)

    monkeypatch.setattr("ldt_stack.broker.notifications.notifier.render_notification", render)
    location = await running.subscribe(receiver.url())
    for value in (1, 2):
        await running.change(CAR, speed=value)

    assert speeds(await receiver.wait(1)) == [2]
    found = await eventually(lambda: counters(running, location), lambda found: found.get("timesSent") == 2)
    assert (found["timesFailed"], found["status"]) == (1, "ok")


async def test_what_was_owed_to_a_deleted_subscription_is_not_sent_to_its_successor(
    start_broker: Any, receivers: Any
) -> None:
    """The same id is another Subscription: what waits for another attempt ends with the one that it was for."""
    receiver = receivers.start()
    receivers.stop()
    async with start_broker(notification_retry_seconds=0.3) as running:
        location = await running.subscribe(receiver.url(), id="urn:ngsi-ld:Subscription:S")
        await running.change(CAR, speed=1)
        await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed", 0) >= 1)
        await running.client.delete(location)
        await running.subscribe(receiver.url(), id="urn:ngsi-ld:Subscription:S")
        again = receivers.start(receiver.port)
        await asyncio.sleep(0.7)
        await running.change(CAR, speed=2)

        assert speeds(await again.wait(1)) == [2]


async def test_what_was_owed_is_delivered_after_a_restart(start_broker: Any, receivers: Any, tmp_path: Path) -> None:
    """The outbox is on disk: another process delivers what this one could not, for every tenant."""
    receiver = receivers.start()
    receivers.stop()
    settings = {"data_dir": tmp_path, "notification_retry_seconds": 3600}
    async with start_broker(**settings) as running:
        for tenant in (None, "city"):
            headers = {} if tenant is None else {"NGSILD-Tenant": tenant}
            location = await running.subscribe(receiver.url(f"/{tenant}"), headers=headers, q="speed>0")
            await running.change(CAR, tenant=tenant, speed=1)
            await running.change(CAR, tenant=tenant, speed=2)

    again = receivers.start(receiver.port)
    async with start_broker(**settings) as running:
        for tenant in (None, "city"):
            assert speeds(await again.wait(2, f"/{tenant}")) == [1, 2]
        await running.change(CAR, tenant="city", speed=3)
        assert speeds(await again.wait(3, "/city")) == [1, 2, 3]

        async def look() -> dict[str, Any]:
            answer = await running.client.get(location, headers={"NGSILD-Tenant": "city"})
            found: dict[str, Any] = answer.json()["notification"]
            return found

        await eventually(look, lambda found: found["status"] == "ok" and found["timesSent"] >= 3)


async def test_what_was_delivered_is_not_sent_again(start_broker: Any, receiver: Any, tmp_path: Path) -> None:
    """After an orderly end nothing is left in the outbox; throttling counts from before the restart."""
    # The receiver has it before the broker knows: time enough for the answer, or it is sent again, as it should be.
    async with start_broker(data_dir=tmp_path, notification_timeout_seconds=60) as running:
        locations = [
            await running.subscribe(receiver.url("/free")),
            await running.subscribe(receiver.url("/throttled"), throttling=3600),
        ]
        await running.change(CAR, speed=1)
        for location in locations:
            await eventually(partial(counters, running, location), lambda found: found.get("status") == "ok")

    async with start_broker(data_dir=tmp_path) as running:
        await running.change(CAR, speed=2)
        assert speeds(await receiver.wait(2, "/free")) == [1, 2]

    assert speeds(receiver.at("/throttled")) == [1]


async def test_a_rolled_back_change_owes_nothing(running: Any, receiver: Any) -> None:
    """A notification and the change it is about are written together or not at all."""
    await running.subscribe(receiver.url())
    real = running.broker.notifier.changes

    def failing(*arguments: Any) -> None:
        real(*arguments)
        raise ValueError("the operation fails after all")

    running.broker.notifier.changes = failing
    with pytest.raises(ValueError, match="after all"):
        await running.change(CAR, speed=1)
    running.broker.notifier.changes = real
    await running.change(CAR, speed=2)

    assert speeds(await receiver.wait(1)) == [2]
