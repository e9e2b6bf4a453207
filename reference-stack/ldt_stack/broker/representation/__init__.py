"""What a caller sees of an Entity: ETSI GS CIM 009 V1.9.1, clauses 4.5, 4.15, 4.16, 4.20, 4.21 and 6.3.15."""

from __future__ import annotations

from ldt_stack.broker.representation.entity import render_attribute, render_entity, render_instance
from ldt_stack.broker.representation.geojson import render_feature, render_feature_collection
from ldt_stack.broker.representation.options import NORMALIZED, Allowance, Format, Links, RenderOptions
from ldt_stack.broker.representation.text import render_text

__all__ = [
    "NORMALIZED",
    "Allowance",
    "Format",
    "Links",
    "RenderOptions",
    "render_attribute",
    "render_entity",
    "render_feature",
    "render_feature_collection",
    "render_instance",
    "render_text",
]
