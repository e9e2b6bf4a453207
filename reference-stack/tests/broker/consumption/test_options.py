"""Options and environment of `python -m ldt_stack.broker`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldt_stack.broker.__main__ import _arguments


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """LDT_BROKER_<SETTING> sets any limit; --set and the named options take precedence."""
    monkeypatch.setenv("LDT_BROKER_MAX_PAGE_SIZE", "50")
    monkeypatch.setenv("LDT_BROKER_MAX_BODY_BYTES", "2048")
    monkeypatch.setenv("LDT_BROKER_OUTBOUND_ADDRESSES", "public")
    command = ["--data", str(tmp_path), "--set", "max_body_bytes=4096", "--outbound-addresses", "public,10.0.0.0/8"]
    settings = _arguments(command).settings
    assert (settings.data_dir, settings.max_page_size, settings.max_body_bytes) == (tmp_path, 50, 4096)
    assert settings.outbound_addresses == ("public", "10.0.0.0/8")
    assert settings.address_policy.allows("10.1.1.1")
    assert _arguments([]).settings.outbound_addresses == ("public",)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--set", "no_such_limit=1"], "no_such_limit"),
        (["--set", "max_page_size"], "NAME=VALUE"),
        (["--set", "max_page_size=none"], "max_page_size"),
        (["--outbound-addresses", "10.0.0.0/8,home"], '"home" is no network'),
    ],
)
def test_wrong_options_are_explained(command: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and which setting is wrong."""
    with pytest.raises(SystemExit) as ended:
        _arguments(command)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
