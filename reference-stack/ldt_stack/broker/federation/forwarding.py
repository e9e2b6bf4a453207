"""Subscriptions at Context Sources, and their notifications: ETSI GS CIM 009 V1.9.1, clauses 5.8.1.4 to 5.8.6.

For every Subscription, each source whose Registration matches gets a copy of its part, whose notifications come to this
broker and are passed on. The clause has it driven by notifications of a Registration Subscription; here one worker
compares what sources should have with what they have, whenever a Subscription or a Registration has changed, which
comes to the same and mends itself after failures and restarts. No request waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import orjson

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError, NonexistentTenant
from ldt_stack.broker.federation.client import Reply
from ldt_stack.broker.federation.failures import LoopDetected, SourceFailure, SourceInvalid
from ldt_stack.broker.federation.forwarded import forwarded_subscription, matching_infos, query_filter
from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.registration import Registration, compile_registration
from ldt_stack.broker.federation.surroundings import Surroundings
from ldt_stack.broker.ld_context import core_context
from ldt_stack.broker.model.names import NULL, JsonObject
from ldt_stack.broker.notifications.compiling import compile_stored
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot

_LOG: Final = logging.getLogger("ldt_stack.broker.federation")
_AGAIN_SECONDS: Final = 30.0
PATH: Final = "/federation/notifications"  # not of the standard's API: it is between this broker and its sources

Key = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which Subscription, and which source, notifications that come with a token are about."""

    tenant: str | None
    subscription_id: str
    registration_id: str


