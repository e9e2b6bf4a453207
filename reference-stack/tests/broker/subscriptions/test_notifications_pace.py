"""When a notification is due: throttling, cooldown, status, timeInterval (CIM 009 V1.9.1, 5.2.12, 5.2.14, 5.8.6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ldt_stack.broker.notifications.delivery import Deliverer
from ldt_stack.broker.store.data import Delivery, DocumentKind

from .delivery import CAR, counters, eventually, speeds

pytestmark = pytest.mark.anyio


async def test_throttling(running: Any, receiver: Any) -> None:
    """At most one notification in the period; after it the next change notifies again (5.2.12)."""
    await running.subscribe(receiver.url("/throttled"), throttling=60)
    await running.subscribe(receiver.url("/free"))

    for value in (1, 2, 3):
        await running.change(CAR, speed=value)
    await receiver.wait(3, "/free")
    running.clock.advance(61)
    await running.change(CAR, speed=4)

    assert speeds(await receiver.wait(2, "/throttled")) == [1, 4]


async def test_changes_at_the_same_time_are_throttled(running: Any, receiver: Any) -> None:
    """Also those that are committed together: one notification, of the first."""
    await running.subscribe(receiver.url("/throttled"), throttling=60)
    await running.subscribe(receiver.url("/free"))

    await asyncio.gather(*(running.change(CAR, speed=value) for value in range(1, 9)))
    await receiver.wait(8, "/free")
    running.clock.advance(61)
    await running.change(CAR, speed=9)

    assert speeds(await receiver.wait(2, "/throttled")) == [1, 9]


async def test_cooldown(running: Any, receiver: Any) -> None:
    """ "If requests are received before the cooldown period has expired, no notification is sent" (5.2.15)."""
    receiver.status["/cool"] = 500
    location = await running.subscribe(receiver.url("/cool"), endpoint_members={"cooldown": 60_000})
    await running.subscribe(receiver.url("/free"))
    await running.change(CAR, speed=1)
    await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed") == 1)

    receiver.status["/cool"] = 200
    await running.change(CAR, speed=2)
    await receiver.wait(2, "/free")
    running.clock.advance(61)
    await running.change(CAR, speed=3)

    assert speeds(await receiver.wait(2, "/cool")) == [1, 3]


async def test_only_active_subscriptions_notify(running: Any, receiver: Any) -> None:
    """ "If and only if the status … is "active", i.e. not "paused" nor "expired"" (5.8.6)."""
    paused = await running.subscribe(receiver.url("/paused"), isActive=False)
    running.clock.advance(-3600)
    soon = running.broker.now()[:19] + "Z"
    running.clock.advance(-3600)
    await running.subscribe(receiver.url("/expired"), expiresAt=soon)
    running.clock.advance(7200)
    await running.subscribe(receiver.url("/active"))

    await running.change(CAR, speed=1)
    await receiver.wait(1, "/active")
    await running.client.patch(paused, json={"isActive": True})
    await running.change(CAR, speed=2)
    await receiver.wait(2, "/active")

    assert speeds(await receiver.wait(1, "/paused")) == [2]
    assert receiver.at("/expired") == []


async def test_periodic_notifications_show_all_matching_entities(running: Any, receiver: Any) -> None:
    """With timeInterval, all subscribed Entities that match, again and again; none, if none matches (5.8.6)."""
    await running.change(CAR, speed=1)
    await running.change("urn:ngsi-ld:Car:2", speed=7)
    await running.change("urn:ngsi-ld:Car:3", speed=8)
    await running.subscribe(receiver.url("/none"), timeInterval=0.1, q="speed>100")
    location = await running.subscribe(
        receiver.url(), timeInterval=0.1, q="speed>5", notification={"format": "concise"}
    )

    received = await receiver.wait(3)
    await running.client.patch(location, json={"isActive": False})

    expected = [{"id": f"urn:ngsi-ld:Car:{n}", "type": "Car", "speed": n + 5} for n in (2, 3)]
    for one in received:
        assert sorted(one.body["data"], key=lambda entity: str(entity["id"])) == expected
    assert receiver.at("/none") == []


async def test_an_update_does_not_put_off_a_periodic_notification(running: Any, receiver: Any) -> None:
    """ "Sent periodically, when the time interval … is reached": however often something else of it changes."""
    await running.change(CAR, speed=1)
    location = await running.subscribe(receiver.url(), timeInterval=0.5)
    deadline = time.monotonic() + 20
    while not receiver.at():
        assert time.monotonic() < deadline
        await running.client.patch(location, json={"notification": {"format": "concise"}})
        await asyncio.sleep(0.02)

    assert receiver.at()[0].body["data"] == [{"id": CAR, "type": "Car", "speed": 1}]


async def test_a_rolled_back_change_does_not_count_for_throttling(running: Any, receiver: Any) -> None:
    """The first change that is kept is notified, whatever was undone before it, also in the same commit."""
    await running.subscribe(receiver.url(), throttling=60)
    real = running.broker.notifier.changes

    def failing(*arguments: Any) -> None:
        real(*arguments)
        running.broker.notifier.changes = real
        raise ValueError("the operation fails after all")

    running.broker.notifier.changes = failing
    first, *_ = await asyncio.gather(*(running.change(CAR, speed=value) for value in (1, 2, 3)), return_exceptions=True)
    running.clock.advance(61)
    await running.change(CAR, speed=4)

    assert isinstance(first, ValueError)
    assert speeds(await receiver.wait(2)) == [2, 4]


async def test_what_is_still_owed_counts_for_throttling(start_broker: Any, receivers: Any, tmp_path: Path) -> None:
    """Also where an earlier process has not come to send it."""
    receiver = receivers.start()
    receiver.delay_seconds["/throttled"] = 1.0
    settings = {"data_dir": tmp_path, "shutdown_grace_seconds": 0}
    async with start_broker(**settings) as running:
        await running.subscribe(receiver.url("/throttled"), throttling=3600)
        await running.change(CAR, speed=1)
        await receiver.wait(1, "/throttled")

    receiver.delay_seconds.clear()
    async with start_broker(**settings) as running:
        await running.subscribe(receiver.url("/free"))
        await running.change(CAR, speed=2)
        await receiver.wait(1, "/free")
        assert speeds(await receiver.wait(2, "/throttled")) == [1, 1]


async def _subscribe_long_ago(running: Any, receiver: Any) -> None:
    """A Subscription with an interval that was over long ago, about an Entity that is there."""
    await running.change(CAR, speed=1)
    location = await running.subscribe(receiver.url(), timeInterval=3600)
    status = {"timesSent": 1, "status": "ok", "lastNotification": "2026-01-01T00:00:00.000000Z"}
    identifier = location.rpartition("/")[2]
    await running.broker.store.write(
        None, lambda transaction: transaction.put_document(DocumentKind.SUBSCRIPTION_STATUS, identifier, status)
    )


async def test_an_interval_goes_on_after_a_restart(start_broker: Any, receiver: Any, tmp_path: Path) -> None:
    """timeInterval counts from the last notification, also of an earlier process: restarts do not put it off."""
    async with start_broker(data_dir=tmp_path) as running:
        await _subscribe_long_ago(running, receiver)
    assert receiver.at() == []

    async with start_broker(data_dir=tmp_path):
        await receiver.wait(1)


async def test_an_interval_that_is_over_waits_for_what_is_owed(
    start_broker: Any, receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came while a broker that starts still read its outbox was delivered by the next process alone."""
    async with start_broker(data_dir=tmp_path) as running:
        await _subscribe_long_ago(running, receiver)
    read = Deliverer.left

    async def left(deliverer: Deliverer, tenant: str | None) -> AsyncIterator[list[Delivery]]:
        async for found in read(deliverer, tenant):
            yield found
        await asyncio.sleep(0.3)

    monkeypatch.setattr(Deliverer, "left", left)
    async with start_broker(data_dir=tmp_path):
        await receiver.wait(1)
