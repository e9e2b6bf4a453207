"""The Subscriptions of all tenants in memory, indexed so that a change looks only at those it may concern.

Written on the event loop after each commit, read on the store's threads while changes are being made; a lock a tenant
keeps both apart. Ten thousand Subscriptions to other types or ids cost a change nothing.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence

from ldt_stack.broker.notifications.subscription import Selector, Subscription

_Bucket = dict[str, Subscription]


class _Tenant:
    """Subscriptions of one tenant: each is in one bucket a selector, by id, else by type name, else among the rest."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.all: _Bucket = {}
        self.by_id: defaultdict[str, _Bucket] = defaultdict(dict)
        self.by_type: defaultdict[str, _Bucket] = defaultdict(dict)
        self.rest: _Bucket = {}

    def _buckets(self, subscription: Subscription) -> Iterator[tuple[defaultdict[str, _Bucket] | None, str]]:
        for selector in subscription.selectors:
            yield from self._selector_buckets(selector)
        if not subscription.selectors:
            yield None, ""

    def _selector_buckets(self, selector: Selector) -> Iterator[tuple[defaultdict[str, _Bucket] | None, str]]:
        if selector.ids:
            yield from ((self.by_id, identifier) for identifier in selector.ids)
        elif selector.type_names:
            yield from ((self.by_type, name) for name in selector.type_names)
        else:
            yield None, ""

    def put(self, subscription: Subscription) -> None:
        self.remove(subscription.id)
        self.all[subscription.id] = subscription
        for buckets, key in self._buckets(subscription):
            (self.rest if buckets is None else buckets[key])[subscription.id] = subscription

    def remove(self, identifier: str) -> None:
        known = self.all.pop(identifier, None)
        if known is None:
            return
        for buckets, key in self._buckets(known):
            bucket = self.rest if buckets is None else buckets[key]
            bucket.pop(identifier, None)
            if buckets is not None and not bucket:
                del buckets[key]

    def candidates(self, entity_id: str, types: Sequence[str]) -> _Bucket:
        if not self.all:
            return {}
        found = dict(self.rest)
        found.update(self.by_id.get(entity_id, {}))
        for name in types:
            found.update(self.by_type.get(name, {}))
        return found


class SubscriptionIndex:
    """Compiled Subscriptions by tenant."""

    def __init__(self) -> None:
        self._tenants: dict[str | None, _Tenant] = {}

    def put(self, tenant: str | None, subscription: Subscription) -> None:
        """Add or replace one."""
        known = self._tenants.setdefault(tenant, _Tenant())
        with known.lock:
            known.put(subscription)

    def remove(self, tenant: str | None, identifier: str) -> None:
        """Forget one; nothing happens if it is not known."""
        known = self._tenants.get(tenant)
        if known is not None:
            with known.lock:
                known.remove(identifier)

    def get(self, tenant: str | None, identifier: str) -> Subscription | None:
        """One by its id."""
        known = self._tenants.get(tenant)
        return None if known is None else known.all.get(identifier)

    def candidates(self, tenant: str | None, entity_id: str, types: Sequence[str]) -> list[Subscription]:
        """Those that a change of an Entity may concern: the only ones worth asking."""
        known = self._tenants.get(tenant)
        if known is None:
            return []
        with known.lock:
            return list(known.candidates(entity_id, types).values())
