"""From the kept document of a Subscription to the `Subscription` that changes are matched with: parses its conditions.

What is kept (`stored_document`): the members with names as IRIs, and the two @contexts that they need: the one that `q`
was written with (a name in `q` means what it meant then, 5.5.7) and the one that notifications are written with.
"""

from __future__ import annotations

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context import ContextRegistry, LdContext, core_context
from ldt_stack.broker.model.instants import normalize
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.notifications.mqtt import is_mqtt, mqtt_target
from ldt_stack.broker.notifications.subscription import (
    DEFAULT_TRIGGERS,
    JSON,
    Endpoint,
    Format,
    Join,
    Selector,
    ShownMembers,
    Subscription,
)
from ldt_stack.broker.query import parse_csf
from ldt_stack.broker.query.geo import parse_geo
from ldt_stack.broker.query.language import parse_lang
from ldt_stack.broker.query.patterns import compile_pattern
from ldt_stack.broker.query.projection import parse_projection
from ldt_stack.broker.query.q import is_q, link_depth
from ldt_stack.broker.query.q_parser import parse_q
from ldt_stack.broker.query.scope import parse_scope
from ldt_stack.broker.query.type_selection import parse_types
from ldt_stack.broker.representation.conformance import parse_version
from ldt_stack.broker.store.data import EntitySelector, Predicate


def stored_document(
    members: JsonObject,
    *,
    query_context: JsonValue,
    notification_context: JsonValue,
    origin: JsonObject,
    created_at: str,
    modified_at: str,
) -> JsonObject:
    """What the store keeps of a Subscription.

    Args:
        members: Expanded and checked (`validation`).
        query_context: `LdContext.source` of what `q` was written with.
        notification_context: Likewise, of what notifications are written with: jsonldContext, or its default (5.8.1.4).
        origin: What Context Sources are told (`federation.forwarding.SubscriptionForwarding.origin_of`).
        created_at: Six digits, UTC.
        modified_at: Likewise.
    """
    return {
        "id": members["id"],
        "members": members,
        "queryContext": query_context,
        "notificationContext": notification_context,
        "origin": origin,
        "createdAt": created_at,
        "modifiedAt": modified_at,
    }


async def compile_stored(contexts: ContextRegistry, document: JsonObject) -> Subscription:
    """Compile a kept document.

    Raises:
        LdContextNotAvailable: One of its @contexts cannot be had now.
    """
    query_context = await contexts.resolve(document["queryContext"], kept=True)
    notification_context = await contexts.resolve(document["notificationContext"], kept=True)
    await contexts.keep(query_context, notification_context)
    return compile_subscription(document["members"], query_context, notification_context)


def compile_subscription(
    members: JsonObject, query_context: LdContext, notification_context: LdContext
) -> Subscription:
    """Parse the conditions of expanded and checked members.

    Raises:
        BadRequestData: `q`, `geoQ`, `scopeQ`, `csf`, a type selection, an idPattern, `pick` or `omit` is not in its
            language, or these reach further than joined Entities.
        TooComplexQuery: One of them has too many terms.

    Source: CIM 009 V1.9.1, clauses 5.2.12 to 5.2.15 and 5.8.1.4.
    """
    notification = members["notification"]
    watched = members.get("watchedAttributes")
    dataset_ids = members.get("datasetId")
    conditions = _conditions(members, query_context)
    wanted_format: Format = "normalized"
    if "format" in notification:
        wanted_format = "simplified" if notification["format"] == "keyValues" else notification["format"]
    return Subscription(
        id=members["id"],
        endpoint=_endpoint(notification["endpoint"]),
        ld_context=notification_context,
        context_url=members.get("jsonldContext"),
        selectors=tuple(_selector(item) for item in members.get("entities", ())),
        watched=None if watched is None else frozenset(watched),
        triggers=frozenset(members.get("notificationTrigger", DEFAULT_TRIGGERS)),
        conditions=conditions,
        query_depth=max((link_depth(one) for one in conditions if is_q(one)), default=0),
        dataset_ids=None if dataset_ids is None else frozenset(dataset_ids),
        projection=_projection(notification),
        join=_join(notification),
        join_level=notification.get("joinLevel", 1),
        conformance=parse_version(members["ngsildConformance"]) if "ngsildConformance" in members else None,
        format=wanted_format,
        show_changes=notification.get("showChanges", False),
        sys_attrs=notification.get("sysAttrs", False),
        lang=parse_lang(members["lang"]) if "lang" in members else None,
        expires_at=normalize(members.get("expiresAt")),
        is_active=members.get("isActive", True),
        throttling_seconds=members.get("throttling"),
        time_interval_seconds=members.get("timeInterval"),
        local_only=members.get("localOnly", False),
    )


