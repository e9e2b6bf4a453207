"""What Smart Data Models say of the types of city themes: attribute names, kinds of value, required attributes.

`smart_data_models.json` is an extract, shipped so that a run needs no internet; its first member says of what and under
which licence. Only names, JSON types and required lists are kept: enough to tell a type that follows its model from one
that bears its name alone. Where the model allows several JSON types, or where JSON-LD makes one value of a list of one,
the extract is read generously.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# Kind in the extract -> JSON types that are accepted.
ACCEPTED: dict[str, list[str]] = {
    "string": ["string", "array"],
    "date-time": ["string"],
    "number": ["number"],
    "integer": ["number"],
    "boolean": ["boolean"],
    "object": ["object"],
    "array": ["array", "string", "number", "object"],
}


@dataclass(frozen=True, slots=True)
class Model:
    """One Smart Data Model.

    Attributes:
        schema: Address of the official JSON Schema.
        properties: Attribute name -> `string`, `number`, `date-time`, ….
    """

    type: str
    subject: str
    version: str
    schema: str
    required: tuple[str, ...]
    properties: dict[str, str]

    def json_schema(self) -> dict[str, Any]:
        """A JSON Schema for the key-values form; attributes beyond the model are allowed."""
        shown = {name: {"type": ACCEPTED[kind]} for name, kind in self.properties.items() if kind in ACCEPTED}
        return {"type": "object", "required": list(self.required), "properties": shown}


@cache
def _extract() -> dict[str, Any]:
    text = files("ldt_conformance.models").joinpath("smart_data_models.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def smart_data_model(type_name: str) -> Model | None:
    """The model of a type by its short name; None where the extract does not have it in full."""
    entry = _extract()["models"].get(type_name)
    if entry is None:
        return None
    return Model(
        type_name, entry["subject"], entry["version"], entry["schema"], tuple(entry["required"]), entry["properties"]
    )


def subjects_of(type_name: str) -> tuple[str, ...]:
    """The Smart Data Models subjects that have a model of this name, e.g. `dataModel.Transportation`; () for none."""
    return tuple(_extract()["names"].get(type_name, ()))
