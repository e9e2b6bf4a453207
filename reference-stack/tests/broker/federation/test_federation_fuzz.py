"""Context Sources that answer almost rightly: ETSI GS CIM 009 V1.9.1, 4.3.6.8 and 6.3.17. None breaks us."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ..api import API, create
from ..junk import mutated
from ..outbound.network import Network, Node, Sent
from .federation import ALL, CAR, OTHER, car, prop

pytestmark = pytest.mark.anyio
ENTITY = car(
    speed=prop(1, observedAt="2020-01-01T00:00:00Z", unitCode="KMH", modifiedAt="2020-01-01T00:00:00Z", inner=prop(2)),
    name={"type": "LanguageProperty", "languageMap": {"en": "x"}},
    owner={"type": "Relationship", "object": OTHER, "objectType": "Car"},
    place=[{"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}}, prop(1, datasetId="urn:d:1")],
    expiresAt="2099-01-01T00:00:00Z",
    scope=["/a"],
)
EVOLUTION = {
    "id": CAR,
    "type": "Car",
    "scope": [prop(["/a"], observedAt="2020-06-01T00:00:00Z")],
    "speed": [prop(n, observedAt=f"2020-06-0{n}T00:00:00Z", instanceId=f"urn:i:{n}") for n in (1, 2)],
    "brand": prop(1, deletedAt="2020-06-01T00:00:00Z"),
}
UPDATED = {"updated": ["speed"], "notUpdated": [{"attributeName": "speed", "reason": "x"}]}
RESULT = {"success": [CAR], "errors": [{"entityId": OTHER, "error": {"type": "x", "title": "y"}}]}
KNOWN = {"typeList": ["Car"], "attributeList": ["a"], "attributeDetails": [{"attributeName": "a"}], "entityCount": 1}
SINCE = "timerel=after&timeAt=2020-01-01T00:00:00Z"
REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", f"entities/{CAR}?options=sysAttrs", None),
    ("GET", "entities?type=Car&splitEntities=true&q=speed>0", None),
    ("GET", "entities?type=Car&join=inline&joinLevel=2&options=keyValues", None),
    ("GET", "entities?type=Car&entityMap=true", None),
    ("GET", f"temporal/entities/{CAR}", None),
    ("GET", f"temporal/entities?type=Car&{SINCE}&lastN=2", None),
    ("GET", f"temporal/entities?type=Car&{SINCE}&splitEntities=true&q=speed>0&scopeQ=/a", None),
    ("PATCH", f"entities/{CAR}/attrs", {"speed": prop(1)}),
    ("PATCH", f"entities/{CAR}", {"speed": prop(1)}),
    ("POST", "entityOperations/upsert?options=update", [car(speed=prop(1))]),
    ("GET", "types", None),
    ("GET", "types/Car", None),
    ("GET", "attributes/speed", None),
]


def almost(chance: random.Random, sent: Sent) -> tuple[int, Any]:
    """An answer to a request, not quite as it should be."""
    if sent.path.startswith("/temporal"):
        right: Any = EVOLUTION
    elif sent.method != "GET":
        right = RESULT if "Operations" in sent.path else UPDATED
    else:
        right = KNOWN if sent.path.startswith(("/types", "/attributes")) else ENTITY
    found = mutated(chance, right)
    status = 200 if sent.method == "GET" else chance.choice([200, 201, 204, 207])
    return status, [found] if sent.path.endswith("/entities") else found


async def test_no_answer_of_a_source_breaks_the_broker(pair: list[Node], network: Network) -> None:
    """Whatever comes is taken, left out, or reported; it is never our own failure."""
    a, _ = pair
    await create(a.client, CAR, speed=prop(1), wheels=prop(4))
    await a.client.post(f"{API}/temporal/entities", json=EVOLUTION)
    await a.register("s", operations=["federationOps", *ALL])
    interval = {"startAt": "2020-01-01T00:00:00Z"}
    history = ["retrieveTemporal", "queryTemporal"]
    await a.register("s", id="urn:x:history", operations=history, observationInterval=interval)
    for seed in range(600):
        chance = random.Random(seed)  # noqa: S311 — nothing secret
        network.hosts["s"] = lambda sent, chance=chance: almost(chance, sent)
        method, path, body = chance.choice(REQUESTS)
        answer = await a.client.request(method, f"{API}/{path}", json=body)
        assert answer.status_code != 500, (seed, method, path, answer.text)
