"""The SQLite store keeps the contract, and what is particular to it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ldt_stack.broker.errors import BadRequestData, InternalError, NonexistentTenant, TooManyResults
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.interface import HOUSEKEEPING, Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.files import tenant_files
from ldt_stack.broker.store.sqlite.writer import Writer

from .history_contract import HistoryContract
from .store_contract import AT, StoreContract, entity, put


@pytest.fixture(params=["temporary", "directory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[SqliteStore]:
    """An empty store of either kind."""
    one = SqliteStore(BrokerSettings(data_dir=None if request.param == "temporary" else tmp_path / "data"))
    yield one
    await one.close()


class TestSqliteStore(StoreContract, HistoryContract):
    """SQLite keeps the contract."""


@pytest.mark.anyio
async def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    """State, tenants and names of tenants survive closing and opening."""
    settings = BrokerSettings(data_dir=tmp_path)
    first = SqliteStore(settings)
    await put(first, entity(1))
    await put(first, entity(2), tenant="Stadt/Köln%")
    await first.close()
    second = SqliteStore(settings)
    try:
        assert await second.tenants() == [None, "Stadt/Köln%"]
        assert await second.read(None, lambda s: s.get_entity(entity(1)["id"])) == entity(1)
        assert await second.read("Stadt/Köln%", lambda s: s.get_entity(entity(2)["id"])) == entity(2)
    finally:
        await second.close()


@pytest.mark.anyio
async def test_a_temporary_store_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory of a temporary store is gone when it is closed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def contents() -> list[Path]:
        return list(tmp_path.iterdir())

    store = SqliteStore(BrokerSettings())
    await put(store, entity(1))
    assert contents() != []
    await store.close()
    assert contents() == []


def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    """A file of a version that is not known is not opened, and not changed."""
    path = tmp_path / "default.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA application_id = 0x4C445442; PRAGMA user_version = 99; CREATE TABLE t (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InternalError, match="schema version 99"):
        SqliteStore(BrokerSettings(data_dir=tmp_path))
    assert path.read_bytes() == before


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    """A database of another program is not opened."""
    connection = sqlite3.connect(tmp_path / "default.sqlite")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(InternalError, match="no database of this broker"):
        SqliteStore(BrokerSettings(data_dir=tmp_path))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Garbage in the place of the database is a clear error."""
    (tmp_path / "default.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InternalError, match="cannot be opened"):
        SqliteStore(BrokerSettings(data_dir=tmp_path))


@pytest.mark.anyio
async def test_one_broker_a_directory(tmp_path: Path) -> None:
    """A second store on the same directory is refused."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path))
    try:
        with pytest.raises(InternalError, match="in use by another broker"):
            SqliteStore(BrokerSettings(data_dir=tmp_path))
    finally:
        await store.close()


@pytest.mark.anyio
async def test_a_full_disk_keeps_what_was_there(store: SqliteStore) -> None:
    """Where no page is left, writes fail with InternalError, nothing half written stays, and small ones go on later."""
    await put(store, entity(1))

    def limit_pages(spare: int) -> Any:
        def work(transaction: Transaction) -> None:
            session = transaction.session  # type: ignore[attr-defined]  # the SQLite one: it has a connection
            pages = session.execute("PRAGMA page_count").fetchone()[0]
            session.execute(f"PRAGMA max_page_count = {pages + spare}")

        return work

    await store.write(None, limit_pages(0))
    long = {"type": "Property", "value": "x" * 300_000, "createdAt": AT, "modifiedAt": AT}
    big = entity(2, **{"https://example.org/big": [long]})
    results = await asyncio.gather(*(put(store, entity(10 + n), big) for n in range(3)), return_exceptions=True)
    for result in results:
        assert isinstance(result, InternalError)
        assert "full" in result.detail
    assert await store.read(None, lambda s: s.get_entity(entity(1)["id"])) == entity(1)
    assert await store.read(None, lambda s: [s.get_entity(entity(n)["id"]) for n in (2, 10, 11, 12)]) == [None] * 4
    await store.write(None, limit_pages(1000))
    await put(store, big)
    assert await store.read(None, lambda s: s.get_entity(big["id"])) == big


@pytest.mark.anyio
async def test_the_writer_outlives_what_nobody_foresaw(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours fails the writes that met it; later ones do not wait for a thread that is gone."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "_commit_together", fail)
        async with asyncio.timeout(10):
            with pytest.raises(InternalError, match="a fault of ours"):
                await put(store, entity(1))
    async with asyncio.timeout(10):
        await put(store, entity(2))
    assert await store.read(None, lambda s: s.get_entity(entity(1)["id"])) is None
    assert await store.read(None, lambda s: s.get_entity(entity(2)["id"])) == entity(2)


@pytest.mark.anyio
async def test_tenants_are_limited_and_their_files_closed(tmp_path: Path) -> None:
    """No more tenants than allowed come into being; no more files than allowed stay open; all stay usable."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path, max_tenants=5, max_open_tenants=2))
    try:
        for number in range(5):
            await put(store, entity(number), tenant=f"t{number}")
        with pytest.raises(TooManyResults):
            await put(store, entity(9), tenant="t9")
        for number in range(5):
            found = await store.read(f"t{number}", lambda s, n=number: s.get_entity(entity(n)["id"]))  # type: ignore[misc]  # default binds the loop variable
            assert found == entity(number)
            await put(store, entity(number + 20), tenant=f"t{number}")
    finally:
        await store.close()


def open_files(directory: Path) -> set[str]:
    """Names of the files that this process has open there."""
    opened = {Path(file.path) for file in psutil.Process().open_files()}
    return {path.name for path in opened if path.parent == directory}


@pytest.mark.anyio
async def test_files_of_unused_tenants_are_closed(tmp_path: Path) -> None:
    """A tenant that nobody uses is closed, also if it is swept meanwhile; who asks again finds everything."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path, tenant_idle_seconds=0.1))

    async def read_as_housekeeper() -> None:
        HOUSEKEEPING.set(True)
        await store.read("quiet", lambda s: s.get_entity("urn:x"))
        await store.read("quiet", lambda s: s.get_entity("urn:x"), dear=True)

    try:
        await put(store, entity(1), tenant="quiet")
        await store.read("quiet", lambda s: s.count_types(), dear=True)
        assert "quiet" in await store.open_tenants()
        assert "tenant-quiet.sqlite" in open_files(tmp_path)
        deadline = time.monotonic() + 20
        while "tenant-quiet.sqlite" in open_files(tmp_path):
            assert time.monotonic() < deadline, "the file stays open"
            await asyncio.sleep(0.02)
            if "quiet" in await store.open_tenants():
                await asyncio.create_task(read_as_housekeeper())
        assert await store.read("quiet", lambda s: s.get_entity(entity(1)["id"])) == entity(1)
        await put(store, entity(2), tenant="quiet")
        assert "quiet" in await store.open_tenants()
    finally:
        await store.close()


@pytest.mark.anyio
async def test_what_is_refused_makes_no_file(tmp_path: Path) -> None:
    """Neither a read nor a write that creates nothing makes a tenant's file."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path))
    try:
        with pytest.raises(NonexistentTenant):
            await store.read("none", lambda s: s.count_types(), dear=True)
        with pytest.raises(NonexistentTenant):
            await store.write("none", lambda t: t.delete_entity("urn:x"))
        assert tenant_files(tmp_path) == [tmp_path / "default.sqlite"]
    finally:
        await store.close()


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["", "x" * 300])
async def test_a_tenant_that_has_no_file_name(store: SqliteStore, name: str) -> None:
    """A name that no file can have is refused."""
    with pytest.raises(BadRequestData):
        await put(store, entity(1), tenant=name)
