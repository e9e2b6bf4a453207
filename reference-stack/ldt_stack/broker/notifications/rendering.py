"""From what the outbox keeps of a notification to the body and headers that are sent.

ETSI GS CIM 009 V1.9.1, clauses 5.3.1 (structure), 5.8.6 (content), 6.3.8 (HTTP) and 7.2 (MQTT). Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import filterfalse
from typing import Final

from ldt_stack.broker.ld_context import CORE_CONTEXT_URL
from ldt_stack.broker.model.names import NULL, JsonObject, is_attribute_key
from ldt_stack.broker.notifications.subscription import GEO_JSON, JSON, JSON_LD, Subscription
from ldt_stack.broker.operations.consumption.linked import Shown, join_entities
from ldt_stack.broker.operations.consumption.query_input import View
from ldt_stack.broker.query.links import Elsewhere
from ldt_stack.broker.representation import RenderOptions, render_entity, render_feature
from ldt_stack.broker.representation.conformance import amend_entity
from ldt_stack.broker.representation.registrations import render_registration
from ldt_stack.broker.spaces import split_space
from ldt_stack.broker.store.interface import Snapshot

CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"


def shown_as(subscription: Subscription, entities: Sequence[JsonObject]) -> list[Shown]:
    """The Entities of a notification without any that are linked."""
    options = RenderOptions(format=subscription.format, sys_attrs=subscription.sys_attrs, language=subscription.lang)
    return [Shown(entity, options) for entity in entities]


def joined_with(
    snapshot: Snapshot,
    subscription: Subscription,
    entities: Sequence[JsonObject],
    max_linked: int,
    elsewhere: Elsewhere | None = None,
) -> list[Shown]:
    """The Entities of a notification with those that they link to, as its "join" asks for (4.5.23, 5.8.6).

    What is not held here is in `elsewhere`.

    Raises:
        TooManyResults: There are more linked Entities than one answer may hold.
    """
    shown = subscription.projection
    options = RenderOptions(
        format=subscription.format,
        sys_attrs=subscription.sys_attrs,
        pick=shown.pick,
        omit=shown.omit,
        language=subscription.lang,
    )
    view = View(options, subscription.join, subscription.join_level, max_linked=max_linked)
    return join_entities(snapshot, entities, view, elsewhere)


def render_notification(
    subscription: Subscription, body: JsonObject, shown: Sequence[Shown], tenant: str | None
) -> tuple[JsonObject, dict[str, str]]:
    """A notification (5.3.1) and its headers, which over MQTT are the metadata (7.2).

    Args:
        subscription: For which it is.
        body: What the outbox keeps: `id`, `notifiedAt`, `data` (Entities in expanded form, see `content`).
        shown: The Entities of `data` and how they are rendered; linked ones after them (`shown_as`, `joined_with`).
        tenant: Whose it is, or the space of a Snapshot; named in headers (6.3.14, 6.3.22).
    """
    media_type = subscription.endpoint.accept
    own = len(body["data"])
    rendered = [_render(subscription, one, is_own=number < own) for number, one in enumerate(shown)]
    notification: JsonObject = {
        "id": body["id"],
        "type": "Notification",
        "subscriptionId": subscription.id,
        "notifiedAt": body["notifiedAt"],
        "data": {"type": "FeatureCollection", "features": rendered} if media_type == GEO_JSON else rendered,
    }
    headers = {"Content-Type": media_type}
    if media_type == JSON or (media_type == GEO_JSON and _prefers_plain_json(subscription)):
        url = subscription.context_url or CORE_CONTEXT_URL
        headers["Link"] = f'<{url}>; rel="{CONTEXT_RELATION}"; type="{JSON_LD}"'
    elif media_type == GEO_JSON:
        notification["data"]["@context"] = subscription.ld_context.rendered
    else:
        notification["@context"] = subscription.ld_context.rendered
    owner, snapshot_id = split_space(tenant)
    if owner is not None:
        headers["NGSILD-Tenant"] = owner
    if snapshot_id is not None:
        headers["NGSILD-Snapshot"] = snapshot_id
    return notification, with_receiver_info(headers, subscription.endpoint.receiver_info)


def render_registration_notification(
    subscription: Subscription, body: JsonObject, tenant: str | None
) -> tuple[JsonObject, dict[str, str]]:
    """A CSourceNotification (5.3.2) and its headers (6.3.9); arguments as `render_notification`."""
    media_type = JSON_LD if subscription.endpoint.accept == JSON_LD else JSON
    ld_context = subscription.ld_context
    notification: JsonObject = {
        "id": body["id"],
        "type": "ContextSourceNotification",
        "subscriptionId": subscription.id,
        "notifiedAt": body["notifiedAt"],
        "triggerReason": body["triggerReason"],
        "data": [render_registration(members, ld_context) for members in body["data"]],
    }
    headers = {"Content-Type": media_type}
    if media_type == JSON:
        url = subscription.context_url or CORE_CONTEXT_URL
        headers["Link"] = f'<{url}>; rel="{CONTEXT_RELATION}"; type="{JSON_LD}"'
    else:
        notification["@context"] = ld_context.rendered
    if tenant is not None:
        headers["NGSILD-Tenant"] = tenant
    return notification, with_receiver_info(headers, subscription.endpoint.receiver_info)


def with_receiver_info(headers: dict[str, str], info: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Add "a new custom HTTP header for each member named "key"" (6.3.8), in place of ours of the same name.

    Values of the same key are joined by commas: a recipient takes that for one header each (RFC 9110, section 5.3), and
    the metadata over MQTT (7.2) cannot have a name twice.
    """
    theirs: dict[str, str] = {}
    for key, value in info:
        theirs[key] = f"{theirs[key]}, {value}" if key in theirs else value
    replaced = {key.lower() for key in theirs}
    return {name: value for name, value in headers.items() if name.lower() not in replaced} | theirs


