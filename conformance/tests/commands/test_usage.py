"""What is wrong with a command or a site file is told with exit code 2, in a sentence, before the target is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..engine.fakes import FakeBroker
from .process import assert_clear, ldt, ldt_here, said

WriteSite = Callable[..., Path]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check", "{url}", "--select", "create and"], "--select"),
        (["check", "{url}", "--out", "file/out"], "--out"),
        (["check", "nowhere.yaml"], "nowhere.yaml"),
        (["check", "ftp://127.0.0.1"], "expected a URL that starts with http"),
        (["load", "{url}"], "needs the mode load"),
        (["load", "{url}", "--mode", "load", "--scenario", "stampede"], "unknown; known: ingest"),
        (["load", "{url}", "--mode", "load", "--duration", "soon"], "expected a time above 0"),
        (["load", "{url}", "--mode", "load", "--rate", "-3"], "--rate"),
        (["gap", "nowhere.yaml"], "nowhere.yaml"),
        (["discover", "127.0.0.1:1"], "http://"),
        (["cleanup", "--out", "nowhere"], "no such file or folder"),
        (["badge", "nowhere"], "cannot be read"),
        (["report", "render", "file"], "file"),
        (["report", "render", "nowhere", "--format", "pdf"], "--format"),
        (["chekc"], "No such command"),
    ],
    ids=lambda value: " ".join(value).replace("/", "-") if isinstance(value, list) else "",
)
def test_an_option_that_cannot_be(
    broker: FakeBroker,
    tmp_path: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command: exit 2, the sentence that says what is wrong, no request, no file."""
    (tmp_path / "file").write_text("x")
    given = [part.format(url=broker.url) for part in arguments]
    if given[0] == "check":  # it starts pytest, and there is one here already
        done = ldt(*given, cwd=tmp_path)
    else:
        done = ldt_here(*given, cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert done.returncode == 2, done.stdout + done.stderr
    assert_clear(done)
    assert sentence in said(done)
    assert broker.seen == []
    assert [path.name for path in tmp_path.iterdir() if path.name not in {"file", "ldt-report"}] == []
    assert not (tmp_path / "ldt-report" / "report.json").exists()


def test_a_selection_that_matches_nothing(broker: FakeBroker, tmp_path: Path) -> None:
    """It is known once the checks were collected: exit 2, no report, and nothing but harmless reads was sent."""
    done = ldt("check", broker.url, "--select", "no_check_has_this_name", "-n", "1", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert_clear(done)
    assert "no check matches" in said(done)
    assert broker.written() == []
    assert not (tmp_path / "ldt-report" / "report.json").exists()


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown key": ({"safty": {}}, {}, "nearest known: safety"),
    "unknown mode": ({"safety": {"mode": "probing"}}, {}, "nearest known: probe"),
    "secret not set": ({}, {"auth": {"kind": "bearer", "token": "${LDT_TEST_UNSET}"}}, "LDT_TEST_UNSET is not set"),
    "secret file missing": ({}, {"auth": {"kind": "bearer", "token": {"file": "absent"}}}, "cannot be read"),
    "own CA missing": ({}, {"ca": "absent.pem"}, "certificate file cannot be used"),
    "source without endpoint": (
        {"data_sources": [{"name": "s", "endpoint": "objects"}]}, {}, "an endpoint is named that is not",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_site_file(
    broker: FakeBroker,
    write_site: WriteSite,
    tmp_path: Path,
    mistake: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of mistake: exit 2, what and where, and no request."""
    sections, endpoint, sentence = MISTAKES[mistake]
    write_site({"safety": {"mode": "load"}, **sections}, broker={"url": broker.url, **endpoint})
    done = ldt_here("load", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert done.returncode == 2, done.stdout + done.stderr
    assert_clear(done)
    assert sentence in said(done)
    assert broker.seen == []


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "site: {name: [", "site: {name: T}\nsite: {name: T}\n", "\x00"])
def test_a_file_that_is_no_site_file(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, a list, broken YAML, a key twice, no text at all: exit 2 and a sentence that names the file."""
    (tmp_path / "ldt.yaml").write_text(text)
    done = ldt_here("gap", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert done.returncode == 2, done.stdout + done.stderr
    assert_clear(done)
    assert "ldt.yaml" in said(done)


def test_a_proxy_that_load_cannot_speak_to(
    broker: FakeBroker,
    write_site: WriteSite,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`ldt load` through an https:// proxy: told at once, not when the generator has started."""
    write_site({"safety": {"mode": "load"}}, broker={"url": broker.url, "proxy": "https://127.0.0.1:1"})
    done = ldt_here("load", cwd=tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert done.returncode == 2, done.stdout + done.stderr
    assert_clear(done)
    assert "http:// proxies only" in said(done)
    assert broker.seen == []
