"""Delivery of notifications: ETSI GS CIM 009 V1.9.1, clauses 5.8.6, 5.2.14.2, 5.2.15 and 6.3.8."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .delivery import API, CAR, counters, eventually, speeds

pytestmark = pytest.mark.anyio


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


async def test_private_addresses_can_be_forbidden(start_broker: Any, receiver: Any) -> None:
    """With the setting, an endpoint at a private address gets nothing and the Subscription fails."""
    async with start_broker(outbound_addresses=["public"]) as running:
        location = await running.subscribe(receiver.url())
        await running.change(CAR, speed=1)
        await eventually(lambda: counters(running, location), lambda found: found.get("status") == "failed")

    assert receiver.received == []


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
