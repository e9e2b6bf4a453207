"""The quantile model: three gradient-boosted regressors, trained in seconds, deterministic.

scikit-learn's HistGradientBoosting is used because its wheel brings all it needs; LightGBM's wants libgomp1 of the
system, which a bare Debian lacks.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no types; scikit-learn requires it

from ldt_stack.forecaster.features import DAY, HORIZON, WEEK, Floats, Grid, feature_rows, training_set

MODEL_NAME = "traffic-flow"
QUANTILES = (0.1, 0.5, 0.9)
SEED = 7
STRIDE_HOURS = 5  # coprime with 24 and 168, so that every hour of the day and week is an issue hour
HELD_OUT_HOURS = WEEK
MIN_TRAINING_ROWS = 2000
PARAMETERS: dict[str, Any] = {
    "max_iter": 60,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 150,  # fewer makes the outer quantiles too narrow on unseen weeks
    "early_stopping": False,
    "random_state": SEED,
}


class NotEnoughHistoryError(Exception):
    """The history is too short to learn from."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How the model did on the held-out week, beside two naive forecasts.

    Attributes:
        mase_24: Mean absolute error, scaled by that of "as 24 h before" on the training part (Hyndman, Koehler 2006).
        mase_168: The same, scaled by "as a week before".
        ratio_24: Error of the model over that of seasonal-naive (24 h) on the held-out week; below 1 is better.
        ratio_168: The same for a season of a week.
        coverage: Share of held-out values between the outer quantiles; 0.8 is right.
        pinball: Mean quantile loss, in units of the values.
    """

    mae: float
    mase_24: float
    mase_168: float
    ratio_24: float
    ratio_168: float
    coverage: float
    pinball: float
    rows: int

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"MASE {self.mase_24:.2f} (24 h), {self.mase_168:.2f} (168 h); "
            f"error is {self.ratio_24:.2f} of seasonal-naive 24 h and {self.ratio_168:.2f} of seasonal-naive 168 h; "
            f"{self.coverage:.0%} of {self.rows} held-out values lie between the quantiles 0.1 and 0.9"
        )


@dataclass(frozen=True)
class QuantileModel:
    """Regressors, one a quantile, ascending."""

    regressors: tuple[Any, ...]
    training_rows: int
    scores: Scores | None = field(default=None, compare=False)

    def predict(self, features: Floats) -> Floats:
        """Quantiles of each row, shape [rows, 3], never crossing and never negative.

        Crossing is mended by sorting, which never makes the quantile loss worse (Chernozhukov et al. 2010).
        """
        with one_thread():
            columns: list[Floats] = [regressor.predict(features) for regressor in self.regressors]
        quantiles: Floats = np.maximum(np.sort(np.stack(columns, axis=1), axis=1), 0.0)
        return quantiles

    def forecast(self, grid: Grid) -> Floats:
        """Quantiles for the hours after the newest observed one, shape [24, 3]."""
        return self.predict(feature_rows(grid, grid.last_observed))

    def dumps(self) -> bytes:
        """The artefact (joblib, that is pickle): load it only from where you trust the writer."""
        buffer = io.BytesIO()
        joblib.dump(self, buffer, compress=3)
        return buffer.getvalue()


def one_thread() -> AbstractContextManager[object]:
    """Keep OpenMP to one thread: more wait for each other by spinning, which is four times slower on a busy machine."""
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="openmp")
    return limits


def digest(artefact: bytes) -> str:
    """What identifies an artefact."""
    return "sha256:" + hashlib.sha256(artefact).hexdigest()


def train(grids: Sequence[Grid]) -> QuantileModel:
    """Fit on all but the last week of each grid and score on that week.

    Raises:
        NotEnoughHistoryError: Fewer usable rows than a model needs.
    """
    # Imported here: it takes a second, and whoever only wants the protocol's data types does not need it.
    from sklearn.ensemble import HistGradientBoostingRegressor

    features, targets = training_set(grids, stride=STRIDE_HOURS, until_before_end=HELD_OUT_HOURS)
    if len(targets) < MIN_TRAINING_ROWS:
        raise NotEnoughHistoryError(f"{len(targets)} training rows; at least {MIN_TRAINING_ROWS} are needed")
    with one_thread():
        regressors = tuple(
            HistGradientBoostingRegressor(loss="quantile", quantile=quantile, **PARAMETERS).fit(features, targets)
            for quantile in QUANTILES
        )
    model = QuantileModel(regressors, len(targets))
    return QuantileModel(regressors, len(targets), evaluate(model, grids))


def evaluate(model: QuantileModel, grids: Sequence[Grid]) -> Scores:
    """Score a model on the last week of each grid, which it has not seen: 24-hour forecasts from every third hour.

    Raises:
        NotEnoughHistoryError: The held-out week has no value.
    """
    rows, targets, naive_day, naive_week = [], [], [], []
    scale_day, scale_week = [], []
    for grid in grids:
        values, end = grid.values, len(grid.values)
        held_out = end - HELD_OUT_HOURS
        for issue in range(held_out - 1, end - HORIZON, 3):
            rows.append(feature_rows(grid, issue))
            hours = np.arange(issue + 1, issue + 1 + HORIZON)
            targets.append(values[hours])
            naive_day.append(values[hours - DAY])
            naive_week.append(values[hours - WEEK])
        scale_day.append(np.abs(values[DAY:held_out] - values[: held_out - DAY]))
        scale_week.append(np.abs(values[WEEK:held_out] - values[: held_out - WEEK]))
    truth, day, week = np.concatenate(targets), np.concatenate(naive_day), np.concatenate(naive_week)
    known = ~(np.isnan(truth) | np.isnan(day) | np.isnan(week))  # the same hours for all three
    if not known.any():
        raise NotEnoughHistoryError("no hour of the held-out week can be compared")
    predicted = model.predict(np.concatenate(rows)[known])
    truth, day, week = truth[known], day[known], week[known]
    mae = float(np.abs(truth - predicted[:, 1]).mean())
    return Scores(
        mae=mae,
        mase_24=mae / float(np.nanmean(np.concatenate(scale_day))),
        mase_168=mae / float(np.nanmean(np.concatenate(scale_week))),
        ratio_24=mae / float(np.abs(truth - day).mean()),
        ratio_168=mae / float(np.abs(truth - week).mean()),
        coverage=float(((truth >= predicted[:, 0]) & (truth <= predicted[:, 2])).mean()),
        pinball=float(np.mean([_pinball(truth, predicted[:, i], q) for i, q in enumerate(QUANTILES)])),
        rows=len(truth),
    )


def _pinball(truth: Floats, predicted: Floats, quantile: float) -> float:
    error = truth - predicted
    return float(np.maximum(quantile * error, (quantile - 1) * error).mean())
