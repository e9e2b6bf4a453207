"""From observations to the numbers that the model sees: an hourly grid, lags and calendar.

A row of features belongs to an issue hour `t` (the last hour observed) and a horizon `h`; its target is hour `t + h`.
Nothing in a row is known later than `t`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ldt_stack.city.clock import SeriesClock, helsinki_time, parse_instant

Floats = NDArray[np.float64]

HORIZON = 24  # hours
DAY, WEEK = 24, 168
HOUR = timedelta(hours=1)
GRID_TOLERANCE = 0.05  # share of a step by which an observation may miss its full hour
FEATURES = (
    "horizon_hours",
    "lag_24",
    "lag_168",
    "lag_336",
    "lag_167",
    "lag_169",
    "last",
    "before_last",
    "last_minus_week_ago",
    "day_mean_minus_week_ago",
    "hour_sin",
    "hour_cos",
    "weekday",
    "weekend",
)


@dataclass(frozen=True, slots=True)
class Grid:
    """One station's history on full hours of the city's time.

    Attributes:
        first: City instant of the first hour (UTC).
        values: One a hour, NaN where nothing was observed.
    """

    first: datetime
    values: Floats

    def instant(self, hour: int) -> datetime:
        """City instant of an index; may lie after the last one."""
        return self.first + hour * HOUR

    @property
    def last_observed(self) -> int:
        """Index of the newest hour that has a value.

        Raises:
            ValueError: There is none.
        """
        observed = np.flatnonzero(~np.isnan(self.values))
        if not len(observed):
            raise ValueError("the history has no value on a full hour")
        return int(observed[-1])


def nearest_to_hours(history: Sequence[tuple[float, str]], clock: SeriesClock) -> list[tuple[float, str]]:
    """Of many observations those that stand for a full city hour: for each hour the nearest, in order of time.

    Args:
        history: Values with their RFC 3339 wall instants.
        clock: What hour of the city a wall instant is.
    """
    return [observation for _, observation in sorted(_nearest(history, clock).items())]


def hourly_grid(history: Sequence[tuple[float, str]], clock: SeriesClock) -> Grid | None:
    """Put observations on full city hours; None where none is near one. Arguments as in `nearest_to_hours`."""
    nearest = _nearest(history, clock)
    if not nearest:
        return None
    first, last = min(nearest), max(nearest)
    values = np.full(int((last - first) / HOUR) + 1, np.nan)
    for hour, (value, _) in nearest.items():
        values[int((hour - first) / HOUR)] = value
    return Grid(first, values)


def feature_rows(grid: Grid, issue: int, horizons: Sequence[int] = range(1, HORIZON + 1)) -> Floats:
    """Features of the given horizons from one issue hour; NaN where history has a gap or does not reach."""
    values = grid.values

    def at(index: int) -> float:
        return float(values[index]) if 0 <= index < min(len(values), issue + 1) else np.nan

    today = _mean(values[max(0, issue - DAY + 1) : issue + 1])
    week_ago = _mean(values[max(0, issue - WEEK - DAY + 1) : max(0, issue - WEEK + 1)])
    recent = (at(issue), at(issue - 1), at(issue) - at(issue - WEEK), today - week_ago)
    rows = []
    for horizon in horizons:
        target = issue + horizon
        local = helsinki_time(grid.instant(target))
        angle = 2 * np.pi * (local.hour + local.minute / 60) / DAY
        lags = (
            at(target - DAY),
            at(target - WEEK),
            at(target - 2 * WEEK),
            at(target - WEEK + 1),
            at(target - WEEK - 1),
        )
        calendar = (np.sin(angle), np.cos(angle), float(local.weekday()), float(local.weekday() >= 5))
        rows.append((float(horizon), *lags, *recent, *calendar))
    return np.array(rows, dtype=np.float64)


def training_set(grids: Sequence[Grid], *, stride: int, until_before_end: int = 0) -> tuple[Floats, Floats]:
    """Features and targets of every `stride`-th issue hour whose targets all lie before the held-out end.

    Args:
        grids: One a station.
        stride: Hours between two issue hours.
        until_before_end: Hours at the end of each grid that are held out.
    """
    rows, targets = [], []
    for grid in grids:
        end = len(grid.values) - until_before_end
        for issue in range(WEEK + DAY, end - HORIZON, stride):
            rows.append(feature_rows(grid, issue))
            targets.append(grid.values[issue + 1 : issue + 1 + HORIZON])
    if not rows:
        return np.empty((0, len(FEATURES))), np.empty(0)
    features, wanted = np.concatenate(rows), np.concatenate(targets)
    known = ~np.isnan(wanted)
    return features[known], wanted[known]


def _nearest(history: Sequence[tuple[float, str]], clock: SeriesClock) -> dict[datetime, tuple[float, str]]:
    """City hour -> the observation nearest to it, where one is near enough."""
    # Stamps have whole seconds; at high speed one second is a good part of a city hour.
    tolerance = max(GRID_TOLERANCE, 1.0 / clock.step_seconds())
    found: dict[datetime, tuple[float, tuple[float, str]]] = {}
    for value, stamp in history:
        city = clock.city_time(parse_instant(stamp))
        hour = (city + HOUR / 2).replace(minute=0, second=0, microsecond=0)
        miss = abs((city - hour) / HOUR)
        if miss <= tolerance and (hour not in found or miss < found[hour][0]):
            found[hour] = (miss, (float(value), stamp))
    return {hour: observation for hour, (_, observation) in found.items()}


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
