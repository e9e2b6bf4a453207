"""What a caller sees of an Entity: ETSI GS CIM 009 V1.9.1, clauses 4.5, 4.15, 4.16, 4.20, 4.21 and 6.3.15."""

from __future__ import annotations

from collections.abc import Sequence

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.representation.entity import render_attribute, render_entity, render_instance
from ldt_stack.broker.representation.geojson import render_feature, render_feature_collection
from ldt_stack.broker.representation.options import NORMALIZED, Format, Links, RenderOptions

__all__ = [
    "NORMALIZED",
    "Format",
    "Links",
    "RenderOptions",
    "place_context",
    "render_attribute",
    "render_entity",
    "render_feature",
    "render_feature_collection",
    "render_instance",
]


def place_context(body: JsonObject | Sequence[JsonObject], ld_context: LdContext) -> JsonValue:
    """Put "@context" where an application/ld+json (or GeoJSON) body has it: 5.2.3, 6.3.6, 5.2.29 and 5.2.30.

    Args:
        body: A rendered object, or an array of such. Not modified.
        ld_context: The call's own; the user's comes first, the core last.

    Returns:
        The object with "@context"; of an array, each element with it.
    """
    if isinstance(body, dict):
        return {**body, "@context": ld_context.rendered}
    return [{**element, "@context": ld_context.rendered} for element in body]