def _endpoint(endpoint: JsonObject) -> Endpoint:
    timeout, cooldown = endpoint.get("timeout"), endpoint.get("cooldown")
    return Endpoint(
        uri=endpoint["uri"],
        accept=endpoint.get("accept", JSON),
        timeout_seconds=None if timeout is None else timeout / 1000,
        cooldown_seconds=None if cooldown is None else cooldown / 1000,
        receiver_info=tuple((pair["key"], pair["value"]) for pair in endpoint.get("receiverInfo", ())),
        mqtt=mqtt_target(endpoint) if is_mqtt(endpoint["uri"]) else None,
    )


def _selector(item: JsonObject) -> Selector:
    types = parse_types(item["type"], core_context())  # names are IRIs by now: any @context keeps them
    identifiers = item.get("id", [])
    ids = (identifiers,) if isinstance(identifiers, str) else tuple(identifiers)
    # "id takes precedence over idPattern" (5.2.33)
    pattern = item.get("idPattern") if not ids else None
    # Of each alternative, one type is enough to find candidates by.
    names = frozenset(min(alternative) for alternative in types.alternatives)
    compiled = None if pattern is None else compile_pattern(pattern)
    return Selector(types, names, frozenset(ids), compiled, EntitySelector(ids, pattern, types))


def _conditions(members: JsonObject, query_context: LdContext) -> tuple[Predicate, ...]:
    conditions: list[Predicate] = []
    if "q" in members:
        plain = _names(members, "jsonKeys")  # "should not be expanded"
        names = [name for name in _names(members, "expandValues") if name not in plain]
        conditions.append(parse_q(members["q"], query_context, expand_values=names))
    if "geoQ" in members:
        geo = members["geoQ"]
        conditions.append(
            parse_geo(
                geo.get("georel"),
                geo.get("geometry"),
                geo.get("coordinates"),
                geo.get("geoproperty"),
                ld_context=core_context(),
            )
        )
    if "scopeQ" in members:
        conditions.append(parse_scope(members["scopeQ"]))
    if "csf" in members:
        parse_csf(members["csf"], query_context)  # filters Context Sources; what is stored here has none to filter
    return tuple(conditions)


def _names(members: JsonObject, member: str) -> list[str]:
    return [name.strip() for name in members.get(member, "").split(",") if name.strip()]


def _projection(notification: JsonObject) -> ShownMembers:
    attributes = notification.get("attributes")
    pick, omit = (
        parse_projection(notification[name], core_context(), parameter=name) if name in notification else None
        for name in ("pick", "omit")
    )
    depth = max((projection.depth for projection in (pick, omit) if projection is not None), default=0)
    level = notification.get("joinLevel", 1) if _join(notification) else 0
    if depth > level:
        raise BadRequestData(
            f'"pick" or "omit" of the notification goes {depth} links deep; expected "join" to be "flat" or "inline" '
            f'with a "joinLevel" of {depth} or more (4.21)'
        )
    return ShownMembers(None if attributes is None else frozenset(attributes), pick, omit)


def _join(notification: JsonObject) -> Join | None:
    """5.2.14.1: "By default, it will be "@none"."""
    wanted: Join | None = notification["join"] if notification.get("join", "@none") != "@none" else None
    return wanted
