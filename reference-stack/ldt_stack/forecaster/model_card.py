"""What is kept beside the model in object storage: its card for people, its manifest for machines.

The card has the front matter of Hugging Face model cards (YAML), so that the usual tools read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import yaml

from ldt_stack.forecaster.features import FEATURES, HORIZON
from ldt_stack.forecaster.model import MODEL_NAME, PARAMETERS, QUANTILES, Scores
from ldt_stack.forecaster.protocol import model_metadata

CONTACT = "the maintainers of ldt-harness"


@dataclass(frozen=True, slots=True)
class Training:
    """Facts of one training run.

    Attributes:
        trained_at: RFC 3339.
        window: First and last observation used, RFC 3339.
        stations: Entity ids.
        artefact: Digest of the model file, `sha256:…`.
    """

    version: str
    trained_at: str
    window: tuple[str, str]
    stations: Sequence[str]
    rows: int
    artefact: str
    scores: Scores


def manifest(training: Training) -> bytes:
    """Signature, parameters, scores and digest as JSON."""
    facts: dict[str, Any] = {
        **model_metadata([training.version]),
        "features": list(FEATURES),
        "quantiles": list(QUANTILES),
        "horizon_hours": HORIZON,
        "parameters": PARAMETERS,
        "training": asdict(training),
    }
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2)


def card(training: Training) -> bytes:
    """README.md of the model: purpose, data, how well it does, limits, oversight."""
    return f"""---
{yaml.safe_dump(_front_matter(training.scores), sort_keys=False).strip()}
---

# {MODEL_NAME}, version {training.version}

Forecasts the traffic flow (vehicles per hour) of each street section of the reference twin for the next {HORIZON}
hours, as the quantiles {", ".join(map(str, QUANTILES))}.

- **Kind**: gradient-boosted regression trees, one a quantile (scikit-learn HistGradientBoostingRegressor), seed fixed.
- **Trained** {training.trained_at} on {training.rows} rows from {len(training.stations)} stations, observed
  {training.window[0]} to {training.window[1]}, read from the context broker's temporal API.
- **Held-out result** (last week, not seen in training): {training.scores}.
- **Artefact**: `model.joblib`, {training.artefact}. It is a pickle: loading one runs code, so load it only from a store
  whose writers you trust, and compare the digest first.

## Data

The recorded series behind the observations is *Metro Interstate Traffic Volume* (UCI 492, CC BY 4.0), replayed in
another city. It says nothing about the real traffic of that city.

## Limits

It knows weekdays and hours, not public holidays, road works, events or weather. After a gap of more than a day its
quantiles are too narrow. Measured coverage of the 80 % band is the figure above, not a promise.

## Use and oversight

A demonstration of how an AI service fits into a twin. Not for traffic control or any decision about people. No personal
data. In the terms of Regulation (EU) 2024/1689 (AI Act) we see minimal risk in this use; a city that uses it otherwise
must judge anew. A person looks at the held-out figures before a new version is used for anything else than display.

Contact: {CONTACT}
""".encode()


def _front_matter(scores: Scores) -> dict[str, Any]:
    """What tools read of a model card."""
    metrics = {
        "mase_24": scores.mase_24,
        "mase_168": scores.mase_168,
        "error_to_seasonal_naive_24": scores.ratio_24,
        "error_to_seasonal_naive_168": scores.ratio_168,
        "coverage_0.1_0.9": scores.coverage,
        "pinball": scores.pinball,
    }
    return {
        "license": "apache-2.0",
        "library_name": "sklearn",
        "pipeline_tag": "time-series-forecasting",
        "tags": ["traffic", "quantile-regression", "local-digital-twin"],
        "datasets": ["https://doi.org/10.24432/C5X60B"],
        "metrics": list(metrics),
        "model-index": [
            {
                "name": MODEL_NAME,
                "results": [
                    {
                        "task": {"type": "time-series-forecasting", "name": "traffic flow, next 24 hours"},
                        "dataset": {
                            "name": "held-out last week of the twin's own history",
                            "type": "TrafficFlowObserved",
                        },
                        "metrics": [
                            {"type": name, "name": name, "value": round(value, 4)} for name, value in metrics.items()
                        ],
                    }
                ],
            }
        ],
    }
