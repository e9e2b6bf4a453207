"""docs/broker-clauses.md says which function implements which clause, and is up to date (tools/broker_clauses.py)."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool that makes the table."""
    spec = importlib.util.spec_from_file_location("broker_clauses", ROOT / "tools/broker_clauses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_docstrings_say(tool: ModuleType) -> None:
    text, problems = tool.render(tool.index_from_table())
    assert problems == []
    assert tool.TABLE.read_text(encoding="utf-8") == text, "out of date; run: python tools/broker_clauses.py"


@pytest.mark.spec
def test_the_table_has_every_clause_of_chapters_5_and_6(tool: ModuleType) -> None:
    assert tool.index_from_table() == tool.index_from_spec(Path(os.environ["LDT_SPEC_DIR"]))


def test_a_clause_that_nobody_implements_needs_a_reason(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    index = [*tool.index_from_table(), ("5.99", "New")]
    text, problems = tool.render(index)
    assert problems == ["5.99 New: nobody implements it, and there is no reason why not"]
    assert "| 5.99 | New | not implemented |" in text
    monkeypatch.setitem(tool.REASONS, "5.99", "not yet")
    text, problems = tool.render(index)
    assert problems == []
    assert "| 5.99 | New | not implemented: not yet |" in text


def test_a_reason_that_is_not_needed_is_a_problem(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tool.REASONS, "5.6.1", "too dear")
    monkeypatch.setitem(tool.REASONS, "5.98", "no such clause")
    _, problems = tool.render(tool.index_from_table())
    assert [problem.split(",")[0] for problem in problems] == [
        "5.6.1 Create Entity: has a reason",
        "5.98: has a reason",
    ]


@pytest.mark.parametrize(
    ("docstring", "clauses"),
    [
        ("Create Entity (5.6.1).", ["5.6.1"]),
        ("Clauses 5.8.1 to 5.8.3 and 6.10.", ["5.8.1", "5.8.2", "5.8.3", "6.10"]),
        ("Clauses 6.18 to 6.20; table 6.4.3.2-1", ["6.18", "6.19", "6.20", "6.4.3.2"]),
        ("As 5.6.1.4 says: V1.9.1, 4.5.1, C.5.16, 15.6 and 0.5.3", ["5.6.1.4"]),
        ("RFC 7231, 5.3.2 and section 5.4; MQTT 5.0", []),
        ("(5.5.8, 5.5.8)", ["5.5.8"]),
    ],
)
def test_clauses_are_found_in_a_docstring(tool: ModuleType, docstring: str, clauses: list[str]) -> None:
    assert tool.clauses_in(docstring) == clauses
