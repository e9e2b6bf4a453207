"""Asks a Context Source: ETSI GS CIM 009 V1.9.1, clauses 5.2.34, 6.3.14, 6.3.17 and 6.3.18.

One request and its answer, through `outbound` (addresses, time, size, no redirects). Whatever goes wrong is a
`SourceFailure`; every attempt counts for the Registration (table 5.2.9-2).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.federation.answers import AnswerCache
from ldt_stack.broker.federation.failures import (
    LoopDetected,
    SourceFailure,
    SourceInvalid,
    SourceTimeout,
    SourceUnreachable,
)
from ldt_stack.broker.federation.loops import loops, own_alias
from ldt_stack.broker.federation.messages import (
    SourceRequest,
    content_of,
    context_link,
    extra_headers,
    has_next,
    json_of,
    refusal,
    url_of,
    wants_plain_json,
    warning,
)
from ldt_stack.broker.federation.outcomes import Outcomes
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.ld_context import ContextRegistry, LdContext, core_context
from ldt_stack.broker.model.names import JsonValue
from ldt_stack.broker.outbound import Answer, Outbound, OutboundError
from ldt_stack.broker.settings import BrokerSettings

_AT_ONCE: Final = 32  # requests to one Context Source under way: one that is slow does not hold up others

_QUERY_BY_POST: Final = "/entityOperations/query"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a Context Source answered, with 2xx.

    Args:
        status: HTTP status.
        body: JSON; None if it was empty.
        ld_context: Of the names in the body, where its elements have no "@context" of their own.
        more: Whether it says that a further page follows.
        location: Of what it created.
    """

    status: int
    body: JsonValue
    ld_context: LdContext
    more: bool = False
    location: str | None = None


class Sender(Protocol):
    """What is needed of the broker that asks."""

    settings: BrokerSettings
    outbound: Outbound
    contexts: ContextRegistry
    outcomes: Outcomes

    def clock(self) -> datetime:
        """The present instant."""
        ...

    def now(self) -> str:
        """The present instant as system times are written."""
        ...


