"""GeoJSON representation of Entities: ETSI GS CIM 009 V1.9.1, clauses 4.5.16, 4.5.17 and 5.2.29 to 5.2.31."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import LOCATION, JsonObject, JsonValue
from ldt_stack.broker.query.geometry import is_geometry
from ldt_stack.broker.representation.entity import render_entity, select_instances
from ldt_stack.broker.representation.options import RenderOptions


def render_feature(
    entity: JsonObject, ld_context: LdContext, options: RenderOptions, geometry_property: str = LOCATION
) -> JsonObject:
    """Render an Entity as a GeoJSON Feature.

    Args:
        entity: Expanded.
        ld_context: The call's own.
        options: What to show in "properties", and how.
        geometry_property: IRI of the GeoProperty that becomes "geometry"; a projection does not take it away.

    Returns:
        A Feature without "@context"; "geometry" is null where the Entity has none such (4.5.16.1).
    """
    properties = render_entity(entity, ld_context, _keeping_type(options))
    properties.pop("id", None)
    return {
        "id": entity["id"],
        "type": "Feature",
        "geometry": select_geometry(entity, options, geometry_property),
        "properties": properties,
    }


def render_feature_collection(
    entities: Iterable[JsonObject], ld_context: LdContext, options: RenderOptions, geometry_property: str = LOCATION
) -> JsonObject:
    """Render Entities as a GeoJSON FeatureCollection, without "@context" (4.5.16.3)."""
    features = [render_feature(entity, ld_context, options, geometry_property) for entity in entities]
    return {"type": "FeatureCollection", "features": features}


def select_geometry(entity: JsonObject, options: RenderOptions, geometry_property: str) -> JsonValue:
    """4.5.16.1: of several instances the one the datasetId parameter names, without it the default instance."""
    instances = select_instances(entity.get(geometry_property, []), options)
    if options.dataset_ids is None and len(instances) > 1:
        instances = [instance for instance in instances if "datasetId" not in instance]
    value = instances[0].get("value") if instances else None
    return value if is_geometry(value) else None


def _keeping_type(options: RenderOptions) -> RenderOptions:
    """4.5.16.2: in "properties", "type" is mandatory, whatever the projection says."""
    pick, omit = options.pick, options.omit
    if pick is not None:
        pick = replace(pick, members=pick.members | {"type"})
    if omit is not None:
        omit = replace(omit, members=omit.members - {"type"})
    return replace(options, pick=pick, omit=omit)
