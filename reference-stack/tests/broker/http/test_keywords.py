"""@id and @type in requests: ETSI GS CIM 009 V1.9.1, clause 4.4."""

from __future__ import annotations

from typing import Any

import pytest

from ..api import CAR, create, get, refused, send
from ..conftest import RunningBroker

pytestmark = pytest.mark.anyio
BEFORE = {"timerel": "before", "timeAt": "2030-01-01T00:00:00Z"}
QUERY = {"@type": "Query", "entities": [{"@type": "Car", "@id": CAR}]}
SUBSCRIPTION = {
    "@id": "urn:ngsi-ld:Subscription:1",
    "@type": "Subscription",
    "entities": [{"@type": "Car", "@id": CAR}],
    "notification": {"endpoint": {"uri": "http://127.0.0.1:9/notify"}},
}
REGISTRATION = {
    "@id": "urn:ngsi-ld:ContextSourceRegistration:1",
    "@type": "ContextSourceRegistration",
    "information": [{"entities": [{"@type": "Bus", "@id": "urn:ngsi-ld:Bus:1"}]}],
    "endpoint": "http://127.0.0.1:9",
}


def keywords(value: Any) -> bool:
    """Whether "@id" or "@type" is anywhere."""
    if isinstance(value, list):
        return any(keywords(one) for one in value)
    return isinstance(value, dict) and (not {"@id", "@type"}.isdisjoint(value) or any(map(keywords, value.values())))


@pytest.mark.parametrize(
    ("path", "extra"), [("/entityOperations/query", {}), ("/temporal/entityOperations/query", {"temporalQ": BEFORE})]
)
async def test_a_query_may_say_them(running: RunningBroker, path: str, extra: dict[str, Any]) -> None:
    speed = {"@type": "Property", "value": 1, "observedAt": "2025-01-01T00:00:00Z"}
    await create(running.client, speed=speed)
    await create(running.client, "urn:ngsi-ld:Car:2", speed=speed)
    found = (await send(running.client, "POST", path, QUERY | extra, 200)).json()
    assert [one["id"] for one in found] == [CAR]


@pytest.mark.parametrize(
    ("resource", "payload", "change"),
    [
        ("/subscriptions", SUBSCRIPTION, {"subscriptionName": "n"}),
        ("/csourceSubscriptions", SUBSCRIPTION, {"subscriptionName": "n"}),
        ("/csourceRegistrations", REGISTRATION, {"registrationName": "n"}),
    ],
)
async def test_what_is_kept_may_be_sent_with_them(
    running: RunningBroker, resource: str, payload: dict[str, Any], change: dict[str, Any]
) -> None:
    """ "In NGSI-LD responses, only "id" and "type" shall be used"."""
    await send(running.client, "POST", resource, payload, 201)
    path = f"{resource}/{payload['@id']}"
    identity = {name: payload[name] for name in ("@id", "@type")}
    await send(running.client, "PATCH", path, identity | change, 204)
    shown = (await send(running.client, "GET", path, None, 200)).json()
    assert (shown["id"], shown["type"]) == (payload["@id"], payload["@type"])
    assert change.items() <= shown.items()
    assert not keywords(shown)


async def test_a_snapshot_may_be_sent_with_them(running: RunningBroker) -> None:
    payload = {"@id": "urn:ngsi-ld:Snapshot:1", "@type": "Snapshot", "snapshotQueries": [QUERY]}
    await create(running.client)
    await send(running.client, "POST", "/snapshots", payload, 201)
    change = {"@id": "urn:ngsi-ld:Snapshot:1", "@type": "Snapshot", "snapshotPriority": 3}
    await send(running.client, "PATCH", "/snapshots/urn:ngsi-ld:Snapshot:1", change, 200)
    shown = (await send(running.client, "GET", "/snapshots/urn:ngsi-ld:Snapshot:1", None, 200)).json()
    assert shown["snapshotQueries"] == [{"type": "Query", "entities": [{"type": "Car", "id": CAR}]}]
    assert not keywords(shown)


async def test_an_entity_map_may_be_updated_with_them(running: RunningBroker) -> None:
    await create(running.client)
    asked = await send(running.client, "GET", "/entities?type=Car&entityMap=true", None, 201)
    path = "/entityMaps/" + asked.headers["ngsild-entitymap"].rpartition("/")[2]
    identifier = (await send(running.client, "GET", path, None, 200)).json()["id"]
    change = {"@id": identifier, "@type": "EntityMap", "expiresAt": "2040-01-01T00:00:00Z"}
    await send(running.client, "PATCH", path, change, 204)


async def test_both_words_for_one_member_are_refused(running: RunningBroker) -> None:
    await create(running.client)
    for payload in (QUERY | {"type": "Query"}, {"type": "Query", "entities": [{"type": "Car", "@type": "Car"}]}):
        await refused(running.client, "POST", "/entityOperations/query", payload, 400, "BadRequestData")
    for path, payload in (("/subscriptions", SUBSCRIPTION), ("/csourceRegistrations", REGISTRATION)):
        await refused(running.client, "POST", path, payload | {"id": payload["@id"]}, 400, "BadRequestData")
    assert (await get(running.client))["id"] == CAR
