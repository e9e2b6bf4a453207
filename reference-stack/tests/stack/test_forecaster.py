"""The forecaster: features without a look into the future, a model that is better than naive, forecasts told apart."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import joblib
import numpy as np
import pytest
import yaml

from ldt_stack.city.clock import SeriesClock, helsinki_time, parse_instant, rfc3339
from ldt_stack.city.entities import columns_of, load_stations, recorded_instances
from ldt_stack.city.replay import Replay
from ldt_stack.forecaster.cycle import Cycle
from ldt_stack.forecaster.features import FEATURES, Grid, feature_rows, hourly_grid, training_set
from ldt_stack.forecaster.model import NotEnoughHistoryError, QuantileModel, digest, train
from ldt_stack.forecaster.model_card import Training, card

WEEKS = 10


def shipped_grids(now: datetime, clock: SeriesClock | None = None) -> list[Grid]:
    """The recorded traffic of the weeks before `now`, as the forecaster would read it."""
    clock = clock or SeriesClock(now)
    grids = []
    for station in [station for station in load_stations() if station.type == "TrafficFlowObserved"]:
        local = helsinki_time(now)
        shifts = {series.name: series.shift_for(local) for series in columns_of(station).values()}
        first = (now - timedelta(weeks=WEEKS)).replace(minute=0)
        moments = [clock.wall_time(first + hour * timedelta(hours=1)) for hour in range(WEEKS * 168 + 1)]
        history = recorded_instances(station, clock, moments, shifts)["intensity"]
        grid = hourly_grid([(instance["value"], instance["observedAt"]) for instance in history], clock)
        assert grid is not None
        grids.append(grid)
    return grids


@pytest.fixture(scope="module")
def grids() -> list[Grid]:
    return shipped_grids(datetime(2026, 11, 23, 9, 5, tzinfo=UTC))


@pytest.fixture(scope="module")
def model(grids: list[Grid]) -> QuantileModel:
    return train(grids)


def test_beats_seasonal_naive(model: QuantileModel) -> None:
    """On the held-out week the model's error is below that of both seasonal-naive forecasts."""
    scores = model.scores
    assert scores is not None
    assert scores.ratio_24 < 1
    assert scores.ratio_168 < 1
    assert scores.rows > 3000


def test_quantiles_do_not_cross(model: QuantileModel, grids: list[Grid]) -> None:
    """Quantiles ascend in every row, also for features far from anything seen."""
    wild = np.random.default_rng(1).normal(0, 10_000, (500, len(FEATURES)))
    for features in (wild, feature_rows(grids[0], grids[0].last_observed)):
        quantiles = model.predict(features)
        assert (np.diff(quantiles, axis=1) >= 0).all()
        assert (quantiles >= 0).all()


def test_band_is_honest(model: QuantileModel) -> None:
    """Between the outer quantiles lie roughly the 80 % of held-out values that should."""
    assert model.scores is not None
    assert 0.65 <= model.scores.coverage <= 0.92


def test_training_is_repeatable(grids: list[Grid]) -> None:
    """The same history gives the same model."""
    rows = feature_rows(grids[0], grids[0].last_observed)
    first, second = (train(grids[:1]).predict(rows) for _ in range(2))
    assert np.array_equal(first, second)


def test_artefact_can_be_loaded(model: QuantileModel, grids: list[Grid]) -> None:
    """What is kept in object storage forecasts the same after it was read back."""
    loaded = joblib.load(io.BytesIO(model.dumps()))
    assert np.array_equal(loaded.forecast(grids[0]), model.forecast(grids[0]))


def test_features_do_not_see_the_future(grids: list[Grid]) -> None:
    """Changing everything after the issue hour changes no feature."""
    grid = grids[0]
    issue = len(grid.values) - 100
    changed = grid.values.copy()
    changed[issue + 1 :] = -1e9
    assert np.array_equal(feature_rows(grid, issue), feature_rows(Grid(grid.first, changed), issue), equal_nan=True)


def test_held_out_week_is_not_trained_on(grids: list[Grid]) -> None:
    """Changing the held-out week changes neither features nor targets of the training set."""
    spoiled = [Grid(grid.first, np.concatenate([grid.values[:-168], np.full(168, -1e9)])) for grid in grids]
    for clean, dirty in zip(
        training_set(grids, stride=5, until_before_end=168),
        training_set(spoiled, stride=5, until_before_end=168),
        strict=True,
    ):
        assert np.array_equal(clean, dirty, equal_nan=True)


def test_too_little_history_is_refused(grids: list[Grid]) -> None:
    """A model is not trained on next to nothing."""
    with pytest.raises(NotEnoughHistoryError, match="training rows"):
        train([Grid(grid.first, grid.values[:300]) for grid in grids])