class SourceClient:
    """Asks Context Sources for a broker. Used on the event loop alone."""

    def __init__(self, broker: Sender) -> None:
        self._broker = broker
        self._failed_at: dict[tuple[str | None, str], tuple[str, float]] = {}
        self._slots = WeakValueDictionary[tuple[str | None, str], asyncio.Semaphore]()  # while anything is under way
        self.answers = AnswerCache()

    async def names_for(self, registration: Registration, given: LdContext) -> LdContext:
        """The @context to write names with: the source's own ("jsonldContext", 4.3.6.6), else that given.

        One that was given inline cannot go to a source that wants plain JSON: names are IRIs then.

        Raises:
            SourceInvalid: It cannot be had.
        """
        url = registration.setting("jsonldContext")
        if url is None:
            return core_context() if wants_plain_json(registration) and given.url is None else given
        try:
            return await self._broker.contexts.resolve(url)
        except NgsiLdError as error:
            raise SourceInvalid(f"{registration.id}: its jsonldContext cannot be used: {error.detail}") from None

    async def ask(
        self,
        registration: Registration,
        call: Call,
        request: SourceRequest,
        read: Callable[[Reply], Awaitable[T]],
        *,
        absent: bool = False,
    ) -> T | None:
        """Forward a request.

        Args:
            registration: To whose endpoint.
            call: The request that triggers it.
            request: What is asked.
            read: Makes of the answer what the caller wants; SourceInvalid if it cannot.
            absent: Whether 404 is no failure (6.3.17: "should not be considered as abnormal"); the result is None then.

        Raises:
            SourceFailure: There is no usable answer; it knows what a source that refused has said.
        """
        own = own_alias(self._broker.settings.alias, call.tenant)
        if loops(registration, call.via, own):
            raise LoopDetected(f"{registration.id}: its Context Source has been passed already")
        url, content, headers = self._prepared(registration, call, request, own)
        kept_as = self.answers.key(call.tenant, registration, request, url, headers)
        kept = None if kept_as is None else self.answers.find(kept_as, self._broker.clock())
        if kept is not None:
            stale = warning(registration, 110, "Response is Stale: it was kept from an earlier request")
            if stale not in call.warnings:
                call.warnings.append(stale)
            reply = await self._read(registration, request, kept, absent=absent)
            return None if reply is None else await read(reply)
        self._respect_cooldown(registration, call.tenant)
        try:
            answer = await self._send(registration, call, request.method, url, headers, content)
            reply = await self._read(registration, request, answer, absent=absent)
            result = None if reply is None else await read(reply)
        except SourceFailure as failure:
            self._note(registration, call, failure)
            raise
        else:
            self._note(registration, call, None)
        finally:
            if request.method != "GET" and request.path != _QUERY_BY_POST:
                self.answers.written(registration)
        if kept_as is not None:
            most = self._broker.settings.federation_cache_bytes
            self.answers.keep(kept_as, registration, answer, self._broker.clock(), most)
        return result

    def _note(self, registration: Registration, call: Call, failure: SourceFailure | None) -> None:
        """Count an attempt: "an HTTP response code other than 2xx" is a failure (table 5.2.9-2), if not always a pause.

        One that was given up here, because nobody waits for its result any more, says nothing of the source.
        """
        key = (call.tenant, registration.id)
        self._failed_at.pop(key, None)
        if failure is not None and failure.unavailable and registration.management.cooldown_seconds is not None:
            self._failed_at[key] = (registration.endpoint, time.monotonic())
        self._broker.outcomes.note(call.tenant, registration.id, self._broker.now(), succeeded=failure is None)

    def _respect_cooldown(self, registration: Registration, tenant: str | None) -> None:
        """5.2.34: before "a subsequent forwarded request to the same endpoint"; it may have moved since."""
        cooldown = registration.management.cooldown_seconds
        endpoint, failed_at = self._failed_at.get((tenant, registration.id), ("", 0.0))
        if cooldown is not None and endpoint == registration.endpoint and time.monotonic() - failed_at < cooldown:
            raise SourceTimeout(f"{registration.id}: its Context Source failed less than {cooldown:g} s ago (cooldown)")

    def _prepared(
        self, registration: Registration, call: Call, request: SourceRequest, own: str
    ) -> tuple[str, bytes, dict[str, str]]:
        """URL, body and headers of a request."""
        content, headers = content_of(registration, request)
        headers |= {**extra_headers(registration, call.conveyed), **request.headers}
        headers["Via"] = ", ".join(f"1.1 {alias}" for alias in (*call.via, own))
        if registration.tenant is not None:
            headers["NGSILD-Tenant"] = registration.tenant
        return url_of(registration, request), content, headers

    async def _send(
        self, registration: Registration, call: Call, method: str, url: str, headers: dict[str, str], content: bytes
    ) -> Answer:
        settings = self._broker.settings
        limit = min(
            registration.management.timeout_seconds or settings.federation_timeout_seconds,
            settings.federation_timeout_seconds,
        )
        key = (call.tenant, registration.id)
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(_AT_ONCE)
        try:
            async with asyncio.timeout(limit), slots:
                return await self._broker.outbound.request(
                    method,
                    url,
                    headers=headers,
                    content=content,
                    timeout_seconds=limit,
                    max_bytes=settings.federation_max_bytes,
                )
        except TimeoutError:
            raise SourceTimeout(f"{registration.id}: its Context Source did not answer within {limit:g} s") from None
        except OutboundError as error:
            failure = {"timeout": SourceTimeout, "size": SourceInvalid}.get(error.reason, SourceUnreachable)
            raise failure(f"{registration.id}: {error.detail}") from None

    async def _read(
        self, registration: Registration, request: SourceRequest, answer: Answer, *, absent: bool
    ) -> Reply | None:
        if answer.status == 404 and absent:
            return None
        if not 200 <= answer.status < 300:
            if request.optional:
                return None
            raise refusal(registration, answer)
        body = json_of(registration, answer)
        url = context_link(answer)
        try:
            # A source that names no @context is taken to answer in the one that it was asked in.
            ld_context = request.names if url is None else await self._broker.contexts.resolve(url)
        except NgsiLdError as error:
            raise SourceInvalid(
                f"{registration.id}: the @context of the answer cannot be used: {error.detail}"
            ) from None
        return Reply(answer.status, body, ld_context, has_next(answer), answer.headers.get("location"))
