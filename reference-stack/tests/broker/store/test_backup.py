"""Online backup: whole, consistent, and of a broker that goes on writing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from ldt_stack.broker.backup import main
from ldt_stack.broker.settings import BrokerSettings
from ldt_stack.broker.store.data import EntityQuery, HistoryRow
from ldt_stack.broker.store.interface import Transaction
from ldt_stack.broker.store.sqlite import SqliteStore
from ldt_stack.broker.store.sqlite.backup import back_up

from .store_contract import AT, CAR, SPEED, entity, instance, put


def write_both(number: int) -> object | None:
    """One transaction that writes an Entity and a row of its history."""

    def work(transaction: Transaction) -> None:
        identifier = entity(number)["id"]
        transaction.put_entity(entity(number))
        transaction.put_temporal_head({"id": identifier, "type": [CAR], "createdAt": AT, "modifiedAt": AT})
        transaction.append_history([HistoryRow(identifier, SPEED, instance(number))])

    return work


@pytest.mark.anyio
async def test_a_backup_under_load_is_one_instant(tmp_path: Path) -> None:
    """While Entities are written: the copy has all that was acknowledged before, and no half of anything."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path / "data"))
    acknowledged = 0
    copied, begun = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        nonlocal acknowledged
        while not copied.is_set():
            await store.write(None, write_both(acknowledged))
            acknowledged += 1
            if acknowledged == 20:
                begun.set()

    writing = asyncio.create_task(write())
    try:
        await put(store, entity(1), tenant="Stadt/Köln")
        await begun.wait()
        before = acknowledged
        files = await asyncio.to_thread(back_up, tmp_path / "data", tmp_path / "copy")
        copied.set()
        await writing
    finally:
        copied.set()
        await store.close()
    assert [file.name for file in files] == ["default.sqlite", "tenant-%53tadt%2F%4B%C3%B6ln.sqlite"]
    with sqlite3.connect(tmp_path / "copy" / "default.sqlite") as copy:
        entities = copy.execute("SELECT count(*) FROM entities").fetchone()[0]
        assert copy.execute("SELECT count(*) FROM history").fetchone()[0] == entities
    copy.close()
    assert before <= entities <= acknowledged
    restored = SqliteStore(BrokerSettings(data_dir=tmp_path / "copy"))
    try:
        page = await restored.read(None, lambda s: s.query_entities(EntityQuery(limit=1000)))
        assert page.entities == [entity(number) for number in range(entities)]
        assert await restored.read("Stadt/Köln", lambda s: s.get_entity(entity(1)["id"])) == entity(1)
    finally:
        await restored.close()


@pytest.mark.anyio
async def test_the_command_says_what_it_wrote_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the copies; a second backup into the same directory is refused, and so is an empty source."""
    store = SqliteStore(BrokerSettings(data_dir=tmp_path / "data"))
    await put(store, entity(1))
    await store.close()
    arguments = ["--data", str(tmp_path / "data"), "--to", str(tmp_path / "copy")]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'copy' / 'default.sqlite'}\n"
    assert main(arguments) == 4
    assert "has databases already" in capsys.readouterr().err
    assert main(["--data", str(tmp_path / "nothing"), "--to", str(tmp_path / "other")]) == 4
    assert "it has no database" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_somebody_elses_database_is_not_copied(tmp_path: Path) -> None:
    """A file that is no database of a broker ends the backup with a clear message."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "default.sqlite").write_bytes(b"no database" * 100)
    assert main(["--data", str(tmp_path / "data"), "--to", str(tmp_path / "copy")]) == 4
    assert list((tmp_path / "copy").iterdir()) == []
