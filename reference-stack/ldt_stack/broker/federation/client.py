"""Asks a Context Source: ETSI GS CIM 009 V1.9.1, clauses 4.3.6.5, 4.3.6.6, 5.2.34, 6.3.14 and 6.3.17 to 6.3.19.

One request and its answer, through `outbound` (addresses, time, size, no redirects). Whatever goes wrong is a
`SourceFailure`; every attempt counts for the Registration (table 5.2.9-2).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlencode, urlsplit

import orjson

from ldt_stack.broker.errors import NgsiLdError
from ldt_stack.broker.federation.failures import (
    LoopDetected,
    SourceFailure,
    SourceInvalid,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from ldt_stack.broker.federation.loops import loops, own_alias
from ldt_stack.broker.federation.registration import REQUEST_VALUE, Registration
from ldt_stack.broker.ld_context import CORE_CONTEXT_URL, LdContext, core_context
from ldt_stack.broker.model.names import JsonValue
from ldt_stack.broker.outbound import Answer, OutboundError

if TYPE_CHECKING:
    from ldt_stack.broker.service import Broker, Call

API_ROOT: Final = "/ngsi-ld/v1"
_JSON, _LD_JSON = "application/json", "application/ld+json"
_CONTEXT_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_CONTEXT_LINK: Final = re.compile(r'<([^>]*)>\s*;[^,]*rel="?' + re.escape(_CONTEXT_RELATION))
# Keys with a meaning of their own (4.3.6.6), and headers that contextSourceInfo cannot override (6.3.19).
_NOT_HEADERS: Final = frozenset(
    {
        "contenttype",
        "jsonldcontext",
        "ngsildconformance",
        "ngsild-tenant",
        "connection",
        "content-length",
        "content-type",
        "host",
        "link",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
MISSING: Final = object()
_AT_ONCE: Final = 64  # requests to Context Sources under way

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """What a Context Source is asked.

    Args:
        method: HTTP method.
        path: Below the API root, percent-encoded.
        parameters: Of the URL.
        body: JSON, its names in `names`; MISSING: none.
        names: The @context of names in `parameters` and `body`.
        inline: Whether the elements of the body have a "@context" each.
        headers: Further headers.
        optional: Whether a source may refuse, whatever it says: the result is as if there were nothing.
    """

    method: str
    path: str
    parameters: Sequence[tuple[str, str]] = ()
    body: JsonValue = MISSING
    names: LdContext = field(default_factory=core_context)
    inline: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


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


class SourceClient:
    """Asks Context Sources for a broker. Used on the event loop alone."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._failed_at: dict[tuple[str | None, str], float] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def names_for(self, registration: Registration, call: Call) -> LdContext:
        """The @context to write names with: the source's own ("jsonldContext", 4.3.6.6), else the request's.

        Raises:
            SourceInvalid: It cannot be had.
        """
        url = registration.setting("jsonldContext")
        if url is None:
            return call.ld_context
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
        key = (call.tenant, registration.id)
        self._respect_cooldown(registration, key)
        succeeded = False
        try:
            async with self._slots:
                answer = await self._send(registration, call, request, own)
            reply = await self._read(registration, request, answer, absent=absent)
            result = None if reply is None else await read(reply)
            succeeded = True
        finally:
            if succeeded:
                self._failed_at.pop(key, None)
            else:
                self._failed_at[key] = time.monotonic()
            self._broker.outcomes.note(call.tenant, registration.id, self._broker.now(), succeeded=succeeded)
        return result

    def _respect_cooldown(self, registration: Registration, key: tuple[str | None, str]) -> None:
        cooldown, failed_at = registration.management.cooldown_seconds, self._failed_at.get(key)
        if cooldown is not None and failed_at is not None and time.monotonic() - failed_at < cooldown:
            raise SourceTimeout(f"{registration.id}: its Context Source failed less than {cooldown:g} s ago (cooldown)")

    async def _send(self, registration: Registration, call: Call, request: SourceRequest, own: str) -> Answer:
        settings = self._broker.settings
        limit = min(
            registration.management.timeout_seconds or settings.federation_timeout_seconds,
            settings.federation_timeout_seconds,
        )
        content, headers = _content(registration, request)
        headers |= {**_headers(registration, call.conveyed), **request.headers}
        headers["Via"] = ", ".join(f"1.1 {alias}" for alias in (*call.via, own))
        if registration.tenant is not None:
            headers["NGSILD-Tenant"] = registration.tenant
        try:
            return await self._broker.outbound.request(
                request.method,
                _url(registration, request),
                headers=headers,
                content=content,
                timeout_seconds=limit,
                max_bytes=settings.federation_max_bytes,
            )
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
            raise _refusal(registration, answer)
        body = _json(registration, answer)
        link = _CONTEXT_LINK.search(answer.headers.get("link", ""))
        try:
            # A source that names no @context is taken to answer in the one that it was asked in.
            ld_context = request.names if link is None else await self._broker.contexts.resolve(link[1])
        except NgsiLdError as error:
            raise SourceInvalid(
                f"{registration.id}: the @context of the answer cannot be used: {error.detail}"
            ) from None
        more = 'rel="next"' in answer.headers.get("link", "")
        return Reply(answer.status, body, ld_context, more, answer.headers.get("location"))


