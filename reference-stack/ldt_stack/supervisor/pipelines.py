"""The twin's pipelines as definitions that people and tools can read: one YAML file each, beside the site file.

They are written from the same tables that the replay and the forecaster run by, so they say what really happens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ldt_stack.city.entities import THEMES, columns_of, load_stations
from ldt_stack.forecaster.cycle import HISTORY_WEEKS, MIN_HOURS, RETRAIN_CITY_HOURS
from ldt_stack.forecaster.features import FEATURES, HORIZON
from ldt_stack.forecaster.model import HELD_OUT_HOURS, MODEL_NAME, PARAMETERS, QUANTILES
from ldt_stack.forecaster.publication import FORECAST_TYPE, OBSERVED_ATTRIBUTE, OBSERVED_TYPE
from ldt_stack.supervisor.parts import Plan

DIRECTORY = "pipelines"
Section = dict[str, Any]


def write_pipelines(plan: Plan, run: Path) -> list[Section]:
    """Write the definitions and give the declarations for the site file, which name them.

    Args:
        plan: What runs.
        run: The site file's directory.
    """
    (run / DIRECTORY).mkdir(exist_ok=True)
    declared = []
    if plan.url("city"):
        declared += [_replay(name, run) for name, theme in THEMES.items() if theme.history_weeks]
    if plan.url("forecaster"):
        declared.append(_forecast(plan, run))
    return declared


def _replay(entity_type: str, run: Path) -> Section:
    theme = THEMES[entity_type]
    stations = [station for station in load_stations() if station.type == entity_type]
    definition = {
        "input": {"recorded_series": stations[0].series, "source": theme.source, "licence": theme.licence},
        "steps": [
            {"shift": "whole weeks, so that weekday, hour and season are those of now"},
            {"backfill": {"weeks": theme.history_weeks, "values": "as recorded"}},
            {"interpolate": "linear between recorded values"},
            {"map": {station.id: sorted(columns_of(station)) for station in stations}},
        ],
        "output": {"ngsi_ld_batch_upsert": {"type": entity_type, "every_seconds": theme.interval_seconds}},
    }
    return {
        "name": f"replay of {theme.title.lower()}",
        "source": theme.title,
        "steps": ["shift by whole weeks", "back-fill history", "interpolate", "batch upsert"],
        "target": "broker",
        "schedule": f"every {theme.interval_seconds:g} s",
        "engine": "ldt_stack.city",
        "definition": _write(run, f"replay-{entity_type}", definition),
        "endpoint": "pipelines",
        "description": "Data sources to interoperability layer and history",
    }


def _forecast(plan: Plan, run: Path) -> Section:
    definition = {
        "input": {"ngsi_ld_temporal": {"type": OBSERVED_TYPE, "attribute": OBSERVED_ATTRIBUTE, "weeks": HISTORY_WEEKS}},
        "steps": [
            {"grid": {"step": "PT1H", "least_hours": MIN_HOURS}},
            {"features": list(FEATURES)},
            {"train": {"model": MODEL_NAME, "quantiles": list(QUANTILES), "parameters": PARAMETERS}},
            {"score": {"held_out_hours": HELD_OUT_HOURS, "against": ["seasonal-naive 24 h", "seasonal-naive 168 h"]}},
            {"keep": plan.store.product if plan.store else "nowhere: no object store runs"},
        ],
        "output": {"ngsi_ld_batch_upsert": {"type": FORECAST_TYPE, "horizon_hours": HORIZON}},
        "schedule": {"forecast": "with each hour observed", "train_every_hours": RETRAIN_CITY_HOURS},
    }
    return {
        "name": "forecast cycle",
        "source": "broker",
        "steps": ["read history", "train quantile model", "score on the held-out week", "write forecasts"],
        "target": "Traffic flow forecast" if plan.url("city") else "broker",
        "schedule": "with each hour observed; training once a day",
        "engine": "ldt_stack.forecaster",
        "definition": _write(run, "forecast-cycle", definition),
        "endpoint": "forecaster",
        "description": "History to knowledge layer, and forecasts back to the broker",
    }


def _write(run: Path, name: str, definition: Section) -> str:
    """Write one definition; its path, relative to the site file."""
    path = Path(DIRECTORY) / f"{name}.yaml"
    text = yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=120)
    (run / path).write_text(text, encoding="utf-8")
    return path.as_posix()
