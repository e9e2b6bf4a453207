"""Subscriptions, registrations, hosted @contexts …: JSON documents by kind and id."""

from __future__ import annotations

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.interface import DocumentKind
from ldt_stack.broker.store.sqlite.session import Session


def get_document(session: Session, kind: DocumentKind, identifier: str) -> JsonObject | None:
    """See `Snapshot.get_document`."""
    row = session.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
    if row is None:
        return None
    document: JsonObject = orjson.loads(row[0])
    return document


def list_documents(
    session: Session, kind: DocumentKind, *, offset: int = 0, limit: int | None = None
) -> list[JsonObject]:
    """See `Snapshot.list_documents`."""
    rows = session.execute(
        "SELECT body FROM documents WHERE kind = ? ORDER BY number LIMIT ? OFFSET ?",
        (kind, -1 if limit is None else limit, offset),
    )
    return [orjson.loads(row[0]) for row in rows]


def count_documents(session: Session, kind: DocumentKind) -> int:
    """See `Snapshot.count_documents`."""
    count: int = session.execute("SELECT count(*) FROM documents WHERE kind = ?", (kind,)).fetchone()[0]
    return count


def documents_version(session: Session, kind: DocumentKind) -> int:
    """See `Snapshot.documents_version`."""
    return session.versions.get(kind, 0) + (kind in session.touched_kinds)


def put_document(session: Session, kind: DocumentKind, identifier: str, document: JsonObject) -> None:
    """See `Transaction.put_document`."""
    session.execute(
        "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
        " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
        (kind, identifier, orjson.dumps(document).decode()),
    )
    session.touched_kinds.add(kind)


def delete_document(session: Session, kind: DocumentKind, identifier: str) -> bool:
    """See `Transaction.delete_document`."""
    gone = session.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).rowcount > 0
    if gone:
        session.touched_kinds.add(kind)
    return gone
