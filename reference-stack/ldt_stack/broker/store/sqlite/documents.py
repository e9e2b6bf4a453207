"""Subscriptions, registrations, hosted @contexts …: JSON documents by kind and id."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import orjson

from ldt_stack.broker.model.names import JsonObject
from ldt_stack.broker.store.data import DocumentKind
from ldt_stack.broker.store.sqlite.session import Session


def get_document(session: Session, kind: DocumentKind, identifier: str) -> JsonObject | None:
    """See `Snapshot.get_document`."""
    row = session.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).fetchone()
    if row is None:
        return None
    document: JsonObject = orjson.loads(row[0])
    return document


def get_documents(session: Session, kind: DocumentKind, identifiers: Collection[str]) -> dict[str, JsonObject]:
    """See `Snapshot.get_documents`."""
    rows = session.execute(
        "SELECT id, body FROM documents WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",
        (kind, orjson.dumps(list(identifiers)).decode()),
    )
    return {row[0]: orjson.loads(row[1]) for row in rows}


def existing_documents(session: Session, kind: DocumentKind, identifiers: Collection[str]) -> set[str]:
    """See `Snapshot.existing_documents`. The index knows: no document is read."""
    rows = session.execute(
        "SELECT id FROM documents WHERE kind = ? AND id IN (SELECT value FROM json_each(?))",
        (kind, orjson.dumps(list(identifiers)).decode()),
    )
    return {row[0] for row in rows}


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
    put_documents(session, kind, {identifier: document})


def put_documents(session: Session, kind: DocumentKind, documents: Mapping[str, JsonObject]) -> None:
    """See `Transaction.put_documents`."""
    session.executemany(
        "INSERT INTO documents (kind, id, body) VALUES (?, ?, ?)"
        " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
        [(kind, identifier, orjson.dumps(document).decode()) for identifier, document in documents.items()],
    )
    session.touched_kinds.add(kind)


def delete_document(session: Session, kind: DocumentKind, identifier: str) -> bool:
    """See `Transaction.delete_document`."""
    gone = session.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier)).rowcount > 0
    if gone:
        session.touched_kinds.add(kind)
    return gone
