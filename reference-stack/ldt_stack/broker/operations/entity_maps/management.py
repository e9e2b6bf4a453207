"""EntityMaps: retrieve, update, delete. ETSI GS CIM 009 V1.9.1, clauses 4.5.25, 5.2.39 and 5.14.1 to 5.14.3.

An EntityMap fixes the Entities that later requests consider (5.5.14). It is kept in two documents: the head, with what
the broker looks at often, and the entries. An entry whose Entity no longer fits the query is removed (5.5.9.3), but its
place is kept, so that offsets of pages still to come do not shift. Making maps: `creation.py`; using them: `queries.py`
and `walk.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ldt_stack.broker.call import Call
from ldt_stack.broker.errors import BadRequestData, ResourceNotFound, TooManyResults
from ldt_stack.broker.model.durations import end_of
from ldt_stack.broker.model.instants import format_instant, normalize
from ldt_stack.broker.model.names import JsonObject, without_keywords
from ldt_stack.broker.query.lexical import is_uri
from ldt_stack.broker.service import Broker
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.interface import Snapshot, Transaction

LOCAL: Final = "@none"  # "shall be used to refer to an Entity that is held locally" (5.2.39)
_UPDATABLE: Final = frozenset({"id", "type", "expiresAt"})
_OUTPUT_ONLY: Final = frozenset({"entityMap", "linkedMaps"})

Entries = dict[str, list[str] | None]  # Entity id -> registrations that have it; None: removed


@dataclass(frozen=True, slots=True)
class MapInput:
    """What a request says about EntityMaps.

    Args:
        identifier: Of the map to be used; None: none was named.
        wanted: Whether a map shall be made where there is none.
        lifetime: Suggested, an ISO 8601 duration; None: no suggestion.
    """

    identifier: str | None = None
    wanted: bool = False
    lifetime: str | None = None

    @property
    def concerned(self) -> bool:
        """Whether an EntityMap is used at all."""
        return self.wanted or self.identifier is not None


@dataclass(frozen=True, slots=True)
class MapUsed:
    """The EntityMap that an operation used, and whether it was made by it."""

    identifier: str
    created: bool


@dataclass(frozen=True, slots=True)
class StoredMap:
    """An EntityMap that has not expired: its head as stored, and its entries in order."""

    head: JsonObject
    entries: Entries

    @property
    def identifier(self) -> str:
        """Its id."""
        return str(self.head["id"])

    def shown(self) -> JsonObject:
        """The data type EntityMap (5.2.39)."""
        return {
            "id": self.head["id"],
            "type": "EntityMap",
            "expiresAt": self.head["expiresAt"],
            "entityMap": {identifier: regs for identifier, regs in self.entries.items() if regs is not None},
            "linkedMaps": self.head["linkedMaps"],
        }


async def retrieve_entity_map(broker: Broker, call: Call, map_id: str) -> JsonObject:
    """Retrieve EntityMap.

    Returns:
        The data type EntityMap (5.2.39).

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such EntityMap, or it has expired.

    Source: CIM 009 V1.9.1, clause 5.14.1.
    """
    _check_id(map_id)
    now = broker.now()
    found = await broker.store.read(call.tenant, lambda snapshot: find_map(snapshot, map_id, now))
    if found is None:
        raise _unknown(map_id)
    return found.shown()


async def update_entity_map(broker: Broker, call: Call, map_id: str, fragment: JsonObject) -> None:
    """Update EntityMap: of its members, clients can change "the expiry timestamp" alone (5.5.14).

    Args:
        broker: Its settings limit how far the expiry can be moved.
        call: Whose tenant.
        map_id: The target.
        fragment: Members of 5.2.39; output-only ones are ignored.

    Raises:
        BadRequestData: The id is no URI, or the Fragment is none of an EntityMap.
        ResourceNotFound: There is no such EntityMap, or it has expired.

    Source: CIM 009 V1.9.1, clause 5.14.2.
    """
    _check_id(map_id)
    expires_at = _check_fragment(map_id, fragment)
    instant = broker.clock()
    now = format_instant(instant)
    longest = end_of(
        None,
        "",
        instant,
        default_seconds=broker.settings.entity_map_max_seconds,
        longest_seconds=broker.settings.entity_map_max_seconds,
    )

    def work(transaction: Transaction) -> None:
        head = _find_head(transaction, map_id, now)
        if head is None:
            raise _unknown(map_id)
        if expires_at is not None:
            head["expiresAt"] = min(expires_at, format_instant(longest))
            transaction.put_document(DocumentKind.ENTITY_MAP, map_id, head)

    await broker.store.write(call.tenant, work)


def _check_fragment(map_id: str, fragment: JsonObject) -> str | None:
    """The new expiry, normalized; None where the Fragment has none."""
    fragment = without_keywords(fragment)
    unknown = fragment.keys() - _UPDATABLE - _OUTPUT_ONLY
    if unknown:
        raise BadRequestData(f"An EntityMap has no member {', '.join(sorted(unknown))} (clause 5.2.39).")
    if fragment.get("id", map_id) != map_id:
        raise BadRequestData(f'The Fragment has the id "{fragment["id"]}", its target is {map_id} (clause 5.4).')
    if fragment.get("type", "EntityMap") != "EntityMap":
        raise BadRequestData(f'The type of the Fragment is {fragment["type"]!r}; expected "EntityMap" (clause 5.2.39).')
    if "expiresAt" not in fragment:
        return None
    expires_at = normalize(fragment["expiresAt"])
    if expires_at is None:
        raise BadRequestData(f"expiresAt is {fragment['expiresAt']!r}; expected a DateTime (clause 4.6.3).")
    return expires_at


async def delete_entity_map(broker: Broker, call: Call, map_id: str) -> None:
    """Delete EntityMap.

    Raises:
        BadRequestData: The id is no URI.
        ResourceNotFound: There is no such EntityMap, or it has expired.

    Source: CIM 009 V1.9.1, clause 5.14.3.
    """
    _check_id(map_id)
    now = broker.now()

    def work(transaction: Transaction) -> None:
        if _find_head(transaction, map_id, now) is None:
            raise _unknown(map_id)
        _remove(transaction, map_id)

    await broker.store.write(call.tenant, work)


def _check_id(map_id: str) -> None:
    if not is_uri(map_id):
        raise BadRequestData(f"The id of the EntityMap is {map_id!r}, which is no valid URI.")


def _unknown(map_id: str) -> ResourceNotFound:
    return ResourceNotFound(f"There is no EntityMap {map_id}; it may have expired.", instance=map_id)


def _find_head(snapshot: Snapshot, map_id: str, now: str) -> JsonObject | None:
    head = snapshot.get_document(DocumentKind.ENTITY_MAP, map_id)
    return None if head is None or head["expiresAt"] <= now else head


def find_map(snapshot: Snapshot, map_id: str, now: str) -> StoredMap | None:
    """An EntityMap that can be used; None: "the resource cannot be found, or the data has expired" (5.7.2.4)."""
    head = _find_head(snapshot, map_id, now)
    entries = snapshot.get_document(DocumentKind.ENTITY_MAP_ENTRIES, map_id)
    return None if head is None or entries is None else StoredMap(head, entries)


async def store_map(
    broker: Broker,
    call: Call,
    entries: Mapping[str, Sequence[str]],
    query: str,
    lifetime: str | None,
    linked: Mapping[str, str] | None = None,
) -> StoredMap:
    """Keep a new EntityMap.

    Args:
        broker: Its settings limit the lifetime, and how many maps there are: the one that expires first makes room.
        call: Whose tenant.
        entries: Entity id -> registrations that have it, `LOCAL` for this broker; in the order of the result.
        query: What says which query it was, see `creation.identity_of`; "" where there was none.
        lifetime: Suggested, an ISO 8601 duration.
        linked: Registration id -> the EntityMap that its Context Source made.

    Raises:
        BadRequestData: The lifetime is no duration.
        TooManyResults: There are more Entities than a map may hold.

    Source: CIM 009 V1.9.1, clauses 5.14.4.4 and 5.14.5.4: "The local EntityMap is stored and made accessible".
    """
    settings = broker.settings
    if len(entries) > settings.entity_map_max_entities:
        raise TooManyResults(f"{len(entries)} Entities match; an EntityMap holds {settings.entity_map_max_entities}.")
    map_id = f"urn:ngsi-ld:EntityMap:{uuid.uuid4()}"
    head: JsonObject = {
        "id": map_id,
        "expiresAt": expiry(broker, lifetime),
        "linkedMaps": dict(linked or {}),
        "query": query,
    }
    kept: Entries = {identifier: list(registrations) for identifier, registrations in entries.items()}

    def work(transaction: Transaction) -> None:
        while transaction.count_documents(DocumentKind.ENTITY_MAP) >= settings.max_entity_maps:
            first = min(transaction.list_documents(DocumentKind.ENTITY_MAP), key=lambda one: str(one["expiresAt"]))
            _remove(transaction, first["id"])
        transaction.put_document(DocumentKind.ENTITY_MAP, map_id, head)
        transaction.put_document(DocumentKind.ENTITY_MAP_ENTRIES, map_id, kept)

    await broker.store.write(call.tenant, work)
    return StoredMap(head, kept)


def expiry(broker: Broker, lifetime: str | None) -> str:
    """When a map made now expires.

    Raises:
        BadRequestData: The lifetime is no duration.
    """
    instant: datetime = end_of(
        lifetime,
        "entityMapLifetime",
        broker.clock(),
        default_seconds=broker.settings.entity_map_default_seconds,
        longest_seconds=broker.settings.entity_map_max_seconds,
    )
    return format_instant(instant)


async def remove_entries(broker: Broker, call: Call, map_id: str, gone: Iterable[str]) -> None:
    """Remove Entities that no longer fit the query from an EntityMap (5.5.9.3); their places stay."""
    ids = tuple(gone)

    def work(transaction: Transaction) -> None:
        entries = transaction.get_document(DocumentKind.ENTITY_MAP_ENTRIES, map_id)
        if entries is not None:
            entries.update({identifier: None for identifier in ids if identifier in entries})
            transaction.put_document(DocumentKind.ENTITY_MAP_ENTRIES, map_id, entries)

    if ids:
        await broker.store.write(call.tenant, work)


async def remove_expired_maps(broker: Broker, tenant: str | None) -> int:
    """Remove EntityMaps that have expired from the store; how many there were."""
    now = broker.now()

    def expired(snapshot: Snapshot) -> list[str]:
        heads = snapshot.list_documents(DocumentKind.ENTITY_MAP)
        return [head["id"] for head in heads if head["expiresAt"] <= now]

    if not await broker.store.read(tenant, expired):
        return 0

    def work(transaction: Transaction) -> int:
        ids = expired(transaction)
        for map_id in ids:
            _remove(transaction, map_id)
        return len(ids)

    return await broker.store.write(tenant, work)


def _remove(transaction: Transaction, map_id: str) -> None:
    transaction.delete_document(DocumentKind.ENTITY_MAP, map_id)
    transaction.delete_document(DocumentKind.ENTITY_MAP_ENTRIES, map_id)
