"""Notifications that are owed: written with the change that owes them, gone when they were delivered."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson

from ldt_stack.broker.store.data import Delivery
from ldt_stack.broker.store.sqlite.session import Session


def owed_deliveries(session: Session, limit: int, after: int = 0) -> list[Delivery]:
    """See `Snapshot.owed_deliveries`."""
    rows = session.execute(
        "SELECT subscription, body, number FROM outbox WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
    )
    return [Delivery(row[0], orjson.loads(row[1]), row[2]) for row in rows]


def last_delivery(session: Session, subscription_id: str) -> Delivery | None:
    """See `Snapshot.last_delivery`."""
    row = session.execute(
        "SELECT body, number FROM outbox WHERE subscription = ? ORDER BY number DESC LIMIT 1", (subscription_id,)
    ).fetchone()
    return None if row is None else Delivery(subscription_id, orjson.loads(row[0]), row[1])


def enqueue(session: Session, deliveries: Sequence[Delivery]) -> None:
    """See `Transaction.enqueue`."""
    for delivery in deliveries:
        content = orjson.dumps(delivery.body)
        number = session.next_delivery()
        session.writes.outbox.append((number, delivery.subscription_id, content.decode()))
        # Told of is what was written: the body may share parts with what its caller goes on changing.
        session.enqueued.append(Delivery(delivery.subscription_id, orjson.loads(content), number))


def drop_deliveries(session: Session, numbers: Collection[int]) -> None:
    """See `Transaction.drop_deliveries`."""
    wanted = orjson.dumps(list(numbers)).decode()
    session.execute("DELETE FROM outbox WHERE number IN (SELECT value FROM json_each(?))", (wanted,))


def drop_deliveries_of(session: Session, subscription_id: str) -> None:
    """See `Transaction.drop_deliveries_of`."""
    session.execute("DELETE FROM outbox WHERE subscription = ?", (subscription_id,))
