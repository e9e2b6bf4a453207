"""Delivery of notifications: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 5.2.14.2, 5.2.15 and 6.3.8."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ldt_stack.broker.notifications.rendering import render_notification
from ldt_stack.broker.store.data import DocumentKind

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
CAR = "urn:ngsi-ld:Car:1"
SPEED = "https://uri.etsi.org/ngsi-ld/default-context/speed"


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `look` finds, once it is as wanted; fails after the deadline."""
    deadline = time.monotonic() + 20
    while not wanted(found := await look()):
        assert time.monotonic() < deadline, f"still {found}"
        await asyncio.sleep(0.01)
    return found


async def counters(running: Any, location: str) -> dict[str, Any]:
    found: dict[str, Any] = (await running.client.get(location)).json()["notification"]
    return found


def speeds(received: list[Any]) -> list[Any]:
    return [one.body["data"][0]["speed"]["value"] for one in received]


async def test_each_change_is_notified_once_and_in_order(running: Any, receiver: Any) -> None:
    """One notification a change, in the order of the changes; equal values notify nobody."""
    await running.subscribe(receiver.url())

    for value in (1, 2, 2, 3, 3, 4):
        await running.change(CAR, speed=value)
    received = await receiver.wait(4)
    await running.change(CAR, speed=99)  # a sentinel: what should not come would have come before it
    received = await receiver.wait(5)

    assert speeds(received) == [1, 2, 3, 4, 99]
    assert len({one.body["id"] for one in received}) == 5
    assert all(one.body["type"] == "Notification" for one in received)


async def test_success_is_counted(running: Any, receiver: Any) -> None:
    """timesSent, lastNotification, lastSuccess and status "ok" after a 200 (5.8.6)."""
    location = await running.subscribe(receiver.url())
    assert not {"timesSent", "lastNotification", "status"} & (await counters(running, location)).keys()

    await running.change(CAR, speed=1)
    first = await eventually(lambda: counters(running, location), lambda found: found.get("timesSent") == 1)
    await running.change(CAR, speed=2)
    second = await eventually(lambda: counters(running, location), lambda found: found.get("timesSent") == 2)

    assert first["status"] == "ok"
    assert first["lastSuccess"] == first["lastNotification"] < second["lastNotification"]
    assert not {"lastFailure", "timesFailed"} & second.keys()


@pytest.mark.parametrize("status", [204, 302, 404, 500])
async def test_any_answer_but_200_is_a_failure_and_not_sent_again(running: Any, receiver: Any, status: int) -> None:
    """An answer "different than 200 OK" is a failure (5.8.6); the receiver saw it, so it is not sent again."""
    location = await running.subscribe(receiver.url("/bad"))
    receiver.status["/bad"] = status

    await running.change(CAR, speed=1)
    found = await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed") == 1)
    receiver.status["/bad"] = 200
    await running.change(CAR, speed=2)
    after = await eventually(lambda: counters(running, location), lambda found: found.get("status") == "ok")

    assert (found["status"], found["timesSent"]) == ("failed", 1)
    assert found["lastFailure"] == found["lastNotification"]
    assert "lastSuccess" not in found
    assert (after["timesSent"], after["timesFailed"]) == (2, 1)
    assert speeds(receiver.at("/bad")) == [1, 2]


async def test_a_receiver_that_does_not_answer_is_tried_a_few_times(running: Any, receivers: Any) -> None:
    """Where no answer comes the notification is sent again, within limits; then it is given up."""
    receiver = receivers.start()
    receivers.stop()
    location = await running.subscribe(receiver.url())

    await running.change(CAR, speed=1)
    found = await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed") == 3)
    again = receivers.start(receiver.port)
    await running.change(CAR, speed=2)

    assert found["status"] == "failed"
    assert speeds(await again.wait()) == [2]
    await eventually(lambda: counters(running, location), lambda found: found["status"] == "ok")


async def test_a_receiver_that_comes_back_gets_what_was_owed(running: Any, receivers: Any) -> None:
    """The second attempt delivers what the first one could not."""
    receiver = receivers.start()
    receivers.stop()
    location = await running.subscribe(receiver.url())
    await running.change(CAR, speed=1)
    await eventually(lambda: counters(running, location), lambda found: found.get("timesFailed", 0) >= 1)

    again = receivers.start(receiver.port)

    assert speeds(await again.wait()) == [1]


async def test_a_slow_receiver_holds_up_nobody_else(running: Any, receiver: Any) -> None:
    """Neither writes nor other Subscriptions wait for it; its own timeout ends it as a failure (5.2.15)."""
    receiver.delay_seconds["/slow"] = 3.0
    slow = await running.subscribe(receiver.url("/slow"), endpoint_members={"timeout": 500})
    await running.subscribe(receiver.url("/fast"))

    began = time.monotonic()
    for value in range(5):
        await running.change(CAR, speed=value)
    received = await receiver.wait(5, "/fast")
    assert time.monotonic() - began < 3.0
    assert speeds(received) == [0, 1, 2, 3, 4]
    found = await eventually(lambda: counters(running, slow), lambda found: found.get("timesFailed", 0) >= 1)
    assert found["status"] == "failed"


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


async def test_an_updated_subscription_notifies_as_it_is_now(running: Any, receiver: Any) -> None:
    """An update takes effect with the next change: endpoint, watched Attributes, format."""
    location = await running.subscribe(receiver.url("/old"))
    await running.change(CAR, speed=1)
    await receiver.wait(1, "/old")

    await running.client.patch(
        location,
        json={"q": "speed>5", "notification": {"endpoint": {"uri": receiver.url("/new")}, "format": "concise"}},
    )
    await running.change(CAR, speed=2)
    await running.change(CAR, speed=9)

    (received,) = await receiver.wait(1, "/new")
    assert received.body["data"] == [{"id": CAR, "type": "Car", "speed": 9}]
    assert len(receiver.at("/old")) == 1


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


