"""The living city: clock, recorded series, entities, replay."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.city.catalogue import BBOX
from ldt_stack.city.clock import SeriesClock, helsinki_time, parse_instant, rfc3339
from ldt_stack.city.entities import THEMES, Station, columns_of, description_entity, load_stations, observation
from ldt_stack.city.replay import Replay
from ldt_stack.city.series import WEEKS, load_series

NEW_YEAR_2025 = datetime(2025, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=15 * 365)).map(lambda since: NEW_YEAR_2025 + since)


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        ("2026-03-29T00:59:59Z", "2026-03-29T02:59:59"),
        ("2026-03-29T01:00:00Z", "2026-03-29T04:00:00"),
        ("2026-10-25T00:59:59Z", "2026-10-25T03:59:59"),
        ("2026-10-25T01:00:00Z", "2026-10-25T03:00:00"),
    ],
)
def test_summer_time(utc: str, local: str) -> None:
    """Local time changes at 01:00 UTC on the last Sundays of March and October."""
    assert helsinki_time(parse_instant(utc)).isoformat() == local


@given(MOMENTS, st.timedeltas(-timedelta(days=70), timedelta(days=70)), st.sampled_from([0.5, 1.0, 60.0, 3600.0]))
def test_clock_is_invertible(epoch: datetime, since: timedelta, speed: float) -> None:
    """Wall time to city time and back is the same instant, whatever the speed."""
    clock, moment = SeriesClock(epoch, speed), epoch + since
    assert abs(clock.wall_time(clock.city_time(moment)) - moment) < timedelta(milliseconds=1)


@given(MOMENTS, st.sampled_from(sorted(WEEKS)))
def test_weekday_and_hour_are_kept(moment: datetime, name: str) -> None:
    """The replay takes a value that was recorded at the same weekday and hour, near the same day of the year."""
    series = next(iter(load_series(name).values()))
    local = helsinki_time(moment)
    hour = series.position(local, series.shift_for(local))
    recorded = series.start + timedelta(hours=hour)
    assert (recorded.weekday(), recorded.hour) == (local.weekday(), local.hour)
    if series.weeks == 52:
        apart = abs(recorded.timetuple().tm_yday - local.timetuple().tm_yday)
        assert min(apart, 365 - apart) <= 6


@given(MOMENTS)
def test_interpolation_stays_between_neighbours(moment: datetime) -> None:
    """An interpolated value lies within what was recorded, also where a gap or the end of the series is crossed."""
    for series in load_series("parking").values():
        local = helsinki_time(moment)
        value = series.interpolated(series.position(local, series.shift_for(local)))
        assert min(series.values) <= value <= max(series.values)


def test_interpolation_gives_recorded_values_back() -> None:
    """At every recorded hour the replay says exactly what was recorded."""
    for series in load_series("traffic").values():
        assert [series.interpolated(hour) for hour in series.hours] == list(series.values)
        assert [series.recorded(hour) for hour in series.hours] == list(series.values)


def test_gaps_stay_gaps() -> None:
    """An hour without a recorded value has none."""
    series = load_series("traffic")["2012-10-01"]
    missing = next(hour for hour in range(8736) if hour not in series.hours)
    assert series.recorded(float(missing)) is None


def test_stations_stand_in_the_map() -> None:
    """Every station has an id of its own and coordinates lon, lat inside the map extract."""
    stations = load_stations()
    west, south, east, north = BBOX
    assert len({station.id for station in stations}) == len(stations)
    assert all(west <= s.coordinates[0] <= east and south <= s.coordinates[1] <= north for s in stations)
    assert {station.type for station in stations} == set(THEMES)


def test_every_measurement_has_unit_and_time(now: datetime) -> None:
    """Each measured number carries a unit code and the instant at which it holds."""
    local = helsinki_time(now)
    for station in load_stations():
        columns = columns_of(station)
        shifts = {series.name: series.shift_for(local) for series in columns.values()}
        entity = {**description_entity(station), **observation(station, SeriesClock(now), now, shifts)}
        numbers = {
            name: attribute
            for name, attribute in entity.items()
            if isinstance(attribute, dict) and isinstance(attribute.get("value"), int | float)
        }
        assert numbers, station.id
        assert all("unitCode" in attribute for attribute in numbers.values()), station.id
        if columns:
            assert any(attribute.get("observedAt") == rfc3339(now) for attribute in numbers.values())


def test_parking_adds_up(now: datetime) -> None:
    """Free and occupied places make up the total of a car park."""
    local = helsinki_time(now)
    for station in [station for station in load_stations() if station.type == "OffStreetParking"]:
        shifts = {series.name: series.shift_for(local) for series in columns_of(station).values()}
        entity = observation(station, SeriesClock(now), now, shifts)
        assert entity["availableSpotNumber"]["value"] + entity["occupiedSpotNumber"]["value"] == station.capacity


def test_every_term_is_in_the_context(now: datetime) -> None:
    """All names the city uses have an IRI in the @context that comes with it."""
    terms = json.loads(files("ldt_stack.city").joinpath("data", "context.jsonld").read_text(encoding="utf-8"))[
        "@context"
    ]
    core = {"id", "type", "location", "dateObserved"}
    for station in load_stations():
        local = helsinki_time(now)
        shifts = {series.name: series.shift_for(local) for series in columns_of(station).values()}
        entity = {**description_entity(station), **observation(station, SeriesClock(now), now, shifts)}
        assert station.type in terms
        assert set(entity) - core <= set(terms), station.id


def run_replay(
    broker: Any, now: datetime, *, speed: float = 1.0, at: datetime | None = None, stations: list[Station] | None = None
) -> int:
    """Write the history as at a moment; how many instances were written."""

    async def work() -> int:
        async with broker.client() as client:
            replay = Replay(client, SeriesClock(now, speed), now=lambda: at or now, stations=stations)
            return await replay.write_history()

    return asyncio.run(work())


def test_history_ends_at_the_present(fake_broker: Any, now: datetime) -> None:
    """Some weeks of the past are written, none of the future, and the newest hour is there."""
    written = run_replay(fake_broker, now)
    traffic = fake_broker.history["urn:ngsi-ld:TrafficFlowObserved:helsinki:Mannerheimintie"]["intensity"]
    instants = [instance["observedAt"] for instance in traffic]
    assert written > 10_000
    assert instants == sorted(instants)
    assert instants[-1] == "2026-11-23T09:00:00Z"
    assert now - parse_instant(instants[0]) > timedelta(weeks=9)


def test_history_is_not_written_twice(fake_broker: Any, now: datetime) -> None:
    """A restart over kept data writes only what happened in between."""
    run_replay(fake_broker, now)
    again = run_replay(fake_broker, now)
    later = run_replay(fake_broker, now, at=now + timedelta(hours=2))
    assert again == 0
    assert 0 < later < 200


def test_history_without_temporal_writes(make_fake_broker: Any, now: datetime) -> None:
    """A broker that cannot write history gets the same past through its current state, oldest first."""
    whole, updates = make_fake_broker(), make_fake_broker(temporal_writes=False)
    stations = [station for station in load_stations() if station.type == "WeatherObserved"]
    run_replay(whole, now, stations=stations)
    run_replay(updates, now, stations=stations)
    assert whole.history
    assert updates.history == whole.history


def test_speed_compresses_the_past(fake_broker: Any, now: datetime) -> None:
    """At speed 60 an hour of the series is a minute of history."""
    run_replay(fake_broker, now, speed=60.0)
    traffic = fake_broker.history["urn:ngsi-ld:TrafficFlowObserved:helsinki:Kaivokatu"]["intensity"]
    first, second = (parse_instant(instance["observedAt"]) for instance in traffic[:2])
    assert second - first == timedelta(minutes=1)


def test_present_is_published_when_due(fake_broker: Any, now: datetime) -> None:
    """Each theme is published at once and then not before its interval has passed."""

    async def work() -> tuple[int, int]:
        async with fake_broker.client() as client:
            replay = Replay(client, SeriesClock(now), now=lambda: now)
            return await replay.publish_due(), await replay.publish_due()

    first, second = asyncio.run(work())
    assert first == sum(station.series is not None for station in load_stations())
    assert second == 0
    assert all(entity["dateObserved"]["value"]["@value"] == rfc3339(now) for entity in fake_broker.entities.values())


def test_full_hours_are_written_as_recorded(fake_broker: Any, now: datetime) -> None:
    """When an hour of the city has passed, the value recorded for it is in the history, at exactly that instant."""
    station = next(station for station in load_stations() if station.type == "TrafficFlowObserved")
    clock, later = SeriesClock(now, 60.0), now + timedelta(seconds=70)
    moments = iter([now, now])

    async def work() -> None:
        async with fake_broker.client() as client:
            replay = Replay(client, clock, now=lambda: next(moments, later), stations=[station])
            await replay.publish_due()

    asyncio.run(work())
    written = {item["observedAt"]: item["value"] for item in fake_broker.history[station.id]["intensity"]}
    (series,) = columns_of(station).values()
    hour = clock.city_time(later).replace(minute=0, second=0)
    local = helsinki_time(hour)
    expected = series.recorded(series.position(local, series.shift_for(helsinki_time(now))))
    assert expected is not None
    assert written[rfc3339(clock.wall_time(hour))] == expected


def test_context_travels_as_link_header(fake_broker: Any, now: datetime) -> None:
    """Every write names the city's @context in a Link header, as clause 6.3.5 wants it for application/json."""
    run_replay(fake_broker, now)
    writes = [request for request in fake_broker.requests if request.method == "POST"]
    assert writes
    assert all(request.headers["content-type"] == "application/json" for request in writes)
    assert all(request.headers["link"].startswith("<http://city.test/context>; rel=") for request in writes)
