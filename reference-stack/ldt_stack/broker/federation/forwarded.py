"""What of a Subscription a Context Source gets: ETSI GS CIM 009 V1.9.1, clauses 5.8.1.4 and 5.12. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ldt_stack.broker.federation.filters import Filters, WrittenFilters
from ldt_stack.broker.federation.matching import EntitySpecification, RegistrationQuery, shares_attribute
from ldt_stack.broker.federation.messages import wants_plain_json
from ldt_stack.broker.federation.querying import parts_of
from ldt_stack.broker.federation.reading import offered_attributes, type_selector
from ldt_stack.broker.federation.registration import Registration, RegistrationInfo
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, LdContext, core_context
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.query import GeoQuery, ScopeQuery, link_depth, parse_csf, parse_q

_AS_THEY_ARE: Final = (
    "datasetId",
    "expiresAt",
    "isActive",
    "notificationTrigger",
    "splitEntities",
    "throttling",
    "timeInterval",
)


def matching_infos(
    subscription: Subscription, members: JsonObject, query_context: LdContext, registration: Registration
) -> list[RegistrationInfo]:
    """The RegistrationInfo elements that a Subscription concerns; none if the source is not to be subscribed to.

    An element without any watched Attribute has nothing that would make a notification.
    """
    watched, notified = members.get("watchedAttributes"), members["notification"].get("attributes")
    query = RegistrationQuery(
        entities=tuple(
            EntitySpecification(selector.types, tuple(sorted(selector.ids)), selector.id_pattern)
            for selector in subscription.selectors
        ),
        attributes=frozenset([*watched, *notified]) if watched and notified else None,
        geo=next((one for one in subscription.conditions if isinstance(one, GeoQuery)), None),
        csf=parse_csf(members["csf"], query_context) if "csf" in members else None,
        scope=next((one for one in subscription.conditions if isinstance(one, ScopeQuery)), None),
        dataset_ids=subscription.dataset_ids,
    )
    if registration.mode == "auxiliary" or "createSubscription" not in registration.operations:
        return []
    return [
        info
        for info in query.offered(registration)
        if shares_attribute(info, None if watched is None else frozenset(watched))
    ]


def query_filter(members: JsonObject, query_context: LdContext) -> Filters:
    """The query of a Subscription, as it is forwarded."""
    names = {member: tuple(members[member].split(",")) for member in ("expandValues", "jsonKeys") if member in members}
    expand_values = names.get("expandValues", ())
    linked = "q" in members and link_depth(parse_q(members["q"], query_context, expand_values=expand_values)) > 0
    return Filters(query_context, members.get("q"), expand_values, names.get("jsonKeys", ()), linked=linked)


def forwarded_subscription(
    document: JsonObject,
    subscription: Subscription,
    registration: Registration,
    infos: Sequence[RegistrationInfo],
    uri: str,
    filters: WrittenFilters | None,
) -> JsonObject:
    """A copy "reduced to what is matched by the registration information" (5.8.1.4).

    It has its own @context, unless the source wants another one, or plain JSON (4.3.6.6); other names are IRIs.

    Args:
        document: The Subscription as it is kept (`notifications.compiling.stored_document`).
        subscription: The same, compiled.
        registration: Of the source.
        infos: What of it matches.
        uri: Where we receive its notifications.
        filters: The query in the names of the source; None: filters and projection apply here alone.
    """
    members = document["members"]
    source = document["queryContext"]
    body: JsonObject = {
        "type": "Subscription",
        **{name: members[name] for name in _AS_THEY_ARE if name in members},
        "notification": _notification(members["notification"], uri, whole=filters is None),
    }
    if registration.setting("jsonldContext") is None and not wants_plain_json(registration):
        body["@context"] = CORE_CONTEXT_URL if source is None else source
    if filters is not None:
        body |= {name: members[name] for name in ("geoQ", "scopeQ") if name in members}
        body |= dict(filters.members)
    if registration.management.local_only:
        body["localOnly"] = True
        body.pop("splitEntities", None)
    entities = _selectors(subscription, infos)
    if entities:
        body["entities"] = entities
    offered, watched = offered_attributes(infos), members.get("watchedAttributes")
    # A periodic Subscription has no watchedAttributes (5.2.12); what comes is narrowed when it comes.
    if offered is not None and "timeInterval" not in members:
        watched = sorted(offered if watched is None else offered & set(watched))
    if watched:
        body["watchedAttributes"] = watched
    return body


def _notification(members: JsonObject, uri: str, *, whole: bool) -> JsonObject:
    """Normalized, to this broker; how the subscriber wants it is done when it is passed on."""
    kept = ("sysAttrs", "showChanges") if whole else ("sysAttrs", "showChanges", "attributes")
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