def _url(registration: Registration, request: SourceRequest) -> str:
    endpoint = registration.endpoint.rstrip("/")
    root = endpoint if urlsplit(endpoint).path.endswith(API_ROOT) else endpoint + API_ROOT
    parameters = [*request.parameters, *([("local", "true")] if registration.management.local_only else [])]
    return f"{root}{request.path}" + (f"?{urlencode(parameters)}" if parameters else "")


def _content(registration: Registration, request: SourceRequest) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that say how its names and those of the URL are meant (4.3.6.6, 6.3.5)."""
    accept = registration.setting("accept") or _JSON
    headers = {"Accept": accept}
    names = request.names
    if request.inline:
        return orjson.dumps(request.body), {**headers, "Content-Type": _LD_JSON}
    inline = names.url is None or registration.setting("contentType") == _LD_JSON
    if request.body is not MISSING and inline and registration.setting("jsonldContext") is None:
        headers["Content-Type"] = _LD_JSON
        return orjson.dumps(_with_context(request.body, names)), headers
    if names.url is not None and names.source is not None:
        headers["Link"] = f'<{names.url}>; rel="{_CONTEXT_RELATION}"; type="{_LD_JSON}"'
    if request.body is MISSING:
        return b"", headers
    headers["Content-Type"] = _JSON
    return orjson.dumps(request.body), headers


def _with_context(body: JsonValue, names: LdContext) -> JsonValue:
    context = CORE_CONTEXT_URL if names.source is None else names.source
    if isinstance(body, list):
        return [{**one, "@context": context} if isinstance(one, dict) else one for one in body]
    return {**body, "@context": context}


def _headers(registration: Registration, conveyed: Mapping[str, str]) -> dict[str, str]:
    """Extra information to provide (4.3.6.5, 6.3.19)."""
    headers: dict[str, str] = {}
    for key, value in registration.source_info:
        if key.lower() in _NOT_HEADERS:
            continue
        if value != REQUEST_VALUE:
            headers[key] = value
        elif (taken := conveyed.get(key.lower())) is not None:
            headers[key] = taken
    if "accept" in headers:
        headers["Accept"] = headers.pop("accept")
    return headers


def _json(registration: Registration, answer: Answer) -> JsonValue:
    if not answer.body:
        return None
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise SourceInvalid(f"{registration.id}: {answer.url} answered what is no JSON: {error}") from None


def _refusal(registration: Registration, answer: Answer) -> SourceFailure:
    """The failure behind an answer that is no 2xx; what the source says is kept for whoever has to decide."""
    try:
        problem = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        problem = None
    detail = problem.get("detail") or problem.get("title") if isinstance(problem, dict) else None
    said = f": {detail:.300}" if isinstance(detail, str) else ""
    kind = {508: LoopDetected, 504: SourceTimeout}.get(answer.status, SourceRefused)
    failure = kind(f"{registration.id}: its Context Source answered {answer.status}{said}")
    failure.answered = answer.status
    if isinstance(problem, dict):
        failure.problem = problem
    return failure
