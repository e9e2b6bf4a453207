"""A disk that is full sooner or later (files cannot grow beyond a size): said clearly, the target left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..engine.fakes import FakeBroker
from .process import assert_clear, ldt, said

pytestmark = pytest.mark.posix  # RLIMIT_FSIZE


@pytest.mark.parametrize("kibibytes", [1, 8, 24, 200])
def test_a_check_on_a_full_disk(broker: FakeBroker, tmp_path: Path, kibibytes: int) -> None:
    """Full during the preflight, among the checks, or with the report: exit 4, one clear error."""
    arguments = ["check", broker.url, "--mode", "sandbox-write", "--select", "create_entity", "-n", "1"]
    done = ldt(*arguments, cwd=tmp_path, largest_file_bytes=kibibytes * 1024)
    assert done.returncode == 4, done.stdout + done.stderr
    assert_clear(done)
    assert "Is the disk full?" in said(done)
    assert not (tmp_path / "ldt-report" / "report.json").exists()
    ldt("cleanup", cwd=tmp_path)
    assert broker.stored == {}


def test_a_load_run_whose_journal_does_not_fit(broker: FakeBroker, tmp_path: Path) -> None:
    """All ids are journalled before the first is created, so nothing is created at all."""
    arguments = ["load", broker.url, "--mode", "load", "--scenario", "ingest", "--duration", "1s"]
    done = ldt(*arguments, cwd=tmp_path, largest_file_bytes=16 * 1024)
    assert done.returncode == 4, done.stdout + done.stderr
    assert_clear(done)
    assert "the journal" in said(done)
    assert "nothing was sent" in said(done)
    assert broker.written() == []
