"""`ldt` as a process, with what a test wants to know of its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from ldt_conformance import cli

HANGING_SECONDS = 110  # a command that does not end at all; under pytest's own limit, so that its words are seen
LIMITED = """
import os, resource, sys
size = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
os.execv(sys.executable, [sys.executable, "-m", "ldt_conformance", *sys.argv[2:]])
"""


def ldt(
    *arguments: str, cwd: Path, largest_file_bytes: int | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; no file that it writes can grow beyond `largest_file_bytes`, as on a full disk."""
    command = [sys.executable, "-m", "ldt_conformance", *arguments]
    if largest_file_bytes is not None:
        command = [sys.executable, "-c", LIMITED, str(largest_file_bytes), *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=HANGING_SECONDS, check=False
    )


def ldt_here(
    *arguments: str, cwd: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> subprocess.CompletedProcess[str]:
    """The same command line within this process: quick, for commands that end before they start anything."""
    monkeypatch.chdir(cwd)
    monkeypatch.setattr(sys, "argv", ["ldt", *arguments])
    monkeypatch.setattr(cli, "app", typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return subprocess.CompletedProcess(list(arguments), int(ended.value.code or 0), out, err)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that it printed, on one line each word after the other: the terminal's width breaks lines."""
    return " ".join((done.stdout + done.stderr).split())


def assert_clear(done: subprocess.CompletedProcess[str]) -> None:
    """It ended in words: no traceback, and nothing that it blames on itself without knowing why."""
    text = said(done)
    for unwanted in ("Traceback", "INTERNALERROR", "mistake of ours"):
        assert unwanted not in text, done.stdout + done.stderr


def report_of(folder: Path) -> dict[str, Any]:
    """The raw report of a run set."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report
