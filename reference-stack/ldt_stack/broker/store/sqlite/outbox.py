"""Notifications that are owed: written with the change that owes them, gone when they were delivered."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from ldt_stack.broker.store.interface import Delivery
from ldt_stack.broker.store.sqlite.session import Session


def due_deliveries(session: Session, now: str, limit: int, after: int = 0) -> list[Delivery]:
    """See `Snapshot.due_deliveries`."""
    rows = session.execute(
        "SELECT subscription, body, due_at, attempts, number FROM outbox"
        " WHERE due_at <= ? AND number > ? ORDER BY number LIMIT ?",
        (now, after, limit),
    )
    return [Delivery(row[0], orjson.loads(row[1]), row[2], row[3], row[4]) for row in rows]


def next_due(session: Session) -> str | None:
    """See `Snapshot.next_due`."""
    due: str | None = session.execute("SELECT min(due_at) FROM outbox").fetchone()[0]
    return due


def enqueue(session: Session, deliveries: Sequence[Delivery]) -> None:
    """See `Transaction.enqueue`."""
    session.connection.executemany(
        "INSERT INTO outbox (subscription, body, due_at, attempts) VALUES (?, ?, ?, ?)",
        [(d.subscription_id, orjson.dumps(d.body).decode(), d.due_at, d.attempts) for d in deliveries],
    )
    session.enqueued = session.enqueued or bool(deliveries)


def reschedule(session: Session, delivery: Delivery) -> None:
    """See `Transaction.reschedule`."""
    session.execute(
        "UPDATE outbox SET due_at = ?, attempts = ? WHERE number = ?",
        (delivery.due_at, delivery.attempts, delivery.number),
    )
    session.enqueued = True  # the delivery thread must look again when it is due


def drop_delivery(session: Session, number: int) -> None:
    """See `Transaction.drop_delivery`."""
    session.execute("DELETE FROM outbox WHERE number = ?", (number,))


def drop_deliveries_of(session: Session, subscription_id: str) -> None:
    """See `Transaction.drop_deliveries_of`."""
    session.execute("DELETE FROM outbox WHERE subscription = ?", (subscription_id,))
