"""What goes into a store and comes out of it: questions, pages, rows of the history, deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from ldt_stack.broker.model.names import JsonObject


class DocumentKind(StrEnum):
    """What is kept beside Entities and their history; each kind has its own name space of ids."""

    SUBSCRIPTION = "subscription"
    SUBSCRIPTION_STATUS = "subscription-status"  # counters and times, apart so that they do not invalidate caches
    CONTEXT = "context"
    CONTEXT_COPY = "context-copy"  # by URL: of @contexts elsewhere that Subscriptions need
    REGISTRATION = "registration"
    REGISTRATION_STATUS = "registration-status"  # likewise
    REGISTRATION_SUBSCRIPTION = "registration-subscription"
    FORWARDED_SUBSCRIPTION = "forwarded-subscription"  # by id of the Subscription: what Context Sources have of it
    ENTITY_MAP = "entity-map"
    ENTITY_MAP_ENTRIES = "entity-map-entries"  # apart, because they can be many
    SNAPSHOT = "snapshot"


class Predicate(Protocol):
    """A parsed condition (type selection, q, geo-query, scope query): a frozen syntax tree of `broker.query`.

    A store that cannot translate a tree evaluates it in memory with this method; results are the same.
    """

    def matches(self, entity: JsonObject) -> bool:
        """Whether an expanded Entity meets the condition."""
        ...


@dataclass(frozen=True, slots=True)
class EntitySelector:
    """Clause 5.2.33: which Entities; all given parts must hold. Ids are exact, the pattern a regular expression."""

    ids: tuple[str, ...] = ()
    id_pattern: str | None = None
    types: Predicate | None = None


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """A parsed query over Entities (5.7.2): selectors are alternatives, all other conditions must hold.

    Args:
        selectors: Any of them; empty means every Entity.
        attributes: IRIs; an Entity must have at least one of them (empty: no condition).
        conditions: q, geo-query, scope query … as syntax trees of `broker.query`; all must hold.
        order_by: An `Ordering` of `broker.query.ordering`; empty: in the order of creation.
        offset: Entities to skip, in that order.
        limit: At most so many are returned; 0 with `count` for the number alone.
        count: Whether `Page.count` is wanted.
        instance_times: Whether createdAt and modifiedAt of Attribute instances are wanted; a store may leave them out
            otherwise. Conditions see them either way.
        as_text: Whether `Page.texts` will do, without times of instances.
    """

    selectors: tuple[EntitySelector, ...] = ()
    attributes: tuple[str, ...] = ()
    conditions: tuple[Predicate, ...] = ()
    order_by: tuple[object, ...] = ()
    offset: int = 0
    limit: int = 20
    count: bool = False
    instance_times: bool = True
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query: expanded Entities, whether more follow, and the number of all if it was asked for.

    Where texts would do and no order was asked for, they are in `texts` instead (see `model.entity_text`).
    """

    entities: list[JsonObject]
    more: bool = False
    count: int | None = None
    texts: list[str] | None = None


TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]


class HistoryRow(NamedTuple):
    """One Attribute instance of the temporal evolution of an Entity.

    Args:
        entity_id: The Entity.
        attribute: IRI of the Attribute; "scope" for the history of the scope.
        instance: The expanded instance as it was written, with createdAt, modifiedAt, instanceId, and deletedAt where
            it records a deletion (then its value member is the NGSI-LD Null).
    """

    entity_id: str
    attribute: str
    instance: JsonObject

    @property
    def instance_id(self) -> str:
        """Unique in the tenant."""
        identifier: str = self.instance["instanceId"]
        return identifier


@dataclass(frozen=True, slots=True)
class TemporalEntity:
    """Head of the temporal evolution of an Entity: everything but its Attribute instances.

    `head` is expanded: id, type (every type it ever had), scope, createdAt, modifiedAt, deletedAt. Where instances are
    loaded they are in `attributes`: IRI (or "scope") -> instances, in the order of the time property asked for, oldest
    first. `complete` is false where `TemporalQuery.max_instances` left some out.
    """

    head: JsonObject
    attributes: dict[str, list[JsonObject]] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class TemporalQuery:
    """A parsed temporal query (4.11): which instances.

    Args:
        timeproperty: Which instant of an instance is compared.
        timerel: None: no condition on time.
        time_at: Normalized instant (six digits, UTC; see `model.instants.normalize`).
        end_time_at: Likewise, for "between".
        last_n: At most so many instances per Attribute, the newest ones; None: all.
        attributes: IRIs of wanted Attributes; empty: all.
        dataset_ids: None: all; a member "@none" means the default instance.
        max_instances: About so many instances of an Entity are enough: its oldest, or with `last_n` its newest ones.
            All instances at the last instant are there then, and those of two instants at least.
    """

    timeproperty: TimeProperty = "observedAt"
    timerel: Literal["before", "after", "between"] | None = None
    time_at: str | None = None
    end_time_at: str | None = None
    last_n: int | None = None
    attributes: tuple[str, ...] = ()
    dataset_ids: tuple[str, ...] | None = None
    max_instances: int | None = None


@dataclass(frozen=True, slots=True)
class TemporalPage:
    """One page of a temporal query."""

    entities: list[TemporalEntity]
    more: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification owed: stays in the outbox until it was delivered or given up.

    Args:
        subscription_id: For which subscription.
        body: What the notifier needs to send it; JSON.
        number: Given by the store; 0 before it is stored. Ascending in the order of commits.
    """

    subscription_id: str
    body: JsonObject
    number: int = 0
