"""A broker in memory, just large enough for the city and the forecaster to be tried against it without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ldt_stack.ngsi_ld_client import NgsiLdClient

JsonObject = dict[str, Any]
NOW = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)


class FakeBroker:
    """Answers the few requests of `NgsiLdClient`; `page` instances in a temporal answer, then 206."""

    def __init__(self, *, page: int = 1000, temporal_writes: bool = True) -> None:
        self.page = page
        self.temporal_writes = temporal_writes
        self.entities: dict[str, JsonObject] = {}
        self.history: dict[str, dict[str, list[JsonObject]]] = {}
        self.requests: list[httpx.Request] = []

    def client(self) -> NgsiLdClient:
        return NgsiLdClient("http://broker.test", "http://city.test/context", httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path.removeprefix("/ngsi-ld/v1")
        if path == "/types":
            return httpx.Response(200, json=[])
        if path == "/entityOperations/upsert":
            for entity in json.loads(request.content):
                self.entities.setdefault(entity["id"], {}).update(entity)
                self._remember(entity)
            return httpx.Response(204)
        if path == "/temporal/entities":
            if not self.temporal_writes:
                return httpx.Response(404, json={"title": "no such resource"})
            self._remember(json.loads(request.content))
            return httpx.Response(201)
        if path == "/entities":
            wanted, offset = request.url.params["type"], int(request.url.params["offset"])
            found = [entity for entity in self.entities.values() if entity["type"] == wanted]
            return httpx.Response(200, json=found[offset : offset + int(request.url.params["limit"])])
        if path.startswith("/temporal/entities/"):
            return self._evolution(path.removeprefix("/temporal/entities/"), request.url.params)
        return httpx.Response(404, json={"title": path})

    def _remember(self, entity: JsonObject) -> None:
        attributes = self.history.setdefault(entity["id"], {})
        for name, value in entity.items():
            instances = value if isinstance(value, list) else [value]
            observed = [item for item in instances if isinstance(item, dict) and "observedAt" in item]
            attributes.setdefault(name, []).extend(observed)

    def _evolution(self, entity_id: str, params: httpx.QueryParams) -> httpx.Response:
        instances = self.history.get(entity_id, {}).get(params["attrs"], [])
        start, end = params.get("timeAt", ""), params.get("endTimeAt", "9")
        pairs = sorted({i["observedAt"]: i["value"] for i in instances if start <= i["observedAt"] < end}.items())
        if not pairs:
            return httpx.Response(404, json={"title": "nothing"})
        if "lastN" in params:
            pairs = pairs[-int(params["lastN"]) :]
        values = [[value, instant] for instant, value in pairs[: self.page]]
        body = {"id": entity_id, params["attrs"]: {"type": "Property", "values": values}}
        return httpx.Response(206 if len(pairs) > self.page else 200, json=body)


@pytest.fixture
def fake_broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def make_fake_broker() -> type[FakeBroker]:
    return FakeBroker


@pytest.fixture
def now() -> datetime:
    return NOW
