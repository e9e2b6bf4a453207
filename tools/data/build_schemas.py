"""Make the JSON Schemas that the city serves for its entity types, from the attribute register of Smart Data Models.

Not run by users; the outputs are committed under `reference-stack/ldt_stack/city/data/schemas/`:

    pip download --no-deps -d /tmp/city/wheels pysmartdatamodels==0.8.2.0
    python tools/data/build_schemas.py /tmp/city/wheels

A schema describes the simplified (key-values) form and names only the attributes that the city uses. The register gives
description and type of each; units are ours, as the entities carry them.
"""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parents[2] / "reference-stack/ldt_stack/city/data/schemas"
REGISTER = "pysmartdatamodels/model-assets/smartdatamodels.json.gz"
COMMON = ("name", "dataProvider", "source", "seeAlso")
TYPES: dict[str, tuple[str, ...]] = {
    "TrafficFlowObserved": ("dateObserved", "intensity"),
    "AirQualityObserved": ("dateObserved", "pm25"),
    "WeatherObserved": ("dateObserved", "temperature", "dewPoint", "atmosphericPressure"),
    "ACMeasurement": ("dateObserved", "phaseType", "totalActivePower"),
    "OffStreetParking": ("totalSpotNumber", "availableSpotNumber", "occupiedSpotNumber", "occupancy", "category"),
    "BikeHireDockingStation": ("totalSlotNumber",),
    "MLModel": ("version", "description", "typeOfAlgorithm", "algorithm", "mlFramework", "inputAttributes",
                "outputAttributes", "dateCreated"),
}  # fmt: skip
UNITS = {
    "intensity": "H10", "intensityLower": "H10", "intensityUpper": "H10", "pm25": "GQ", "temperature": "CEL",
    "dewPoint": "CEL", "atmosphericPressure": "A97", "totalActivePower": "WTT", "totalSpotNumber": "C62",
    "availableSpotNumber": "C62", "occupiedSpotNumber": "C62", "occupancy": "C62", "totalSlotNumber": "C62",
    "horizon": "HUR",
}  # fmt: skip
DATES = ("dateObserved", "dateCreated", "dateIssued", "validFrom", "validTo", "inputWindowFrom", "inputWindowTo")
DATE = {
    "anyOf": [
        {"type": "string", "format": "date-time"},
        {
            "type": "object",
            "required": ["@type", "@value"],
            "properties": {"@type": {"const": "DateTime"}, "@value": {"type": "string", "format": "date-time"}},
        },
    ]
}
POINT = {
    "type": "object",
    "required": ["type", "coordinates"],
    "properties": {
        "type": {"const": "Point"},
        "coordinates": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    },
}
OWN = {
    "license": {"type": "string", "format": "uri", "description": "Terms under which the data may be used"},
    "heldOutScores": {"type": "object", "description": "How the model did on the held-out week"},
    "inputWindowFrom": {**DATE, "description": "First observation read"},
    "inputWindowTo": {**DATE, "description": "Last observation read"},
}
FORECAST: dict[str, Any] = {
    "dateIssued": {**DATE, "description": "When the forecast was made"},
    "validFrom": {**DATE, "description": "Begin of the hour that is forecast"},
    "validTo": {**DATE, "description": "End of the hour that is forecast"},
    "horizon": {"type": "number", "minimum": 1, "maximum": 24, "description": "Hours ahead"},
    "intensity": {"type": "number", "minimum": 0, "description": "Vehicles per hour, median (quantile 0.5)"},
    "intensityLower": {"type": "number", "minimum": 0, "description": "Vehicles per hour, quantile 0.1"},
    "intensityUpper": {"type": "number", "minimum": 0, "description": "Vehicles per hour, quantile 0.9"},
    "wasDerivedFrom": {"type": "string", "format": "uri", "description": "Observed entity that was read (PROV-O)"},
    "refMLModel": {"type": "string", "format": "uri", "description": "The model that made it"},
    "modelName": {"type": "string", "description": "Name of the model"},
    "modelVersion": {"type": "string", "description": "Version of the model"},
    "inputWindowFrom": OWN["inputWindowFrom"],
    "inputWindowTo": OWN["inputWindowTo"],
    "dataProvider": {"type": "string", "description": "Who made the forecast"},
    "name": {"type": "string", "description": "Name of the street section"},
}


def attribute(record: dict[str, Any]) -> dict[str, Any]:
    """The schema of one attribute, from its record in the register."""
    name = record["property"]
    if name in DATES:
        return {**DATE, "description": record["description"]}
    kind = record["type"] if record["type"] in {"string", "number", "integer", "boolean", "array"} else None
    schema: dict[str, Any] = {"description": record["description"], **({"type": kind} if kind else {})}
    if record.get("enum"):
        schema["enum"] = record["enum"]
    return schema


def write(entity_type: str, title: str, properties: dict[str, Any], required: list[str]) -> None:
    """Write one schema; units stand beside the attribute they belong to."""
    for name, unit in UNITS.items():
        if name in properties:
            properties[name] = {**properties[name], "x-unitCode": unit}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": "Simplified form of the entities of this twin; attribute texts from Smart Data Models, CC BY 4.0.",
        "type": "object",
        "required": ["id", "type", *required],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": entity_type},
            **properties,
        },
    }
    (OUT / f"{entity_type}.json").write_text(json.dumps(schema, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Write every schema."""
    OUT.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(next(Path(sys.argv[1]).glob("pysmartdatamodels-*.whl"))) as wheel:
        records = json.loads(gzip.decompress(wheel.read(REGISTER)))
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        found.setdefault((record["dataModel"], record["property"]), record)
    for entity_type, names in TYPES.items():
        wanted = [name for name in (*COMMON, *names) if (entity_type, name) in found]
        properties = {name: attribute(found[entity_type, name]) for name in wanted}
        properties["seeAlso"] = {"type": "string", "format": "uri", "description": "Where more can be read"}
        if entity_type == "MLModel":
            properties |= {name: OWN[name] for name in ("inputWindowFrom", "inputWindowTo", "heldOutScores")}
            required = ["name", "version"]
        else:
            properties |= {"location": POINT, "license": OWN["license"]}
            required = ["location", *(name for name in names if name != "category")]
        write(entity_type, entity_type, properties, required)
    required = [name for name in FORECAST if name not in {"name", "dataProvider"}]
    write("TrafficFlowForecast", "TrafficFlowForecast", {**FORECAST, "location": POINT}, required)


if __name__ == "__main__":
    main()
