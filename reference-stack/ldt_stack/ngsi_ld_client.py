"""A small NGSI-LD client for the twin's own parts: the city writes with it, the forecaster reads and writes.

It says only what any broker of ETSI GS CIM 009 V1.9.1 understands, so the same parts run against the embedded broker
and against Orion-LD. Clauses 6.4 (entities), 6.14 to 6.16 (batch), 6.18 and 6.19 (temporal evolution), 6.3.10 (paging).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

JsonObject = dict[str, Any]
API_PATH = "/ngsi-ld/v1"
LINK_RELATION = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
MAX_TEMPORAL_PAGES = 1000
BATCH_SIZE = 100


class BrokerError(Exception):
    """The broker refused, or answered something unexpected."""


class BrokerUnavailableError(BrokerError):
    """The broker could not be reached, or did not answer in time."""


class TemporalWritesUnsupportedError(BrokerError):
    """The broker has no way to write history (clause 5.6.11); it only keeps what passes through its current state."""


def description_url(broker: str) -> str:
    """Where a broker's OpenAPI document usually is."""
    return api_root(broker).removesuffix(API_PATH) + "/openapi.json"


def api_root(url: str) -> str:
    """`http://host:9090` and `http://host:9090/ngsi-ld/v1/` both become `http://host:9090/ngsi-ld/v1`."""
    root = url.rstrip("/")
    return root if root.endswith(API_PATH) else root + API_PATH


class NgsiLdClient:
    """One broker, one @context (sent as Link header); to be used as an asynchronous context manager."""

    def __init__(
        self, broker_url: str, context_url: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Accept": "application/json"}
        if context_url:
            headers["Link"] = f"<{context_url}>; {LINK_RELATION}"
        self.root = api_root(broker_url)
        self._http = httpx.AsyncClient(headers=headers, timeout=60.0, transport=transport, trust_env=False)

    async def __aenter__(self) -> Self:
        """Give the client itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close connections."""
        await self._http.aclose()

    async def wait_until_answering(self, seconds: float = 60.0) -> None:
        """Return as soon as the broker answers an NGSI-LD request.

        Raises:
            BrokerUnavailableError: It did not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = await self._http.get(f"{self.root}/types")
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return
                last = f"it answered {answer.status_code}: {answer.text[:200]}"
            except httpx.HTTPError as error:  # not listening yet, perhaps; the deadline decides
                last = repr(error)
            if time.monotonic() > deadline:
                raise BrokerUnavailableError(
                    f"{self.root}/types gave no NGSI-LD answer within {seconds:g} s; the last try: {last}. "
                    "Is the broker up?"
                )
            await asyncio.sleep(0.05)

    async def has_description(self) -> bool:
        """Whether the broker has an OpenAPI document at the usual place."""
        try:
            answer = await self._http.get(description_url(self.root))
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK and '"openapi"' in answer.text

    async def upsert(self, entities: Sequence[JsonObject]) -> None:
        """Batch upsert of current state, attributes not named are left alone (clause 5.6.8, option update).

        Raises:
            BrokerError: At least one entity was refused.
        """
        for start in range(0, len(entities), BATCH_SIZE):
            batch = list(entities[start : start + BATCH_SIZE])
            answer = await self._send(
                "POST", "/entityOperations/upsert", params={"options": "update"}, json=batch, expected=(201, 204)
            )
            answer.raise_for_status()

    async def write_history(self, entity: JsonObject) -> None:
        """Add attribute instances to the temporal evolution of an entity; creates it where there is none (5.6.11).

        Args:
            entity: id, type and for each attribute a list of instances with `observedAt`.

        Raises:
            TemporalWritesUnsupportedError: The broker has no such operation.
        """
        answer = await self._send("POST", "/temporal/entities", json=entity, expected=(201, 204, 404, 405, 501))
        if answer.status_code not in {201, 204}:
            raise TemporalWritesUnsupportedError(f"{self.root}/temporal/entities answered {answer.status_code} to POST")

    async def entities(self, entity_type: str, **params: str) -> list[JsonObject]:
        """All entities of a type, every page followed."""
        found: list[JsonObject] = []
        while True:
            page = (
                await self._send(
                    "GET",
                    "/entities",
                    params={"type": entity_type, "limit": "100", "offset": str(len(found)), **params},
                )
            ).json()
            found.extend(page)
            if len(page) < 100:
                return found

    async def history(self, entity_id: str, attribute: str, start: str, end: str) -> list[tuple[Any, str]]:
        """Values and times of one attribute in [start, end), oldest first; partial answers (206) are followed.

        Raises:
            BrokerError: The broker's partial answers lead nowhere.
        """
        found: dict[str, Any] = {}
        path = f"/temporal/entities/{quote(entity_id, safe='')}"
        since = start
        for _ in range(MAX_TEMPORAL_PAGES):
            params = {"attrs": attribute, "options": "temporalValues", "timerel": "between", "timeAt": since}
            answer = await self._send("GET", path, params={**params, "endTimeAt": end}, expected=(200, 206, 404))
            if answer.status_code == httpx.codes.NOT_FOUND:
                return []
            values = _temporal_values(answer.json().get(attribute))
            found.update({instant: value for value, instant in values})
            if answer.status_code == httpx.codes.OK or not values:
                return [(value, instant) for instant, value in sorted(found.items())]
            newest = max(instant for _, instant in values)
            if newest == since:
                raise BrokerError(f"{path} answers 206 again and again from {since}; expected it to move on")
            since = newest
        raise BrokerError(f"{path} needs more than {MAX_TEMPORAL_PAGES} pages for {attribute}")

    async def newest_observation(self, entity_id: str, attribute: str) -> str | None:
        """`observedAt` of the newest instance in the temporal evolution; None where there is none."""
        path = f"/temporal/entities/{quote(entity_id, safe='')}"
        params = {"attrs": attribute, "options": "temporalValues", "lastN": "1"}
        answer = await self._send("GET", path, params=params, expected=(200, 206, 404))
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        values = _temporal_values(answer.json().get(attribute))
        return max((instant for _, instant in values), default=None)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        expected: tuple[int, ...] = (200,),
    ) -> httpx.Response:
        try:
            answer = await self._http.request(method, self.root + path, params=params, json=json)
        except httpx.HTTPError as error:
            raise BrokerUnavailableError(f"{method} {self.root}{path}: no answer ({error!r})") from error
        if answer.status_code not in expected:
            codes = " or ".join(map(str, expected))
            raise BrokerError(
                f"{self.root}{path} answered {answer.status_code} to {method}; expected {codes}: {answer.text[:500]}"
            )
        return answer


def _temporal_values(attribute: Any) -> list[tuple[Any, str]]:
    """The [value, instant] pairs of clause 4.5.9, whether the attribute came as one object or as a list of them."""
    parts = attribute if isinstance(attribute, list) else [attribute]
    return [(pair[0], pair[1]) for part in parts if isinstance(part, dict) for pair in part.get("values", [])]
