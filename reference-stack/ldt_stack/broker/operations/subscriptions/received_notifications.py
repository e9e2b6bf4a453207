"""Notifications that come from Context Sources: ETSI GS CIM 009 V1.9.1, clause 5.8.6.

"If a Notification with a subscriptionId is received that has a mapping to a local Subscription identifier, the
Notification shall be copied", its Entities put together and filtered if they may be split, and passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound
from ldt_stack.broker.federation.forwarded import query_filter
from ldt_stack.broker.federation.forwarding import Receipt
from ldt_stack.broker.federation.matching import EntitySpecification
from ldt_stack.broker.federation.merging import merge_entities
from ldt_stack.broker.federation.reading import narrowed, retrieve_versions
from ldt_stack.broker.federation.received import read_received
from ldt_stack.broker.federation.registration import Registration, compile_registration
from ldt_stack.broker.ld_context import LdContext
from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.notifications.compiling import compile_stored
from ldt_stack.broker.notifications.subscription import Subscription
from ldt_stack.broker.operations.distributed.links import read_linked
from ldt_stack.broker.query.links import Elsewhere
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot

_MAX_ENTITIES = 10_000


async def receive_notification(broker: Broker, token: str, payload: JsonObject, ld_context: LdContext) -> None:
    """Pass a notification of a Context Source on.

    Args:
        broker: Where.
        token: Of the Subscription at the source, from the path of the endpoint.
        payload: A Notification (5.3.1), its Entities normalized.
        ld_context: Of the names in it.

    Raises:
        ResourceNotFound: There is no Subscription (any more) that it belongs to.
        BadRequestData: It is no Notification.
    """
    receipt = broker.forwarding.receipt(token)
    if receipt is None:
        raise ResourceNotFound("There is no Subscription that this notification belongs to; it may have been deleted")
    data = payload.get("data")
    if payload.get("type") != "Notification" or not isinstance(data, list) or len(data) > _MAX_ENTITIES:
        raise BadRequestData('The payload is no "Notification" with an array "data" (clause 5.3.1)')

    def read(snapshot: Snapshot) -> tuple[JsonObject | None, JsonObject | None]:
        registration = snapshot.get_document(DocumentKind.REGISTRATION, receipt.registration_id)
        return snapshot.get_document(DocumentKind.SUBSCRIPTION, receipt.subscription_id), registration

    document, registered = await broker.store.read(receipt.tenant, read)
    if document is None or registered is None:
        raise ResourceNotFound("The Subscription or the Registration of this notification has been deleted")
    registration = compile_registration(registered["members"])
    now = broker.now()
    show_changes = document["members"]["notification"].get("showChanges", False)
    entities = []
    for one in data:
        if not isinstance(one, dict):
            raise BadRequestData("The Notification has data that are no Entities (clause 5.3.1)")
        context = await broker.contexts.resolve(one["@context"]) if "@context" in one else ld_context
        entity = read_received(one, context, notified_at=now, show_changes=show_changes)
        kept = narrowed(entity, registration, registration.offers)
        if kept is not None:
            entities.append(kept)
    members = document["members"]
    subscription = await compile_stored(broker.contexts, document)
    if members.get("splitEntities", broker.settings.split_entities):
        entities = await _assembled(broker, receipt, subscription, entities, ld_context)
    elif not await _is_filtered(broker, document, registration):
        entities = await _meeting(broker, receipt, subscription, [(one, one) for one in entities], ld_context)
    await broker.store.write(
        receipt.tenant,
        lambda transaction: broker.notifier.relay(transaction, receipt.tenant, receipt.subscription_id, entities),
    )


async def _is_filtered(broker: Broker, document: JsonObject, registration: Registration) -> bool:
    """Whether a source looks at the filters of a Subscription: whether they can be said in its names."""
    query_context = await broker.contexts.resolve(document["queryContext"], kept=True)
    names = await broker.sources.names_for(registration, query_context)
    return query_filter(document["members"], query_context).written_in(names) is not None


async def _assembled(
    broker: Broker, receipt: Receipt, subscription: Subscription, entities: list[JsonObject], ld_context: LdContext
) -> list[JsonObject]:
    """Entities merged with what is held here and at all other sources, those that meet the conditions."""
    call = Call(receipt.tenant, ld_context)
    assembled = []
    for entity in entities:
        identifier = entity["id"]
        versions = await retrieve_versions(
            broker,
            call,
            identifier,
            EntitySpecification(None, (identifier,)),
            attributes=None,
            dataset_ids=None,
            without=receipt.registration_id,
        )
        own = await broker.store.read(receipt.tenant, partial(_entity, entity_id=identifier))
        equal = [entity, *([own] if own is not None else []), *(versions.equal if versions is not None else [])]
        merged = merge_entities(equal, versions.auxiliary if versions is not None else [], broker.now())
        if merged is not None:
            assembled.append((entity, merged))
    return await _meeting(broker, receipt, subscription, assembled, ld_context)


async def _meeting(
    broker: Broker,
    receipt: Receipt,
    subscription: Subscription,
    entities: Sequence[tuple[JsonObject, JsonObject]],
    ld_context: LdContext,
) -> list[JsonObject]:
    """Entities as they came and assembled: those that meet the conditions, assembled; and those that were deleted."""

    def work(snapshot: Snapshot, elsewhere: Elsewhere) -> list[JsonObject]:
        return [
            came if "deletedAt" in came else whole
            for came, whole in entities
            if "deletedAt" in came or subscription.meets_conditions(whole, snapshot, elsewhere)
        ]

    call = Call(receipt.tenant, ld_context, local=subscription.local_only)
    return await read_linked(broker, call, subscription.query_depth, work)


def _entity(snapshot: Snapshot, entity_id: str) -> JsonObject | None:
    return snapshot.get_entity(entity_id)
