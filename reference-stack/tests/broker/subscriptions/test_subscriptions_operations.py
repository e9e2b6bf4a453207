"""Create, update, retrieve, query, delete Subscription: ETSI GS CIM 009 V1.9.1, clauses 5.8.1 to 5.8.5, 6.10, 6.11."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from ldt_stack.broker.model.instants import format_instant

pytestmark = pytest.mark.anyio

API = "/ngsi-ld/v1"
NULL = "urn:ngsi-ld:null"
ENDPOINT = "http://127.0.0.1:9/notify"
ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
INLINE = {"Car": "https://example.org/Car", "speed": "https://example.org/speed"}


def payload(**members: Any) -> dict[str, Any]:
    return {
        "type": "Subscription",
        "entities": [{"type": "Car"}],
        "notification": {"endpoint": {"uri": ENDPOINT}},
        **members,
    }


async def post(running: Any, body: Any, **headers: str) -> Any:
    return await running.client.post(f"{API}/subscriptions", json=body, headers=headers)


async def test_creation_answers_201_with_the_location_of_what_was_made(running: Any) -> None:
    """201 and a Location whose resource has every posted member (6.10.3.1, 5.8.1)."""
    posted = payload(
        id="urn:ngsi-ld:Subscription:A",
        subscriptionName="n",
        q="speed>5",
        watchedAttributes=["speed"],
        throttling=5,
        isActive=False,
        expiresAt="2099-01-01T00:00:00Z",
        notificationTrigger=["entityCreated"],
        geoQ={"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": [1, 2], "geoproperty": "place"},
        notification={
            "endpoint": {
                "uri": ENDPOINT,
                "accept": "application/ld+json",
                "receiverInfo": [{"key": "A", "value": "b"}],
            },
            "attributes": ["speed"],
            "format": "keyValues",
            "sysAttrs": True,
        },
    )

    created = await post(running, posted)
    found = await running.client.get(created.headers["location"])

    assert created.status_code == 201
    assert created.headers["location"] == f"{API}/subscriptions/urn:ngsi-ld:Subscription:A"
    assert found.status_code == 200
    assert {name: found.json()[name] for name in posted} == posted
    assert found.json()["status"] == "paused"


async def test_an_id_is_generated(running: Any) -> None:
    """ "If the subscription document does not include a Subscription identifier, a new … URI shall be … generated"."""
    first, second = await post(running, payload()), await post(running, payload())

    identifier = (await running.client.get(first.headers["location"])).json()["id"]
    assert re.fullmatch(r"urn:ngsi-ld:.+", identifier)
    assert first.headers["location"] != second.headers["location"]


async def test_an_id_in_use_is_refused(running: Any) -> None:
    """A second Subscription with the same id is AlreadyExists, and the first one stays."""
    await post(running, payload(id="urn:ngsi-ld:Subscription:A", description="first"))

    again = await post(running, payload(id="urn:ngsi-ld:Subscription:A", description="second"))

    assert (again.status_code, again.json()["type"]) == (409, ERRORS + "AlreadyExists")
    found = await running.client.get(f"{API}/subscriptions/urn:ngsi-ld:Subscription:A")
    assert found.json()["description"] == "first"


@pytest.mark.parametrize(
    "members",
    [
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"notification": {"endpoint": {"uri": "urn:ngsi-ld:null"}}},
        {"description": "urn:ngsi-ld:null"},
        {"throttling": None},
        {"id": ""},
    ],
)
async def test_bad_creations_are_400_and_make_nothing(running: Any, members: dict[str, Any]) -> None:
    """An expired Subscription, the NGSI-LD Null and JSON null are BadRequestData (5.8.1.4, 5.5.4, 4.5.0)."""
    answer = await post(running, payload(**members))

    assert (answer.status_code, answer.json()["type"]) == (400, ERRORS + "BadRequestData")
    assert (await running.client.get(f"{API}/subscriptions")).json() == []


async def test_broken_json_is_an_invalid_request(running: Any) -> None:
    """Not valid JSON is InvalidRequest, valid JSON of the wrong shape BadRequestData (5.5.4)."""
    headers = {"Content-Type": "application/json"}

    broken = await running.client.post(f"{API}/subscriptions", content=b"{", headers=headers)
    wrong = await running.client.post(f"{API}/subscriptions", content=b"{}", headers=headers)

    assert (broken.status_code, broken.json()["type"]) == (400, ERRORS + "InvalidRequest")
    assert (wrong.status_code, wrong.json()["type"]) == (400, ERRORS + "BadRequestData")


async def test_an_unavailable_json_ld_context_is_504(running: Any) -> None:
    """ "When the remote JSON-LD @context referenced by the jsonldContext field is not available" (5.8.1.4)."""
    answer = await post(running, payload(jsonldContext="http://127.0.0.1:9/context.jsonld"))

    assert (answer.status_code, answer.json()["type"]) == (504, ERRORS + "LdContextNotAvailable")


async def test_names_are_shown_in_the_context_of_whoever_asks(running: Any) -> None:
    """Names are stored as IRIs; a reader with another @context sees what that one has for them (5.5.7)."""
    body = payload(watchedAttributes=["speed"], **{"@context": INLINE})
    created = await post(running, body, **{"Content-Type": "application/ld+json"})
    assert created.status_code == 201, created.text

    found = (await running.client.get(created.headers["location"])).json()

    assert found["entities"] == [{"type": "https://example.org/Car"}]
    assert found["watchedAttributes"] == ["https://example.org/speed"]


async def test_json_ld_answers_carry_the_context_and_system_times_are_asked_for(running: Any) -> None:
    """Accept application/ld+json puts @context into the body; options=sysAttrs shows createdAt (6.3.6, 6.3.11)."""
    location = (await post(running, payload())).headers["location"]

    plain = (await running.client.get(location)).json()
    full = await running.client.get(location, params={"options": "sysAttrs"}, headers={"Accept": "application/ld+json"})

    assert not {"createdAt", "modifiedAt", "@context"} & plain.keys()
    assert full.headers["content-type"] == "application/ld+json"
    assert {"createdAt", "modifiedAt", "@context"} <= full.json().keys()


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("identifier", "status", "error"),
    [("urn:ngsi-ld:Subscription:none", 404, "ResourceNotFound"), ("invalid", 400, "BadRequestData")],
)
async def test_unknown_and_invalid_ids(running: Any, method: str, identifier: str, status: int, error: str) -> None:
    """An unknown id is ResourceNotFound, one that is no URI BadRequestData (5.8.2.4, 5.8.3.4, 5.8.5.4)."""
    body = {"json": {"description": "x"}} if method == "PATCH" else {}

    answer = await running.client.request(method, f"{API}/subscriptions/{identifier}", **body)

    assert (answer.status_code, answer.json()["type"]) == (status, ERRORS + error)


async def test_an_update_replaces_adds_and_removes_members(running: Any) -> None:
    """A Fragment replaces and adds members; the NGSI-LD Null removes one (5.5.8, 5.4)."""
    location = (await post(running, payload(description="old", throttling=5, q="speed>5"))).headers["location"]

    answer = await running.client.patch(
        location,
        json={
            "type": "Subscription",
            "description": "new",
            "throttling": "urn:ngsi-ld:null",
            "watchedAttributes": ["speed"],
            "notification": {"attributes": ["speed"]},
        },
    )
    found = (await running.client.get(location)).json()

    assert answer.status_code == 204
    assert (found["description"], found["watchedAttributes"], found["q"]) == ("new", ["speed"], "speed>5")
    assert "throttling" not in found
    assert found["notification"]["attributes"] == ["speed"]
    assert found["notification"]["endpoint"] == {"uri": ENDPOINT}


@pytest.mark.parametrize(
    "fragment",
    [
        {"notification": "urn:ngsi-ld:null"},
        {"type": "urn:ngsi-ld:null"},
        {"entities": "urn:ngsi-ld:null"},
        {"type": None},
        {"type": "Entity"},
        {"id": "urn:ngsi-ld:Subscription:other"},
        {"watchedAttributes": []},
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"expiresAt": "2020-01-01T00:00:00Z", "isActive": True},
        {"timeInterval": 5, "throttling": 5},
        {"q": "((("},
        {"notification": {"endpoint": {"uri": "nowhere"}}},
    ],
)
async def test_bad_fragments_are_400_and_change_nothing(running: Any, fragment: dict[str, Any]) -> None:
    """What would make the Subscription break its data type is BadRequestData (5.8.2.4)."""
    location = (await post(running, payload(description="old"))).headers["location"]
    before = (await running.client.get(location)).json()

    answer = await running.client.patch(location, json=fragment)

    assert (answer.status_code, answer.json()["type"]) == (400, ERRORS + "BadRequestData")
    assert (await running.client.get(location)).json() == before


async def test_the_status_follows_is_active(running: Any) -> None:
    """isActive true is "active", false is "paused" (5.8.2.4)."""
    location = (await post(running, payload())).headers["location"]

    seen = [(await running.client.get(location)).json()["status"]]
    for active in (False, True):
        await running.client.patch(location, json={"isActive": active})
        seen.append((await running.client.get(location)).json()["status"])

    assert seen == ["active", "paused", "active"]


async def test_the_status_follows_expires_at(running: Any) -> None:
    """An expired Subscription stays so until expiresAt is in the future again; then it is active (5.8.2.4)."""
    expires_at = format_instant(running.clock() + timedelta(minutes=1))
    running.clock.advance(-120)
    location = (await post(running, payload(expiresAt=expires_at, isActive=False))).headers["location"]
    running.clock.advance(300)

    async def status() -> str:
        return str((await running.client.get(location)).json()["status"])

    seen = [await status()]
    await running.client.patch(location, json={"isActive": True})
    seen.append(await status())
    await running.client.patch(location, json={"isActive": False})
    seen.append(await status())
    await running.client.patch(location, json={"expiresAt": "2099-01-01T00:00:00Z"})
    seen.append(await status())

    assert seen == ["expired", "expired", "expired", "active"]


async def test_a_paused_subscription_that_never_expires_any_more_is_paused(running: Any) -> None:
    """Without its expiresAt it is what isActive says: only a DateTime in the future makes it active (5.8.2.4)."""
    running.clock.advance(-7200)
    expires_at = format_instant(running.clock() + timedelta(minutes=1))
    location = (await post(running, payload(expiresAt=expires_at, isActive=False))).headers["location"]
    running.clock.advance(7200)
    assert (await running.client.get(location)).json()["status"] == "expired"

    answer = await running.client.patch(location, json={"expiresAt": "urn:ngsi-ld:null"})

    assert answer.status_code == 204
    assert (await running.client.get(location)).json()["status"] == "paused"


async def test_q_keeps_the_meaning_of_the_context_it_was_written_with(running: Any, receiver: Any) -> None:
    """A later update with another @context does not change what the names in q stand for (5.5.7)."""
    body = payload(
        entities=[{"type": "https://uri.etsi.org/ngsi-ld/default-context/Car"}],
        q="tempo>5",
        notification={"endpoint": {"uri": receiver.url()}},
        **{"@context": {"tempo": "https://uri.etsi.org/ngsi-ld/default-context/speed"}},
    )
    location = (await post(running, body, **{"Content-Type": "application/ld+json"})).headers["location"]
    await running.client.patch(location, json={"description": "other context"})

    await running.change("urn:ngsi-ld:Car:1", speed=3)
    await running.change("urn:ngsi-ld:Car:2", speed=7)

    assert [one.body["data"][0]["id"] for one in await receiver.wait()] == ["urn:ngsi-ld:Car:2"]


async def test_paging_leads_through_all_subscriptions(running: Any) -> None:
    """limit, offset and count; next and prev lead forwards and backwards (5.5.9, 6.3.10, 6.3.13)."""
    names = [f"urn:ngsi-ld:Subscription:{number}" for number in range(5)]
    for name in names:
        await post(running, payload(id=name))

    url: str | None = f"{API}/subscriptions?limit=2&count=true"
    pages: list[list[str]] = []
    links: list[dict[str, str]] = []
    while url:
        answer = await running.client.get(url)
        assert answer.headers["ngsild-results-count"] == "5"
        pages.append([one["id"] for one in answer.json()])
        links.append({rel: link["url"] for rel, link in answer.links.items() if rel in ("next", "prev")})
        assert all(link.get("type") == "application/json" for rel, link in answer.links.items() if rel == "next")
        url = links[-1].get("next")
    back = await running.client.get(links[-1]["prev"])

    assert pages == [names[:2], names[2:4], names[4:]]
    assert [sorted(found) for found in links] == [["next"], ["next", "prev"], ["prev"]]
    assert [one["id"] for one in back.json()] == names[2:4]


@pytest.mark.parametrize("resource", ["subscriptions", "csourceSubscriptions"])
async def test_an_offset_past_the_end_gives_the_last_one(running: Any, resource: str) -> None:
    """Table 6.3.10-2; where there is none, the page is the first one, which no other is before."""
    url = f"{API}/{resource}?limit=1&offset="
    empty = await running.client.get(url + "9")
    assert (empty.json(), "prev" in empty.links) == ([], False)
    for number in range(3):
        answer = await running.client.post(f"{API}/{resource}", json=payload(id=f"urn:s:{number}"))
        assert answer.status_code == 201
    last = await running.client.get(url + "9")
    before = await running.client.get(last.links["prev"]["url"])
    end = await running.client.get(url + "3")
    assert [[one["id"] for one in page.json()] for page in (last, before, end)] == [["urn:s:2"], ["urn:s:1"], []]


async def test_the_count_alone(running: Any) -> None:
    """limit=0 with count is the number alone; without count it is refused (6.3.13)."""
    await post(running, payload())

    counted = await running.client.get(f"{API}/subscriptions?limit=0&count=true")
    refused = await running.client.get(f"{API}/subscriptions?limit=0")

    assert (counted.json(), counted.headers["ngsild-results-count"]) == ([], "1")
    assert (refused.status_code, refused.json()["type"]) == (400, ERRORS + "BadRequestData")


async def test_a_deleted_subscription_is_gone(running: Any, receiver: Any) -> None:
    """204, then 404; and "no longer perform notifications concerning such Subscription" (5.8.5.4)."""
    gone = await running.subscribe(receiver.url("/gone"))
    await running.subscribe(receiver.url("/stays"))

    answer = await running.client.delete(gone)
    await running.change("urn:ngsi-ld:Car:1", speed=3)

    assert answer.status_code == 204
    assert (await running.client.get(gone)).status_code == 404
    await receiver.wait(path="/stays")
    assert receiver.at("/gone") == []


async def test_tenants_do_not_see_each_other(running: Any, receiver: Any) -> None:
    """A Subscription of one tenant is neither listed for nor triggered by another (4.14, 5.5.10)."""
    await running.subscribe(receiver.url("/one"), headers={"NGSILD-Tenant": "one"})
    await running.subscribe(receiver.url("/default"))

    await running.change("urn:ngsi-ld:Car:1", tenant="one", speed=3)
    await running.change("urn:ngsi-ld:Car:2", speed=3)
    listed = await running.client.get(f"{API}/subscriptions", headers={"NGSILD-Tenant": "one"})

    of_tenant, of_default = await receiver.wait(path="/one"), await receiver.wait(path="/default")
    assert [one.body["data"][0]["id"] for one in of_tenant] == ["urn:ngsi-ld:Car:1"]
    assert [one.body["data"][0]["id"] for one in of_default] == ["urn:ngsi-ld:Car:2"]
    assert of_tenant[0].headers["ngsild-tenant"] == "one"
    assert "ngsild-tenant" not in of_default[0].headers
    assert len(listed.json()) == 1


async def test_an_unknown_parameter_is_refused(running: Any) -> None:
    """6.3.20."""
    answer = await running.client.get(f"{API}/subscriptions?nonsense=1")

    assert (answer.status_code, answer.json()["type"]) == (400, ERRORS + "InvalidRequest")


async def test_a_removed_json_ld_context_falls_back_to_the_request_s(running: Any) -> None:
    """Without jsonldContext it is "initialized with the @context applicable for the Subscription" (5.8.1.4)."""
    own = (await post(running, payload())).headers["location"]
    default = (await running.client.get(own)).json()["jsonldContext"]
    await running.client.patch(own, json={"jsonldContext": default.replace("v1.9", "v1.8")})
    assert (await running.client.get(own)).json()["jsonldContext"] != default

    assert (await running.client.patch(own, json={"jsonldContext": NULL})).status_code == 204

    assert (await running.client.get(own)).json()["jsonldContext"] == default
