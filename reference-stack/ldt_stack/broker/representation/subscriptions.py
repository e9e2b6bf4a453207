"""A Subscription as its user sees it: names compacted. ETSI GS CIM 009 V1.9.1, clauses 5.2.12, 5.5.7 and 6.3.11."""

from __future__ import annotations

from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.subscription import map_names
from ldt_stack.broker.query.projection import ENTITY_MEMBERS

_ALL_TYPES = frozenset({"*"})


def render_subscription(members: JsonObject, ld_context: LdContext, *, sys_attrs: bool) -> JsonObject:
    """A Subscription with the names of the @context of whoever asks.

    Args:
        members: As `operations.subscribing.retrieve` returns them. Not modified.
        ld_context: The request's own.
        sys_attrs: Whether createdAt and modifiedAt are shown.
    """
    compact = ld_context.compact_iri
    result = {name: value for name, value in members.items() if sys_attrs or name not in ("createdAt", "modifiedAt")}
    if "watchedAttributes" in result:
        result["watchedAttributes"] = [compact(name) for name in result["watchedAttributes"]]
    if "entities" in result:
        selectors = result["entities"]
        result["entities"] = [{**item, "type": map_names(item["type"], compact, _ALL_TYPES)} for item in selectors]
    if "geoproperty" in result.get("geoQ", {}):
        result["geoQ"] = {**result["geoQ"], "geoproperty": compact(result["geoQ"]["geoproperty"])}
    notification = dict(result["notification"])
    if "attributes" in notification:
        notification["attributes"] = [compact(name) for name in notification["attributes"]]
    for member in ("pick", "omit"):
        if member in notification:
            notification[member] = [map_names(text, compact, ENTITY_MEMBERS) for text in notification[member]]
    result["notification"] = notification
    return result
