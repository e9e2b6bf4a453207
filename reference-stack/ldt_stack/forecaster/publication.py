"""Forecasts as NGSI-LD entities, clearly told apart from observations.

A forecast has a type of its own (`TrafficFlowForecast`, with the terms of Smart Data Models' `WeatherForecast` for
issue time and validity), never `observedAt`, says which model and version made it, from what, and how sure it is:

- `dateIssued`, `validFrom`, `validTo`: DateTime; `horizon`: hours ahead, unit HUR
- `intensity`: the median; `intensityLower`, `intensityUpper`: the outer quantiles; each with its `quantile` and unit
- `wasDerivedFrom` (PROV-O): the observed entity; `inputWindowFrom`/`inputWindowTo`: what was read of it
- `refMLModel`: the `MLModel` entity; `modelName`, `modelVersion`: the same as text

There is one entity a station and hour ahead, overwritten with each issue; the temporal API keeps the earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ldt_stack.city.clock import SeriesClock, rfc3339
from ldt_stack.city.entities import PER_HOUR, date_time, quantity, text_property
from ldt_stack.forecaster.features import FEATURES, HORIZON, Floats, Grid
from ldt_stack.forecaster.model import MODEL_NAME, QUANTILES
from ldt_stack.forecaster.model_card import Training

JsonObject = dict[str, Any]
OBSERVED_TYPE, OBSERVED_ATTRIBUTE = "TrafficFlowObserved", "intensity"
FORECAST_TYPE, MODEL_TYPE = "TrafficFlowForecast", "MLModel"
QUANTILE_ATTRIBUTES = ("intensityLower", "intensity", "intensityUpper")


@dataclass(frozen=True, slots=True)
class Observed:
    """A station and what is known of it.

    Attributes:
        entity: As the broker gave it, normalized.
    """

    entity: Mapping[str, Any]
    grid: Grid

    @property
    def id(self) -> str:
        """The observed entity's id."""
        return str(self.entity["id"])


def model_id(version: str) -> str:
    """URN of the MLModel entity of a version."""
    return f"urn:ngsi-ld:{MODEL_TYPE}:{MODEL_NAME}:{version}"


def forecast_entities(
    observed: Observed, quantiles: Floats, clock: SeriesClock, issued: datetime, version: str
) -> list[JsonObject]:
    """One entity an hour ahead.

    Args:
        quantiles: Shape [24, 3], hours after the newest observed one.
        issued: Wall instant.
    """
    grid, last = observed.grid, observed.grid.last_observed
    station = observed.id.removeprefix(f"urn:ngsi-ld:{OBSERVED_TYPE}:")
    common = {
        "type": FORECAST_TYPE,
        **{name: observed.entity[name] for name in ("name", "location") if name in observed.entity},
        "dateIssued": date_time(rfc3339(issued)),
        "inputWindowFrom": date_time(rfc3339(clock.wall_time(grid.instant(0)))),
        "inputWindowTo": date_time(rfc3339(clock.wall_time(grid.instant(last)))),
        "wasDerivedFrom": {"type": "Relationship", "object": observed.id},
        "refMLModel": {"type": "Relationship", "object": model_id(version)},
        "modelName": text_property(MODEL_NAME),
        "modelVersion": text_property(version),
        "dataProvider": text_property("Reference twin: forecaster"),
    }
    entities = []
    for step in range(HORIZON):
        valid_from = clock.wall_time(grid.instant(last + step + 1))
        valid_to = clock.wall_time(grid.instant(last + step + 2))
        entities.append(
            {
                "id": f"urn:ngsi-ld:{FORECAST_TYPE}:{station}:h{step + 1:02}",
                **common,
                "horizon": quantity(step + 1, "HUR"),
                "validFrom": date_time(rfc3339(valid_from)),
                "validTo": date_time(rfc3339(valid_to)),
                **{
                    name: {**quantity(float(value), PER_HOUR), "quantile": text_property(level)}
                    for name, value, level in zip(QUANTILE_ATTRIBUTES, quantiles[step], QUANTILES, strict=True)
                },
            }
        )
    return entities


def model_entity(training: Training, card_url: str | None) -> JsonObject:
    """The model itself as an entity (Smart Data Models `MLModel`), so that forecasts can point at it."""
    entity = {
        "id": model_id(training.version),
        "type": MODEL_TYPE,
        "name": text_property(MODEL_NAME),
        "version": text_property(training.version),
        "description": text_property("Traffic flow of the next 24 hours as quantiles"),
        "typeOfAlgorithm": text_property("regression"),
        "algorithm": text_property("gradient-boosted trees, quantile loss"),
        "mlFramework": text_property("scikit-learn"),
        "inputAttributes": text_property(list(FEATURES)),
        "outputAttributes": text_property(list(QUANTILE_ATTRIBUTES)),
        "dateCreated": date_time(training.trained_at),
        "inputWindowFrom": date_time(training.window[0]),
        "inputWindowTo": date_time(training.window[1]),
        "heldOutScores": text_property({name: round(value, 4) for name, value in asdict(training.scores).items()}),
    }
    if card_url:
        entity["seeAlso"] = text_property(card_url)
    return entity


def window_of(observed: Sequence[Observed], clock: SeriesClock) -> tuple[str, str]:
    """First and last wall instant of what was read."""
    first = min(station.grid.first for station in observed)
    last = max(station.grid.instant(station.grid.last_observed) for station in observed)
    return rfc3339(clock.wall_time(first)), rfc3339(clock.wall_time(last))