def _render(subscription: Subscription, shown: Shown, *, is_own: bool) -> JsonObject:
    """An Entity, or a Feature. Those that the notification is about are projected before (`content.project`)."""
    entity, context = shown.entity, subscription.ld_context
    if subscription.conformance is not None:
        entity = amend_entity(entity, subscription.conformance, context)
    if not is_own:
        render = render_feature if subscription.endpoint.accept == GEO_JSON else render_entity
        return render(entity, context, shown.options)
    whole, bare = _split(subscription, entity)
    # System members are shown whatever a projection picks: it knows nothing of deletions (5.8.6).
    options = shown.options
    if options.pick is not None:
        options = replace(options, pick=replace(options.pick, members=options.pick.members | whole.keys()))
    nulls: JsonObject = {context.compact_iri(name): NULL for name in bare}
    if subscription.endpoint.accept == GEO_JSON:
        # id, type and geometry of a Feature stay whatever the projection says (4.5.16)
        feature = render_feature(whole, context, options)
        feature["properties"] |= nulls
        for name in filterfalse(subscription.projection.shows, filter(is_attribute_key, whole)):
            feature["properties"].pop(context.compact_iri(name), None)
        return feature
    shows = subscription.projection.shows
    rendered = render_entity(whole, context, options) | nulls
    return {name: value for name, value in rendered.items() if name not in ("id", "type", "scope") or shows(name)}


def _prefers_plain_json(subscription: Subscription) -> bool:
    """Whether receiverInfo has Prefer: body=json (5.3.1, 6.3.8)."""
    return any(
        key.lower() == "prefer" and value.strip() == "body=json" for key, value in subscription.endpoint.receiver_info
    )


def _split(subscription: Subscription, entity: JsonObject) -> tuple[JsonObject, list[str]]:
    """Take deleted Attributes apart of which only the name and the NGSI-LD Null are shown."""
    whole: JsonObject = {}
    bare: list[str] = []
    for name, value in entity.items():
        if not is_attribute_key(name):
            whole[name] = value
        elif len(value) == 1 and _is_bare(subscription, value[0]):
            bare.append(name)
        else:
            whole[name] = value if subscription.sys_attrs else [_without_deletion_time(item) for item in value]
    return whole, bare


def _is_bare(subscription: Subscription, instance: JsonObject) -> bool:
    """Whether a deletion is "only the name of the attribute as key and the URI "urn:ngsi-ld:null" as value".

    Clause 5.8.6 says so unless a datasetId, system times or a previous value are to be shown; clause 5.5.4 allows a
    bare Null as the value of a member in the concise representation alone. Both hold if the normalized representation
    always has the object, whose value is the Null.
    """
    if "deletedAt" not in instance or "datasetId" in instance or subscription.format == "normalized":
        return False
    return subscription.format == "simplified" or not (subscription.sys_attrs or subscription.show_changes)


def _without_deletion_time(instance: JsonObject) -> JsonObject:
    """`deletedAt` of an Attribute is a system time: shown with sysAttrs alone (5.8.6)."""
    return {name: value for name, value in instance.items() if name != "deletedAt"}