async def test_private_addresses_can_be_forbidden(start_broker: Any, receiver: Any) -> None:
    """With the setting, an endpoint at a private address gets nothing and the Subscription fails."""
    async with start_broker(outbound_addresses=["public"]) as running:
        location = await running.subscribe(receiver.url())
        await running.change(CAR, speed=1)
        await eventually(lambda: counters(running, location), lambda found: found.get("status") == "failed")

    assert receiver.received == []


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


async def test_a_written_attribute_has_its_system_times_beside_its_previous_value(running: Any, receiver: Any) -> None:
    """showChanges and sysAttrs together, of an Attribute that was written over HTTP (5.2.14.1)."""
    await running.subscribe(receiver.url(), notification={"showChanges": True, "sysAttrs": True})
    entity = {"id": CAR, "type": "Car", "speed": {"type": "Property", "value": 1}}
    await running.client.post(f"{API}/entities", json=entity)
    await running.client.patch(f"{API}/entities/{CAR}", json={"speed": {"type": "Property", "value": 2}})

    created, changed = [one.body["data"][0] for one in await receiver.wait(2)]
    assert created["speed"]["createdAt"] == created["speed"]["modifiedAt"] == created["createdAt"]
    assert (changed["speed"]["value"], changed["speed"]["previousValue"]) == (2, 1)
    assert changed["speed"]["createdAt"] == created["createdAt"]
    assert changed["speed"]["modifiedAt"] == changed["modifiedAt"] > created["modifiedAt"]


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


async def test_a_read_shows_what_is_known_of_the_last_notification(running: Any, receiver: Any) -> None:
    """Counters are recorded together, and before they are read: nobody sees less than was known."""
    location = await running.subscribe(receiver.url())

    async def delivered() -> int:
        return int(running.broker.notifier.figures().delivered)

    for number in range(1, 6):
        await running.change(CAR, speed=number)
        await eventually(delivered, number.__eq__)
        assert (await counters(running, location))["timesSent"] == number


OWNER = "urn:ngsi-ld:Person:1"
CITY = "urn:ngsi-ld:City:1"


async def _linked(running: Any) -> None:
    await running.change(CITY, types=["City"], name="Madrid")
    await running.change(OWNER, types=["Person"], home={"type": "Relationship", "object": CITY}, name="Ada", age=36)


@pytest.mark.parametrize("level", [1, 2])
async def test_linked_entities_are_shown_inline(running: Any, receiver: Any, level: int) -> None:
    """join "inline": inside the Relationship, as deep as joinLevel says (4.5.23.2, 5.8.6)."""
    await _linked(running)
    await running.subscribe(
        receiver.url(), notification={"join": "inline", "joinLevel": level, "pick": ["id", "owner{name,home}", "owner"]}
    )
    await running.change(CAR, speed=1, owner={"type": "Relationship", "object": OWNER})

    (received,) = await receiver.wait(1)
    (car,) = received.body["data"]
    assert car.keys() == {"id", "owner"}
    owner = car["owner"]["entity"]
    assert owner.keys() == {"name", "home"}
    assert ("entity" in owner["home"]) == (level == 2)


async def test_linked_entities_follow_in_the_array(running: Any, receiver: Any) -> None:
    """join "flat": linked Entities after the linking one, each once, also as Features (4.5.23.3)."""
    await _linked(running)
    for accept in ("application/json", "application/geo+json"):
        await running.subscribe(
            receiver.url(f"/{accept}"),
            notification={"join": "flat", "joinLevel": 5, "format": "concise"},
            endpoint_members={"uri": receiver.url(f"/{accept}"), "accept": accept},
        )
    await running.change(
        CAR, owner={"type": "Relationship", "object": OWNER}, driver={"type": "Relationship", "object": OWNER}
    )

    (plain,) = await receiver.wait(1, "/application/json")
    (geo,) = await receiver.wait(1, "/application/geo+json")
    assert [one["id"] for one in plain.body["data"]] == [CAR, OWNER, CITY]
    assert [one["id"] for one in geo.body["data"]["features"]] == [CAR, OWNER, CITY]
    assert plain.body["data"][1]["name"] == "Ada"


async def test_a_notification_keeps_to_the_version_asked_for(running: Any, receiver: Any) -> None:
    """ngsildConformance: "amended to conform to the supplied version" (5.2.12, 4.3.6.8)."""
    await running.subscribe(receiver.url(), ngsildConformance="1.3")
    await running.change(CAR, name={"type": "LanguageProperty", "languageMap": {"en": "x"}}, scope=["/a"])

    (received,) = await receiver.wait(1)
    assert received.body["data"] == [{"id": CAR, "type": "Car", "name": {"type": "Property", "value": {"en": "x"}}}]


async def test_an_interval_goes_on_after_a_restart(start_broker: Any, receiver: Any, tmp_path: Path) -> None:
    """timeInterval counts from the last notification, also of an earlier process: restarts do not put it off."""
    async with start_broker(data_dir=tmp_path) as running:
        await running.change(CAR, speed=1)
        location = await running.subscribe(receiver.url(), timeInterval=3600)
        status = {"timesSent": 1, "status": "ok", "lastNotification": "2026-01-01T00:00:00.000000Z"}
        identifier = location.rpartition("/")[2]
        await running.broker.store.write(
            None, lambda transaction: transaction.put_document(DocumentKind.SUBSCRIPTION_STATUS, identifier, status)
        )
    assert receiver.at() == []

    async with start_broker(data_dir=tmp_path):
        await receiver.wait(1)
