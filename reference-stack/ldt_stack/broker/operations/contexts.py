"""Storing, managing and serving @contexts: ETSI GS CIM 009 V1.9.1, clause 5.13.

Hosted and implicitly created @contexts are documents of the default tenant's store: they have URLs of their own, which
know no tenant. Cached ones are in the memory of the `ContextRegistry`, which downloads them again when it has to.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import orjson

from ldt_stack.broker.errors import (
    BadRequestData,
    LdContextNotAvailable,
    OperationNotSupported,
    ResourceNotFound,
)
from ldt_stack.broker.ld_context import CachedDocument, LdContext
from ldt_stack.broker.model.instants import format_instant
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.operations.context_copies import StoredCopies
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Transaction

CONTEXTS_PATH: Final = "/ngsi-ld/v1/jsonldContexts"
"""Where the HTTP binding serves stored @contexts (6.30.2); part of their URLs."""
_ID_PREFIX: Final = "urn:ngsi-ld:LdContext:"


class ContextKind(StrEnum):
    """Kinds of stored @contexts (5.13.1)."""

    CACHED = "Cached"
    HOSTED = "Hosted"
    IMPLICITLY_CREATED = "ImplicitlyCreated"


@dataclass(frozen=True, slots=True)
class StoredContext:
    """A stored @context.

    Args:
        local_id: Unique in this broker; a URI.
        kind: Where it comes from.
        created_at: Six digits, UTC.
        url: Where it was downloaded from; None where this broker serves it (`url_of`).
        document: An object with "@context"; of a cached one, what was downloaded.
        expires_at: Of a cached one: until when it is not downloaded again.
        last_usage: When it was last needed; None: never since the broker was started.
        hits: How often it was found here since then.
    """

    local_id: str
    kind: ContextKind
    created_at: str
    url: str | None
    document: JsonObject
    expires_at: str | None = None
    last_usage: str | None = None
    hits: int = 0

    def url_of(self, base_url: str) -> str:
        """Where it can be downloaded: its origin, or this broker below its base URL."""
        return self.url or f"{base_url}{CONTEXTS_PATH}/{quote(self.local_id, safe=':')}"


def attach(broker: Broker) -> None:
    """Let the registry of a broker find what is hosted here, and host what was given inline (5.13.1)."""

    async def hosted(url: str) -> JsonObject | None:
        local_id = _local_id_in(url)
        found = None if local_id is None else await _find_document(broker, local_id)
        if found is None:
            return None
        count(found.local_id)
        return found.document

    def count(local_id: str) -> None:
        hits, _ = broker.contexts.uses.get(local_id, (0, None))
        broker.contexts.uses[local_id] = hits + 1, broker.now()

    def used(url: str) -> None:
        local_id = _local_id_in(url)
        if local_id in broker.contexts.uses:
            count(local_id)

    async def host(ld_context: LdContext, base_url: str) -> str:
        return (await create_implicitly(broker, ld_context)).url_of(base_url)

    broker.contexts.hosted = hosted
    broker.contexts.used = used
    broker.contexts.host = host
    broker.contexts.copies = StoredCopies(broker)


async def add_context(broker: Broker, payload: JsonValue) -> str:
    """Add @context.

    Args:
        broker: Where.
        payload: A JSON object with "@context"; what is beside it is discarded (5.13.2.3).

    Returns:
        The local identifier of the new entry, of kind "Hosted".

    Raises:
        BadRequestData: It is no JSON object with a valid "@context".
        LdContextNotAvailable: It refers to a @context that cannot be had.

    Source: CIM 009 V1.9.1, clause 5.13.2.
    """
    if not isinstance(payload, dict) or "@context" not in payload:
        raise BadRequestData('The payload is no JSON object with a member "@context" (clause 5.13.2.3).')
    source = payload["@context"]
    if not isinstance(source, str | dict | list):
        raise BadRequestData('"@context" is neither a URI, an object nor an array of these (clause 5.13.2.3).')
    await broker.contexts.resolve(source)
    local_id = f"{_ID_PREFIX}{uuid.uuid4()}"
    await _store(broker, local_id, ContextKind.HOSTED, source)
    broker.contexts.forget_built()
    return local_id


async def create_implicitly(broker: Broker, ld_context: LdContext) -> StoredContext:
    """Give a @context that came inline a place of its own, the same for equal ones (5.13.1, "ImplicitlyCreated")."""
    source = ld_context.rendered
    local_id = f"{_ID_PREFIX}{hashlib.sha256(orjson.dumps(source)).hexdigest()[:32]}"
    known = await _find_document(broker, local_id)
    if known is not None:
        return known
    return await _store(broker, local_id, ContextKind.IMPLICITLY_CREATED, source)


async def list_contexts(broker: Broker, kind: str | None = None) -> list[StoredContext]:
    """List @contexts, hosted ones first, in the order of their creation.

    Raises:
        BadRequestData: The kind is none of clause 5.13.1.

    Source: CIM 009 V1.9.1, clause 5.13.3.
    """
    if kind is not None and kind not in set(ContextKind):
        raise BadRequestData(f"kind is {kind!r}; expected one of {', '.join(ContextKind)} (clause 5.13.3.3).")

    def work(snapshot: Snapshot) -> list[JsonObject]:
        return snapshot.list_documents(DocumentKind.CONTEXT)

    documents = await broker.store.read(None, work)
    stored = [_with_uses(broker, _stored(document)) for document in documents]
    stored += [_cached(document) for document in _fresh(broker)]
    return [one for one in stored if kind is None or one.kind == kind]


async def serve_context(broker: Broker, context_id: str, *, details: bool = False) -> StoredContext:
    """Serve @context, or its metadata.

    Args:
        broker: Where.
        context_id: Local identifier, or of a cached one its URL.
        details: Whether metadata are wanted.

    Raises:
        ResourceNotFound: There is no such entry.
        OperationNotSupported: It is a cached one, and its content is wanted.

    Source: CIM 009 V1.9.1, clause 5.13.4.
    """
    found = await _find(broker, context_id)
    if found.kind is ContextKind.CACHED and not details:
        raise OperationNotSupported(
            f"The @context {context_id} is a cached copy, which is not served (5.13.4.4); get it from {found.url}."
        )
    return found


async def delete_context(broker: Broker, context_id: str, *, reload: bool = False) -> None:
    """Delete @context, or download a cached one again.

    Args:
        broker: Where.
        context_id: Local identifier, or of a cached one its URL.
        reload: Whether a cached one is downloaded again instead; the old copy stays if that fails.

    Raises:
        ResourceNotFound: There is no such entry.
        BadRequestData: `reload` of what is not cached.
        LdContextNotAvailable: It could not be downloaded, or is no @context.

    Source: CIM 009 V1.9.1, clause 5.13.5.
    """
    found = await _find(broker, context_id)
    if reload:
        if found.url is None:
            raise BadRequestData(f"The @context {context_id} is {found.kind}; only cached ones can be reloaded.")
        await _reload(broker, found.url)
    elif found.url is not None:
        broker.contexts.forget(found.url)
    else:
        await broker.store.write(None, lambda store: store.delete_document(DocumentKind.CONTEXT, found.local_id))
        broker.contexts.uses.pop(found.local_id, None)
        broker.contexts.forget_built()


async def _reload(broker: Broker, url: str) -> None:
    before = broker.contexts.documents[url]
    try:
        await broker.contexts.reload(url)
        await broker.contexts.resolve(url)
    except (BadRequestData, LdContextNotAvailable) as error:
        broker.contexts.forget(url)  # and what was built from the new one
        broker.contexts.documents[url] = before
        raise LdContextNotAvailable(f"The @context was not reloaded, the old copy stays: {error.detail}") from error


async def _find(broker: Broker, context_id: str) -> StoredContext:
    for document in _fresh(broker):
        if context_id in {document.url, _cached_id(document.url)}:
            return _cached(document)
    found = await _find_document(broker, context_id)
    if found is None:
        raise ResourceNotFound(f"There is no stored @context {context_id}.")
    return _with_uses(broker, found)


def _with_uses(broker: Broker, found: StoredContext) -> StoredContext:
    hits, last_usage = broker.contexts.uses.get(found.local_id, (0, None))
    return replace(found, hits=hits, last_usage=last_usage)


async def _find_document(broker: Broker, local_id: str) -> StoredContext | None:
    document = await broker.store.read(None, lambda snapshot: snapshot.get_document(DocumentKind.CONTEXT, local_id))
    return None if document is None else _stored(document)


async def _store(broker: Broker, local_id: str, kind: ContextKind, source: JsonValue) -> StoredContext:
    document = {"id": local_id, "kind": kind, "createdAt": broker.now(), "document": {"@context": source}}

    def work(transaction: Transaction) -> None:
        transaction.put_document(DocumentKind.CONTEXT, local_id, document)

    await broker.store.write(None, work)
    return _stored(document)


def _stored(document: JsonObject) -> StoredContext:
    kind = ContextKind(document["kind"])
    return StoredContext(document["id"], kind, document["createdAt"], None, document["document"])


def _fresh(broker: Broker) -> list[CachedDocument]:
    """Cached documents; those whose time is over are invalidated now (6.3.16)."""
    now = broker.clock()
    for document in list(broker.contexts.documents.values()):
        if document.expires_at <= now:
            broker.contexts.forget(document.url)
    return list(broker.contexts.documents.values())


def _cached(document: CachedDocument) -> StoredContext:
    return StoredContext(
        local_id=_cached_id(document.url),
        kind=ContextKind.CACHED,
        created_at=format_instant(document.created_at),
        url=document.url,
        document=document.document,
        expires_at=format_instant(document.expires_at),
        last_usage=None if document.last_usage is None else format_instant(document.last_usage),
        hits=document.hits,
    )


def _cached_id(url: str) -> str:
    return f"{_ID_PREFIX}{uuid.uuid5(uuid.NAMESPACE_URL, url)}"


def _local_id_in(url: str) -> str | None:
    """The local identifier in a URL of ours. Any host: a broker has many names, its identifiers are unique."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    _, marker, identifier = path.rpartition(CONTEXTS_PATH + "/")
    return unquote(identifier) if marker and "/" not in identifier else None
