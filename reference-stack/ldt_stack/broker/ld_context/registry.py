"""`ContextRegistry`: from what a request says to an `LdContext`; downloads @contexts once and keeps them.

ETSI GS CIM 009 V1.9.1, clauses 5.5.6 (errors), 5.13.1 (kinds of stored @contexts) and 6.3.16 (expiry).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urljoin

import orjson

from ldt_stack.broker.errors import BadRequestData
from ldt_stack.broker.ld_context.context import LdContext, build_context, core_context
from ldt_stack.broker.ld_context.core import is_own_core, published_document
from ldt_stack.broker.ld_context.fetch import Fetcher
from ldt_stack.broker.model.names import JsonObject, JsonValue
from ldt_stack.broker.outbound import Outbound
from ldt_stack.broker.settings import BrokerSettings

_Local = tuple[JsonObject | None, bool]
_KEPT: Final = b"kept "  # before the key of what may have been built from copies


@dataclass(frozen=True, slots=True)
class CachedDocument:
    """A downloaded @context document (kind "Cached" of clause 5.13.1)."""

    url: str
    document: JsonObject
    created_at: datetime
    expires_at: datetime
    last_usage: datetime | None = None
    hits: int = 0


class ContextCopies(Protocol):
    """Copies of the documents that something stored here needs: it does not fail when their origin does."""

    async def load(self) -> None:
        """Read what an earlier process has left."""
        ...

    def get(self, url: str) -> JsonObject | None:
        """The document as it was when it was last had, or None."""
        ...

    async def keep(self, *contexts: LdContext) -> None:
        """Store what these were built from."""
        ...

    async def drop_unneeded(self) -> None:
        """Forget what nothing has needed since `load`: call it when all that is stored here was read."""
        ...


@dataclass(slots=True)
class _Collected:
    locals_: list[_Local]
    expires_at: datetime
    kept: bool
    count: int = 0
    documents: dict[str, JsonObject] = field(default_factory=dict)


class ContextRegistry:
    """Resolves and caches. One per broker; used on the event loop alone.

    Attributes:
        hosted: Set by whoever implements clause 5.13: the document behind a URL of our own, or None.
        used: Set likewise: told of each further use of a URL that is none of a downloaded document.
        host: Set likewise: store a @context that was given inline, and return its URL below a base URL.
        copies: Set likewise: for what is resolved with `kept`.
        uses: For whoever sets `hosted`: how often each entry was used, and when last.
        documents: Downloaded documents by URL, oldest use first.
    """

    def __init__(self, settings: BrokerSettings, clock: Callable[[], datetime], outbound: Outbound) -> None:
        self.hosted: Callable[[str], Awaitable[JsonObject | None]] | None = None
        self.used: Callable[[str], None] | None = None
        self.host: Callable[[LdContext, str], Awaitable[str]] | None = None
        self.copies: ContextCopies | None = None
        self.documents: OrderedDict[str, CachedDocument] = OrderedDict()
        self.uses: dict[str, tuple[int, str]] = {}
        self._settings = settings
        self._clock = clock
        self._fetcher = Fetcher(settings, outbound)
        self._contexts: OrderedDict[bytes, tuple[datetime, LdContext]] = OrderedDict()
        self._downloads: dict[str, asyncio.Task[CachedDocument]] = {}

    async def resolve(self, source: JsonValue, *, kept: bool = False) -> LdContext:
        """The @context that a request named: None, a URL, an object, or a list of these.

        Args:
            source: What was named.
            kept: Whether something stored here needs it: then a copy is good enough where the cache has no document.

        Raises:
            LdContextNotAvailable: A remote document could not be had.
            BadRequestData: A @context is malformed, or uses what clause 5.5.7 rules out.
        """
        if source is None or (isinstance(source, str) and is_own_core(source)):
            return core_context()
        key = orjson.dumps(source)
        known = self._built(key) or (self._built(_KEPT + key) if kept else None)
        if known is not None:
            self._touch(source)
            return known
        expires_at = self._clock() + timedelta(seconds=self._settings.context_default_ttl_seconds)
        collected = _Collected([], expires_at, kept)
        await self._collect(source, "", collected, ())
        own = _without_core(source)
        if own is None:
            return core_context()
        context = build_context(own, own if isinstance(own, str) else None, collected.locals_, collected.documents)
        self._contexts[_KEPT + key if kept else key] = (collected.expires_at, context)
        while len(self._contexts) > self._settings.context_cache_entries:
            self._contexts.popitem(last=False)
        return context

    def _built(self, key: bytes) -> LdContext | None:
        known = self._contexts.get(key)
        if known is None or known[0] <= self._clock():
            return None
        self._contexts.move_to_end(key)
        return known[1]

    async def keep(self, *contexts: LdContext) -> None:
        """Something stored here needs these, also when their origin cannot be reached."""
        if self.copies is not None:
            await self.copies.keep(*contexts)

    async def load(self, url: str, *, kept: bool = False) -> JsonObject:
        """The document behind a URL: ours, shipped, cached, with `kept` a copy, or downloaded. Raises as `resolve`."""
        if self.hosted is not None:
            hosted = await self.hosted(url)
            if hosted is not None:
                return hosted
        shipped = published_document(url)
        if shipped is not None:
            return shipped
        copy = self.copies.get(url) if kept and self.copies is not None and not self._is_cached(url) else None
        return (await self._cached(url)).document if copy is None else copy

    async def reload(self, url: str) -> CachedDocument:
        """Download again what is cached; the old copy stays if that fails (5.13.5.4)."""
        fresh = await self._download(url)
        self.forget(url)
        return self._keep(fresh)

    def forget(self, url: str) -> bool:
        """Drop a cached document, and everything that was built from it; False if there was none."""
        self._contexts.clear()
        return self.documents.pop(url, None) is not None

    def forget_built(self) -> None:
        """Drop what was built: call it when a hosted @context came or went."""
        self._contexts.clear()

    async def close(self) -> None:
        """Give up downloads under way."""
        downloads = list(self._downloads.values())
        for task in downloads:
            task.cancel()
        await asyncio.gather(*downloads, return_exceptions=True)

    def _touch(self, source: JsonValue) -> None:
        for url in source if isinstance(source, list) else [source]:
            if not isinstance(url, str):
                continue
            document = self.documents.get(url)
            if document is not None:
                self.documents[document.url] = replace(document, hits=document.hits + 1, last_usage=self._clock())
            elif self.used is not None:
                self.used(url)

    def _is_cached(self, url: str) -> bool:
        document = self.documents.get(url)
        return document is not None and document.expires_at > self._clock()

    async def _cached(self, url: str) -> CachedDocument:
        document = self.documents.get(url)
        if document is None or not self._is_cached(url):
            document = self._keep(await self._download(url))
        used = replace(document, hits=document.hits + 1, last_usage=self._clock())
        self.documents[url] = used
        self.documents.move_to_end(url)
        return used

    def _keep(self, document: CachedDocument) -> CachedDocument:
        self.documents[document.url] = document
        while len(self.documents) > self._settings.context_cache_entries:
            self.documents.popitem(last=False)
        return document

    async def _download(self, url: str) -> CachedDocument:
        """One download for all who wait for it."""
        task = self._downloads.get(url)
        if task is None:
            task = asyncio.create_task(self._fetch(url))
            self._downloads[url] = task
            task.add_done_callback(lambda _: self._downloads.pop(url, None))
        return await asyncio.shield(task)

    async def _fetch(self, url: str) -> CachedDocument:
        document, lifetime_seconds = await self._fetcher.fetch(url)
        now = self._clock()
        return CachedDocument(url, document, now, now + timedelta(seconds=lifetime_seconds))

    async def _collect(self, source: JsonValue, base: str, into: _Collected, above: tuple[str, ...]) -> None:
        """Flatten a @context into local context objects, in order (JSON-LD 1.1 "Context Processing" step 5)."""
        if source is None:
            into.locals_.append((None, False))
        elif isinstance(source, dict):
            into.locals_.append((await self._import(source, base, into), False))
        elif isinstance(source, list):
            for element in source:
                await self._collect(element, base, into, above)
        elif isinstance(source, str):
            await self._collect_remote(urljoin(base, source), into, above)
        else:
            raise BadRequestData("A @context is neither a URI, an object, null nor an array of these")

    async def _import(self, local: JsonObject, base: str, into: _Collected) -> JsonObject:
        """A context object with what it imports, which its own entries override (step 5.6)."""
        if "@import" not in local:
            return local
        reference = local["@import"]
        if not isinstance(reference, str):
            raise BadRequestData('"@import" of a @context is no string; expected a URL')
        url = urljoin(base, reference)
        imported: JsonValue = {}
        if not is_own_core(url):
            imported = await self._document(url, into)
        if not isinstance(imported, dict) or "@import" in imported:
            raise BadRequestData(f"The @context at {url} cannot be imported: it is no object, or imports another")
        return {**imported, **{name: value for name, value in local.items() if name != "@import"}}

    async def _document(self, url: str, into: _Collected) -> JsonValue:
        """The "@context" of a remote document; counts it, and minds until when it may be used."""
        into.count += 1
        if into.count > self._settings.context_max_documents:
            raise BadRequestData(
                f"The @context refers to more than {self._settings.context_max_documents} documents; refer to fewer"
            )
        document = await self.load(url, kept=into.kept)
        if "@context" not in document:
            raise BadRequestData(f'The document at {url} has no "@context" member: it is no JSON-LD @context')
        if published_document(url) is None:
            into.documents[url] = document
        cached = self.documents.get(url)
        if cached is not None and not into.kept:
            into.expires_at = min(into.expires_at, cached.expires_at)
        return document["@context"]

    async def _collect_remote(self, url: str, into: _Collected, above: tuple[str, ...]) -> None:
        if is_own_core(url):
            return  # always there, always last
        if url in above:
            raise BadRequestData(f"The @context {url} refers to itself")
        context = await self._document(url, into)
        if published_document(url) is not None and isinstance(context, dict):
            into.locals_.append((context, True))
            return
        await self._collect(context, url, into, (*above, url))


def _without_core(source: JsonValue) -> JsonValue:
    """What the user said, without our own core, and without a list around a single element."""
    if not isinstance(source, list):
        return source
    own = [element for element in source if not (isinstance(element, str) and is_own_core(element))]
    return None if not own else own[0] if len(own) == 1 else own
