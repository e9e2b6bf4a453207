"""Tables of a tenant's file, and the refusal to open what this version does not understand."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from ldt_stack.broker.errors import InternalError

APPLICATION_ID = 0x4C445442  # "LDTB"
SCHEMA_VERSION = 7
_CACHE_KIB = 8192  # of a connection that reads
_WRITER_CACHE_KIB = 32768  # values and ids come in any order: what is written again soon should be at hand
_WRITER_CHECKPOINT_PAGES = 4000  # of the log, 16 MiB; pages that are written often go to the file less often

# Names (IRIs) are long and few: they are kept once. `stored` and `instances` say what bodies leave out. Instants of
# Entities are normalized text (six digits, UTC), those of the history microseconds since 1970: there are many.
# `form`, `created` and `places` are what a replacement has to know of an Entity that was written as nothing but plain.
# What an Entity has in the tables that find it follows from its body: no index leads back from the Entity to them, but
# from an Entity that one condition has found to its values, for the others.
_TABLES = """
CREATE TABLE names (number INTEGER PRIMARY KEY, iri TEXT NOT NULL UNIQUE);

CREATE TABLE entities (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, form INTEGER, created INTEGER, places TEXT NOT NULL,
    expires_at TEXT, next_expiry TEXT, times TEXT, body TEXT NOT NULL);
CREATE INDEX entities_expiring ON entities (next_expiry) WHERE next_expiry IS NOT NULL;
CREATE TABLE entity_types (type INTEGER NOT NULL, entity INTEGER NOT NULL, PRIMARY KEY (type, entity)) WITHOUT ROWID;
CREATE TABLE entity_attributes (
    attribute INTEGER NOT NULL, entity INTEGER NOT NULL, PRIMARY KEY (attribute, entity)) WITHOUT ROWID;
CREATE TABLE entity_values (
    attribute INTEGER NOT NULL, value NOT NULL, entity INTEGER NOT NULL,
    PRIMARY KEY (attribute, value, entity)) WITHOUT ROWID;
CREATE INDEX values_of_entity ON entity_values (attribute, entity, value);
CREATE TABLE indexed (attribute INTEGER PRIMARY KEY, complete INTEGER NOT NULL);

CREATE VIRTUAL TABLE places USING rtree (number, west, east, south, north, +attribute);

CREATE TABLE temporal_entities (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, head TEXT NOT NULL);
CREATE TABLE temporal_types (type INTEGER NOT NULL, entity INTEGER NOT NULL, PRIMARY KEY (type, entity)) WITHOUT ROWID;

CREATE TABLE shapes (number INTEGER PRIMARY KEY, attributes TEXT NOT NULL UNIQUE);
CREATE TABLE history (
    number INTEGER PRIMARY KEY, entity INTEGER NOT NULL, shape INTEGER NOT NULL, instance_id NOT NULL,
    body TEXT NOT NULL, observed_at INTEGER, created_at INTEGER, modified_at INTEGER, deleted_at INTEGER);
CREATE INDEX history_observed ON history (entity, shape, observed_at);

CREATE TABLE documents (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id));

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX outbox_subscription ON outbox (subscription);
"""


def connect(path: Path, *, durable: bool, create: bool) -> sqlite3.Connection:
    """Open a tenant's file, and make its tables if it is new.

    Args:
        path: The file.
        durable: Whether a commit waits for the disk; False for temporary stores.
        create: Whether it writes: a new file gets its tables; otherwise it must have them.

    Raises:
        InternalError: The file is none of ours, or of another schema version, or cannot be opened.
    """
    connection: sqlite3.Connection | None = None
    try:
        # mode=rw: a tenant that was removed just now is not brought back as an empty file.
        where = str(path) if create else f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            where, isolation_level=None, check_same_thread=False, cached_statements=256, uri=not create
        )
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB if create else _CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WRITER_CHECKPOINT_PAGES}")
        if create and _is_empty(connection):
            _create(connection, path)
        _check(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise InternalError(f"The database {path} cannot be opened: {error}") from error
    except InternalError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0) and bool(
        connection.execute("PRAGMA application_id").fetchone()[0] == 0
    )


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES}"
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )
    if sys.platform != "win32":  # the new name must survive a power cut, too; Windows has no such call
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise InternalError(f"{path} is no database of this broker; point --data at another directory")
    if version != SCHEMA_VERSION:
        raise InternalError(
            f"{path} has schema version {version}, this broker knows {SCHEMA_VERSION}; use the version that wrote it"
        )
