"""The forecaster's work: read history, learn, keep the model, publish forecasts; again with each hour of the city."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ldt_stack.city.clock import SeriesClock, rfc3339
from ldt_stack.forecaster import model_card
from ldt_stack.forecaster.features import HOUR, WEEK, hourly_grid, nearest_to_hours
from ldt_stack.forecaster.model import HELD_OUT_HOURS, MODEL_NAME, NotEnoughHistoryError, QuantileModel, digest, train
from ldt_stack.forecaster.publication import (
    OBSERVED_ATTRIBUTE,
    OBSERVED_TYPE,
    Observed,
    forecast_entities,
    model_entity,
    window_of,
)
from ldt_stack.ngsi_ld_client import BrokerError, NgsiLdClient
from ldt_stack.objects.s3 import ObjectStoreError, S3Client

HISTORY_WEEKS = 10
MIN_HOURS = 2 * WEEK + HELD_OUT_HOURS
FRESH_HOURS = 3  # a station whose newest hour is older is still being written, or silent
PATIENCE_SECONDS = 60.0  # after which silent stations are left out
RETRAIN_CITY_HOURS = 24
POLL_SECONDS = 0.5

log = logging.getLogger("ldt_stack.forecaster")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Where models are kept."""

    client: S3Client
    url: str
    bucket: str


@dataclass(frozen=True, slots=True)
class Served:
    """The model that answers inference requests."""

    version: str
    model: QuantileModel
    training: model_card.Training
    learned_at: datetime  # city time


class Cycle:
    """Learns and forecasts until cancelled; `served` is None until the first model is there."""

    def __init__(
        self,
        client: NgsiLdClient,
        clock: SeriesClock,
        store: ObjectStore | None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._clock = clock
        self._store = store
        self._now = now
        self._published_hour: datetime | None = None
        self._known: dict[str, list[tuple[float, str]]] = {}
        self.served: Served | None = None
        self.published = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled; what goes wrong is logged and tried again."""
        await self._client.wait_until_answering()
        started = time.monotonic()
        while True:
            try:
                await self.step(patient=time.monotonic() - started < PATIENCE_SECONDS)
            except NotEnoughHistoryError as error:
                log.debug("waiting for history: %s", error)
            except (BrokerError, ObjectStoreError) as error:
                log.warning("no forecast this time: %s", error)
            await asyncio.sleep(POLL_SECONDS if self._published_hour is None else self._pause_seconds())

    async def step(self, *, patient: bool = False) -> bool:
        """Publish forecasts if a new hour has been observed; whether it did.

        Args:
            patient: Wait for stations that have nothing recent, instead of leaving them out.

        Raises:
            NotEnoughHistoryError: There is not enough to learn from yet.
            BrokerError: The broker refused or was away.
        """
        if self._published_hour is not None and self._clock.city_time(self._now()) < self._published_hour + HOUR:
            return False
        observed = await self.observed(patient=patient)
        newest = max(station.grid.instant(station.grid.last_observed) for station in observed)
        if newest == self._published_hour:
            return False
        if self.served is None or newest - self.served.learned_at >= timedelta(hours=RETRAIN_CITY_HOURS):
            await self._learn(observed, newest)
        await self._publish(observed)
        self._published_hour = newest
        self.published.set()
        return True

    async def observed(self, *, patient: bool) -> list[Observed]:
        """Every station that has enough recent history.

        Raises:
            NotEnoughHistoryError: There is none, or `patient` and one is not complete.
        """
        wall = self._now()
        present = self._clock.city_time(wall)
        start = rfc3339(self._clock.wall_time(present - timedelta(weeks=HISTORY_WEEKS)))
        end = rfc3339(wall + timedelta(seconds=1))
        found = []
        for entity in await self._client.entities(OBSERVED_TYPE):
            history = await self._history(entity["id"], start, end)
            grid = hourly_grid(history, self._clock)
            complete = (
                grid is not None
                and len(grid.values) >= MIN_HOURS
                and present - grid.instant(grid.last_observed) < FRESH_HOURS * HOUR
            )
            if grid is not None and complete:
                found.append(Observed(entity, grid))
            elif patient:
                raise NotEnoughHistoryError(
                    f"{entity['id']} has {len(history)} observations of {OBSERVED_ATTRIBUTE} yet"
                )
        if not found:
            raise NotEnoughHistoryError(f"no {OBSERVED_TYPE} has {MIN_HOURS} hours of recent {OBSERVED_ATTRIBUTE}")
        return found

    async def _history(self, entity_id: str, start: str, end: str) -> list[tuple[float, str]]:
        """Observations near the full hours from `start` on. Only what is new is asked for; the rest is remembered."""
        known = [(value, stamp) for value, stamp in self._known.get(entity_id, []) if stamp >= start]
        since = known[-2][1] if len(known) > 1 else start  # the last hour again: a better observation may have come
        new = await self._client.history(entity_id, OBSERVED_ATTRIBUTE, since, end)
        self._known[entity_id] = nearest_to_hours([*known, *new], self._clock)
        return self._known[entity_id]

    async def _learn(self, observed: list[Observed], newest: datetime) -> None:
        model = await asyncio.to_thread(train, [station.grid for station in observed])
        if model.scores is None:
            raise NotEnoughHistoryError("the held-out week could not be scored")
        artefact = model.dumps()
        version = await asyncio.to_thread(self._next_version)
        training = model_card.Training(
            version=version,
            trained_at=rfc3339(self._now()),
            window=window_of(observed, self._clock),
            stations=[station.id for station in observed],
            rows=model.training_rows,
            artefact=digest(artefact),
            scores=model.scores,
        )
        card_url = await asyncio.to_thread(self._keep, training, artefact)
        await self._client.upsert([model_entity(training, card_url)])
        self.served = Served(version, model, training, newest)
        log.info("model %s version %s: %s", MODEL_NAME, version, model.scores)

    async def _publish(self, observed: list[Observed]) -> None:
        if self.served is None:
            return
        issued = self._now()
        entities = []
        for station in observed:
            quantiles = await asyncio.to_thread(self.served.model.forecast, station.grid)
            entities += forecast_entities(station, quantiles, self._clock, issued, self.served.version)
        await self._client.upsert(entities)
        log.info("published %d forecasts for %d stations", len(entities), len(observed))

    def _next_version(self) -> str:
        """One more than the newest kept; without an object store, versions count from 1 with each start."""
        if self._store is None:
            return str(int(self.served.version) + 1 if self.served else 1)
        keys = self._store.client.keys(self._store.bucket, f"{MODEL_NAME}/")
        versions = [int(found[1]) for key in keys if (found := re.match(rf"{MODEL_NAME}/(\d+)/", key))]
        return str(max(versions, default=0) + 1)

    def _keep(self, training: model_card.Training, artefact: bytes) -> str | None:
        """Write model, manifest and card; the card's URL, None without an object store."""
        if self._store is None:
            return None
        folder = f"{MODEL_NAME}/{training.version}"
        put, bucket = self._store.client.put, self._store.bucket
        put(bucket, f"{folder}/model.joblib", artefact, "application/octet-stream")
        put(bucket, f"{folder}/manifest.json", model_card.manifest(training), "application/json")
        put(bucket, f"{folder}/README.md", model_card.card(training), "text/markdown; charset=utf-8")
        return f"{self._store.url}/{bucket}/{folder}/README.md"

    def _pause_seconds(self) -> float:
        """Ask about twenty times in an hour of the city, at most every ten seconds of ours."""
        return min(10.0, max(POLL_SECONDS, self._clock.step_seconds() / 20))
