"""Context Source Registration Subscriptions: ETSI GS CIM 009 V1.9.1, clauses 5.11 and 5.3.2; 6.12 and 6.13."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ldt_stack.broker.notifications.registration_subscription import outbox_key
from ldt_stack.broker.store.data import DocumentKind

from ..api import NULL, refused, send
from ..federation.registrations import REGISTRATION, register, registration
from .delivery import eventually

pytestmark = pytest.mark.anyio
PATH = f"/csourceRegistrations/{REGISTRATION}"


async def subscribe(running: Any, url: str, *, notification: Any = None, headers: Any = None, **members: Any) -> str:
    """Subscribe to Context Sources of Cars; returns the path below the API root."""
    document = {
        "type": "Subscription",
        "entities": [{"type": "Car"}],
        "notification": {"endpoint": {"uri": url}, **(notification or {})},
        **members,
    }
    document = {name: value for name, value in document.items() if value is not None}
    answer = await send(running.client, "POST", "/csourceSubscriptions", document, 201, **(headers or {}))
    return answer.headers["location"].removeprefix("/ngsi-ld/v1")


def reasons(received: list[Any]) -> list[str]:
    return [one.body["triggerReason"] for one in received]


async def test_creation_update_and_deletion_are_notified(running: Any, receiver: Any) -> None:
    """5.11.7, with the structure of 5.3.2."""
    path = await subscribe(running, receiver.url())
    document = registration()
    document["information"].append({"entities": [{"type": "Bus"}]})

    await register(running.client, document)
    await send(running.client, "PATCH", PATH, {"registrationName": "cars"}, 204)
    await send(running.client, "PATCH", PATH, {"information": [{"entities": [{"type": "Bus"}]}]}, 204)
    await send(running.client, "PATCH", PATH, {"description": "of no concern"}, 204)
    await send(running.client, "PATCH", PATH, {"information": [{"entities": [{"type": "Car"}]}]}, 204)
    await send(running.client, "DELETE", PATH, None, 204)

    received = await receiver.wait(5)
    assert reasons(received) == ["newlyMatching", "updated", "noLongerMatching", "newlyMatching", "noLongerMatching"]
    first = received[0]
    assert first.headers["content-type"] == "application/json"
    assert set(first.body) == {"id", "type", "subscriptionId", "notifiedAt", "triggerReason", "data"}
    assert first.body["type"] == "ContextSourceNotification"
    assert first.body["subscriptionId"] == path.rpartition("/")[2]
    assert first.body["data"] == [registration()]  # irrelevant RegistrationInfo is left out
    assert received[1].body["data"][0]["registrationName"] == "cars"


async def test_what_matches_already_is_notified_at_first_and_after_an_update(running: Any, receiver: Any) -> None:
    """5.11.2.4 "initially on subscription", 5.11.3.4 "with all currently matching"."""
    await register(running.client, registration())
    await register(running.client, registration([{"type": "Bus"}], id="urn:ngsi-ld:CSR:bus"))
    path = await subscribe(running, receiver.url())
    assert [one["id"] for one in (await receiver.wait(1))[0].body["data"]] == [REGISTRATION]

    await send(running.client, "PATCH", path, {"entities": [{"type": "Bus"}]}, 204)

    second = (await receiver.wait(2))[1].body
    assert ([one["id"] for one in second["data"]], second["triggerReason"]) == (
        ["urn:ngsi-ld:CSR:bus"],
        "newlyMatching",
    )


@pytest.mark.parametrize(
    ("members", "matching", "other"),
    [
        (
            {"watchedAttributes": ["speed"], "notification": {"attributes": ["brand"]}},
            {"properties": ["brand"]},
            {"properties": ["colour"]},
        ),
        ({"watchedAttributes": ["speed"]}, {"properties": ["colour"]}, {"entities": [{"type": "Bus"}]}),
        (
            {"geoQ": {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": [1, 1]}},
            {"location": {"type": "Point", "coordinates": [1, 1.001]}},
            {"location": {"type": "Point", "coordinates": [2, 2]}},
        ),
        (
            {"temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z"}},
            {"observationInterval": {"startAt": "2020-01-01T00:00:00Z"}},
            {},
        ),
        ({"csf": 'owner=="City"'}, {"owner": "City"}, {"owner": "State"}),
        ({"scopeQ": "/Madrid/#"}, {"scope": "/Madrid/Centro"}, {"scope": "/Paris"}),
        ({"entities": [{"type": "Car", "id": "urn:a:b"}]}, {}, {"entities": [{"type": "Car", "id": "urn:a:c"}]}),
    ],
)
async def test_all_conditions_select(
    running: Any, receiver: Any, members: Any, matching: dict[str, Any], other: dict[str, Any]
) -> None:
    """5.11.2.4, 5.12; a Registration that matches comes after the one that does not, and is the only one told of."""
    await subscribe(running, receiver.url(), **members)
    await register(running.client, registration(other.pop("entities", None), id="urn:ngsi-ld:CSR:other", **other))
    await register(running.client, registration(**matching))
    received = await receiver.wait(1)
    assert [[one["id"] for one in notification.body["data"]] for notification in received] == [[REGISTRATION]]


async def test_a_paused_subscription_is_silent(running: Any, receiver: Any) -> None:
    """5.8.6: "only be sent if and only if the status … is "active""."""
    path = await subscribe(running, receiver.url("/paused"), isActive=False)
    await subscribe(running, receiver.url("/active"))
    await register(running.client, registration())
    await receiver.wait(1, "/active")
    assert not receiver.at("/paused")
    assert (await send(running.client, "GET", path, None, 200)).json()["status"] == "paused"
    await send(running.client, "PATCH", path, {"isActive": True}, 204)
    await receiver.wait(1, "/paused")


async def test_periodic_notifications_repeat_what_matches(running: Any, receiver: Any) -> None:
    """5.11.7: initially and periodically, "regardless of any changes"."""
    await register(running.client, registration())
    await subscribe(running, receiver.url(), timeInterval=0.1)
    received = await receiver.wait(3)
    assert {one["id"] for notification in received for one in notification.body["data"]} == {REGISTRATION}


async def test_an_expired_registration_is_told_of(start_broker: Any, receiver: Any) -> None:
    """5.9.2.4 deletes it, which is a change (5.11.7)."""
    async with start_broker(expiry_sweep_seconds=0.05) as running:
        await subscribe(running, receiver.url())
        await register(running.client, registration(expiresAt="2099-01-01T00:00:00Z"))
        await receiver.wait(1)
        running.clock.advance(3600 * 24 * 365 * 80)
        assert reasons(await receiver.wait(2)) == ["newlyMatching", "noLongerMatching"]


async def test_counters_tell_of_deliveries(running: Any, receiver: Any) -> None:
    """5.11.7: timesSent, lastNotification, lastSuccess, lastFailure."""
    receiver.status["/bad"] = 500
    good, bad = await subscribe(running, receiver.url("/good")), await subscribe(running, receiver.url("/bad"))
    await register(running.client, registration())
    for path, members in ((good, {"lastSuccess"}), (bad, {"lastFailure", "timesFailed"})):
        await receiver.wait(1, "/good" if path == good else "/bad")
        shown: dict[str, Any] = {}
        async with asyncio.timeout(20):
            while "timesSent" not in shown:
                await asyncio.sleep(0.01)
                shown = (await send(running.client, "GET", path, None, 200)).json()["notification"]
        assert members <= shown.keys()
        assert (shown["timesSent"], shown["status"]) == (1, "ok" if path == good else "failed")


async def test_both_kinds_of_subscriptions_may_have_the_same_id(running: Any, receiver: Any) -> None:
    """Each kind has its own name space; what is owed does not get mixed up."""
    same = "urn:ngsi-ld:Subscription:same"
    await subscribe(running, receiver.url("/registrations"), id=same)
    await running.subscribe(receiver.url("/entities"), id=same)
    await register(running.client, registration())
    await send(running.client, "DELETE", PATH, None, 204)
    await running.change("urn:a:b", speed=1)
    await receiver.wait(2, "/registrations")
    assert [one.body["type"] for one in await receiver.wait(1, "/entities")] == ["Notification"]
    await send(running.client, "DELETE", f"/csourceSubscriptions/{same}", None, 204)
    await send(running.client, "GET", f"/subscriptions/{same}", None, 200)


async def test_subscriptions_survive_a_restart(start_broker: Any, receiver: Any, tmp_path: Any) -> None:
    """They are kept, with the @context of their names."""
    context = {"Car": "https://cars.test/Car"}
    async with start_broker(data_dir=tmp_path) as running:
        headers = {"content_type": "application/ld+json"}
        await subscribe(running, receiver.url(), headers=headers, **{"@context": context})
    async with start_broker(data_dir=tmp_path) as running:
        await register(running.client, registration([{"type": "https://cars.test/Car"}]))
        assert (await receiver.wait(1))[0].body["data"][0]["information"] == [{"entities": [{"type": "Car"}]}]


async def test_resources(running: Any, receiver: Any) -> None:
    """5.11.2 to 5.11.6 with their errors."""
    listing = "/csourceSubscriptions"
    path = await subscribe(running, receiver.url(), id="urn:a:1", headers={"ngsild_tenant": "city"})
    tenant = {"ngsild_tenant": "city"}
    document = (await send(running.client, "GET", path, None, 200, **tenant)).json()
    assert (document["id"], document["status"], document["type"]) == ("urn:a:1", "active", "Subscription")
    await refused(running.client, "POST", listing, document, 409, "AlreadyExists", **tenant)
    await refused(running.client, "GET", path, None, 404, "ResourceNotFound")
    for change in (
        {"temporalQ": 1},
        {"temporalQ": {"timerel": "x"}},
        {"temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "timeproperty": None}},
        {"temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "timeproperty": []}},
        {"temporalQ": {"timerel": "after", "timeAt": "2020-06-01T00:00:00Z", "endTimeAt": None}},
        {"type": NULL},
        {"expiresAt": "2001-01-01T00:00:00Z"},
    ):
        await refused(running.client, "PATCH", path, change, 400, "BadRequestData", **tenant)
    await refused(running.client, "POST", listing, {"type": "Subscription"}, 400, "BadRequestData")
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        await refused(running.client, method, f"{listing}/nouri", body, 400, "BadRequestData", **tenant)
        await refused(running.client, method, f"{listing}/urn:a:2", body, 404, "ResourceNotFound", **tenant)
    await subscribe(running, receiver.url(), id="urn:a:2", headers=tenant)
    page = await send(running.client, "GET", f"{listing}?limit=1&count=true", None, 200, **tenant)
    assert ([one["id"] for one in page.json()], page.headers["ngsild-results-count"]) == (["urn:a:1"], "2")
    assert "next" in page.links
    await send(running.client, "DELETE", path, None, 204, **tenant)
    await refused(running.client, "GET", path, None, 404, "ResourceNotFound", **tenant)


async def test_an_interval_goes_on_after_a_restart(start_broker: Any, receiver: Any, tmp_path: Path) -> None:
    """timeInterval counts from the last notification, also of an earlier process."""
    async with start_broker(data_dir=tmp_path) as running:
        await register(running.client, registration())
        await subscribe(running, receiver.url(), timeInterval=3600)
        await receiver.wait(1)  # the first one, at creation
        key = outbox_key((await running.client.get("/ngsi-ld/v1/csourceSubscriptions")).json()[0]["id"])
        status = {"timesSent": 1, "status": "ok", "lastNotification": "2026-01-01T00:00:00.000000Z"}

        async def known() -> Any:  # the outcome of the first one, which would overwrite the status
            return (await running.client.get("/ngsi-ld/v1/csourceSubscriptions")).json()[0]["notification"]

        await eventually(known, lambda found: "lastSuccess" in found)
        await running.broker.store.write(
            None, lambda transaction: transaction.put_document(DocumentKind.SUBSCRIPTION_STATUS, key, status)
        )

    async with start_broker(data_dir=tmp_path):
        await receiver.wait(2)
