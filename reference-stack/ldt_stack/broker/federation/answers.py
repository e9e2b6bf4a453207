"""Answers of Context Sources, kept for as long as a Registration says: ETSI GS CIM 009 V1.9.1, 5.2.34, 6.3.17.

Kept are answers with 200 to GET entities and entities/{id}, the operations that 6.3.17 names, each for the very same
request again: the same Registration, URL and headers, so that what was told to one caller is not told to another one.
A write that goes to an endpoint ends all that was kept of it.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ldt_stack.broker.federation.messages import SourceRequest
from ldt_stack.broker.federation.registration import Registration
from ldt_stack.broker.outbound import Answer

_ENTRY_BYTES: Final = 2048  # what an entry takes beside the body, about

Key = tuple[str | None, str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    endpoint: str
    until: datetime

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.answer.body) + _ENTRY_BYTES


class AnswerCache:
    """Bounded by bytes; what was not used for longest goes first. Used on the event loop alone."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._of_endpoint: defaultdict[str, set[Key]] = defaultdict(set)
        self._bytes = 0

    def key(
        self,
        tenant: str | None,
        registration: Registration,
        request: SourceRequest,
        url: str,
        headers: Mapping[str, str],
    ) -> Key | None:
        """What an answer is kept under; None: answers to such a request are not kept."""
        wanted = registration.management.cache_duration is not None
        if not wanted or request.method != "GET" or request.path.split("/")[1] != "entities":
            return None
        return tenant, registration.id, url, tuple(sorted(headers.items()))

    def find(self, key: Key, now: datetime) -> Answer | None:
        """What is kept and not too old."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.until <= now:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.answer

    def keep(self, key: Key, registration: Registration, answer: Answer, now: datetime, most_bytes: int) -> None:
        """Keep a valid answer, if it is one with content."""
        duration = registration.management.cache_duration
        if answer.status != 200 or duration is None:
            return
        self._drop(key)
        kept = _Kept(answer, registration.endpoint, duration.after(now, 1))
        if kept.until <= now or kept.size > most_bytes:
            return
        self._kept[key] = kept
        self._of_endpoint[kept.endpoint].add(key)
        self._bytes += kept.size
        while self._bytes > most_bytes:
            self._drop(next(iter(self._kept)))

    def written(self, registration: Registration) -> None:
        """Something was, or may have been, written where a Registration leads to."""
        for key in tuple(self._of_endpoint.get(registration.endpoint, ())):
            self._drop(key)

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._bytes -= kept.size
        keys = self._of_endpoint[kept.endpoint]
        keys.discard(key)
        if not keys:
            del self._of_endpoint[kept.endpoint]