class SubscriptionForwarding:
    """Keeps Context Sources subscribed. Used on the event loop alone."""

    def __init__(self, broker: Surroundings) -> None:
        self._broker = broker
        self._receipts: dict[str, Receipt] = {}
        self._due: set[Key] = set()
        self._tenants_due: set[str | None] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, with what an earlier process had forwarded."""
        for tenant in await self._broker.store.tenants():
            kept = await self._broker.store.read(
                tenant, lambda snapshot: snapshot.list_documents(DocumentKind.FORWARDED_SUBSCRIPTION)
            )
            for document in kept:
                self._remember(tenant, document)
        self._broker.registrations.on_change = self.registrations_changed
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what is not forwarded yet is after the next start and change."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def origin_of(self, call: Call) -> JsonObject:
        """What is kept with a Subscription: how sources reach us, as whoever subscribed did, and who has it already."""
        base = self._broker.settings.public_url or f"http://{call.conveyed.get('host', 'localhost')}"
        return {"base": base.rstrip("/"), "via": list(call.via)}

    def subscription_changed(self, tenant: str | None, subscription_id: str) -> None:
        """A Subscription was created, updated or deleted; called after the commit."""
        self._due.add((tenant, subscription_id))
        self._begin()

    def registrations_changed(self, tenant: str | None) -> None:
        """A Registration of a tenant was created, updated or deleted; called after the commit."""
        self._tenants_due.add(tenant)
        self._begin()

    def receipt(self, token: str) -> Receipt | None:
        """What notifications with a token are about; None: nothing (any more)."""
        return self._receipts.get(token)

    async def settled(self) -> None:
        """Wait until everything that is due has been tried."""
        await self._idle.wait()

    def _begin(self) -> None:
        self._idle.clear()
        self._wake.set()

    async def _run(self) -> None:
        while True:
            if not (self._due or self._tenants_due):
                self._idle.set()
            await self._wake.wait()
            self._wake.clear()
            while self._due or self._tenants_due:
                await self._take_one()

    async def _take_one(self) -> None:
        try:
            if self._tenants_due:
                tenant = self._tenants_due.pop()
                self._due |= {(tenant, one) for one in await self._subscriptions(tenant)}
            else:
                key = self._due.pop()
                if not await self._is_reconciled(key):
                    asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._try_again, key)
        except NgsiLdError as error:
            _LOG.warning("Subscriptions at Context Sources: %s", error.detail)

    async def _is_reconciled(self, key: Key) -> bool:
        try:
            return await self._reconcile(*key)
        except NonexistentTenant:
            return True
        except NgsiLdError as error:  # a @context that cannot be had now, say
            _LOG.warning("Subscription %s at Context Sources: %s", key[1], error.detail)
            return False

    def _try_again(self, key: Key) -> None:
        self._due.add(key)
        self._begin()

    async def _subscriptions(self, tenant: str | None) -> list[str]:
        def read(snapshot: Snapshot) -> list[str]:
            kinds = (DocumentKind.SUBSCRIPTION, DocumentKind.FORWARDED_SUBSCRIPTION)
            return [document["id"] for kind in kinds for document in snapshot.list_documents(kind)]

        return await self._broker.store.read(tenant, read)

    # --- one Subscription: what sources should have, and what they have ---

    async def _reconcile(self, tenant: str | None, subscription_id: str) -> bool:
        """Bring sources up to date; False: some could not be."""
        store = self._broker.store

        def read(snapshot: Snapshot) -> tuple[JsonObject | None, JsonObject | None, list[JsonObject]]:
            return (
                snapshot.get_document(DocumentKind.SUBSCRIPTION, subscription_id),
                snapshot.get_document(DocumentKind.FORWARDED_SUBSCRIPTION, subscription_id),
                snapshot.list_documents(DocumentKind.REGISTRATION),
            )

        document, kept, registered = await store.read(tenant, read)
        if kept is None and (document is None or not registered):
            return True
        state: JsonObject = kept or {"id": subscription_id, "sources": {}}
        if document is not None:
            state |= document["origin"]
        wanted = {} if document is None else await self._wanted(document, registered, state)
        complete = True
        sources: JsonObject = state["sources"]
        for registration_id in list(sources):
            if registration_id not in wanted:
                complete = await self._withdraw(tenant, state, sources, registration_id) and complete
        for registration_id, (members, body) in wanted.items():
            complete = await self._provide(tenant, state, sources, registration_id, members, body) and complete
        if kept is None and not sources:
            return complete
        gone = document is None and not sources
        await store.write(
            tenant,
            lambda transaction: (
                transaction.delete_document(DocumentKind.FORWARDED_SUBSCRIPTION, subscription_id)
                if gone
                else transaction.put_document(DocumentKind.FORWARDED_SUBSCRIPTION, subscription_id, state)
            ),
        )
        return complete

    async def _wanted(
        self, document: JsonObject, registered: list[JsonObject], state: JsonObject
    ) -> dict[str, tuple[JsonObject, JsonObject]]:
        """By Registration: its members, and the Subscription that its source should have."""
        members = document["members"]
        everything = any(one["type"] == "*" for one in members.get("entities", ()))
        if members.get("localOnly") is True or everything:
            return {}
        settings = self._broker.settings
        split = members.get("splitEntities", settings.split_entities)
        subscription = await compile_stored(self._broker.contexts, document)
        query_context = await self._broker.contexts.resolve(document["queryContext"], kept=True)
        now, wanted = self._broker.now(), {}
        for one in registered:
            registration = compile_registration(one["members"])
            if registration.expired(now):
                continue
            infos = matching_infos(subscription, members, query_context, registration)
            if infos:
                names = await self._broker.sources.names_for(registration, query_context)
                filters = None if split else query_filter(members, query_context).written_in(names)
                token = state["sources"].get(registration.id, {}).get("token") or secrets.token_urlsafe(18)
                uri = f"{state['base']}{PATH}/{token}"
                body = forwarded_subscription(document, subscription, registration, infos, uri, filters)
                wanted[registration.id] = (one["members"], body)
        return wanted

    async def _provide(
        self,
        tenant: str | None,
        state: JsonObject,
        sources: JsonObject,
        registration_id: str,
        members: JsonObject,
        body: JsonObject,
    ) -> bool:
        """Create or update the Subscription at a source; True: it is as it should be, or cannot be."""
        registration = compile_registration(members)
        known = sources.get(registration_id)
        digest = hashlib.sha256(orjson.dumps([body, registration.endpoint, registration.tenant])).hexdigest()
        if known is not None and known["digest"] == digest:
            return True
        if known is not None and known["remoteId"] is not None:
            elsewhere = compile_registration(known["members"])
            moved = (elsewhere.endpoint, elsewhere.tenant) != (registration.endpoint, registration.tenant)
            if not moved and "updateSubscription" in registration.operations:
                path = f"/subscriptions/{quote(known['remoteId'], safe=':')}"
                changes = {**{name: NULL for name in known["said"] if name not in body}, **body}
                request = SourceRequest("PATCH", path, (), changes, inline="@context" in body)
                if await self._ask(tenant, state, registration, request) is None:
                    return False
                sources[registration_id] = {**known, "digest": digest, "members": members, "said": sorted(body)}
                return True
            if not await self._withdraw(tenant, state, sources, registration_id):
                return False
        token = body["notification"]["endpoint"]["uri"].rpartition("/")[2]
        # Known before it is asked for: the first notification may come before the answer.
        self._receipts[token] = Receipt(tenant, state["id"], registration_id)
        request = SourceRequest("POST", "/subscriptions", (), body, inline="@context" in body)
        answer = await self._ask(tenant, state, registration, request)
        if answer is None:
            del self._receipts[token]
            return False
        sources[registration_id] = {
            "remoteId": answer or None,
            "digest": digest,
            "members": members,
            "said": sorted(body),
            "token": token,
        }
        return True

    async def _withdraw(self, tenant: str | None, state: JsonObject, sources: JsonObject, registration_id: str) -> bool:
        """Delete the Subscription at a source, if it takes that; True: it is forgotten here."""
        known = sources[registration_id]
        registration = compile_registration(known["members"])
        if known["remoteId"] is not None and "deleteSubscription" in registration.operations:
            path = f"/subscriptions/{quote(known['remoteId'], safe=':')}"
            if await self._ask(tenant, state, registration, SourceRequest("DELETE", path), absent=True) is None:
                return False
        self._receipts.pop(known["token"], None)
        del sources[registration_id]
        return True

    async def _ask(
        self,
        tenant: str | None,
        state: JsonObject,
        registration: Registration,
        request: SourceRequest,
        *,
        absent: bool = False,
    ) -> str | None:
        """Ask a source; the id of what it created, "" if it created nothing, None if it failed."""
        call = Call(tenant, core_context(), via=tuple(state["via"]))

        async def read(reply: Reply) -> str:
            if request.method != "POST":
                return ""
            identifier = (reply.location or "").rstrip("/").rpartition("/")[2]
            if not identifier:
                raise SourceInvalid(f"{registration.id}: it answered {reply.status} without a Location")
            return identifier

        try:
            return await self._broker.sources.ask(registration, call, request, read, absent=absent) or ""
        except LoopDetected:
            return ""  # whoever asked first has all of it
        except SourceFailure as failure:
            _LOG.warning("Subscription %s: %s", state["id"], failure.detail)
            return None

    def _remember(self, tenant: str | None, document: JsonObject) -> None:
        for registration_id, known in document["sources"].items():
            self._receipts[known["token"]] = Receipt(tenant, document["id"], registration_id)
