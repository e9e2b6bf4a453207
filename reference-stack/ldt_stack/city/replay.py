"""The replay: writes some weeks of history at the start, then goes on with the present.

On a restart over kept data, history continues where it ended: nothing is written twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from ldt_stack.city.clock import SeriesClock, helsinki_time, parse_instant
from ldt_stack.city.entities import (
    THEMES,
    JsonObject,
    Station,
    columns_of,
    description_entity,
    load_stations,
    observation,
    recorded_instances,
)
from ldt_stack.ngsi_ld_client import BrokerError, NgsiLdClient, TemporalWritesUnsupportedError

HALF_HOUR = timedelta(minutes=30)
INSTANCES_A_REQUEST = 2000
TICK_SECONDS = 0.5
RETRY_SECONDS = 2.0

log = logging.getLogger("ldt_stack.city")


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Replay:
    """Plays the city into one broker.

    Args:
        client: The broker, with the city's @context.
        clock: Which moment of the series is now.
        interval_seconds: Overrides every theme's own interval; None keeps them.
        now: The wall clock; tests have their own.
        stations: What is played; None: the whole city.
    """

    def __init__(
        self,
        client: NgsiLdClient,
        clock: SeriesClock,
        interval_seconds: float | None = None,
        now: Callable[[], datetime] = utc_now,
        stations: Sequence[Station] | None = None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._interval = interval_seconds
        self._now = now
        self._stations = load_stations() if stations is None else tuple(stations)
        self._moving = [station for station in self._stations if station.series is not None]
        present = helsinki_time(clock.city_time(now()))
        self._shifts = {
            series.name: series.shift_for(present)
            for station in self._stations
            for series in columns_of(station).values()
        }
        self._due: dict[str, float] = {}
        self._hour = clock.city_time(now()).replace(minute=0, second=0, microsecond=0)
        self.ready = asyncio.Event()
        self.broker_has_description = False

    async def run(self) -> None:
        """Back-fill, then play until cancelled. A broker that is away for a while is waited for."""
        await self._client.wait_until_answering()
        self.broker_has_description = await self._client.has_description()
        await self._client.upsert([description_entity(station) for station in self._stations])
        await self.write_history()
        await self._client.upsert(self.observations(self._moving))
        self.ready.set()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self.publish_due()
            except BrokerError as error:
                log.warning("observations not written, next try in %g s: %s", RETRY_SECONDS, error)
                await asyncio.sleep(RETRY_SECONDS)

    def observations(self, stations: Iterable[Station], moment: datetime | None = None) -> list[JsonObject]:
        """What the given stations measure at a wall instant; None: now."""
        moment = moment or self._now()
        return [observation(station, self._clock, moment, self._shifts) for station in stations]

    async def publish_due(self) -> int:
        """Write the present of every theme whose interval has passed; the number of stations written.

        At a full hour of the city every station is written with that very hour, so that history has what was recorded.
        """
        present = time.monotonic()
        hour = self._clock.city_time(self._now()).replace(minute=0, second=0, microsecond=0)
        if hour > self._hour:
            await self._client.upsert(self.observations(self._moving, self._clock.wall_time(hour)))
            self._hour = hour
        due = [name for name in THEMES if self._due.get(name, 0.0) <= present]
        stations = [station for station in self._moving if station.type in due]
        if stations:
            await self._client.upsert(self.observations(stations))
        for name in due:
            self._due[name] = present + (self._interval or THEMES[name].interval_seconds)
        return len(stations)

    async def write_history(self) -> int:
        """Write what was recorded before now and is not there yet; the number of attribute instances written."""
        started = time.monotonic()
        written = 0
        refused: list[JsonObject] = []
        # Traffic first: the forecaster learns from it while the rest is written.
        for station in self._moving:
            evolution = await self._missing_history(station)
            written += sum(len(instances) for instances in _instances(evolution).values())
            try:
                for part in _chunks(evolution):
                    await self._client.write_history(part)
            except TemporalWritesUnsupportedError:
                refused.append(evolution)
        if refused:
            log.info("the broker cannot write history: the past goes through its current state, which takes longer")
            await self._write_as_updates(refused)
        log.info("history: %d attribute instances in %.1f s", written, time.monotonic() - started)
        return written

    async def _missing_history(self, station: Station) -> JsonObject:
        theme = THEMES[station.type]
        now = self._now()
        begin = self._clock.city_time(now) - timedelta(weeks=theme.history_weeks)
        first = begin.replace(minute=0, second=0, microsecond=0)
        main = next(iter(theme.measured(station, dict.fromkeys(columns_of(station), 0.0))))
        newest = await self._client.newest_observation(station.id, main)
        known_until = parse_instant(newest) if newest else None
        steps = int((self._clock.city_time(now) - first) / HALF_HOUR)
        moments = [self._clock.wall_time(first + step * HALF_HOUR) for step in range(steps + 1)]
        missing = [moment for moment in moments if known_until is None or moment > known_until]
        return recorded_instances(station, self._clock, missing, self._shifts)

    async def _write_as_updates(self, evolutions: list[JsonObject]) -> None:
        """For brokers that keep history only of what passes through the current state: one batch an instant."""
        moments: dict[str, dict[str, JsonObject]] = {}
        for evolution in evolutions:
            identity = {"id": evolution["id"], "type": evolution["type"]}
            for name, instances in _instances(evolution).items():
                for instance in instances:
                    entities = moments.setdefault(instance["observedAt"], {})
                    entities.setdefault(evolution["id"], {**identity})[name] = instance
        for moment in sorted(moments):
            await self._client.upsert([*moments[moment].values()])


def _instances(evolution: JsonObject) -> dict[str, list[JsonObject]]:
    """The attributes of a temporal evolution, each a list of instances."""
    return {name: value for name, value in evolution.items() if isinstance(value, list)}


def _chunks(evolution: JsonObject) -> Iterable[JsonObject]:
    """Parts of at most so many instances an attribute, oldest first."""
    attributes = _instances(evolution)
    longest = max((len(instances) for instances in attributes.values()), default=0)
    for start in range(0, longest, INSTANCES_A_REQUEST):
        part = {name: instances[start : start + INSTANCES_A_REQUEST] for name, instances in attributes.items()}
        yield {"id": evolution["id"], "type": evolution["type"], **part}