def test_grid_takes_the_nearest_observation() -> None:
    """Of observations every ten seconds, the one nearest to the full hour counts; those in between do not."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    history = [(float(second), rfc3339(start + timedelta(seconds=second))) for second in range(-20, 7300, 10)]
    grid = hourly_grid(history, SeriesClock(start))
    assert grid is not None
    assert grid.first == start
    assert grid.values.tolist() == [0.0, 3600.0, 7200.0]


def test_card_has_front_matter(model: QuantileModel) -> None:
    """The model card begins with YAML that tools can read, and names licence, data and scores."""
    assert model.scores is not None
    training = Training("1", "2026-11-23T09:05:00Z", ("a", "b"), ["x"], 10, digest(b""), model.scores)
    _, front, text = card(training).decode().split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["license"] == "apache-2.0"
    assert facts["model-index"][0]["results"][0]["metrics"][0]["value"] == round(model.scores.mase_24, 4)
    assert "not for traffic control" in text.casefold()


TRAFFIC = [station for station in load_stations() if station.type == "TrafficFlowObserved"]


def cycle_once(broker: Any, now: datetime, speed: float = 1.0) -> Cycle:
    """Play the city into a broker, then let the forecaster work once."""

    async def work() -> Cycle:
        async with broker.client() as client:
            clock = SeriesClock(now, speed)
            replay = Replay(client, clock, now=lambda: now, stations=TRAFFIC)
            await replay.write_history()
            await replay.publish_due()
            cycle = Cycle(client, clock, None, now=lambda: now)
            assert await cycle.step()
            assert not await cycle.step()
            return cycle

    return asyncio.run(work())


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_forecasts_are_told_apart(make_fake_broker: Any, now: datetime, speed: float) -> None:
    """Forecasts have a type of their own, look ahead of their issue time, and point at model and observed entity."""
    broker = make_fake_broker()
    cycle_once(broker, now, speed)
    forecasts = [entity for entity in broker.entities.values() if entity["type"] == "TrafficFlowForecast"]
    assert len(forecasts) == 3 * 24
    for entity in forecasts:
        times = {n: parse_instant(entity[n]["value"]["@value"]) for n in ("dateIssued", "validFrom", "validTo")}
        assert times["dateIssued"] < times["validTo"]
        assert times["validTo"] - times["validFrom"] == timedelta(hours=1) / speed
        assert entity["intensityLower"]["value"] <= entity["intensity"]["value"] <= entity["intensityUpper"]["value"]
        assert [entity[n]["quantile"]["value"] for n in ("intensityLower", "intensity", "intensityUpper")] == [
            0.1,
            0.5,
            0.9,
        ]
        assert "observedAt" not in entity["intensity"]
        assert entity["wasDerivedFrom"]["object"] in broker.entities
        assert entity["refMLModel"]["object"] in broker.entities
    first = broker.entities["urn:ngsi-ld:TrafficFlowForecast:helsinki:Kaivokatu:h01"]
    assert parse_instant(first["validFrom"]["value"]["@value"]) > now
    observed = [entity for entity in broker.entities.values() if entity["type"] == "TrafficFlowObserved"]
    assert len(observed) == 3


def test_partial_answers_are_followed(make_fake_broker: Any, now: datetime) -> None:
    """History that comes in pages of 206 is read to its end."""

    async def read(page: int) -> list[tuple[float, str]]:
        broker = make_fake_broker(page=page)
        async with broker.client() as client:
            await Replay(client, SeriesClock(now), now=lambda: now, stations=TRAFFIC).write_history()
            entity = "urn:ngsi-ld:TrafficFlowObserved:helsinki:Kaivokatu"
            return await client.history(entity, "intensity", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")

    whole, pages = asyncio.run(read(10_000)), asyncio.run(read(100))
    assert len(whole) > 1000
    assert pages == whole


def test_patience_waits_for_every_station(make_fake_broker: Any, now: datetime) -> None:
    """While the twin starts, a station without history is waited for; later it is left out."""
    broker = make_fake_broker()

    async def work() -> int:
        async with broker.client() as client:
            await Replay(client, SeriesClock(now), now=lambda: now, stations=TRAFFIC).write_history()
            await Replay(client, SeriesClock(now), now=lambda: now, stations=TRAFFIC).publish_due()
            silent = "urn:ngsi-ld:TrafficFlowObserved:helsinki:silent"
            await client.upsert([{"id": silent, "type": "TrafficFlowObserved"}])
            cycle = Cycle(client, SeriesClock(now), None, now=lambda: now)
            with pytest.raises(NotEnoughHistoryError, match="silent"):
                await cycle.observed(patient=True)
            return len(await cycle.observed(patient=False))

    assert asyncio.run(work()) == 3


def test_only_new_history_is_asked_for(make_fake_broker: Any, now: datetime) -> None:
    """After the first time, a cycle asks for the last hours alone, and forecasts as from the whole history."""
    broker = make_fake_broker()
    later = now + timedelta(hours=1)

    async def work() -> tuple[list[float], list[float], list[str]]:
        async with broker.client() as client:
            clock, moment = SeriesClock(now), [now]
            replay = Replay(client, clock, now=lambda: moment[0], stations=TRAFFIC)
            await replay.write_history()
            await replay.publish_due()
            cycle = Cycle(client, clock, None, now=lambda: moment[0])
            await cycle.observed(patient=False)
            moment[0] = later
            await replay.publish_due()
            asked = len(broker.requests)
            remembered = await cycle.observed(patient=False)
            starts = [r.url.params["timeAt"] for r in broker.requests[asked:] if "timeAt" in r.url.params]
            fresh = await Cycle(client, clock, None, now=lambda: moment[0]).observed(patient=False)
            first, second = ([s.grid.values[-100:].tolist() for s in found] for found in (remembered, fresh))
            return first, second, starts

    remembered, fresh, starts = asyncio.run(work())
    assert np.array_equal(remembered, fresh, equal_nan=True)
    assert len(starts) == 3
    assert all(parse_instant(start) > now - timedelta(hours=3) for start in starts)
