"""What of a Subscription a Context Source gets: ETSI GS CIM 009 V1.9.1, clauses 5.8.1.4 and 5.12. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery
from ldt_stack.broker.federation.querying import parts_of
from ldt_stack.broker.federation.reading import offered_attributes, type_selector
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, core_context
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.query import GeoQuery, ScopeQuery

_AS_THEY_ARE: Final = (
    "datasetId",
    "expiresAt",
    "isActive",
    "notificationTrigger",
    "splitEntities",
    "throttling",
    "timeInterval",
)
_FILTERS: Final = ("q", "expandValues", "jsonKeys", "geoQ", "scopeQ")


def matching_infos(
    subscription: Subscription, members: JsonObject, registration: Registration
) -> list[RegistrationInfo]:
    """The RegistrationInfo elements that a Subscription concerns; none if the source is not to be subscribed to."""
    watched, notified = members.get("watchedAttributes"), members["notification"].get("attributes")
    query = RegistrationQuery(
        entities=tuple(
            EntitySpecification(selector.types, tuple(sorted(selector.ids)), selector.id_pattern)
            for selector in subscription.selectors
        ),
        attributes=frozenset([*watched, *notified]) if watched and notified else None,
        geo=next((one for one in subscription.conditions if isinstance(one, GeoQuery)), None),
        scope=next((one for one in subscription.conditions if isinstance(one, ScopeQuery)), None),
        dataset_ids=subscription.dataset_ids,
    )
    if registration.mode == "auxiliary" or "createSubscription" not in registration.operations:
        return []
    return [registration.information[position] for position in query.matching(registration)]


def forwarded_subscription(
    document: JsonObject,
    subscription: Subscription,
    registration: Registration,
    infos: Sequence[RegistrationInfo],
    uri: str,
    *,
    split: bool,
) -> JsonObject:
    """A copy "reduced to what is matched by the registration information" (5.8.1.4), with its own @context.

    Args:
        document: The Subscription as it is kept (`notifications.compiling.stored_document`).
        subscription: The same, compiled.
        registration: Of the source.
        infos: What of it matches.
        uri: Where we receive its notifications.
        split: Whether filters and projection apply only when an Entity was put together.
    """
    members = document["members"]
    source = document["queryContext"]
    body: JsonObject = {
        "type": "Subscription",
        **{name: members[name] for name in _AS_THEY_ARE if name in members},
        "notification": _notification(members["notification"], uri, split=split),
        "@context": CORE_CONTEXT_URL if source is None else source,
    }
    if not split:
        body |= {name: members[name] for name in _FILTERS if name in members}
    if registration.management.local_only:
        body["localOnly"] = True
        body.pop("splitEntities", None)
    entities = _selectors(subscription, infos)
    if entities:
        body["entities"] = entities
    offered, watched = offered_attributes(infos), members.get("watchedAttributes")
    # A periodic Subscription has no watchedAttributes (5.2.12); what comes is narrowed when it comes.
    if offered is not None and "timeInterval" not in members:
        watched = sorted(offered if watched is None else offered & set(watched) or offered)
    if watched:
        body["watchedAttributes"] = watched
    return body


def _notification(members: JsonObject, uri: str, *, split: bool) -> JsonObject:
    """Normalized, to this broker; how the subscriber wants it is done when it is passed on."""
    kept = ("sysAttrs", "showChanges") if split else ("sysAttrs", "showChanges", "attributes")
    return {
        **{name: members[name] for name in kept if name in members},
        "format": "normalized",
        "endpoint": {"uri": uri, "accept": "application/json"},
    }


def _selectors(subscription: Subscription, infos: Sequence[RegistrationInfo]) -> list[JsonObject]:
    stored = [selector.stored for selector in subscription.selectors]
    found: list[JsonObject] = []
    for info in infos:
        for part in parts_of(stored, info):
            if not part.types:
                continue
            selector: JsonObject = {"type": type_selector(set(part.types), core_context())}
            if part.ids:
                selector["id"] = list(part.ids)
            if part.id_pattern is not None:
                selector["idPattern"] = part.id_pattern
            if selector not in found:
                found.append(selector)
    return found
