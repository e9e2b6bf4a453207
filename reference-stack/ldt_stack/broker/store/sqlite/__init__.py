"""The SQLite store: one file a tenant, write-ahead log, what was answered is on disk."""

from ldt_stack.broker.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
